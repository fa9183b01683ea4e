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

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
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
        serializer.collect_str(self)
    }
}
