//! Changes settings, keeps what was before in a file, and puts it back.
//!
//! What was before is on disk before a setting is touched. A setting that is changed twice keeps its first value. Putting back goes
//! from the last change to the first, and leaves alone what somebody else has changed since.

use super::setting::{Setting, Settings};
use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Where what was before is kept.
pub const STATE_FILE: &str = "/var/lib/sekisho/doctor-undo.json";

/// What was before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The run of the kernel in which it was changed: settings do not outlive it.
    pub boot: String,
    /// The changes, in their order.
    pub changes: Vec<Change>,
}

/// One setting that was changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The kernel's number of its interface: one of the same name may be another one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub index: Option<u32>,
    /// What it was.
    pub before: Setting,
    /// What it was set to; absent for what follows from another change.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<Setting>,
}

/// What became of one setting.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Done {
    /// The interface; absent for the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// The command that does the same.
    pub command: String,
    /// `changed`, `failed` or `held`.
    pub result: Outcome,
    /// Why, if it was not changed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// How a change went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It is so now.
    Changed,
    /// The kernel or the driver refused.
    Failed,
    /// Not tried, for a reason.
    Held,
}

impl Done {
    fn new(setting: &Setting, result: Outcome, reason: impl Into<String>) -> Self {
        let interface = setting.interface().map(str::to_owned);
        Self { interface, command: setting.command(), result, reason: reason.into() }
    }
}

/// Why the file could not be used; nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It cannot be read.
    #[error("cannot read {path}, which says what was before: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// It holds something else.
    #[error("{path} does not say what was before: {source}. Remove it to go on without a way back")]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// It cannot be written.
    #[error(
        "cannot keep what was before in {path}, so nothing more is changed: {source}. Name another file with --state"
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
}

/// What is there of an interface that must be known before it is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The kernel's number.
    pub index: u32,
    /// Why its traffic must not be stopped, not even for a moment.
    pub keep: Option<&'static str>,
}

/// Changes settings, and puts them back.
#[derive(Debug)]
pub struct Fixer<'a, S> {
    /// The host.
    pub settings: S,
    /// Where what was before is kept.
    pub file: &'a Path,
    /// The run of the kernel.
    pub boot: String,
    /// The interfaces.
    pub interfaces: BTreeMap<String, Known>,
}

impl<S: Settings> Fixer<'_, S> {
    /// Sets what is not yet so. Settings of interfaces that are not known are not touched.
    ///
    /// # Errors
    /// What was before cannot be kept.
    pub fn apply(&mut self, wanted: &[Setting]) -> Result<Vec<Done>, StateError> {
        let mut state = load(self.file)?.filter(|state| state.boot == self.boot).unwrap_or_default();
        state.boot.clone_from(&self.boot);
        let mut done = Vec::new();
        for setting in in_order(wanted) {
            done.extend(self.apply_one(setting, &mut state)?);
        }
        Ok(done)
    }

    fn apply_one(&mut self, setting: &Setting, state: &mut State) -> Result<Option<Done>, StateError> {
        let known = setting.interface().map(|name| self.interfaces.get(name).copied());
        if known == Some(None) {
            return Ok(Some(Done::new(setting, Outcome::Held, "this interface was not named")));
        }
        let before = match self.settings.read(setting) {
            Ok(before) if before == *setting => return Ok(None),
            Ok(before) => before,
            Err(error) => return Ok(Some(Done::new(setting, Outcome::Failed, explain(&error)))),
        };
        if let Some(keep) = known.flatten().and_then(|known| known.keep).filter(|_| setting.interrupts_traffic()) {
            let reason = format!("it stops the traffic for a moment, and {keep}");
            return Ok(Some(Done::new(setting, Outcome::Held, reason)));
        }
        let kept = state.clone();
        let index = known.flatten().map(|known| known.index);
        if let Some(follows) = self.what_follows(setting)
            && !state.changes.iter().any(|c| c.before.same_place(&follows))
        {
            state.changes.push(Change { index, before: follows, after: None });
        }
        match state.changes.iter_mut().find(|c| c.before.same_place(setting)) {
            Some(change) => change.after = Some(setting.clone()),
            None => state.changes.push(Change { index, before: before.clone(), after: Some(setting.clone()) }),
        }
        save(self.file, state)?;
        let written = self.settings.write(setting).and_then(|()| self.settings.read(setting));
        match written {
            Ok(now) if now != before => {
                if let Some(change) = state.changes.iter_mut().find(|c| c.before.same_place(setting)) {
                    // A driver may round.
                    change.after = Some(now);
                }
                save(self.file, state)?;
                Ok(Some(Done::new(setting, Outcome::Changed, "")))
            }
            other => {
                *state = kept;
                save(self.file, state)?;
                let reason =
                    other.err().map_or_else(|| "it was taken, and nothing changed".to_owned(), |e| explain(&e));
                Ok(Some(Done::new(setting, Outcome::Failed, reason)))
            }
        }
    }

    /// What a change changes beside it: with other queues, the table that spreads packets over them.
    fn what_follows(&mut self, setting: &Setting) -> Option<Setting> {
        let Setting::Queues { interface, .. } = setting else { return None };
        let table = Setting::RssTable { interface: interface.clone(), table: Vec::new() };
        self.settings.read(&table).ok().filter(|now| *now != table)
    }

    /// Puts everything back.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn undo(&mut self) -> Result<Vec<Done>, StateError> {
        let Some(mut state) = load(self.file)? else { return Ok(Vec::new()) };
        let mut done = Vec::new();
        if state.boot != self.boot {
            // The settings went with the kernel that had them.
            state.changes.clear();
        }
        let mut kept = Vec::new();
        while let Some(change) = state.changes.pop() {
            let result = self.undo_one(&change);
            if let Some(Done { result: Outcome::Failed | Outcome::Held, .. }) = &result
                && self.can_be_tried_again(&change)
            {
                kept.insert(0, change);
            }
            done.extend(result);
            let rest = state.changes.iter().chain(&kept).cloned().collect();
            save(self.file, &State { boot: state.boot.clone(), changes: rest })?;
        }
        if kept.is_empty() {
            remove(self.file)?;
        }
        Ok(done)
    }

    fn can_be_tried_again(&mut self, change: &Change) -> bool {
        let same =
            change.before.interface().is_none_or(|name| self.interfaces.get(name).map(|k| k.index) == change.index);
        let ours =
            self.settings.read(&change.before).is_ok_and(|now| change.after.as_ref().is_none_or(|after| now == *after));
        same && ours
    }

    fn undo_one(&mut self, change: &Change) -> Option<Done> {
        let Change { before, after, index } = change;
        let held = |reason: &str| Some(Done::new(before, Outcome::Held, reason));
        if let Some(name) = before.interface() {
            match self.interfaces.get(name) {
                None => return held("the interface is gone"),
                Some(known) if Some(known.index) != *index => return held("it is another interface of the same name"),
                Some(Known { keep: Some(keep), .. }) if before.interrupts_traffic() => {
                    return held(&format!("it stops the traffic for a moment, and {keep}"));
                }
                Some(_) => {}
            }
        }
        match self.settings.read(before) {
            Ok(now) if now == *before => return None,
            Ok(now) if after.as_ref().is_some_and(|after| now != *after) => {
                return held(&format!("somebody has changed it since, to what `{}` sets", now.command()));
            }
            Ok(_) => {}
            Err(error) => return Some(Done::new(before, Outcome::Failed, explain(&error))),
        }
        Some(match self.settings.write(before) {
            Ok(()) => Done::new(before, Outcome::Changed, ""),
            Err(error) => Done::new(before, Outcome::Failed, explain(&error)),
        })
    }
}

/// In the order in which they do not undo each other; of two values for one place, the later.
fn in_order(wanted: &[Setting]) -> Vec<&Setting> {
    let mut settings: Vec<&Setting> = Vec::new();
    for setting in wanted {
        match settings.iter_mut().find(|other| other.same_place(setting)) {
            Some(other) => *other = setting,
            None => settings.push(setting),
        }
    }
    settings.sort_by_key(|setting| setting.order());
    settings
}

fn explain(error: &io::Error) -> String {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EPERM | Errno::EACCES) => "not permitted: run it as root".to_owned(),
        Some(Errno::EOPNOTSUPP) => "the driver cannot".to_owned(),
        Some(Errno::EINVAL) => "the driver does not take this value".to_owned(),
        Some(Errno::EBUSY) => "the driver is busy: stop what uses the interface".to_owned(),
        Some(Errno::EIO) => "the kernel manages it itself".to_owned(),
        _ => error.to_string(),
    }
}

/// What was before, if something was changed.
///
/// # Errors
/// The file cannot be read, or holds something else.
pub fn load(path: &Path) -> Result<Option<State>, StateError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(StateError::Read { path: path.to_owned(), source }),
    };
    serde_json::from_slice(&text).map(Some).map_err(|source| StateError::Form { path: path.to_owned(), source })
}

/// Writes it whole or not at all.
fn save(path: &Path, state: &State) -> Result<(), StateError> {
    let fail = |source| StateError::Write { path: path.to_owned(), source };
    if state.changes.is_empty() {
        return remove(path);
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fail)?;
    }
    let beside = path.with_extension("new");
    let text = serde_json::to_vec_pretty(state).map_err(|e| fail(e.into()))?;
    std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, path)).map_err(fail)
}

fn remove(path: &Path) -> Result<(), StateError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StateError::Write { path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
