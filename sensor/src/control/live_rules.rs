//! The ruleset that is judged now, for those who tell of it: status, metrics, and the watch over costly rules.
//!
//! Shared by the control threads; workers know nothing of it. What a rule cost is read from the workers' counters when
//! somebody asks.

use super::rules::Rules;
use crate::config::{OnCostly, RulesConfig};
use crate::counters::WorkerTime;
use crate::detect::cost::{RuleCost, RuleCosts};
use crate::detect::kept::Kept;
use crate::output::ruleset::{CostlyRule, RuleCostLine, RuleCostTable, RulesetStatus};
use sekisho_signatures::ruleset::Ruleset;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};

/// Costly rules that the status remembers.
const COSTLY_MAX: usize = 20;

/// See the module.
pub struct LiveRules {
    now: Mutex<Now>,
}

struct Now {
    ruleset: Arc<Ruleset>,
    /// Where its rules stand.
    files: Vec<PathBuf>,
    kept: Kept,
    since: Instant,
    costs: Vec<Arc<RuleCosts>>,
    status: RulesetStatus,
    /// The share of the time above which a rule is costly, and whether it is paused then.
    limit: f64,
    pause: bool,
    /// Costs and time as of the last look at costly rules.
    seen: Vec<RuleCost>,
}

impl Now {
    fn new(rules: &Rules, costs: Vec<Arc<RuleCosts>>, config: &RulesConfig, status: RulesetStatus) -> Self {
        Self {
            ruleset: Arc::clone(&rules.engine.ruleset),
            files: rules.loaded.files.clone(),
            kept: rules.engine.kept.clone(),
            since: Instant::now(),
            costs,
            status,
            limit: config.cost_limit,
            pause: config.on_costly == OnCostly::Pause,
            seen: Vec::new(),
        }
    }
}

impl LiveRules {
    /// The ruleset at the start; `costs` are each worker's.
    #[must_use]
    pub fn new(rules: &Rules, costs: Vec<Arc<RuleCosts>>, config: &RulesConfig) -> Self {
        Self { now: Mutex::new(Now::new(rules, costs, config, rules.status())) }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For status and metrics.
    #[must_use]
    pub fn status(&self) -> RulesetStatus {
        self.now().status.clone()
    }

    /// The file that the rules at hand count under this number.
    #[must_use]
    pub fn file(&self, number: u32) -> Option<PathBuf> {
        self.now().files.get(number as usize).cloned()
    }

    /// What the rules keep, if they are others than those of `epoch`, which becomes theirs.
    pub fn kept_since(&self, epoch: &mut u32) -> Option<Kept> {
        let now = self.now();
        let before = std::mem::replace(epoch, now.status.epoch);
        (before != now.status.epoch).then(|| now.kept.clone())
    }

    /// Workers turn to these rules; what was before is over.
    pub fn replace(&self, rules: &Rules, costs: Vec<Arc<RuleCosts>>, config: &RulesConfig) {
        let mut now = self.now();
        let status = RulesetStatus {
            reloads_ok: now.status.reloads_ok + 1,
            reloads_failed: now.status.reloads_failed,
            ..rules.status()
        };
        *now = Now::new(rules, costs, config, status);
    }

    /// A reload did not work, and the rules are as they were.
    pub fn failed(&self, why: &str) {
        let mut now = self.now();
        now.status.reloads_failed += 1;
        now.status.last_failure = Some(why.to_owned());
    }

    /// The costliest rules, `top` at most.
    #[must_use]
    pub fn costs(&self, top: usize) -> RuleCostTable {
        // Reading takes a moment, and nobody must wait for it.
        let (ruleset, costs, since) = {
            let now = self.now();
            (Arc::clone(&now.ruleset), now.costs.clone(), now.since)
        };
        table(&ruleset, &costs, since.elapsed(), top)
    }

    /// Looks for rules that took more than their share of the time that workers were busy since the last look; `busy` is that
    /// time, of all together. Pauses them if the configuration says so, and returns those that are costly now.
    pub fn watch(&self, busy: Duration, elapsed: Duration) -> Vec<CostlyRule> {
        let mut now = self.now();
        let (limit, pause) = (now.limit, now.pause);
        let read = sum(&now.costs, now.ruleset.signatures.len());
        let before = std::mem::replace(&mut now.seen, read);
        let mut found = Vec::new();
        for (i, cost) in now.seen.iter().enumerate() {
            let before = before.get(i).copied().unwrap_or_default();
            let Some(percent) = excess(&before, cost, busy, elapsed, limit) else { continue };
            let Some(signature) = now.ruleset.signatures.get(i) else { continue };
            found.push((
                i,
                CostlyRule {
                    id: (signature.gid, signature.sid),
                    msg: signature.msg.to_string(),
                    percent,
                    paused: pause,
                },
            ));
        }
        for (i, rule) in &found {
            if pause {
                now.costs.iter().for_each(|costs| costs.pause(*i));
            }
            now.status.costly.retain(|other| other.id != rule.id);
            now.status.costly.insert(0, rule.clone());
        }
        // Paused ones stay in sight.
        while now.status.costly.len() > COSTLY_MAX
            && let Some(last) = now.status.costly.iter().rposition(|rule| !rule.paused)
        {
            now.status.costly.remove(last);
        }
        found.into_iter().map(|(_, rule)| rule).collect()
    }
}

/// By how much a rule is above its share, in percent of the busy time; none if it is not. It must also matter: take a hundredth of a
/// worker's whole time, in enough samples to tell.
fn excess(before: &RuleCost, now: &RuleCost, busy: Duration, elapsed: Duration, limit: f64) -> Option<u64> {
    const SAMPLES: u64 = 8;
    let ns = now.estimated_ns().saturating_sub(before.estimated_ns());
    let took = Duration::from_nanos(ns).as_secs_f64();
    let enough = now.timed.saturating_sub(before.timed) >= SAMPLES && took >= elapsed.as_secs_f64() / 100.0;
    let share = took / busy.as_secs_f64().max(1e-9);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 100")]
    let percent = (share.min(1.0) * 100.0).round() as u64;
    (enough && !now.paused && share > limit).then_some(percent)
}

fn sum(costs: &[Arc<RuleCosts>], rules: usize) -> Vec<RuleCost> {
    let mut sums = vec![RuleCost::default(); rules];
    for costs in costs {
        for (rule, sum) in sums.iter_mut().enumerate() {
            sum.add(&costs.read(rule));
        }
    }
    sums
}

/// The costliest rules of a ruleset, `top` at most, from each worker's counts.
#[must_use]
pub fn table(ruleset: &Ruleset, costs: &[Arc<RuleCosts>], elapsed: Duration, top: usize) -> RuleCostTable {
    let sums = sum(costs, ruleset.signatures.len());
    let all: u64 = sums.iter().map(RuleCost::estimated_ns).fold(0, u64::saturating_add);
    let mut order: Vec<usize> = (0..sums.len()).filter(|&i| sums[i].candidates > 0 || sums[i].paused).collect();
    let candidates = order.len() as u64;
    order.sort_by_key(|&i| std::cmp::Reverse((sums[i].estimated_ns(), sums[i].candidates)));
    let line = |&i: &usize| {
        let (cost, signature) = (sums.get(i)?, ruleset.signatures.get(i)?);
        #[expect(clippy::cast_precision_loss, reason = "a share is shown with three digits")]
        let share = if all == 0 { 0.0 } else { cost.estimated_ns() as f64 / all as f64 };
        Some(RuleCostLine {
            gid: signature.gid,
            sid: signature.sid,
            msg: signature.msg.to_string(),
            candidates: cost.candidates,
            matches: cost.matches,
            timed: cost.timed,
            average_ns: cost.average_ns(),
            estimated_ns: cost.estimated_ns(),
            share,
            paused: cost.paused,
        })
    };
    let rules = order.iter().take(top).filter_map(line).collect();
    RuleCostTable { hash: ruleset.hash.clone(), seconds: elapsed.as_secs(), candidates, rules }
}

/// Looks at the costs of rules from time to time, and tells of costly ones.
pub struct CostWatch {
    live: Arc<LiveRules>,
    workers: Vec<Arc<WorkerTime>>,
    looked: Instant,
    busy: Duration,
    told: Option<Instant>,
}

impl CostWatch {
    /// How often it looks.
    const EVERY: Duration = Duration::from_secs(10);
    /// How often it may speak.
    const SPEAKS: Duration = Duration::from_secs(60);

    /// Over these workers.
    #[must_use]
    pub fn new(live: Arc<LiveRules>, workers: Vec<Arc<WorkerTime>>) -> Self {
        let busy = workers.iter().map(|time| time.read().0).sum();
        Self { live, workers, looked: Instant::now(), busy, told: None }
    }

    /// To be called often; does something every 10 s.
    pub fn tick(&mut self) {
        let elapsed = self.looked.elapsed();
        if elapsed < Self::EVERY {
            return;
        }
        let busy: Duration = self.workers.iter().map(|time| time.read().0).sum();
        let found = self.live.watch(busy.saturating_sub(self.busy), elapsed);
        (self.looked, self.busy) = (Instant::now(), busy);
        let silent = self.told.is_some_and(|told| told.elapsed() < Self::SPEAKS);
        for rule in found.iter().filter(|rule| rule.paused || !silent) {
            let CostlyRule { id, msg, percent, paused } = rule;
            let done = if *paused { "; it is paused until the next reload" } else { "" };
            tracing::warn!(
                "the rule {}:{} ({msg}) took {percent} % of the workers' time in the last {} s{done}. `sekisho status --rules` \
                 shows what rules cost",
                id.0,
                id.1,
                elapsed.as_secs()
            );
            self.told = Some(Instant::now());
        }
    }
}

/// Seconds since 1970.
pub(super) fn unix_seconds(time: std::time::SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::control::rules::compile;
    use crate::detect::cost::CostMeter;
    use std::thread::sleep;

    fn rules(text: &str) -> Rules {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.rules");
        std::fs::write(&file, text).unwrap();
        let config = Config::parse("x", "rules.cache = false", &[]).unwrap();
        compile(&config, &[file]).unwrap()
    }

    const TWO: &str =
        "alert ip any any -> any any (msg:\"slow\"; sid:1;)\nalert ip any any -> any any (msg:\"fast\"; sid:2;)\n";

    /// Two workers who judge both rules.
    fn live(pause: bool) -> (LiveRules, Vec<Arc<RuleCosts>>) {
        let rules = rules(TWO);
        let costs: Vec<_> = (0..2).map(|_| Arc::new(RuleCosts::new(2))).collect();
        let on_costly = if pause { OnCostly::Pause } else { OnCostly::Report };
        let live = LiveRules::new(&rules, costs.clone(), &RulesConfig { on_costly, ..RulesConfig::default() });
        (live, costs)
    }

    /// The first rule takes 30 us.
    fn judge(costs: &[Arc<RuleCosts>], times: usize) {
        for costs in costs {
            let mut meter = CostMeter::new(Arc::clone(costs));
            for _ in 0..times {
                for (rule, takes) in [(0, 30), (1, 0)] {
                    let Some(judging) = meter.begin(rule) else { continue };
                    let until = Instant::now() + Duration::from_micros(takes);
                    while Instant::now() < until {}
                    meter.end(rule, judging);
                }
            }
        }
    }

    #[test]
    fn rules_are_listed_by_their_time() {
        let (live, costs) = live(false);
        judge(&costs, 8_000);
        let table = live.costs(10);
        assert_eq!((table.candidates, table.rules.len()), (2, 2));
        assert_eq!((table.rules[0].msg.as_str(), table.rules[0].candidates), ("slow", 16_000));
        assert!(table.rules[0].share > 0.9 && table.rules[0].average_ns > 20_000, "{table}");
        assert!((table.rules.iter().map(|r| r.share).sum::<f64>() - 1.0).abs() < 1e-6);
        assert_eq!(live.costs(1).rules.len(), 1);
    }

    #[test]
    fn a_costly_rule_is_told() {
        let (live, costs) = live(false);
        judge(&costs, 8_000);
        let (busy, elapsed) = (Duration::from_secs(1), Duration::from_secs(1));
        let found = live.watch(busy, elapsed);
        assert_eq!(found.iter().map(|rule| (rule.id, rule.paused)).collect::<Vec<_>>(), [((1, 1), false)]);
        assert!(found[0].percent > 20, "{found:?}");
        assert_eq!(live.status().costly, found);
        assert!(live.watch(busy, elapsed).is_empty(), "since the last look nothing happened");
        judge(&costs, 8_000);
        assert!(live.watch(Duration::from_secs(1000), elapsed).is_empty(), "little beside all else");
        judge(&costs, 8_000);
        assert!(live.watch(busy, Duration::from_secs(1000)).is_empty(), "the workers hardly do anything");
        judge(&costs, 8_000);
        live.watch(busy, elapsed);
        assert_eq!(live.status().costly.len(), 1, "each rule is named once");
    }

    #[test]
    fn a_costly_rule_is_paused_if_so_configured() {
        let (live, costs) = live(true);
        judge(&costs, 8_000);
        let (busy, elapsed) = (Duration::from_secs(1), Duration::from_secs(1));
        assert!(live.watch(busy, elapsed)[0].paused);
        let before = live.costs(1).rules[0].clone();
        judge(&costs, 100);
        let after = live.costs(1).rules[0].clone();
        assert!(after.paused && after.candidates == before.candidates);
        assert!(live.status().costly[0].paused);
        assert!(live.watch(busy, elapsed).is_empty());
    }

    #[test]
    fn a_reload_begins_anew() {
        let (live, costs) = live(true);
        judge(&costs, 10);
        live.failed("no such file");
        let status = live.status();
        assert_eq!((status.reloads_failed, status.last_failure.as_deref()), (1, Some("no such file")));
        sleep(Duration::from_millis(1));
        let next = rules("alert ip any any -> any any (msg:\"new\"; sid:3;)\n");
        live.replace(&next, vec![Arc::new(RuleCosts::new(1))], &RulesConfig::default());
        let status = live.status();
        assert_eq!((status.reloads_ok, status.reloads_failed, status.last_failure), (1, 1, None));
        assert_eq!(status.hash, next.engine.ruleset.hash);
        assert!(live.costs(10).rules.is_empty());
    }
}
