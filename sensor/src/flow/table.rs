//! The flow table: hash buckets of one cache line each, entries in one slab.
//!
//! A bucket holds seven (tag, index) pairs. A flow whose bucket is full goes into the next one with room; each bucket on
//! the way counts those that passed, so that a look-up knows where to stop and removal leaves no tombstones. The slab
//! is reserved for the memory cap at the start and touched as flows come, so nothing is ever moved or rehashed.

use super::entry::Flow;
use super::key::{Hasher, Key, Keyed, splitmix};
use super::wheel::{self, Wheel};
use super::{FlowConfig, FlowCounters, FlowIndex, Lookup, NONE, Timeouts};
use crate::event::FlowEndReason;
use crate::packet::{IpProto, Packet, TcpFlags};
use crate::time::Timestamp;

const WAYS: usize = 7;
/// Flows that eviction looks at before it takes the best of them.
const CANDIDATES: usize = 8;

/// Told of flows that end, and asked about those that seem to.
pub trait FlowEnds<U> {
    /// The flow ends; it is forgotten next.
    fn end(&mut self, flow: &mut Flow<U>, reason: FlowEndReason);
    /// Where the flow is that ends next.
    fn at(&mut self, _index: FlowIndex) {}
    /// When the last packet came of a flow whose packets are counted in the kernel.
    fn last_in_kernel(&mut self, flow: &Flow<U>) -> Timestamp {
        flow.last
    }
}

impl<U, F: FnMut(&mut Flow<U>, FlowEndReason)> FlowEnds<U> for F {
    fn end(&mut self, flow: &mut Flow<U>, reason: FlowEndReason) {
        self(flow, reason);
    }
}

/// Seven flows' tags and places.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Bucket {
    /// Part of the hash; 0 is an empty way.
    tags: [u32; WAYS],
    /// Flows that found this bucket full and are in a later one.
    passed: u32,
    flows: [u32; WAYS],
    _rest: u32,
}

const EMPTY: Bucket = Bucket { tags: [0; WAYS], passed: 0, flows: [NONE; WAYS], _rest: 0 };

/// A hash as the buckets use it.
#[derive(Clone, Copy)]
struct Place {
    bucket: usize,
    tag: u32,
}

/// One worker's flows. `U` is what the pipeline keeps with each of them.
#[derive(Debug)]
pub struct FlowTable<U> {
    /// What was counted so far.
    pub counters: FlowCounters,
    buckets: Vec<Bucket>,
    flows: Vec<Flow<U>>,
    free: u32,
    capacity: usize,
    wheel: Wheel,
    hasher: Hasher,
    timeouts: Timeouts,
    /// The shortest of them.
    shortest: u64,
    separate_interfaces: bool,
    separate_vlans: bool,
    next_id: u64,
    worker: u16,
    id_key: u64,
}

impl<U: Default> FlowTable<U> {
    /// A table within `config.memcap_bytes`, for at least one flow.
    ///
    /// `seed` must be unguessable, and the same for all workers of a process; `worker` must differ between them (0 to
    /// 255), so that flow ids are unique.
    #[must_use]
    pub fn new(config: &FlowConfig, seed: u64, worker: u16) -> Self {
        let per_flow = (size_of::<Flow<U>>() + size_of::<Bucket>() / 4) as u64;
        let capacity = (config.memcap_bytes / per_flow).clamp(1, 1 << 30) as usize;
        let mut flows = Vec::new();
        // Reserved, not touched: address space only. If that is refused, growing in steps still works.
        let _ = flows.try_reserve_exact(capacity);
        let timeouts = Timeouts::new(config);
        let mut id_seed = seed ^ 0x5e81_5c0f_10d5_0000;
        let counters = FlowCounters {
            capacity: capacity as u64,
            memory_limit_bytes: config.memcap_bytes,
            ..FlowCounters::default()
        };
        let mut table = Self {
            counters,
            buckets: vec![EMPTY; capacity.div_ceil(4).max(1)],
            flows,
            free: NONE,
            capacity,
            wheel: Wheel::new(),
            hasher: Hasher::new(seed),
            timeouts,
            shortest: timeouts.shortest(),
            separate_interfaces: config.separate_interfaces,
            separate_vlans: config.separate_vlans,
            next_id: 0,
            worker,
            id_key: splitmix(&mut id_seed),
        };
        table.count_memory();
        table
    }

    /// Finds the packet's flow or makes one, and counts the packet to it. Flows that end on the way (timed out, their
    /// addresses taken by a new connection, or evicted) are given to `on_end` before they are forgotten.
    pub fn lookup(&mut self, packet: &Packet<'_>, on_end: &mut impl FnMut(&mut Flow<U>, FlowEndReason)) -> Lookup {
        self.lookup_with(packet, on_end)
    }

    /// The same, for who also knows of packets that the kernel counted.
    pub fn lookup_with(&mut self, packet: &Packet<'_>, on_end: &mut impl FlowEnds<U>) -> Lookup {
        let Some(mut keyed) = Keyed::of(packet, self.separate_interfaces) else {
            self.counters.no_flow += 1;
            return Lookup::NoFlow;
        };
        if !self.separate_vlans {
            keyed.key.without_vlans();
        }
        let place = self.place(&keyed.key);
        let (index, new) = match self.find(place, &keyed.key) {
            Some(index) => match self.ends_now(index, packet, &keyed, on_end) {
                None => (index, false),
                Some(reason) => {
                    self.end(index, place, reason, on_end);
                    match self.create(place, packet, &keyed, on_end) {
                        Some(index) => (index, true),
                        None => return self.refused(&keyed),
                    }
                }
            },
            None => match self.create(place, packet, &keyed, on_end) {
                Some(index) => (index, true),
                None => return self.refused(&keyed),
            },
        };
        let flow = &mut self.flows[index as usize];
        let direction = keyed.direction(flow.client_is_high);
        let count = &mut flow.counts[direction.index()];
        if count.packets == 0 {
            flow.icmp[direction.index()] = keyed.icmp.unwrap_or_default();
        }
        count.packets += 1;
        count.bytes += packet.data.len() as u64;
        flow.last = flow.last.max(packet.ts);
        if !flow.answered && flow.counts[0].packets > 0 && flow.counts[1].packets > 0 {
            flow.answered = true;
            if flow.proto() != IpProto::TCP {
                self.state_changed(FlowIndex(index));
            }
        }
        Lookup::Flow { index: FlowIndex(index), direction, new }
    }

    /// The flow at `index`, as [`FlowTable::lookup`] gave it.
    ///
    /// # Panics
    /// If `index` is of another table.
    pub fn get_mut(&mut self, index: FlowIndex) -> &mut Flow<U> {
        &mut self.flows[index.0 as usize]
    }

    /// The flow at `index`.
    ///
    /// # Panics
    /// If `index` is of another table.
    #[must_use]
    pub fn get(&self, index: FlowIndex) -> &Flow<U> {
        &self.flows[index.0 as usize]
    }

    /// The flow at a place of the table, from 0 on, for those who look at all in the course of time: nothing where none is at the moment, and
    /// none at all behind the last place.
    #[must_use]
    pub fn at(&self, place: usize) -> Option<Option<&Flow<U>>> {
        self.flows.get(place).map(|flow| (flow.id != 0).then_some(flow))
    }

    /// Flows in the table.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counters.active as usize
    }

    /// Whether it holds no flow.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counters.active == 0
    }

    /// To be called after a flow's state changed (see [`crate::stream::SegmentReport::state_changed`]): puts it where
    /// eviction and its new time-out look for it. Without the call that happens within a minute.
    pub fn state_changed(&mut self, index: FlowIndex) {
        let flow = &self.flows[index.0 as usize];
        let now = flow.last;
        self.wheel.remove(&mut self.flows, index.0);
        self.schedule(index.0, now);
    }

    /// Ends flows that had no packet for their time-out, by packet time `now`. Looks at `budget` flows at most; call it
    /// once a batch. What is not reached is continued at the next call.
    pub fn expire(&mut self, now: Timestamp, budget: usize, on_end: &mut impl FnMut(&mut Flow<U>, FlowEndReason)) {
        self.expire_with(now, budget, on_end);
    }

    /// The same, for who also knows of packets that the kernel counted.
    pub fn expire_with(&mut self, now: Timestamp, budget: usize, on_end: &mut impl FlowEnds<U>) {
        self.wheel.follow(now.seconds());
        let mut left = budget;
        while self.wheel.cursor <= now.seconds() {
            while let Some(index) = self.wheel.any_at(self.wheel.cursor) {
                if left == 0 {
                    return;
                }
                left -= 1;
                if self.is_due(index, now) && self.is_over(index, now, on_end) {
                    let place = self.place(&self.flows[index as usize].key);
                    self.end(index, place, FlowEndReason::Timeout, on_end);
                } else {
                    self.wheel.remove(&mut self.flows, index);
                    self.schedule(index, now);
                }
            }
            if self.wheel.cursor == now.seconds() {
                return;
            }
            self.wheel.cursor += 1;
        }
    }

    /// Ends all flows: the sensor stops, or the capture file is over.
    pub fn drain(&mut self, on_end: &mut impl FnMut(&mut Flow<U>, FlowEndReason)) {
        self.drain_with(on_end);
    }

    /// The same, for who also knows of packets that the kernel counted.
    pub fn drain_with(&mut self, on_end: &mut impl FlowEnds<U>) {
        for index in 0..self.flows.len() as u32 {
            if self.flows[index as usize].id != 0 {
                let place = self.place(&self.flows[index as usize].key);
                self.end(index, place, FlowEndReason::Shutdown, on_end);
            }
        }
    }

    /// No flow was made: because an ICMP error makes none, or for want of room.
    fn refused(&mut self, keyed: &Keyed) -> Lookup {
        if keyed.may_create {
            self.counters.full += 1;
            Lookup::Full
        } else {
            self.counters.no_flow += 1;
            Lookup::NoFlow
        }
    }

    /// Whether the packet's flow is over before this packet: it timed out, or the packet opens a new connection.
    fn ends_now(
        &mut self,
        index: u32,
        packet: &Packet<'_>,
        keyed: &Keyed,
        on_end: &mut impl FlowEnds<U>,
    ) -> Option<FlowEndReason> {
        if self.is_due(index, packet.ts) && self.is_over(index, packet.ts, on_end) {
            return Some(FlowEndReason::Timeout);
        }
        let flow = &self.flows[index as usize];
        let tcp = packet.tcp().filter(|tcp| tcp.flags.any(TcpFlags::SYN) && packet.checksum_ok)?;
        let direction = keyed.direction(flow.client_is_high);
        // Of a connection that is let by, the end may not have been seen.
        let anew = flow.bypassed && flow.tcp.begins_anew(tcp, direction);
        (anew || flow.tcp.reopened_by(tcp, direction)).then_some(FlowEndReason::Reused)
    }

    /// Of a flow that is due: whether that holds when the packets that the kernel counted are considered.
    #[cold]
    fn is_over(&mut self, index: u32, now: Timestamp, on_end: &mut impl FlowEnds<U>) -> bool {
        let flow = &mut self.flows[index as usize];
        if !flow.in_kernel {
            return true;
        }
        flow.last = on_end.last_in_kernel(flow).max(flow.last);
        self.is_due(index, now)
    }

    /// Whether no packet came for longer than the flow's time-out. The state, a cache line further on, is asked only
    /// when it matters.
    #[inline]
    fn is_due(&self, index: u32, now: Timestamp) -> bool {
        let flow = &self.flows[index as usize];
        let idle = now.0.saturating_sub(flow.last.0);
        idle > self.shortest && idle > self.timeout(flow)
    }

    #[inline]
    fn timeout(&self, flow: &Flow<U>) -> u64 {
        self.timeouts.get(flow.key.timeouts(), flow.own_state())
    }

    /// Puts a flow in the wheel, where it is not.
    fn schedule(&mut self, index: u32, now: Timestamp) {
        let flow = &self.flows[index as usize];
        let class = wheel::class(flow.own_state());
        // A flow is due when its time-out is exceeded: the second after.
        let due = Timestamp(flow.last.0.saturating_add(self.timeout(flow))).seconds().saturating_add(1);
        self.wheel.insert(&mut self.flows, index, class, now.seconds(), due);
    }

    #[inline]
    fn place(&self, key: &Key) -> Place {
        let hash = self.hasher.hash(key);
        let bucket = ((hash >> 32) * self.buckets.len() as u64) >> 32;
        Place { bucket: bucket as usize, tag: (hash as u32).max(1) }
    }

    fn next_bucket(&self, bucket: usize) -> usize {
        if bucket + 1 == self.buckets.len() { 0 } else { bucket + 1 }
    }

    #[inline]
    fn find(&self, place: Place, key: &Key) -> Option<u32> {
        let mut at = place.bucket;
        for _ in 0..self.buckets.len() {
            let bucket = &self.buckets[at];
            for way in 0..WAYS {
                if bucket.tags[way] == place.tag {
                    let index = bucket.flows[way];
                    if self.flows[index as usize].key == *key {
                        return Some(index);
                    }
                }
            }
            if bucket.passed == 0 {
                return None;
            }
            at = self.next_bucket(at);
        }
        None
    }

    /// Puts a flow into the hash table. There is always room: it has more ways than the slab has flows.
    fn link(&mut self, place: Place, index: u32) {
        let mut at = place.bucket;
        for _ in 0..self.buckets.len() {
            let bucket = &mut self.buckets[at];
            if let Some(way) = bucket.tags.iter().position(|&tag| tag == 0) {
                (bucket.tags[way], bucket.flows[way]) = (place.tag, index);
                return;
            }
            bucket.passed += 1;
            at = self.next_bucket(at);
        }
    }

    fn unlink(&mut self, place: Place, index: u32) {
        let mut at = place.bucket;
        for _ in 0..self.buckets.len() {
            let bucket = &mut self.buckets[at];
            if let Some(way) = bucket.flows.iter().position(|&flow| flow == index) {
                (bucket.tags[way], bucket.flows[way]) = (0, NONE);
                return;
            }
            bucket.passed -= 1;
            at = self.next_bucket(at);
        }
    }

    fn create(
        &mut self,
        place: Place,
        packet: &Packet<'_>,
        keyed: &Keyed,
        on_end: &mut impl FlowEnds<U>,
    ) -> Option<u32> {
        if !keyed.may_create {
            return None;
        }
        self.wheel.follow(packet.ts.seconds());
        if self.free == NONE && self.flows.len() >= self.capacity {
            self.evict(on_end);
        }
        let index = if self.free != NONE {
            let index = self.free;
            self.free = self.flows[index as usize].older;
            index
        } else if self.flows.len() < self.capacity {
            self.flows.push(Flow::default());
            self.count_memory();
            (self.flows.len() - 1) as u32
        } else {
            return None;
        };
        let id = self.new_id();
        let flow = &mut self.flows[index as usize];
        flow.key = keyed.key;
        flow.client_is_high = keyed.client_is_high;
        (flow.id, flow.start, flow.last) = (id, packet.ts, packet.ts);
        (flow.interface, flow.vlans) = (packet.interface, packet.vlans);
        self.link(place, index);
        self.schedule(index, packet.ts);
        self.counters.active += 1;
        self.counters.created += 1;
        match keyed.key.proto() {
            IpProto::TCP => self.counters.created_tcp += 1,
            IpProto::UDP => self.counters.created_udp += 1,
            IpProto::ICMP | IpProto::ICMPV6 => self.counters.created_icmp += 1,
            _ => {}
        }
        Some(index)
    }

    /// Ends a flow and keeps its entry for the next one.
    fn end(&mut self, index: u32, place: Place, reason: FlowEndReason, on_end: &mut impl FlowEnds<U>) {
        on_end.at(FlowIndex(index));
        on_end.end(&mut self.flows[index as usize], reason);
        let flow = &self.flows[index as usize];
        self.counters.one_sided += u64::from(flow.tcp.one_sided(flow.counts.map(|count| count.packets)));
        self.unlink(place, index);
        self.wheel.remove(&mut self.flows, index);
        let flow = &mut self.flows[index as usize];
        *flow = Flow::default();
        flow.older = self.free;
        self.free = index;
        self.counters.active -= 1;
        match reason {
            FlowEndReason::Timeout => self.counters.ended_timeout += 1,
            FlowEndReason::Forced => self.counters.ended_forced += 1,
            FlowEndReason::Reused => self.counters.ended_reused += 1,
            FlowEndReason::Shutdown => self.counters.ended_shutdown += 1,
        }
    }

    /// Makes room: ends a flow that is closed, else one that is new, else an established one; of a few that are looked
    /// at, the one that was idle longest.
    fn evict(&mut self, on_end: &mut impl FlowEnds<U>) {
        let mut best: Option<u32> = None;
        for class in 0..3 {
            for _ in 0..CANDIDATES {
                let Some(index) = self.wheel.soonest(class) else { break };
                let state = wheel::class(self.flows[index as usize].own_state());
                // Put anew, by its true age and state: the next one looked at is another.
                let now = Timestamp(self.wheel.cursor.saturating_mul(1_000_000_000));
                self.wheel.remove(&mut self.flows, index);
                self.schedule(index, now);
                if state == class && best.is_none_or(|b| self.flows[index as usize].last < self.flows[b as usize].last)
                {
                    best = Some(index);
                }
            }
            if best.is_some() {
                break;
            }
        }
        if let Some(index) = best.or_else(|| (0..3).find_map(|class| self.wheel.soonest(class))) {
            let place = self.place(&self.flows[index as usize].key);
            self.end(index, place, FlowEndReason::Forced, on_end);
        }
    }

    /// The next id: a permutation of (worker, running number) within 53 bits, so unique, spread, and exact in readers
    /// that keep numbers as doubles.
    fn new_id(&mut self) -> u64 {
        const BITS: u64 = (1 << 53) - 1;
        loop {
            let mut x = (u64::from(self.worker) << 45 | self.next_id & ((1 << 45) - 1)) & BITS;
            self.next_id += 1;
            x = (x ^ self.id_key) & BITS;
            for multiplier in [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9] {
                x = x.wrapping_mul(multiplier) & BITS;
                x ^= x >> 27;
            }
            if x != 0 {
                return x;
            }
        }
    }

    fn count_memory(&mut self) {
        let bytes = self.buckets.len() * size_of::<Bucket>() + self.flows.len() * size_of::<Flow<U>>();
        self.counters.memory_bytes = bytes as u64;
    }
}
