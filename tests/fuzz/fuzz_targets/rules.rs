//! Any text as rules: nothing panics; a rule that parses prints to text that parses to the same tree and prints the same again;
//! every place that is named, by errors and by lints, lies within the text; and what is loaded makes a ruleset.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho_signatures::classification::Classifications;
use sekisho_signatures::load::load_text_linted;
use sekisho_signatures::ruleset::Ruleset;
use sekisho_signatures::syntax;
use sekisho_signatures::variables::Variables;
use std::path::Path;
use std::sync::LazyLock;

static VARIABLES: LazyLock<Variables> = LazyLock::new(Variables::default);
static CLASSIFICATIONS: LazyLock<Classifications> = LazyLock::new(Classifications::default);

fuzz_target!(|data: &[u8]| {
    match syntax::parse(data) {
        Ok(rule) => {
            let printed = rule.print();
            let again = syntax::parse(&printed).expect("what was printed parses");
            assert_eq!(again.print(), printed, "printing is stable");
            assert_eq!(again.without_places(), rule.without_places(), "the printed rule is the same rule");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }

    let loaded = load_text_linted(Path::new("fuzz.rules"), data, &VARIABLES, &CLASSIFICATIONS);
    let lines = 1 + data.iter().filter(|&&b| b == b'\n').count();
    for problem in loaded.problems.iter().chain(loaded.lints.iter().map(|lint| &lint.problem)) {
        assert!(problem.line as usize <= lines, "line {} of {lines}", problem.line);
        assert!(!problem.to_string().is_empty());
    }
    let mut sids: Vec<(u32, u32)> = loaded.signatures.iter().map(|s| (s.gid, s.sid)).collect();
    let count = sids.len();
    sids.sort_unstable();
    sids.dedup();
    assert_eq!(sids.len(), count, "a sid is loaded once");
    if count > 0 {
        let ruleset = Ruleset::new(loaded.signatures);
        assert_eq!(ruleset.signatures.len(), count);
        assert_eq!(ruleset.fast_patterns.len(), count);
    }
});
