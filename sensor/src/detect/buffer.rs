//! A rule's conditions on one buffer of a transaction, or on one header of a packet, compiled, and how they are held against it.

use super::condition::header;
use super::evaluate::{Buffer as Bytes, Carried, End, Judgement, judge_seen, judge_with};
use super::kept::Kept;
use super::program::{Program, ProgramError};
use super::trace::Steps;
use crate::packet::{Direction, Packet};
use crate::protocols::Transaction;
use sekisho_signatures::buffers::{Buffer, Kind, Progress, Side, Source};
use sekisho_signatures::model::{BufferCondition, BufferConditions, NumberTest};
use sekisho_signatures::question::Question;
use sekisho_signatures::transform::{Transform, Workspace, apply_all};

/// Runs of a buffer that is there many times which are looked at, for one rule and transaction.
pub(super) const MAX_RUNS: usize = 1024;

/// Memory that looking at buffers needs; a worker keeps one.
#[derive(Debug, Default)]
pub struct BufferScratch {
    pub(super) bytes: Vec<u8>,
    pub(super) workspace: Workspace,
    /// When the packet at hand came, in seconds since 1970.
    pub(super) now: i64,
}

/// Conditions on one buffer.
#[derive(Debug)]
pub struct BufferProgram {
    /// Which buffer.
    pub buffer: Buffer,
    /// From when on it is there.
    pub progress: Progress,
    of_packet: bool,
    side: Side,
    kind: Kind,
    transforms: Box<[Transform]>,
    numbers: Box<[NumberTest]>,
    questions: Box<[Question]>,
    absent: Option<bool>,
    pub(super) program: Program,
}

impl BufferProgram {
    /// Compiles them.
    ///
    /// # Errors
    /// As [`Program::of`], or the buffer is one that a rule makes itself.
    pub fn new(conditions: &BufferConditions, kept: &Kept) -> Result<Self, ProgramError> {
        let declaration = conditions.buffer.declaration();
        let (progress, of_packet) = match declaration.source {
            Source::Transaction(progress) => (progress, false),
            Source::Packet => (Progress::Start, true),
            Source::Rule => return Err(ProgramError::NotAboutBytes),
        };
        let (mut numbers, mut questions) = (vec![], vec![]);
        let mut absent = None;
        let mut bytes = vec![];
        for condition in &conditions.conditions {
            match condition {
                BufferCondition::Number(test) => numbers.push(test.clone()),
                BufferCondition::Ask(question) => questions.push(question.clone()),
                BufferCondition::Absent { or_else } => absent = Some(*or_else),
                other => bytes.push(other.clone()),
            }
        }
        Ok(Self {
            buffer: conditions.buffer,
            progress,
            of_packet,
            side: declaration.side,
            kind: declaration.kind,
            transforms: conditions.transforms.clone().into(),
            numbers: numbers.into(),
            questions: questions.into(),
            absent,
            program: Program::of(&bytes, kept)?,
        })
    }

    /// The buffer is a header of the packet at hand.
    #[must_use]
    pub fn is_of_packet(&self) -> bool {
        self.of_packet
    }

    /// Some condition changes something beside the rule's own state.
    #[must_use]
    pub fn has_effect(&self) -> bool {
        self.program.has_effect()
    }

    /// Whether the conditions on a header hold.
    pub fn judge_packet(&self, packet: &Packet<'_>, scratch: &mut BufferScratch, carried: &mut Carried) -> Judgement {
        let mut address = [0; 16];
        let Some(bytes) = header(self.buffer, packet, &mut address) else {
            return if self.absent.is_some() { Judgement::Match } else { Judgement::NoMatch };
        };
        if self.absent == Some(false) {
            return Judgement::NoMatch;
        }
        let data = apply_all(&self.transforms, bytes, &mut scratch.workspace);
        judge_with(&self.program, Bytes { data, start: 0, end: End::Final }, carried)
    }

    /// The direction whose messages have it, for a rule that is judged in `direction`.
    #[must_use]
    pub fn direction(&self, direction: Direction) -> Direction {
        match self.side {
            Side::ToServer => Direction::ToServer,
            Side::ToClient => Direction::ToClient,
            Side::Both => direction,
        }
    }

    /// Whether the conditions hold. Those on a body that is not all there yet may need more of it.
    pub fn judge(
        &self,
        transaction: &dyn Transaction,
        direction: Direction,
        scratch: &mut BufferScratch,
        carried: &mut Carried,
    ) -> Judgement {
        self.judge_seen(transaction, direction, scratch, carried, &mut ())
    }

    /// The same, and shows each step.
    pub(super) fn judge_seen(
        &self,
        transaction: &dyn Transaction,
        direction: Direction,
        scratch: &mut BufferScratch,
        carried: &mut Carried,
        seen: &mut impl Steps,
    ) -> Judgement {
        let direction = self.direction(direction);
        match self.kind {
            Kind::Number => return self.judge_numbers(transaction, direction),
            Kind::Asked => {
                let yes = self.questions.iter().all(|q| transaction.answer_at(q, direction, scratch.now));
                return if yes { Judgement::Match } else { Judgement::NoMatch };
            }
            Kind::Bytes | Kind::Many | Kind::Grows => {}
        }
        let mut more = false;
        for index in 0..MAX_RUNS {
            scratch.bytes.clear();
            let Some(part) = transaction.bytes(self.buffer, direction, index, &mut scratch.bytes) else {
                if index == 0 {
                    return if self.absent.is_some() { Judgement::Match } else { Judgement::NoMatch };
                }
                break;
            };
            if self.absent == Some(false) {
                return Judgement::NoMatch;
            }
            let data = apply_all(&self.transforms, part.data, &mut scratch.workspace);
            let end = if part.complete { End::Final } else { End::Open };
            let bytes = Bytes { data, start: 0, end };
            seen.begin(bytes);
            match judge_seen(&self.program, bytes, carried, &mut *seen) {
                Judgement::NoMatch => {}
                Judgement::NeedMore => more = true,
                settled => return settled,
            }
            if matches!(self.kind, Kind::Bytes) {
                break;
            }
        }
        if more { Judgement::NeedMore } else { Judgement::NoMatch }
    }

    fn judge_numbers(&self, transaction: &dyn Transaction, direction: Direction) -> Judgement {
        let numbers = (0..MAX_RUNS).map_while(|i| transaction.number(self.buffer, direction, i));
        for (index, number) in numbers.enumerate() {
            if self.absent == Some(false) && index == 0 {
                return Judgement::NoMatch;
            }
            if self.numbers.iter().all(|test| test.holds(number)) {
                return Judgement::Match;
            }
        }
        if self.absent.is_some() && transaction.number(self.buffer, direction, 0).is_none() {
            return Judgement::Match;
        }
        Judgement::NoMatch
    }
}
