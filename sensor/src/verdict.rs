//! What becomes of a frame, from what its packets met on the way.
//!
//! A frame may hold several packets (tunnels). One that must not pass takes the whole frame with it; a frame is bypassed
//! only if nothing in it needed inspection.

use crate::ledger::{BypassReason, DropReason, Outcome};

/// Collects over the packets of one frame.
#[derive(Clone, Copy, Debug, Default)]
pub struct Verdict {
    dropped: Option<DropReason>,
    inspected: bool,
    bypassed: bool,
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
