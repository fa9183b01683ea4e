//! The Certificate message (RFC 5246, 7.4.2): the chain as it came, and what rules ask about its first certificate.

use super::event::Oddities;
use super::reader::{Reader, Span};
use sha1::{Digest, Sha1};
use std::cell::OnceCell;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};
use x509_parser::asn1_rs::{Any, Tag};
use x509_parser::certificate::X509Certificate;
use x509_parser::error::X509Error;
use x509_parser::extensions::GeneralName;
use x509_parser::nom;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

/// A chain.
#[derive(Debug, Default)]
pub struct Chain {
    bytes: Vec<u8>,
    certificates: Vec<Span>,
    /// The first certificate, read.
    pub leaf: Option<Leaf>,
    /// Its SHA-1, once somebody asked.
    fingerprint: OnceCell<Box<[u8]>>,
}

impl Chain {
    /// Reads the message's body; what is wrong with it goes to `odd`.
    #[must_use]
    pub fn read(body: &[u8], odd: &mut Oddities) -> Self {
        let mut chain = Self { bytes: body.to_vec(), ..Self::default() };
        let mut whole = Reader::new(body);
        let list = whole.vector(3).and_then(|list| {
            let mut list = Reader::within(body, list);
            while !list.is_empty() {
                chain.certificates.push(list.vector(3)?);
            }
            Some(())
        });
        if list.is_none() {
            odd.add(Oddities::CERTIFICATE_INVALID_LENGTH);
            odd.add(Oddities::INVALID_HANDSHAKE_MESSAGE);
        }
        if let Some(first) = chain.certificates.first() {
            match Leaf::read(first.of(body)) {
                Ok(leaf) => chain.leaf = Some(leaf),
                Err(error) => {
                    odd.add(error);
                    odd.add(Oddities::INVALID_HANDSHAKE_MESSAGE);
                }
            }
        }
        chain
    }

    /// How many certificates came.
    #[must_use]
    pub fn count(&self) -> usize {
        self.certificates.len()
    }

    /// The SHA-1 of the first certificate, `0a:bc`, if it could be read.
    #[must_use]
    pub fn fingerprint(&self) -> Option<&[u8]> {
        self.leaf.as_ref()?;
        let der = self.der(0)?;
        let hash = || {
            let mut text = Vec::with_capacity(60);
            hex_with_colons(&mut text, &Sha1::digest(der), b"0123456789abcdef");
            text.into()
        };
        Some(self.fingerprint.get_or_init(hash))
    }

    /// The first certificate as records have it: with its fingerprint.
    #[must_use]
    pub fn recorded_leaf(&self) -> Option<Leaf> {
        let mut leaf = self.leaf.clone()?;
        let at = leaf.text.len();
        leaf.text.extend_from_slice(self.fingerprint()?);
        leaf.fingerprint = Span::between(at, leaf.text.len());
        Some(leaf)
    }

    /// The DER of one.
    #[must_use]
    pub fn der(&self, index: usize) -> Option<&[u8]> {
        self.certificates.get(index).map(|span| span.of(&self.bytes))
    }
}

/// What is said of a certificate, in Suricata's forms.
#[derive(Clone, Debug)]
pub struct Leaf {
    text: Vec<u8>,
    subject: Span,
    issuer: Span,
    serial: Span,
    fingerprint: Span,
    names: Vec<Span>,
    /// Seconds since 1970, which may be before it.
    pub not_before: i64,
    /// Likewise.
    pub not_after: i64,
}

impl Leaf {
    fn read(der: &[u8]) -> Result<Self, Oddities> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|error| match error {
            nom::Err::Incomplete(_) => Oddities::CERTIFICATE_INVALID_LENGTH,
            nom::Err::Error(error) | nom::Err::Failure(error) => kind(&error),
        })?;
        let mut text = Vec::with_capacity(512);
        let mut put = |write: &mut dyn FnMut(&mut Vec<u8>)| {
            let at = text.len();
            write(&mut text);
            Span::between(at, text.len())
        };
        let subject = put(&mut |out| name(out, certificate.subject()));
        let issuer = put(&mut |out| name(out, certificate.issuer()));
        let serial = put(&mut |out| hex_with_colons(out, certificate.raw_serial(), b"0123456789ABCDEF"));
        let mut names = Vec::new();
        if let Ok(Some(alternative)) = certificate.subject_alternative_name() {
            for alternative in &alternative.value.general_names {
                let span = put(&mut |out| alternative_name(out, alternative));
                names.push(span);
            }
        }
        let validity = certificate.validity();
        let [not_before, not_after] = [validity.not_before.timestamp(), validity.not_after.timestamp()];
        let fingerprint = Span::default();
        Ok(Self { text, subject, issuer, serial, fingerprint, names, not_before, not_after })
    }

    /// `C=US, O=Example, CN=example.org`, in the certificate's order.
    #[must_use]
    pub fn subject(&self) -> &[u8] {
        self.subject.of(&self.text)
    }

    /// Likewise.
    #[must_use]
    pub fn issuer(&self) -> &[u8] {
        self.issuer.of(&self.text)
    }

    /// `0A:BC`, with the leading zero of a positive number.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        self.serial.of(&self.text)
    }

    /// The SHA-1, `0a:bc`: only of a [`recorded leaf`](Chain::recorded_leaf).
    #[must_use]
    pub fn fingerprint(&self) -> &[u8] {
        self.fingerprint.of(&self.text)
    }

    /// An alternative name of the subject.
    #[must_use]
    pub fn alternative_name(&self, index: usize) -> Option<&[u8]> {
        self.names.get(index).map(|span| span.of(&self.text))
    }

    /// All of them.
    pub fn alternative_names(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.names.iter().map(|span| span.of(&self.text))
    }
}

fn kind(error: &X509Error) -> Oddities {
    match error {
        X509Error::InvalidVersion => Oddities::CERTIFICATE_INVALID_VERSION,
        X509Error::InvalidSerial => Oddities::CERTIFICATE_INVALID_SERIAL,
        X509Error::InvalidAlgorithmIdentifier => Oddities::CERTIFICATE_INVALID_ALGORITHM,
        X509Error::InvalidX509Name => Oddities::CERTIFICATE_INVALID_NAME,
        X509Error::InvalidDate => Oddities::CERTIFICATE_INVALID_DATE,
        X509Error::InvalidExtensions => Oddities::CERTIFICATE_INVALID_EXTENSIONS,
        X509Error::Der(_) => Oddities::CERTIFICATE_INVALID_DER,
        _ => Oddities::INVALID_CERTIFICATE,
    }
}

fn hex_with_colons(out: &mut Vec<u8>, bytes: &[u8], digits: &[u8; 16]) {
    for (i, byte) in bytes.iter().enumerate() {
        if i > 0 {
            out.push(b':');
        }
        out.extend([digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]);
    }
}

/// Relative names with commas between them, the parts of one with plus signs; values as they are, whatever their bytes.
fn name(out: &mut Vec<u8>, name: &X509Name<'_>) {
    for (i, relative) in name.iter().enumerate() {
        for (j, attribute) in relative.iter().enumerate() {
            match (i, j) {
                (0, 0) => {}
                (_, 0) => out.extend(b", "),
                _ => out.extend(b" + "),
            }
            match oid2abbrev(attribute.attr_type(), oid_registry()) {
                Ok(known) => out.extend(known.as_bytes()),
                Err(_) => out.extend(attribute.attr_type().to_id_string().bytes()),
            }
            out.push(b'=');
            value(out, attribute.attr_value());
        }
    }
}

fn value(out: &mut Vec<u8>, any: &Any<'_>) {
    match any.tag() {
        Tag::NumericString
        | Tag::VisibleString
        | Tag::PrintableString
        | Tag::GeneralString
        | Tag::ObjectDescriptor
        | Tag::GraphicString
        | Tag::T61String
        | Tag::VideotexString
        | Tag::Utf8String
        | Tag::Ia5String => out.extend(any.data),
        Tag::BmpString => {
            let units = any.data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            for decoded in char::decode_utf16(units) {
                let letter = decoded.unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend(letter.encode_utf8(&mut [0; 4]).bytes());
            }
        }
        _ => any.data.iter().for_each(|byte| {
            out.extend([b"0123456789ABCDEF"[usize::from(byte >> 4)], b"0123456789ABCDEF"[usize::from(byte & 15)]]);
        }),
    }
}

fn alternative_name(out: &mut Vec<u8>, alternative: &GeneralName<'_>) {
    match *alternative {
        GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => {
            out.extend(text.as_bytes());
        }
        GeneralName::IPAddress(bytes) => {
            let mut text = String::new();
            // Writing to a String cannot fail.
            let _ = match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
                (Ok(four), _) => write!(text, "{}", Ipv4Addr::from(four)),
                (_, Ok(sixteen)) => write!(text, "{}", Ipv6Addr::from(sixteen)),
                _ => Ok(()),
            };
            out.extend(text.as_bytes());
        }
        GeneralName::DirectoryName(ref directory) => name(out, directory),
        GeneralName::OtherName(_, bytes) | GeneralName::Invalid(_, bytes) => out.extend(bytes),
        GeneralName::X400Address(ref any) | GeneralName::EDIPartyName(ref any) => out.extend(any.data),
        GeneralName::RegisteredID(ref oid) => out.extend(oid.to_id_string().bytes()),
    }
}
