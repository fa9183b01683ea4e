//! Copies of alerts for the page: each worker puts them into a small ring of its own, which the page empties ten times a second.
//!
//! The event log's queues are not touched, so the page also shows alerts while a full disk holds up the log. A worker never waits: a ring that is
//! full costs it one look, and the alert is counted as missed by the page (it is in the log all the same).

use super::eve::EveEncoder;
use crate::event::{AlertEvent, Event};
use crate::time::Timestamp;
use crossbeam::queue::ArrayQueue;
use sekisho_signatures::model::Place;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Alerts that a worker's ring holds: at ten visits a second, 10,000 a second for each worker.
const RING: usize = 1024;
/// A longer line is not shown: its place in the page's memory would be that of many others.
const LINE_BYTES_MAX: usize = 256 * 1024;

/// An alert as the page gets it.
#[derive(Debug)]
pub struct TappedAlert {
    /// Time of the packet.
    pub time: Timestamp,
    /// Its line of EVE JSON, line feed included.
    pub line: Box<[u8]>,
    /// The beginning of the payload of the packet that completed the match.
    pub payload: Option<Box<[u8]>>,
    /// Where the rule stands.
    pub rule: Place,
}

/// One worker's ring.
#[derive(Debug)]
pub struct AlertTap {
    ring: ArrayQueue<TappedAlert>,
    missed: AtomicU64,
    payload_bytes: usize,
}

impl AlertTap {
    /// The beginning of `payload`, as much as the page wants; none when it has no room for the alert.
    pub(super) fn payload(&self, payload: &[u8]) -> Option<Box<[u8]>> {
        let bytes = payload.get(..self.payload_bytes).unwrap_or(payload);
        (!bytes.is_empty() && !self.ring.is_full()).then(|| bytes.into())
    }

    /// Takes a copy of the alert, or counts it as missed.
    pub(super) fn take(&self, alert: &AlertEvent, event: &Event, encoder: &mut EveEncoder) {
        if !self.ring.is_full() {
            let mut line = Vec::with_capacity(2048);
            let rule = alert.ruleset.signatures.get(alert.signature as usize).map(|signature| signature.place);
            // One that cannot be encoded is told by the event log.
            if let (Some(rule), Ok(()), true) = (rule, encoder.encode(event, &mut line), line.len() <= LINE_BYTES_MAX) {
                let tapped = TappedAlert {
                    time: alert.packet.ts,
                    line: line.into_boxed_slice(),
                    payload: alert.payload.clone(),
                    rule,
                };
                if self.ring.push(tapped).is_ok() {
                    return;
                }
            }
        }
        self.missed.fetch_add(1, Ordering::Relaxed);
    }
}

/// The rings of all workers.
#[derive(Debug, Default)]
pub struct AlertTaps {
    payload_bytes: usize,
    taps: Mutex<Vec<Arc<AlertTap>>>,
}

impl AlertTaps {
    /// With the first `payload_bytes` of each alert's packet; 0: none of it.
    #[must_use]
    pub fn new(payload_bytes: usize) -> Self {
        Self { payload_bytes, taps: Mutex::default() }
    }

    /// One for another worker.
    pub(super) fn add(&self) -> Arc<AlertTap> {
        let tap = Arc::new(AlertTap {
            ring: ArrayQueue::new(RING),
            missed: AtomicU64::new(0),
            payload_bytes: self.payload_bytes,
        });
        self.taps.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&tap));
        tap
    }

    /// Takes what is there, each worker's in its order.
    pub fn drain(&self, mut each: impl FnMut(TappedAlert)) {
        for tap in self.taps.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // No more than was there: a flood must not keep the page from all else.
            for _ in 0..RING {
                let Some(alert) = tap.ring.pop() else { break };
                each(alert);
            }
        }
    }

    /// Alerts that found no room.
    #[must_use]
    pub fn missed(&self) -> u64 {
        let taps = self.taps.lock().unwrap_or_else(PoisonError::into_inner);
        taps.iter().map(|tap| tap.missed.load(Ordering::Relaxed)).sum()
    }
}
