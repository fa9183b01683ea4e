//! One message as rules see it.

use super::message::{Message, MessageType, Name};
use super::record::Krb5Record;
use crate::packet::Direction;
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::Buffer;
use sekisho_signatures::question::Question;

/// A message, in its direction.
#[derive(Debug)]
pub struct Krb5Transaction {
    state: TransactionState,
    pub(super) direction: Direction,
    pub(super) message: Message,
    /// The request that an error answers, if it was seen.
    pub(super) request: Option<MessageType>,
}

impl Krb5Transaction {
    pub(super) fn new(id: u64, direction: Direction, message: Message, request: Option<MessageType>) -> Self {
        Self { state: TransactionState::new(id), direction, message, request }
    }
}

impl Transaction for Krb5Transaction {
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
        let name: &Name = match buffer {
            Buffer::Krb5Cname if direction == self.direction => self.message.client.as_ref()?,
            Buffer::Krb5Sname if direction == self.direction => self.message.server.as_ref()?,
            _ => return None,
        };
        name.0.get(index).map(|part| Part::whole(part))
    }

    fn number(&self, buffer: Buffer, direction: Direction, index: usize) -> Option<u64> {
        if direction != self.direction || index > 0 {
            return None;
        }
        match buffer {
            Buffer::Krb5MsgType => Some(self.message.kind.0.into()),
            Buffer::Krb5ErrCode => self.message.error.map(|code| u64::from(code.0.cast_unsigned())),
            _ => None,
        }
    }

    fn answer(&self, question: &Question, direction: Direction) -> bool {
        match question {
            Question::Krb5TicketEncryption(types) if direction == self.direction => {
                self.message.ticket.is_some_and(|ticket| types.holds(ticket.0))
            }
            _ => false,
        }
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        Some(Box::new(Krb5Record { message: self.message.clone(), request: self.request }))
    }
}
