//! Whether bytes begin an IEC 104 flow.

use super::asdu::{Asdu, Control, Frame, HEADER_LEN, LENGTHS, START};
use crate::packet::Direction;
use crate::protocols::registry::Likeness;

/// The first bytes of a direction on any port: a frame that starts or tests the transfer, or confirms that.
#[must_use]
pub fn probe(direction: Direction, bytes: &[u8]) -> Likeness {
    let starts = match direction {
        Direction::ToServer => [0x07, 0x43],
        Direction::ToClient => [0x0b, 0x83],
    };
    if bytes.get(1).is_some_and(|len| *len != 4) {
        return Likeness::No;
    }
    judge(bytes, |frame| matches!(frame.control, Control::U(bits) if starts.contains(&bits)))
}

/// The same on the port that the protocol has: any frame.
#[must_use]
pub fn probe_on_port(_direction: Direction, bytes: &[u8]) -> Likeness {
    judge(bytes, |frame| match frame.control {
        Control::I { .. } => Asdu::read(frame.data).is_some_and(|asdu| asdu.fault().is_none()),
        Control::S | Control::U(_) => true,
    })
}

fn judge(bytes: &[u8], is_right: impl Fn(&Frame<'_>) -> bool) -> Likeness {
    match bytes {
        [] | [START] => return Likeness::More,
        [START, len, ..] if LENGTHS.contains(len) => {
            let whole = HEADER_LEN - 4 + usize::from(*len);
            if bytes.len() < whole {
                // Numbers have a 0 as their lowest bit; other frames have no more than these.
                let may_be = match bytes.get(2) {
                    Some(first) if first & 1 == 0 => bytes.get(4).is_none_or(|third| third & 1 == 0),
                    Some(_) => *len == 4,
                    None => true,
                };
                return if may_be { Likeness::More } else { Likeness::No };
            }
        }
        _ => return Likeness::No,
    }
    match Frame::read(bytes) {
        Some(frame) if frame.is_sound() && is_right(&frame) => Likeness::Yes,
        _ => Likeness::No,
    }
}
