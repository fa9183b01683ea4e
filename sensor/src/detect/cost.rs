//! What each rule costs a worker: how often it was a candidate, how often it matched, and how much time its judgement took.
//!
//! Candidates and matches are counted. Time is sampled: about one judgement in [`SAMPLE_EVERY`], chosen by a random stride, so
//! that no regular pattern of packets hides a rule. A judgement is all that happens to a rule on a packet, from its gate to
//! its last condition. Of what a rule is looked up by, the scan for literals, nothing is counted here: it is shared by all.
//!
//! One writer, the worker; others read while it runs. They may also pause a rule: then it is no candidate any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

/// One judgement in so many is timed, on average.
pub const SAMPLE_EVERY: u32 = 256;

/// One rule's counts: half a cache line.
#[derive(Debug, Default)]
#[repr(align(32))]
struct Slot {
    candidates: AtomicU64,
    matches: AtomicU64,
    timed_ns: AtomicU64,
    timed: AtomicU32,
    paused: AtomicBool,
}

/// All rules' counts of one worker, under one ruleset.
#[derive(Debug)]
pub struct RuleCosts {
    slots: Box<[Slot]>,
}

/// What one rule cost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleCost {
    /// Times that its gate was tried.
    pub candidates: u64,
    /// Times that all of it held.
    pub matches: u64,
    /// Judgements that were timed.
    pub timed: u64,
    /// The time that those took together, in nanoseconds.
    pub timed_ns: u64,
    /// It is not judged.
    pub paused: bool,
}

impl RuleCost {
    /// Time of an average judgement, in nanoseconds; 0 if none was timed.
    #[must_use]
    pub fn average_ns(&self) -> u64 {
        self.timed_ns.checked_div(self.timed).unwrap_or(0)
    }

    /// The time of all its judgements, in nanoseconds, as far as the samples tell.
    #[must_use]
    pub fn estimated_ns(&self) -> u64 {
        self.timed_ns.saturating_mul(u64::from(SAMPLE_EVERY))
    }

    /// Adds another worker's, or takes the sum of both.
    pub fn add(&mut self, other: &Self) {
        self.candidates = self.candidates.saturating_add(other.candidates);
        self.matches = self.matches.saturating_add(other.matches);
        self.timed = self.timed.saturating_add(other.timed);
        self.timed_ns = self.timed_ns.saturating_add(other.timed_ns);
        self.paused |= other.paused;
    }
}

impl RuleCosts {
    /// For so many rules.
    #[must_use]
    pub fn new(rules: usize) -> Self {
        Self { slots: (0..rules).map(|_| Slot::default()).collect() }
    }

    /// A rule's costs so far.
    #[must_use]
    pub fn read(&self, rule: usize) -> RuleCost {
        self.slots.get(rule).map_or_else(RuleCost::default, |slot| RuleCost {
            candidates: slot.candidates.load(Ordering::Relaxed),
            matches: slot.matches.load(Ordering::Relaxed),
            timed: slot.timed.load(Ordering::Relaxed).into(),
            timed_ns: slot.timed_ns.load(Ordering::Relaxed),
            paused: slot.paused.load(Ordering::Relaxed),
        })
    }

    /// From now on the rule is not judged.
    pub fn pause(&self, rule: usize) {
        if let Some(slot) = self.slots.get(rule) {
            slot.paused.store(true, Ordering::Relaxed);
        }
    }
}

/// Adds to a counter that only the calling thread writes.
fn bump(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
}

/// The writing end: a worker's.
#[derive(Debug)]
pub struct CostMeter {
    costs: Arc<RuleCosts>,
    /// Judgements until one is timed.
    left: u32,
    random: u32,
    /// What it takes to read the clock twice.
    overhead_ns: u64,
}

/// A judgement under way: since when, if it is timed.
#[must_use]
pub struct Judging(Option<Instant>);

impl CostMeter {
    /// Counts into `costs`.
    #[must_use]
    pub fn new(costs: Arc<RuleCosts>) -> Self {
        let twice = || Instant::now().elapsed().as_nanos() as u64;
        let overhead_ns = (0..32).map(|_| twice()).min().unwrap_or(0);
        Self { costs, left: SAMPLE_EVERY, random: 0x9e37_79b9, overhead_ns }
    }

    /// Counts into others from now on; these come back in their place.
    pub fn switch(&mut self, costs: &mut Arc<RuleCosts>) {
        std::mem::swap(&mut self.costs, costs);
    }

    /// The counts.
    #[must_use]
    pub fn costs(&self) -> &Arc<RuleCosts> {
        &self.costs
    }

    /// A rule is a candidate. None when it is paused: then it must not be judged.
    #[inline]
    pub fn begin(&mut self, rule: u32) -> Option<Judging> {
        let Some(slot) = self.costs.slots.get(rule as usize) else { return Some(Judging(None)) };
        if slot.paused.load(Ordering::Relaxed) {
            return None;
        }
        bump(&slot.candidates, 1);
        self.left -= 1;
        Some(Judging(if self.left == 0 { Some(self.time_this_one()) } else { None }))
    }

    #[cold]
    fn time_this_one(&mut self) -> Instant {
        // xorshift (Marsaglia 2003): strides of 1 to 2 * SAMPLE_EVERY - 1, SAMPLE_EVERY on average.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.left = 1 + self.random % (2 * SAMPLE_EVERY - 1);
        Instant::now()
    }

    /// The rule is judged.
    #[inline]
    pub fn end(&mut self, rule: u32, judging: Judging) {
        if let Judging(Some(since)) = judging {
            self.add_time(rule, since);
        }
    }

    #[cold]
    fn add_time(&mut self, rule: u32, since: Instant) {
        let ns = since.elapsed().as_nanos() as u64;
        if let Some(slot) = self.costs.slots.get(rule as usize) {
            bump(&slot.timed_ns, ns.saturating_sub(self.overhead_ns));
            slot.timed.store(slot.timed.load(Ordering::Relaxed).saturating_add(1), Ordering::Relaxed);
        }
    }

    /// All of a rule held.
    pub fn matched(&mut self, rule: u32) {
        if let Some(slot) = self.costs.slots.get(rule as usize) {
            bump(&slot.matches, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_estimated_whatever_the_pattern() {
        let costs = Arc::new(RuleCosts::new(64));
        let mut meter = CostMeter::new(Arc::clone(&costs));
        // As many rules as divide the stride evenly, always in the same order.
        for _ in 0..20_000 {
            for rule in 0..64 {
                let judging = meter.begin(rule).unwrap();
                meter.end(rule, judging);
            }
        }
        for rule in 0..64 {
            let cost = costs.read(rule);
            assert_eq!(cost.candidates, 20_000);
            let estimated = cost.timed * u64::from(SAMPLE_EVERY);
            assert!((10_000..=30_000).contains(&estimated), "rule {rule} was timed {} times", cost.timed);
        }
    }

    #[test]
    fn a_slow_rule_is_seen_to_be_slow() {
        let costs = Arc::new(RuleCosts::new(2));
        let mut meter = CostMeter::new(Arc::clone(&costs));
        let mut sum = 0_u64;
        for i in 0..200_000_u64 {
            let rule = (i % 2) as u32;
            let judging = meter.begin(rule).unwrap();
            for n in 0..if rule == 1 { 4_000 } else { 1 } {
                sum = std::hint::black_box(sum.wrapping_add(n));
            }
            meter.end(rule, judging);
        }
        let (fast, slow) = (costs.read(0), costs.read(1));
        assert!(fast.timed > 100 && slow.timed > 100);
        // Of a fast one most is the clock itself, and the machine may be busy with other things.
        assert!(slow.average_ns() > 2 * fast.average_ns(), "{fast:?} {slow:?}");
        assert!(slow.estimated_ns() >= slow.timed_ns);
    }

    #[test]
    fn a_paused_rule_is_no_candidate() {
        let costs = Arc::new(RuleCosts::new(2));
        let mut meter = CostMeter::new(Arc::clone(&costs));
        costs.pause(1);
        assert!(meter.begin(1).is_none());
        assert!(meter.begin(0).is_some());
        meter.matched(0);
        assert_eq!(costs.read(1), RuleCost { paused: true, ..RuleCost::default() });
        assert_eq!((costs.read(0).candidates, costs.read(0).matches), (1, 1));
        // Beyond the end nothing is counted, and nothing fails.
        costs.pause(7);
        let judging = meter.begin(7).unwrap();
        meter.end(7, judging);
        meter.matched(7);
        assert_eq!(costs.read(7), RuleCost::default());
    }
}
