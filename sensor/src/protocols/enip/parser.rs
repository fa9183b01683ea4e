//! Messages to exchanges.

use super::cip;
use super::event;
use super::message::{HEADER_LEN, Header, Message};
use super::probe::probe;
use super::transaction::EnipTransaction;
use crate::packet::Direction;
use crate::protocols::framing::{Framer, Step};
use crate::protocols::registry::Likeness;
use crate::protocols::{MAX_FRAME, Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;
use std::collections::VecDeque;

/// Messages of a flow that may wait for their answer.
pub const TRANSACTION_LIMIT: usize = 256;

/// Bytes that are kept of them.
pub const KEPT_LIMIT: usize = 512 * 1024;

/// How the bytes come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Transport {
    Stream,
    Datagram,
}

#[derive(Debug, Default)]
struct Side {
    framer: Framer,
    /// Where the next message begins is not known.
    lost: bool,
}

/// Reads a flow.
#[derive(Debug)]
pub struct EnipParser {
    transport: Transport,
    /// Messages without an answer, the oldest first.
    open: VecDeque<EnipTransaction>,
    /// Bytes of them.
    kept: usize,
    transactions: u64,
    sides: [Side; 2],
}

impl EnipParser {
    /// For a flow that begins.
    #[must_use]
    pub fn new(transport: Transport) -> Self {
        Self { transport, open: VecDeque::new(), kept: 0, transactions: 0, sides: Default::default() }
    }

    fn step(&mut self, bytes: &[u8], direction: Direction, observer: &mut dyn Observer) -> Step {
        let Some(header) = Header::read(bytes) else { return Step::More };
        let Some(whole) = bytes.get(..HEADER_LEN + usize::from(header.len)) else { return Step::More };
        self.message(whole, direction, observer);
        Step::Took(whole.len())
    }

    fn message(&mut self, bytes: &[u8], direction: Direction, observer: &mut dyn Observer) {
        let Some(message) = Message::read(bytes, direction) else { return };
        let answered = if direction == Direction::ToClient {
            self.open.iter().position(|open| open.is_answered_by(&message))
        } else {
            None
        };
        let mut transaction = match answered.and_then(|at| self.open.remove(at)) {
            Some(open) => {
                self.kept = self.kept.saturating_sub(open.kept());
                open
            }
            None => {
                self.transactions += 1;
                EnipTransaction::new(self.transactions - 1)
            }
        };
        transaction.add(direction, bytes);
        frames(&mut transaction, direction, bytes, observer);
        let is_sound = message.body.is_some() && message.cip().is_none_or(|bytes| cip::all(bytes).1);
        if !is_sound {
            observer.event(Some(&mut transaction), direction, event::INVALID_PDU);
        }
        if direction == Direction::ToClient || message.header.command.is_unanswered() {
            self.finish(transaction, observer);
            return;
        }
        transaction.tell(direction, observer);
        self.kept += transaction.kept();
        self.open.push_back(transaction);
        while self.open.len() > TRANSACTION_LIMIT || self.kept > KEPT_LIMIT {
            let Some(mut oldest) = self.open.pop_front() else { break };
            self.kept = self.kept.saturating_sub(oldest.kept());
            observer.event(Some(&mut oldest), direction, event::TOO_MANY_TRANSACTIONS);
            self.finish(oldest, observer);
        }
    }

    fn finish(&self, mut transaction: EnipTransaction, observer: &mut dyn Observer) {
        for direction in [Direction::ToServer, Direction::ToClient] {
            transaction.tell(direction, observer);
        }
        observer.log(&mut transaction, Direction::ToServer);
    }

    fn datagram(&mut self, bytes: &[u8], direction: Direction, observer: &mut dyn Observer) {
        let whole = Header::read(bytes).and_then(|header| bytes.get(..HEADER_LEN + usize::from(header.len)));
        match whole {
            Some(whole) => self.message(whole, direction, observer),
            None => observer.event(None, direction, event::INVALID_PDU),
        }
    }
}

fn frames(transaction: &mut EnipTransaction, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) {
    let (header, data) = bytes.split_at_checked(HEADER_LEN).unwrap_or((bytes, &[]));
    for (name, part) in [("pdu", bytes), ("hdr", header), ("data", data)] {
        if !part.is_empty() {
            observer.frame(Some(transaction), direction, name, part.get(..MAX_FRAME).unwrap_or(part));
        }
    }
}

impl EnipTransaction {
    /// Tells that a direction is complete, once.
    fn tell(&mut self, direction: Direction, observer: &mut dyn Observer) {
        if !std::mem::replace(&mut self.told[direction.index()], true) {
            observer.progress(self, direction, Progress::Complete);
        }
    }
}

impl Parser for EnipParser {
    fn protocol(&self) -> Protocol {
        Protocol::Enip
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        if self.transport == Transport::Datagram {
            self.datagram(bytes, direction, observer);
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
        Status::More
    }

    fn gap(&mut self, direction: Direction, len: u64, _observer: &mut dyn Observer) -> Status {
        let side = &mut self.sides[direction.index()];
        side.lost |= !side.framer.gap(len);
        Status::More
    }

    fn end(&mut self, direction: Direction, observer: &mut dyn Observer) {
        self.sides[direction.index()].framer.stop();
        if direction == Direction::ToClient {
            self.kept = 0;
            while let Some(transaction) = self.open.pop_front() {
                self.finish(transaction, observer);
            }
        }
    }
}
