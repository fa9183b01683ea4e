//! pcapng (draft-ietf-opsawg-pcapng): sections, each with its own byte order and interfaces.

use super::error::CaptureError;
use super::input::{BUFFER_MAX, Input};
use super::{FRAME_MAX, Summary};
use crate::decode::{Frame, LinkType};
use crate::time::Timestamp;
use pcap_parser::{InterfaceDescriptionBlock, parse_interfacedescriptionblock_be, parse_interfacedescriptionblock_le};

/// Type of a section header: reads the same in both byte orders, and is how a file starts.
pub(super) const SECTION_HEADER: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

const INTERFACE: u32 = 1;
/// The obsolete form of a packet, which old files have.
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Type and length before a block's body.
const BLOCK_HEAD: usize = 8;
/// Type, length, length again.
const BLOCK_MIN: u32 = 12;
/// Interfaces that a section may describe: more is damage, or an attempt at our memory.
const INTERFACES_MAX: usize = 4096;

/// What a frame needs to know of its interface.
#[derive(Clone, Copy, Debug)]
struct Interface {
    link: LinkType,
    snaplen: u32,
    resolution: Resolution,
    /// Seconds to add to its time stamps.
    offset_s: i64,
}

/// How time stamps count.
#[derive(Clone, Copy, Debug)]
enum Resolution {
    /// Units of this many nanoseconds: 10⁻⁹ seconds and coarser.
    Nanoseconds(u64),
    /// This many units a second.
    PerSecond(u64),
}

impl Interface {
    /// `None` for resolutions that no number of 64 bits holds.
    fn new(block: &InterfaceDescriptionBlock<'_>, is_big_endian: bool) -> Option<Self> {
        const NANOSECONDS: u64 = 1_000_000_000;
        /// Of if_tsresol: a power of two, not of ten.
        const BINARY: u8 = 0x80;
        // The crate refuses all binary resolutions, and takes the offset to be little-endian always.
        let exponent = u32::from(block.if_tsresol & !BINARY);
        let per_second =
            if block.if_tsresol & BINARY == 0 { 10u64.checked_pow(exponent)? } else { 1u64.checked_shl(exponent)? };
        Some(Self {
            link: LinkType(block.linktype.0 as u32),
            snaplen: block.snaplen,
            resolution: if NANOSECONDS.is_multiple_of(per_second) {
                Resolution::Nanoseconds(NANOSECONDS / per_second)
            } else {
                Resolution::PerSecond(per_second)
            },
            offset_s: if is_big_endian { block.if_tsoffset.swap_bytes() } else { block.if_tsoffset },
        })
    }

    #[inline]
    fn time(&self, units: u64) -> Timestamp {
        let ns = match self.resolution {
            Resolution::Nanoseconds(n) => units.saturating_mul(n),
            Resolution::PerSecond(n) => {
                let rest = u128::from(units % n) * 1_000_000_000 / u128::from(n);
                (units / n).saturating_mul(1_000_000_000).saturating_add(rest as u64)
            }
        };
        let offset_ns = self.offset_s.unsigned_abs().saturating_mul(1_000_000_000);
        Timestamp(if self.offset_s < 0 { ns.saturating_sub(offset_ns) } else { ns.saturating_add(offset_ns) })
    }
}

/// A packet's block, its fields read.
struct Record<'a> {
    interface: usize,
    /// `None` for simple packets, which have no time: that of the packet before is taken.
    units: Option<u64>,
    captured_len: u32,
    wire_len: u32,
    /// From the frame's first byte to the end of the block's body.
    after: &'a [u8],
}

/// The section that is being read.
#[derive(Debug, Default)]
pub(super) struct Section {
    is_big_endian: bool,
    interfaces: Vec<Interface>,
    last_ts: Timestamp,
}

impl Section {
    /// Delivers up to `limit` frames.
    pub(super) fn read(
        &mut self,
        input: &mut Input,
        summary: &mut Summary,
        number: &mut u64,
        limit: usize,
        deliver: &mut impl FnMut(&Frame<'_>),
    ) -> Result<(), CaptureError> {
        let mut delivered = 0;
        while delivered < limit {
            let Some((kind, len)) = self.next_block(input)? else {
                return Ok(());
            };
            // `next_block` has made the whole block available.
            let block = input.available().get(..len).unwrap_or_default();
            let result = match kind {
                ENHANCED_PACKET | SIMPLE_PACKET | PACKET => self.packet(kind, block).map(|mut frame| {
                    frame.number = *number;
                    self.last_ts = frame.ts;
                    *number += 1;
                    summary.frames += 1;
                    summary.bytes += frame.data.len() as u64;
                    delivered += 1;
                    deliver(&frame);
                }),
                INTERFACE => self.interface(block),
                _ => Ok(()),
            };
            if let Err(what) = result {
                return Err(input.corrupt(what));
            }
            input.consume(len);
        }
        Ok(())
    }

    fn u16(&self, field: [u8; 2]) -> u16 {
        if self.is_big_endian { u16::from_be_bytes(field) } else { u16::from_le_bytes(field) }
    }

    fn u32(&self, field: [u8; 4]) -> u32 {
        if self.is_big_endian { u32::from_be_bytes(field) } else { u32::from_le_bytes(field) }
    }

    /// Makes the next block available and gives its type and length; `None` at the end of the file.
    #[inline]
    fn next_block(&mut self, input: &mut Input) -> Result<Option<(u32, usize)>, CaptureError> {
        /// With the byte order magic of a section header.
        const HEAD: usize = BLOCK_HEAD + 4;
        if input.available().len() < HEAD {
            input.fill_to(HEAD);
        }
        let Some(&[k0, k1, k2, k3, l0, l1, l2, l3, m0, m1, m2, m3]) = input.available().first_chunk::<HEAD>() else {
            return input.finish().map(|()| None);
        };
        if [k0, k1, k2, k3] == SECTION_HEADER {
            self.is_big_endian = match [m0, m1, m2, m3] {
                [0x1a, 0x2b, 0x3c, 0x4d] => true,
                [0x4d, 0x3c, 0x2b, 0x1a] => false,
                _ => return Err(input.corrupt("a section header without byte order magic")),
            };
            self.interfaces.clear();
        }
        let (kind, len) = (self.u32([k0, k1, k2, k3]), self.u32([l0, l1, l2, l3]));
        if len < BLOCK_MIN || len % 4 != 0 || len as usize > BUFFER_MAX {
            return Err(input.corrupt(format!("a block claims a length of {len} bytes")));
        }
        let len = len as usize;
        if input.available().len() < len && input.fill_to(len).len() < len {
            return input.finish().map(|()| None);
        }
        Ok(Some((kind, len)))
    }

    fn interface(&mut self, block: &[u8]) -> Result<(), String> {
        let parsed = if self.is_big_endian {
            parse_interfacedescriptionblock_be(block)
        } else {
            parse_interfacedescriptionblock_le(block)
        };
        let interface = parsed.ok().and_then(|(_, description)| Interface::new(&description, self.is_big_endian));
        match interface {
            Some(interface) if self.interfaces.len() < INTERFACES_MAX => {
                self.interfaces.push(interface);
                Ok(())
            }
            Some(_) => Err(format!("more than {INTERFACES_MAX} interfaces")),
            None => Err("an interface description that makes no sense".to_owned()),
        }
    }

    /// The frame of a packet's block. Read here and not by the crate, which collects a block's options in a list and so
    /// allocates for each packet that has any.
    #[inline]
    fn packet<'a>(&self, kind: u32, block: &'a [u8]) -> Result<Frame<'a>, String> {
        let body = block.get(BLOCK_HEAD..block.len().saturating_sub(4)).unwrap_or_default();
        let record = self.record(kind, body).ok_or_else(|| "a packet block shorter than its fields".to_owned())?;
        let Some(interface) = self.interfaces.get(record.interface) else {
            return Err(format!("a packet of interface {}, which no block describes", record.interface));
        };
        let mut captured_len = record.captured_len;
        if kind == SIMPLE_PACKET && interface.snaplen > 0 {
            captured_len = captured_len.min(interface.snaplen);
        }
        let data = record.after.get(..captured_len as usize).filter(|_| captured_len <= FRAME_MAX);
        let Some(data) = data else {
            return Err(format!("a packet claims {captured_len} bytes in a block of {}", block.len()));
        };
        Ok(Frame {
            ts: record.units.map_or(self.last_ts, |units| interface.time(units)),
            number: 0,
            interface: 0,
            link: interface.link,
            data,
            wire_len: record.wire_len.max(captured_len),
        })
    }

    #[inline]
    fn record<'a>(&self, kind: u32, body: &'a [u8]) -> Option<Record<'a>> {
        if kind == SIMPLE_PACKET {
            let (len, after) = body.split_first_chunk::<4>()?;
            let wire_len = self.u32(*len);
            return Some(Record { interface: 0, units: None, captured_len: wire_len, wire_len, after });
        }
        let (fields, after) = body.split_first_chunk::<20>()?;
        let [i0, i1, i2, i3, h0, h1, h2, h3, l0, l1, l2, l3, c0, c1, c2, c3, w0, w1, w2, w3] = *fields;
        let interface = match kind {
            ENHANCED_PACKET => self.u32([i0, i1, i2, i3]) as usize,
            // The obsolete form has a drop count in the upper half.
            _ => usize::from(self.u16([i0, i1])),
        };
        let units = u64::from(self.u32([h0, h1, h2, h3])) << 32 | u64::from(self.u32([l0, l1, l2, l3]));
        Some(Record {
            interface,
            units: Some(units),
            captured_len: self.u32([c0, c1, c2, c3]),
            wire_len: self.u32([w0, w1, w2, w3]),
            after,
        })
    }
}
