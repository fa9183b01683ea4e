//! What a connection knows: its open transactions, trees, files and pipes.

use super::header::Header;
use super::names::MAX_NAME;
use super::pipe::Pipe;
use super::smb1_setup::ends_in_ipc;
use super::status::Status;
use super::transaction::{Details, FileId, Opened, SmbTransaction};
use crate::packet::Direction;
use crate::protocols::Observer;
use crate::protocols::dcerpc::Role;
use crate::protocols::file::FileState;

/// Transactions that may be open.
pub const MAX_OPEN: usize = 256;
/// Reads and writes that may be under way.
pub const MAX_READS: usize = 1024;
/// Trees that are remembered.
pub const MAX_TREES: usize = 64;
/// Open files that are remembered.
pub const MAX_HANDLES: usize = 512;

/// A tree that was connected.
#[derive(Debug)]
pub struct Tree {
    id: u32,
    session: u64,
    /// The share.
    pub name: Vec<u8>,
    /// It holds named pipes.
    pub pipe: bool,
}

/// An open file.
#[derive(Debug)]
pub struct Handle {
    id: FileId,
    /// Its name.
    pub name: Vec<u8>,
    /// It is in a tree of named pipes; None if the tree is not known.
    pub pipe: Option<bool>,
}

/// A read or write under way, which is no transaction of its own.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    message: u64,
    /// The open file.
    pub id: FileId,
    /// Where in it.
    pub offset: u64,
    /// Read, not written.
    pub read: bool,
}

/// A connection.
#[derive(Debug, Default)]
pub struct Session {
    #[expect(clippy::vec_box, reason = "they are large, and those in front leave first")]
    pub(super) transactions: Vec<Box<SmbTransaction>>,
    count: u64,
    /// Bytes of stub data that the calls among them keep.
    pub(super) stubs: usize,
    /// As EVE has it, once it is known.
    pub(super) dialect: Option<String>,
    pub(super) pipes: Vec<Pipe>,
    trees: Vec<Tree>,
    handles: Vec<Handle>,
    accesses: Vec<Access>,
}

/// Adds to a list, and drops the oldest where it is full.
pub(super) fn remember<T>(list: &mut Vec<T>, item: T, most: usize) {
    if list.len() >= most {
        list.remove(0);
    }
    list.push(item);
}

impl Session {
    /// Begins a transaction, of which more may come in either direction.
    pub fn begin(
        &mut self,
        header: &Header,
        direction: Direction,
        details: Details,
        observer: &mut dyn Observer,
    ) -> usize {
        if self.transactions.len() >= MAX_OPEN {
            self.finish(0, observer);
        }
        let mut transaction = Box::new(SmbTransaction::new(self.count, header, direction, details));
        transaction.dialect = self.dialect_name();
        transaction.share = self.tree(header).map(|tree| tree.name.clone()).unwrap_or_default();
        self.count += 1;
        self.transactions.push(transaction);
        self.transactions.len() - 1
    }

    fn dialect_name(&self) -> String {
        self.dialect.clone().unwrap_or_else(|| "unknown".to_owned())
    }

    /// Begins a transaction with its whole request.
    pub fn asked(&mut self, header: &Header, direction: Direction, details: Details, observer: &mut dyn Observer) {
        let index = self.begin(header, direction, details, observer);
        if let Some(transaction) = self.transactions.get_mut(index) {
            transaction.complete(direction, observer);
        }
    }

    /// The transaction that this message answers.
    pub fn answered(&mut self, header: &Header) -> Option<usize> {
        let is_it = |t: &SmbTransaction| {
            let same = t.header.smb1 == header.smb1 && t.header.command == header.command;
            // A negotiation that begins in SMB 1 may be answered in SMB 2.
            let upgraded = t.header.smb1 && !header.smb1 && t.header.command == 0x72 && header.command == 0;
            t.transfer().is_none() && (same && t.header.message == header.message || upgraded)
        };
        self.transactions.iter().position(|t| is_it(t))
    }

    /// What a transaction is about, to be completed from its answer.
    pub fn details(&mut self, index: usize) -> Option<&mut Details> {
        self.transactions.get_mut(index).map(|t| &mut t.details)
    }

    /// The answer is whole: the transaction is over.
    pub fn over(&mut self, index: usize, header: &Header, direction: Direction, observer: &mut dyn Observer) {
        let Some(transaction) = self.transactions.get_mut(index) else { return };
        transaction.status = Some(header.status);
        let asked = transaction.direction;
        transaction.complete(asked, observer);
        transaction.complete(direction, observer);
        self.finish(index, observer);
    }

    /// Closes a transaction as it stands.
    pub fn finish(&mut self, index: usize, observer: &mut dyn Observer) {
        let mut transaction = self.transactions.remove(index);
        if let Details::Call(_, call) = &transaction.details {
            self.stubs = self.stubs.saturating_sub(call.kept());
        }
        transaction.dialect = self.dialect_name();
        let direction = transaction.direction;
        let mut file = None;
        match &mut transaction.details {
            Details::File(transfer) => {
                transfer.pieces.close(FileState::Truncated);
                file = Some(if transfer.read { direction.reverse() } else { direction });
            }
            // Nobody has said what it is.
            Details::TreeConnect { name, pipe, share_type: None, .. } => *pipe = ends_in_ipc(name) || *pipe,
            Details::Call(_, call) => call.halves.iter_mut().for_each(|half| half.over = true),
            _ => {}
        }
        transaction.complete(direction, observer);
        transaction.complete(direction.reverse(), observer);
        if let Some(towards) = file {
            observer.file(&mut *transaction, towards, 0);
        }
        observer.log(&mut *transaction, direction);
    }

    /// One direction is over. With `all`, both are: what is open is closed as it stands.
    pub fn end(&mut self, observer: &mut dyn Observer) {
        while !self.transactions.is_empty() {
            self.finish(0, observer);
        }
    }

    /// Remembers a tree that the server opened.
    pub fn connect(&mut self, header: &Header, name: &[u8], pipe: bool) {
        self.disconnect(header);
        let tree = Tree { id: header.tree, session: header.session, name: name.to_vec(), pipe };
        remember(&mut self.trees, tree, MAX_TREES);
    }

    /// Forgets the tree of a message.
    pub fn disconnect(&mut self, header: &Header) {
        self.trees.retain(|tree| (tree.id, tree.session) != (header.tree, header.session));
    }

    /// The tree of a message.
    #[must_use]
    pub fn tree(&self, header: &Header) -> Option<&Tree> {
        self.trees.iter().find(|tree| (tree.id, tree.session) == (header.tree, header.session))
    }

    /// Remembers a file that the server opened.
    pub fn opened(&mut self, header: &Header, id: FileId, name: &[u8]) {
        self.handles.retain(|handle| handle.id != id);
        let pipe = self.tree(header).map(|tree| tree.pipe);
        let name = name.get(..MAX_NAME).unwrap_or(name).to_vec();
        remember(&mut self.handles, Handle { id, name, pipe }, MAX_HANDLES);
    }

    /// An open file.
    #[must_use]
    pub fn handle(&self, id: FileId) -> Option<&Handle> {
        self.handles.iter().find(|handle| handle.id == id)
    }

    /// Forgets a file and its pipe.
    pub fn forget(&mut self, id: FileId) {
        self.handles.retain(|handle| handle.id != id);
        self.pipes.retain(|pipe| pipe.id != id);
    }

    /// Remembers a read or write until it is answered.
    pub fn access(&mut self, header: &Header, id: FileId, offset: u64, read: bool) {
        remember(&mut self.accesses, Access { message: header.message, id, offset, read }, MAX_READS);
    }

    /// The read or write that a message answers; `keep` it, if the answer is still to come.
    pub fn accessed(&mut self, header: &Header, read: bool) -> Option<Access> {
        let at = self.accesses.iter().position(|a| a.message == header.message && a.read == read)?;
        Some(self.accesses.remove(at))
    }

    /// The server answers a write, or whatever else carries a request into a pipe: notes what it says of it. A call that it refused
    /// is over.
    pub fn said(&mut self, header: &Header, observer: &mut dyn Observer) {
        let id = self.accessed(header, false).map(|access| access.id);
        let mut index = 0;
        while let Some(transaction) = self.transactions.get_mut(index) {
            let is_call = matches!(transaction.details, Details::Call(..));
            let own = transaction.header.message == header.message && transaction.header.command == header.command;
            let written = transaction.transfer().is_some_and(|f| !f.read && Some(f.id) == id);
            if is_call && own || written {
                transaction.status.get_or_insert(header.status);
            }
            let refused = !header.status.is_success() && header.status != Status::BUFFER_OVERFLOW;
            if is_call && own && refused {
                self.finish(index, observer);
            } else {
                index += 1;
            }
        }
    }

    /// Completes a bind or call whose bytes came in `direction`, as far as it goes.
    pub(super) fn called(&mut self, index: usize, role: Role, direction: Direction, observer: &mut dyn Observer) {
        let Some(transaction) = self.transactions.get_mut(index) else { return };
        transaction.grow(direction, observer);
        let Details::Call(_, call) = &transaction.details else { return };
        let (half_over, over) = (call.half(role).over, call.is_over());
        if half_over {
            transaction.complete(direction, observer);
        }
        if over {
            self.finish(index, observer);
        }
    }

    /// What an opened file is known by.
    pub fn created(&mut self, index: usize, header: &Header, opened: Opened) {
        let id = opened.id;
        let Some(Details::Create { name, opened: known, .. }) = self.details(index) else { return };
        *known = Some(opened);
        let name = name.clone();
        self.opened(header, id, &name);
    }
}
