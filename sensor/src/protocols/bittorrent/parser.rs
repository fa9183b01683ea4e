//! Datagrams to messages.

use super::event;
use super::message::Message;
use super::transaction::DhtTransaction;
use crate::packet::Direction;
use crate::protocols::{Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;

/// Reads a flow.
#[derive(Debug, Default)]
pub struct DhtParser {
    transaction: DhtTransaction,
    transactions: u64,
}

impl DhtParser {
    /// For a flow that begins.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Parser for DhtParser {
    fn protocol(&self) -> Protocol {
        Protocol::BittorrentDht
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        self.transaction.begin(self.transactions, bytes);
        self.transactions += 1;
        if !Message::read(bytes).is_sound() {
            observer.event(Some(&mut self.transaction), direction, event::MALFORMED_PACKET);
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
