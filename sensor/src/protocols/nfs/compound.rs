//! Version 4: the operations of a call, gone through as far as their arguments and results are known (RFC 7530, 16; RFC 8881, 18).

use super::procedures::Request;
use super::rpc::opaque;
use super::session::clip;
use super::transaction::Handle;
use crate::protocols::cursor::Cursor;

/// Operations of one call that are looked at.
pub const MAX_OPERATIONS: usize = 32;

const ACCESS: u32 = 3;
const CLOSE: u32 = 4;
const COMMIT: u32 = 5;
const CREATE: u32 = 6;
const GETATTR: u32 = 9;
const GETFH: u32 = 10;
const LOOKUP: u32 = 15;
const OPEN: u32 = 18;
const PUTFH: u32 = 22;
const PUTROOTFH: u32 = 24;
const READ: u32 = 25;
const REMOVE: u32 = 28;
const RENAME: u32 = 29;
const RENEW: u32 = 30;
const RESTOREFH: u32 = 31;
const SAVEFH: u32 = 32;
const WRITE: u32 = 38;
const SEQUENCE: u32 = 53;

const NAMES: [&str; 56] = [
    "ACCESS",
    "CLOSE",
    "COMMIT",
    "CREATE",
    "DELEGPURGE",
    "DELEGRETURN",
    "GETATTR",
    "GETFH",
    "LINK",
    "LOCK",
    "LOCKT",
    "LOCKU",
    "LOOKUP",
    "LOOKUPP",
    "NVERIFY",
    "OPEN",
    "OPENATTR",
    "OPEN_CONFIRM",
    "OPEN_DOWNGRADE",
    "PUTFH",
    "PUTPUBFH",
    "PUTROOTFH",
    "READ",
    "READDIR",
    "READLINK",
    "REMOVE",
    "RENAME",
    "RENEW",
    "RESTOREFH",
    "SAVEFH",
    "SECINFO",
    "SETATTR",
    "SETCLIENTID",
    "SETCLIENTID_CONFIRM",
    "VERIFY",
    "WRITE",
    "RELEASE_LOCKOWNER",
    "BACKCHANNEL_CTL",
    "BIND_CONN_TO_SESSION",
    "EXCHANGE_ID",
    "CREATE_SESSION",
    "DESTROY_SESSION",
    "FREE_STATEID",
    "GET_DIR_DELEGATION",
    "GETDEVICEINFO",
    "GETDEVICELIST",
    "LAYOUTCOMMIT",
    "LAYOUTGET",
    "LAYOUTRETURN",
    "SECINFO_NO_NAME",
    "SEQUENCE",
    "SET_SSV",
    "TEST_STATEID",
    "WANT_DELEGATION",
    "DESTROY_CLIENTID",
    "RECLAIM_COMPLETE",
];

/// EVE's `procedure` in version 4.
#[must_use]
pub fn name(operation: u32) -> Option<&'static str> {
    NAMES.get(usize::try_from(operation).ok()?.checked_sub(3)?).copied()
}

/// What the operations of a call come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compound {
    /// The operation that says most.
    pub main: u32,
    /// What is wanted.
    pub request: Option<Request>,
    /// The file that the call begins with.
    pub current: Option<Handle>,
}

/// How much an operation says about what the call is for.
fn rank(operation: u32) -> u32 {
    match operation {
        SEQUENCE | PUTFH | PUTROOTFH | SAVEFH | RESTOREFH => 0,
        GETFH | GETATTR => 1,
        ACCESS | LOOKUP => 2,
        _ => 3,
    }
}

/// Goes through the operations of a call.
#[must_use]
pub fn request(arguments: &[u8]) -> Option<Compound> {
    let mut cursor = Cursor::big(arguments);
    opaque(&mut cursor)?;
    cursor.skip(4)?;
    let count = cursor.u32()? as usize;
    let mut compound = Compound::default();
    for _ in 0..count.min(MAX_OPERATIONS) {
        let Some(operation) = cursor.u32() else { return Some(compound) };
        if compound.main == 0 || rank(operation) > rank(compound.main) {
            compound.main = operation;
        }
        if one(&mut cursor, operation, &mut compound).is_none() {
            return Some(compound);
        }
    }
    Some(compound)
}

/// One operation; None if what is behind it cannot be found.
fn one(cursor: &mut Cursor<'_>, operation: u32, compound: &mut Compound) -> Option<()> {
    match operation {
        SEQUENCE => cursor.skip(16 + 16),
        PUTROOTFH | SAVEFH | RESTOREFH | GETFH => Some(()),
        PUTFH => {
            compound.current = Handle::new(opaque(cursor)?);
            Some(())
        }
        ACCESS => cursor.skip(4),
        GETATTR => bitmap(cursor),
        RENEW => cursor.skip(8),
        COMMIT => {
            cursor.skip(12)?;
            compound.request = compound.current.clone().map(Request::Commit);
            Some(())
        }
        CLOSE => {
            cursor.skip(4 + 16)?;
            compound.request = compound.current.clone().map(Request::Commit);
            Some(())
        }
        LOOKUP | REMOVE => {
            let name = clip(opaque(cursor)?);
            compound.request = Some(Request::Name(name));
            Some(())
        }
        RENAME => {
            let from = clip(opaque(cursor)?);
            compound.request = Some(Request::Rename { from, to: clip(opaque(cursor)?) });
            Some(())
        }
        CREATE => {
            let kind = cursor.u32()?;
            match kind {
                5 => opaque(cursor).map(|_| ())?,
                3 | 4 => cursor.skip(8)?,
                _ => {}
            }
            compound.request = Some(Request::Name(clip(opaque(cursor)?)));
            attributes(cursor)
        }
        OPEN => open(cursor, compound),
        READ => {
            cursor.skip(16)?;
            let offset = cursor.u64()?;
            cursor.skip(4)?;
            compound.request = compound.current.clone().map(|handle| Request::Read { handle, offset });
            Some(())
        }
        WRITE => {
            cursor.skip(16)?;
            let offset = cursor.u64()?;
            cursor.skip(4)?;
            let len = cursor.u32()? as usize;
            let at = cursor.position();
            compound.request = compound.current.clone().map(|handle| Request::Write { handle, offset, at, len });
            cursor.skip(len)?;
            cursor.skip(len.wrapping_neg() & 3)
        }
        _ => None,
    }
}

fn bitmap(cursor: &mut Cursor<'_>) -> Option<()> {
    let words = cursor.u32()?;
    (words <= 8).then_some(())?;
    cursor.skip(4 * words as usize)
}

fn attributes(cursor: &mut Cursor<'_>) -> Option<()> {
    bitmap(cursor)?;
    opaque(cursor).map(|_| ())
}

fn open(cursor: &mut Cursor<'_>, compound: &mut Compound) -> Option<()> {
    cursor.skip(12 + 8)?;
    opaque(cursor)?;
    if cursor.u32()? == 1 {
        match cursor.u32()? {
            0 | 1 => attributes(cursor)?,
            2 => cursor.skip(8)?,
            3 => {
                cursor.skip(8)?;
                attributes(cursor)?;
            }
            _ => return None,
        }
    }
    match cursor.u32()? {
        // By a name in the directory at hand; the other ways name what is open already.
        0 => {
            compound.request = Some(Request::Name(clip(opaque(cursor)?)));
            Some(())
        }
        1 => cursor.skip(4),
        _ => None,
    }
}

/// What the results of a call come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Results<'a> {
    /// The status of all.
    pub status: u32,
    /// The handle of the file at hand.
    pub handle: Option<Handle>,
    /// Bytes that were read, and whether they are the last.
    pub read: Option<(&'a [u8], bool)>,
}

/// Goes through the results of a call.
#[must_use]
pub fn results(results: &[u8]) -> Option<Results<'_>> {
    let mut cursor = Cursor::big(results);
    let mut out = Results { status: cursor.u32()?, ..Results::default() };
    opaque(&mut cursor)?;
    let count = cursor.u32()? as usize;
    for _ in 0..count.min(MAX_OPERATIONS) {
        let (Some(operation), Some(status)) = (cursor.u32(), cursor.u32()) else { break };
        if status != 0 || result(&mut cursor, operation, &mut out).is_none() {
            break;
        }
    }
    Some(out)
}

fn result<'a>(cursor: &mut Cursor<'a>, operation: u32, out: &mut Results<'a>) -> Option<()> {
    match operation {
        PUTFH | PUTROOTFH | SAVEFH | RESTOREFH | LOOKUP | RENEW => Some(()),
        SEQUENCE => cursor.skip(36),
        ACCESS | WRITE | COMMIT => cursor.skip(if operation == WRITE { 16 } else { 8 }),
        CLOSE => cursor.skip(16),
        REMOVE => cursor.skip(20),
        RENAME => cursor.skip(40),
        GETATTR => attributes(cursor),
        CREATE => {
            cursor.skip(20)?;
            bitmap(cursor)
        }
        GETFH => {
            out.handle = Handle::new(opaque(cursor)?);
            Some(())
        }
        READ => {
            let end = cursor.u32()? == 1;
            out.read = Some((opaque(cursor)?, end));
            Some(())
        }
        OPEN => {
            cursor.skip(16 + 20 + 4)?;
            bitmap(cursor)?;
            // A delegation has its own state, limits and rules.
            match cursor.u32()? {
                0 => Some(()),
                1 => {
                    cursor.skip(16 + 4 + 12)?;
                    opaque(cursor).map(|_| ())
                }
                2 => {
                    cursor.skip(16 + 4 + 4 + 8 + 12)?;
                    opaque(cursor).map(|_| ())
                }
                3 => match cursor.u32()? {
                    1 | 2 => cursor.skip(4),
                    _ => Some(()),
                },
                _ => None,
            }
        }
        _ => None,
    }
}
