//! Whether bytes begin an RFB flow.

use crate::packet::Direction;
use crate::protocols::registry::Likeness;

/// The first bytes of a direction: `RFB 003.008` and a line end.
#[must_use]
pub fn probe(_direction: Direction, bytes: &[u8]) -> Likeness {
    const FORM: &[u8; 12] = b"RFB 000.000\n";
    let fits = |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
    if !bytes.iter().zip(FORM).all(fits) {
        return Likeness::No;
    }
    if bytes.len() < FORM.len() { Likeness::More } else { Likeness::Yes }
}
