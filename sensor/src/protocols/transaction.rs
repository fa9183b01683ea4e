//! One exchange of a protocol (a request and its answer, a handshake): what rules may look at, and what is logged.

use super::file::{FileInfo, FileTracker};
use crate::detect::storing::Wish;
use crate::packet::Direction;
use sekisho_signatures::buffers::{Buffer, Progress};
use sekisho_signatures::question::Question;
use std::fmt;

/// A run of bytes that rules look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// What is there.
    pub data: &'a [u8],
    /// Nothing comes after it.
    pub complete: bool,
}

impl<'a> Part<'a> {
    /// Bytes that are all there.
    #[must_use]
    pub fn whole(data: &'a [u8]) -> Self {
        Self { data, complete: true }
    }
}

/// One exchange.
pub trait Transaction {
    /// What the engine keeps of it.
    fn state(&mut self) -> &mut TransactionState;

    /// The same, to read.
    fn state_ref(&self) -> &TransactionState;

    /// Run number `index` (from 0) of a buffer in messages of `direction`; None where there is none. What does not lie in the
    /// transaction as it is asked for is made in `scratch`, which is empty.
    fn bytes<'a>(
        &'a self,
        buffer: Buffer,
        direction: Direction,
        index: usize,
        scratch: &'a mut Vec<u8>,
    ) -> Option<Part<'a>>;

    /// The buffer has one run at most, and bytes are only ever added to its end: what was searched need not be searched again.
    fn only_grows(&self, _buffer: Buffer, _direction: Direction) -> bool {
        false
    }

    /// Integer number `index` of a buffer that holds integers; None where there is none.
    fn number(&self, buffer: Buffer, direction: Direction, index: usize) -> Option<u64>;

    /// The answer to what a rule asks of the transaction, in messages of `direction`.
    fn answer(&self, _question: &Question, _direction: Direction) -> bool {
        false
    }

    /// The same, for questions that depend on the time `now`, in seconds since 1970.
    fn answer_at(&self, question: &Question, direction: Direction, _now: i64) -> bool {
        self.answer(question, direction)
    }

    /// Integers in its message of `direction` begin with their lowest byte: what `dce` asks in `byte_test` and its like.
    fn is_little_endian(&self, _direction: Direction) -> bool {
        false
    }

    /// Who follows file number `index` (from 0) that it carries in `direction`.
    fn tracker(&self, _direction: Direction, _index: usize) -> Option<&FileTracker> {
        None
    }

    /// The same, to have the file stored.
    fn tracker_mut(&mut self, _direction: Direction, _index: usize) -> Option<&mut FileTracker> {
        None
    }

    /// File number `index` that it carries in `direction`, once it is over.
    fn file(&self, direction: Direction, index: usize) -> Option<FileInfo> {
        self.tracker(direction, index)?.info()
    }

    /// The frame of it that is at hand, where it stands for one: which, and its bytes.
    fn frame(&self) -> Option<(Buffer, &[u8])> {
        None
    }

    /// What EVE says of it, in its own record (`alert`: false) or inside an alert; None if nothing.
    fn record(&self, direction: Direction, alert: bool) -> Option<Box<dyn Record>>;
}

/// A protocol's part of an EVE record.
pub trait Record: Send + Sync + fmt::Debug {
    /// The EVE `event_type`, which is the key of its object as well.
    fn kind(&self) -> &'static str;

    /// Writes the value of that key as JSON.
    ///
    /// # Errors
    /// The writer's.
    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()>;

    /// Writes what stands behind it on the same level, each key with a comma before it.
    ///
    /// # Errors
    /// The writer's.
    fn write_beside(&self, _out: &mut Vec<u8>) -> serde_json::Result<()> {
        Ok(())
    }
}

/// What the engine keeps with a transaction; parsers only make it.
#[derive(Debug, Default)]
pub struct TransactionState {
    /// Counts the flow's transactions, from 0: EVE's `tx_id`.
    pub id: u64,
    /// Odd things seen, by Suricata's names without the protocol.
    pub events: Vec<&'static str>,
    /// How far each direction was inspected.
    pub(crate) inspected: [Progress; 2],
    /// Bytes of the body that were searched, by direction.
    pub(crate) searched: [usize; 2],
    /// How much of it was searched by which set of the ruleset of [`Self::searched_epoch`].
    pub(crate) searched_by: Vec<(SetId, usize)>,
    pub(crate) searched_epoch: u32,
    /// Rules whose literal was found and that wait for more of the transaction, by their lasting numbers.
    pub(crate) waiting: Vec<u32>,
    /// Rules that matched, by direction and by their lasting numbers: they do not match again.
    pub(crate) matched: [Vec<u32>; 2],
    /// Bits that rules set on it (`xbits`).
    pub(crate) bits: Vec<u32>,
    /// Files of it that are to be stored.
    pub(crate) wishes: Vec<Wish>,
    /// A rule says that it is not logged.
    pub(crate) quiet: bool,
}

/// A set of literals among those of a protocol: its direction and its place.
pub(crate) type SetId = (Direction, u16);

impl TransactionState {
    /// How many of the `len` bytes of a buffer that only grows this set has searched already; from now on, all. `epoch` is that of the ruleset.
    pub(crate) fn search(&mut self, set: SetId, epoch: u32, len: usize) -> usize {
        if self.searched_epoch != epoch {
            self.searched_epoch = epoch;
            self.searched_by.clear();
        }
        match self.searched_by.iter_mut().find(|(other, _)| *other == set) {
            Some((_, searched)) => std::mem::replace(searched, len).min(len),
            None => {
                self.searched_by.push((set, len));
                0
            }
        }
    }

    /// For the transaction of this number.
    #[must_use]
    pub fn new(id: u64) -> Self {
        Self { id, ..Self::default() }
    }

    /// Makes it that of the next transaction, for parsers that use their memory again.
    pub fn renew(&mut self, id: u64) {
        let Self { mut events, mut waiting, mut matched, mut searched_by, .. } = std::mem::take(self);
        events.clear();
        searched_by.clear();
        waiting.clear();
        matched.iter_mut().for_each(Vec::clear);
        *self = Self { id, events, waiting, matched, searched_by, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_goes_on_where_it_stopped_until_the_ruleset_changes() {
        let mut state = TransactionState::new(0);
        let (one, other) = ((Direction::ToClient, 3), (Direction::ToServer, 3));
        assert_eq!(state.search(one, 1, 100), 0);
        assert_eq!((state.search(one, 1, 250), state.search(other, 1, 70)), (100, 0));
        assert_eq!(state.search(one, 1, 40), 40, "never behind the end");
        assert_eq!((state.search(one, 2, 300), state.search(one, 2, 300)), (0, 300));
        state.renew(1);
        assert_eq!(state.search(one, 2, 300), 0);
    }
}
