//! Messages: their lengths, and what the first bytes of them say (PostgreSQL's manual, "Message Formats").

use crate::protocols::cursor::Cursor;

/// Bytes of a message that are read; where only its head matters, fewer are waited for.
pub const MESSAGE_LIMIT: usize = 64 * 1024;

/// Most bytes of a message: no server takes more (`PQ_LARGE_MESSAGE_LIMIT`).
pub const LENGTH_LIMIT: u32 = 0x3fff_ffff;

/// What a client may say instead of a version.
const CANCEL: u32 = 80_877_102;
const SSL: u32 = 80_877_103;
const GSS: u32 = 80_877_104;

/// The first message of a client, which has no type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First<'a> {
    /// May it be TLS?
    Ssl,
    /// May it be encrypted by GSSAPI?
    Gss,
    /// Another connection's query is to be cancelled: its process and secret.
    Cancel(u32, u32),
    /// Startup: the version, and names and values, each with a zero behind it.
    Startup([u16; 2], &'a [u8]),
}

impl<'a> First<'a> {
    /// Reads it, its length included. None if it is none.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut c = Cursor::big(bytes);
        let len = c.u32()?;
        match c.u32()? {
            SSL if len == 8 => Some(Self::Ssl),
            GSS if len == 8 => Some(Self::Gss),
            // Newer versions have longer secrets, of which this is the beginning.
            CANCEL if len >= 16 => Some(Self::Cancel(c.u32()?, c.u32()?)),
            code if code >> 16 == 3 => Some(Self::Startup([3, code as u16], c.rest())),
            _ => None,
        }
    }
}

/// What the head of a message says of its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// There are too few bytes.
    More,
    /// It has so many bytes, type and length included.
    Is(usize),
    /// No message is that long.
    Not,
}

/// How long a message is. `typed`: it has a type before its length, as all but a client's first have.
#[must_use]
pub fn len(bytes: &[u8], typed: bool) -> Length {
    let before = usize::from(typed);
    let Some(len) = bytes.get(before..).and_then(|bytes| Cursor::big(bytes).u32()) else { return Length::More };
    match len {
        4..=LENGTH_LIMIT => Length::Is(len as usize + before),
        _ => Length::Not,
    }
}

/// Text up to a zero, and what is behind it; all of it where there is none.
#[must_use]
pub fn text(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|b| *b == 0) {
        Some(end) => (bytes.get(..end).unwrap_or_default(), bytes.get(end + 1..).unwrap_or_default()),
        None => (bytes, &[]),
    }
}

/// Names and values, each with a zero behind it, up to an empty name.
pub fn pairs(mut bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let (name, rest) = text(bytes);
        let (value, rest) = text(rest);
        bytes = rest;
        (!name.is_empty()).then_some((name, value))
    })
}

/// The statement of `Parse`, behind the name of what is prepared.
#[must_use]
pub fn prepared(body: &[u8]) -> &[u8] {
    text(text(body).1).0
}

/// EVE's name of a client's message that says no more.
#[must_use]
pub fn request_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        b'B' => "bind",
        b'C' => "close",
        b'c' => "copy_done",
        b'D' => "describe",
        b'E' => "execute",
        b'F' => "function_call",
        b'f' => "copy_fail",
        b'H' => "flush",
        b'P' => "parse",
        b'S' => "sync",
        b'X' => "termination_message",
        _ => return None,
    })
}

/// EVE's name of what the server wants or says of authentication.
#[must_use]
pub fn authentication_name(code: u32) -> Option<&'static str> {
    Some(match code {
        0 => "authentication_ok",
        2 => "authentication_kerb5",
        3 => "authentication_cleartext_password",
        5 => "authentication_md5_password",
        7 => "authentication_gss",
        8 => "authentication_gss_continue",
        9 => "authentication_sspi",
        10 => "authentication_sasl",
        11 => "authentication_sasl_continue",
        12 => "authentication_sasl_final",
        _ => return None,
    })
}
