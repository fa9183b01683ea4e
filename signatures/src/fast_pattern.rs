//! Which literal of a signature stands guard for it.
//!
//! The rule: `fast_pattern` is obeyed. Otherwise, of all contents that must be present, the one that is rarest in traffic
//! is taken, by an estimate of how many bits of surprise its bytes carry. Of a long content only the most telling
//! [`MAX_LEN`] bytes are searched for, since the whole rule is judged anyway where they occur, and short
//! literals keep the search's tables in the cache.

use crate::model::{BufferCondition, Content, FastPattern as Asked, Signature};

/// Longest literal that is searched for, in bytes.
pub const MAX_LEN: usize = 16;

/// A part of one of the signature's contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FastPattern {
    /// Index of the content in [`Signature::payload`].
    pub condition: usize,
    /// Where the part starts within the content's pattern.
    pub from: usize,
    /// Its length in bytes.
    pub len: usize,
    /// How rare it is: an estimate of -log2 of the chance to meet it at a given place in office traffic.
    pub bits: u32,
}

impl FastPattern {
    /// The bytes to search for, and whether in either case.
    ///
    /// # Panics
    /// If `signature` is not the one that it was chosen for.
    #[must_use]
    pub fn literal<'a>(&self, signature: &'a Signature) -> (&'a [u8], bool) {
        match &signature.payload[self.condition] {
            BufferCondition::Content(c) => (&c.pattern[self.from..self.from + self.len], c.nocase),
            other => unreachable!("the fast pattern is a content, not {other:?}"),
        }
    }
}

/// Chooses for one signature.
#[must_use]
pub fn choose(signature: &Signature) -> Option<FastPattern> {
    let contents = || {
        signature.payload.iter().enumerate().filter_map(|(i, c)| match c {
            BufferCondition::Content(c) if !c.negated => Some((i, c)),
            _ => None,
        })
    };
    let asked = contents().find(|(_, c)| c.fast_pattern != Asked::Unspecified);
    let (condition, content) = match asked {
        Some(found) => found,
        None => contents().max_by_key(|(i, c)| (best_part(c, 0, c.pattern.len()).2, std::cmp::Reverse(*i)))?,
    };
    let (from, len) = match content.fast_pattern {
        Asked::Part(from, len) if usize::from(from) + usize::from(len) <= content.pattern.len() && len > 0 => {
            (usize::from(from), usize::from(len))
        }
        _ => (0, content.pattern.len()),
    };
    let (from, len, bits) = best_part(content, from, len);
    Some(FastPattern { condition, from, len, bits })
}

/// The most telling stretch of at most [`MAX_LEN`] bytes of `pattern[from..from + len]`: (from, len, bits).
fn best_part(content: &Content, from: usize, len: usize) -> (usize, usize, u32) {
    let pattern = &content.pattern[from..from + len];
    let take = len.min(MAX_LEN);
    // The last of equals would split names from their ends; the first is as good and reads better in reports.
    let best = (0..=len - take)
        .map(|i| (surprise(&pattern[i..i + take], content.nocase), i))
        .max_by_key(|&(bits, i)| (bits, std::cmp::Reverse(i)));
    let (bits, i) = best.unwrap_or((0, 0));
    (from + i, take, bits)
}

/// An estimate of -log2 of the chance to meet `bytes` at a given place in office traffic.
fn surprise(bytes: &[u8], nocase: bool) -> u32 {
    let mut bits = 0;
    let mut previous = None;
    for &byte in bytes {
        // Runs of one byte (padding, sleds, dashes) are common: a repetition says little.
        bits += if previous == Some(byte) { 1 } else { byte_surprise(byte, nocase) };
        previous = Some(byte);
    }
    bits
}

/// Bits of one byte, coarse: zeros and text are frequent, most other binary values are not.
fn byte_surprise(byte: u8, nocase: bool) -> u32 {
    match byte {
        0 => 3,
        b' ' | 0xff | b'e' | b'a' | b't' | b'o' | b'i' | b'n' => 4,
        b'\r' | b'\n' | b'/' | b'.' | b'=' | b':' | b'-' | b'0'..=b'9' | 1 => 5,
        b'a'..=b'z' => 5,
        b'A'..=b'Z' if nocase => 5,
        b'A'..=b'Z' => 6,
        _ => 7,
    }
}
