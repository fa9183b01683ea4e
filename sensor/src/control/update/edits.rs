//! What the operator changes in rules that others write: rules to switch off, and rules to switch on, kept through every update.
//!
//! A file of edits has one rule a line, as the usual rule managers write them: a sid (`2010935`), a gid and a sid (`1:2010935`), a
//! file (`group:emerging-icmp` or `group:emerging-icmp.rules`), or a regular expression over the rule's text (`re:trojan`). What stands
//! behind `#` is a comment.

use super::catalog::{Numbers, each_rule};
use pcre2::bytes::{Regex, RegexBuilder};
use std::path::{Path, PathBuf};

/// One line of a file of edits.
#[derive(Debug)]
enum Which {
    Sid(Numbers),
    Group(String),
    Text(Box<Regex>),
}

/// A file of edits that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum EditsError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}:{line}: error: {text:?} names no rule; write a sid, gid:sid, group:FILE or re:EXPRESSION{why}", path.display())]
    NoRule { path: PathBuf, line: usize, text: String, why: String },
}

/// The rules that a file of edits names.
#[derive(Debug, Default)]
pub struct Edits(Vec<Which>);

impl Edits {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or a line names nothing.
    pub fn read(path: &Path) -> Result<Self, EditsError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| EditsError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    /// Reads several as one.
    ///
    /// # Errors
    /// As [`Edits::read`].
    pub fn read_all<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> Result<Self, EditsError> {
        let each: Vec<Self> = paths.map(|path| Self::read(path)).collect::<Result<_, _>>()?;
        Ok(Self(each.into_iter().flat_map(|edits| edits.0).collect()))
    }

    fn parse(path: &Path, text: &str) -> Result<Self, EditsError> {
        let mut all = Vec::new();
        for (index, line) in text.lines().enumerate() {
            // An expression may hold a `#`.
            let line = line.trim();
            let line = if line.starts_with("re:") { line } else { line.split('#').next().unwrap_or_default().trim() };
            if line.is_empty() {
                continue;
            }
            let refuse =
                |why: String| EditsError::NoRule { path: path.to_owned(), line: index + 1, text: line.to_owned(), why };
            if let Some(expression) = line.strip_prefix("re:") {
                let regex = RegexBuilder::new().caseless(true).build(expression.trim());
                all.push(Which::Text(Box::new(regex.map_err(|error| refuse(format!(": {error}")))?)));
            } else if let Some(group) = line.strip_prefix("group:") {
                all.push(Which::Group(group.trim().trim_end_matches(".rules").to_owned()));
            } else {
                for item in line.split(',') {
                    let (gid, sid) = item.trim().split_once(':').unwrap_or(("1", item.trim()));
                    let number = |text: &str| text.trim().parse().map_err(|_| refuse(String::new()));
                    all.push(Which::Sid(Numbers { gid: number(gid)?, sid: number(sid)? }));
                }
            }
        }
        Ok(Self(all))
    }

    fn name(&self, file: &Path, numbers: Numbers, text: &[u8]) -> bool {
        let group = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        self.0.iter().any(|which| match which {
            Which::Sid(wanted) => *wanted == numbers,
            Which::Group(wanted) => wanted == group,
            // An expression that gives up names nothing.
            Which::Text(regex) => regex.is_match(text).unwrap_or(false),
        })
    }
}

/// How many rules were switched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Switched {
    /// Off.
    pub off: usize,
    /// On.
    pub on: usize,
}

/// Switches rules of one file on and off; off wins. A rule keeps its lines, so that places in messages stay right.
pub fn apply(file: &Path, text: &mut Vec<u8>, enable: &Edits, disable: &Edits) -> Switched {
    let mut switched = Switched::default();
    if enable.0.is_empty() && disable.0.is_empty() {
        return switched;
    }
    let mut out = Vec::with_capacity(text.len());
    let mut copied = 0;
    each_rule(text, |rule| {
        let off = disable.name(file, rule.numbers, &rule.text);
        let on = enable.name(file, rule.numbers, &rule.text) && !off;
        if rule.enabled == on || (rule.enabled && !off) || (!rule.enabled && !on) {
            return;
        }
        out.extend_from_slice(text.get(copied..rule.bytes.start).unwrap_or_default());
        let raw = text.get(rule.bytes.clone()).unwrap_or_default();
        copied = rule.bytes.end;
        for line in raw.split_inclusive(|b| *b == b'\n') {
            if rule.enabled {
                out.extend_from_slice(b"# ");
                out.extend_from_slice(line);
            } else {
                out.extend_from_slice(without_mark(line));
            }
        }
        if rule.enabled { switched.off += 1 } else { switched.on += 1 }
    });
    out.extend_from_slice(text.get(copied..).unwrap_or_default());
    *text = out;
    switched
}

fn without_mark(line: &[u8]) -> &[u8] {
    let start = line.iter().position(|b| *b != b'#' && !matches!(b, b' ' | b'\t')).unwrap_or(line.len());
    line.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &[u8] = b"# A heading\nalert ip any any -> any any (msg:\"one\"; sid:1;)\n\
        # alert ip any any -> any any (msg:\"two\"; sid:2;)\nalert ip any any -> any any \\\n  (msg:\"three\"; sid:3;)\n";

    fn edits(text: &str) -> Edits {
        Edits::parse(Path::new("edits.conf"), text).unwrap()
    }

    fn applied(enable: &str, disable: &str) -> (String, Switched) {
        let mut text = RULES.to_vec();
        let switched = apply(Path::new("emerging.rules"), &mut text, &edits(enable), &edits(disable));
        (String::from_utf8(text).unwrap(), switched)
    }

    #[test]
    fn rules_are_switched_and_keep_their_lines() {
        let (text, switched) = applied("2 # wanted here", "1:3\nre:ONE");
        assert_eq!(switched, Switched { off: 2, on: 1 });
        assert_eq!(
            text,
            "# A heading\n# alert ip any any -> any any (msg:\"one\"; sid:1;)\n\
             alert ip any any -> any any (msg:\"two\"; sid:2;)\n# alert ip any any -> any any \\\n#   (msg:\"three\"; sid:3;)\n"
        );
        assert_eq!(applied("", "").0.as_bytes(), RULES);
        assert_eq!(applied("group:emerging\n", "2").1, Switched::default(), "off wins");
        assert_eq!(applied("", "group:emerging.rules").1, Switched { off: 2, on: 0 });
        assert_eq!(applied("", "group:other").1, Switched::default());
    }

    #[test]
    fn a_line_that_names_nothing_is_told_with_its_place() {
        let told = |text: &str| Edits::parse(Path::new("d.conf"), text).unwrap_err().to_string();
        assert!(told("1\nsome rule\n").starts_with("d.conf:2: error: \"some rule\" names no rule"));
        assert!(told("re:(").contains("d.conf:1"));
        assert!(told("99999999999").contains("names no rule"));
    }
}
