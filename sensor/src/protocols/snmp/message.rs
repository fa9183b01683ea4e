//! A message, read where it lies.

use super::event;
use crate::protocols::ber::{Element, Elements, tag};

/// What a message asks or says, by the number of its tag (RFC 3416, 3; 4 is RFC 1157's trap).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PduType(pub u8);

impl PduType {
    /// RFC 1157's trap, which is built unlike all others.
    pub const TRAP_V1: Self = Self(4);

    /// As EVE calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            0 => "get_request",
            1 => "get_next_request",
            2 => "response",
            3 => "set_request",
            4 => "trap_v1",
            5 => "get_bulk_request",
            6 => "inform_request",
            7 => "trap_v2",
            8 => "report",
            _ => "unknown",
        }
    }
}

/// A message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Message<'a> {
    /// 1, 2 (for 2c) or 3.
    pub version: u32,
    /// Versions 1 and 2c.
    pub community: Option<&'a [u8]>,
    /// The user of version 3's user-based security model.
    pub usm: Option<&'a [u8]>,
    /// What is asked or said, unless it is encrypted.
    pub pdu: Option<Pdu<'a>>,
    /// It is encrypted.
    pub encrypted: bool,
    /// The security model is another.
    pub other_model: bool,
}

/// A PDU.
#[derive(Clone, Copy, Debug)]
pub struct Pdu<'a> {
    /// What it is.
    pub kind: PduType,
    /// What it is about: a sequence of names and values.
    pub variables: Element<'a>,
    /// Of RFC 1157's trap.
    pub trap: Option<Trap<'a>>,
}

/// What RFC 1157's trap says (4.1.6).
#[derive(Clone, Copy, Debug)]
pub struct Trap<'a> {
    /// Who: an object identifier.
    pub enterprise: &'a [u8],
    /// Where: an IPv4 address.
    pub address: &'a [u8],
    /// What.
    pub generic: u64,
}

impl Trap<'_> {
    /// What, as EVE calls it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.generic {
            0 => "cold_start",
            1 => "warm_start",
            2 => "link_down",
            3 => "link_up",
            4 => "authentication_failure",
            5 => "egp_neighbor_loss",
            6 => "enterprise_specific",
            _ => "unknown",
        }
    }
}

impl<'a> Message<'a> {
    /// Reads a message.
    ///
    /// # Errors
    /// It is not built as one; the event.
    pub fn read(bytes: &'a [u8]) -> Result<Self, &'static str> {
        Self::parts(bytes).ok_or(event::MALFORMED_DATA)
    }

    fn parts(bytes: &'a [u8]) -> Option<Self> {
        let mut parts = Elements(bytes).expect(tag::SEQUENCE)?.inside();
        match parts.integer()? {
            version @ 0..=1 => {
                let community = Some(parts.string()?);
                let pdu = Some(Pdu::read(parts.next()?)?);
                Some(Self { version: version as u32 + 1, community, pdu, ..Self::default() })
            }
            3 => Self::version_3(parts),
            _ => None,
        }
    }

    /// RFC 3412, 6.
    fn version_3(mut parts: Elements<'a>) -> Option<Self> {
        const USM: u64 = 3;
        let mut header = parts.expect(tag::SEQUENCE)?.inside();
        let (_id, _size, _flags, model) = (header.integer()?, header.integer()?, header.string()?, header.integer()?);
        let parameters = parts.string()?;
        let usm = (model == USM).then(|| user(parameters)).flatten();
        let is_broken = model == USM && usm.is_none();
        let data = parts.next().filter(|_| !is_broken)?;
        let mut message = Self { version: 3, usm, other_model: model != USM, ..Self::default() };
        match data.tag {
            tag::OCTET_STRING => message.encrypted = true,
            tag::SEQUENCE => {
                let mut scoped = data.inside();
                let (_engine, _name) = (scoped.string()?, scoped.string()?);
                message.pdu = Some(Pdu::read(scoped.next()?)?);
            }
            _ => return None,
        }
        Some(message)
    }
}

/// The user's name (RFC 3414, 2.4).
fn user(parameters: &[u8]) -> Option<&[u8]> {
    let mut parts = Elements(parameters).expect(tag::SEQUENCE)?.inside();
    let (_engine, _boots, _time) = (parts.string()?, parts.integer()?, parts.integer()?);
    parts.string()
}

impl<'a> Pdu<'a> {
    fn read(pdu: Element<'a>) -> Option<Self> {
        if !matches!(pdu.tag, 0xa0..=0xa8) {
            return None;
        }
        const ADDRESS: u8 = 0x40;
        let kind = PduType(pdu.tag & 0x1f);
        let mut parts = pdu.inside();
        let trap = if kind == PduType::TRAP_V1 {
            let (enterprise, address) = (parts.expect(tag::OID)?.content, parts.expect(ADDRESS)?.content);
            let generic = parts.integer()?;
            let (_specific, _time) = (parts.next()?, parts.next()?);
            Some(Trap { enterprise, address, generic })
        } else {
            // A request id, and two integers; the id may be negative.
            for _ in 0..3 {
                parts.expect(tag::INTEGER)?;
            }
            None
        };
        Some(Self { kind, variables: parts.expect(tag::SEQUENCE)?, trap })
    }
}
