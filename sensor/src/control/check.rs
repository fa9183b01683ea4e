//! `sekisho check`: is the configuration right, are the rules, and if not, where.

use super::arguments::{ConfigArguments, Format, RuleArguments};
use super::rules::{self, RulesError};
use crate::config::{Config, ConfigError};
use clap::Args;
use sekisho_signatures::load::Loaded;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

/// Check configuration and rules, and tell every problem with its place.
///
/// Nothing is started or changed. Exit status 1 if anything is an error; warnings and rules that need what is not built yet
/// are told, and leave it at 0.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "the flattened fields are groups of flags, documented at their types")]
#[command(
    after_help = "Examples:\n  sekisho check\n  sekisho check --rules /etc/sekisho/rules --rules 'local/*.rules'\n  \
                        sekisho check --format json | jq '.problems[] | select(.severity == \"error\")'"
)]
pub struct CheckArguments {
    #[command(flatten)]
    pub config: ConfigArguments,
    #[command(flatten)]
    pub rules: RuleArguments,
    /// `text` for people; `json` for one object with loaded, failed, skipped and all problems, skipped rules among them.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Also list every rule that is left out because it needs what is not built yet, not only their number by keyword.
    #[arg(long)]
    pub list_skipped: bool,
}

/// Why nothing could be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The configuration's file cannot be read.
    #[error(transparent)]
    Config(ConfigError),
    /// The class types.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// stdout.
    #[error("cannot write the answer: {0}")]
    Write(#[from] serde_json::Error),
}

#[derive(Serialize)]
struct Answer {
    loaded: usize,
    failed: usize,
    skipped: usize,
    problems: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    file: String,
    line: u32,
    column: u32,
    /// `error`, `warning` or `skipped`.
    severity: &'static str,
    sid: Option<u32>,
    message: String,
}

/// Checks, and prints what was found.
///
/// # Errors
/// What cannot be read at all.
pub fn check(arguments: &CheckArguments) -> Result<ExitCode, CheckError> {
    let (config, config_problems) = match arguments.config.load_installed() {
        Ok(config) => (config, Vec::new()),
        // Rules are still worth checking: against the defaults.
        Err(ConfigError::Problems(problems)) => (Config::default(), problems),
        Err(error) => return Err(CheckError::Config(error)),
    };
    // Compiled, since some things are only found by doing it.
    let loaded = rules::compile(&config, &arguments.rules.rules)?;
    let in_use = loaded.in_use();
    let loaded = loaded.loaded;
    let bad = !config_problems.is_empty() || loaded.has_errors();
    if arguments.format == Format::Json {
        let mut problems: Vec<Entry> = config_problems
            .iter()
            .map(|p| Entry {
                file: p.file.clone(),
                line: p.line,
                column: p.column,
                severity: "error",
                sid: None,
                message: p.message.clone(),
            })
            .collect();
        problems.extend(rule_entries(&loaded));
        let answer = Answer { loaded: in_use, failed: loaded.failed(), skipped: loaded.skipped.len(), problems };
        println!("{}", serde_json::to_string(&answer)?);
    } else {
        for problem in &config_problems {
            println!("{problem}\n");
        }
        for problem in &loaded.problems {
            println!("{problem}\n");
        }
        print_skipped(&loaded, arguments.list_skipped);
        if config_problems.is_empty() {
            println!("configuration: no errors");
        } else {
            let n = config_problems.len();
            let errors = if n == 1 { "1 error".to_owned() } else { format!("{n} errors") };
            println!("configuration: {errors}; the rules were checked with the defaults");
        }
        println!(
            "rules: {in_use} loaded, {} failed, {} skipped, {} disabled, in {} files",
            loaded.failed(),
            loaded.skipped.len(),
            loaded.disabled,
            loaded.files.len(),
        );
    }
    Ok(if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn rule_entries(loaded: &Loaded) -> impl Iterator<Item = Entry> {
    let problems = loaded.problems.iter().map(|p| Entry {
        file: p.file.display().to_string(),
        line: p.line,
        column: p.column,
        severity: match p.severity {
            sekisho_signatures::report::Severity::Error => "error",
            sekisho_signatures::report::Severity::Warning => "warning",
        },
        sid: p.sid,
        message: p.message.clone(),
    });
    let skipped = loaded.skipped.iter().map(|s| Entry {
        file: file_name(loaded, s.place.file),
        line: s.place.line,
        column: s.place.column,
        severity: "skipped",
        sid: Some(s.sid),
        message: format!("{} is not built yet", s.keyword),
    });
    problems.chain(skipped)
}

fn file_name(loaded: &Loaded, index: u32) -> String {
    loaded.files.get(index as usize).map_or_else(String::new, |p: &std::path::PathBuf| Path::display(p).to_string())
}

fn print_skipped(loaded: &Loaded, list: bool) {
    if loaded.skipped.is_empty() {
        return;
    }
    if list {
        for s in &loaded.skipped {
            let file = file_name(loaded, s.place.file);
            println!(
                "{file}:{}:{}: skipped: {} is not built yet (sid {})",
                s.place.line, s.place.column, s.keyword, s.sid
            );
        }
        println!();
        return;
    }
    let mut by_keyword: BTreeMap<&str, usize> = BTreeMap::new();
    for s in &loaded.skipped {
        *by_keyword.entry(&s.keyword).or_default() += 1;
    }
    let mut by_keyword: Vec<_> = by_keyword.into_iter().collect();
    by_keyword.sort_by_key(|&(keyword, n)| (std::cmp::Reverse(n), keyword));
    println!("Left out, by what is not built yet (--list-skipped shows each rule):");
    for (keyword, n) in by_keyword {
        println!("  {n:>6}  {keyword}");
    }
    println!();
}
