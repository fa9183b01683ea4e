//! The sensor as `sekisho pcap` makes it, for measurements that feed its worker from memory.

use anyhow::Context;
use clap::Args;
use sekisho::config::Config;
use sekisho::control::arguments::{Checksums, ConfigArguments, RuleArguments};
use sekisho::control::pcap::worker_config;
use sekisho::control::rules::{self, Rules};
use sekisho::detect::threshold::Thresholds;
use sekisho::output::{AlertCatalog, EveConfig, OutputContext, Outputs, WhenFull};
use sekisho::worker::{Worker, WorkerConfig};
use sekisho_signatures::ruleset::Ruleset;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The same for each run, so that runs can be compared instruction by instruction.
const SEED: u64 = 0x7365_6b69_7368_6f00;
/// Frames between two looks at the time, as `sekisho pcap` reads them.
pub const BATCH: usize = 512;

/// What the sensor is to be like.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "the flattened fields are groups of flags, documented at their types")]
pub struct SensorArguments {
    #[command(flatten)]
    pub config: ConfigArguments,
    #[command(flatten)]
    pub rules: RuleArguments,
    /// Whether packets with wrong checksums are left out.
    #[arg(long, value_enum, default_value_t = Checksums::Ignore)]
    pub checksums: Checksums,
}

/// Configuration and compiled rules.
pub struct Sensor {
    config: Config,
    paths: Vec<PathBuf>,
    rules: Rules,
}

impl Sensor {
    /// Reads the configuration and compiles the rules.
    ///
    /// # Errors
    /// What is wrong with either.
    pub fn new(arguments: &SensorArguments) -> anyhow::Result<Self> {
        let mut config = arguments.config.load_given().context("the configuration cannot be used")?;
        config.decode.verify_checksums = matches!(arguments.checksums, Checksums::Check);
        // Rules are those that are named, and none of the host's.
        config.rules.paths = Vec::new();
        config.yara.rules = Vec::new();
        let rules = rules::compile(&config, &arguments.rules.rules)?;
        if !arguments.rules.rules.is_empty() {
            anyhow::ensure!(rules.in_use() > 0, "none of the rules can be used");
        }
        Ok(Self { config, paths: arguments.rules.rules.clone(), rules })
    }

    /// The same without rules.
    ///
    /// # Errors
    /// Hyperscan fails.
    pub fn without_rules(&self) -> anyhow::Result<Self> {
        let rules = rules::compile(&self.config, &[])?;
        Ok(Self { config: self.config.clone(), paths: Vec::new(), rules })
    }

    /// The rules read once more, with all that a compiled ruleset forgets.
    ///
    /// # Errors
    /// They cannot be read any more.
    pub fn ruleset(&self) -> anyhow::Result<Ruleset> {
        let read = |paths: &[PathBuf]| rules::read(&self.config, paths).map(|loaded| loaded.signatures);
        Ok(Ruleset::new(if self.paths.is_empty() { Vec::new() } else { read(&self.paths)? }))
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The compiled rules.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// A worker, and where its events go: `events` is the folder for eve.json, none to write no events.
    ///
    /// # Errors
    /// The folder cannot be written, or memory lacks.
    pub fn worker(&self, events: Option<&Path>) -> anyhow::Result<(Worker, Outputs)> {
        let (mut workers, outputs) = self.workers(1, events)?;
        let worker = workers.pop().context("there is no worker")?;
        Ok((worker, outputs))
    }

    /// So many workers that share what those of one sensor share.
    ///
    /// # Errors
    /// As [`Self::worker`].
    pub fn workers(&self, count: u16, events: Option<&Path>) -> anyhow::Result<(Vec<Worker>, Outputs)> {
        let eve = EveConfig {
            enabled: events.is_some(),
            path: events.map(|folder| folder.join("eve.json")).unwrap_or_default(),
            append: false,
            when_full: WhenFull::Wait,
            ..self.config.eve.clone()
        };
        if let Some(folder) = events {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        let context = OutputContext {
            capture_file: true,
            alerts: AlertCatalog::choose(self.rules.signatures(), usize::MAX),
            ..OutputContext::default()
        };
        let outputs = Outputs::start(&eve, context)?;
        let thresholds = Arc::new(Thresholds::default());
        let expectations = Arc::default();
        let worker = |number| {
            let config = WorkerConfig {
                capture_file: true,
                expectations: Arc::clone(&expectations),
                ..worker_config(&self.config, false, SEED, number)
            };
            Worker::new(&config, Arc::clone(&self.rules.engine), Arc::clone(&thresholds), outputs.sender())
        };
        let workers = (0..count).map(worker).collect::<Result<_, _>>().context("a worker cannot be made")?;
        Ok((workers, outputs))
    }
}
