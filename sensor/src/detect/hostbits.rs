//! Bits that rules keep on addresses and on pairs of addresses (`xbits`, `hostbits`), for some time.
//!
//! A host's flows are spread over the workers, so its bits are kept in one place for all: shards with a lock each, held
//! for one look into a table. Only a rule that has such a condition, and of which all else has held, comes here; no packet does
//! by itself. A look-up allocates nothing. Memory is bounded: a full shard forgets the bits whose time is over, and if there
//! are none, takes no new ones; that is counted.

use crate::packet::Addr;
use crate::time::Timestamp;
use rustc_hash::FxHashMap;
use sekisho_signatures::kept::{BitCommand, BitOwner};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

const SHARDS: usize = 64;

/// Seconds that a bit lasts when its rule does not say (Suricata's user guide: 30 for `xbits`; `hostbits` last as long as
/// the host is known, for which 5 minutes are taken here).
pub const XBITS_EXPIRE_S: u32 = 30;
/// The same for `hostbits`.
pub const HOSTBITS_EXPIRE_S: u32 = 300;

/// Whose bit, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    bit: u32,
    /// Zero and the address for a host; the two addresses, the smaller first, for a pair.
    who: (u128, u128),
}

/// Number of the marker that stands before one host's address; no pair has it, since a pair's first address is the smaller.
const ONE_HOST: u128 = u128::MAX;

/// The bits of all hosts.
pub struct HostBits {
    shards: Box<[Mutex<FxHashMap<Key, Timestamp>>]>,
    most_per_shard: usize,
    // Addresses come from the wire: an attacker must not be able to choose them so that they meet in one slot.
    hasher: RandomState,
    refused: AtomicU64,
}

impl HostBits {
    /// Room for so many bits, over all hosts; about 64 bytes each when in use.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            most_per_shard: most.div_ceil(SHARDS).max(1),
            hasher: RandomState::new(),
            refused: AtomicU64::new(0),
        }
    }

    /// Bits not set because there was no room.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Whether the test holds for the packet's addresses. Commands that change bits hold always; [`BitOwner::Transaction`] is
    /// not kept here, and its tests never hold.
    #[must_use]
    pub fn holds(
        &self,
        command: BitCommand,
        bit: u32,
        owner: BitOwner,
        (src, dst): (Addr, Addr),
        now: Timestamp,
    ) -> bool {
        let is_set = |key| self.with(key, |bits, key| bits.get(key).is_some_and(|until| *until > now));
        let mut keys = keys(bit, owner, src, dst).into_iter().flatten();
        match command {
            BitCommand::IsSet => keys.any(is_set),
            BitCommand::IsNotSet => owner != BitOwner::Transaction && !keys.all(is_set),
            BitCommand::Set | BitCommand::Unset | BitCommand::Toggle => true,
        }
    }

    /// Does what the rule does when it matches; tests do nothing.
    pub fn apply(
        &self,
        command: BitCommand,
        bit: u32,
        owner: BitOwner,
        (src, dst): (Addr, Addr),
        expire_s: u32,
        now: Timestamp,
    ) {
        let until = Timestamp(now.0.saturating_add(u64::from(expire_s).saturating_mul(1_000_000_000)));
        for key in keys(bit, owner, src, dst).into_iter().flatten() {
            self.with(key, |bits, key| match command {
                BitCommand::Set => self.set(bits, *key, until, now),
                BitCommand::Unset => drop(bits.remove(key)),
                // A bit whose time is over counts as not set.
                BitCommand::Toggle => {
                    if bits.remove(key).is_none_or(|until| until <= now) {
                        self.set(bits, *key, until, now);
                    }
                }
                BitCommand::IsSet | BitCommand::IsNotSet => {}
            });
        }
    }

    fn set(&self, bits: &mut FxHashMap<Key, Timestamp>, key: Key, until: Timestamp, now: Timestamp) {
        if bits.len() >= self.most_per_shard && !bits.contains_key(&key) {
            bits.retain(|_, until| *until > now);
            if bits.len() >= self.most_per_shard {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
        bits.insert(key, until);
    }

    fn with<R>(&self, key: Key, act: impl FnOnce(&mut FxHashMap<Key, Timestamp>, &Key) -> R) -> R {
        let shard = self.hasher.hash_one(key) as usize % SHARDS;
        // A worker that panicked while it held the lock left the table whole: each change is one call.
        act(&mut self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner), &key)
    }
}

/// The one or two places where the bit is kept.
fn keys(bit: u32, owner: BitOwner, src: Addr, dst: Addr) -> [Option<Key>; 2] {
    let host = |address: Addr| Some(Key { bit, who: (ONE_HOST, address.0) });
    match owner {
        BitOwner::Source => [host(src), None],
        BitOwner::Destination => [host(dst), None],
        BitOwner::Both => [host(src), host(dst)],
        BitOwner::Pair => [Some(Key { bit, who: (src.0.min(dst.0), src.0.max(dst.0)) }), None],
        BitOwner::Transaction => [None, None],
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

    fn set(bits: &HostBits, owner: BitOwner, seconds: u64) {
        bits.apply(BitCommand::Set, 7, owner, (A, B), 10, at(seconds));
    }

    fn is_set(bits: &HostBits, owner: BitOwner, who: (Addr, Addr), seconds: u64) -> bool {
        let set = bits.holds(BitCommand::IsSet, 7, owner, who, at(seconds));
        if owner != BitOwner::Both {
            assert_ne!(set, bits.holds(BitCommand::IsNotSet, 7, owner, who, at(seconds)));
        }
        set
    }

    #[test]
    fn a_bit_is_its_owners_alone() {
        let bits = HostBits::new(1000);
        set(&bits, BitOwner::Source, 0);
        assert!(is_set(&bits, BitOwner::Source, (A, B), 1) && !is_set(&bits, BitOwner::Source, (B, A), 1));
        assert!(is_set(&bits, BitOwner::Destination, (B, A), 1) && is_set(&bits, BitOwner::Both, (B, A), 1));
        assert!(!is_set(&bits, BitOwner::Pair, (A, B), 1));
        assert!(!bits.holds(BitCommand::IsSet, 8, BitOwner::Source, (A, B), at(1)));
        set(&bits, BitOwner::Pair, 0);
        assert!(is_set(&bits, BitOwner::Pair, (B, A), 1) && !is_set(&bits, BitOwner::Pair, (B, B), 1));
    }

    #[test]
    fn a_bit_goes_when_its_time_is_over_and_lasts_when_set_again() {
        let bits = HostBits::new(1000);
        set(&bits, BitOwner::Source, 0);
        assert!(is_set(&bits, BitOwner::Source, (A, B), 9) && !is_set(&bits, BitOwner::Source, (A, B), 10));
        set(&bits, BitOwner::Source, 8);
        assert!(is_set(&bits, BitOwner::Source, (A, B), 17));
        // An expired bit toggles to set.
        bits.apply(BitCommand::Toggle, 7, BitOwner::Source, (A, B), 10, at(30));
        assert!(is_set(&bits, BitOwner::Source, (A, B), 31));
        bits.apply(BitCommand::Toggle, 7, BitOwner::Source, (A, B), 10, at(31));
        assert!(!is_set(&bits, BitOwner::Source, (A, B), 31));
        set(&bits, BitOwner::Both, 40);
        bits.apply(BitCommand::Unset, 7, BitOwner::Destination, (A, B), 0, at(41));
        assert!(is_set(&bits, BitOwner::Source, (A, B), 41) && !is_set(&bits, BitOwner::Destination, (A, B), 41));
        assert!(bits.holds(BitCommand::IsNotSet, 7, BitOwner::Both, (A, B), at(41)));
    }

    #[test]
    fn memory_is_bounded_and_what_found_no_room_is_counted() {
        let bits = HostBits::new(6400);
        for n in 0..100_000 {
            bits.apply(BitCommand::Set, 1, BitOwner::Source, (Addr(n), B), 60, at(0));
        }
        let held = || bits.shards.iter().map(|s| s.lock().unwrap().len()).sum::<usize>();
        assert_eq!(held() as u64 + bits.refused(), 100_000);
        assert!(held() <= 6400);
        // What has run out makes room.
        let refused = bits.refused();
        bits.apply(BitCommand::Set, 1, BitOwner::Source, (Addr(1 << 90), B), 60, at(61));
        assert_eq!(bits.refused(), refused);
    }
}
