//! Payload conditions, compiled: what `evaluate` runs. Built once a ruleset, read by all workers.

use super::dataset::Dataset;
use super::kept::Kept;
use memchr::memmem;
use pcre2::bytes::{Regex, RegexBuilder};
use sekisho_signatures::kept::{Base64Decode, Entropy, Order, SetCommand};
use sekisho_signatures::model::{
    Asn1, BufferCondition, ByteExtract, ByteJump, ByteMath, ByteTest, CaptureOn, Content, IsDataAt, NumberTest, Pcre,
    Signature, Value,
};
use sekisho_signatures::transform::Transform;
use std::sync::{Arc, OnceLock};

/// Most conditions that one rule may have on one buffer. Enough for any rule ever published; a bound for the matcher's stack.
pub const MAX_CONDITIONS: usize = 128;
/// Most variables of one rule.
pub const MAX_VARIABLES: usize = 16;
/// Bound on one pcre's search, in the library's own steps: enough for honest patterns, an end for hostile ones.
const PCRE_MATCH_LIMIT: u32 = 3500;

/// Why a rule could not be compiled.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ProgramError {
    /// The regular expression is not valid.
    #[error("pcre: {0}")]
    Pcre(String),
    /// More conditions than [`MAX_CONDITIONS`].
    #[error("{0} conditions on one buffer; at most {MAX_CONDITIONS} are possible")]
    TooManyConditions(usize),
    /// More variables than [`MAX_VARIABLES`].
    #[error("{0} byte variables; at most {MAX_VARIABLES} are possible")]
    TooManyVariables(usize),
    /// The ruleset has more different address lists than there are numbers for.
    #[error("more than 65,534 different address lists in the rules")]
    TooManyAddressLists,
    /// `absent`, or a test of an integer, where there are bytes.
    #[error("a test of a whole buffer where bytes are looked at")]
    NotAboutBytes,
    /// `iprep`, and no lists.
    #[error("no lists of reputations are configured: [rules.reputation] names them")]
    NoReputation,
    /// `iprep` of a category that the configured file does not have.
    #[error("there is no category \"{0}\" among the configured reputations")]
    NoCategory(String),
    /// `geoip`, and no database.
    #[error("no database of countries is configured: rules.geoip names it")]
    NoCountries,
    /// `dataset` or `datarep` of a set that could not be loaded.
    #[error("{0}")]
    NoSet(String),
    /// `filemd5` and its kin with a list that could not be loaded.
    #[error("{0}")]
    NoHashes(String),
    /// `decode-event` or `stream-event` names none that there is.
    #[error("there is no event \"{0}\"")]
    UnknownEvent(String),
}

/// How a content is searched for.
#[derive(Debug)]
pub(super) enum Needle {
    /// Bytes as they are. Most rules are never judged, and a searcher is ten times its pattern: it is made when it is needed first.
    Exact { pattern: Box<[u8]>, finder: OnceLock<Box<memmem::Finder<'static>>> },
    /// ASCII letters in either case; the pattern is lower case, `probe` the index of the byte to look for first.
    Caseless { pattern: Box<[u8]>, probe: usize },
}

impl Needle {
    pub(super) fn new(pattern: &[u8], nocase: bool) -> Self {
        if nocase && pattern.iter().any(u8::is_ascii_alphabetic) {
            let pattern: Box<[u8]> = pattern.to_ascii_lowercase().into();
            // A byte with one case only is found twice as fast; a rare one has fewer false starts.
            let probe = (0..pattern.len())
                .min_by_key(|&i| match pattern[i] {
                    b'a' | b'e' | b'i' | b'o' | b't' | b'n' | b's' | b'r' => 5,
                    b'a'..=b'z' => 4,
                    0 | b' ' => 3,
                    b'0'..=b'9' | b'.' | b'/' | b'\r' | b'\n' => 2,
                    _ => 1,
                })
                .unwrap_or(0);
            return Self::Caseless { pattern, probe };
        }
        Self::Exact { pattern: pattern.into(), finder: OnceLock::new() }
    }

    /// Offset of the first occurrence in `haystack`.
    pub(super) fn find(&self, haystack: &[u8]) -> Option<usize> {
        match self {
            Self::Exact { pattern, finder } => {
                finder.get_or_init(|| Box::new(memmem::Finder::new(pattern).into_owned())).find(haystack)
            }
            Self::Caseless { pattern, probe } => find_caseless(haystack, pattern, *probe),
        }
    }
}

fn find_caseless(haystack: &[u8], pattern: &[u8], probe: usize) -> Option<usize> {
    let last_start = haystack.len().checked_sub(pattern.len())?;
    let byte = pattern[probe];
    let mut start = 0;
    while start <= last_start {
        let window = &haystack[start + probe..=last_start + probe];
        let step = memchr::memchr2(byte, byte.to_ascii_uppercase(), window)?;
        start += step;
        if haystack[start..start + pattern.len()].eq_ignore_ascii_case(pattern) {
            return Some(start);
        }
        start += 1;
    }
    None
}

/// A place or a length of a content: a [`Value`] in half the room, since a ruleset has tens of thousands of contents.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Literal(i32),
    Variable(u8),
}

impl From<Value> for Place {
    /// No payload is as long as a literal beyond these.
    fn from(value: Value) -> Self {
        match value {
            Value::Literal(n) => Self::Literal(n.clamp(i32::MIN.into(), i32::MAX.into()) as i32),
            Value::Variable(v) => Self::Variable(v),
        }
    }
}

impl From<Place> for Value {
    fn from(place: Place) -> Self {
        match place {
            Place::Literal(n) => Self::Literal(n.into()),
            Place::Variable(v) => Self::Variable(v),
        }
    }
}

/// A content with its search compiled.
#[derive(Debug)]
pub(super) struct ContentOp {
    pub(super) needle: Needle,
    pub(super) negated: bool,
    pub(super) relative: bool,
    pub(super) endswith: bool,
    pub(super) offset: Place,
    pub(super) depth: Option<Place>,
    pub(super) distance: Place,
    pub(super) within: Option<Place>,
}

impl ContentOp {
    /// Bytes of its pattern.
    pub(super) fn len(&self) -> usize {
        match &self.needle {
            Needle::Exact { pattern, .. } | Needle::Caseless { pattern, .. } => pattern.len(),
        }
    }

    fn new(c: &Content) -> Self {
        let depth = if c.startswith { Some(Value::Literal(c.pattern.len() as i64)) } else { c.depth };
        Self {
            needle: Needle::new(&c.pattern, c.nocase),
            negated: c.negated,
            relative: c.is_relative(),
            endswith: c.endswith,
            offset: c.offset.unwrap_or(Value::Literal(0)).into(),
            depth: depth.map(Place::from),
            distance: c.distance.unwrap_or(Value::Literal(0)).into(),
            within: c.within.map(Place::from),
        }
    }
}

/// A regular expression. Most rules are never judged so far that theirs is asked, and a compiled one takes some kilobytes: it is
/// compiled when it is needed first, with JIT where the machine has it.
#[derive(Debug)]
pub(super) struct Expression {
    text: Box<str>,
    caseless: bool,
    multi_line: bool,
    dot_all: bool,
    extended: bool,
    compiled: OnceLock<Option<Regex>>,
}

impl Expression {
    fn new(p: &Pcre, text: String) -> Self {
        Self {
            text: text.into(),
            caseless: p.caseless,
            multi_line: p.multi_line,
            dot_all: p.dot_all,
            extended: p.extended,
            compiled: OnceLock::new(),
        }
    }

    fn compile(&self) -> Result<Regex, ProgramError> {
        RegexBuilder::new()
            .caseless(self.caseless)
            .multi_line(self.multi_line)
            .dotall(self.dot_all)
            .extended(self.extended)
            .jit_if_available(true)
            .build(&self.text)
            .map_err(|e| ProgramError::Pcre(e.to_string()))
    }

    /// Compiled; None if that fails, which only a want of memory can make it: the expression was checked when the rule was read.
    pub(super) fn regex(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| self.compile().ok()).as_ref()
    }
}

/// A regular expression and what it is asked.
#[derive(Debug)]
pub(super) struct PcreOp {
    pub(super) expression: Expression,
    pub(super) negated: bool,
    pub(super) relative: bool,
    /// Groups that are kept: the group's number, on what, and under which name.
    pub(super) captures: Box<[(usize, CaptureOn, Arc<str>)]>,
}

impl PcreOp {
    fn new(p: &Pcre) -> Result<Self, ProgramError> {
        // The options that the crate's builder lacks are set in the pattern itself, and so is the bound.
        let mut pattern = format!("(*LIMIT_MATCH={PCRE_MATCH_LIMIT})(*LIMIT_DEPTH=1500)");
        if p.anchored {
            pattern.push_str("\\G(?:");
        }
        if p.ungreedy {
            pattern.push_str("(?U)");
        }
        let body = if p.dollar_end_only { dollar_end_only(&p.pattern) } else { p.pattern.to_string() };
        pattern.push_str(&body);
        if p.anchored {
            pattern.push(')');
        }
        // An `x` pattern may end in a comment that would swallow the closing parenthesis: what was changed is compiled now.
        let changed = p.anchored || p.ungreedy || p.dollar_end_only || !p.captures.is_empty();
        let expression = Expression::new(p, pattern);
        let names = if changed {
            let regex = expression.compile()?;
            let names = regex.capture_names().to_vec();
            expression.compiled.get_or_init(|| Some(regex));
            names
        } else {
            vec![]
        };
        let captures = p.captures.iter().enumerate().filter_map(|(i, capture)| {
            let number = match &capture.group {
                None => Some(i + 1),
                Some(name) => names.iter().position(|n| n.as_deref() == Some(&**name)),
            };
            Some((number?, capture.on, Arc::from(&*capture.name)))
        });
        let captures = captures.collect();
        Ok(Self { captures, expression, negated: p.negated, relative: p.relative })
    }
}

/// `$` outside classes and escapes becomes `\z`: the meaning of pcre's E flag.
fn dollar_end_only(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut in_class = false;
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                out.push(c);
                out.extend(chars.next());
                continue;
            }
            '[' => in_class = true,
            ']' => in_class = false,
            '$' if !in_class => {
                out.push_str("\\z");
                continue;
            }
            _ => {}
        }
        out.push(c);
    }
    out
}

/// A set that a rule asks, or fills.
pub(super) struct SetOp {
    pub(super) set: Arc<Dataset>,
    pub(super) test: SetTest,
    /// Under which name an alert carries what the set says of the value.
    pub(super) context_key: Option<Arc<str>>,
}

/// What is asked of a set.
#[derive(Clone, Copy, Debug)]
pub(super) enum SetTest {
    Command(SetCommand),
    Reputation(Order, u16),
}

impl SetOp {
    fn new(name: &str, test: SetTest, kept: &Kept) -> Result<Self, ProgramError> {
        let set = kept.datasets.get(name).ok_or_else(|| ProgramError::NoSet(kept.why_no_set(name)))?;
        Ok(Self { set: Arc::clone(set), test, context_key: kept.datasets.context_key(name).map(Into::into) })
    }
}

impl std::fmt::Debug for SetOp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SetOp").field("test", &self.test).field("values", &self.set.len()).finish_non_exhaustive()
    }
}

/// Base64, and what is asked of the decoded bytes.
#[derive(Debug)]
pub(super) struct Base64Op {
    pub(super) decode: Base64Decode,
    pub(super) transforms: Box<[Transform]>,
    pub(super) then: Program,
}

/// One condition.
#[derive(Debug)]
pub(super) enum Op {
    Content(ContentOp),
    /// Boxed, or it would make all others larger.
    Pcre(Box<PcreOp>),
    ByteTest(ByteTest),
    ByteJump(ByteJump),
    ByteExtract(ByteExtract),
    ByteMath(ByteMath),
    IsDataAt(IsDataAt),
    Size(NumberTest),
    Set(SetOp),
    Entropy(Entropy),
    Asn1(Asn1),
    FtpBounce,
    Base64(Base64Op),
}

impl Op {
    /// Whether it starts from where the previous match ended.
    pub(super) fn is_relative(&self) -> bool {
        match self {
            Self::Content(c) => c.relative,
            Self::Pcre(p) => p.relative,
            Self::ByteTest(t) => t.relative,
            Self::ByteJump(j) => j.relative,
            Self::ByteExtract(e) => e.relative,
            Self::ByteMath(m) => m.relative,
            Self::IsDataAt(d) => d.relative,
            Self::Base64(b) => b.decode.relative,
            Self::Asn1(a) => a.relative,
            Self::Size(_) | Self::Set(_) | Self::Entropy(_) | Self::FtpBounce => false,
        }
    }

    /// Whether it changes something beside the rule's own state: it must be the last to be tried.
    fn has_effect(&self) -> bool {
        matches!(self, Self::Set(set) if matches!(set.test, SetTest::Command(SetCommand::Set | SetCommand::Unset)))
    }

    /// Whether what follows starts from where it ended.
    pub(super) fn moves(&self) -> bool {
        match self {
            Self::Content(c) => !c.negated,
            Self::Pcre(p) => !p.negated,
            Self::ByteJump(_) | Self::ByteExtract(_) | Self::ByteMath(_) => true,
            Self::ByteTest(_) | Self::IsDataAt(_) | Self::Size(_) => false,
            Self::Set(_) | Self::Entropy(_) | Self::Base64(_) | Self::Asn1(_) | Self::FtpBounce => false,
        }
    }

    /// Whether it can match at several places, so that a later one may do where the first did not.
    pub(super) fn retries(&self) -> bool {
        match self {
            Self::Content(c) => !c.negated,
            Self::Pcre(p) => !p.negated,
            _ => false,
        }
    }
}

/// The conditions of one rule on one buffer, in the rule's order.
#[derive(Debug, Default)]
pub struct Program {
    pub(super) ops: Box<[Op]>,
    /// What the contents of these places find is overwritten with, in line.
    pub(super) replacements: Box<[(usize, Arc<[u8]>)]>,
}

impl Program {
    /// Compiles the payload conditions of a signature.
    ///
    /// # Errors
    /// A regular expression that does not compile, more conditions or variables than there is room for, or a set that is not there.
    pub fn new(signature: &Signature, kept: &Kept) -> Result<Self, ProgramError> {
        if signature.variables.len() > MAX_VARIABLES {
            return Err(ProgramError::TooManyVariables(signature.variables.len()));
        }
        let mut program = Self::of(&signature.payload, kept)?;
        // Those with an effect were put last.
        let has_effect = |condition: &&BufferCondition| matches!(condition, BufferCondition::Dataset(d) if matches!(d.command, SetCommand::Set | SetCommand::Unset));
        program.replacements = signature
            .replacements
            .iter()
            .map(|r| {
                let before = signature.payload.iter().take(r.condition).filter(|condition| !has_effect(condition));
                (before.count(), r.bytes.as_ref().into())
            })
            .collect();
        Ok(program)
    }

    pub(super) fn of(conditions: &[BufferCondition], kept: &Kept) -> Result<Self, ProgramError> {
        if conditions.len() > MAX_CONDITIONS {
            return Err(ProgramError::TooManyConditions(conditions.len()));
        }
        let ops = conditions.iter().map(|condition| {
            Ok(match condition {
                BufferCondition::Content(c) => Op::Content(ContentOp::new(c)),
                BufferCondition::Pcre(p) => Op::Pcre(Box::new(PcreOp::new(p)?)),
                BufferCondition::ByteTest(t) => Op::ByteTest(*t),
                BufferCondition::ByteJump(j) => Op::ByteJump(*j),
                BufferCondition::ByteExtract(e) => Op::ByteExtract(*e),
                BufferCondition::ByteMath(m) => Op::ByteMath(*m),
                BufferCondition::IsDataAt(d) => Op::IsDataAt(*d),
                BufferCondition::Size(t) => Op::Size(t.clone()),
                BufferCondition::Dataset(d) => Op::Set(SetOp::new(&d.name, SetTest::Command(d.command), kept)?),
                BufferCondition::Datarep(d) => {
                    Op::Set(SetOp::new(&d.name, SetTest::Reputation(d.order, d.reputation), kept)?)
                }
                BufferCondition::Entropy(e) => Op::Entropy(*e),
                BufferCondition::Asn1(a) => Op::Asn1(*a),
                BufferCondition::FtpBounce => Op::FtpBounce,
                BufferCondition::Base64 { decode, transforms, conditions } => Op::Base64(Base64Op {
                    decode: *decode,
                    transforms: transforms.clone().into(),
                    then: Self::of(conditions, kept)?,
                }),
                // Asked of a buffer, not of its bytes: see `buffer`.
                BufferCondition::Number(_)
                | BufferCondition::NumberAmong(_)
                | BufferCondition::Ask(_)
                | BufferCondition::File(_)
                | BufferCondition::Absent { .. } => {
                    return Err(ProgramError::NotAboutBytes);
                }
            })
        });
        let mut ops: Vec<Op> = ops.collect::<Result<_, _>>()?;
        ops.sort_by_key(Op::has_effect);
        Ok(Self { ops: ops.into(), replacements: Box::default() })
    }

    /// Some condition changes something beside the rule's own state.
    #[must_use]
    pub(super) fn has_effect(&self) -> bool {
        self.ops.last().is_some_and(Op::has_effect)
    }

    /// No conditions: always true.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caseless_finds_at_both_ends_and_not_in_between() {
        let needle = Needle::new(b"AbC", true);
        assert_eq!(needle.find(b"abc"), Some(0));
        assert_eq!(needle.find(b"xxaBc"), Some(2));
        assert_eq!(needle.find(b"xxaB"), None);
        assert_eq!(needle.find(b"ab"), None);
    }

    #[test]
    fn dollar_keeps_its_meaning_in_classes_and_escapes() {
        assert_eq!(dollar_end_only(r"a$[$]\$"), r"a\z[$]\$");
    }
}
