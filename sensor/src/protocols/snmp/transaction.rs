//! One message as rules see it.

use super::message::Message;
use super::record::SnmpRecord;
use crate::packet::Direction;
use crate::protocols::span::Span;
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::Buffer;

/// A message, in the direction in which it went.
#[derive(Debug)]
pub struct SnmpTransaction {
    state: TransactionState,
    direction: Direction,
    bytes: Vec<u8>,
    version: u32,
    kind: Option<u8>,
    community: Option<Span>,
    usm: Option<Span>,
}

impl Default for SnmpTransaction {
    fn default() -> Self {
        Self {
            state: TransactionState::default(),
            direction: Direction::ToServer,
            bytes: Vec::new(),
            version: 0,
            kind: None,
            community: None,
            usm: None,
        }
    }
}

impl SnmpTransaction {
    pub(super) fn begin(&mut self, id: u64, direction: Direction, bytes: &[u8], message: &Message<'_>) {
        self.state.renew(id);
        self.direction = direction;
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        self.version = message.version;
        self.kind = message.pdu.map(|pdu| pdu.kind.0);
        self.community = message.community.map(|part| Span::of_part(bytes, part));
        self.usm = message.usm.map(|part| Span::of_part(bytes, part));
    }
}

impl Transaction for SnmpTransaction {
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
        let span = match buffer {
            _ if direction != self.direction || index > 0 => None,
            Buffer::SnmpCommunity => self.community,
            Buffer::SnmpUsm => self.usm,
            _ => None,
        };
        span.map(|span| Part::whole(span.of(&self.bytes)))
    }

    fn number(&self, buffer: Buffer, direction: Direction, index: usize) -> Option<u64> {
        match buffer {
            _ if direction != self.direction || index > 0 => None,
            Buffer::SnmpVersion => Some(self.version.into()),
            Buffer::SnmpPduType => self.kind.map(u64::from),
            _ => None,
        }
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        Some(Box::new(SnmpRecord(self.bytes.clone())))
    }
}
