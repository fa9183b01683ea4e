//! One message as rules see it.

use super::message::Header;
use super::proposal::Association;
use super::record::IkeRecord;
use crate::packet::Direction;
use crate::protocols::text::Hex;
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::Buffer;
use sekisho_signatures::question::Question;
use std::io::Write;

/// What was read of a message.
#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    pub(super) header: Header,
    /// The types of its payloads; a 0 behind the last.
    pub(super) payloads: Vec<u8>,
    pub(super) key_exchange: Option<Vec<u8>>,
    pub(super) nonce: Option<Vec<u8>>,
    pub(super) vendors: Vec<Vec<u8>>,
    pub(super) notices: Vec<u16>,
    pub(super) association: Option<Association>,
}

/// A message, in the direction in which it went.
#[derive(Debug)]
pub struct IkeTransaction {
    state: TransactionState,
    pub(super) direction: Direction,
    pub(super) message: Message,
}

impl IkeTransaction {
    pub(super) fn new(id: u64, direction: Direction, message: Message) -> Self {
        Self { state: TransactionState::new(id), direction, message }
    }
}

impl Transaction for IkeTransaction {
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
        scratch: &'a mut Vec<u8>,
    ) -> Option<Part<'a>> {
        let message = &self.message;
        let digits: &[u8] = match buffer {
            _ if direction != self.direction => return None,
            Buffer::IkeVendor => message.vendors.get(index)?,
            _ if index > 0 => return None,
            Buffer::IkeKeyExchangePayload => return message.key_exchange.as_deref().map(Part::whole),
            Buffer::IkeNoncePayload => return message.nonce.as_deref().map(Part::whole),
            Buffer::IkeInitSpi => &message.header.init_spi,
            Buffer::IkeRespSpi => &message.header.resp_spi,
            _ => return None,
        };
        // Writing to a Vec cannot fail.
        let _ = write!(scratch, "{}", Hex(digits, ""));
        Some(Part::whole(scratch))
    }

    fn number(&self, buffer: Buffer, direction: Direction, index: usize) -> Option<u64> {
        let message = &self.message;
        match buffer {
            _ if direction != self.direction || index > 0 => None,
            Buffer::IkeExchtype => Some(message.header.exchange.into()),
            Buffer::IkeKeyExchangePayloadLength => message.key_exchange.as_ref().map(|key| key.len() as u64),
            Buffer::IkeNoncePayloadLength => message.nonce.as_ref().map(|nonce| nonce.len() as u64),
            _ => None,
        }
    }

    fn answer(&self, question: &Question, direction: Direction) -> bool {
        let Question::IkeAttribute { name, value } = question else { return false };
        // What the server sends is what it chose.
        let chosen = self
            .message
            .association
            .as_ref()
            .filter(|_| direction == self.direction && direction == Direction::ToClient);
        chosen.is_some_and(|a| a.attributes().any(|a| a.kind.name() == *name && a.value == *value))
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        let from_client = self.direction == Direction::ToServer;
        Some(Box::new(IkeRecord { message: self.message.clone(), from_client }))
    }
}
