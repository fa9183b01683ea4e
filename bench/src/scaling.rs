//! Throughput by number of workers: each pinned to a processor, fed from memory of its own, sharing with the others what the workers
//! of one sensor share and nothing more.
//!
//! Flows are shared out as a NIC with symmetric RSS would. How evenly that shares out a capture's bytes is a property of the capture, and told by itself
//! (`largest_share`); what is measured is how fast the workers are while all of them have work. So each goes
//! through its part over and over, with a new start each time, until the time is up.

use crate::held::Held;
use crate::rss::queue_of;
use crate::sensor::{BATCH, Sensor};
use anyhow::Context;
use core_affinity::CoreId;
use sekisho::worker::Worker;
use serde::Serialize;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Capture time between two passes: more than any time-out.
const PAUSE_NS: u64 = 24 * 3600 * 1_000_000_000;

/// What one number of workers did.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// Workers.
    pub workers: u16,
    /// From the moment when all were warm.
    pub seconds: f64,
    /// Frames of all workers.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// A second, of all workers.
    pub packets_per_second: f64,
    /// A second, of all workers.
    pub bits_per_second: f64,
    /// Against the first point, by workers: 1 is linear.
    pub linear: f64,
    /// Frames a second of the slowest and of the fastest worker.
    pub per_worker: [f64; 2],
    /// The largest part of the capture's bytes that one worker got; 1 / workers is even.
    pub largest_share: f64,
}

/// The processors that this process may use, in the order in which workers get them.
///
/// # Errors
/// The system does not say.
pub fn processors() -> anyhow::Result<Vec<CoreId>> {
    core_affinity::get_core_ids()
        .filter(|ids| !ids.is_empty())
        .context("the system does not say which processors may be used")
}

/// The capture's frames by worker.
#[must_use]
pub fn shares(held: &Held, workers: u16) -> Vec<Held> {
    let mut shares = vec![Held::default(); usize::from(workers.max(1))];
    for frame in held.batches(BATCH, 0).flatten() {
        if let Some(share) = shares.get_mut(queue_of(&frame, usize::from(workers))) {
            share.push(&frame);
        }
    }
    shares
}

/// Runs so many workers for this time.
///
/// # Errors
/// There are fewer processors than workers, or a worker failed or got no frame.
pub fn run(sensor: &Sensor, held: &Held, workers: u16, duration: Duration) -> anyhow::Result<Point> {
    let processors = processors()?;
    anyhow::ensure!(
        usize::from(workers) <= processors.len(),
        "{workers} workers need as many processors; this process may use {}",
        processors.len()
    );
    let shares = shares(held, workers);
    let largest = shares.iter().map(Held::bytes).max().unwrap_or(0);
    let empty = shares.iter().filter(|share| share.is_empty()).count();
    anyhow::ensure!(empty == 0, "{empty} of {workers} workers get no flow of this capture: it needs more flows");
    let (made, outputs) = sensor.workers(workers, None)?;
    let (ready, stop) = (Barrier::new(usize::from(workers) + 1), AtomicBool::new(false));
    let mut counts = Vec::new();
    let mut seconds = 0.0;
    std::thread::scope(|scope| -> anyhow::Result<()> {
        let mut threads = Vec::new();
        for ((worker, share), processor) in made.into_iter().zip(shares).zip(processors) {
            let (ready, stop) = (&ready, &stop);
            threads.push(scope.spawn(move || {
                let pinned = core_affinity::set_for_current(processor);
                // Memory is that of the processor that first touches it.
                let own = share.clone();
                drop(share);
                let count = go(worker, &own, ready, stop);
                pinned.then_some(count)
            }));
        }
        ready.wait();
        let started = Instant::now();
        std::thread::sleep(duration);
        stop.store(true, Ordering::Relaxed);
        for thread in threads {
            let count = thread.join().ok().context("a worker failed; its last words are above")?;
            counts.push(count.context("a worker could not be pinned")?);
        }
        seconds = started.elapsed().as_secs_f64();
        Ok(())
    })?;
    drop(outputs);
    let rates = || counts.iter().map(|count| count.packets as f64 / count.seconds.max(1e-9));
    let bits = counts.iter().map(|count| 8.0 * count.bytes as f64 / count.seconds.max(1e-9)).sum();
    Ok(Point {
        workers,
        seconds,
        packets: counts.iter().map(|count| count.packets).sum(),
        bytes: counts.iter().map(|count| count.bytes).sum(),
        packets_per_second: rates().sum(),
        bits_per_second: bits,
        linear: 1.0,
        per_worker: [rates().fold(f64::INFINITY, f64::min), rates().fold(0.0, f64::max)],
        largest_share: largest as f64 / held.bytes().max(1) as f64,
    })
}

/// Runs each number of workers `runs` times, in turns; of each number the run in the middle, compared with the first number.
///
/// # Errors
/// As [`run`].
pub fn medians(
    sensor: &Sensor,
    held: &Held,
    workers: &[u16],
    duration: Duration,
    runs: u32,
) -> anyhow::Result<Vec<Point>> {
    let mut points: Vec<Vec<Point>> = vec![Vec::new(); workers.len()];
    for _ in 0..runs.max(1) {
        for (&workers, points) in workers.iter().zip(&mut points) {
            points.push(run(sensor, held, workers, duration)?);
        }
    }
    let middle = |mut points: Vec<Point>| {
        points.sort_by(|a, b| a.packets_per_second.total_cmp(&b.packets_per_second));
        let middle = points.len() / 2;
        (middle < points.len()).then(|| points.swap_remove(middle))
    };
    let mut medians: Vec<Point> = points.into_iter().filter_map(middle).collect();
    compare(&mut medians);
    Ok(medians)
}

/// Compares each point with the first.
pub fn compare(points: &mut [Point]) {
    let Some(first) = points.first().cloned() else { return };
    let one = first.packets_per_second / f64::from(first.workers.max(1));
    for point in points {
        point.linear = point.packets_per_second / (one * f64::from(point.workers.max(1))).max(1e-9);
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    packets: u64,
    bytes: u64,
    seconds: f64,
}

/// One worker: once through its part to be warm, and then over and over until `stop`.
fn go(mut worker: Worker, share: &Held, ready: &Barrier, stop: &AtomicBool) -> Count {
    let mut count = Count::default();
    let mut pass = 0;
    once(&mut worker, share, 0, &AtomicBool::new(false), &mut Count::default());
    ready.wait();
    let started = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        pass += 1;
        once(&mut worker, share, pass * (share.duration_ns() + PAUSE_NS), stop, &mut count);
    }
    count.seconds = started.elapsed().as_secs_f64();
    count
}

/// All frames of the part, and the end of its flows.
fn once(worker: &mut Worker, share: &Held, later_ns: u64, stop: &AtomicBool, count: &mut Count) {
    for batch in share.batches(BATCH, later_ns) {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let mut now = None;
        for frame in batch {
            now = Some(frame.ts);
            count.packets += 1;
            count.bytes += frame.data.len() as u64;
            worker.frame(&frame);
        }
        now.into_iter().for_each(|now| worker.batch_end(now));
    }
    worker.finish();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{Options, generate};
    use crate::sensor::SensorArguments;
    use clap::Parser;
    use sekisho::decode::{Frame, LinkType};
    use sekisho::time::Timestamp;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        sensor: SensorArguments,
    }

    fn office(flows: u64) -> Held {
        let options = Options { flows: Some(flows), ..Options::default() };
        let mut held = Held::default();
        generate(&options, |time, data| {
            let wire_len = data.len() as u32;
            held.push(&Frame { ts: Timestamp(time), number: 1, interface: 0, link: LinkType(1), data, wire_len });
            Ok(())
        })
        .unwrap();
        held
    }

    #[test]
    fn every_frame_is_one_workers() {
        let held = office(200);
        let shares = shares(&held, 5);
        assert_eq!(shares.iter().map(Held::len).sum::<usize>(), held.len());
        assert!(shares.iter().all(|share| !share.is_empty()));
    }

    #[test]
    fn a_worker_alone_runs_for_the_time() {
        let sensor = Sensor::new(&Line::parse_from(["sekisho-bench"]).sensor).unwrap();
        let point = run(&sensor, &office(200), 1, Duration::from_millis(50)).unwrap();
        assert!(point.packets > 0 && point.bytes > point.packets * 54, "{point:?}");
        assert!((0.05..5.0).contains(&point.seconds), "{point:?}");
        assert!((point.largest_share - 1.0).abs() < 1e-9);
        let too_many = processors().unwrap().len() as u16 + 1;
        assert!(run(&sensor, &office(50), too_many, Duration::ZERO).is_err());
    }

    #[test]
    fn linear_is_against_the_first_point() {
        let point = |workers, packets_per_second| Point {
            workers,
            seconds: 1.0,
            packets: 0,
            bytes: 0,
            packets_per_second,
            bits_per_second: 0.0,
            linear: 0.0,
            per_worker: [0.0; 2],
            largest_share: 1.0,
        };
        let mut points = [point(1, 100.0), point(2, 190.0), point(4, 400.0)];
        compare(&mut points);
        let linear = points.map(|p| (p.linear * 100.0).round() as u32);
        assert_eq!(linear, [100, 95, 100]);
    }
}
