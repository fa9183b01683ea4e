//! Whether bytes begin a TLS or SSL flow.

use super::version::Version;
use crate::packet::Direction;
use crate::protocols::registry::Likeness;

/// The first bytes of a direction, of any number.
#[must_use]
pub fn probe(direction: Direction, bytes: &[u8]) -> Likeness {
    let to_server = direction == Direction::ToServer;
    // What each byte may be; both formats can be told apart by the first.
    let fits: &[fn(&[u8], bool) -> bool] = match bytes.first() {
        Some(22) => &[
            |_, _| true,
            |b, _| b[1] == 3,
            |b, _| Version(u16::from_be_bytes([b[1], b[2]])).is_known(),
            |b, _| b[3] <= 0x48,
            |b, _| b[3] > 0 || b[4] >= 4,
            |b, to_server| b[5] == if to_server { 1 } else { 2 },
        ],
        Some(0x80..) if to_server => &[
            |_, _| true,
            |b, _| b[0] & 0x7f > 0 || b[1] >= 9,
            |b, _| b[2] == 1,
            |b, _| matches!(b[3], 0 | 3),
            |b, _| matches!([b[3], b[4]], [0, 2] | [3, 0..=4]),
        ],
        Some(0x80..) => &[
            |_, _| true,
            |b, _| b[0] & 0x7f > 0 || b[1] >= 11,
            |b, _| b[2] == 4,
            |b, _| b[3] <= 1,
            |b, _| b[4] <= 1,
            |b, _| b[5] == 0,
            |b, _| b[6] == 2,
        ],
        Some(_) => return Likeness::No,
        None => return Likeness::More,
    };
    if fits.iter().take(bytes.len()).any(|fits| !fits(bytes, to_server)) {
        return Likeness::No;
    }
    if bytes.len() < fits.len() { Likeness::More } else { Likeness::Yes }
}
