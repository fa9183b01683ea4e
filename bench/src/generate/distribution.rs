//! The few distributions that traffic is drawn from, by inverse transform from a seeded generator.

use fastrand::Rng;

/// Exponential, with this mean: pauses, arrivals of a Poisson process.
pub fn exponential(rng: &mut Rng, mean: f64) -> f64 {
    -mean * (1.0 - rng.f64()).ln()
}

/// Lognormal, by its median and the deviation of the logarithm: sizes of pages, pictures and mails.
pub fn lognormal(rng: &mut Rng, median: f64, sigma: f64) -> f64 {
    // Box and Muller; one of the two values is enough.
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    median * (sigma * radius * (std::f64::consts::TAU * rng.f64()).cos()).exp()
}

/// Pareto, from its least value: lengths of downloads. A `shape` near 1 makes the few largest carry most bytes.
pub fn pareto(rng: &mut Rng, least: f64, shape: f64) -> f64 {
    least / (1.0 - rng.f64()).powf(1.0 / shape)
}

/// A whole number of a distribution's value, cut to `least` and `most`.
pub fn within(value: f64, least: u64, most: u64) -> u64 {
    (value as u64).clamp(least, most)
}

/// Ranks drawn by Zipf's law: rank `r` as often as `1 / (r + 1)`.
#[derive(Debug)]
pub struct Zipf {
    cumulative: Vec<f64>,
}

impl Zipf {
    /// For ranks 0 to `ranks - 1`.
    pub fn new(ranks: usize) -> Self {
        let mut total = 0.0;
        let cumulative = (1..=ranks)
            .map(|rank| {
                total += 1.0 / rank as f64;
                total
            })
            .collect();
        Self { cumulative }
    }

    /// One rank.
    pub fn rank(&self, rng: &mut Rng) -> usize {
        let at = rng.f64() * self.cumulative.last().copied().unwrap_or(0.0);
        self.cumulative.partition_point(|&c| c <= at).min(self.cumulative.len().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(n: u32, mut value: impl FnMut(&mut Rng) -> f64) -> f64 {
        let mut rng = Rng::with_seed(1);
        (0..n).map(|_| value(&mut rng)).sum::<f64>() / f64::from(n)
    }

    #[test]
    fn means_are_those_of_the_distributions() {
        assert!((mean(100_000, |r| exponential(r, 5.0)) - 5.0).abs() < 0.1);
        // exp(sigma² / 2) times the median.
        assert!((mean(200_000, |r| lognormal(r, 100.0, 0.5)) - 113.3).abs() < 1.0);
        // shape / (shape - 1) times the least.
        assert!((mean(200_000, |r| pareto(r, 10.0, 3.0)) - 15.0).abs() < 0.2);
    }

    #[test]
    fn the_first_rank_is_twice_as_frequent_as_the_second() {
        let zipf = Zipf::new(50);
        let mut rng = Rng::with_seed(1);
        let mut seen = [0_u32; 50];
        for _ in 0..100_000 {
            seen[zipf.rank(&mut rng)] += 1;
        }
        assert!((f64::from(seen[0]) / f64::from(seen[1]) - 2.0).abs() < 0.1, "{seen:?}");
        assert!(seen[49] > 0);
    }
}
