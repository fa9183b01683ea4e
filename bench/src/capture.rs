//! Capture files for the bench's tools: any format in, classic pcap out.
//!
//! Reading is the sensor's own reader, so that what the tools see is what the sensor sees. Writing is the 24-byte header
//! and 16-byte records of draft-ietf-opsawg-pcap, little endian, nanoseconds.

use anyhow::{Context, bail};
use sekisho::capture::pcap::CaptureFile;
use sekisho::decode::Frame;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Magic number of a classic capture file with nanosecond timestamps.
const MAGIC_NANOSECONDS: u32 = 0xa1b2_3c4d;
/// Longest frame that the header promises; libpcap's own limit.
const SNAP_LENGTH: u32 = 262_144;

/// Writes a classic pcap file.
#[derive(Debug)]
pub struct Writer {
    out: BufWriter<File>,
    path: PathBuf,
    packets: u64,
    bytes: u64,
}

impl Writer {
    /// Makes the file and writes its header. `link` is a number of tcpdump.org/linktypes.html.
    ///
    /// # Errors
    /// The file cannot be made or written.
    pub fn create(path: &Path, link: u32) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
        let mut out = BufWriter::with_capacity(1 << 20, file);
        let mut header = Vec::with_capacity(24);
        header.extend(MAGIC_NANOSECONDS.to_le_bytes());
        header.extend(2u16.to_le_bytes());
        header.extend(4u16.to_le_bytes());
        header.extend([0; 8]);
        header.extend(SNAP_LENGTH.to_le_bytes());
        header.extend(link.to_le_bytes());
        out.write_all(&header).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { out, path: path.to_owned(), packets: 0, bytes: 0 })
    }

    /// Appends a frame. `time_ns` is nanoseconds since 1970, `wire_len` the frame's length before it was cut.
    ///
    /// # Errors
    /// The disk is full or the like; the time is past 2106, which the format cannot say.
    pub fn frame(&mut self, time_ns: u64, wire_len: u32, data: &[u8]) -> anyhow::Result<()> {
        let Ok(seconds) = u32::try_from(time_ns / 1_000_000_000) else {
            bail!("frame {}: its time is past the year 2106, which pcap cannot hold", self.packets + 1);
        };
        let mut header = [0; 16];
        header[0..4].copy_from_slice(&seconds.to_le_bytes());
        header[4..8].copy_from_slice(&((time_ns % 1_000_000_000) as u32).to_le_bytes());
        header[8..12].copy_from_slice(&u32::try_from(data.len())?.to_le_bytes());
        header[12..16].copy_from_slice(&wire_len.to_le_bytes());
        let written = self.out.write_all(&header).and_then(|()| self.out.write_all(data));
        written.with_context(|| format!("cannot write {}", self.path.display()))?;
        self.packets += 1;
        self.bytes += data.len() as u64;
        Ok(())
    }

    /// Flushes; returns frames and their bytes.
    ///
    /// # Errors
    /// The last bytes could not be written.
    pub fn finish(mut self) -> anyhow::Result<(u64, u64)> {
        self.out.flush().with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok((self.packets, self.bytes))
    }
}

/// Hands every frame of a capture file to `each`.
///
/// # Errors
/// The file cannot be read or is damaged; the first error that `each` returns, after which it is not called again.
pub fn read(path: &Path, mut each: impl FnMut(&Frame<'_>) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut file = CaptureFile::open(path)?;
    let mut failed = None;
    while failed.is_none() {
        let frames = file.next_batch(4096, |frame| {
            if failed.is_none() {
                failed = each(frame).err();
            }
        })?;
        if frames == 0 {
            break;
        }
    }
    failed.map_or(Ok(()), Err)
}
