//! Compressed messages (RFC 7692, 7.2.2). A message may look back at those before it; one that does not can be read in the same
//! way, so that it does not matter what the two sides agreed on.

use super::parser::PAYLOAD_LIMIT;
use flate2::{Decompress, FlushDecompress, Status};

/// What senders leave out behind a message.
const TAIL: &[u8] = &[0, 0, 0xff, 0xff];

/// One direction's.
#[derive(Debug, Default)]
pub struct Inflate {
    state: Option<Decompress>,
}

/// What came of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of it.
    Whole,
    /// As much as is kept.
    Cut,
    /// It is not compressed as it says.
    Broken,
}

impl Inflate {
    /// A message, decompressed into `out`.
    pub fn message(&mut self, message: &[u8], out: &mut Vec<u8>) -> Outcome {
        for part in [message, TAIL] {
            match self.part(part, out) {
                Outcome::Whole => {}
                other => {
                    // What comes next cannot look back at what was not read.
                    self.state = None;
                    return other;
                }
            }
        }
        Outcome::Whole
    }

    fn part(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Outcome {
        const PIECE: usize = 4096;
        loop {
            if out.len() >= PAYLOAD_LIMIT {
                return if input.is_empty() { Outcome::Whole } else { Outcome::Cut };
            }
            let state = self.state.get_or_insert_with(|| Decompress::new(false));
            let (taken, given) = (state.total_in(), state.total_out());
            let start = out.len();
            let room = PIECE.min(PAYLOAD_LIMIT - start);
            out.resize(start + room, 0);
            let result = state.decompress(input, out.get_mut(start..).unwrap_or_default(), FlushDecompress::Sync);
            let made = (state.total_out() - given) as usize;
            let used = (state.total_in() - taken) as usize;
            out.truncate(start + made);
            input = input.get(used..).unwrap_or_default();
            match result {
                Ok(Status::StreamEnd) => self.state = None,
                Ok(_) => {}
                Err(_) => return Outcome::Broken,
            }
            if input.is_empty() && made < room || used == 0 && made == 0 {
                return Outcome::Whole;
            }
        }
    }
}
