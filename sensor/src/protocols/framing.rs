//! Messages out of the pieces of a stream: what of one direction does not make a whole message yet is kept here, and no more.
//!
//! A parser says of the bytes that begin with a message how many it takes; it is asked again with those behind. What it says must
//! depend on nothing but the bytes from the message's beginning on and how far it got before, so that cuts change nothing.

/// What a parser makes of bytes that begin where a message does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// So many are read, at least one.
    Took(usize),
    /// So many are passed over unread, also those that are still to come.
    Skip(u64),
    /// There are too few: they are kept until there are more. The parser bounds how many.
    More,
    /// Nothing more of this direction is read.
    Stop,
}

/// One direction of a stream.
#[derive(Debug, Default)]
pub struct Framer {
    kept: Vec<u8>,
    skip: u64,
    /// Where messages begin is not known, or they are not read any more.
    stopped: bool,
}

impl Framer {
    /// Whether a message is unfinished.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        !self.kept.is_empty() || self.skip > 0
    }

    /// Whether nothing more is read.
    #[cfg(test)]
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Reads on, where a message begins.
    pub fn start_again(&mut self) {
        *self = Self::default();
    }

    /// Reads no more.
    pub fn stop(&mut self) {
        *self = Self { stopped: true, ..Self::default() };
    }

    /// Hands what there is to `next`, message by message.
    pub fn feed(&mut self, bytes: &[u8], mut next: impl FnMut(&[u8]) -> Step) {
        if self.stopped {
            return;
        }
        if self.kept.is_empty() {
            let read = self.read(bytes, &mut next);
            self.kept.extend_from_slice(bytes.get(read..).unwrap_or_default());
            return;
        }
        let mut kept = std::mem::take(&mut self.kept);
        kept.extend_from_slice(bytes);
        let read = self.read(&kept, &mut next);
        kept.drain(..read.min(kept.len()));
        self.kept = kept;
    }

    /// Returns how many of the bytes are not to be kept.
    fn read(&mut self, bytes: &[u8], mut next: impl FnMut(&[u8]) -> Step) -> usize {
        let mut read = 0;
        while let Some(input) = bytes.get(read..).filter(|input| !input.is_empty()) {
            if self.skip > 0 {
                let passed = usize::try_from(self.skip).unwrap_or(usize::MAX).min(input.len());
                self.skip -= passed as u64;
                read += passed;
                continue;
            }
            match next(input) {
                Step::Took(len) => read += len.clamp(1, input.len()),
                Step::Skip(len) => self.skip = len,
                Step::More => return read,
                Step::Stop => self.stopped = true,
            }
            if self.stopped {
                return bytes.len();
            }
        }
        read
    }

    /// `len` bytes are missing here. False if it is not known any more where messages begin; then nothing more is read, until
    /// [`start_again`](Self::start_again).
    pub fn gap(&mut self, len: u64) -> bool {
        if !self.kept.is_empty() || len > self.skip {
            self.stop();
            return false;
        }
        self.skip -= len;
        true
    }

    /// What is unfinished; nothing is kept any more.
    pub fn take_rest(&mut self) -> Vec<u8> {
        self.skip = 0;
        std::mem::take(&mut self.kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages with their length in the first byte; those of 9 bytes are passed over, one of 0 is the end.
    fn read(framer: &mut Framer, piece: &[u8], out: &mut Vec<Vec<u8>>) {
        framer.feed(piece, |bytes| match usize::from(bytes[0]) {
            0 => Step::Stop,
            9 => Step::Skip(10),
            len if bytes.len() > len => {
                out.push(bytes[1..=len].to_vec());
                Step::Took(len + 1)
            }
            _ => Step::More,
        });
    }

    #[test]
    fn pieces_make_messages() {
        let stream = b"\x02ab\x09skipped!!\x01c\x03def\0never\x01x";
        for cut in 1..stream.len() {
            let (mut framer, mut out) = (Framer::default(), vec![]);
            stream.chunks(cut).for_each(|piece| read(&mut framer, piece, &mut out));
            assert_eq!(out, [&b"ab"[..], b"c", b"def"], "{cut}");
            assert!(framer.is_stopped() && !framer.is_inside());
        }
    }

    #[test]
    fn a_gap_in_what_is_passed_over_is_no_loss() {
        let (mut framer, mut out) = (Framer::default(), vec![]);
        read(&mut framer, b"\x09skip", &mut out);
        assert!(framer.gap(3));
        read(&mut framer, b"!!\x01c", &mut out);
        assert_eq!(out, [b"c"]);
        read(&mut framer, b"\x03d", &mut out);
        assert!(!framer.gap(1) && framer.is_stopped());
        framer.start_again();
        read(&mut framer, b"\x01e", &mut out);
        assert_eq!(out, [b"c", b"e"]);
    }
}
