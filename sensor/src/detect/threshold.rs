//! `threshold` and `detection_filter`: how often a signature may speak.
//!
//! Counts are shared by all workers, since a source's packets may be spread over several; the table is cut into shards
//! with a lock each, and is only asked when a signature that has a threshold has matched, never per packet.
//! Memory is bounded: a full shard forgets its entries whose time is over, and then the rest.

use crate::packet::Addr;
use crate::time::Timestamp;
use rustc_hash::FxHashMap;
use sekisho_signatures::model::{Threshold, ThresholdKind, TrackBy};
use sekisho_signatures::threshold_config::RateFilter;
use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, PoisonError};

const SHARDS: usize = 64;
/// Entries a shard may hold; 64 shards of 8,192 are about 40 MB at the most.
const MAX_PER_SHARD: usize = 8192;

/// What is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    /// `gid` and `sid`, and which of the signature's filters.
    signature: (u32, u32, Filter),
    who: (u128, u128),
}

/// A signature's filters, which count apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Filter {
    Threshold,
    Detection,
    Rate,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    /// Start of the current period.
    since: Timestamp,
    matches: u32,
    /// `backoff`: the count at which it speaks next.
    next: u32,
    seconds: u32,
}

/// Who took part in the match.
#[derive(Clone, Copy, Debug)]
pub struct Parties {
    /// Source of the packet.
    pub src: Addr,
    /// Destination of the packet.
    pub dst: Addr,
    /// `flow_id`, 0 without a flow.
    pub flow_id: u64,
}

/// All counts of all workers.
pub struct Thresholds {
    shards: Vec<Mutex<FxHashMap<Key, Count>>>,
    hasher: rustc_hash::FxBuildHasher,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), hasher: rustc_hash::FxBuildHasher }
    }
}

impl Thresholds {
    /// Counts one match of signature `(gid, sid)`; whether it may speak.
    pub fn allows(&self, signature: (u32, u32), threshold: &Threshold, parties: Parties, now: Timestamp) -> bool {
        let filter = match threshold.kind {
            ThresholdKind::DetectionFilter => Filter::Detection,
            _ => Filter::Threshold,
        };
        let key = Key { signature: (signature.0, signature.1, filter), who: who(threshold.track, parties) };
        self.count(key, threshold.count, threshold.seconds, now, |count| count.step(threshold, now))
    }

    /// Counts one match of a signature with a `rate_filter`; whether its action is to be the other one.
    pub fn exceeds(&self, signature: (u32, u32), filter: &RateFilter, parties: Parties, now: Timestamp) -> bool {
        let key = Key { signature: (signature.0, signature.1, Filter::Rate), who: who(filter.track, parties) };
        // What is remembered counts for the period, or for the time that the other action lasts.
        let remembered = filter.seconds.max(filter.timeout_s);
        self.count(key, 0, remembered, now, |count| count.rate(filter, now))
    }

    fn count<R>(&self, key: Key, next: u32, seconds: u32, now: Timestamp, step: impl FnOnce(&mut Count) -> R) -> R {
        let shard = &self.shards[self.hasher.hash_one(key) as usize % SHARDS];
        // A worker that panicked while it held the lock left a count, at worst, one behind.
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= MAX_PER_SHARD && !shard.contains_key(&key) {
            shard.retain(|_, c| now.since(c.since).as_secs() < u64::from(c.seconds));
            if shard.len() >= MAX_PER_SHARD {
                shard.clear();
            }
        }
        step(shard.entry(key).or_insert(Count { since: now, matches: 0, next, seconds }))
    }
}

fn who(track: TrackBy, parties: Parties) -> (u128, u128) {
    match track {
        TrackBy::Rule => (0, 0),
        TrackBy::Source => (parties.src.0, 0),
        TrackBy::Destination => (parties.dst.0, 1),
        TrackBy::Both => (parties.src.0, parties.dst.0),
        TrackBy::Flow => (u128::from(parties.flow_id), 2),
    }
}

impl Count {
    /// `next` is 1 while the other action lasts, `since` then its start.
    fn rate(&mut self, filter: &RateFilter, now: Timestamp) -> bool {
        let passed = now.since(self.since).as_secs();
        if self.next == 1 {
            if passed <= u64::from(filter.timeout_s) {
                return true;
            }
            (self.next, self.matches) = (0, 0);
            self.since = now;
        } else if passed >= u64::from(filter.seconds) {
            self.matches = 0;
            self.since = now;
        }
        self.matches = self.matches.saturating_add(1);
        if self.matches <= filter.count {
            return false;
        }
        // Without a time-out it holds for as long as matches come this fast.
        if filter.timeout_s > 0 {
            self.next = 1;
            self.since = now;
        }
        true
    }

    fn step(&mut self, threshold: &Threshold, now: Timestamp) -> bool {
        let over = now.since(self.since).as_secs() >= u64::from(threshold.seconds);
        // Backoff has no period: it counts as long as its key is remembered.
        if over && !matches!(threshold.kind, ThresholdKind::Backoff { .. }) {
            self.since = now;
            self.matches = 0;
        }
        self.matches = self.matches.saturating_add(1);
        match threshold.kind {
            ThresholdKind::Limit => self.matches <= threshold.count,
            ThresholdKind::Threshold => {
                let speaks = self.matches >= threshold.count;
                if speaks {
                    self.matches = 0;
                    self.since = now;
                }
                speaks
            }
            ThresholdKind::Both => self.matches == threshold.count,
            ThresholdKind::Backoff { multiplier } => {
                let speaks = self.matches == self.next;
                if speaks {
                    self.next = self.next.saturating_mul(multiplier);
                }
                speaks
            }
            ThresholdKind::DetectionFilter => self.matches > threshold.count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The matches, by number from 1, that may speak; one a second.
    fn speaks(kind: ThresholdKind, count: u32, seconds: u32, matches: u64) -> Vec<u64> {
        let thresholds = Thresholds::default();
        let threshold = Threshold { kind, track: TrackBy::Source, count, seconds };
        let parties = Parties { src: Addr(1), dst: Addr(2), flow_id: 0 };
        (1..=matches)
            .filter(|n| thresholds.allows((1, 1), &threshold, parties, Timestamp::from_parts(1000 + n, 0)))
            .collect()
    }

    #[test]
    fn each_kind_speaks_when_it_should() {
        assert_eq!(speaks(ThresholdKind::Limit, 2, 5, 12), [1, 2, 6, 7, 11, 12]);
        assert_eq!(speaks(ThresholdKind::Threshold, 3, 60, 9), [3, 6, 9]);
        assert_eq!(speaks(ThresholdKind::Both, 2, 5, 12), [2, 7, 12]);
        assert_eq!(speaks(ThresholdKind::DetectionFilter, 2, 60, 5), [3, 4, 5]);
        assert_eq!(speaks(ThresholdKind::Backoff { multiplier: 2 }, 1, 60, 9), [1, 2, 4, 8]);
    }

    #[test]
    fn a_rate_filter_changes_the_action_for_its_time() {
        use sekisho_signatures::model::Action;
        use sekisho_signatures::threshold_config::Subject;
        let exceeds = |timeout_s, seconds: &[u64]| -> Vec<u64> {
            let thresholds = Thresholds::default();
            let filter = RateFilter {
                subject: Subject { gid: 1, sid: 1 },
                track: TrackBy::Source,
                count: 2,
                seconds: 10,
                new_action: Action::Drop,
                timeout_s,
            };
            let parties = Parties { src: Addr(1), dst: Addr(2), flow_id: 0 };
            let at = |s: &&u64| thresholds.exceeds((1, 1), &filter, parties, Timestamp::from_parts(**s, 0));
            seconds.iter().filter(at).copied().collect()
        };
        // The third within ten seconds, and all for thirty more; then it counts anew.
        assert_eq!(exceeds(30, &[1, 2, 3, 20, 33, 34, 35, 36]), [3, 20, 33, 36]);
        // Too slow for it.
        assert_eq!(exceeds(30, &[1, 6, 11, 16, 21, 26]), [0; 0]);
        // Without a time-out, as long as they come this fast.
        assert_eq!(exceeds(0, &[1, 2, 3, 4, 20, 21]), [3, 4]);
    }

    #[test]
    fn sources_count_apart_and_memory_is_bounded() {
        let thresholds = Thresholds::default();
        let threshold = Threshold { kind: ThresholdKind::Limit, track: TrackBy::Source, count: 1, seconds: 60 };
        for n in 0..2_000_000_u128 {
            let parties = Parties { src: Addr(n), dst: Addr(2), flow_id: 0 };
            assert!(thresholds.allows((1, 1), &threshold, parties, Timestamp::from_parts(1000, 0)));
        }
        let held: usize = thresholds.shards.iter().map(|s| s.lock().unwrap().len()).sum();
        assert!(held <= SHARDS * MAX_PER_SHARD);
    }
}
