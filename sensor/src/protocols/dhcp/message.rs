//! A message, read where it lies.

use crate::protocols::cursor::Cursor;

/// Options of a message that are looked at.
pub const OPTION_LIMIT: usize = 128;

/// Codes of options (RFC 2132).
pub mod code {
    pub const PAD: u8 = 0;
    pub const SUBNET_MASK: u8 = 1;
    pub const ROUTER: u8 = 3;
    pub const DNS_SERVER: u8 = 6;
    pub const HOSTNAME: u8 = 12;
    pub const REQUESTED_IP: u8 = 50;
    pub const LEASE_TIME: u8 = 51;
    pub const MESSAGE_TYPE: u8 = 53;
    pub const PARAMETERS: u8 = 55;
    pub const RENEWAL_TIME: u8 = 58;
    pub const REBINDING_TIME: u8 = 59;
    pub const VENDOR_CLASS: u8 = 60;
    pub const CLIENT_ID: u8 = 61;
    pub const END: u8 = 255;
}

/// A message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The server sent it.
    pub is_reply: bool,
    /// Tells exchanges from one another.
    pub id: u32,
    /// The client's, the one it gets, the next server's, the relay's.
    pub addresses: [[u8; 4]; 4],
    /// The client's hardware address.
    pub hardware: &'a [u8],
    /// Behind the cookie.
    pub options: &'a [u8],
}

/// An option.
pub type DhcpOption<'a> = (u8, &'a [u8]);

impl<'a> Message<'a> {
    /// Reads it; None if it is none.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        const COOKIE: [u8; 4] = [99, 130, 83, 99];
        // The server's name and a file's.
        const NAMES: usize = 64 + 128;
        let mut c = Cursor::big(bytes);
        let (op, _kind, width, _hops, id) = (c.u8()?, c.u8()?, usize::from(c.u8()?), c.u8()?, c.u32()?);
        c.skip(4)?;
        let addresses = [c.array()?, c.array()?, c.array()?, c.array()?];
        let hardware = c.take(16)?;
        c.skip(NAMES)?;
        let good = matches!(op, 1 | 2) && c.array() == Some(COOKIE);
        let hardware = hardware.get(..width).filter(|_| good)?;
        Some(Self { is_reply: op == 2, id, addresses, hardware, options: c.rest() })
    }

    /// The options as far as they are whole, and what is odd about them.
    pub fn options(&self, mut each: impl FnMut(DhcpOption<'a>)) -> Option<&'static str> {
        let mut c = Cursor::big(self.options);
        for _ in 0..OPTION_LIMIT {
            match c.u8() {
                None => return Some(super::event::TRUNCATED_OPTIONS),
                Some(code::END) => return None,
                Some(code::PAD) => {}
                Some(code) => {
                    let Some(data) = c.u8().and_then(|len| c.take(len.into())) else {
                        return Some(super::event::MALFORMED_OPTIONS);
                    };
                    each((code, data));
                }
            }
        }
        None
    }

    /// The first option of this code.
    #[must_use]
    pub fn option(&self, wanted: u8) -> Option<&'a [u8]> {
        let mut found = None;
        self.options(|(code, data)| {
            if code == wanted && found.is_none() {
                found = Some(data);
            }
        });
        found
    }

    /// An option of four bytes, as an integer.
    #[must_use]
    pub fn number(&self, wanted: u8) -> Option<u32> {
        let data = self.option(wanted)?;
        Some(u32::from_be_bytes(data.try_into().ok()?))
    }

    /// What it is about, as EVE calls it (RFC 2132, 9.6).
    #[must_use]
    pub fn kind(&self) -> Option<&'static str> {
        let &[kind] = self.option(code::MESSAGE_TYPE)? else { return None };
        Some(match kind {
            1 => "discover",
            2 => "offer",
            3 => "request",
            4 => "decline",
            5 => "ack",
            6 => "nak",
            7 => "release",
            8 => "inform",
            _ => "unknown",
        })
    }
}

/// What a client asks for, by the option's code, as EVE calls it.
#[must_use]
pub fn parameter(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "subnet_mask",
        3 => "router",
        6 => "dns_server",
        15 => "domain",
        35 => "arp_timeout",
        42 => "ntp_server",
        66 => "tftp_server_name",
        150 => "tftp_server_ip",
        _ => return None,
    })
}
