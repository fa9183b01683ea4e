//! Live: the sensor in line as an ordinary user with the capabilities that setting up takes. What it does while it runs works under the
//! filter over its system calls, and of its capabilities only the thread keeps some that looks after the ports.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sekisho_tests::bump::{SERVER, Sensor, Wire, binary};
use sekisho_tests::netns::{can_run, command};
use std::collections::BTreeMap;

const CAPABILITIES: [&str; 5] = ["net_admin", "net_raw", "bpf", "perfmon", "ipc_lock"];

/// So many literals that a process of its own compiles them.
fn many_rules(word: &str) -> String {
    let rule =
        |n: u32| format!("alert tcp any any -> any any (msg:\"m\"; content:\"{word}-{n:05}\"; sid:{};)\n", 1000 + n);
    let ping = format!("alert icmp any any -> any any (msg:\"ping {word}\"; itype:8; sid:1;)\n");
    (0..600).map(rule).chain([ping]).collect()
}

/// A line of each thread's status, by the thread's name.
fn threads(sensor: &Sensor, key: &str) -> BTreeMap<String, String> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", sensor.pid())).unwrap();
    let statuses = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("status")).ok());
    let value = |status: &str, key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        line.unwrap_or_default().trim().to_owned()
    };
    statuses.map(|status| (value(&status, "Name"), value(&status, key))).collect()
}

#[test]
fn an_ordinary_user_with_five_capabilities_runs_it_and_little_of_them_stays() {
    if !can_run() {
        return;
    }
    let wire = Wire::new(1500);
    wire.bump.run(|| {
        let mut sensor = Sensor::new(binary(), &many_rules("first"), "");
        sensor.run_as_ordinary_user(&CAPABILITIES);
        sensor.start();
        for (key, wanted) in [("Seccomp", "2"), ("NoNewPrivs", "1"), ("CapInh", "0000000000000000")] {
            let found = threads(&sensor, key);
            assert!(found.len() >= 5 && found.values().all(|value| value == wanted), "{key}: {found:?}");
        }
        let effective = threads(&sensor, "CapEff");
        let some: BTreeMap<_, _> = effective
            .iter()
            .map(|(name, set)| (name.as_str(), u64::from_str_radix(set, 16).unwrap().count_ones()))
            .collect();
        let keep: Vec<_> = some.iter().filter(|(_, count)| **count > 0).map(|(name, count)| (*name, *count)).collect();
        // The name of the first thread is the program's, by a descriptor's number here.
        assert_eq!(keep.len(), 2, "{some:?}");
        assert!(keep.contains(&("reload", 1)) && keep.iter().any(|(_, count)| *count == 5), "{some:?}");
        assert_eq!((some["a0/0"], some["out-eve"], some["control"]), (0, 0, 0), "{some:?}");

        let ping = || wire.client.run(|| command(&format!("ping -c 1 -W 2 {SERVER}")).unwrap());
        ping();
        sensor.until("the ping is told", |s| s.alerts(1) == 1);
        // Rules anew, compiled in a process of its own; the log anew, by SIGHUP.
        sensor.reload(&many_rules("second"));
        std::fs::rename(sensor.path("eve.json"), sensor.path("eve.json.1")).unwrap();
        kill(Pid::from_raw(sensor.pid()), Signal::SIGHUP).unwrap();
        sensor.until("the log is there anew", |s| s.path("eve.json").exists());
        ping();
        sensor.until("the second ping is told", |s| s.alerts(1) == 1);
        assert!(std::fs::read_to_string(sensor.path("eve.json")).unwrap().contains("ping second"));
        // A port that comes back gets program and sockets anew.
        command("ip link del dev b0").unwrap();
        sensor.until("it is missed", |s| s.log().contains("the interface b0 has vanished"));
        wire.lay_server(1500);
        sensor.until("it is in line again", |s| s.log().contains("a0 and b0 are both there again"));
        wire.client.run(|| command("ip neigh flush dev c0").unwrap());
        ping();
        let log = sensor.log();
        assert!(!log.contains("WARN") && !log.contains("no process compiles"), "{log}");
        let said = sensor.stop();
        assert!(said.contains("The ledger balances"), "{said}");
    });
}

#[test]
fn the_filter_can_be_left_off_and_workers_have_no_capability_all_the_same() {
    if !can_run() {
        return;
    }
    let wire = Wire::new(1500);
    wire.bump.run(|| {
        let mut sensor = Sensor::new(binary(), "", "[sensor]\nseccomp = \"off\"");
        sensor.start();
        assert!(threads(&sensor, "Seccomp").values().all(|value| value == "0"));
        let workers = threads(&sensor, "CapEff");
        assert_eq!(workers["a0/0"], "0000000000000000", "{workers:?}");
        sensor.stop();
        assert!(sensor.ask(&["run", "--detach"]).status.success());
    });
}
