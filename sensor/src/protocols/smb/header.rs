//! The headers of messages, and what one is.

use super::status::Status;
use crate::protocols::cursor::Cursor;

/// What the first four bytes of a message say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// SMB 1.
    Smb1,
    /// SMB 2 or 3.
    Smb2,
    /// SMB 3, encrypted or compressed.
    Transformed,
}

impl Family {
    /// Of a message; None if it is no SMB.
    #[must_use]
    pub fn of(message: &[u8]) -> Option<Self> {
        match message {
            [0xff, b'S', b'M', b'B', ..] => Some(Self::Smb1),
            [0xfe, b'S', b'M', b'B', ..] => Some(Self::Smb2),
            [0xfc | 0xfd, b'S', b'M', b'B', ..] => Some(Self::Transformed),
            _ => None,
        }
    }
}

/// What both headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The command.
    pub command: u16,
    /// Of SMB 1, and not of a later version.
    pub smb1: bool,
    /// It answers.
    pub response: bool,
    /// What the server says.
    pub status: Status,
    /// Texts are UTF-16.
    pub unicode: bool,
    /// Which tree it is about.
    pub tree: u32,
    /// Which session it is of.
    pub session: u64,
    /// By which an answer finds its request.
    pub message: u64,
    /// Another message follows in the same record, this far from its start; 0 if none.
    pub next: u32,
    /// An answer that comes later than its turn, and does not name its tree.
    pub late: bool,
}

/// Bytes of the header of SMB 1.
pub const SMB1: usize = 32;
/// Bytes of the header of SMB 2 and 3.
pub const SMB2: usize = 64;

impl Header {
    /// Of SMB 1 ([MS-CIFS] 2.2.3.1).
    #[must_use]
    pub fn smb1(message: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::little(message.get(..SMB1)?);
        cursor.skip(4)?;
        let command = cursor.u8()?;
        let status = cursor.array::<4>()?;
        let (flags, flags2) = (cursor.u8()?, cursor.u16()?);
        cursor.skip(12)?;
        let [tree, process, user, id] = [cursor.u16()?, cursor.u16()?, cursor.u16()?, cursor.u16()?];
        let [class, _, low, high] = status;
        Some(Self {
            command: command.into(),
            smb1: true,
            response: flags & 0x80 != 0,
            status: if flags2 & 0x4000 != 0 {
                Status::Nt(u32::from_le_bytes(status))
            } else {
                Status::Dos(class, u16::from_le_bytes([low, high]))
            },
            unicode: flags2 & 0x8000 != 0,
            tree: tree.into(),
            session: user.into(),
            message: u64::from(process) << 16 | u64::from(id),
            next: 0,
            late: false,
        })
    }

    /// Of SMB 2 and 3 ([MS-SMB2] 2.2.1).
    #[must_use]
    pub fn smb2(message: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::little(message.get(..SMB2)?);
        cursor.skip(8)?;
        let status = Status::Nt(cursor.u32()?);
        let command = cursor.u16()?;
        cursor.skip(2)?;
        let flags = cursor.u32()?;
        let (next, id) = (cursor.u32()?, cursor.u64()?);
        cursor.skip(4)?;
        let tree = cursor.u32()?;
        Some(Self {
            command,
            smb1: false,
            response: flags & 1 != 0,
            status,
            unicode: true,
            // An answer that comes later has another id there.
            tree: if flags & 2 != 0 { 0 } else { tree },
            session: cursor.u64()?,
            message: id,
            next,
            late: flags & 2 != 0,
        })
    }
}
