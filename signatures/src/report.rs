//! Problems with rules, told so that a person can go and mend them.

use std::fmt;
use std::path::PathBuf;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing, for who asks.
    Info,
    /// The rule is in use, but perhaps not as it was meant.
    Warning,
    /// The rule, or the file, is not in use.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// Something wrong with a rule or a rule file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// 1-based line; 0 when it is about the file as a whole.
    pub line: u32,
    /// 1-based column in bytes; 0 when it is about the file as a whole.
    pub column: u32,
    /// How bad.
    pub severity: Severity,
    /// The rule's sid, if one could be read.
    pub sid: Option<u32>,
    /// What is wrong.
    pub message: String,
    /// The line around the place, cut to what fits a screen.
    pub excerpt: Excerpt,
}

/// A piece of a line, and what in it is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// The text, control characters replaced.
    pub text: String,
    /// Characters before the caret.
    pub before: usize,
    /// Characters under the caret, at least 1.
    pub len: usize,
}

/// How much of a line is shown.
const WIDTH: usize = 100;
/// How much of it before the place.
const LEAD: usize = 40;

impl Excerpt {
    /// From a line, and the 0-based byte and the length of what is meant in it. Long lines are cut around the place.
    #[must_use]
    pub fn new(line: &[u8], at: usize, len: usize) -> Self {
        let at = at.min(line.len());
        let mut start = if line.len() <= WIDTH { 0 } else { at.saturating_sub(LEAD) };
        let mut end = line.len().min(start.saturating_add(WIDTH));
        // Not through the middle of a UTF-8 sequence.
        let continues = |i: usize| line.get(i).is_some_and(|b| b & 0xc0 == 0x80);
        while start < at && continues(start) {
            start += 1;
        }
        while end > at && end < line.len() && continues(end) {
            end -= 1;
        }
        let show = |bytes: &[u8]| -> String {
            String::from_utf8_lossy(bytes).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
        };
        let head = show(&line[start..at]);
        let meant_end = at.saturating_add(len).clamp(at, end.max(at));
        let meant = show(&line[at..meant_end]);
        let tail = show(line.get(meant_end..end).unwrap_or_default());
        let (open, close) = (if start > 0 { "…" } else { "" }, if end < line.len() { "…" } else { "" });
        Self {
            before: open.chars().count() + head.chars().count(),
            len: meant.chars().count().max(1),
            text: format!("{open}{head}{meant}{tail}{close}"),
        }
    }
}

/// Longest message; what is longer quotes a text that nobody wants to read.
const LONGEST: usize = 1_000;

/// A message without the middle part of what it quotes, if it is very long.
pub(crate) fn shortened(mut message: String) -> String {
    if message.len() <= LONGEST {
        return message;
    }
    let head = (0..=LONGEST / 2).rev().find(|&i| message.is_char_boundary(i)).unwrap_or(0);
    let from = message.len() - LONGEST / 2;
    let tail = (from..=message.len()).find(|&i| message.is_char_boundary(i)).unwrap_or(message.len());
    message.replace_range(head..tail, " … ");
    message
}

impl fmt::Display for Problem {
    /// `file:line:column: severity: message`, and under it the line with carets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown(false).fmt(f)
    }
}

impl Severity {
    /// The terminal's escape sequence for what is of this severity, to be ended by [`PLAIN`].
    #[must_use]
    pub fn colour(self) -> &'static str {
        match self {
            Self::Info => "\x1b[1;36m",
            Self::Warning => "\x1b[1;33m",
            Self::Error => "\x1b[1;31m",
        }
    }
}

/// Ends a colour on a terminal.
pub const PLAIN: &str = "\x1b[0m";

impl Problem {
    /// For people, in colour if the answer goes to a terminal.
    #[must_use]
    pub fn shown(&self, colour: bool) -> impl fmt::Display + '_ {
        Shown { problem: self, colour }
    }
}

struct Shown<'a> {
    problem: &'a Problem,
    colour: bool,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { file, line, column, severity, sid, message, excerpt } = self.problem;
        let (on, off) = if self.colour { (severity.colour(), PLAIN) } else { ("", "") };
        let file = file.display();
        if *line == 0 {
            return write!(f, "{file}: {on}{severity}{off}: {message}");
        }
        write!(f, "{file}:{line}:{column}: {on}{severity}{off}: {message}")?;
        if let Some(sid) = sid {
            write!(f, " (sid {sid})")?;
        }
        let Excerpt { text, before, len } = excerpt;
        if text.is_empty() {
            return Ok(());
        }
        write!(f, "\n    {text}\n    {:before$}{on}{}{off}", "", "^".repeat(*len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_line_is_shown_whole() {
        let problem = Problem {
            file: "r/x.rules".into(),
            line: 12,
            column: 5,
            severity: Severity::Error,
            sid: Some(7),
            message: "wrong".into(),
            excerpt: Excerpt::new(b"abc\tdefg", 4, 3),
        };
        assert_eq!(problem.to_string(), "r/x.rules:12:5: error: wrong (sid 7)\n    abc defg\n        ^^^");
    }

    #[test]
    fn long_messages_keep_both_ends() {
        let long = format!("begin {} end", "é".repeat(5_000));
        let short = shortened(long);
        assert!(short.len() <= LONGEST + 5 && short.starts_with("begin é") && short.ends_with("é end"), "{short}");
        assert_eq!(shortened("é".repeat(400)), "é".repeat(400));
    }

    #[test]
    fn colour_is_added_and_nothing_else() {
        let problem = Problem {
            file: "x".into(),
            line: 1,
            column: 2,
            severity: Severity::Warning,
            sid: None,
            message: "odd".into(),
            excerpt: Excerpt::new(b"ab", 1, 1),
        };
        let shown = problem.shown(true).to_string();
        assert!(shown.contains("\x1b[1;33mwarning\x1b[0m"));
        assert_eq!(shown.replace("\x1b[1;33m", "").replace(PLAIN, ""), problem.to_string());
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let line = format!("{}X{}", "é".repeat(500), "ü".repeat(500));
        let cut = Excerpt::new(line.as_bytes(), 1000, 1);
        assert!(cut.text.starts_with('…') && cut.text.ends_with('…') && cut.text.chars().count() <= WIDTH + 2);
        assert!(!cut.text.contains('\u{fffd}'));
        assert_eq!(cut.text.chars().nth(cut.before), Some('X'));
    }

    #[test]
    fn places_beyond_the_line_are_no_harm() {
        for at in 0..5 {
            for len in 0..5 {
                let cut = Excerpt::new(b"ab", at, len);
                assert!(cut.before <= 2 && cut.len >= 1);
            }
        }
        assert_eq!(Excerpt::new(b"", 0, 9), Excerpt { text: String::new(), before: 0, len: 1 });
    }
}
