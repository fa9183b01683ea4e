//! Bytes off the wire as text for EVE, where they may be anything.

use serde::{Serialize, Serializer};
use std::fmt;

/// Writes UTF-8 as it is, and anything else with `\xNN` for every byte that is not ASCII, as Suricata does.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a>(pub &'a [u8]);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => serializer.collect_str(&Escaped(self.0)),
        }
    }
}

struct Escaped<'a>(&'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        for &byte in self.0 {
            if byte.is_ascii() {
                f.write_char(char::from(byte))?;
            } else {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Text of `N` bytes at most that is put together where it is: records are full of it.
#[derive(Clone, Copy, Debug)]
pub struct Short<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Default for Short<N> {
    fn default() -> Self {
        Self { bytes: [0; N], len: 0 }
    }
}

impl<const N: usize> Short<N> {
    /// Adds a character of ASCII; what does not fit is left out.
    pub fn push(&mut self, ascii: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = ascii;
            self.len += 1;
        }
    }

    /// Adds text; what does not fit is left out.
    pub fn push_str(&mut self, text: &str) {
        text.bytes().for_each(|b| self.push(b));
    }

    /// Adds bytes as two lower-case hexadecimal digits each.
    pub fn push_hex(&mut self, bytes: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for byte in bytes {
            self.push(DIGITS[usize::from(byte >> 4)]);
            self.push(DIGITS[usize::from(byte & 15)]);
        }
    }

    /// Adds a number in hexadecimal, with no zeros before it.
    pub fn push_hex_number(&mut self, n: u32) {
        let digits = (32 - n.leading_zeros()).div_ceil(4).max(1);
        for place in (0..digits).rev() {
            let digit = (n >> (4 * place)) & 15;
            self.push(b"0123456789abcdef"[digit as usize]);
        }
    }

    /// Adds a number in decimal.
    pub fn push_number(&mut self, n: u32) {
        self.push_str(itoa::Buffer::new().format(n));
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII is pushed, or whole text that did not fit.
        std::str::from_utf8(self.bytes.get(..self.len).unwrap_or_default()).unwrap_or_default()
    }
}

impl<const N: usize> Serialize for Short<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Bytes in lower-case hexadecimal, with something between them or nothing.
#[derive(Clone, Copy, Debug)]
pub struct Hex<'a>(pub &'a [u8], pub &'static str);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            let between = if i == 0 { "" } else { self.1 };
            write!(f, "{between}{byte:02x}")?;
        }
        Ok(())
    }
}

/// The longest hexadecimal text that is put together in one go: a SHA-256 with colons between its bytes.
const HEX_LEN: usize = 96;

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.len() * (2 + self.1.len()) > HEX_LEN {
            return serializer.collect_str(self);
        }
        let mut text = Short::<HEX_LEN>::default();
        for (i, byte) in self.0.iter().enumerate() {
            text.push_str(if i == 0 { "" } else { self.1 });
            text.push_hex(&[*byte]);
        }
        text.serialize(serializer)
    }
}

/// An address as Suricata prints it: IPv4 dotted, IPv6 as eight full groups; empty if it has another length.
#[derive(Clone, Copy, Debug)]
pub struct Address<'a>(pub &'a [u8]);

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [a, b, c, d] => write!(f, "{a}.{b}.{c}.{d}"),
            full if full.len() == 16 => {
                for (i, pair) in full.chunks(2).enumerate() {
                    let between = if i == 0 { "" } else { ":" };
                    write!(f, "{between}{}", Hex(pair, ""))?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Serialize for Address<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = Short::<39>::default();
        match self.0 {
            [first, rest @ ..] if rest.len() == 3 => {
                text.push_number((*first).into());
                for byte in rest {
                    text.push(b'.');
                    text.push_number((*byte).into());
                }
            }
            full if full.len() == 16 => {
                for (i, pair) in full.chunks(2).enumerate() {
                    if i > 0 {
                        text.push(b':');
                    }
                    text.push_hex(pair);
                }
            }
            _ => {}
        }
        text.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: &impl Serialize) -> String {
        serde_json::to_string(value).unwrap()
    }

    #[test]
    fn what_is_put_together_is_what_is_displayed() {
        for len in 0..60_u8 {
            let bytes: Vec<u8> = (0..len).map(|i| i.wrapping_mul(37)).collect();
            for between in ["", ":"] {
                let hex = Hex(&bytes, between);
                assert_eq!(json(&hex), format!("\"{hex}\""));
            }
            let address = Address(&bytes);
            assert_eq!(json(&address), format!("\"{address}\""));
        }
        for n in [0, 1, 9, 15, 16, 255, 256, 0xabcdef, u32::MAX] {
            let mut text = Short::<32>::default();
            text.push_hex_number(n);
            text.push_str(" ");
            text.push_number(n);
            assert_eq!(text.as_str(), format!("{n:x} {n}"));
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut text = Short::<3>::default();
        text.push_str("abcd");
        assert_eq!(text.as_str(), "abc");
    }
}
