//! What of a message is shown (RFC 4120, 5.3, 5.4 and 5.9).

use super::der::{Element, SEQUENCE};
use super::encryption::Encryption;
use super::error_code::ErrorCode;
use std::fmt;

/// Parts of a name that are kept.
pub const MAX_PARTS: usize = 16;

/// Bytes of a part or of a realm that are kept.
const MAX_TEXT: usize = 1024;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageType(pub u8);

#[expect(missing_docs, reason = "the names are the specification's")]
impl MessageType {
    pub const AS_REQ: Self = Self(10);
    pub const AS_REP: Self = Self(11);
    pub const TGS_REQ: Self = Self(12);
    pub const TGS_REP: Self = Self(13);
    pub const ERROR: Self = Self(30);

    /// By the tag of the whole message: `[APPLICATION n]`.
    #[must_use]
    pub fn of_tag(tag: u8) -> Option<Self> {
        let known = [Self::AS_REQ, Self::AS_REP, Self::TGS_REQ, Self::TGS_REP, Self::ERROR];
        known.into_iter().find(|kind| tag == 0x60 | kind.0)
    }

    /// The client sends it.
    #[must_use]
    pub fn is_request(self) -> bool {
        matches!(self, Self::AS_REQ | Self::TGS_REQ)
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::AS_REQ => "KRB_AS_REQ",
            Self::AS_REP => "KRB_AS_REP",
            Self::TGS_REQ => "KRB_TGS_REQ",
            Self::TGS_REP => "KRB_TGS_REP",
            Self::ERROR => "KRB_ERROR",
            Self(other) => return write!(f, "UNKNOWN_{other}"),
        })
    }
}

/// The name of a client or server, in its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name(pub Vec<Box<[u8]>>);

impl Name {
    /// From `[n] PrincipalName` in a sequence.
    fn under(sequence: Element<'_>, n: u8) -> Option<Self> {
        let parts = sequence.under(n)?.inner(SEQUENCE)?.under(1)?.inner(SEQUENCE)?;
        Some(Self(parts.elements().take(MAX_PARTS).map(|part| clip(part.body)).collect()))
    }
}

fn clip(text: &[u8]) -> Box<[u8]> {
    text.get(..MAX_TEXT).unwrap_or(text).into()
}

/// For what a ticket is, as an AP-REQ shows it in other protocols (RFC 4120, 5.5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The server's realm.
    pub realm: Box<[u8]>,
    /// The server.
    pub name: Name,
}

impl Ticket {
    /// Looks for an AP-REQ behind the mechanism's id in a token of GSS-API (RFC 4121, 4.1).
    #[must_use]
    pub fn find(token: &[u8]) -> Option<Self> {
        const MECHANISM: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\x00";
        let at = memchr::memmem::find(token, MECHANISM)? + MECHANISM.len();
        let (request, _) = Element::first(token.get(at..)?)?;
        let sequence = Some(request).filter(|request| request.tag == 0x6e)?.inner(SEQUENCE)?;
        let ticket = sequence.under(3)?.inner(0x61)?.inner(SEQUENCE)?;
        let realm = clip(Element::first(ticket.under(1)?.body)?.0.body);
        Some(Self { realm, name: Name::under(ticket, 2)? })
    }
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub kind: MessageType,
    /// The client.
    pub client: Option<Name>,
    /// The server for which a ticket is wanted or given.
    pub server: Option<Name>,
    /// The realm: a request's, the client's in an answer, the server's in an error.
    pub realm: Option<Box<[u8]>>,
    /// With what an answer is encrypted.
    pub encryption: Option<Encryption>,
    /// With what its ticket is.
    pub ticket: Option<Encryption>,
    /// What an error says.
    pub error: Option<ErrorCode>,
}

impl Message {
    /// Reads one; None if it is none, or broken.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (whole, _) = Element::first(bytes)?;
        let kind = MessageType::of_tag(whole.tag)?;
        let sequence = whole.inner(SEQUENCE)?;
        let text = |of: Element<'_>, n: u8| Some(clip(Element::first(of.under(n)?.body)?.0.body));
        let empty = Self { kind, client: None, server: None, realm: None, encryption: None, ticket: None, error: None };
        Some(match kind {
            MessageType::AS_REQ | MessageType::TGS_REQ => {
                let body = sequence.under(4)?.inner(SEQUENCE)?;
                let (client, server) = (Name::under(body, 1), Name::under(body, 3));
                Self { client, server, realm: text(body, 2), ..empty }
            }
            MessageType::ERROR => Self {
                client: Name::under(sequence, 8),
                server: Name::under(sequence, 10),
                realm: text(sequence, 9),
                error: Some(ErrorCode(sequence.under(6)?.integer()?)),
                ..empty
            },
            _ => {
                let ticket = sequence.under(5)?.inner(0x61)?.inner(SEQUENCE)?;
                let encryption =
                    |of: Element<'_>, n: u8| Some(Encryption(of.under(n)?.inner(SEQUENCE)?.under(0)?.integer()?));
                Self {
                    client: Name::under(sequence, 4),
                    server: Name::under(ticket, 2),
                    realm: text(sequence, 3),
                    encryption: Some(encryption(sequence, 6)?),
                    ticket: encryption(ticket, 3),
                    ..empty
                }
            }
        })
    }
}
