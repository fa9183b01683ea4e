//! What can be wrong with a rule, each with its place in the rule's text.

use crate::syntax::Span;
use thiserror::Error;

/// A rule is not right: what, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{kind}")]
pub struct RuleError {
    /// What is wrong.
    pub kind: RuleErrorKind,
    /// Where in the rule's text.
    pub span: Span,
}

impl RuleError {
    /// An error of this kind at this place.
    #[must_use]
    pub fn new(kind: RuleErrorKind, span: Span) -> Self {
        Self { kind, span }
    }
}

fn hint(nearest: Option<&String>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

/// What is wrong with a rule. The message says what was found and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum RuleErrorKind {
    // The rule's shape.
    #[error("expected {expected}, found {found}")]
    Expected { expected: &'static str, found: String },
    #[error("{found} is no direction: use ->, <> or =>")]
    BadDirection { found: String },
    #[error("the list is not closed: ] is missing")]
    ListNotClosed,
    #[error("lists nest deeper than {limit}")]
    TooDeep { limit: usize },
    #[error("the rule does not end with )")]
    NotClosed,
    #[error("text after the closing parenthesis: {found}")]
    TrailingText { found: String },
    #[error("this option is not ended by ;: {found}")]
    NoSemicolon { found: String },
    #[error("an option without a name")]
    EmptyOption,

    // The header.
    #[error("{name} is no action{}", hint(nearest.as_ref()))]
    UnknownAction { name: String, nearest: Option<String> },
    #[error("{name} is no protocol{}", hint(nearest.as_ref()))]
    UnknownProtocol { name: String, nearest: Option<String> },
    #[error("${name} is not defined{}", hint(nearest.as_ref()))]
    UndefinedVariable { name: String, nearest: Option<String> },
    #[error("${name} is defined by itself")]
    CircularVariable { name: String },
    #[error("in ${name}: {source}")]
    InVariable { name: String, source: Box<RuleErrorKind> },
    #[error("{text} is no address: {why}")]
    BadAddress { text: String, why: &'static str },
    #[error("{text} is no port: {why}")]
    BadPort { text: String, why: &'static str },
    #[error("this can match nothing: every {what} is excluded")]
    NothingLeft { what: &'static str },

    // Any option.
    #[error("{name} is no keyword{}", hint(nearest.as_ref()))]
    UnknownKeyword { name: String, nearest: Option<String> },
    #[error("{keyword} needs a value")]
    MissingValue { keyword: &'static str },
    #[error("{keyword} takes no value")]
    UnexpectedValue { keyword: &'static str },
    #[error("{keyword} needs a value between double quotes (a ; or \" inside them is written \\; and \\\")")]
    QuotesNeeded { keyword: &'static str },
    #[error("{keyword} takes no quotes")]
    UnexpectedQuotes { keyword: &'static str },
    #[error("{keyword} cannot be negated")]
    UnexpectedNegation { keyword: &'static str },
    #[error("{keyword} stands here for the second time")]
    Duplicate { keyword: &'static str },
    #[error("{keyword} has {found}, expected {expected}")]
    Invalid { keyword: &'static str, found: String, expected: &'static str },
    #[error("{keyword} is {found}; it must be {min} to {max}")]
    OutOfRange { keyword: &'static str, found: String, min: i64, max: i64 },
    #[error("{keyword} cannot stand with {other}")]
    Conflict { keyword: &'static str, other: &'static str },
    #[error("{missing} is missing")]
    Missing { missing: &'static str },

    // Content and its kin.
    #[error("{keyword} changes the content before it, but there is none")]
    NoContent { keyword: &'static str },
    #[error("a content cannot be empty")]
    EmptyContent,
    #[error("a content is at most {limit} bytes long")]
    ContentTooLong { limit: usize },
    #[error("{found} is no hexadecimal digit, between bars only these and blanks may stand")]
    BadHex { found: String },
    #[error("an odd number of hexadecimal digits")]
    OddHex,
    #[error("the hexadecimal part is not closed: | is missing")]
    HexNotClosed,
    #[error("\\{found} is no escape: only \\\\ \\\" \\; and \\: are")]
    BadEscape { found: String },
    #[error("a \" inside a content is written \\\" or |22|")]
    BareQuote,
    #[error("{keyword} is {found}, shorter than the content's {len} bytes")]
    ShorterThanContent { keyword: &'static str, found: i64, len: usize },
    #[error("this cannot match: {why}")]
    CannotMatch { why: String },
    #[error("{name} is neither a number nor a variable that byte_extract or byte_math set before{}", hint(nearest.as_ref()))]
    UnknownByteVariable { name: String, nearest: Option<String> },
    #[error("more than {limit} variables in one rule")]
    TooManyVariables { limit: usize },
    #[error("the regular expression is wrong at its byte {offset}: {message}")]
    BadRegex { message: String, offset: usize },
    #[error("nothing looks at the buffer {buffer} that is chosen here")]
    UnusedBuffer { buffer: &'static str },
}
