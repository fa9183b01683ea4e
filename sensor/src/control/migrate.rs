//! `sekisho migrate`: a suricata.yaml becomes a sekisho.toml, and what could not be taken is listed with what to do instead.
//!
//! The result is read back as `sekisho check` reads it before it is given out. A key that is neither taken nor known to mean nothing here is
//! told: nothing of the other configuration gets lost in silence.

mod capture;
mod engine;
mod known;
mod outputs;
mod result;
mod yaml;

use super::arguments::Format;
use super::print::{error_line, out, outln};
use crate::config::{Config, ConfigError};
use clap::Args;
use result::{Made, Note};
use serde::Serialize;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use yaml::{Node, YamlError};

/// Write a sekisho.toml that does what a suricata.yaml says, and list what it could not take.
///
/// Taken are interfaces and pairs of them, variables, rule files and what goes with them, event types, memory and time limits, policies by
/// host, ports of tunnels, CPUs. Files that are named but not there are written as comments. The list goes to stderr; look at it.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  sekisho migrate /etc/suricata/suricata.yaml --output /etc/sekisho/sekisho.toml\n  \
                  sekisho migrate suricata.yaml --format json | jq .notes"
)]
pub struct MigrateArguments {
    /// The other configuration.
    #[arg(value_name = "SURICATA.YAML")]
    pub file: PathBuf,
    /// Where the configuration is written, in place of stdout.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write over a file that is there.
    #[arg(long)]
    pub force: bool,
    /// `text`: the configuration on stdout, the list on stderr; `json`: one object with toml and notes.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the sentences say it")]
pub enum MigrateError {
    #[error(transparent)]
    Yaml(#[from] YamlError),
    #[error("what was made is refused, which is a defect of `sekisho migrate`; its text:\n{text}\n{source}")]
    Refused { text: String, source: ConfigError },
    #[error("cannot write {}: {source}{}", path.display(), if source.kind() == std::io::ErrorKind::AlreadyExists { "; --force writes over it" } else { "" })]
    Write { path: PathBuf, source: std::io::Error },
    #[error("cannot write the answer: {0}")]
    Json(#[from] serde_json::Error),
}

/// What was made.
#[derive(Debug, Serialize)]
pub struct Migrated {
    /// The configuration.
    pub toml: String,
    /// What it does not hold, by line.
    pub notes: Vec<Note>,
}

/// Reads, makes and writes.
///
/// # Errors
/// The file cannot be read, or the result not written.
pub fn migrate(arguments: &MigrateArguments) -> Result<ExitCode, MigrateError> {
    let migrated = translate(&yaml::read(&arguments.file)?, &arguments.file)?;
    if let Some(path) = &arguments.output {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(arguments.force).truncate(arguments.force).create_new(!arguments.force);
        let written = options.open(path).and_then(|mut file| file.write_all(migrated.toml.as_bytes()));
        written.map_err(|source| MigrateError::Write { path: path.clone(), source })?;
    }
    match (arguments.format, &arguments.output) {
        (Format::Json, _) => outln!("{}", serde_json::to_string(&migrated)?),
        (Format::Text, None) => out!("{}", migrated.toml),
        (Format::Text, Some(_)) => {}
    }
    if arguments.format == Format::Text {
        let file = arguments.file.display();
        for Note { line, key, text } in &migrated.notes {
            error_line(format_args!("{file}:{line}: {key}: {text}"));
        }
        error_line(format_args!("{} keys need a look. Next: sekisho check --config FILE", migrated.notes.len()));
    }
    Ok(ExitCode::SUCCESS)
}

fn translate(root: &Node, file: &Path) -> Result<Migrated, MigrateError> {
    let mut made = Made::default();
    capture::take(root, &mut made);
    engine::take(root, &mut made);
    outputs::take(root, &mut made);
    known::tell_the_rest(root, &mut made);
    let toml = made.toml(&file.display().to_string());
    let mut notes = made.notes;
    notes.sort_by_key(|note| note.line);
    match Config::parse("sekisho.toml", &toml, &[]) {
        Ok(_) => Ok(Migrated { toml, notes }),
        Err(source) => Err(MigrateError::Refused { text: toml, source }),
    }
}

#[cfg(test)]
mod tests;
