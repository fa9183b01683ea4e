//! Datagrams to calls (C706, 12.5): each says for itself which interface it is about.

use super::association::{Interface, Uuid};
use super::call::{Call, Role, role_of};
use super::parser::Calls;
use super::pdu::{PduKind, is_little};
use crate::packet::Direction;
use crate::protocols::cursor::Cursor;
use crate::protocols::{Observer, Parser, Status};
use sekisho_signatures::app::Protocol;

/// The header of a connectionless unit, and its body.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    kind: PduKind,
    flags: u8,
    little: bool,
    interface: Uuid,
    version: (u16, u16),
    activity: Uuid,
    number: u32,
    opnum: u16,
    fragment: u16,
    body: &'a [u8],
}

impl<'a> Header<'a> {
    const LEN: usize = 80;
    const LAST_FRAGMENT: u8 = 0x02;
    const FRAGMENT: u8 = 0x04;

    /// Reads a datagram; None if it is none of the protocol.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut fixed = Cursor::big(bytes.get(..Self::LEN)?);
        let [version, kind, flags, more_flags] = fixed.array()?;
        let [order, float, _] = fixed.array()?;
        if version != 4 || kind > PduKind::LAST_DATAGRAM.0 || more_flags & 0xfc != 0 || order & 0xee != 0 || float > 3 {
            return None;
        }
        let little = is_little(order);
        let rest = fixed.rest();
        let mut cursor = if little { Cursor::little(rest) } else { Cursor::big(rest) };
        cursor.skip(1 + 16)?;
        let interface = Uuid::read(cursor.array()?, little);
        // Suricata shows it so whatever the byte order is.
        let activity = Uuid::read(cursor.array()?, true);
        cursor.skip(4)?;
        // A 32-bit version has its major half in the low 16 bits.
        let version = cursor.u32()?;
        let (number, opnum) = (cursor.u32()?, cursor.u16()?);
        cursor.skip(4)?;
        let (len, fragment) = (cursor.u16()?, cursor.u16()?);
        let body = bytes.get(Self::LEN..)?.get(..usize::from(len))?;
        let version = (version as u16, (version >> 16) as u16);
        let kind = PduKind(kind);
        Some(Self { kind, flags, little, interface, version, activity, number, opnum, fragment, body })
    }

    fn is_last(&self) -> bool {
        self.flags & Self::FRAGMENT == 0 || self.flags & Self::LAST_FRAGMENT != 0
    }
}

/// Reads a flow of datagrams.
#[derive(Debug, Default)]
pub struct DcerpcDatagramParser {
    calls: Calls,
}

impl DcerpcDatagramParser {
    /// For a new flow.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn unit(&mut self, direction: Direction, header: Header<'_>, observer: &mut dyn Observer) -> Option<()> {
        let role = role_of(header.kind).filter(|_| header.kind.0 <= PduKind::LAST_DATAGRAM.0)?;
        let activity = Some((header.activity, header.number));
        let index = match self.calls.position(|t| t.activity == activity && !t.call.half(role).over) {
            Some(index) => index,
            None => {
                let towards = if role == Role::Request { direction } else { direction.reverse() };
                let mut call = Call::new(header.number, (4, 0));
                call.half_mut(Role::Request).over = role == Role::Response;
                self.calls.begin(call, towards, observer)
            }
        };
        let (transaction, room) = self.calls.get(index)?;
        transaction.activity = activity;
        let call = &mut transaction.call;
        if role == Role::Request && call.interfaces.is_empty() {
            let (uuid, version) = (header.interface, header.version);
            call.interfaces.push(Interface { context: 0, uuid, version, result: Some((0, 0)) });
            call.opnum = Some(header.opnum);
        }
        let half = call.half_mut(role);
        half.kind.get_or_insert(header.kind);
        half.little = header.little;
        half.begun |= header.fragment == 0;
        half.add(header.body, room);
        half.over = header.is_last() || header.kind == PduKind::FAULT;
        self.calls.told(index, role, direction, observer);
        Some(())
    }
}

impl Parser for DcerpcDatagramParser {
    fn protocol(&self) -> Protocol {
        Protocol::Dcerpc
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        if let Some(header) = Header::read(bytes) {
            self.unit(direction, header, observer);
        }
        Status::More
    }

    fn gap(&mut self, _direction: Direction, _len: u64, _observer: &mut dyn Observer) -> Status {
        Status::More
    }

    fn end(&mut self, direction: Direction, observer: &mut dyn Observer) {
        self.calls.end_of(direction, observer);
    }
}
