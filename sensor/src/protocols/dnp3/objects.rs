//! What the points of each kind of object hold (IEEE 1815, annex A), under the names that EVE has for it.

use crate::protocols::cursor::Cursor;
use crate::protocols::text::Text;
use serde::ser::SerializeMap;

/// A part of a point. Integers begin with their lowest byte.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Field {
    /// Bits of one byte, the lowest first: how many each takes.
    Bits(&'static [(&'static str, u8)]),
    /// So many bits, where points stand one behind the other without filling bytes.
    Packed(&'static str, u8),
    U8(&'static str),
    U16(&'static str),
    U32(&'static str),
    I16(&'static str),
    I32(&'static str),
    F32(&'static str),
    F64(&'static str),
    /// Milliseconds since 1970, in 48 bits.
    Time(&'static str),
    /// All that is left.
    Text(&'static str),
}

use Field::{Bits, F32, F64, I16, I32, Packed, Text as Rest, Time, U8, U16, U32};

type Names = &'static [(&'static str, u8)];

const BINARY: Names = &[
    ("online", 1),
    ("restart", 1),
    ("comm_lost", 1),
    ("remote_forced", 1),
    ("local_forced", 1),
    ("chatter_filter", 1),
    ("reserved", 1),
    ("state", 1),
];
const DOUBLE: Names = &[
    ("online", 1),
    ("restart", 1),
    ("comm_lost", 1),
    ("remote_forced", 1),
    ("local_forced", 1),
    ("chatter_filter", 1),
    ("state", 2),
];
const OUTPUT: Names = &[
    ("online", 1),
    ("restart", 1),
    ("comm_lost", 1),
    ("remote_forced", 1),
    ("local_forced", 1),
    ("reserved0", 1),
    ("reserved1", 1),
    ("state", 1),
];
const COUNTER: Names = &[
    ("online", 1),
    ("restart", 1),
    ("comm_lost", 1),
    ("remote_forced", 1),
    ("local_forced", 1),
    ("rollover", 1),
    ("discontinuity", 1),
    ("reserved0", 1),
];
const ANALOG: Names = &[
    ("online", 1),
    ("restart", 1),
    ("comm_lost", 1),
    ("remote_forced", 1),
    ("local_forced", 1),
    ("over_range", 1),
    ("reference_err", 1),
    ("reserved0", 1),
];
const CONTROL: Names = &[("op_type", 4), ("qu", 1), ("cr", 1), ("tcc", 2)];
const STATUS: Names = &[("status_code", 7), ("reserved", 1)];
const COMMANDED: Names = &[("status_code", 7), ("commanded_state", 1)];

/// What a point of such an object holds, in order; None if it is not known.
pub(super) fn fields(group: u8, variation: u8) -> Option<&'static [Field]> {
    Some(match (group, variation) {
        (1 | 10, 1) | (80, 1) => &[Packed("state", 1)],
        (2, 1) => &[U8("state")],
        (1, 2) => &[Bits(BINARY)],
        (2, 2) => &[Bits(BINARY), Time("timestamp")],
        (2, 3) => &[Bits(BINARY), U16("timestamp")],
        (3, 1) => &[Packed("state", 2)],
        (3, 2) | (4, 1) => &[Bits(DOUBLE)],
        (4, 2) => &[Bits(DOUBLE), Time("timestamp")],
        (4, 3) => &[Bits(DOUBLE), U16("relative_time_ms")],
        (10, 2) | (11, 1) => &[Bits(OUTPUT)],
        (11, 2) => &[Bits(OUTPUT), Time("timestamp")],
        (12, 1 | 2) => &[Bits(CONTROL), U8("count"), U32("ontime"), U32("offtime"), Bits(STATUS)],
        (12, 3) => &[Packed("point", 1)],
        (13, 1) => &[Bits(COMMANDED)],
        (13, 2) => &[Bits(COMMANDED), Time("timestamp")],
        (20, 1 | 3) | (21, 1 | 3) | (22 | 23, 1 | 3) => &[Bits(COUNTER), U32("count")],
        (20, 2 | 4) | (21, 2 | 4) | (22 | 23, 2 | 4) => &[Bits(COUNTER), U16("count")],
        (20, 5 | 7) | (21, 9 | 11) => &[U32("count")],
        (20, 6 | 8) | (21, 10 | 12) => &[U16("count")],
        (21, 5 | 7) | (22 | 23, 5 | 7) => &[Bits(COUNTER), U32("count"), Time("timestamp")],
        (21, 6 | 8) | (22 | 23, 6 | 8) => &[Bits(COUNTER), U16("count"), Time("timestamp")],
        (30..=33 | 40 | 42, _) => analog(group, variation)?,
        (34, 1) => &[U16("deadband_value")],
        (34, 2) => &[U32("deadband_value")],
        (34, 3) => &[F32("deadband_value")],
        (41, 1) => &[I32("value"), U8("control_status")],
        (41, 2) => &[I16("value"), U8("control_status")],
        (41, 3) => &[F32("value"), U8("control_status")],
        (41, 4) => &[F64("value"), U8("control_status")],
        (43, 1) => &[U8("status_code"), I32("commanded_value")],
        (43, 2) => &[U8("status_code"), I16("commanded_value")],
        (50, 1 | 3) => &[Time("timestamp")],
        (50, 2) => &[Time("timestamp"), U32("interval")],
        (51, 1 | 2) => &[Time("timestamp")],
        (52, 1) => &[U16("delay_secs")],
        (52, 2) => &[U16("delay_ms")],
        (60, 1..=4) => &[],
        (70, 3) => &[
            U16("filename_offset"),
            U16("filename_size"),
            Time("created"),
            U16("permissions"),
            U32("authentication_key"),
            U32("file_size"),
            U16("operational_mode"),
            U16("maximum_block_size"),
            U16("request_id"),
            Rest("filename"),
        ],
        (70, 4) => &[
            U32("file_handle"),
            U32("file_size"),
            U16("maximum_block_size"),
            U16("request_id"),
            U8("status_code"),
            Rest("optional_text"),
        ],
        (70, 5) => &[U32("file_handle"), U32("block_number"), Rest("file_data")],
        (70, 6) => &[U32("file_handle"), U32("block_number"), U8("status_code"), Rest("optional_text")],
        _ => return None,
    })
}

/// Analog inputs and outputs, their frozen values and their events.
fn analog(group: u8, variation: u8) -> Option<&'static [Field]> {
    let is_event = matches!(group, 32 | 33 | 42);
    Some(match (group, variation) {
        (30 | 32 | 33 | 40 | 42, 1) | (31, 1) => &[Bits(ANALOG), I32("value")],
        (30 | 32 | 33 | 40 | 42, 2) | (31, 2) => &[Bits(ANALOG), I16("value")],
        (30, 3) | (31, 5) => &[I32("value")],
        (30, 4) | (31, 6) => &[I16("value")],
        (31, 3) => &[Bits(ANALOG), I32("value"), Time("timestamp")],
        (31, 4) => &[Bits(ANALOG), I16("value"), Time("timestamp")],
        (40, 3) | (31, 7) | (30, 5) => &[Bits(ANALOG), F32("value")],
        (40, 4) | (31, 8) | (30, 6) => &[Bits(ANALOG), F64("value")],
        (_, 3) if is_event => &[Bits(ANALOG), I32("value"), Time("timestamp")],
        (_, 4) if is_event => &[Bits(ANALOG), I16("value"), Time("timestamp")],
        (_, 5) if is_event => &[Bits(ANALOG), F32("value")],
        (_, 6) if is_event => &[Bits(ANALOG), F64("value")],
        (_, 7) if is_event => &[Bits(ANALOG), F32("value"), Time("timestamp")],
        (_, 8) if is_event => &[Bits(ANALOG), F64("value"), Time("timestamp")],
        _ => return None,
    })
}

/// Whether points do not fill bytes.
pub(super) fn is_packed(fields: &'static [Field]) -> bool {
    matches!(fields, [Packed(..)])
}

/// Bits of a packed point.
pub(super) fn bits(fields: &[Field]) -> u8 {
    if let [Packed(_, width)] = fields { *width } else { 0 }
}

/// Bytes of a point; None if that is not told by its kind.
pub(super) fn width(fields: &[Field]) -> Option<usize> {
    fields.iter().try_fold(0, |sum, field| {
        Some(
            sum + match field {
                Bits(_) | U8(_) | Packed(..) => 1,
                U16(_) | I16(_) => 2,
                U32(_) | I32(_) | F32(_) => 4,
                Time(_) => 6,
                F64(_) => 8,
                Rest(_) => return None,
            },
        )
    })
}

/// Writes a point's fields; those that are not all there are left out, with all behind them.
pub(super) fn write<M: SerializeMap>(map: &mut M, fields: &[Field], bytes: &[u8], bit: u8) -> Result<(), M::Error> {
    let mut at = Cursor::little(bytes);
    for field in fields {
        let done = match *field {
            Bits(names) => match at.u8() {
                Some(byte) => {
                    let mut rest = u16::from(byte);
                    for (name, width) in names {
                        map.serialize_entry(name, &(rest & ((1 << width) - 1)))?;
                        rest >>= width;
                    }
                    Some(())
                }
                None => None,
            },
            Packed(name, width) => entry(map, name, at.u8().map(|byte| byte >> (bit & 7) & ((1 << width) - 1)))?,
            U8(name) => entry(map, name, at.u8())?,
            U16(name) => entry(map, name, at.u16())?,
            U32(name) => entry(map, name, at.u32())?,
            I16(name) => entry(map, name, at.u16().map(|n| n as i16))?,
            I32(name) => entry(map, name, at.u32().map(|n| n as i32))?,
            F32(name) => entry(map, name, at.u32().map(f32::from_bits))?,
            F64(name) => entry(map, name, at.u64().map(f64::from_bits))?,
            Time(name) => {
                let time = at.array::<6>().map(|b| u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], 0, 0]));
                entry(map, name, time)?
            }
            Rest(name) => entry(map, name, Some(Text(at.rest())))?,
        };
        if done.is_none() {
            break;
        }
    }
    Ok(())
}

fn entry<M: SerializeMap, T: serde::Serialize>(
    map: &mut M,
    name: &str,
    value: Option<T>,
) -> Result<Option<()>, M::Error> {
    match value {
        Some(value) => map.serialize_entry(name, &value).map(Some),
        None => Ok(None),
    }
}
