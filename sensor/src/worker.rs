//! A packet's way, in order. One worker owns all that it touches; nothing here is shared, locked, or allocated per packet.
//!
//! ```text
//! frame ─▶ decode (tunnels, fragments) ─▶ for each packet: flow ─▶ stream ─▶ detect ─▶ verdict ─▶ the frame's outcome
//!                                                            └── events ──▶ outputs
//! ```
//! Cost, roughly, on the machine of the benchmarks: decode 30 ns, flow 40 ns, stream 30 ns, detection whatever the payload
//! and the rules ask for. Every frame ends in exactly one line of the [`Ledger`].

use crate::capture::early_config::BypassConfig;
use crate::capture::kernel_flows::KernelFlows;
use crate::counters::Published;
use crate::decode::{
    DecodeConfig, DecodeCounters, DecodeEvent, Decoder, DuplicatesConfig, DuplicatesMode, EventSet, Frame, Truncated,
};
use crate::defrag::{DefragCounters, Key};
use crate::detect::DetectConfig;
use crate::detect::cost::RuleCosts;
use crate::detect::detector::Detector;
use crate::detect::engine::Engine;
use crate::detect::handover::Handover;
use crate::detect::hyperscan::HyperscanError;
use crate::detect::protocol_counts::ProtocolCounts;
use crate::detect::rule::{FlowFacts, PacketContext};
use crate::detect::settle::Held;
use crate::detect::state::{DetectCounters, FlowDetect};
use crate::detect::storing::FileHandling;
use crate::detect::threshold::Thresholds;
use crate::detect::trace::Tracer;
use crate::detect::transaction::{AppLog, AppLogEntry, Judge};
use crate::detect::yara::YaraQueue;
use crate::event::{
    AlertAction, AlertEvent, Anomaly, AnomalyEvent, AppEvent, DirectionCount, DropEvent, Event, FlowEndReason,
    FlowEvent, FlowNote, FlowSummary, PacketEvent, PacketSource, PacketSummary, TcpState,
};
use crate::flow::bypass::{Bypass, BypassCounters};
use crate::flow::expect::Expectations;
use crate::flow::{Flow, FlowConfig, FlowCounters, FlowEnds, FlowIndex, FlowTable, Lookup};
use crate::host_os::{HostOsConfig, HostOsTable};
use crate::ledger::{DropReason, Ledger, Outcome};
use crate::output::evidence::{AlertNote, EvidenceCounters, EvidenceEnds, Recorder};
use crate::output::files_config::FilesConfig;
use crate::output::filestore::FileStore;
use crate::output::sources::Block;
use crate::output::talkers::{Conversation, FlowFacts as TalkerFacts};
use crate::output::{EventSender, EventType};
use crate::packet::{Direction, Ip, IpProto, Packet, Tcp, TcpFlags, Transport};
use crate::protocols::FlowApp;
use crate::protocols::registry::{Transport as AppTransport, is_servers};
use crate::stream::{
    Delivery, PayloadFate, StreamConfig, StreamCounters, StreamEngine, StreamEvent, StreamSink, has_fast_open,
};
use crate::time::Timestamp;
use crate::verdict::rewrite::Rewrite;
use crate::verdict::{Turn, Verdict};
use sekisho_signatures::app::Protocol;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Flows looked at for time-outs in one batch.
const EXPIRE_BUDGET: usize = 64;

/// Settings of a worker.
#[derive(Clone, Debug, Default)]
pub struct WorkerConfig {
    /// Decoding and defragmentation.
    pub decode: DecodeConfig,
    /// Frames that a mirror sends twice; not in line.
    pub duplicates: DuplicatesConfig,
    /// The flow table.
    pub flow: FlowConfig,
    /// Flows that need no more inspection.
    pub bypass: BypassConfig,
    /// The stream engine.
    pub stream: StreamConfig,
    /// Which systems the hosts of which networks run.
    pub hosts: HostOsConfig,
    /// Detection.
    pub detect: DetectConfig,
    /// Files that protocols carry.
    pub files: FilesConfig,
    /// Where files are kept, if they are.
    pub store: Option<FileStore>,
    /// Where files are scanned, if they are.
    pub yara: Option<YaraQueue>,
    /// Where packets are kept that prove alerts, if they are.
    pub evidence: Option<EvidenceEnds>,
    /// Rules that drop, drop.
    pub inline: bool,
    /// The packets are of the past: nobody waits for an alert.
    pub capture_file: bool,
    /// Unguessable, the same for all workers of a process.
    pub seed: u64,
    /// 0 for the first worker, and so on.
    pub number: u16,
    /// Connections that flows announced, the same table for all workers of a process.
    pub expectations: Arc<Expectations>,
}

/// One worker: see the module. `T` looks on while rules are judged; on the packet path that is nobody, and costs nothing.
pub struct Worker<T = ()> {
    engine: Arc<Engine>,
    decoder: Decoder,
    path: Path<T>,
    ledger: Arc<Ledger>,
    published: Arc<Published>,
    handover: Arc<Handover>,
    scratch: Vec<u64>,
}

/// What lies behind the decoder.
struct Path<T> {
    flows: FlowTable<FlowDetect>,
    streams: StreamEngine,
    stream_events: [u64; StreamEvent::COUNT],
    detector: Detector<T>,
    bypass: Bypass,
    sender: EventSender,
    evidence: Option<Box<Recorder>>,
    inline: bool,
    /// Records on streams wait for the packet that acknowledges what they tell of.
    settles: bool,
    /// Alerts on transactions wait as well.
    settles_alerts: bool,
    verdict: Verdict,
    /// What of the frame at hand is overwritten, if the verdict says so.
    rewrites: Vec<Rewrite>,
    /// Tagged packets are wanted.
    tells_packets: bool,
    /// The packet at hand is tagged.
    tagged: bool,
}

impl Worker {
    /// A worker with empty tables.
    ///
    /// # Errors
    /// Hyperscan has no memory for its scratch space.
    pub fn new(
        config: &WorkerConfig,
        engine: Arc<Engine>,
        thresholds: Arc<Thresholds>,
        sender: EventSender,
    ) -> Result<Self, HyperscanError> {
        Self::traced(config, engine, thresholds, sender, ())
    }

    /// What each worker's published counters are, in order.
    #[must_use]
    pub fn layout() -> Vec<Block> {
        let events = |name, help, values| Block::Labelled { name, help, label: "event", values };
        let protocols = |name, help| Block::Labelled { name, help, label: "protocol", values: ProtocolCounts::names() };
        vec![
            Block::of::<DecodeCounters>(),
            Block::of::<DefragCounters>(),
            Block::of::<FlowCounters>(),
            Block::of::<StreamCounters>(),
            Block::of::<DetectCounters>(),
            Block::of::<BypassCounters>(),
            Block::of::<EvidenceCounters>(),
            events(
                "decoder_events_total",
                "Malformed packets by decoder event.",
                DecodeEvent::ALL.iter().map(|e| e.name()).collect(),
            ),
            events(
                "stream_events_total",
                "Odd segments by stream event.",
                StreamEvent::ALL.iter().map(|e| e.name()).collect(),
            ),
            protocols(
                "protocol_flows_total",
                "Flows by the application protocol that they were recognised as; a flow that changes over counts again.",
            ),
            protocols(
                "protocol_bytes_total",
                "Payload by application protocol: TCP data in order, UDP data as it came.",
            ),
        ]
    }
}

impl<T: Tracer> Worker<T> {
    /// The same, and somebody looks on.
    ///
    /// # Errors
    /// As [`Worker::new`].
    pub fn traced(
        config: &WorkerConfig,
        engine: Arc<Engine>,
        thresholds: Arc<Thresholds>,
        sender: EventSender,
        tracer: T,
    ) -> Result<Self, HyperscanError> {
        let len = <Worker>::layout().iter().map(Block::len).sum();
        let mut detector = Detector::new(&engine, thresholds, config.detect.history_bytes, tracer)?;
        detector.expectations = Arc::clone(&config.expectations);
        detector.logs_files = sender.wants(EventType::Fileinfo);
        let of_protocols = EventType::RECORDS.iter().filter(|kind| **kind != EventType::Fileinfo);
        detector.logs_records = of_protocols.into_iter().any(|kind| sender.wants(*kind));
        let tells_packets = sender.wants(EventType::Packet);
        detector.logs_anomalies = sender.wants(EventType::Anomaly);
        detector.handle_files(&engine, FileHandling::new(&config.files, config.store.clone(), config.yara.clone()));
        let hosts = Arc::new(HostOsTable::new(&config.hosts));
        let mut decode = config.decode.clone();
        if config.inline && decode.truncated == Truncated::Always {
            decode.truncated = Truncated::Known;
        }
        if config.inline {
            decode.mirror = None;
        }
        let mut decoder = Decoder::new(decode);
        decoder.defrag.set_hosts(Arc::clone(&hosts));
        let mut flow = config.flow.clone();
        if !config.inline {
            decoder.recognise_duplicates(&config.duplicates, config.seed);
            // The copies that are left of a connection's two directions may be those of two VLANs.
            flow.separate_vlans &= config.duplicates.mode != DuplicatesMode::Routed;
        }
        let flows = FlowTable::new(&flow, config.seed, config.number);
        let evidence = config.evidence.as_ref();
        let evidence = evidence.map(|ends| Box::new(ends.recorder(config.number, flows.counters.capacity)));
        Ok(Self {
            decoder,
            path: Path {
                flows,
                streams: StreamEngine::new(&config.stream).with_hosts(hosts),
                stream_events: [0; StreamEvent::COUNT],
                detector,
                bypass: Bypass::new(&config.bypass, config.decode.udp_tunnel_ports()),
                sender,
                evidence,
                inline: config.inline,
                // What is only delivered once it is acknowledged has nothing to wait for.
                settles: !config.inline && config.stream.deliver == Delivery::Arrived,
                settles_alerts: config.capture_file && !config.inline && config.stream.deliver == Delivery::Arrived,
                verdict: Verdict::default(),
                rewrites: vec![],
                tells_packets,
                tagged: false,
            },
            ledger: Arc::default(),
            published: Arc::new(Published::new(len)),
            handover: Arc::default(),
            scratch: vec![0; len],
            engine,
        })
    }

    /// From now on flows that need no more inspection are handed to the XDP program.
    pub fn use_kernel(&mut self, kernel: KernelFlows) {
        self.path.bypass.use_kernel(kernel);
    }

    /// Who looks on.
    pub fn tracer(&mut self) -> &mut T {
        &mut self.path.detector.tracer
    }

    /// What became of its frames, for others to read.
    #[must_use]
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// Its counters, for others to read: laid out as [`Worker::layout`] says.
    #[must_use]
    pub fn published(&self) -> &Arc<Published> {
        &self.published
    }

    /// Where it looks for the next ruleset, once a batch.
    #[must_use]
    pub fn handover(&self) -> &Arc<Handover> {
        &self.handover
    }

    /// What each rule of the ruleset at hand cost so far, for others to read.
    #[must_use]
    pub fn costs(&self) -> &Arc<RuleCosts> {
        self.path.detector.costs()
    }

    /// Takes one frame all the way and settles it in the ledger.
    #[inline]
    pub fn frame(&mut self, frame: &Frame<'_>) -> Outcome {
        self.ledger.received(1, u64::from(frame.wire_len));
        let outcome = self.judge(frame);
        self.ledger.settle(outcome);
        outcome
    }

    /// Takes one frame all the way. The caller keeps the ledger.
    #[inline]
    pub fn judge(&mut self, frame: &Frame<'_>) -> Outcome {
        let (engine, decoder, path) = (&*self.engine, &mut self.decoder, &mut self.path);
        path.verdict = Verdict::default();
        // A defect must not take the link down: the frame is counted, and the worker goes on with the next one.
        catch_unwind(AssertUnwindSafe(|| {
            let decoded = decoder.decode(frame, &mut |packet: &Packet<'_>| path.packet(engine, packet));
            if let Some(evidence) = &mut path.evidence {
                evidence.frame(frame);
            }
            path.verdict.outcome(decoded.outcome())
        }))
        .unwrap_or_else(|_| {
            path.evidence.iter_mut().for_each(|evidence| evidence.forget());
            Outcome::Dropped(DropReason::InternalError)
        })
    }

    /// What the last frame's packets met, beside its outcome.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.path.verdict
    }

    /// If the last frame held a fragment: of which datagram, and whether that was completed by it. Told once.
    pub fn take_fragment(&mut self) -> Option<(Key, bool)> {
        self.decoder.fragment.take()
    }

    /// What of the last frame is overwritten, if its verdict says that something is.
    #[must_use]
    pub fn rewrites(&self) -> &[Rewrite] {
        &self.path.rewrites
    }

    /// The rules at hand.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// To be called once a batch, and when idle: ends flows whose time is over, publishes the counters and, if a new ruleset is
    /// there, turns to it.
    pub fn batch_end(&mut self, now: Timestamp) {
        if let Some(mut equipment) = self.handover.take_next() {
            self.path.detector.switch(&mut equipment);
            self.path.sender.switch(&mut equipment.catalog);
            std::mem::swap(&mut self.engine, &mut equipment.engine);
            self.handover.retire(equipment);
        }
        self.path.expire(&self.engine, now);
        self.path.walk(now);
        if let Some(evidence) = &mut self.path.evidence {
            evidence.batch_end(now);
        }
        self.path.sender.flush();
        self.decoder.defrag.expire(now);
        self.publish();
    }

    /// Ends all flows and returns all memory to its pools: the sensor stops, or the files are read.
    pub fn finish(&mut self) {
        self.path.drain(&self.engine);
        if let Some(evidence) = &mut self.path.evidence {
            evidence.finish();
        }
        self.path.sender.hand_over_all();
        self.publish();
    }

    fn publish(&mut self) {
        let at = self.published.publish(0, &self.decoder.counters, &mut self.scratch);
        let at = self.published.publish(at, &self.decoder.defrag.counters, &mut self.scratch);
        let at = self.published.publish(at, &self.path.flows.counters, &mut self.scratch);
        let at = self.published.publish(at, &self.path.streams.counters, &mut self.scratch);
        let at = self.published.publish(at, &self.path.detector.counters, &mut self.scratch);
        let at = self.published.publish(at, &self.path.bypass.counters, &mut self.scratch);
        let evidence = self.path.evidence.as_ref().map_or_else(Default::default, |evidence| evidence.counters);
        let at = self.published.publish(at, &evidence, &mut self.scratch);
        let at = self.published.publish_values(at, &self.decoder.events);
        let at = self.published.publish_values(at, &self.path.stream_events);
        let at = self.published.publish_values(at, &self.path.detector.protocols.flows);
        self.published.publish_values(at, &self.path.detector.protocols.bytes);
    }
}

impl<T: Tracer> Path<T> {
    /// Shows a few more flows to who counts what hosts talk.
    fn walk(&self, now: Timestamp) {
        if let Some(mut talkers) = self.sender.talkers() {
            talkers.walk(now, |place| self.flows.at(place).map(|flow| flow.map(talker_facts)));
        }
    }

    /// A packet's way behind the decoder.
    #[inline]
    fn packet(&mut self, engine: &Engine, packet: &Packet<'_>) {
        if packet.ip.is_none() {
            return self.undecoded(engine, packet);
        }
        let Self { flows, streams, detector, bypass, sender, evidence, .. } = self;
        let found = flows.lookup_with(packet, &mut Ending::new(engine, streams, detector, bypass, sender, evidence));
        match found {
            Lookup::Flow { index, direction, .. } => self.in_flow(engine, packet, index, direction),
            Lookup::NoFlow => self.without_flow(engine, packet),
            Lookup::Full => {
                self.tell_decode_events(packet, None);
                self.verdict.dropped(DropReason::FlowTableFull);
            }
        }
    }

    #[inline]
    fn in_flow(&mut self, engine: &Engine, packet: &Packet<'_>, index: FlowIndex, mut direction: Direction) {
        let picks_up = self.streams.picks_up();
        let flow = self.flows.get_mut(index);
        let id = flow.id;
        if let Some(evidence) = &mut self.evidence {
            evidence.in_flow(index, id);
        }
        if picks_up && is_turned(flow, packet, direction) {
            flow.turn();
            flow.user.turn();
            direction = direction.reverse();
        }
        if !packet.events.is_empty() {
            self.tell_decode_events(packet, Some(id));
        }
        let flow = self.flows.get_mut(index);
        if flow.user.dropped && self.inline {
            self.tell_drop(packet, Some((index, direction)), true);
            return self.verdict.dropped(DropReason::Rule);
        }
        if flow.bypassed {
            if let Some(tcp) = packet.tcp()
                && flow.tcp.let_by(tcp, direction)
            {
                self.flows.state_changed(index);
            }
            self.detector.bypass();
            return self.verdict.bypassed();
        }
        if flow.user.passed {
            self.verdict.bypassed();
        } else {
            self.verdict.inspected();
        }
        if self.tells_packets {
            let bytes = packet.data.len() as u32;
            let by_flow = flow
                .user
                .kept
                .as_mut()
                .and_then(|kept| kept.tag.as_mut())
                .is_some_and(|tag| tag.take(bytes, packet.ts));
            self.tagged = by_flow | is_host_tagged(engine, packet);
        }
        let flow = self.flows.get_mut(index);
        let mut cx = self.detector.begin(engine, packet, Some((&mut flow.user, id, direction)));
        cx.flow = FlowFacts { start: flow.start, counts: flow.counts, stream: [0; 2] };
        if let Some(tcp) = packet.tcp().filter(|_| packet.checksum_ok) {
            self.segment(&mut cx, packet, tcp, index, direction);
        } else if packet.tcp().is_some() {
            // Its receiver throws it away: it is a packet by itself, and no part of the stream. Rules see it all the same: as likely
            // as a decoy is a capture on a host that leaves checksums to its NIC.
            cx.established = flow.established();
            self.detector.payload(&cx, Some(&mut flow.user), true);
            self.verdict.exception(DropReason::Checksum);
        } else {
            cx.established = flow.established();
            Inspect { detector: &mut self.detector, cx: &mut cx, flow: &mut flow.user }.datagram();
        }
        if !packet.events.is_empty() || !cx.stream_events.is_empty() || odd_checksum(engine, packet) {
            self.detector.events(&cx, Some(&mut self.flows.get_mut(index).user));
        }
        if self.bypass.asks() {
            let flow = self.flows.get_mut(index);
            flow.bypassed = self.bypass.wants(flow, flow.user.app.encrypted, flow.user.passed);
        }
        self.conclude(&cx, Some(index));
        let flow = self.flows.get_mut(index);
        // One that is dropped stays here, where it is.
        if flow.bypassed && !(flow.user.dropped && self.inline) {
            self.bypass.begin(flow);
        }
    }

    /// TCP: through the stream engine, which hands what is in order to detection.
    #[inline]
    fn segment(
        &mut self,
        cx: &mut PacketContext<'_>,
        packet: &Packet<'_>,
        tcp: &Tcp<'_>,
        index: FlowIndex,
        direction: Direction,
    ) {
        let flow = self.flows.get_mut(index);
        // The stream engine delivers data of established sessions, and the data of SYNs.
        cx.established = !tcp.flags.any(TcpFlags::SYN);
        cx.flow.stream = flow.tcp.sizes_with(tcp, packet.payload.len(), direction);
        let mut sink = Inspect { detector: &mut self.detector, cx, flow: &mut flow.user };
        let memory_hits = self.streams.counters.memcap_hits;
        let report = self.streams.segment(&mut flow.tcp, packet, tcp, direction, &mut sink);
        cx.established = flow.established();
        if self.inline {
            if self.streams.counters.memcap_hits != memory_hits {
                self.verdict.exception(DropReason::StreamMemory);
            }
            if report.payload == PayloadFate::NoSession && !packet.payload.is_empty() {
                self.verdict.exception(DropReason::Midstream);
            }
            let app = &flow.user.app;
            let within = matches!(report.payload, PayloadFate::InOrder | PayloadFate::Partly)
                && cx.engine.drops_message(app.view().protocol, direction)
                && app.is_within(direction);
            self.verdict.turn = Some(Turn {
                within,
                flow: cx.flow_id,
                direction,
                seq: tcp.seq,
                end_seq: tcp.seq.wrapping_add(packet.payload.len() as u32),
                payload: if packet.tunnel_depth == 0 { place_in(packet.data, packet.payload) } else { (0, 0) },
                ends: tcp.flags.any(TcpFlags::FIN | TcpFlags::RST),
                next_seq: flow.tcp.next_seq(direction),
                waits: report.payload == PayloadFate::Buffered && !tcp.flags.any(TcpFlags::SYN),
                flow_dropped: false,
            });
        }
        match report.payload {
            // Data that belongs to no stream: that of a reset (RFC 9293 §3.5.2), or of a SYN that asks for no early acceptance.
            PayloadFate::Empty if !packet.payload.is_empty() => {
                self.detector.payload(cx, Some(&mut flow.user), true);
            }
            PayloadFate::Buffered if tcp.flags.any(TcpFlags::SYN) && !has_fast_open(tcp.options) => {
                self.detector.payload(cx, Some(&mut flow.user), true);
            }
            PayloadFate::InOrder | PayloadFate::Empty | PayloadFate::BeyondDepth => {
                self.detector.headers(cx, Some(&mut flow.user));
            }
            PayloadFate::Partly | PayloadFate::Buffered | PayloadFate::Duplicate => {
                self.detector.payload(cx, Some(&mut flow.user), false);
            }
            PayloadFate::OutsideWindow | PayloadFate::Invalid | PayloadFate::NoSession => {
                self.detector.payload(cx, Some(&mut flow.user), true);
            }
        }
        if report.state_changed {
            self.flows.state_changed(index);
        }
        if !report.events.is_empty() {
            cx.stream_events = report.events;
            let flow_id = Some(cx.flow_id);
            for event in report.events.iter() {
                self.stream_events[event.index()] += 1;
                self.tell_anomaly(packet, flow_id, Anomaly::Stream(event));
            }
        }
    }

    #[cold]
    fn without_flow(&mut self, engine: &Engine, packet: &Packet<'_>) {
        if let Some(evidence) = &mut self.evidence {
            evidence.without_flow(packet);
        }
        self.tell_decode_events(packet, None);
        self.verdict.inspected();
        self.tagged = self.tells_packets && is_host_tagged(engine, packet);
        let cx = self.detector.begin(engine, packet, None);
        self.detector.payload(&cx, None, true);
        if !packet.events.is_empty() || odd_checksum(engine, packet) {
            self.detector.events(&cx, None);
        }
        self.conclude(&cx, None);
    }

    /// No IP: nothing to follow, but what was odd is told, and rules may ask for it.
    #[cold]
    fn undecoded(&mut self, engine: &Engine, packet: &Packet<'_>) {
        if packet.events.is_empty() && !engine.looks_below_ip() {
            return;
        }
        self.tell_decode_events(packet, None);
        let cx = self.detector.begin(engine, packet, None);
        self.detector.headers(&cx, None);
        if !packet.events.is_empty() {
            self.detector.events(&cx, None);
        }
        self.conclude(&cx, None);
    }

    /// Tells what matched, and does what the rules say.
    #[inline]
    fn conclude(&mut self, cx: &PacketContext<'_>, index: Option<FlowIndex>) {
        if T::LOOKS {
            let flow = index.map(|i| &self.flows.get_mut(i).user);
            self.detector.tracer.packet(cx, flow);
        }
        let ruling = self.detector.finish();
        if self.inline && !self.detector.rewrites.is_empty() {
            self.overwrite(cx.packet);
        }
        if ruling.drop && !ruling.pass && self.inline {
            self.tell_drop(cx.packet, index.zip(cx.direction), false);
            self.verdict.dropped(DropReason::Rule);
            if let (Some(turn), Some(index)) = (&mut self.verdict.turn, index) {
                turn.flow_dropped = self.flows.get_mut(index).user.dropped;
            }
            // Only the outermost packet can be answered out of its own frame.
            if cx.packet.tunnel_depth == 0 && !cx.packet.reassembled {
                self.verdict.reject = ruling.reject;
            }
        }
        // A packet that alerts is told by its alert.
        if std::mem::take(&mut self.tagged) && self.detector.alerts.is_empty() {
            tell_packet(cx, &self.sender);
        }
        if let Some(index) = index.filter(|_| ruling.bypass) {
            self.bypass.counters.by_rule +=
                u64::from(!std::mem::replace(&mut self.flows.get_mut(index).bypassed, true));
        }
        if !self.detector.alerts.is_empty() {
            let flow = index.map(|i| self.flows.get_mut(i));
            let blocked = ruling.drop && self.inline;
            let evidence = (self.evidence.as_deref_mut(), index);
            tell_alerts(&self.detector, cx, flow, (blocked, self.settles_alerts), &self.sender, evidence);
        }
        match index.filter(|_| self.settles && cx.packet.tcp().is_some()) {
            Some(index) => {
                let flow = self.flows.get_mut(index);
                if !self.detector.logs.is_empty() || !flow.user.held.is_empty() {
                    tell_settled(&mut self.detector, cx, flow, &self.sender);
                }
            }
            None if self.detector.logs.is_empty() => {}
            None => {
                let flow = index.map(|index| self.flows.get(index));
                tell_logs(&mut self.detector, cx, flow, &self.sender);
            }
        }
    }

    /// Notes what rules overwrite in the packet. Only one that is all in its own frame, and not inside another one, can be changed.
    #[cold]
    fn overwrite(&mut self, packet: &Packet<'_>) {
        if !std::mem::replace(&mut self.verdict.rewrites, true) {
            self.rewrites.clear();
        }
        let Some(ip) = packet.ip.filter(|_| packet.tunnel_depth == 0 && !packet.reassembled) else { return };
        let (payload, transport) = (place_in(packet.data, packet.payload), place_in(packet.data, ip.payload));
        for (at, bytes) in &self.detector.rewrites {
            self.rewrites.extend(Rewrite::new(ip.proto, transport, payload, *at, bytes));
        }
    }

    /// That a packet was dropped; of a flow that is dropped, once in each direction.
    #[cold]
    fn tell_drop(&mut self, packet: &Packet<'_>, flow: Option<(FlowIndex, Direction)>, with_flow: bool) {
        if !self.sender.wants(EventType::Drop) {
            return;
        }
        let mut flow_id = None;
        if let Some((index, direction)) = flow {
            let flow = self.flows.get_mut(index);
            flow_id = Some(flow.id);
            if std::mem::replace(&mut flow.user.drop_told[direction.index()], with_flow) && with_flow {
                return;
            }
        }
        let ip = packet.ip.as_ref();
        self.sender.send(&Event::Drop(DropEvent {
            packet: PacketSummary::of(packet),
            flow_id,
            direction: flow.map(|(_, direction)| direction),
            with_flow,
            len: ip.map_or(0, |ip| (ip.header.len() + ip.payload.len()) as u32),
            ip: ip.map_or((0, 0, 0), |ip| (ip.ttl, ip.tos, ip.id)),
            tcp: packet.tcp().map(|tcp| (tcp.seq, tcp.ack, tcp.window, tcp.flags.0, tcp.urgent)),
        }));
    }

    fn tell_decode_events(&self, packet: &Packet<'_>, flow_id: Option<u64>) {
        for event in packet.events.iter() {
            self.tell_anomaly(packet, flow_id, Anomaly::Decode(event));
        }
    }

    fn tell_anomaly(&self, packet: &Packet<'_>, flow_id: Option<u64>, anomaly: Anomaly) {
        if self.sender.wants(EventType::Anomaly) {
            self.sender.send(&Event::Anomaly(AnomalyEvent { packet: PacketSummary::of(packet), flow_id, anomaly }));
        }
    }

    fn expire(&mut self, engine: &Engine, now: Timestamp) {
        let Self { flows, streams, detector, bypass, sender, evidence, .. } = self;
        let mut ending = Ending::new(engine, streams, detector, bypass, sender, evidence);
        flows.expire_with(now, EXPIRE_BUDGET, &mut ending);
    }

    fn drain(&mut self, engine: &Engine) {
        let Self { flows, streams, detector, bypass, sender, evidence, .. } = self;
        flows.drain_with(&mut Ending::new(engine, streams, detector, bypass, sender, evidence));
    }
}

/// Hands a flow's bytes to detection and to the protocol's parser, in the context of the packet at hand.
struct Inspect<'a, 'p, T> {
    detector: &'a mut Detector<T>,
    cx: &'a mut PacketContext<'p>,
    flow: &'a mut FlowDetect,
}

impl<T: Tracer> Inspect<'_, '_, T> {
    /// The payload of a packet that is part of no stream.
    fn datagram(&mut self) {
        let (packet, direction) = (self.cx.packet, self.cx.direction);
        let whole = packet.events.is_empty() || !packet.is_truncated();
        let Some(direction) = direction.filter(|_| matches!(packet.transport, Transport::Udp) && whole) else {
            return self.detector.payload(self.cx, Some(self.flow), true);
        };
        let absorbed = self.recognise(AppTransport::Datagram, direction, packet.payload);
        self.count_payload(packet.payload);
        self.detector.payload(self.cx, Some(self.flow), true);
        self.parse(|app, judge| app.parse(direction, packet.payload, absorbed, judge));
    }

    /// Which protocol is it? To be asked before rules look at the bytes.
    fn recognise(&mut self, transport: AppTransport, direction: Direction, bytes: &[u8]) -> usize {
        if self.flow.app.is_idle(direction) || bytes.is_empty() {
            return 0;
        }
        let (packet, along) = (self.cx.packet, self.cx.direction == Some(Direction::ToServer));
        if self.flow.app.asks() {
            self.ask_expected(transport, along);
        }
        let ports = if along { [packet.src_port, packet.dst_port] } else { [packet.dst_port, packet.src_port] };
        let before = self.flow.app.view().protocol;
        let absorbed = self.flow.app.recognise(transport, direction, ports, bytes);
        self.cx.app = self.flow.app.view();
        if self.cx.app.protocol != before {
            self.detector.protocols.flow(self.cx.app.protocol);
        }
        absorbed
    }

    #[inline]
    fn count_payload(&mut self, bytes: &[u8]) {
        self.detector.protocols.payload(self.flow.app.view().protocol, bytes.len());
    }

    /// Was this flow announced by another one?
    fn ask_expected(&mut self, transport: AppTransport, along: bool) {
        let packet = self.cx.packet;
        let Some(ip) = packet.ip else { return };
        let (source, destination) = ((ip.src, packet.src_port), (ip.dst, packet.dst_port));
        let (client, server) = if along { (source, destination) } else { (destination, source) };
        if let Some((protocol, note)) = self.detector.expectations.take(transport, client, server, packet.ts) {
            self.flow.app.expected(transport, protocol, &*note);
        }
    }

    /// Lets the parser go on, and has what it tells judged.
    fn parse(&mut self, f: impl FnOnce(&mut FlowApp, &mut Judge<'_, '_, T>)) {
        let Some(protocol) = self.flow.app.view().protocol.protocol().filter(|_| self.flow.app.is_read()) else {
            return;
        };
        let mut app = std::mem::take(&mut self.flow.app);
        f(&mut app, &mut Judge { protocol, detector: self.detector, cx: self.cx, flow: self.flow });
        self.flow.app = app;
        self.cx.app = self.flow.app.view();
    }

    /// Runs `f` in the context of `direction`: bytes that had waited for the other side's acknowledgement come with its packet.
    #[inline]
    fn facing(&mut self, direction: Direction, f: impl FnOnce(&mut Detector<T>, &PacketContext<'_>, &mut FlowDetect)) {
        if self.cx.direction == Some(direction) {
            return f(self.detector, self.cx, self.flow);
        }
        let packet = self.cx.packet.reversed();
        let cx = self.detector.reversed(self.cx, &packet, self.flow, direction);
        f(self.detector, &cx, self.flow);
    }
}

impl<T: Tracer> StreamSink for Inspect<'_, '_, T> {
    #[inline]
    fn data(&mut self, direction: Direction, position: u64, bytes: &[u8], from_segment: bool) {
        if self.flow.app.encrypted {
            return self.count_payload(bytes);
        }
        let whole = from_segment && bytes.len() == self.cx.packet.payload.len();
        let absorbed = self.recognise(AppTransport::Stream, direction, bytes);
        self.count_payload(bytes);
        self.facing(direction, |detector, cx, flow| detector.stream(cx, flow, position, bytes, whole));
        self.parse(|app, judge| app.parse(direction, bytes, absorbed, judge));
    }

    fn gap(&mut self, direction: Direction, position: u64, len: u64) {
        let behind = position.saturating_add(len);
        self.facing(direction, |detector, cx, flow| detector.stream_gap(cx, flow, direction, behind));
        if !self.flow.app.is_read() {
            self.flow.app.lost(direction);
            self.cx.app = self.flow.app.view();
        }
        self.parse(|app, judge| app.gap(direction, len, judge));
    }

    fn end(&mut self, direction: Direction) {
        self.facing(direction, |detector, cx, flow| detector.stream_end(cx, flow, direction));
        self.parse(|app, judge| app.end(direction, judge));
    }
}

/// What it takes to end flows.
struct Ending<'a, T> {
    engine: &'a Engine,
    streams: &'a mut StreamEngine,
    detector: &'a mut Detector<T>,
    bypass: &'a mut Bypass,
    sender: &'a EventSender,
    evidence: Option<&'a mut Recorder>,
    /// Where the flow is that ends.
    index: Option<FlowIndex>,
}

impl<'a, T> Ending<'a, T> {
    #[inline]
    fn new(
        engine: &'a Engine,
        streams: &'a mut StreamEngine,
        detector: &'a mut Detector<T>,
        bypass: &'a mut Bypass,
        sender: &'a EventSender,
        evidence: &'a mut Option<Box<Recorder>>,
    ) -> Self {
        Self { engine, streams, detector, bypass, sender, evidence: evidence.as_deref_mut(), index: None }
    }
}

impl<T: Tracer> FlowEnds<FlowDetect> for Ending<'_, T> {
    fn at(&mut self, index: FlowIndex) {
        self.index = Some(index);
    }

    fn end(&mut self, flow: &mut Flow<FlowDetect>, reason: FlowEndReason) {
        let in_kernel = self.bypass.end(flow);
        let evidence = (self.evidence.as_deref_mut(), self.index);
        end_flow(self.engine, flow, (reason, in_kernel), self.streams, self.detector, self.sender, evidence);
    }

    fn last_in_kernel(&mut self, flow: &Flow<FlowDetect>) -> Timestamp {
        self.bypass.last(flow)
    }
}

/// A flow is over: what its streams still hold is inspected, and its record written.
fn end_flow<T: Tracer>(
    engine: &Engine,
    flow: &mut Flow<FlowDetect>,
    (reason, in_kernel): (FlowEndReason, Option<[DirectionCount; 2]>),
    streams: &mut StreamEngine,
    detector: &mut Detector<T>,
    sender: &EventSender,
    evidence: (Option<&mut Recorder>, Option<FlowIndex>),
) {
    if flow.proto() == IpProto::TCP || flow.user.app.is_read() {
        let packet = stand_in(flow);
        let cx = detector.begin(engine, &packet, Some((&mut flow.user, flow.id, Direction::ToServer)));
        let stream = flow.tcp.sizes();
        let facts = FlowFacts { start: flow.start, counts: flow.counts, stream };
        let mut cx = PacketContext { established: flow.established(), headers: false, flow: facts, ..cx };
        // Of a flow that was let by, what still waits is let by as well.
        flow.user.passed |= flow.bypassed;
        let mut inspect = Inspect { detector, cx: &mut cx, flow: &mut flow.user };
        if flow.tcp.state() != TcpState::None {
            streams.close(&mut flow.tcp, &mut inspect);
        }
        inspect.parse(|app, judge| {
            app.end(Direction::ToServer, judge);
            app.end(Direction::ToClient, judge);
        });
        detector.finish();
        if !detector.alerts.is_empty() {
            tell_alerts(detector, &cx, Some(flow), (false, false), sender, evidence);
        }
        let (held, note) = (flow.user.held.take(), flow.user.note(engine));
        let now = flow.summary();
        held.for_each(|what| tell_held(what, &cx, (&note, &now), sender));
        tell_logs(detector, &cx, Some(flow), sender);
    }
    if let Some(mut talkers) = sender.talkers() {
        talkers.ended(&talker_facts(flow));
    }
    detector.release(&mut flow.user);
    if sender.wants(EventType::Flow) {
        let (app, transactions) = (flow.user.app.view(), flow.user.transactions);
        let (action, note) = (flow.user.action, flow.user.note(engine));
        sender.send(&Event::Flow(FlowEvent { app, transactions, action, note, in_kernel, ..flow.event(reason) }));
    }
}

/// What a flow is counted by among those that talk most.
fn talker_facts(flow: &Flow<FlowDetect>) -> TalkerFacts {
    let ((client, _), (server, port)) = (flow.client(), flow.server());
    let app = flow.user.app.view().protocol.protocol().map(Protocol::name);
    TalkerFacts { between: Conversation { client, server, port, proto: flow.proto().0, app }, counts: flow.counts }
}

/// An empty packet from client to server, for what is found in a stream after its last packet.
fn stand_in<'a>(flow: &Flow<FlowDetect>) -> Packet<'a> {
    let ((src, src_port), (dst, dst_port)) = (flow.client(), flow.server());
    Packet {
        ts: flow.last,
        frame_number: 0,
        interface: 0,
        data: &[],
        ether: None,
        ethertype: 0,
        vlans: flow.vlans,
        tunnel_depth: 0,
        tunnel_id: 0,
        reassembled: false,
        ip: Some(Ip {
            version: flow.ip_version(),
            src,
            dst,
            proto: flow.proto(),
            ttl: 0,
            tos: 0,
            id: 0,
            flags: 0,
            fragment_offset: 0,
            is_fragment: false,
            header: &[],
            payload: &[],
        }),
        src_port,
        dst_port,
        transport: if flow.proto() != IpProto::TCP {
            Transport::Udp
        } else {
            Transport::Tcp(Tcp {
                seq: 0,
                ack: 0,
                flags: TcpFlags(0),
                window: 0,
                urgent: 0,
                options: &[],
                mss: None,
                window_scale: None,
                sack_permitted: false,
                timestamps: None,
            })
        },
        payload: &[],
        checksum_ok: true,
        events: EventSet::default(),
    }
}

/// Whether the flow, whose start was not seen, begins with what a server says though its sender was taken for the client.
fn is_turned(flow: &Flow<FlowDetect>, packet: &Packet<'_>, direction: Direction) -> bool {
    packet.tcp().is_some_and(|tcp| !tcp.flags.any(TcpFlags::SYN))
        && !packet.payload.is_empty()
        && packet.checksum_ok
        && direction == Direction::ToServer
        && flow.tcp.may_turn()
        && is_servers([packet.src_port, packet.dst_port], packet.payload)
}

/// Where `part` lies in `whole`: offset and length; nothing if it does not.
fn place_in(whole: &[u8], part: &[u8]) -> (u32, u32) {
    let at = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
    match at.checked_add(part.len()) {
        Some(end) if end <= whole.len() => (at as u32, part.len() as u32),
        _ => (0, 0),
    }
}

/// Some rule asks for packets whose checksum is wrong, and this is one.
fn odd_checksum(engine: &Engine, packet: &Packet<'_>) -> bool {
    !packet.checksum_ok && engine.asks_checksums()
}

fn is_host_tagged(engine: &Engine, packet: &Packet<'_>) -> bool {
    let bytes = packet.data.len() as u32;
    packet.ip.is_some_and(|ip| engine.kept.is_host_tagged(ip.src, ip.dst, bytes, packet.ts))
}

#[cold]
fn tell_packet(cx: &PacketContext<'_>, sender: &EventSender) {
    let packet = cx.packet;
    let at = packet.ip.map_or(0, |ip| packet.data.len().saturating_sub(ip.header.len() + ip.payload.len()));
    // Without a link header that is known, from the IP header on; behind it there may be padding.
    let ethernet = packet.tunnel_depth == 0 && packet.ether.is_some();
    let data = if ethernet { packet.data } else { packet.data.get(at..).unwrap_or_default() };
    let flow_id = cx.direction.map(|_| cx.flow_id);
    sender.send(&Event::Packet(PacketEvent {
        packet: PacketSummary::of(packet),
        flow_id,
        data: data.into(),
        ethernet,
    }));
}

#[cold]
fn tell_alerts<T>(
    detector: &Detector<T>,
    cx: &PacketContext<'_>,
    mut flow: Option<&mut Flow<FlowDetect>>,
    (blocked, settles): (bool, bool),
    sender: &EventSender,
    (mut evidence, index): (Option<&mut Recorder>, Option<FlowIndex>),
) {
    if let Some(flow) = flow.as_deref_mut() {
        flow.alerted = true;
    }
    let note = flow.as_deref().and_then(|flow| flow.user.note(cx.engine));
    for alert in &detector.alerts {
        let packet = if alert.reversed { cx.packet.reversed() } else { *cx.packet };
        let direction = cx.direction.map(|d| if alert.reversed { d.reverse() } else { d });
        let mut summary = PacketSummary::of(&packet);
        if !cx.headers {
            summary.source = PacketSource::FlowTimeout;
        }
        let action = if blocked { AlertAction::Blocked } else { AlertAction::Allowed };
        let evidence = evidence.as_deref_mut().and_then(|recorder| {
            let note = AlertNote {
                ruleset: Arc::clone(&cx.engine.ruleset),
                signature: alert.signature,
                action,
                ts: cx.packet.ts,
            };
            match index.filter(|_| cx.direction.is_some()) {
                Some(index) if !cx.headers => recorder.alert_at_end(index, cx.flow_id, note),
                index => recorder.alert(index.map(|index| (index, cx.flow_id)), note),
            }
        });
        let event = AlertEvent {
            packet: summary,
            flow: flow.as_deref().map(Flow::summary),
            direction,
            signature: alert.signature,
            ruleset: Arc::clone(&cx.engine.ruleset),
            action,
            in_stream: alert.in_stream,
            app: cx.app,
            transaction: alert.transaction.clone(),
            finding: alert.finding.clone(),
            note: note.clone(),
            payload: sender.payload_kept(packet.payload),
            evidence,
        };
        let at_once = match (flow.as_deref_mut(), cx.direction, cx.packet.tcp()) {
            (Some(flow), Some(of), Some(tcp))
                if settles && event.transaction.is_some() && !cx.packet.payload.is_empty() && !flow.bypassed =>
            {
                let up_to = tcp.seq.wrapping_add(cx.packet.payload.len() as u32);
                flow.user.held.hold(Held::Alert(Box::new(event)), of, up_to)
            }
            _ => Some(Held::Alert(Box::new(event))),
        };
        if let Some(Held::Alert(event)) = at_once {
            sender.send(&Event::Alert(*event));
        }
    }
}

/// Tells what transactions want logged.
fn tell_logs<T>(
    detector: &mut Detector<T>,
    cx: &PacketContext<'_>,
    flow: Option<&Flow<FlowDetect>>,
    sender: &EventSender,
) {
    let note = flow.filter(|_| !detector.logs.is_empty()).and_then(|flow| flow.user.note(cx.engine));
    for log in detector.logs.drain(..) {
        tell_log(log, cx, note.clone(), sender);
    }
}

/// Tells what the packet at hand settles, and has wait what it brought about. What an acknowledgement or an end brings about is settled.
#[cold]
fn tell_settled<T>(
    detector: &mut Detector<T>,
    cx: &PacketContext<'_>,
    flow: &mut Flow<FlowDetect>,
    sender: &EventSender,
) {
    let note = flow.user.note(cx.engine);
    let now = flow.summary();
    let held = &mut flow.user.held;
    let (Some(direction), Some(tcp)) = (cx.direction, cx.packet.tcp()) else { return };
    let ack = tcp.flags.any(TcpFlags::ACK).then_some(tcp.ack);
    held.settle(direction, ack, |what| tell_held(what, cx, (&note, &now), sender));
    let waits = !cx.packet.payload.is_empty() && !flow.bypassed;
    let up_to = tcp.seq.wrapping_add(cx.packet.payload.len() as u32);
    for log in detector.logs.drain(..) {
        let what = Held::Log(log);
        let at_once = if waits { held.hold(what, direction, up_to) } else { Some(what) };
        if let Some(what) = at_once {
            tell_held(what, cx, (&note, &now), sender);
        }
    }
    // No more packets of the flow are looked at, or none comes.
    if flow.bypassed || tcp.flags.any(TcpFlags::RST) {
        held.take().for_each(|what| tell_held(what, cx, (&note, &now), sender));
    }
}

/// Tells what waited: with the packet at hand, and what the flow has seen by now.
fn tell_held(
    what: Held,
    cx: &PacketContext<'_>,
    (note, now): (&Option<Arc<FlowNote>>, &FlowSummary),
    sender: &EventSender,
) {
    match what {
        Held::Log(log) => tell_log(log, cx, note.clone(), sender),
        Held::Alert(mut event) => {
            event.packet.ts = cx.packet.ts;
            event.packet.frame_number = cx.packet.frame_number;
            event.flow = Some(*now);
            // At the end of a flow no packet settles anything.
            if !cx.headers {
                event.packet.source = PacketSource::FlowTimeout;
            }
            sender.send(&Event::Alert(*event));
        }
    }
}

/// Tells one thing that a transaction wants logged: a record as its transaction goes, what is odd as the packet at hand does.
fn tell_log(log: AppLog, cx: &PacketContext<'_>, note: Option<Arc<FlowNote>>, sender: &EventSender) {
    let AppLog { protocol, tx_id, direction, entry } = log;
    let summary = |packet: &Packet<'_>| {
        let mut summary = PacketSummary::of(packet);
        if !cx.headers {
            summary.source = PacketSource::FlowTimeout;
        }
        summary
    };
    let flow_id = cx.flow_id;
    sender.send(&match entry {
        AppLogEntry::Record(record) => {
            let along = cx.direction == Some(direction);
            let packet = if along { summary(cx.packet) } else { summary(&cx.packet.reversed()) };
            Event::App(AppEvent { packet, flow_id, tx_id, record, note })
        }
        AppLogEntry::Anomaly(event) => {
            let anomaly = Anomaly::App { protocol, event, tx_id };
            Event::Anomaly(AnomalyEvent { packet: summary(cx.packet), flow_id: Some(flow_id), anomaly })
        }
    });
}
