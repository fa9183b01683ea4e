//! The event log's thread: takes lines, alerts first, and writes them to the file. With no other output it takes them from the workers'
//! queues itself; else from its queue behind the distributor.
//!
//! It looks at the queues at short intervals instead of being woken, since waking it would cost workers a system call.

use super::Shared;
use super::config::{EveConfig, EventType, WhenFull};
use super::eve::EveEncoder;
use super::fanout::OutputQueue;
use super::health::{Loss, OutputCounts};
use super::queue::{LaneEnd, Taker};
use super::sink::{FileSink, Progress};
use crate::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Pause when there was nothing to do, or when the file takes nothing.
const PAUSE: Duration = Duration::from_millis(5);
/// Events other than alerts that are taken from a lane before alerts are looked for again.
const OTHERS_PER_TURN: usize = 256;
/// The longest that a written line waits for more lines.
const FLUSH_AFTER: Duration = Duration::from_secs(1);

/// Where lines come from.
pub(super) enum Feed {
    /// The workers' queues: there is no other output.
    Lanes(Vec<LaneEnd>),
    /// What the distributor copied out of them.
    Queue(Arc<OutputQueue>),
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    counts: Arc<OutputCounts>,
    encoder: EveEncoder,
    sink: FileSink,
    feed: Feed,
    when_full: WhenFull,
    stats_interval: Option<Duration>,
    writes_stats: bool,
    grace: Duration,
    next_stats: Instant,
    last_flush: Instant,
    /// When something was last written, or there was nothing to write.
    last_progress: Instant,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        counts: Arc<OutputCounts>,
        encoder: EveEncoder,
        (sink, feed): (FileSink, Feed),
        config: &EveConfig,
    ) -> Self {
        let now = Instant::now();
        let stats_interval = (config.stats_interval_s > 0).then(|| Duration::from_secs(config.stats_interval_s));
        Self {
            shared,
            counts,
            encoder,
            sink,
            feed,
            when_full: config.when_full,
            stats_interval,
            writes_stats: config.types.contains(&EventType::Stats),
            grace: Duration::from_secs(config.shutdown_grace_s),
            next_stats: now + stats_interval.unwrap_or_default(),
            last_flush: now,
            last_progress: now,
        }
    }

    /// Runs until it is told to close and everything is written, or cannot be written.
    pub(super) fn run(mut self) {
        let mut last_round = false;
        loop {
            // Read before the queues are: what was sent before closing is then seen in this round or a later one.
            let closing = self.is_closing();
            let now = Instant::now();
            if self.is_to_reopen() {
                self.sink.reopen(now, &self.counts);
            }
            self.find_lanes();
            let taken = self.take_events();
            self.stats_if_due(now);
            let progress = self.write_if_due(now, taken == 0 || closing);
            let empty = taken == 0 && !self.sink.is_pending();
            if closing && empty {
                if last_round {
                    break;
                }
                // The last record: the final counts, after all other events are written.
                last_round = true;
                self.write_stats();
                continue;
            }
            if closing && now.duration_since(self.last_progress) > self.grace {
                break;
            }
            if taken == 0 || progress != Progress::Done {
                std::thread::park_timeout(PAUSE);
            }
        }
        self.give_up_rest();
    }

    fn is_closing(&self) -> bool {
        match &self.feed {
            Feed::Lanes(_) => self.shared.closing.load(Ordering::Acquire),
            Feed::Queue(queue) => queue.is_closed(),
        }
    }

    fn is_to_reopen(&self) -> bool {
        match &self.feed {
            Feed::Lanes(_) => self.shared.reopen.swap(false, Ordering::AcqRel),
            Feed::Queue(queue) => queue.reopen.swap(false, Ordering::AcqRel),
        }
    }

    fn find_lanes(&mut self) {
        if let Feed::Lanes(lanes) = &mut self.feed
            && self.shared.lane_count.load(Ordering::Acquire) != lanes.len()
        {
            lanes.append(&mut self.shared.arrivals());
        }
    }

    /// Takes lines until the queues are empty or there is enough to write. Returns how many.
    fn take_events(&mut self) -> usize {
        let Self { feed, sink, .. } = self;
        let mut total = 0;
        loop {
            let mut taken = 0;
            match feed {
                Feed::Lanes(lanes) => {
                    for lane in &*lanes {
                        taken += lane.take_alerts(sink);
                    }
                    for lane in &*lanes {
                        taken += lane.take_others(sink, OTHERS_PER_TURN);
                    }
                }
                Feed::Queue(queue) if !sink.is_full() => {
                    if let Some(parcel) = queue.take() {
                        taken += parcel.ends().len();
                        sink.copy(&parcel);
                    }
                }
                Feed::Queue(_) => {}
            }
            total += taken;
            if taken == 0 || sink.is_full() {
                return total;
            }
        }
    }

    fn stats_if_due(&mut self, now: Instant) {
        let Some(interval) = self.stats_interval.filter(|_| now >= self.next_stats) else { return };
        self.next_stats += interval;
        if self.next_stats < now {
            self.next_stats = now + interval;
        }
        // While nothing can be written, another reading of the same counters is of no use.
        if !self.sink.is_full() {
            self.write_stats();
        }
    }

    fn write_stats(&mut self) {
        // The distributor has its own.
        if !self.writes_stats || matches!(self.feed, Feed::Queue(_)) {
            return;
        }
        let Some(source) = self.shared.stats_source.get() else { return };
        self.shared.own_sent.add(EventType::Stats, 1);
        let reading = source();
        match self.encoder.encode_stats(Timestamp::now(), &reading, self.sink.buffer()) {
            Ok(()) => self.sink.line(EventType::Stats),
            Err(error) => {
                self.shared.own_unmade.add(EventType::Stats, 1);
                self.shared.cannot_encode(&error);
            }
        }
    }

    fn write_if_due(&mut self, now: Instant, idle: bool) -> Progress {
        // A file grows old with nothing to write, too.
        self.sink.rotate_if_idle(now, &self.counts);
        let due = idle || self.sink.is_full() || now.duration_since(self.last_flush) >= FLUSH_AFTER;
        if !due {
            return Progress::Done;
        }
        let before = self.counts.bytes.load(Ordering::Relaxed);
        let progress = self.sink.write_out(now, &self.counts);
        self.last_flush = now;
        if progress == Progress::Done || self.counts.bytes.load(Ordering::Relaxed) != before {
            self.last_progress = now;
            self.counts.progressed(now);
        }
        if progress == Progress::Failed && self.when_full == WhenFull::Wait {
            // Workers wait for this thread: a full disk must not hold them up for ever.
            self.sink.abandon(&self.counts);
        }
        progress
    }

    /// Counts what will never be written.
    fn give_up_rest(&mut self) {
        self.let_go();
        self.find_lanes();
        self.sink.abandon(&self.counts);
        match &self.feed {
            Feed::Lanes(lanes) => {
                for lane in lanes {
                    lane.abandon(self.counts.lost(Loss::Shutdown));
                }
            }
            Feed::Queue(queue) => queue.abandon(),
        }
    }

    /// Nobody may wait for this thread any more.
    fn let_go(&self) {
        if matches!(self.feed, Feed::Lanes(_)) {
            self.shared.given_up.store(true, Ordering::Release);
        }
    }
}

impl Drop for Writer {
    /// Also when the thread panics: a worker that waits for room must not wait for ever.
    fn drop(&mut self) {
        self.let_go();
    }
}
