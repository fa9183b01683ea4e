//! Detection: which signatures a packet, or the stream that it belongs to, matches.
//!
//! [`engine`] makes a ruleset ready: rules compiled ([`rule`], [`program`]), address lists indexed ([`address`]), one
//! literal set built for each group of rules ([`hyperscan`], `compile`), or taken from where it was kept ([`cache`]), but for literals that have one place (`anchored`).
//! [`detector`] is a worker's part: it scans, finds candidates and has them judged (`judging`, [`evaluate`]), with the help of each stream's last bytes ([`history`]), of what waits for more
//! of a stream ([`pending`]), of the flow's bits ([`flowbits`]) and of the counts by which rules are held back
//! ([`threshold`]). What application protocols' parsers take apart is judged by transaction (`app_engine`, [`buffer`], `transaction`),
//! files that transactions carry by [`file`] and [`storing`], and by [`yara`] rules once they are over.
//!
//! Rulesets change while flows live. What a flow holds is good under the next one by its [`lasting`] numbers, or is
//! renewed at its next packet; a worker is handed the next engine by [`handover`]. What each rule costs is in [`cost`].
//!
//! Tiers, by what a packet meets and what it costs: no rules for its group, nothing; a scan, from 1 ns for each 4 bytes; an
//! occurrence, 10 ns; a rule's gate, 5 to 20 ns; a payload judgement, 50 ns and more.

pub mod address;
mod anchored;
mod app_engine;
pub mod asn1;
pub mod buffer;
pub mod cache;
mod candidate;
mod compile;
pub mod compiler;
mod condition;
pub mod cost;
pub mod dataset;
pub mod detector;
pub mod engine;
pub mod evaluate;
pub mod explain;
pub mod file;
pub mod flowbits;
pub mod flowint;
pub mod geoip;
pub mod handover;
pub mod hashlist;
pub mod history;
pub mod hostbits;
pub mod hyperscan;
mod judging;
pub mod kept;
pub mod lasting;
pub mod partial;
pub mod pending;
pub mod program;
pub mod protocol_counts;
pub mod reputation;
pub mod rule;
pub mod scans;
pub mod settle;
pub mod state;
pub mod storing;
pub mod tag;
pub mod threshold;
pub mod trace;
pub mod transaction;
pub mod yara;

use serde::Deserialize;

/// Settings of detection, section `[detect]` of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetectConfig {
    /// Most memory, per worker, for the last bytes of each stream, which let a rule look behind the edge of a segment, in
    /// bytes. When it is used up, the streams that have held theirs longest lose them. Default 32 MiB.
    pub history_bytes: usize,
}

impl Default for DetectConfig {
    fn default() -> Self {
        Self { history_bytes: 32 << 20 }
    }
}
