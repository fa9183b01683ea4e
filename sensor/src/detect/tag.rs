//! `tag`: which packets are logged because a rule matched before, on their flow or on one of their hosts.
//!
//! A tag of a flow stands in the flow itself ([`FlowTag`]); those of hosts in one table for all workers, since a host's
//! packets may come by several. That table is asked once a packet, but only while it holds anything: an atomic count says so
//! without a lock. It is bounded; a full one forgets what has run out and, if nothing has, takes no new tags, which is counted.

use crate::packet::Addr;
use crate::time::Timestamp;
use arrayvec::ArrayVec;
use rustc_hash::FxHashMap;
use sekisho_signatures::kept::{Tag, TagLength, TagScope};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

const SHARDS: usize = 16;
/// Seconds after which a host's tag that counts packets or bytes is forgotten if no packet came.
const IDLE_S: u64 = 600;

/// How much is left of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowTag {
    since: Timestamp,
    last: Timestamp,
    left: TagLength,
}

impl FlowTag {
    /// A tag that begins after the packet of now, which has its alert.
    #[must_use]
    pub fn new(length: TagLength, now: Timestamp) -> Self {
        Self { since: now, last: now, left: length }
    }

    /// Counts one more packet, of so many bytes; whether it is tagged. Once false it stays so.
    pub fn take(&mut self, bytes: u32, now: Timestamp) -> bool {
        self.last = self.last.max(now);
        match &mut self.left {
            TagLength::Unlimited => true,
            TagLength::Seconds(seconds) => now.since(self.since).as_secs() <= u64::from(*seconds),
            TagLength::Packets(left) => {
                let tagged = *left > 0;
                *left = left.saturating_sub(1);
                tagged
            }
            // The packet with which the bytes run out is still logged.
            TagLength::Bytes(left) => {
                let tagged = *left > 0;
                *left = left.saturating_sub(bytes);
                tagged
            }
        }
    }

    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        match self.left {
            TagLength::Packets(0) | TagLength::Bytes(0) => true,
            TagLength::Seconds(seconds) => now.since(self.since).as_secs() > u64::from(seconds),
            _ => now.since(self.last).as_secs() > IDLE_S,
        }
    }
}

/// Tags of one host that may run at the same time.
const TAGS_PER_HOST: usize = 4;

/// The tags that run on one host, each with the rule that set it.
type Running = ArrayVec<(u32, FlowTag), TAGS_PER_HOST>;

/// The tags of hosts.
pub struct HostTags {
    shards: Box<[Mutex<FxHashMap<Addr, Running>>]>,
    hosts: AtomicUsize,
    refused: AtomicU64,
    most_per_shard: usize,
    // Addresses come from the wire: an attacker must not be able to choose them so that they meet in one slot.
    hasher: RandomState,
}

impl HostTags {
    /// Room for the tags of so many hosts, about 200 bytes each when in use.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hosts: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            most_per_shard: most.div_ceil(SHARDS).max(1),
            hasher: RandomState::new(),
        }
    }

    /// Tags not set because there was no room.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Tags the host that the rule names; a tag of the same rule that still runs goes on as it is. `rule` tells rules apart.
    pub fn set(&self, tag: Tag, rule: u32, src: Addr, dst: Addr, now: Timestamp) {
        let host = match tag.scope {
            TagScope::Session => return,
            TagScope::Source => src,
            TagScope::Destination => dst,
        };
        self.with(host, |shard| {
            if shard.len() >= self.most_per_shard && !shard.contains_key(&host) {
                shard.retain(|_, running| running.iter().any(|(_, tag)| !tag.is_over(now)));
                if shard.len() >= self.most_per_shard {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    return;
                }
            }
            let running = shard.entry(host).or_default();
            running.retain(|(_, tag)| !tag.is_over(now));
            let known = running.iter().any(|(by, _)| *by == rule);
            if !known && running.try_push((rule, FlowTag::new(tag.length, now))).is_err() {
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    /// Counts a packet of so many bytes; whether one of its hosts is tagged. Costs one relaxed load while no host is.
    pub fn take(&self, src: Addr, dst: Addr, bytes: u32, now: Timestamp) -> bool {
        if self.hosts.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let one = |host| {
            self.with(host, |shard| {
                let Some(running) = shard.get_mut(&host) else { return false };
                let mut tagged = false;
                running.retain(|(_, tag)| {
                    tagged |= tag.take(bytes, now);
                    !tag.is_over(now)
                });
                if running.is_empty() {
                    shard.remove(&host);
                }
                tagged
            })
        };
        let by_src = one(src);
        src != dst && one(dst) || by_src
    }

    fn with<R>(&self, host: Addr, act: impl FnOnce(&mut FxHashMap<Addr, Running>) -> R) -> R {
        let shard = self.hasher.hash_one(host) as usize % SHARDS;
        // A worker that panicked while it held the lock left at worst a count behind.
        let mut shard = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        let before = shard.len();
        let answer = act(&mut shard);
        let after = shard.len();
        match after.checked_sub(before) {
            Some(more) => self.hosts.fetch_add(more, Ordering::Relaxed),
            None => self.hosts.fetch_sub(before - after, Ordering::Relaxed),
        };
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Addr = Addr(1);
    const B: Addr = Addr(2);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_parts(seconds, 0)
    }

    /// Which of ten packets of 100 bytes, one a second, are tagged.
    fn tagged(length: TagLength) -> Vec<u64> {
        let mut tag = FlowTag::new(length, at(0));
        (1..=10).filter(|n| tag.take(100, at(*n))).collect()
    }

    #[test]
    fn a_tag_runs_for_its_length() {
        assert_eq!(tagged(TagLength::Packets(3)), [1, 2, 3]);
        assert_eq!(tagged(TagLength::Seconds(4)), [1, 2, 3, 4]);
        assert_eq!(tagged(TagLength::Bytes(250)), [1, 2, 3]);
        assert_eq!(tagged(TagLength::Bytes(300)), [1, 2, 3]);
        assert_eq!(tagged(TagLength::Unlimited).len(), 10);
        assert!(tagged(TagLength::Packets(0)).is_empty());
    }

    #[test]
    fn a_host_is_tagged_in_either_direction_until_it_runs_out() {
        let tags = HostTags::new(100);
        assert!(!tags.take(A, B, 100, at(0)));
        let tag = |scope, n| Tag { scope, length: TagLength::Packets(n) };
        tags.set(tag(TagScope::Destination, 3), 1, A, B, at(0));
        assert!(!tags.take(A, Addr(3), 100, at(1)));
        assert!(tags.take(A, B, 100, at(1)) && tags.take(B, A, 100, at(1)));
        // The same rule again does not begin anew; another rule's tag runs beside it.
        tags.set(tag(TagScope::Destination, 3), 1, A, B, at(1));
        tags.set(tag(TagScope::Source, 5), 2, B, A, at(1));
        assert_eq!((0..9).filter(|_| tags.take(B, B, 100, at(2))).count(), 5);
        assert_eq!(tags.hosts.load(Ordering::Relaxed), 0);
        tags.set(tag(TagScope::Session, 5), 2, B, A, at(1));
        assert!(!tags.take(B, A, 100, at(2)));
    }

    #[test]
    fn memory_is_bounded_and_what_found_no_room_is_counted() {
        let tags = HostTags::new(1600);
        let tag = Tag { scope: TagScope::Source, length: TagLength::Seconds(5) };
        for n in 0..10_000 {
            tags.set(tag, 1, Addr(n), B, at(0));
        }
        let held = tags.hosts.load(Ordering::Relaxed);
        assert!(held <= 1600);
        assert_eq!(held as u64 + tags.refused(), 10_000);
        let refused = tags.refused();
        tags.set(tag, 1, Addr(1 << 90), B, at(6));
        assert!(tags.take(Addr(1 << 90), B, 1, at(7)));
        assert_eq!(tags.refused(), refused);
        for rule in 2..9 {
            tags.set(tag, rule, Addr(1 << 90), B, at(7));
        }
        assert_eq!(tags.refused(), refused + 4);
    }
}
