//! A rule's conditions on one buffer of a transaction, or on one header of a packet, compiled, and how they are held against it.

use super::condition::header;
use super::evaluate::{Buffer as Bytes, Carried, End, Judgement, judge_seen, judge_with};
use super::explain::account::Step;
use super::file::{self, FileNeeds, FileOp};
use super::kept::Kept;
use super::program::{Program, ProgramError};
use super::trace::Steps;
use crate::packet::{Direction, Packet};
use crate::protocols::{Part, Transaction};
use sekisho_signatures::buffers::{Buffer, Kind, Progress, Side, Source};
use sekisho_signatures::model::{BufferCondition, BufferConditions, NumberAmong, NumberTest};
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

/// Run number `index` of a buffer: the transaction's, or that of the file that it carries.
pub(super) fn run_of<'a>(
    buffer: Buffer,
    transaction: &'a dyn Transaction,
    direction: Direction,
    index: usize,
    scratch: &'a mut Vec<u8>,
) -> Option<Part<'a>> {
    if buffer == Buffer::FileMagic {
        return transaction.tracker(direction, index)?.magic().map(|magic| Part::whole(magic.as_bytes()));
    }
    transaction.bytes(buffer, direction, index, scratch)
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
    among: Box<[NumberAmong]>,
    questions: Box<[Question]>,
    files: Box<[FileOp]>,
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
            Source::Frame => (Progress::Start, false),
            Source::Packet => (Progress::Start, true),
            Source::Rule => return Err(ProgramError::NotAboutBytes),
        };
        let (mut numbers, mut among, mut questions) = (vec![], vec![], vec![]);
        let mut absent = None;
        let mut files = vec![];
        let mut bytes = vec![];
        for condition in &conditions.conditions {
            match condition {
                BufferCondition::Number(test) => numbers.push(test.clone()),
                BufferCondition::NumberAmong(condition) => among.push(condition.clone()),
                BufferCondition::Ask(question) => questions.push(question.clone()),
                BufferCondition::File(test) => files.push(FileOp::new(test, &kept.hash_lists)?),
                BufferCondition::Absent { or_else } => absent = Some(*or_else),
                other => bytes.push(other.clone()),
            }
        }
        Ok(Self {
            buffer: conditions.buffer,
            progress,
            of_packet,
            side: conditions.side(),
            kind: declaration.kind,
            transforms: conditions.transforms.clone().into(),
            numbers: numbers.into(),
            among: among.into(),
            questions: questions.into(),
            files: files.into(),
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
            Kind::Asked if !self.files.is_empty() => return file::judge(&self.files, transaction, direction),
            Kind::Asked => {
                let yes = self.questions.iter().all(|q| transaction.answer_at(q, direction, scratch.now));
                return if yes { Judgement::Match } else { Judgement::NoMatch };
            }
            Kind::Bytes | Kind::Many | Kind::Grows => {}
        }
        carried.little = transaction.is_little_endian(direction);
        let judgement = self.judge_runs(transaction, direction, scratch, carried, seen);
        carried.little = false;
        judgement
    }

    fn judge_runs(
        &self,
        transaction: &dyn Transaction,
        direction: Direction,
        scratch: &mut BufferScratch,
        carried: &mut Carried,
        seen: &mut impl Steps,
    ) -> Judgement {
        let mut more = false;
        for index in 0..MAX_RUNS {
            scratch.bytes.clear();
            let Some(part) = run_of(self.buffer, transaction, direction, index, &mut scratch.bytes) else {
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

    /// What it asks of files as a whole.
    pub(super) fn files(&self) -> &[FileOp] {
        &self.files
    }

    /// What files must have ready for it.
    pub(super) fn file_needs(&self, needs: &mut FileNeeds) {
        needs.magic |= self.buffer == Buffer::FileMagic;
        needs.mail_md5 |= self.buffer == Buffer::EmailBodyMd5;
        self.files.iter().for_each(|op| op.needs(needs));
    }

    /// Each condition on files, told by its words.
    pub(super) fn file_steps(
        &self,
        conditions: impl Iterator<Item = String>,
        transaction: &dyn Transaction,
        direction: Direction,
    ) -> Vec<Step> {
        file::steps(&self.files, conditions, transaction, direction)
    }

    fn judge_numbers(&self, transaction: &dyn Transaction, direction: Direction) -> Judgement {
        if !self.among.is_empty() {
            let number = |index| transaction.number(self.buffer, direction, index);
            let len = (0..MAX_RUNS).take_while(|index| number(*index).is_some()).count();
            let whole = transaction.state_ref().inspected[direction.index()] == Progress::Complete;
            let is_settled = |among: &&NumberAmong| whole || !among.needs_all();
            if !self.among.iter().filter(is_settled).all(|among| among.holds(len, number)) {
                return Judgement::NoMatch;
            }
            if !self.among.iter().all(|among| is_settled(&among)) {
                return Judgement::NeedMore;
            }
            if self.numbers.is_empty() && self.absent.is_none() {
                return Judgement::Match;
            }
        }
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
