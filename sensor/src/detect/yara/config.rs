//! Section `[yara]` of the configuration.

use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Section `[yara]`: YARA rules over files in transfer.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct YaraConfig {
    /// Files, directories (their `*.yar` and `*.yara`) or globs. Relative paths are relative to the configuration file. Default: none,
    /// and no file is scanned.
    pub rules: Vec<PathBuf>,
    /// Bytes of one file that are scanned; what is behind is not looked at. Default: 8 MiB.
    pub max_file_bytes: usize,
    /// How long the scan of one file may take, in seconds, at least 1. Default: 10.
    pub timeout_s: u64,
    /// For each worker: bytes of files in transfer that are held until they are over. Default: 64 MiB.
    pub held_bytes: usize,
    /// Bytes of files that wait to be scanned, of all workers together. Default: 64 MiB.
    pub queue_bytes: usize,
}

impl Default for YaraConfig {
    fn default() -> Self {
        Self { rules: Vec::new(), max_file_bytes: 8 << 20, timeout_s: 10, held_bytes: 64 << 20, queue_bytes: 64 << 20 }
    }
}

impl YaraConfig {
    /// Paths are relative to the configuration's folder.
    pub fn resolve_paths(&mut self, folder: &Path) {
        for path in &mut self.rules {
            *path = folder.join(&*path);
        }
    }

    /// What else than the rules has changed, and takes effect only at the start.
    #[must_use]
    pub fn needs_restart(&self, now: &Self) -> bool {
        self.rules.is_empty() != now.rules.is_empty() || *self != Self { rules: self.rules.clone(), ..now.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_is_read() {
        let parse = |text: &str| toml::from_str::<YaraConfig>(text);
        assert_eq!(parse("").unwrap(), YaraConfig::default());
        let mut config = parse("rules = ['yara', '/abs/*.yar']\nmax_file_bytes = 100").unwrap();
        config.resolve_paths(Path::new("/etc/sekisho"));
        assert_eq!(config.rules, [Path::new("/etc/sekisho/yara"), Path::new("/abs/*.yar")]);
        assert!(parse("rule = []").is_err() && parse("timeout_s = -1").is_err());
    }

    #[test]
    fn other_rules_need_no_restart() {
        let with = |rules: &[&str], timeout_s| YaraConfig {
            rules: rules.iter().map(PathBuf::from).collect(),
            timeout_s,
            ..YaraConfig::default()
        };
        assert!(!with(&["a"], 3).needs_restart(&with(&["b", "c"], 3)));
        assert!(with(&["a"], 3).needs_restart(&with(&["a"], 4)));
        assert!(with(&[], 3).needs_restart(&with(&["a"], 3)));
    }
}
