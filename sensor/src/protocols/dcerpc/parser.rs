//! Streams to calls.

use super::association::Association;
use super::call::{Call, Role, role_of};
use super::pdu::Pdu;
use super::transaction::DcerpcTransaction;
use crate::packet::Direction;
use crate::protocols::{Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;

/// Calls of a flow that may be open.
pub const MAX_CALLS: usize = 256;

/// Bytes of stub data that are kept of all open calls of a flow.
pub const MAX_STUBS: usize = 4 * 1024 * 1024;

/// What is unfinished in one direction.
#[derive(Debug, Default)]
struct Unfinished {
    /// A unit, as far as it came.
    bytes: Vec<u8>,
    /// Bytes to pass over: the rest of a unit that was partly lost.
    skip: u64,
    /// It is not known where the next unit begins.
    lost: bool,
}

/// The open calls of a flow, told as they go on. Used for streams and datagrams alike.
#[derive(Debug, Default)]
pub(super) struct Calls {
    open: Vec<DcerpcTransaction>,
    count: u64,
}

impl Calls {
    /// Where the call that `is_it` knows is.
    pub(super) fn position(&self, is_it: impl Fn(&DcerpcTransaction) -> bool) -> Option<usize> {
        self.open.iter().position(is_it)
    }

    /// Opens another. The oldest is told as it stands, if there are too many.
    pub(super) fn begin(&mut self, call: Call, direction: Direction, observer: &mut dyn Observer) -> usize {
        if self.open.len() >= MAX_CALLS {
            self.finish(0, observer);
        }
        self.open.push(DcerpcTransaction::new(self.count, call, direction));
        self.count += 1;
        self.open.len() - 1
    }

    /// One of them, and how many bytes of stub data it may keep.
    pub(super) fn get(&mut self, index: usize) -> Option<(&mut DcerpcTransaction, usize)> {
        let kept: usize = self.open.iter().map(|t| t.call.kept()).sum();
        Some((self.open.get_mut(index)?, MAX_STUBS.saturating_sub(kept)))
    }

    /// Tells how far one half of a call got, which came in `direction`.
    pub(super) fn told(&mut self, index: usize, role: Role, direction: Direction, observer: &mut dyn Observer) {
        let Some(transaction) = self.open.get_mut(index) else { return };
        transaction.directions[role as usize] = direction;
        // With both halves in one direction, that is complete with the second.
        let [request, response] = transaction.directions;
        let over = if request == response { transaction.call.is_over() } else { transaction.call.half(role).over };
        // An answer in the direction of its request may come behind what was told as complete.
        if !transaction.is_complete(direction) {
            observer.progress(transaction, direction, Progress::Body);
        }
        if over {
            transaction.complete(direction, observer);
        }
        if transaction.call.is_over() {
            self.finish(index, observer);
        }
    }

    /// Closes a call as it stands.
    fn finish(&mut self, index: usize, observer: &mut dyn Observer) {
        let mut transaction = self.open.remove(index);
        transaction.call.halves.iter_mut().for_each(|half| half.over = true);
        let request = transaction.directions[0];
        transaction.complete(request, observer);
        transaction.complete(request.reverse(), observer);
        observer.log(&mut transaction, request);
    }

    /// Closes all.
    pub(super) fn end(&mut self, observer: &mut dyn Observer) {
        while !self.open.is_empty() {
            self.finish(0, observer);
        }
    }

    /// One direction is over: what is open there gets no more.
    pub(super) fn end_of(&mut self, direction: Direction, observer: &mut dyn Observer) {
        for transaction in &mut self.open {
            for role in [Role::Request, Role::Response] {
                if transaction.directions[role as usize] == direction {
                    transaction.call.half_mut(role).over = true;
                }
            }
            transaction.complete(direction, observer);
        }
        while let Some(index) = self.open.iter().position(|t| t.call.is_over()) {
            self.finish(index, observer);
        }
    }
}

/// Reads a stream.
#[derive(Debug, Default)]
pub struct DcerpcParser {
    association: Association,
    calls: Calls,
    unfinished: [Unfinished; 2],
}

impl DcerpcParser {
    /// For a new flow.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn unit(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Option<()> {
        let pdu = Pdu::read(bytes)?;
        let Some(role) = role_of(pdu.kind) else { return Some(()) };
        let index = match self.calls.position(|t| t.call.is_continued_by(&pdu)) {
            Some(index) => index,
            None => {
                let towards = if role == Role::Request { direction } else { direction.reverse() };
                let mut call = Call::new(pdu.call_id, pdu.version);
                // An answer whose request was not seen.
                call.half_mut(Role::Request).over = role == Role::Response;
                self.calls.begin(call, towards, observer)
            }
        };
        let (transaction, room) = self.calls.get(index)?;
        transaction.call.take(&pdu, &mut self.association, room);
        self.calls.told(index, role, direction, observer);
        Some(())
    }

    fn stream(&mut self, direction: Direction, mut bytes: &[u8], observer: &mut dyn Observer) -> Option<()> {
        let side = direction.index();
        let unfinished = &mut self.unfinished[side];
        if unfinished.skip > 0 {
            let passed = usize::try_from(unfinished.skip).unwrap_or(usize::MAX).min(bytes.len());
            unfinished.skip -= passed as u64;
            bytes = bytes.get(passed..)?;
        }
        if bytes.is_empty() {
            return Some(());
        }
        if unfinished.lost {
            // Units mostly begin where segments do.
            if bytes.len() < Pdu::HEADER || !Pdu::is_likely(bytes) {
                return Some(());
            }
            unfinished.lost = false;
        }
        // What was unfinished comes first, and is completed with no more than it needs.
        if !unfinished.bytes.is_empty() {
            let mut whole = std::mem::take(&mut unfinished.bytes);
            while let missing = wanted(&whole).saturating_sub(whole.len())
                && missing > 0
                && !bytes.is_empty()
            {
                let (more, rest) = bytes.split_at(missing.min(bytes.len()));
                whole.extend_from_slice(more);
                bytes = rest;
            }
            let is_whole = whole.len() >= wanted(&whole);
            let read = if is_whole { self.unit(direction, &whole, observer) } else { Some(()) };
            if is_whole {
                whole.clear();
            }
            self.unfinished[side].bytes = whole;
            read?;
        }
        while bytes.len() >= Pdu::HEADER {
            let Some((unit, rest)) = bytes.split_at_checked(wanted(bytes)) else { break };
            self.unit(direction, unit, observer)?;
            bytes = rest;
        }
        let unfinished = &mut self.unfinished[side];
        unfinished.bytes.extend_from_slice(bytes);
        if Pdu::is_likely(&unfinished.bytes) { Some(()) } else { None }
    }
}

/// Bytes of the unit that begins so; those of a header as long as that is not known.
fn wanted(bytes: &[u8]) -> usize {
    match Pdu::length(bytes) {
        Some(len) if bytes.len() >= Pdu::HEADER => len.max(Pdu::HEADER),
        _ => Pdu::HEADER,
    }
}

impl Parser for DcerpcParser {
    fn protocol(&self) -> Protocol {
        Protocol::Dcerpc
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        match self.stream(direction, bytes, observer) {
            Some(()) => Status::More,
            None => {
                self.calls.end(observer);
                Status::GaveUp
            }
        }
    }

    fn gap(&mut self, direction: Direction, len: u64, _observer: &mut dyn Observer) -> Status {
        let unfinished = &mut self.unfinished[direction.index()];
        let known = unfinished.bytes.len() >= Pdu::HEADER;
        let missing = if known { (wanted(&unfinished.bytes) - unfinished.bytes.len()) as u64 } else { unfinished.skip };
        unfinished.lost = len > missing || (!known && unfinished.skip == 0) || unfinished.lost;
        unfinished.skip = missing.saturating_sub(len);
        unfinished.bytes.clear();
        Status::More
    }

    fn end(&mut self, direction: Direction, observer: &mut dyn Observer) {
        self.unfinished[direction.index()].bytes.clear();
        self.calls.end_of(direction, observer);
    }
}
