//! Header fields by name, and the small grammars of their values.

use super::event::{Event, Events};

/// Which message a head is of: the two are not read alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Response,
}

impl Side {
    fn pick(self, request: Event, response: Event) -> Event {
        match self {
            Self::Request => request,
            Self::Response => response,
        }
    }

    pub(super) fn too_long(self) -> Event {
        self.pick(Event::RequestFieldTooLong, Event::ResponseFieldTooLong)
    }

    pub(super) fn too_many(self) -> Event {
        self.pick(Event::RequestTooManyHeaders, Event::ResponseTooManyHeaders)
    }

    pub(super) fn colon_missing(self) -> Event {
        self.pick(Event::RequestColonMissing, Event::ResponseColonMissing)
    }

    pub(super) fn repetition(self) -> Event {
        self.pick(Event::RequestHeaderRepetition, Event::ResponseHeaderRepetition)
    }

    pub(super) fn length_repeated(self) -> Event {
        self.pick(Event::DuplicateRequestLength, Event::DuplicateResponseLength)
    }

    pub(super) fn chunk_length(self) -> Event {
        self.pick(Event::InvalidRequestChunkLength, Event::InvalidResponseChunkLength)
    }

    pub(super) fn chunk_extension(self) -> Event {
        self.pick(Event::RequestChunkExtension, Event::ResponseChunkExtension)
    }

    /// What is odd about a field's name, as it came and without the blanks around it.
    pub(super) fn name_events(self, raw: &[u8], name: &[u8]) -> Events {
        let mut events = Events::default();
        if matches!(raw.first(), Some(b' ' | b'\t')) {
            events.add(self.pick(Event::InvalidRequestFolding, Event::InvalidResponseFolding));
        }
        if name.is_empty() || name.len() != raw.len() || !name.iter().all(|b| is_token(*b)) {
            events.add(self.pick(Event::RequestHeaderInvalid, Event::ResponseHeaderInvalid));
        }
        events
    }
}

macro_rules! known {
    ($($variant:ident: $name:literal;)*) => {
        /// Header fields that something here asks for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Known { $($variant,)* Other }

        impl Known {
            pub(super) const COUNT: usize = Self::Other as usize;

            fn of_lower(name: &[u8]) -> Self {
                $(const { assert!($name.len() <= LONGEST) })*
                match name { $($name => Self::$variant,)* _ => Self::Other }
            }
        }
    };
}

known! {
    Accept: b"accept";
    AcceptEncoding: b"accept-encoding";
    AcceptLanguage: b"accept-language";
    Authorization: b"authorization";
    Connection: b"connection";
    ContentDisposition: b"content-disposition";
    ContentEncoding: b"content-encoding";
    ContentLength: b"content-length";
    ContentRange: b"content-range";
    ContentType: b"content-type";
    Cookie: b"cookie";
    Expect: b"expect";
    Host: b"host";
    Location: b"location";
    Referer: b"referer";
    Server: b"server";
    SetCookie: b"set-cookie";
    TransferEncoding: b"transfer-encoding";
    TrueClientIp: b"true-client-ip";
    Upgrade: b"upgrade";
    UserAgent: b"user-agent";
    XBluecoatVia: b"x-bluecoat-via";
    XForwardedFor: b"x-forwarded-for";
    OrgSrcIp: b"org-src-ip";
}

/// The longest name above.
const LONGEST: usize = 19;

impl Known {
    /// By its name in any case; NUL bytes in it do not count, as some servers leave them out.
    pub(super) fn of(name: &[u8]) -> Self {
        let mut lower = [0; LONGEST];
        let mut len = 0;
        for byte in name.iter().filter(|b| **b != 0) {
            let Some(slot) = lower.get_mut(len) else { return Self::Other };
            *slot = byte.to_ascii_lowercase();
            len += 1;
        }
        Self::of_lower(lower.get(..len).unwrap_or_default())
    }
}

/// White space as C has it.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c)
}

/// The characters of a token (RFC 9110, 5.6.2).
static TOKENS: [bool; 256] = {
    let separators = br#"()<>@,;:\"/[]?={}"#;
    let mut table = [false; 256];
    let mut byte = b'!';
    while byte <= b'~' {
        table[byte as usize] = true;
        byte += 1;
    }
    let mut i = 0;
    while i < separators.len() {
        table[separators[i] as usize] = false;
        i += 1;
    }
    table
};

/// RFC 9110, 5.6.2.
pub(super) fn is_token(byte: u8) -> bool {
    TOKENS[usize::from(byte)]
}

/// Without the white space around it.
pub(super) fn trim(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|b| !is_space(*b)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|b| !is_space(*b)).map_or(start, |at| at + 1);
    bytes.get(start..end).unwrap_or_default()
}

/// The first run of digits, whatever is around it: servers and browsers read `Content-Length` so. None if there is none,
/// or it is too large.
pub(super) fn decimal(value: &[u8]) -> Option<u64> {
    let start = value.iter().position(u8::is_ascii_digit)?;
    let digits = value.get(start..)?.iter().take_while(|b| b.is_ascii_digit());
    digits.into_iter().try_fold(0_u64, |n, b| n.checked_mul(10)?.checked_add(u64::from(b - b'0')))
}

/// Whether `needle`, in lower case, is in the value, in any case; NUL bytes do not count.
pub(super) fn has_word(value: &[u8], needle: &[u8]) -> bool {
    (0..value.len()).any(|at| {
        let mut bytes = value.iter().skip(at).filter(|b| **b != 0);
        needle.iter().all(|n| bytes.next().is_some_and(|b| b.eq_ignore_ascii_case(n)))
    })
}

/// Whether the value is `word`, in lower case, in any case; NUL bytes do not count.
pub(super) fn is_word(value: &[u8], word: &[u8]) -> bool {
    let mut bytes = value.iter().filter(|b| **b != 0);
    word.iter().all(|w| bytes.next().is_some_and(|b| b.eq_ignore_ascii_case(w))) && bytes.next().is_none()
}
