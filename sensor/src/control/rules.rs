//! From rule files to an engine that workers can share, and what was wrong on the way.
//!
//! A bad rule never stops the sensor: it is reported and left out. What stops it is rules that cannot be read at all where the
//! configuration names them, and a machine on which they cannot be compiled.

use super::lists;
use crate::config::Config;
use crate::detect::cache::DatabaseCache;
use crate::detect::engine::{Engine, Retention};
use crate::detect::hyperscan::HyperscanError;
use crate::detect::hyperscan::give_memory_back;
use crate::detect::lasting::Lasting;
use crate::detect::yara::{LoadedYara, rules as yara};
use crate::output::sources::RulesetStatus;
use sekisho_signatures::classification::{ClassificationError, Classifications};
use sekisho_signatures::load::{Loaded, load, load_linted, load_without_texts};
use sekisho_signatures::model::Signature;
use sekisho_signatures::report::{Excerpt, Problem, Severity};
use sekisho_signatures::ruleset::Ruleset;
use sekisho_signatures::variables::Variables;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Problems that are shown before the rest is only counted.
const SHOWN: usize = 10;

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// The file of class types cannot be read.
    #[error("cannot read the class types {}: {source}; mend rules.classification in the configuration", path.display())]
    Classification {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file of class types is wrong.
    #[error("{}: {source}", path.display())]
    ClassificationLine {
        /// Which file.
        path: PathBuf,
        /// Where and what.
        source: ClassificationError,
    },
    /// A file of rules, where that stops everything.
    #[error("{0}")]
    Unreadable(String),
    /// Hyperscan.
    #[error("cannot compile the rules: {0}")]
    Compile(#[from] HyperscanError),
}

/// Compiled rules, and what became of those that were read.
pub struct Rules {
    /// What workers share.
    pub engine: Arc<Engine>,
    /// What was read.
    pub loaded: Loaded,
    /// How long reading and compiling took.
    pub took: Duration,
    /// When that was done.
    pub finished: SystemTime,
}

impl Rules {
    /// Rules that are judged.
    #[must_use]
    pub fn in_use(&self) -> usize {
        self.engine.ruleset.signatures.len().saturating_sub(self.engine.refused.len())
    }

    /// All that can be judged.
    pub fn signatures(&self) -> impl Iterator<Item = &Signature> {
        self.engine.ruleset.signatures.iter().map(|signature| &**signature)
    }

    /// For metrics and status.
    #[must_use]
    pub fn status(&self) -> RulesetStatus {
        RulesetStatus {
            hash: self.engine.ruleset.hash.clone(),
            loaded: self.in_use() as u64,
            skipped: self.loaded.skipped.len() as u64,
            failed: self.loaded.failed() as u64,
            epoch: self.engine.epoch,
            loaded_at_s: super::live_rules::unix_seconds(self.finished),
            load_ms: u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
            ..RulesetStatus::default()
        }
    }

    /// Shows the first problems, and counts the rest, in the log.
    pub fn log_problems(&self) {
        log(&self.loaded.problems);
    }
}

fn log(problems: &[Problem]) {
    for problem in problems.iter().take(SHOWN) {
        match problem.severity {
            Severity::Error => tracing::error!("{problem}"),
            Severity::Warning => tracing::warn!("{problem}"),
            Severity::Info => tracing::info!("{problem}"),
        }
    }
    let more = problems.len().saturating_sub(SHOWN);
    if more > 0 {
        tracing::warn!("{more} more problems with rules; `sekisho check` shows them all");
    }
}

/// Reads and compiles the YARA rules that the configuration names, and logs what is wrong with them; None if it names none.
#[must_use]
pub fn load_yara(config: &Config) -> Option<LoadedYara> {
    let loaded = yara::load(&config.yara.rules)?;
    log(&loaded.problems);
    Some(loaded)
}

/// What alerts of YARA rules name.
pub fn yara_signatures(loaded: Option<&LoadedYara>) -> impl Iterator<Item = &Signature> {
    loaded.into_iter().flat_map(|loaded| &loaded.rules.ruleset.signatures).map(|signature| &**signature)
}

/// The variables of the configuration over the defaults; texts were checked with the configuration.
#[must_use]
pub fn variables(config: &Config) -> Variables {
    let mut variables = Variables::default();
    for (name, text) in &config.variables.addresses {
        if let Err(error) = variables.set_addresses(name, text) {
            tracing::error!("variables.addresses.{name}: {error}");
        }
    }
    for (name, text) in &config.variables.ports {
        if let Err(error) = variables.set_ports(name, text) {
            tracing::error!("variables.ports.{name}: {error}");
        }
    }
    variables
}

/// Reads rules from `paths`, or where the configuration says if there are none, without compiling them.
///
/// # Errors
/// The class types cannot be read.
pub fn read(config: &Config, paths: &[PathBuf]) -> Result<Loaded, RulesError> {
    read_by(load, config, paths)
}

/// One of the ways in which [`sekisho_signatures::load`] reads rules.
type Load = fn(&[PathBuf], &Variables, &Classifications) -> Loaded;

fn read_by(load: Load, config: &Config, paths: &[PathBuf]) -> Result<Loaded, RulesError> {
    let classifications = match &config.rules.classification {
        None => Classifications::default(),
        Some(path) => {
            let text =
                std::fs::read(path).map_err(|source| RulesError::Classification { path: path.clone(), source })?;
            Classifications::parse(&String::from_utf8_lossy(&text))
                .map_err(|source| RulesError::ClassificationLine { path: path.clone(), source })?
        }
    };
    let paths = if paths.is_empty() { config.rules.all_paths() } else { paths.to_vec() };
    Ok(load(&paths, &variables(config), &classifications))
}

/// Reads and compiles.
///
/// # Errors
/// As [`read`], or Hyperscan failed.
pub fn compile(config: &Config, paths: &[PathBuf]) -> Result<Rules, RulesError> {
    compile_by(load_without_texts, config, paths, &mut Lasting::default())
}

/// The same, with what authors of rules should know ([`Loaded::lints`]).
///
/// # Errors
/// As [`compile`].
pub fn compile_linted(config: &Config, paths: &[PathBuf]) -> Result<Rules, RulesError> {
    compile_by(load_linted, config, paths, &mut Lasting::default())
}

/// As [`compile`], for a sensor that will load others later: by [`compile_next`], with the [`Lasting`] of these.
///
/// # Errors
/// As [`compile`].
pub fn compile_first(config: &Config, paths: &[PathBuf]) -> Result<(Rules, Lasting), RulesError> {
    let mut lasting = Lasting::default();
    Ok((compile_by(load_without_texts, config, paths, &mut lasting)?, lasting))
}

/// Reads and compiles the rules that come after others. Here a file that cannot be read is an error.
///
/// # Errors
/// As [`read`], a file that cannot be read ([`RulesError::Unreadable`]), or Hyperscan failed.
pub fn compile_next(config: &Config, paths: &[PathBuf], lasting: &mut Lasting) -> Result<Rules, RulesError> {
    let rules = compile_by(load_without_texts, config, paths, lasting)?;
    match rules.loaded.problems.iter().find(|p| p.severity == Severity::Error && p.line == 0) {
        Some(problem) => Err(RulesError::Unreadable(problem.to_string())),
        None => Ok(rules),
    }
}

/// In a thread that ends with it: what a thread's heap has lent to others returns to the system when it is freed only if that thread
/// is gone.
fn compile_by(load: Load, config: &Config, paths: &[PathBuf], lasting: &mut Lasting) -> Result<Rules, RulesError> {
    std::thread::scope(|scope| {
        let compiling = scope.spawn(|| compile_here(load, config, paths, lasting));
        compiling.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn compile_here(load: Load, config: &Config, paths: &[PathBuf], lasting: &mut Lasting) -> Result<Rules, RulesError> {
    let started = Instant::now();
    let mut loaded = read_by(load, config, paths)?;
    let read = started.elapsed();
    let ruleset = Arc::new(Ruleset::new(std::mem::take(&mut loaded.signatures)));
    let cache = config.rules.cache.path().map_or_else(DatabaseCache::off, |folder| DatabaseCache::open(&folder));
    let sorted = started.elapsed();
    let (kept, problems) =
        lists::load(&config.rules, &variables(config), &ruleset, &loaded.files, lasting.kept.as_ref());
    loaded.problems.extend(problems);
    // Most of what was freed while the rules were read is not needed again.
    give_memory_back();
    let engine = Engine::build(ruleset, lasting, kept, &cache, Retention::Alerts)?;
    lasting.kept = Some(engine.kept.clone());
    let took = started.elapsed();
    tracing::debug!(
        "rules: read in {read:?}, put in groups in {:?}, compiled in {:?}; literal sets: {:?}",
        sorted - read,
        took - sorted,
        cache.counts()
    );
    for refused in &engine.refused {
        let Some(signature) = engine.ruleset.signatures.get(refused.signature as usize) else { continue };
        loaded.problems.push(Problem {
            file: loaded.files.get(signature.place.file as usize).cloned().unwrap_or_default(),
            line: signature.place.line,
            column: signature.place.column,
            severity: Severity::Error,
            sid: Some(signature.sid),
            message: refused.error.to_string(),
            excerpt: Excerpt::default(),
        });
    }
    Ok(Rules { engine: Arc::new(engine), loaded, took: started.elapsed(), finished: SystemTime::now() })
}
