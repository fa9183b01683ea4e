//! Looks on while a rule's conditions are held against a buffer, and says of each what came of it.
//!
//! A judgement goes back to earlier conditions and tries them elsewhere. What is told is the try that got furthest; where a
//! buffer is there many times, the one of them in which the rule got furthest.

use super::account::{Found, Outcome, Step};
use super::words;
use crate::detect::buffer::BufferProgram;
use crate::detect::evaluate::{Buffer, End, Judgement};
use crate::detect::program::{Op, Program};
use crate::detect::trace::Steps;
use sekisho_signatures::model::{BufferCondition, BufferConditions, Content, Value};
use std::ops::Range;

/// Bytes of what was found that are kept.
const HEX: usize = 64;

type Read = Option<(u64, Range<usize>)>;

/// How far one run of bytes got.
#[derive(Clone, Debug, Default)]
pub(super) struct Run {
    data: Vec<u8>,
    start: u64,
    end: Option<End>,
    held: Vec<(Range<usize>, Read)>,
    failed: Option<Failed>,
}

#[derive(Clone, Debug)]
struct Failed {
    condition: usize,
    before: Vec<(Range<usize>, Read)>,
    previous: usize,
    read: Read,
}

impl Run {
    fn reach(&self) -> usize {
        self.failed.as_ref().map_or(self.held.len(), |f| f.condition)
    }
}

/// Records one judgement.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    now: Option<Run>,
    best: Option<Run>,
    runs: usize,
    read: Read,
}

impl Recorder {
    fn keep_best(&mut self) {
        let Some(now) = self.now.take() else { return };
        if self.best.as_ref().is_none_or(|best| now.reach() > best.reach()) {
            self.best = Some(now);
        }
    }

    /// What was recorded: the run that decided, and how many there were.
    pub(super) fn finish(mut self, judgement: Judgement) -> (Option<Run>, usize) {
        if judgement == Judgement::Match
            && let Some(now) = &mut self.now
        {
            now.failed = None;
            return (self.now, self.runs);
        }
        self.keep_best();
        (self.best, self.runs)
    }
}

impl Steps for Recorder {
    const LOOKS: bool = true;

    fn begin(&mut self, buffer: Buffer<'_>) {
        self.keep_best();
        self.runs += 1;
        self.now =
            Some(Run { data: buffer.data.to_vec(), start: buffer.start, end: Some(buffer.end), ..Run::default() });
    }

    fn held(&mut self, condition: usize, start: usize, end: usize) {
        let read = self.read.take();
        if let Some(now) = &mut self.now {
            now.held.truncate(condition);
            now.held.push((start..end, read));
        }
    }

    fn failed(&mut self, condition: usize, previous: usize) {
        let read = self.read.take();
        let Some(now) = &mut self.now else { return };
        if now.failed.as_ref().is_none_or(|f| condition > f.condition) {
            let before = now.held.get(..condition).unwrap_or_default().to_vec();
            now.failed = Some(Failed { condition, before, previous, read });
        }
    }

    fn read(&mut self, number: u64, from: Range<usize>) {
        self.read = Some((number, from));
    }
}

/// Conditions on one buffer, to be told.
pub(super) struct Telling<'a> {
    /// What stands before each condition: `http.uri: `.
    pub(super) prefix: String,
    /// The buffer, as it is called where something was found.
    pub(super) buffer: String,
    /// Those that are compiled to operations, in order.
    pub(super) conditions: Vec<&'a BufferCondition>,
    /// The rule's variables.
    pub(super) names: &'a [Box<str>],
    pub(super) program: &'a Program,
}

/// Whether a condition is about the buffer as a whole, and not about its bytes.
pub(super) fn is_about_buffer(condition: &&BufferCondition) -> bool {
    matches!(
        condition,
        BufferCondition::Number(_)
            | BufferCondition::NumberAmong(_)
            | BufferCondition::Ask(_)
            | BufferCondition::File(_)
            | BufferCondition::Absent { .. }
    )
}

impl<'a> Telling<'a> {
    /// The conditions on a buffer that has a name.
    pub(super) fn new(program: &'a BufferProgram, wanted: &'a BufferConditions, names: &'a [Box<str>]) -> Self {
        let name = program.buffer.declaration().name;
        let transforms: String = wanted.transforms.iter().map(|t| format!("; {t}")).collect();
        Self {
            prefix: format!("{name}{transforms}: "),
            buffer: name.to_owned(),
            conditions: wanted.conditions.iter().filter(|c| !is_about_buffer(c)).collect(),
            names,
            program: &program.program,
        }
    }

    /// What to call a condition.
    fn name(&self, condition: &BufferCondition) -> String {
        format!("{}{}", self.prefix, words::buffer(condition, self.names))
    }

    /// All of them, with the same outcome.
    pub(super) fn all(&self, outcome: Outcome, detail: &str) -> Vec<Step> {
        let step = |(i, c): (usize, &&BufferCondition)| Step {
            condition: self.name(c),
            outcome: if i == 0 { outcome } else { Outcome::NotReached },
            detail: if i == 0 { detail.to_owned() } else { String::new() },
            found: None,
        };
        self.conditions.iter().enumerate().map(step).collect()
    }

    /// What came of each.
    pub(super) fn steps(&self, run: &Run, judgement: Judgement) -> Vec<Step> {
        let (held, failed) = match &run.failed {
            Some(failed) => (&failed.before, Some(failed)),
            None => (&run.held, None),
        };
        let mut steps = vec![];
        for (i, condition) in self.conditions.iter().enumerate() {
            let name = self.name(condition);
            let step = match (held.get(i), failed) {
                (Some((at, read)), _) => self.held(name, condition, run, at, read),
                (None, Some(failed)) if failed.condition == i => {
                    let open = judgement == Judgement::NeedMore;
                    let mut detail = self.why_not(i, condition, run, failed);
                    if judgement == Judgement::OutOfSteps {
                        detail.push_str("; the search was given up, since it takes too many steps");
                    }
                    let outcome = if open { Outcome::Open } else { Outcome::Failed };
                    Step { condition: name, outcome, detail, found: None }
                }
                _ => Step { condition: name, outcome: Outcome::NotReached, detail: String::new(), found: None },
            };
            steps.push(step);
        }
        steps
    }

    fn held(&self, condition: String, what: &BufferCondition, run: &Run, at: &Range<usize>, read: &Read) -> Step {
        let data = &run.data;
        let mut step = Step::new(condition, true, "");
        let mut found = |range: &Range<usize>| {
            let bytes = data.get(range.clone()).unwrap_or_default();
            let hex = bytes.iter().take(HEX).map(|b| format!("{b:02x}")).collect();
            let offset = run.start + range.start as u64;
            step.found = Some(Found { buffer: self.buffer.clone(), offset, len: bytes.len(), hex });
            format!("at {offset}: {}", words::excerpt(data, range.clone()))
        };
        step.detail = match what {
            BufferCondition::Content(c) if c.negated => "it is not there".to_owned(),
            BufferCondition::Pcre(p) if p.negated => "no match".to_owned(),
            BufferCondition::Content(_) | BufferCondition::Pcre(_) => found(at),
            BufferCondition::ByteJump(_) => {
                let read = read.as_ref().map_or_else(String::new, |(n, from)| format!("{n}, {}; ", found(from)));
                format!("{read}goes on at {}", run.start + at.end as u64)
            }
            BufferCondition::ByteTest(_) | BufferCondition::ByteExtract(_) | BufferCondition::ByteMath(_) => {
                read.as_ref().map_or_else(String::new, |(n, from)| format!("{n}, {}", found(from)))
            }
            _ => length(run),
        };
        step
    }

    fn why_not(&self, i: usize, condition: &BufferCondition, run: &Run, failed: &Failed) -> String {
        let read = |what: &str| match &failed.read {
            Some((n, from)) => {
                let at = run.start + from.start as u64;
                format!("the number is {n}, at {at}: {}{what}", words::excerpt(&run.data, from.clone()))
            }
            None => format!("no number can be read there; {}", length(run)),
        };
        match condition {
            BufferCondition::Content(c) => content(c, run, failed.previous),
            BufferCondition::Pcre(p) => {
                let base = if p.relative { failed.previous } else { 0 };
                if let Some(Op::Pcre(op)) = self.program.ops.get(i)
                    && op
                        .expression
                        .regex()
                        .is_some_and(|r| r.find_at(run.data.get(base..).unwrap_or_default(), 0).is_err())
                {
                    return "the expression runs into its limits, which counts as no match".to_owned();
                }
                let (at, data) = (run.start + base as u64, words::from(&run.data, base));
                let what = if p.negated { "it matches" } else { "no match" };
                format!("{what} from {at} on: {data}")
            }
            BufferCondition::ByteTest(_) => read(""),
            BufferCondition::ByteJump(_) => read("; the jump leads out of the bytes that are there"),
            BufferCondition::ByteExtract(_) | BufferCondition::ByteMath(_) => read("; it cannot be used"),
            _ => length(run),
        }
    }
}

fn length(run: &Run) -> String {
    let there = run.data.len() as u64 + run.start;
    let more = if run.end == Some(End::Final) { "" } else { " so far" };
    format!("there are {there} bytes{more}")
}

/// Why a content was not found, or what is odd about where it is.
fn content(c: &Content, run: &Run, previous: usize) -> String {
    let data = &run.data;
    let len = c.pattern.len();
    let find = |nocase: bool, from: usize| {
        let hay = data.get(from..).unwrap_or_default();
        let same = |w: &[u8]| if nocase { w.eq_ignore_ascii_case(&c.pattern) } else { w == &*c.pattern };
        hay.windows(len.max(1)).position(same).map(|at| at + from)
    };
    let literal = |v: Option<Value>| match v {
        Some(Value::Literal(n)) => Some(n),
        _ => None,
    };
    let place = |at: usize| run.start + at as u64;
    // The stretch that the modifiers allow, in indices, as far as they are numbers.
    let start = i64::try_from(run.start).unwrap_or(i64::MAX);
    let (first, end) = if c.is_relative() {
        let first = (previous as i64).saturating_add(literal(c.distance).unwrap_or(0));
        (first, literal(c.within).map(|w| first.saturating_add(w)))
    } else {
        let offset = literal(c.offset).unwrap_or(0);
        let depth = if c.startswith { Some(len as i64) } else { literal(c.depth) };
        (offset.saturating_sub(start), depth.map(|d| offset.saturating_add(d).saturating_sub(start)))
    };
    let from = usize::try_from(first.max(0)).unwrap_or(usize::MAX);
    let told_first = first.saturating_add(start).max(0);
    let stretch = match end {
        Some(end) => format!("within {told_first} to {}", end.saturating_add(start).max(0)),
        None => format!("from {told_first} on"),
    };
    if c.negated {
        return match find(c.nocase, from) {
            Some(at) => format!("it is there, at {}: {}", place(at), words::excerpt(data, at..at + len)),
            None => "it is there".to_owned(),
        };
    }
    let limited = first > 0 || end.is_some() || c.endswith;
    match find(c.nocase, 0).filter(|_| limited) {
        Some(at) => {
            // Nearest to the stretch: behind its start if there is one.
            let at = find(c.nocase, from).unwrap_or(at);
            let wanted = match (c.endswith, end) {
                (true, None) => "must end the buffer".to_owned(),
                (true, Some(_)) => format!("must lie {stretch} and end the buffer"),
                (false, _) => format!("must lie {stretch}"),
            };
            format!("it is at {}, but {wanted}: {}; {}", place(at), words::excerpt(data, at..at + len), length(run))
        }
        None => match find(true, 0).filter(|_| !c.nocase) {
            Some(at) => {
                format!("at {} its letters have another case: {}", place(at), words::excerpt(data, at..at + len))
            }
            None if data.is_empty() => "there are no bytes".to_owned(),
            None => format!(
                "it is not in the {} bytes {}",
                data.len().saturating_sub(from),
                words::from(data, from.min(data.len()))
            ),
        },
    }
}
