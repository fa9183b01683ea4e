//! The conditions of a rule one by one: each kind of them held against what there is, in the engine's own order.

use super::account::{Outcome, Step};
use super::recorder::{self, Recorder, Telling};
use super::{Explainer, words};
use crate::detect::buffer::BufferProgram;
use crate::detect::condition::header;
use crate::detect::evaluate::{Buffer as Bytes, Carried, End, Judgement, judge_seen};
use crate::detect::rule::{PacketContext, Rule};
use crate::detect::state::FlowDetect;
use crate::detect::trace::Steps;
use crate::packet::Direction;
use crate::protocols::Transaction;
use sekisho_signatures::buffers::{Buffer, Kind};
use sekisho_signatures::model::{BufferCondition, BufferConditions, Signature};
use sekisho_signatures::transform::apply_all;
use std::collections::BTreeSet;

/// Keywords on how much a flow has seen, and on lists of addresses.
const WATCHED: &[&str] = &[
    "stream_size",
    "flow.age",
    "flow.pkts",
    "flow.bytes",
    "flow.pkts_toserver",
    "flow.pkts_toclient",
    "iprep",
    "geoip",
];
/// Keywords on what rules keep between packets, flowbits aside.
const KEPT: &[&str] = &["hostbits", "xbits", "flowint"];
/// Integers of one buffer that are shown.
const NUMBERS: usize = 8;

impl Explainer {
    fn flowbit_steps(
        &mut self,
        cx: &PacketContext<'_>,
        flow: Option<&FlowDetect>,
        rule: &Rule,
        signature: &Signature,
    ) -> Vec<Step> {
        let account = self.flow(cx);
        let matched = self.flows.get(account).map(|f| f.others.clone()).unwrap_or_default();
        let tests = signature.flowbits.iter().enumerate().filter_map(|(i, o)| Some((i, words::flowbits(o)?)));
        let step = |(i, (condition, wanted)): (usize, (String, &[String]))| {
            let is_set = flow.is_some_and(|f| rule.flowbits.any_set(i, &f.bits));
            let held = is_set != condition.starts_with("flowbits:isnotset");
            let setters: BTreeSet<u32> = wanted.iter().filter_map(|n| self.setters.get(n)).flatten().copied().collect();
            let list = |sids: Vec<&u32>| sids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let detail = if is_set {
                let by: Vec<&u32> = setters.iter().filter(|sid| matched.contains(sid)).collect();
                format!("set, by sid {}", list(by))
            } else if setters.is_empty() {
                "not set: no rule that was read sets it".to_owned()
            } else {
                format!(
                    "not set: sid {} would set it, and did not match on the flow before",
                    list(setters.iter().collect())
                )
            };
            Step::new(condition, held, detail)
        };
        tests.map(step).collect()
    }

    /// All that is not about bytes.
    pub(super) fn common(
        &mut self,
        cx: &PacketContext<'_>,
        flow: Option<&FlowDetect>,
        rule: &Rule,
        signature: &Signature,
        transaction: Option<&dyn Transaction>,
    ) -> Vec<Step> {
        let mut steps = rule.gate_steps(&self.words, cx);
        steps.extend(rule.packet_steps(cx, transaction.map(Transaction::state_ref)));
        let state = transaction.map(Transaction::state_ref);
        for (names, held) in [(WATCHED, rule.kept.admit(cx)), (KEPT, rule.kept.hold(cx, flow, state))] {
            let condition = words::options(signature, names);
            if !condition.is_empty() {
                steps.push(Step::new(condition, held, ""));
            }
        }
        steps.extend(self.flowbit_steps(cx, flow, rule, signature));
        steps
    }

    fn one_buffer(
        &mut self,
        program: &BufferProgram,
        wanted: &BufferConditions,
        names: &[Box<str>],
        transaction: &dyn Transaction,
        direction: Direction,
    ) -> Vec<Step> {
        let name = program.buffer.declaration().name;
        let telling = Telling::new(program, wanted, names);
        let side = program.direction(direction);
        let due = transaction.state_ref().inspected[side.index()] >= program.progress;
        let mut steps = vec![];
        let mut recorder = Recorder::default();
        let judgement = program.judge_seen(transaction, direction, &mut self.scratch, &mut self.carried, &mut recorder);
        let (run, runs) = recorder.finish(judgement);
        let numbers: Vec<u64> = if program.buffer.declaration().kind == Kind::Number {
            (0..NUMBERS).map_while(|i| transaction.number(program.buffer, side, i)).collect()
        } else {
            vec![]
        };
        if program.buffer == Buffer::Files {
            let conditions = wanted.conditions.iter().map(|c| words::buffer(c, names));
            let mut steps = program.file_steps(conditions, transaction, side);
            if !due {
                for step in &mut steps {
                    (step.outcome, step.detail) = (Outcome::Open, "it has not come yet".to_owned());
                }
            }
            return steps;
        }
        for condition in wanted.conditions.iter().filter(recorder::is_about_buffer) {
            let there = run.is_some() || !numbers.is_empty();
            let told = format!("{name}: {}", words::buffer(condition, names));
            let mut step = match condition {
                BufferCondition::Number(test) => {
                    let all: Vec<String> = numbers.iter().map(ToString::to_string).collect();
                    let found = if all.is_empty() { format!("there is no {name}") } else { all.join(", ") };
                    Step::new(told, numbers.iter().any(|n| test.holds(*n)), found)
                }
                BufferCondition::NumberAmong(among) => {
                    let all: Vec<String> = numbers.iter().map(ToString::to_string).collect();
                    let found = if all.is_empty() { format!("there is no {name}") } else { all.join(", ") };
                    Step::new(told, among.holds(numbers.len(), |at| numbers.get(at).copied()), found)
                }
                BufferCondition::Ask(question) => {
                    let yes = transaction.answer_at(question, side, self.scratch.now);
                    Step::new(
                        told,
                        yes,
                        if yes { "the transaction has it" } else { "the transaction has no such thing" },
                    )
                }
                _ => Step::new(told, !there, if there { "it is there" } else { "there is none" }),
            };
            if !due {
                step = Step { outcome: Outcome::Open, detail: "it has not come yet".to_owned(), ..step };
            } else if there && matches!(condition, BufferCondition::Absent { or_else: true }) {
                step.outcome = Outcome::NotReached;
            }
            steps.push(step);
        }
        let mut rest = match &run {
            Some(run) => telling.steps(run, judgement),
            None if !due => telling.all(Outcome::Open, "it has not come yet"),
            None if judgement == Judgement::Match => vec![],
            None => telling.all(Outcome::Failed, &format!("this transaction has no {name}")),
        };
        if runs > 1
            && let Some(step) = rest.iter_mut().rev().find(|s| s.outcome != Outcome::NotReached)
        {
            step.detail.push_str(&format!(" ({runs} were looked at)"));
        }
        steps.append(&mut rest);
        steps
    }

    /// Conditions on headers of the packet, as bytes.
    pub(super) fn header_steps(&mut self, cx: &PacketContext<'_>, rule: &Rule, signature: &Signature) -> Vec<Step> {
        let mut steps = vec![];
        for (program, wanted) in paired(&rule.packet_buffers, &signature.buffers) {
            let name = program.buffer.declaration().name;
            let telling = Telling::new(program, wanted, &signature.variables);
            let mut address = [0; 16];
            let Some(bytes) = header(program.buffer, cx.packet, &mut address).filter(|_| cx.headers) else {
                steps.extend(telling.all(Outcome::Failed, &format!("the packet has no {name}")));
                continue;
            };
            let data = apply_all(&wanted.transforms, bytes, &mut self.scratch.workspace);
            let bytes = Bytes { data, start: 0, end: End::Final };
            let mut recorder = Recorder::default();
            recorder.begin(bytes);
            let judgement = judge_seen(&program.program, bytes, &mut self.carried, &mut recorder);
            if let Some(run) = recorder.finish(judgement).0 {
                steps.extend(telling.steps(&run, judgement));
            }
        }
        steps
    }

    /// Conditions on the buffers of a transaction.
    pub(super) fn buffer_steps(
        &mut self,
        rule: &Rule,
        signature: &Signature,
        transaction: &dyn Transaction,
        direction: Direction,
    ) -> Vec<Step> {
        let mut steps = vec![];
        for (program, conditions) in paired(&rule.buffers, &signature.buffers) {
            steps.extend(self.one_buffer(program, conditions, &signature.variables, transaction, direction));
        }
        steps
    }
}

/// Compiled conditions with those of the signature that they were made of.
fn paired<'a>(
    programs: &'a [BufferProgram],
    conditions: &'a [BufferConditions],
) -> impl Iterator<Item = (&'a BufferProgram, &'a BufferConditions)> {
    // Of several on the same buffer the order is kept.
    let nth = |i: usize, buffer| programs.iter().take(i).filter(|p| p.buffer == buffer).count();
    programs.iter().enumerate().filter_map(move |(i, p)| {
        let same = conditions.iter().filter(|c| c.buffer == p.buffer).nth(nth(i, p.buffer))?;
        Some((p, same))
    })
}

/// The conditions on the raw payload, or on the stream.
pub(super) fn payload_steps(
    rule: &Rule,
    signature: &Signature,
    name: &str,
    bytes: Bytes<'_>,
    carried: &mut Carried,
) -> (Vec<Step>, Judgement) {
    if rule.program.is_empty() {
        return (vec![], Judgement::Match);
    }
    let telling = Telling {
        prefix: String::new(),
        buffer: name.to_owned(),
        conditions: signature.payload.iter().collect(),
        names: &signature.variables,
        program: &rule.program,
    };
    let mut recorder = Recorder::default();
    recorder.begin(bytes);
    let judgement = judge_seen(&rule.program, bytes, carried, &mut recorder);
    let (run, _) = recorder.finish(judgement);
    (run.map(|run| telling.steps(&run, judgement)).unwrap_or_default(), judgement)
}
