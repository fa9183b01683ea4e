//! What a security association payload offers, or what of it was chosen (RFC 2408, 3.4 to 3.6; RFC 7296, 3.3).

use super::attribute::{Attribute, Kind};
use crate::protocols::cursor::Cursor;

/// Proposals, transforms and attributes that are looked at of a message, each.
pub const PROPOSAL_LIMIT: usize = 64;

/// What is asked to be protected.
const AH: u8 = 2;

/// An association, offered or chosen.
#[derive(Clone, Debug, Default)]
pub struct Association {
    /// Version 1's domain of interpretation.
    pub doi: Option<u32>,
    /// The transforms, each with its attributes: version 1 picks one transform, version 2 one of each type.
    pub transforms: Vec<Vec<Attribute>>,
    /// How many proposals.
    pub proposals: usize,
    /// One asks for AH.
    pub has_ah: bool,
    /// One is for a protocol that is not known.
    pub has_unknown: bool,
    /// One lacks what it must have.
    pub has_invalid: bool,
}

impl Association {
    /// Reads the payload; None if it is broken.
    #[must_use]
    pub fn read(version: u8, data: &[u8]) -> Option<Self> {
        let mut c = Cursor::big(data);
        let mut association = Self::default();
        if version == 1 {
            association.doi = Some(c.u32()?);
            let _situation = c.u32()?;
        }
        let mut attributes = 0;
        let mut more = true;
        while more && association.proposals < PROPOSAL_LIMIT {
            let (last, mut proposal) = part(&mut c)?;
            more = last != 0;
            association.proposals += 1;
            let (_number, protocol, spi, count) = (proposal.u8()?, proposal.u8()?, proposal.u8()?, proposal.u8()?);
            proposal.skip(spi.into())?;
            association.has_ah |= protocol == AH;
            association.has_unknown |= !(1..=4).contains(&protocol);
            association.has_invalid |= count == 0;
            for _ in 0..count {
                if association.transforms.len() >= PROPOSAL_LIMIT || attributes >= PROPOSAL_LIMIT {
                    break;
                }
                let (_, transform) = part(&mut proposal)?;
                let read = transform_of(version, transform)?;
                attributes += read.len();
                association.transforms.push(read);
            }
        }
        Some(association)
    }

    /// All attributes.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute> {
        self.transforms.iter().flatten().copied()
    }
}

/// A proposal or a transform: whether another follows, and what is in it.
fn part<'a>(c: &mut Cursor<'a>) -> Option<(u8, Cursor<'a>)> {
    const HEAD: usize = 4;
    let (last, _, len) = (c.u8()?, c.u8()?, usize::from(c.u16()?));
    Some((last, Cursor::big(c.take(len.checked_sub(HEAD)?)?)))
}

fn transform_of(version: u8, mut c: Cursor<'_>) -> Option<Vec<Attribute>> {
    let (kind, _) = (c.u8()?, c.u8()?);
    let id = c.u16()?;
    let mut attributes = vec![];
    if version == 2
        && let Some(kind) = Kind::of_version_2(kind)
    {
        attributes.push(Attribute { version, kind, value: id.into() });
    }
    while !c.rest().is_empty() && attributes.len() < PROPOSAL_LIMIT {
        let (kind, value) = attribute(&mut c)?;
        let known = if version == 1 { Kind::of_version_1(kind) } else { (kind == 14).then_some(Kind::KeyLength) };
        attributes.extend(known.map(|kind| Attribute { version, kind, value }));
    }
    Some(attributes)
}

/// RFC 2408, 3.3: a short one has its value where a long one has its length.
fn attribute(c: &mut Cursor<'_>) -> Option<(u16, u32)> {
    const SHORT: u16 = 0x8000;
    let (kind, value) = (c.u16()?, c.u16()?);
    if kind & SHORT != 0 {
        return Some((kind & !SHORT, value.into()));
    }
    let digits = c.take(value.into())?;
    Some((kind, digits.iter().fold(0, |n: u32, d| n.wrapping_shl(8) | u32::from(*d))))
}
