//! What becomes of a frame, from what its packets met on the way.
//!
//! A frame may hold several packets (tunnels). One that must not pass takes the whole frame with it; a frame is bypassed
//! only if nothing in it needed inspection.

pub mod reject;
pub mod rewrite;

use crate::ledger::{BypassReason, DropReason, Outcome};
use crate::packet::Direction;
use sekisho_signatures::model::RejectTo;

/// Where a TCP segment's direction stands after it: for whoever holds segments back that came before their turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The flow's identifier.
    pub flow: u64,
    /// The segment's direction.
    pub direction: Direction,
    /// Sequence number of the segment's first byte.
    pub seq: u32,
    /// Sequence number behind the segment's last byte.
    pub end_seq: u32,
    /// Where in the frame its payload lies; 0 bytes if there is none, or if it is not to be found there.
    pub payload: (u32, u32),
    /// It ends its direction: nothing comes after it.
    pub ends: bool,
    /// Sequence number of the next byte to be inspected in this direction.
    pub next_seq: u32,
    /// The segment came before its turn: its bytes are inspected when the hole before them is filled.
    pub waits: bool,
    /// It ends within a part of a message that a rule may drop when it is whole.
    pub within: bool,
    /// The whole flow is dropped from now on.
    pub flow_dropped: bool,
}

/// Collects over the packets of one frame.
#[derive(Clone, Copy, Debug, Default)]
pub struct Verdict {
    dropped: Option<DropReason>,
    inspected: bool,
    bypassed: bool,
    /// In line: somebody is to be told by a reset or an unreachable.
    pub reject: Option<RejectTo>,
    /// In line: it could not be inspected as it should, for this reason.
    pub exception: Option<DropReason>,
    /// In line: some of its bytes are to be overwritten before it leaves.
    pub rewrites: bool,
    /// In line: the last TCP segment's place.
    pub turn: Option<Turn>,
}

impl Verdict {
    /// A packet was inspected.
    pub fn inspected(&mut self) {
        self.inspected = true;
    }

    /// A packet's flow needs no inspection.
    pub fn bypassed(&mut self) {
        self.bypassed = true;
    }

    /// A packet must not pass. The first reason stands.
    pub fn dropped(&mut self, reason: DropReason) {
        self.dropped.get_or_insert(reason);
    }

    /// In line: a packet could not be inspected as it should. The first reason stands.
    pub fn exception(&mut self, reason: DropReason) {
        self.exception.get_or_insert(reason);
    }

    /// The frame's outcome. `decoded` is the decoder's word; it stands where it is not that all is well.
    #[must_use]
    pub fn outcome(self, decoded: Outcome) -> Outcome {
        match self.dropped {
            Some(reason) => Outcome::Dropped(reason),
            None if decoded == Outcome::Inspected && self.bypassed && !self.inspected => {
                Outcome::Bypassed(BypassReason::Flow)
            }
            None => decoded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drop_stands_above_all_and_inspection_above_bypass() {
        let mut verdict = Verdict::default();
        assert_eq!(verdict.outcome(Outcome::Bypassed(BypassReason::NonIp)), Outcome::Bypassed(BypassReason::NonIp));
        verdict.bypassed();
        assert_eq!(verdict.outcome(Outcome::Inspected), Outcome::Bypassed(BypassReason::Flow));
        verdict.inspected();
        assert_eq!(verdict.outcome(Outcome::Inspected), Outcome::Inspected);
        verdict.dropped(DropReason::Rule);
        verdict.dropped(DropReason::FlowTableFull);
        assert_eq!(verdict.outcome(Outcome::Inspected), Outcome::Dropped(DropReason::Rule));
    }
}
