//! The cases: each folder of `tests/cases` is a capture (made by its `make.py`), rules, and what must come of them.
//!
//! Every case is read by one worker and by three, and must come out the same. Alerts are compared exactly: a signature that
//! `case.toml` does not name must not fire. `CASE=name cargo test -p sekisho-tests --test cases` runs those whose name
//! holds that text, and shows what they gave.

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use sekisho::control::pcap::{PcapArguments, read_files};
use sekisho::control::report::PcapReport;
use sekisho::detect::yara::rules as yara;
use sekisho::ledger::Outcome;
use sekisho_signatures::classification::Classifications;
use sekisho_signatures::load::load_linted;
use sekisho_signatures::variables::Variables;
use sekisho_tests::case::{capture_of, folders};
use sekisho_tests::pcapng;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// `case.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What the case shows, in a sentence.
    why: String,
    /// What is wrong in the sensor, so that the case does not hold yet. When it does, this line must go.
    known_defect: Option<String>,
    /// Flags of `sekisho pcap`.
    #[serde(default)]
    arguments: Vec<String>,
    /// Rules that ship, in place of `case.rules`: a path from the project's root.
    rules: Option<PathBuf>,
    /// YARA rules that ship: a path from the project's root. There need be no `case.rules` then.
    yara: Option<PathBuf>,
    /// Only read by one worker: it counts over flows whose order several workers do not keep.
    #[serde(default)]
    one_worker: bool,
    /// The capture's end is missing, which must be told.
    #[serde(default)]
    damaged: bool,
    /// Rules that are wrong on purpose.
    #[serde(default)]
    failed_rules: u64,
    /// How often each signature alerts; all others never.
    #[serde(default)]
    alerts: BTreeMap<String, u64>,
    /// How many events of a type there are.
    #[serde(default)]
    events: BTreeMap<String, u64>,
    /// `inspected`, `bypassed_REASON`, `dropped_REASON`: when given, exactly these.
    ledger: Option<BTreeMap<String, u64>>,
    /// With `evidence.enabled=true`: how many packets the file holds that the signature's alerts name; each alert is told in it.
    #[serde(default)]
    evidence: BTreeMap<String, usize>,
    /// Records of eve.json.
    #[serde(default)]
    find: Vec<Find>,
}

/// How many records have these values.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Find {
    count: usize,
    /// Keys are paths: `alert.signature_id`, `files.0.size`.
    r#match: BTreeMap<String, Value>,
}

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    pcap: PcapArguments,
}

#[test]
fn every_case_holds() {
    let only = std::env::var("CASE").unwrap_or_default();
    let cases: Vec<PathBuf> = folders().into_iter().filter(|path| path.to_string_lossy().contains(&only)).collect();
    assert!(!cases.is_empty(), "no case is called {only}");
    let mut failures = Vec::new();
    for folder in &cases {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        match run(folder, !only.is_empty()) {
            Ok(()) => println!("case {name}: ok"),
            Err(error) => failures.push(format!("case {name}: {error:#}")),
        }
    }
    assert!(failures.is_empty(), "{} of {} cases failed:\n{}", failures.len(), cases.len(), failures.join("\n"));
    println!("{} cases hold", cases.len());
}

/// The runner itself must be able to find fault.
#[test]
fn a_wrong_expectation_is_found() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/content-negated");
    let text = std::fs::read_to_string(folder.join("case.toml")).unwrap();
    let right: Case = toml::from_str(&text).unwrap();
    let work = tempfile::tempdir().unwrap();
    let capture = capture_of(&folder, work.path()).unwrap();
    let (report, events) = read(&folder, &right, &capture, work.path(), 1).unwrap();
    judge(&right, &report, &events).unwrap();
    for (from, to) in
        [("1 = 1\n", "1 = 2\n"), ("5 = 1", "6 = 1"), ("4 = 2\n", ""), ("[alerts]", "[ledger]\ninspected = 4\n[alerts]")]
    {
        let wrong = text.replacen(from, to, 1);
        assert_ne!(wrong, text);
        assert!(judge(&toml::from_str(&wrong).unwrap(), &report, &events).is_err(), "{from} -> {to}");
    }
}

/// A rule that ships is proven by the case that its metadata names.
#[test]
fn every_rule_that_ships_has_its_case() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let paths = [root.join("signatures/rules")];
    let loaded = load_linted(&paths, &Variables::default(), &Classifications::default());
    let told: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
    assert_eq!(told, [""; 0]);
    let lints: Vec<String> = loaded.lints.iter().map(|lint| lint.problem.to_string()).collect();
    assert_eq!(lints, [""; 0]);
    assert!(loaded.signatures.len() >= 20 && loaded.skipped.is_empty());
    for rule in &loaded.signatures {
        let named = rule.metadata.iter().find(|(key, _)| &**key == "case").map_or("", |(_, name)| name);
        let text = std::fs::read_to_string(root.join("tests/cases").join(named).join("case.toml")).unwrap_or_default();
        let case: Case = toml::from_str(&text).unwrap_or_else(|e| panic!("sid {}: case {named}: {e}", rule.sid));
        assert_eq!(case.rules.as_deref(), Some(Path::new("signatures/rules")), "case {named}");
        assert!(case.alerts.contains_key(&rule.sid.to_string()), "sid {} does not alert in {named}", rule.sid);
    }
}

/// The same for YARA rules.
#[test]
fn every_yara_rule_that_ships_has_its_case() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let loaded = yara::load(&[root.join("signatures/yara")]).unwrap();
    assert_eq!(loaded.problems, []);
    assert!(loaded.in_use() >= 12);
    for rule in &loaded.rules.ruleset.signatures {
        let named = rule.metadata.iter().find(|(key, _)| &**key == "case").map_or("", |(_, name)| name);
        let text = std::fs::read_to_string(root.join("tests/cases").join(named).join("case.toml")).unwrap_or_default();
        let case: Case = toml::from_str(&text).unwrap_or_else(|e| panic!("{}: case {named}: {e}", rule.msg));
        assert_eq!(case.yara.as_deref(), Some(Path::new("signatures/yara")), "case {named}");
        assert!(case.alerts.contains_key(&rule.sid.to_string()), "{} does not alert in {named}", rule.msg);
    }
}

fn run(folder: &Path, show: bool) -> Result<()> {
    let text = std::fs::read_to_string(folder.join("case.toml"))?;
    let case: Case = toml::from_str(&text).context("case.toml")?;
    ensure!(!case.why.is_empty(), "say why the case is there");
    let work = tempfile::tempdir()?;
    let capture = capture_of(folder, work.path())?;
    let workers: &[u16] = if case.one_worker { &[1] } else { &[1, 3] };
    for &workers in workers {
        let (report, events) = read(folder, &case, &capture, work.path(), workers)?;
        if show {
            println!("{report}");
            events.iter().for_each(|event| println!("{event}"));
        }
        match (judge(&case, &report, &events), &case.known_defect) {
            (result, None) => result
                .and_then(|()| judge_evidence(&case, &events, &work.path().join(format!("out-{workers}/evidence"))))
                .with_context(|| format!("with {workers} workers"))?,
            (Err(_), Some(_)) => {}
            (Ok(()), Some(defect)) => bail!("it holds now: take the line known_defect = {defect:?} out"),
        }
    }
    Ok(())
}

fn read(folder: &Path, case: &Case, capture: &Path, work: &Path, workers: u16) -> Result<(PcapReport, Vec<Value>)> {
    let output = work.join(format!("out-{workers}"));
    let mut line = vec!["pcap".to_owned(), capture.display().to_string()];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let rules = case.rules.as_ref().map_or_else(|| folder.join("case.rules"), |path| root.join(path));
    if rules.exists() || case.yara.is_none() {
        line.extend(["--rules".to_owned(), rules.display().to_string()]);
    }
    if let Some(path) = &case.yara {
        line.extend(["--yara".to_owned(), root.join(path).display().to_string()]);
    }
    line.extend(["--output".to_owned(), output.display().to_string()]);
    line.extend(["--workers".to_owned(), workers.to_string()]);
    line.extend(case.arguments.iter().cloned());
    let report = read_files(&CommandLine::try_parse_from(line)?.pcap)?;
    let text = std::fs::read_to_string(output.join("eve.json"))?;
    let events = text.lines().map(serde_json::from_str).collect::<Result<_, _>>().context("eve.json")?;
    Ok((report, events))
}

fn judge(case: &Case, report: &PcapReport, events: &[Value]) -> Result<()> {
    ensure!(report.rules.failed == case.failed_rules, "{} rules failed", report.rules.failed);
    ensure!(report.rules.skipped == 0, "{} rules were skipped: a case is about what is built", report.rules.skipped);
    ensure!(report.damage.is_empty() != case.damaged, "damage told: {:?}", report.damage);
    let mut alerts: BTreeMap<String, u64> = BTreeMap::new();
    for event in events.iter().filter(|event| event["event_type"] == "alert") {
        *alerts.entry(event["alert"]["signature_id"].to_string()).or_default() += 1;
    }
    ensure!(alerts == case.alerts, "alerts by signature are {alerts:?}, expected {:?}", case.alerts);
    ensure!(report.yara.is_none_or(|yara| yara.missed() == 0), "files were not scanned: {:?}", report.yara);
    ensure!(report.alerts == alerts.values().sum::<u64>(), "the summary counts {} alerts", report.alerts);
    for (kind, &expected) in &case.events {
        let found = events.iter().filter(|event| event["event_type"] == kind.as_str()).count() as u64;
        ensure!(found == expected, "{found} {kind} events, expected {expected}");
    }
    let mut ledger = BTreeMap::new();
    for (outcome, &packets) in Outcome::ALL.iter().zip(&report.ledger.outcomes) {
        let name = if outcome.reason().is_empty() {
            outcome.kind().to_owned()
        } else {
            format!("{}_{}", outcome.kind(), outcome.reason())
        };
        if packets > 0 {
            ledger.insert(name, packets);
        }
    }
    let settled: u64 = ledger.values().sum();
    ensure!(settled == report.packets, "{} packets were read, {settled} are in the ledger", report.packets);
    if let Some(expected) = &case.ledger {
        ensure!(ledger == *expected, "the ledger is {ledger:?}, expected {expected:?}");
    }
    for find in &case.find {
        let found =
            events.iter().filter(|event| find.r#match.iter().all(|(path, want)| at(event, path) == want)).count();
        if found != find.count {
            bail!("{found} records like {:?}, expected {}", find.r#match, find.count);
        }
    }
    Ok(())
}

/// Files that no alert names are as wrong as ones that are missing.
fn judge_evidence(case: &Case, events: &[Value], folder: &Path) -> Result<()> {
    if case.evidence.is_empty() {
        return Ok(());
    }
    let mut named = BTreeSet::new();
    for event in events.iter().filter(|event| event["event_type"] == "alert") {
        let sid = event["alert"]["signature_id"].to_string();
        let name = event["capture_file"].as_str().context("an alert without capture_file")?;
        ensure!(name.starts_with(&event["flow_id"].to_string()), "{name} is of another flow than {event}");
        let packets = pcapng::packets(&folder.join(name))?;
        let expected = case.evidence.get(&sid).with_context(|| format!("an alert of signature {sid}"))?;
        ensure!(
            packets.len() == *expected,
            "{} packets of signature {sid} are kept, expected {expected}",
            packets.len()
        );
        ensure!(packets.is_sorted_by_key(|packet| packet.ts), "{name} is not in order");
        let own = format!(" sid={sid} ");
        let told = packets.iter().flat_map(|packet| &packet.comments).filter(|comment| comment.contains(&own)).count();
        ensure!(told as u64 == case.alerts[&sid], "{told} comments tell of signature {sid}");
        named.insert(name);
    }
    let files = std::fs::read_dir(folder)?.count();
    ensure!(files == named.len(), "{files} files are there, alerts name {named:?}");
    Ok(())
}

fn at<'v>(event: &'v Value, path: &str) -> &'v Value {
    path.split('.').fold(event, |value, key| match key.parse::<usize>() {
        Ok(index) if value.is_array() => &value[index],
        _ => &value[key],
    })
}
