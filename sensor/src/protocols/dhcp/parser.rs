//! Datagrams to messages.

use super::event;
use super::message::{Message, code};
use super::transaction::DhcpTransaction;
use crate::packet::Direction;
use crate::protocols::{Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;

/// Reads a flow.
#[derive(Debug, Default)]
pub struct DhcpParser {
    transaction: DhcpTransaction,
    transactions: u64,
}

impl DhcpParser {
    /// For a flow that begins.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Parser for DhcpParser {
    fn protocol(&self) -> Protocol {
        Protocol::Dhcp
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        let Some(message) = Message::read(bytes) else { return Status::More };
        self.transaction.begin(self.transactions, direction, bytes);
        self.transactions += 1;
        let mut is_short = false;
        let odd = message.options(|(code, data)| {
            is_short |= match code {
                code::MESSAGE_TYPE => data.len() != 1,
                code::LEASE_TIME
                | code::REBINDING_TIME
                | code::RENEWAL_TIME
                | code::REQUESTED_IP
                | code::SUBNET_MASK => data.len() != 4,
                _ => false,
            };
        });
        let odd = odd.or(is_short.then_some(event::MALFORMED_OPTIONS));
        if let Some(event) = odd {
            observer.event(Some(&mut self.transaction), direction, event);
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
