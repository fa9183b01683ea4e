//! A fragment, as rules see it.

use super::application::{self, Head, Object, Point, Visit};
use super::link::Header;
use super::record::Dnp3Record;
use crate::packet::Direction;
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::Buffer;
use sekisho_signatures::question::Question;

/// A fragment with the link header of its last frame.
#[derive(Clone, Debug)]
pub(super) struct Fragment {
    pub(super) direction: Direction,
    pub(super) header: Header,
    pub(super) bytes: Vec<u8>,
    /// All of its objects can be read.
    pub(super) complete: bool,
}

impl Fragment {
    /// How it begins, and its objects.
    pub(super) fn head(&self) -> Option<(Head, &[u8])> {
        Head::read(&self.bytes)
    }
}

/// A fragment.
#[derive(Debug)]
pub struct Dnp3Transaction {
    state: TransactionState,
    fragment: Fragment,
}

impl Default for Dnp3Transaction {
    fn default() -> Self {
        let fragment =
            Fragment { direction: Direction::ToServer, header: Header::default(), bytes: Vec::new(), complete: false };
        Self { state: TransactionState::default(), fragment }
    }
}

/// Looks for an object.
struct Finder {
    group: u8,
    variation: u8,
    found: bool,
}

impl Visit<'_> for Finder {
    fn object(&mut self, object: Object) {
        self.found |= (object.group, object.variation) == (self.group, self.variation);
    }
    fn point(&mut self, _point: Point<'_>) {}
}

impl Dnp3Transaction {
    pub(super) fn begin(&mut self, number: u64, direction: Direction, header: Header, bytes: &[u8], complete: bool) {
        self.state.renew(number);
        (self.fragment.direction, self.fragment.header, self.fragment.complete) = (direction, header, complete);
        self.fragment.bytes.clear();
        self.fragment.bytes.extend_from_slice(bytes);
    }

    fn head(&self, direction: Direction) -> Option<(Head, &[u8])> {
        self.fragment.head().filter(|_| direction == self.fragment.direction)
    }
}

impl Transaction for Dnp3Transaction {
    fn state(&mut self) -> &mut TransactionState {
        &mut self.state
    }

    fn state_ref(&self) -> &TransactionState {
        &self.state
    }

    fn bytes<'a>(
        &'a self,
        buffer: Buffer,
        direction: Direction,
        index: usize,
        _scratch: &'a mut Vec<u8>,
    ) -> Option<Part<'a>> {
        match buffer {
            Buffer::Dnp3Data if index == 0 => self.head(direction).map(|_| Part::whole(&self.fragment.bytes)),
            _ => None,
        }
    }

    fn number(&self, buffer: Buffer, direction: Direction, index: usize) -> Option<u64> {
        match buffer {
            Buffer::Dnp3Func if index == 0 => self.head(direction).map(|(head, _)| head.function.into()),
            _ => None,
        }
    }

    fn answer(&self, question: &Question, direction: Direction) -> bool {
        let Some((head, objects)) = self.head(direction) else { return false };
        match question {
            Question::Dnp3Indicators(test) => head.indicators.is_some_and(|bits| test.holds(bits)),
            Question::Dnp3Object { group, variation } => {
                let mut finder = Finder { group: *group, variation: *variation, found: false };
                // Those before the first that cannot be read are there all the same.
                let _ = application::walk(head.function, objects, &mut finder);
                finder.found
            }
            _ => false,
        }
    }

    fn record(&self, _direction: Direction, alert: bool) -> Option<Box<dyn Record>> {
        Some(Box::new(Dnp3Record { fragment: self.fragment.clone(), nested: alert }))
    }
}
