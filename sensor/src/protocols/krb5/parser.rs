//! Streams and datagrams to messages.

use super::event;
use super::message::{Message, MessageType};
use super::transaction::Krb5Transaction;
use crate::packet::Direction;
use crate::protocols::{Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;

/// Bytes of a message.
pub const MAX_MESSAGE: usize = 256 * 1024;

/// How messages are told from one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// One to a datagram.
    Datagram,
    /// Each with its length before it (RFC 4120, 7.2.2).
    Stream,
}

/// What is unfinished in one direction of a stream.
#[derive(Debug, Default)]
struct Unfinished {
    /// Length and message, as far as they came.
    bytes: Vec<u8>,
    /// Bytes to pass over.
    skip: u64,
    /// It is not known where the next message begins.
    lost: bool,
}

/// Reads a flow.
#[derive(Debug)]
pub struct Krb5Parser {
    transport: Transport,
    count: u64,
    /// The last request.
    request: Option<MessageType>,
    unfinished: [Unfinished; 2],
}

impl Krb5Parser {
    /// For a flow of this kind.
    #[must_use]
    pub fn new(transport: Transport) -> Self {
        Self { transport, count: 0, request: None, unfinished: [Unfinished::default(), Unfinished::default()] }
    }

    fn message(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) {
        let Some(message) = Message::read(bytes) else {
            return observer.event(None, direction, event::MALFORMED_DATA);
        };
        if message.kind.is_request() {
            self.request = Some(message.kind);
        }
        let weak = message.encryption.is_some_and(super::Encryption::is_weak);
        let mut transaction = Krb5Transaction::new(self.count, direction, message, self.request);
        self.count += 1;
        if weak {
            observer.event(Some(&mut transaction), direction, event::WEAK_ENCRYPTION);
        }
        observer.progress(&mut transaction, direction, Progress::Complete);
        observer.log(&mut transaction, direction);
    }

    fn stream(&mut self, direction: Direction, mut bytes: &[u8], observer: &mut dyn Observer) {
        while !bytes.is_empty() {
            let unfinished = &mut self.unfinished[direction.index()];
            if unfinished.skip > 0 {
                let len = usize::try_from(unfinished.skip).unwrap_or(usize::MAX).min(bytes.len());
                unfinished.skip -= len as u64;
                bytes = bytes.get(len..).unwrap_or_default();
                continue;
            }
            // Messages mostly begin where segments do.
            if unfinished.lost && super::probe_stream(bytes) != crate::protocols::registry::Likeness::Yes {
                return;
            }
            unfinished.lost = false;
            let missing = wanted(&unfinished.bytes) - unfinished.bytes.len();
            let (more, rest) = bytes.split_at(missing.min(bytes.len()));
            unfinished.bytes.extend_from_slice(more);
            bytes = rest;
            let whole = wanted(&unfinished.bytes);
            if whole > 4 + MAX_MESSAGE {
                unfinished.skip = (whole - 4) as u64;
                unfinished.bytes.clear();
                observer.event(None, direction, event::MALFORMED_DATA);
            } else if unfinished.bytes.len() >= 4 && unfinished.bytes.len() == whole {
                let message = std::mem::take(&mut unfinished.bytes);
                self.message(direction, message.get(4..).unwrap_or_default(), observer);
            }
        }
    }
}

/// How many bytes the message that begins here takes with its length; 4 as long as that is not known.
fn wanted(bytes: &[u8]) -> usize {
    bytes.first_chunk::<4>().map_or(4, |length| 4 + u32::from_be_bytes(*length) as usize)
}

impl Parser for Krb5Parser {
    fn protocol(&self) -> Protocol {
        Protocol::Krb5
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        match self.transport {
            Transport::Datagram => self.message(direction, bytes, observer),
            Transport::Stream => self.stream(direction, bytes, observer),
        }
        Status::More
    }

    fn gap(&mut self, direction: Direction, len: u64, _observer: &mut dyn Observer) -> Status {
        let unfinished = &mut self.unfinished[direction.index()];
        let missing = if unfinished.bytes.len() >= 4 {
            (wanted(&unfinished.bytes) - unfinished.bytes.len()) as u64
        } else {
            unfinished.skip
        };
        unfinished.lost |= len > missing || missing == 0;
        unfinished.skip = missing.saturating_sub(len);
        unfinished.bytes.clear();
        Status::More
    }

    fn end(&mut self, direction: Direction, observer: &mut dyn Observer) {
        let unfinished = std::mem::take(&mut self.unfinished[direction.index()]);
        if !unfinished.bytes.is_empty() {
            observer.event(None, direction, event::MALFORMED_DATA);
        }
    }
}
