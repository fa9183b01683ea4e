//! One message as rules see it.

use super::message::{Message, code};
use super::record::DhcpRecord;
use crate::packet::Direction;
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::Buffer;

/// A message, in the direction in which it went.
#[derive(Debug)]
pub struct DhcpTransaction {
    state: TransactionState,
    direction: Direction,
    bytes: Vec<u8>,
}

impl Default for DhcpTransaction {
    fn default() -> Self {
        Self { state: TransactionState::default(), direction: Direction::ToServer, bytes: Vec::new() }
    }
}

impl DhcpTransaction {
    pub(super) fn begin(&mut self, id: u64, direction: Direction, bytes: &[u8]) {
        self.state.renew(id);
        self.direction = direction;
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
    }
}

impl Transaction for DhcpTransaction {
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
        let is_it = buffer == Buffer::DhcpHostname && direction == self.direction && index == 0;
        Message::read(&self.bytes).filter(|_| is_it)?.option(code::HOSTNAME).map(Part::whole)
    }

    fn number(&self, buffer: Buffer, direction: Direction, index: usize) -> Option<u64> {
        let option = match buffer {
            _ if direction != self.direction || index > 0 => return None,
            Buffer::DhcpLeasetime => code::LEASE_TIME,
            Buffer::DhcpRebindingTime => code::REBINDING_TIME,
            Buffer::DhcpRenewalTime => code::RENEWAL_TIME,
            _ => return None,
        };
        Message::read(&self.bytes)?.number(option).map(u64::from)
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        Some(Box::new(DhcpRecord(self.bytes.clone())))
    }
}
