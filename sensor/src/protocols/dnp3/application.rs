//! The application layer (IEEE 1815, 4 and 11): a fragment's header and its objects.

use super::event;
use super::objects::{self, Field};
use crate::protocols::cursor::Cursor;

/// Objects of a fragment that are read.
pub const OBJECT_LIMIT: usize = 128;
/// Points of a fragment that are read.
pub const POINT_LIMIT: usize = 4096;

/// How a fragment begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) control: u8,
    pub(super) function: u8,
    /// Internal indications, where it is a response: the first byte is the higher one.
    pub(super) indicators: Option<u16>,
}

/// Functions of responses, which have indications (4.2.2.5).
const RESPONSES: std::ops::RangeInclusive<u8> = 129..=131;

/// Functions whose objects are only named (4.2.2.5): read, freezes, and which events are reported.
fn only_names(function: u8) -> bool {
    matches!(function, 1 | 7..=12 | 20..=22)
}

impl Head {
    /// Reads it, and what the objects are read from.
    pub(super) fn read(fragment: &[u8]) -> Option<(Self, &[u8])> {
        let mut at = Cursor::big(fragment);
        let (control, function) = (at.u8()?, at.u8()?);
        let indicators = if RESPONSES.contains(&function) { Some(at.u16()?) } else { None };
        Some((Self { control, function, indicators }, at.rest()))
    }
}

/// An object's header (4.2.2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) group: u8,
    pub(super) variation: u8,
    pub(super) qualifier: u8,
    pub(super) start: u32,
    pub(super) stop: u32,
    pub(super) count: u32,
}

impl Object {
    pub(super) fn prefix_code(&self) -> u8 {
        self.qualifier >> 4 & 7
    }

    pub(super) fn range_code(&self) -> u8 {
        self.qualifier & 0x0f
    }

    fn read(at: &mut Cursor<'_>) -> Option<Self> {
        let (group, variation, qualifier) = (at.u8()?, at.u8()?, at.u8()?);
        let mut object = Self { group, variation, qualifier, start: 0, stop: 0, count: 0 };
        let range = match object.range_code() {
            0 => Some((at.u8()?.into(), at.u8()?.into())),
            1 => Some((at.u16()?.into(), at.u16()?.into())),
            2 => Some((at.u32()?, at.u32()?)),
            6 => None,
            7 | 0x0b => {
                object.count = at.u8()?.into();
                None
            }
            8 => {
                object.count = at.u16()?.into();
                None
            }
            9 => {
                object.count = at.u32()?;
                None
            }
            _ => return None,
        };
        if let Some((start, stop)) = range {
            (object.start, object.stop) = (start, stop);
            object.count = stop.checked_sub(start)?.saturating_add(1);
        }
        Some(object)
    }

    /// What stands before each point: an index, or its length; Some(None) if nothing does.
    fn prefix(&self, at: &mut Cursor<'_>) -> Option<Option<u32>> {
        Some(match self.prefix_code() {
            0 => None,
            1 | 4 => Some(at.u8()?.into()),
            2 | 5 => Some(at.u16()?.into()),
            3 | 6 => Some(at.u32()?),
            _ => return None,
        })
    }
}

/// A point of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point<'a> {
    /// 0 if there is none.
    pub(super) prefix: u32,
    pub(super) index: u32,
    pub(super) fields: &'static [Field],
    pub(super) bytes: &'a [u8],
    /// For points of less than a byte: where in `bytes` it begins.
    pub(super) bit: u8,
}

/// Whom the objects of a fragment are told to.
pub(super) trait Visit<'a> {
    fn object(&mut self, object: Object);
    fn point(&mut self, point: Point<'a>);
}

/// Tells the objects of a fragment and their points.
///
/// # Errors
/// Not all of them could be read: the event, or none where the fragment is just too short.
pub(super) fn walk<'a>(function: u8, bytes: &'a [u8], visit: &mut dyn Visit<'a>) -> Result<(), Option<&'static str>> {
    let mut at = Cursor::little(bytes);
    let mut points = 0;
    for objects in 0.. {
        if at.rest().is_empty() {
            return Ok(());
        }
        if objects >= OBJECT_LIMIT {
            return Err(Some(event::TOO_MANY_OBJECTS));
        }
        let object = Object::read(&mut at).ok_or(None)?;
        visit.object(object);
        let named = only_names(function) && object.group != 50;
        if named && object.prefix_code() == 0 {
            continue;
        }
        let fields = if named { Some(&[][..]) } else { objects::fields(object.group, object.variation) };
        if fields.is_some_and(objects::is_packed) && object.prefix_code() == 0 {
            packed(&object, fields.unwrap_or_default(), &mut at, &mut points, visit)?;
            continue;
        }
        let has_len = object.prefix_code() >= 4;
        for index in object.start..object.start.saturating_add(object.count) {
            count(&mut points)?;
            let prefix = object.prefix(&mut at).ok_or(None)?;
            let len = match (has_len, fields) {
                (true, _) => prefix.unwrap_or(0) as usize,
                // Its length stands in its variation (A.33).
                (false, None) if matches!(object.group, 110 | 111) => object.variation.into(),
                (false, None) => return Err(Some(event::UNKNOWN_OBJECT)),
                (false, Some(fields)) => objects::width(fields).ok_or(Some(event::UNKNOWN_OBJECT))?,
            };
            let bytes = at.take(len).ok_or(None)?;
            visit.point(Point { prefix: prefix.unwrap_or(0), index, fields: fields.unwrap_or(&[]), bytes, bit: 0 });
        }
    }
    Ok(())
}

fn count(points: &mut usize) -> Result<(), Option<&'static str>> {
    *points += 1;
    if *points > POINT_LIMIT { Err(Some(event::TOO_MANY_POINTS)) } else { Ok(()) }
}

/// Points of a bit or two each, one behind the other.
fn packed<'a>(
    object: &Object,
    fields: &'static [Field],
    at: &mut Cursor<'a>,
    points: &mut usize,
    visit: &mut dyn Visit<'a>,
) -> Result<(), Option<&'static str>> {
    let width = objects::bits(fields);
    let total = (object.count as usize).saturating_mul(width.into()).div_ceil(8);
    let bytes = at.take(total).ok_or(None)?;
    let mut bit = 0_usize;
    for index in object.start..object.start.saturating_add(object.count) {
        count(points)?;
        let rest = bytes.get(bit / 8..).unwrap_or_default();
        visit.point(Point { prefix: 0, index, fields, bytes: rest, bit: (bit % 8) as u8 });
        bit += usize::from(width);
    }
    Ok(())
}
