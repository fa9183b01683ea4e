//! Alerts counted by signature and severity, in a bounded set of series, each of which is there before its first alert.
//!
//! Workers count an alert when they send it, so that one that an output loses is still counted here. With a new ruleset the
//! set grows, as far as its bound; no series ever goes or changes its place.

use rustc_hash::FxHashMap;
use sekisho_signatures::model::{Action, Signature};
use std::sync::atomic::{AtomicU64, Ordering};

/// How many series may be added at most, whatever the bound: room for them is there from the start.
const SPARE: usize = 8192;

/// Which signatures have a series of their own.
#[derive(Clone, Debug, Default)]
pub struct AlertCatalog {
    slots: FxHashMap<u32, usize>,
    sids: Vec<u32>,
    /// More series than this there will never be.
    room: usize,
}

/// Severities with a series of their own: 1 (highest) to 4, and the rest.
pub const SEVERITIES: [&str; 5] = ["1", "2", "3", "4", "other"];

impl AlertCatalog {
    /// The `max` most severe signatures, among equals those that come first. Signatures that never alert have none.
    #[must_use]
    pub fn choose<'a>(signatures: impl IntoIterator<Item = &'a Signature>, max: usize) -> Self {
        Self::of_sids(most_severe_first(signatures), max)
    }

    /// The first `max` different sids.
    #[must_use]
    pub fn of_sids(sids: impl IntoIterator<Item = u32>, max: usize) -> Self {
        let mut catalog = Self { room: max, ..Self::default() };
        catalog.add(sids);
        catalog.room = max.min(catalog.sids.len() + SPARE);
        catalog
    }

    /// The same series in the same places, and behind them those of signatures that have none yet, while there is room.
    #[must_use]
    pub fn grown<'a>(&self, signatures: impl IntoIterator<Item = &'a Signature>) -> Self {
        let mut catalog = self.clone();
        catalog.add(most_severe_first(signatures));
        catalog
    }

    fn add(&mut self, sids: impl IntoIterator<Item = u32>) {
        for sid in sids {
            if self.sids.len() >= self.room {
                break;
            }
            if let std::collections::hash_map::Entry::Vacant(slot) = self.slots.entry(sid) {
                slot.insert(self.sids.len());
                self.sids.push(sid);
            }
        }
    }

    /// Signatures with a series of their own.
    #[must_use]
    pub fn sids(&self) -> &[u32] {
        &self.sids
    }
}

/// The sids of those that can alert.
fn most_severe_first<'a>(signatures: impl IntoIterator<Item = &'a Signature>) -> impl Iterator<Item = u32> {
    let mut by_severity: Vec<(u8, u32)> = signatures
        .into_iter()
        .filter(|s| !s.noalert && s.action != Action::Pass)
        .map(|s| (s.priority, s.sid))
        .collect();
    by_severity.sort_by_key(|&(priority, _)| priority);
    by_severity.into_iter().map(|(_, sid)| sid)
}

/// One worker's alerts: single writer, relaxed stores.
#[derive(Debug)]
pub(super) struct AlertCounts {
    /// By slot of the catalog, with room for all that it may grow to.
    by_sid: Box<[AtomicU64]>,
    /// All that have no slot.
    others: AtomicU64,
    by_severity: [AtomicU64; SEVERITIES.len()],
}

impl AlertCounts {
    pub(super) fn new(catalog: &AlertCatalog) -> Self {
        Self {
            by_sid: (0..catalog.room).map(|_| AtomicU64::new(0)).collect(),
            others: AtomicU64::new(0),
            by_severity: Default::default(),
        }
    }

    pub(super) fn count(&self, catalog: &AlertCatalog, sid: u32, severity: u8) {
        let slot = catalog.slots.get(&sid).and_then(|&slot| self.by_sid.get(slot));
        super::queue::bump(slot.unwrap_or(&self.others), 1);
        let severity = usize::from(severity.wrapping_sub(1)).min(SEVERITIES.len() - 1);
        super::queue::bump(&self.by_severity[severity], 1);
    }

    pub(super) fn add_to(&self, reading: &mut AlertReading) {
        if let Some((others, by_sid)) = reading.by_sid.split_last_mut() {
            for (sum, counter) in by_sid.iter_mut().zip(&self.by_sid) {
                sum.1 += counter.load(Ordering::Relaxed);
            }
            others.1 += self.others.load(Ordering::Relaxed);
        }
        for (sum, counter) in reading.by_severity.iter_mut().zip(&self.by_severity) {
            sum.1 += counter.load(Ordering::Relaxed);
        }
    }
}

/// Alerts of all workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertReading {
    /// By signature; `None` is all that have no series of their own.
    pub by_sid: Vec<(Option<u32>, u64)>,
    /// By severity, in the order of [`SEVERITIES`].
    pub by_severity: [(&'static str, u64); SEVERITIES.len()],
}

impl AlertReading {
    pub(super) fn zero(catalog: &AlertCatalog) -> Self {
        Self {
            by_sid: catalog.sids.iter().map(|&sid| (Some(sid), 0)).chain([(None, 0)]).collect(),
            by_severity: SEVERITIES.map(|name| (name, 0)),
        }
    }

    /// All alerts.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_severity.iter().map(|&(_, n)| n).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_beyond_the_bound_count_as_other() {
        let catalog = AlertCatalog::of_sids([7, 7, 9, 11], 2);
        assert_eq!(catalog.sids(), [7, 9]);
        let counts = AlertCounts::new(&catalog);
        for (sid, severity) in [(7, 1), (9, 2), (9, 4), (11, 5), (12, 255), (7, 0)] {
            counts.count(&catalog, sid, severity);
        }
        let mut reading = AlertReading::zero(&catalog);
        counts.add_to(&mut reading);
        assert_eq!(reading.by_sid, [(Some(7), 2), (Some(9), 2), (None, 2)]);
        assert_eq!(reading.by_severity, [("1", 1), ("2", 1), ("3", 0), ("4", 1), ("other", 3)]);
        assert_eq!(reading.total(), 6);
    }

    #[test]
    fn it_grows_behind_what_is_there_as_far_as_its_bound() {
        let rule = |sid: u32| format!("alert ip any any -> any any (sid:{sid};)\n");
        let load = |sids: &[u32]| {
            let text: String = sids.iter().copied().map(rule).collect();
            let name = std::path::Path::new("x.rules");
            let (variables, classes) = Default::default();
            sekisho_signatures::load::load_text(name, text.as_bytes(), &variables, &classes).signatures
        };
        let before = AlertCatalog::choose(load(&[1, 2]).iter().map(|s| &**s), 4);
        let counts = AlertCounts::new(&before);
        counts.count(&before, 2, 3);
        let after = before.grown(load(&[9, 2, 8, 7]).iter().map(|s| &**s));
        assert_eq!(after.sids(), [1, 2, 9, 8]);
        for sid in [9, 7, 2] {
            counts.count(&after, sid, 3);
        }
        let mut reading = AlertReading::zero(&after);
        counts.add_to(&mut reading);
        assert_eq!(reading.by_sid, [(Some(1), 0), (Some(2), 2), (Some(9), 1), (Some(8), 0), (None, 1)]);
    }

    #[test]
    fn with_no_catalog_all_count_as_other() {
        let catalog = AlertCatalog::default();
        let counts = AlertCounts::new(&catalog);
        counts.count(&catalog, 1, 3);
        let mut reading = AlertReading::zero(&catalog);
        counts.add_to(&mut reading);
        assert_eq!(reading.by_sid, [(None, 1)]);
    }
}
