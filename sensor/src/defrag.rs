//! IP defragmentation: holds the fragments of IPv4 (RFC 791 §3.2) and IPv6 (RFC 8200 §4.5) datagrams until a datagram is
//! whole, and gives it back as one run of bytes.
//!
//! Memory, datagrams, fragments per datagram and time are limited. When room is short the oldest datagrams are given up
//! first, so that a flood of fragments that never complete cannot shut out those that do. Buffers come from a pool and
//! go back to it; once it has filled, nothing is allocated.
//!
//! Where fragments overlap, hosts differ in which one they believe, and an attacker can make use of that. Each byte is
//! decided on arrival, by the [`Policy`]: a datagram's bytes do not depend on anything but its fragments and their order.

mod buffers;
mod pieces;
#[cfg(test)]
mod tests;

use crate::decode::{DecodeEvent, EventSet};
use crate::host_os::{HostOs, HostOsTable};
use crate::packet::{Addr, Vlans};
use crate::time::Timestamp;
use buffers::{Buffer, Pool};
use pieces::Pieces;
pub use pieces::Policy;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;

/// Bytes kept free before a datagram's payload for its header. IPv4 headers have at most 60; IPv6 datagrams whose
/// unfragmentable part is longer than this are refused.
pub const HEADER_MAX: usize = 256;

/// No IP datagram is longer: the length fields have 16 bits.
const DATAGRAM_MAX: usize = 65_535;

/// The fixed IPv6 header is not counted in its length field.
const IPV6_FIXED_LEN: usize = 40;

/// Limits of defragmentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DefragConfig {
    /// Bytes that buffers may take, pooled ones included, for each worker. At least 1 MiB is taken as given.
    pub memory_bytes: u64,
    /// Datagrams held at a time, for each worker; at least 1.
    pub max_datagrams: u32,
    /// Fragments of one datagram; more are refused.
    pub max_fragments: u16,
    /// Seconds of packet time, from its first fragment on, after which a datagram is given up.
    pub timeout_s: u32,
    /// Who is believed where fragments overlap, for receivers whose system `[host_os_policy]` does not tell.
    pub policy: Policy,
}

impl Default for DefragConfig {
    fn default() -> Self {
        Self { memory_bytes: 32 << 20, max_datagrams: 8192, max_fragments: 1024, timeout_s: 60, policy: Policy::Bsd }
    }
}

crate::counters! {
    /// What the defragmenter counts.
    pub struct DefragCounters {
        /// IPv4 fragments.
        ipv4_fragments => "defrag_ipv4_fragments_total",
        /// IPv4 datagrams that were put together.
        ipv4_reassembled => "defrag_ipv4_reassembled_total",
        /// IPv4 datagrams given up because fragments were still missing at the time-out.
        ipv4_timeouts => "defrag_ipv4_timeouts_total",
        /// IPv6 fragments.
        ipv6_fragments => "defrag_ipv6_fragments_total",
        /// IPv6 datagrams that were put together.
        ipv6_reassembled => "defrag_ipv6_reassembled_total",
        /// IPv6 datagrams given up because fragments were still missing at the time-out.
        ipv6_timeouts => "defrag_ipv6_timeouts_total",
        /// Fragments refused because their datagram had the most that are allowed.
        max_fragments_reached => "defrag_max_fragments_reached_total",
        /// Fragments refused because there was no memory even after giving up others.
        memory_refused => "defrag_memory_refused_fragments_total",
        /// Datagrams given up to keep the number of datagrams within its limit.
        evicted_for_datagrams => "defrag_evicted_for_datagrams_total",
        /// Datagrams given up to keep memory within its limit.
        evicted_for_memory => "defrag_evicted_for_memory_total",
        /// Fragments that overlapped others.
        overlaps => "defrag_overlapping_fragments_total",
        /// Fragments that contradicted their datagram or could not be part of one.
        ignored => "defrag_ignored_fragments_total",
        /// Bytes that buffers take now, pooled ones included.
        memory => "defrag_memory_bytes",
        /// Most bytes that they may take (decode.defrag.memory_bytes).
        memory_limit => "defrag_memory_limit_bytes",
        /// Datagrams held now.
        datagrams => "defrag_datagrams",
    }
}

/// Tells datagrams apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Source address.
    pub src: Addr,
    /// Destination address.
    pub dst: Addr,
    /// Identification field.
    pub id: u32,
    /// As in `Packet::tunnel_id`.
    pub tunnel_id: u32,
    /// Tags.
    pub vlans: Vlans,
    /// Protocol for IPv4; 0 for IPv6, whose fragments may name different ones.
    pub proto: u8,
    /// 4 or 6.
    pub version: u8,
}

/// A fragment, its header read.
#[derive(Clone, Copy, Debug)]
pub struct Fragment<'a> {
    /// Its datagram.
    pub key: Key,
    /// When it was captured.
    pub ts: Timestamp,
    /// Where its data goes, in bytes; a multiple of 8.
    pub offset: u32,
    /// More fragments follow this one.
    pub more: bool,
    /// What the datagram's header is if this is its first fragment: no fragment fields any more; lengths are filled in later.
    pub header: &'a [u8],
    /// Its part of the datagram.
    pub data: &'a [u8],
}

/// A datagram that was put together. Give it back with [`Defragmenter::recycle`].
#[derive(Debug)]
pub struct Datagram {
    buffer: Buffer,
    start: usize,
    end: usize,
}

impl Datagram {
    /// Header and payload.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }
}

/// What became of a fragment.
#[derive(Debug)]
pub enum Inserted {
    /// Its datagram still misses fragments, or the fragment was ignored.
    Held,
    /// A limit refused it.
    Refused,
    /// It was the last that was missing.
    Complete(Datagram),
}

/// "No slot" in the links of the age list.
const NONE: u32 = u32::MAX;

/// A datagram in the making.
#[derive(Debug)]
struct Slot {
    key: Key,
    first_seen: Timestamp,
    buffer: Buffer,
    pieces: Pieces,
    policy: Policy,
    /// Payload length, known from the last fragment.
    total: Option<u32>,
    /// The header's length, once the first fragment came.
    header_len: Option<u16>,
    fragments: u16,
    /// Neighbours in the list by age.
    older: u32,
    newer: u32,
}

/// Holds one worker's fragments.
#[derive(Debug)]
pub struct Defragmenter {
    config: DefragConfig,
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_key: HashMap<Key, u32>,
    pool: Pool,
    oldest: u32,
    newest: u32,
    hosts: Arc<HostOsTable>,
    /// What happened so far.
    pub counters: DefragCounters,
}

impl Defragmenter {
    /// An empty one.
    #[must_use]
    pub fn new(mut config: DefragConfig) -> Self {
        config.max_datagrams = config.max_datagrams.clamp(1, 1 << 20);
        config.max_fragments = config.max_fragments.max(2);
        config.memory_bytes = config.memory_bytes.max(1 << 20);
        let datagrams = config.max_datagrams as usize;
        Self {
            slots: Vec::with_capacity(datagrams),
            free: Vec::with_capacity(datagrams),
            by_key: HashMap::with_capacity(datagrams),
            pool: Pool::new(config.memory_bytes),
            oldest: NONE,
            newest: NONE,
            hosts: Arc::default(),
            counters: DefragCounters { memory_limit: config.memory_bytes, ..DefragCounters::default() },
            config,
        }
    }

    /// Takes overlaps as the systems of the receivers take them.
    pub fn set_hosts(&mut self, hosts: Arc<HostOsTable>) {
        self.hosts = hosts;
    }

    /// Takes a fragment. The events are the packet's to raise.
    pub fn insert(&mut self, fragment: &Fragment<'_>) -> (Inserted, EventSet) {
        let is_v4 = fragment.key.version == 4;
        let fragments = if is_v4 { &mut self.counters.ipv4_fragments } else { &mut self.counters.ipv6_fragments };
        *fragments = fragments.wrapping_add(1);
        self.expire(fragment.ts);
        let mut events = EventSet::default();
        let inserted = self.try_insert(fragment, &mut events);
        self.counters.memory = self.pool.memory();
        self.counters.datagrams = self.by_key.len() as u64;
        (inserted, events)
    }

    fn try_insert(&mut self, fragment: &Fragment<'_>, events: &mut EventSet) -> Inserted {
        let is_v4 = fragment.key.version == 4;
        let mut data = fragment.data;
        if fragment.more {
            // All but the last are a multiple of eight bytes long; hosts cut off what is over.
            data = data.get(..data.len() & !7).unwrap_or_default();
        }
        let counted_header =
            if is_v4 { fragment.header.len() } else { fragment.header.len().saturating_sub(IPV6_FIXED_LEN) };
        let end = fragment.offset as usize + data.len();
        if counted_header + end > DATAGRAM_MAX {
            events.insert(if is_v4 { DecodeEvent::Ipv4FragPktTooLarge } else { DecodeEvent::Ipv6FragPktTooLarge });
            self.counters.ignored = self.counters.ignored.wrapping_add(1);
            return Inserted::Held;
        }
        if data.is_empty() || fragment.header.len() > HEADER_MAX {
            return self.ignore(is_v4, events);
        }
        let index = match self.slot_for(fragment, end, events) {
            Ok(index) => index,
            Err(inserted) => return inserted,
        };
        let Some(slot) = self.slots.get_mut(index as usize) else {
            return Inserted::Refused;
        };
        let first_byte_was_known = slot.pieces.has_first_byte();
        let added = slot.pieces.add(fragment.offset, data, slot.policy, slot.buffer.get_mut(HEADER_MAX..));
        slot.fragments = slot.fragments.saturating_add(1);
        if fragment.offset == 0 && (!first_byte_was_known || added.wrote_first_byte) {
            slot.set_header(fragment.header);
        }
        if !fragment.more {
            slot.total = Some(end as u32);
        }
        let is_complete = slot.is_complete();
        if added.overlapped {
            self.count_overlap(is_v4, events);
        }
        if is_complete { self.complete(index) } else { Inserted::Held }
    }

    /// The slot of the fragment's datagram, with room for it; or what becomes of a fragment that cannot be taken.
    fn slot_for(&mut self, fragment: &Fragment<'_>, end: usize, events: &mut EventSet) -> Result<u32, Inserted> {
        let is_v4 = fragment.key.version == 4;
        let index = self.find_or_make(fragment).ok_or(Inserted::Refused)?;
        let slot = self.slots.get(index as usize).ok_or(Inserted::Refused)?;
        // All ends must agree with the last fragment's, whenever that came.
        let contradicts = match (slot.total, fragment.more) {
            (Some(total), false) => end != total as usize,
            (Some(total), true) => end > total as usize,
            (None, false) => slot.pieces.end() as usize > end,
            (None, true) => false,
        };
        if contradicts {
            if !slot.pieces.overlap(fragment.offset, end as u32) {
                return Err(self.ignore(is_v4, events));
            }
            self.count_overlap(is_v4, events);
            self.counters.ignored = self.counters.ignored.wrapping_add(1);
            return Err(Inserted::Held);
        }
        if slot.fragments >= self.config.max_fragments {
            self.counters.max_fragments_reached = self.counters.max_fragments_reached.wrapping_add(1);
            return Err(Inserted::Refused);
        }
        if !self.make_room(index, HEADER_MAX + end) {
            self.counters.memory_refused = self.counters.memory_refused.wrapping_add(1);
            if self.slots.get(index as usize).is_some_and(|slot| slot.fragments == 0) {
                self.remove(index);
            }
            return Err(Inserted::Refused);
        }
        Ok(index)
    }

    fn count_overlap(&mut self, is_v4: bool, events: &mut EventSet) {
        self.counters.overlaps = self.counters.overlaps.wrapping_add(1);
        events.insert(if is_v4 { DecodeEvent::Ipv4FragOverlap } else { DecodeEvent::Ipv6FragOverlap });
    }

    /// A fragment that makes no sense.
    fn ignore(&mut self, is_v4: bool, events: &mut EventSet) -> Inserted {
        self.counters.ignored = self.counters.ignored.wrapping_add(1);
        events.insert(if is_v4 { DecodeEvent::Ipv4FragIgnored } else { DecodeEvent::Ipv6FragIgnored });
        Inserted::Held
    }

    /// The slot of the fragment's datagram.
    fn find_or_make(&mut self, fragment: &Fragment<'_>) -> Option<u32> {
        if let Some(index) = self.by_key.get(&fragment.key) {
            let index = *index;
            let age = self.slots.get(index as usize)?;
            if !self.is_over(age, fragment.ts) {
                return Some(index);
            }
            self.time_out(index);
        }
        if self.by_key.len() >= self.config.max_datagrams as usize {
            self.counters.evicted_for_datagrams = self.counters.evicted_for_datagrams.wrapping_add(1);
            self.remove(self.oldest);
        }
        let policy = self.hosts.find(fragment.key.dst).map_or(self.config.policy, HostOs::fragments);
        let index = match self.free.pop() {
            Some(index) => {
                let slot = self.slots.get_mut(index as usize)?;
                slot.key = fragment.key;
                slot.first_seen = fragment.ts;
                slot.policy = policy;
                slot.total = None;
                slot.header_len = None;
                slot.fragments = 0;
                index
            }
            None => {
                self.slots.push(Slot {
                    key: fragment.key,
                    first_seen: fragment.ts,
                    buffer: Buffer::default(),
                    pieces: Pieces::default(),
                    policy,
                    total: None,
                    header_len: None,
                    fragments: 0,
                    older: NONE,
                    newer: NONE,
                });
                (self.slots.len() - 1) as u32
            }
        };
        self.by_key.insert(fragment.key, index);
        self.link_newest(index);
        Some(index)
    }

    /// Gives the slot a buffer of at least `len` bytes, giving up older datagrams if need be.
    fn make_room(&mut self, index: u32, len: usize) -> bool {
        loop {
            let Some(slot) = self.slots.get_mut(index as usize) else {
                return false;
            };
            if self.pool.grow(&mut slot.buffer, len) {
                return true;
            }
            let victim = if self.oldest == index { slot.newer } else { self.oldest };
            if victim == NONE {
                return false;
            }
            self.counters.evicted_for_memory = self.counters.evicted_for_memory.wrapping_add(1);
            self.remove(victim);
        }
    }

    /// Takes the whole datagram out of its slot.
    fn complete(&mut self, index: u32) -> Inserted {
        let Some(slot) = self.slots.get_mut(index as usize) else {
            return Inserted::Held;
        };
        let is_v4 = slot.key.version == 4;
        let header_len = usize::from(slot.header_len.unwrap_or_default());
        let total = slot.total.unwrap_or_default() as usize;
        let start = HEADER_MAX.saturating_sub(header_len);
        let mut buffer = std::mem::take(&mut slot.buffer);
        // The header was kept at the front; it belongs right before the payload.
        buffer.copy_within(0..header_len, start);
        let (at, len) =
            if is_v4 { (2, header_len + total) } else { (4, (header_len + total).saturating_sub(IPV6_FIXED_LEN)) };
        if let Some(field) = buffer.get_mut(start + at..).and_then(|b| b.first_chunk_mut::<2>()) {
            *field = (len as u16).to_be_bytes();
        }
        let reassembled = if is_v4 { &mut self.counters.ipv4_reassembled } else { &mut self.counters.ipv6_reassembled };
        *reassembled = reassembled.wrapping_add(1);
        self.remove(index);
        Inserted::Complete(Datagram { buffer, start, end: HEADER_MAX + total })
    }

    /// Puts a datagram's buffer back into the pool.
    pub fn recycle(&mut self, datagram: Datagram) {
        self.pool.put_back(datagram.buffer);
        self.counters.memory = self.pool.memory();
    }

    /// Gives up datagrams that waited too long at `now`: some of them, so that the work of one call is bounded.
    /// `insert` does it too; this is for times without fragments.
    pub fn expire(&mut self, now: Timestamp) {
        const AT_ONCE: usize = 16;
        for _ in 0..AT_ONCE {
            let index = self.oldest;
            match self.slots.get(index as usize) {
                Some(slot) if index != NONE && self.is_over(slot, now) => self.time_out(index),
                _ => break,
            }
        }
        self.counters.datagrams = self.by_key.len() as u64;
    }

    fn is_over(&self, slot: &Slot, now: Timestamp) -> bool {
        now.since(slot.first_seen).as_secs() >= u64::from(self.config.timeout_s)
    }

    fn time_out(&mut self, index: u32) {
        let is_v4 = self.slots.get(index as usize).is_some_and(|slot| slot.key.version == 4);
        let timeouts = if is_v4 { &mut self.counters.ipv4_timeouts } else { &mut self.counters.ipv6_timeouts };
        *timeouts = timeouts.wrapping_add(1);
        self.remove(index);
    }

    fn link_newest(&mut self, index: u32) {
        let previous = std::mem::replace(&mut self.newest, index);
        if let Some(slot) = self.slots.get_mut(index as usize) {
            slot.older = previous;
            slot.newer = NONE;
        }
        match self.slots.get_mut(previous as usize) {
            Some(slot) if previous != NONE => slot.newer = index,
            _ => self.oldest = index,
        }
    }

    /// Frees a slot and what it holds.
    fn remove(&mut self, index: u32) {
        let Some(slot) = self.slots.get_mut(index as usize) else {
            return;
        };
        self.by_key.remove(&slot.key);
        self.pool.put_back(std::mem::take(&mut slot.buffer));
        slot.pieces.clear();
        let (older, newer) = (slot.older, slot.newer);
        match self.slots.get_mut(older as usize) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
        match self.slots.get_mut(newer as usize) {
            Some(slot) => slot.older = older,
            None => self.newest = older,
        }
        self.free.push(index);
    }
}

impl Slot {
    fn set_header(&mut self, header: &[u8]) {
        if let Some(room) = self.buffer.get_mut(..header.len()) {
            room.copy_from_slice(header);
            self.header_len = Some(header.len() as u16);
        }
    }

    fn is_complete(&self) -> bool {
        self.header_len.is_some() && self.total.is_some_and(|total| self.pieces.covered() == total)
    }
}
