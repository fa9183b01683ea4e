//! Commands whose reader is gone (`sekisho check | head -1`) end with the status that they would have had, and do not panic.

use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs the command with a standard output (and error, if asked) that nobody reads.
fn unread(folder: &Path, arguments: &[&str], errors_too: bool) -> Output {
    let closed = || {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        Stdio::from(writer)
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
    command.args(arguments).current_dir(folder).env("RUST_LOG", "error").stdout(closed()).stderr(Stdio::piped());
    if errors_too {
        command.stderr(closed());
    }
    command.spawn().expect("the binary runs").wait_with_output().expect("it ends")
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = "alert tcp any any -> any 80 (msg:\"fine\"; content:\"abcd\"; sid:1;)\n";
    std::fs::write(folder.path().join("x.rules"), rules).expect("room");
    let broken = "alert tcp any any -> any 80 (msg:\"bad\"; content:\"|0|\"; sid:2;)\n";
    std::fs::write(folder.path().join("broken.rules"), broken).expect("room");
    // A pcap with no packets: microseconds, Ethernet.
    let head = [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];
    std::fs::write(folder.path().join("x.pcap"), head).expect("room");
    folder
}

#[test]
fn commands_survive_a_reader_that_is_gone() {
    let folder = folder();
    let status = |arguments: &[&str]| {
        let output = unread(folder.path(), arguments, false);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        let quiet = unread(folder.path(), arguments, true);
        assert_eq!(quiet.status.code(), output.status.code(), "{arguments:?}");
        (output.status.code(), said)
    };
    let set = ["--set", "rules.cache=false"];
    for (arguments, want) in [
        (&["check", "--rules", "x.rules"][..], 0),
        (&["check", "--rules", "x.rules", "--format", "json"], 0),
        (&["check", "--rules", "broken.rules"], 1),
        (&["pcap", "x.pcap", "--rules", "x.rules", "--output", "out"], 0),
        (&["explain", "--sid", "1", "--pcap", "x.pcap", "--rules", "x.rules"], 0),
        (&["explain", "--sid", "7", "--pcap", "x.pcap", "--rules", "x.rules"], 1),
    ] {
        let (code, said) = status(&[arguments, &set].concat());
        assert_eq!(code, Some(want), "{arguments:?}: {said}");
    }
    // Whether this host is fit is its own matter; 101 is a panic's.
    let (code, said) = status(&["doctor", "--interface", "lo"]);
    assert!(matches!(code, Some(0 | 1)), "{code:?}: {said}");
    for arguments in [&["--help"][..], &["check", "--help"], &["--version"]] {
        assert!(matches!(status(arguments).0, Some(0)), "{arguments:?}");
    }
}

/// What asks the running sensor: a socket that answers as one does.
#[test]
fn questions_to_the_sensor_survive_it_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sekisho.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.expect("a client");
            let mut request = String::new();
            BufReader::new(&stream).read_line(&mut request).expect("a request");
            let result = match request.contains("status") {
                true => {
                    let mut status = sekisho::output::status::Status::default();
                    status.total.balances = true;
                    serde_json::to_value(status)
                }
                false if request.contains("rules") => {
                    serde_json::to_value(sekisho::output::ruleset::RuleCostTable::default())
                }
                false => serde_json::to_value(sekisho::control::reload::ReloadReport::default()),
            };
            let answer = json!({"ok": true, "result": result.expect("JSON")});
            writeln!(&stream, "{answer}").expect("the client listens");
        }
    });
    for arguments in
        [&["status"][..], &["status", "--format", "json"], &["status", "--rules"], &["status", "--drops"], &["reload"]]
    {
        let output = unread(folder.path(), &[arguments, &["--socket", "sekisho.sock"]].concat(), false);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    }
}
