//! The bits that rules set on a flow for other rules to test. A flow has few, so they are a short list in the flow
//! itself; one with many moves to the heap.

use sekisho_signatures::model::Flowbits;
use std::collections::HashMap;

const INLINE: usize = 6;

/// The bits set on one flow.
#[derive(Clone, Debug, Default)]
pub struct BitSet {
    inline: arrayvec::ArrayVec<u16, INLINE>,
    more: Vec<u16>,
}

impl BitSet {
    /// Whether the bit is set.
    #[must_use]
    pub fn contains(&self, bit: u16) -> bool {
        self.inline.contains(&bit) || self.more.contains(&bit)
    }

    /// None is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inline.is_empty() && self.more.is_empty()
    }

    /// The bits that are set.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.inline.iter().chain(&self.more).copied()
    }

    fn insert(&mut self, bit: u16) {
        if self.contains(bit) {
            return;
        }
        if self.inline.try_push(bit).is_err() {
            self.more.push(bit);
        }
    }

    fn remove(&mut self, bit: u16) {
        self.inline.retain(|b| *b != bit);
        self.more.retain(|b| *b != bit);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Set,
    Unset,
    Toggle,
    IsSet,
    IsNotSet,
}

/// The `flowbits` options of a rule, names resolved.
#[derive(Debug, Default)]
pub struct FlowbitOps(Box<[(What, Box<[u16]>)]>);

impl FlowbitOps {
    /// Resolves names by the ruleset's table.
    #[must_use]
    pub fn new(options: &[Flowbits], index: &HashMap<&str, u16>) -> Self {
        let resolve = |names: &[String]| names.iter().filter_map(|n| index.get(n.as_str()).copied()).collect();
        let ops = options.iter().map(|option| match option {
            Flowbits::Set(names) => (What::Set, resolve(names)),
            Flowbits::Unset(names) => (What::Unset, resolve(names)),
            Flowbits::Toggle(names) => (What::Toggle, resolve(names)),
            Flowbits::IsSet(names) => (What::IsSet, resolve(names)),
            Flowbits::IsNotSet(names) => (What::IsNotSet, resolve(names)),
        });
        Self(ops.collect())
    }

    /// The rule has no `flowbits`.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the tests hold. A list is true when any of its bits is set; a negated one when none is.
    #[must_use]
    pub fn hold(&self, bits: &BitSet) -> bool {
        self.0.iter().all(|(what, list)| match what {
            What::IsSet => list.iter().any(|b| bits.contains(*b)),
            What::IsNotSet => !list.iter().any(|b| bits.contains(*b)),
            _ => true,
        })
    }

    /// Whether any bit of option number `i`, in the rule's order, is set.
    #[must_use]
    pub fn any_set(&self, i: usize, bits: &BitSet) -> bool {
        self.0.get(i).is_some_and(|(_, list)| list.iter().any(|bit| bits.contains(*bit)))
    }

    /// Does what the rule does to the flow when it matches.
    pub fn apply(&self, bits: &mut BitSet) {
        for (what, list) in &self.0 {
            for &bit in list {
                match what {
                    What::Set => bits.insert(bit),
                    What::Unset => bits.remove(bit),
                    What::Toggle if bits.contains(bit) => bits.remove(bit),
                    What::Toggle => bits.insert(bit),
                    What::IsSet | What::IsNotSet => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_test_toggle_and_unset_beyond_the_inline_room() {
        let names: Vec<String> = (0..20).map(|i| format!("bit{i}")).collect();
        let index: HashMap<&str, u16> = names.iter().enumerate().map(|(i, n)| (n.as_str(), i as u16)).collect();
        let ops = |option| FlowbitOps::new(&[option], &index);
        let mut bits = BitSet::default();
        ops(Flowbits::Set(names.clone())).apply(&mut bits);
        assert!(names.iter().all(|n| ops(Flowbits::IsSet(vec![n.clone()])).hold(&bits)));
        ops(Flowbits::Unset(names[..10].to_vec())).apply(&mut bits);
        assert!(ops(Flowbits::IsNotSet(names[..10].to_vec())).hold(&bits));
        assert!(!ops(Flowbits::IsNotSet(names.clone())).hold(&bits));
        assert!(ops(Flowbits::IsSet(names[5..15].to_vec())).hold(&bits));
        ops(Flowbits::Toggle(names[9..11].to_vec())).apply(&mut bits);
        assert!(bits.contains(9) && !bits.contains(10));
    }
}
