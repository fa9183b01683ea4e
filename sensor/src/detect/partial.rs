//! Does the end of a segment look like the beginning of what a rule drops?
//!
//! A pattern that is cut over two segments matches with the second one. In line the first has left by then, unless it waited: this says
//! for which it has to. It knows the patterns that rules which drop ask of a TCP stream's bytes (letters in either case), and for the end
//! of a run of bytes the longest beginning of one of them. Beginnings so short that ordinary traffic is full of them are not counted: how short
//! follows from how many patterns there are, one byte being enough for a handful.

use aho_corasick::Anchored;
use aho_corasick::automaton::{Automaton as _, StateID};
use aho_corasick::nfa::contiguous::NFA;
use rustc_hash::FxHashMap;
use sekisho_signatures::app::Protocols;
use sekisho_signatures::buffers::{Progress as Level, Side, Source};
use sekisho_signatures::model::{Action, BufferCondition, BufferConditions, Signature};

/// Patterns beyond this many are not waited for.
const MOST_PATTERNS: usize = 100_000;
/// Longer patterns count with so many bytes.
const LONGEST: usize = 255;
/// Of how many values the bytes of ordinary text mostly are.
const ALPHABET: f64 = 64.0;
/// One end in so many may look like a beginning by chance.
const CHANCE: f64 = 1.0 / 16.0;

/// How far the beginning of a pattern is recognised at some place of a stream. Only of use with the [`Beginnings`] that it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress(StateID);

/// The beginnings of all patterns that drop.
#[derive(Debug)]
pub struct Beginnings {
    patterns: NFA,
    start: StateID,
    /// Bytes of the longest beginning that ends in each state; those that are too short are left out.
    lengths: FxHashMap<StateID, u32>,
    /// Bytes that decide about an end.
    reach: usize,
}

impl Beginnings {
    /// Of the rules that drop or reject TCP by its bytes; None if there are none.
    #[must_use]
    pub fn of<'a>(signatures: impl Iterator<Item = &'a Signature>) -> Option<Self> {
        // Bodies mostly stand in the stream as rules see them.
        let bodies = |signature: &'a Signature| signature.buffers.iter().filter(|buffer| is_body(buffer));
        let conditions = signatures.filter(|signature| drops(signature)).flat_map(move |signature| {
            signature.payload.iter().chain(bodies(signature).flat_map(|body| &body.conditions))
        });
        let patterns = conditions.filter_map(|condition| match condition {
            BufferCondition::Content(content) if !content.negated && content.pattern.len() > 1 => {
                content.pattern.get(..content.pattern.len().min(LONGEST))
            }
            _ => None,
        });
        Self::new(patterns.take(MOST_PATTERNS).collect())
    }

    fn new(patterns: Vec<&[u8]>) -> Option<Self> {
        let longest = patterns.iter().map(|pattern| pattern.len()).max()?;
        // What does not fit its numbers is not waited for.
        let automaton = NFA::builder().ascii_case_insensitive(true).build(&patterns).ok()?;
        let start = automaton.start_state(Anchored::No).ok()?;
        let mut beginnings = Self { patterns: automaton, start, lengths: FxHashMap::default(), reach: longest };
        let mut whole: Vec<(&[u8], StateID)> = Vec::with_capacity(patterns.len());
        for pattern in patterns {
            let mut state = start;
            for (length, byte) in (1_u32..).zip(pattern) {
                state = beginnings.patterns.next_state(Anchored::No, state, *byte);
                if length as usize == pattern.len() {
                    whole.push((pattern, state));
                } else {
                    beginnings.lengths.insert(state, length);
                }
            }
        }
        // The end of a whole pattern may be the beginning of another one. Shorter ones first, as theirs are asked for.
        whole.sort_by_key(|(pattern, _)| pattern.len());
        for (pattern, state) in whole {
            let behind = beginnings.run(Progress(start), &pattern[1..]);
            if let (false, Some(length)) = (beginnings.lengths.contains_key(&state), beginnings.lengths.get(&behind.0))
            {
                let length = *length;
                beginnings.lengths.insert(state, length);
            }
        }
        let least = beginnings.least();
        beginnings.lengths.retain(|_, length| *length >= least);
        Some(beginnings)
    }

    /// The least length that seldom occurs by chance.
    fn least(&self) -> u32 {
        let mut counts = FxHashMap::<u32, u32>::default();
        self.lengths.values().for_each(|length| *counts.entry(*length).or_default() += 1);
        let seldom = |length: &u32| {
            let count = counts.get(length).copied().unwrap_or_default();
            f64::from(count) <= CHANCE * ALPHABET.powi((*length).cast_signed())
        };
        (1..=8).find(seldom).unwrap_or(8)
    }

    /// At the beginning of a run of bytes.
    #[must_use]
    pub const fn start(&self) -> Progress {
        Progress(self.start)
    }

    /// After `bytes`.
    #[must_use]
    pub fn run(&self, from: Progress, bytes: &[u8]) -> Progress {
        // What lies further back than any pattern is long decides nothing.
        let (mut state, bytes) = match bytes.len().checked_sub(self.reach) {
            Some(skipped) => (self.start, bytes.get(skipped..).unwrap_or_default()),
            None => (from.0, bytes),
        };
        for byte in bytes {
            state = self.patterns.next_state(Anchored::No, state, *byte);
        }
        Progress(state)
    }

    /// Bytes before this place that may be the beginning of a pattern.
    #[must_use]
    pub fn length(&self, at: Progress) -> u32 {
        self.lengths.get(&at.0).copied().unwrap_or_default()
    }
}

fn drops(signature: &Signature) -> bool {
    matches!(signature.action, Action::Drop | Action::Reject(_))
}

fn is_body(conditions: &BufferConditions) -> bool {
    conditions.buffer.declaration().source == Source::Transaction(Level::Body)
}

/// Of which protocols rules drop by what stands in a message's head, to server and to client.
#[must_use]
pub fn messages_that_drop<'a>(signatures: impl Iterator<Item = &'a Signature>) -> [Protocols; 2] {
    let mut found = [Protocols::NONE; 2];
    for signature in signatures.filter(|signature| drops(signature)) {
        for buffer in &signature.buffers {
            let declaration = buffer.buffer.declaration();
            if !matches!(declaration.source, Source::Transaction(_)) || is_body(buffer) {
                continue;
            }
            let of = declaration.protocols;
            let of = if signature.app.is_empty() { of } else { of.and(signature.app) };
            for (found, other) in found.iter_mut().zip([Side::ToClient, Side::ToServer]) {
                if buffer.side() != other {
                    *found = found.or(of);
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn beginnings(patterns: &[&str]) -> Beginnings {
        Beginnings::new(patterns.iter().map(|pattern| pattern.as_bytes()).collect()).unwrap()
    }

    fn length(of: &Beginnings, bytes: &str) -> u32 {
        of.length(of.run(of.start(), bytes.as_bytes()))
    }

    #[test]
    fn the_longest_beginning_at_the_end_counts() {
        let of = beginnings(&["forbidden"]);
        assert_eq!(length(&of, "nothing"), 0);
        assert_eq!(length(&of, "some f"), 1);
        assert_eq!(length(&of, "some FORBIDDE"), 8);
        assert_eq!(length(&of, "forbidforb"), 4);
        assert_eq!(length(&of, "forbidden"), 0, "it is whole: whoever wanted to drop it has");
        let split = of.run(of.run(of.start(), b"for"), b"bid");
        assert_eq!(of.length(split), 6);
    }

    #[test]
    fn many_patterns_make_short_beginnings_not_count() {
        let patterns: Vec<String> = (0..2000).map(|n| format!("{:04x}pattern", n * 31)).collect();
        let of = beginnings(&patterns.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(length(&of, &patterns[7][..1]), 0);
        assert_eq!(length(&of, &patterns[7][..6]), 6);
        assert!(Beginnings::new(Vec::new()).is_none());
    }

    proptest! {
        #[test]
        fn it_is_what_a_plain_search_finds(patterns in prop::collection::vec("[ab]{2,6}", 1..3), text in "[ab]{0,20}", cut in 0usize..20) {
            let of = beginnings(&patterns.iter().map(String::as_str).collect::<Vec<_>>());
            let least = of.least();
            let plain = (least as usize..=text.len()).rev().find(|length| {
                let end = &text[text.len() - length..];
                patterns.iter().any(|pattern| pattern.len() > *length && pattern.starts_with(end))
            });
            let cut = cut.min(text.len());
            let at = of.run(of.run(of.start(), &text.as_bytes()[..cut]), &text.as_bytes()[cut..]);
            // A beginning that is itself whole by another pattern's measure counts as well.
            prop_assert_eq!(of.length(at) as usize, plain.unwrap_or(0));
        }
    }
}
