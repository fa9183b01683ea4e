//! Datagrams and streams to messages.

use super::event;
use super::message::{Field, HEAD_LIMIT, Head, head_len};
use super::probe::probe;
use super::transaction::SipTransaction;
use crate::packet::Direction;
use crate::protocols::framing::{Framer, Step};
use crate::protocols::registry::Likeness;
use crate::protocols::{MAX_FRAME, Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;

/// Most bytes of a body that are kept.
pub const BODY_LIMIT: usize = 1 << 15;

/// How messages are told from one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// One to a datagram.
    Datagram,
    /// By their Content-Length.
    Stream,
}

#[derive(Debug, Default)]
struct Side {
    framer: Framer,
    /// Bytes of the unfinished message in which its headers do not end.
    searched: usize,
    /// How long it is and how much of that is kept, once its headers are there.
    len: Option<(usize, u64)>,
    /// Where the next message begins is not known.
    lost: bool,
}

/// Reads a flow.
#[derive(Debug)]
pub struct SipParser {
    transport: Transport,
    transaction: SipTransaction,
    transactions: u64,
    sides: [Side; 2],
    /// Whose requests are read: who sent the first, or was answered first.
    asker: Option<Direction>,
    gave_up: bool,
}

impl SipParser {
    /// For a flow over this.
    #[must_use]
    pub fn new(transport: Transport) -> Self {
        Self {
            transport,
            transaction: SipTransaction::default(),
            transactions: 0,
            sides: [Side::default(), Side::default()],
            asker: None,
            gave_up: false,
        }
    }

    /// One message, as far as it is there.
    fn message(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> bool {
        let good = self.transaction.begin(self.transactions, direction, bytes);
        let is_response = self.transaction.message.head.line.is_response;
        let asker = if is_response { direction.reverse() } else { direction };
        if !good || *self.asker.get_or_insert(asker) != asker {
            observer.event(None, direction, event::INVALID_DATA);
            return good;
        }
        self.transactions += 1;
        self.frames(direction, observer);
        let whole = self.transaction.message.head.body.is_some();
        if !whole {
            observer.event(Some(&mut self.transaction), direction, event::INCOMPLETE_DATA);
        }
        observer.progress(&mut self.transaction, direction, Progress::Complete);
        if whole {
            observer.log(&mut self.transaction, direction);
        }
        true
    }

    fn frames(&mut self, direction: Direction, observer: &mut dyn Observer) {
        let message = std::mem::take(&mut self.transaction.message);
        let head = &message.head;
        let [line, headers, body] = if head.line.is_response {
            ["response.line", "response.headers", "response.body"]
        } else {
            ["request.line", "request.headers", "request.body"]
        };
        let parts = [
            ("pdu", &message.bytes[..]),
            (line, head.line_frame.of(&message.bytes)),
            (headers, head.headers_frame.of(&message.bytes)),
            (body, head.body.unwrap_or_default().of(&message.bytes)),
        ];
        for (name, bytes) in parts.into_iter().filter(|(_, bytes)| !bytes.is_empty()) {
            let shown = bytes.get(..MAX_FRAME).unwrap_or(bytes);
            observer.frame(Some(&mut self.transaction), direction, name, shown);
        }
        self.transaction.message = message;
    }

    /// What to do with bytes that begin where a message of a stream does.
    fn step(&mut self, bytes: &[u8], direction: Direction, observer: &mut dyn Observer) -> Step {
        // Empty lines keep connections alive (RFC 5626, 3.5.1) and may stand before messages (RFC 3261, 7.5).
        let blank = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let side = &mut self.sides[direction.index()];
        if blank > 0 && side.searched == 0 {
            return Step::Took(blank);
        }
        let (keep, skip) = match side.len {
            Some(len) => len,
            None => match head_len(bytes, side.searched) {
                Some(head) if head <= HEAD_LIMIT => {
                    let body = body_len(&bytes[..head]);
                    let keep = head + usize::try_from(body).unwrap_or(usize::MAX).min(BODY_LIMIT);
                    *side.len.insert((keep, body.saturating_sub(BODY_LIMIT as u64)))
                }
                None if bytes.len() <= HEAD_LIMIT => {
                    side.searched = bytes.len();
                    return Step::More;
                }
                _ => return self.give_up(direction, observer),
            },
        };
        let Some(message) = bytes.get(..keep) else { return Step::More };
        (side.len, side.searched) = (None, 0);
        if !self.message(direction, message, observer) {
            self.gave_up = true;
            return Step::Stop;
        }
        if skip == 0 { Step::Took(keep) } else { Step::Skip(skip.saturating_add(keep as u64)) }
    }

    fn give_up(&mut self, direction: Direction, observer: &mut dyn Observer) -> Step {
        observer.event(None, direction, event::INVALID_DATA);
        self.gave_up = true;
        Step::Stop
    }

    fn status(&self) -> Status {
        if self.gave_up { Status::GaveUp } else { Status::More }
    }
}

/// What the Content-Length of these headers says; 0 without one (RFC 3261, 18.3).
fn body_len(bytes: &[u8]) -> u64 {
    let mut head = Head::default();
    head.read(bytes);
    let value = head.field(Field::ContentLength, 0).unwrap_or_default().of(bytes);
    let digits = value.iter().take_while(|b| b.is_ascii_digit());
    digits.fold(0, |n: u64, d| n.saturating_mul(10).saturating_add(u64::from(d - b'0')))
}

impl Parser for SipParser {
    fn protocol(&self) -> Protocol {
        Protocol::Sip
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        if self.transport == Transport::Datagram {
            let start = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n' | 0)).count();
            let message = &bytes[start..];
            let bounded = message.get(..HEAD_LIMIT + BODY_LIMIT).unwrap_or(message);
            if !bounded.is_empty() {
                self.message(direction, bounded, observer);
            }
            return Status::More;
        }
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
        self.sides[direction.index()].framer = framer;
        self.status()
    }

    fn gap(&mut self, direction: Direction, len: u64, _observer: &mut dyn Observer) -> Status {
        let side = &mut self.sides[direction.index()];
        if !side.framer.gap(len) {
            (side.lost, side.len, side.searched) = (true, None, 0);
        }
        self.status()
    }

    fn end(&mut self, direction: Direction, observer: &mut dyn Observer) {
        let side = &mut self.sides[direction.index()];
        let rest = side.framer.take_rest();
        (side.len, side.searched) = (None, 0);
        if !rest.is_empty() && !self.gave_up {
            self.message(direction, &rest, observer);
        }
    }
}
