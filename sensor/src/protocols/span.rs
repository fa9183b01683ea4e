//! Where in a message something stands, for what must outlive the borrow of the bytes.

/// A run of bytes in a message that is kept elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    at: u32,
    len: u32,
}

impl Span {
    /// Where `part`, a slice of `whole`, stands in it; messages are far shorter than 4 GiB.
    #[must_use]
    pub fn of_part(whole: &[u8], part: &[u8]) -> Self {
        let at = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
        if at > whole.len() {
            return Self::default();
        }
        Self { at: at as u32, len: part.len() as u32 }
    }

    /// The bytes; nothing if it is not a span of these.
    #[must_use]
    pub fn of(self, whole: &[u8]) -> &[u8] {
        let at = self.at as usize;
        whole.get(at..at + self.len as usize).unwrap_or_default()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len == 0
    }
}
