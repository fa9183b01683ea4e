//! One message; rules can ask for its protocol and its event.

use super::record::DhtRecord;
use crate::packet::Direction;
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::Buffer;

/// A message.
#[derive(Debug, Default)]
pub struct DhtTransaction {
    state: TransactionState,
    bytes: Vec<u8>,
}

impl DhtTransaction {
    pub(super) fn begin(&mut self, id: u64, bytes: &[u8]) {
        self.state.renew(id);
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
    }
}

impl Transaction for DhtTransaction {
    fn state(&mut self) -> &mut TransactionState {
        &mut self.state
    }

    fn state_ref(&self) -> &TransactionState {
        &self.state
    }

    fn bytes<'a>(&'a self, _: Buffer, _: Direction, _: usize, _: &'a mut Vec<u8>) -> Option<Part<'a>> {
        None
    }

    fn number(&self, _: Buffer, _: Direction, _: usize) -> Option<u64> {
        None
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        Some(Box::new(DhtRecord(self.bytes.clone())))
    }
}
