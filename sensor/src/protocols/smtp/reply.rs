//! A server's replies (RFC 5321, 4.2): a code on each line, and a hyphen behind it on all but the last.

/// The codes in use (RFC 5321, 3207, 4954, 7504, and the registry of enhanced status codes).
const CODES: &[u16] = &[
    211, 214, 220, 221, 235, 250, 251, 252, 334, 354, 401, 402, 421, 432, 435, 450, 451, 452, 453, 454, 455, 458, 459,
    500, 501, 502, 503, 504, 510, 511, 512, 513, 515, 521, 523, 524, 525, 530, 534, 535, 538, 541, 550, 551, 552, 553,
    554, 555, 556,
];

/// A line of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: u16,
    /// More lines follow.
    pub(super) more: bool,
}

impl Reply {
    /// Of a line, without its end; None if it is none.
    pub(super) fn of(line: &[u8]) -> Option<Self> {
        let (code, rest) = line.split_first_chunk::<3>()?;
        let code: u16 = std::str::from_utf8(code).ok()?.parse().ok()?;
        CODES.contains(&code).then_some(Self { code, more: rest.first() == Some(&b'-') })
    }
}
