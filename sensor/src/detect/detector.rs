//! One worker's detection: from a packet's bytes to the signatures that match.
//!
//! A packet costs, in this order: nothing where its group has no rules; one scan of its payload by the group's literals;
//! for each occurrence a look at where it lies; for what is left the rule's gate (flow, addresses, ports, headers), its
//! flowbits, and at last its payload conditions. Rules without a literal go straight to their gate.
//!
//! **Packets and streams.** TCP payload that comes in order is scanned once, as a stream, from the frame. An occurrence that
//! lies within the segment serves the rules that are judged on packets, too. A rule on the stream is judged for each
//! occurrence of its literal over the bytes within [`REACH`](super::history::REACH) of it, before and behind: a stretch that depends on the
//! stream alone and not on how it was cut. What depends on bytes that have not come is parked, and judged again as
//! the stream goes on; when the other side answers, or the stream ends, as it stands. A rule that has matched is
//! silent on that direction for the next [`REACH`](super::history::REACH) bytes, or until the other side has answered.

use super::buffer::BufferScratch;
use super::candidate::{
    Candidate, Hit, MAX_HITS, Stretch, Where, add_anchored, add_sized, add_stream_candidates, in_range, take_hit,
};
use super::cost::{CostMeter, RuleCosts};
use super::engine::{Engine, GroupEngine, LiteralSet};
use super::evaluate::Carried;
use super::handover::Equipment;
use super::history::HistoryPool;
use super::hyperscan::HyperscanError;
use super::pending::{NO_PENDING, PendingPool};
use super::protocol_counts::ProtocolCounts;
use super::rule::{FlowFacts, PacketContext};
use super::scans::Scans;
use super::state::{Alert, DetectCounters, FlowDetect, NO_STREAM, Ruling, StreamState};
use super::storing::FileHandling;
use super::threshold::Thresholds;
use super::trace::Tracer;
use super::transaction::AppLog;
use crate::flow::expect::Expectations;
use crate::packet::{Addr, Direction, Packet};
use crate::protocols::AppView;
use crate::stream::StreamEventSet;
use sekisho_signatures::group::PacketClass;
use std::sync::Arc;

/// One worker's detection. `T` is who looks on: nobody, on the packet path.
pub struct Detector<T = ()> {
    /// Who looks on.
    pub tracer: T,
    pub(super) thresholds: Arc<Thresholds>,
    /// What was counted so far.
    pub counters: DetectCounters,
    /// What was counted by application protocol.
    pub protocols: ProtocolCounts,
    /// What matched on the packet at hand.
    pub alerts: Vec<Alert>,
    pub(super) ruling: Ruling,
    pub(super) headers_judged: bool,
    /// The ruleset that the scans are for.
    pub(super) epoch: u32,
    pub(super) scans: Scans,
    pub(super) costs: CostMeter,
    pub(super) history: HistoryPool,
    pub(super) pending: PendingPool,
    pub(super) hits: Vec<Hit>,
    pub(super) candidates: Vec<Candidate>,
    pub(super) window: Vec<u8>,
    /// What transactions want logged, of the packet at hand.
    pub logs: Vec<AppLog>,
    /// Whether protocols' records are wanted.
    pub logs_records: bool,
    /// Records of files are wanted.
    pub logs_files: bool,
    /// Whether anomalies are wanted.
    pub logs_anomalies: bool,
    /// Connections that flows announced.
    pub expectations: Arc<Expectations>,
    pub(super) app_candidates: Vec<u32>,
    pub(super) buffer_scratch: BufferScratch,
    pub(super) carried: Carried,
    /// What expressions captured for the packet at hand.
    pub(super) packet_captures: Vec<(Arc<str>, Box<[u8]>)>,
    /// What is done with files.
    pub(super) files: FileHandling,
    /// What rules with `replace` overwrite in the payload of the packet at hand: from where on, and with what.
    pub rewrites: Vec<(usize, Arc<[u8]>)>,
}

impl<T: Tracer> Detector<T> {
    /// For one worker, and for rules of `engine`. `history_bytes` bounds the memory for looking behind segment edges.
    ///
    /// # Errors
    /// Hyperscan has no memory for its scratch space.
    pub fn new(
        engine: &Engine,
        thresholds: Arc<Thresholds>,
        history_bytes: usize,
        tracer: T,
    ) -> Result<Self, HyperscanError> {
        Ok(Self {
            tracer,
            thresholds,
            counters: DetectCounters::default(),
            protocols: ProtocolCounts::default(),
            alerts: Vec::with_capacity(64),
            ruling: Ruling::default(),
            headers_judged: false,
            epoch: engine.epoch,
            scans: Scans::new(engine)?,
            costs: CostMeter::new(Arc::new(RuleCosts::new(engine.ruleset.signatures.len()))),
            history: HistoryPool::new(history_bytes),
            pending: PendingPool::default(),
            hits: Vec::with_capacity(MAX_HITS),
            candidates: Vec::with_capacity(MAX_HITS),
            window: Vec::with_capacity(1 << 17),
            logs: vec![],
            logs_records: false,
            logs_files: false,
            logs_anomalies: false,
            expectations: Arc::default(),
            app_candidates: vec![],
            buffer_scratch: BufferScratch::default(),
            carried: Carried::default(),
            packet_captures: vec![],
            files: FileHandling::default(),
            rewrites: vec![],
        })
    }

    /// From the next packet on judges by the engine of `equipment`, which gets what is of no use any more. To be called between
    /// packets.
    pub fn switch(&mut self, equipment: &mut Equipment) {
        self.epoch = equipment.engine.epoch;
        self.files.turn_to(equipment.engine.file_needs, self.logs_files, self.logs_records);
        std::mem::swap(&mut self.scans, &mut equipment.scans);
        self.costs.switch(&mut equipment.costs);
    }

    /// What each rule cost so far, for others to read.
    #[must_use]
    pub fn costs(&self) -> &Arc<RuleCosts> {
        self.costs.costs()
    }

    /// Begins a packet and finds what rules will ask about it. `engine` is the one that the detector was made for, or switched to.
    pub fn begin<'a>(
        &mut self,
        engine: &'a Engine,
        packet: &'a Packet<'a>,
        flow: Option<(&mut FlowDetect, u64, Direction)>,
    ) -> PacketContext<'a> {
        self.alerts.clear();
        self.logs.clear();
        self.ruling = Ruling::default();
        self.packet_captures.clear();
        self.rewrites.clear();
        self.headers_judged = false;
        self.carried.source = packet.ip.map(|ip| ip.src);
        let class = class_of(packet);
        let find = |addr: Option<(Addr, u8)>| addr.map_or_else(Default::default, |(a, v)| engine.addresses.find(a, v));
        let src = packet.ip.map(|ip| (ip.src, ip.version));
        let dst = packet.ip.map(|ip| (ip.dst, ip.version));
        let groups = &engine.ruleset.groups;
        let stream_events = StreamEventSet::default();
        let Some((flow, flow_id, direction)) = flow else {
            let group = groups.find(class, true, packet.dst_port);
            let rows = [find(src), find(dst)];
            return PacketContext {
                engine,
                packet,
                class,
                group,
                rows,
                direction: None,
                established: false,
                flow_id: 0,
                reversed: false,
                headers: true,
                stream_events,
                app: AppView::default(),
                flow: FlowFacts::default(),
            };
        };
        let to_server = direction == Direction::ToServer;
        // An ICMP error about the flow has other ends and no ports: the flow waits for a packet of its own.
        if flow.epoch != engine.epoch && flow.class.is_none_or(|own| own == class) {
            flow.renew(engine.epoch);
            flow.class = Some(class);
            let (client, server) = if to_server { (src, dst) } else { (dst, src) };
            flow.rows = [find(client), find(server)];
            let port = if to_server { packet.dst_port } else { packet.src_port };
            flow.groups = [groups.find(class, true, port), groups.find(class, false, port)];
        }
        let (group, rows) = if flow.class != Some(class) {
            // An ICMP error about the flow: a packet of its own, from whoever noticed.
            (groups.find(class, to_server, 0), [find(src), find(dst)])
        } else if to_server {
            (flow.groups[0], flow.rows)
        } else {
            (flow.groups[1], [flow.rows[1], flow.rows[0]])
        };
        PacketContext {
            engine,
            packet,
            class,
            group,
            rows,
            direction: Some(direction),
            established: false,
            flow_id,
            reversed: false,
            headers: true,
            stream_events,
            app: flow.app.view(),
            flow: FlowFacts::default(),
        }
    }

    /// The context for bytes of the other direction that are dealt with on the packet at hand. `packet` is its
    /// [`Packet::reversed`].
    #[must_use]
    pub fn reversed<'a>(
        &self,
        cx: &PacketContext<'a>,
        packet: &'a Packet<'a>,
        flow: &FlowDetect,
        direction: Direction,
    ) -> PacketContext<'a> {
        PacketContext {
            engine: cx.engine,
            packet,
            class: cx.class,
            group: flow.groups[direction.index()],
            rows: [cx.rows[1], cx.rows[0]],
            direction: Some(direction),
            established: cx.established,
            flow_id: cx.flow_id,
            reversed: !cx.reversed,
            headers: false,
            stream_events: StreamEventSet::default(),
            app: cx.app,
            flow: cx.flow,
        }
    }

    /// Bytes of a stream, in order. `whole`: they are the payload of the packet at hand, all of it.
    pub fn stream(&mut self, cx: &PacketContext<'_>, flow: &mut FlowDetect, position: u64, bytes: &[u8], whole: bool) {
        let Some(direction) = cx.direction else { return };
        if flow.passed {
            return;
        }
        let engine = cx.engine;
        self.turn(cx, flow, direction);
        let Some(group) = engine.group(cx.group) else { return };
        let state = &mut flow.streams[direction.index()];
        if !cx.reversed && (state.next != position || state.next == 0) {
            let payload = cx.packet.payload.len() as u32;
            state.next_seq =
                cx.packet.tcp().map_or(0, |t| t.seq.wrapping_add(payload).wrapping_sub(bytes.len() as u32));
        }
        self.hits.clear();
        self.scan_stream(group, cx.group, state, position, bytes);
        let scan_start = state.scan_start;
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.clear();
        self.header_candidates(cx, Some(flow), group, &mut candidates);
        for hit in &self.hits {
            let end = scan_start + hit.to;
            for guarded in group.guarded(hit.literal) {
                add_stream_candidates(engine, guarded, end, position, whole, &mut candidates);
            }
        }
        if whole {
            add_sized(group, bytes.len(), &mut candidates);
            add_anchored(group, bytes, &mut candidates);
        }
        let anchored = group.anchored_in_stream.reaches(position);
        let mut window = std::mem::take(&mut self.window);
        window.clear();
        let state = &flow.streams[direction.index()];
        let history = self.history.get(state.history);
        let stretch = if history.is_empty() {
            Stretch { data: bytes, start: position }
        } else if anchored || candidates.iter().any(|c| c.place == Where::Stream) || state.pending != NO_PENDING {
            window.extend_from_slice(history);
            window.extend_from_slice(bytes);
            Stretch { data: &window, start: position - history.len() as u64 }
        } else {
            Stretch { data: bytes, start: position }
        };
        if anchored {
            group.anchored_in_stream.in_stream(stretch, position, |guarded, end| {
                candidates.push(Candidate { rule: guarded.rule, at: end, place: Where::Stream });
            });
        }
        if flow.streams[direction.index()].pending != NO_PENDING {
            self.judge_parked(cx, flow, direction, stretch, false);
        }
        if !candidates.is_empty() {
            candidates.sort_unstable();
            self.judge_all(cx, Some(flow), &candidates, stretch);
        }
        self.candidates = candidates;
        self.window = window;
        let state = &mut flow.streams[direction.index()];
        state.next = position + bytes.len() as u64;
        // What waited for the other side's packet goes as far as that acknowledges.
        state.next_seq = match cx.packet.tcp() {
            Some(tcp) if cx.reversed => tcp.ack,
            _ => state.next_seq.wrapping_add(bytes.len() as u32),
        };
        if group.streams || engine.looks_back {
            self.history.append(&mut state.history, bytes);
        }
    }

    /// Bytes of a stream are missing: what was before is out of reach.
    pub fn stream_gap(&mut self, cx: &PacketContext<'_>, flow: &mut FlowDetect, direction: Direction, behind: u64) {
        self.stream_end(cx, flow, direction);
        let state = &mut flow.streams[direction.index()];
        self.history.release(&mut state.history);
        state.next = behind;
        // Or a literal would be found across the gap, and those behind it in the wrong place.
        if let Some(scan) = self.scans.streams.get(state.scan as usize) {
            scan.reset(&self.scans.scratch);
            state.scan_start = behind;
        }
    }

    /// Nothing more will come for now in this direction: what is parked is judged as it stands.
    pub fn stream_end(&mut self, cx: &PacketContext<'_>, flow: &mut FlowDetect, direction: Direction) {
        let state = &flow.streams[direction.index()];
        if state.pending == NO_PENDING || flow.passed {
            return;
        }
        let mut window = std::mem::take(&mut self.window);
        window.clear();
        window.extend_from_slice(self.history.get(state.history));
        let stretch = Stretch { data: &window, start: state.next - window.len() as u64 };
        self.judge_parked(cx, flow, direction, stretch, true);
        self.window = window;
    }

    /// The payload of a single packet: all but TCP in order. `stream_rules`: rules for the stream are judged here as well,
    /// since no stream takes these bytes.
    pub fn payload(&mut self, cx: &PacketContext<'_>, mut flow: Option<&mut FlowDetect>, stream_rules: bool) {
        if flow.as_ref().is_some_and(|f| f.passed) {
            return;
        }
        let engine = cx.engine;
        let Some(group) = engine.group(cx.group) else { return };
        let payload = cx.packet.payload;
        self.hits.clear();
        if !payload.is_empty() && (stream_rules || group.packets) {
            self.scan_block(group, cx.group, payload);
        }
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.clear();
        self.header_candidates(cx, flow.as_deref_mut(), group, &mut candidates);
        for hit in &self.hits {
            for guarded in group.guarded(hit.literal) {
                let Some(rule) = engine.rule(guarded.rule) else { continue };
                let start = hit.to.wrapping_sub(u64::from(guarded.content_to_end));
                if (rule.inspection.packet || stream_rules && !rule.only_stream) && in_range(start, guarded.starts) {
                    candidates.push(Candidate { rule: guarded.rule, at: hit.to, place: Where::Packet });
                }
            }
        }
        add_sized(group, payload.len(), &mut candidates);
        add_anchored(group, payload, &mut candidates);
        if stream_rules {
            group.anchored_in_stream.in_packet(payload, |guarded, end| {
                if engine.rule(guarded.rule).is_some_and(|rule| !rule.only_stream && !rule.inspection.packet) {
                    candidates.push(Candidate { rule: guarded.rule, at: end, place: Where::Packet });
                }
            });
        }
        if !candidates.is_empty() {
            candidates.sort_unstable();
            self.judge_all(cx, flow, &candidates, Stretch { data: &[], start: 0 });
        }
        self.candidates = candidates;
    }

    /// Rules that need no payload, where neither [`Self::stream`] nor [`Self::payload`] was called for the packet.
    pub fn headers(&mut self, cx: &PacketContext<'_>, mut flow: Option<&mut FlowDetect>) {
        if self.headers_judged || flow.as_ref().is_some_and(|f| f.passed) {
            return;
        }
        let engine = cx.engine;
        let Some(group) = engine.group(cx.group) else { return };
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.clear();
        self.header_candidates(cx, flow.as_deref_mut(), group, &mut candidates);
        if !candidates.is_empty() {
            candidates.sort_unstable();
            self.judge_all(cx, flow, &candidates, Stretch { data: &[], start: 0 });
        }
        self.candidates = candidates;
    }

    /// Rules that ask for an event. To be called for packets about which something was odd, after all else.
    #[cold]
    pub fn events(&mut self, cx: &PacketContext<'_>, flow: Option<&mut FlowDetect>) {
        let engine = cx.engine;
        // What kept its transport from being read does not change which protocol it is.
        let class = class_by_number(cx.packet).unwrap_or(cx.class);
        let to_server = cx.direction != Some(Direction::ToClient);
        let group = if class == cx.class { cx.group } else { engine.ruleset.groups.find(class, to_server, 0) };
        let cx = &PacketContext { class, group, ..*cx };
        let Some(group) = engine.group(cx.group) else { return };
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.clear();
        candidates.extend(group.events.iter().map(|&rule| Candidate { rule, at: 0, place: Where::Header }));
        self.judge_all(cx, flow, &candidates, Stretch { data: &[], start: 0 });
        self.candidates = candidates;
    }

    /// Begins and ends a packet that is not looked at.
    pub fn bypass(&mut self) {
        self.alerts.clear();
        self.logs.clear();
        self.ruling = Ruling::default();
    }

    /// Ends a packet: what is to be done with it. Alerts are in [`Self::alerts`].
    pub fn finish(&mut self) -> Ruling {
        if self.ruling.pass {
            self.alerts.retain(|alert| alert.insists);
        }
        self.counters.history_taken = self.history.taken;
        self.ruling
    }

    /// Returns what a flow holds to the pools. To be called once, when it ends.
    pub fn release(&mut self, flow: &mut FlowDetect) {
        for (state, group) in flow.streams.iter_mut().zip(flow.groups) {
            self.history.release(&mut state.history);
            self.pending.release(&mut state.pending);
            let scan = std::mem::replace(&mut state.scan, NO_STREAM);
            // What it held of another epoch went with that epoch's engine.
            if scan != NO_STREAM && flow.epoch == self.epoch {
                self.scans.give_back(group, scan);
            }
        }
    }

    /// The other side answers: what it answers to is complete, if all of it was seen.
    fn turn(&mut self, cx: &PacketContext<'_>, flow: &mut FlowDetect, direction: Direction) {
        let other = direction.reverse();
        let state = &flow.streams[other.index()];
        // Bytes that come with the other side's packet were sent before it: what that side had said until then goes up to its number.
        let said = cx.packet.tcp().map(|tcp| if cx.reversed { tcp.seq } else { tcp.ack });
        if state.pending != NO_PENDING && said == Some(state.next_seq) {
            self.stream_end(cx, flow, other);
            // What comes after the answer is another message: a rule that has matched may match it, too.
            self.pending.hear_all(&mut flow.streams[other.index()].pending);
        }
    }

    fn scan_stream(&mut self, group: &GroupEngine, index: u16, state: &mut StreamState, position: u64, bytes: &[u8]) {
        let LiteralSet::Stream(set) = &group.literals else { return };
        let fresh = state.scan == NO_STREAM;
        if fresh {
            let Some(scan) = self.scans.take(set, index) else {
                self.counters.streams_refused += 1;
                return;
            };
            (state.scan, state.scan_start) = (scan, position);
        }
        let Some(scan) = self.scans.streams.get(state.scan as usize) else { return };
        let scratch = &self.scans.scratch;
        if fresh && state.next == position {
            // In the middle of a stream, since the rules are new: what ends before here is over, what ends behind is not.
            let before = self.history.get(state.history);
            let reach = set.longest_literal_bytes().saturating_sub(1);
            let before = &before[before.len().saturating_sub(reach)..];
            if !before.is_empty() {
                scan.scan(before, scratch, |_, _| {});
                state.scan_start = position.saturating_sub(before.len() as u64);
            }
        } else if state.next != position && state.scan_start != position {
            scan.reset(scratch);
            state.scan_start = position;
        }
        let (hits, counters) = (&mut self.hits, &mut self.counters);
        counters.scanned_bytes += bytes.len() as u64;
        scan.scan(bytes, scratch, |literal, to| take_hit(hits, counters, literal, to));
    }

    fn scan_block(&mut self, group: &GroupEngine, index: u16, payload: &[u8]) {
        let (hits, counters) = (&mut self.hits, &mut self.counters);
        let hit = |literal, to| take_hit(hits, counters, literal, to);
        match &group.literals {
            LiteralSet::None => return,
            LiteralSet::Block(set) => set.scan(payload, &self.scans.scratch, hit),
            LiteralSet::Stream(_) => {
                if let Some(Some(scan)) = self.scans.spare.get(usize::from(index)) {
                    scan.scan(payload, &self.scans.scratch, hit);
                    scan.reset(&self.scans.scratch);
                }
            }
        }
        self.counters.scanned_bytes += payload.len() as u64;
    }

    /// Rules without a literal, once a packet; those on addresses alone, once a flow and direction.
    fn header_candidates(
        &mut self,
        cx: &PacketContext<'_>,
        flow: Option<&mut FlowDetect>,
        group: &GroupEngine,
        out: &mut Vec<Candidate>,
    ) {
        if !cx.headers || std::mem::replace(&mut self.headers_judged, true) {
            return;
        }
        let header = |rule: &u32| Candidate { rule: *rule, at: 0, place: Where::Header };
        // Most packets find nothing here: each list is asked whether it is empty before anything is made of it.
        if group.has_header_rules() {
            let to_client = cx.direction == Some(Direction::ToClient);
            let server_port = if to_client { cx.packet.src_port } else { cx.packet.dst_port };
            out.extend(group.header_rules(server_port).map(|rule| header(&rule)));
        }
        let (mut changed, mut judged) = (false, 0);
        // An ICMP error about the flow is a packet of its own.
        if let Some(flow) = flow.filter(|flow| flow.class == Some(cx.class)) {
            changed = flow.app_judged != cx.app;
            if changed {
                flow.app_judged = cx.app;
                out.extend(group.recognised.iter().map(header));
            }
            if let Some(direction) = cx.direction {
                judged = std::mem::replace(&mut flow.addresses_judged[direction.index()], cx.engine.epoch);
            }
        }
        // Rules that came with a later ruleset have not been judged, though others have.
        if judged < cx.engine.epoch && !group.once.is_empty() {
            out.extend(group.once.iter().filter(|rule| judged < cx.engine.key(**rule).since).map(header));
        }
        for row in cx.rows {
            let rules = cx.engine.rules_of_row(row);
            if rules.is_empty() {
                continue;
            }
            let wanted = |rule: &&u32| {
                judged < cx.engine.key(**rule).since
                    || cx
                        .engine
                        .rule(**rule)
                        .is_some_and(|r| !r.is_address_only() && (changed || !r.is_protocol_only()))
            };
            out.extend(rules.iter().filter(wanted).map(header));
        }
    }
}

/// The class of a packet whose transport header could not be read, by the protocol's number.
fn class_by_number(packet: &Packet<'_>) -> Option<PacketClass> {
    use crate::packet::{IpProto, Transport};
    let ip = packet.ip.filter(|ip| matches!(packet.transport, Transport::None) && !ip.is_fragment)?;
    match ip.proto {
        IpProto::TCP => Some(PacketClass::Tcp),
        IpProto::UDP => Some(PacketClass::Udp),
        IpProto::ICMP => Some(PacketClass::Icmp),
        IpProto::ICMPV6 => Some(PacketClass::Icmpv6),
        IpProto::SCTP => Some(PacketClass::Sctp),
        _ => None,
    }
}

fn class_of(packet: &Packet<'_>) -> PacketClass {
    use crate::packet::Transport;
    match packet.transport {
        Transport::Tcp(_) => PacketClass::Tcp,
        Transport::Udp => PacketClass::Udp,
        Transport::Icmp(_) => PacketClass::Icmp,
        Transport::Icmpv6(_) => PacketClass::Icmpv6,
        Transport::Sctp => PacketClass::Sctp,
        Transport::None => PacketClass::OtherIp,
    }
}
