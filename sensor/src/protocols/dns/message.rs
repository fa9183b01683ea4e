//! One message (RFC 1035, 4.1) read into a store that is used again for the next.

use super::event::Oddities;
use super::name::{Name, Names, Spent};
use super::rdata::{OptOption, Rdata, Span};

/// The first twelve bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// What pairs requests and responses.
    pub id: u16,
    /// QR, opcode, AA, TC, RD, RA, Z, AD, CD, RCODE.
    pub flags: u16,
    /// How many questions there should be.
    pub questions: u16,
    /// How many records in each of the answer, authority and additional sections.
    pub records: [u16; 3],
}

impl Header {
    /// Its length.
    pub const LEN: usize = 12;

    /// Reads it; None if there are too few bytes.
    #[must_use]
    pub fn read(message: &[u8]) -> Option<Self> {
        let b = message.first_chunk::<{ Self::LEN }>()?;
        let number = |i: usize| u16::from_be_bytes([b[i], b[i + 1]]);
        Some(Self {
            id: number(0),
            flags: number(2),
            questions: number(4),
            records: [number(6), number(8), number(10)],
        })
    }

    /// The QR bit.
    #[must_use]
    pub fn is_response(&self) -> bool {
        self.flags & 0x8000 != 0
    }

    /// 0 to 15.
    #[must_use]
    pub fn opcode(&self) -> u8 {
        (self.flags >> 11 & 0xf) as u8
    }

    /// 0 to 15.
    #[must_use]
    pub fn rcode(&self) -> u8 {
        (self.flags & 0xf) as u8
    }
}

/// An entry of the question section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// What is asked about.
    pub name: Name,
    /// The record type asked for.
    pub kind: u16,
    /// The class asked for.
    pub class: u16,
}

/// An entry of another section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// What it is about.
    pub name: Name,
    /// Its type.
    pub kind: u16,
    /// Its class.
    pub class: u16,
    /// How long it holds, in seconds.
    pub ttl: u32,
    /// What it says.
    pub data: Rdata,
}

/// What the entries of a message refer to.
#[derive(Clone, Debug, Default)]
pub struct Store {
    names: Names,
    bytes: Vec<u8>,
    pub(super) strings: Vec<Span>,
    pub(super) options: Vec<OptOption>,
    spent: Scratch,
}

/// Not part of the message: a copy of the store begins with none.
#[derive(Debug, Default)]
struct Scratch(Spent);

impl Clone for Scratch {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Store {
    fn clear(&mut self) {
        self.names.clear();
        self.bytes.clear();
        self.strings.clear();
        self.options.clear();
        self.spent.0.clear();
    }

    pub(super) fn keep(&mut self, data: &[u8]) -> Option<Span> {
        let span = Span { start: u32::try_from(self.bytes.len()).ok()?, len: u32::try_from(data.len()).ok()? };
        self.bytes.extend_from_slice(data);
        Some(span)
    }

    pub(super) fn name(&mut self, message: &[u8], at: usize, odd: &mut Oddities) -> Option<(Name, usize)> {
        self.names.read(message, at, &mut self.spent.0, odd)
    }
}

/// One message.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// Its header.
    pub header: Header,
    /// The question section.
    pub queries: Vec<Question>,
    /// The answer section.
    pub answers: Vec<Resource>,
    /// The authority section.
    pub authorities: Vec<Resource>,
    /// The additional section.
    pub additionals: Vec<Resource>,
    store: Store,
}

impl Message {
    /// The text of a name in it.
    #[must_use]
    pub fn name(&self, name: Name) -> &[u8] {
        self.store.names.get(name)
    }

    /// Bytes in it.
    #[must_use]
    pub fn bytes(&self, span: Span) -> &[u8] {
        let start = span.start as usize;
        self.store.bytes.get(start..start + span.len as usize).unwrap_or_default()
    }

    /// The strings of a TXT.
    pub fn strings(&self, first: u32, count: u32) -> impl Iterator<Item = &[u8]> {
        self.store.strings.iter().skip(first as usize).take(count as usize).map(|s| self.bytes(*s))
    }

    /// The options of an OPT.
    pub fn options(&self, first: u32, count: u32) -> impl Iterator<Item = &OptOption> {
        self.store.options.iter().skip(first as usize).take(count as usize)
    }

    /// Reads a message over whatever was in this one, as far as it goes, and says what was odd. Odd in the first two sections
    /// is [`Oddities::MALFORMED_DATA`]; in the others it has names of its own, and the message counts as good.
    pub fn read(&mut self, message: &[u8]) -> Oddities {
        let mut odd = Oddities::default();
        self.store.clear();
        for section in [&mut self.answers, &mut self.authorities, &mut self.additionals] {
            section.clear();
        }
        self.queries.clear();
        let Some(header) = Header::read(message) else {
            self.header = Header::default();
            odd.add(Oddities::MALFORMED_DATA);
            return odd;
        };
        self.header = header;
        if header.flags & 0x0040 != 0 {
            odd.add(Oddities::Z_FLAG_SET);
        }
        if header.opcode() >= 7 {
            odd.add(Oddities::INVALID_OPCODE);
        }
        let Some(mut at) = self.questions(message, &mut odd) else {
            odd.add(Oddities::MALFORMED_DATA);
            return odd;
        };
        let sections = [
            (&mut self.answers, Oddities::MALFORMED_DATA),
            (&mut self.authorities, Oddities::INVALID_AUTHORITIES),
            (&mut self.additionals, Oddities::INVALID_ADDITIONALS),
        ];
        for ((section, broken), count) in sections.into_iter().zip(header.records) {
            match resources(message, at, count, section, &mut self.store, &mut odd) {
                Some(next) => at = next,
                None => {
                    odd.add(broken);
                    return odd;
                }
            }
        }
        odd
    }

    fn questions(&mut self, message: &[u8], odd: &mut Oddities) -> Option<usize> {
        let mut at = Header::LEN;
        for _ in 0..self.header.questions {
            let (name, next) = self.store.name(message, at, odd)?;
            let &[k0, k1, c0, c1] = message.get(next..)?.first_chunk::<4>()?;
            self.queries.push(Question {
                name,
                kind: u16::from_be_bytes([k0, k1]),
                class: u16::from_be_bytes([c0, c1]),
            });
            at = next + 4;
        }
        Some(at)
    }
}

/// Reads `count` records from `at` on; where they end, or None if one is broken: those before it are there.
fn resources(
    message: &[u8],
    mut at: usize,
    count: u16,
    section: &mut Vec<Resource>,
    store: &mut Store,
    odd: &mut Oddities,
) -> Option<usize> {
    for _ in 0..count {
        let (name, next) = store.name(message, at, odd)?;
        let &[k0, k1, c0, c1, t0, t1, t2, t3, l0, l1] = message.get(next..)?.first_chunk::<10>()?;
        let (kind, start) = (u16::from_be_bytes([k0, k1]), next + 10);
        let end = start + usize::from(u16::from_be_bytes([l0, l1]));
        let data = Rdata::read(kind, message, start, end, store, odd)?;
        let (class, ttl) = (u16::from_be_bytes([c0, c1]), u32::from_be_bytes([t0, t1, t2, t3]));
        section.push(Resource { name, kind, class, ttl, data });
        at = end;
    }
    Some(at)
}
