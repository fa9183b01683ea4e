//! The shape of a rule: what stands where, before anything is said about its meaning.
//!
//! A rule is an action, a protocol, two sides of address and port group, a direction and a list of options. Every part
//! keeps its place in the text, so that a problem found much later can still point at the byte. The tree prints back to a
//! text that parses to the same tree ([`Rule::print`]).

pub mod lines;
mod parse;
mod print;

use crate::error::RuleError;

pub use parse::parse;

/// How deep groups may nest in a header.
pub const MAX_NESTING: usize = 64;

/// A place in a rule's text: from byte `start` to before byte `end`, counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// Byte after the last one.
    pub end: u32,
}

impl Span {
    /// From two positions in the rule's text; positions beyond 4 GiB saturate.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        let clip = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { start: clip(start), end: clip(end) }
    }
}

/// Some bytes of a rule, with their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    /// As they stand, escapes not resolved.
    pub bytes: &'a [u8],
    /// Where they begin in the rule's text.
    pub start: u32,
}

impl<'a> Text<'a> {
    /// Some bytes of a rule that begin at `start`.
    #[must_use]
    pub fn new(bytes: &'a [u8], start: usize) -> Self {
        Self { bytes, start: u32::try_from(start).unwrap_or(u32::MAX) }
    }

    /// Where they stand.
    #[must_use]
    pub fn span(&self) -> Span {
        Span::new(self.start as usize, self.start as usize + self.bytes.len())
    }

    /// From the `from`th byte on; empty when there are fewer.
    #[must_use]
    pub fn from(&self, from: usize) -> Self {
        let from = from.min(self.bytes.len());
        Self::new(&self.bytes[from..], self.start as usize + from)
    }

    /// The first `len` bytes, or all when there are fewer.
    #[must_use]
    pub fn to(&self, len: usize) -> Self {
        Self { bytes: &self.bytes[..len.min(self.bytes.len())], start: self.start }
    }

    /// Without blanks at either end.
    #[must_use]
    pub fn trim(&self) -> Self {
        let lead = self.bytes.iter().take_while(|b| b.is_ascii_whitespace()).count();
        let rest = self.from(lead);
        let trail = rest.bytes.iter().rev().take_while(|b| b.is_ascii_whitespace()).count();
        rest.to(rest.bytes.len() - trail)
    }

    /// The parts between separators, trimmed. An empty text has one empty part.
    pub fn split(self, separator: u8) -> impl Iterator<Item = Self> {
        let mut rest = Some(self);
        std::iter::from_fn(move || {
            let text = rest?;
            match memchr::memchr(separator, text.bytes) {
                Some(at) => {
                    rest = Some(text.from(at + 1));
                    Some(text.to(at).trim())
                }
                None => {
                    rest = None;
                    Some(text.trim())
                }
            }
        })
    }

    /// What stands before and after the first separator, both trimmed.
    #[must_use]
    pub fn split_once(&self, separator: u8) -> Option<(Self, Self)> {
        let at = memchr::memchr(separator, self.bytes)?;
        Some((self.to(at).trim(), self.from(at + 1).trim()))
    }

    /// The first word and what follows it, trimmed.
    #[must_use]
    pub fn split_word(&self) -> (Self, Self) {
        let text = self.trim();
        let len = text.bytes.iter().take_while(|b| !b.is_ascii_whitespace()).count();
        (text.to(len), text.from(len).trim())
    }

    /// What follows `prefix`, trimmed, if it begins so.
    #[must_use]
    pub fn strip(&self, prefix: &[u8]) -> Option<Self> {
        self.bytes.starts_with(prefix).then(|| self.from(prefix.len()).trim())
    }

    /// For a message: what is not UTF-8 is replaced, and a long text is cut.
    #[must_use]
    pub fn show(&self) -> String {
        show(self.bytes)
    }

    /// The same in full.
    #[must_use]
    pub fn to_lossy(&self) -> Box<str> {
        String::from_utf8_lossy(self.bytes).into()
    }
}

/// Rule text for a message: what is not UTF-8 is replaced, and what is long is cut.
#[must_use]
pub fn show(bytes: &[u8]) -> String {
    const LIMIT: usize = 60;
    if bytes.len() <= LIMIT {
        String::from_utf8_lossy(bytes).into_owned()
    } else {
        format!("{}…", String::from_utf8_lossy(&bytes[..LIMIT]))
    }
}

/// Which way a rule looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `->`
    Forward,
    /// `<>`
    Both,
    /// `=>`: both sides of one transaction.
    Transaction,
}

/// A member of an address or port group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    /// `!` stands before it.
    pub negated: bool,
    /// What it is.
    pub kind: GroupKind<'a>,
    /// Where it stands, the `!` included.
    pub span: Span,
}

/// What a member of a group is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupKind<'a> {
    /// `any`, an address, a prefix, a port, a range: its text.
    Item(Text<'a>),
    /// `$NAME`: the name, without the dollar sign.
    Variable(Text<'a>),
    /// `[…, …]`, never empty.
    List(Vec<Group<'a>>),
}

/// What follows the colon of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionValue<'a> {
    /// `!` stands before the opening quote.
    pub negated: bool,
    /// It stands between double quotes, which `text` leaves out.
    pub quoted: bool,
    /// The value, escapes not resolved, blanks around it left out.
    pub text: Text<'a>,
}

/// An option: `name;` or `name:value;`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleOption<'a> {
    /// The keyword.
    pub name: Text<'a>,
    /// The value, if there is one.
    pub value: Option<OptionValue<'a>>,
}

impl RuleOption<'_> {
    /// Where the option stands, from its name to the end of its value.
    #[must_use]
    pub fn span(&self) -> Span {
        let end = self.value.map_or(self.name.span().end, |v| v.text.span().end.saturating_add(u32::from(v.quoted)));
        Span { start: self.name.start, end }
    }
}

/// A rule, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule<'a> {
    /// `alert`, `drop` …
    pub action: Text<'a>,
    /// `tcp`, `http` …
    pub protocol: Text<'a>,
    /// Addresses before the arrow.
    pub source: Group<'a>,
    /// Ports before the arrow.
    pub source_ports: Group<'a>,
    /// The arrow.
    pub direction: Direction,
    /// Where the arrow stands.
    pub direction_span: Span,
    /// Addresses after the arrow.
    pub destination: Group<'a>,
    /// Ports after the arrow.
    pub destination_ports: Group<'a>,
    /// The options, in their order.
    pub options: Vec<RuleOption<'a>>,
}

/// Parses one address or port group, as it stands in a header or in a variable's value.
///
/// # Errors
/// When a list is empty or not closed, nests too deep, or something follows the group.
pub fn parse_group(text: &[u8]) -> Result<Group<'_>, RuleError> {
    parse::lone_group(text)
}
