//! A call as rules see it.

use super::call::{Call, Role};
use super::record::DcerpcRecord;
use crate::packet::Direction;
use crate::protocols::{Observer, Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::{Buffer, Progress};
use sekisho_signatures::question::Question;

/// A call of a flow that is all DCE/RPC.
#[derive(Debug)]
pub struct DcerpcTransaction {
    state: TransactionState,
    pub(super) call: Call,
    /// Which way request and response go; over UDP they may go the same.
    pub(super) directions: [Direction; 2],
    /// Told as complete, by direction.
    completed: [bool; 2],
    /// Over UDP: which activity it is of, and its number there.
    pub(super) activity: Option<(super::Uuid, u32)>,
}

impl DcerpcTransaction {
    pub(super) fn new(id: u64, call: Call, direction: Direction) -> Self {
        let directions = [direction, direction.reverse()];
        Self { state: TransactionState::new(id), call, directions, completed: [false; 2], activity: None }
    }

    /// Tells that no more comes in one direction, once.
    pub(super) fn complete(&mut self, direction: Direction, observer: &mut dyn Observer) {
        if !std::mem::replace(&mut self.completed[direction.index()], true) {
            observer.progress(self, direction, Progress::Complete);
        }
    }

    /// Whether it was told that no more comes in one direction.
    pub(super) fn is_complete(&self, direction: Direction) -> bool {
        self.completed[direction.index()]
    }

    /// What it is about.
    #[must_use]
    pub fn call(&self) -> &Call {
        &self.call
    }

    fn roles(&self, direction: Direction) -> impl Iterator<Item = Role> {
        let directions = self.directions;
        [Role::Request, Role::Response].into_iter().filter(move |role| directions[*role as usize] == direction)
    }
}

impl Transaction for DcerpcTransaction {
    fn state(&mut self) -> &mut TransactionState {
        &mut self.state
    }

    fn state_ref(&self) -> &TransactionState {
        &self.state
    }

    fn bytes<'a>(
        &'a self,
        buffer: Buffer,
        direction: Direction,
        index: usize,
        _scratch: &'a mut Vec<u8>,
    ) -> Option<Part<'a>> {
        if buffer != Buffer::DcerpcStubData {
            return None;
        }
        let halves = self.roles(direction).map(|role| self.call.half(role));
        let mut there = halves.filter(|half| half.fragments > 0);
        there.nth(index).map(|half| Part { data: &half.stub, complete: half.over })
    }

    fn number(&self, _buffer: Buffer, _direction: Direction, _index: usize) -> Option<u64> {
        None
    }

    fn answer(&self, question: &Question, _direction: Direction) -> bool {
        self.call.answer(question)
    }

    fn is_little_endian(&self, direction: Direction) -> bool {
        self.roles(direction).any(|role| self.call.half(role).little)
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        Some(Box::new(DcerpcRecord::new(&self.call, self.activity)))
    }
}
