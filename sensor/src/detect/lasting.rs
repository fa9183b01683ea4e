//! What keeps its meaning from one ruleset to the next.
//!
//! Flows outlive rulesets. A flow holds numbers of flowbits, and of rules that wait for more of its stream or have spoken on
//! it; in the next ruleset the same names and rules stand elsewhere. So both are numbered here, once for the life of the
//! sensor: a flowbit by its name, a rule by its text. Whoever builds engines one after the other hands the same
//! [`Lasting`] to each; the numbers are then good in all of them.
//!
//! What both rulesets say alike is kept once: sets of literals, and what alerts say of a rule. During a reload both are in memory.

use super::compile::KnownSets;
use super::kept::Kept;
use rustc_hash::FxHashMap;
use sekisho_signatures::model::Signature;
use sekisho_signatures::ruleset::Ruleset;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Weak};

/// A rule's number, and since when it is there without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleKey {
    /// The same as long as the rule's text is, and never another rule's.
    pub number: u32,
    /// The first epoch of which the rule has been a part ever since.
    pub since: u32,
}

/// See the module.
#[derive(Clone, Default)]
pub struct Lasting {
    /// What the rules of the latest ruleset keep between packets.
    pub kept: Option<Kept>,
    /// The literal sets of the engines in use.
    pub(super) sets: KnownSets,
    epoch: u32,
    /// By name. Never forgotten: a flow may hold a bit that no rule of today knows, and one of tomorrow does.
    flowbits: HashMap<Box<str>, u16>,
    /// By gid, sid and a hash of the text: the rules of the latest ruleset.
    rules: FxHashMap<(u32, u32, u64), RuleKey>,
    /// By a rule's number: what is kept of it.
    signatures: FxHashMap<u32, Weak<Signature>>,
    next_rule: u32,
    hasher: RandomState,
}

/// The numbers for one ruleset.
#[derive(Debug)]
pub struct Numbers {
    /// Counts the rulesets, from 1.
    pub epoch: u32,
    /// By signature.
    pub rules: Vec<RuleKey>,
    /// Flowbits that have no number, since 65,535 others have one: rules that use them cannot match.
    pub nameless: usize,
}

impl Lasting {
    /// Numbers the rules and the flowbits of the next ruleset.
    pub fn next(&mut self, ruleset: &Ruleset) -> Numbers {
        self.epoch += 1;
        let mut nameless = 0;
        for name in &ruleset.flowbits {
            if self.flowbits.contains_key(name) {
                continue;
            }
            match u16::try_from(self.flowbits.len()) {
                Ok(number) => drop(self.flowbits.insert(name.clone(), number)),
                Err(_) => nameless += 1,
            }
        }
        let before = std::mem::take(&mut self.rules);
        let rules = ruleset.signatures.iter().map(|signature| self.number(signature, &before)).collect();
        Numbers { epoch: self.epoch, rules, nameless }
    }

    fn number(&mut self, signature: &Signature, before: &FxHashMap<(u32, u32, u64), RuleKey>) -> RuleKey {
        let id = (signature.gid, signature.sid, self.hasher.hash_one(signature.digest));
        let key = before.get(&id).copied().unwrap_or_else(|| {
            let number = self.next_rule;
            self.next_rule = self.next_rule.wrapping_add(1);
            RuleKey { number, since: self.epoch }
        });
        self.rules.insert(id, key);
        key
    }

    /// Takes what the ruleset before has of a rule, where it is the same but for its place; `numbers` are of this ruleset. To be called
    /// when conditions are forgotten. Those for which `is_left_out` holds are still to be told of by their place.
    pub fn share(&mut self, ruleset: &mut Ruleset, numbers: &Numbers, is_left_out: impl Fn(usize) -> bool) {
        let before = std::mem::take(&mut self.signatures);
        for (i, (signature, key)) in ruleset.signatures.iter_mut().zip(&numbers.rules).enumerate() {
            if let Some(known) = before.get(&key.number).and_then(Weak::upgrade)
                && !is_left_out(i)
                && let Some(own) = Arc::get_mut(signature)
            {
                let place = std::mem::replace(&mut own.place, known.place);
                if *own == *known {
                    *signature = known;
                } else {
                    own.place = place;
                }
            }
            self.signatures.insert(key.number, Arc::downgrade(signature));
        }
    }

    /// The number of each flowbit so far.
    #[must_use]
    pub fn flowbit_index(&self) -> HashMap<&str, u16> {
        self.flowbits.iter().map(|(name, number)| (name.as_ref(), *number)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekisho_signatures::load::load_text;

    fn ruleset(rules: &[&str]) -> Ruleset {
        let text: String = rules.iter().map(|options| format!("alert ip any any -> any any ({options})\n")).collect();
        let loaded =
            load_text(std::path::Path::new("x.rules"), text.as_bytes(), &Default::default(), &Default::default());
        assert!(!loaded.has_errors(), "{:?}", loaded.problems);
        Ruleset::new(loaded.signatures)
    }

    /// By sid: number and since when.
    fn numbers(lasting: &mut Lasting, rules: &[&str]) -> HashMap<u32, RuleKey> {
        let ruleset = ruleset(rules);
        let numbers = lasting.next(&ruleset);
        ruleset.signatures.iter().map(|s| s.sid).zip(numbers.rules).collect()
    }

    #[test]
    fn a_rule_keeps_its_number_as_long_as_its_text() {
        let mut lasting = Lasting::default();
        let first = numbers(&mut lasting, &["sid:1;", "sid:2;"]);
        let second = numbers(&mut lasting, &["sid:3;", "sid:2; rev:2;", "sid:1;"]);
        assert_eq!(second[&1], first[&1]);
        assert_ne!(second[&2].number, first[&2].number);
        assert_eq!((second[&1].since, second[&2].since, second[&3].since), (1, 2, 2));
        let mut all: Vec<u32> = first.values().chain(second.values()).map(|k| k.number).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 4, "no number is given twice");
        numbers(&mut lasting, &["sid:3;"]);
        let back = numbers(&mut lasting, &["sid:1;"]);
        assert_eq!(back[&1].since, 4, "it was away");
    }

    #[test]
    fn what_two_rulesets_say_alike_is_kept_once() {
        let mut lasting = Lasting::default();
        let mut next = |rules: &[&str], left_out: Option<u32>| {
            let mut ruleset = ruleset(rules);
            let numbers = lasting.next(&ruleset);
            ruleset.forget_conditions();
            let left_out: Vec<bool> = ruleset.signatures.iter().map(|s| Some(s.sid) == left_out).collect();
            lasting.share(&mut ruleset, &numbers, |i| left_out[i]);
            let by_sid = ruleset.signatures.iter().map(|s| (s.sid, Arc::clone(s)));
            by_sid.collect::<HashMap<u32, Arc<Signature>>>()
        };
        let first = next(&["msg:\"a\"; sid:1;", "msg:\"b\"; sid:2;", "sid:3;", "sid:4;"], None);
        let second = next(&["sid:4;", "msg:\"c\"; sid:2;", "sid:3;", "msg:\"a\"; sid:1;"], Some(3));
        let same = |sid| Arc::ptr_eq(&first[&sid], &second[&sid]);
        assert_eq!([1, 2, 3, 4].map(same), [true, false, false, true]);
        assert_eq!((&*second[&2].msg, second[&3].place.line), ("c", 3));
        // What nobody has any more cannot be shared, and is no error.
        drop((first, second));
        assert_eq!(&*next(&["msg:\"a\"; sid:1;"], None)[&1].msg, "a");
    }

    #[test]
    fn a_flowbit_keeps_its_number_for_good() {
        let mut lasting = Lasting::default();
        lasting.next(&ruleset(&["flowbits:set,a; sid:1;", "flowbits:set,b; sid:2;"]));
        let index: HashMap<String, u16> = lasting.flowbit_index().iter().map(|(n, i)| ((*n).to_owned(), *i)).collect();
        lasting.next(&ruleset(&["flowbits:set,c; sid:1;"]));
        lasting.next(&ruleset(&["flowbits:set,b; sid:2;", "flowbits:set,a; sid:1;"]));
        let now = lasting.flowbit_index();
        assert_eq!((now["a"], now["b"]), (index["a"], index["b"]));
        assert!(now["c"] != now["a"] && now["c"] != now["b"]);
    }

    #[test]
    fn there_are_only_so_many_flowbits() {
        let mut lasting = Lasting::default();
        let names = |from: u32, n: u32| Ruleset {
            flowbits: (from..from + n).map(|i| format!("bit{i}").into()).collect(),
            ..Ruleset::default()
        };
        assert_eq!(lasting.next(&names(0, 65_000)).nameless, 0);
        assert_eq!(lasting.next(&names(64_000, 2_000)).nameless, 2_000 - 1_000 - 536);
        assert_eq!(lasting.flowbit_index().len(), 65_536);
    }
}
