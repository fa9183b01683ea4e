//! What can be wrong with a capture file.

use std::io;
use std::path::PathBuf;

/// Why a capture file cannot be read, or not any further.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// It cannot be opened.
    #[error("{}: cannot open: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is something else.
    #[error("{}: not a capture file: {found}; expected pcap or pcapng, plain or compressed with gzip or zstd", path.display())]
    NotACapture {
        /// The file.
        path: PathBuf,
        /// What it starts with.
        found: String,
    },
    /// Reading failed.
    #[error("{}: cannot read after byte {offset}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Bytes of the capture, decompressed, that were read.
        offset: u64,
        /// What the system, or the decompressor, said.
        source: io::Error,
    },
    /// It ends in the middle of something, as when the capturing program was stopped or the disk was full.
    #[error("{}: ends in the middle of a record that starts at byte {offset}; all frames before it were read", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Where the record starts, in the decompressed capture.
        offset: u64,
    },
    /// A record makes no sense, so the next one cannot be found.
    #[error("{}: damaged at byte {offset}: {what}; all frames before it were read", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where the record starts, in the decompressed capture.
        offset: u64,
        /// What is wrong.
        what: String,
    },
}

impl CaptureError {
    /// Whether it is a capture that was read as far as it goes: cut off, or damaged from some record on.
    #[must_use]
    pub const fn is_warning(&self) -> bool {
        matches!(self, Self::Truncated { .. } | Self::Corrupt { .. })
    }
}
