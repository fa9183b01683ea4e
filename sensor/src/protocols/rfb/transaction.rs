//! A handshake as rules see it.

use super::record::RfbRecord;
use crate::packet::Direction;
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::Buffer;

/// How a pixel is sent (RFC 6143, 7.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the RFC")]
pub struct PixelFormat {
    pub bits_per_pixel: u8,
    pub depth: u8,
    pub big_endian: bool,
    pub true_color: bool,
    pub max: [u16; 3],
    pub shift: [u8; 3],
}

/// The desktop that is shown.
#[derive(Clone, Debug, Default)]
pub struct Framebuffer {
    /// In pixels.
    pub width: u16,
    /// In pixels.
    pub height: u16,
    /// How a pixel is sent.
    pub format: PixelFormat,
    /// Its name.
    pub name: Vec<u8>,
}

/// What was said.
#[derive(Clone, Debug, Default)]
pub struct Handshake {
    /// The client's and the server's version: three digits each.
    pub versions: [Option<[[u8; 3]; 2]>; 2],
    /// How the client authenticates (IANA, "RFB Security Types").
    pub security: Option<u32>,
    /// Of VNC authentication.
    pub challenge: Option<[u8; 16]>,
    /// The answer to it.
    pub response: Option<[u8; 16]>,
    /// Whether that was good.
    pub result: Option<u32>,
    /// Others may watch, too.
    pub shared: Option<bool>,
    /// The desktop.
    pub framebuffer: Option<Framebuffer>,
}

/// The handshake of a flow.
#[derive(Debug, Default)]
pub struct RfbTransaction {
    state: TransactionState,
    pub(super) said: Handshake,
}

impl Transaction for RfbTransaction {
    fn state(&mut self) -> &mut TransactionState {
        &mut self.state
    }

    fn state_ref(&self) -> &TransactionState {
        &self.state
    }

    fn bytes<'a>(
        &'a self,
        buffer: Buffer,
        _direction: Direction,
        index: usize,
        _scratch: &'a mut Vec<u8>,
    ) -> Option<Part<'a>> {
        match (buffer, &self.said.framebuffer) {
            (Buffer::RfbName, Some(framebuffer)) if index == 0 => Some(Part::whole(&framebuffer.name)),
            _ => None,
        }
    }

    fn number(&self, buffer: Buffer, _direction: Direction, index: usize) -> Option<u64> {
        match buffer {
            _ if index > 0 => None,
            Buffer::RfbSectype => self.said.security.map(u64::from),
            // All that are not known are one.
            Buffer::RfbSecresult => self.said.result.map(|result| u64::from(result.min(3))),
            _ => None,
        }
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        Some(Box::new(RfbRecord(self.said.clone())))
    }
}
