//! The flags of the command line, declared once; each says what it does, its unit and its default.

use crate::config::{Config, ConfigError, DEFAULT_PATH};
use crate::detect::yara;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// `--config` and `--set`, for every command that reads a configuration.
#[derive(Args, Clone, Debug, Default)]
pub struct ConfigArguments {
    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Set one key of the configuration, over the file: `--set eve.types=alert,flow`. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
}

impl ConfigArguments {
    /// The configuration of `--config`, or of [`DEFAULT_PATH`] if it is there, else the defaults; `--set` over it.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn load_installed(&self) -> Result<Config, ConfigError> {
        let installed = Path::new(DEFAULT_PATH);
        let file = self.config.as_deref().or_else(|| installed.exists().then_some(installed));
        Config::load(file, &self.sets)
    }

    /// The configuration of `--config`, else the defaults, so that a command means the same on every host.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn load_given(&self) -> Result<Config, ConfigError> {
        Config::load(self.config.as_deref(), &self.sets)
    }
}

/// `--rules`.
#[derive(Args, Clone, Debug, Default)]
pub struct RuleArguments {
    /// Rule file, directory (its *.rules) or glob, in place of the configuration's rules.paths. May be repeated.
    #[arg(long = "rules", value_name = "PATH")]
    pub rules: Vec<PathBuf>,
}

/// `--yara`.
#[derive(Args, Clone, Debug, Default)]
pub struct YaraArguments {
    /// File of YARA rules, directory (its *.yar and *.yara) or glob, in place of the configuration's yara.rules. May be repeated.
    #[arg(long = "yara", value_name = "PATH", value_parser = yara_path)]
    pub yara: Vec<PathBuf>,
}

fn yara_path(text: &str) -> Result<PathBuf, &'static str> {
    if yara::PRESENT { Ok(PathBuf::from(text)) } else { Err(yara::NOT_BUILT_IN) }
}

impl YaraArguments {
    /// Lays them over the configuration.
    pub fn apply(&self, config: &mut Config) {
        if !self.yara.is_empty() {
            config.yara.rules.clone_from(&self.yara);
        }
    }
}

/// `--checksums`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Checksums {
    /// Packets with a wrong IP or transport checksum are not inspected, as their receiver will not take them.
    Check,
    /// For captures taken on a host that leaves checksums to its NIC.
    Ignore,
}

/// `--format` and `--summary`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object on stdout.
    Json,
}
