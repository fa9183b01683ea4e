//! ISO transport on TCP (RFC 1006): packets with a length, and in them the transport's own (ISO 8073, 13).

/// Bytes of a packet's header.
pub(super) const TPKT_LEN: usize = 4;

/// How many bytes a packet has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Is(usize),
    More,
    /// No packet begins so.
    Not,
}

/// What bytes are that may begin a packet.
pub(super) fn start(bytes: &[u8]) -> Start {
    match *bytes {
        [] | [3] | [3, 0] | [3, 0, _] => Start::More,
        [3, 0, high, low, ..] => {
            let len = usize::from(u16::from_be_bytes([high, low]));
            // At least a transport header of three bytes.
            if len >= TPKT_LEN + 3 { Start::Is(len) } else { Start::Not }
        }
        _ => Start::Not,
    }
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packet<'a> {
    /// A connection is asked for, or confirmed.
    Connect,
    Data {
        bytes: &'a [u8],
        /// The message ends with it.
        last: bool,
    },
    Other,
}

impl<'a> Packet<'a> {
    /// Reads a whole one.
    pub(super) fn read(packet: &'a [u8]) -> Option<Self> {
        let transport = packet.get(TPKT_LEN..)?;
        let (&len, rest) = transport.split_first()?;
        let (head, bytes) = rest.split_at_checked(len.into())?;
        match head {
            [0xf0, number, ..] => Some(Self::Data { bytes, last: number & 0x80 != 0 }),
            [0xd0..=0xef, ..] => Some(Self::Connect),
            [_, ..] => Some(Self::Other),
            [] => None,
        }
    }
}
