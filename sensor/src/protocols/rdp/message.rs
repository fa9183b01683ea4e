//! The messages before a connection stands: TPKT (RFC 1006, 6), X.224 (13.3 to 13.7) and the negotiation of MS-RDPBCGR 2.2.1.1 and
//! 2.2.1.2.

use crate::protocols::ber::{Begin, begin};
use crate::protocols::cursor::Cursor;

/// Bytes of TPKT's header.
const HEADER: usize = 4;

/// What the first bytes say of a message's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// There are too few.
    More,
    /// It has so many bytes, the header included.
    Is(usize),
    /// They begin no message.
    Not,
}

/// How many bytes a message has.
#[must_use]
pub fn len(bytes: &[u8]) -> Length {
    if bytes.first().is_some_and(|version| *version != 3) || bytes.get(1).is_some_and(|reserved| *reserved != 0) {
        return Length::Not;
    }
    let Some([_, _, high, low]) = bytes.first_chunk() else { return Length::More };
    // The shortest of X.224: its own length and a code.
    match usize::from(u16::from_be_bytes([*high, *low])) {
        len if len >= HEADER + 2 => Length::Is(len),
        _ => Length::Not,
    }
}

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// The client asks for a connection.
    Request(Request<'a>),
    /// The server grants it, with the protocol that it chose, or says why not.
    Confirm(Confirm),
    /// MCS Connect Initial (T.125, 7): the client says who it is; its user data.
    ConnectInitial(&'a [u8]),
    /// MCS Connect Response.
    ConnectResponse,
    /// Another one.
    Other,
}

/// X.224 Connection Request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request<'a> {
    /// The user's name as a cookie tells it, at most nine bytes of it with Microsoft's client.
    pub cookie: Option<&'a [u8]>,
    /// There is a cookie or a token for a load balancer.
    pub is_routed: bool,
    /// The protocols that the client offers beside RDP's own: TLS 1, CredSSP 2, RDSTLS 4 and others (2.2.1.1.1).
    pub offers: Option<u32>,
}

/// X.224 Connection Confirm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confirm {
    /// The server said how it goes on, or why it does not: a server of RDP 4 says neither.
    pub is_negotiated: bool,
    /// The protocol that it chose, 0 for RDP's own.
    pub chosen: Option<u32>,
}

impl<'a> Message<'a> {
    /// Reads a message, TPKT's header included. None if it is broken.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut whole = Cursor::big(bytes);
        whole.skip(HEADER)?;
        let head_len = usize::from(whole.u8()?);
        let mut head = Cursor::big(whole.take(head_len)?);
        match head.u8()? & 0xf0 {
            0xe0 => {
                head.skip(5)?;
                Some(Self::Request(Request::read(head.rest())))
            }
            0xd0 => {
                head.skip(5)?;
                Some(Self::Confirm(Confirm::read(head.rest())))
            }
            0xf0 => Some(Self::data(whole.rest())),
            _ => Some(Self::Other),
        }
    }

    fn data(bytes: &'a [u8]) -> Self {
        match bytes {
            // The second byte of the tag stands for a tag of one byte.
            [0x7f, element @ ..] if element.first() == Some(&0x65) => {
                user_data(element).map_or(Self::Other, Self::ConnectInitial)
            }
            [0x7f, 0x66, ..] => Self::ConnectResponse,
            _ => Self::Other,
        }
    }
}

/// The last of Connect Initial's elements (T.125, 7, `Connect-Initial`).
fn user_data(element: &[u8]) -> Option<&[u8]> {
    const OCTET_STRING: u8 = 4;
    const BEFORE: usize = 6;
    let Begin::Is { head, .. } = begin(element) else { return None };
    let mut rest = element.get(head..)?;
    for _ in 0..BEFORE {
        let Begin::Is { head, len, .. } = begin(rest) else { return None };
        rest = rest.get(head.checked_add(len)?..)?;
    }
    match begin(rest) {
        Begin::Is { tag: OCTET_STRING, head, .. } => rest.get(head..),
        _ => None,
    }
}

impl<'a> Request<'a> {
    fn read(mut bytes: &'a [u8]) -> Self {
        const COOKIE: &[u8] = b"Cookie: mstshash=";
        let mut request = Self::default();
        // 2.2.1.1: a cookie or a token ends with a line's end, and then comes what is offered.
        if let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") {
            let (line, rest) = bytes.split_at(end);
            request.is_routed = true;
            request.cookie = line.strip_prefix(COOKIE);
            bytes = rest.get(2..).unwrap_or_default();
        }
        request.offers = negotiation(bytes, 1);
        request
    }
}

impl Confirm {
    fn read(bytes: &[u8]) -> Self {
        let chosen = negotiation(bytes, 2);
        Self { is_negotiated: chosen.is_some() || negotiation(bytes, 3).is_some(), chosen }
    }
}

/// The value of a structure of the negotiation, if it is of this type (2.2.1.1.1, 2.2.1.2.1 and 2.2.1.2.2).
fn negotiation(bytes: &[u8], kind: u8) -> Option<u32> {
    let mut cursor = Cursor::little(bytes);
    let (is, _flags, len) = (cursor.u8()?, cursor.u8()?, cursor.u16()?);
    if is == kind && len == 8 { cursor.u32() } else { None }
}
