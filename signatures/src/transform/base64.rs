//! Base64 as rules decode it: as much as can be decoded, where the usual decoders give all or nothing.
//!
//! Three manners (Suricata's user guide, "from_base64"): RFC 4648 §3.3 stops at the first byte that is not of the alphabet and
//! keeps what came before; RFC 2045 §6.8 leaves such bytes out; strict takes padded base64 without fault or nothing. A last
//! group of two or three characters without padding gives its one or two whole bytes, except in strict.

use std::fmt;

/// What becomes of bytes that are not base64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Base64Mode {
    /// Decoding ends before the first of them.
    #[default]
    Rfc4648,
    /// They are passed over.
    Rfc2045,
    /// Nothing is decoded.
    Strict,
}

impl Base64Mode {
    pub(super) fn from_name(name: &[u8]) -> Option<Self> {
        [Self::Rfc4648, Self::Rfc2045, Self::Strict]
            .into_iter()
            .find(|m| m.name().as_bytes().eq_ignore_ascii_case(name))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Rfc4648 => "rfc4648",
            Self::Rfc2045 => "rfc2045",
            Self::Strict => "strict",
        }
    }
}

/// What `from_base64` decodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FromBase64 {
    /// So many encoded bytes at most; all, if not said.
    pub bytes: Option<u16>,
    /// So many bytes are passed over first.
    pub offset: u16,
    /// What becomes of other bytes.
    pub mode: Base64Mode,
}

impl FromBase64 {
    /// Adds what is decoded to `out`; false when that is nothing.
    pub(super) fn decode(&self, input: &[u8], out: &mut Vec<u8>) -> bool {
        let encoded = input.get(usize::from(self.offset)..).unwrap_or_default();
        let encoded = self.bytes.map_or(encoded, |n| &encoded[..encoded.len().min(usize::from(n))]);
        decode(encoded, self.mode, out) > 0
    }
}

impl fmt::Display for FromBase64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("from_base64:")?;
        if let Some(bytes) = self.bytes {
            write!(f, "bytes {bytes},")?;
        }
        write!(f, "offset {},mode {}", self.offset, self.mode.name())
    }
}

/// 0 to 63 for the alphabet of RFC 4648 §4, [`NONE`] for other bytes.
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut i = 0;
    while i < alphabet.len() {
        values[alphabet[i] as usize] = i as u8;
        i += 1;
    }
    values
};
const NONE: u8 = 0xff;

/// Adds the bytes that `encoded` stands for to `out`, and says how many they are.
pub fn decode(encoded: &[u8], mode: Base64Mode, out: &mut Vec<u8>) -> usize {
    let before = out.len();
    if mode == Base64Mode::Strict && !is_strict(encoded) {
        return 0;
    }
    let (mut group, mut held) = (0_u32, 0_u32);
    for &byte in encoded {
        let value = VALUES[usize::from(byte)];
        if value == NONE {
            // Padding ends the data in every manner; so does anything else, except where it is passed over.
            if byte == b'=' || mode != Base64Mode::Rfc2045 {
                break;
            }
            continue;
        }
        group = group << 6 | u32::from(value);
        held += 1;
        if held == 4 {
            let [_, a, b, c] = group.to_be_bytes();
            out.extend_from_slice(&[a, b, c]);
            (group, held) = (0, 0);
        }
    }
    match held {
        2 => out.push((group >> 4) as u8),
        3 => out.extend_from_slice(&[(group >> 10) as u8, (group >> 2) as u8]),
        _ => {}
    }
    out.len() - before
}

/// Whole groups of four, padding only where the last group needs it.
fn is_strict(encoded: &[u8]) -> bool {
    let padding = encoded.iter().rev().take_while(|b| **b == b'=').count();
    let body = &encoded[..encoded.len() - padding];
    encoded.len().is_multiple_of(4) && padding <= 2 && body.iter().all(|b| VALUES[usize::from(*b)] != NONE)
}
