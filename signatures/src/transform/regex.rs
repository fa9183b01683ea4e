//! The expression of `pcrexform`, and what its first group captures.

use crate::error::{RuleError, RuleErrorKind as Kind};
use crate::syntax::{Span, Text};
use pcre2::bytes::{CaptureLocations, Regex, RegexBuilder};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex};

/// Bound on one search, in the library's own steps, as for `pcre`.
const MATCH_LIMIT: u32 = 3500;

/// An expression of which the first group is wanted. Two are equal when their text is.
#[derive(Clone)]
pub struct CaptureFirst {
    source: Box<str>,
    regex: Regex,
    /// Room for a search's groups, given back after it: none is allocated unless two workers search at the same moment.
    spare: Arc<Mutex<Vec<CaptureLocations>>>,
}

impl CaptureFirst {
    pub(super) fn parse(value: Text<'_>) -> Result<Self, RuleError> {
        const NAME: &str = "pcrexform";
        let invalid =
            |expected| RuleError::new(Kind::Invalid { keyword: NAME, found: value.show(), expected }, value.span());
        let Ok(source) = std::str::from_utf8(value.bytes) else {
            return Err(invalid("an expression in UTF-8 (other bytes are written as \\xNN)"));
        };
        if source.is_empty() {
            return Err(RuleError::new(Kind::MissingValue { keyword: NAME }, value.span()));
        }
        let limit = format!("(*LIMIT_MATCH={MATCH_LIMIT})");
        let regex = RegexBuilder::new().jit_if_available(true).build(&format!("{limit}{source}")).map_err(|error| {
            let offset = error.offset().unwrap_or(0).saturating_sub(limit.len());
            let start = value.start as usize + offset.min(value.bytes.len());
            let message = error.to_string();
            let message = message.rsplit_once(": ").map_or(message.clone(), |(_, m)| m.to_owned());
            RuleError::new(Kind::BadRegex { message, offset }, Span::new(start.saturating_sub(1), start))
        })?;
        if regex.captures_len() < 2 {
            return Err(invalid("an expression with a group in parentheses: what that matches is the result"));
        }
        let spare = Arc::new(Mutex::new(vec![regex.capture_locations()]));
        Ok(Self { source: source.into(), regex, spare })
    }

    /// As it stands in the rule.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What the first group captured; `None` when nothing matched, the group took no part, or the search met its bound.
    #[must_use]
    pub fn first<'a>(&self, input: &'a [u8]) -> Option<&'a [u8]> {
        let spare = self.spare.try_lock().ok().and_then(|mut spare| spare.pop());
        let mut groups = spare.unwrap_or_else(|| self.regex.capture_locations());
        let found = match self.regex.captures_read(&mut groups, input) {
            Ok(Some(_)) => groups.get(1).and_then(|(start, end)| input.get(start..end)),
            Ok(None) | Err(_) => None,
        };
        if let Ok(mut spare) = self.spare.try_lock() {
            spare.push(groups);
        }
        found
    }
}

impl PartialEq for CaptureFirst {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for CaptureFirst {}

impl Hash for CaptureFirst {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.source.hash(state);
    }
}

impl std::fmt::Debug for CaptureFirst {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("CaptureFirst").field(&self.source).finish()
    }
}
