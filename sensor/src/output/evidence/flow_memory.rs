//! What a recorder knows of flows: which frames in the [`Ring`] are whose, which flows' packets are being kept and how much more of them.
//!
//! Memory is shared out once. A chain belongs to whoever used its place last, so that a flow that ended needs no clearing up, and what
//! is asked for in vain is only missing from a file.

use super::config::EvidenceConfig;
use super::name::EvidenceName;
use super::outlet::{AlertNote, Item, Meta, Outlet};
use super::pcapng::PACKET_OVERHEAD;
use super::recorder::EvidenceCounters;
use super::ring::{CHAIN_MAX, Entry, Ring};
use crate::decode::Frame;
use crate::flow::FlowIndex;
use crate::packet::{Addr, Ip, Packet};
use crate::time::Timestamp;
use arrayvec::ArrayVec;
use std::hash::Hasher as _;

/// Packets of one frame that are noted: more headers are not decoded.
const NOTES: usize = 16;
/// Datagrams whose fragments are remembered.
const DATAGRAMS: usize = 1024;
/// Fragments of a datagram: as many as the defragmenter takes by default.
const FRAGMENTS: u16 = 1024;
/// One of so many bytes of memory is for chains.
const CHAINS_SHARE: u64 = 16;

/// A flow's frames in the ring.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chain {
    /// EVE's `flow_id`; 0 for none.
    id: u64,
    /// The number of its last entry.
    pub(super) last: u64,
    /// The last of its frames that was handed over.
    pub(super) written: u64,
    /// Bytes that were remembered.
    bytes: u64,
    /// The time in the name of its last file.
    pub(super) start: u64,
    /// Its packets are being kept.
    pub(super) open: bool,
}

/// Which chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A flow's: the place of its chain, and its id.
    Flow(usize, u64),
    /// That of packets with no flow.
    NoFlow,
}

/// What a frame's packet belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Note {
    /// To a flow.
    Flow(Place),
    /// To a datagram, by a hash of what tells datagrams apart.
    Fragment(u64),
}

/// Frames that are fragments of a datagram.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fragments {
    key: u64,
    last: u64,
    count: u16,
}

/// A flow whose packets are being kept.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) place: Place,
    name: EvidenceName,
    pub(super) until: Timestamp,
    packets_left: u32,
    bytes_left: u64,
    file_bytes_left: u64,
    pub(super) done: bool,
}

/// Packets of flows that alert.
#[derive(Debug)]
pub(super) struct Flows {
    config: EvidenceConfig,
    pub(super) ring: Ring,
    chains: Vec<Chain>,
    no_flow: Chain,
    fragments: Vec<Fragments>,
    pub(super) open: Vec<Open>,
    pub(super) notes: ArrayVec<Note, NOTES>,
    pub(super) alerts: Vec<(Place, EvidenceName, AlertNote)>,
    found: Vec<Entry>,
    pub(super) outlet: Outlet,
    pub(super) worker: u16,
}

impl Flows {
    pub(super) fn new(config: &EvidenceConfig, outlet: Outlet, worker: u16, flow_capacity: u64) -> Self {
        let chain = size_of::<Chain>() as u64;
        // A power of two, rounded down: they are found without a division.
        let chains =
            1_u64 << (config.memory_bytes / CHAINS_SHARE / chain).min(flow_capacity.next_power_of_two()).max(1).ilog2();
        let fragments = vec![Fragments::default(); DATAGRAMS];
        let lists = DATAGRAMS * size_of::<Fragments>() + CHAIN_MAX * size_of::<Entry>();
        let others = (chains * chain).saturating_add(lists as u64);
        Self {
            ring: Ring::new(config.memory_bytes.saturating_sub(others)),
            chains: vec![Chain::default(); chains as usize],
            no_flow: Chain::default(),
            fragments,
            open: Vec::new(),
            notes: ArrayVec::new(),
            alerts: Vec::new(),
            found: Vec::new(),
            config: config.clone(),
            outlet,
            worker,
        }
    }

    #[inline]
    pub(super) fn place(&self, index: FlowIndex, id: u64) -> Place {
        Place::Flow(index.0 as usize & (self.chains.len() - 1), id)
    }

    /// The chain there, if it has one.
    pub(super) fn chain(&self, place: Place) -> Option<Chain> {
        match place {
            Place::Flow(at, id) => self.chains.get(at).filter(|chain| chain.id == id).copied(),
            Place::NoFlow => Some(self.no_flow),
        }
    }

    /// The chain there: a new one if it is another flow's.
    #[inline]
    fn chain_mut(&mut self, place: Place) -> &mut Chain {
        match place {
            Place::Flow(at, id) => match self.chains.get_mut(at) {
                Some(chain) => {
                    if chain.id != id {
                        *chain = Chain { id, ..Chain::default() };
                    }
                    chain
                }
                None => &mut self.no_flow,
            },
            Place::NoFlow => &mut self.no_flow,
        }
    }

    /// The file for packets of that chain: the one at hand, or a new one.
    pub(super) fn name(&mut self, place: Place, ts: Timestamp) -> EvidenceName {
        let known = self.alerts.iter().find(|(of, ..)| *of == place).map(|(_, name, _)| *name);
        let known =
            known.or_else(|| self.open.iter().find(|open| open.place == place && !open.done).map(|open| open.name));
        known.unwrap_or_else(|| {
            let flow_id = if let Place::Flow(_, id) = place { id } else { 0 };
            let chain = self.chain_mut(place);
            // Two files of a flow differ in their names, even if the clock stands still.
            chain.start = if ts.0 > chain.start { ts.0 } else { chain.start.saturating_add(1) };
            let start = Timestamp(chain.start);
            EvidenceName { flow_id, worker: self.worker, start }
        })
    }

    pub(super) fn frame(&mut self, frame: &Frame<'_>, counters: &mut EvidenceCounters) {
        let mut entry = None;
        let mut in_datagram = false;
        // From the outermost in: what follows a fragment is of the datagram that it made whole.
        for at in (0..self.notes.len()).rev() {
            match self.notes.get(at) {
                Some(&Note::Flow(place)) => {
                    if in_datagram {
                        self.add_fragments(place);
                    }
                    if self.is_wanted(place) {
                        self.record(place, frame, &mut entry);
                    }
                }
                Some(&Note::Fragment(key)) => {
                    let of = self.ring_entry(frame, &mut entry);
                    self.link_fragment(key, of, at > 0);
                    in_datagram = true;
                }
                None => {}
            }
        }
        let mut alerts = std::mem::take(&mut self.alerts);
        for (place, ..) in &alerts {
            if self.chain(*place).is_none_or(|chain| entry.is_none_or(|entry| !self.is_last(&chain, &entry))) {
                self.record(*place, frame, &mut entry);
            }
        }
        match &entry {
            Some(_) => counters.recorded += 1,
            None => counters.beyond += 1,
        }
        for (place, name, note) in alerts.drain(..) {
            self.keep(place, name, note, counters);
        }
        self.alerts = alerts;
        for at in 0..self.notes.len() {
            if let Some(&Note::Flow(place)) = self.notes.get(at)
                && self.chain(place).is_some_and(|chain| chain.open)
            {
                self.hand_over(place, None);
            }
        }
        self.notes.clear();
    }

    /// The flow's beginning is not over yet, or its packets are being kept.
    #[inline]
    fn is_wanted(&mut self, place: Place) -> bool {
        let most = self.config.flow_bytes;
        let chain = self.chain_mut(place);
        chain.open || most == 0 || chain.bytes < most
    }

    /// The frame at hand in the ring; copied when it is asked for first.
    #[inline]
    fn ring_entry(&mut self, frame: &Frame<'_>, entry: &mut Option<Entry>) -> Entry {
        *entry.get_or_insert_with(|| self.ring.put(frame))
    }

    /// Makes the frame at hand the last of the chain.
    #[inline]
    fn record(&mut self, place: Place, frame: &Frame<'_>, entry: &mut Option<Entry>) {
        let entry = self.ring_entry(frame, entry);
        let last = self.chain_mut(place).last;
        let number = self.ring.link(entry, last);
        let chain = self.chain_mut(place);
        chain.last = number;
        chain.bytes = chain.bytes.saturating_add(u64::from(entry.len));
    }

    fn is_last(&self, chain: &Chain, entry: &Entry) -> bool {
        self.ring.entry(chain.last).is_some_and(|last| last.frame == entry.frame)
    }

    /// Makes a frame the last of its datagram's. If that is whole with it, its frames are in `found` then.
    fn link_fragment(&mut self, key: u64, entry: Entry, whole: bool) {
        let at = key as usize % DATAGRAMS;
        let Some(fragments) = self.fragments.get_mut(at) else { return };
        if fragments.key != key || fragments.count >= FRAGMENTS {
            *fragments = Fragments { key, ..Fragments::default() };
        }
        fragments.count += 1;
        fragments.last = self.ring.link(entry, fragments.last);
        if whole {
            let last = std::mem::take(fragments).last;
            self.ring.chain(last, 0, &mut self.found);
        }
    }

    /// The fragments in `found` are part of the flow.
    fn add_fragments(&mut self, place: Place) {
        if !self.is_wanted(place) && !self.alerts.iter().any(|(alerted, ..)| *alerted == place) {
            return;
        }
        for at in 0..self.found.len() {
            let Some(entry) = self.found.get(at).copied() else { return };
            let last = self.chain_mut(place).last;
            let number = self.ring.link(entry, last);
            self.chain_mut(place).last = number;
        }
    }

    /// From now on the chain's packets are kept, those before as well.
    pub(super) fn keep(&mut self, place: Place, name: EvidenceName, note: AlertNote, counters: &mut EvidenceCounters) {
        let config = &self.config;
        let until = Timestamp(note.ts.0.saturating_add(u64::from(config.after_s) * 1_000_000_000));
        let (packets_left, bytes_left) = (config.after_packets, config.after_bytes);
        if let Some(open) = self.open.iter_mut().find(|open| open.name == name) {
            // The packets that come after the last alert count.
            (open.until, open.packets_left, open.bytes_left) = (open.until.max(until), packets_left, bytes_left);
        } else {
            // One before it that is complete, of the same chain, ends first.
            self.close(|open| open.place == place);
            if self.open.len() >= usize::from(self.config.open_flows) {
                counters.cut_short += 1;
                let oldest = self.open.first().map(|open| open.name);
                self.close(|open| Some(open.name) == oldest);
            }
            counters.begun += 1;
            self.outlet.item(Item::Begin(name, note.ruleset.clone()));
            let file_bytes_left = self.config.file_bytes;
            self.open.push(Open { place, name, until, packets_left, bytes_left, file_bytes_left, done: false });
            self.chain_mut(place).open = true;
        }
        self.hand_over(place, Some(&note));
        self.outlet.item(Item::Note(name, Box::new(note)));
    }

    /// Hands over what of the chain was not yet. With an alert, its last packet goes whatever the limits say.
    fn hand_over(&mut self, place: Place, alert: Option<&AlertNote>) {
        let Some(chain) = self.chain(place) else { return };
        let Some(open) = self.open.iter_mut().find(|open| open.place == place && (!open.done || alert.is_some()))
        else {
            return;
        };
        self.ring.chain(chain.last, chain.written, &mut self.found);
        let size = |entry: &Entry| u64::from(entry.len) + PACKET_OVERHEAD + 3;
        // What does not fit into the file is left out at its beginning.
        let mut first = self.found.len();
        let mut left = open.file_bytes_left;
        while let Some(entry) = first.checked_sub(1).and_then(|before| self.found.get(before)) {
            if left < size(entry) && !(alert.is_some() && first == self.found.len()) {
                open.done = true;
                break;
            }
            left = left.saturating_sub(size(entry));
            first -= 1;
        }
        open.file_bytes_left = left;
        for entry in self.found.get(first..).unwrap_or_default() {
            let meta = Meta { ts: entry.ts, link: entry.link, interface: entry.interface, wire_len: entry.wire_len };
            if alert.is_none() {
                if open.packets_left == 0 || open.bytes_left == 0 {
                    open.done = true;
                    break;
                }
                open.packets_left -= 1;
                open.bytes_left = open.bytes_left.saturating_sub(u64::from(entry.len));
            }
            self.outlet.packet(Some(open.name), meta, self.ring.bytes_of(entry));
        }
        open.done |= open.packets_left == 0 || open.bytes_left == 0;
        let written = self.found.last().map(|entry| entry.frame);
        let done = open.done;
        let chain = self.chain_mut(place);
        chain.written = written.unwrap_or(chain.written);
        chain.open = !done;
    }

    /// Ends the files that `which` says.
    pub(super) fn close(&mut self, which: impl Fn(&Open) -> bool) {
        if !self.open.iter().any(&which) {
            return;
        }
        let mut open = std::mem::take(&mut self.open);
        open.retain(|open| {
            let ends = which(open);
            if ends {
                self.outlet.item(Item::End(open.name));
                if self.chain(open.place).is_some() {
                    self.chain_mut(open.place).open = false;
                }
            }
            !ends
        });
        self.open = open;
    }
}

/// What tells datagrams apart, as the defragmenter does. Never 0.
pub(super) fn datagram_key(packet: &Packet<'_>, ip: &Ip<'_>) -> u64 {
    let (Addr(src), Addr(dst)) = (ip.src, ip.dst);
    let mut hasher = rustc_hash::FxHasher::default();
    hasher.write_u128(src);
    hasher.write_u128(dst);
    hasher.write_u32(ip.id);
    hasher.write_u32(packet.tunnel_id);
    hasher.write_u8(if ip.version == 4 { ip.proto.0 } else { 0 });
    for id in packet.vlans.ids {
        hasher.write_u16(id);
    }
    hasher.finish() | 1
}
