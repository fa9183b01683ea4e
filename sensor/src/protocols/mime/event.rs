//! What can be odd about a message, under Suricata's names.

/// Odd things of one message, each at most once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oddities(u16);

macro_rules! oddities {
    ($($name:ident = $bit:literal, $event:literal;)*) => {
        impl Oddities {
            $(#[doc = concat!("`", $event, "`")] pub const $name: Self = Self(1 << $bit);)*

            const NAMES: &'static [(Self, &'static str)] = &[$((Self::$name, $event)),*];
        }
    };
}

oddities! {
    MALFORMED_MSG = 0, "mime_malformed_msg";
    INVALID_BASE64 = 1, "mime_invalid_base64";
    INVALID_QP = 2, "mime_invalid_qp";
    LONG_LINE = 3, "mime_long_line";
    LONG_ENC_LINE = 4, "mime_long_enc_line";
    LONG_HEADER_NAME = 5, "mime_long_header_name";
    LONG_HEADER_VALUE = 6, "mime_long_header_value";
    LONG_BOUNDARY = 7, "mime_long_boundary";
    LONG_FILENAME = 8, "mime_long_filename";
}

impl Oddities {
    /// Adds these.
    pub fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// These without those.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().filter(move |(oddity, _)| self.0 & oddity.0 != 0).map(|(_, name)| *name)
    }
}
