//! A histogram with one writer: how often a value fell between which bounds.
//!
//! The packet path pays a short search and two stores, once a batch; it never allocates. Readers get Prometheus' form,
//! in which each bucket holds what is at most its bound.

use std::sync::atomic::{AtomicU64, Ordering};

/// See the module. Values are whole numbers in whatever unit its bounds have.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One for each bound, and one for what is above all of them.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// A histogram at one moment, in Prometheus' form.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistogramReading {
    /// Upper bound in base units, and how many values were at most that.
    pub buckets: Vec<(f64, u64)>,
    /// All values.
    pub count: u64,
    /// Their sum in base units.
    pub sum: f64,
}

impl HistogramReading {
    /// With what another one counted; both have the same bounds.
    pub fn add(&mut self, other: &Self) {
        if self.buckets.is_empty() {
            self.buckets.clone_from(&other.buckets);
        } else {
            for ((_, count), (_, more)) in self.buckets.iter_mut().zip(&other.buckets) {
                *count += more;
            }
        }
        self.count += other.count;
        self.sum += other.sum;
    }
}

impl Histogram {
    /// An empty one. `bounds` grow.
    #[must_use]
    pub fn new(bounds: &'static [u64]) -> Self {
        Self { bounds, counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(), sum: AtomicU64::new(0) }
    }

    /// Counts one value. Only its one writer may.
    pub fn observe(&self, value: u64) {
        let at = self.bounds.iter().position(|bound| value <= *bound).unwrap_or(self.bounds.len());
        if let Some(count) = self.counts.get(at) {
            count.store(count.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        }
        self.sum.store(self.sum.load(Ordering::Relaxed).wrapping_add(value), Ordering::Relaxed);
    }

    /// What was counted so far. `unit` is how much of the base unit a value's one is: 1e-9 for nanoseconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "metrics are floating point")]
    pub fn read(&self, unit: f64) -> HistogramReading {
        let mut count = 0;
        let mut buckets = Vec::with_capacity(self.bounds.len());
        for (at, slot) in self.counts.iter().enumerate() {
            count += slot.load(Ordering::Relaxed);
            if let Some(bound) = self.bounds.get(at) {
                buckets.push((*bound as f64 * unit, count));
            }
        }
        HistogramReading { buckets, count, sum: self.sum.load(Ordering::Relaxed) as f64 * unit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_in_every_bucket_that_it_does_not_exceed() {
        let histogram = Histogram::new(&[1, 4, 16]);
        for value in [0, 1, 2, 4, 5, 17, 1000] {
            histogram.observe(value);
        }
        let reading = histogram.read(0.5);
        assert_eq!(reading.buckets, [(0.5, 2), (2.0, 4), (8.0, 5)]);
        assert_eq!((reading.count, reading.sum), (7, 514.5));
    }

    #[test]
    fn two_add_up() {
        let histogram = Histogram::new(&[1, 4]);
        histogram.observe(3);
        let mut sum = HistogramReading::default();
        sum.add(&histogram.read(1.0));
        sum.add(&histogram.read(1.0));
        assert_eq!((sum.buckets, sum.count, sum.sum), (vec![(1.0, 0), (4.0, 2)], 2, 6.0));
    }
}
