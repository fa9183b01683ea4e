//! Messages to exchanges.

use super::event;
use super::message::{Faults, HEADER_LEN, LENGTH_LIMIT, Message, whole_len};
use super::probe::probe;
use super::transaction::ModbusTransaction;
use crate::packet::Direction;
use crate::protocols::framing::{Framer, Step};
use crate::protocols::registry::Likeness;
use crate::protocols::{Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;
use std::collections::VecDeque;

/// Requests of a flow that may wait for their response.
pub const TRANSACTION_LIMIT: usize = 500;

#[derive(Debug, Default)]
struct Side {
    framer: Framer,
    /// Where the next message begins is not known.
    lost: bool,
}

/// Reads a flow.
#[derive(Debug, Default)]
pub struct ModbusParser {
    /// Requests without a response, the oldest first.
    open: VecDeque<ModbusTransaction>,
    /// Of a transaction that is over, for the next one.
    spare: Option<ModbusTransaction>,
    transactions: u64,
    sides: [Side; 2],
}

impl ModbusParser {
    /// For a flow that begins.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn step(&mut self, bytes: &[u8], direction: Direction, observer: &mut dyn Observer) -> Step {
        let Some(len) = whole_len(bytes) else { return Step::More };
        let is_long = len > HEADER_LEN + LENGTH_LIMIT;
        let Some(whole) = bytes.get(..if is_long { HEADER_LEN } else { len }) else { return Step::More };
        if let Some(message) = Message::read(whole, direction) {
            self.message(whole, &message, direction, observer);
        }
        if is_long { Step::Skip(len as u64) } else { Step::Took(len) }
    }

    fn message(&mut self, bytes: &[u8], message: &Message<'_>, direction: Direction, observer: &mut dyn Observer) {
        if direction == Direction::ToServer {
            if self.open.len() >= TRANSACTION_LIMIT
                && let Some(mut oldest) = self.open.pop_front()
            {
                observer.event(Some(&mut oldest), direction, event::FLOODED);
                self.finish(oldest, observer);
            }
            let mut transaction = self.begin();
            transaction.add(direction, bytes);
            for event in message.faults.events() {
                observer.event(Some(&mut transaction), direction, event);
            }
            observer.progress(&mut transaction, direction, Progress::Complete);
            self.open.push_back(transaction);
            return;
        }
        let asked = self.open.iter().position(|t| t.request().is_some_and(|request| message.answers(&request)));
        let mut transaction = match asked.and_then(|at| self.open.remove(at)) {
            Some(transaction) => transaction,
            None => {
                let mut transaction = self.begin();
                observer.event(Some(&mut transaction), direction, event::UNSOLICITED_RESPONSE);
                transaction
            }
        };
        let contradicts = transaction.request().is_some_and(|request| message.contradicts(&request));
        transaction.add(direction, bytes);
        if contradicts {
            observer.event(Some(&mut transaction), direction, event::VALUE_MISMATCH);
        }
        let faults = Faults(message.faults.0 & if contradicts { !Faults::VALUE } else { u8::MAX });
        for event in faults.events() {
            observer.event(Some(&mut transaction), direction, event);
        }
        self.finish(transaction, observer);
    }

    fn begin(&mut self) -> ModbusTransaction {
        let mut transaction = self.spare.take().unwrap_or_default();
        transaction.begin(self.transactions);
        self.transactions += 1;
        transaction
    }

    fn finish(&mut self, mut transaction: ModbusTransaction, observer: &mut dyn Observer) {
        if transaction.request().is_none() {
            observer.progress(&mut transaction, Direction::ToServer, Progress::Complete);
        }
        observer.progress(&mut transaction, Direction::ToClient, Progress::Complete);
        observer.log(&mut transaction, Direction::ToServer);
        self.spare = Some(transaction);
    }
}

impl Parser for ModbusParser {
    fn protocol(&self) -> Protocol {
        Protocol::Modbus
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
            while let Some(transaction) = self.open.pop_front() {
                self.finish(transaction, observer);
            }
        }
    }
}
