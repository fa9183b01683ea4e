//! Decompression with a bound on what comes out: gzip (RFC 1952) and zlib (RFC 1950).
//!
//! A stream that is cut short or goes wrong gives the bytes up to there. Checksums are not looked at: a rule wants the bytes
//! that the receiver would have begun to work on.

use flate2::{Decompress, FlushDecompress, Status};

/// The most that may come out, in bytes.
pub const MAX_INFLATED: u32 = 16 << 20;

/// How much room is made at a time.
const STEP: usize = 4096;

/// The decoder's state, kept so that it is allocated once.
pub struct Inflater(Decompress);

impl Default for Inflater {
    fn default() -> Self {
        Self(Decompress::new(true))
    }
}

impl Inflater {
    /// Adds what a zlib stream holds to `out`, which is empty; false when that is nothing.
    pub(super) fn zlib(&mut self, input: &[u8], max_size: u32, out: &mut Vec<u8>) -> bool {
        self.0.reset(true);
        self.inflate(input, max_size, out)
    }

    /// The same for the first member of a gzip file.
    pub(super) fn gunzip(&mut self, input: &[u8], max_size: u32, out: &mut Vec<u8>) -> bool {
        self.0.reset(false);
        gzip_body(input).is_some_and(|body| self.inflate(body, max_size, out))
    }

    fn inflate(&mut self, mut input: &[u8], max_size: u32, out: &mut Vec<u8>) -> bool {
        let max_size = max_size as usize;
        while out.len() < max_size {
            let filled = out.len();
            out.resize((filled + STEP).min(max_size), 0);
            let (read, written) = (self.0.total_in(), self.0.total_out());
            let status = self.0.decompress(input, &mut out[filled..], FlushDecompress::None);
            let read = usize::try_from(self.0.total_in() - read).unwrap_or(usize::MAX);
            let written = usize::try_from(self.0.total_out() - written).unwrap_or(usize::MAX);
            out.truncate(filled.saturating_add(written));
            input = input.get(read..).unwrap_or_default();
            let stuck = read == 0 && written == 0;
            if stuck || !matches!(status, Ok(Status::Ok | Status::BufError)) {
                break;
            }
        }
        !out.is_empty()
    }
}

/// What follows the header of a gzip member (RFC 1952 §2.3).
fn gzip_body(input: &[u8]) -> Option<&[u8]> {
    const FHCRC: u8 = 1 << 1;
    const FEXTRA: u8 = 1 << 2;
    const FNAME: u8 = 1 << 3;
    const FCOMMENT: u8 = 1 << 4;
    let &[0x1f, 0x8b, 8, flags, ..] = input else { return None };
    let mut rest = input.get(10..)?;
    if flags & FEXTRA != 0 {
        let (&len, after) = rest.split_first_chunk::<2>()?;
        rest = after.get(usize::from(u16::from_le_bytes(len))..)?;
    }
    for zero_ended in [FNAME, FCOMMENT] {
        if flags & zero_ended != 0 {
            rest = rest.get(memchr::memchr(0, rest)? + 1..)?;
        }
    }
    if flags & FHCRC != 0 { rest.get(2..) } else { Some(rest) }
}
