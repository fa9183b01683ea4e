//! Counters that cost the packet path one addition.
//!
//! Each module counts in a plain struct of `u64` that its worker owns. Once a batch the worker copies the values into a
//! [`Published`] block of atomics, which the metrics read at scrape. Names and help texts are declared once, with the field.

use std::sync::atomic::{AtomicU64, Ordering};

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

    /// Stores plain values from `start` on and returns where the next ones go.
    pub fn publish_values(&self, start: usize, values: &[u64]) -> usize {
        for (slot, value) in self.values[start..].iter().zip(values) {
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
