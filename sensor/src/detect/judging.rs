//! From candidates to matches: a rule's gate, its flowbits, its payload conditions, and what a match does.

use super::candidate::{Candidate, Stretch, Where};
use super::detector::Detector;
use super::evaluate::{Buffer, End, Judgement, judge};
use super::history::REACH;
use super::pending::Parked;
use super::rule::{PacketContext, Rule};
use super::state::{Alert, FlowDetect, TransactionNote};
use super::threshold::{Parties, Thresholds};
use crate::packet::{Addr, Direction};
use crate::protocols::Transaction;
use sekisho_signatures::model::{Action, Threshold};
use std::sync::Arc;

/// Where a rule matched.
#[derive(Clone, Copy)]
pub(super) enum Found<'a> {
    Packet,
    Stream,
    Transaction(&'a dyn Transaction),
}

impl Detector {
    /// Judges sorted candidates in order.
    pub(super) fn judge_all(
        &mut self,
        cx: &PacketContext<'_>,
        mut flow: Option<&mut FlowDetect>,
        candidates: &[Candidate],
        stretch: Stretch<'_>,
    ) {
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
            }
            self.costs.end(index, judging);
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
        // On the packet the answer is the same for every occurrence; a match in the stream stands for the packet.
        let mut packet_settled = false;
        for candidate in same {
            let in_stream = candidate.place == Where::Stream;
            if !in_stream && std::mem::replace(&mut packet_settled, true) {
                continue;
            }
            let bits = flow.as_deref().map(|f| &f.bits);
            if !rule.flowbits.is_empty() && !bits.is_some_and(|b| rule.flowbits.hold(b)) {
                break;
            }
            let judgement = match (candidate.place, flow.as_deref_mut()) {
                (Where::Stream, Some(flow)) => self.judge_stream(rule, index, cx, flow, candidate.at, stretch),
                _ => self.judge_packet(rule, cx),
            };
            if judgement == Judgement::Match {
                packet_settled = true;
                let found = if in_stream { Found::Stream } else { Found::Packet };
                self.matched(rule, index, cx, flow.as_deref_mut(), found, cx.reversed);
            }
        }
    }

    fn judge_packet(&mut self, rule: &Rule, cx: &PacketContext<'_>) -> Judgement {
        if rule.program.is_empty() {
            return Judgement::Match;
        }
        self.judge(rule, Buffer { data: cx.packet.payload, start: 0, end: End::Final })
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
        let state = direction.index();
        let mut i = 0;
        while let Some(parked) = self.pending.parked(flow.streams[state].pending, i) {
            let Some((index, rule)) = cx.engine.rule_of_key(parked.rule) else {
                self.pending.unpark(flow.streams[state].pending, i);
                continue;
            };
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
            if judgement == Judgement::Match && rule.flowbits.hold(&flow.bits) {
                let until = parked.at + REACH as u64;
                self.pending.silence(&mut flow.streams[state].pending, parked.rule, until);
                let reversed = cx.reversed != (cx.direction != Some(direction));
                self.matched(rule, index, cx, Some(flow), Found::Stream, reversed);
            }
        }
        self.pending.release_if_empty(&mut flow.streams[state].pending);
    }

    pub(super) fn judge(&mut self, rule: &Rule, buffer: Buffer<'_>) -> Judgement {
        self.counters.judgements += 1;
        let judgement = judge(&rule.program, buffer);
        self.counters.out_of_steps += u64::from(judgement == Judgement::OutOfSteps);
        judgement
    }

    pub(super) fn matched(
        &mut self,
        rule: &Rule,
        index: u32,
        cx: &PacketContext<'_>,
        flow: Option<&mut FlowDetect>,
        found: Found<'_>,
        reversed: bool,
    ) {
        self.counters.matches += 1;
        self.costs.matched(index);
        let in_stream = !matches!(found, Found::Packet);
        let ip = cx.packet.ip.as_ref();
        let (src, dst) = ip.map_or((Addr(0), Addr(0)), |ip| (ip.src, ip.dst));
        let (src, dst) = if reversed != cx.reversed { (dst, src) } else { (src, dst) };
        let parties = Parties { src, dst, flow_id: cx.flow_id };
        let now = cx.packet.ts;
        let held_back = |filter: &Option<Threshold>, thresholds: &Thresholds| {
            filter.as_ref().is_some_and(|filter| !thresholds.allows(rule.id, filter, parties, now))
        };
        if held_back(&rule.detection_filter, &self.thresholds) {
            self.counters.suppressed += 1;
            return;
        }
        let whole_flow = in_stream || rule.is_address_only();
        let passes = rule.action == Action::Pass;
        let drops = matches!(rule.action, Action::Drop | Action::Reject(_));
        if let Some(flow) = flow {
            rule.flowbits.apply(&mut flow.bits);
            flow.passed |= passes && whole_flow;
            flow.dropped |= drops && whole_flow;
        }
        self.ruling.pass |= passes;
        self.ruling.drop |= drops;
        if passes || rule.noalert {
            return;
        }
        if held_back(&rule.threshold, &self.thresholds) {
            self.counters.suppressed += 1;
            return;
        }
        if !in_stream && self.alerts.iter().any(|a| a.signature == index) {
            return;
        }
        let transaction = match found {
            Found::Transaction(t) => {
                let direction = cx.direction.unwrap_or(Direction::ToServer);
                Some(TransactionNote { id: t.state_ref().id, record: t.record(direction, true).map(Arc::from) })
            }
            Found::Packet | Found::Stream => None,
        };
        self.alerts.push(Alert { signature: index, in_stream, reversed, transaction });
    }
}
