//! A rule's conditions on one buffer of a transaction, compiled, and how they are held against it.

use super::evaluate::{Buffer as Bytes, End, Judgement, judge};
use super::program::{Program, ProgramError};
use crate::packet::Direction;
use crate::protocols::Transaction;
use sekisho_signatures::buffers::{Buffer, Kind, Progress, Side, Source};
use sekisho_signatures::model::{BufferCondition, BufferConditions, NumberTest};
use sekisho_signatures::transform::{Transform, Workspace, apply_all};

/// Runs of a buffer that is there many times which are looked at, for one rule and transaction.
pub(super) const MAX_RUNS: usize = 1024;

/// Memory that looking at buffers needs; a worker keeps one.
#[derive(Debug, Default)]
pub struct BufferScratch {
    pub(super) bytes: Vec<u8>,
    pub(super) workspace: Workspace,
}

/// Conditions on one buffer.
#[derive(Debug)]
pub struct BufferProgram {
    /// Which buffer.
    pub buffer: Buffer,
    /// From when on it is there.
    pub progress: Progress,
    side: Side,
    kind: Kind,
    transforms: Box<[Transform]>,
    numbers: Box<[NumberTest]>,
    absent: Option<bool>,
    program: Program,
}

impl BufferProgram {
    /// Compiles them. `None` for a buffer that is not a transaction's.
    ///
    /// # Errors
    /// As [`Program::of`].
    pub fn new(conditions: &BufferConditions) -> Option<Result<Self, ProgramError>> {
        let declaration = conditions.buffer.declaration();
        let Source::Transaction(progress) = declaration.source else { return None };
        let mut numbers = vec![];
        let mut absent = None;
        let mut bytes = vec![];
        for condition in &conditions.conditions {
            match condition {
                BufferCondition::Number(test) => numbers.push(test.clone()),
                BufferCondition::Absent { or_else } => absent = Some(*or_else),
                other => bytes.push(other.clone()),
            }
        }
        Some(Program::of(&bytes).map(|program| Self {
            buffer: conditions.buffer,
            progress,
            side: declaration.side,
            kind: declaration.kind,
            transforms: conditions.transforms.clone().into(),
            numbers: numbers.into(),
            absent,
            program,
        }))
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
    pub fn judge(&self, transaction: &dyn Transaction, direction: Direction, scratch: &mut BufferScratch) -> Judgement {
        let direction = self.direction(direction);
        if self.kind == Kind::Number {
            return self.judge_numbers(transaction, direction);
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
            match judge(&self.program, Bytes { data, start: 0, end }) {
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
