//! What records say: the types that are read further (RFC 1035, 2782, 3596, 4255, 6891), and all others as bytes.

use super::event::Oddities;
use super::message::Store;
use super::name::Name;

/// Bytes in the message's store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub(super) start: u32,
    pub(super) len: u32,
}

/// A zone's authority record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "RFC 1035, 3.3.13 names them")]
pub struct Soa {
    pub mname: Name,
    pub rname: Name,
    pub serial: u32,
    pub refresh: u32,
    pub retry: u32,
    pub expire: u32,
    pub minimum: u32,
}

/// Where a service is (RFC 2782).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "RFC 2782 names them")]
pub struct Srv {
    pub priority: u16,
    pub weight: u16,
    pub port: u16,
    pub name: Name,
}

/// One option of an OPT record (RFC 6891).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "RFC 6891 names them")]
pub struct OptOption {
    pub code: u16,
    pub data: Span,
}

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rdata {
    /// Of a type that is not read further, or nothing.
    Other(Span),
    /// A and AAAA, whatever their length.
    Address(Span),
    /// CNAME, NS, PTR, and the name of an MX.
    Name(Name),
    /// The strings of a TXT: so many of the store's strings from this one on.
    Txt {
        /// Index of the first.
        first: u32,
        /// How many.
        count: u32,
    },
    /// NULL: any bytes.
    Null(Span),
    /// SOA.
    Soa(Soa),
    /// SRV.
    Srv(Srv),
    /// SSHFP (RFC 4255).
    Sshfp {
        /// Of the key.
        algorithm: u8,
        /// Of the fingerprint.
        kind: u8,
        /// The hash.
        fingerprint: Span,
    },
    /// OPT: so many of the store's options from this one on.
    Opt {
        /// Index of the first.
        first: u32,
        /// How many.
        count: u32,
    },
}

/// Record types (IANA) that are read further; the names are IANA's.
pub mod kind {
    pub const A: u16 = 1;
    pub const NS: u16 = 2;
    pub const CNAME: u16 = 5;
    pub const SOA: u16 = 6;
    pub const NULL: u16 = 10;
    pub const PTR: u16 = 12;
    pub const MX: u16 = 15;
    pub const TXT: u16 = 16;
    pub const AAAA: u16 = 28;
    pub const SRV: u16 = 33;
    pub const OPT: u16 = 41;
    pub const SSHFP: u16 = 44;
}

impl Rdata {
    /// Reads `message[start..end]` as the data of a record of this type; names may point anywhere in the message. None if it
    /// is broken.
    pub(super) fn read(
        kind: u16,
        message: &[u8],
        start: usize,
        end: usize,
        store: &mut Store,
        odd: &mut Oddities,
    ) -> Option<Self> {
        let data = message.get(start..end)?;
        if data.is_empty() && kind != kind::OPT {
            return Some(Self::Other(Span::default()));
        }
        Some(match kind {
            kind::A | kind::AAAA => Self::Address(store.keep(data)?),
            kind::NS | kind::CNAME | kind::PTR => Self::Name(store.name(message, start, odd)?.0),
            kind::MX => {
                data.get(..2)?;
                Self::Name(store.name(message, start + 2, odd)?.0)
            }
            kind::TXT => Self::txt(data, store)?,
            kind::NULL => Self::Null(store.keep(data)?),
            kind::SOA => Self::Soa(Self::soa(message, start, end, store, odd)?),
            kind::SRV => {
                let &[p0, p1, w0, w1, o0, o1, ..] = data else { return None };
                let (name, _) = store.name(message, start + 6, odd)?;
                let number = |a, b| u16::from_be_bytes([a, b]);
                Self::Srv(Srv { priority: number(p0, p1), weight: number(w0, w1), port: number(o0, o1), name })
            }
            kind::SSHFP => {
                let &[algorithm, kind, ref fingerprint @ ..] = data else { return None };
                Self::Sshfp { algorithm, kind, fingerprint: store.keep(fingerprint)? }
            }
            kind::OPT => Self::opt(data, store)?,
            _ => Self::Other(store.keep(data)?),
        })
    }

    fn txt(mut data: &[u8], store: &mut Store) -> Option<Self> {
        let first = u32::try_from(store.strings.len()).ok()?;
        let mut count = 0;
        while let Some((&len, rest)) = data.split_first() {
            let (string, rest) = rest.split_at_checked(usize::from(len))?;
            let span = store.keep(string)?;
            store.strings.push(span);
            count += 1;
            data = rest;
        }
        Some(Self::Txt { first, count })
    }

    fn opt(mut data: &[u8], store: &mut Store) -> Option<Self> {
        let first = u32::try_from(store.options.len()).ok()?;
        let mut count = 0;
        while let &[c0, c1, l0, l1, ref rest @ ..] = data {
            let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])))?;
            let span = store.keep(value)?;
            store.options.push(OptOption { code: u16::from_be_bytes([c0, c1]), data: span });
            count += 1;
            data = rest;
        }
        data.is_empty().then_some(Self::Opt { first, count })
    }

    fn soa(message: &[u8], start: usize, end: usize, store: &mut Store, odd: &mut Oddities) -> Option<Soa> {
        let (mname, next) = store.name(message, start, odd)?;
        let (rname, next) = store.name(message, next, odd)?;
        let numbers = message.get(next..end)?.first_chunk::<20>()?;
        let mut numbers = numbers.chunks_exact(4).map(|n| u32::from_be_bytes([n[0], n[1], n[2], n[3]]));
        Some(Soa {
            mname,
            rname,
            serial: numbers.next()?,
            refresh: numbers.next()?,
            retry: numbers.next()?,
            expire: numbers.next()?,
            minimum: numbers.next()?,
        })
    }
}
