//! One protocol data unit (C706, 12.4 and 12.6; [MS-RPCE] 2.2.2): its header, and what of its body is looked at.

use super::association::{Interface, MAX_INTERFACES, Uuid};
use crate::protocols::cursor::Cursor;
use std::fmt;

/// What a unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PduKind(pub u8);

#[expect(missing_docs, reason = "the names are the specification's")]
impl PduKind {
    pub const REQUEST: Self = Self(0);
    pub const RESPONSE: Self = Self(2);
    pub const FAULT: Self = Self(3);
    pub const BIND: Self = Self(11);
    pub const BINDACK: Self = Self(12);
    pub const BINDNAK: Self = Self(13);
    pub const ALTER_CONTEXT: Self = Self(14);
    pub const ALTER_CONTEXT_RESP: Self = Self(15);
    /// The last of the connection-oriented kinds.
    pub const LAST: Self = Self(20);
    /// The last of the connectionless kinds.
    pub const LAST_DATAGRAM: Self = Self(10);

    const NAMES: [&'static str; 21] = [
        "REQUEST",
        "PING",
        "RESPONSE",
        "FAULT",
        "WORKING",
        "NOCALL",
        "REJECT",
        "ACK",
        "CL_CANCEL",
        "FACK",
        "CANCEL_ACK",
        "BIND",
        "BINDACK",
        "BINDNAK",
        "ALTER_CONTEXT",
        "ALTER_CONTEXT_RESP",
        "AUTH3",
        "SHUTDOWN",
        "CO_CANCEL",
        "ORPHANED",
        "RTS",
    ];
}

impl fmt::Display for PduKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES.get(usize::from(self.0)).copied().unwrap_or("UNKNOWN"))
    }
}

/// A connection-oriented unit.
#[derive(Clone, Debug)]
pub struct Pdu<'a> {
    /// What it is.
    pub kind: PduKind,
    /// Version of the protocol, major and minor.
    pub version: (u8, u8),
    /// `pfc_flags`.
    pub flags: u8,
    /// Its integers begin with their lowest byte.
    pub little: bool,
    /// Which call it belongs to.
    pub call_id: u32,
    /// What it says.
    pub body: Body<'a>,
}

/// What a unit says.
#[derive(Clone, Debug)]
pub enum Body<'a> {
    /// Interfaces that the client wants to use.
    Bind(Vec<Interface>),
    /// What the server says of each, in their order: result and reason.
    Results(Vec<(u16, u16)>),
    /// A call, or a part of one.
    Request {
        /// Id of the presentation context, which stands for an interface.
        context: u16,
        /// Number of the operation.
        opnum: u16,
        /// Arguments. As in Suricata, an object's id before them counts as theirs.
        stub: &'a [u8],
    },
    /// The answer, or a part of it; a fault as well.
    Response {
        /// Results. As in Suricata, all behind the header counts as theirs.
        stub: &'a [u8],
    },
    /// Something else, or broken.
    Other,
}

impl<'a> Pdu<'a> {
    /// Bytes of the header.
    pub const HEADER: usize = 16;
    /// The call's first fragment.
    pub const FIRST_FRAGMENT: u8 = 0x01;
    /// The call's last fragment.
    pub const LAST_FRAGMENT: u8 = 0x02;

    /// Whether a unit could begin so, as far as there are bytes.
    #[must_use]
    pub fn is_likely(bytes: &[u8]) -> bool {
        let least = |at: usize, test: fn(u8) -> bool| bytes.get(at).is_none_or(|b| test(*b));
        least(0, |b| b == 5)
            && least(1, |b| b <= 1)
            && least(2, |b| b <= PduKind::LAST.0)
            && least(4, |b| b & 0xee == 0)
            && least(5, |b| b <= 3)
            && least(6, |b| b == 0)
            && Self::length(bytes).is_none_or(|len| len >= Self::HEADER)
    }

    /// Bytes of the unit that begins so; None while that is not known.
    #[must_use]
    pub fn length(bytes: &[u8]) -> Option<usize> {
        let &[low, high] = bytes.get(8..10)? else { return None };
        let order = if is_little(*bytes.get(4)?) { u16::from_le_bytes } else { u16::from_be_bytes };
        Some(usize::from(order([low, high])))
    }

    /// Reads a whole unit; None if it is none.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() < Self::HEADER || !Self::is_likely(bytes) {
            return None;
        }
        let little = is_little(*bytes.get(4)?);
        let mut cursor = if little { Cursor::little(bytes) } else { Cursor::big(bytes) };
        let version = (cursor.u8()?, cursor.u8()?);
        let (kind, flags) = (PduKind(cursor.u8()?), cursor.u8()?);
        cursor.skip(8)?;
        let call_id = cursor.u32()?;
        let body = match kind {
            PduKind::REQUEST => request(cursor),
            PduKind::RESPONSE | PduKind::FAULT => Some(Body::Response { stub: cursor.rest() }),
            PduKind::BIND | PduKind::ALTER_CONTEXT => bind(cursor, little),
            PduKind::BINDACK | PduKind::ALTER_CONTEXT_RESP => results(cursor),
            _ => None,
        };
        Some(Self { kind, version, flags, little, call_id, body: body.unwrap_or(Body::Other) })
    }

    /// It begins its message.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.flags & Self::FIRST_FRAGMENT != 0
    }

    /// It ends its message.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.flags & Self::LAST_FRAGMENT != 0
    }
}

/// Integers begin with their lowest byte, says the first byte of the data representation (C706, 14.1).
pub(super) fn is_little(representation: u8) -> bool {
    representation & 0x10 != 0
}

fn request(mut cursor: Cursor<'_>) -> Option<Body<'_>> {
    cursor.skip(4)?;
    let (context, opnum) = (cursor.u16()?, cursor.u16()?);
    Some(Body::Request { context, opnum, stub: cursor.rest() })
}

fn bind<'a>(mut cursor: Cursor<'a>, little: bool) -> Option<Body<'a>> {
    cursor.skip(8)?;
    let count = cursor.u8()?;
    cursor.skip(3)?;
    let mut interfaces = Vec::new();
    for _ in 0..usize::from(count).min(MAX_INTERFACES) {
        match context(&mut cursor, little) {
            Some(interface) => interfaces.push(interface),
            None => break,
        }
    }
    Some(Body::Bind(interfaces))
}

/// One element of the list of presentation contexts.
fn context(cursor: &mut Cursor<'_>, little: bool) -> Option<Interface> {
    let context = cursor.u16()?;
    let syntaxes = cursor.u8()?;
    cursor.skip(1)?;
    let uuid = Uuid::read(cursor.array()?, little);
    let (major, minor) = (cursor.u16()?, cursor.u16()?);
    // A list that is cut short still says this.
    let _ = cursor.skip(20 * usize::from(syntaxes));
    Some(Interface { context, uuid, version: (major, minor), result: None })
}

fn results<'a>(mut cursor: Cursor<'a>) -> Option<Body<'a>> {
    cursor.skip(8)?;
    let address = cursor.u16()?;
    cursor.skip(usize::from(address))?;
    cursor.align(4)?;
    let count = cursor.u8()?;
    cursor.skip(3)?;
    let mut results = Vec::new();
    for _ in 0..usize::from(count).min(MAX_INTERFACES) {
        let (Some(result), Some(reason), Some(())) = (cursor.u16(), cursor.u16(), cursor.skip(20)) else { break };
        results.push((result, reason));
    }
    Some(Body::Results(results))
}
