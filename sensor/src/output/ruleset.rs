//! What metrics and status tell of the rules: which ruleset is judged, since when, and what its rules cost.

use super::sources::Sample;
use super::status::grouped;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Rules that have series of their costs.
pub const COST_SERIES: usize = 20;

/// The rules that are judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RulesetStatus {
    /// As in `alert.metadata.sekisho_ruleset`.
    pub hash: String,
    /// Rules that are judged.
    pub loaded: u64,
    /// Rules that need what is not built yet.
    pub skipped: u64,
    /// Rules with errors.
    pub failed: u64,
    /// Counts the rulesets since the start, from 1.
    pub epoch: u32,
    /// When it was loaded, in seconds since 1970.
    pub loaded_at_s: u64,
    /// How long loading took, in milliseconds.
    pub load_ms: u64,
    /// Reloads that worked.
    pub reloads_ok: u64,
    /// Reloads that did not: the ruleset stayed.
    pub reloads_failed: u64,
    /// Why the last reload failed; absent when the last one worked.
    pub last_failure: Option<String>,
    /// Rules that took more than their share of the workers' time, the latest first.
    pub costly: Vec<CostlyRule>,
}

/// A rule that took more than its share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostlyRule {
    /// Its gid and sid.
    pub id: (u32, u32),
    /// Its message.
    pub msg: String,
    /// The share of the workers' busy time when it was noticed, in percent.
    pub percent: u64,
    /// It is not judged any more.
    pub paused: bool,
}

/// What one rule cost since its ruleset was loaded, all workers together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RuleCostLine {
    /// The rule's gid.
    pub gid: u32,
    /// The rule's sid.
    pub sid: u32,
    /// Its message.
    pub msg: String,
    /// Times that its gate was tried.
    pub candidates: u64,
    /// Times that all of it held.
    pub matches: u64,
    /// Judgements that were timed.
    pub timed: u64,
    /// Time of an average judgement, in nanoseconds.
    pub average_ns: u64,
    /// The time of all judgements, in nanoseconds, estimated from those that were timed.
    pub estimated_ns: u64,
    /// Share of the time of all rules, 0 to 1.
    pub share: f64,
    /// It is not judged.
    pub paused: bool,
}

/// The answer to `sekisho status --rules`: rules by the time that they took.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RuleCostTable {
    /// The ruleset's hash.
    pub hash: String,
    /// Seconds since it was loaded.
    pub seconds: u64,
    /// Rules that were candidates at all.
    pub candidates: u64,
    /// The costliest first.
    pub rules: Vec<RuleCostLine>,
}

impl fmt::Display for RuleCostTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = self.hash.get(..12).unwrap_or(&self.hash);
        writeln!(
            f,
            "Costs of rules; ruleset {hash}, {} s; {} were candidates",
            self.seconds,
            grouped(self.candidates)
        )?;
        if self.rules.is_empty() {
            return Ok(());
        }
        let [share, time, average, candidates, matches] = ["share", "time", "average", "candidates", "matches"];
        writeln!(f, "{share:>7}{time:>12}{average:>12}{candidates:>15}{matches:>13}  rule")?;
        for rule in &self.rules {
            let average = format!("{} ns", grouped(rule.average_ns));
            let [candidates, matches] = [rule.candidates, rule.matches].map(grouped);
            let id = if rule.gid == 1 { rule.sid.to_string() } else { format!("{}:{}", rule.gid, rule.sid) };
            let paused = if rule.paused { ", PAUSED" } else { "" };
            writeln!(
                f,
                "{:>5.1} %{:>12}{average:>12}{candidates:>15}{matches:>13}  {} [{id}{paused}]",
                rule.share * 100.0,
                time_text(rule.estimated_ns),
                rule.msg,
            )?;
        }
        Ok(())
    }
}

fn time_text(ns: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let ns = ns as f64;
    match ns {
        _ if ns >= 1e9 => format!("{:.2} s", ns / 1e9),
        _ if ns >= 1e6 => format!("{:.2} ms", ns / 1e6),
        _ => format!("{:.1} us", ns / 1e3),
    }
}

/// The series of the ruleset.
#[expect(clippy::cast_precision_loss, reason = "metrics are floating point")]
pub(super) fn samples(status: RulesetStatus, out: &mut Vec<Sample>) {
    out.push(Sample::gauge("ruleset_info", "The ruleset that is judged; always 1.", 1.0).label("hash", status.hash));
    for (state, count) in [("loaded", status.loaded), ("skipped", status.skipped), ("failed", status.failed)] {
        let help = "Rules by what became of them when they were loaded.";
        out.push(Sample::gauge("ruleset_rules", help, count as f64).label("state", state));
    }
    let loaded = status.loaded_at_s as f64;
    out.push(Sample::gauge("ruleset_loaded_timestamp_seconds", "When the ruleset was loaded.", loaded));
    let took = status.load_ms as f64 / 1e3;
    out.push(Sample::gauge("ruleset_load_seconds", "How long it took to load the ruleset.", took));
    for (result, count) in [("ok", status.reloads_ok), ("failed", status.reloads_failed)] {
        let help = "Reloads of the rules; after one that failed the ruleset before is still judged.";
        out.push(Sample::counter("reloads_total", help, count).label("result", result));
    }
    let help = "1 if the last reload of the rules worked, or there was none; 0 while the ruleset before goes on since it failed.";
    let worked = f64::from(u8::from(status.last_failure.is_none()));
    out.push(Sample::gauge("reload_last_successful", help, worked));
    let paused = status.costly.iter().filter(|rule| rule.paused).count();
    out.push(Sample::gauge("rules_paused", "Rules that are not judged, since they took too much time.", paused as f64));
}

/// The series of the costliest rules. At most 20 at a time; they count from when their ruleset was loaded.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "metrics are floating point")]
pub fn cost_samples(table: &RuleCostTable) -> Vec<Sample> {
    let mut samples = Vec::new();
    for rule in table.rules.iter().take(COST_SERIES) {
        let sid = rule.sid.to_string();
        let help = "Times that a rule was tried, for the 20 costliest rules; counted from when the ruleset was loaded.";
        samples.push(Sample::counter("rule_candidates_total", help, rule.candidates).label("sid", sid.clone()));
        let help = "Times that a rule matched, for the 20 costliest rules; counted from when the ruleset was loaded.";
        samples.push(Sample::counter("rule_matches_total", help, rule.matches).label("sid", sid.clone()));
        let help = "Time that a rule's judgements took, estimated from samples, for the 20 costliest rules; counted from \
                    when the ruleset was loaded.";
        let mut seconds = Sample::counter("rule_seconds_total", help, 0).label("sid", sid);
        seconds.value = rule.estimated_ns as f64 / 1e9;
        samples.push(seconds);
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_readable() {
        let rule = |sid, estimated_ns, paused| RuleCostLine {
            gid: if sid == 9 { 3 } else { 1 },
            sid,
            msg: format!("rule {sid}"),
            candidates: 1_234_567,
            matches: 8,
            timed: 100,
            average_ns: 1_500,
            estimated_ns,
            share: 0.625,
            paused,
        };
        let table = RuleCostTable {
            hash: "0123456789abcdef".to_owned(),
            seconds: 60,
            candidates: 2,
            rules: vec![rule(7, 2_500_000_000, false), rule(9, 12_500, true)],
        };
        let text = table.to_string();
        for want in [
            "ruleset 0123456789ab, 60 s; 2 were candidates",
            " 62.5 %      2.50 s    1,500 ns      1,234,567            8  rule 7 [7]",
            "     12.5 us",
            "rule 9 [3:9, PAUSED]",
        ] {
            assert!(text.contains(want), "no {want:?} in\n{text}");
        }
        let samples = cost_samples(&RuleCostTable { rules: vec![rule(7, 1_000_000_000, false); 30], ..table });
        assert_eq!(samples.len(), 60);
        assert_eq!((samples[2].name.as_ref(), samples[2].value), ("rule_seconds_total", 1.0));
    }
}
