//! `sekisho check` as a person and as a program meet it: places, levels, counts by kind, exit status.

use serde_json::Value;
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Output};

fn check(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sekisho"))
        .args(["check", "--rules", "x.rules"])
        .args(arguments)
        .current_dir(folder)
        .env_remove("NO_COLOR")
        .output()
        .expect("the binary runs")
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    let output = check(folder, &[&["--format", "json"], arguments].concat());
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

fn folder(rules: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("x.rules"), rules).expect("room for rules");
    folder
}

const RULES: &str = "\
alert tcp any any -> any 4444 (msg:\"fine\"; content:\"abcd\"; flowbits:set,seen; sid:1; rev:1;)
alert tcp any any -> any 4444 (msg:\"waits\"; content:\"abcd\"; flowbits:isset,never; sid:2; rev:1;)
alert tcp any any -> any 4444 (msg:\"bad\"; content:\"|0|\"; sid:3; rev:1;)
alert tcp any any -> any 4444 (msg:\"excluded\"; content:\"abcd\"; content:!\"bc\"; sid:4; rev:1;)
";

#[test]
fn every_problem_has_its_place_and_level() {
    let folder = folder(RULES);
    let places = |answer: &Value| -> Vec<(u64, u64, String, u64)> {
        let all = answer["problems"].as_array().expect("problems");
        let n = |p: &Value, key: &str| p[key].as_u64().unwrap_or(0);
        all.iter()
            .map(|p| (n(p, "line"), n(p, "column"), p["severity"].as_str().unwrap_or("").to_owned(), n(p, "sid")))
            .collect()
    };
    let answer = json(folder.path(), &[]);
    assert_eq!((&answer["loaded"], &answer["failed"], &answer["skipped"]), (&3.into(), &1.into(), &0.into()));
    let (waits, bad, excluded) =
        ((2, 61, "warning".to_owned(), 2), (3, 52, "error".to_owned(), 3), (4, 64, "warning".to_owned(), 4));
    assert_eq!(places(&answer), [waits.clone(), bad.clone(), excluded.clone()]);
    assert_eq!(places(&json(folder.path(), &["--level", "error"])), std::slice::from_ref(&bad));
    let told = places(&json(folder.path(), &["--level", "info"]));
    assert_eq!(told, [(1, 60, "info".to_owned(), 1), waits, bad, excluded]);
    assert_eq!(check(folder.path(), &[]).status.code(), Some(1));
}

#[test]
fn warnings_leave_the_status_at_0_and_a_pipe_uncoloured() {
    let rules: String = RULES.lines().filter(|l| !l.contains("bad")).fold(String::new(), |mut all, line| {
        let _ = writeln!(all, "{line}");
        all
    });
    let folder = folder(&rules);
    let output = check(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(!text.contains('\x1b'), "{text}");
    assert!(text.starts_with("x.rules:2:61: warning: this can never match: no rule sets the flowbit never"), "{text}");
    assert!(text.contains("(sid 2)\n    alert") && text.contains("^^^^^^^^^^^^^^^^^^^^\n"), "{text}");
    assert!(text.contains("1  info: sets a flowbit that no rule tests (--level info shows them)"), "{text}");
}

#[test]
fn many_warnings_of_a_kind_are_counted_unless_asked_for() {
    let rules = (1..=30).fold(String::new(), |mut all, sid| {
        let _ = writeln!(all, "alert tcp any any -> any any (msg:\"m\"; content:\"a\"; sid:{sid}; rev:1;)");
        all
    });
    let folder = folder(&rules);
    let shown = |arguments: &[&str]| {
        let text = String::from_utf8(check(folder.path(), arguments).stdout).expect("text");
        (text.matches(": warning: ").count(), text.contains("(20 not shown; --all shows them)"))
    };
    assert_eq!(shown(&[]), (10, true));
    assert_eq!(shown(&["--all"]), (30, false));
    assert_eq!(json(folder.path(), &[])["problems"].as_array().map(Vec::len), Some(30));
}

#[test]
fn configuration_and_rules_are_checked_in_one_run() {
    let folder = folder(RULES);
    std::fs::write(folder.path().join("c.toml"), "[rules]\npath = []\n").expect("room");
    let output = check(folder.path(), &["--config", "c.toml"]);
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("c.toml:2:1: error: ") && text.contains("x.rules:3:52: error: "), "{text}");
}

#[test]
fn class_types_are_checked_and_the_rules_all_the_same() {
    let folder = folder(RULES);
    std::fs::write(folder.path().join("c.toml"), "[rules]\nclassification = \"types.config\"\n").expect("room");
    let text = || String::from_utf8(check(folder.path(), &["--config", "c.toml"]).stdout).expect("text");
    let told = text();
    assert!(told.contains("types.config: error: cannot be read") && told.contains("x.rules:3:52: error: "), "{told}");
    let types = "config classification: mine,My own,2\nconfig mine\n";
    std::fs::write(folder.path().join("types.config"), types).expect("room");
    let told = text();
    assert!(told.contains("types.config:2:1: error: expected") && told.contains("x.rules:3:52: error: "), "{told}");
}

#[test]
fn rules_that_are_not_there_are_an_error() {
    let folder = folder(RULES);
    let output = check(folder.path(), &["--rules", "none/*.rules", "--rules", "gone.rules", "--level", "error"]);
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text.contains("none/*.rules: error: cannot list none") && text.contains("gone.rules: error: cannot be read"),
        "{text}"
    );
}
