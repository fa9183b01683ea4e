//! A command and its answer, or what lasts longer: a file in transfer, a call in a pipe.

use super::files::Transfer;
use super::header::Header;
use super::ntlmssp::Ntlmssp;
use super::record::SmbRecord;
use super::status::Status;
use crate::packet::Direction;
use crate::protocols::dcerpc::{Call, Role};
use crate::protocols::file::FileTracker;
use crate::protocols::krb5::Ticket;
use crate::protocols::text::Short;
use crate::protocols::{Observer, Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::{Buffer, Progress};
use sekisho_signatures::question::Question;
use std::fmt;

/// An open file. SMB 1 has 2 bytes for it, the others 16.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileId(pub [u8; 16]);

impl FileId {
    /// Of SMB 1.
    #[must_use]
    pub fn of_smb1(id: u16) -> Self {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&id.to_le_bytes());
        Self(bytes)
    }

    /// Stands for what the message before it in the record opened.
    pub const RELATED: Self = Self([0xff; 16]);
}

/// As EVE's `fuid` has it.
impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q] = self.0;
        let mut text = Short::<36>::default();
        text.push_hex(&[d, c, b, a]);
        for [low, high] in [[e, g], [h, i], [j, k], [l, m]] {
            text.push(b'-');
            text.push_hex(&[high, low]);
        }
        text.push_hex(&[q, p, o, n]);
        f.write_str(text.as_str())
    }
}

/// What is known of an opened file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Which it is.
    pub id: FileId,
    /// Created, accessed, modified, changed: seconds since 1970, 0 if not known.
    pub times: [u64; 4],
    /// Bytes.
    pub size: u64,
}

/// What a transaction is about.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names are the specification's")]
pub enum Details {
    Other,
    Negotiate {
        dialects: Vec<Vec<u8>>,
        client_guid: Option<FileId>,
        server_guid: Option<FileId>,
        /// Most bytes of a read and of a write.
        limits: Option<(u32, u32)>,
    },
    SessionSetup {
        ntlmssp: Option<Ntlmssp>,
        /// The service for which the client has a ticket.
        kerberos: Option<Ticket>,
        /// Native operating system and LAN manager: the client's and the server's.
        native: [Option<(Vec<u8>, Vec<u8>)>; 2],
    },
    TreeConnect {
        name: Vec<u8>,
        /// As the server says, or else as the name does.
        pipe: bool,
        share_type: Option<u8>,
        /// As client and server name the service.
        service: [Option<Vec<u8>>; 2],
    },
    Create {
        name: Vec<u8>,
        disposition: u32,
        delete_on_close: bool,
        directory: bool,
        opened: Option<Opened>,
    },
    Rename {
        from: Vec<u8>,
        to: Vec<u8>,
    },
    /// A file is to be deleted when it is closed, or not.
    Dispose {
        name: Vec<u8>,
        delete: bool,
        id: FileId,
    },
    Control {
        function: u32,
    },
    File(Transfer),
    /// A call in this pipe.
    Call(FileId, Call),
}

/// A transaction.
#[derive(Debug)]
pub struct SmbTransaction {
    state: TransactionState,
    /// The message that began it.
    pub header: Header,
    /// What the server said, if it did.
    pub status: Option<Status>,
    /// Which way its requests go.
    pub direction: Direction,
    /// The dialect that is spoken.
    pub dialect: String,
    /// The share that it is about.
    pub share: Vec<u8>,
    /// What it is about.
    pub details: Details,
    /// Told as complete, by direction.
    completed: [bool; 2],
}

impl SmbTransaction {
    /// Begun by this message.
    #[must_use]
    pub fn new(id: u64, header: &Header, direction: Direction, details: Details) -> Self {
        Self {
            state: TransactionState::new(id),
            header: *header,
            status: None,
            direction,
            dialect: String::new(),
            share: Vec::new(),
            details,
            completed: [false; 2],
        }
    }

    /// Tells that more came in one direction, unless that was complete before: an answer in the direction of its request may come behind it.
    pub fn grow(&mut self, direction: Direction, observer: &mut dyn Observer) {
        if !self.completed[direction.index()] {
            observer.progress(self, direction, Progress::Body);
        }
    }

    /// Tells that no more comes in one direction, once.
    pub fn complete(&mut self, direction: Direction, observer: &mut dyn Observer) {
        if !std::mem::replace(&mut self.completed[direction.index()], true) {
            observer.progress(self, direction, Progress::Complete);
        }
    }

    /// The file that it transfers.
    #[must_use]
    pub fn transfer(&self) -> Option<&Transfer> {
        match &self.details {
            Details::File(transfer) => Some(transfer),
            _ => None,
        }
    }

    /// The same, to change.
    pub fn transfer_mut(&mut self) -> Option<&mut Transfer> {
        match &mut self.details {
            Details::File(transfer) => Some(transfer),
            _ => None,
        }
    }

    /// The file, if its bytes go this way.
    fn file_towards(&self, direction: Direction, index: usize) -> Option<&Transfer> {
        let transfer = self.transfer().filter(|_| index == 0)?;
        let towards = if transfer.read { self.direction.reverse() } else { self.direction };
        (towards == direction).then_some(transfer)
    }

    fn file_towards_mut(&mut self, direction: Direction, index: usize) -> Option<&mut Transfer> {
        let here = self.file_towards(direction, index).is_some();
        self.transfer_mut().filter(|_| here)
    }

    fn role(&self, direction: Direction) -> Role {
        if direction == self.direction { Role::Request } else { Role::Response }
    }
}

impl Transaction for SmbTransaction {
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
        match (buffer, &self.details) {
            (Buffer::FileData, _) => self.file_towards(direction, index).map(|f| f.pieces.tracker.data()),
            (Buffer::FileName, _) => self.file_towards(direction, index).map(|f| Part::whole(f.pieces.tracker.name())),
            (_, _) if index > 0 => None,
            (Buffer::SmbNamedPipe, Details::TreeConnect { name, pipe: true, .. })
            | (Buffer::SmbShare, Details::TreeConnect { name, pipe: false, .. }) => Some(Part::whole(name)),
            (Buffer::SmbNtlmsspUser, Details::SessionSetup { ntlmssp: Some(who), .. }) => Some(Part::whole(&who.user)),
            (Buffer::SmbNtlmsspDomain, Details::SessionSetup { ntlmssp: Some(who), .. }) => {
                Some(Part::whole(&who.domain))
            }
            (Buffer::DcerpcStubData, Details::Call(_, call)) => {
                let half = call.half(self.role(direction));
                (half.fragments > 0).then_some(Part { data: &half.stub, complete: half.over })
            }
            _ => None,
        }
    }

    fn number(&self, buffer: Buffer, _direction: Direction, index: usize) -> Option<u64> {
        match buffer {
            Buffer::SmbVersion if index == 0 => Some(if self.header.smb1 { 1 } else { 2 }),
            _ => None,
        }
    }

    fn answer(&self, question: &Question, _direction: Direction) -> bool {
        matches!(&self.details, Details::Call(_, call) if call.answer(question))
    }

    fn is_little_endian(&self, direction: Direction) -> bool {
        matches!(&self.details, Details::Call(_, call) if call.half(self.role(direction)).little)
    }

    fn tracker(&self, direction: Direction, index: usize) -> Option<&FileTracker> {
        self.file_towards(direction, index).map(|f| &f.pieces.tracker)
    }

    fn tracker_mut(&mut self, direction: Direction, index: usize) -> Option<&mut FileTracker> {
        self.file_towards_mut(direction, index).map(|f| &mut f.pieces.tracker)
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        Some(Box::new(SmbRecord::new(self)))
    }
}
