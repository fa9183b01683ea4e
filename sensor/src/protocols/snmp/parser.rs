//! Datagrams to messages.

use super::event;
use super::message::Message;
use super::transaction::SnmpTransaction;
use crate::packet::Direction;
use crate::protocols::{Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;

/// Reads a flow.
#[derive(Debug, Default)]
pub struct SnmpParser {
    transaction: SnmpTransaction,
    transactions: u64,
    /// Of the first message.
    version: Option<u32>,
}

impl SnmpParser {
    /// For a flow that begins.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Parser for SnmpParser {
    fn protocol(&self) -> Protocol {
        Protocol::Snmp
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        let message = match Message::read(bytes) {
            Ok(message) => message,
            Err(event) => {
                observer.event(None, direction, event);
                return Status::More;
            }
        };
        self.transaction.begin(self.transactions, direction, bytes, &message);
        self.transactions += 1;
        if *self.version.get_or_insert(message.version) != message.version {
            observer.event(Some(&mut self.transaction), direction, event::VERSION_MISMATCH);
        }
        if message.other_model {
            observer.event(Some(&mut self.transaction), direction, event::UNKNOWN_SECURITY_MODEL);
        }
        observer.progress(&mut self.transaction, direction, Progress::Complete);
        observer.log(&mut self.transaction, direction);
        Status::More
    }

    fn gap(&mut self, _direction: Direction, _len: u64, _observer: &mut dyn Observer) -> Status {
        Status::More
    }

    fn end(&mut self, _direction: Direction, _observer: &mut dyn Observer) {}
}
