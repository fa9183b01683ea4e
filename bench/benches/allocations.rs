//! Counts what the packet path allocates in the steady state, and fails when that is not nothing.
//!
//! A worker sees traffic, so that its tables and pools grow to what the traffic needs. Time passes until the flows have
//! ended. Then it sees the same traffic again, as new flows, and every allocation is counted. What this leaves out on purpose:
//! the table of thresholds grows with each address that a rule counts by, up to its limit, and keeps what it has grown to.
//!
//! `cargo bench -p sekisho-bench --bench allocations -- --trace 3` prints where the first three come from.
#![expect(unsafe_code, reason = "a global allocator can only be written with it")]

use sekisho_bench::generate::{Mix, Options, generate};
use sekisho_bench::harness::{self, Bench, Traffic};
use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::io::Read;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

struct Counting;

static ON: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
static TRACES: AtomicU64 = AtomicU64::new(0);

fn count(layout: Layout) {
    if !ON.load(Relaxed) {
        return;
    }
    ALLOCATIONS.fetch_add(1, Relaxed);
    BYTES.fetch_add(layout.size() as u64, Relaxed);
    if TRACES.load(Relaxed) > 0 {
        // Printing allocates too, and must not be counted.
        ON.store(false, Relaxed);
        TRACES.fetch_sub(1, Relaxed);
        eprintln!("{} bytes\n{}", layout.size(), Backtrace::force_capture());
        ON.store(true, Relaxed);
    }
}

// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout);
        // SAFETY: the caller's promises are those that System asks for.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(layout);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn traffic(mix: Mix) -> anyhow::Result<Traffic> {
    let options = Options {
        mix,
        flows: Some(5_000),
        segments: Some(6),
        frame_size: 1_000,
        marker: Some(harness::MARKER.into()),
        marker_share: 0.01,
        rate: Some(50_000),
        ..Options::default()
    };
    let mut traffic = Traffic::default();
    generate(&options, |time, frame| {
        traffic.push(time, frame);
        Ok(())
    })?;
    Ok(traffic)
}

/// A capture file of Ethernet frames, when one is named on the command line.
fn capture(path: &str) -> anyhow::Result<Traffic> {
    let mut traffic = Traffic::default();
    sekisho_bench::capture::read(path.as_ref(), |frame| {
        traffic.push(frame.ts.0, frame.data);
        Ok(())
    })?;
    Ok(traffic)
}

/// Feeds it twice; tells whether the second time allocated nothing.
fn measure(name: &str, rules: &[u8], mut traffic: Traffic, traces: u64) -> anyhow::Result<bool> {
    let (engine, rule_count) = harness::engine(rules)?;
    let mut bench = Bench::new(engine)?;
    // Twice, since a flow's end gives back in another order what the next round takes.
    for round in 1..=3 {
        let counted = round == 3;
        if counted {
            ALLOCATIONS.store(0, Relaxed);
            BYTES.store(0, Relaxed);
            TRACES.store(traces, Relaxed);
            ON.store(true, Relaxed);
        }
        traffic.feed(&mut bench);
        ON.store(false, Relaxed);
        bench.idle(traffic.last(), 1_200);
        traffic.later(7_200 * 1_000_000_000);
    }
    let (allocations, packets) = (ALLOCATIONS.load(Relaxed), traffic.len());
    println!(
        "{name}, {rule_count} rules: {allocations} allocations ({} bytes) in {packets} packets, {:.6} a packet",
        BYTES.load(Relaxed),
        allocations as f64 / packets as f64
    );
    Ok(allocations == 0)
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let traces =
        arguments.iter().position(|a| a == "--trace").and_then(|at| arguments.get(at + 1)).and_then(|n| n.parse().ok());
    let traces = traces.unwrap_or(0);
    let file = arguments.iter().find(|a| a.contains("pcap"));

    let mut none = measure("uniform", harness::RULES.as_bytes(), traffic(Mix::Uniform)?, traces)?;
    none &= measure("streams", harness::RULES.as_bytes(), traffic(Mix::Streams)?, traces)?;
    if let Some(path) = file {
        none &= measure(path, harness::RULES.as_bytes(), capture(path)?, traces)?;
    }
    match harness::et_open() {
        Some(path) => {
            let mut rules = Vec::new();
            zstd::Decoder::new(std::fs::File::open(path)?)?.read_to_end(&mut rules)?;
            none &= measure("streams, ET Open", &rules, traffic(Mix::Streams)?, traces)?;
        }
        None => println!("ET Open skipped: ../shared is not there"),
    }
    Ok(if none { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
