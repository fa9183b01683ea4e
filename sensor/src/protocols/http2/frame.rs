//! Frames (RFC 9113, 4 and 6).

/// Bytes of a frame's header.
pub const HEADER: usize = 9;

/// Types of frames, by the standard's names.
pub(super) mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// Flags of frames, by the standard's names.
pub(super) mod flag {
    pub const END_STREAM: u8 = 0x01;
    pub const END_HEADERS: u8 = 0x04;
    pub const PADDED: u8 = 0x08;
    pub const PRIORITY: u8 = 0x20;
}

/// A frame's header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Bytes of its payload.
    pub len: usize,
    /// Its type.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Whose it is; 0: the connection's.
    pub stream: u32,
}

impl Frame {
    /// From its bytes.
    #[must_use]
    pub fn read(bytes: &[u8; HEADER]) -> Self {
        let [a, b, c, kind, flags, s1, s2, s3, s4] = *bytes;
        Self {
            len: usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c),
            kind,
            flags,
            stream: u32::from_be_bytes([s1 & 0x7f, s2, s3, s4]),
        }
    }

    /// Whether it has this flag.
    #[must_use]
    pub fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// A type that IANA knows ("HTTP/2 Frame Type").
    #[must_use]
    pub fn is_known(self) -> bool {
        matches!(self.kind, 0..=0x0a | 0x0c | 0x10)
    }
}

/// A payload without its padding; None if there is more of that than payload.
#[must_use]
pub fn unpadded(frame: Frame, payload: &[u8]) -> Option<&[u8]> {
    if !frame.has(flag::PADDED) {
        return Some(payload);
    }
    let (&padding, rest) = payload.split_first()?;
    rest.get(..rest.len().checked_sub(usize::from(padding))?)
}
