//! Alerts counted by signature and severity, in a set of series that is fixed before the first alert.
//!
//! Workers count an alert when they send it, so that one that an output loses is still counted here.

use rustc_hash::FxHashMap;
use sekisho_signatures::model::{Action, Signature};
use std::sync::atomic::{AtomicU64, Ordering};

/// Which signatures have a series of their own.
#[derive(Debug, Default)]
pub struct AlertCatalog {
    slots: FxHashMap<u32, usize>,
    sids: Vec<u32>,
}

/// Severities with a series of their own: 1 (highest) to 4, and the rest.
pub const SEVERITIES: [&str; 5] = ["1", "2", "3", "4", "other"];

impl AlertCatalog {
    /// The `max` most severe signatures, among equals those that come first. Signatures that never alert have none.
    #[must_use]
    pub fn choose<'a>(signatures: impl IntoIterator<Item = &'a Signature>, max: usize) -> Self {
        let mut by_severity: Vec<(u8, u32)> = signatures
            .into_iter()
            .filter(|s| !s.noalert && s.action != Action::Pass)
            .map(|s| (s.priority, s.sid))
            .collect();
        by_severity.sort_by_key(|&(priority, _)| priority);
        Self::of_sids(by_severity.into_iter().map(|(_, sid)| sid), max)
    }

    /// The first `max` different sids.
    #[must_use]
    pub fn of_sids(sids: impl IntoIterator<Item = u32>, max: usize) -> Self {
        let mut catalog = Self::default();
        for sid in sids {
            if catalog.sids.len() >= max {
                break;
            }
            if let std::collections::hash_map::Entry::Vacant(slot) = catalog.slots.entry(sid) {
                slot.insert(catalog.sids.len());
                catalog.sids.push(sid);
            }
        }
        catalog
    }

    /// Signatures with a series of their own.
    #[must_use]
    pub fn sids(&self) -> &[u32] {
        &self.sids
    }
}

/// One worker's alerts: single writer, relaxed stores.
#[derive(Debug)]
pub(super) struct AlertCounts {
    /// By slot of the catalog; the last one takes all others.
    by_sid: Box<[AtomicU64]>,
    by_severity: [AtomicU64; SEVERITIES.len()],
}

impl AlertCounts {
    pub(super) fn new(catalog: &AlertCatalog) -> Self {
        Self { by_sid: (0..=catalog.sids.len()).map(|_| AtomicU64::new(0)).collect(), by_severity: Default::default() }
    }

    pub(super) fn count(&self, catalog: &AlertCatalog, sid: u32, severity: u8) {
        let slot = catalog.slots.get(&sid).copied().unwrap_or(catalog.sids.len());
        if let Some(counter) = self.by_sid.get(slot) {
            super::queue::bump(counter, 1);
        }
        let severity = usize::from(severity.wrapping_sub(1)).min(SEVERITIES.len() - 1);
        super::queue::bump(&self.by_severity[severity], 1);
    }

    pub(super) fn add_to(&self, reading: &mut AlertReading) {
        for (sum, counter) in reading.by_sid.iter_mut().zip(&self.by_sid) {
            sum.1 += counter.load(Ordering::Relaxed);
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
    fn with_no_catalog_all_count_as_other() {
        let catalog = AlertCatalog::default();
        let counts = AlertCounts::new(&catalog);
        counts.count(&catalog, 1, 3);
        let mut reading = AlertReading::zero(&catalog);
        counts.add_to(&mut reading);
        assert_eq!(reading.by_sid, [(None, 1)]);
    }
}
