//! Remote procedure calls (RFC 5531), and the data of XDR (RFC 4506) that are in them.

use crate::protocols::cursor::Cursor;

/// The number of the NFS program.
pub const PROGRAM: u32 = 100_003;

/// Bytes of a client's name that are kept.
const MAX_NAME: usize = 255;

/// Who calls, as AUTH_UNIX says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The client's name.
    pub machine: Box<[u8]>,
    /// The user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// What a call says before its arguments.
#[derive(Clone, Debug)]
pub struct Heading {
    /// By which the reply finds it.
    pub xid: u32,
    /// Version of the program.
    pub version: u32,
    /// Number of the procedure.
    pub procedure: u32,
    /// How the client says who it is.
    pub flavor: u32,
    /// Who it is, if that is known.
    pub credentials: Option<Credentials>,
}

/// A call.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// What stands before its arguments.
    pub heading: Heading,
    /// Its arguments.
    pub arguments: &'a [u8],
}

/// A reply.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// The call's.
    pub xid: u32,
    /// The call was taken.
    pub accepted: bool,
    /// Results; empty where the call failed.
    pub results: &'a [u8],
}

/// Bytes with their length before them, filled up to a multiple of 4.
pub fn opaque<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let len = cursor.u32()? as usize;
    let data = cursor.take(len)?;
    cursor.skip(len.wrapping_neg() & 3)?;
    Some(data)
}

impl<'a> Call<'a> {
    /// Reads a call of NFS; None if it is none.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor::big(bytes);
        let (xid, call, rpc, program) = (cursor.u32()?, cursor.u32()?, cursor.u32()?, cursor.u32()?);
        if (call, rpc, program) != (0, 2, PROGRAM) {
            return None;
        }
        let (version, procedure, flavor) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
        let credentials = opaque(&mut cursor)?;
        cursor.skip(4)?;
        opaque(&mut cursor)?;
        let credentials = if flavor == 1 { unix(credentials) } else { None };
        let heading = Heading { xid, version, procedure, flavor, credentials };
        Some(Self { heading, arguments: cursor.rest() })
    }
}

fn unix(bytes: &[u8]) -> Option<Credentials> {
    let mut cursor = Cursor::big(bytes);
    cursor.skip(4)?;
    let machine = opaque(&mut cursor)?;
    let machine = machine.get(..MAX_NAME).unwrap_or(machine).into();
    Some(Credentials { machine, uid: cursor.u32()?, gid: cursor.u32()? })
}

impl<'a> Reply<'a> {
    /// Reads a reply; None if it is none.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor::big(bytes);
        let (xid, reply, denied) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
        if reply != 1 || denied > 1 {
            return None;
        }
        if denied == 1 {
            return Some(Self { xid, accepted: false, results: &[] });
        }
        cursor.skip(4)?;
        opaque(&mut cursor)?;
        let fine = cursor.u32()? == 0;
        Some(Self { xid, accepted: true, results: if fine { cursor.rest() } else { &[] } })
    }
}
