//! Requests: what is wanted, under which name and in which mode.

/// Bytes of a file's name, or of a mode, that are kept.
pub const MAX_NAME: usize = 512;

/// A request, which a transfer's flow is told as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TftpNote {
    /// The client writes; else it reads.
    pub write: bool,
    /// The file's name.
    pub file: Box<[u8]>,
    /// The mode, as it came: `octet`, `netascii`, `mail`.
    pub mode: Box<[u8]>,
}

impl TftpNote {
    /// Of a datagram; None if it is no request.
    pub(super) fn read(datagram: &[u8]) -> Option<Self> {
        let (opcode, rest) = datagram.split_first_chunk::<2>()?;
        let write = match u16::from_be_bytes(*opcode) {
            1 => false,
            2 => true,
            _ => return None,
        };
        let mut words = rest.split(|b| *b == 0);
        let (file, mode) = (words.next()?, words.next()?);
        // Behind the mode there is a NUL as well.
        words.next()?;
        let kept = |word: &[u8]| word.get(..MAX_NAME).unwrap_or(word).into();
        Some(Self { write, file: kept(file), mode: kept(mode) })
    }
}

/// The block size that a server agreed to (RFC 2348), in what follows the opcode of an OACK.
pub(super) fn agreed_block_size(options: &[u8]) -> Option<u16> {
    let mut words = options.split(|b| *b == 0);
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        if name.eq_ignore_ascii_case(b"blksize") {
            return std::str::from_utf8(value).ok()?.parse().ok().filter(|size| *size > 0);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_options() {
        let note = TftpNote::read(b"\0\x02a.bin\0octet\0blksize\x001428\0").expect("a request");
        assert_eq!((note.write, &*note.file, &*note.mode), (true, &b"a.bin"[..], &b"octet"[..]));
        for bad in [&b"\0\x03a\0b\0"[..], b"\0\x01a\0octet", b"\0", b""] {
            assert_eq!(TftpNote::read(bad), None);
        }
        assert_eq!(agreed_block_size(b"tsize\x005\0BLKSIZE\x001428\0"), Some(1428));
        assert_eq!(agreed_block_size(b"blksize\x000\0"), None);
    }
}
