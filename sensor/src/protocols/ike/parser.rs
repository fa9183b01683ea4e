//! Datagrams to messages.

use super::event;
use super::message::{Header, Payloads};
use super::proposal::Association;
use super::transaction::{IkeTransaction, Message};
use crate::packet::Direction;
use crate::protocols::{Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;

/// Reads a flow.
#[derive(Debug, Default)]
pub struct IkeParser {
    transactions: u64,
    /// Its messages have the marker of NAT traversal; what has none is ESP.
    is_marked: Option<bool>,
}

impl IkeParser {
    /// For a flow that begins.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn message(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) {
        let Some((header, rest)) = Header::read(bytes).filter(|(header, _)| header.len <= bytes.len()) else {
            observer.event(None, direction, event::MALFORMED_DATA);
            return;
        };
        let (message, broken) = read(header, rest);
        let mut transaction = IkeTransaction::new(self.transactions, direction, message);
        self.transactions += 1;
        if broken {
            observer.event(Some(&mut transaction), direction, event::MALFORMED_DATA);
        }
        for event in oddities(&transaction.message, direction) {
            observer.event(Some(&mut transaction), direction, event);
        }
        observer.progress(&mut transaction, direction, Progress::Complete);
        if !broken {
            observer.log(&mut transaction, direction);
        }
    }
}

/// What is behind the marker of NAT traversal (RFC 3948, 2.2), if it is there.
pub(super) fn marked(bytes: &[u8]) -> Option<&[u8]> {
    bytes.strip_prefix(&[0; 4])
}

/// What the payloads say, and whether one is broken.
fn read(header: Header, rest: &[u8]) -> (Message, bool) {
    let mut message = Message { header, ..Message::default() };
    let mut payloads = Payloads::new(&header, rest);
    let mut broken = false;
    for payload in payloads.by_ref() {
        message.payloads.push(payload.kind);
        let data = payload.data;
        match (header.major, payload.kind) {
            (1, 1) | (2, 33) => {
                let association = Association::read(header.major, data);
                broken |= association.is_none();
                message.association = message.association.or(association);
            }
            (1, 4) => message.key_exchange = Some(data.to_vec()),
            // A group's number stands before the key.
            (2, 34) => message.key_exchange = data.get(4..).map(<[u8]>::to_vec),
            (1, 10) | (2, 40) => message.nonce = Some(data.to_vec()),
            (1, 13) | (2, 43) => message.vendors.push(data.to_vec()),
            (2, 41) => message.notices.extend(data.get(2..4).map(|kind| u16::from_be_bytes([kind[0], kind[1]]))),
            _ => {}
        }
    }
    if !message.payloads.is_empty() {
        message.payloads.push(payloads.next);
    }
    (message, broken || payloads.broken)
}

/// What is odd about an association, each thing once.
fn oddities(message: &Message, direction: Direction) -> Vec<&'static str> {
    let Some(association) = &message.association else { return vec![] };
    let mut odd = vec![];
    let several = direction == Direction::ToClient && association.proposals > 1;
    for (is, event) in [
        (association.has_ah, event::NO_ENCRYPTION),
        (association.has_unknown, event::UNKNOWN_PROPOSAL),
        (association.has_invalid, event::INVALID_PROPOSAL),
        (several, event::MULTIPLE_SERVER_PROPOSAL),
    ] {
        if is {
            odd.push(event);
        }
    }
    if message.header.major == 2 {
        for event in association.attributes().filter_map(event::weakness) {
            if !odd.contains(&event) {
                odd.push(event);
            }
        }
    }
    odd
}

impl Parser for IkeParser {
    fn protocol(&self) -> Protocol {
        Protocol::Ike
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        match (marked(bytes), *self.is_marked.get_or_insert(marked(bytes).is_some())) {
            (Some(message), true) => self.message(direction, message, observer),
            // ESP, or a byte that keeps the NAT's mapping alive.
            (None, true) => {}
            (_, false) => self.message(direction, bytes, observer),
        }
        Status::More
    }

    fn gap(&mut self, _direction: Direction, _len: u64, _observer: &mut dyn Observer) -> Status {
        Status::More
    }

    fn end(&mut self, _direction: Direction, _observer: &mut dyn Observer) {}
}
