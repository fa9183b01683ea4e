//! Who looks on while rules are judged.
//!
//! On the packet path that is nobody, `()`: every call is empty, and what only serves it is left out by the compiler (`LOOKS`).
//! `sekisho explain` puts an observer here, so that what it tells is what the engine did and not what another reading of
//! the rule would have done.

use super::candidate::{Candidate, Stretch};
use super::evaluate::Buffer;
use super::pending::Parked;
use super::rule::PacketContext;
use super::state::FlowDetect;
use crate::packet::Direction;
use crate::protocols::Transaction;
use std::ops::Range;

/// Looks on while one rule's conditions are held against one buffer. Conditions are numbered in the rule's order; places are
/// indices into the buffer's bytes.
pub(super) trait Steps {
    /// Somebody does look on.
    const LOOKS: bool;
    /// These bytes are judged from here on.
    fn begin(&mut self, _buffer: Buffer<'_>) {}
    /// A condition held; what it found lies at `start..end`.
    fn held(&mut self, _condition: usize, _start: usize, _end: usize) {}
    /// A condition failed; what it is relative to ended at `previous`.
    fn failed(&mut self, _condition: usize, _previous: usize) {}
    /// A condition read a number from these places.
    fn read(&mut self, _number: u64, _from: Range<usize>) {}
}

impl Steps for () {
    const LOOKS: bool = false;
}

impl<S: Steps> Steps for &mut S {
    const LOOKS: bool = S::LOOKS;
    fn begin(&mut self, buffer: Buffer<'_>) {
        (**self).begin(buffer);
    }
    fn held(&mut self, condition: usize, start: usize, end: usize) {
        (**self).held(condition, start, end);
    }
    fn failed(&mut self, condition: usize, previous: usize) {
        (**self).failed(condition, previous);
    }
    fn read(&mut self, number: u64, from: Range<usize>) {
        (**self).read(number, from);
    }
}

/// What came of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// An alert.
    Told,
    /// No alert: the packet has one of this rule already.
    Repeated,
    /// No alert: `threshold`.
    HeldBack,
    /// No alert and no effect: `detection_filter`.
    Filtered,
    /// No alert: `noalert`.
    Silent,
    /// A pass rule.
    Passed,
}

/// Looks on while a worker judges rules. Each call comes before what it tells of is done, except [`Tracer::matched`] and
/// [`Tracer::packet`].
#[expect(private_interfaces, reason = "only this crate can look on; others may name who does")]
pub trait Tracer {
    /// Somebody does look on.
    const LOOKS: bool;
    /// A rule is to be judged on the packet, or on the stream.
    fn candidate(&mut self, _: &PacketContext<'_>, _: Option<&FlowDetect>, _: Candidate, _: Stretch<'_>) {}
    /// A rule that waited for more of a stream is to be judged again; `last`: as it stands.
    fn parked(
        &mut self,
        _: &PacketContext<'_>,
        _: &FlowDetect,
        _direction: Direction,
        _: Parked,
        _: Stretch<'_>,
        _last: bool,
    ) {
    }
    /// A rule is to be judged on a transaction. `tail`: the last bytes of the stream, and the position behind them.
    fn transaction(
        &mut self,
        _: &PacketContext<'_>,
        _: &FlowDetect,
        _: &dyn Transaction,
        _: Direction,
        _rule: u32,
        _tail: (&[u8], u64),
    ) {
    }
    /// A rule matched.
    fn matched(&mut self, _rule: u32, _: &PacketContext<'_>, _: Fate) {}
    /// All is done with a packet.
    fn packet(&mut self, _: &PacketContext<'_>, _: Option<&FlowDetect>) {}
}

impl Tracer for () {
    const LOOKS: bool = false;
}
