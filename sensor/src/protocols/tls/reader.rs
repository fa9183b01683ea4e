//! Reads the vectors that handshake messages are made of (RFC 8446, 3.4) without copying or panicking.

/// A run of bytes in a message that is kept elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    at: u32,
    len: u32,
}

impl Span {
    /// `at..end`; messages are far shorter than 4 GiB.
    #[must_use]
    pub fn between(at: usize, end: usize) -> Self {
        Self { at: at as u32, len: end.saturating_sub(at) as u32 }
    }

    /// The bytes; nothing if it is not a span of these.
    #[must_use]
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        let at = self.at as usize;
        bytes.get(at..at + self.len as usize).unwrap_or_default()
    }
}

/// Goes through a message.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    whole: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    /// All of it.
    #[must_use]
    pub fn new(whole: &'a [u8]) -> Self {
        Self { whole, at: 0, end: whole.len() }
    }

    /// A part of it.
    #[must_use]
    pub fn within(whole: &'a [u8], span: Span) -> Self {
        let at = (span.at as usize).min(whole.len());
        Self { whole, at, end: at.saturating_add(span.len as usize).min(whole.len()) }
    }

    /// Whether all is read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.at >= self.end
    }

    /// The next `len` bytes.
    pub fn take(&mut self, len: usize) -> Option<Span> {
        let end = self.at.checked_add(len).filter(|&end| end <= self.end)?;
        let span = Span::between(self.at, end);
        self.at = end;
        Some(span)
    }

    /// An unsigned integer of `len` bytes.
    fn number(&mut self, len: usize) -> Option<usize> {
        let span = self.take(len)?;
        Some(span.of(self.whole).iter().fold(0, |n, &byte| n << 8 | usize::from(byte)))
    }

    /// One byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.number(1).map(|n| n as u8)
    }

    /// Two bytes.
    pub fn u16(&mut self) -> Option<u16> {
        self.number(2).map(|n| n as u16)
    }

    /// A vector with its length before it, in `width` bytes.
    pub fn vector(&mut self, width: usize) -> Option<Span> {
        let len = self.number(width)?;
        self.take(len)
    }

    /// The rest as 16-bit integers; an odd byte is left out.
    pub fn u16s(mut self) -> impl Iterator<Item = u16> + 'a {
        std::iter::from_fn(move || self.u16())
    }
}
