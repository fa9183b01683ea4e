//! What can be set about files in transfer: sections `[files]` and `[files.store]`.

use crate::protocols::file::Hashes;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A hash, as the configuration names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum HashName {
    Md5,
    Sha1,
    Sha256,
}

/// Section `[files]`: what is told of files that protocols carry. What rules ask for is made ready in any case.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FilesConfig {
    /// Hashes in `fileinfo`: any of `md5`, `sha1`, `sha256`. Default: `sha256`.
    pub hashes: Vec<HashName>,
    /// What libmagic says of each file, in `fileinfo`. Default: false.
    pub magic: bool,
    /// Undo `Content-Encoding: lzma` in bodies of HTTP as well; no browser does. Default: false.
    pub lzma: bool,
    /// `[files.store]`: where files are kept.
    pub store: StoreConfig,
}

impl Default for FilesConfig {
    fn default() -> Self {
        Self { hashes: vec![HashName::Sha256], magic: false, lzma: false, store: StoreConfig::default() }
    }
}

impl FilesConfig {
    /// The hashes that are logged.
    #[must_use]
    pub fn hashes(&self) -> Hashes {
        let has = |name| self.hashes.contains(&name);
        Hashes { md5: has(HashName::Md5), sha1: has(HashName::Sha1), sha256: has(HashName::Sha256) }
    }

    /// Paths are relative to the configuration's folder.
    pub fn resolve_paths(&mut self, folder: &Path) {
        self.store.folder = folder.join(&self.store.folder);
    }
}

/// Section `[files.store]`: the folder in which files are kept that rules ask for with `filestore`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// Whether files are kept. Default: false.
    pub enabled: bool,
    /// The folder. Each file is in it once, as `ab/abcd…`, named by its SHA-256. Default: `/var/lib/sekisho/files`.
    pub folder: PathBuf,
    /// Keep every file, whatever the rules say. Default: false.
    pub all: bool,
    /// Bytes of one file that are kept; what is behind is not. Default: 16 MiB.
    pub file_bytes: usize,
    /// For each worker: bytes of files in transfer that are held until it is known whether they are kept. Default: 64 MiB.
    pub held_bytes: usize,
    /// Bytes of files that wait for the disk. Default: 128 MiB.
    pub queue_bytes: u64,
    /// Bytes of all files in the folder; nothing more is kept once they are reached. Default: 10 GiB.
    pub total_bytes: u64,
    /// Bytes that stay free on the disk. Default: 1 GiB.
    pub min_free_bytes: u64,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            folder: PathBuf::from("/var/lib/sekisho/files"),
            all: false,
            file_bytes: 16 << 20,
            held_bytes: 64 << 20,
            queue_bytes: 128 << 20,
            total_bytes: 10 << 30,
            min_free_bytes: 1 << 30,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_is_read() {
        let parse = |text: &str| toml::from_str::<FilesConfig>(text);
        assert_eq!(parse("").unwrap(), FilesConfig::default());
        let mut config = parse("hashes = ['md5']\nstore = { enabled = true, folder = 'kept' }").unwrap();
        assert_eq!(config.hashes(), Hashes { md5: true, ..Hashes::default() });
        config.resolve_paths(Path::new("/etc/sekisho"));
        assert_eq!(config.store.folder, Path::new("/etc/sekisho/kept"));
        assert!(parse("hashes = ['crc32']").is_err() && parse("store = { folde = 'x' }").is_err());
    }
}
