//! What is decided before packets are looked at closely: `[capture.bypass]`, `[capture.blocklist]` and `[capture.shedding]`.

use serde::Deserialize;
use std::path::{Path, PathBuf};

/// `[capture.bypass]`: flows that need no more inspection. The rule keyword `bypass` always makes one; the rest is asked for here.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BypassConfig {
    /// Whether the XDP program lets their packets by, so that they cost the workers nothing. Default true.
    pub kernel: bool,
    /// Flows that the XDP program can know at a time, for each interface; what goes beyond stays with the workers. Default 65,536.
    pub flows_max: u32,
    /// Flows whose both directions are encrypted from here on (TLS, SSH …). Default false.
    pub encrypted: bool,
    /// TCP flows of which `stream.depth_bytes` were inspected. Default `never`.
    pub stream_depth: DepthBypass,
    /// Flows that a rule's `pass` lets by whole. Their transactions are not logged any more then. Default false.
    pub passed: bool,
    /// Flows with more bytes than this, in both directions together; 0 is no limit. Default 0.
    pub elephant_bytes: u64,
}

impl Default for BypassConfig {
    fn default() -> Self {
        Self {
            kernel: true,
            flows_max: 1 << 16,
            encrypted: false,
            stream_depth: DepthBypass::Never,
            passed: false,
            elephant_bytes: 0,
        }
    }
}

/// When the stream depth makes a flow one that needs no more inspection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DepthBypass {
    /// Never.
    #[default]
    Never,
    /// When both directions have reached it: nothing more would be inspected.
    Both,
    /// When one of them has, as a download does: what the other one still says is not inspected.
    Either,
}

/// `[capture.blocklist]`: addresses whose packets the XDP program drops, or counts. Read anew on a reload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BlocklistConfig {
    /// Files with one address or prefix a line.
    pub files: Vec<PathBuf>,
    /// What packets from or to them meet.
    pub action: BlockAction,
}

impl BlocklistConfig {
    /// Relative paths are relative to the configuration file.
    pub(crate) fn resolve_paths(&mut self, folder: &Path) {
        for file in &mut self.files {
            *file = folder.join(&*file);
        }
    }
}

/// What packets with a listed address meet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BlockAction {
    /// They are dropped: in line they do not cross, on a monitoring port they are not inspected.
    #[default]
    Drop,
    /// They are counted, and inspected like any other.
    Count,
}

/// `[capture.shedding]`: what is given up first when a worker cannot keep up.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SheddingConfig {
    /// What is shed. Default `none`: a full ring drops whatever comes next.
    pub policy: SheddingPolicy,
    /// In line: what becomes of it. On a monitoring port it is dropped. Default `forward`.
    pub inline: SheddingInline,
    /// Share of a queue's RX ring, in percent, at which shedding begins; and also when the ring was full. Default 75.
    pub begin_percent: u8,
    /// Share at which it ends, when the ring has stayed below for a second. Default 25.
    pub end_percent: u8,
    /// Flows that the XDP program remembers, so as to know which are new, for each interface; the least recently seen are
    /// forgotten first. Default 262,144.
    pub flows_max: u32,
}

impl Default for SheddingConfig {
    fn default() -> Self {
        Self {
            policy: SheddingPolicy::None,
            inline: SheddingInline::Forward,
            begin_percent: 75,
            end_percent: 25,
            flows_max: 1 << 18,
        }
    }
}

/// What is shed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SheddingPolicy {
    /// Nothing in particular.
    #[default]
    None,
    /// TCP and UDP flows that begin meanwhile; those that are under inspection stay.
    NewFlows,
}

/// What becomes of shed packets in line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SheddingInline {
    /// They go on without inspection.
    #[default]
    Forward,
    /// They are dropped.
    Drop,
}

/// A setting out of its limits: its section, its key, and the sentence.
pub type Wrong = (&'static str, &'static str, &'static str);

/// What of the three sections is out of its limits.
#[must_use]
pub fn check(bypass: &BypassConfig, shedding: &SheddingConfig) -> Vec<Wrong> {
    const FLOWS: std::ops::RangeInclusive<u32> = 1..=1 << 24;
    let mut wrong = Vec::new();
    if !FLOWS.contains(&bypass.flows_max) {
        wrong.push(("bypass", "flows_max", "from 1 to 16777216 flows; `kernel = false` hands none over"));
    }
    if !FLOWS.contains(&shedding.flows_max) {
        wrong.push(("shedding", "flows_max", "from 1 to 16777216 flows"));
    }
    if !(1..=100).contains(&shedding.begin_percent) {
        wrong.push(("shedding", "begin_percent", "a share of the ring, from 1 to 100"));
    }
    if shedding.end_percent >= shedding.begin_percent {
        wrong.push(("shedding", "end_percent", "must be less than begin_percent, or shedding would flutter"));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_read_and_unknown_ones_are_refused() {
        let bypass: BypassConfig = toml::from_str(
            "kernel = false\nflows_max = 9\nencrypted = true\nstream_depth = \"either\"\npassed = true\nelephant_bytes = 7",
        )
        .unwrap();
        let expected = BypassConfig {
            kernel: false,
            flows_max: 9,
            encrypted: true,
            stream_depth: DepthBypass::Either,
            passed: true,
            elephant_bytes: 7,
        };
        assert_eq!(bypass, expected);
        let shedding: SheddingConfig = toml::from_str(
            "policy = \"new_flows\"\ninline = \"drop\"\nbegin_percent = 50\nend_percent = 10\nflows_max = 5",
        )
        .unwrap();
        assert_eq!((shedding.policy, shedding.inline), (SheddingPolicy::NewFlows, SheddingInline::Drop));
        assert_eq!(check(&bypass, &shedding), []);
        assert!(toml::from_str::<BypassConfig>("kernell = true").is_err());
        assert!(toml::from_str::<BlocklistConfig>("file = []").is_err());
        assert!(toml::from_str::<SheddingConfig>("policy = \"old_flows\"").is_err());
    }

    #[test]
    fn what_is_out_of_its_limits_is_named() {
        let bypass = BypassConfig { flows_max: 0, ..BypassConfig::default() };
        let shedding = SheddingConfig { begin_percent: 20, end_percent: 20, flows_max: 1 << 25, ..Default::default() };
        let keys: Vec<_> = check(&bypass, &shedding).into_iter().map(|(section, key, _)| (section, key)).collect();
        assert_eq!(keys, [("bypass", "flows_max"), ("shedding", "flows_max"), ("shedding", "end_percent")]);
        assert_eq!(check(&BypassConfig::default(), &SheddingConfig::default()), []);
    }
}
