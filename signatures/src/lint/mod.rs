//! What a rule's author should know although nothing is wrong with the rule's form: that it can never match, that nothing
//! uses what it does, that it costs more than it need.
//!
//! Each file is a subject. Most look at one rule at a time ([`rule`]); [`flowbits`] looks at the whole ruleset. Lints run
//! where rules are checked for a person, not where a sensor starts: they cost time and change nothing in what is loaded.
//! A [`Kind`] gathers findings of one sort, so that a large ruleset can be told in a few lines.

mod buffer;
pub(crate) mod flowbits;
mod header;
mod numbers;
mod outcome;
mod place;
mod regex;
mod speed;

use crate::keywords;
use crate::model::{BufferCondition, Content, Signature};
use crate::report::{Problem, Severity};
use crate::syntax::{Rule, Span};

/// Sorts of findings, by what the author is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Its conditions exclude one another.
    NeverMatches,
    /// It waits for a flowbit that no rule sets.
    FlowbitNeverSet,
    /// It sets a flowbit that no rule tests.
    FlowbitNeverTested,
    /// It neither alerts nor changes anything.
    NoEffect,
    /// A regular expression runs where no content has narrowed the choice.
    RegexAlone,
    /// A regular expression that can take very long on some inputs.
    RegexBacktracks,
    /// It is judged on every packet or stretch of its group.
    NothingNarrows,
    /// The literal that stands guard for it is too short to be telling.
    ShortLiteral,
    /// It says too little to whoever reads the alert.
    SaysLittle,
}

impl Kind {
    /// For the counts at the end of a check.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::NeverMatches => "can never match",
            Self::FlowbitNeverSet => "waits for a flowbit that no rule sets",
            Self::FlowbitNeverTested => "sets a flowbit that no rule tests",
            Self::NoEffect => "does nothing when it matches",
            Self::RegexAlone => "a pcre with no content before it",
            Self::RegexBacktracks => "a pcre that may backtrack without end",
            Self::NothingNarrows => "judged on all traffic of its protocol",
            Self::ShortLiteral => "guarded by a literal of one or two bytes",
            Self::SaysLittle => "says too little in its alerts",
        }
    }
}

/// A finding with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// Of which sort.
    pub kind: Kind,
    /// Where, and in words.
    pub problem: Problem,
}

/// A finding in one rule's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    pub(crate) severity: Severity,
    pub(crate) span: Span,
    pub(crate) message: String,
}

/// A rule as it is written and as it is understood, and what was found about it.
pub(crate) struct Subject<'a> {
    pub(crate) rule: &'a Rule<'a>,
    pub(crate) signature: &'a Signature,
    pub(crate) findings: Vec<Finding>,
}

impl Subject<'_> {
    fn tell(&mut self, kind: Kind, severity: Severity, span: Span, message: impl Into<String>) {
        self.findings.push(Finding { kind, severity, span, message: message.into() });
    }

    /// The rule can never match, since …
    fn never(&mut self, span: Span, why: impl Into<String>) {
        self.tell(Kind::NeverMatches, Severity::Warning, span, format!("this can never match: {}", why.into()));
    }

    /// The first option of this name, or of another name of the same keyword; else the rule's action.
    fn at(&self, keyword: &str) -> Span {
        self.all_at(keyword).next().unwrap_or(self.rule.action.span())
    }

    /// All options of this keyword.
    fn all_at(&self, keyword: &str) -> impl Iterator<Item = Span> {
        let named = move |name: &[u8]| keywords::find(name).is_some_and(|k| k.name == keyword);
        self.rule.options.iter().filter(move |o| named(o.name.bytes)).map(|o| o.span())
    }

    /// The option that a content of the signature comes from.
    fn at_content(&self, content: &Content) -> Span {
        let is_it = |o: &&crate::syntax::RuleOption<'_>| {
            matches!(o.name.bytes.to_ascii_lowercase().as_slice(), b"content" | b"uricontent")
                && o.value.is_some_and(|v| {
                    v.negated == content.negated
                        && keywords::content::bytes(v.text).is_ok_and(|bytes| bytes == content.pattern)
                })
        };
        self.rule.options.iter().find(is_it).map_or_else(|| self.at("content"), |o| o.span())
    }
}

/// The lists of conditions that a signature holds, one for each buffer; the raw payload's is the first.
fn buffers(signature: &Signature) -> impl Iterator<Item = &[BufferCondition]> {
    let named = signature.buffers.iter().map(|b| b.conditions.as_slice());
    std::iter::once(signature.payload.as_slice()).chain(named)
}

/// The buffer need not be there, so that what is said about it excludes nothing.
fn is_optional(conditions: &[BufferCondition]) -> bool {
    conditions.iter().any(|c| matches!(c, BufferCondition::Absent { .. }))
}

/// All findings about one rule.
pub(crate) fn rule(rule: &Rule<'_>, signature: &Signature) -> Vec<Finding> {
    let mut subject = Subject { rule, signature, findings: Vec::new() };
    header::lint(&mut subject);
    numbers::lint(&mut subject);
    place::lint(&mut subject);
    buffer::lint(&mut subject);
    outcome::lint(&mut subject);
    regex::lint(&mut subject);
    speed::lint(&mut subject);
    subject.findings
}

#[cfg(test)]
pub(crate) mod testing {
    use super::Kind;
    use crate::classification::Classifications;
    use crate::load::{Loaded, load_text_linted};
    use crate::variables::Variables;
    use std::path::Path;

    pub(crate) fn load(text: &str) -> Loaded {
        let (variables, classifications) = (Variables::default(), Classifications::default());
        let loaded = load_text_linted(Path::new("x.rules"), text.as_bytes(), &variables, &classifications);
        assert!(loaded.problems.is_empty(), "{text}: {:?}", loaded.problems);
        loaded
    }

    /// [`found`], unless the rules need what is not built: lints look at rules that are in use.
    pub(crate) fn found_if_built(text: &str) -> Option<Vec<(Kind, String)>> {
        load(text).skipped.is_empty().then(|| found(text))
    }

    /// Kinds of what is found in some rules, and the text that each points at.
    pub(crate) fn found(text: &str) -> Vec<(Kind, String)> {
        let lines: Vec<&str> = text.lines().collect();
        let at = |line: u32, column: u32, len: usize| {
            lines[line as usize - 1][column as usize - 1..].chars().take(len).collect()
        };
        let lints = load(text).lints;
        lints.iter().map(|l| (l.kind, at(l.problem.line, l.problem.column, l.problem.excerpt.len))).collect()
    }

    /// The same for the options of one otherwise harmless rule, without what is said about it as a whole.
    pub(crate) fn found_in(options: &str) -> Vec<(Kind, String)> {
        found(&format!("alert tcp $EXTERNAL_NET any -> $HOME_NET 4444 (msg:\"m\"; {options} sid:1; rev:1;)"))
    }
}
