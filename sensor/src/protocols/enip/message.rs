//! The encapsulation (volume 2, 2-3): a header, and what the command carries.

use crate::packet::Direction;
use crate::protocols::cursor::Cursor;

/// Bytes of a header.
pub(super) const HEADER_LEN: usize = 24;

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Command(pub(super) u16);

impl Command {
    pub(super) const LIST_SERVICES: Self = Self(0x04);
    pub(super) const LIST_IDENTITY: Self = Self(0x63);
    pub(super) const LIST_INTERFACES: Self = Self(0x64);
    pub(super) const REGISTER_SESSION: Self = Self(0x65);
    pub(super) const UNREGISTER_SESSION: Self = Self(0x66);
    pub(super) const SEND_RR_DATA: Self = Self(0x6f);
    pub(super) const SEND_UNIT_DATA: Self = Self(0x70);

    /// Nobody answers it.
    pub(super) fn is_unanswered(self) -> bool {
        self.0 == 0 || self == Self::UNREGISTER_SESSION
    }
}

/// The header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub(super) command: Command,
    /// Bytes behind the header.
    pub(super) len: u16,
    pub(super) session: u32,
    pub(super) status: u32,
    /// What the asker wants to have back.
    pub(super) context: &'a [u8],
    pub(super) options: u32,
}

impl<'a> Header<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut at = Cursor::little(bytes);
        let (command, len) = (Command(at.u16()?), at.u16()?);
        let (session, status, context, options) = (at.u32()?, at.u32()?, at.take(8)?, at.u32()?);
        Some(Self { command, len, session, status, context, options })
    }
}

/// Who a device says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity<'a> {
    pub(super) protocol_version: u16,
    pub(super) vendor: u16,
    pub(super) device_type: u16,
    pub(super) product: u16,
    /// Major in the higher byte.
    pub(super) revision: u16,
    pub(super) status: u16,
    pub(super) serial: u32,
    pub(super) name: &'a [u8],
    pub(super) state: u8,
}

impl<'a> Identity<'a> {
    fn read(item: &'a [u8]) -> Option<Self> {
        let mut at = Cursor::little(item);
        let protocol_version = at.u16()?;
        // The socket's address.
        at.skip(16)?;
        let (vendor, device_type, product) = (at.u16()?, at.u16()?, at.u16()?);
        let revision = u16::from_be_bytes(at.array()?);
        let (status, serial, len) = (at.u16()?, at.u32()?, at.u8()?);
        let (name, state) = (at.take(len.into())?, at.u8()?);
        Some(Self { protocol_version, vendor, device_type, product, revision, status, serial, name, state })
    }
}

/// A service that a device offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Service<'a> {
    pub(super) protocol_version: u16,
    pub(super) capabilities: u16,
    pub(super) name: &'a [u8],
}

impl<'a> Service<'a> {
    fn read(item: &'a [u8]) -> Option<Self> {
        let mut at = Cursor::little(item);
        let (protocol_version, capabilities, name) = (at.u16()?, at.u16()?, at.rest());
        let len = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        Some(Self { protocol_version, capabilities, name: name.get(..len)? })
    }
}

/// What a message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body<'a> {
    Identity(Identity<'a>),
    Services(Service<'a>),
    Register {
        version: u16,
        options: u16,
    },
    /// A CIP message; of a connection, with its number there.
    Cip {
        sequence: Option<u16>,
        bytes: &'a [u8],
    },
    /// Nothing that is read.
    Other,
}

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    pub(super) header: Header<'a>,
    /// None if it is not built as its command says.
    pub(super) body: Option<Body<'a>>,
}

/// Types of items (volume 2, 2-6.2).
const IDENTITY: u16 = 0x0c;
const CONNECTED: u16 = 0xb1;
const UNCONNECTED: u16 = 0xb2;
const SERVICES: u16 = 0x100;

impl<'a> Message<'a> {
    /// Reads a whole one.
    pub(super) fn read(bytes: &'a [u8], direction: Direction) -> Option<Self> {
        let header = Header::read(bytes)?;
        let body = bytes.get(HEADER_LEN..)?.get(..header.len.into())?;
        Some(Self { header, body: read_body(header, body, direction) })
    }

    /// Its CIP message, if it has one.
    pub(super) fn cip(&self) -> Option<&'a [u8]> {
        if let Some(Body::Cip { bytes, .. }) = self.body { Some(bytes) } else { None }
    }

    /// Its number in its connection.
    pub(super) fn sequence(&self) -> Option<u16> {
        if let Some(Body::Cip { sequence, .. }) = self.body { sequence } else { None }
    }
}

fn read_body<'a>(header: Header<'a>, body: &'a [u8], direction: Direction) -> Option<Body<'a>> {
    let mut at = Cursor::little(body);
    match header.command {
        _ if header.status != 0 && body.is_empty() => Some(Body::Other),
        Command::REGISTER_SESSION => Some(Body::Register { version: at.u16()?, options: at.u16()? }),
        Command::SEND_RR_DATA | Command::SEND_UNIT_DATA => {
            // The interface's handle, and a time-out.
            at.skip(6)?;
            items(&mut at)
        }
        Command::LIST_IDENTITY | Command::LIST_SERVICES if direction == Direction::ToClient => items(&mut at),
        _ => Some(Body::Other),
    }
}

/// The first item that says something (volume 2, 2-6).
fn items<'a>(at: &mut Cursor<'a>) -> Option<Body<'a>> {
    let count = at.u16()?;
    let mut found = None;
    for _ in 0..count {
        let (kind, len) = (at.u16()?, at.u16()?);
        let item = at.take(len.into())?;
        let body = match kind {
            IDENTITY => Body::Identity(Identity::read(item)?),
            SERVICES => Body::Services(Service::read(item)?),
            CONNECTED => {
                let (sequence, bytes) = item.split_first_chunk::<2>()?;
                Body::Cip { sequence: Some(u16::from_le_bytes(*sequence)), bytes }
            }
            UNCONNECTED => Body::Cip { sequence: None, bytes: item },
            _ => continue,
        };
        found.get_or_insert(body);
    }
    Some(found.unwrap_or(Body::Other))
}
