//! Messages to transactions.

use super::event;
use super::message::{Length, Message, Operation};
use super::probe::probe;
use super::transaction::LdapTransaction;
use crate::packet::Direction;
use crate::protocols::framing::{Framer, Step};
use crate::protocols::registry::Likeness;
use crate::protocols::{Observer, Parser, Status, Transaction};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;

/// Most bytes of a message that is read.
pub const MESSAGE_LIMIT: usize = 128 * 1024;

/// Requests of a flow that are followed at a time.
pub const TRANSACTION_LIMIT: usize = 64;

/// Bytes of requests and responses that are kept of a flow.
pub const KEPT_LIMIT: usize = 512 * 1024;

/// StartTLS (RFC 4511, 4.14.1).
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";

/// How messages come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// One or more to a datagram (RFC 1798).
    Datagram,
    /// One behind the other.
    Stream,
}

#[derive(Debug, Default)]
struct Side {
    framer: Framer,
    /// Where the next message begins is not known.
    lost: bool,
}

/// Reads a flow.
#[derive(Debug)]
pub struct LdapParser {
    transport: Transport,
    open: Vec<LdapTransaction>,
    transactions: u64,
    sides: [Side; 2],
    /// A SASL bind succeeded: what follows may be wrapped in a layer of its own (RFC 4513, 5.2.1).
    has_layer: bool,
    gave_up: bool,
    /// What is TLS, once StartTLS was answered, and in which direction.
    tls: Option<[Vec<u8>; 2]>,
}

impl LdapParser {
    /// For a flow over this.
    #[must_use]
    pub fn new(transport: Transport) -> Self {
        Self {
            transport,
            open: vec![],
            transactions: 0,
            sides: [Side::default(), Side::default()],
            has_layer: false,
            gave_up: false,
            tls: None,
        }
    }

    fn step(&mut self, bytes: &[u8], direction: Direction, observer: &mut dyn Observer) -> Step {
        let len = match Message::len(bytes) {
            Some(Length::More) => return Step::More,
            Some(Length::Is(len)) if len > MESSAGE_LIMIT => {
                observer.event(None, direction, event::INVALID_DATA);
                return Step::Skip(len as u64);
            }
            Some(Length::Is(len)) => len,
            None => {
                if !self.has_layer {
                    observer.event(None, direction, event::INVALID_DATA);
                }
                self.gave_up = true;
                return Step::Stop;
            }
        };
        let Some(whole) = bytes.get(..len) else { return Step::More };
        let Some(message) = Message::read(whole) else {
            observer.event(None, direction, event::INVALID_DATA);
            return Step::Took(len);
        };
        if message.operation.is_request() {
            self.request(whole, &message, direction, observer);
        } else if self.response(whole, &message, direction, observer) {
            let mut unread = [Vec::new(), Vec::new()];
            unread[direction.index()] = bytes.get(len..).unwrap_or_default().to_vec();
            self.tls = Some(unread);
            return Step::Stop;
        }
        Step::Took(len)
    }

    fn request(&mut self, bytes: &[u8], message: &Message<'_>, direction: Direction, observer: &mut dyn Observer) {
        if self.open.len() >= TRANSACTION_LIMIT {
            observer.event(
                self.open.first_mut().map(|t| t as &mut dyn Transaction),
                direction,
                event::TOO_MANY_TRANSACTIONS,
            );
            self.finish(0, observer);
        }
        let mut transaction = LdapTransaction::new(self.transactions, message.id, direction);
        self.transactions += 1;
        transaction.ask(bytes, message);
        observer.progress(&mut transaction, direction, Progress::Complete);
        if message.operation == Operation::ABANDON_REQUEST
            && let Some(id) = message.body.unsigned()
            && let Some(at) = self.open.iter().position(|t| t.id == id && t.asked == direction)
        {
            self.finish(at, observer);
        }
        self.open.push(transaction);
        if message.operation.is_unanswered() {
            self.finish(self.open.len() - 1, observer);
        }
    }

    /// True if TLS begins behind it.
    fn response(
        &mut self,
        bytes: &[u8],
        message: &Message<'_>,
        direction: Direction,
        observer: &mut dyn Observer,
    ) -> bool {
        let kept: usize = self.open.iter().map(LdapTransaction::kept).sum();
        // What goes the same way as the request is no answer to it.
        let asked = direction.reverse();
        let at = self.open.iter().position(|t| t.id == message.id && t.asked == asked).unwrap_or_else(|| {
            self.open.push(LdapTransaction::new(self.transactions, message.id, asked));
            self.transactions += 1;
            self.open.len() - 1
        });
        let Some(transaction) = self.open.get_mut(at) else { return false };
        let is_alone = transaction.operation.is_none();
        if is_alone && message.id != 0 && transaction.count == 0 {
            observer.event(Some(transaction), direction, event::REQUEST_NOT_FOUND);
        }
        let followed = message.operation.is_followed();
        transaction.answer(bytes, !followed || kept + bytes.len() <= KEPT_LIMIT);
        observer.progress(transaction, direction, Progress::Body);
        let succeeded = message.result().is_some_and(|result| result.code == 0);
        let request = Message::read(&transaction.request);
        let is_named =
            |m: &Message<'_>| m.operation == Operation::EXTENDED_REQUEST && m.extension()[0] == Some(START_TLS);
        let starts_tls = succeeded && request.is_some_and(|m| is_named(&m));
        let is_sasl = |m: Message<'_>| m.body.inside().any(|e| e.tag == 0xa3);
        self.has_layer |= succeeded && message.operation == Operation::BIND_RESPONSE && request.is_none_or(is_sasl);
        if is_alone || !followed {
            self.finish(at, observer);
        }
        starts_tls
    }

    /// Ends a transaction as it stands.
    fn finish(&mut self, at: usize, observer: &mut dyn Observer) {
        let mut transaction = self.open.remove(at);
        let asked = transaction.asked;
        observer.progress(&mut transaction, asked.reverse(), Progress::Complete);
        if transaction.operation.is_none() {
            observer.progress(&mut transaction, asked, Progress::Complete);
        }
        observer.log(&mut transaction, asked);
    }

    fn status(&self) -> Status {
        if self.tls.is_some() {
            Status::Changed(Some(Protocol::Tls))
        } else if self.gave_up {
            Status::GaveUp
        } else {
            Status::More
        }
    }
}

impl Parser for LdapParser {
    fn protocol(&self) -> Protocol {
        Protocol::Ldap
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        let side = &mut self.sides[direction.index()];
        if side.lost {
            // Messages mostly begin where segments do.
            if probe(direction, bytes) != Likeness::Yes {
                return Status::More;
            }
            side.lost = false;
            side.framer.start_again();
        }
        let mut framer = std::mem::take(&mut side.framer);
        framer.feed(bytes, |bytes| self.step(bytes, direction, observer));
        if self.transport == Transport::Datagram {
            if framer.is_inside() {
                observer.event(None, direction, event::INCOMPLETE_DATA);
            }
            framer.start_again();
            self.gave_up = false;
            self.tls = None;
        }
        self.sides[direction.index()].framer = framer;
        if let Some(unread) = &mut self.tls {
            let other = direction.reverse().index();
            unread[other] = self.sides[other].framer.take_rest();
        }
        self.status()
    }

    fn gap(&mut self, direction: Direction, len: u64, _observer: &mut dyn Observer) -> Status {
        let side = &mut self.sides[direction.index()];
        side.lost |= !side.framer.gap(len);
        self.status()
    }

    fn unread(&self, direction: Direction) -> &[u8] {
        self.tls.as_ref().map_or(&[], |unread| &unread[direction.index()])
    }

    fn end(&mut self, direction: Direction, observer: &mut dyn Observer) {
        let rest = self.sides[direction.index()].framer.take_rest();
        if !rest.is_empty() && !self.gave_up {
            observer.event(None, direction, event::INCOMPLETE_DATA);
        }
        if direction == Direction::ToClient {
            while !self.open.is_empty() {
                self.finish(0, observer);
            }
        }
    }
}
