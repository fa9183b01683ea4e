//! The lists and sets that rules ask beside their own text: thresholds of the operator, reputations, countries, sets of values.
//! Read whenever rules are. What is wrong in them is told like what is wrong in rules, and left out.

use crate::config::RulesConfig;
use crate::detect::geoip::Countries;
use crate::detect::kept::Kept;
use crate::detect::reputation::Reputation;
use sekisho_signatures::report::{Excerpt, Problem, Severity};
use sekisho_signatures::ruleset::Ruleset;
use sekisho_signatures::threshold_config::ThresholdConfig;
use sekisho_signatures::variables::Variables;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) fn problem(file: &Path, line: usize, column: usize, severity: Severity, message: impl ToString) -> Problem {
    Problem {
        file: file.to_owned(),
        line: u32::try_from(line).unwrap_or(u32::MAX),
        column: u32::try_from(column).unwrap_or(u32::MAX),
        severity,
        sid: None,
        message: message.to_string(),
        excerpt: Excerpt::default(),
    }
}

/// Reads all that the configuration and the rules name. `files` are those that the rules came from. What the rules before
/// kept of the traffic is taken over from `running`.
pub fn load(
    config: &RulesConfig,
    variables: &Variables,
    ruleset: &Ruleset,
    files: &[PathBuf],
    running: Option<&Kept>,
) -> (Kept, Vec<Problem>) {
    let mut kept = running.map_or_else(Kept::default, Kept::after);
    let mut problems = Vec::new();
    if let Some(path) = &config.thresholds {
        match ThresholdConfig::read(path, variables) {
            Ok((thresholds, found)) => {
                kept.thresholds = Arc::new(thresholds);
                problems.extend(found);
            }
            Err(error) => problems.push(problem(path, 0, 0, Severity::Error, format!("cannot be read: {error}"))),
        }
    }
    if let Some(categories) = &config.reputation.categories {
        let (reputation, found) = Reputation::load(categories, &config.reputation.lists);
        kept.reputation = Some(Arc::new(reputation));
        let told = |p: crate::detect::reputation::ReputationProblem| {
            problem(&p.file, p.line as usize, p.column as usize, Severity::Error, p.message)
        };
        problems.extend(found.into_iter().map(told));
    }
    if let Some(path) = &config.geoip {
        match Countries::open(path) {
            Ok(countries) => kept.countries = Some(Arc::new(countries)),
            Err(error) => problems.push(problem(path, 0, 0, Severity::Error, error.source)),
        }
    }
    // Sets that cannot be had are told with the rules that name them.
    let (_, lines) = kept.load_sets(ruleset, files, running);
    problems.extend(lines.into_iter().map(|bad| {
        let message = format!("{}; the line is left out", bad.message);
        problem(&bad.file, bad.line, 1, Severity::Warning, message)
    }));
    (kept, problems)
}

/// Writes the sets that rules fill, and says what went wrong.
pub fn save(kept: &Kept) {
    for error in kept.datasets.save() {
        tracing::error!("{error}");
    }
}

/// How often sets that rules fill are written while the sensor runs, if they have changed.
const SAVE_INTERVAL: Duration = Duration::from_secs(60);

/// Writes the sets that rules fill every so often.
pub struct Saver {
    kept: Kept,
    last: Instant,
}

impl Saver {
    /// For the sets of a ruleset.
    #[must_use]
    pub fn new(kept: Kept) -> Self {
        Self { kept, last: Instant::now() }
    }

    /// For the sets of the ruleset after it; those that both change are the same, and what the others held is written.
    pub fn turn_to(&mut self, kept: Kept) {
        save(&self.kept);
        self.kept = kept;
    }

    /// To be called now and then.
    pub fn watch(&mut self) {
        if self.last.elapsed() >= SAVE_INTERVAL {
            self.last = Instant::now();
            save(&self.kept);
        }
    }

    /// To be called when all workers have stopped.
    pub fn finish(self) {
        save(&self.kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, ReputationConfig};
    use crate::detect::engine::Engine;
    use sekisho_signatures::classification::Classifications;
    use sekisho_signatures::kept::SetCommand;
    use sekisho_signatures::load;

    /// The engine for these rules with these files beside them, the problems, and the sids that were refused.
    fn engine(folder: &Path, rules: &str, config: &RulesConfig) -> (Engine, Vec<Problem>, Vec<u32>) {
        let file = folder.join("x.rules");
        std::fs::write(&file, rules).unwrap();
        let variables = Variables::default();
        let mut loaded = load::load(&[file], &variables, &Classifications::default());
        assert!(!loaded.has_errors(), "{:?}", loaded.problems);
        let ruleset = Arc::new(Ruleset::new(std::mem::take(&mut loaded.signatures)));
        let (kept, problems) = super::load(config, &variables, &ruleset, &loaded.files, None);
        let engine = Engine::with(Arc::clone(&ruleset), kept).unwrap();
        let refused = engine.refused.iter().map(|r| ruleset.signatures[r.signature as usize].sid).collect();
        (engine, problems, refused)
    }

    #[test]
    fn sets_are_found_beside_the_rules_and_those_that_are_not_there_leave_their_rules_out() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("bad.lst"), "YWJj\nno base64 at all\n").unwrap();
        let rules = "alert dns any any -> any any (dns.query; dataset:isset,bad,type string,load bad.lst; sid:1;)\n\
                     alert dns any any -> any any (dns.query; dataset:isset,gone,type string,load gone.lst; sid:2;)\n\
                     alert dns any any -> any any (dns.query; dataset:isset,bad,type md5; sid:3;)\n";
        let (engine, problems, refused) = engine(folder.path(), rules, &RulesConfig::default());
        assert_eq!(refused, [2, 3]);
        assert!(engine.kept.datasets.get("bad").unwrap().contains(b"abc"));
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!((problems[0].line, problems[0].severity), (2, Severity::Warning));
        let why = engine.refused[0].error.to_string();
        assert!(why.contains("gone.lst"), "{why}");
    }

    #[test]
    fn sets_of_the_ruleset_before_and_of_the_one_after_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let rule = |name: &str| {
            format!(
                "alert dns any any -> any any (dns.query; dataset:set,{name},type string,save {name}.lst; sid:1;)\n"
            )
        };
        let config = RulesConfig::default();
        let (before, ..) = engine(folder.path(), &rule("before"), &config);
        let mut saver = Saver::new(before.kept.clone());
        assert!(before.kept.datasets.get("before").is_some_and(|set| set.run(SetCommand::Set, b"one")));
        let (after, ..) = engine(folder.path(), &rule("after"), &config);
        saver.turn_to(after.kept.clone());
        assert_eq!(std::fs::read_to_string(folder.path().join("before.lst")).unwrap(), "b25l\n");
        assert!(after.kept.datasets.get("after").is_some_and(|set| set.run(SetCommand::Set, b"two")));
        saver.finish();
        assert_eq!(std::fs::read_to_string(folder.path().join("after.lst")).unwrap(), "dHdv\n");
    }

    #[test]
    fn rules_on_lists_that_are_not_configured_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let rules = "alert ip any any -> any any (iprep:src,Bad,>,1; sid:1;)\n\
                     alert ip any any -> any any (iprep:src,Other,>,1; sid:2;)\n\
                     alert ip any any -> any any (geoip:src,JP; sid:3;)\n";
        assert_eq!(engine(folder.path(), rules, &RulesConfig::default()).2, [1, 2, 3]);
        std::fs::write(folder.path().join("categories"), "1,Bad,Bad hosts\n").unwrap();
        std::fs::write(folder.path().join("list"), "192.0.2.0/24,1,5\n192.0.2.9,7,5\n").unwrap();
        let reputation = ReputationConfig {
            categories: Some(folder.path().join("categories")),
            lists: vec![folder.path().join("list")],
        };
        let config = RulesConfig { reputation, ..Config::default().rules };
        let (_, problems, refused) = engine(folder.path(), rules, &config);
        assert_eq!(refused, [2, 3]);
        assert_eq!(problems.len(), 1, "{problems:?}");
    }
}
