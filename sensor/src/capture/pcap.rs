//! Capture files: pcap and pcapng, plain or compressed with gzip or zstd, told apart by what is in them and not by name.
//!
//! A file is read in large pieces into one buffer, and frames are slices of it: nothing is copied or allocated per frame,
//! and memory does not depend on what headers claim. Damage ends a file: the frames before it are delivered, then comes an
//! error with the file's name and the place.

mod error;
mod input;
mod ng;
#[cfg(test)]
mod tests;

pub use error::CaptureError;

use crate::decode::{Frame, LinkType};
use crate::time::Timestamp;
use input::Input;
use pcap_parser::nom;
use pcap_parser::{LegacyPcapBlock, PcapError, PcapHeader};
use std::path::Path;

/// The longest frame that is believed; libpcap's limit too.
const FRAME_MAX: u32 = 256 << 10;

/// What was read from a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Frames.
    pub frames: u64,
    /// Their captured bytes.
    pub bytes: u64,
}

/// An open capture file.
#[derive(Debug)]
pub struct CaptureFile {
    input: Input,
    format: Format,
    /// The number of the next frame.
    number: u64,
    summary: Summary,
    /// Found while frames before it were still to be delivered.
    failed: Option<CaptureError>,
}

#[derive(Debug)]
enum Format {
    Pcap(Legacy),
    Pcapng(ng::Section),
}

/// One of the crate's functions that read a record.
type ReadRecord = for<'a> fn(&'a [u8]) -> nom::IResult<&'a [u8], LegacyPcapBlock<'a>, PcapError<&'a [u8]>>;

/// What the header of a pcap file says.
#[derive(Debug)]
struct Legacy {
    link: LinkType,
    read: ReadRecord,
    is_big_endian: bool,
    /// Nanoseconds in a unit of the fraction.
    unit_ns: u32,
}

impl Legacy {
    /// Bytes of the file header.
    const HEADER_LEN: usize = 24;

    fn new(header: &PcapHeader) -> Self {
        let is_big_endian = header.is_bigendian();
        Self {
            // The upper bits tell about a frame check sequence (draft-ietf-opsawg-pcap §4).
            link: LinkType(header.network.0 as u32 & 0xffff),
            read: if header.is_modified_format() {
                pcap_parser::parse_pcap_frame_modified
            } else if is_big_endian {
                pcap_parser::parse_pcap_frame_be
            } else {
                pcap_parser::parse_pcap_frame
            },
            is_big_endian,
            unit_ns: if header.is_nanosecond_precision() { 1 } else { 1000 },
        }
    }

    /// The captured length that an incomplete record claims, if that much of it is there.
    fn claimed_len(&self, record: &[u8]) -> Option<u32> {
        let field = *record.get(8..)?.first_chunk::<4>()?;
        Some(if self.is_big_endian { u32::from_be_bytes(field) } else { u32::from_le_bytes(field) })
    }
}

impl CaptureFile {
    /// Opens a file, `-` for standard input, and reads its header.
    ///
    /// # Errors
    /// If it cannot be opened or read, or is no capture file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CaptureError> {
        let mut input = Input::open(path.as_ref())?;
        let head = input.fill_to(Legacy::HEADER_LEN);
        let format = if head.starts_with(&ng::SECTION_HEADER) {
            Format::Pcapng(ng::Section::default())
        } else {
            match pcap_parser::parse_pcap_header(head) {
                Ok((_, header)) => {
                    let legacy = Legacy::new(&header);
                    input.consume(Legacy::HEADER_LEN);
                    Format::Pcap(legacy)
                }
                // The magic was right.
                Err(nom::Err::Incomplete(_)) if head.len() >= 4 => return Err(input.truncated()),
                Err(_) => {
                    input.check()?;
                    return Err(input.not_a_capture());
                }
            }
        };
        Ok(Self { input, format, number: 1, summary: Summary::default(), failed: None })
    }

    /// Sets the number of the next frame, for files that are read one after another.
    #[must_use]
    pub const fn numbered_from(mut self, number: u64) -> Self {
        self.number = number;
        self
    }

    /// What was delivered so far.
    #[must_use]
    pub const fn summary(&self) -> Summary {
        self.summary
    }

    /// Bytes read from disk so far, compressed ones if the file is compressed.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.input.bytes_read()
    }

    /// The file's size on disk; `None` for standard input and pipes.
    #[must_use]
    pub const fn bytes_total(&self) -> Option<u64> {
        self.input.bytes_total()
    }

    /// Delivers up to `limit` frames and tells how many there were; 0 at the end of the file. The frames of one call have
    /// been read already when the first of them is delivered, so that a call is what a batch is live.
    ///
    /// # Errors
    /// When the file is damaged or cannot be read any further. All frames before that have been delivered.
    pub fn next_batch(&mut self, limit: usize, mut deliver: impl FnMut(&Frame<'_>)) -> Result<usize, CaptureError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let before = self.summary.frames;
        let result = match &mut self.format {
            Format::Pcap(legacy) => {
                read_legacy(legacy, &mut self.input, &mut self.summary, &mut self.number, limit, &mut deliver)
            }
            Format::Pcapng(section) => {
                section.read(&mut self.input, &mut self.summary, &mut self.number, limit, &mut deliver)
            }
        };
        let delivered = (self.summary.frames - before) as usize;
        match result {
            Ok(()) => Ok(delivered),
            Err(error) if delivered == 0 => Err(error),
            Err(error) => {
                self.failed = Some(error);
                Ok(delivered)
            }
        }
    }

    /// Delivers all frames that are left.
    ///
    /// # Errors
    /// As [`CaptureFile::next_batch`].
    pub fn for_each_frame(&mut self, mut deliver: impl FnMut(&Frame<'_>)) -> Result<Summary, CaptureError> {
        const BATCH: usize = 4096;
        while self.next_batch(BATCH, &mut deliver)? > 0 {}
        Ok(self.summary)
    }
}

/// Delivers up to `limit` frames of a pcap file.
fn read_legacy(
    legacy: &Legacy,
    input: &mut Input,
    summary: &mut Summary,
    number: &mut u64,
    limit: usize,
    deliver: &mut impl FnMut(&Frame<'_>),
) -> Result<(), CaptureError> {
    let mut delivered = 0;
    while delivered < limit {
        let available = input.available();
        let mut rest = available;
        let too_long = loop {
            if delivered == limit {
                break None;
            }
            match (legacy.read)(rest) {
                Ok((_, record)) if record.caplen > FRAME_MAX => break Some(record.caplen),
                Ok((after, record)) => {
                    let frame = Frame {
                        ts: Timestamp::from_parts(
                            u64::from(record.ts_sec),
                            record.ts_usec.saturating_mul(legacy.unit_ns),
                        ),
                        number: *number,
                        interface: 0,
                        link: legacy.link,
                        data: record.data,
                        wire_len: record.origlen.max(record.caplen),
                    };
                    *number += 1;
                    summary.frames += 1;
                    summary.bytes += record.data.len() as u64;
                    delivered += 1;
                    rest = after;
                    deliver(&frame);
                }
                Err(_) => break legacy.claimed_len(rest).filter(|len| *len > FRAME_MAX),
            }
        };
        let used = available.len() - rest.len();
        input.consume(used);
        if let Some(len) = too_long {
            return Err(
                input.corrupt(format!("a record claims {len} bytes, more than the {FRAME_MAX} that a frame can have"))
            );
        }
        if delivered < limit && !input.fill_more() {
            return input.finish();
        }
    }
    Ok(())
}
