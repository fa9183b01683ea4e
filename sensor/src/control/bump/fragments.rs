//! Fragments that wait for the rest of their datagram, so that what a rule drops does not leave in parts.
//!
//! A datagram is judged with the fragment that completes it; what was decided then goes for all its parts, which leave in the order in which they
//! came. A fragment whose datagram is not completed in time, or for which there is no room, was not judged: it goes as the policy `hold_limit`
//! says.

use super::{Bump, bump};
use crate::capture::afxdp_pair::{Chain, Side};
use crate::control::inline_config::Exception;
use crate::defrag::Key;
use crate::ledger::{DropReason, Outcome};
use std::time::Instant;

/// A fragment of the datagram at hand.
pub(super) struct Part {
    /// Its frames.
    pub(super) chain: Chain,
    /// Where it came in.
    pub(super) from: Side,
}

struct Waiting {
    part: Part,
    key: Key,
    until: Instant,
}

/// One worker's.
#[derive(Default)]
pub(super) struct Fragments {
    /// Oldest first.
    waiting: Vec<Waiting>,
    /// Of the datagram that the frame at hand completed, without that frame.
    parts: Vec<Part>,
}

impl Fragments {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether the frame at hand has completed a datagram of which parts waited.
    pub(super) fn has_parts(&self) -> bool {
        !self.parts.is_empty()
    }

    /// These parts, in the order in which they came.
    pub(super) fn take_parts(&mut self) -> impl Iterator<Item = Part> {
        self.parts.drain(..)
    }

    fn remove(&mut self, key: &Key) -> Option<Part> {
        let at = self.waiting.iter().position(|waiting| waiting.key == *key)?;
        Some(self.waiting.remove(at).part)
    }
}

impl Bump<'_> {
    /// A fragment is at hand. True if it waits; else it is to be dealt with as any packet, together with the parts that this has found.
    #[cold]
    pub(super) fn fragment_waits(
        &mut self,
        side: Side,
        key: Key,
        complete: bool,
        outcome: Outcome,
        now: Instant,
    ) -> bool {
        if !self.worker.engine().drops() || self.link.hold.time.is_zero() {
            return false;
        }
        // A rule may drop a fragment for what it is by itself; no other will make a datagram of it.
        if complete || outcome == Outcome::Dropped(DropReason::Rule) {
            while let Some(part) = self.fragments.remove(&key) {
                self.fragments.parts.push(part);
            }
            return false;
        }
        if outcome != Outcome::Inspected {
            return false;
        }
        if self.is_full() {
            self.pass_or_drop(side, self.link.exceptions.outcome(Exception::HoldLimit));
            return true;
        }
        bump(&self.link.sent.held);
        let part = Part { chain: self.pair.hold(), from: side };
        self.fragments.waiting.push(Waiting { part, key, until: now + self.link.hold.time });
        true
    }

    /// The other parts of the datagram at hand go the way of all of it.
    #[cold]
    pub(super) fn pass_or_drop_parts(&mut self, outcome: Outcome) {
        let mut parts = std::mem::take(&mut self.fragments.parts);
        for Part { chain, from } in parts.drain(..) {
            self.release(chain, from, outcome);
        }
        self.fragments.parts = parts;
    }

    /// Those whose time is over go, or, without a time, all.
    #[cold]
    pub(super) fn let_go_of_fragments(&mut self, now: Option<Instant>) {
        let outcome = self.link.exceptions.outcome(Exception::HoldLimit);
        while self.fragments.waiting.first().is_some_and(|waiting| now.is_none_or(|now| waiting.until <= now)) {
            let Part { chain, from } = self.fragments.waiting.remove(0).part;
            self.release(chain, from, outcome);
        }
    }
}
