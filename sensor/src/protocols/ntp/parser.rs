//! Datagrams to messages.

use super::event;
use super::transaction::{Message, NtpTransaction};
use crate::packet::Direction;
use crate::protocols::{Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;

/// Reads a flow.
#[derive(Debug, Default)]
pub struct NtpParser {
    transactions: u64,
}

impl NtpParser {
    /// For a flow that begins.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Parser for NtpParser {
    fn protocol(&self) -> Protocol {
        Protocol::Ntp
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        match Message::read(bytes) {
            Some(message) => {
                let mut transaction = NtpTransaction::new(self.transactions, direction, message);
                self.transactions += 1;
                observer.progress(&mut transaction, direction, Progress::Complete);
                observer.log(&mut transaction, direction);
            }
            None => observer.event(None, direction, event::MALFORMED_DATA),
        }
        Status::More
    }

    fn gap(&mut self, _direction: Direction, _len: u64, _observer: &mut dyn Observer) -> Status {
        Status::More
    }

    fn end(&mut self, _direction: Direction, _observer: &mut dyn Observer) {}
}
