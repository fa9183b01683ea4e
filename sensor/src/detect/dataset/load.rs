//! Sets' files: how values are written, and how a file becomes a set. Read line by line, so that a file of gigabytes takes
//! no more memory than its values.

use super::{BadLine, DEFAULT_MEMCAP, Dataset, DatasetError, Fixed, Shared, Wanted, json};
use crate::packet::Addr;
use sekisho_signatures::kept::{SetFormat, SetKind};
use sekisho_signatures::transform::{Base64Mode, decode_base64};
use std::fmt::Write;
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::IpAddr;
use std::path::Path;

/// Wrong lines that are told one by one; the rest is told as a number.
const MAX_TOLD: usize = 20;
/// Longest line that is read, in bytes.
const LONGEST_LINE: u64 = 1 << 20;

pub(super) fn load(name: &str, wanted: &Wanted, bad: &mut Vec<BadLine>) -> Result<Dataset, DatasetError> {
    let options = &wanted.options;
    let kind = options.kind.ok_or_else(|| DatasetError::NoType { name: name.into() })?;
    let memcap = options.memcap.unwrap_or(DEFAULT_MEMCAP);
    let mut loading = Loading { name, memcap, used: 0, bad };
    if options.format != SetFormat::Csv {
        if wanted.is_shared() {
            return Err(DatasetError::JsonIsFixed { name: name.into() });
        }
        let mut set = Fixed::new(kind);
        if let Some(file) = &options.load {
            json::read(&mut loading, file, options, kind, &mut set)?;
        }
        return Ok(Dataset::Context(set.finish()));
    }
    if wanted.is_shared() {
        let set = Shared::new(kind, memcap, options.save.clone());
        if let Some(file) = &options.load {
            // A state file comes to be when it is first saved.
            let may_miss = options.save.as_ref() == Some(file);
            loading.lines(file, may_miss, |loading, line| {
                let value = parse(kind, line)?;
                if !set.insert(&value) && set.refused() > 0 {
                    return Err(Wrong::Fatal(loading.over_memcap(file)));
                }
                Ok(())
            })?;
        }
        set.is_saved();
        return Ok(Dataset::Shared(set));
    }
    let Some(file) = &options.load else { return Ok(Dataset::Fixed(Fixed::new(kind).finish())) };
    if wanted.reputation {
        let mut set = Fixed::new(kind);
        loading.lines(file, false, |loading, line| {
            let (value, reputation) = line.rsplit_once(',').ok_or_else(|| wrong("no reputation after a comma"))?;
            let number = reputation.trim().parse::<u16>();
            let number = number.map_err(|_| wrong(format!("{} is no reputation, 0 to 65535", reputation.trim())))?;
            let size = set.add(&parse(kind, value.trim())?, number);
            loading.used(file, size)
        })?;
        return Ok(Dataset::Reputation(set.finish()));
    }
    let mut set = Fixed::new(kind);
    loading.lines(file, false, |loading, line| {
        let size = set.add(&parse(kind, line)?, ());
        loading.used(file, size)
    })?;
    Ok(Dataset::Fixed(set.finish()))
}

/// A set on its way into memory.
pub(super) struct Loading<'a> {
    name: &'a str,
    memcap: u64,
    used: u64,
    bad: &'a mut Vec<BadLine>,
}

/// What is wrong with a line.
pub(super) enum Wrong {
    /// It is left out.
    Line(String),
    /// The set cannot be had.
    Fatal(DatasetError),
}

pub(super) fn wrong(message: impl Into<String>) -> Wrong {
    Wrong::Line(message.into())
}

impl Loading<'_> {
    pub(super) fn name(&self) -> Box<str> {
        self.name.into()
    }

    /// Counts what a value takes.
    pub(super) fn used(&mut self, file: &Path, size: Option<u64>) -> Result<(), Wrong> {
        let size = size.ok_or_else(|| wrong("no value of this set's type"))?;
        self.used = self.used.saturating_add(size);
        if self.used > self.memcap { Err(Wrong::Fatal(self.over_memcap(file))) } else { Ok(()) }
    }

    fn over_memcap(&self, file: &Path) -> DatasetError {
        DatasetError::OverMemcap { name: self.name(), file: file.to_owned(), memcap: self.memcap }
    }

    /// Hands each line to `take`; empty ones and those that begin with `#` are left out.
    pub(super) fn lines(
        &mut self,
        file: &Path,
        may_miss: bool,
        mut take: impl FnMut(&mut Self, &str) -> Result<(), Wrong>,
    ) -> Result<(), DatasetError> {
        let name = self.name();
        let unreadable = |source| DatasetError::Read { name: name.clone(), file: file.to_owned(), source };
        let mut reader = match std::fs::File::open(file) {
            Ok(opened) => BufReader::with_capacity(1 << 16, opened),
            Err(error) if may_miss && error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(unreadable(error)),
        };
        let (mut buffer, mut number, mut untold) = (Vec::new(), 0_usize, 0_usize);
        loop {
            buffer.clear();
            let read = std::io::Read::take(&mut reader, LONGEST_LINE).read_until(b'\n', &mut buffer);
            if read.map_err(unreadable)? == 0 {
                break;
            }
            number += 1;
            let whole = buffer.ends_with(b"\n") || (buffer.len() as u64) < LONGEST_LINE;
            let line = buffer.strip_prefix(b"\xef\xbb\xbf").filter(|_| number == 1).unwrap_or(&buffer).trim_ascii();
            let result = match std::str::from_utf8(line) {
                _ if !whole => {
                    reader.skip_until(b'\n').map_err(unreadable)?;
                    Err(wrong(format!("longer than {LONGEST_LINE} bytes")))
                }
                Ok(line) if line.is_empty() || line.starts_with('#') => Ok(()),
                Ok(line) => take(self, line),
                Err(_) => Err(wrong("not UTF-8")),
            };
            match result {
                Ok(()) => {}
                Err(Wrong::Fatal(error)) => return Err(error),
                Err(Wrong::Line(message)) if untold > 0 || self.told(file) >= MAX_TOLD => {
                    drop(message);
                    untold += 1;
                }
                Err(Wrong::Line(message)) => {
                    self.bad.push(BadLine { file: file.to_owned(), line: number, message });
                }
            }
        }
        if untold > 0 {
            let message = format!("{untold} more lines up to here are wrong, and left out");
            self.bad.push(BadLine { file: file.to_owned(), line: number, message });
        }
        Ok(())
    }

    fn told(&self, file: &Path) -> usize {
        self.bad.iter().filter(|bad| bad.file == file).count()
    }
}

/// A value as it is written in files.
pub(super) fn parse(kind: SetKind, text: &str) -> Result<Vec<u8>, Wrong> {
    match kind {
        SetKind::String => {
            let mut bytes = Vec::with_capacity(text.len());
            let decoded = decode_base64(text.as_bytes(), Base64Mode::Strict, &mut bytes);
            if decoded == 0 { Err(wrong("no base64")) } else { Ok(bytes) }
        }
        SetKind::Md5 => hex(text, 16),
        SetKind::Sha256 => hex(text, 32),
        SetKind::Ipv4 | SetKind::Ip => {
            let address: IpAddr = text.parse().map_err(|_| wrong(format!("{text} is no address")))?;
            Ok(Addr::from(address).0.to_be_bytes().to_vec())
        }
    }
}

fn hex(text: &str, len: usize) -> Result<Vec<u8>, Wrong> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes: Option<Vec<u8>> = pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect();
    let bytes = bytes.filter(|b| b.len() == len && rest.is_empty());
    bytes.ok_or_else(|| wrong(format!("not {} hexadecimal digits", len * 2)))
}

/// Writes a value as it is written in files; what [`parse`] reads.
pub(super) fn print(kind: SetKind, value: &[u8], out: &mut String) {
    match kind {
        SetKind::String => base64(value, out),
        SetKind::Md5 | SetKind::Sha256 => value.iter().for_each(|b| {
            let _ = write!(out, "{b:02x}");
        }),
        SetKind::Ipv4 | SetKind::Ip => {
            let address = value.try_into().map(|bytes| Addr(u128::from_be_bytes(bytes))).unwrap_or_default();
            let _ = write!(out, "{}", address.to_ip());
        }
    }
}

/// Writes padded base64 (RFC 4648 §4).
pub(crate) fn base64(bytes: &[u8], out: &mut String) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let value = (group >> (18 - 6 * i)) & 63;
            out.push(if i <= chunk.len() { char::from(ALPHABET[value as usize]) } else { '=' });
        }
    }
}
