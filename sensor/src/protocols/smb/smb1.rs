//! The commands of SMB 1 ([MS-CIFS] 2.2.4), and the chains of those that name another (AndX).

use super::header::{Header, SMB1};
use super::names::text;
use super::session::Session;
use super::smb1_setup::{
    aligned, negotiate, negotiated, session_answered, session_setup, tree_connect, tree_connect_old, tree_connected,
};
use super::smb2::{Message, Sink, seconds};
use super::status::Status;
use super::transaction::{Details, FileId, Opened};
use crate::protocols::cursor::Cursor;
use crate::protocols::dcerpc::Role;

/// Commands of one message.
const MAX_CHAIN: usize = 16;

const WRITE: u8 = 0x0b;
const CLOSE: u8 = 0x04;
const RENAME: u8 = 0x07;
const TRANS: u8 = 0x25;
pub(super) const READ_ANDX: u8 = 0x2e;
pub(super) const WRITE_ANDX: u8 = 0x2f;
const TRANS2: u8 = 0x32;
const TREE_CONNECT: u8 = 0x70;
const TREE_DISCONNECT: u8 = 0x71;
const NEGOTIATE: u8 = 0x72;
const SESSION_SETUP: u8 = 0x73;
const TREE_CONNECT_ANDX: u8 = 0x75;
const NT_CREATE: u8 = 0xa2;

const TRANSACT_PIPE: u16 = 0x26;

/// Parameter words and bytes of one command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'a> {
    /// The words, as bytes.
    pub(super) words: &'a [u8],
    /// The bytes, as far as they are there.
    pub(super) bytes: &'a [u8],
    /// Where the bytes begin, counted from the header.
    pub(super) at: usize,
}

impl<'a> Block<'a> {
    fn read(message: &'a [u8], at: usize) -> Option<Self> {
        let mut cursor = Cursor::little(message.get(at..)?);
        let count = cursor.u8()?;
        let words = cursor.take(2 * usize::from(count))?;
        let len = cursor.u16()?;
        let at = at + cursor.position();
        let rest = cursor.rest();
        // A count of bytes cannot say how many a long write has.
        let bytes = rest.get(..usize::from(len)).unwrap_or(rest);
        Some(Self { words, bytes, at })
    }

    /// Word number `index`.
    pub(super) fn word(&self, index: usize) -> Option<u16> {
        self.words.get(2 * index..2 * index + 2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
    }

    fn long(&self, index: usize) -> Option<u32> {
        Some(u32::from(self.word(index)?) | u32::from(self.word(index + 1)?) << 16)
    }
}

/// Whether a command names the next.
fn is_chained(command: u8) -> bool {
    matches!(command, 0x24 | 0x2d | READ_ANDX | WRITE_ANDX | SESSION_SETUP | 0x74 | TREE_CONNECT_ANDX | NT_CREATE)
}

/// Takes one message with all its commands.
pub(super) fn message(session: &mut Session, mut m: Message<'_, '_>) -> Option<Sink> {
    let mut at = SMB1;
    let mut sink = None;
    for _ in 0..MAX_CHAIN {
        let command = m.header.command as u8;
        let Some(block) = Block::read(m.bytes, at) else {
            m.malformed();
            break;
        };
        let taken = if m.header.response {
            response(session, &mut m, command, &block)
        } else {
            request(session, &mut m, command, &block)
        };
        sink = sink.or(taken);
        let (Some(next), Some(offset)) = (block.words.first(), block.word(1)) else { break };
        if !is_chained(command) || *next == 0xff || usize::from(offset) <= at {
            break;
        }
        m.header.command = u16::from(*next);
        at = offset.into();
    }
    sink
}

fn request(session: &mut Session, m: &mut Message<'_, '_>, command: u8, block: &Block<'_>) -> Option<Sink> {
    let details = match command {
        NEGOTIATE => negotiate(m, block),
        SESSION_SETUP => session_setup(m, block),
        TREE_CONNECT_ANDX => tree_connect(m, block),
        TREE_CONNECT => tree_connect_old(block),
        NT_CREATE => create(m, block),
        RENAME => rename(m, block),
        READ_ANDX => {
            let id = FileId::of_smb1(block.word(2)?);
            let high = block.long(10).filter(|_| block.words.len() >= 24).unwrap_or(0);
            session.access(&m.header, id, u64::from(block.long(3)?) | u64::from(high) << 32, true);
            return None;
        }
        WRITE_ANDX => {
            let id = FileId::of_smb1(block.word(2)?);
            let high = block.long(12).filter(|_| block.words.len() >= 28).unwrap_or(0);
            let offset = u64::from(block.long(3)?) | u64::from(high) << 32;
            let len = usize::from(block.word(10)?) | usize::from(block.word(9)?) << 16;
            let at = usize::from(block.word(11)?);
            session.access(&m.header, id, offset, false);
            return m.carry(session, (id, false, offset), (at, len));
        }
        WRITE => {
            let (id, len, offset) = (FileId::of_smb1(block.word(0)?), block.word(1)?, block.long(2)?);
            session.access(&m.header, id, offset.into(), false);
            // One byte says that a buffer follows, two how long it is.
            return m.carry(session, (id, false, offset.into()), (block.at + 3, len.into()));
        }
        CLOSE => {
            let id = FileId::of_smb1(block.word(0).unwrap_or(0xffff));
            session.asked(&m.header, m.direction, Details::Other, m.observer);
            session.close(id, m.observer);
            return None;
        }
        TRANS => {
            pipe_request(session, m, block);
            return None;
        }
        TRANS2 => set_information(session, m, block)?,
        _ => Details::Other,
    };
    session.asked(&m.header, m.direction, details, m.observer);
    None
}

fn create(m: &Message<'_, '_>, block: &Block<'_>) -> Details {
    let byte = |at: usize| block.words.get(at..at + 4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    let name = aligned(block.bytes, block.at, m.header.unicode);
    Details::Create {
        name: text(name, m.header.unicode),
        disposition: byte(35),
        delete_on_close: byte(39) & 0x1000 != 0,
        directory: byte(39) & 1 != 0,
        opened: None,
    }
}

fn rename(m: &Message<'_, '_>, block: &Block<'_>) -> Details {
    let unicode = m.header.unicode;
    let mut names = [(); 2].map(|()| Vec::new());
    let (mut rest, mut at) = (block.bytes, block.at);
    for name in &mut names {
        if let [4, behind @ ..] = rest {
            let behind_at = at + 1;
            let start = aligned(behind, behind_at, unicode);
            let (found, next) = super::names::next_text(start, unicode);
            at += rest.len() - next.len();
            (*name, rest) = (found, next);
        }
    }
    let [from, to] = names;
    Details::Rename { from, to }
}

/// Where a transaction's parts are.
struct Parts {
    parameters: (usize, usize),
    data: (usize, usize),
}

fn request_parts(block: &Block<'_>) -> Option<Parts> {
    let part = |count: usize| Some((usize::from(block.word(count + 1)?), usize::from(block.word(count)?)));
    Some(Parts { parameters: part(9)?, data: part(11)? })
}

/// A request into a named pipe.
fn pipe_request(session: &mut Session, m: &mut Message<'_, '_>, block: &Block<'_>) -> Option<()> {
    let (function, id) = (block.word(14)?, FileId::of_smb1(block.word(15)?));
    if function != TRANSACT_PIPE {
        return None;
    }
    let (at, len) = request_parts(block)?.data;
    session.access(&m.header, id, 0, true);
    let (bytes, _) = m.data(at, len);
    session.pipe_data(&m.header, m.direction, (id, Role::Request), bytes, m.observer);
    Some(())
}

/// Renames and deletions by TRANS2 SET_FILE_INFORMATION; others are no transaction.
fn set_information(session: &Session, m: &Message<'_, '_>, block: &Block<'_>) -> Option<Details> {
    if block.word(14)? != 8 {
        return None;
    }
    let parts = request_parts(block)?;
    let mut parameters = Cursor::little(m.at(parts.parameters.0, parts.parameters.1)?);
    let mut data = Cursor::little(m.at(parts.data.0, parts.data.1)?);
    let id = FileId::of_smb1(parameters.u16()?);
    let name = session.handle(id).map(|handle| handle.name.clone()).unwrap_or_default();
    match parameters.u16()? {
        0x102 | 0x3f5 => Some(Details::Dispose { name, delete: data.u8()? & 1 != 0, id }),
        0x3f2 => {
            data.skip(8)?;
            let len = data.u32()? as usize;
            Some(Details::Rename { from: name, to: text(data.take(len)?, m.header.unicode) })
        }
        _ => None,
    }
}

fn response(session: &mut Session, m: &mut Message<'_, '_>, command: u8, block: &Block<'_>) -> Option<Sink> {
    let header = m.header;
    let has_data = header.status.is_success() || header.status == Status::BUFFER_OVERFLOW;
    match command {
        READ_ANDX => {
            let access = session.accessed(&header, true).filter(|_| has_data)?;
            let len = usize::from(block.word(5)?) | usize::from(block.word(7).unwrap_or(0)) << 16;
            return m.carry(session, (access.id, true, access.offset), (usize::from(block.word(6)?), len));
        }
        WRITE | WRITE_ANDX => {
            session.said(&header, m.observer);
            return None;
        }
        TRANS => {
            session.said(&header, m.observer);
            let access = session.accessed(&header, true).filter(|_| has_data)?;
            let (bytes, _) = m.data(block.word(7)?.into(), block.word(6)?.into());
            session.pipe_data(&header, m.direction, (access.id, Role::Response), bytes, m.observer);
            return None;
        }
        _ => {}
    }
    let index = session.answered(&header)?;
    let ok = header.status.is_success();
    match command {
        NEGOTIATE => negotiated(session, index, block),
        SESSION_SETUP => session_answered(session, index, &header, block),
        TREE_CONNECT | TREE_CONNECT_ANDX if ok => tree_connected(session, index, &header, block),
        TREE_DISCONNECT => session.disconnect(&header),
        NT_CREATE if ok => {
            created(session, index, &header, block);
        }
        _ => {}
    }
    session.over(index, &header, m.direction, m.observer);
    None
}

fn created(session: &mut Session, index: usize, header: &Header, block: &Block<'_>) -> Option<()> {
    let mut cursor = Cursor::little(block.words);
    cursor.skip(5)?;
    let id = FileId::of_smb1(cursor.u16()?);
    cursor.skip(4)?;
    let mut times = [0; 4];
    for time in &mut times {
        *time = seconds(cursor.u64()?);
    }
    cursor.skip(12)?;
    let size = cursor.u64()?;
    session.created(index, header, Opened { id, times, size });
    Some(())
}
