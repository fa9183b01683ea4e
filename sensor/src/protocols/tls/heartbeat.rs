//! Heartbeats (RFC 6520), and those that read the other side's memory.

use super::event::Oddities;

/// What a heartbeat has before its payload: type and length.
const HEADER: usize = 3;
/// The least padding.
const PADDING: usize = 16;

/// What is remembered of the last encrypted request: nothing else of it can be seen than its length.
#[derive(Debug, Default)]
pub(super) struct Heartbeats {
    request: Option<(usize, u32)>,
}

impl Heartbeats {
    /// A record in clear, of this length, that begins like this.
    pub(super) fn clear(&mut self, start: &[u8], len: u32) -> Oddities {
        let mut odd = Oddities::HEARTBEAT_MESSAGE;
        match *start {
            [1 | 2, high, low] => {
                let payload = usize::from(u16::from_be_bytes([high, low]));
                let len = len as usize;
                if HEADER + payload > len {
                    odd.add(Oddities::OVERFLOW_HEARTBEAT_MESSAGE);
                } else if HEADER + payload + PADDING > len {
                    odd.add(Oddities::INVALID_HEARTBEAT_MESSAGE);
                }
            }
            _ => odd.add(Oddities::INVALID_HEARTBEAT_MESSAGE),
        }
        odd
    }

    /// An encrypted record of this length, in a direction: an answer is as long as its request.
    pub(super) fn encrypted(&mut self, side: usize, len: u32) -> Oddities {
        let mut odd = Oddities::HEARTBEAT_MESSAGE;
        match self.request {
            Some((from, request)) if from != side => {
                if len > request {
                    odd.add(Oddities::DATALEAK_HEARTBEAT_MISMATCH);
                }
                self.request = None;
            }
            _ => self.request = Some((side, len)),
        }
        odd
    }
}
