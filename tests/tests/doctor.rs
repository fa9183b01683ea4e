//! Live: `sekisho doctor` on a pair of virtual links: it changes what such a link lets be changed, puts it back, and touches nothing
//! else. What it did is read back with `ethtool` and `ip`, which ask the kernel in ways of their own.

use sekisho::capture::link::Link;
use sekisho::control::arguments::{ConfigArguments, Format};
use sekisho::control::doctor::finding::Status;
use sekisho::control::doctor::fix::{Fixer, Known, Outcome};
use sekisho::control::doctor::setting::{Setting, ThisHost};
use sekisho::control::doctor::{DoctorArguments, Looked, examine, undo};
use sekisho::control::interface::{AttachConfig, Attachment};
use sekisho_tests::live::with_pair;
use sekisho_tests::netns::command;
use std::collections::BTreeMap;
use std::path::Path;

fn arguments(state: &Path) -> DoctorArguments {
    // Nothing of the host is to be changed for a test: no huge pages are asked for, and the namespace has a bpffs of its own.
    let sets = ["capture.cpus=[0]", "capture.afxdp.huge_pages=never", "eve.enabled=false"];
    DoctorArguments {
        config: ConfigArguments { config: None, sets: sets.map(str::to_owned).to_vec() },
        interfaces: vec!["tap0".to_owned()],
        fix: false,
        undo: false,
        facts: None,
        state: state.to_owned(),
        format: Format::Text,
    }
}

/// The lines of these settings, as the tools have them.
fn settings(interface: &str) -> String {
    let features = command(&format!("ethtool -k {interface}")).unwrap();
    let wanted = ["generic-receive-offload", "rx-vlan-offload", "rx-vlan-stag-hw-parse", "large-receive-offload"];
    let mut lines: Vec<String> =
        features.lines().filter(|line| wanted.iter().any(|w| line.starts_with(w))).map(str::to_owned).collect();
    lines.push(command(&format!("ethtool -l {interface}")).unwrap());
    let link = command(&format!("ip -o link show dev {interface}")).unwrap();
    lines.push(link.contains(",UP").to_string());
    lines.join("\n")
}

fn status(looked: &Looked, check: &str) -> Status {
    let found = looked.findings.iter().find(|f| f.check == check && f.interface.is_some());
    found.unwrap_or_else(|| panic!("no finding {check}")).status
}

#[test]
fn fixes_are_made_and_put_back_and_nothing_else_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("undo.json");
    with_pair(4, 1500, || {
        command("ethtool -K tap0 gro on").unwrap();
        command("ip link set dev tap0 down").unwrap();
        let (before, other) = (settings("tap0"), settings("gen0"));
        let looked = examine(&arguments(&state)).unwrap();
        let expected = [("link", Status::Fail), ("gro", Status::Warn), ("queues", Status::Warn)];
        for (check, is) in expected {
            assert_eq!(status(&looked, check), is, "{check}: {:#?}", looked.findings);
        }
        assert_eq!(settings("tap0"), before, "without --fix nothing is changed");
        assert!(!state.exists());

        let fixing = DoctorArguments { fix: true, ..arguments(&state) };
        let looked = examine(&fixing).unwrap();
        assert!(looked.changes.iter().all(|done| done.result == Outcome::Changed), "{:?}", looked.changes);
        for check in ["link", "offloads", "xdp"] {
            assert_eq!(status(&looked, check), Status::Ok, "{check}: {:#?}", looked.findings);
        }
        assert!(!looked.findings.iter().any(|f| f.check == "gro"), "one line tells all that is off");
        let now = settings("tap0");
        for line in ["generic-receive-offload: off", "\ntrue"] {
            assert!(now.contains(line), "{line}: {now}");
        }
        // As many as the other end sends on, or the driver takes no XDP program.
        assert!(now.contains("RX:\t\t4\n"), "{now}");

        let kept = std::fs::read(&state).unwrap();
        assert!(examine(&fixing).unwrap().changes.is_empty(), "a second time there is nothing to do");
        assert_eq!(std::fs::read(&state).unwrap(), kept);
        assert_eq!(settings("gen0"), other, "an interface that was not named is not touched");

        let back = undo(&arguments(&state)).unwrap();
        assert!(back.changes.iter().all(|done| done.result == Outcome::Changed), "{:?}", back.changes);
        assert_eq!(settings("tap0"), before);
        assert!(!state.exists());
        assert!(undo(&arguments(&state)).unwrap().changes.is_empty());
        assert_eq!(settings("gen0"), other);
    });
}

#[test]
fn the_commands_that_are_printed_do_what_the_fix_does() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("undo.json");
    with_pair(4, 1500, || {
        command("ethtool -K tap0 gro on").unwrap();
        command("ip link set dev tap0 down").unwrap();
        let looked = examine(&arguments(&state)).unwrap();
        let of_tap = looked.findings.iter().filter(|f| f.interface.is_some() && !f.settings.is_empty());
        let commands: Vec<&String> = of_tap.flat_map(|f| &f.commands).collect();
        assert_eq!(commands.len(), 2, "{commands:?}");
        for line in commands {
            command(line).unwrap();
        }
        let looked = examine(&arguments(&state)).unwrap();
        let left: Vec<_> = looked.findings.iter().filter(|f| f.interface.is_some() && !f.settings.is_empty()).collect();
        assert!(left.is_empty(), "{left:#?}");
    });
}

#[test]
fn queue_counts_are_set_and_put_back_but_not_under_a_running_sensor() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("undo.json");
    with_pair(4, 1500, || {
        let one = [Setting::Queues { interface: "tap0".to_owned(), rx: 1, tx: 1, combined: 0 }];
        let index = Link::by_name("tap0").unwrap().index;
        let fixer = |keep| {
            let interfaces = BTreeMap::from([("tap0".to_owned(), Known { index, keep })]);
            Fixer { settings: ThisHost, file: &state, boot: "this run".to_owned(), interfaces }
        };
        let rx =
            || command("ethtool -l tap0").unwrap().rsplit_once("RX:\t\t").unwrap().1.lines().next().unwrap().to_owned();
        let held = fixer(Some("a sensor runs")).apply(&one).unwrap();
        assert_eq!((held[0].result, rx().as_str()), (Outcome::Held, "4"));
        let done = fixer(None).apply(&one).unwrap();
        assert_eq!((done[0].result, rx().as_str()), (Outcome::Changed, "1"));
        assert_eq!(done[0].command, "ethtool -L tap0 rx 1 tx 1");
        assert_eq!(fixer(Some("a sensor runs")).undo().unwrap()[0].result, Outcome::Held);
        assert!(state.exists(), "what was not put back is not forgotten");
        assert_eq!(fixer(None).undo().unwrap()[0].result, Outcome::Changed);
        assert_eq!(rx(), "4");
        let too_many = [Setting::Queues { interface: "tap0".to_owned(), rx: 5, tx: 5, combined: 0 }];
        assert_eq!(fixer(None).apply(&too_many).unwrap()[0].result, Outcome::Failed);
        assert!(!state.exists());
    });
}

#[test]
fn an_attached_program_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("undo.json");
    with_pair(1, 1500, || {
        assert!(!examine(&arguments(&state)).unwrap().facts.interfaces[0].xdp_attached);
        let _attachment = Attachment::attach("tap0", &AttachConfig::default()).unwrap();
        assert!(examine(&arguments(&state)).unwrap().facts.interfaces[0].xdp_attached);
    });
}
