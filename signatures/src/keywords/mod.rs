//! The keywords, one entry each: names, what they take, a line of documentation, and the function that checks them. A file
//! is a family; everything (look-up, near misses, the reference page) comes from these tables.

use crate::buffers::Buffer;
use crate::check::Checker;
use crate::error::RuleError;
use crate::syntax::RuleOption;
use rustc_hash::FxHashMap;
use std::sync::OnceLock;

pub(crate) mod app;
mod buffers;
mod bytes;
pub(crate) mod content;
mod dnp3;
mod effect;
mod encoded;
mod event;
mod file;
mod flow;
mod ip;
mod kept;
mod later;
mod measure;
pub(crate) mod meta;
mod modbus;
pub(crate) mod number;
mod packet;
mod pcre;
mod plant;
pub(crate) mod questions;
mod sets;
mod size;
mod ssh;
mod tcp;
mod threshold;
mod tls;
mod values;

/// Checks one option and adds what it says to the signature. The name is the one that the rule uses.
pub(crate) type Check = fn(&mut Checker<'_>, &'static str, &RuleOption<'_>) -> Result<(), RuleError>;

/// A keyword of the rule language.
pub struct Keyword {
    /// Its name.
    pub name: &'static str,
    /// Older or other names for the same.
    pub aliases: &'static [&'static str],
    /// One line: what it does, with its form.
    pub doc: &'static str,
    pub(crate) value: Value,
    pub(crate) support: Support,
}

/// What a keyword takes after its colon.
#[derive(Clone, Copy)]
pub(crate) struct Value {
    pub(crate) needed: bool,
    pub(crate) allowed: bool,
    pub(crate) quotes: Quotes,
    pub(crate) negatable: bool,
}

/// Whether a value stands between quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quotes {
    Needed,
    Allowed,
    Forbidden,
}

/// Whether the engine evaluates a keyword.
#[derive(Clone, Copy)]
pub(crate) enum Support {
    Built(Check),
    NotBuilt(Effect),
    /// It chooses a buffer for what follows.
    Sticky(Buffer),
    /// It moves the content before it to a buffer.
    Modifier(Buffer),
    /// It tests a buffer of integers.
    Number(Buffer),
    /// It asks a transaction something.
    Asked(Buffer),
}

/// What a keyword that is not built does to the options around it.
#[derive(Clone, Copy)]
pub(crate) enum Effect {
    /// Nothing.
    None,
    /// It looks at the current buffer.
    Looks,
}

const NO_VALUE: Value = Value { needed: false, allowed: false, quotes: Quotes::Forbidden, negatable: false };
const PLAIN: Value = Value { needed: true, allowed: true, quotes: Quotes::Forbidden, negatable: false };
const QUOTED: Value = Value { needed: true, allowed: true, quotes: Quotes::Needed, negatable: false };
const QUOTED_OR_NOT: Value = Value { needed: true, allowed: true, quotes: Quotes::Allowed, negatable: false };
const PATTERN: Value = Value { needed: true, allowed: true, quotes: Quotes::Needed, negatable: true };
const EXPRESSION: Value = Value { quotes: Quotes::Allowed, ..PATTERN };
const OPTIONAL: Value = Value { needed: false, allowed: true, quotes: Quotes::Forbidden, negatable: false };
const ANYTHING: Value = Value { needed: false, allowed: true, quotes: Quotes::Allowed, negatable: true };

impl Keyword {
    const fn new(name: &'static str, value: Value, check: Check, doc: &'static str) -> Self {
        Self { name, aliases: &[], doc, value, support: Support::Built(check) }
    }

    const fn later(name: &'static str, value: Value, effect: Effect, doc: &'static str) -> Self {
        Self { name, aliases: &[], doc, value, support: Support::NotBuilt(effect) }
    }

    const fn or(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// Whether the engine evaluates it; a rule with one that it does not is left out, with a note.
    #[must_use]
    pub fn is_built(&self) -> bool {
        match self.support {
            Support::Built(_) => true,
            Support::NotBuilt(_) => false,
            Support::Sticky(buffer) | Support::Modifier(buffer) => buffer.is_built(),
            Support::Number(buffer) | Support::Asked(buffer) => buffer.is_built(),
        }
    }

    /// The name by which the rule calls it.
    pub(crate) fn spelled(&self, as_written: &[u8]) -> &'static str {
        self.aliases.iter().find(|a| a.as_bytes().eq_ignore_ascii_case(as_written)).copied().unwrap_or(self.name)
    }
}

/// A family of keywords, for the reference page.
pub struct Family {
    /// Its heading.
    pub name: &'static str,
    /// Its members.
    pub keywords: &'static [Keyword],
}

/// All families.
pub fn families() -> &'static [Family] {
    static ALL: OnceLock<Vec<Family>> = OnceLock::new();
    ALL.get_or_init(|| {
        let family = |name, keywords: &'static [Keyword]| Family { name, keywords };
        vec![
            family("About the rule", meta::KEYWORDS),
            family("Patterns", content::KEYWORDS),
            family("Regular expressions", pcre::KEYWORDS),
            family("Numbers in the payload", bytes::KEYWORDS),
            family("Sizes", size::KEYWORDS),
            family("Encodings", encoded::KEYWORDS),
            family("IP, ICMP and VLAN headers", ip::KEYWORDS),
            family("TCP headers", tcp::KEYWORDS),
            family("Checksums and other headers", packet::KEYWORDS),
            family("Events", event::KEYWORDS),
            family("Flows", flow::KEYWORDS),
            family("How much a flow has seen", measure::KEYWORDS),
            family("Kept between packets, and lists of addresses", kept::KEYWORDS),
            family("Sets of values", sets::KEYWORDS),
            family("Application protocols", app::KEYWORDS),
            family("Files", file::KEYWORDS),
            family("TLS", tls::KEYWORDS),
            family("SSH", ssh::KEYWORDS),
            family("How often", threshold::KEYWORDS),
            family("What a match does", effect::KEYWORDS),
            family("Buffers", buffers::keywords()),
            family("Transforms", buffers::TRANSFORMS),
            family("Other", later::KEYWORDS),
        ]
    })
}

fn table() -> &'static FxHashMap<&'static [u8], &'static Keyword> {
    static TABLE: OnceLock<FxHashMap<&'static [u8], &'static Keyword>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let all = families().iter().flat_map(|f| f.keywords.iter());
        all.flat_map(|k| std::iter::once(&k.name).chain(k.aliases).map(move |name| (name.as_bytes(), k))).collect()
    })
}

/// The keyword of this name; case does not matter.
pub(crate) fn find(name: &[u8]) -> Option<&'static Keyword> {
    table().get(name).or_else(|| table().get(name.to_ascii_lowercase().as_slice())).copied()
}

/// All names, other names included.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    let all = families().iter().flat_map(|f| f.keywords.iter());
    all.flat_map(|k| std::iter::once(&k.name).chain(k.aliases).copied())
}

/// Checks that need all options of the rule.
pub(crate) fn whole_rule(checker: &mut Checker<'_>) -> Result<(), RuleError> {
    content::whole_rule(checker)?;
    encoded::whole_rule(checker)?;
    threshold::whole_rule(checker)?;
    app::whole_rule(checker)?;
    effect::whole_rule(checker)?;
    ip::whole_rule(checker);
    Ok(())
}

/// For the families' tests: one rule around some options.
#[cfg(test)]
pub(crate) mod testing {
    use crate::check::{Checked, Resolved, check};
    use crate::classification::Classifications;
    use crate::error::{RuleError, RuleErrorKind};
    use crate::model::{Place, Signature};
    use crate::syntax::parse;
    use crate::variables::Variables;

    const BEFORE: &str = "alert tcp any any -> any any (";

    pub(crate) fn checked(options: &str) -> Result<Checked, RuleError> {
        let text = format!("{BEFORE}{options} sid:1;)");
        let rule = parse(text.as_bytes())?;
        let (variables, classifications) = (Variables::default(), Classifications::default());
        let (mut resolved, mut warnings) = (Resolved::default(), Vec::new());
        check(&rule, text.as_bytes(), Place::default(), &variables, &classifications, &mut resolved, &mut warnings)
    }

    /// The signature of a rule that is right and built.
    pub(crate) fn good(options: &str) -> Signature {
        match checked(options) {
            Ok(Checked::Signature(signature)) => signature,
            other => panic!("{options}: {other:?}"),
        }
    }

    /// The error of a bad rule, and the text that it points at.
    pub(crate) fn bad(options: &str) -> (RuleErrorKind, String) {
        let error = match checked(options) {
            Err(error) => error,
            Ok(other) => panic!("{options}: {other:?}"),
        };
        let text = format!("{BEFORE}{options} sid:1;)");
        let at = text.get(error.span.start as usize..error.span.end as usize).unwrap_or_default();
        (error.kind, at.to_owned())
    }

    /// Whether a rule is right but not built, and by which keyword.
    pub(crate) fn skipped(options: &str) -> Option<String> {
        match checked(options) {
            Ok(Checked::Skipped(skipped)) => Some(skipped.keyword.into()),
            Ok(Checked::Signature(_)) => None,
            Err(error) => panic!("{options}: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{bad, good, skipped};
    use super::*;
    use crate::error::RuleErrorKind as Kind;

    #[test]
    fn no_name_stands_for_two_keywords() {
        assert_eq!(table().len(), names().count());
        assert!(
            names().all(|n| n.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b)))
        );
        assert!(families().iter().flat_map(|f| f.keywords.iter()).all(|k| !k.doc.is_empty()));
    }

    #[test]
    fn an_unknown_keyword_is_an_error_that_names_the_nearest() {
        let (kind, at) = bad("cotnent:\"x\";");
        assert_eq!(kind, Kind::UnknownKeyword { name: "cotnent".into(), nearest: Some("content".into()) });
        assert_eq!(at, "cotnent");
        assert!(matches!(bad("zzzzqqqq;").0, Kind::UnknownKeyword { nearest: None, .. }));
    }

    #[test]
    fn a_known_keyword_that_is_not_built_leaves_the_rule_out() {
        assert_eq!(skipped("content:\"x\"; lua:x.lua;").as_deref(), Some("lua"));
        assert_eq!(skipped("lua:x.lua; luajit:y.lua; content:\"x\";").as_deref(), Some("lua"));
        assert_eq!(skipped("content:\"x\";"), None);
        assert_eq!(skipped("uricontent:!\"x\"; nocase; content:\"y\"; http_uri; distance:1;"), None);
        assert_eq!(skipped("http.uri; content:\"x\"; http_uri;"), None);
    }

    #[test]
    fn the_rest_of_such_a_rule_is_checked() {
        assert!(matches!(bad("http.uri; content:\"|0\";").0, Kind::HexNotClosed));
        assert!(matches!(bad("http.uri; content:\"x\"; depth:x;").0, Kind::UnknownByteVariable { .. }));
        assert!(matches!(bad("http_uri;").0, Kind::NoContent { keyword: "http_uri" }));
        assert!(matches!(bad("http.uri; content:\"a\"; http_method;").0, Kind::Conflict { .. }));
        assert!(matches!(bad("uricontent:\"|0|\";").0, Kind::OddHex));
        assert!(matches!(bad("uricontent:\"abc\"; depth:2;").0, Kind::ShorterThanContent { .. }));
        assert!(matches!(bad("http.uri; http.method; content:\"x\";").0, Kind::UnusedBuffer { buffer: "http.uri" }));
        assert!(matches!(bad("http.uri; content:\"x\"; file.data;").0, Kind::UnusedBuffer { buffer: "file.data" }));
    }

    #[test]
    fn values_quotes_and_negation_are_held_to_the_table() {
        assert!(
            matches!(bad("content:\"x\"; nocase:1;"), (Kind::UnexpectedValue { keyword: "nocase" }, at) if at == "1")
        );
        assert!(matches!(bad("content;"), (Kind::MissingValue { keyword: "content" }, at) if at == "content"));
        assert!(matches!(bad("content:x;"), (Kind::QuotesNeeded { .. }, at) if at == "x"));
        assert!(matches!(bad("content:\"a;b\";").0, Kind::QuotesNeeded { .. }));
        assert!(matches!(bad("dsize:\"1\";").0, Kind::UnexpectedQuotes { keyword: "dsize" }));
        assert!(matches!(bad("msg:!\"x\";").0, Kind::UnexpectedNegation { keyword: "msg" }));
        assert!(
            matches!(bad("file.data:to_client; content:\"x\";"), (Kind::UnexpectedValue { .. }, at) if at == "to_client")
        );
        good("CONTENT:\"x\"; Nocase;");
    }
}
