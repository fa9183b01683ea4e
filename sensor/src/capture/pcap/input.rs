//! Bytes of a capture file: decompressed, and buffered so that a record is always in one piece.

use super::error::CaptureError;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes read at once: a part of the processor's cache, and large beside the cost of a system call. Holds the longest
/// frame that is believed, with its record's head.
const BUFFER_LEN: usize = 512 << 10;
/// The most that the buffer grows to, for the blocks of pcapng.
pub(super) const BUFFER_MAX: usize = 16 << 20;
/// Largest window of zstd that is accepted, as a power of two: what `zstd --long=27` writes, 128 MiB.
const WINDOW_LOG_MAX: u32 = 27;

/// Counts what is read from disk.
struct Counted {
    source: Box<dyn Read + Send>,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read(to)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

pub(super) struct Input {
    path: PathBuf,
    source: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    /// What is unread: `buffer[start..end]`.
    start: usize,
    end: usize,
    /// Where `buffer[start]` is in the decompressed file.
    offset: u64,
    at_end: bool,
    /// A read error, kept until the bytes before it are used up.
    failed: Option<io::Error>,
    read: Arc<AtomicU64>,
    total: Option<u64>,
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input").field("path", &self.path).field("offset", &self.offset).finish_non_exhaustive()
    }
}

impl Input {
    pub(super) fn open(path: &Path) -> Result<Self, CaptureError> {
        let failed = |source| CaptureError::Open { path: path.to_owned(), source };
        let (source, total): (Box<dyn Read + Send>, _) = if path == Path::new("-") {
            (Box::new(io::stdin()), None)
        } else {
            let file = File::open(path).map_err(failed)?;
            let about = file.metadata().map_err(failed)?;
            if about.is_dir() {
                return Err(failed(io::Error::from(io::ErrorKind::IsADirectory)));
            }
            (Box::new(file), about.is_file().then_some(about.len()))
        };
        let read = Arc::new(AtomicU64::new(0));
        let source = decompressed(Counted { source, read: Arc::clone(&read) }).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            source,
            buffer: vec![0; BUFFER_LEN],
            start: 0,
            end: 0,
            offset: 0,
            at_end: false,
            failed: None,
            read,
            total,
        })
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    pub(super) const fn bytes_total(&self) -> Option<u64> {
        self.total
    }

    /// What is there to be read.
    pub(super) fn available(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Drops the first `n` bytes of what is available.
    pub(super) fn consume(&mut self, n: usize) {
        let n = n.min(self.end - self.start);
        self.start += n;
        self.offset += n as u64;
    }

    /// Makes at least `n` bytes available, unless the file ends before. `n` is at most `BUFFER_MAX`.
    pub(super) fn fill_to(&mut self, n: usize) -> &[u8] {
        let n = n.min(BUFFER_MAX);
        if n > self.buffer.len() {
            // As much as is asked for comes from the file before more is made: a length that lies costs nothing.
            let grown = (self.buffer.len() * 2).min(n.next_multiple_of(BUFFER_LEN));
            self.fill_to(self.buffer.len());
            if self.at_end {
                return self.available();
            }
            self.buffer.resize(grown, 0);
            return self.fill_to(n);
        }
        while self.end - self.start < n && self.fill_more() {}
        self.available()
    }

    /// Reads more; false at the end of the file, or of what can be read of it. The buffer must not be full.
    pub(super) fn fill_more(&mut self) -> bool {
        if self.at_end {
            return false;
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        loop {
            return match self.source.read(room) {
                Ok(0) => {
                    self.at_end = true;
                    false
                }
                Ok(n) => {
                    self.end += n;
                    true
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.at_end = true;
                    self.failed = Some(error);
                    false
                }
            };
        }
    }

    /// The read error that ended the file, if one did.
    pub(super) fn check(&mut self) -> Result<(), CaptureError> {
        if self.failed.is_some() { self.finish() } else { Ok(()) }
    }

    /// How reading ended, after `fill_more` said so: with the end of the file, or too early.
    pub(super) fn finish(&mut self) -> Result<(), CaptureError> {
        let left = (self.end - self.start) as u64;
        match self.failed.take() {
            // A compressed file that was cut: all of it that is there was good.
            Some(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(self.truncated()),
            Some(source) => Err(CaptureError::Read { path: self.path.clone(), offset: self.offset + left, source }),
            None if left > 0 => Err(self.truncated()),
            None => Ok(()),
        }
    }

    /// The error for a file that ends within the record that starts where reading stands.
    pub(super) fn truncated(&self) -> CaptureError {
        CaptureError::Truncated { path: self.path.clone(), offset: self.offset }
    }

    /// The error for a record that starts where reading stands.
    pub(super) fn corrupt(&self, what: impl Into<String>) -> CaptureError {
        CaptureError::Corrupt { path: self.path.clone(), offset: self.offset, what: what.into() }
    }

    /// The error for a file that starts with something unknown.
    pub(super) fn not_a_capture(&self) -> CaptureError {
        let found = match self.available() {
            [] => "it is empty".to_owned(),
            head => {
                let head: Vec<String> = head.iter().take(4).map(|b| format!("{b:02x}")).collect();
                format!("it starts with {}", head.join(" "))
            }
        };
        CaptureError::NotACapture { path: self.path.clone(), found }
    }
}

/// Puts a decompressor before `source` if its first bytes call for one.
fn decompressed(mut source: Counted) -> io::Result<Box<dyn Read + Send>> {
    const GZIP: [u8; 2] = [0x1f, 0x8b];
    const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    /// A skippable frame, as parallel compressors write first (RFC 8878 §3.1.2).
    const ZSTD_SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];
    /// Compressed bytes read at once.
    const READ_LEN: usize = 128 << 10;
    let mut head = Vec::with_capacity(4);
    source.by_ref().take(4).read_to_end(&mut head)?;
    let is_gzip = head.starts_with(&GZIP);
    let is_zstd =
        head == ZSTD || matches!(*head, [first, ref rest @ ..] if first & 0xf0 == 0x50 && rest == ZSTD_SKIPPABLE);
    let whole = Cursor::new(head).chain(source);
    if is_gzip {
        Ok(Box::new(MultiGzDecoder::new(BufReader::with_capacity(READ_LEN, whole))))
    } else if is_zstd {
        let mut decoder = zstd::stream::read::Decoder::with_buffer(BufReader::with_capacity(READ_LEN, whole))?;
        decoder.window_log_max(WINDOW_LOG_MAX)?;
        Ok(Box::new(decoder))
    } else {
        Ok(Box::new(whole))
    }
}
