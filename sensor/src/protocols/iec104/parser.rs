//! Bytes to frames.

use super::asdu::{Asdu, Control, Frame, HEADER_LEN, LENGTHS, START};
use super::event;
use super::transaction::Iec104Transaction;
use crate::packet::Direction;
use crate::protocols::framing::{Framer, Step};
use crate::protocols::{Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;

#[derive(Debug, Default)]
struct Side {
    framer: Framer,
    /// A frame did not begin where it should: what follows is passed over up to the next that may be one.
    lost: bool,
}

/// Reads a flow.
#[derive(Debug, Default)]
pub struct Iec104Parser {
    sides: [Side; 2],
    transaction: Iec104Transaction,
    transactions: u64,
}

impl Iec104Parser {
    /// For a flow that begins.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn step(&mut self, bytes: &[u8], lost: &mut bool, direction: Direction, observer: &mut dyn Observer) -> Step {
        let whole = match *bytes {
            [START] => return Step::More,
            [START, len, ..] if LENGTHS.contains(&len) => bytes.get(..HEADER_LEN - 4 + usize::from(len)),
            _ => {
                if !std::mem::replace(lost, true) {
                    observer.event(None, direction, event::INVALID_START);
                }
                let next = bytes.iter().skip(1).position(|byte| *byte == START);
                return Step::Took(next.map_or(bytes.len(), |at| at + 1));
            }
        };
        let Some(whole) = whole else { return Step::More };
        let frame = Frame::read(whole).filter(Frame::is_sound);
        if *lost && frame.is_none() {
            return Step::Took(1);
        }
        *lost = false;
        match frame {
            Some(frame) => self.frame(&frame, whole, direction, observer),
            None => observer.event(None, direction, event::INVALID_LENGTH),
        }
        Step::Took(whole.len())
    }

    fn frame(&mut self, frame: &Frame<'_>, bytes: &[u8], direction: Direction, observer: &mut dyn Observer) {
        if frame.control == Control::S {
            return;
        }
        let transaction = &mut self.transaction;
        transaction.begin(self.transactions, direction, bytes);
        self.transactions += 1;
        if let (Control::I { .. }, Some(asdu)) = (frame.control, Asdu::read(frame.data))
            && let Some(event) = asdu.fault()
        {
            observer.event(Some(transaction), direction, event);
        }
        // The other side says nothing in it.
        observer.progress(transaction, direction.reverse(), Progress::Complete);
        observer.progress(transaction, direction, Progress::Complete);
        observer.log(transaction, direction);
    }
}

impl Parser for Iec104Parser {
    fn protocol(&self) -> Protocol {
        Protocol::Iec104
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        let Side { mut framer, mut lost } = std::mem::take(&mut self.sides[direction.index()]);
        framer.feed(bytes, |bytes| self.step(bytes, &mut lost, direction, observer));
        self.sides[direction.index()] = Side { framer, lost };
        Status::More
    }

    fn gap(&mut self, direction: Direction, len: u64, _observer: &mut dyn Observer) -> Status {
        let side = &mut self.sides[direction.index()];
        if !side.framer.gap(len) {
            side.framer.start_again();
            side.lost = true;
        }
        Status::More
    }

    fn end(&mut self, direction: Direction, _observer: &mut dyn Observer) {
        self.sides[direction.index()].framer.stop();
    }
}
