//! How long the information elements of each type are (IEC 60870-5-101, 7.3; 60870-5-104, 8), and how their values are read.

use crate::protocols::cursor::Cursor;

/// What an object holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A state of one or two bits, or a command for one: these bits of the byte.
    State(u8),
    /// A step of a transformer, in seven bits with a sign.
    Step,
    /// A set of 32 bits.
    Bits,
    /// A share of the whole, in units of 1/32768.
    Normalised,
    Scaled,
    Float,
    /// A count.
    Counter,
    /// A qualifier: what a command asks for.
    Qualifier,
    /// A time, or what is not read.
    Nothing,
}

/// Bytes of the elements of a type, time included, and what they hold; None if it is not known or its length varies.
pub(super) fn layout(kind: u8) -> Option<(usize, Value)> {
    use Value::{Bits, Counter, Float, Normalised, Nothing, Qualifier, Scaled, State, Step};
    Some(match kind {
        1 => (1, State(1)),
        2 => (4, State(1)),
        3 => (1, State(3)),
        4 => (4, State(3)),
        5 => (2, Step),
        6 => (5, Step),
        7 => (5, Bits),
        8 => (8, Bits),
        9 => (3, Normalised),
        10 => (6, Normalised),
        11 => (3, Scaled),
        12 => (6, Scaled),
        13 => (5, Float),
        14 => (8, Float),
        15 => (5, Counter),
        16 => (8, Counter),
        17 => (6, State(3)),
        18 | 19 => (7, Nothing),
        20 => (5, Bits),
        21 => (2, Normalised),
        30 => (8, State(1)),
        31 => (8, State(3)),
        32 => (9, Step),
        33 => (12, Bits),
        34 => (10, Normalised),
        35 => (10, Scaled),
        36 => (12, Float),
        37 => (12, Counter),
        38 => (10, State(3)),
        39 | 40 => (11, Nothing),
        45 => (1, State(1)),
        46 | 47 => (1, State(3)),
        48 => (3, Normalised),
        49 => (3, Scaled),
        50 => (5, Float),
        51 => (4, Bits),
        58 => (8, State(1)),
        59 | 60 => (8, State(3)),
        61 => (10, Normalised),
        62 => (10, Scaled),
        63 => (12, Float),
        64 => (11, Bits),
        70 | 100 | 101 | 105 | 113 => (1, Qualifier),
        102 => (0, Nothing),
        103 => (7, Nothing),
        104 | 106 => (2, Nothing),
        107 => (9, Nothing),
        110 => (3, Normalised),
        111 => (3, Scaled),
        112 => (5, Float),
        120 | 122 | 124 => (if kind == 120 { 6 } else { 4 }, Nothing),
        121 => (7, Nothing),
        123 => (5, Nothing),
        126 => (13, Nothing),
        _ => return None,
    })
}

/// A value as a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Whole(i64),
    Real(f32),
}

impl Value {
    /// Reads it from an element.
    pub(super) fn read(self, element: &[u8]) -> Option<Number> {
        let mut at = Cursor::little(element);
        Some(Number::Whole(match self {
            Self::State(mask) => (at.u8()? & mask).into(),
            Self::Step => (((at.u8()? & 0x7f) << 1) as i8 >> 1).into(),
            Self::Bits => at.u32()?.into(),
            Self::Normalised => return Some(Number::Real(f32::from(at.u16()? as i16) / 32_768.0)),
            Self::Scaled => (at.u16()? as i16).into(),
            Self::Float => return Some(Number::Real(f32::from_bits(at.u32()?))),
            Self::Counter => (at.u32()? as i32).into(),
            Self::Qualifier => at.u8()?.into(),
            Self::Nothing => return None,
        }))
    }
}
