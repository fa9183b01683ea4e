//! The commands of SMB 2 and 3 ([MS-SMB2] 2.2).

use super::event;
use super::header::{Header, SMB2};
use super::names::{dialect, text};
use super::ntlmssp::{Found, find};
use super::session::Session;
use super::status::Status;
use super::transaction::{Details, FileId, Opened};
use crate::packet::Direction;
use crate::protocols::Observer;
use crate::protocols::cursor::Cursor;
use crate::protocols::dcerpc::Role;
use crate::protocols::krb5::Ticket;
use sekisho_signatures::buffers::Progress;

const NEGOTIATE: u16 = 0;
const SESSION_SETUP: u16 = 1;
const TREE_CONNECT: u16 = 3;
const TREE_DISCONNECT: u16 = 4;
const CREATE: u16 = 5;
const CLOSE: u16 = 6;
pub(super) const READ: u16 = 8;
pub(super) const WRITE: u16 = 9;
const IOCTL: u16 = 11;
const GET_INFO: u16 = 16;
const SET_INFO: u16 = 17;

const PIPE_TRANSCEIVE: u32 = 0x0011_c017;
const DIRECTORY: u32 = 0x01;
const DELETE_ON_CLOSE: u32 = 0x1000;

/// Bytes of a file that are still to come behind what is there of a message.
#[derive(Clone, Copy, Debug)]
pub struct Sink {
    /// The message that carries them.
    pub header: Header,
    /// The open file.
    pub id: FileId,
    /// Where in it the next of them stand.
    pub offset: u64,
    /// Read, not written.
    pub read: bool,
    /// How many they are.
    pub left: u64,
}

/// One message at hand.
pub(super) struct Message<'a, 'o> {
    pub(super) header: Header,
    /// From its header on, as far as it is there.
    pub(super) bytes: &'a [u8],
    /// Bytes that the record says it has.
    pub(super) len: usize,
    pub(super) direction: Direction,
    pub(super) observer: &'o mut dyn Observer,
}

impl<'a> Message<'a, '_> {
    /// Bytes at a place that the message names.
    pub(super) fn at(&self, offset: usize, len: usize) -> Option<&'a [u8]> {
        self.bytes.get(offset..)?.get(..len)
    }

    pub(super) fn malformed(&mut self) {
        self.observer.event(None, self.direction, event::MALFORMED_DATA);
    }

    /// Data of a file or pipe in it: what is there of them, and how many follow. What the record cannot hold is an event.
    pub(super) fn data(&mut self, offset: usize, len: usize) -> (&'a [u8], u64) {
        let there = self.bytes.get(offset..).unwrap_or_default();
        let there = there.get(..len).unwrap_or(there);
        let holds = self.len.saturating_sub(offset).min(len);
        if holds < len {
            self.observer.event(None, self.direction, event::RECORD_OVERFLOW);
        }
        (there, holds.saturating_sub(there.len()) as u64)
    }

    /// Gives bytes to a file or a pipe.
    pub(super) fn carry(
        &mut self,
        session: &mut Session,
        (id, read, offset): (FileId, bool, u64),
        (at, len): (usize, usize),
    ) -> Option<Sink> {
        let (bytes, left) = self.data(at, len);
        let role = if read { Role::Response } else { Role::Request };
        // What is no call in a pipe of SMB 1 is taken for a file, and so is what an answer without a tree reads, as in Suricata: rules on
        // files see what is sent to break a pipe, and what a remote shell prints.
        let in_pipe = session.handle(id).is_some_and(|handle| handle.pipe == Some(true));
        let in_pipe = in_pipe && !self.header.late && !self.header.smb1 && !session.transfers(id, read);
        if in_pipe || session.is_call(id, role, bytes) {
            session.pipe_data(&self.header, self.direction, (id, role), bytes, self.observer);
            return None;
        }
        if len > 0 {
            session.file_data(&self.header, self.direction, (id, read, offset), bytes, self.observer);
        }
        let offset = offset.saturating_add(bytes.len() as u64);
        (left > 0).then_some(Sink { header: self.header, id, offset, read, left })
    }
}

/// What the messages before one in its record opened.
#[derive(Debug, Default)]
pub(super) struct Related {
    /// As the server says.
    id: Option<FileId>,
    /// As the client asks for it.
    name: Vec<u8>,
}

/// Takes one message. `related`: what those before it in the record opened.
pub(super) fn message(session: &mut Session, mut message: Message<'_, '_>, related: &mut Related) -> Option<Sink> {
    let result = if message.header.response {
        response(session, &mut message, related)
    } else {
        request(session, &mut message, related)
    };
    match result {
        Ok(sink) => sink,
        Err(Short) => {
            message.malformed();
            None
        }
    }
}

/// A message ends before it says what it must.
struct Short;

type Outcome = Result<Option<Sink>, Short>;

fn whole<T>(value: Option<T>) -> Result<T, Short> {
    value.ok_or(Short)
}

fn file_id(cursor: &mut Cursor<'_>, related: &Related) -> Result<FileId, Short> {
    let id = FileId(whole(cursor.array())?);
    Ok(if id == FileId::RELATED { related.id.unwrap_or(id) } else { id })
}

fn request(session: &mut Session, m: &mut Message<'_, '_>, related: &mut Related) -> Outcome {
    let body = m.bytes.get(SMB2..).unwrap_or_default();
    let mut cursor = Cursor::little(body);
    let details = match m.header.command {
        NEGOTIATE => negotiate(m, cursor)?,
        SESSION_SETUP => session_setup(m, cursor)?,
        TREE_CONNECT => {
            whole(cursor.skip(4))?;
            let (at, len) = (whole(cursor.u16())?, whole(cursor.u16())?);
            let name = text(whole(m.at(at.into(), len.into()))?, true);
            // The server says whether it is one of pipes; until then it is a share like any other, as in Suricata.
            let details = Details::TreeConnect { name, pipe: false, share_type: None, service: [None, None] };
            let index = session.begin(&m.header, m.direction, details, m.observer);
            if let Some(transaction) = session.transactions.get_mut(index) {
                m.observer.progress(&mut **transaction, m.direction, Progress::Line);
            }
            return Ok(None);
        }
        TREE_DISCONNECT => {
            let details = Details::Other;
            session.asked(&m.header, m.direction, details, m.observer);
            return Ok(None);
        }
        CREATE => {
            let details = create(m, cursor)?;
            if let Details::Create { name, .. } = &details {
                related.name.clone_from(name);
            }
            details
        }
        CLOSE => {
            whole(cursor.skip(8))?;
            let id = file_id(&mut cursor, related)?;
            session.asked(&m.header, m.direction, Details::Other, m.observer);
            session.close(id, m.observer);
            return Ok(None);
        }
        READ => {
            whole(cursor.skip(8))?;
            let offset = whole(cursor.u64())?;
            let id = file_id(&mut cursor, related)?;
            session.access(&m.header, id, offset, true);
            return Ok(None);
        }
        WRITE => {
            whole(cursor.skip(2))?;
            let at = whole(cursor.u16())?;
            let (len, offset) = (whole(cursor.u32())?, whole(cursor.u64())?);
            let id = file_id(&mut cursor, related)?;
            session.access(&m.header, id, offset, false);
            return Ok(m.carry(session, (id, false, offset), (at.into(), len as usize)));
        }
        IOCTL => return control(session, m, cursor, related),
        SET_INFO => match set_info(session, m, cursor, related)? {
            Some(details) => details,
            None => return Ok(None),
        },
        GET_INFO => return Ok(None),
        _ => Details::Other,
    };
    session.asked(&m.header, m.direction, details, m.observer);
    Ok(None)
}

fn negotiate(m: &mut Message<'_, '_>, mut cursor: Cursor<'_>) -> Result<Details, Short> {
    whole(cursor.skip(2))?;
    let count = whole(cursor.u16())?;
    whole(cursor.skip(8))?;
    let guid = FileId(whole(cursor.array())?);
    whole(cursor.skip(8))?;
    let mut dialects = Vec::new();
    for _ in 0..count.min(64) {
        let Some(revision) = cursor.u16() else {
            m.observer.event(None, m.direction, event::NEGOTIATE_MALFORMED_DIALECTS);
            break;
        };
        dialects.push(dialect(revision).map_or_else(|| format!("0x{revision:04x}"), str::to_owned).into_bytes());
    }
    Ok(Details::Negotiate { dialects, client_guid: Some(guid), server_guid: None, limits: None })
}

fn session_setup(m: &mut Message<'_, '_>, mut cursor: Cursor<'_>) -> Result<Details, Short> {
    whole(cursor.skip(12))?;
    let (at, len) = (whole(cursor.u16())?, whole(cursor.u16())?);
    let blob = whole(m.at(at.into(), len.into()))?;
    Ok(setup(m, blob))
}

/// What a security blob says.
pub(super) fn setup(m: &mut Message<'_, '_>, blob: &[u8]) -> Details {
    let ntlmssp = match find(blob) {
        Found::Authenticate(who) => Some(who),
        Found::Malformed => {
            m.observer.event(None, m.direction, event::MALFORMED_NTLMSSP_REQUEST);
            None
        }
        Found::Nothing => None,
    };
    Details::SessionSetup { ntlmssp, kerberos: Ticket::find(blob), native: [None, None] }
}

fn create(m: &mut Message<'_, '_>, mut cursor: Cursor<'_>) -> Result<Details, Short> {
    whole(cursor.skip(36))?;
    let (disposition, options) = (whole(cursor.u32())?, whole(cursor.u32())?);
    let (at, len) = (whole(cursor.u16())?, whole(cursor.u16())?);
    let name = text(whole(m.at(at.into(), len.into()))?, true);
    Ok(Details::Create {
        name,
        disposition,
        delete_on_close: options & DELETE_ON_CLOSE != 0,
        directory: options & DIRECTORY != 0,
        opened: None,
    })
}

fn control(session: &mut Session, m: &mut Message<'_, '_>, mut cursor: Cursor<'_>, related: &Related) -> Outcome {
    whole(cursor.skip(4))?;
    let function = whole(cursor.u32())?;
    let id = file_id(&mut cursor, related)?;
    let (at, len) = (whole(cursor.u32())? as usize, whole(cursor.u32())? as usize);
    if function == PIPE_TRANSCEIVE {
        session.access(&m.header, id, 0, true);
        let (bytes, _) = m.data(at, len);
        if session.is_call(id, Role::Request, bytes) {
            session.pipe_data(&m.header, m.direction, (id, Role::Request), bytes, m.observer);
            return Ok(None);
        }
    }
    session.asked(&m.header, m.direction, Details::Control { function }, m.observer);
    Ok(None)
}

/// Renames and deletions; other information is no transaction.
fn set_info(
    session: &Session,
    m: &mut Message<'_, '_>,
    mut cursor: Cursor<'_>,
    related: &Related,
) -> Result<Option<Details>, Short> {
    whole(cursor.skip(2))?;
    let (kind, class) = (whole(cursor.u8())?, whole(cursor.u8())?);
    let (len, at) = (whole(cursor.u32())? as usize, whole(cursor.u16())?);
    whole(cursor.skip(6))?;
    let id = file_id(&mut cursor, related)?;
    let name = session.handle(id).map_or_else(|| related.name.clone(), |handle| handle.name.clone());
    let mut info = Cursor::little(whole(m.at(at.into(), len))?);
    Ok(match (kind, class) {
        (1, 10) => {
            whole(info.skip(16))?;
            let len = whole(info.u32())? as usize;
            Some(Details::Rename { from: name, to: text(whole(info.take(len))?, true) })
        }
        (1, 13 | 64) => Some(Details::Dispose { name, delete: whole(info.u8())? & 1 != 0, id }),
        _ => None,
    })
}

fn response(session: &mut Session, m: &mut Message<'_, '_>, related: &mut Related) -> Outcome {
    let header = m.header;
    if header.status == Status::PENDING {
        return Ok(None);
    }
    let mut cursor = Cursor::little(m.bytes.get(SMB2..).unwrap_or_default());
    let has_data = header.status.is_success() || header.status == Status::BUFFER_OVERFLOW;
    match header.command {
        READ => {
            let Some(access) = session.accessed(&header, true).filter(|_| has_data) else { return Ok(None) };
            whole(cursor.skip(2))?;
            let at = whole(cursor.u8())?;
            whole(cursor.skip(1))?;
            let len = whole(cursor.u32())? as usize;
            let id = if access.id == FileId::RELATED { related.id.unwrap_or(access.id) } else { access.id };
            return Ok(m.carry(session, (id, true, access.offset), (at.into(), len)));
        }
        WRITE => {
            session.said(&header, m.observer);
            return Ok(None);
        }
        IOCTL => {
            session.said(&header, m.observer);
            if let Some(access) = session.accessed(&header, true).filter(|_| has_data) {
                whole(cursor.skip(32))?;
                let (at, len) = (whole(cursor.u32())? as usize, whole(cursor.u32())? as usize);
                let (bytes, _) = m.data(at, len);
                session.pipe_data(&header, m.direction, (access.id, Role::Response), bytes, m.observer);
            }
        }
        _ => {}
    }
    let Some(index) = session.answered(&header) else {
        if header.command == NEGOTIATE {
            return negotiated(session, None, cursor).map(|()| None);
        }
        return Ok(None);
    };
    if matches!(session.details(index), Some(Details::Call(..))) {
        return Ok(None);
    }
    let read = if header.status.is_success() || header.command == SESSION_SETUP {
        answer(session, m, index, cursor, related)
    } else {
        Ok(())
    };
    session.over(index, &header, m.direction, m.observer);
    read.map(|()| None)
}

/// Completes a transaction from its answer.
fn answer(
    session: &mut Session,
    m: &mut Message<'_, '_>,
    index: usize,
    mut cursor: Cursor<'_>,
    related: &mut Related,
) -> Result<(), Short> {
    let header = m.header;
    match header.command {
        NEGOTIATE => negotiated(session, Some(index), cursor)?,
        TREE_CONNECT => {
            whole(cursor.skip(2))?;
            let kind = whole(cursor.u8())?;
            let Some(Details::TreeConnect { name, pipe, share_type, .. }) = session.details(index) else {
                return Ok(());
            };
            (*share_type, *pipe) = (Some(kind), kind == 2);
            let name = name.clone();
            session.connect(&header, &name, kind == 2);
            if let Some(transaction) = session.transactions.get_mut(index) {
                transaction.header.tree = header.tree;
            }
        }
        TREE_DISCONNECT => session.disconnect(&header),
        CREATE => {
            whole(cursor.skip(8))?;
            let mut times = [0; 4];
            for time in &mut times {
                *time = seconds(whole(cursor.u64())?);
            }
            whole(cursor.skip(8))?;
            let size = whole(cursor.u64())?;
            whole(cursor.skip(8))?;
            let id = FileId(whole(cursor.array())?);
            related.id = Some(id);
            session.created(index, &header, Opened { id, times, size });
        }
        SESSION_SETUP => {
            if let Some(transaction) = session.transactions.get_mut(index) {
                transaction.header.session = header.session;
            }
        }
        _ => {}
    }
    Ok(())
}

fn negotiated(session: &mut Session, index: Option<usize>, mut cursor: Cursor<'_>) -> Result<(), Short> {
    whole(cursor.skip(4))?;
    let revision = whole(cursor.u16())?;
    session.dialect = dialect(revision).map(str::to_owned);
    whole(cursor.skip(2))?;
    let guid = FileId(whole(cursor.array())?);
    whole(cursor.skip(8))?;
    let most = (whole(cursor.u32())?, whole(cursor.u32())?);
    if let Some(Details::Negotiate { server_guid, limits, .. }) = index.and_then(|index| session.details(index)) {
        (*server_guid, *limits) = (Some(guid), Some(most));
    }
    Ok(())
}

/// Seconds since 1970 of a file's time ([MS-DTYP] 2.3.3); 0 for what is not known.
pub(super) fn seconds(time: u64) -> u64 {
    (time / 10_000_000).saturating_sub(11_644_473_600)
}
