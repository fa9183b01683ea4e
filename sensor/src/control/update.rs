//! `sekisho rules`: rules from outside are checked as a whole, installed in one step, and taken back as easily.
//!
//! Nothing that the sensor reads is touched before the new rules have been through the engine that will judge by them. What changes is told
//! by sid; the running sensor is asked to reload, and its answer is part of the result.

mod catalog;
mod edits;
mod folder;
mod report;
mod source;

use super::arguments::{ConfigArguments, Format};
use super::print::{out, outln};
use super::reload::ReloadReport;
use super::rules::{self, RulesError};
use super::socket::{self, SocketError};
use crate::config::{CacheFolder, Config, ConfigError, DEFAULT_PATH};
use catalog::Catalog;
use clap::{Args, Subcommand};
use edits::{Edits, EditsError, Switched};
use folder::{Folder, FolderError, Staged};
use report::{Counts, Reloaded, Report};
use source::SourceError;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Install rules from a file, a folder or an archive, or take the last ones back.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "each is documented")]
#[command(
    after_help = "Examples:\n  sekisho rules update emerging.rules.tar.gz --dry-run\n  sekisho rules update /media/usb/rules\n  \
                  sekisho rules rollback"
)]
pub struct RulesArguments {
    #[command(subcommand)]
    pub command: RulesCommand,
}

/// What is to be done with the rules.
#[derive(Clone, Debug, Subcommand)]
pub enum RulesCommand {
    /// Check rules, tell what they change, put them in the place of those that are installed, and have the sensor reload.
    ///
    /// They go to rules.installed of the configuration. If nothing of them loads, or too many are in error, all stays as it is. Files
    /// disable.conf and enable.conf beside the configuration switch rules off and on at each update; a line is a sid, gid:sid,
    /// group:FILE or re:EXPRESSION. Exit status 1 if nothing was installed, or the running sensor did not take the rules.
    #[command(
        after_help = "Examples:\n  sekisho rules update emerging.rules.tar.gz\n  sekisho rules update local.rules --into /tmp/rules --dry-run"
    )]
    Update(UpdateArguments),
    /// Put the rules before the present ones in use again, and have the sensor reload. A second time undoes it.
    #[command(after_help = "Example:\n  sekisho rules rollback")]
    Rollback(RollbackArguments),
}

/// What `update` and `rollback` have in common.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "the flattened fields are groups of flags, documented at their types")]
pub struct PlaceArguments {
    #[command(flatten)]
    pub config: ConfigArguments,
    /// The folder of installed rules, in place of the configuration's rules.installed.
    #[arg(long, value_name = "FOLDER")]
    pub into: Option<PathBuf>,
    /// The sensor's control socket, in place of the configuration's control.socket.
    #[arg(long, value_name = "FILE")]
    pub socket: Option<PathBuf>,
    /// Ask no running sensor to reload.
    #[arg(long)]
    pub no_reload: bool,
    /// `text` for people, `json` for one object.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// `sekisho rules update`.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "the flattened fields are groups of flags, documented at their types")]
pub struct UpdateArguments {
    /// A file of rules, a folder (its *.rules, and those of its folders), or an archive: tar, tar.gz or zip.
    #[arg(value_name = "FILE|FOLDER|ARCHIVE")]
    pub source: PathBuf,
    #[command(flatten)]
    pub place: PlaceArguments,
    /// Rules to switch off, in place of disable.conf beside the configuration. May be repeated.
    #[arg(long, value_name = "FILE")]
    pub disable: Vec<PathBuf>,
    /// Rules to switch on, in place of enable.conf beside the configuration. May be repeated.
    #[arg(long, value_name = "FILE")]
    pub enable: Vec<PathBuf>,
    /// Refuse rules of which more than so many percent are in error.
    #[arg(long, value_name = "PERCENT", default_value_t = 5, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub max_failed: u8,
    /// Install them however many are in error, as long as one loads.
    #[arg(long)]
    pub force: bool,
    /// Tell what would change, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// List every rule that changes, not only the first of each kind. JSON always holds all.
    #[arg(long)]
    pub all: bool,
}

/// `sekisho rules rollback`.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "the flattened fields are groups of flags, documented at their types")]
pub struct RollbackArguments {
    #[command(flatten)]
    pub place: PlaceArguments,
}

/// Why nothing was installed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each is the cause's own sentence")]
pub enum UpdateError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(
        "the configuration does not say where rules are installed: set rules.installed = \"/var/lib/sekisho/rules\" in {DEFAULT_PATH}, or name a folder with --into"
    )]
    NoFolder,
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Edits(#[from] EditsError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Rules(#[from] RulesError),
    #[error("none of the rules in {} can be loaded; nothing was installed. `sekisho check --rules FILE` says why", .0.display())]
    NothingLoads(PathBuf),
    #[error(
        "{failed} of {all} rules are in error, more than {percent} %; nothing was installed. `sekisho check --rules FILE` lists them, --max-failed or --force installs them all the same"
    )]
    TooManyFail { failed: usize, all: usize, percent: u8 },
    #[error("cannot write the answer: {0}")]
    Write(#[from] serde_json::Error),
}

/// Updates or rolls back, and tells what came of it.
///
/// # Errors
/// Why all is as before.
pub fn rules(arguments: &RulesArguments) -> Result<ExitCode, UpdateError> {
    match &arguments.command {
        RulesCommand::Update(arguments) => update(arguments),
        RulesCommand::Rollback(arguments) => roll_back(&arguments.place),
    }
}

fn update(arguments: &UpdateArguments) -> Result<ExitCode, UpdateError> {
    let config = arguments.place.config.load_installed()?;
    let folder = Folder::open(&installed(&arguments.place, &config)?)?;
    let mut files = source::read(&arguments.source)?;
    let switched = edit(arguments, &mut files)?;
    let staged = folder.stage(&files.files)?;
    let counts = try_out(arguments, &config, &staged)?;
    let changes = Catalog::of_folder(&folder.current()).changes(&Catalog::of(&files.files));
    let unchanged = staged.is_current();
    let mut report = Report {
        source: arguments.source.clone(),
        folder: folder.current(),
        rules: counts,
        switched_off: switched.off,
        switched_on: switched.on,
        left_out: files.left_out,
        changes,
        installed: false,
        unchanged,
        reload: Reloaded::NotAsked,
    };
    if !arguments.dry_run {
        if !unchanged {
            staged.install()?;
        }
        report.installed = true;
        // Also where nothing has changed: the sensor may not have taken it the last time.
        report.reload = ask_to_reload(&arguments.place, &config);
    }
    match arguments.place.format {
        Format::Json => outln!("{}", serde_json::to_string(&report)?),
        Format::Text => out!("{}", report.shown(arguments.all)),
    }
    Ok(report.reload.exit_code())
}

fn roll_back(arguments: &PlaceArguments) -> Result<ExitCode, UpdateError> {
    let config = arguments.config.load_installed()?;
    let folder = Folder::open(&installed(arguments, &config)?)?;
    let before = Catalog::of_folder(&folder.current());
    folder.roll_back()?;
    let after = Catalog::of_folder(&folder.current());
    let reload = ask_to_reload(arguments, &config);
    let rolled = report::Rolled { folder: folder.current(), changes: before.changes(&after), reload };
    match arguments.format {
        Format::Json => outln!("{}", serde_json::to_string(&rolled)?),
        Format::Text => out!("{rolled}"),
    }
    Ok(rolled.reload.exit_code())
}

fn installed(arguments: &PlaceArguments, config: &Config) -> Result<PathBuf, UpdateError> {
    arguments.into.clone().or_else(|| config.rules.installed.clone()).ok_or(UpdateError::NoFolder)
}

/// Lays the operator's edits over the rules.
fn edit(arguments: &UpdateArguments, files: &mut source::Files) -> Result<Switched, UpdateError> {
    let beside = arguments.place.config.config.as_deref().unwrap_or(Path::new(DEFAULT_PATH)).parent();
    let read = |given: &[PathBuf], name: &str| -> Result<Edits, EditsError> {
        let usual = beside.map(|folder| folder.join(name)).filter(|path| given.is_empty() && path.exists());
        Edits::read_all(given.iter().chain(&usual))
    };
    let (enable, disable) = (read(&arguments.enable, "enable.conf")?, read(&arguments.disable, "disable.conf")?);
    let mut switched = Switched::default();
    for (name, text) in files.files.iter_mut().filter(|(name, _)| name.extension().is_some_and(|e| e == "rules")) {
        let here = edits::apply(name, text, &enable, &disable);
        switched.off += here.off;
        switched.on += here.on;
    }
    Ok(switched)
}

/// Has the engine load what was staged, and judges what comes of it.
fn try_out(arguments: &UpdateArguments, config: &Config, staged: &Staged<'_>) -> Result<Counts, UpdateError> {
    let mut config = config.clone();
    if !config.rules.cache.path().is_some_and(|cache| is_writable(&cache)) {
        config.rules.cache = CacheFolder::Switch(false);
    }
    let tried = rules::compile(&config, &[staged.path().to_owned()])?;
    let counts = Counts::of(&tried, staged.path());
    let all = counts.loaded + counts.failed + counts.skipped;
    if counts.loaded == 0 {
        return Err(UpdateError::NothingLoads(arguments.source.clone()));
    }
    if !arguments.force && counts.failed * 100 > all * usize::from(arguments.max_failed) {
        return Err(UpdateError::TooManyFail { failed: counts.failed, all, percent: arguments.max_failed });
    }
    Ok(counts)
}

/// Only its owner may keep compiled rules in a folder: the service's is not root's.
fn is_writable(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(folder).is_ok_and(|meta| meta.uid() == nix::unistd::geteuid().as_raw())
}

fn ask_to_reload(arguments: &PlaceArguments, config: &Config) -> Reloaded {
    if arguments.no_reload {
        return Reloaded::NotAsked;
    }
    let socket = arguments.socket.as_ref().unwrap_or(&config.control.socket);
    let answer = socket::ask(socket, "reload").and_then(|value| {
        serde_json::from_value::<ReloadReport>(value).map_err(|error| SocketError::BadAnswer(error.to_string()))
    });
    match answer {
        Ok(report) => Reloaded::Done(Box::new(report)),
        Err(SocketError::NotRunning { .. }) => Reloaded::NotRunning,
        Err(error) => Reloaded::Refused(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
