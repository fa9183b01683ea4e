//! The configuration: one TOML file, composed of what each module says about itself, with `--set` laid over it.
//!
//! A configuration is whole and checked before anything acts on it. A mistake is told with file, line, column, what was
//! expected and the nearest key that exists; all mistakes are told at once.

mod problem;
mod rules;
mod source;

pub use problem::{ConfigError, ConfigProblem, nearest};
pub use rules::{CacheFolder, INSTALLED_CURRENT, OnCostly, ReputationConfig, RulesConfig};

use crate::capture::afxdp_config::AfxdpConfig;
use crate::capture::early_config::{self, BlocklistConfig, BypassConfig, SheddingConfig};
use crate::control::inline_config::{self, ExceptionConfig, InlineConfig};
use crate::control::interface::AttachConfig;
use crate::control::page::PageConfig;
use crate::control::sandbox::Seccomp;
use crate::decode::{DecodeConfig, DuplicatesConfig, MirrorKind};
use crate::detect::DetectConfig;
use crate::detect::yara::{self, YaraConfig};
use crate::flow::FlowConfig;
use crate::host_os::HostOsConfig;
use crate::output::{
    ControlConfig, EveConfig, EvidenceConfig, FilesConfig, MetricsConfig, OutputConfig, WhenFull, peers_config,
};
use crate::stream::StreamConfig;
use sekisho_signatures::variables::Variables;
use serde::Deserialize;
use source::Source;
use std::collections::BTreeMap;
use std::path::Path;

/// Where the sensor looks when `--config` is not given.
pub const DEFAULT_PATH: &str = "/etc/sekisho/sekisho.toml";

/// Everything that can be configured. Every key has a default; `deploy/sekisho.toml` documents them.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "each section's type is documented")]
pub struct Config {
    pub sensor: SensorConfig,
    pub interface: Vec<InterfaceConfig>,
    pub inline: Vec<InlineConfig>,
    pub exceptions: ExceptionConfig,
    pub capture: CaptureConfig,
    pub rules: RulesConfig,
    pub variables: VariablesConfig,
    pub decode: DecodeConfig,
    pub flow: FlowConfig,
    pub stream: StreamConfig,
    pub host_os_policy: HostOsConfig,
    pub detect: DetectConfig,
    pub files: FilesConfig,
    pub yara: YaraConfig,
    pub evidence: EvidenceConfig,
    pub eve: EveConfig,
    pub output: Vec<OutputConfig>,
    pub metrics: MetricsConfig,
    pub page: PageConfig,
    pub control: ControlConfig,
}

/// `[sensor]`: who this is.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct SensorConfig {
    /// The sensor's name, in EVE's `host`. Default: the host's name.
    pub name: Option<String>,
    /// The filter over the system calls of the running sensor.
    pub seccomp: Seccomp,
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
    /// A mirror is sent to the interface's own address in this kind of tunnel. Its packets alone are captured; all others are the host's.
    #[serde(default)]
    pub mirror: Option<MirrorKind>,
}

impl InterfaceConfig {
    /// One of this name, and nothing else said of it.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), queues: None, mirror: None }
    }
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
    /// `[capture.duplicates]`: frames that a mirror sends twice.
    pub duplicates: DuplicatesConfig,
    /// `[capture.bypass]`: flows that need no more inspection.
    pub bypass: BypassConfig,
    /// `[capture.blocklist]`: addresses whose packets are dropped.
    pub blocklist: BlocklistConfig,
    /// `[capture.shedding]`: what is given up first when a worker cannot keep up.
    pub shedding: SheddingConfig,
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
        let monitored: Vec<&str> = self.interface.iter().map(|interface| interface.name.as_str()).collect();
        for problem in inline_config::problems(&self.inline, &monitored) {
            refuse(&["inline"], problem);
        }
        for (at, key, problem) in peers_config::problems(&self.output) {
            refuse(&["output", &at.to_string(), key], problem);
        }
        if !self.output.is_empty() && self.eve.when_full == WhenFull::Wait {
            let problem = "\"wait\" is for capture files alone: with an [[output]] nothing waits for the event log";
            refuse(&["eve", "when_full"], problem.into());
        }
        if let Err(error) = self.capture.afxdp.validate() {
            refuse(&["capture", "afxdp"], error.to_string());
        }
        if let Some((key, message)) = self.capture.duplicates.problem() {
            refuse(&["capture", "duplicates", key], message.into());
        }
        for (section, key, message) in early_config::check(&self.capture.bypass, &self.capture.shedding) {
            refuse(&["capture", section, key], message.into());
        }
        if !(0.0..=1.0).contains(&self.rules.cost_limit) {
            refuse(&["rules", "cost_limit"], "a share of the workers' time, from 0 to 1".into());
        }
        if !yara::PRESENT && !self.yara.rules.is_empty() {
            refuse(&["yara", "rules"], yara::NOT_BUILT_IN.into());
        }
        if self.yara.timeout_s == 0 {
            refuse(&["yara", "timeout_s"], "a scan needs some time: at least 1 s".into());
        }
        for (key, message) in self.page.problems() {
            refuse(&["page", key], message.into());
        }
        for (key, message) in self.evidence.check() {
            let key: Vec<&str> = std::iter::once("evidence").chain(key).collect();
            refuse(&key, message);
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
        self.capture.blocklist.resolve_paths(folder);
        self.rules.resolve_paths(folder);
        self.files.resolve_paths(folder);
        self.metrics.resolve_paths(folder);
        self.yara.resolve_paths(folder);
        self.evidence.resolve_paths(folder);
        self.output.iter_mut().for_each(|output| output.resolve_paths(folder));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../deploy/sekisho.toml");

    fn problems(text: &str) -> Vec<String> {
        match Config::parse("sekisho.toml", text, &[]) {
            Ok(_) => Vec::new(),
            Err(ConfigError::Problems(problems)) => problems.iter().map(ToString::to_string).collect(),
            Err(error) => vec![error.to_string()],
        }
    }

    #[test]
    fn the_shipped_file_is_the_defaults() {
        assert_eq!(Config::parse("deploy/sekisho.toml", SHIPPED, &[]).unwrap(), Config::default());
    }

    #[test]
    fn yara_rules_are_refused_where_they_are_not_built_in() {
        let found = problems("[yara]\nrules = ['implants.yar']");
        let refused =
            found.iter().any(|problem| problem.contains("yara") && problem.contains("built without YARA rules"));
        assert_eq!(refused, !yara::PRESENT, "{found:?}");
        assert_eq!(problems("[yara]\ntimeout_s = 5"), [""; 0]);
    }

    /// The keys that a section knows, as it says itself when asked for one that it does not.
    fn known_keys(section: &str) -> Vec<String> {
        let text =
            if section.is_empty() { "no-such-key = 1\n".to_owned() } else { format!("{section}.no-such-key = 1\n") };
        let error = toml::from_str::<Config>(&text).unwrap_err().message().to_owned();
        let (_, list) = error.split_once("expected").unwrap_or_else(|| panic!("{section}: {error}"));
        list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn the_shipped_file_names_every_key() {
        let sections = [
            "sensor",
            "exceptions",
            "capture",
            "capture.xdp",
            "capture.afxdp",
            "capture.duplicates",
            "capture.bypass",
            "capture.blocklist",
            "capture.shedding",
            "rules",
            "rules.reputation",
            "decode",
            "decode.defrag",
            "flow",
            "stream",
            "detect",
            "files",
            "files.store",
            "yara",
            "evidence",
            "evidence.rolling",
            "eve",
            "eve.rotate",
            "metrics",
            "page",
            "control",
        ];
        for section in known_keys("") {
            assert!(SHIPPED.contains(&format!("[{section}")), "section {section} is missing");
        }
        for section in sections {
            let start = SHIPPED.find(&format!("[{section}]\n")).unwrap_or_else(|| panic!("[{section}] is missing"));
            let body = &SHIPPED[start + 1..];
            let body = &body[..body.find("\n[").unwrap_or(body.len())];
            for key in known_keys(section) {
                let named = body.lines().any(|line| line.trim_start_matches("# ").starts_with(&format!("{key} =")));
                let is_section = SHIPPED.contains(&format!("[{section}.{key}]"));
                assert!(named || is_section, "{section}.{key} is missing");
            }
        }
    }

    #[test]
    fn the_shipped_file_names_every_key_of_an_output_with_its_default() {
        let lines: Vec<&str> =
            SHIPPED.lines().skip_while(|l| *l != "# [[output]]").take_while(|l| l.starts_with("# ")).collect();
        let error = toml::from_str::<OutputConfig>("no-such-key = 1").unwrap_err().message().to_owned();
        for key in error.split('`').skip(3).step_by(2) {
            assert!(lines.iter().any(|line| line.starts_with(&format!("# {key} = "))), "{key} is missing: {error}");
        }
        let text: String = lines.iter().map(|line| line.replacen("# ", "", 1) + "\n").collect();
        let config = Config::parse("examples", &text, &[]).unwrap();
        assert_eq!(config.output.len(), 3, "{text}");
        let bare = "type = 'syslog'\naddress = 'x'";
        let bare: OutputConfig = toml::from_str(bare).unwrap();
        assert_eq!((config.output[0].alert_queue, config.output[0].event_queue), (bare.alert_queue, bare.event_queue));
    }

    #[test]
    fn an_output_s_mistake_is_told_at_its_key() {
        let text = "[[output]]\ntype = \"redis\"\naddress = \"redis://h\"\n[[output]]\ntype = \"syslog\"\n\
                    address = \"tcp://h\"\n";
        let found = problems(text);
        assert!(found[0].starts_with("sekisho.toml:6:11: error: `tcp://h` has no port"), "{found:?}");
        let found = problems("[eve]\nwhen_full = \"wait\"\n[[output]]\ntype = \"unix\"\naddress = \"unix:/x\"\n");
        assert!(found[0].starts_with("sekisho.toml:2:13: error: \"wait\" is for capture files"), "{found:?}");
        let found = problems("[[output]]\ntype = \"kafka\"\naddress = \"x\"\n");
        assert!(found[0].starts_with("sekisho.toml:2:8: error: `kafka` is not a value"), "{found:?}");
    }

    #[test]
    fn wrong_values_are_told_where_they_stand() {
        let found = problems("[flow]\nmemcap = 1\n[capture.afxdp]\nframe_size = \"big\"\n");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("sekisho.toml:2:1: error: unknown key `memcap`; did you mean `memcap_bytes`?"));
        assert!(found[1].starts_with("sekisho.toml:4:14: error: expected a whole number"), "{}", found[1]);
    }

    #[test]
    fn what_types_cannot_say_is_checked() {
        let found = problems("[variables.addresses]\nHOME_NET = \"[10.0.0.0/8,10.0.0.300]\"\n");
        assert!(found[0].starts_with("sekisho.toml:2:12: error: HOME_NET is no group of addresses"), "{found:?}");
        let found = problems("[[interface]]\nname = \"a\"\n[[interface]]\nname = \"a\"\n");
        assert!(found[0].contains("listed twice"), "{found:?}");
        let found = problems("[capture.afxdp]\nrx_ring = 1000\n");
        assert!(found[0].contains("power of two"), "{found:?}");
        assert!(problems("[variables.addresses]\nA = \"$B\"\nB = \"10.0.0.1\"\n").is_empty());
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        use std::path::PathBuf;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sekisho.toml");
        std::fs::write(&file, "[rules]\npaths = [\"rules\", \"/abs/x.rules\"]\n").unwrap();
        let config = Config::load(Some(&file), &["flow.tcp_new_s=7".into()]).unwrap();
        assert_eq!(config.rules.paths, [folder.path().join("rules"), PathBuf::from("/abs/x.rules")]);
        assert_eq!(config.flow.tcp_new_s, 7);
        let missing = Config::load(Some(Path::new("/no/such.toml")), &[]).unwrap_err().to_string();
        assert!(missing.contains("/no/such.toml") && missing.contains("--config"), "{missing}");
    }
}
