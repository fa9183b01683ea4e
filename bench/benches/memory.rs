//! Resident memory with 100,000 open TCP flows, each with its handshake and three data segments either way; fails above the limit.

use sekisho_bench::generate::{Mix, Options, generate};
use sekisho_bench::harness::{self, Bench};
use std::process::ExitCode;

const FLOWS: u32 = 100_000;
/// Whole process, in bytes.
const LIMIT: u64 = 250_000_000;

/// Resident memory of this process in bytes, as the kernel says.
fn resident() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let kb = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kb.map(|kb| kb * 1024).ok_or_else(|| anyhow::anyhow!("/proc/self/status has no VmRSS"))
}

fn main() -> anyhow::Result<ExitCode> {
    let start = resident()?;
    let (engine, rules) = harness::engine(harness::RULES.as_bytes())?;
    let mut bench = Bench::new(engine)?;
    let ready = resident()?;
    let options = Options {
        mix: Mix::Uniform,
        flows: Some(FLOWS.into()),
        frame_size: 512,
        udp_share: 0.0,
        leave_open: true,
        rate: Some(200_000),
        ..Options::default()
    };
    let counts = generate(&options, |time, frame| {
        bench.frame(time, frame);
        Ok(())
    })?;
    let full = resident()?;
    let reading = bench.worker.ledger().read();
    anyhow::ensure!(reading.outcomes[0] == counts.frames, "not every frame was inspected: {reading:?}");
    println!(
        "{FLOWS} open flows, {rules} rules: {:.1} MB resident ({:.1} MB at the start, {:.1} MB before the first packet), {:.0} bytes a flow",
        full as f64 / 1e6,
        start as f64 / 1e6,
        ready as f64 / 1e6,
        full.saturating_sub(ready) as f64 / f64::from(FLOWS)
    );
    println!(
        "limit: {:.0} MB; the generator's own {:.1} MB are counted too",
        LIMIT as f64 / 1e6,
        f64::from(FLOWS) * 48.0 / 1e6
    );
    Ok(if full <= LIMIT { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
