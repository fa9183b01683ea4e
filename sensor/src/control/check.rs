//! `sekisho check`: is the configuration right, are the rules, and if not, where.

use super::arguments::{ConfigArguments, Format, RuleArguments, YaraArguments};
use super::blocklist;
use super::print::outln;
use super::rules::{self, RulesError};
use crate::config::{Config, ConfigError, ConfigProblem};
use crate::detect::yara::rules as yara;
use clap::{Args, ValueEnum};
use sekisho_signatures::lint::Kind;
use sekisho_signatures::load::Loaded;
use sekisho_signatures::report::{PLAIN, Problem, Severity};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

/// Check configuration and rules, and tell every problem with its place.
///
/// Beside errors it tells of rules that can never match, wait for what no rule sets, do nothing, or cost more than they need.
/// Nothing is started or changed. Exit status 1 if anything is an error; all else leaves it at 0.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "the flattened fields are groups of flags, documented at their types")]
#[command(
    after_help = "Examples:\n  sekisho check\n  sekisho check --rules /etc/sekisho/rules --rules 'local/*.rules'\n  \
                        sekisho check --level info --all --rules local.rules\n  \
                        sekisho check --yara implants.yar\n  \
                        sekisho check --format json | jq '.problems[] | select(.severity == \"error\")'"
)]
pub struct CheckArguments {
    #[command(flatten)]
    pub config: ConfigArguments,
    #[command(flatten)]
    pub rules: RuleArguments,
    #[command(flatten)]
    pub yara: YaraArguments,
    /// `text` for people; `json` for one object with loaded, failed, skipped and all problems, skipped rules among them.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// How bad a problem must be to be told; `info` adds what is worth knowing about rules that are in order.
    #[arg(long, value_enum, default_value_t = Level::Warning)]
    pub level: Level,
    /// Show every problem, not only the first ten warnings of each kind. JSON always holds all.
    #[arg(long)]
    pub all: bool,
    /// Also list every rule that is left out because it needs what is not built yet, not only their number by keyword.
    #[arg(long)]
    pub list_skipped: bool,
}

/// `--level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Only what is not in use.
    Error,
    /// Also what is in use, but perhaps not as it was meant.
    Warning,
    /// Also what is worth knowing.
    Info,
}

impl Level {
    fn admits(self, severity: Severity) -> bool {
        severity
            >= match self {
                Self::Error => Severity::Error,
                Self::Warning => Severity::Warning,
                Self::Info => Severity::Info,
            }
    }
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
    #[serde(skip_serializing_if = "Option::is_none")]
    yara: Option<YaraAnswer>,
    problems: Vec<Entry>,
}

/// YARA rules, if there are any.
#[derive(Serialize)]
struct YaraAnswer {
    loaded: usize,
    failed: usize,
}

#[derive(Serialize)]
struct Entry {
    file: String,
    line: u32,
    column: u32,
    /// `error`, `warning`, `info` or `skipped`.
    severity: &'static str,
    sid: Option<u32>,
    message: String,
}

/// Warnings of one kind that are shown unless all are asked for.
const SHOWN: usize = 10;

/// Checks, and prints what was found.
///
/// # Errors
/// What cannot be read at all.
pub fn check(arguments: &CheckArguments) -> Result<ExitCode, CheckError> {
    let (mut config, mut config_problems) = match arguments.config.load_installed() {
        Ok(config) => (config, Vec::new()),
        // Rules are still worth checking: against the defaults.
        Err(ConfigError::Problems(problems)) => (Config::default(), problems),
        Err(error) => return Err(CheckError::Config(error)),
    };
    arguments.yara.apply(&mut config);
    // Compiled, since some things are only found by doing it.
    let mut rules = rules::compile_linted(&config, &arguments.rules.rules);
    if let Err(error @ (RulesError::Classification { .. } | RulesError::ClassificationLine { .. })) = &rules {
        // Of the rules there is more to tell, and the built-in class types will do for that.
        config_problems.push(classification_problem(error));
        config.rules.classification = None;
        rules = rules::compile_linted(&config, &arguments.rules.rules);
    }
    let rules = rules?;
    let in_use = rules.in_use();
    let loaded = rules.loaded;
    let yara = yara::load(&config.yara.rules);
    let mut found = found(&loaded);
    let of_yara = yara.iter().flat_map(|yara| &yara.problems);
    found.extend(of_yara.map(|problem| Found { problem, kind: None }));
    let (list, of_list) = blocklist::check(&config.capture.blocklist);
    found.extend(of_list.iter().map(|problem| Found { problem, kind: None }));
    if arguments.format == Format::Json {
        let told = found.iter().filter(|f| arguments.level.admits(f.problem.severity));
        let problems = config_problems.iter().map(config_entry).chain(told.map(entry)).chain(skipped_entries(&loaded));
        let answer = Answer {
            loaded: in_use,
            failed: loaded.failed(),
            skipped: loaded.skipped.len(),
            yara: yara.as_ref().map(|yara| YaraAnswer { loaded: yara.in_use(), failed: yara.failed() }),
            problems: problems.collect(),
        };
        outln!("{}", serde_json::to_string(&answer)?);
    } else {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        for problem in &config_problems {
            outln!("{problem}\n");
        }
        print_found(&found, arguments.level, arguments.all, colour);
        print_skipped(&loaded, arguments.list_skipped);
        if config_problems.is_empty() {
            outln!("configuration: no errors");
        } else {
            let n = config_problems.len();
            let errors = if n == 1 { "1 error".to_owned() } else { format!("{n} errors") };
            outln!("configuration: {errors}; the rules were checked with the defaults");
        }
        outln!(
            "rules: {in_use} loaded, {} failed, {} skipped, {} disabled, in {} files",
            loaded.failed(),
            loaded.skipped.len(),
            loaded.disabled,
            loaded.files.len(),
        );
        if let Some(yara) = &yara {
            outln!("yara: {} loaded, {} failed, in {} files", yara.in_use(), yara.failed(), yara.files);
        }
        if let Some(list) = &list {
            let failed = (list.problems.len() as u64).saturating_add(list.more_problems);
            outln!("block list: {} entries, {failed} lines with errors", list.len());
        }
    }
    let bad_yara = yara.as_ref().is_some_and(|yara| !yara.problems.is_empty());
    let bad = !config_problems.is_empty() || loaded.has_errors() || bad_yara || !of_list.is_empty();
    Ok(if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A problem, and of which sort it is if it is no matter of form.
struct Found<'a> {
    problem: &'a Problem,
    kind: Option<Kind>,
}

/// All that is to be told about the rules, in the order of files and places.
fn found(loaded: &Loaded) -> Vec<Found<'_>> {
    let problems = loaded.problems.iter().map(|problem| Found { problem, kind: None });
    let lints = loaded.lints.iter().map(|lint| Found { problem: &lint.problem, kind: Some(lint.kind) });
    let mut found: Vec<Found<'_>> = problems.chain(lints).collect();
    let order: HashMap<&Path, usize> = loaded.files.iter().enumerate().map(|(i, file)| (file.as_path(), i)).collect();
    found.sort_by_key(|f| {
        let p = f.problem;
        // What is about no file of rules, such as a path that names none, goes first.
        (order.get(p.file.as_path()).map(|i| i + 1), p.line, p.column, std::cmp::Reverse(p.severity))
    });
    found
}

/// What is wrong with the file of class types, at its place.
fn classification_problem(error: &RulesError) -> ConfigProblem {
    let told = |path: &Path, line: usize, message: String| {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let Some(index) = line.checked_sub(1) else { return ConfigProblem::without_place(&file, message) };
        let start = text.split_inclusive('\n').take(index).map(str::len).sum::<usize>();
        let len = text.get(start..).and_then(|rest| rest.lines().next()).map_or(0, str::len);
        ConfigProblem::at(&file, &text, start..start + len, message)
    };
    match error {
        RulesError::Classification { path, source } => told(path, 0, format!("cannot be read: {source}")),
        RulesError::ClassificationLine { path, source } => {
            // The line stands in front already.
            let message = source.to_string();
            let message = message.split_once(": ").map_or(message.clone(), |(_, rest)| rest.to_owned());
            told(path, source.line, message)
        }
        other => ConfigProblem::without_place("rules", other.to_string()),
    }
}

fn config_entry(problem: &ConfigProblem) -> Entry {
    Entry {
        file: problem.file.clone(),
        line: problem.line,
        column: problem.column,
        severity: "error",
        sid: None,
        message: problem.message.clone(),
    }
}

fn entry(found: &Found<'_>) -> Entry {
    let p = found.problem;
    let severity = match p.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    let (file, message) = (p.file.display().to_string(), p.message.clone());
    Entry { file, line: p.line, column: p.column, severity, sid: p.sid, message }
}

fn skipped_entries(loaded: &Loaded) -> impl Iterator<Item = Entry> {
    loaded.skipped.iter().map(|s| Entry {
        file: file_name(loaded, s.place.file),
        line: s.place.line,
        column: s.place.column,
        severity: "skipped",
        sid: Some(s.sid),
        message: format!("{} is not built yet", s.keyword),
    })
}

/// Every error, the first of each kind of warning, and how many more there are of it.
fn print_found(found: &[Found<'_>], level: Level, all: bool, colour: bool) {
    let mut counts: BTreeMap<(Reverse<Severity>, Kind), (usize, usize)> = BTreeMap::new();
    for f in found {
        let told = level.admits(f.problem.severity);
        let Some(kind) = f.kind else {
            if told {
                outln!("{}\n", f.problem.shown(colour));
            }
            continue;
        };
        let (seen, shown) = counts.entry((Reverse(f.problem.severity), kind)).or_default();
        *seen += 1;
        if told && (all || *shown < SHOWN) {
            *shown += 1;
            outln!("{}\n", f.problem.shown(colour));
        }
    }
    if counts.is_empty() {
        return;
    }
    outln!("Rules to look at:");
    for ((Reverse(severity), kind), (seen, shown)) in counts {
        let (on, off) = if colour { (severity.colour(), PLAIN) } else { ("", "") };
        let hidden = match seen - shown {
            0 => String::new(),
            _ if !level.admits(severity) => format!(" (--level {severity} shows them)"),
            n => format!(" ({n} not shown; --all shows them)"),
        };
        outln!("  {seen:>6}  {on}{severity}{off}: {}{hidden}", kind.title());
    }
    outln!();
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
            outln!(
                "{file}:{}:{}: skipped: {} is not built yet (sid {})",
                s.place.line,
                s.place.column,
                s.keyword,
                s.sid
            );
        }
        outln!();
        return;
    }
    let mut by_keyword: BTreeMap<&str, usize> = BTreeMap::new();
    for s in &loaded.skipped {
        *by_keyword.entry(&s.keyword).or_default() += 1;
    }
    let mut by_keyword: Vec<_> = by_keyword.into_iter().collect();
    by_keyword.sort_by_key(|&(keyword, n)| (std::cmp::Reverse(n), keyword));
    outln!("Left out, by what is not built yet (--list-skipped shows each rule):");
    for (keyword, n) in by_keyword {
        outln!("  {n:>6}  {keyword}");
    }
    outln!();
}
