//! What is wrong with a configuration, told so that the person can mend it: where, what, what was expected, and the
//! nearest key that exists.

use std::fmt;
use std::ops::Range;

/// A mistake in a configuration file, in a `--set`, or in a value that only makes sense together with others.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ConfigProblem {
    /// File name, or `--set key=value`.
    pub file: String,
    /// 1-based; 0 when the mistake has no place in a text.
    pub line: u32,
    /// 1-based, in characters; 0 when the mistake has no place in a text.
    pub column: u32,
    /// One or two sentences.
    pub message: String,
    /// The line of the file, for showing.
    #[serde(skip)]
    pub source_line: String,
    /// How many characters to underline.
    #[serde(skip)]
    pub width: usize,
}

impl ConfigProblem {
    /// A mistake at `span` (byte range) of `text`.
    #[must_use]
    pub fn at(file: &str, text: &str, span: Range<usize>, message: String) -> Self {
        let start = floor_char_boundary(text, span.start);
        let end = floor_char_boundary(text, span.end).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |i| i + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |i| start + i);
        let line = text[..start].bytes().filter(|&b| b == b'\n').count() + 1;
        Self {
            file: file.to_owned(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(text[line_start..start].chars().count() + 1).unwrap_or(u32::MAX),
            message,
            source_line: text[line_start..line_end].trim_end_matches('\r').to_owned(),
            width: text[start..end.min(line_end)].chars().count().max(1),
        }
    }

    /// A mistake with no place in a text.
    #[must_use]
    pub fn without_place(file: &str, message: String) -> Self {
        Self { file: file.to_owned(), line: 0, column: 0, message, source_line: String::new(), width: 0 }
    }
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            return write!(f, "{}: error: {}", self.file, self.message);
        }
        writeln!(f, "{}:{}:{}: error: {}", self.file, self.line, self.column, self.message)?;
        let number = self.line.to_string();
        writeln!(f, " {number} | {}", self.source_line)?;
        let indent: String = self
            .source_line
            .chars()
            .take(self.column as usize - 1)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        write!(f, " {} | {indent}{}", " ".repeat(number.len()), "^".repeat(self.width))
    }
}

/// The configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the configuration {file}: {source}; give another with --config FILE")]
    Unreadable {
        /// Which.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// At least one mistake.
    #[error("{}", render(.0))]
    Problems(Vec<ConfigProblem>),
}

fn render(problems: &[ConfigProblem]) -> String {
    let list: Vec<String> = problems.iter().map(ToString::to_string).collect();
    list.join("\n")
}

/// Puts the deserialiser's words into the person's: the nearest key for an unknown one, ranges instead of type names.
#[must_use]
pub fn explain(message: &str) -> String {
    let message = message.trim_end();
    if let Some(rest) = message.strip_prefix("unknown field `")
        && let Some((key, expected)) = rest.split_once('`')
    {
        let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        return unknown_key(key, &known);
    }
    if let Some(rest) = message.strip_prefix("unknown variant `")
        && let Some((value, expected)) = rest.split_once('`')
    {
        let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        return format!("`{value}` is not a value of this key; it takes {}", one_of(&known));
    }
    for prefix in ["invalid type: ", "invalid value: "] {
        if let Some(rest) = message.strip_prefix(prefix)
            && let Some((found, expected)) = rest.rsplit_once(", expected ")
        {
            return format!("expected {}, found {found}", type_in_words(expected));
        }
    }
    message.to_owned()
}

/// True for the one message that depends on keys that are elsewhere.
#[must_use]
pub(super) fn is_missing_field(message: &str) -> bool {
    message.starts_with("missing field")
}

fn unknown_key(key: &str, known: &[&str]) -> String {
    match nearest(key, known.iter().copied()) {
        Some(near) => format!("unknown key `{key}`; did you mean `{near}`?"),
        None if known.is_empty() => format!("unknown key `{key}`; there are no keys here"),
        None => format!("unknown key `{key}`; the keys here are {}", one_of(known)),
    }
}

fn one_of(known: &[&str]) -> String {
    match known {
        [] => "nothing".to_owned(),
        [one] => format!("`{one}`"),
        [most @ .., last] => {
            let most: Vec<String> = most.iter().map(|k| format!("`{k}`")).collect();
            format!("{} or `{last}`", most.join(", "))
        }
    }
}

/// The known word nearest to `word`, if it is near enough to be what was meant.
pub fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let word = word.to_lowercase();
    known
        .map(|k| {
            let lower = k.to_lowercase();
            // A key cut short or with its unit left off is a likelier slip than its edit distance tells.
            let part = word.len() >= 3 && (lower.starts_with(&word) || word.starts_with(&lower));
            let score = strsim::jaro_winkler(&word, &lower);
            (if part { score.max(0.95) } else { score }, k)
        })
        .filter(|(score, _)| *score >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, k)| k)
}

fn type_in_words(expected: &str) -> String {
    match expected {
        "u8" => "a whole number from 0 to 255".into(),
        "u16" => "a whole number from 0 to 65535".into(),
        "u32" => "a whole number from 0 to 4294967295".into(),
        "u64" | "usize" => "a whole number, 0 or more".into(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".into(),
        "f32" | "f64" => "a number".into(),
        "a boolean" => "true or false".into(),
        "a string" => "a text in quotes".into(),
        "a sequence" => "a list, like [\"one\", \"two\"]".into(),
        other if other.starts_with("struct ") || other == "a map" => "a section with keys".into(),
        other => other.into(),
    }
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_text() {
        let text = "a = 1\n\tbéta = \"x\"\nc = 3\n";
        let start = text.find("\"x\"").unwrap();
        let shown = ConfigProblem::at("f.toml", text, start..start + 3, "no".into()).to_string();
        assert_eq!(shown, "f.toml:2:9: error: no\n 2 | \tbéta = \"x\"\n   | \t       ^^^");
    }

    #[test]
    fn any_span_renders() {
        let text = "é\r\nx";
        for start in 0..10 {
            for end in 0..10 {
                let _ = ConfigProblem::at("f", text, start..end, String::new()).to_string();
            }
        }
    }

    #[test]
    fn words_for_types_and_keys() {
        assert_eq!(
            explain("invalid type: string \"x\", expected u16"),
            "expected a whole number from 0 to 65535, found string \"x\""
        );
        assert_eq!(
            explain("unknown field `memcap`, expected one of `memcap_bytes`, `timeouts`"),
            "unknown key `memcap`; did you mean `memcap_bytes`?"
        );
        assert_eq!(
            explain("unknown field `zzz`, expected one of `a`, `b`"),
            "unknown key `zzz`; the keys here are `a` or `b`"
        );
        assert_eq!(
            explain("unknown variant `x`, expected one of `auto`, `force`, `never`"),
            "`x` is not a value of this key; it takes `auto`, `force` or `never`"
        );
    }
}
