//! Frames to fragments.

use super::application::{self, Head, Object, Point, Visit};
use super::event;
use super::link::{self, Header, START, Start};
use super::transaction::Dnp3Transaction;
use crate::packet::Direction;
use crate::protocols::framing::{Framer, Step};
use crate::protocols::{Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;

/// Most bytes of a fragment; 2048 is what most stations take (IEEE 1815, 4.3.4).
pub const FRAGMENT_LIMIT: usize = 16 * 1024;

/// The transport header (8.2): the last segment, the first one, and a count.
const FIN: u8 = 0x80;
const FIR: u8 = 0x40;
const SEQUENCE: u8 = 0x3f;

#[derive(Debug, Default)]
struct Side {
    framer: Framer,
    /// Segments of a fragment so far; empty if none is under way.
    fragment: Vec<u8>,
    /// Of the last segment.
    sequence: u8,
    is_under_way: bool,
}

/// Reads a flow.
#[derive(Debug, Default)]
pub struct Dnp3Parser {
    sides: [Side; 2],
    /// Data of the frame at hand.
    segment: Vec<u8>,
    transaction: Dnp3Transaction,
    transactions: u64,
}

/// Only whether all can be read matters.
struct Nobody;

impl Visit<'_> for Nobody {
    fn object(&mut self, _object: Object) {}
    fn point(&mut self, _point: Point<'_>) {}
}

impl Dnp3Parser {
    /// For a flow that begins.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn step(&mut self, bytes: &[u8], direction: Direction, observer: &mut dyn Observer) -> Step {
        let header = match Header::read(bytes) {
            Start::Is(header) => header,
            Start::More => return Step::More,
            // What is no frame is passed over up to the next that may be one.
            Start::Not => {
                let next = bytes.iter().skip(1).position(|byte| *byte == START[0]);
                return Step::Took(next.map_or(bytes.len(), |at| at + 1));
            }
            Start::BadCheck => {
                observer.event(None, direction, event::BAD_LINK_CRC);
                return Step::Took(1);
            }
        };
        let least = if header.carries_data() { 1 } else { 0 };
        if header.data_len().is_none_or(|len| len < least) {
            observer.event(None, direction, event::LEN_TOO_SMALL);
            return Step::Took(link::HEADER_LEN);
        }
        let Some(frame) = bytes.get(..header.frame_len()) else { return Step::More };
        if header.carries_data() {
            self.frame(header, frame, direction, observer);
        }
        Step::Took(frame.len())
    }

    fn frame(&mut self, header: Header, frame: &[u8], direction: Direction, observer: &mut dyn Observer) {
        let side = &mut self.sides[direction.index()];
        self.segment.clear();
        if !link::data(frame, &mut self.segment) {
            side.is_under_way = false;
            observer.event(None, direction, event::BAD_TRANSPORT_CRC);
            return;
        }
        let Some((&transport, data)) = self.segment.split_first() else { return };
        let sequence = transport & SEQUENCE;
        if transport & FIR != 0 {
            side.is_under_way = true;
            side.fragment.clear();
        } else if !side.is_under_way || sequence != (side.sequence + 1) & SEQUENCE {
            side.is_under_way = false;
            return;
        }
        side.sequence = sequence;
        if side.fragment.len() + data.len() > FRAGMENT_LIMIT {
            side.is_under_way = false;
            observer.event(None, direction, event::TOO_LONG_REASSEMBLY);
            return;
        }
        side.fragment.extend_from_slice(data);
        if transport & FIN == 0 {
            return;
        }
        side.is_under_way = false;
        let fragment = std::mem::take(&mut side.fragment);
        self.fragment(header, &fragment, direction, observer);
        self.sides[direction.index()].fragment = fragment;
    }

    fn fragment(&mut self, header: Header, fragment: &[u8], direction: Direction, observer: &mut dyn Observer) {
        let Some((head, objects)) = Head::read(fragment) else {
            observer.event(None, direction, event::LEN_TOO_SMALL);
            return;
        };
        let read = application::walk(head.function, objects, &mut Nobody);
        let transaction = &mut self.transaction;
        transaction.begin(self.transactions, direction, header, fragment, read.is_ok());
        self.transactions += 1;
        if let Err(Some(event)) = read {
            observer.event(Some(transaction), direction, event);
        }
        // The other side says nothing in it.
        observer.progress(transaction, direction.reverse(), Progress::Complete);
        observer.progress(transaction, direction, Progress::Complete);
        observer.log(transaction, direction);
    }
}

impl Parser for Dnp3Parser {
    fn protocol(&self) -> Protocol {
        Protocol::Dnp3
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        let mut framer = std::mem::take(&mut self.sides[direction.index()].framer);
        framer.feed(bytes, |bytes| self.step(bytes, direction, observer));
        self.sides[direction.index()].framer = framer;
        Status::More
    }

    fn gap(&mut self, direction: Direction, _len: u64, _observer: &mut dyn Observer) -> Status {
        let side = &mut self.sides[direction.index()];
        // Frames are found by how they begin.
        side.framer.start_again();
        side.is_under_way = false;
        Status::More
    }

    fn end(&mut self, direction: Direction, _observer: &mut dyn Observer) {
        self.sides[direction.index()].framer.stop();
    }
}
