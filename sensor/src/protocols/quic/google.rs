//! Messages of Google's QUIC: lists of tags, and the fingerprint of the order in which a client names them.
//!
//! Format: "QUIC Crypto" (Adam Langley, Wan-Teh Chang). Fingerprint: CYU
//! (<https://engineering.salesforce.com/gquic-protocol-analysis-and-fingerprinting-in-zeek-a4178855d75f>).

use super::version::Version;
use std::fmt::Write as _;

/// Most tags of a message that are read.
pub const TAG_LIMIT: usize = 128;

/// Bytes of the hash before the frames of a packet that is not encrypted.
const HASH: usize = 12;

/// What of a client's hello rules look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// The name of the server.
    pub sni: Option<Vec<u8>>,
    /// The client's software.
    pub user_agent: Option<Vec<u8>>,
    /// Version and tags.
    pub cyu: String,
}

/// The message in the first frame of a packet that is not encrypted, if it begins a stream.
#[must_use]
pub fn message(body: &[u8]) -> Option<&[u8]> {
    let (&first, rest) = body.get(HASH..)?.split_first()?;
    // STREAM: 1fdooossss, its flags telling the lengths of what follows.
    if first & 0x80 == 0 {
        return None;
    }
    let stream = usize::from(first & 3) + 1;
    let offset = match usize::from(first >> 2 & 7) {
        0 => 0,
        n => n + 1,
    };
    let rest = rest.get(stream..)?;
    let (offset, rest) = rest.split_at_checked(offset)?;
    if offset.iter().any(|byte| *byte != 0) {
        return None;
    }
    if first & 0x20 == 0 {
        return Some(rest);
    }
    let (len, rest) = rest.split_first_chunk::<2>()?;
    rest.get(..usize::from(u16::from_be_bytes(*len)))
}

/// A client's hello, as far as it is there; None if it is something else.
#[must_use]
pub fn hello(version: Version, message: &[u8]) -> Option<Hello> {
    let rest = message.strip_prefix(b"CHLO")?;
    let (&[low, high, _, _], rest) = rest.split_first_chunk::<4>()?;
    let count = usize::from(u16::from_le_bytes([low, high])).min(TAG_LIMIT);
    let all = usize::from(u16::from_le_bytes([low, high])).checked_mul(8)?;
    let values = rest.get(all..).unwrap_or_default();
    let mut hello = Hello::default();
    let _ = write!(hello.cyu, "{},", version.digits().unwrap_or_default());
    let mut start = 0;
    for (i, entry) in rest.as_chunks::<8>().0.iter().take(count).enumerate() {
        let [tag @ .., a, b, c, d] = entry;
        let end = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
        let value = values.get(start..end);
        start = end.max(start);
        let name = tag.iter().position(|byte| *byte == 0).map_or(&tag[..], |end| &tag[..end]);
        if i > 0 {
            hello.cyu.push('-');
        }
        hello.cyu.extend(name.iter().map(|byte| char::from(*byte)).filter(char::is_ascii));
        match name {
            b"SNI" => hello.sni = value.map(<[u8]>::to_vec),
            b"UAID" => hello.user_agent = value.map(<[u8]>::to_vec),
            _ => {}
        }
    }
    Some(hello)
}
