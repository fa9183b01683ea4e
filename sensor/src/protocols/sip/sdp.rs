//! Session descriptions (RFC 8866): lines of one letter, `=` and a value; those behind a `m=` are that medium's.

use crate::protocols::span::Span;
use memchr::memchr;

/// Lines that are kept of a description.
pub const SDP_LIMIT: usize = 256;

/// A line.
#[derive(Clone, Copy, Debug)]
pub struct SdpLine {
    /// Its letter.
    pub kind: u8,
    /// It belongs to a medium, or begins one.
    pub of_medium: bool,
    /// What is behind the `=`; of the message's bytes.
    pub value: Span,
}

/// Reads the body of a message.
pub fn read(bytes: &[u8], body: &[u8], lines: &mut Vec<SdpLine>) {
    lines.clear();
    let (mut rest, mut of_medium) = (body, false);
    while !rest.is_empty() && lines.len() < SDP_LIMIT {
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        rest = rest.get(end + 1..).unwrap_or_default();
        let [kind, b'=', value @ ..] = line else { continue };
        of_medium |= *kind == b'm';
        lines.push(SdpLine { kind: *kind, of_medium, value: Span::of_part(bytes, value) });
    }
}
