//! Two ports in line, and what becomes of packets that cannot be inspected: the keys of the configuration's `[[inline]]` and
//! `[exceptions]`.

use crate::ledger::{BypassReason, DropReason, Outcome};
use sekisho_ebpf::PeerRule;
use serde::Deserialize;
use std::time::Duration;

/// `[[inline]]`: two ports of one link, with the sensor between them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InlineConfig {
    /// The two interfaces, as the kernel names them.
    pub ports: [String; 2],
    /// What the kernel does with packets that no living worker takes.
    #[serde(default)]
    pub fail: Fail,
    /// How long a worker may give no sign of life before the kernel forwards (or drops) by itself, in milliseconds, 10 to 10,000.
    #[serde(default = "stale_ms")]
    pub stale_ms: u32,
    /// What a stop of the sensor leaves.
    #[serde(default)]
    pub on_stop: OnStop,
    /// Run although the ports' MTUs differ: packets that are longer than the other port's are then lost there.
    #[serde(default)]
    pub allow_mtu_mismatch: bool,
    /// A port that loses its carrier takes the other one down, until it is back.
    #[serde(default)]
    pub mirror_link: bool,
    /// How long a packet that cannot be judged yet is held back, in milliseconds; 0 holds none. Only where rules can drop.
    #[serde(default = "hold_ms")]
    pub hold_ms: u32,
    /// Most packets that a worker holds back, 1 to 2,048.
    #[serde(default = "hold_packets")]
    pub hold_packets: u32,
}

const fn stale_ms() -> u32 {
    50
}

const fn hold_ms() -> u32 {
    20
}

const fn hold_packets() -> u32 {
    512
}

/// Whether a link without a living sensor is open or closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fail {
    /// The kernel forwards, uninspected and counted.
    #[default]
    Open,
    /// The kernel drops, counted.
    Closed,
}

/// What a stop of the sensor leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnStop {
    /// The program stays on the ports and does what `fail` says.
    #[default]
    Stay,
    /// The program is taken off: the link is cut.
    Detach,
}

impl InlineConfig {
    /// With the defaults, from `A:B`.
    ///
    /// # Errors
    /// A sentence.
    pub fn from_argument(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some((a, b)) if !a.is_empty() && !b.is_empty() && !b.contains(':') => Ok(Self {
                ports: [a.to_owned(), b.to_owned()],
                fail: Fail::default(),
                stale_ms: stale_ms(),
                on_stop: OnStop::default(),
                allow_mtu_mismatch: false,
                mirror_link: false,
                hold_ms: hold_ms(),
                hold_packets: hold_packets(),
            }),
            _ => Err("expected two interfaces with a colon between them, as in eth1:eth2".to_owned()),
        }
    }

    /// What the XDP program is told.
    #[must_use]
    pub const fn peer_rule(&self) -> PeerRule {
        match self.fail {
            Fail::Open => PeerRule::Forward,
            Fail::Closed => PeerRule::Drop,
        }
    }

    /// [`Self::stale_ms`].
    #[must_use]
    pub const fn stale(&self) -> Duration {
        Duration::from_millis(self.stale_ms as u64)
    }
}

/// What is wrong with the pairs: a sentence each. `monitored` are the interfaces that are captured from.
#[must_use]
pub fn problems(pairs: &[InlineConfig], monitored: &[&str]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for pair in pairs {
        let [a, b] = &pair.ports;
        if a == b {
            wrong.push(format!(
                "both ports of a link are {a}: a frame would go out where it came in; name two interfaces"
            ));
            continue;
        }
        for port in [a, b] {
            if port.is_empty() {
                wrong.push("a port needs a name; `ip link` lists them".to_owned());
            } else if seen.contains(&port.as_str()) {
                wrong.push(format!("{port} is a port of two links: frames would go in a loop; a port joins one other"));
            } else if monitored.contains(&port.as_str()) {
                wrong.push(format!("{port} is in line and also listed as a monitoring port: take one of them out"));
            }
        }
        seen.extend([a.as_str(), b.as_str()]);
        if !(10..=10_000).contains(&pair.stale_ms) {
            wrong.push(format!("stale_ms is {}: it must be 10 to 10000", pair.stale_ms));
        }
        if !(1..=2048).contains(&pair.hold_packets) {
            wrong.push(format!("hold_packets is {}: it must be 1 to 2048", pair.hold_packets));
        }
        if pair.hold_ms > 1000 {
            wrong.push(format!("hold_ms is {}: it must be 0 to 1000", pair.hold_ms));
        }
    }
    wrong
}

/// What becomes of a packet that cannot be inspected as it should.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// It is forwarded, uninspected and counted.
    #[default]
    Pass,
    /// It is dropped and counted.
    Drop,
}

impl Policy {
    /// `pass` or `drop`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Drop => "drop",
        }
    }
}

/// `[exceptions]`: in line, what becomes of packets that cannot be inspected as they should. The defaults keep the link up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExceptionConfig {
    /// The flow table is full: the packet's flow cannot be followed.
    pub flow_table_full: Policy,
    /// The memory for segments that wait is used up: the stream goes on with a hole, which is not inspected.
    pub stream_memory: Policy,
    /// A fragment beyond the limits of defragmentation.
    pub defrag_limit: Policy,
    /// A TCP segment of a connection whose beginning was not seen.
    pub midstream: Policy,
    /// Too broken to decode.
    pub malformed: Policy,
    /// Its checksum is wrong: its receiver will not take it.
    pub checksum: Policy,
    /// A TCP segment that was held back until its time was over, or because too many were.
    pub hold_limit: Policy,
    /// The sensor failed on it (a defect).
    pub internal_error: Policy,
}

impl Default for ExceptionConfig {
    fn default() -> Self {
        Self {
            flow_table_full: Policy::Pass,
            stream_memory: Policy::Pass,
            defrag_limit: Policy::Pass,
            midstream: Policy::Pass,
            malformed: Policy::Pass,
            checksum: Policy::Pass,
            hold_limit: Policy::Pass,
            internal_error: Policy::Pass,
        }
    }
}

/// Why a packet came under a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the keys of `ExceptionConfig`")]
pub enum Exception {
    FlowTableFull,
    StreamMemory,
    DefragLimit,
    Midstream,
    Malformed,
    Checksum,
    HoldLimit,
    InternalError,
}

impl Exception {
    /// Every one, in the order of its number.
    pub const ALL: [Self; 8] = [
        Self::FlowTableFull,
        Self::StreamMemory,
        Self::DefragLimit,
        Self::Midstream,
        Self::Malformed,
        Self::Checksum,
        Self::HoldLimit,
        Self::InternalError,
    ];

    /// The configuration's key, and the metric's label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FlowTableFull => "flow_table_full",
            Self::StreamMemory => "stream_memory",
            Self::DefragLimit => "defrag_limit",
            Self::Midstream => "midstream",
            Self::Malformed => "malformed",
            Self::Checksum => "checksum",
            Self::HoldLimit => "hold_limit",
            Self::InternalError => "internal_error",
        }
    }

    /// The exception behind what passive capture calls a drop: it could not be inspected.
    #[must_use]
    pub const fn of(reason: DropReason) -> Option<Self> {
        match reason {
            DropReason::FlowTableFull => Some(Self::FlowTableFull),
            DropReason::DefragLimit => Some(Self::DefragLimit),
            DropReason::Malformed | DropReason::Truncated => Some(Self::Malformed),
            DropReason::Checksum => Some(Self::Checksum),
            DropReason::InternalError => Some(Self::InternalError),
            DropReason::StreamMemory => Some(Self::StreamMemory),
            DropReason::Midstream => Some(Self::Midstream),
            DropReason::HoldLimit => Some(Self::HoldLimit),
            DropReason::Rule | DropReason::Shutdown | DropReason::TxRingFull | DropReason::Duplicate => None,
        }
    }

    /// What becomes of a packet that met the exception where the policy is this.
    #[must_use]
    pub const fn under(self, policy: Policy) -> Outcome {
        match policy {
            Policy::Pass => Outcome::Bypassed(self.passed()),
            Policy::Drop => Outcome::Dropped(self.dropped()),
        }
    }

    /// What the ledger calls a packet that passed under its policy.
    const fn passed(self) -> BypassReason {
        match self {
            Self::FlowTableFull => BypassReason::FlowTableFull,
            Self::StreamMemory => BypassReason::StreamMemory,
            Self::DefragLimit => BypassReason::DefragLimit,
            Self::Midstream => BypassReason::Midstream,
            Self::Malformed => BypassReason::Malformed,
            Self::Checksum => BypassReason::Checksum,
            Self::HoldLimit => BypassReason::HoldLimit,
            Self::InternalError => BypassReason::InternalError,
        }
    }

    /// What the ledger calls a packet that was dropped under its policy.
    const fn dropped(self) -> DropReason {
        match self {
            Self::FlowTableFull => DropReason::FlowTableFull,
            Self::StreamMemory => DropReason::StreamMemory,
            Self::DefragLimit => DropReason::DefragLimit,
            Self::Midstream => DropReason::Midstream,
            Self::Malformed => DropReason::Malformed,
            Self::Checksum => DropReason::Checksum,
            Self::HoldLimit => DropReason::HoldLimit,
            Self::InternalError => DropReason::InternalError,
        }
    }
}

impl ExceptionConfig {
    /// The policy for one.
    #[must_use]
    pub const fn policy(&self, exception: Exception) -> Policy {
        match exception {
            Exception::FlowTableFull => self.flow_table_full,
            Exception::StreamMemory => self.stream_memory,
            Exception::DefragLimit => self.defrag_limit,
            Exception::Midstream => self.midstream,
            Exception::Malformed => self.malformed,
            Exception::Checksum => self.checksum,
            Exception::HoldLimit => self.hold_limit,
            Exception::InternalError => self.internal_error,
        }
    }

    /// What becomes of a packet that met the exception.
    #[must_use]
    pub const fn outcome(&self, exception: Exception) -> Outcome {
        exception.under(self.policy(exception))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(text: &str) -> InlineConfig {
        InlineConfig::from_argument(text).unwrap()
    }

    #[test]
    fn a_pair_is_two_interfaces_and_a_colon() {
        assert_eq!(pair("eth1:eth2").ports, ["eth1", "eth2"]);
        assert_eq!(toml::from_str::<InlineConfig>("ports = ['eth1', 'eth2']").unwrap(), pair("eth1:eth2"));
        for wrong in ["", "eth1", "eth1:", ":eth2", "a:b:c"] {
            assert!(InlineConfig::from_argument(wrong).unwrap_err().contains("eth1:eth2"), "{wrong}");
        }
        assert!(toml::from_str::<InlineConfig>("ports = ['eth1']").is_err());
        assert!(toml::from_str::<InlineConfig>("ports = ['a', 'b']\nfall = 'open'").is_err());
    }

    #[test]
    fn loops_are_told() {
        let say = |pairs: &[&str]| problems(&pairs.iter().map(|text| pair(text)).collect::<Vec<_>>(), &["mon0"]);
        assert_eq!(say(&["a:b", "c:d"]), [""; 0]);
        assert!(say(&["a:a"])[0].contains("both ports of a link are a"));
        assert!(say(&["a:b", "b:a"]).iter().all(|why| why.contains("is a port of two links")));
        assert_eq!(say(&["a:b", "b:c"]).len(), 1);
        assert!(say(&["mon0:b"])[0].contains("mon0 is in line and also"));
        assert!(problems(&[InlineConfig { stale_ms: 0, ..pair("a:b") }], &[])[0].contains("stale_ms is 0"));
    }

    #[test]
    fn every_exception_has_its_key_and_both_outcomes_are_told_by_it() {
        for exception in Exception::ALL {
            for policy in [Policy::Pass, Policy::Drop] {
                let text = format!("{} = '{}'", exception.as_str(), policy.as_str());
                let config: ExceptionConfig = toml::from_str(&text).unwrap();
                assert_eq!(config.policy(exception), policy);
                assert_eq!(config.outcome(exception).reason(), exception.as_str());
                if let Outcome::Dropped(reason) = config.outcome(exception) {
                    assert_eq!(Exception::of(reason), Some(exception));
                }
            }
        }
        assert_eq!(Exception::of(DropReason::Rule), None);
    }
}
