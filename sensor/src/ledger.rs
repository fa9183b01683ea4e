//! The ledger: every frame that was received ends in exactly one outcome.
//!
//! received = inspected + bypassed(reason) + dropped(reason), per worker, at every scrape. A reason is one enum variant
//! and one word, spelled the same in the log, the metric, EVE and the tests.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why a frame was let by without inspection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BypassReason {
    /// Not IP: ARP, LLDP, spanning tree and the like. Decoded as far as known.
    NonIp,
    /// Its flow needs no more inspection (a pass rule, or the configuration says so).
    Flow,
    /// In line, where the policy lets them by: the same words as those of [`DropReason`], and the same meanings.
    Malformed,
    /// A wrong checksum.
    Checksum,
    /// A fragment beyond the limits.
    DefragLimit,
    /// No room for a new flow.
    FlowTableFull,
    /// The sensor failed on it (a defect).
    InternalError,
    /// No memory for a segment that waits.
    StreamMemory,
    /// Of a connection whose beginning was not seen.
    Midstream,
    /// Held back for too long, or with too many.
    HoldLimit,
}

/// Why a frame was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// Too broken to decode to an IP packet; the decoder events say how.
    Malformed,
    /// A TCP segment that no stream takes, or a fragment, for its wrong checksum, when the configuration checks them.
    Checksum,
    /// A fragment beyond the defragmentation limits.
    DefragLimit,
    /// No room for a new flow, even after eviction.
    FlowTableFull,
    /// A rule said drop, in line.
    Rule,
    /// The worker failed on it (a defect): it was contained and counted.
    InternalError,
    /// Received but not processed when the sensor stopped.
    Shutdown,
    /// In line: the other port's ring stayed full.
    TxRingFull,
    /// In line: a segment that had to wait, and there was no memory for it.
    StreamMemory,
    /// In line: a segment of a connection whose beginning was not seen.
    Midstream,
    /// In line: a segment that was held back for too long, or with too many others.
    HoldLimit,
    /// A mirror's second copy of a frame that was inspected a moment before.
    Duplicate,
    /// Cut on its way here, by the mirror or the capture: less is there than its IP header says.
    Truncated,
}

/// How many reasons there are to let a frame by.
const BYPASS_REASONS: usize = BypassReason::HoldLimit as usize + 1;

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It went through the whole pipeline.
    Inspected,
    /// It was let by.
    Bypassed(BypassReason),
    /// It was dropped.
    Dropped(DropReason),
}

impl Outcome {
    /// Every outcome, in the order of the ledger's lines.
    pub const ALL: [Self; 24] = [
        Self::Inspected,
        Self::Bypassed(BypassReason::NonIp),
        Self::Bypassed(BypassReason::Flow),
        Self::Bypassed(BypassReason::Malformed),
        Self::Bypassed(BypassReason::Checksum),
        Self::Bypassed(BypassReason::DefragLimit),
        Self::Bypassed(BypassReason::FlowTableFull),
        Self::Bypassed(BypassReason::InternalError),
        Self::Bypassed(BypassReason::StreamMemory),
        Self::Bypassed(BypassReason::Midstream),
        Self::Bypassed(BypassReason::HoldLimit),
        Self::Dropped(DropReason::Malformed),
        Self::Dropped(DropReason::Checksum),
        Self::Dropped(DropReason::DefragLimit),
        Self::Dropped(DropReason::FlowTableFull),
        Self::Dropped(DropReason::Rule),
        Self::Dropped(DropReason::InternalError),
        Self::Dropped(DropReason::Shutdown),
        Self::Dropped(DropReason::TxRingFull),
        Self::Dropped(DropReason::StreamMemory),
        Self::Dropped(DropReason::Midstream),
        Self::Dropped(DropReason::HoldLimit),
        Self::Dropped(DropReason::Duplicate),
        Self::Dropped(DropReason::Truncated),
    ];

    /// Its place in [`Outcome::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Inspected => 0,
            Self::Bypassed(reason) => 1 + reason as usize,
            Self::Dropped(reason) => 1 + BYPASS_REASONS + reason as usize,
        }
    }

    /// `inspected`, `bypassed` or `dropped`.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Inspected => "inspected",
            Self::Bypassed(_) => "bypassed",
            Self::Dropped(_) => "dropped",
        }
    }

    /// The reason's word; empty for `inspected`.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Inspected => "",
            Self::Bypassed(BypassReason::NonIp) => "non_ip",
            Self::Bypassed(BypassReason::Flow) => "flow",
            Self::Bypassed(BypassReason::Malformed) | Self::Dropped(DropReason::Malformed) => "malformed",
            Self::Bypassed(BypassReason::Checksum) | Self::Dropped(DropReason::Checksum) => "checksum",
            Self::Bypassed(BypassReason::DefragLimit) | Self::Dropped(DropReason::DefragLimit) => "defrag_limit",
            Self::Bypassed(BypassReason::FlowTableFull) | Self::Dropped(DropReason::FlowTableFull) => "flow_table_full",
            Self::Bypassed(BypassReason::InternalError) | Self::Dropped(DropReason::InternalError) => "internal_error",
            Self::Bypassed(BypassReason::StreamMemory) | Self::Dropped(DropReason::StreamMemory) => "stream_memory",
            Self::Bypassed(BypassReason::Midstream) | Self::Dropped(DropReason::Midstream) => "midstream",
            Self::Bypassed(BypassReason::HoldLimit) | Self::Dropped(DropReason::HoldLimit) => "hold_limit",
            Self::Dropped(DropReason::Rule) => "rule",
            Self::Dropped(DropReason::Shutdown) => "shutdown",
            Self::Dropped(DropReason::TxRingFull) => "tx_ring_full",
            Self::Dropped(DropReason::Duplicate) => "duplicate",
            Self::Dropped(DropReason::Truncated) => "truncated",
        }
    }
}

/// One worker's ledger. A single writer (the worker), any number of readers; relaxed stores, no locks.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Ledger {
    received_packets: AtomicU64,
    received_bytes: AtomicU64,
    outcomes: [AtomicU64; Outcome::ALL.len()],
}

/// A reading of a [`Ledger`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerReading {
    /// Frames taken from the ring or the file.
    pub received_packets: u64,
    /// Their bytes on the wire.
    pub received_bytes: u64,
    /// Frames by outcome, in the order of [`Outcome::ALL`].
    pub outcomes: [u64; Outcome::ALL.len()],
}

impl LedgerReading {
    /// Frames whose outcome is not settled yet: 0 when the worker is idle, never negative.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.received_packets.saturating_sub(self.outcomes.iter().sum())
    }

    /// Adds another worker's reading.
    pub fn add(&mut self, other: &Self) {
        self.received_packets += other.received_packets;
        self.received_bytes += other.received_bytes;
        for (sum, n) in self.outcomes.iter_mut().zip(other.outcomes) {
            *sum += n;
        }
    }
}

/// Adds to a counter that only the calling thread writes.
fn bump(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
}

impl Ledger {
    /// Counts a batch of frames as received, before any of them is processed.
    pub fn received(&self, packets: u64, bytes: u64) {
        bump(&self.received_packets, packets);
        bump(&self.received_bytes, bytes);
    }

    /// Settles one frame.
    pub fn settle(&self, outcome: Outcome) {
        bump(&self.outcomes[outcome.index()], 1);
    }

    /// Reads it. Outcomes are read before what was received, so that `in_flight` never shows less than there is.
    #[must_use]
    pub fn read(&self) -> LedgerReading {
        let outcomes = std::array::from_fn(|i| self.outcomes[i].load(Ordering::Relaxed));
        LedgerReading {
            received_packets: self.received_packets.load(Ordering::Relaxed),
            received_bytes: self.received_bytes.load(Ordering::Relaxed),
            outcomes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_own_place_and_word() {
        let mut words = std::collections::HashSet::new();
        for (i, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome.index(), i);
            assert!(words.insert((outcome.kind(), outcome.reason())));
        }
    }

    #[test]
    fn in_flight_is_what_is_not_settled() {
        let ledger = Ledger::default();
        ledger.received(3, 300);
        ledger.settle(Outcome::Inspected);
        ledger.settle(Outcome::Dropped(DropReason::Malformed));
        assert_eq!(ledger.read().in_flight(), 1);
    }
}
