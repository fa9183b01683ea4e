//! Flowbits over the whole ruleset: rules that wait for a bit which no rule sets, and bits that are set in vain.
//!
//! Setters are counted wherever a rule's shape can be read: also in rules that are left out since they are wrong or use what
//! is not built. What is wrong with those is told anyway, and those who wait for them would only repeat it.

use super::{Kind, Lint};
use crate::report::{Problem, Severity};
use crate::syntax::{Rule, Span, Text};
use rustc_hash::{FxHashMap, FxHashSet};

/// What an option does to a bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Sets,
    Unsets,
    WaitsFor,
    WaitsForNot,
}

/// The uses of flowbits in the rules that were read.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    /// Bits that some rule sets, with the rules that do.
    setters: FxHashMap<Box<[u8]>, Vec<(u32, u32)>>,
    /// Bits that some rule tests.
    tested: FxHashSet<Box<[u8]>>,
    /// Options of rules that are in use: what is told about them stands until a bit turns up that they name.
    sites: Vec<Site>,
}

/// An option of a rule that is in use.
#[derive(Debug)]
struct Site {
    rule: (u32, u32),
    rev: u32,
    sets: bool,
    /// Any of these will do.
    names: Vec<Box<[u8]>>,
    problem: Problem,
}

fn options<'a>(rule: &Rule<'a>) -> impl Iterator<Item = (Use, Vec<Text<'a>>, Span)> {
    rule.options.iter().filter(|o| o.name.bytes.eq_ignore_ascii_case(b"flowbits")).filter_map(|option| {
        let (command, names) = option.value?.text.split_once(b',')?;
        let what = match command.bytes {
            b"set" | b"toggle" => Use::Sets,
            b"unset" => Use::Unsets,
            b"isset" => Use::WaitsFor,
            b"isnotset" => Use::WaitsForNot,
            _ => return None,
        };
        Some((what, names.split(b'|').collect(), option.span()))
    })
}

impl Uses {
    /// Takes note of any rule whose shape can be read.
    pub(crate) fn read(&mut self, rule: &Rule<'_>, id: (u32, u32)) {
        for (what, names, _) in options(rule) {
            for name in names {
                match what {
                    Use::Sets => {
                        let setters = self.setters.entry(name.bytes.into()).or_default();
                        // Two are enough to know that it is not the rule itself.
                        if setters.len() < 2 && !setters.contains(&id) {
                            setters.push(id);
                        }
                    }
                    Use::Unsets => {}
                    Use::WaitsFor | Use::WaitsForNot => {
                        self.tested.insert(name.bytes.into());
                    }
                }
            }
        }
    }

    /// Keeps what may have to be told about a rule that is in use; `problem` makes it from a place in the rule's text.
    pub(crate) fn in_use(&mut self, rule: &Rule<'_>, id: (u32, u32), rev: u32, problem: impl Fn(Span) -> Problem) {
        for (what, names, span) in options(rule) {
            let sets = match what {
                Use::Sets => true,
                Use::WaitsFor => false,
                // A bit that is never set is always found not to be.
                Use::Unsets | Use::WaitsForNot => continue,
            };
            let names = names.iter().map(|n| n.bytes.into()).collect();
            self.sites.push(Site { rule: id, rev, sets, names, problem: problem(span) });
        }
    }

    /// All that is to be told about rules of which `taken`, given gid and sid and then rev, says that they are in use.
    pub(crate) fn finish(self, taken: impl Fn((u32, u32), u32) -> bool) -> Vec<Lint> {
        let Self { setters, tested, sites } = self;
        let mut lints = Vec::new();
        let mut told: FxHashSet<Box<[u8]>> = FxHashSet::default();
        for Site { rule, rev, sets, names, mut problem } in sites {
            if !taken(rule, rev) {
                continue;
            }
            let shown = || {
                let names: Vec<_> = names.iter().map(|n| String::from_utf8_lossy(n).into_owned()).collect();
                names.join(" or ")
            };
            if sets {
                // Once for a bit, at the first rule that sets it.
                if names.iter().any(|n| tested.contains(n)) || !names.iter().any(|n| told.insert(n.clone())) {
                    continue;
                }
                problem.severity = Severity::Info;
                problem.message = format!("no rule tests the flowbit {}", shown());
                lints.push(Lint { kind: Kind::FlowbitNeverTested, problem });
                continue;
            }
            let by_another = |name: &[u8]| setters.get(name).is_some_and(|s| s.iter().any(|&id| id != rule));
            if names.iter().any(|n| by_another(n)) {
                continue;
            }
            problem.severity = Severity::Warning;
            let by_itself = names.iter().any(|n| setters.contains_key(n));
            let who = if by_itself { "no rule but this one sets" } else { "no rule sets" };
            let advice = "load or enable the rule that sets it, or take the test out";
            problem.message =
                format!("this can never match: {who} the flowbit {} that it waits for; {advice}", shown());
            lints.push(Lint { kind: Kind::FlowbitNeverSet, problem });
        }
        lints
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::found;
    use super::*;

    fn rules(options: &[&str]) -> Vec<(Kind, String)> {
        let rules = options.iter().enumerate().map(|(i, o)| {
            format!("alert tcp any any -> any 4444 (msg:\"m\"; content:\"abcd\"; {o} sid:{}; rev:1;)\n", i + 1)
        });
        found(&rules.collect::<String>())
    }
    fn never(at: &str) -> (Kind, String) {
        (Kind::FlowbitNeverSet, at.to_owned())
    }

    #[test]
    fn bits_that_nobody_sets() {
        assert_eq!(rules(&["flowbits:isset,a;"]), [never("flowbits:isset,a")]);
        assert_eq!(rules(&["flowbits:isset,a;", "flowbits:set,a;"]), []);
        assert_eq!(rules(&["flowbits:isset,a|b;", "flowbits:toggle,b;"]), []);
        assert_eq!(rules(&["flowbits:isnotset,a;"]), []);
        assert_eq!(rules(&["flowbits:isset,a;", "flowbits:unset,a;"]), [never("flowbits:isset,a")]);
        assert_eq!(rules(&["flowbits:isset,a; flowbits:set,a;"]), [never("flowbits:isset,a")]);
    }

    #[test]
    fn a_setter_that_is_left_out_counts() {
        let skipped = "alert tcp any any -> any any (lua:x.lua; flowbits:set,a; sid:9;)\n";
        let tester = "alert tcp any any -> any 4444 (msg:\"m\"; content:\"abcd\"; flowbits:isset,a; sid:1; rev:1;)\n";
        assert_eq!(found(&[skipped, tester].concat()), []);
    }

    #[test]
    fn bits_that_nobody_tests_are_told_once() {
        assert_eq!(
            rules(&["flowbits:set,a;", "flowbits:set,a;"]),
            [(Kind::FlowbitNeverTested, "flowbits:set,a".to_owned())]
        );
        assert_eq!(rules(&["flowbits:set,a;", "flowbits:isnotset,a;"]), []);
    }
}
