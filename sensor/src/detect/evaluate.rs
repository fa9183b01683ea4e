//! Judges one rule's payload conditions over one buffer.
//!
//! Conditions hold in the rule's order. A relative one starts where the previous match ended; when it fails, the
//! previous one is tried at its next place, and so on back to the first that was not relative. No recursion, no
//! allocation, and a budget of steps, so that no rule and no payload can make it run on.
//!
//! A buffer may be the part of a stream that is there so far. The answer then tells whether more bytes could change it,
//! which is how a rule means the same however a stream is cut into segments.

use super::asn1::{self, Found};
use super::program::{Base64Op, ContentOp, MAX_CONDITIONS, MAX_VARIABLES, Op, PcreOp, Program, SetOp, SetTest};
use super::trace::Steps;
use crate::packet::Addr;
use pcre2::bytes::Regex;
use sekisho_signatures::kept::{Entropy, SetCommand};
use sekisho_signatures::model::{
    Asn1, ByteExtract, ByteJump, ByteMath, ByteTest, CaptureOn, Comparison, IsDataAt, MathOperator, NumberFormat, Value,
};
use sekisho_signatures::transform::{Base64Mode, Workspace, apply_all, decode_base64};
use std::sync::Arc;

/// Steps that one judgement may take; a step is one condition tried at one place.
pub const STEP_BUDGET: u32 = 4_000;

/// Bytes of searching that count as one step more.
const BYTES_PER_STEP: usize = 256;

/// The bytes to judge.
#[derive(Clone, Copy, Debug)]
pub struct Buffer<'a> {
    /// The bytes.
    pub data: &'a [u8],
    /// Where `data` starts, counted from the beginning of the stream; 0 for packets and whole buffers.
    pub start: u64,
    /// What is behind the last byte.
    pub end: End,
}

/// The address of a PORT command's parameter, its first four numbers.
fn port_address(parameter: &[u8]) -> Option<Addr> {
    let mut numbers = parameter.trim_ascii_start().split(|b| *b == b',');
    let mut octets = [0_u8; 4];
    for octet in &mut octets {
        let digits = std::str::from_utf8(numbers.next()?).ok()?;
        *octet = digits.trim().parse().ok()?;
    }
    Some(Addr::v4(octets))
}

/// What is behind a buffer's last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing: the buffer ends here.
    Final,
    /// More bytes, which are not looked at: the stretch that a rule may span ends here.
    Cut,
    /// Perhaps more bytes, which have not come yet.
    Open,
}

/// What came of a judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// All conditions hold, whatever follows.
    Match,
    /// They do not hold, whatever follows.
    NoMatch,
    /// It depends on bytes that are not there yet.
    NeedMore,
    /// The budget of steps ran out: taken as no match, and counted.
    OutOfSteps,
}

/// What a judgement of one rule carries from buffer to buffer, and what it found that an alert tells. A worker keeps one.
#[derive(Debug, Default)]
pub struct Carried {
    variables: [u64; MAX_VARIABLES],
    /// The message at hand says that its integers begin with their lowest byte: what `dce` asks.
    pub(super) little: bool,
    /// The address of who sent the bytes, if they came by IP.
    pub source: Option<Addr>,
    decoded: Vec<u8>,
    workspace: Workspace,
    /// Groups of regular expressions that are kept: on what, name, value.
    pub captures: Vec<(CaptureOn, Arc<str>, Box<[u8]>)>,
    /// What sets say of values that are in them: name, and JSON.
    pub contexts: Vec<(Arc<str>, Box<str>)>,
    /// Entropies that were asked for: of which buffer, and bits a byte.
    pub entropies: Vec<(&'static str, f64)>,
    /// What `replace` overwrites: from where in the buffer on, and with what.
    pub replacements: Vec<(usize, Arc<[u8]>)>,
}

impl Carried {
    /// Begins another rule.
    pub fn begin(&mut self) {
        self.variables = [0; MAX_VARIABLES];
        self.little = false;
        self.captures.clear();
        self.contexts.clear();
        self.entropies.clear();
        self.replacements.clear();
    }

    /// Nothing is there that an alert tells or a flow keeps.
    #[must_use]
    pub fn found_nothing(&self) -> bool {
        self.captures.is_empty() && self.contexts.is_empty() && self.entropies.is_empty()
    }
}

/// What one condition said at one place.
enum Step {
    /// It holds; the next relative one starts here (an index into the data).
    Holds(usize),
    Fails,
}

/// The state of one judgement.
struct Run<'a, S> {
    buffer: Buffer<'a>,
    carried: &'a mut Carried,
    /// Where a retried condition searches from, one for each condition.
    resume: [u32; MAX_CONDITIONS],
    /// Where the match before each condition ended.
    ends: [u32; MAX_CONDITIONS + 1],
    steps: u32,
    /// A condition failed for want of bytes beyond the end.
    starved: bool,
    /// A negation held only as far as there are bytes.
    tentative: bool,
    /// Who looks on.
    seen: S,
}

/// Judges `program` over `buffer`.
#[must_use]
pub fn judge(program: &Program, buffer: Buffer<'_>) -> Judgement {
    judge_with(program, buffer, &mut Carried::default())
}

/// As [`judge`], for a rule that looks at several buffers.
pub fn judge_with(program: &Program, buffer: Buffer<'_>, carried: &mut Carried) -> Judgement {
    judge_seen(program, buffer, carried, ())
}

/// The same, and shows each step.
pub(super) fn judge_seen(program: &Program, buffer: Buffer<'_>, carried: &mut Carried, seen: impl Steps) -> Judgement {
    let mut run = Run::new(buffer, carried, STEP_BUDGET, seen);
    let judgement = run.judge(&program.ops);
    if judgement == Judgement::Match && !program.replacements.is_empty() {
        run.replace(&program.replacements);
    }
    judgement
}

impl<'a, S: Steps> Run<'a, S> {
    fn new(buffer: Buffer<'a>, carried: &'a mut Carried, steps: u32, seen: S) -> Self {
        Self {
            buffer,
            carried,
            resume: [0; MAX_CONDITIONS],
            ends: [0; MAX_CONDITIONS + 1],
            steps,
            starved: false,
            tentative: false,
            seen,
        }
    }

    fn judge(&mut self, ops: &[Op]) -> Judgement {
        let mut i = 0;
        let mut retry = false;
        while i < ops.len() {
            if self.steps == 0 {
                return Judgement::OutOfSteps;
            }
            self.steps -= 1;
            match self.step(&ops[i], i, retry) {
                Step::Holds(end) => {
                    if S::LOOKS {
                        self.seen.held(i, self.start_of(&ops[i], i, end), end);
                    }
                    self.ends[i + 1] = end as u32;
                    i += 1;
                    retry = false;
                }
                Step::Fails => {
                    if S::LOOKS {
                        self.seen.failed(i, self.ends[i] as usize);
                    }
                    match back(ops, i) {
                        Some(earlier) => {
                            i = earlier;
                            retry = true;
                        }
                        None if self.starved => return Judgement::NeedMore,
                        None => return Judgement::NoMatch,
                    }
                }
            }
        }
        if self.tentative { Judgement::NeedMore } else { Judgement::Match }
    }

    /// All conditions hold: notes what is overwritten where contents were found.
    #[cold]
    fn replace(&mut self, replacements: &[(usize, Arc<[u8]>)]) {
        for (condition, bytes) in replacements {
            let end = self.ends.get(condition + 1).map_or(0, |end| *end as usize);
            if let Some(at) = end.checked_sub(bytes.len()) {
                self.carried.replacements.push((at, Arc::clone(bytes)));
            }
        }
    }

    fn step(&mut self, op: &Op, i: usize, retry: bool) -> Step {
        let previous = self.ends[i] as usize;
        let holds = |yes: bool| if yes { Step::Holds(previous) } else { Step::Fails };
        match op {
            Op::Content(c) => self.content(c, i, retry),
            Op::Pcre(p) => self.pcre(p, i, retry),
            Op::ByteTest(t) => {
                let yes = self.byte_test(t, previous);
                holds(yes)
            }
            Op::IsDataAt(d) => {
                let yes = self.is_data_at(d, previous);
                holds(yes)
            }
            Op::Size(test) => {
                self.starved |= self.open();
                holds(self.buffer.end == End::Final && test.holds(self.buffer.start + self.buffer.data.len() as u64))
            }
            Op::ByteJump(j) => self.byte_jump(j, previous).map_or(Step::Fails, Step::Holds),
            Op::ByteExtract(e) => self.byte_extract(e, previous).map_or(Step::Fails, Step::Holds),
            Op::ByteMath(m) => self.byte_math(m, previous).map_or(Step::Fails, Step::Holds),
            Op::Set(set) => {
                let yes = self.set(set);
                holds(yes)
            }
            Op::Entropy(entropy) => {
                let yes = self.entropy(entropy);
                holds(yes)
            }
            Op::Asn1(asn1) => {
                let yes = self.asn1(asn1, previous);
                holds(yes)
            }
            Op::FtpBounce => {
                let yes = self.ftp_bounce();
                holds(yes)
            }
            Op::Base64(base64) => {
                let yes = self.base64(base64, previous);
                holds(yes)
            }
        }
    }

    /// The whole buffer, if it is all there.
    fn whole(&mut self) -> Option<&'a [u8]> {
        self.starved |= self.open();
        (self.buffer.end == End::Final && self.buffer.start == 0).then_some(self.buffer.data)
    }

    fn set(&mut self, op: &SetOp) -> bool {
        let Some(data) = self.whole() else { return false };
        let holds = match op.test {
            // Who only looks on must leave the set as it is.
            SetTest::Command(SetCommand::Set) if S::LOOKS => !op.set.contains(data),
            SetTest::Command(SetCommand::Unset) if S::LOOKS => op.set.contains(data),
            SetTest::Command(command) => op.set.run(command, data),
            SetTest::Reputation(order, wanted) => op.set.reputation(data).is_some_and(|r| order.holds(r, wanted)),
        };
        if holds && let Some((key, json)) = op.context_key.as_ref().zip(op.set.context(data)) {
            self.carried.contexts.push((Arc::clone(key), json.into()));
        }
        holds
    }

    fn entropy(&mut self, entropy: &Entropy) -> bool {
        if self.open() {
            self.starved = true;
            return false;
        }
        let Some(value) = entropy.measure(self.buffer.data) else { return false };
        self.carried.entropies.push((entropy.of, value));
        entropy.holds(value)
    }

    fn asn1(&mut self, asked: &Asn1, previous: usize) -> bool {
        let Some(at) = self.place(i64::from(asked.offset), asked.relative, previous) else { return false };
        let found = asn1::walk(asked, self.buffer.data.get(at..).unwrap_or_default());
        // As many steps as it looks at elements would be too dear: it is one walk over headers.
        self.steps = self.steps.saturating_sub((asn1::MAX_ELEMENTS / 8) as u32);
        self.starved |= found == Found::Starved && self.open();
        found == Found::Yes
    }

    /// A line with a PORT command (RFC 959 §4.1.2) whose address is not the sender's.
    fn ftp_bounce(&mut self) -> bool {
        let data = self.buffer.data;
        self.steps = self.steps.saturating_sub((data.len() / BYTES_PER_STEP) as u32);
        let Some(source) = self.carried.source else { return false };
        for line in data.split_inclusive(|b| *b == b'\n') {
            let Some(rest) = line.split_at_checked(5).filter(|(verb, _)| verb.eq_ignore_ascii_case(b"PORT ")) else {
                continue;
            };
            if !line.ends_with(b"\n") && self.open() {
                self.starved = true;
                return false;
            }
            if port_address(rest.1).is_some_and(|address| address != source) {
                return true;
            }
        }
        self.starved |= self.open();
        false
    }

    fn base64(&mut self, op: &Base64Op, previous: usize) -> bool {
        let Some(at) = self.place(i64::from(op.decode.offset), op.decode.relative, previous) else { return false };
        let there = self.buffer.data.get(at..).unwrap_or_default();
        let most = op.decode.bytes.map_or(usize::MAX, |n| n as usize);
        if there.len() < most && self.open() {
            self.starved = true;
            return false;
        }
        let encoded = &there[..there.len().min(most)];
        self.steps = self.steps.saturating_sub((encoded.len() / BYTES_PER_STEP) as u32);
        let mut decoded = std::mem::take(&mut self.carried.decoded);
        decoded.clear();
        let some = decode_base64(encoded, Base64Mode::Rfc2045, &mut decoded) > 0;
        let holds = some && (op.then.is_empty() || self.judge_decoded(op, &decoded));
        self.carried.decoded = decoded;
        holds
    }

    fn judge_decoded(&mut self, op: &Base64Op, decoded: &[u8]) -> bool {
        let mut workspace = std::mem::take(&mut self.carried.workspace);
        let data = apply_all(&op.transforms, decoded, &mut workspace);
        // It shares the steps of this one, so that the two together are bounded.
        let mut run = Run::new(Buffer { data, start: 0, end: End::Final }, self.carried, self.steps, ());
        let judgement = run.judge(&op.then.ops);
        let steps = run.steps;
        self.steps = steps;
        self.carried.workspace = workspace;
        judgement == Judgement::Match
    }

    /// Where what a condition found begins, for those who look on.
    fn start_of(&self, op: &Op, i: usize, end: usize) -> usize {
        match op {
            Op::Content(c) if !c.negated => end.saturating_sub(c.len()),
            Op::Pcre(p) if !p.negated => (self.resume[i] as usize).saturating_sub(1),
            _ => self.ends[i] as usize,
        }
    }

    fn open(&self) -> bool {
        self.buffer.end == End::Open
    }

    fn value(&self, value: Value) -> i64 {
        match value {
            Value::Literal(n) => n,
            Value::Variable(v) => {
                self.carried.variables.get(usize::from(v)).map_or(0, |&n| i64::try_from(n).unwrap_or(i64::MAX))
            }
        }
    }

    /// The first place and the end of the stretch in which a content may lie, as indices into the data.
    fn stretch(&self, c: &ContentOp, previous: usize) -> (i64, Option<i64>) {
        let start = i64::try_from(self.buffer.start).unwrap_or(i64::MAX);
        if c.relative {
            let first = (previous as i64).saturating_add(self.value(c.distance.into()));
            return (first, c.within.map(|w| first.saturating_add(self.value(w.into()))));
        }
        let offset = self.value(c.offset.into());
        let end = c.depth.map(|d| offset.saturating_add(self.value(d.into())).saturating_sub(start));
        (offset.saturating_sub(start), end)
    }

    fn content(&mut self, c: &ContentOp, i: usize, retry: bool) -> Step {
        let data = self.buffer.data;
        let previous = self.ends[i] as usize;
        let (first, end) = self.stretch(c, previous);
        let first = usize::try_from(first.max(0)).unwrap_or(usize::MAX);
        let from = if retry { self.resume[i] as usize } else { first };
        // The stretch may reach beyond what is there.
        let limit = end.map_or(usize::MAX, |e| usize::try_from(e.max(0)).unwrap_or(usize::MAX));
        let clipped = limit > data.len() && self.open();
        let limit = limit.min(data.len());
        let mut from = from;
        let found = loop {
            let Some(hay) = data.get(from..limit) else { break None };
            self.steps = self.steps.saturating_sub((hay.len() / BYTES_PER_STEP) as u32);
            let Some(at) = c.needle.find(hay) else { break None };
            let start = from + at;
            if !c.endswith || start + c.len() == data.len() {
                break Some(start);
            }
            from = start + 1;
        };
        // Whether it ends the buffer is not known before the buffer ends.
        let undecided = c.endswith && self.open();
        let found = found.filter(|_| !c.endswith || self.buffer.end != End::Cut);
        if c.negated {
            if found.is_some() && !undecided {
                return Step::Fails;
            }
            self.tentative |= clipped || undecided;
            return Step::Holds(previous);
        }
        match found {
            Some(start) if !undecided => {
                self.resume[i] = (start + 1) as u32;
                Step::Holds(start + c.len())
            }
            _ => {
                self.starved |= clipped || undecided;
                Step::Fails
            }
        }
    }

    fn pcre(&mut self, p: &PcreOp, i: usize, retry: bool) -> Step {
        let previous = self.ends[i] as usize;
        let base = if p.relative { previous } else { 0 };
        let Some(hay) = self.buffer.data.get(base..) else { return Step::Fails };
        let from = if retry { (self.resume[i] as usize).saturating_sub(base) } else { 0 };
        // A search that runs into the library's limits is no match.
        let regex = p.expression.regex();
        let found = regex.filter(|_| from <= hay.len()).and_then(|regex| find(regex, hay, from));
        let open = self.open();
        match found {
            Some(_) if p.negated => Step::Fails,
            None if p.negated => {
                self.tentative |= open;
                Step::Holds(previous)
            }
            Some((start, end)) => {
                self.resume[i] = (base + start + 1) as u32;
                if !p.captures.is_empty() {
                    self.capture(p, hay, from);
                }
                Step::Holds(base + end)
            }
            None => {
                self.starved |= open;
                Step::Fails
            }
        }
    }

    /// Keeps what the groups captured, in place of what they did before.
    #[cold]
    fn capture(&mut self, p: &PcreOp, hay: &[u8], from: usize) {
        let Some(regex) = p.expression.regex() else { return };
        let mut locations = regex.capture_locations();
        if !matches!(regex.captures_read_at(&mut locations, hay, from), Ok(Some(_))) {
            return;
        }
        for (group, on, name) in &p.captures {
            let Some(value) = locations.get(*group).and_then(|(start, end)| hay.get(start..end)) else { continue };
            let captures = &mut self.carried.captures;
            captures.retain(|(known_on, known, _)| (known_on, known) != (on, name));
            captures.push((*on, Arc::clone(name), value.into()));
        }
    }

    /// The index at which a numeric keyword reads, if it lies within the data.
    fn place(&mut self, offset: i64, relative: bool, previous: usize) -> Option<usize> {
        let start = i64::try_from(self.buffer.start).unwrap_or(i64::MAX);
        let at = if relative { (previous as i64).saturating_add(offset) } else { offset.saturating_sub(start) };
        let at = usize::try_from(at).ok()?;
        if at > self.buffer.data.len() {
            self.starved |= self.open();
            return None;
        }
        Some(at)
    }

    fn is_data_at(&mut self, d: &IsDataAt, previous: usize) -> bool {
        let position = self.value(d.position);
        let start = i64::try_from(self.buffer.start).unwrap_or(i64::MAX);
        let len = self.buffer.data.len() as i64;
        let there = if d.relative {
            (previous as i64).saturating_add(position) <= len
        } else {
            position.saturating_sub(start) < len
        };
        if there || self.buffer.end == End::Final {
            return there != d.negated;
        }
        if self.buffer.end == End::Cut {
            return !d.negated;
        }
        if d.negated {
            self.tentative = true;
        } else {
            self.starved = true;
        }
        d.negated
    }

    /// Reads a number: (value, index behind it).
    fn number(&mut self, at: usize, bytes: i64, format: NumberFormat) -> Option<(u64, usize)> {
        let bytes = usize::try_from(bytes).ok()?;
        let end = at.checked_add(bytes)?;
        let Some(raw) = self.buffer.data.get(at..end) else {
            self.starved |= self.open();
            return None;
        };
        let format = match format {
            NumberFormat::Dce if self.carried.little => NumberFormat::LittleEndian,
            NumberFormat::Dce => NumberFormat::BigEndian,
            other => other,
        };
        let n = match format {
            NumberFormat::BigEndian if bytes <= 8 => raw.iter().fold(0, |n, b| n << 8 | u64::from(*b)),
            NumberFormat::LittleEndian if bytes <= 8 => raw.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)),
            NumberFormat::String(base) => digits(raw, base)?,
            _ => return None,
        };
        if S::LOOKS {
            self.seen.read(n, at..end);
        }
        Some((n, end))
    }

    fn byte_test(&mut self, t: &ByteTest, previous: usize) -> bool {
        let (offset, bytes) = (self.value(t.offset), self.value(t.bytes));
        let Some(at) = self.place(offset, t.relative, previous) else { return false };
        let Some((n, _)) = self.number(at, bytes, t.format) else { return false };
        let n = masked(n, t.bitmask);
        let value = self.value(t.value) as u64;
        let holds = match t.comparison {
            Comparison::Less => n < value,
            Comparison::Greater => n > value,
            Comparison::Equal => n == value,
            Comparison::LessOrEqual => n <= value,
            Comparison::GreaterOrEqual => n >= value,
            Comparison::And => n & value != 0,
            // Called "or" in the guide; the engine that the rules were written for does an exclusive or.
            Comparison::Or => n ^ value != 0,
        };
        holds != t.negated
    }

    fn byte_jump(&mut self, j: &ByteJump, previous: usize) -> Option<usize> {
        let (offset, bytes) = (self.value(j.offset), self.value(j.bytes));
        let at = self.place(offset, j.relative, previous)?;
        let (n, behind) = if bytes == 0 { (0, at) } else { self.number(at, bytes, j.format)? };
        let mut n = masked(n, j.bitmask).wrapping_mul(u64::from(j.multiplier));
        if j.align {
            n = n.wrapping_add(3) & !3;
        }
        let len = self.buffer.data.len();
        let origin = match (j.from_beginning, j.from_end) {
            (true, _) => -i64::try_from(self.buffer.start).unwrap_or(i64::MAX),
            (false, true) => {
                if self.buffer.end != End::Final {
                    self.starved |= self.open();
                    return None;
                }
                len as i64
            }
            (false, false) => behind as i64,
        };
        let jump = i64::try_from(n).ok()?;
        let to = origin.checked_add(jump)?.checked_add(self.value(j.post_offset))?;
        // A jump to before the start ends at the start, as in Suricata.
        let to = usize::try_from(to.max(0)).ok()?;
        if to > len {
            self.starved |= self.open();
            return None;
        }
        Some(to)
    }

    fn byte_extract(&mut self, e: &ByteExtract, previous: usize) -> Option<usize> {
        let at = self.place(i64::from(e.offset), e.relative, previous)?;
        let (n, behind) = self.number(at, i64::from(e.bytes), e.format)?;
        let mut n = masked(n, e.bitmask).wrapping_mul(u64::from(e.multiplier));
        if let Some(align) = e.align.map(u64::from).filter(|a| *a > 0) {
            n = n.div_ceil(align).wrapping_mul(align);
        }
        *self.carried.variables.get_mut(usize::from(e.variable))? = n;
        Some(behind)
    }

    fn byte_math(&mut self, m: &ByteMath, previous: usize) -> Option<usize> {
        let bytes = self.value(m.bytes);
        let at = self.place(i64::from(m.offset), m.relative, previous)?;
        let (n, behind) = self.number(at, bytes, m.format)?;
        let operand = self.value(m.operand) as u64;
        let n = match m.operator {
            MathOperator::Add => n.wrapping_add(operand),
            MathOperator::Subtract => n.wrapping_sub(operand),
            MathOperator::Multiply => n.wrapping_mul(operand),
            MathOperator::Divide => n.checked_div(operand)?,
            MathOperator::ShiftLeft => n.checked_shl(u32::try_from(operand).ok()?).unwrap_or(0),
            MathOperator::ShiftRight => n.checked_shr(u32::try_from(operand).ok()?).unwrap_or(0),
        };
        *self.carried.variables.get_mut(usize::from(m.variable))? = masked(n, m.bitmask);
        Some(behind)
    }
}

/// The condition to try again when `failed` did not hold: the nearest one before it that it hangs on and that can match
/// elsewhere.
fn back(ops: &[Op], failed: usize) -> Option<usize> {
    let mut i = failed;
    while ops[i].is_relative() {
        // Conditions that do not move the position hand through what came before them.
        i = (0..i).rev().find(|&j| ops[j].moves())?;
        if ops[i].retries() {
            return Some(i);
        }
    }
    None
}

fn find(regex: &Regex, hay: &[u8], from: usize) -> Option<(usize, usize)> {
    regex.find_at(hay, from).ok().flatten().map(|m| (m.start(), m.end()))
}

/// The mask's bits of `n`, moved down to bit 0.
fn masked(n: u64, mask: Option<u32>) -> u64 {
    match mask {
        Some(mask) if mask != 0 => (n & u64::from(mask)) >> mask.trailing_zeros(),
        _ => n,
    }
}

/// An ASCII number as C's strtoul reads it: leading blanks and a sign are passed, reading ends at the first other byte.
fn digits(raw: &[u8], base: u8) -> Option<u64> {
    let mut rest = raw.trim_ascii_start();
    let negative = rest.first() == Some(&b'-');
    if matches!(rest.first(), Some(b'-' | b'+')) {
        rest = &rest[1..];
    }
    let hex = rest.len() > 1 && rest[0] == b'0' && matches!(rest[1], b'x' | b'X');
    let base = match base {
        0 if hex => 16,
        0 if rest.first() == Some(&b'0') => 8,
        0 => 10,
        given => u32::from(given),
    };
    if base == 16 && hex {
        rest = &rest[2..];
    }
    let mut n: u64 = 0;
    let mut any = false;
    for byte in rest {
        let Some(digit) = char::from(*byte).to_digit(base) else { break };
        n = n.checked_mul(u64::from(base))?.checked_add(u64::from(digit))?;
        any = true;
    }
    any.then_some(if negative { n.wrapping_neg() } else { n })
}

#[cfg(test)]
mod tests {
    use super::super::kept::Kept;
    use super::*;
    use sekisho_signatures::model::{BufferCondition, Content, FastPattern, NumberTest};

    fn content(pattern: &[u8]) -> Content {
        Content {
            pattern: pattern.into(),
            nocase: false,
            negated: false,
            offset: None,
            depth: None,
            distance: None,
            within: None,
            startswith: false,
            endswith: false,
            fast_pattern: FastPattern::Unspecified,
        }
    }

    fn after(pattern: &[u8], distance: i64, within: Option<i64>) -> Content {
        Content { distance: Some(Value::Literal(distance)), within: within.map(Value::Literal), ..content(pattern) }
    }

    fn run(conditions: Vec<BufferCondition>, data: &[u8], end: End) -> Judgement {
        let program = Program::of(&conditions, &Kept::default()).unwrap();
        judge(&program, Buffer { data, start: 0, end })
    }

    fn whole(conditions: Vec<BufferCondition>, data: &[u8]) -> bool {
        run(conditions, data, End::Final) == Judgement::Match
    }

    #[test]
    fn a_relative_content_makes_the_first_one_try_its_later_places() {
        let rule = || vec![BufferCondition::Content(content(b"ab")), BufferCondition::Content(after(b"X", 0, Some(1)))];
        assert!(whole(rule(), b"ab-ab-abX"));
        assert!(!whole(rule(), b"ab-ab-ab-X"));
    }

    #[test]
    fn backtracking_goes_through_conditions_that_do_not_move() {
        let test = IsDataAt { position: Value::Literal(1), relative: true, negated: false };
        let rule = vec![
            BufferCondition::Content(content(b"a")),
            BufferCondition::IsDataAt(test),
            BufferCondition::Content(after(b"b", 0, Some(1))),
            BufferCondition::Content(after(b"c", 0, Some(1))),
        ];
        assert!(whole(rule, b"aabab-abc"));
    }

    #[test]
    fn distance_may_be_negative_and_within_counts_after_it() {
        let rule = |d, w| vec![BufferCondition::Content(content(b"cd")), BufferCondition::Content(after(b"bc", d, w))];
        assert!(whole(rule(-3, Some(2)), b"abcd"));
        assert!(!whole(rule(-2, None), b"abcd"));
        let rule = |w| vec![BufferCondition::Content(content(b"a")), BufferCondition::Content(after(b"z", 4, Some(w)))];
        assert!(whole(rule(1), b"a1234z"));
        assert!(!whole(rule(1), b"a12345z"));
        assert!(whole(rule(2), b"a12345z"));
    }

    #[test]
    fn a_negated_content_waits_for_its_stretch() {
        let not = Content { negated: true, ..after(b"X", 0, Some(4)) };
        let first = Content { depth: Some(Value::Literal(2)), ..content(b"ab") };
        let rule = || vec![BufferCondition::Content(first.clone()), BufferCondition::Content(not.clone())];
        assert_eq!(run(rule(), b"ab12", End::Open), Judgement::NeedMore);
        assert_eq!(run(rule(), b"ab1X", End::Open), Judgement::NoMatch);
        assert_eq!(run(rule(), b"ab1234", End::Open), Judgement::Match);
        assert_eq!(run(rule(), b"ab12", End::Final), Judgement::Match);
    }

    #[test]
    fn a_missing_content_is_waited_for_only_while_it_can_come() {
        let deep = Content { depth: Some(Value::Literal(4)), ..content(b"ab") };
        assert_eq!(run(vec![BufferCondition::Content(deep.clone())], b"xx", End::Open), Judgement::NeedMore);
        assert_eq!(run(vec![BufferCondition::Content(deep)], b"xxxxx", End::Open), Judgement::NoMatch);
    }

    #[test]
    fn endswith_holds_at_the_end_alone() {
        let end = Content { endswith: true, ..content(b"ab") };
        let rule = || vec![BufferCondition::Content(end.clone())];
        assert!(whole(rule(), b"abxab"));
        assert!(!whole(rule(), b"abx"));
        assert_eq!(run(rule(), b"ab", End::Open), Judgement::NeedMore);
        assert_eq!(run(rule(), b"ab", End::Cut), Judgement::NoMatch);
    }

    #[test]
    fn byte_jump_and_extract_carry_a_length_to_a_later_condition() {
        let extract = ByteExtract {
            bytes: 1,
            offset: 0,
            variable: 0,
            relative: false,
            format: NumberFormat::BigEndian,
            multiplier: 1,
            align: None,
            bitmask: None,
        };
        let at = Content { offset: Some(Value::Variable(0)), ..content(b"X") };
        let rule = || vec![BufferCondition::ByteExtract(extract), BufferCondition::Content(at.clone())];
        assert!(whole(rule(), b"\x05----X"));
        assert!(!whole(rule(), b"\x05-X---"));
        let jump = ByteJump {
            bytes: Value::Literal(2),
            offset: Value::Literal(0),
            relative: false,
            format: NumberFormat::LittleEndian,
            multiplier: 2,
            align: true,
            from_beginning: false,
            from_end: false,
            post_offset: Value::Literal(-1),
            bitmask: None,
        };
        // 3 * 2 = 6, up to 8, behind the two bytes: 10, less 1: 9.
        let rule = vec![BufferCondition::ByteJump(jump), BufferCondition::Content(after(b"X", 0, Some(1)))];
        assert!(whole(rule, b"\x03\x00-------X"));
    }

    #[test]
    fn numbers_are_read_as_strtoul_reads_them() {
        assert_eq!(digits(b" 12;", 10), Some(12));
        assert_eq!(digits(b"0x1f", 0), Some(31));
        assert_eq!(digits(b"0x1f", 16), Some(31));
        assert_eq!(digits(b"010", 0), Some(8));
        assert_eq!(digits(b";", 10), None);
        assert_eq!(digits(b"99999999999999999999999", 10), None);
    }

    #[test]
    fn steps_are_bounded() {
        let mut rule = vec![BufferCondition::Content(content(b"a"))];
        rule.extend((0..20).map(|_| BufferCondition::Content(after(b"a", 0, None))));
        rule.push(BufferCondition::Content(after(b"X", 0, Some(1))));
        assert_eq!(run(rule, &[b'a'; 1000], End::Final), Judgement::OutOfSteps);
    }

    #[test]
    fn size_needs_the_end() {
        let rule = || vec![BufferCondition::Size(NumberTest { ranges: vec![3..=3] })];
        assert!(whole(rule(), b"abc"));
        assert_eq!(run(rule(), b"abc", End::Open), Judgement::NeedMore);
    }
}
