//! Who talks most, and over which protocols: for the page, never for metrics, since it names addresses.
//!
//! Each worker counts in a Space-Saving sketch of its own (Metwally, Agrawal, El Abbadi: "Efficient Computation of Frequent and Top-k
//! Elements in Data Streams", 2005): so many counters, and a newcomer takes over the smallest, with its count as the error. Memory is bounded, and
//! whoever has more than 1/[`ROOM`] of the bytes is in it. Packets cost nothing: a flow is counted once, when it ends, and
//! while it lives it is come upon by a walk over the flow table, a few flows for each batch of packets.

use crate::event::DirectionCount;
use crate::packet::{Addr, IpProto};
use crate::time::Timestamp;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Counters of a sketch.
pub const ROOM: usize = 128;
/// Flows that are looked at for each batch of packets.
pub const FLOWS_A_BATCH: usize = 16;
/// The least time from the beginning of one walk to that of the next, in nanoseconds.
const WALK_EVERY: u64 = 2_000_000_000;
/// How long ended flows are counted together before they begin to be forgotten, in nanoseconds.
const GENERATION: u64 = 300_000_000_000;

/// What is counted of a host, a conversation or a protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Bytes of both directions: at least so many less `error`, at most so many.
    pub bytes: u64,
    /// How many of `bytes` may be others'.
    pub error: u64,
    /// Bytes that it sent, since it was last without a counter; of a conversation, its client.
    pub sent: u64,
    /// Bytes that it received.
    pub received: u64,
    /// Flows.
    pub flows: u64,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.error = self.error.saturating_add(other.error);
        self.sent = self.sent.saturating_add(other.sent);
        self.received = self.received.saturating_add(other.received);
        self.flows = self.flows.saturating_add(other.flows);
    }
}

/// Two hosts, and the service that one has of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Conversation {
    /// Who began.
    pub client: Addr,
    /// Who was called.
    pub server: Addr,
    /// The server's port; 0 where there are none.
    pub port: u16,
    /// Transport.
    pub proto: u8,
    /// The application protocol's name, once it is known.
    pub app: Option<&'static str>,
}

/// What a flow is counted by.
#[derive(Clone, Copy, Debug)]
pub struct FlowFacts {
    /// Who talks with whom.
    pub between: Conversation,
    /// To server, to client.
    pub counts: [DirectionCount; 2],
}

/// See the module.
#[derive(Clone, Debug)]
pub struct SpaceSaving<K> {
    room: usize,
    slots: Vec<(K, Tally)>,
    places: FxHashMap<K, usize>,
}

impl<K: Copy + Eq + Hash> SpaceSaving<K> {
    /// With `room` counters (at least 1).
    #[must_use]
    pub fn new(room: usize) -> Self {
        Self { room: room.max(1), slots: Vec::new(), places: FxHashMap::default() }
    }

    /// Counts what `more` says to `key`.
    pub fn add(&mut self, key: K, more: &Tally) {
        if let Some((_, tally)) = self.places.get(&key).and_then(|&place| self.slots.get_mut(place)) {
            return tally.add(more);
        }
        if self.slots.len() < self.room {
            self.places.insert(key, self.slots.len());
            return self.slots.push((key, *more));
        }
        let least = (0..).zip(&self.slots).min_by_key(|(_, (_, tally))| tally.bytes);
        let Some((place, &(old, least))) = least else { return };
        self.places.remove(&old);
        self.places.insert(key, place);
        if let Some(slot) = self.slots.get_mut(place) {
            let bytes = least.bytes.saturating_add(more.bytes);
            *slot = (key, Tally { bytes, error: least.bytes.saturating_add(more.error), ..*more });
        }
    }

    fn clear(&mut self) {
        self.slots.clear();
        self.places.clear();
    }
}

/// What was counted of some flows.
#[derive(Clone, Debug)]
pub struct Gathered {
    hosts: SpaceSaving<Addr>,
    conversations: SpaceSaving<Conversation>,
    /// Bounded by the number of protocols.
    protocols: FxHashMap<(Option<&'static str>, u8), Tally>,
}

impl Default for Gathered {
    fn default() -> Self {
        Self { hosts: SpaceSaving::new(ROOM), conversations: SpaceSaving::new(ROOM), protocols: FxHashMap::default() }
    }
}

impl Gathered {
    /// Counts a flow.
    pub fn add(&mut self, flow: &FlowFacts) {
        let [up, down] = flow.counts.map(|count| count.bytes);
        let tally = |sent, received| Tally { bytes: up.saturating_add(down), error: 0, sent, received, flows: 1 };
        let between = flow.between;
        self.hosts.add(between.client, &tally(up, down));
        if between.server != between.client {
            self.hosts.add(between.server, &tally(down, up));
        }
        self.conversations.add(between, &tally(up, down));
        self.protocols.entry((between.app, between.proto)).or_default().add(&tally(up, down));
    }

    fn clear(&mut self) {
        self.hosts.clear();
        self.conversations.clear();
        self.protocols.clear();
    }
}

/// What a worker gave last.
#[derive(Debug, Default)]
struct Given {
    live: Gathered,
    ended: [Gathered; 2],
}

/// A worker's end: what it counts, and where it gives that.
#[derive(Debug)]
pub struct TalkerWatch {
    given: Arc<Mutex<Given>>,
    /// Of this generation, and of the one before.
    ended: [Gathered; 2],
    turned: Timestamp,
    live: Gathered,
    /// Where the walk over the flow table goes on.
    next: usize,
    began: Timestamp,
}

impl TalkerWatch {
    /// A flow is over.
    pub fn ended(&mut self, flow: &FlowFacts) {
        self.ended[0].add(flow);
    }

    /// Goes on with the walk: `flows` gives what is known of the flow at a place of the table, nothing where there is none, or says that the table
    /// ends before.
    pub fn walk(&mut self, now: Timestamp, mut flows: impl FnMut(usize) -> Option<Option<FlowFacts>>) {
        if self.next == 0 {
            if now.0.saturating_sub(self.began.0) < WALK_EVERY {
                return;
            }
            self.began = now;
            self.live.clear();
        }
        for _ in 0..FLOWS_A_BATCH {
            match flows(self.next) {
                Some(flow) => {
                    self.next += 1;
                    if let Some(flow) = flow {
                        self.live.add(&flow);
                    }
                }
                None => return self.give(now),
            }
        }
    }

    /// The walk is at its end.
    #[cold]
    fn give(&mut self, now: Timestamp) {
        self.next = 0;
        // While somebody reads, the next walk's end is soon enough.
        if let Ok(mut given) = self.given.try_lock() {
            given.live.clone_from(&self.live);
            given.ended.clone_from(&self.ended);
        }
        if now.0.saturating_sub(self.turned.0) > GENERATION {
            self.turned = now;
            self.ended.swap(0, 1);
            self.ended[0].clear();
        }
    }
}

/// What all workers counted.
#[derive(Debug, Default)]
pub struct Talkers {
    workers: Mutex<Vec<Arc<Mutex<Given>>>>,
}

/// All workers' counts together, those with most bytes first.
#[derive(Clone, Debug, Default)]
pub struct TalkerReading {
    /// Hosts.
    pub hosts: Vec<(Addr, Tally)>,
    /// Conversations.
    pub conversations: Vec<(Conversation, Tally)>,
    /// Application protocols, by name and transport.
    pub protocols: Vec<((Option<&'static str>, u8), Tally)>,
}

impl Talkers {
    /// The end of another worker.
    pub(super) fn add(&self) -> TalkerWatch {
        let given = Arc::<Mutex<Given>>::default();
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&given));
        TalkerWatch {
            given,
            ended: Default::default(),
            turned: Timestamp::now(),
            live: Gathered::default(),
            next: 0,
            began: Timestamp(0),
        }
    }

    /// Flows that live, and those that ended in the last five to ten minutes; `most` of each kind.
    #[must_use]
    pub fn reading(&self, most: usize) -> TalkerReading {
        let (mut hosts, mut conversations, mut protocols) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for worker in self.workers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let given = worker.lock().unwrap_or_else(PoisonError::into_inner);
            for gathered in given.ended.iter().chain([&given.live]) {
                sum(&mut hosts, gathered.hosts.slots.iter().copied());
                sum(&mut conversations, gathered.conversations.slots.iter().copied());
                sum(&mut protocols, gathered.protocols.iter().map(|(key, tally)| (*key, *tally)));
            }
        }
        TalkerReading {
            hosts: top(hosts, most),
            conversations: top(conversations, most),
            protocols: top(protocols, most),
        }
    }
}

fn sum<K: Ord>(into: &mut BTreeMap<K, Tally>, from: impl Iterator<Item = (K, Tally)>) {
    for (key, tally) in from {
        into.entry(key).or_default().add(&tally);
    }
}

fn top<K>(all: BTreeMap<K, Tally>, most: usize) -> Vec<(K, Tally)> {
    let mut all: Vec<(K, Tally)> = all.into_iter().collect();
    all.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.bytes));
    all.truncate(most);
    all
}

/// A transport's name where it stands for an application protocol that is not known.
#[must_use]
pub fn transport_name(proto: u8) -> String {
    match IpProto(proto) {
        IpProto::TCP => "tcp".to_owned(),
        IpProto::UDP => "udp".to_owned(),
        IpProto::ICMP => "icmp".to_owned(),
        IpProto::ICMPV6 => "icmpv6".to_owned(),
        IpProto(other) => format!("ip {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn flow(client: u8, server: u8, up: u64, down: u64) -> FlowFacts {
        let [client, server] = [client, server].map(|n| Addr::v4([10, 0, 0, n]));
        let count = |bytes| DirectionCount { packets: 1, bytes };
        let between = Conversation { client, server, port: 443, proto: 6, app: Some("tls") };
        FlowFacts { between, counts: [count(up), count(down)] }
    }

    proptest! {
        /// What the paper promises: no count is too low, none is wrong by more than its error, and whoever is heavy is there.
        #[test]
        fn counts_are_within_their_error(weights in proptest::collection::vec((0_u32..40, 1_u64..1000), 1..400)) {
            let mut sketch = SpaceSaving::new(8);
            let mut truth: BTreeMap<u32, u64> = BTreeMap::new();
            for &(key, bytes) in &weights {
                sketch.add(key, &Tally { bytes, ..Tally::default() });
                *truth.entry(key).or_default() += bytes;
            }
            let total: u64 = truth.values().sum();
            prop_assert!(sketch.slots.len() <= 8);
            for (key, tally) in &sketch.slots {
                prop_assert!(tally.bytes >= truth[key] && tally.bytes - tally.error <= truth[key]);
            }
            for (key, bytes) in truth {
                prop_assert!(bytes <= total / 8 || sketch.places.contains_key(&key));
            }
        }
    }

    #[test]
    fn live_and_ended_flows_of_all_workers_are_one_table() {
        let talkers = Talkers::default();
        let (mut one, mut two) = (talkers.add(), talkers.add());
        one.ended(&flow(1, 9, 100, 900));
        two.ended(&flow(2, 9, 10, 20));
        let table = [Some(flow(1, 8, 5, 0)), None, Some(flow(1, 9, 1, 2))];
        let now = Timestamp(10_000_000_000);
        one.walk(now, |place| table.get(place).copied());
        two.walk(now, |_| None);
        let reading = talkers.reading(10);
        let host = |n: u8| reading.hosts.iter().find(|(a, _)| *a == Addr::v4([10, 0, 0, n])).map(|(_, t)| *t).unwrap();
        assert_eq!(host(9), Tally { bytes: 1033, error: 0, sent: 922, received: 111, flows: 3 });
        assert_eq!(host(1).flows, 3);
        assert_eq!(reading.hosts[0].0, Addr::v4([10, 0, 0, 9]));
        assert_eq!(reading.conversations.len(), 3);
        assert_eq!(
            reading.protocols,
            [((Some("tls"), 6), Tally { bytes: 1038, error: 0, sent: 116, received: 922, flows: 4 })]
        );
    }

    #[test]
    fn a_walk_takes_a_few_flows_a_batch_and_rests_between() {
        let talkers = Talkers::default();
        let mut watch = talkers.add();
        let table: Vec<_> = (0..FLOWS_A_BATCH as u8 + 1).map(|n| Some(flow(n, 99, 1, 0))).collect();
        let now = Timestamp(10_000_000_000);
        watch.walk(now, |place| table.get(place).copied());
        assert!(talkers.reading(10).hosts.is_empty(), "the walk is not at its end");
        watch.walk(now, |place| table.get(place).copied());
        assert_eq!(talkers.reading(1).hosts[0].1.flows, table.len() as u64);
        watch.walk(now, |_| panic!("it rests"));
    }

    #[test]
    fn what_ended_long_ago_is_forgotten() {
        let talkers = Talkers::default();
        let mut watch = talkers.add();
        let mut now = Timestamp(watch.turned.0 + 1);
        watch.ended(&flow(1, 2, 3, 4));
        watch.walk(now, |_| None);
        assert_eq!(talkers.reading(10).hosts.len(), 2);
        for _ in 0..4 {
            now = Timestamp(now.0 + GENERATION + 1);
            watch.walk(now, |_| None);
        }
        assert!(talkers.reading(10).hosts.is_empty());
    }
}
