//! Evidence from a capture, with the sensor's own commands: the packets that an alert's file holds are the flow's, whole and in order, and
//! other programs read it; a disk that is full or not there costs packets, which are counted, and no run.

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use sekisho_tests::bump::binary;
use sekisho_tests::case::{capture_of, folders};
use sekisho_tests::frames::datagram;
use sekisho_tests::netns::can_run;
use sekisho_tests::pcapng::{Packet, packets};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// All of a flow that alerts.
const ALL: [&str; 6] = [
    "evidence.enabled=true",
    "evidence.min_free_bytes=0",
    "evidence.flow_bytes=0",
    "evidence.after_packets=1000000",
    "evidence.after_bytes=1000000000",
    "evidence.after_s=1000000",
];
/// So many flows, each of so many packets.
const FLOWS: u16 = 60;
const PACKETS: usize = 50;

/// A run over a capture.
struct Run {
    folder: tempfile::TempDir,
    output: Output,
}

impl Run {
    fn new(capture: &Path, rules: &Path, set: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let output = Self::pcap(capture, rules, folder.path(), set);
        Self { folder, output }
    }

    fn pcap(capture: &Path, rules: &Path, folder: &Path, set: &[&str]) -> Output {
        let mut command = Command::new(binary());
        command.arg("pcap").arg(capture).arg("--rules").arg(rules).arg("--output").arg(folder);
        command.args(["--summary", "json"]);
        set.iter().for_each(|set| {
            command.args(["--set", set]);
        });
        command.output().unwrap()
    }

    /// One that ended well; what it says of evidence.
    fn evidence(output: &Output) -> Value {
        assert!(output.status.success(), "{}", told(output));
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        summary["evidence"].clone()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn events(&self, kind: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path("eve.json")).unwrap();
        let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.filter(|event| event["event_type"] == kind).collect()
    }
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Files of a folder, sorted by their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// What tshark says of each packet, or nothing if it is missing.
fn tshark(file: &Path, fields: &[&str]) -> Option<Vec<String>> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file).args(["-T", "fields"]);
    fields.iter().for_each(|field| {
        command.args(["-e", field]);
    });
    match command.output() {
        Ok(output) => {
            assert!(output.status.success(), "{}: {}", file.display(), told(&output));
            Some(String::from_utf8(output.stdout).unwrap().lines().map(ToOwned::to_owned).collect())
        }
        Err(error) => {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "tshark: {error}");
            eprintln!("skipped: tshark is missing, which should read the files, too");
            None
        }
    }
}

/// capinfos is content with the file, too.
fn capinfos(file: &Path) {
    match Command::new("capinfos").arg(file).output() {
        Ok(output) => assert!(output.status.success(), "{}", told(&output)),
        Err(error) => assert!(std::env::var("CI").as_deref() != Ok("true"), "capinfos: {error}"),
    }
}

/// The packets of a capture that a case made.
fn captured(capture: &Path) -> Vec<Packet> {
    let bytes = std::fs::read(capture).unwrap();
    let (mut rest, _) = pcap_parser::parse_pcap_header(&bytes).unwrap();
    let mut packets = Vec::new();
    while !rest.is_empty() {
        let (after, packet) = pcap_parser::pcap::parse_pcap_frame(rest).unwrap();
        rest = after;
        let ts = u64::from(packet.ts_sec) * 1_000_000_000 + u64::from(packet.ts_usec) * 1000;
        let data = packet.data[..packet.caplen as usize].to_vec();
        packets.push(Packet { ts, wire_len: packet.origlen, data, comments: Vec::new() });
    }
    packets
}

fn without_comments(packets: &[Packet]) -> Vec<Packet> {
    packets.iter().map(|packet| Packet { comments: Vec::new(), ..packet.clone() }).collect()
}

/// Whether all of `part` is in `whole`, in the same order.
fn in_order(part: &[Packet], whole: &[Packet]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|packet| whole.any(|other| other == packet))
}

/// A capture of many flows whose packets go in turn, each flow's 20th with a mark, and the rule for it.
fn many(folder: &Path) -> (PathBuf, PathBuf) {
    let mut bytes = Vec::new();
    for field in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, 1] {
        bytes.extend_from_slice(&field.to_le_bytes());
    }
    for number in 0..PACKETS {
        for flow in 0..FLOWS {
            let mut payload = vec![b'.'; 1200];
            let text = if number == 20 { "MARK".to_owned() } else { format!("{number} of {flow}") };
            payload[..text.len()].copy_from_slice(text.as_bytes());
            let frame = datagram(1000 + flow, &payload);
            let at = (number * usize::from(FLOWS) + usize::from(flow)) as u32;
            for field in [1_790_000_000 + at / 10_000, at % 10_000 * 100, frame.len() as u32, frame.len() as u32] {
                bytes.extend_from_slice(&field.to_le_bytes());
            }
            bytes.extend_from_slice(&frame);
        }
    }
    let (capture, rules) = (folder.join("many.pcap"), folder.join("many.rules"));
    std::fs::write(&capture, bytes).unwrap();
    std::fs::write(&rules, "alert udp any any -> any any (msg:\"mark\"; content:\"MARK\"; startswith; sid:7;)\n")
        .unwrap();
    (capture, rules)
}

#[test]
fn an_alert_s_file_holds_all_of_its_flow_and_others_read_it() {
    let cases = [
        "evidence-tcp-flow",
        "decode-vlan",
        "decode-vxlan",
        "files-http",
        "ftp-transfers",
        "smtp-mail",
        "tls-certificates",
    ];
    let mut alerts = 0;
    for case in folders().iter().filter(|path| cases.iter().any(|name| path.ends_with(name))) {
        let work = tempfile::tempdir().unwrap();
        let capture = capture_of(case, work.path()).unwrap();
        let run = Run::new(&capture, &case.join("case.rules"), &ALL);
        Run::evidence(&run.output);
        let whole = captured(&capture);
        let flows: BTreeMap<u64, u64> = run
            .events("flow")
            .iter()
            .map(|event| {
                let count = |key: &str| event["flow"][key].as_u64().unwrap();
                (event["flow_id"].as_u64().unwrap(), count("pkts_toserver") + count("pkts_toclient"))
            })
            .collect();
        for alert in run.events("alert") {
            let Some(flow) = alert["flow_id"].as_u64() else { continue };
            let file = run.path("evidence").join(alert["capture_file"].as_str().unwrap());
            let kept = packets(&file).unwrap();
            let name = file.display();
            assert_eq!(kept.len() as u64, flows[&flow], "{name}: {alert}");
            assert!(in_order(&without_comments(&kept), &whole), "{name} is not the capture's packets in order");
            let (sid, text) = (&alert["alert"]["signature_id"], &alert["alert"]["signature"]);
            let comment = [format!(" sid={sid} "), format!("flow_id={flow} "), format!("msg={text}")];
            let tells = |comments: &[String]| comments.iter().any(|c| comment.iter().all(|part| c.contains(part)));
            assert!(kept.iter().any(|packet| tells(&packet.comments)), "{name}: no packet tells {comment:?}");
            if let Some(lines) = tshark(&file, &["frame.len", "frame.comment"]) {
                assert_eq!(lines.len(), kept.len(), "{name}");
                for (line, packet) in lines.iter().zip(&kept) {
                    let (len, comments) = line.split_once('\t').unwrap_or((line, ""));
                    assert_eq!(len, packet.wire_len.to_string(), "{name}");
                    assert_eq!(comments.is_empty(), packet.comments.is_empty(), "{name}: {line}");
                }
                capinfos(&file);
            }
            alerts += 1;
        }
    }
    assert!(alerts > 20, "only {alerts} alerts were looked at");
}

#[test]
fn a_flow_s_packets_are_found_by_its_number() {
    let work = tempfile::tempdir().unwrap();
    let (capture, rules) = many(work.path());
    let run = Run::new(&capture, &rules, &ALL);
    Run::evidence(&run.output);
    let alert = run.events("alert").swap_remove(3);
    let (flow, file) = (alert["flow_id"].to_string(), alert["capture_file"].as_str().unwrap().to_owned());
    let folder = run.path("evidence").display().to_string();
    let ask = |arguments: &[&str]| {
        let output =
            Command::new(binary()).arg("evidence").args(["--folder", &folder]).args(arguments).output().unwrap();
        let said = told(&output);
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap(), said)
    };
    let (code, answer, _) = ask(&[&flow]);
    assert_eq!((code, answer.as_str()), (0, format!("{folder}/{file}\n").as_str()));
    let (code, table, _) = ask(&["--list", "--since", "2026-01-01T00:00:00Z"]);
    assert_eq!((code, table.lines().count()), (0, 1 + usize::from(FLOWS)));
    assert!(table.contains(&flow) && table.contains(&file), "{table}");
    let (code, list, _) = ask(&["--list", "--format", "json"]);
    let list: Vec<Value> = serde_json::from_str(&list).unwrap();
    assert_eq!((code, list.len()), (0, usize::from(FLOWS)));
    assert!(list.iter().all(|found| found["complete"] == true));
    // Nothing since then, and nothing of that flow.
    for nothing in [["--list", "--since", "2100-01-01T00:00:00Z"].as_slice(), &["17"]] {
        let (code, _, told) = ask(nothing);
        assert!(code == 1 && told.contains("there is nothing of it in"), "{told}");
    }
    assert!(ask(&["--list", "--since", "yesterday"]).2.contains("neither a time"));
    // Two flows in one file, which others read as one.
    let other = run.events("alert")[5]["flow_id"].to_string();
    let joined = work.path().join("case.pcapng");
    assert_eq!(ask(&[&flow, &other, "--output", joined.to_str().unwrap()]).0, 0);
    assert_eq!(packets(&joined).unwrap().len(), 2 * PACKETS);
    if let Some(lines) = tshark(&joined, &["frame.number"]) {
        assert_eq!(lines.len(), 2 * PACKETS);
        capinfos(&joined);
    }
}

#[test]
fn limits_after_an_alert_hold() {
    let work = tempfile::tempdir().unwrap();
    let (capture, rules) = many(work.path());
    for (set, expected) in [
        ("evidence.after_packets=5", 21 + 5),
        // A packet's bytes are its frame's: the third goes over.
        ("evidence.after_bytes=3000", 21 + 3),
        // The first 3,000 bytes of the flow, the packet that alerted, and all after it.
        ("evidence.flow_bytes=3000", 3 + 1 + 29),
    ] {
        let run = Run::new(&capture, &rules, &[ALL.as_slice(), &[set]].concat());
        Run::evidence(&run.output);
        let files = files(&run.path("evidence"));
        assert_eq!(files.len(), usize::from(FLOWS), "{set}");
        for file in files {
            assert_eq!(packets(&file).unwrap().len(), expected, "{set}");
        }
    }
}

#[test]
fn a_folder_that_cannot_be_used_and_limits_that_hold_no_packet_are_told() {
    let work = tempfile::tempdir().unwrap();
    let (capture, rules) = many(work.path());
    let out = work.path().join("out");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("evidence"), "in the way").unwrap();
    let output = Run::pcap(&capture, &rules, &out, &["evidence.enabled=true"]);
    let said = told(&output);
    assert!(!output.status.success() && said.contains("cannot use the folder for evidence"), "{said}");
    assert!(said.contains("Make it writable for this user, or set evidence.folder"), "{said}");
    let output = Run::pcap(&capture, &rules, work.path(), &["evidence.enabled=true", "evidence.file_bytes=100"]);
    let said = told(&output);
    assert!(!output.status.success() && said.contains("100 bytes do not hold the longest packets"), "{said}");
}

#[test]
fn all_packets_are_in_a_ring_of_files() {
    let work = tempfile::tempdir().unwrap();
    let (capture, rules) = many(work.path());
    let whole = captured(&capture);
    let rolling =
        ["evidence.rolling.enabled=true", "evidence.rolling.min_free_bytes=0", "evidence.rolling.file_bytes=1048576"];
    let read = |run: &Run| {
        Run::evidence(&run.output);
        let files = files(&run.path("rolling"));
        let bytes: Vec<u64> = files.iter().map(|file| std::fs::metadata(file).unwrap().len()).collect();
        let packets: Vec<Packet> = files.iter().flat_map(|file| packets(file).unwrap()).collect();
        (bytes, packets)
    };
    let (bytes, kept) = read(&Run::new(&capture, &rules, &rolling));
    assert_eq!(bytes.len(), 4, "{bytes:?}");
    assert!(bytes[..3].iter().all(|bytes| (1_000_000..=1_048_576).contains(bytes)), "{bytes:?}");
    assert!(kept == whole, "all packets, in order");

    let less = [rolling.as_slice(), &["evidence.rolling.total_bytes=2097152"]].concat();
    let (bytes, kept) = read(&Run::new(&capture, &rules, &less));
    assert!(bytes.iter().sum::<u64>() <= 2_097_152 && bytes.len() >= 2, "{bytes:?}");
    assert!(kept.len() > 900 && whole.ends_with(&kept), "the last {} packets", kept.len());

    let snap = [rolling.as_slice(), &["evidence.rolling.snap_bytes=64"]].concat();
    let (_, kept) = read(&Run::new(&capture, &rules, &snap));
    assert_eq!(kept.len(), whole.len());
    assert!(
        kept.iter().zip(&whole).all(|(kept, whole)| kept.data == whole.data[..64] && kept.wire_len == whole.wire_len)
    );
}

/// Runs `work` where there is a disk of so many bytes, which only it sees.
fn on_small_disk(bytes: usize, work: impl FnOnce(&Path) + Send) {
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let done = std::thread::scope(|scope| {
        let run = || {
            unshare(CloneFlags::CLONE_NEWNS).unwrap();
            let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
            mount(None::<&str>, "/", None::<&str>, private, None::<&str>).unwrap();
            let size = format!("size={bytes}");
            mount(Some("tmpfs"), folder.path(), Some("tmpfs"), MsFlags::empty(), Some(size.as_str())).unwrap();
            work(folder.path());
        };
        scope.spawn(run).join()
    });
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

#[test]
fn a_disk_that_fills_up_costs_packets_which_are_counted_and_cuts_no_file() {
    let work = tempfile::tempdir().unwrap();
    let (capture, rules) = many(work.path());
    let all = (usize::from(FLOWS) * PACKETS) as u64;
    let rolling = ["evidence.rolling.enabled=true", "evidence.rolling.min_free_bytes=0"];
    for (store, set) in [("flows", ALL.as_slice()), ("rolling", rolling.as_slice())] {
        on_small_disk(1 << 20, |disk| {
            // The event log has its place.
            let quiet = "eve.types=[\"alert\"]";
            let output = Run::pcap(&capture, &rules, disk, &[set, &[quiet]].concat());
            let evidence = Run::evidence(&output);
            assert!(told(&output).contains("its disk has less free than"), "{}", told(&output));
            let files = files(&disk.join(if store == "flows" { "evidence" } else { "rolling" }));
            let kept: u64 = files.iter().map(|file| packets(file).unwrap().len() as u64).sum();
            assert!(kept > 0 && kept < all, "{store}: {kept} of {all}");
            let counted = |key: &str| evidence[store][key].as_u64().unwrap();
            assert_eq!((counted("packets"), counted("lost_packets")), (kept, all - kept), "{store}: {evidence}");
            assert_eq!(counted("files"), files.len() as u64, "{store}");
        });
    }
}
