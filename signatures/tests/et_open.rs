//! A real ruleset of 40,490 rules, where it is lent: everything in it is accounted for. Says so when it is not there.

use sekisho_signatures::classification::Classifications;
use sekisho_signatures::lint::Kind;
use sekisho_signatures::load::{Loaded, load_text, load_text_linted};
use sekisho_signatures::report::Severity;
use sekisho_signatures::syntax::{lines::lines, parse};
use sekisho_signatures::variables::Variables;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::time::Instant;

/// The ruleset's text, or None with a note.
fn ruleset() -> Option<Vec<u8>> {
    // Lent material lies beside the project's root, or one folder further up.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = ["../../shared/parity/et-open.rules.zst", "../../../shared/parity/et-open.rules.zst"];
    let path = places.iter().map(|p| root.join(p)).find(|p| p.exists()).unwrap_or_default();
    let Ok(file) = std::fs::File::open(&path) else {
        eprintln!("skipped: ../shared/parity/et-open.rules.zst is not here");
        return None;
    };
    let mut decoder = zstd::Decoder::new(file).expect("a zstd stream");
    decoder.window_log_max(27).expect("a window of 128 MiB");
    let mut text = Vec::new();
    decoder.read_to_end(&mut text).expect("the whole stream");
    Some(text)
}

fn loaded(text: &[u8]) -> Loaded {
    load_text(Path::new("et-open.rules"), text, &Variables::default(), &Classifications::default())
}

#[test]
fn every_rule_is_accounted_for() {
    let Some(text) = ruleset() else { return };
    let begun = Instant::now();
    let loaded = loaded(&text);
    eprintln!(
        "{} loaded, {} skipped, {} disabled, in {:?}",
        loaded.signatures.len(),
        loaded.skipped.len(),
        loaded.disabled,
        begun.elapsed()
    );
    let errors: Vec<_> = loaded.problems.iter().filter(|p| p.severity == Severity::Error).collect();
    for error in errors.iter().take(40) {
        eprintln!("{error}");
    }
    for warning in loaded.problems.iter().filter(|p| p.severity == Severity::Warning).take(5) {
        eprintln!("{warning}");
    }
    assert_eq!(errors.len(), 4);
    assert_eq!(loaded.signatures.len() + loaded.skipped.len(), 28_179);
    assert_eq!(loaded.disabled, 40_490 - 28_183);
    assert!(errors.iter().all(|e| e.line > 0 && e.column > 1 && e.sid.is_some()));
}

/// What a check says of a real ruleset must stay readable: some hundreds of warnings, each of a rule that its author can mend.
#[test]
fn lints_do_not_drown_a_real_ruleset() {
    let Some(text) = ruleset() else { return };
    let begun = Instant::now();
    let path = Path::new("et-open.rules");
    let loaded = load_text_linted(path, &text, &Variables::default(), &Classifications::default());
    let took = begun.elapsed();
    let mut counts: BTreeMap<(Severity, Kind), usize> = BTreeMap::new();
    for lint in &loaded.lints {
        *counts.entry((lint.problem.severity, lint.kind)).or_default() += 1;
    }
    eprintln!("{counts:#?} in {took:?}");
    if std::env::var_os("SHOW_LINTS").is_some() {
        for lint in &loaded.lints {
            eprintln!("{:?} {}", lint.kind, lint.problem);
        }
    }
    assert!(loaded.lints.iter().all(|l| l.problem.line > 0 && !l.problem.message.is_empty()));
    assert!(loaded.lints.iter().filter(|l| l.problem.severity == Severity::Warning).count() < 500);
}

#[test]
fn every_tree_prints_back_to_itself() {
    let Some(text) = ruleset() else { return };
    for line in lines(&text) {
        let Ok(rule) = parse(&line.text) else { continue };
        let printed = rule.print();
        let again = parse(&printed).expect("a printed rule");
        assert_eq!(again.without_places(), rule.without_places());
    }
}
