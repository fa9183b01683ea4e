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
    MALFORMED_DATA = 0, "malformed_data";
    NOT_REQUEST = 1, "not_request";
    NOT_RESPONSE = 2, "not_response";
    Z_FLAG_SET = 3, "z_flag_set";
    INVALID_OPCODE = 4, "invalid_opcode";
    NAME_TOO_LONG = 5, "name_too_long";
    INFINITE_LOOP = 6, "infinite_loop";
    TOO_MANY_LABELS = 7, "too_many_labels";
    INVALID_ADDITIONALS = 8, "invalid_additionals";
    INVALID_AUTHORITIES = 9, "invalid_authorities";
}

impl Oddities {
    /// Adds these.
    pub fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether one of these is among them.
    #[must_use]
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().filter(move |(oddity, _)| self.has(*oddity)).map(|(_, name)| *name)
    }
}
