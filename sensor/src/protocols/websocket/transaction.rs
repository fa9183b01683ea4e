//! A frame as rules see it.

use super::record::WebsocketRecord;
use crate::packet::Direction;
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::Buffer;

/// Operations (RFC 6455, 11.8).
pub(super) mod opcode {
    pub const CONTINUATION: u8 = 0;
    /// From here on frames are of the protocol's own and not of a message.
    pub const CONTROL: u8 = 8;
}

/// A frame, in the direction in which it went.
#[derive(Debug)]
pub struct WebsocketTransaction {
    state: TransactionState,
    direction: Direction,
    /// The first byte: flags and operation.
    pub(super) first: u8,
    pub(super) mask: Option<u32>,
    /// The operation of the message of which a continuation is.
    pub(super) message: Option<u8>,
    /// The payload; of the last frame of a message, the message.
    pub(super) payload: Vec<u8>,
}

impl Default for WebsocketTransaction {
    fn default() -> Self {
        Self {
            state: TransactionState::default(),
            direction: Direction::ToServer,
            first: 0,
            mask: None,
            message: None,
            payload: Vec::new(),
        }
    }
}

impl WebsocketTransaction {
    /// Begins the next transaction, with this number.
    pub(super) fn begin(&mut self, id: u64, direction: Direction, first: u8, mask: Option<u32>) {
        self.state.renew(id);
        self.direction = direction;
        self.first = first;
        self.mask = mask;
        self.message = None;
        self.payload.clear();
    }

    fn opcode(&self) -> u8 {
        self.first & 0x0f
    }
}

impl Transaction for WebsocketTransaction {
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
        let wanted = buffer == Buffer::WebsocketPayload && direction == self.direction && index == 0;
        wanted.then(|| Part::whole(&self.payload))
    }

    fn number(&self, buffer: Buffer, direction: Direction, index: usize) -> Option<u64> {
        if direction != self.direction {
            return None;
        }
        match (buffer, index) {
            (Buffer::WebsocketFlags, 0) => Some(u64::from(self.first & 0xf0)),
            (Buffer::WebsocketMask, 0) => self.mask.map(u64::from),
            (Buffer::WebsocketOpcode, 0) => Some(u64::from(self.opcode())),
            // The last frame of a message is also of the kind that its first one says.
            (Buffer::WebsocketOpcode, 1) => self.message.map(u64::from),
            _ => None,
        }
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        Some(Box::new(WebsocketRecord { fin: self.first & 0x80 != 0, mask: self.mask, opcode: self.opcode() }))
    }
}
