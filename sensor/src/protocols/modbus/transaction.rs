//! A request and its response, as rules see them.

use super::message::Message;
use super::record::ModbusRecord;
use crate::packet::Direction;
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::Buffer;
use sekisho_signatures::question::Question;

/// A request and its response; one of the two may not be there.
#[derive(Debug, Default)]
pub struct ModbusTransaction {
    state: TransactionState,
    /// The message of each direction; empty if there is none.
    messages: [Vec<u8>; 2],
}

impl ModbusTransaction {
    pub(super) fn begin(&mut self, number: u64) {
        self.state.renew(number);
        self.messages.iter_mut().for_each(Vec::clear);
    }

    /// Takes the message of a direction.
    pub(super) fn add(&mut self, direction: Direction, message: &[u8]) {
        let kept = &mut self.messages[direction.index()];
        kept.clear();
        kept.extend_from_slice(message);
    }

    fn message(&self, direction: Direction) -> Option<Message<'_>> {
        Message::read(&self.messages[direction.index()], direction)
    }

    /// What was asked.
    pub(super) fn request(&self) -> Option<Message<'_>> {
        self.message(Direction::ToServer)
    }
}

impl Transaction for ModbusTransaction {
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
        match buffer {
            Buffer::ModbusData if index == 0 => self.message(direction).map(|message| Part::whole(message.rest)),
            _ => None,
        }
    }

    fn number(&self, _buffer: Buffer, _direction: Direction, _index: usize) -> Option<u64> {
        None
    }

    fn answer(&self, question: &Question, direction: Direction) -> bool {
        let (Question::Modbus(test), Direction::ToServer) = (question, direction) else { return false };
        self.request().is_some_and(|request| request.holds(test))
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        Some(Box::new(ModbusRecord { id: self.state.id + 1, messages: self.messages.clone() }))
    }
}
