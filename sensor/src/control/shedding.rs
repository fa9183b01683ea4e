//! When load is shed: a queue's worker watches how full its RX ring is, and tells the XDP program when it falls behind.
//!
//! Shedding begins when the ring is fuller than one share, or was full, and ends when it has stayed below a lower share for a second, so
//! that it does not flutter. The program is told by one system call each time; the ring's fill is looked at once a batch, and
//! whether it was full, which takes a system call, ten times a second.

use crate::capture::afxdp::StatisticsReader;
use crate::capture::early_config::SheddingConfig;
use aya::maps::{Array, MapData};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long the ring must stay below the lower share.
const CALM: Duration = Duration::from_secs(1);
/// How often it is asked whether the ring was full.
const ASK: Duration = Duration::from_millis(100);

/// What others can read of it. One writer.
#[derive(Debug, Default)]
pub struct SheddingState {
    /// Whether load is shed now.
    pub on: AtomicBool,
    /// How often that began.
    pub begun: AtomicU64,
}

/// One queue's watch.
pub struct Shedder {
    queue: u32,
    word: Array<MapData, u32>,
    statistics: StatisticsReader,
    level: Level,
    state: Arc<SheddingState>,
}

impl Shedder {
    /// For `queue`, whose ring has `rx_ring` slots. `word` is the program's map.
    #[must_use]
    pub(super) fn new(
        config: &SheddingConfig,
        rx_ring: u32,
        (queue, statistics): (u32, StatisticsReader),
        word: Array<MapData, u32>,
        state: Arc<SheddingState>,
    ) -> Self {
        Self { queue, word, statistics, level: Level::new(config, rx_ring, Instant::now()), state }
    }

    /// To be called once a batch, and when idle, with the frames that wait.
    pub fn watch(&mut self, backlog: u32, now: Instant) {
        let full = if self.level.asks(now) { Some(self.statistics.read().rx_ring_full) } else { None };
        // If the kernel refuses, the next change tries again; what is lost meanwhile is counted as ever.
        if let Some(on) = self.level.see(backlog, full, now)
            && self.word.set(self.queue, u32::from(on), 0).is_ok()
        {
            self.state.on.store(on, Ordering::Relaxed);
            self.state.begun.fetch_add(u64::from(on), Ordering::Relaxed);
        }
    }
}

/// The two shares, and on which side the ring is.
#[derive(Debug)]
struct Level {
    begin: u32,
    end: u32,
    on: bool,
    /// Packets that found the ring full, when that was asked last.
    full: u64,
    asked: Instant,
    /// When the ring was last not below the lower share.
    busy: Instant,
}

impl Level {
    fn new(config: &SheddingConfig, rx_ring: u32, now: Instant) -> Self {
        let share = |percent: u8| u32::try_from(u64::from(rx_ring) * u64::from(percent) / 100).unwrap_or(u32::MAX);
        let (begin, end) = (share(config.begin_percent).max(1), share(config.end_percent));
        Self { begin, end, on: false, full: 0, asked: now, busy: now }
    }

    /// Whether it is time to ask whether the ring was full.
    fn asks(&mut self, now: Instant) -> bool {
        let due = now.duration_since(self.asked) >= ASK;
        if due {
            self.asked = now;
        }
        due
    }

    /// What the ring looks like; whether load is to be shed, if that changes.
    fn see(&mut self, backlog: u32, full: Option<u64>, now: Instant) -> Option<bool> {
        let overflowed = full.is_some_and(|full| std::mem::replace(&mut self.full, full) < full);
        if backlog > self.end || overflowed {
            self.busy = now;
        }
        let on = match self.on {
            false => backlog >= self.begin || overflowed,
            true => now.duration_since(self.busy) < CALM,
        };
        (std::mem::replace(&mut self.on, on) != on).then_some(on)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_high_ends_low_and_only_after_a_calm_second() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut level = Level::new(&SheddingConfig::default(), 1000, start);
        assert_eq!(level.see(749, None, at(0)), None);
        assert_eq!(level.see(750, None, at(1)), Some(true));
        assert_eq!(level.see(1000, None, at(2)), None, "it is on already");
        assert_eq!(level.see(300, None, at(500)), None, "not below the lower share");
        assert_eq!(level.see(0, None, at(1400)), None, "the second is not over");
        assert_eq!(level.see(0, None, at(1500)), Some(false));
        assert_eq!(level.see(700, None, at(1501)), None);
    }

    #[test]
    fn a_ring_that_was_full_counts_however_empty_it_is_now() {
        let start = Instant::now();
        let mut level = Level::new(&SheddingConfig::default(), 64, start);
        assert!(!level.asks(start + Duration::from_millis(99)));
        assert!(level.asks(start + Duration::from_millis(100)));
        assert!(!level.asks(start + Duration::from_millis(150)));
        assert_eq!(level.see(0, Some(3), start), Some(true));
        assert_eq!(level.see(0, Some(3), start + Duration::from_millis(900)), None);
        assert_eq!(level.see(0, Some(4), start + Duration::from_millis(950)), None, "and again");
        assert_eq!(level.see(0, Some(4), start + Duration::from_millis(1949)), None);
        assert_eq!(level.see(0, Some(4), start + Duration::from_millis(1950)), Some(false));
    }
}
