//! Rules on transactions: what a protocol's parser made of a flow, judged as it goes on.
//!
//! A rule is looked at when its literal occurs in the buffer that it guards itself by, or, without one, when the transaction gets
//! to where its buffers are. It is judged once all its buffers are there, over each as a whole; a body that is still growing is
//! searched on whenever it has doubled, and a rule that depends on what may follow waits. It matches at most once a
//! transaction; once each way, if it names no direction and looks only at what messages of both have.

use super::app_engine::{AppEngine, BufferSet};
use super::buffer::{MAX_RUNS, run_of};
use super::candidate::{in_range, take_hit};
use super::detector::Detector;
use super::evaluate::{Buffer as Bytes, End, Judgement};
use super::judging::Found;
use super::rule::{PacketContext, Rule};
use super::state::FlowDetect;
use super::trace::Tracer;
use crate::flow::expect::Listener;
use crate::packet::{Addr, Direction};
use crate::protocols::file::{FilePolicy, FileTracker};
use crate::protocols::registry;
use crate::protocols::{AppView, Expected, Observer, Part, Recognition, Record, Transaction, TransactionState};
use sekisho_signatures::app::{Protocol, Protocols};
use sekisho_signatures::buffers::{Buffer, Kind, Progress};
use sekisho_signatures::fast_pattern::MAX_LEN;
use sekisho_signatures::question::Question;
use sekisho_signatures::transform::apply_all;
use std::sync::Arc;

/// Odd things that are remembered of one transaction.
const MAX_EVENTS: usize = 64;
/// Rules that may wait for more of one transaction.
const MAX_WAITING: usize = 256;

/// What a transaction wants logged.
#[derive(Clone, Debug)]
pub struct AppLog {
    /// Its flow's protocol.
    pub protocol: Protocol,
    /// Its number in the flow; None for what is about the flow.
    pub tx_id: Option<u64>,
    /// Which way it goes.
    pub direction: Direction,
    /// What.
    pub entry: AppLogEntry,
}

/// A record, or what was odd.
#[derive(Clone, Debug)]
pub enum AppLogEntry {
    /// A protocol's record.
    Record(Arc<dyn Record>),
    /// Suricata's name of an event, without the protocol.
    Anomaly(&'static str),
}

/// Has what a parser tells judged.
pub struct Judge<'a, 'p, T = ()> {
    /// Whose parser.
    pub protocol: Protocol,
    /// The detection.
    pub detector: &'a mut Detector<T>,
    /// The packet at hand.
    pub cx: &'a PacketContext<'p>,
    /// Its flow.
    pub flow: &'a mut FlowDetect,
}

impl<T: Tracer> Judge<'_, '_, T> {
    /// What alerts say of a transaction is what is known of it when they are told: of a request that matched by its first line also
    /// the host and the agent that came with it. Only alerts of the packet at hand, and those that wait, are still to be told.
    #[inline]
    fn renew(&mut self, transaction: &dyn Transaction) {
        if self.detector.alerts.is_empty() && self.flow.held.is_empty() {
            return;
        }
        let at_hand = self.detector.alerts.iter_mut().filter_map(|alert| alert.transaction.as_mut());
        at_hand.chain(self.flow.held.notes()).for_each(|note| note.renew(transaction, self.protocol));
    }

    fn facing(
        &mut self,
        direction: Direction,
        f: impl FnOnce(&mut Detector<T>, &PacketContext<'_>, &mut FlowDetect, Protocol),
    ) {
        let now = Recognition::Known(self.protocol);
        let changed;
        let mut cx = self.cx;
        if cx.app.protocol != now {
            // It has changed within this packet.
            let app = AppView { protocol: now, directions: [now; 2], original: cx.app.protocol };
            changed = PacketContext { app, ..*cx };
            cx = &changed;
        }
        if cx.direction == Some(direction) {
            return f(self.detector, cx, self.flow, self.protocol);
        }
        let packet = cx.packet.reversed();
        let cx = self.detector.reversed(cx, &packet, self.flow, direction);
        f(self.detector, &cx, self.flow, self.protocol);
    }
}

impl<T: Tracer> Observer for Judge<'_, '_, T> {
    fn changed(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    fn progress(&mut self, transaction: &mut dyn Transaction, direction: Direction, progress: Progress) {
        self.flow.transactions = self.flow.transactions.max(transaction.state_ref().id.saturating_add(1));
        self.renew(transaction);
        self.facing(direction, |detector, cx, flow, protocol| {
            detector.transaction(cx, flow, protocol, transaction, progress);
        });
    }

    fn event(&mut self, transaction: Option<&mut dyn Transaction>, direction: Direction, event: &'static str) {
        let Some(transaction) = transaction else {
            return self.facing(direction, |detector, cx, flow, protocol| {
                detector.flow_event(cx, flow, protocol, event);
            });
        };
        let state = transaction.state();
        if state.events.contains(&event) || state.events.len() >= MAX_EVENTS {
            return;
        }
        state.events.push(event);
        let id = state.id;
        self.facing(direction, |detector, cx, flow, protocol| {
            detector.anomaly(cx, protocol, Some(id), event);
            detector.transaction_event(cx, flow, protocol, transaction);
        });
        // A transaction is of both directions, and so is what was odd about it.
        self.facing(direction.reverse(), |detector, cx, flow, protocol| {
            detector.transaction_event(cx, flow, protocol, transaction);
        });
    }

    fn frame(
        &mut self,
        transaction: Option<&mut dyn Transaction>,
        direction: Direction,
        name: &'static str,
        bytes: &[u8],
    ) {
        let app = self.cx.engine.app(self.protocol, direction);
        if self.flow.passed || !app.is_some_and(AppEngine::looks_at_frames) {
            return;
        }
        let Some(buffer) = Buffer::frame(Protocols::of(&[self.protocol]), name) else { return };
        self.facing(direction, |detector, cx, flow, protocol| match transaction {
            Some(transaction) => {
                let mut framed = Framed { transaction, buffer, bytes };
                detector.frame(cx, flow, protocol, &mut framed);
            }
            None => {
                let mut stand_in = NoTransaction(TransactionState::default());
                detector.frame(cx, flow, protocol, &mut Framed { transaction: &mut stand_in, buffer, bytes });
            }
        });
    }

    fn file(&mut self, transaction: &mut dyn Transaction, direction: Direction, index: usize) {
        self.facing(direction, |detector, cx, flow, protocol| {
            detector.file_over(cx, flow, protocol, transaction, index);
        });
    }

    fn file_policy(&self) -> FilePolicy {
        self.detector.files.policy
    }

    fn expect(&mut self, expected: Expected) {
        let Some(ip) = self.cx.packet.ip else { return };
        let along = self.cx.direction == Some(Direction::ToServer);
        let (source, destination) = ((ip.src, self.cx.packet.src_port), (ip.dst, self.cx.packet.dst_port));
        let (client, server) = if along { (source, destination) } else { (destination, source) };
        let ((listener, port), (connector, _)) = match expected.direction {
            Direction::ToServer => (server, client),
            Direction::ToClient => (client, server),
        };
        let port = if expected.port == 0 { port } else { expected.port };
        let Some(transport) = registry::transport(expected.protocol) else { return };
        let listener = Listener { transport, address: expected.address.map_or(listener, Addr::from), port };
        let now = self.cx.packet.ts;
        if !self.detector.expectations.add(listener, connector, expected.protocol, expected.note, now) {
            self.detector.counters.expected_refused += 1;
        }
    }

    fn log(&mut self, transaction: &mut dyn Transaction, direction: Direction) {
        // What rules on the first messages wanted comes with later ones.
        if self.flow.kept.as_ref().is_some_and(|kept| kept.certificates.is_some()) {
            for direction in [Direction::ToServer, Direction::ToClient] {
                self.facing(direction, |detector, cx, flow, _| {
                    detector.store_certificates(cx, flow, &*transaction, direction);
                });
            }
        }
        self.renew(transaction);
        if !self.flow.quiet {
            self.detector.log(self.protocol, transaction, direction);
        }
    }
}

/// A transaction with the frame of it that is at hand.
struct Framed<'a> {
    transaction: &'a mut dyn Transaction,
    buffer: Buffer,
    bytes: &'a [u8],
}

impl Transaction for Framed<'_> {
    fn state(&mut self) -> &mut TransactionState {
        self.transaction.state()
    }
    fn state_ref(&self) -> &TransactionState {
        self.transaction.state_ref()
    }
    fn bytes<'a>(
        &'a self,
        buffer: Buffer,
        direction: Direction,
        index: usize,
        scratch: &'a mut Vec<u8>,
    ) -> Option<Part<'a>> {
        if buffer == self.buffer {
            return (index == 0).then_some(Part::whole(self.bytes));
        }
        self.transaction.bytes(buffer, direction, index, scratch)
    }
    fn number(&self, buffer: Buffer, direction: Direction, index: usize) -> Option<u64> {
        self.transaction.number(buffer, direction, index)
    }
    fn answer(&self, question: &Question, direction: Direction) -> bool {
        self.transaction.answer(question, direction)
    }
    fn is_little_endian(&self, direction: Direction) -> bool {
        self.transaction.is_little_endian(direction)
    }
    fn frame(&self) -> Option<(Buffer, &[u8])> {
        Some((self.buffer, self.bytes))
    }
    fn tracker(&self, direction: Direction, index: usize) -> Option<&FileTracker> {
        self.transaction.tracker(direction, index)
    }
    fn tracker_mut(&mut self, direction: Direction, index: usize) -> Option<&mut FileTracker> {
        self.transaction.tracker_mut(direction, index)
    }
    fn record(&self, direction: Direction, alert: bool) -> Option<Box<dyn Record>> {
        self.transaction.record(direction, alert)
    }
}

/// Stands in where something odd is about a flow and not about a transaction.
struct NoTransaction(TransactionState);

impl Transaction for NoTransaction {
    fn state(&mut self) -> &mut TransactionState {
        &mut self.0
    }
    fn state_ref(&self) -> &TransactionState {
        &self.0
    }
    fn bytes<'a>(&'a self, _: Buffer, _: Direction, _: usize, _: &'a mut Vec<u8>) -> Option<Part<'a>> {
        None
    }
    fn number(&self, _: Buffer, _: Direction, _: usize) -> Option<u64> {
        None
    }
    fn record(&self, _: Direction, _: bool) -> Option<Box<dyn Record>> {
        None
    }
}

/// How many bytes of a buffer this set, which is the one in this `place` of its protocol and direction, has searched already, if it will not
/// be searched as a whole again. From now on, all that are there.
fn searched(set: &BufferSet, place: u16, epoch: u32, transaction: &mut dyn Transaction, direction: Direction) -> usize {
    if !set.grows || !set.transforms.is_empty() || !transaction.only_grows(set.buffer, direction) {
        return 0;
    }
    let mut scratch = vec![];
    let len = transaction.bytes(set.buffer, direction, 0, &mut scratch).map_or(0, |part| part.data.len());
    transaction.state().search((direction, place), epoch, len)
}

impl<T: Tracer> Detector<T> {
    /// A transaction got as far as `progress` in the direction of `cx`.
    fn transaction(
        &mut self,
        cx: &PacketContext<'_>,
        flow: &mut FlowDetect,
        protocol: Protocol,
        transaction: &mut dyn Transaction,
        progress: Progress,
    ) {
        let Some(direction) = cx.direction else { return };
        let i = direction.index();
        let state = transaction.state();
        let before = state.inspected[i];
        state.inspected[i] = before.max(progress);
        if flow.passed {
            return;
        }
        let mut candidates = std::mem::take(&mut self.app_candidates);
        candidates.clear();
        let app = cx.engine.app(protocol, direction);
        let grown = self.body_has_grown(app, transaction, direction, progress);
        if progress > before || grown {
            let waiting = transaction.state().waiting.drain(..);
            candidates.extend(waiting.filter_map(|key| cx.engine.rule_of_key(key)).map(|(index, _)| index));
        }
        if let Some(app) = app {
            let due = app.unguarded.iter().filter(|(from, _)| before < *from && *from <= progress);
            candidates.extend(due.map(|(_, rule)| *rule));
            for (place, set) in (0..).zip(&app.sets) {
                if if set.grows { grown } else { before < set.progress && set.progress <= progress } {
                    let from = searched(set, place, cx.engine.epoch, transaction, direction);
                    self.search(set, transaction, direction, from, &mut candidates);
                }
            }
        }
        candidates.sort_unstable();
        candidates.dedup();
        for &index in &candidates {
            if !transaction.state_ref().matched[i].contains(&cx.engine.key(index).number) {
                self.judge_transaction(cx, flow, transaction, index, progress);
            }
            if flow.passed {
                break;
            }
        }
        self.app_candidates = candidates;
    }

    /// A frame came, in the direction of `cx`: a rule that looks at it is judged there and then, and may match on each.
    fn frame(&mut self, cx: &PacketContext<'_>, flow: &mut FlowDetect, protocol: Protocol, framed: &mut Framed<'_>) {
        let Some(direction) = cx.direction else { return };
        let Some(app) = cx.engine.app(protocol, direction) else { return };
        let mut candidates = std::mem::take(&mut self.app_candidates);
        candidates.clear();
        let unguarded = app.unguarded_frames.iter().filter(|(buffer, _)| *buffer == framed.buffer);
        candidates.extend(unguarded.map(|(_, rule)| *rule));
        for set in app.frames.iter().filter(|set| set.buffer == framed.buffer) {
            self.search(set, framed, direction, 0, &mut candidates);
        }
        candidates.sort_unstable();
        candidates.dedup();
        for &index in &candidates {
            let Some(rule) = cx.engine.rule(index) else { continue };
            self.counters.candidates += 1;
            let Some(judging) = self.costs.begin(index) else {
                self.counters.paused += 1;
                continue;
            };
            if T::LOOKS {
                let state = &flow.streams[direction.index()];
                let tail = (self.history.get(state.history), state.next);
                self.tracer.transaction(cx, flow, framed, direction, index, tail);
            }
            if rule.admits(cx, &cx.engine.addresses)
                && rule.state_holds(cx, Some(flow), Some(framed.state_ref()))
                && self.judge_buffers(rule, cx, flow, framed, direction) == Judgement::Match
            {
                self.matched(rule, index, cx, Some(flow), Found::Transaction(framed), cx.reversed);
            }
            self.costs.end(index, judging);
            if flow.passed {
                break;
            }
        }
        self.app_candidates = candidates;
    }

    /// Whether there is so much more of the body that it is worth another search; it is when it ends.
    fn body_has_grown(
        &mut self,
        app: Option<&AppEngine>,
        transaction: &mut dyn Transaction,
        direction: Direction,
        progress: Progress,
    ) -> bool {
        let waiting = !transaction.state_ref().waiting.is_empty();
        let mut growing = app.map_or(&[][..], |app| &app.sets).iter().filter(|s| s.grows).map(|s| s.buffer).peekable();
        let Some(first) = growing.peek().copied() else {
            return progress >= Progress::Body && waiting;
        };
        // Names of files come with the body, but how much there is of it must be told by what is in it.
        let set = growing.find(|b| b.declaration().kind == Kind::Grows).unwrap_or(match first {
            Buffer::FileName | Buffer::FileMagic => Buffer::FileData,
            other => other,
        });
        if progress < Progress::Body {
            return false;
        }
        let mut len = 0;
        for index in 0..MAX_RUNS {
            self.buffer_scratch.bytes.clear();
            let Some(part) = transaction.bytes(set, direction, index, &mut self.buffer_scratch.bytes) else { break };
            len += part.data.len();
        }
        let state = transaction.state();
        let searched = &mut state.searched[direction.index()];
        let grown = progress == Progress::Complete || len >= 2 * *searched;
        if grown {
            *searched = len.max(1);
        }
        grown
    }

    /// Adds the rules whose literal occurs in the buffer and does not end before `from`.
    fn search(
        &mut self,
        set: &BufferSet,
        transaction: &dyn Transaction,
        direction: Direction,
        from: usize,
        candidates: &mut Vec<u32>,
    ) {
        // A literal may begin before.
        let before = from.saturating_sub(MAX_LEN - 1);
        for index in 0..MAX_RUNS {
            self.buffer_scratch.bytes.clear();
            let Some(part) = run_of(set.buffer, transaction, direction, index, &mut self.buffer_scratch.bytes) else {
                return;
            };
            let data = apply_all(&set.transforms, part.data, &mut self.buffer_scratch.workspace);
            self.hits.clear();
            let (hits, counters) = (&mut self.hits, &mut self.counters);
            let unsearched = data.get(before..).unwrap_or_default();
            counters.scanned_bytes += unsearched.len() as u64;
            if let Some(literals) = &set.literals {
                let hit = |literal, to| take_hit(hits, counters, literal, before as u64 + to);
                literals.scan(unsearched, &self.scans.scratch, hit);
            }
            for hit in &self.hits {
                for guarded in set.guarded(hit.literal) {
                    let start = hit.to.wrapping_sub(u64::from(guarded.content_to_end));
                    if in_range(start, guarded.starts) && candidates.last() != Some(&guarded.rule) {
                        candidates.push(guarded.rule);
                    }
                }
            }
            set.anchored.in_packet(data, |guarded, _| candidates.push(guarded.rule));
            if set.is_single() {
                return;
            }
        }
    }

    pub(super) fn judge_transaction(
        &mut self,
        cx: &PacketContext<'_>,
        flow: &mut FlowDetect,
        transaction: &mut dyn Transaction,
        index: u32,
        progress: Progress,
    ) {
        let Some(judging) = self.costs.begin(index) else {
            self.counters.paused += 1;
            return;
        };
        self.judge_on_transaction(cx, flow, transaction, index, progress);
        self.costs.end(index, judging);
        self.keep_entropies(Some(flow), false);
    }

    fn judge_on_transaction(
        &mut self,
        cx: &PacketContext<'_>,
        flow: &mut FlowDetect,
        transaction: &mut dyn Transaction,
        index: u32,
        progress: Progress,
    ) {
        let (Some(rule), Some(direction)) = (cx.engine.rule(index), cx.direction) else { return };
        let key = cx.engine.key(index).number;
        self.counters.candidates += 1;
        self.carried.source = cx.packet.ip.map(|ip| ip.src);
        if T::LOOKS {
            let state = &flow.streams[direction.index()];
            let tail = (self.history.get(state.history), state.next);
            self.tracer.transaction(cx, flow, transaction, direction, index, tail);
        }
        if !rule.admits(cx, &cx.engine.addresses) {
            // A rule for the other direction waits for it.
            let own = rule.own_direction(direction);
            if !rule.buffers.is_empty() && !rule.is_due(own, transaction.state_ref().inspected) {
                wait(transaction, key);
            }
            return;
        }
        if !rule.is_due(direction, transaction.state_ref().inspected) {
            return wait(transaction, key);
        }
        if !rule.state_holds(cx, Some(flow), Some(transaction.state_ref())) {
            // It may hold when there is more of the body, in which the literal will not be searched for again.
            if progress == Progress::Body {
                wait(transaction, key);
            }
            return;
        }
        let complete = transaction.state_ref().inspected == [Progress::Complete; 2];
        match self.judge_buffers(rule, cx, flow, transaction, direction) {
            Judgement::Match => {
                let matched = &mut transaction.state().matched;
                matched[direction.index()].push(key);
                if !rule.matches_each_way {
                    matched[direction.reverse().index()].push(key);
                }
                if self.matched(rule, index, cx, Some(flow), Found::Transaction(transaction), cx.reversed) {
                    rule.kept.apply_to(transaction.state());
                    if rule.kept.certificates {
                        self.store_certificates(cx, flow, transaction, direction);
                    }
                    if let Some(store) = rule.filestore {
                        self.want_files(cx, flow, transaction, rule, (key, store));
                    }
                }
            }
            Judgement::NeedMore if !complete => wait(transaction, key),
            // Another file may come with the same transaction.
            Judgement::NoMatch if progress == Progress::Body => wait(transaction, key),
            Judgement::NeedMore | Judgement::NoMatch | Judgement::OutOfSteps => {}
        }
    }

    fn judge_buffers(
        &mut self,
        rule: &Rule,
        cx: &PacketContext<'_>,
        flow: &FlowDetect,
        transaction: &dyn Transaction,
        direction: Direction,
    ) -> Judgement {
        let mut more = false;
        self.buffer_scratch.now = i64::try_from(cx.packet.ts.seconds()).unwrap_or(i64::MAX);
        self.carried.begin();
        let whole = transaction.state_ref().inspected[direction.index()] == Progress::Complete;
        if rule.payload_first {
            match self.judge_tail(rule, cx, flow, direction, whole) {
                Judgement::Match => {}
                other => return other,
            }
        }
        if !rule.headers_last {
            match self.judge_headers(rule, cx) {
                Judgement::Match => {}
                other => return other,
            }
        }
        for buffer in &rule.buffers {
            self.counters.judgements += 1;
            match buffer.judge(transaction, direction, &mut self.buffer_scratch, &mut self.carried) {
                Judgement::Match => {}
                Judgement::NeedMore => more = true,
                Judgement::OutOfSteps => {
                    self.counters.out_of_steps += 1;
                    return Judgement::OutOfSteps;
                }
                Judgement::NoMatch => return Judgement::NoMatch,
            }
        }
        if more {
            return Judgement::NeedMore;
        }
        if !rule.program.is_empty() && !rule.payload_first {
            match self.judge_tail(rule, cx, flow, direction, whole) {
                Judgement::Match => {}
                other => return other,
            }
        }
        if rule.headers_last { self.judge_headers(rule, cx) } else { Judgement::Match }
    }

    /// Conditions on the raw payload beside a transaction's buffers. `whole`: the transaction is complete in this direction, and ends
    /// where the stream does so far.
    fn judge_tail(
        &mut self,
        rule: &Rule,
        cx: &PacketContext<'_>,
        flow: &FlowDetect,
        direction: Direction,
        whole: bool,
    ) -> Judgement {
        if rule.program.is_empty() {
            return Judgement::Match;
        }
        // What the rule asks of the raw payload beside its buffers must stand in the last bytes of the stream.
        let state = &flow.streams[direction.index()];
        let mut window = std::mem::take(&mut self.window);
        window.clear();
        window.extend_from_slice(self.history.get(state.history));
        let end = if whole { End::Final } else { End::Cut };
        let bytes = if cx.packet.tcp().is_some() {
            Bytes { data: &window, start: state.next.saturating_sub(window.len() as u64), end }
        } else {
            Bytes { data: cx.packet.payload, start: 0, end: End::Final }
        };
        let judgement = self.judge_on(rule, bytes);
        self.window = window;
        judgement
    }

    fn transaction_event(
        &mut self,
        cx: &PacketContext<'_>,
        flow: &mut FlowDetect,
        protocol: Protocol,
        transaction: &mut dyn Transaction,
    ) {
        let Some(direction) = cx.direction else { return };
        let Some(app) = cx.engine.app(protocol, direction) else { return };
        for &index in &app.events {
            let wanted = cx.engine.rule(index).is_some_and(|r| r.app_events_hold(transaction.state_ref()));
            let matched = transaction.state_ref().matched[direction.index()].contains(&cx.engine.key(index).number);
            if wanted && !matched && !flow.passed {
                self.judge_transaction(cx, flow, transaction, index, Progress::Start);
            }
        }
    }

    fn flow_event(&mut self, cx: &PacketContext<'_>, flow: &mut FlowDetect, protocol: Protocol, event: &'static str) {
        self.anomaly(cx, protocol, None, event);
        let Some(app) = cx.direction.and_then(|d| cx.engine.app(protocol, d)) else { return };
        let stand_in = NoTransaction(TransactionState { events: vec![event], ..TransactionState::default() });
        for &index in &app.events {
            let Some(rule) = cx.engine.rule(index).filter(|r| r.buffers.is_empty()) else { continue };
            let wanted = rule.app_events_hold(&stand_in.0) && rule.admits(cx, &cx.engine.addresses);
            let direction = cx.direction.unwrap_or(Direction::ToServer);
            if T::LOOKS && wanted {
                let state = &flow.streams[direction.index()];
                let tail = (self.history.get(state.history), state.next);
                self.tracer.transaction(cx, flow, &stand_in, direction, index, tail);
            }
            if wanted
                && !flow.passed
                && rule.state_holds(cx, Some(flow), Some(&stand_in.0))
                && self.judge_buffers(rule, cx, flow, &stand_in, direction) == Judgement::Match
            {
                self.matched(rule, index, cx, Some(flow), Found::Packet, cx.reversed);
            }
        }
    }

    fn anomaly(&mut self, cx: &PacketContext<'_>, protocol: Protocol, tx_id: Option<u64>, event: &'static str) {
        if let Some(direction) = cx.direction
            && self.logs_anomalies
        {
            self.logs.push(AppLog { protocol, tx_id, direction, entry: AppLogEntry::Anomaly(event) });
        }
    }

    fn log(&mut self, protocol: Protocol, transaction: &mut dyn Transaction, direction: Direction) {
        if !self.logs_records || transaction.state_ref().quiet {
            return;
        }
        if let Some(record) = transaction.record(direction, false) {
            let tx_id = Some(transaction.state_ref().id);
            self.logs.push(AppLog { protocol, tx_id, direction, entry: AppLogEntry::Record(record.into()) });
        }
    }
}

fn wait(transaction: &mut dyn Transaction, rule: u32) {
    let state = transaction.state();
    if state.waiting.contains(&rule) {
        return;
    }
    if state.waiting.len() < MAX_WAITING {
        state.waiting.push(rule);
    } else {
        // It will be found by its literal, if all is searched again.
        state.searched_by.clear();
    }
}
