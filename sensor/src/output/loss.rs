//! Capture loss that no counter of a NIC shows: a mirror port that is full, a switch that drops.
//!
//! A receiver that acknowledges bytes has got them. Where the sensor never saw them, though it sees both sides of the connection, they were lost
//! on the way to it. Of each minute, the share of such bytes in all that should have come is the estimate. Connections of which only one side
//! is seen are no loss, and counted by themselves; those that began before the sensor did, and what lies behind `stream.depth_bytes`, are
//! not looked at.
//!
//! The running sensor takes a reading now and then ([`LossWatch::tick`]); who asks gets the difference to the oldest of the last minute.

use super::sources::{Block, Sample, WorkerSource};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How far back the estimate looks.
const SPAN: Duration = Duration::from_secs(60);
/// Time between two readings that are kept.
const STEP: Duration = Duration::from_secs(5);

/// One worker's counters: bytes that came and bytes that were lost, handshakes with two sides and with one.
type Reading = [u64; 4];
const NAMES: [&str; 4] = [
    "stream_two_sided_bytes_total",
    "stream_lost_bytes_total",
    "stream_two_sided_handshakes_total",
    "stream_one_sided_handshakes_total",
];

/// The last minute's readings.
#[derive(Debug, Default)]
pub struct LossWatch {
    readings: Mutex<VecDeque<(Instant, Vec<Reading>)>>,
}

/// What the mirror delivers, as far as it can be told from the traffic: of the last minute, or since the start if that is less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MirrorStatus {
    /// Share of TCP bytes that never came, 0 to 1.
    pub loss_ratio: f64,
    /// Bytes that never came.
    pub lost_bytes: u64,
    /// Share of TCP connections of which only one side is seen, 0 to 1.
    pub one_sided_ratio: f64,
    /// Handshakes that this rests on.
    pub handshakes: u64,
}

impl MirrorStatus {
    #[expect(clippy::cast_precision_loss, reason = "shares")]
    fn of([came, lost, two, one]: Reading) -> Self {
        let share = |part: u64, rest: u64| if part == 0 { 0.0 } else { part as f64 / part.saturating_add(rest) as f64 };
        Self {
            loss_ratio: share(lost, came),
            lost_bytes: lost,
            one_sided_ratio: share(one, two),
            handshakes: one.saturating_add(two),
        }
    }
}

/// A worker's counters that matter here; 0 for what it does not count.
fn read(layout: &[Block], worker: &WorkerSource) -> Reading {
    let values = worker.counters.read();
    let mut reading = Reading::default();
    let mut at = 0;
    for block in layout {
        if let Block::Counters(info) = block {
            for (info, value) in info.iter().zip(values.iter().skip(at)) {
                if let Some(place) = NAMES.iter().position(|name| *name == info.name) {
                    reading[place] = *value;
                }
            }
        }
        at += block.len();
    }
    reading
}

impl LossWatch {
    /// Takes a reading if the last one is old enough. To be called every second or so.
    pub fn tick(&self, layout: &[Block], workers: &[WorkerSource], now: Instant) {
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        if readings.back().is_some_and(|(at, _)| now.saturating_duration_since(*at) < STEP) {
            return;
        }
        readings.push_back((now, workers.iter().map(|worker| read(layout, worker)).collect()));
        while readings.get(1).is_some_and(|(at, _)| now.saturating_duration_since(*at) >= SPAN) {
            readings.pop_front();
        }
    }

    /// What each worker counted in the last minute.
    fn last_minute(&self, layout: &[Block], workers: &[WorkerSource]) -> Vec<Reading> {
        let mut now: Vec<Reading> = workers.iter().map(|worker| read(layout, worker)).collect();
        let readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, before)) = readings.front() {
            for (now, before) in now.iter_mut().zip(before) {
                for (now, before) in now.iter_mut().zip(before) {
                    *now = now.saturating_sub(*before);
                }
            }
        }
        now
    }

    /// For `/metrics`.
    #[must_use]
    pub fn samples(&self, layout: &[Block], workers: &[WorkerSource]) -> Vec<Sample> {
        let mut samples = Vec::new();
        for (worker, reading) in workers.iter().zip(self.last_minute(layout, workers)) {
            let status = MirrorStatus::of(reading);
            for (name, help, value) in [
                (
                    "capture_loss_ratio",
                    "Share of TCP bytes of the last minute that never came here, though their receiver acknowledged them; 0 if none was expected.",
                    status.loss_ratio,
                ),
                (
                    "capture_one_sided_ratio",
                    "Share of TCP connections of the last minute of which only one side is seen; 0 if there was none.",
                    status.one_sided_ratio,
                ),
            ] {
                let sample = Sample::gauge(name, help, value);
                samples.push(sample.label("interface", &worker.interface).label("queue", worker.queue.to_string()));
            }
        }
        samples
    }

    /// All workers together.
    #[must_use]
    pub fn status(&self, layout: &[Block], workers: &[WorkerSource]) -> MirrorStatus {
        let mut sum = Reading::default();
        for reading in self.last_minute(layout, workers) {
            for (sum, n) in sum.iter_mut().zip(reading) {
                *sum = sum.saturating_add(n);
            }
        }
        MirrorStatus::of(sum)
    }
}

/// A sentence for each thing that is wrong with the mirror; nothing where all is well.
impl fmt::Display for MirrorStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Less is no more than what connections that break off leave behind.
        const LOSS: f64 = 0.0005;
        const ONE_SIDED: f64 = 0.5;
        const HANDSHAKES: u64 = 16;
        if self.loss_ratio >= LOSS {
            writeln!(
                f,
                "  CAPTURE LOSS of {:.2} % in the last minute: TCP bytes that their receivers acknowledged never came here. A full mirror port \
                 or a switch drops them, or a ring of this host (see below).",
                self.loss_ratio * 100.0
            )?;
        }
        if self.one_sided_ratio >= ONE_SIDED && self.handshakes >= HANDSHAKES {
            writeln!(
                f,
                "  ONLY ONE DIRECTION is seen of {:.0} % of the TCP connections of the last minute: the mirror sends only ingress or only egress, \
                 the routes differ by direction, or a connection's directions come to different queues (`sekisho doctor`). Mirror both, or \
                 set stream.one_sided = \"auto\".",
                self.one_sided_ratio * 100.0
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::Published;
    use std::sync::Arc;

    crate::counters! {
        /// As the stream engine has them.
        pub struct Counted {
            /// .
            other => "other_total",
            /// .
            came => "stream_two_sided_bytes_total",
            /// .
            lost => "stream_lost_bytes_total",
            /// .
            two => "stream_two_sided_handshakes_total",
            /// .
            one => "stream_one_sided_handshakes_total",
        }
    }

    fn worker() -> WorkerSource {
        WorkerSource {
            interface: "eth0".into(),
            queue: 3,
            ledger: Arc::default(),
            counters: Arc::new(Published::new(7)),
            time: None,
            kernel: None,
        }
    }

    #[test]
    fn the_names_are_those_that_workers_count() {
        let layout = crate::worker::Worker::layout();
        let counted = layout.iter().filter_map(|block| match block {
            Block::Counters(info) => Some(info.iter().map(|info| info.name)),
            Block::Labelled { .. } => None,
        });
        let counted: Vec<&str> = counted.flatten().collect();
        assert!(NAMES.iter().all(|name| counted.contains(name)));
    }

    #[test]
    fn the_last_minute_is_what_counts() {
        let before = Block::Labelled { name: "x_total", help: "", label: "x", values: vec!["a", "b"] };
        let layout = [before, Block::of::<Counted>()];
        let workers = [worker()];
        let watch = LossWatch::default();
        let start = Instant::now();
        let count = |came, lost, two, one| {
            let _ = workers[0].counters.publish(2, &Counted { other: 9, came, lost, two, one }, &mut [0; 5]);
        };
        count(900, 100, 10, 30);
        let status = watch.status(&layout, &workers);
        assert_eq!(status, MirrorStatus { loss_ratio: 0.1, lost_bytes: 100, one_sided_ratio: 0.75, handshakes: 40 });
        // Two minutes in which nothing is lost.
        for second in 0..120 {
            count(1000 + second, 100, 10, 30);
            watch.tick(&layout, &workers, start + Duration::from_secs(second));
        }
        assert!(watch.readings.lock().unwrap().len() <= 14);
        assert_eq!(watch.status(&layout, &workers).loss_ratio, 0.0);
        count(1219, 200, 10, 30);
        let samples = watch.samples(&layout, &workers);
        assert_eq!((samples.len(), samples[0].name.as_ref()), (2, "capture_loss_ratio"));
        // 100 s came in the last minute, and 60 s of single bytes.
        assert!((0.35..0.45).contains(&samples[0].value), "{samples:?}");
        assert_eq!(samples[0].labels, [("interface", "eth0".to_owned()), ("queue", "3".to_owned())]);
    }

    #[test]
    fn what_is_wrong_is_said_and_nothing_else() {
        let well = MirrorStatus { loss_ratio: 0.0001, lost_bytes: 60, one_sided_ratio: 0.2, handshakes: 1000 };
        assert_eq!(well.to_string(), "");
        let few = MirrorStatus { one_sided_ratio: 1.0, handshakes: 3, ..MirrorStatus::default() };
        assert_eq!(few.to_string(), "");
        let bad =
            MirrorStatus { loss_ratio: 0.0213, lost_bytes: 1, one_sided_ratio: 0.97, handshakes: 100 }.to_string();
        assert!(
            bad.contains("CAPTURE LOSS of 2.13 %") && bad.contains("of 97 %") && bad.contains("one_sided"),
            "{bad}"
        );
        assert_eq!(bad.lines().count(), 2);
    }
}
