//! The configuration: one TOML file, composed of what each module says about itself, with `--set` laid over it.
//!
//! A configuration is whole and checked before anything acts on it. A mistake is told with file, line, column, what was
//! expected and the nearest key that exists; all mistakes are told at once.

mod problem;
mod source;

pub use problem::{ConfigError, ConfigProblem, nearest};

use crate::capture::afxdp_config::AfxdpConfig;
use crate::control::interface::AttachConfig;
use crate::decode::DecodeConfig;
use crate::detect::DetectConfig;
use crate::flow::FlowConfig;
use crate::output::{ControlConfig, EveConfig, MetricsConfig};
use crate::stream::StreamConfig;
use sekisho_signatures::variables::Variables;
use serde::Deserialize;
use source::Source;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where the sensor looks when `--config` is not given.
pub const DEFAULT_PATH: &str = "/etc/sekisho/sekisho.toml";

/// Everything that can be configured. Every key has a default; `deploy/sekisho.toml` documents them.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "each section's type is documented")]
pub struct Config {
    pub sensor: SensorConfig,
    pub interface: Vec<InterfaceConfig>,
    pub capture: CaptureConfig,
    pub rules: RulesConfig,
    pub variables: VariablesConfig,
    pub decode: DecodeConfig,
    pub flow: FlowConfig,
    pub stream: StreamConfig,
    pub detect: DetectConfig,
    pub eve: EveConfig,
    pub metrics: MetricsConfig,
    pub control: ControlConfig,
}

/// `[sensor]`: who this is.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct SensorConfig {
    /// The sensor's name, in EVE's `host`. Default: the host's name.
    pub name: Option<String>,
}

/// `[[interface]]`: a network interface to capture from.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct InterfaceConfig {
    /// As the kernel names it: `eth1`, `enp3s0f0`.
    pub name: String,
    /// The receive queues to serve, in place of `capture.afxdp.queues`.
    #[serde(default)]
    pub queues: Option<Vec<u32>>,
}

/// `[capture]`: how packets are taken from interfaces.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct CaptureConfig {
    /// The CPUs that workers are pinned to, one after the other. Default: all that the process may use, in their order.
    pub cpus: Option<Vec<usize>>,
    /// `[capture.xdp]`: the XDP program.
    pub xdp: AttachConfig,
    /// `[capture.afxdp]`: the sockets.
    pub afxdp: AfxdpConfig,
}

/// `[rules]`: the signatures.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct RulesConfig {
    /// Files, directories (their `*.rules`) or globs. Relative paths are relative to the configuration file.
    pub paths: Vec<PathBuf>,
    /// Class types in the form of a `classification.config`, in place of the built-in ones.
    pub classification: Option<PathBuf>,
}

/// `[variables]`: what `$NAME` means in a rule's header, over Suricata's defaults.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct VariablesConfig {
    /// Address variables, in the rule language: `HOME_NET = "[10.0.0.0/8,192.168.0.0/16]"`.
    pub addresses: BTreeMap<String, String>,
    /// Port variables, in the rule language: `HTTP_PORTS = "[80,8080]"`.
    pub ports: BTreeMap<String, String>,
}

impl Config {
    /// Reads `file` (none: the defaults alone), lays each `key=value` of `sets` over it, and checks the whole.
    ///
    /// # Errors
    /// All mistakes, or why the file could not be read.
    pub fn load(file: Option<&Path>, sets: &[String]) -> Result<Self, ConfigError> {
        let (name, text) = match file {
            None => ("built-in defaults".to_owned(), String::new()),
            Some(path) => {
                let name = path.display().to_string();
                match std::fs::read_to_string(path) {
                    Ok(text) => (name, text),
                    Err(source) => return Err(ConfigError::Unreadable { file: name, source }),
                }
            }
        };
        let mut config = Self::parse(&name, &text, sets)?;
        if let Some(folder) = file.and_then(Path::parent) {
            config.resolve_paths(folder);
        }
        Ok(config)
    }

    /// As [`Config::load`], from a text.
    ///
    /// # Errors
    /// All mistakes.
    pub fn parse(name: &str, text: &str, sets: &[String]) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let mut documents = Vec::new();
        for set in sets {
            match source::set_to_document::<Self>(set) {
                Ok(document) => documents.push((format!("--set {set}"), document)),
                Err(problem) => problems.push(problem),
            }
        }
        let mut base = match Source::parse(name, text) {
            Ok(source) => source,
            Err(found) => {
                problems.extend(found);
                return Err(ConfigError::Problems(problems));
            }
        };
        if let Err(found) = base.read::<Self>() {
            problems.extend(found);
        }
        if !problems.is_empty() {
            return Err(ConfigError::Problems(problems));
        }
        for (name, document) in &documents {
            base.overlay(&Source::parse(name, document).map_err(ConfigError::Problems)?);
        }
        let config: Self = base.read().map_err(ConfigError::Problems)?;
        let wrong = config.check();
        if wrong.is_empty() {
            return Ok(config);
        }
        let place = |(key, message): (Vec<String>, String)| {
            let key: Vec<&str> = key.iter().map(String::as_str).collect();
            base.problem_at_key(&key, message)
        };
        Err(ConfigError::Problems(wrong.into_iter().map(place).collect()))
    }

    /// What types cannot say: key and sentence.
    fn check(&self) -> Vec<(Vec<String>, String)> {
        let mut wrong = Vec::new();
        let mut refuse = |key: &[&str], message: String| {
            wrong.push((key.iter().map(|&k| k.to_owned()).collect(), message));
        };
        for (i, interface) in self.interface.iter().enumerate() {
            if interface.name.is_empty() {
                refuse(&["interface"], "an interface needs a name; `ip link` lists them".into());
            }
            if self.interface[..i].iter().any(|other| other.name == interface.name) {
                refuse(&["interface"], format!("the interface {} is listed twice; take one out", interface.name));
            }
        }
        if let Err(error) = self.capture.afxdp.validate() {
            refuse(&["capture", "afxdp"], error.to_string());
        }
        if self.capture.cpus.as_ref().is_some_and(Vec::is_empty) {
            refuse(&["capture", "cpus"], "name at least one CPU, or leave the key out for all of them".into());
        }
        // Tried in one set, since variables may name each other.
        let mut variables = Variables::default();
        for (name, text) in &self.variables.addresses {
            if let Err(error) = variables.set_addresses(name, text) {
                refuse(&["variables", "addresses", name], format!("{name} is no group of addresses: {error}"));
            }
        }
        for (name, text) in &self.variables.ports {
            if let Err(error) = variables.set_ports(name, text) {
                refuse(&["variables", "ports", name], format!("{name} is no group of ports: {error}"));
            }
        }
        wrong
    }

    fn resolve_paths(&mut self, folder: &Path) {
        for path in self.rules.paths.iter_mut().chain(&mut self.rules.classification) {
            *path = folder.join(&*path);
        }
    }
}
