//! From candidates to matches: a rule's gate, its flowbits, its payload conditions, and what a match does.

use super::candidate::{Candidate, Stretch, Where};
use super::detector::Detector;
use super::evaluate::{Buffer, End, Judgement, judge_with};
use super::history::REACH;
use super::pending::Parked;
use super::rule::{PacketContext, Rule};
use super::state::{Alert, Finding, FlowDetect, FrameNote, TransactionNote};
use super::threshold::{Parties, Thresholds};
use super::trace::{Fate, Tracer};
use crate::event::FlowAction;
use crate::packet::{Addr, Direction};
use crate::protocols::{MAX_FRAME, Transaction};
use sekisho_signatures::model::{Action, CaptureOn, Threshold};
use std::sync::Arc;

/// Where a rule matched.
#[derive(Clone, Copy)]
pub(super) enum Found<'a> {
    Packet,
    Stream,
    /// In the stream, and in the packet as well, which counts for thresholds.
    Both,
    Transaction(&'a dyn Transaction),
}

impl<T: Tracer> Detector<T> {
    /// Judges sorted candidates in order.
    pub(super) fn judge_all(
        &mut self,
        cx: &PacketContext<'_>,
        mut flow: Option<&mut FlowDetect>,
        candidates: &[Candidate],
        stretch: Stretch<'_>,
    ) {
        self.carried.source = cx.packet.ip.map(|ip| ip.src);
        let mut i = 0;
        while i < candidates.len() {
            let index = candidates[i].rule;
            let many = candidates[i..].iter().take_while(|c| c.rule == index).count();
            let same = &candidates[i..i + many];
            i += many;
            let Some(rule) = cx.engine.rule(index) else { continue };
            let Some(judging) = self.costs.begin(index) else {
                self.counters.paused += 1;
                continue;
            };
            self.counters.candidates += 1;
            if rule.admits(cx, &cx.engine.addresses) {
                self.judge_admitted(rule, index, cx, flow.as_deref_mut(), same, stretch);
            } else if T::LOOKS {
                same.iter().for_each(|&c| self.tracer.candidate(cx, flow.as_deref(), c, stretch));
            }
            self.costs.end(index, judging);
            self.keep_entropies(flow.as_deref_mut(), true);
            if flow.as_deref().is_some_and(|f| f.passed) || self.ruling.pass {
                return;
            }
        }
    }

    /// Judges the candidates of one rule whose gate is open.
    #[inline]
    fn judge_admitted(
        &mut self,
        rule: &Rule,
        index: u32,
        cx: &PacketContext<'_>,
        mut flow: Option<&mut FlowDetect>,
        same: &[Candidate],
        stretch: Stretch<'_>,
    ) {
        // On the packet the answer is the same for every occurrence; a match in the stream stands for the packet. A
        // threshold counts both: Suricata looks at the packet as it comes, and at the stream when it is acknowledged.
        let counts = rule.threshold.is_some() || rule.detection_filter.is_some();
        let on_packet = same.iter().any(|c| c.place == Where::Packet);
        let mut packet_settled = false;
        for candidate in same {
            if T::LOOKS {
                self.tracer.candidate(cx, flow.as_deref(), *candidate, stretch);
            }
            let in_stream = candidate.place == Where::Stream;
            if !in_stream && std::mem::replace(&mut packet_settled, true) {
                continue;
            }
            if !rule.state_holds(cx, flow.as_deref(), None) {
                break;
            }
            let judgement = match (candidate.place, flow.as_deref_mut()) {
                (Where::Stream, Some(flow)) => self.judge_stream(rule, index, cx, flow, candidate.at, stretch),
                _ => self.judge_packet(rule, cx),
            };
            if judgement == Judgement::Match {
                packet_settled = true;
                let twice = in_stream && counts && on_packet && self.judge_packet(rule, cx) == Judgement::Match;
                let found = match (in_stream, twice) {
                    (false, _) => Found::Packet,
                    (true, false) => Found::Stream,
                    (true, true) => Found::Both,
                };
                self.matched(rule, index, cx, flow.as_deref_mut(), found, cx.reversed);
            }
        }
    }

    fn judge_packet(&mut self, rule: &Rule, cx: &PacketContext<'_>) -> Judgement {
        if rule.program.is_empty() && rule.packet_buffers.is_empty() {
            self.carried.begin();
            return Judgement::Match;
        }
        let payload = Buffer { data: cx.packet.payload, start: 0, end: End::Final };
        if rule.packet_buffers.is_empty() {
            return self.judge(rule, payload);
        }
        self.carried.begin();
        if rule.payload_first {
            match self.judge_on(rule, payload) {
                Judgement::Match => self.judge_headers(rule, cx),
                other => other,
            }
        } else {
            match self.judge_headers(rule, cx) {
                Judgement::Match if !rule.program.is_empty() => self.judge_on(rule, payload),
                other => other,
            }
        }
    }

    /// Conditions on headers of the packet, as bytes.
    pub(super) fn judge_headers(&mut self, rule: &Rule, cx: &PacketContext<'_>) -> Judgement {
        for buffer in &rule.packet_buffers {
            self.counters.judgements += 1;
            // Where the packet only stands for its flow, it has no headers.
            let judgement = if cx.headers {
                buffer.judge_packet(cx.packet, &mut self.buffer_scratch, &mut self.carried)
            } else {
                Judgement::NoMatch
            };
            if judgement != Judgement::Match {
                self.counters.out_of_steps += u64::from(judgement == Judgement::OutOfSteps);
                return judgement;
            }
        }
        Judgement::Match
    }

    /// Judges a rule for the occurrence of its literal that ends at stream position `at`, and parks it if it must wait.
    fn judge_stream(
        &mut self,
        rule: &Rule,
        index: u32,
        cx: &PacketContext<'_>,
        flow: &mut FlowDetect,
        at: u64,
        stretch: Stretch<'_>,
    ) -> Judgement {
        let Some(direction) = cx.direction else { return Judgement::NoMatch };
        let key = cx.engine.key(index).number;
        let pending = &mut flow.streams[direction.index()].pending;
        if self.pending.is_silent(*pending, key, at) {
            return Judgement::NoMatch;
        }
        let judgement = self.judge(rule, stretch.around(at, End::Open));
        match judgement {
            Judgement::Match => self.pending.silence(pending, key, at + REACH as u64),
            Judgement::NeedMore => {
                self.counters.parked += 1;
                if !self.pending.park(pending, Parked { rule: key, at }) {
                    self.counters.parked_early += 1;
                    return self.judge(rule, stretch.around(at, End::Cut));
                }
            }
            Judgement::NoMatch | Judgement::OutOfSteps => {}
        }
        judgement
    }

    /// Judges again what is parked on a direction; `last`: as it stands.
    pub(super) fn judge_parked(
        &mut self,
        cx: &PacketContext<'_>,
        flow: &mut FlowDetect,
        direction: Direction,
        stretch: Stretch<'_>,
        last: bool,
    ) {
        let along = cx.direction == Some(direction);
        self.carried.source = cx.packet.ip.map(|ip| if along { ip.src } else { ip.dst });
        let state = direction.index();
        let mut i = 0;
        while let Some(parked) = self.pending.parked(flow.streams[state].pending, i) {
            let Some((index, rule)) = cx.engine.rule_of_key(parked.rule) else {
                self.pending.unpark(flow.streams[state].pending, i);
                continue;
            };
            if T::LOOKS {
                self.tracer.parked(cx, flow, direction, Parked { rule: index, ..parked }, stretch, last);
            }
            let silent = self.pending.is_silent(flow.streams[state].pending, parked.rule, parked.at);
            let end = if last { End::Final } else { End::Open };
            let judgement = match self.costs.begin(index).filter(|_| !silent) {
                Some(judging) => {
                    let judgement = self.judge(rule, stretch.around(parked.at, end));
                    self.costs.end(index, judging);
                    judgement
                }
                None => Judgement::NoMatch,
            };
            if judgement == Judgement::NeedMore && !last {
                i += 1;
                continue;
            }
            self.pending.unpark(flow.streams[state].pending, i);
            if judgement == Judgement::Match && rule.state_holds(cx, Some(flow), None) {
                let until = parked.at + REACH as u64;
                self.pending.silence(&mut flow.streams[state].pending, parked.rule, until);
                let reversed = cx.reversed != (cx.direction != Some(direction));
                self.matched(rule, index, cx, Some(flow), Found::Stream, reversed);
            }
        }
        self.pending.release_if_empty(&mut flow.streams[state].pending);
    }

    pub(super) fn judge(&mut self, rule: &Rule, buffer: Buffer<'_>) -> Judgement {
        self.carried.begin();
        self.judge_on(rule, buffer)
    }

    /// The same, with what buffers before gave.
    pub(super) fn judge_on(&mut self, rule: &Rule, buffer: Buffer<'_>) -> Judgement {
        self.counters.judgements += 1;
        let judgement = judge_with(&rule.program, buffer, &mut self.carried);
        self.counters.out_of_steps += u64::from(judgement == Judgement::OutOfSteps);
        judgement
    }

    /// Does what a rule does when it matches. False if `detection_filter` holds it back, as if it had not matched.
    pub(super) fn matched(
        &mut self,
        rule: &Rule,
        index: u32,
        cx: &PacketContext<'_>,
        mut flow: Option<&mut FlowDetect>,
        found: Found<'_>,
        reversed: bool,
    ) -> bool {
        if !rule.kept.packet_variables_hold(&self.packet_captures) {
            return false;
        }
        self.counters.matches += 1;
        self.costs.matched(index);
        let in_stream = !matches!(found, Found::Packet);
        let ip = cx.packet.ip.as_ref();
        let (src, dst) = ip.map_or((Addr(0), Addr(0)), |ip| (ip.src, ip.dst));
        let (src, dst) = if reversed != cx.reversed { (dst, src) } else { (src, dst) };
        let parties = Parties { src, dst, flow_id: cx.flow_id };
        let now = cx.packet.ts;
        let held_back = |filter: &Option<Threshold>, thresholds: &Thresholds| {
            let Some(filter) = filter else { return false };
            let one = || thresholds.allows(rule.id, filter, parties, now);
            let first = one();
            let second = matches!(found, Found::Both) && one();
            !first && !second
        };
        if held_back(&rule.detection_filter, &self.thresholds) {
            self.counters.suppressed += 1;
            self.tracer.matched(index, cx, Fate::Filtered);
            return false;
        }
        let action = match &rule.rate_filter {
            Some(filter) if self.thresholds.exceeds(rule.id, filter, parties, now) => filter.new_action,
            _ => rule.action,
        };
        rule.kept.apply(cx, index, flow.as_deref_mut());
        self.rewrites.append(&mut self.carried.replacements);
        let finding = if self.carried.found_nothing() { None } else { self.take_finding(flow.as_deref_mut()) };
        self.act(rule, action, flow, in_stream);
        let passes = action == Action::Pass;
        if passes && !rule.alert || rule.noalert {
            self.tracer.matched(index, cx, if passes { Fate::Passed } else { Fate::Silent });
            return true;
        }
        if !rule.suppressions.is_empty() && rule.is_silenced(src, dst) || held_back(&rule.threshold, &self.thresholds) {
            self.counters.suppressed += 1;
            self.tracer.matched(index, cx, Fate::HeldBack);
            return true;
        }
        if !in_stream && self.alerts.iter().any(|a| a.signature == index) {
            self.tracer.matched(index, cx, Fate::Repeated);
            return true;
        }
        self.tracer.matched(index, cx, Fate::Told);
        let transaction = match found {
            Found::Transaction(t) => {
                let direction = cx.direction.unwrap_or(Direction::ToServer);
                let frame = t.frame().and_then(|(buffer, bytes)| {
                    let complete = bytes.len() < MAX_FRAME;
                    let shown = bytes.get(..FrameNote::SHOWN).unwrap_or(bytes).into();
                    Some(FrameNote { name: buffer.frame_name()?, direction, len: bytes.len(), complete, bytes: shown })
                });
                Some(TransactionNote::new(t, (cx.app.protocol, direction), frame))
            }
            Found::Packet | Found::Stream | Found::Both => None,
        };
        self.alerts.push(Alert { signature: index, in_stream, reversed, transaction, finding, insists: passes });
        true
    }

    /// What the action says is to be done with the packet and with the flow.
    fn act(&mut self, rule: &Rule, action: Action, flow: Option<&mut FlowDetect>, in_stream: bool) {
        let whole_flow = in_stream || rule.is_address_only();
        let passes = action == Action::Pass;
        let drops = matches!(action, Action::Drop | Action::Reject(_));
        if let Some(flow) = flow {
            rule.flowbits.apply(&mut flow.bits);
            if rule.kept.certificates {
                flow.kept.get_or_insert_default().certificates.get_or_insert_default();
            }
            flow.passed |= passes && whole_flow;
            flow.dropped |= drops && whole_flow;
            if whole_flow && passes {
                flow.action.get_or_insert(FlowAction::Pass);
            } else if whole_flow && drops {
                flow.action.get_or_insert(FlowAction::Drop);
            }
        }
        self.ruling.pass |= passes;
        self.ruling.drop |= drops;
        if let Action::Reject(to) = action {
            self.ruling.reject = self.ruling.reject.max(Some(to));
        }
        self.ruling.bypass |= rule.kept.bypass;
    }

    /// What was measured is kept on the flow also where the rule that asked did not match; of a transaction, which may be judged
    /// several times, only if nothing else is (`replace`: false).
    #[inline]
    pub(super) fn keep_entropies(&mut self, flow: Option<&mut FlowDetect>, replace: bool) {
        if let Some(flow) = flow.filter(|_| !self.carried.entropies.is_empty()) {
            let kept = flow.kept.get_or_insert_default();
            for (of, value) in self.carried.entropies.drain(..) {
                if replace || kept.entropies.iter().all(|(known, _)| *known != of) {
                    keep(&mut kept.entropies, of, value);
                }
            }
        }
    }

    /// What came out by the way: what is for the flow is kept there, the rest goes with the alert.
    #[cold]
    fn take_finding(&mut self, flow: Option<&mut FlowDetect>) -> Option<Arc<Finding>> {
        let carried = &mut self.carried;
        let contexts = std::mem::take(&mut carried.contexts);
        let (mut finding, mut of_flow) = (Finding { contexts, ..Finding::default() }, Vec::new());
        for (on, name, value) in carried.captures.drain(..) {
            match on {
                CaptureOn::Flow => of_flow.push((name, value)),
                CaptureOn::Packet => {
                    keep(&mut self.packet_captures, Arc::clone(&name), value.clone());
                    finding.packet.push((name, value));
                }
                CaptureOn::Alert => finding.captures.push((name, value)),
            }
        }
        if let Some(flow) = flow
            && (!of_flow.is_empty() || !carried.entropies.is_empty())
        {
            let kept = flow.kept.get_or_insert_default();
            of_flow.into_iter().for_each(|(name, value)| keep(&mut kept.captures, name, value));
            carried.entropies.drain(..).for_each(|(of, value)| keep(&mut kept.entropies, of, value));
        }
        let empty = finding.captures.is_empty() && finding.packet.is_empty() && finding.contexts.is_empty();
        (!empty).then(|| Arc::new(finding))
    }
}

/// Keeps a value under its name, in place of the one before.
fn keep<N: PartialEq, V>(list: &mut Vec<(N, V)>, name: N, value: V) {
    /// Values that one flow may keep.
    const MOST: usize = 64;
    match list.iter().position(|(known, _)| *known == name) {
        Some(known) => list[known].1 = value,
        None if list.len() < MOST => list.push((name, value)),
        None => {}
    }
}
