//! Why a rule matched, or did not: an observer of the packet path ([`Tracer`]) that holds one rule's conditions one by one
//! against what the engine judges it on.
//!
//! It runs the engine itself, made of that rule, of the rules that its flowbits or its silence depend on, and of one that
//! notices its literal on any header ([`select`]). Where the engine tries the rule, or the literal occurs and it does not, every
//! condition is looked at, not only those up to the first that fails; a flow tells of the place in which most of them held.
//! Only `sekisho explain` does this: memory grows with the number of flows, and time is no concern.

pub mod account;
mod recorder;
pub mod select;
mod steps;
pub(super) mod words;

use self::account::{Attempt, FlowAccount, Outcome, Reason, Step, Verdict};
use self::select::{Literal, Selection};
use self::steps::payload_steps;
use self::words::HeaderWords;
use super::buffer::BufferScratch;
use super::candidate::{Candidate, Stretch, Where};
use super::engine::Engine;
use super::evaluate::{Buffer as Bytes, Carried, End, Judgement};
use super::pending::Parked;
use super::rule::{PacketContext, Rule, recognised};
use super::state::FlowDetect;
use super::trace::{Fate, Tracer};
use crate::packet::{Addr, Direction, Packet, Transport};
use crate::protocols::{Recognition, Transaction};
use rustc_hash::FxHashMap;
use sekisho_signatures::model::Signature;
use std::collections::{BTreeMap, BTreeSet};

/// Attempts that may wait for more of their streams.
const MAX_WAITING: usize = 4096;
/// Which flow: by its number, or, for packets that belong to none, by addresses and ports.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Flow(u64),
    Packet(String),
}

/// Observes one rule. See the module.
pub struct Explainer {
    target: u32,
    probe: Option<u32>,
    words: HeaderWords,
    literal: Option<Literal>,
    setters: BTreeMap<String, BTreeSet<u32>>,
    flows: Vec<FlowAccount>,
    index: FxHashMap<Key, usize>,
    /// What is being judged, until it is known whether it matched.
    current: Option<(usize, Attempt)>,
    /// Attempts that depend on bytes to come.
    waiting: Vec<(usize, Direction, Attempt)>,
    /// Where the rule was tried on the packet at hand.
    tried: Vec<(Where, u64)>,
    /// Transactions in which the literal occurred, by flow.
    noticed: BTreeSet<(usize, u64)>,
    scratch: BufferScratch,
    carried: Carried,
    packets: u64,
}

/// What was observed.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Packets that got as far as detection.
    pub packets: u64,
    /// Flows, and packets that belong to none, in order of their first packet.
    pub flows: Vec<FlowAccount>,
    /// For flows in which the rule was tried nowhere: why.
    pub far: Vec<Reason>,
}

impl Explainer {
    /// Observes the rule of `selection` in `engine`; none if the engine refused it.
    #[must_use]
    pub fn new(engine: &Engine, selection: &Selection) -> Option<Self> {
        let find = |wanted: &dyn Fn(&Signature) -> bool| {
            engine.ruleset.signatures.iter().position(|s| wanted(s)).map(|i| i as u32)
        };
        let target = find(&|s| (s.gid, s.sid) == selection.id)?;
        engine.rule(target)?;
        Some(Self {
            target,
            probe: find(&Selection::is_probe),
            words: HeaderWords::of(engine.ruleset.signatures.get(target as usize)?),
            literal: selection.literal.clone(),
            setters: selection.setters.clone(),
            flows: vec![],
            index: FxHashMap::default(),
            current: None,
            waiting: vec![],
            tried: vec![],
            noticed: BTreeSet::new(),
            scratch: BufferScratch::default(),
            carried: Carried::default(),
            packets: 0,
        })
    }

    /// What was observed. To be called after the worker's `finish`.
    #[must_use]
    pub fn observed(&mut self) -> Observed {
        self.commit();
        for (flow, _, attempt) in std::mem::take(&mut self.waiting) {
            self.keep(flow, attempt);
        }
        let mut far: BTreeMap<String, (u64, BTreeMap<String, u64>)> = BTreeMap::new();
        for flow in self.flows.iter().filter(|f| f.nearest.is_none()) {
            let (condition, found) = match &flow.gate {
                Some((_, Some((condition, found)))) => (condition.clone(), found.clone()),
                _ => match &self.literal {
                    Some(literal) => (literal_missing(literal), String::new()),
                    None => {
                        ("header and flow hold, and the rest was never there to be judged".to_owned(), String::new())
                    }
                },
            };
            let (flows, instead) = far.entry(condition).or_default();
            *flows += 1;
            if !found.is_empty() {
                *instead.entry(found).or_default() += 1;
            }
        }
        let mut far: Vec<Reason> = far
            .into_iter()
            .map(|(condition, (flows, instead))| {
                let mut instead: Vec<(String, u64)> = instead.into_iter().collect();
                instead.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
                instead.truncate(3);
                Reason { condition, flows, instead }
            })
            .collect();
        far.sort_by_key(|r| std::cmp::Reverse(r.flows));
        Observed { packets: self.packets, flows: std::mem::take(&mut self.flows), far }
    }

    fn flow(&mut self, cx: &PacketContext<'_>) -> usize {
        let packet = cx.packet;
        let mut ends = [end(packet, true), end(packet, false)];
        let key = if cx.flow_id == 0 { Key::Packet(ends.join(" ")) } else { Key::Flow(cx.flow_id) };
        if let Some(&known) = self.index.get(&key) {
            return known;
        }
        if cx.direction == Some(Direction::ToClient) {
            ends.swap(0, 1);
        }
        let [client, server] = ends;
        let number = packet.frame_number;
        self.flows.push(FlowAccount {
            protocol: protocol(packet).to_owned(),
            client,
            server,
            packets: (number, number),
            packet_count: 0,
            app: None,
            attempts: 0,
            matches: 0,
            alerts: 0,
            others: vec![],
            nearest: None,
            gate: None,
            gate_seen: 0,
            last_place: String::new(),
        });
        self.index.insert(key, self.flows.len() - 1);
        self.flows.len() - 1
    }

    /// What was being judged is done with.
    fn commit(&mut self) {
        if let Some((flow, attempt)) = self.current.take() {
            self.keep(flow, attempt);
        }
    }

    fn keep(&mut self, flow: usize, attempt: Attempt) {
        let Some(flow) = self.flows.get_mut(flow) else { return };
        // A transaction is looked at as it goes on, and is one place all the same.
        if !attempt.place.starts_with("transaction") || flow.last_place != attempt.place {
            flow.attempts += 1;
            flow.last_place.clone_from(&attempt.place);
        }
        if flow.nearest.as_ref().is_none_or(|nearest| attempt.rank() > nearest.rank()) {
            flow.nearest = Some(attempt);
        }
    }

    fn begin(&mut self, cx: &PacketContext<'_>, place: String, steps: Vec<Step>) -> (usize, Attempt) {
        self.commit();
        let flow = self.flow(cx);
        let attempt = Attempt {
            packet: cx.packet.frame_number,
            to_server: cx.direction.map(|d| d == Direction::ToServer),
            place,
            verdict: Verdict::NoMatch,
            steps,
            literal_end: 0,
        };
        (flow, attempt)
    }

    /// Holds the rule against a packet, or against a stretch of its stream.
    fn attempt(&mut self, cx: &PacketContext<'_>, flow: Option<&FlowDetect>, c: Candidate, stretch: Stretch<'_>) {
        let Some((rule, signature)) = self.target_of(cx) else { return };
        let mut steps = self.common(cx, flow, rule, signature, None);
        let gate = steps.iter().all(|s| s.outcome == Outcome::Held);
        let by_literal = c.place == Where::Stream || c.at > 0;
        if !by_literal && !rule.gate_steps(&self.words, cx).iter().all(|s| s.outcome == Outcome::Held) {
            return;
        }
        let bytes = match c.place {
            Where::Stream => stretch.around(c.at, End::Open),
            Where::Packet | Where::Header => Bytes { data: cx.packet.payload, start: 0, end: End::Final },
        };
        let direction = cx.direction.unwrap_or(Direction::ToServer);
        let (place, name) = match c.place {
            Where::Stream => (format!("the stream up to byte {}", c.at), stream_name(direction)),
            Where::Packet => ("its payload".to_owned(), "payload"),
            Where::Header => ("its headers".to_owned(), "payload"),
        };
        self.carried.begin();
        self.carried.source = sender(cx, direction);
        let judgement = if rule.payload_first {
            let (told, judgement) = payload_steps(rule, signature, name, bytes, &mut self.carried);
            steps.extend(told);
            steps.extend(self.header_steps(cx, rule, signature));
            judgement
        } else {
            steps.extend(self.header_steps(cx, rule, signature));
            let (told, judgement) = payload_steps(rule, signature, name, bytes, &mut self.carried);
            steps.extend(told);
            judgement
        };
        let (flow, mut attempt) = self.begin(cx, place, steps);
        attempt.literal_end = c.at;
        if judgement == Judgement::NeedMore && gate && self.waiting.len() < MAX_WAITING {
            self.waiting.push((flow, direction, attempt));
        } else {
            self.current = Some((flow, attempt));
        }
    }

    fn target_of<'e>(&self, cx: &PacketContext<'e>) -> Option<(&'e Rule, &'e Signature)> {
        Some((cx.engine.rule(self.target)?, cx.engine.ruleset.signatures.get(self.target as usize)?))
    }
}

#[expect(private_interfaces, reason = "only this crate can look on; others may name who does")]
impl Tracer for Explainer {
    const LOOKS: bool = true;

    fn candidate(&mut self, cx: &PacketContext<'_>, flow: Option<&FlowDetect>, c: Candidate, stretch: Stretch<'_>) {
        if c.rule == self.target {
            self.tried.push((c.place, c.at));
        } else if Some(c.rule) != self.probe || self.tried.contains(&(c.place, c.at)) {
            return;
        }
        self.attempt(cx, flow, c, stretch);
    }

    fn parked(
        &mut self,
        cx: &PacketContext<'_>,
        _: &FlowDetect,
        direction: Direction,
        parked: Parked,
        stretch: Stretch<'_>,
        last: bool,
    ) {
        if parked.rule != self.target {
            return;
        }
        self.commit();
        let Some((rule, signature)) = self.target_of(cx) else { return };
        let flow = self.flow(cx);
        let waits =
            |(f, d, a): &(usize, Direction, Attempt)| *f == flow && *d == direction && a.literal_end == parked.at;
        let Some(i) = self.waiting.iter().position(waits) else { return };
        let end = if last { End::Final } else { End::Open };
        self.carried.begin();
        self.carried.source = sender(cx, direction);
        let (told, judgement) =
            payload_steps(rule, signature, stream_name(direction), stretch.around(parked.at, end), &mut self.carried);
        if judgement == Judgement::NeedMore && !last {
            return;
        }
        let (flow, _, mut attempt) = self.waiting.swap_remove(i);
        attempt.steps.truncate(attempt.steps.len().saturating_sub(told.len()));
        attempt.steps.extend(told);
        self.current = Some((flow, attempt));
    }

    fn transaction(
        &mut self,
        cx: &PacketContext<'_>,
        flow: &FlowDetect,
        transaction: &dyn Transaction,
        direction: Direction,
        index: u32,
        tail: (&[u8], u64),
    ) {
        let id = transaction.state_ref().id;
        if Some(index) == self.probe {
            let account = self.flow(cx);
            self.noticed.insert((account, id));
        } else if index != self.target {
            return;
        }
        let Some((rule, signature)) = self.target_of(cx) else { return };
        let mut steps = self.common(cx, Some(flow), rule, signature, Some(transaction));
        let gate = rule.gate_steps(&self.words, cx).iter().all(|s| s.outcome == Outcome::Held);
        let account = self.flow(cx);
        let near = if self.literal.is_some() { self.noticed.contains(&(account, id)) } else { gate };
        if !near && index == self.target && self.literal.is_some() {
            // Found by its literal just now, or tried in the direction that does not have it: the probe comes after it.
            let guarded = signature.buffers.iter().any(|b| {
                Some(b.buffer.declaration().name) == self.literal.as_ref().map(|l| l.buffer.as_str())
                    && b.buffer.declaration().side.has(direction == Direction::ToServer)
            });
            if !guarded {
                return;
            }
        } else if !near {
            return;
        }
        let bytes = if cx.packet.tcp().is_some() {
            Bytes { data: tail.0, start: tail.1.saturating_sub(tail.0.len() as u64), end: End::Cut }
        } else {
            Bytes { data: cx.packet.payload, start: 0, end: End::Final }
        };
        self.carried.begin();
        self.carried.source = sender(cx, direction);
        self.scratch.now = i64::try_from(cx.packet.ts.seconds()).unwrap_or(i64::MAX);
        if rule.payload_first {
            steps.extend(payload_steps(rule, signature, stream_name(direction), bytes, &mut self.carried).0);
        }
        steps.extend(self.header_steps(cx, rule, signature));
        steps.extend(self.buffer_steps(rule, signature, transaction, direction));
        if !rule.payload_first {
            steps.extend(payload_steps(rule, signature, stream_name(direction), bytes, &mut self.carried).0);
        }
        self.current = Some(self.begin(cx, format!("transaction {id}"), steps));
    }

    fn matched(&mut self, rule: u32, cx: &PacketContext<'_>, fate: Fate) {
        let flow = self.flow(cx);
        let Some(signature) = cx.engine.ruleset.signatures.get(rule as usize) else { return };
        if rule != self.target {
            let others = self.flows.get_mut(flow).map(|f| &mut f.others);
            if let Some(others) = others.filter(|o| Some(rule) != self.probe && !o.contains(&signature.sid)) {
                others.push(signature.sid);
            }
            return;
        }
        if let Some(flow) = self.flows.get_mut(flow) {
            flow.matches += 1;
            flow.alerts += u64::from(fate == Fate::Told);
        }
        if self.current.is_none() {
            // There was no room for it to wait, so that it was judged as it stood.
            let waits = self.waiting.iter().rposition(|(f, ..)| *f == flow);
            self.current = waits.map(|i| self.waiting.swap_remove(i)).map(|(flow, _, attempt)| (flow, attempt));
        }
        let Some((_, attempt)) = &mut self.current else { return };
        attempt.verdict = match fate {
            Fate::Told => Verdict::Alert,
            Fate::HeldBack | Fate::Filtered => Verdict::HeldBack,
            Fate::Repeated | Fate::Silent | Fate::Passed => Verdict::Silent,
        };
        for step in attempt.steps.iter_mut().filter(|s| s.outcome == Outcome::Open) {
            step.outcome = Outcome::Held;
        }
        let filters = [(signature.detection_filter, Fate::Filtered), (signature.threshold, Fate::HeldBack)];
        for (filter, held_back) in filters {
            let asked = fate != Fate::Silent && fate != Fate::Passed || held_back == Fate::Filtered;
            if let Some(filter) = filter.filter(|_| asked) {
                let detail = if fate == held_back { "held back" } else { "lets it through" };
                attempt.steps.push(Step::new(words::threshold(&filter), fate != held_back, detail));
            }
            if fate == held_back {
                break;
            }
        }
        self.commit();
    }

    fn packet(&mut self, cx: &PacketContext<'_>, flow: Option<&FlowDetect>) {
        self.commit();
        self.tried.clear();
        self.packets += 1;
        let index = self.flow(cx);
        let app = flow.map_or(cx.app, |f| f.app.view());
        let key = cx.direction.map_or(0, |d| 1 + d as u64)
            + 3 * (u64::from(cx.established) + 2 * u64::from(cx.packet.reassembled))
            + 12 * match app.protocol {
                Recognition::Unknown => 0,
                Recognition::Failed => 1,
                Recognition::Known(_) => 2,
            };
        let Some(account) = self.flows.get_mut(index) else { return };
        account.packets.1 = cx.packet.frame_number.max(account.packets.1);
        account.packet_count += 1;
        account.app = match app.protocol {
            Recognition::Unknown => None,
            known => Some(recognised(known)),
        };
        if account.gate_seen & 1 << key != 0 {
            return;
        }
        account.gate_seen |= 1 << key;
        let Some(rule) = cx.engine.rule(self.target) else { return };
        let steps = rule.gate_steps(&self.words, &PacketContext { app, ..*cx });
        let held = steps.iter().filter(|s| s.outcome == Outcome::Held).count();
        if account.gate.as_ref().is_none_or(|(best, _)| held > *best) {
            let failed = steps.into_iter().find(|s| s.outcome != Outcome::Held);
            account.gate = Some((held, failed.map(|s| (s.condition, s.detail))));
        }
    }
}

fn literal_missing(literal: &Literal) -> String {
    let case = if literal.nocase { ", in either case," } else { "" };
    format!("header and flow hold, but the literal \"{}\"{case} never occurred in {}", literal.text, literal.buffer)
}

fn stream_name(direction: Direction) -> &'static str {
    match direction {
        Direction::ToServer => "stream to the server",
        Direction::ToClient => "stream to the client",
    }
}

fn protocol(packet: &Packet<'_>) -> &'static str {
    match packet.transport {
        Transport::Tcp(_) => "TCP",
        Transport::Udp => "UDP",
        Transport::Icmp(_) => "ICMP",
        Transport::Icmpv6(_) => "ICMPv6",
        Transport::Sctp => "SCTP",
        Transport::None if packet.ip.is_some() => "IP",
        Transport::None => "no IP",
    }
}

/// Address and port of the source or the destination.
fn end(packet: &Packet<'_>, src: bool) -> String {
    let Some(ip) = packet.ip else { return "-".to_owned() };
    let (addr, port) = if src { (ip.src, packet.src_port) } else { (ip.dst, packet.dst_port) };
    match packet.transport {
        Transport::Tcp(_) | Transport::Udp | Transport::Sctp => {
            std::net::SocketAddr::new(addr.to_ip(), port).to_string()
        }
        _ => addr.to_ip().to_string(),
    }
}

/// Who sent the bytes that go this way.
fn sender(cx: &PacketContext<'_>, direction: Direction) -> Option<Addr> {
    let along = cx.direction.is_none_or(|d| d == direction);
    cx.packet.ip.map(|ip| if along { ip.src } else { ip.dst })
}
