//! One message as rules see it.

use super::record::NtpRecord;
use crate::packet::Direction;
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::Buffer;

/// What is looked at of a message (RFC 5905, 7.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// 1 to 4.
    pub version: u8,
    /// 3 asks, 4 answers.
    pub mode: u8,
    /// How far from the reference clock; 0 in what is not about time.
    pub stratum: u8,
    /// Names the reference.
    pub reference: [u8; 4],
}

impl Message {
    /// Reads it; None if it is none.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        const LEN: usize = 48;
        const CONTROL_LEN: usize = 12;
        let &first = bytes.first()?;
        let (version, mode) = (first >> 3 & 7, first & 7);
        if !(1..=4).contains(&version) || mode == 0 {
            return None;
        }
        // Control messages (RFC 9327) and those of implementations have other formats.
        if matches!(mode, 6 | 7) {
            let enough = bytes.len() >= if mode == 6 { CONTROL_LEN } else { 8 };
            return enough.then_some(Self { version, mode, ..Self::default() });
        }
        let head = bytes.get(..LEN)?;
        let reference = *head.get(12..)?.first_chunk::<4>()?;
        Some(Self { version, mode, stratum: *head.get(1)?, reference })
    }
}

/// A message, in the direction in which it went.
#[derive(Debug)]
pub struct NtpTransaction {
    state: TransactionState,
    direction: Direction,
    message: Message,
}

impl NtpTransaction {
    pub(super) fn new(id: u64, direction: Direction, message: Message) -> Self {
        Self { state: TransactionState::new(id), direction, message }
    }
}

impl Transaction for NtpTransaction {
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
        let is_it = buffer == Buffer::NtpReferenceId && direction == self.direction && index == 0;
        is_it.then(|| Part::whole(&self.message.reference))
    }

    fn number(&self, buffer: Buffer, direction: Direction, index: usize) -> Option<u64> {
        let value = match buffer {
            _ if direction != self.direction || index > 0 => return None,
            Buffer::NtpVersion => self.message.version,
            Buffer::NtpMode => self.message.mode,
            Buffer::NtpStratum => self.message.stratum,
            _ => return None,
        };
        Some(value.into())
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        Some(Box::new(NtpRecord(self.message)))
    }
}
