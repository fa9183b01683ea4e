//! Packets to messages to exchanges.

use super::event;
use super::iso::{Packet, Start, start};
use super::message::{Message, PROTOCOL, Role};
use super::probe::probe;
use super::transaction::S7commTransaction;
use crate::packet::Direction;
use crate::protocols::framing::{Framer, Step};
use crate::protocols::registry::Likeness;
use crate::protocols::{Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use std::collections::VecDeque;

/// Most bytes of a message that comes in several packets; controllers agree on 960 at most.
pub const MESSAGE_LIMIT: usize = 128 * 1024;

/// Jobs of a flow that may wait for their answer.
pub const TRANSACTION_LIMIT: usize = 256;

/// Bytes that are kept of them.
pub const KEPT_LIMIT: usize = 512 * 1024;

#[derive(Debug, Default)]
struct Side {
    framer: Framer,
    /// Where the next packet begins is not known.
    lost: bool,
    /// A message that is not all there.
    message: Vec<u8>,
    /// It is too long: nothing of it is kept.
    dropped: bool,
}

/// Reads a flow.
#[derive(Debug, Default)]
pub struct S7commParser {
    /// Jobs without an answer, the oldest first.
    open: VecDeque<S7commTransaction>,
    /// Bytes of them.
    kept: usize,
    transactions: u64,
    sides: [Side; 2],
    gave_up: bool,
}

impl S7commParser {
    /// For a flow that begins.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn step(&mut self, bytes: &[u8], direction: Direction, observer: &mut dyn Observer) -> Step {
        let len = match start(bytes) {
            Start::Is(len) => len,
            Start::More => return Step::More,
            Start::Not => {
                observer.event(None, direction, event::MALFORMED_MESSAGE);
                self.gave_up = true;
                return Step::Stop;
            }
        };
        let Some(packet) = bytes.get(..len) else { return Step::More };
        match Packet::read(packet) {
            Some(Packet::Data { bytes, last }) => self.part(bytes, last, direction, observer),
            Some(Packet::Connect | Packet::Other) => {}
            None => observer.event(None, direction, event::MALFORMED_MESSAGE),
        }
        Step::Took(len)
    }

    /// A part of a message.
    fn part(&mut self, bytes: &[u8], last: bool, direction: Direction, observer: &mut dyn Observer) {
        let side = &mut self.sides[direction.index()];
        if last && side.message.is_empty() && !side.dropped {
            self.message(bytes, direction, observer);
            return;
        }
        if side.message.len() + bytes.len() > MESSAGE_LIMIT && !side.dropped {
            side.dropped = true;
            side.message = Vec::new();
            observer.event(None, direction, event::TOO_LONG_MESSAGE);
        }
        if !side.dropped {
            side.message.extend_from_slice(bytes);
        }
        if last {
            side.dropped = false;
            let message = std::mem::take(&mut side.message);
            if !message.is_empty() {
                self.message(&message, direction, observer);
            }
        }
    }

    fn message(&mut self, bytes: &[u8], direction: Direction, observer: &mut dyn Observer) {
        // What the transport says to itself, and other protocols over it.
        if bytes.first() != Some(&PROTOCOL) {
            if !bytes.is_empty() {
                observer.event(None, direction, event::MALFORMED_MESSAGE);
            }
            return;
        }
        let Some(message) = Message::read(bytes) else {
            observer.event(None, direction, event::MALFORMED_MESSAGE);
            return;
        };
        let role = message.role();
        let asked = if role == Role::Answers {
            self.open.iter().position(|open| open.is_answered_by(&message, direction))
        } else {
            None
        };
        let mut transaction = match asked.and_then(|at| self.open.remove(at)) {
            Some(open) => {
                self.kept = self.kept.saturating_sub(open.kept());
                open
            }
            None => {
                self.transactions += 1;
                S7commTransaction::new(self.transactions - 1, direction)
            }
        };
        if !transaction.add(direction, bytes) {
            observer.event(Some(&mut transaction), direction, event::MALFORMED_MESSAGE);
        }
        if role == Role::Answers && asked.is_none() {
            observer.event(Some(&mut transaction), direction, event::UNSOLICITED_RESPONSE);
        }
        if role != Role::Asks {
            finish(transaction, observer);
            return;
        }
        transaction.tell(direction, observer);
        self.kept += transaction.kept();
        self.open.push_back(transaction);
        while self.open.len() > TRANSACTION_LIMIT || self.kept > KEPT_LIMIT {
            let Some(mut oldest) = self.open.pop_front() else { break };
            self.kept = self.kept.saturating_sub(oldest.kept());
            observer.event(Some(&mut oldest), direction, event::TOO_MANY_TRANSACTIONS);
            finish(oldest, observer);
        }
    }

    fn status(&self) -> Status {
        if self.gave_up { Status::GaveUp } else { Status::More }
    }
}

fn finish(mut transaction: S7commTransaction, observer: &mut dyn Observer) {
    let asker = transaction.asker;
    for direction in [asker, asker.reverse()] {
        transaction.tell(direction, observer);
    }
    observer.log(&mut transaction, asker);
}

impl Parser for S7commParser {
    fn protocol(&self) -> Protocol {
        Protocol::S7comm
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
        self.sides[direction.index()].framer = framer;
        self.status()
    }

    fn gap(&mut self, direction: Direction, len: u64, _observer: &mut dyn Observer) -> Status {
        let side = &mut self.sides[direction.index()];
        side.lost |= !side.framer.gap(len);
        side.message = Vec::new();
        side.dropped = false;
        self.status()
    }

    fn end(&mut self, direction: Direction, observer: &mut dyn Observer) {
        self.sides[direction.index()].framer.stop();
        if direction == Direction::ToClient {
            self.kept = 0;
            while let Some(transaction) = self.open.pop_front() {
                finish(transaction, observer);
            }
        }
    }
}
