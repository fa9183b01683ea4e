//! What can be set about evidence: sections `[evidence]` and `[evidence.rolling]`.

use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The least that memory, a queue or a file may be: each has to take the longest packet, with room to spare.
const LEAST_BYTES: u64 = 1 << 20;

/// Section `[evidence]`: the packets of flows that alerted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvidenceConfig {
    /// Whether packets are kept for alerts. Default: false.
    pub enabled: bool,
    /// The folder of the files. Default: `/var/lib/sekisho/evidence`.
    pub folder: PathBuf,
    /// For each worker: bytes of memory for recent packets. Default: 64 MiB.
    pub memory_bytes: u64,
    /// Bytes of each flow's beginning that are remembered; what follows is only kept once the flow alerted. 0: all. Default: 256 KiB.
    pub flow_bytes: u64,
    /// Packets of the flow that are kept after an alert. Default: 1000.
    pub after_packets: u32,
    /// Bytes of the flow that are kept after an alert. Default: 1 MiB.
    pub after_bytes: u64,
    /// Seconds of packet time after an alert in which packets of the flow are kept. Default: 10.
    pub after_s: u32,
    /// For each worker: flows whose packets are being kept at a time. One more ends the oldest. Default: 256.
    pub open_flows: u16,
    /// Bytes of one file. Default: 16 MiB.
    pub file_bytes: u64,
    /// Bytes of packets that wait for the disk. Default: 64 MiB.
    pub queue_bytes: u64,
    /// Bytes of all files; the oldest make room. Default: 10 GiB.
    pub total_bytes: u64,
    /// Files; the oldest make room. Default: 100,000.
    pub total_files: u32,
    /// Seconds after which a file is removed. 0: never. Default: 30 days.
    pub max_age_s: u64,
    /// Bytes that stay free on the disk. Default: 1 GiB.
    pub min_free_bytes: u64,
    /// `[evidence.rolling]`: all packets.
    pub rolling: RollingConfig,
}

impl Default for EvidenceConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            folder: PathBuf::from("/var/lib/sekisho/evidence"),
            memory_bytes: 64 << 20,
            flow_bytes: 256 << 10,
            after_packets: 1000,
            after_bytes: 1 << 20,
            after_s: 10,
            open_flows: 256,
            file_bytes: 16 << 20,
            queue_bytes: 64 << 20,
            total_bytes: 10 << 30,
            total_files: 100_000,
            max_age_s: 30 * 86_400,
            min_free_bytes: 1 << 30,
            rolling: RollingConfig::default(),
        }
    }
}

/// Section `[evidence.rolling]`: every packet that workers receive, in a ring of files.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RollingConfig {
    /// Whether all packets are kept. Default: false.
    pub enabled: bool,
    /// The folder of the files. Default: `/var/lib/sekisho/rolling`.
    pub folder: PathBuf,
    /// Bytes of each packet that are kept. 0: all. Default: 0.
    pub snap_bytes: u32,
    /// Bytes of one file. Default: 256 MiB.
    pub file_bytes: u64,
    /// Bytes of packets that wait for the disk. Default: 64 MiB.
    pub queue_bytes: u64,
    /// Bytes of all files; the oldest make room. Default: 20 GiB.
    pub total_bytes: u64,
    /// Seconds after which a file is removed. 0: never. Default: 0.
    pub max_age_s: u64,
    /// Bytes that stay free on the disk. Default: 1 GiB.
    pub min_free_bytes: u64,
}

impl Default for RollingConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            folder: PathBuf::from("/var/lib/sekisho/rolling"),
            snap_bytes: 0,
            file_bytes: 256 << 20,
            queue_bytes: 64 << 20,
            total_bytes: 20 << 30,
            max_age_s: 0,
            min_free_bytes: 1 << 30,
        }
    }
}

impl EvidenceConfig {
    /// Paths are relative to the configuration's folder.
    pub fn resolve_paths(&mut self, folder: &Path) {
        self.folder = folder.join(&self.folder);
        self.rolling.folder = folder.join(&self.rolling.folder);
    }

    /// What types cannot say: the key below `[evidence]`, and a sentence.
    #[must_use]
    pub fn check(&self) -> Vec<(Vec<&'static str>, String)> {
        let mut wrong = Vec::new();
        let rolling = &self.rolling;
        for (key, bytes) in [
            (vec!["memory_bytes"], self.memory_bytes),
            (vec!["file_bytes"], self.file_bytes),
            (vec!["queue_bytes"], self.queue_bytes),
            (vec!["rolling", "file_bytes"], rolling.file_bytes),
            (vec!["rolling", "queue_bytes"], rolling.queue_bytes),
        ] {
            if bytes < LEAST_BYTES {
                wrong.push((key, format!("{bytes} bytes do not hold the longest packets; at least {LEAST_BYTES}")));
            }
        }
        for (key, total, file) in [
            (vec!["total_bytes"], self.total_bytes, self.file_bytes),
            (vec!["rolling", "total_bytes"], rolling.total_bytes, rolling.file_bytes),
        ] {
            if total < file.saturating_mul(2) {
                wrong.push((key, format!("{total} bytes for all files: at least twice file_bytes, which is {file}")));
            }
        }
        if self.open_flows == 0 || self.total_files == 0 {
            let key = if self.open_flows == 0 { "open_flows" } else { "total_files" };
            wrong.push((vec![key], "at least 1; to keep no packets, set evidence.enabled = false".to_owned()));
        }
        if self.enabled && rolling.enabled && self.folder == rolling.folder {
            wrong.push((
                vec!["rolling", "folder"],
                "must not be evidence.folder: each removes its old files".to_owned(),
            ));
        }
        if (1..64).contains(&rolling.snap_bytes) {
            wrong.push((vec!["rolling", "snap_bytes"], "fewer than 64 bytes cut headers off; 0 keeps all".to_owned()));
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_hold_no_packet_are_refused() {
        let check = |text: &str| {
            let config: EvidenceConfig = toml::from_str(text).unwrap();
            config.check().into_iter().map(|(key, message)| format!("{}: {message}", key.join("."))).collect::<Vec<_>>()
        };
        assert_eq!(check(""), [""; 0]);
        assert!(check("memory_bytes = 1000")[0].starts_with("memory_bytes: 1000 bytes do not hold"));
        assert!(check("total_bytes = 16777216")[0].contains("twice file_bytes"));
        assert!(check("open_flows = 0")[0].starts_with("open_flows: at least 1"));
        assert!(check("rolling = { file_bytes = 9, snap_bytes = 9 }").len() == 2);
        let same = "enabled = true\nfolder = '/x'\nrolling = { enabled = true, folder = '/x' }";
        assert!(check(same)[0].contains("must not be evidence.folder"));
        assert!(toml::from_str::<EvidenceConfig>("rolling = { sise = 1 }").is_err());
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let mut config: EvidenceConfig = toml::from_str("folder = 'e'\nrolling = { folder = 'r' }").unwrap();
        config.resolve_paths(Path::new("/etc/sekisho"));
        assert_eq!(config.folder, Path::new("/etc/sekisho/e"));
        assert_eq!(config.rolling.folder, Path::new("/etc/sekisho/r"));
    }
}
