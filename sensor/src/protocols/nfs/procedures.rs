//! Names of procedures, operations and results; arguments and results of versions 2 and 3.

use super::rpc::opaque;
use super::transaction::Handle;
use crate::protocols::cursor::Cursor;

/// What a call asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Something about a file, or about nothing in particular.
    Other(Option<Handle>),
    /// Something about a name in a directory.
    Name(Vec<u8>),
    /// A file gets another name.
    Rename { from: Vec<u8>, to: Vec<u8> },
    /// Bytes of a file are wanted.
    Read { handle: Handle, offset: u64 },
    /// Bytes of a file are sent: where they stand in the arguments.
    Write { handle: Handle, offset: u64, at: usize, len: usize },
    /// What was written is final.
    Commit(Handle),
}

const V2: [&str; 18] = [
    "NULL",
    "GETATTR",
    "SETATTR",
    "ROOT",
    "LOOKUP",
    "READLINK",
    "READ",
    "WRITECACHE",
    "WRITE",
    "CREATE",
    "REMOVE",
    "RENAME",
    "LINK",
    "SYMLINK",
    "MKDIR",
    "RMDIR",
    "READDIR",
    "STATFS",
];
const V3: [&str; 22] = [
    "NULL",
    "GETATTR",
    "SETATTR",
    "LOOKUP",
    "ACCESS",
    "READLINK",
    "READ",
    "WRITE",
    "CREATE",
    "MKDIR",
    "SYMLINK",
    "MKNOD",
    "REMOVE",
    "RMDIR",
    "RENAME",
    "LINK",
    "READDIR",
    "READDIRPLUS",
    "FSSTAT",
    "FSINFO",
    "PATHCONF",
    "COMMIT",
];

/// EVE's `procedure` in versions 2 and 3.
#[must_use]
pub fn name(version: u32, procedure: u32) -> Option<&'static str> {
    let names: &[&str] = if version == 2 { &V2 } else { &V3 };
    names.get(procedure as usize).copied()
}

/// EVE's `status`.
#[must_use]
pub fn status(code: u32) -> Option<&'static str> {
    Some(match code {
        0 => "OK",
        1 => "ERR_PERM",
        2 => "ERR_NOENT",
        5 => "ERR_IO",
        6 => "ERR_NXIO",
        13 => "ERR_ACCESS",
        17 => "ERR_EXIST",
        18 => "ERR_XDEV",
        19 => "ERR_NODEV",
        20 => "ERR_NOTDIR",
        21 => "ERR_ISDIR",
        22 => "ERR_INVAL",
        27 => "ERR_FBIG",
        28 => "ERR_NOSPC",
        30 => "ERR_ROFS",
        31 => "ERR_MLINK",
        63 => "ERR_NAMETOOLONG",
        66 => "ERR_NOTEMPTY",
        69 => "ERR_DQUOT",
        70 => "ERR_STALE",
        71 => "ERR_REMOTE",
        10001 => "ERR_BADHANDLE",
        10002 => "ERR_NOT_SYNC",
        10003 => "ERR_BAD_COOKIE",
        10004 => "ERR_NOTSUPP",
        10005 => "ERR_TOOSMALL",
        10006 => "ERR_SERVERFAULT",
        10007 => "ERR_BADTYPE",
        10008 => "ERR_JUKEBOX",
        _ => return None,
    })
}

/// A file's handle: 32 bytes in version 2, with its length before it later.
fn handle(cursor: &mut Cursor<'_>, version: u32) -> Option<Handle> {
    Handle::new(if version == 2 { cursor.take(32)? } else { opaque(cursor)? })
}

/// Reads the arguments of version 2 or 3.
#[must_use]
pub fn request(version: u32, procedure: u32, arguments: &[u8]) -> Option<Request> {
    let mut cursor = Cursor::big(arguments);
    let name = |cursor: &mut Cursor<'_>| Some(super::session::clip(opaque(cursor)?));
    let what = name_of(version, procedure);
    Some(match what {
        "NULL" | "" => Request::Other(None),
        "LOOKUP" | "CREATE" | "MKDIR" | "SYMLINK" | "MKNOD" | "REMOVE" | "RMDIR" => {
            handle(&mut cursor, version)?;
            Request::Name(name(&mut cursor)?)
        }
        "RENAME" => {
            handle(&mut cursor, version)?;
            let from = name(&mut cursor)?;
            handle(&mut cursor, version)?;
            Request::Rename { from, to: name(&mut cursor)? }
        }
        "READ" => {
            let handle = handle(&mut cursor, version)?;
            let offset = if version == 2 { cursor.u32()?.into() } else { cursor.u64()? };
            Request::Read { handle, offset }
        }
        "WRITE" => {
            let handle = handle(&mut cursor, version)?;
            let offset = if version == 2 {
                cursor.skip(4)?;
                let offset = cursor.u32()?;
                cursor.skip(4)?;
                offset.into()
            } else {
                let offset = cursor.u64()?;
                cursor.skip(8)?;
                offset
            };
            let len = cursor.u32()? as usize;
            Request::Write { handle, offset, at: cursor.position(), len }
        }
        "COMMIT" => Request::Commit(handle(&mut cursor, version)?),
        _ => Request::Other(handle(&mut cursor, version)),
    })
}

fn name_of(version: u32, procedure: u32) -> &'static str {
    name(version, procedure).unwrap_or("")
}

/// The handle that a reply says for the name that was asked about.
#[must_use]
pub fn opened(version: u32, procedure: u32, results: &[u8]) -> Option<Handle> {
    let mut cursor = Cursor::big(results);
    let what = name_of(version, procedure);
    if cursor.u32()? != 0 || !matches!(what, "LOOKUP" | "CREATE" | "MKDIR") {
        return None;
    }
    // Version 3 may leave the handle of what was made out.
    if version == 3 && what != "LOOKUP" && cursor.u32()? == 0 {
        return None;
    }
    handle(&mut cursor, version)
}

/// The bytes that were read, and whether they are the last.
#[must_use]
pub fn was_read(version: u32, results: &[u8]) -> Option<(&[u8], bool)> {
    let mut cursor = Cursor::big(results);
    if cursor.u32()? != 0 {
        return None;
    }
    if version == 2 {
        cursor.skip(68)?;
        return Some((opaque(&mut cursor)?, false));
    }
    if cursor.u32()? == 1 {
        cursor.skip(84)?;
    }
    cursor.skip(4)?;
    let end = cursor.u32()? == 1;
    Some((opaque(&mut cursor)?, end))
}
