//! Recorded facts of NICs that are not here, and what is said about them: see `tests/doctor/README.md`.

use super::*;
use finding::Status;
use proptest::prelude::*;

fn recordings() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/doctor");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn recording(name: &str, set: &[&str]) -> Looked {
    let folder = recordings().into_iter().find(|folder| folder.ends_with(name)).unwrap();
    let set: Vec<String> = set.iter().map(|&s| s.to_owned()).collect();
    let config = Config::load(Some(&folder.join("sekisho.toml")), &set).unwrap();
    recorded(&folder.join("facts.json"), &config).unwrap()
}

fn finding<'a>(looked: &'a Looked, check: &str) -> &'a Finding {
    let mut found = looked.findings.iter().filter(|finding| finding.check == check);
    found.next().unwrap_or_else(|| panic!("no finding {check}"))
}

#[test]
fn every_recording_is_judged_as_its_folder_says() {
    let folders = recordings();
    for name in ["ena", "i40e", "ice", "igb", "igc", "ixgbe", "mlx5", "virtio"] {
        assert!(folders.iter().any(|folder| folder.ends_with(name)), "no recording of {name}");
    }
    for folder in folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let said = report::text(&recording(&name, &[]).findings, false);
        let expected = std::fs::read_to_string(folder.join("expected.txt")).unwrap();
        assert!(said == expected, "{name} is judged otherwise than its expected.txt says:\n{said}");
    }
}

#[test]
fn facts_come_back_from_their_json_and_unknown_ones_are_refused() {
    for folder in recordings() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let Looked { facts, findings, .. } = recording(&name, &[]);
        let answer =
            report::Answer { counts: report::Counts::of(&findings), findings: &findings, changes: &[], facts: &facts };
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), serde_json::to_vec(&answer).unwrap()).unwrap();
        assert_eq!(
            recorded(file.path(), &Config::default()).unwrap().facts,
            facts,
            "{name}: the whole answer can be judged again"
        );
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), r#"{"host": {"kernle": "6.1"}}"#).unwrap();
    let error = recorded(file.path(), &Config::default()).err().unwrap().to_string();
    assert!(error.contains("unknown field `kernle`"), "{error}");
}

/// Takes settings into facts, as a driver would that takes them all.
fn take(facts: &mut Facts, setting: &Setting) {
    let nic = &mut facts.interfaces[0];
    match setting.clone() {
        Setting::Queues { rx, tx, combined, .. } => {
            let channels = nic.channels.as_mut().unwrap();
            (channels.rx, channels.tx, channels.combined) = (rx, tx, combined);
            nic.rx_queues = rx + combined;
            nic.interrupts.retain(|interrupt| interrupt.queue < rx + combined);
            if let Some(rss) = &mut nic.rss {
                rss.table = (0..rx + combined).cycle().take(rss.table.len()).collect();
            }
        }
        Setting::Rings { rx, tx, .. } => {
            let rings = nic.rings.as_mut().unwrap();
            assert!(rx <= rings.max_rx && tx <= rings.max_tx, "{setting:?}");
            (rings.rx, rings.tx) = (rx, tx);
        }
        Setting::Coalescing { adaptive_rx, rx_usecs, rx_frames, .. } => {
            nic.coalescing = Some(facts::Coalescing { adaptive_rx, rx_usecs, rx_frames });
        }
        Setting::FlowControl { autoneg, rx, tx, .. } => {
            nic.flow_control = Some(facts::FlowControl { autoneg, rx, tx });
        }
        Setting::Offload { name, on, .. } => {
            let feature = nic.features.get_mut(&name).unwrap();
            assert!(!feature.fixed, "{name} cannot be changed");
            feature.on = on;
        }
        Setting::RssKey { key, .. } => {
            let rss = nic.rss.as_mut().unwrap();
            assert_eq!(rss.key.len(), key.len());
            rss.key = key;
        }
        Setting::RssTable { table, .. } => {
            let rss = nic.rss.as_mut().unwrap();
            assert_eq!(rss.table.len(), table.len());
            assert!(table.iter().all(|queue| *queue < nic.rx_queues));
            rss.table = table;
        }
        Setting::HashFields { flow, fields, .. } => {
            nic.hash_fields.insert(flow, fields);
        }
        Setting::Up { on, .. } => nic.up = on,
        Setting::Promiscuous { on, .. } => nic.promiscuous = on,
        Setting::InterruptCpus { number, cpus, .. } => {
            let interrupt = nic.interrupts.iter_mut().find(|i| i.number == number).unwrap();
            interrupt.cpus = facts::cpu_list(&cpus);
        }
        Setting::Governor { cpu, governor } => {
            facts.host.governors.insert(cpu, governor);
        }
        Setting::Sysctl { name, value } if name == "vm.nr_hugepages" => {
            let pages = &mut facts.host.huge_pages;
            let total = value.parse().unwrap();
            (pages.free, pages.total) = (pages.free + total - pages.total, total);
        }
        Setting::Sysctl { value, .. } => facts.host.bpf_jit = Some(value.parse().unwrap()),
        Setting::Bpffs { mounted } => facts.host.bpffs = mounted,
    }
}

#[test]
fn what_the_fixes_set_is_judged_to_be_in_order_on_every_nic() {
    for folder in recordings() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let config = Config::load(Some(&folder.join("sekisho.toml")), &[]).unwrap();
        let Looked { mut facts, .. } = recording(&name, &[]);
        let mut plan = plan(&config);
        plan.interfaces = vec![(facts.interfaces[0].name.clone(), None)];
        facts.host.bpffs = false;
        facts.host.bpf_jit = Some(0);
        facts.host.huge_pages.free = 0;
        facts.host.governors = facts.host.cpus.iter().map(|cpu| (*cpu, "powersave".to_owned())).collect();
        facts.interfaces[0].up = false;
        let mut rounds = 0;
        loop {
            let wanted: Vec<Setting> = judge::judge(&facts, &plan).into_iter().flat_map(|f| f.settings).collect();
            if wanted.is_empty() {
                break;
            }
            rounds += 1;
            assert!(rounds <= 3, "{name}: the fixes do not come to an end: {wanted:?}");
            // Of all that makes others anew first, as `doctor` does it.
            let anew = wanted.iter().any(Setting::makes_others_anew);
            for setting in wanted.iter().filter(|s| s.makes_others_anew() == anew) {
                take(&mut facts, setting);
            }
        }
    }
}

#[test]
fn what_is_required_and_not_there_fails() {
    let status = |set: &str, check| finding(&recording("igb", &[set]), check).status;
    assert_eq!(status("capture.afxdp.zero_copy=auto", "zero-copy"), Status::Warn);
    assert_eq!(status("capture.afxdp.zero_copy=require", "zero-copy"), Status::Fail);
    assert_eq!(status("capture.afxdp.zero_copy=never", "zero-copy"), Status::Skip);
    assert_eq!(status("capture.xdp.mode=generic", "xdp"), Status::Skip);
    assert_eq!(status("capture.afxdp.queues=[9]", "queues"), Status::Fail);
    let looked = recording("ixgbe", &["capture.afxdp.queues=[0, 1]"]);
    assert!(finding(&looked, "rss-table").found.contains("lead to queues without a worker"));
    assert_eq!(finding(&looked, "rss-table").commands, ["ethtool -X ens1f0 equal 2"]);
}

#[test]
fn a_host_that_is_fit_for_nothing_is_told_everything() {
    let mut facts = recording("ice", &[]).facts;
    facts.host.kernel = "5.4.0".to_owned();
    facts.host.capabilities = vec!["CAP_NET_RAW".to_owned()];
    facts.host.memlock_bytes = Some(64 << 10);
    facts.host.bpf_jit = Some(0);
    facts.host.lockdown = Some("confidentiality".to_owned());
    facts.host.irqbalance = true;
    facts.host.seccomp = true;
    facts.host.confined_by = Some("sekisho (enforce)".to_owned());
    facts.host.clock_synchronised = Some(false);
    facts.host.wakeup_us = Some(900);
    facts.host.pinnable = vec![0, 1];
    facts.host.bpffs = false;
    facts.host.outputs = vec![
        facts::DiskFacts { path: "/var/log/sekisho".into(), free_bytes: 1 << 20, total_bytes: 1 << 40, writable: true },
        facts::DiskFacts { path: "/proc".into(), ..Default::default() },
    ];
    let mut plan = plan(&Config::default());
    plan.cpus = Some(vec![0, 9]);
    plan.pin = true;
    let status = |check: &str| {
        judge::judge(&facts, &plan).iter().filter(|f| f.check == check).map(|f| f.status).collect::<Vec<_>>()
    };
    for check in ["kernel", "capabilities", "memlock", "lockdown", "bpffs", "bpf-jit", "cpus"] {
        assert_eq!(status(check), [Status::Fail], "{check}");
    }
    for check in ["seccomp", "lsm", "isolation", "idle-states", "irqbalance", "clock"] {
        assert_eq!(status(check), [Status::Warn], "{check}");
    }
    assert_eq!(status("disk"), [Status::Warn, Status::Fail]);
}

#[test]
fn the_way_that_one_came_in_is_warned_of() {
    let mut facts = recording("ice", &[]).facts;
    facts.interfaces[0].default_route = true;
    let said = |facts: &Facts| judge::judge(facts, &Plan::default()).into_iter().find(|f| f.check == "role").unwrap();
    assert_eq!(said(&facts).status, Status::Warn);
    facts.interfaces[0].ssh_session = true;
    assert_eq!(said(&facts).status, Status::Fail);
}

#[test]
fn this_host_is_judged_without_an_interface_and_with_one_that_is_not_there() {
    let looked = look(&Plan::default(), &[]);
    assert_eq!(finding(&looked, "interfaces").status, Status::Skip);
    let plan = Plan { interfaces: vec![("lo".to_owned(), None), ("no-such-if".to_owned(), None)], ..Plan::default() };
    let looked = look(&plan, &[]);
    let links: Vec<_> = looked.findings.iter().filter(|f| f.check == "link").map(|f| f.status).collect();
    assert_eq!(links, [Status::Ok, Status::Fail]);
}

/// Numbers that arithmetic trips over.
fn number() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), Just(1), 2u32..600, Just(u32::MAX), any::<u32>()]
}

prop_compose! {
    fn any_nic()(
        driver in prop::sample::select(vec!["ice", "igb", "ixgbe", "mlx5_core", "ena", "veth", "loopback", "", "no-such"]),
        n in prop::array::uniform16(number()), flags: [bool; 8], key in "[0-9a-f:ü]{0,130}", function in "toeplitz|xor|crc32|",
        table in prop::collection::vec(number(), 0..40), fields in "[sdfnvü]{0,5}",
    ) -> facts::NicFacts {
        let [optional, fixed, ..] = flags;
        facts::NicFacts {
            name: "eth0".to_owned(), driver: driver.to_owned(), mtu: n[0], rx_queues: n[1], up: flags[2], carrier: flags[3],
            xdp_attached: flags[4], promiscuous: flags[5], numa_node: optional.then_some(1), bus: "0000:00:03.0".to_owned(),
            channels: optional.then_some(facts::Channels { max_rx: n[2], max_tx: n[3], max_combined: n[4], rx: n[5], tx: n[6], combined: n[7] }),
            rings: Some(facts::Rings { max_rx: n[8], max_tx: n[9], rx: n[10], tx: n[11] }),
            coalescing: Some(facts::Coalescing { adaptive_rx: flags[6], rx_usecs: n[12], rx_frames: n[13] }),
            features: ["rx-gro", "rx-lro"].map(|f| (f.to_owned(), facts::Feature { on: flags[7], fixed })).into(),
            rss: Some(facts::Rss { function, key, transformation: String::new(), table }),
            hash_fields: [("tcp4".to_owned(), fields)].into(),
            interrupts: vec![facts::Interrupt { number: n[14], name: String::new(), queue: n[15], cpus: vec![0] }],
            ..facts::NicFacts::default()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Facts may come from a file that somebody sent.
    #[test]
    fn no_facts_are_too_strange(nic in any_nic(), kernel in "[0-9.a-z-]{0,12}", n in prop::array::uniform6(number()), generic: bool) {
        let mut facts = recording("ice", &[]).facts;
        facts.host.kernel = kernel;
        facts.host.huge_pages = facts::HugePages { total: n[0].into(), free: n[1].into(), size_bytes: n[2].into() };
        facts.host.memlock_bytes = Some(n[3].into());
        facts.interfaces = vec![nic];
        let plan = Plan {
            interfaces: vec![("eth0".to_owned(), None)],
            cpus: (!generic).then(Vec::new),
            frame_size: n[4],
            fill_ring: n[5],
            multi_buffer: generic,
            ..Plan::default()
        };
        let findings = judge::judge(&facts, &plan);
        prop_assert!(findings.iter().all(|f| f.status != Status::Fail || !f.why.is_empty()), "a reason with each failure");
        prop_assert!(report::text(&findings, true).ends_with("skipped\n"));
    }
}
