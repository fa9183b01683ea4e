//! What `sekisho pcap` tells at its end: for people, and as one JSON object for programs.

use super::accounts;
use crate::capture::pcap::CaptureError;
use crate::detect::yara::YaraReading;
use crate::ledger::LedgerReading;
use crate::output::AlertReading;
use crate::output::evidence::EvidenceWritten;
use crate::output::ruleset::RuleCostTable;
use crate::output::sources::Totals;
use crate::output::status::grouped;
use sekisho_signatures::model::Signature;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;

/// Signatures that are listed before the rest is only counted.
const SHOWN: usize = 20;

/// Rules by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RuleCounts {
    /// Judged.
    pub loaded: u64,
    /// With errors, left out.
    pub failed: u64,
    /// Left out since they need what is not built yet.
    pub skipped: u64,
}

/// What came of reading capture files. As JSON it has the fields that programs rely on; the rest is for people.
#[derive(Debug, Serialize)]
pub struct PcapReport {
    /// Seconds from the start to the first packet: configuration, rules, compiling.
    pub load_seconds: f64,
    /// Seconds from the first packet to the last event written.
    pub run_seconds: f64,
    /// Frames read.
    pub packets: u64,
    /// Bytes of these frames, as captured.
    pub bytes: u64,
    /// Alerts raised.
    pub alerts: u64,
    /// Events written, by type.
    pub events: BTreeMap<&'static str, u64>,
    /// Rules.
    pub rules: RuleCounts,
    /// Most memory that the process had resident.
    pub max_rss_bytes: u64,
    /// Memory resident when the rules were ready, before the first packet.
    pub ready_rss_bytes: u64,
    /// What rules cost, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_costs: Option<RuleCostTable>,
    /// What YARA rules made of files, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub yara: Option<YaraReading>,
    /// Packets that were kept as evidence, if that was asked for: for alerts (`flows`) and all (`rolling`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub evidence: BTreeMap<&'static str, EvidenceWritten>,
    /// Files that were named.
    #[serde(skip)]
    pub files: usize,
    /// What was wrong with files.
    #[serde(skip)]
    pub damage: Vec<CaptureError>,
    /// Time between the first and the last packet.
    #[serde(skip)]
    pub capture_seconds: f64,
    /// What became of the frames.
    #[serde(skip)]
    pub ledger: LedgerReading,
    /// All modules' counters.
    #[serde(skip)]
    pub totals: Totals,
    /// Alerts by signature with its message, most first.
    #[serde(skip)]
    pub by_signature: Vec<(u32, String, u64)>,
    /// Where events went.
    #[serde(skip)]
    pub output: Option<PathBuf>,
    /// Events that could not be written.
    #[serde(skip)]
    pub events_lost: u64,
    /// Why not.
    #[serde(skip)]
    pub first_error: Option<String>,
}

impl PcapReport {
    /// Whether a file was not read to its end, for another reason than that it was cut off or damaged there.
    #[must_use]
    pub fn unreadable(&self) -> bool {
        self.damage.iter().any(|error| !error.is_warning())
    }

    pub(super) fn name_signatures<'a>(
        alerts: &AlertReading,
        signatures: impl Iterator<Item = &'a Signature>,
    ) -> Vec<(u32, String, u64)> {
        let messages: HashMap<u32, &str> = signatures.map(|s| (s.sid, &*s.msg)).collect();
        let mut named: Vec<_> = alerts
            .by_sid
            .iter()
            .filter(|(_, n)| *n > 0)
            .filter_map(|&(sid, n)| sid.map(|sid| (sid, messages.get(&sid).copied().unwrap_or("").to_owned(), n)))
            .collect();
        named.sort_by_key(|(sid, _, n)| (std::cmp::Reverse(*n), *sid));
        named
    }
}

impl fmt::Display for PcapReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = if self.files == 1 { "file".to_owned() } else { format!("{} files", self.files) };
        writeln!(
            f,
            "Read {} packets, {}, from the {files} in {:.2} s: {}, {}",
            grouped(self.packets),
            accounts::bytes(self.bytes),
            self.run_seconds,
            accounts::packet_rate(self.packets, self.run_seconds),
            accounts::bit_rate(self.bytes, self.run_seconds),
        )?;
        writeln!(
            f,
            "(the capture spans {:.1} s; {:.2} s to load, then {} of memory; at most {})",
            self.capture_seconds,
            self.load_seconds,
            accounts::bytes(self.ready_rss_bytes),
            accounts::bytes(self.max_rss_bytes)
        )?;
        writeln!(f, "\nPackets")?;
        f.write_str(&accounts::ledger_lines(&self.ledger))?;
        self.write_counters(f)?;
        self.write_rules(f)?;
        self.write_events(f)?;
        match &self.rule_costs {
            Some(table) => write!(f, "\n{table}"),
            None => Ok(()),
        }
    }
}

impl PcapReport {
    fn write_counters(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Protocols have labels, too.
        let odd: Vec<(&str, u64)> = self
            .totals
            .labelled
            .iter()
            .filter(|((name, _), n)| name.ends_with("_events_total") && **n > 0)
            .map(|((_, event), n)| (*event, *n))
            .collect();
        if let Some(flows) = self.totals.counters.get("flows_created_total") {
            writeln!(f, "\nFlows  {}", grouped(*flows))?;
        }
        if !odd.is_empty() {
            writeln!(f, "\nOdd packets")?;
            for (event, n) in odd {
                writeln!(f, "  {event:<44}{:>15}", grouped(n))?;
            }
        }
        Ok(())
    }

    fn write_rules(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RuleCounts { loaded, failed, skipped } = self.rules;
        writeln!(f, "\nRules  {} loaded", grouped(loaded))?;
        if failed > 0 {
            writeln!(f, "  {} have errors and were left out; `sekisho check` shows them", grouped(failed))?;
        }
        if skipped > 0 {
            writeln!(
                f,
                "  {} need what is not built yet and were left out; `sekisho check` lists it",
                grouped(skipped)
            )?;
        }
        if let Some(yara) = &self.yara {
            write!(f, "\n{yara}")?;
        } else if loaded + failed + skipped == 0 {
            writeln!(f, "  none were given: name some with --rules")?;
        }
        writeln!(f, "\nAlerts  {}", grouped(self.alerts))?;
        for (sid, message, n) in self.by_signature.iter().take(SHOWN) {
            writeln!(f, "  {:>9}  {message} [{sid}]", grouped(*n))?;
        }
        let more = self.by_signature.len().saturating_sub(SHOWN);
        if more > 0 {
            writeln!(f, "  and {more} more signatures")?;
        }
        Ok(())
    }

    fn write_events(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.output {
            None => writeln!(f, "\nNo events were written; --output DIR writes them."),
            Some(path) => {
                let kinds: Vec<String> = self
                    .events
                    .iter()
                    .filter(|(_, n)| **n > 0)
                    .map(|(kind, n)| format!("{} {kind}", grouped(*n)))
                    .collect();
                let kinds = if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") };
                writeln!(f, "\nEvents in {}: {kinds}", path.display())?;
                if self.events_lost > 0 {
                    let why = self.first_error.as_deref().unwrap_or("the output could not take them");
                    writeln!(f, "! {} events were lost: {why}", grouped(self.events_lost))?;
                }
                self.write_evidence(f)
            }
        }
    }

    fn write_evidence(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (store, EvidenceWritten { files, packets, lost_packets }) in &self.evidence {
            let what = if *store == "flows" { "Evidence" } else { "All packets" };
            let (packets, files) = (grouped(*packets), grouped(*files));
            writeln!(f, "{what}  packets kept: {packets}, in so many files: {files}")?;
            if *lost_packets > 0 {
                let lost = grouped(*lost_packets);
                writeln!(f, "! {lost} packets should be in these files and are not; the log says why")?;
            }
        }
        Ok(())
    }
}
