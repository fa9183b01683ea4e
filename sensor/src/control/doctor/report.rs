//! Findings as text for people, and as JSON for programs.

use super::facts::Facts;
use super::finding::{Finding, Status};
use super::fix::{Done, Outcome};
use serde::Serialize;
use std::fmt::Write as _;

/// Commands of one finding that are shown to people: a NIC with 128 queues has as many interrupts.
const COMMANDS_SHOWN: usize = 8;

/// The whole answer, as `--format json` prints it.
#[derive(Debug, Serialize)]
pub struct Answer<'a> {
    /// How many findings there are of each kind.
    pub counts: Counts,
    /// Each thing that was looked at.
    pub findings: &'a [Finding],
    /// What was changed, with `--fix`.
    pub changes: &'a [Done],
    /// What the findings rest on.
    pub facts: &'a Facts,
}

/// Findings by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the statuses' names")]
pub struct Counts {
    pub ok: usize,
    pub skip: usize,
    pub warn: usize,
    pub fail: usize,
}

impl Counts {
    /// Counts them.
    #[must_use]
    pub fn of(findings: &[Finding]) -> Self {
        let mut counts = Self::default();
        for finding in findings {
            *match finding.status {
                Status::Ok => &mut counts.ok,
                Status::Skip => &mut counts.skip,
                Status::Warn => &mut counts.warn,
                Status::Fail => &mut counts.fail,
            } += 1;
        }
        counts
    }
}

/// The findings as lines: the host's, then each interface's.
#[must_use]
pub fn text(findings: &[Finding], colour: bool) -> String {
    let mut text = String::new();
    let mut last = None;
    for finding in findings {
        if last != Some(&finding.interface) {
            let gap = if last.is_some() { "\n" } else { "" };
            let _ = writeln!(text, "{gap}{}", finding.interface.as_deref().unwrap_or("host"));
            last = Some(&finding.interface);
        }
        let (on, off) = if colour { (colour_of(finding.status), "\x1b[0m") } else { ("", "") };
        let _ = writeln!(text, "  {on}{:<4}{off}  {:<14} {}", finding.status.as_str(), finding.check, finding.found);
        if !finding.why.is_empty() {
            let _ = writeln!(text, "{:22} {}", "", finding.why);
        }
        for command in finding.commands.iter().take(COMMANDS_SHOWN) {
            let _ = writeln!(text, "{:22} → {command}", "");
        }
        if let Some(more) = finding.commands.len().checked_sub(COMMANDS_SHOWN).filter(|more| *more > 0) {
            let _ = writeln!(text, "{:22}   and {more} more like these (--format json has all)", "");
        }
    }
    let counts = Counts::of(findings);
    let _ = writeln!(text, "\n{} fail, {} warn, {} ok, {} skipped", counts.fail, counts.warn, counts.ok, counts.skip);
    text
}

/// What was changed, as lines.
#[must_use]
pub fn changes(done: &[Done]) -> String {
    let mut text = String::new();
    for Done { command, result, reason, .. } in done {
        let word = match result {
            Outcome::Changed => "changed",
            Outcome::Failed => "failed",
            Outcome::Held => "held",
        };
        let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        let _ = writeln!(text, "{word:<8} {command}{reason}");
    }
    text
}

const fn colour_of(status: Status) -> &'static str {
    match status {
        Status::Ok => "\x1b[32m",
        Status::Skip => "\x1b[2m",
        Status::Warn => "\x1b[33m",
        Status::Fail => "\x1b[31m",
    }
}
