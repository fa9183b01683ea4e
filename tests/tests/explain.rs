//! What `sekisho explain` says: a case's folder may hold `explain-SID.txt`, the whole answer for one of its rules.
//!
//! `EXPLAIN=write cargo test -p sekisho-tests --test explain` writes those that are there anew; read what changed before it is
//! committed. That a rule alerts here as often as it does in `sekisho pcap` is held by all cases and all rules.

use anyhow::{Context, Result, ensure};
use clap::Parser;
use sekisho::control::explain::{ExplainArguments, ExplainError, Explanation, explain_files};
use sekisho_signatures::classification::Classifications;
use sekisho_signatures::load::load;
use sekisho_signatures::variables::Variables;
use sekisho_tests::case::{capture_of, folders};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    explain: ExplainArguments,
}

/// `arguments` behind those for a rule of a folder.
fn explain(
    folder: &Path,
    rules: &Path,
    capture: &Path,
    sid: &str,
    arguments: &[String],
) -> Result<Explanation, ExplainError> {
    let (rules, capture) = (folder.join(rules).display().to_string(), capture.display().to_string());
    let mut line = ["explain", "--sid", sid, "--rules", &rules, "--pcap", &capture].map(str::to_owned).to_vec();
    line.extend_from_slice(arguments);
    explain_files(&CommandLine::try_parse_from(line).expect("the arguments are right").explain)
}

fn expectations(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(sid) = name.strip_prefix("explain-").and_then(|rest| rest.strip_suffix(".txt")) {
            found.insert(sid.to_owned(), path.clone());
        }
    }
    Ok(found)
}

#[test]
fn every_answer_is_as_written() {
    let write = std::env::var("EXPLAIN").is_ok_and(|v| v == "write");
    let (mut held, mut failures) = (0, vec![]);
    for folder in folders() {
        let work = tempfile::tempdir().unwrap();
        let expected = expectations(&folder).unwrap();
        if expected.is_empty() {
            continue;
        }
        let capture = capture_of(&folder, work.path()).unwrap();
        for (sid, file) in expected {
            let explanation = explain(&folder, Path::new("case.rules"), &capture, &sid, &[]).unwrap();
            let told = explanation.to_string().replace(&format!("{}/", folder.display()), "");
            let wanted = std::fs::read_to_string(&file).unwrap();
            if write {
                std::fs::write(&file, &told).unwrap();
            } else if told != wanted {
                failures.push(format!("{}: expected\n{wanted}\ngot\n{told}", file.display()));
            }
            held += 1;
        }
    }
    assert!(failures.is_empty(), "{} of {held}:\n{}", failures.len(), failures.join("\n"));
    assert!(held >= 8, "{held} answers are there");
}

/// `case.toml`, as far as it matters here.
#[derive(serde::Deserialize)]
struct Case {
    #[serde(default)]
    arguments: Vec<String>,
    rules: Option<PathBuf>,
    #[serde(default)]
    alerts: BTreeMap<String, u64>,
    #[serde(default)]
    damaged: bool,
    known_defect: Option<String>,
}

/// An explanation runs the rule alone; it must come to the same as all rules together do. Flags that explain does not have
/// are about dropping or about depth: those cases are left out.
#[test]
fn explained_rules_alert_as_in_the_cases() {
    let mut compared = 0;
    for folder in folders() {
        if let Err(error) = compare(&folder, &mut compared) {
            panic!("{}: {error:#}", folder.display());
        }
    }
    assert!(compared >= 60, "{compared} rules were compared");
}

fn compare(folder: &Path, compared: &mut usize) -> Result<()> {
    let case: Case = toml::from_str(&std::fs::read_to_string(folder.join("case.toml"))?).context("case.toml")?;
    let known = |argument: &String| ["--midstream", "--checksums", "ignore", "check"].contains(&argument.as_str());
    if !case.arguments.iter().all(known) || case.damaged || case.known_defect.is_some() {
        return Ok(());
    }
    let work = tempfile::tempdir()?;
    let capture = capture_of(folder, work.path())?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let rules = case.rules.map_or_else(|| folder.join("case.rules"), |path| root.join(path));
    let loaded = load(std::slice::from_ref(&rules), &Variables::default(), &Classifications::default());
    for signature in &loaded.signatures {
        let sid = signature.sid.to_string();
        let told = match explain(folder, &rules, &capture, &sid, &case.arguments) {
            Ok(told) => told,
            // Refused when it is compiled: such a rule alerts nowhere.
            Err(ExplainError::NotJudged { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        let wanted = case.alerts.get(&sid).copied().unwrap_or(0);
        ensure!(told.alerts == wanted, "sid {sid}: {} alerts, the case has {wanted}:\n{told}", told.alerts);
        if wanted > 0 {
            let nearest = told.flows.first().and_then(|flow| flow.nearest.as_ref()).context("a flow with the alert")?;
            ensure!(nearest.first_failed().is_none(), "sid {sid} alerts, and yet a condition failed:\n{told}");
        }
        *compared += 1;
    }
    Ok(())
}

#[test]
fn a_rule_that_cannot_be_explained_is_told_why() {
    let work = tempfile::tempdir().unwrap();
    let rules = work.path().join("x.rules");
    std::fs::write(
        &rules,
        "alert tcp any any -> any any (msg:\"a\"; content:\"x\"; sid:1;)\n\
         # alert tcp any any -> any any (msg:\"b\"; content:\"x\"; sid:2;)\n\
         alert tcp any any -> any any (msg:\"c\"; contend:\"x\"; sid:3;)\n\
         alert tcp any any -> any any (msg:\"d\"; pcre:\"/(x/\"; sid:4;)\n",
    )
    .unwrap();
    let told = |sid| explain(work.path(), &rules, Path::new("-"), sid, &[]).unwrap_err().to_string();
    assert!(told("2").contains("commented out in") && told("2").contains("x.rules:2"), "{}", told("2"));
    assert!(told("3").contains("contend"), "{}", told("3"));
    assert!(told("4").starts_with("sid 4 is not judged"), "{}", told("4"));
    assert!(told("9").contains("it is not in") && told("9").contains("x.rules"), "{}", told("9"));
}

/// JSON says the same, in the form that the command's help shows.
#[test]
fn json_has_every_step() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/explain-http");
    let work = tempfile::tempdir().unwrap();
    let capture = capture_of(&folder, work.path()).unwrap();
    let told = explain(&folder, Path::new("case.rules"), &capture, "1", &[]).unwrap();
    let json = serde_json::to_value(&told).unwrap();
    assert_eq!(json["alerts"], 1);
    let steps = json["flows"][0]["nearest"]["steps"].as_array().unwrap();
    let uri = steps.iter().find(|s| s["condition"] == "http.uri: content:\"/gate.php\"; endswith").unwrap();
    assert_eq!(uri["outcome"], "held");
    assert_eq!(uri["found"]["buffer"], "http.uri");
    assert_eq!(uri["found"]["offset"], 6);
    assert_eq!(uri["found"]["hex"], "2f676174652e706870");
    let failed = |flow: &serde_json::Value| {
        let steps = flow["nearest"]["steps"].as_array().unwrap();
        steps.iter().find(|s| s["outcome"] == "failed").map(|s| s["condition"].as_str().unwrap().to_owned())
    };
    let all: Vec<_> = json["flows"].as_array().unwrap().iter().filter_map(failed).collect();
    assert!(all.contains(&"destination $EXTERNAL_NET".to_owned()), "{all:?}");
    assert!(all.contains(&"http.method: content:\"POST\"".to_owned()), "{all:?}");
}
