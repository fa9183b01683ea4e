//! What a flow knows: its open transactions, reads under way, and the names of files.

use super::procedures::{Request, opened, was_read};
use super::rpc::{Call, Heading, Reply};
use super::transaction::{Details, Handle, NfsTransaction, Transfer};
use super::{compound, procedures};
use crate::packet::Direction;
use crate::protocols::Observer;
use crate::protocols::cursor::Cursor;
use crate::protocols::file::{FileState, FileTracker};
use crate::protocols::pieces::{MAX_EARLY_BYTES, Pieces};
use sekisho_signatures::buffers::Progress;

/// Transactions that may be open.
pub const MAX_OPEN: usize = 256;
/// Reads that may be under way.
pub const MAX_READS: usize = 256;
/// Files whose names are remembered.
pub const MAX_NAMES: usize = 512;

/// Bytes of a name that are kept.
const MAX_NAME: usize = 255;

/// A name, as far as it is kept.
pub(super) fn clip(name: &[u8]) -> Vec<u8> {
    name.get(..MAX_NAME).unwrap_or(name).to_vec()
}

/// A read under way.
#[derive(Debug)]
struct Reading {
    call: Heading,
    handle: Handle,
    offset: u64,
}

/// Bytes that are read of a file, or written to it.
struct Piece<'a> {
    handle: Handle,
    read: bool,
    offset: u64,
    bytes: &'a [u8],
    /// They are the file's last.
    last: bool,
}

/// A flow.
#[derive(Debug, Default)]
pub struct Session {
    transactions: Vec<NfsTransaction>,
    count: u64,
    reads: Vec<Reading>,
    names: Vec<(Handle, Vec<u8>)>,
}

fn remember<T>(list: &mut Vec<T>, item: T, most: usize) {
    if list.len() >= most {
        list.remove(0);
    }
    list.push(item);
}

impl Session {
    /// Takes a call; None if its arguments cannot be read.
    pub fn call(&mut self, call: &Call<'_>, direction: Direction, observer: &mut dyn Observer) -> Option<()> {
        let mut heading = call.heading.clone();
        let request = if heading.version == 4 && heading.procedure != 0 {
            let compound = compound::request(call.arguments)?;
            heading.procedure = compound.main;
            compound.request.unwrap_or(Request::Other(compound.current))
        } else if heading.version == 4 {
            Request::Other(None)
        } else {
            procedures::request(heading.version, heading.procedure, call.arguments)?
        };
        let (mut name, mut handle, mut details) = (Vec::new(), None, Details::Other);
        match request {
            Request::Read { handle, offset } => {
                remember(&mut self.reads, Reading { call: heading, handle, offset }, MAX_READS);
                return Some(());
            }
            Request::Write { handle, offset, at, len } => {
                let there = call.arguments.get(at..)?;
                let bytes = there.get(..len).unwrap_or(there);
                let piece = Piece { handle, read: false, offset, bytes, last: false };
                self.file_data(&heading, direction, piece, observer);
                return Some(());
            }
            Request::Commit(of) => {
                name = self.name_of(&of);
                self.close(&of, observer);
                handle = Some(of);
            }
            Request::Name(asked) => name = asked,
            Request::Rename { from, to } => {
                name.clone_from(&from);
                details = Details::Rename { from, to };
            }
            Request::Other(of) => {
                name = of.as_ref().map(|of| self.name_of(of)).unwrap_or_default();
                handle = of;
            }
        }
        let index = self.begin(&heading, direction, details, observer);
        let transaction = self.transactions.get_mut(index)?;
        (transaction.name, transaction.handle) = (name, handle);
        transaction.complete(direction, observer);
        Some(())
    }

    /// Takes a reply; None if its results cannot be read.
    pub fn reply(&mut self, reply: &Reply<'_>, direction: Direction, observer: &mut dyn Observer) -> Option<()> {
        if let Some(at) = self.reads.iter().position(|reading| reading.call.xid == reply.xid) {
            let Reading { call, handle, offset } = self.reads.remove(at);
            let read = if call.version == 4 {
                compound::results(reply.results)?.read
            } else {
                was_read(call.version, reply.results)
            };
            if let Some((bytes, last)) = read {
                let piece = Piece { handle: handle.clone(), read: true, offset, bytes, last };
                self.file_data(&call, direction.reverse(), piece, observer);
                if last {
                    self.close(&handle, observer);
                }
            }
            return Some(());
        }
        let index = self.transactions.iter().position(|t| t.call.xid == reply.xid && t.transfer().is_none())?;
        let transaction = self.transactions.get_mut(index)?;
        let mut handle = None;
        let status = if reply.results.is_empty() {
            None
        } else if transaction.call.version == 4 {
            let results = compound::results(reply.results)?;
            handle = results.handle;
            Some(results.status)
        } else {
            handle = opened(transaction.call.version, transaction.call.procedure, reply.results);
            Cursor::big(reply.results).u32()
        };
        transaction.reply = Some((reply.accepted, status));
        transaction.complete(direction, observer);
        if let Some(handle) = handle.filter(|_| !transaction.name.is_empty()) {
            let name = transaction.name.clone();
            transaction.handle.get_or_insert(handle.clone());
            self.names.retain(|(known, _)| *known != handle);
            remember(&mut self.names, (handle, name), MAX_NAMES);
        }
        self.finish(index, observer);
        Some(())
    }

    /// The flow is over: what is open is closed as it stands.
    pub fn end(&mut self, observer: &mut dyn Observer) {
        while !self.transactions.is_empty() {
            self.finish(0, observer);
        }
    }

    fn name_of(&self, handle: &Handle) -> Vec<u8> {
        self.names.iter().find(|(known, _)| known == handle).map(|(_, name)| name.clone()).unwrap_or_default()
    }

    fn begin(&mut self, call: &Heading, direction: Direction, details: Details, observer: &mut dyn Observer) -> usize {
        if self.transactions.len() >= MAX_OPEN {
            self.finish(0, observer);
        }
        self.transactions.push(NfsTransaction::new(self.count, call, direction, details));
        self.count += 1;
        self.transactions.len() - 1
    }

    /// Bytes of a file at a place; `direction` is that of calls.
    fn file_data(&mut self, call: &Heading, direction: Direction, piece: Piece<'_>, observer: &mut dyn Observer) {
        let is_it = |t: &NfsTransaction| {
            t.handle.as_ref() == Some(&piece.handle) && t.transfer().is_some_and(|f| f.read == piece.read)
        };
        let index = self.transactions.iter().position(is_it).unwrap_or_else(|| {
            let name = self.name_of(&piece.handle);
            let pieces = Pieces::new(FileTracker::new(&name, observer.file_policy()));
            let index =
                self.begin(call, direction, Details::File(Box::new(Transfer::new(piece.read, pieces))), observer);
            if let Some(transaction) = self.transactions.get_mut(index) {
                (transaction.name, transaction.handle) = (name, Some(piece.handle.clone()));
                transaction.reply = Some((true, Some(0)));
            }
            index
        });
        let waiting: usize = self.transactions.iter().filter_map(|t| t.transfer()).map(|f| f.pieces.waiting()).sum();
        let Some(transaction) = self.transactions.get_mut(index) else { return };
        let Some(file) = transaction.transfer_mut() else { return };
        let room = MAX_EARLY_BYTES.saturating_sub(waiting - file.pieces.waiting());
        file.pieces.push(piece.offset, piece.bytes, room);
        file.first |= piece.offset == 0;
        file.last |= piece.last;
        (file.last_xid, file.chunks) = (call.xid, file.chunks.saturating_add(1));
        let towards = if piece.read { direction.reverse() } else { direction };
        observer.progress(transaction, towards, Progress::Body);
    }

    /// What is read of a file or written to it is over.
    fn close(&mut self, handle: &Handle, observer: &mut dyn Observer) {
        let is_it = |t: &NfsTransaction| t.handle.as_ref() == Some(handle) && t.transfer().is_some();
        while let Some(index) = self.transactions.iter().position(is_it) {
            if let Some(file) = self.transactions.get_mut(index).and_then(|t| t.transfer_mut()) {
                file.last = true;
                file.pieces.close(FileState::Closed);
            }
            self.finish(index, observer);
        }
    }

    /// Closes a transaction as it stands.
    fn finish(&mut self, index: usize, observer: &mut dyn Observer) {
        let mut transaction = self.transactions.remove(index);
        let direction = transaction.direction;
        let mut towards = None;
        if let Some(file) = transaction.transfer_mut() {
            file.pieces.close(FileState::Truncated);
            towards = Some(if file.read { direction.reverse() } else { direction });
        }
        transaction.complete(direction, observer);
        transaction.complete(direction.reverse(), observer);
        if let Some(towards) = towards {
            observer.file(&mut transaction, towards, 0);
        }
        observer.log(&mut transaction, direction);
    }
}
