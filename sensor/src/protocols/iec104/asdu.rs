//! Frames (IEC 60870-5-104, 5) and the data units in them (60870-5-101, 7).

use super::event;
use super::types::{self, Value};
use crate::protocols::cursor::Cursor;

/// What every frame begins with.
pub(super) const START: u8 = 0x68;
/// Start, length and control.
pub(super) const HEADER_LEN: usize = 6;
/// The least and the largest length that a frame may tell: it counts from the control bytes on.
pub(super) const LENGTHS: std::ops::RangeInclusive<u8> = 4..=253;

/// What the control bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
    /// Carries data: numbers of what is sent and of what was received.
    I { send: u16, receive: u16 },
    /// What was received.
    S,
    /// Starts, stops or tests the transfer.
    U(u8),
}

/// A frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) control: Control,
    /// Bits of the control bytes that are 0 in each kind are.
    pub(super) is_clean: bool,
    /// The data unit.
    pub(super) data: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads a whole one.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (&[START, len, first, second, third, fourth], rest) = bytes.split_first_chunk::<HEADER_LEN>()? else {
            return None;
        };
        let data = rest.get(..usize::from(len).checked_sub(4)?)?;
        let control = match first & 3 {
            0 | 2 => Control::I {
                send: u16::from_le_bytes([first, second]) >> 1,
                receive: u16::from_le_bytes([third, fourth]) >> 1,
            },
            1 => Control::S,
            _ => Control::U(first),
        };
        let is_clean = match control {
            Control::I { .. } => third & 1 == 0,
            Control::S => first == 1 && second == 0 && third & 1 == 0,
            Control::U(_) => (second, third, fourth) == (0, 0, 0),
        };
        Some(Self { control, is_clean, data })
    }

    /// Whether its length and bits are those that its kind has.
    pub(super) fn is_sound(&self) -> bool {
        let fits = match self.control {
            // A data unit has six bytes before its objects.
            Control::I { .. } => self.data.len() >= 6,
            Control::S => self.data.is_empty(),
            Control::U(bits) => self.data.is_empty() && matches!(bits, 0x07 | 0x0b | 0x13 | 0x23 | 0x43 | 0x83),
        };
        fits && self.is_clean
    }
}

/// A data unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asdu<'a> {
    pub(super) kind: u8,
    /// Objects follow each other: only the first has an address.
    pub(super) sequence: bool,
    pub(super) count: u8,
    /// Without the flags beside it.
    pub(super) cause: u8,
    /// Bit 6: the answer is no; bit 7: it is a test.
    pub(super) flags: u8,
    pub(super) originator: u8,
    pub(super) common_address: u16,
    /// The information objects.
    pub(super) objects: &'a [u8],
}

/// An information object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Object<'a> {
    pub(super) address: u32,
    pub(super) element: &'a [u8],
    pub(super) value: Value,
}

fn address(at: &mut Cursor<'_>) -> Option<u32> {
    let [low, middle, high] = at.array::<3>()?;
    Some(u32::from_le_bytes([low, middle, high, 0]))
}

impl<'a> Asdu<'a> {
    pub(super) fn read(data: &'a [u8]) -> Option<Self> {
        let mut at = Cursor::little(data);
        let (kind, qualifier, cause) = (at.u8()?, at.u8()?, at.u8()?);
        let (originator, common_address) = (at.u8()?, at.u16()?);
        Some(Self {
            kind,
            sequence: qualifier & 0x80 != 0,
            count: qualifier & 0x7f,
            cause: cause & 0x3f,
            flags: cause & 0xc0,
            originator,
            common_address,
            objects: at.rest(),
        })
    }

    /// Its objects, as far as they are there. Of a type that is not known, the first: with all bytes.
    pub(super) fn objects(&self) -> impl Iterator<Item = Object<'a>> {
        let mut at = Cursor::little(self.objects);
        let layout = types::layout(self.kind);
        let (len, value) = layout.unwrap_or((0, Value::Nothing));
        let (sequence, known) = (self.sequence, layout.is_some());
        let mut next = None;
        (0..if known { self.count } else { 1 }).map_while(move |_| {
            let address = match next {
                Some(next) if sequence => next,
                _ => address(&mut at)?,
            };
            next = Some(address.wrapping_add(1) & 0x00ff_ffff);
            let element = if known { at.take(len)? } else { at.rest() };
            Some(Object { address, element, value })
        })
    }

    /// What is odd about it, if something is.
    pub(super) fn fault(&self) -> Option<&'static str> {
        // Files come in segments of any length.
        if self.kind == 125 {
            return None;
        }
        let Some((len, _)) = types::layout(self.kind) else { return Some(event::UNKNOWN_TYPE) };
        let count = usize::from(self.count);
        let addresses = if self.sequence { 1 } else { count };
        let fits = count > 0 && self.objects.len() == 3 * addresses + len * count;
        (!fits).then_some(event::INVALID_ASDU)
    }
}
