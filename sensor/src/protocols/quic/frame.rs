//! Frames of Initial packets (RFC 9000, 19; 12.4 says which may be there).

use super::packet::varint;

/// What counts of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A piece of the hello.
    Crypto {
        /// Where it belongs.
        offset: u64,
        /// What it is.
        bytes: &'a [u8],
    },
    /// Another.
    Other,
    /// One that must not be there, or that is cut off.
    Broken,
}

/// Frames, one after the other.
pub struct Frames<'a>(pub &'a [u8]);

impl<'a> Frames<'a> {
    fn varint(&mut self) -> Option<u64> {
        let (value, len) = varint(self.0)?;
        self.0 = self.0.get(len..)?;
        Some(value)
    }

    fn take(&mut self, len: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(len).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn read(&mut self) -> Option<Frame<'a>> {
        let kind = self.varint()?;
        match kind {
            // PING
            0x01 => {}
            // ACK, in its second form with counts of ECN
            0x02 | 0x03 => {
                for _ in 0..2 {
                    self.varint()?;
                }
                let ranges = self.varint()?;
                self.varint()?;
                for _ in 0..ranges {
                    self.varint()?;
                    self.varint()?;
                }
                for _ in 0..if kind == 3 { 3 } else { 0 } {
                    self.varint()?;
                }
            }
            0x06 => {
                let offset = self.varint()?;
                let len = self.varint()?;
                return Some(Frame::Crypto { offset, bytes: self.take(len)? });
            }
            // CONNECTION_CLOSE
            0x1c => {
                self.varint()?;
                self.varint()?;
                let len = self.varint()?;
                self.take(len)?;
            }
            _ => return None,
        }
        Some(Frame::Other)
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        // PADDING
        let padding = self.0.iter().take_while(|byte| **byte == 0).count();
        self.0 = self.0.get(padding..).unwrap_or_default();
        if self.0.is_empty() {
            return None;
        }
        let frame = self.read();
        if frame.is_none() {
            self.0 = &[];
        }
        Some(frame.unwrap_or(Frame::Broken))
    }
}
