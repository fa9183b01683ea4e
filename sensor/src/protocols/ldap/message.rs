//! Messages: what operation each is, and the parts of it that rules can look at.

use crate::protocols::ber::{Begin, Element, Elements, begin, tag};

/// An operation, by the number of its application tag (RFC 4511, appendix B).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation(pub u8);

#[expect(missing_docs, reason = "the names say it")]
impl Operation {
    pub const BIND_REQUEST: Self = Self(0);
    pub const BIND_RESPONSE: Self = Self(1);
    pub const UNBIND_REQUEST: Self = Self(2);
    pub const SEARCH_REQUEST: Self = Self(3);
    pub const SEARCH_RESULT_ENTRY: Self = Self(4);
    pub const SEARCH_RESULT_DONE: Self = Self(5);
    pub const MODIFY_REQUEST: Self = Self(6);
    pub const MODIFY_RESPONSE: Self = Self(7);
    pub const ADD_REQUEST: Self = Self(8);
    pub const ADD_RESPONSE: Self = Self(9);
    pub const DEL_REQUEST: Self = Self(10);
    pub const DEL_RESPONSE: Self = Self(11);
    pub const MOD_DN_REQUEST: Self = Self(12);
    pub const MOD_DN_RESPONSE: Self = Self(13);
    pub const COMPARE_REQUEST: Self = Self(14);
    pub const COMPARE_RESPONSE: Self = Self(15);
    pub const ABANDON_REQUEST: Self = Self(16);
    pub const SEARCH_RESULT_REFERENCE: Self = Self(19);
    pub const EXTENDED_REQUEST: Self = Self(23);
    pub const EXTENDED_RESPONSE: Self = Self(24);
    pub const INTERMEDIATE_RESPONSE: Self = Self(25);

    /// Of an element with this tag.
    #[must_use]
    pub fn from_tag(tag: u8) -> Option<Self> {
        // Strings and NULL are primitive, all others are constructed.
        let operation = Self(tag & 0x1f);
        let primitive = matches!(operation, Self::UNBIND_REQUEST | Self::DEL_REQUEST | Self::ABANDON_REQUEST);
        let class = if primitive { 0x40 } else { 0x60 };
        (tag & !0x1f == class && operation.name().is_some()).then_some(operation)
    }

    /// Whether clients send it.
    #[must_use]
    pub fn is_request(self) -> bool {
        matches!(self.0, 0 | 2 | 3 | 6 | 8 | 10 | 12 | 14 | 16 | 23)
    }

    /// Whether more responses may follow it.
    #[must_use]
    pub fn is_followed(self) -> bool {
        matches!(self, Self::SEARCH_RESULT_ENTRY | Self::SEARCH_RESULT_REFERENCE | Self::INTERMEDIATE_RESPONSE)
    }

    /// Whether it has no response.
    #[must_use]
    pub fn is_unanswered(self) -> bool {
        matches!(self, Self::UNBIND_REQUEST | Self::ABANDON_REQUEST)
    }

    /// As rules and EVE call it.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        sekisho_signatures::buffers::Buffer::LdapRequestOperation.value_name(self.0.into())
    }
}

/// A message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Tells requests under way from one another; 0 for notices that nobody asked for.
    pub id: u64,
    /// What it is.
    pub operation: Operation,
    /// What it says.
    pub body: Element<'a>,
}

impl<'a> Message<'a> {
    /// A whole message.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut parts = Elements(bytes).expect(tag::SEQUENCE)?.inside();
        let id = parts.integer()?;
        let body = parts.next()?;
        Some(Self { id, operation: Operation::from_tag(body.tag)?, body })
    }

    /// How long the message is that begins here; None if there is none.
    #[must_use]
    pub fn len(bytes: &[u8]) -> Option<Length> {
        match begin(bytes) {
            Begin::Is { tag: tag::SEQUENCE, head, len } => Some(Length::Is(head + len)),
            Begin::More if bytes.first() == Some(&tag::SEQUENCE) => Some(Length::More),
            _ => None,
        }
    }

    /// The name of the entry that it is about, or that a response names (`ldap.request.dn`, `ldap.responses.dn`).
    #[must_use]
    pub fn dn(&self) -> Option<&'a [u8]> {
        let mut parts = self.body.inside();
        match self.operation {
            Operation::BIND_REQUEST => {
                parts.integer()?;
                parts.string()
            }
            Operation::DEL_REQUEST => Some(self.body.content),
            Operation::SEARCH_REQUEST
            | Operation::MODIFY_REQUEST
            | Operation::ADD_REQUEST
            | Operation::MOD_DN_REQUEST
            | Operation::COMPARE_REQUEST
            | Operation::SEARCH_RESULT_ENTRY => parts.string(),
            _ => self.result().map(|result| result.matched_dn),
        }
    }

    /// What a response says of the outcome.
    #[must_use]
    pub fn result(&self) -> Option<LdapResult<'a>> {
        let without = self.operation.is_request() || self.operation.is_followed();
        if without {
            return None;
        }
        let mut parts = self.body.inside();
        let code = parts.expect(tag::ENUMERATED)?.unsigned()?;
        Some(LdapResult { code, matched_dn: parts.string()?, message: parts.string()? })
    }

    /// What an extended request or response names by its context tag: name and value.
    #[must_use]
    pub fn extension(&self) -> [Option<&'a [u8]>; 2] {
        let tags = match self.operation {
            Operation::EXTENDED_REQUEST | Operation::INTERMEDIATE_RESPONSE => [0x80, 0x81],
            _ => [0x8a, 0x8b],
        };
        tags.map(|tag| self.body.inside().find(|e| e.tag == tag).map(|e| e.content))
    }

    /// Hands each attribute type out that it names.
    pub fn attribute_types(&self, mut each: impl FnMut(&'a [u8])) {
        let mut parts = self.body.inside();
        match self.operation {
            Operation::SEARCH_REQUEST => {
                let strings = self.body.inside().last().filter(|last| last.tag == tag::SEQUENCE);
                strings.into_iter().flat_map(Element::inside).for_each(|e| each(e.content));
            }
            Operation::ADD_REQUEST | Operation::SEARCH_RESULT_ENTRY => {
                parts.string();
                let list = parts.expect(tag::SEQUENCE);
                list.into_iter().flat_map(Element::inside).filter_map(|e| e.inside().string()).for_each(each);
            }
            Operation::MODIFY_REQUEST => {
                parts.string();
                let list = parts.expect(tag::SEQUENCE);
                let changes = list.into_iter().flat_map(Element::inside);
                changes.filter_map(|e| e.inside().nth(1)?.inside().string()).for_each(each);
            }
            Operation::COMPARE_REQUEST => {
                parts.string();
                let assertion = parts.expect(tag::SEQUENCE);
                if let Some(kind) = assertion.and_then(|e| e.inside().string()) {
                    each(kind);
                }
            }
            _ => {}
        }
    }
}

/// How long a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// So many bytes.
    Is(usize),
    /// That is not known yet.
    More,
}

/// The outcome of an operation (RFC 4511, 4.1.9).
#[derive(Clone, Copy, Debug)]
pub struct LdapResult<'a> {
    /// The result code.
    pub code: u64,
    /// How far the name was found.
    pub matched_dn: &'a [u8],
    /// The diagnostic message.
    pub message: &'a [u8],
}
