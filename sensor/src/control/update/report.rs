//! What came of an update, for people and for programs.

use super::catalog::{Change, Changes};
use crate::control::reload::ReloadReport;
use crate::control::rules::Rules;
use crate::output::status::grouped;
use sekisho_signatures::report::Severity;
use serde::Serialize;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Rules of one kind that are listed where not all are asked for.
const SHOWN: usize = 10;
/// Problems that an answer holds; `sekisho check` has them all.
const PROBLEMS: usize = 20;

/// How many rules there are, and what is wrong with them.
#[derive(Clone, Debug, Serialize)]
pub struct Counts {
    /// Rules that will be judged.
    pub loaded: usize,
    /// Rules in error, left out.
    pub failed: usize,
    /// Rules that need what is not built yet.
    pub skipped: usize,
    /// Rules that are commented out.
    pub disabled: usize,
    /// The first errors; places are as in the source.
    pub problems: Vec<String>,
}

impl Counts {
    /// Of rules that were loaded from `folder`.
    #[must_use]
    pub fn of(rules: &Rules, folder: &Path) -> Self {
        let prefix = format!("{}/", folder.display());
        let errors = rules.loaded.problems.iter().filter(|problem| problem.severity == Severity::Error);
        Self {
            loaded: rules.in_use(),
            failed: rules.loaded.failed(),
            skipped: rules.loaded.skipped.len(),
            disabled: rules.loaded.disabled,
            problems: errors.take(PROBLEMS).map(|problem| problem.to_string().replace(&prefix, "")).collect(),
        }
    }
}

/// What the running sensor said.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reloaded {
    /// It was not asked.
    NotAsked,
    /// There is none.
    NotRunning,
    /// It judges by the new rules.
    #[serde(rename = "reloaded")]
    Done(Box<ReloadReport>),
    /// It goes on with the old ones; why.
    Refused(String),
}

impl Reloaded {
    /// 1 where the sensor does not judge by what is installed.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        if matches!(self, Self::Refused(_)) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

impl fmt::Display for Reloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked => Ok(()),
            Self::NotRunning => writeln!(f, "No sensor is running; it reads them when it starts."),
            Self::Done(report) => write!(f, "The running sensor:\n{report}"),
            Self::Refused(why) => writeln!(
                f,
                "The running sensor goes on with the rules that it had: {why}\n`sekisho rules rollback` puts those in use again."
            ),
        }
    }
}

/// What came of `sekisho rules update`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Where the rules came from.
    pub source: PathBuf,
    /// Where they are.
    pub folder: PathBuf,
    /// How many.
    #[serde(flatten)]
    pub rules: Counts,
    /// Rules that the operator's disable.conf switched off.
    pub switched_off: usize,
    /// Rules that the operator's enable.conf switched on.
    pub switched_on: usize,
    /// Files of the source that are no rules and no data of rules.
    pub left_out: Vec<PathBuf>,
    /// Against the rules that were installed.
    pub changes: Changes,
    /// They are in use now, at the latest from the next start.
    pub installed: bool,
    /// They were so before, byte by byte.
    pub unchanged: bool,
    /// What the sensor said.
    pub reload: Reloaded,
}

impl Report {
    /// For people; with `all`, every rule that changes.
    #[must_use]
    pub fn shown(&self, all: bool) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        for problem in &self.rules.problems {
            let _ = writeln!(text, "{problem}\n");
        }
        let Counts { loaded, failed, skipped, disabled, .. } = &self.rules;
        let [loaded, failed, skipped, disabled] = [loaded, failed, skipped, disabled].map(|n| grouped(*n as u64));
        let _ = writeln!(
            text,
            "{}: {loaded} rules, {failed} with errors, {skipped} skipped, {disabled} commented out",
            self.source.display()
        );
        if self.switched_off + self.switched_on > 0 {
            let _ = writeln!(
                text,
                "By your edits {} were switched off and {} on.",
                grouped(self.switched_off as u64),
                grouped(self.switched_on as u64)
            );
        }
        if let Some(file) = self.left_out.iter().find(|file| file.ends_with("classification.config")) {
            let _ = writeln!(
                text,
                "{} is not installed: rules.classification names the class types, if the built-in ones do not do.",
                file.display()
            );
        }
        write_changes(&mut text, &self.changes, all);
        let folder = self.folder.display();
        let _ = match (self.installed, self.unchanged) {
            (true, true) => writeln!(text, "They are in {folder} already."),
            (true, false) => writeln!(text, "Installed in {folder}; `sekisho rules rollback` takes it back."),
            (false, _) => writeln!(text, "Nothing was installed, as asked."),
        };
        let _ = write!(text, "{}", self.reload);
        text
    }
}

/// What came of `sekisho rules rollback`.
#[derive(Clone, Debug, Serialize)]
pub struct Rolled {
    /// Where the rules are.
    pub folder: PathBuf,
    /// Against those that were in use.
    pub changes: Changes,
    /// What the sensor said.
    pub reload: Reloaded,
}

impl fmt::Display for Rolled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        write_changes(&mut text, &self.changes, false);
        write!(f, "{text}The rules from before are in {} again.\n{}", self.folder.display(), self.reload)
    }
}

fn write_changes(text: &mut String, changes: &Changes, all: bool) {
    let kinds = [
        ("added", '+', &changes.added),
        ("removed", '-', &changes.removed),
        ("changed", '~', &changes.changed),
        ("switched on", '+', &changes.enabled),
        ("switched off", '-', &changes.disabled),
    ];
    for (name, mark, rules) in kinds.into_iter().filter(|(_, _, rules)| !rules.is_empty()) {
        let _ = writeln!(text, "{} {name}:", grouped(rules.len() as u64));
        let shown = if all { rules.len() } else { SHOWN };
        for rule in rules.iter().take(shown) {
            let _ = writeln!(text, "  {mark} {}", line(rule));
        }
        if rules.len() > shown {
            let _ = writeln!(text, "  and {} more; --all lists them", grouped((rules.len() - shown) as u64));
        }
    }
    if kinds.iter().all(|(_, _, rules)| rules.is_empty()) {
        let _ = writeln!(text, "No rule changes.");
    }
}

fn line(change: &Change) -> String {
    let Change { numbers, old_rev, rev, msg } = change;
    let revision = match (old_rev, rev) {
        (0, rev) | (rev, 0) => format!("rev {rev}"),
        (old, new) if old == new => format!("rev {new}"),
        (old, new) => format!("rev {old} to {new}"),
    };
    // What others write goes to a terminal.
    let msg: String = msg.chars().filter(|c| !c.is_control()).collect();
    format!("{}:{} ({revision}) {msg}", numbers.gid, numbers.sid)
}
