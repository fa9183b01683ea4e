//! `[rules]`: which rules there are, and how they are kept in check.

use serde::Deserialize;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The rules in use, in the folder of installed ones.
pub const INSTALLED_CURRENT: &str = "current";

/// `[rules]`: the signatures.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct RulesConfig {
    /// Files, directories (their `*.rules`) or globs. Relative paths are relative to the configuration file.
    pub paths: Vec<PathBuf>,
    /// Where `sekisho rules update` installs rules, which are read beside those of `paths`. Default: nowhere.
    pub installed: Option<PathBuf>,
    /// Class types in the form of a `classification.config`, in place of the built-in ones.
    pub classification: Option<PathBuf>,
    /// Thresholds of the operator, in the form of a `threshold.config`: they silence rules, and limit how often they speak.
    pub thresholds: Option<PathBuf>,
    /// A database of countries in MaxMind's format, for `geoip`.
    pub geoip: Option<PathBuf>,
    /// `[rules.reputation]`: what lists say of addresses, for `iprep`.
    pub reputation: ReputationConfig,
    /// Where compiled rules are kept for the next start: `true` for the usual place, `false` for nowhere, or a folder.
    pub cache: CacheFolder,
    /// The share of the workers' busy time, from 0 to 1, above which a rule is reported as costly. Default 0.2.
    pub cost_limit: f64,
    /// What becomes of a costly rule beside the report. Default: nothing.
    pub on_costly: OnCostly,
}

impl Default for RulesConfig {
    fn default() -> Self {
        Self {
            paths: Vec::new(),
            installed: None,
            classification: None,
            thresholds: None,
            geoip: None,
            reputation: ReputationConfig::default(),
            cache: CacheFolder::default(),
            cost_limit: 0.2,
            on_costly: OnCostly::default(),
        }
    }
}

impl RulesConfig {
    /// All places to read rules from: `paths`, and what is installed, once something is.
    #[must_use]
    pub fn all_paths(&self) -> Vec<PathBuf> {
        let current = self.installed.as_ref().map(|folder| folder.join(INSTALLED_CURRENT));
        self.paths.iter().cloned().chain(current.filter(|folder| folder.is_dir())).collect()
    }

    pub(super) fn resolve_paths(&mut self, folder: &Path) {
        let cache = match &mut self.cache {
            CacheFolder::Path(path) => Some(path),
            CacheFolder::Switch(_) => None,
        };
        let lists = self.reputation.lists.iter_mut().chain(&mut self.reputation.categories);
        let single = self
            .classification
            .iter_mut()
            .chain(&mut self.installed)
            .chain(&mut self.thresholds)
            .chain(&mut self.geoip);
        for path in self.paths.iter_mut().chain(single).chain(lists).chain(cache) {
            *path = folder.join(&*path);
        }
    }
}

/// `[rules.reputation]`: what lists say of addresses.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct ReputationConfig {
    /// The categories: `number,short name,description` a line.
    pub categories: Option<PathBuf>,
    /// The lists: `address[/length],category number,score` a line.
    pub lists: Vec<PathBuf>,
}

/// What is done about a rule that takes more than its share of the workers' time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnCostly {
    /// It is named in the log and in the status.
    #[default]
    Report,
    /// And it is not judged any more, until the next reload.
    Pause,
}

/// Where compiled rules are kept.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum CacheFolder {
    /// In the usual place, or nowhere.
    Switch(bool),
    /// In this folder.
    Path(PathBuf),
}

impl Default for CacheFolder {
    fn default() -> Self {
        Self::Switch(true)
    }
}

impl CacheFolder {
    /// The folder; none where nothing is kept. The usual place is what systemd says (`CACHE_DIRECTORY`), else
    /// `/var/cache/sekisho` for root, else `$XDG_CACHE_HOME/sekisho` or `~/.cache/sekisho`.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        let root = nix::unistd::geteuid().is_root();
        match self {
            Self::Switch(false) => None,
            Self::Switch(true) => usual_place(root, |name| std::env::var_os(name)),
            Self::Path(path) => Some(path.clone()),
        }
    }
}

fn usual_place(root: bool, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // systemd joins several folders by colons; relative paths in the others are to be ignored by the XDG specification.
    let absolute = |name: &str| {
        let text = variable(name)?;
        let first = text.to_str().and_then(|text| text.split(':').next()).map(PathBuf::from);
        first.filter(|path| path.is_absolute())
    };
    if let Some(folder) = absolute("CACHE_DIRECTORY") {
        return Some(folder);
    }
    if root {
        return Some(PathBuf::from("/var/cache/sekisho"));
    }
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    caches.map(|folder| folder.join("sekisho"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_place_of_the_cache() {
        let place = |root, variables: &[(&str, &str)]| {
            let find = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value));
            usual_place(root, find).map(|path| path.display().to_string())
        };
        assert_eq!(place(false, &[("HOME", "/home/a")]).unwrap(), "/home/a/.cache/sekisho");
        assert_eq!(place(false, &[("HOME", "/home/a"), ("XDG_CACHE_HOME", "/c")]).unwrap(), "/c/sekisho");
        assert_eq!(place(false, &[("HOME", "/home/a"), ("XDG_CACHE_HOME", "c")]).unwrap(), "/home/a/.cache/sekisho");
        assert_eq!(place(true, &[("HOME", "/root")]).unwrap(), "/var/cache/sekisho");
        assert_eq!(place(true, &[("CACHE_DIRECTORY", "/var/cache/s:/x")]).unwrap(), "/var/cache/s");
        assert_eq!(place(false, &[]), None);
    }

    #[test]
    fn the_section_is_read() {
        let parse = |text: &str| toml::from_str::<RulesConfig>(text);
        assert_eq!(parse("").unwrap(), RulesConfig::default());
        let config = parse("cache = false\ncost_limit = 0.5\non_costly = \"pause\"").unwrap();
        assert_eq!((config.cache.path(), config.cost_limit, config.on_costly), (None, 0.5, OnCostly::Pause));
        let mut config = parse("cache = \"kept\"").unwrap();
        config.resolve_paths(Path::new("/etc/sekisho"));
        assert_eq!(config.cache.path(), Some(PathBuf::from("/etc/sekisho/kept")));
        assert!(parse("on_costly = \"delete\"").is_err() && parse("cache = 3").is_err());
    }
}
