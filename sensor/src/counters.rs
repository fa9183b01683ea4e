//! Counters that cost the packet path one addition.
//!
//! Each module counts in a plain struct of `u64` that its worker owns. Once a batch the worker copies the values into a
//! [`Published`] block of atomics, which the metrics read at scrape. Names and help texts are declared once, with the field.

use crate::histogram::Histogram;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A counter's name as a metric (`sekisho_` goes before it) and its help text.
#[derive(Clone, Copy, Debug)]
pub struct CounterInfo {
    /// Snake case, base units, `_total` at the end for counters; gauges have no suffix.
    pub name: &'static str,
    /// One sentence.
    pub help: &'static str,
}

impl CounterInfo {
    /// Gauges go up and down; all else only grows.
    #[must_use]
    pub fn is_gauge(&self) -> bool {
        !self.name.ends_with("_total")
    }
}

/// A module's counters, as [`counters!`](crate::counters!) makes them.
pub trait CounterSet {
    /// Name and help of each value, in order.
    const INFO: &'static [CounterInfo];
    /// Writes the values in the order of `INFO`. `out` is as long as `INFO`.
    fn write(&self, out: &mut [u64]);
}

/// Declares a struct of counters.
///
/// ```
/// sekisho::counters! {
///     /// What the example counts.
///     pub struct ExampleCounters {
///         /// Widgets that were seen.
///         widgets => "example_widgets_total",
///     }
/// }
/// let mut c = ExampleCounters::default();
/// c.widgets += 1;
/// ```
#[macro_export]
macro_rules! counters {
    ($(#[$outer:meta])* pub struct $name:ident { $( $(#[doc = $help:literal])+ $field:ident => $metric:literal, )* }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name { $( $(#[doc = $help])+ pub $field: u64, )* }

        impl $crate::counters::CounterSet for $name {
            const INFO: &'static [$crate::counters::CounterInfo] = &[
                $( $crate::counters::CounterInfo { name: $metric, help: concat!($($help),+) }, )*
            ];
            fn write(&self, out: &mut [u64]) {
                let values = [$( self.$field ),*];
                out.copy_from_slice(&values);
            }
        }
    };
}

/// One worker's counters as others may read them. One writer, relaxed stores.
#[derive(Debug)]
pub struct Published {
    values: Box<[AtomicU64]>,
}

impl Published {
    /// A block of `len` zeros.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Self { values: (0..len).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Stores `set` from `start` on and returns where the next set goes.
    pub fn publish<S: CounterSet>(&self, start: usize, set: &S, scratch: &mut [u64]) -> usize {
        let len = S::INFO.len();
        set.write(&mut scratch[..len]);
        for (slot, value) in self.values[start..start + len].iter().zip(&scratch[..len]) {
            slot.store(*value, Ordering::Relaxed);
        }
        start + len
    }

    /// Stores plain values from `start` on and returns where the next ones go. What lies beyond the block is left out.
    pub fn publish_values(&self, start: usize, values: &[u64]) -> usize {
        for (slot, value) in self.values.iter().skip(start).zip(values) {
            slot.store(*value, Ordering::Relaxed);
        }
        start + values.len()
    }

    /// The values now.
    #[must_use]
    pub fn read(&self) -> Vec<u64> {
        self.values.iter().map(|v| v.load(Ordering::Relaxed)).collect()
    }
}

/// Packets of a batch: powers of two, so that a worker that lags behind shows as full batches.
const BATCH_PACKETS: [u64; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
/// Time of a batch in nanoseconds, from 1 us to 100 ms.
const BATCH_NS: [u64; 11] =
    [1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000, 25_000_000, 100_000_000];

/// How a worker spends its time. One writer, relaxed stores.
#[derive(Debug)]
#[repr(align(128))]
pub struct WorkerTime {
    busy_ns: AtomicU64,
    idle_ns: AtomicU64,
    /// Packets that the worker took at once.
    pub batch_packets: Histogram,
    /// Nanoseconds that a batch took, from taking its packets to being done with all of them.
    pub batch_ns: Histogram,
}

impl Default for WorkerTime {
    fn default() -> Self {
        Self {
            busy_ns: AtomicU64::new(0),
            idle_ns: AtomicU64::new(0),
            batch_packets: Histogram::new(&BATCH_PACKETS),
            batch_ns: Histogram::new(&BATCH_NS),
        }
    }
}

impl WorkerTime {
    /// Counts a batch that was not empty. Its time is that of the clock's readings for [`add`](Self::add).
    pub fn batch(&self, packets: u64, took: Duration) {
        self.batch_packets.observe(packets);
        self.batch_ns.observe(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Adds time with packets at hand, and time without. The worker takes both from the clock that it reads once a batch.
    pub fn add(&self, busy: Duration, idle: Duration) {
        for (counter, time) in [(&self.busy_ns, busy), (&self.idle_ns, idle)] {
            let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            counter.store(counter.load(Ordering::Relaxed).wrapping_add(ns), Ordering::Relaxed);
        }
    }

    /// Busy and idle time until now.
    #[must_use]
    pub fn read(&self) -> (Duration, Duration) {
        let read = |counter: &AtomicU64| Duration::from_nanos(counter.load(Ordering::Relaxed));
        (read(&self.busy_ns), read(&self.idle_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_values_go_where_they_should_and_no_further() {
        let block = Published::new(3);
        assert_eq!(block.publish_values(1, &[7, 8, 9]), 4);
        assert_eq!(block.read(), [0, 7, 8]);
    }

    #[test]
    fn worker_time_adds_up() {
        let time = WorkerTime::default();
        time.add(Duration::from_millis(2), Duration::ZERO);
        time.add(Duration::from_millis(1), Duration::from_secs(1));
        assert_eq!(time.read(), (Duration::from_millis(3), Duration::from_secs(1)));
    }
}
