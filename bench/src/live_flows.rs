//! Throughput and memory with many flows alive: all are opened first, then each gets data in its turn, the order that is worst for caches.
//!
//! Traffic is made while it runs, a chunk at a time, and only the sensor's part is timed: the clock is read once a chunk. So
//! memory is the sensor's, but for the generator's 48 bytes a flow.

use crate::generate::{Mix, Options, generate};
use crate::held::Held;
use crate::sensor::{BATCH, Sensor};
use anyhow::Context;
use sekisho::control::pcap::resident_bytes;
use sekisho::decode::{Frame, LinkType};
use sekisho::output::sources::Block;
use sekisho::time::Timestamp;
use sekisho::worker::Worker;
use serde::Serialize;
use std::time::{Duration, Instant};

/// Frames that are made at a time.
const CHUNK: usize = 4096;

/// What came of it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Figures {
    /// Flows alive, all TCP.
    pub flows: u32,
    /// Frames of handshakes a second.
    pub setup_packets_per_second: f64,
    /// Frames with data, and their bytes, while all flows are alive.
    pub packets: u64,
    /// See `packets`.
    pub bytes: u64,
    /// Those a second.
    pub packets_per_second: f64,
    /// Those a second.
    pub bits_per_second: f64,
    /// Resident memory of the process before the first frame.
    pub ready_rss_bytes: u64,
    /// With all flows alive, after the last frame.
    pub rss_bytes: u64,
    /// Flows that the sensor had to give up for want of room. Anything but 0 spoils the figures.
    pub evicted: u64,
}

/// Opens `flows` flows and sends them about `packets` frames of `frame_size` bytes.
///
/// # Errors
/// The sensor cannot be made.
pub fn run(sensor: &Sensor, flows: u32, packets: u64, frame_size: u16) -> anyhow::Result<Figures> {
    let options = Options {
        mix: Mix::Uniform,
        flows: Some(flows.into()),
        segments: Some(u32::try_from(packets.div_ceil(2 * u64::from(flows.max(1))))?.max(1)),
        frame_size,
        udp_share: 0.0,
        leave_open: true,
        // All of it lies within a few seconds of the capture's time, so that no flow times out.
        rate: Some(2_000_000),
        ..Options::default()
    };
    let (worker, outputs) = sensor.worker(None)?;
    let ready_rss_bytes = resident_bytes().context("/proc/self/status has no VmRSS")?;
    let mut feeder = Feeder { worker, chunk: Held::default(), phases: [Phase::default(); 2] };
    let setup = 3 * u64::from(flows);
    let mut made = 0;
    generate(&options, |time, data| {
        let wire_len = data.len() as u32;
        feeder.chunk.push(&Frame { ts: Timestamp(time), number: 1, interface: 0, link: LinkType(1), data, wire_len });
        made += 1;
        if feeder.chunk.len() == CHUNK || made == setup {
            feeder.feed(made > setup);
        }
        Ok(())
    })?;
    feeder.feed(true);
    let rss_bytes = resident_bytes().context("/proc/self/status has no VmRSS")?;
    let [before, after] = feeder.phases;
    let evicted = evicted(&feeder.worker);
    drop(outputs);
    Ok(Figures {
        flows,
        setup_packets_per_second: before.packets as f64 / before.time.as_secs_f64().max(1e-9),
        packets: after.packets,
        bytes: after.bytes,
        packets_per_second: after.packets as f64 / after.time.as_secs_f64().max(1e-9),
        bits_per_second: 8.0 * after.bytes as f64 / after.time.as_secs_f64().max(1e-9),
        ready_rss_bytes,
        rss_bytes,
        evicted,
    })
}

#[derive(Clone, Copy, Debug, Default)]
struct Phase {
    packets: u64,
    bytes: u64,
    time: Duration,
}

struct Feeder {
    worker: Worker,
    chunk: Held,
    /// Handshakes, and data.
    phases: [Phase; 2],
}

impl Feeder {
    fn feed(&mut self, data: bool) {
        let started = Instant::now();
        for batch in self.chunk.batches(BATCH, 0) {
            let mut now = None;
            for frame in batch {
                now = Some(frame.ts);
                self.worker.frame(&frame);
            }
            now.into_iter().for_each(|now| self.worker.batch_end(now));
        }
        let [before, after] = &mut self.phases;
        let phase = if data { after } else { before };
        phase.time += started.elapsed();
        phase.packets += self.chunk.len() as u64;
        phase.bytes += self.chunk.bytes();
        self.chunk.clear();
    }
}

/// Flows that ended though nothing ended them, and packets that found no room.
fn evicted(worker: &Worker) -> u64 {
    let values = worker.published().read();
    let mut at = 0;
    let mut sum = 0;
    for block in Worker::layout() {
        if let Block::Counters(infos) = &block {
            let forced = ["flow_ended_forced_total", "flow_ended_timeout_total", "flow_table_full_packets_total"];
            let these = infos.iter().zip(values.iter().skip(at)).filter(|(info, _)| forced.contains(&info.name));
            sum += these.map(|(_, value)| value).sum::<u64>();
        }
        at += block.len();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sensor::SensorArguments;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        sensor: SensorArguments,
    }

    fn figures(line: &[&str]) -> Figures {
        let sensor = Sensor::new(&Line::parse_from([&["sekisho-bench"], line].concat()).sensor).unwrap();
        run(&sensor, 2_000, 10_000, 100).unwrap()
    }

    #[test]
    fn data_frames_are_counted_apart_from_handshakes() {
        let figures = figures(&[]);
        assert_eq!((figures.packets, figures.bytes, figures.evicted), (12_000, 1_200_000, 0), "{figures:?}");
        assert!(figures.rss_bytes > figures.ready_rss_bytes, "{figures:?}");
    }

    #[test]
    fn flows_without_room_are_told() {
        assert!(figures(&["--set", "flow.memcap_bytes=100000"]).evicted > 0);
    }
}
