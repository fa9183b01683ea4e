//! ClientHello and ServerHello (RFC 8446, 4.1; RFC 5246, 7.4.1): kept as one copy of the message and spans of it.

use super::event::Oddities;
use super::fingerprint::{Carrier, Ja3, Ja4};
use super::reader::{Reader, Span};
use super::version::Version;
use std::sync::OnceLock;

/// Extension types that are looked into (IANA, "TLS ExtensionType Values").
pub(in crate::protocols) mod extension {
    pub const SERVER_NAME: u16 = 0;
    pub const SUPPORTED_GROUPS: u16 = 10;
    pub const EC_POINT_FORMATS: u16 = 11;
    pub const SIGNATURE_ALGORITHMS: u16 = 13;
    pub const HEARTBEAT: u16 = 15;
    pub const ALPN: u16 = 16;
    pub const SESSION_TICKET: u16 = 35;
    pub const SUPPORTED_VERSIONS: u16 = 43;
}

/// The random of a ServerHello that asks for another ClientHello (RFC 8446, 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Values sent to keep servers tolerant, which mean nothing (RFC 8701).
#[must_use]
pub(in crate::protocols) fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

/// A hello of either side.
#[derive(Clone, Debug, Default)]
pub struct Hello {
    bytes: Vec<u8>,
    /// The version field, which TLS 1.3 keeps at 1.2.
    pub legacy_version: Version,
    /// In the format of SSL 2.0: it has neither random nor extensions.
    pub is_v2: bool,
    over_datagrams: bool,
    random: Span,
    session_id: Span,
    ciphers: Span,
    extensions: Span,
    sni: Option<Span>,
    alpn: Span,
    groups: Span,
    formats: Span,
    signature_algorithms: Span,
    versions: Span,
    /// A session ticket was sent, so that the session may be resumed.
    pub has_ticket: bool,
    ja3: OnceLock<Ja3>,
    ja4: OnceLock<Ja4>,
}

impl Hello {
    /// Reads a ClientHello's body as far as it goes; what is wrong with it goes to `odd`.
    #[must_use]
    pub fn client(body: &[u8], odd: &mut Oddities) -> Self {
        let mut hello = Self { bytes: body.to_vec(), ..Self::default() };
        if hello.client_fields(body, odd).is_none() {
            odd.add(Oddities::HANDSHAKE_INVALID_LENGTH);
            odd.add(Oddities::INVALID_HANDSHAKE_MESSAGE);
        }
        hello
    }

    /// The same of DTLS, which has a cookie before the ciphers (RFC 6347, 4.2.1).
    #[must_use]
    pub fn client_over_datagrams(body: &[u8], odd: &mut Oddities) -> Self {
        let mut hello = Self { bytes: body.to_vec(), over_datagrams: true, ..Self::default() };
        if hello.client_fields(body, odd).is_none() {
            odd.add(Oddities::HANDSHAKE_INVALID_LENGTH);
            odd.add(Oddities::INVALID_HANDSHAKE_MESSAGE);
        }
        hello
    }

    /// Reads a ServerHello's body as far as it goes.
    #[must_use]
    pub fn server(body: &[u8], odd: &mut Oddities) -> Self {
        let mut hello = Self { bytes: body.to_vec(), ..Self::default() };
        if hello.server_fields(body).is_none() {
            odd.add(Oddities::HANDSHAKE_INVALID_LENGTH);
            odd.add(Oddities::INVALID_HANDSHAKE_MESSAGE);
        }
        hello
    }

    /// A hello in the format of SSL 2.0.
    #[must_use]
    pub fn v2(version: Version) -> Self {
        Self { legacy_version: version, is_v2: true, ..Self::default() }
    }

    fn client_fields(&mut self, body: &[u8], odd: &mut Oddities) -> Option<()> {
        let mut reader = Reader::new(body);
        self.legacy_version = Version(reader.u16()?);
        self.random = reader.take(32)?;
        self.session_id = reader.vector(1)?;
        if self.over_datagrams {
            reader.vector(1)?;
        }
        self.ciphers = reader.vector(2)?;
        reader.vector(1)?;
        if reader.is_empty() {
            return Some(());
        }
        self.extensions = reader.vector(2)?;
        let mut extensions = Reader::within(body, self.extensions);
        let mut has_name = false;
        while !extensions.is_empty() {
            let kind = extensions.u16()?;
            let data = extensions.vector(2)?;
            let mut inside = Reader::within(body, data);
            match kind {
                extension::SERVER_NAME => {
                    if std::mem::replace(&mut has_name, true) {
                        odd.add(Oddities::MULTIPLE_SNI_EXTENSIONS);
                    } else {
                        self.server_name(body, inside, odd);
                    }
                }
                extension::SUPPORTED_GROUPS => self.groups = inside.vector(2)?,
                extension::EC_POINT_FORMATS => self.formats = inside.vector(1)?,
                extension::SIGNATURE_ALGORITHMS => self.signature_algorithms = inside.vector(2)?,
                extension::ALPN => self.alpn = inside.vector(2)?,
                extension::SUPPORTED_VERSIONS => self.versions = inside.vector(1)?,
                extension::SESSION_TICKET => self.has_ticket = !inside.is_empty(),
                _ => {}
            }
        }
        Some(())
    }

    /// The first name of the list (RFC 6066, 3).
    fn server_name(&mut self, body: &[u8], mut extension: Reader<'_>, odd: &mut Oddities) {
        // The list's own length says nothing that the extension's does not: where it is false, the name is there all the same.
        if extension.u16().is_none() {
            return odd.add(Oddities::INVALID_SNI_LENGTH);
        }
        let mut list = extension;
        match list.u8() {
            Some(0) => {}
            Some(_) => return odd.add(Oddities::INVALID_SNI_TYPE),
            None => return odd.add(Oddities::INVALID_SNI_LENGTH),
        }
        match list.vector(2) {
            Some(name) if !name.of(body).is_empty() => self.sni = Some(name),
            _ => odd.add(Oddities::INVALID_SNI_LENGTH),
        }
    }

    fn server_fields(&mut self, body: &[u8]) -> Option<()> {
        let mut reader = Reader::new(body);
        self.legacy_version = Version(reader.u16()?);
        self.random = reader.take(32)?;
        // Drafts of TLS 1.3 before the 22nd have neither session nor compression.
        let is_early_draft = matches!(self.legacy_version.0, 0x7f10..=0x7f15);
        if !is_early_draft {
            self.session_id = reader.vector(1)?;
        }
        self.ciphers = reader.take(2)?;
        if !is_early_draft {
            reader.u8()?;
        }
        if reader.is_empty() {
            return Some(());
        }
        self.extensions = reader.vector(2)?;
        let mut extensions = Reader::within(body, self.extensions);
        while !extensions.is_empty() {
            let kind = extensions.u16()?;
            let data = extensions.vector(2)?;
            match kind {
                extension::ALPN => self.alpn = Reader::within(body, data).vector(2)?,
                extension::SUPPORTED_VERSIONS => self.versions = Reader::within(body, data).take(2)?,
                _ => {}
            }
        }
        Some(())
    }

    /// Whether it asks the client for another hello.
    #[must_use]
    pub fn is_retry(&self) -> bool {
        self.random() == RETRY
    }

    /// 32 bytes; none where the message does not go that far.
    #[must_use]
    pub fn random(&self) -> &[u8] {
        self.random.of(&self.bytes)
    }

    /// The session that the client wants to resume, or that the server gave.
    #[must_use]
    pub fn session_id(&self) -> &[u8] {
        self.session_id.of(&self.bytes)
    }

    /// The name of the server that the client asks for.
    #[must_use]
    pub fn sni(&self) -> Option<&[u8]> {
        self.sni.map(|span| span.of(&self.bytes))
    }

    /// The application protocols, in order.
    pub fn alpns(&self) -> impl Iterator<Item = &[u8]> {
        let mut list = Reader::within(&self.bytes, self.alpn);
        std::iter::from_fn(move || list.vector(1)).map(|span| span.of(&self.bytes))
    }

    /// Those offered, or the one chosen.
    pub fn ciphers(&self) -> impl Iterator<Item = u16> {
        Reader::within(&self.bytes, self.ciphers).u16s()
    }

    /// Types of the extensions, in order.
    pub fn extensions(&self) -> impl Iterator<Item = u16> {
        self.extension_data().map(|(kind, _)| kind)
    }

    /// The extensions, in order: their types and what is in them.
    pub fn extension_data(&self) -> impl Iterator<Item = (u16, &[u8])> {
        let mut list = Reader::within(&self.bytes, self.extensions);
        std::iter::from_fn(move || {
            let kind = list.u16()?;
            list.vector(2).map(|data| (kind, data.of(&self.bytes)))
        })
    }

    /// Supported groups.
    pub fn groups(&self) -> impl Iterator<Item = u16> {
        Reader::within(&self.bytes, self.groups).u16s()
    }

    /// Formats of points on elliptic curves.
    #[must_use]
    pub fn formats(&self) -> &[u8] {
        self.formats.of(&self.bytes)
    }

    /// Signature algorithms, in order.
    pub fn signature_algorithms(&self) -> impl Iterator<Item = u16> {
        Reader::within(&self.bytes, self.signature_algorithms).u16s()
    }

    /// Versions in the extension: those offered, or the one chosen.
    pub fn versions(&self) -> impl Iterator<Item = Version> {
        Reader::within(&self.bytes, self.versions).u16s().filter(|&v| !is_grease(v)).map(Version)
    }

    /// The version: the one preferred of those offered, or the one chosen.
    #[must_use]
    pub fn version(&self) -> Version {
        self.versions().find(|v| v.is_known() || v.is_dtls()).unwrap_or(self.legacy_version)
    }

    /// The JA3 of a client's hello, the JA3S of a server's; computed once, when first asked for.
    pub fn ja3(&self, is_client: bool) -> Option<&Ja3> {
        (!self.is_v2).then(|| self.ja3.get_or_init(|| Ja3::of(self, is_client)))
    }

    /// The JA4 of a client's hello, which came over `carrier`; computed once, when first asked for.
    pub fn ja4(&self, carrier: Carrier) -> Option<&Ja4> {
        (!self.is_v2).then(|| self.ja4.get_or_init(|| Ja4::of(self, carrier)))
    }
}
