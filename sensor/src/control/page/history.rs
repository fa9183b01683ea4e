//! What went through, over time: an hour of seconds and a day of minutes, for the page's graphs.

use crate::output::sources::{SocketStatistics, Sources};
use serde::Serialize;
use std::collections::VecDeque;
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds that are kept.
const SECONDS: usize = 3600;
/// Minutes that are kept.
const MINUTES: usize = 1440;

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    /// Milliseconds since 1970.
    time: u64,
    packets: u64,
    bytes: u64,
    lost: u64,
    alerts: u64,
}

impl Reading {
    /// Now.
    pub(super) fn of(sources: &Sources) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ledger = sources.ledger();
        let kernel = sources.workers.iter().filter_map(|worker| worker.kernel.as_ref());
        let sockets = kernel.filter_map(|kernel| kernel().socket);
        Self {
            time: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            packets: ledger.received_packets,
            bytes: ledger.received_bytes,
            lost: sockets.map(|socket: SocketStatistics| socket.lost_packets()).sum(),
            alerts: sources.outputs.alerts().total(),
        }
    }
}

/// What happened in the time before a moment, as rates a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Point {
    /// The moment: milliseconds since 1970.
    pub(super) t: u64,
    /// Bits received a second.
    pub(super) bits: f64,
    /// Packets received a second.
    pub(super) packets: f64,
    /// Packets a second that were lost before the sensor.
    pub(super) lost: f64,
    /// Alerts a second.
    pub(super) alerts: f64,
}

/// Points as columns: what a graph takes.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Columns {
    t: Vec<u64>,
    bits: Vec<f64>,
    packets: Vec<f64>,
    lost: Vec<f64>,
    alerts: Vec<f64>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct History {
    seconds: VecDeque<Point>,
    minutes: VecDeque<Point>,
    last: Option<Reading>,
    /// Where the minute at hand began.
    minute: Option<Reading>,
}

fn between(before: &Reading, now: &Reading) -> Point {
    // A clock that was set must not divide by nothing.
    #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
    let rate = |n: fn(&Reading) -> u64| {
        let seconds = now.time.saturating_sub(before.time).clamp(1, 86_400_000) as f64 / 1e3;
        (n(now).saturating_sub(n(before)) as f64 / seconds * 10.0).round() / 10.0
    };
    Point {
        t: now.time,
        bits: rate(|r| r.bytes.saturating_mul(8)),
        packets: rate(|r| r.packets),
        lost: rate(|r| r.lost),
        alerts: rate(|r| r.alerts),
    }
}

fn keep(points: &mut VecDeque<Point>, most: usize, point: Point) {
    if points.len() >= most {
        points.pop_front();
    }
    points.push_back(point);
}

impl History {
    /// To be called once a second; what happened since the last call, if there was one.
    pub(super) fn add(&mut self, now: Reading) -> Option<Point> {
        let last = self.last.replace(now);
        let minute = *self.minute.get_or_insert(now);
        if now.time / 60_000 != minute.time / 60_000 {
            keep(&mut self.minutes, MINUTES, between(&minute, &now));
            self.minute = Some(now);
        }
        let point = between(&last?, &now);
        keep(&mut self.seconds, SECONDS, point);
        Some(point)
    }

    /// The last hour by seconds, or the last day by minutes.
    pub(super) fn columns(&self, day: bool) -> Columns {
        let points = if day { &self.minutes } else { &self.seconds };
        let mut columns = Columns::default();
        for point in points {
            columns.t.push(point.t);
            columns.bits.push(point.bits);
            columns.packets.push(point.packets);
            columns.lost.push(point.lost);
            columns.alerts.push(point.alerts);
        }
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(second: u64) -> Reading {
        Reading { time: second * 1000, packets: second * 10, bytes: second * 1000, lost: second, alerts: 0 }
    }

    #[test]
    fn rates_of_seconds_and_minutes_are_bounded() {
        let mut history = History::default();
        assert!(history.add(reading(0)).is_none(), "nothing to compare with");
        for second in 1..=100_000 {
            let point = history.add(reading(second)).unwrap();
            assert_eq!((point.bits, point.packets, point.lost), (8000.0, 10.0, 1.0));
        }
        let hour = history.columns(false);
        assert_eq!((hour.t.len(), hour.t[SECONDS - 1]), (SECONDS, 100_000_000));
        let day = history.columns(true);
        assert_eq!(day.t.len(), MINUTES);
        assert!(day.packets.iter().all(|rate| *rate == 10.0) && day.t.windows(2).all(|w| w[1] - w[0] == 60_000));
    }

    #[test]
    fn a_clock_that_goes_back_is_ridden_out() {
        let mut history = History::default();
        history.add(reading(100));
        let point = history.add(Reading { time: 50_000, ..reading(101) }).unwrap();
        assert!(point.packets.is_finite() && point.packets >= 0.0);
    }
}
