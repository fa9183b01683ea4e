//! How fast each part of the packet's way is by itself: ceilings, and by their differences where the time goes.
//!
//! Each stage does what the one before it does and one thing more, over the same frames in memory, with the sensor's own modules.
//! The difference between two is the cost of what was added, in the company in which it really runs; no clock is read
//! while frames go by. Two stages stand apart: `read` (the capture file alone, from the page cache) and `hyperscan` (one database of all the rules'
//! fast patterns of at least [`LEAST_LITERAL`] bytes over each packet's payload: what a search without any knowledge of the traffic would cost).

use crate::figures::Spread;
use crate::held::Held;
use crate::sensor::{BATCH, Sensor};
use anyhow::Context;
use clap::ValueEnum;
use rustc_hash::FxHashSet;
use sekisho::capture::pcap::CaptureFile;
use sekisho::decode::Decoder;
use sekisho::detect::hyperscan::{BlockSet, Literal, ScanScratch};
use sekisho::flow::{Flow, FlowTable, Lookup};
use sekisho::packet::{Direction, Packet};
use sekisho::stream::{StreamEngine, StreamSink};
use sekisho::worker::Worker;
use serde::Serialize;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A part of the packet's way, with all before it unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The capture file, and nothing else.
    Read,
    /// All rules' fast patterns of four bytes and more in one database over each payload, and nothing else.
    Hyperscan,
    /// Decoding and defragmentation.
    Decode,
    /// And flows.
    Flow,
    /// And streams put in order.
    Stream,
    /// And application protocols: the whole worker, without rules.
    Protocols,
    /// And the rules; no events.
    Detect,
    /// And events, those of `eve.types`, written to a file.
    Events,
}

/// One run of a stage.
#[derive(Clone, Copy, Debug, Default)]
struct Pass {
    seconds: f64,
    /// Bytes that the stage looked at: captured ones, or payload.
    bytes: u64,
    /// Occurrences of patterns, or alerts.
    found: u64,
}

/// What was measured of a stage.
#[derive(Clone, Copy, Debug, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Measured {
    pub stage: Stage,
    pub seconds: Spread,
    pub packets_per_second: f64,
    pub nanoseconds_per_packet: f64,
    /// Of the bytes that the stage looked at.
    pub bits_per_second: f64,
    pub bytes: u64,
    /// Occurrences of patterns (`hyperscan`) or alerts.
    pub found: u64,
}

/// What was measured over a capture.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Figures {
    pub packets: u64,
    pub stages: Vec<Measured>,
}

/// Measures `stages` over the capture, each once to warm it and then `passes` times, in turns.
///
/// # Errors
/// The capture cannot be read, or the sensor not be made.
pub fn measure(stages: &[Stage], capture: &Path, sensor: &Sensor, passes: u32) -> anyhow::Result<Figures> {
    let held = Held::read(&[capture])?;
    let bare = sensor.without_rules()?;
    let patterns = stages.contains(&Stage::Hyperscan).then(|| Patterns::new(sensor, &held)).transpose()?;
    let folder = Folder::new()?;
    let mut runs: Vec<Vec<Pass>> = vec![Vec::new(); stages.len()];
    for number in 0..=passes {
        for (stage, runs) in stages.iter().zip(&mut runs) {
            let pass = match stage {
                Stage::Read => read(capture)?,
                Stage::Hyperscan => patterns.as_ref().map(Patterns::scan).unwrap_or_default(),
                Stage::Decode => decode(sensor, &held),
                Stage::Flow => flow(sensor, &held),
                Stage::Stream => stream(sensor, &held),
                Stage::Protocols => work(&bare, &held, None)?,
                Stage::Detect => work(sensor, &held, None)?,
                Stage::Events => work(sensor, &held, Some(&folder.0))?,
            };
            // The first run warms caches.
            if number > 0 || passes == 0 {
                runs.push(pass);
            }
        }
    }
    let digests = stages.iter().zip(runs).map(|(stage, runs)| digest(*stage, &runs, held.len()));
    Ok(Figures { packets: held.len() as u64, stages: digests.collect::<Result<_, _>>()? })
}

fn digest(stage: Stage, runs: &[Pass], frames: usize) -> anyhow::Result<Measured> {
    let seconds: Vec<f64> = runs.iter().map(|pass| pass.seconds).collect();
    let seconds = Spread::of(&seconds).context("no run")?;
    let last = runs.last().copied().unwrap_or_default();
    let by = |amount: f64| amount / seconds.median.max(1e-9);
    Ok(Measured {
        stage,
        seconds,
        packets_per_second: by(frames as f64),
        nanoseconds_per_packet: seconds.median * 1e9 / frames as f64,
        bits_per_second: by(8.0 * last.bytes as f64),
        bytes: last.bytes,
        found: last.found,
    })
}

/// A folder of its own for events, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("sekisho-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed stays in the folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn read(capture: &Path) -> anyhow::Result<Pass> {
    let started = Instant::now();
    let mut bytes = 0;
    CaptureFile::open(capture)?.for_each_frame(|frame| bytes += black_box(frame).data.len() as u64)?;
    Ok(Pass { seconds: started.elapsed().as_secs_f64(), bytes, found: 0 })
}

fn decode(sensor: &Sensor, held: &Held) -> Pass {
    let mut decoder = Decoder::new(sensor.config().decode.clone());
    let started = Instant::now();
    for batch in held.batches(BATCH, 0) {
        let mut now = None;
        for frame in batch {
            now = Some(frame.ts);
            decoder.decode(&frame, &mut |packet: &Packet<'_>| {
                black_box(packet);
            });
        }
        now.into_iter().for_each(|now| decoder.defrag.expire(now));
    }
    Pass { seconds: started.elapsed().as_secs_f64(), bytes: held.bytes(), found: 0 }
}

/// Flows that end and that are looked at in a batch, as in the worker.
const EXPIRE_BUDGET: usize = 64;

fn flow(sensor: &Sensor, held: &Held) -> Pass {
    let mut decoder = Decoder::new(sensor.config().decode.clone());
    let mut flows = FlowTable::<()>::new(&sensor.config().flow, 0, 0);
    let started = Instant::now();
    for batch in held.batches(BATCH, 0) {
        let mut now = None;
        for frame in batch {
            now = Some(frame.ts);
            decoder.decode(&frame, &mut |packet: &Packet<'_>| {
                black_box(flows.lookup(packet, &mut |_: &mut Flow<()>, _| ()));
            });
        }
        if let Some(now) = now {
            flows.expire(now, EXPIRE_BUDGET, &mut |_: &mut Flow<()>, _| ());
            decoder.defrag.expire(now);
        }
    }
    flows.drain(&mut |_: &mut Flow<()>, _| ());
    Pass { seconds: started.elapsed().as_secs_f64(), bytes: held.bytes(), found: 0 }
}

/// Takes what streams deliver, and does nothing with it.
#[derive(Default)]
struct Sink {
    bytes: u64,
}

impl StreamSink for Sink {
    fn data(&mut self, _: Direction, _: u64, bytes: &[u8], _: bool) {
        self.bytes += black_box(bytes).len() as u64;
    }

    fn gap(&mut self, _: Direction, _: u64, _: u64) {}

    fn end(&mut self, _: Direction) {}
}

fn stream(sensor: &Sensor, held: &Held) -> Pass {
    let mut decoder = Decoder::new(sensor.config().decode.clone());
    let mut flows = FlowTable::<()>::new(&sensor.config().flow, 0, 0);
    let mut streams = StreamEngine::new(&sensor.config().stream);
    let mut sink = Sink::default();
    let started = Instant::now();
    for batch in held.batches(BATCH, 0) {
        let mut now = None;
        for frame in batch {
            now = Some(frame.ts);
            decoder.decode(&frame, &mut |packet: &Packet<'_>| {
                let found = flows.lookup(packet, &mut |flow: &mut Flow<()>, _| streams.close(&mut flow.tcp, &mut sink));
                let (Lookup::Flow { index, direction, .. }, Some(tcp)) = (found, packet.tcp()) else { return };
                let flow = flows.get_mut(index);
                let report = streams.segment(&mut flow.tcp, packet, tcp, direction, &mut sink);
                if report.state_changed {
                    flows.state_changed(index);
                }
            });
        }
        if let Some(now) = now {
            flows.expire(now, EXPIRE_BUDGET, &mut |flow: &mut Flow<()>, _| streams.close(&mut flow.tcp, &mut sink));
            decoder.defrag.expire(now);
        }
    }
    flows.drain(&mut |flow: &mut Flow<()>, _| streams.close(&mut flow.tcp, &mut sink));
    black_box(sink.bytes);
    Pass { seconds: started.elapsed().as_secs_f64(), bytes: held.bytes(), found: 0 }
}

/// The whole worker, from the first frame to the last event.
fn work(sensor: &Sensor, held: &Held, events: Option<&Path>) -> anyhow::Result<Pass> {
    let (mut worker, outputs) = sensor.worker(events)?;
    let handle = outputs.handle();
    let started = Instant::now();
    feed(&mut worker, held);
    let report = outputs.finish();
    let seconds = started.elapsed().as_secs_f64();
    anyhow::ensure!(report.lost.iter().all(|&lost| lost == 0), "events were lost: {:?}", report.first_error);
    Ok(Pass { seconds, bytes: held.bytes(), found: handle.alerts().total() })
}

/// Hands all frames to the worker and ends its flows. `bench/guard` counts the instructions of this function by its name.
#[inline(never)]
pub fn feed(worker: &mut Worker, held: &Held) {
    for batch in held.batches(BATCH, 0) {
        let mut now = None;
        for frame in batch {
            now = Some(frame.ts);
            worker.frame(&frame);
        }
        now.into_iter().for_each(|now| worker.batch_end(now));
    }
    worker.finish();
}

/// Shorter literals are everywhere in any traffic, and nobody would search for them without knowing where: with them the stage would measure
/// how often they occur.
const LEAST_LITERAL: usize = 4;

/// All payloads, and one database of the fast patterns that are long enough.
struct Patterns {
    set: BlockSet,
    scratch: ScanScratch,
    payloads: Vec<u8>,
    /// Where each payload ends.
    ends: Vec<usize>,
}

impl Patterns {
    fn new(sensor: &Sensor, held: &Held) -> anyhow::Result<Self> {
        let ruleset = sensor.ruleset()?;
        let mut literals = FxHashSet::default();
        for pattern in ruleset.fast_patterns.iter().flatten() {
            let (bytes, nocase) = pattern.literal();
            if bytes.len() >= LEAST_LITERAL {
                literals.insert((bytes.to_vec(), nocase));
            }
        }
        let mut literals: Vec<_> = literals.into_iter().collect();
        literals.sort_unstable();
        let literals: Vec<Literal> =
            literals.into_iter().map(|(bytes, nocase)| Literal { bytes: bytes.into(), nocase }).collect();
        anyhow::ensure!(
            !literals.is_empty(),
            "the stage hyperscan needs rules that look for literals of {LEAST_LITERAL} bytes and more: name them with --rules"
        );
        let set = BlockSet::compile(&literals)?;
        let mut scratch = ScanScratch::default();
        scratch.cover_block(&set)?;
        let mut decoder = Decoder::new(sensor.config().decode.clone());
        let (mut payloads, mut ends) = (Vec::new(), Vec::new());
        for frame in held.batches(BATCH, 0).flatten() {
            decoder.decode(&frame, &mut |packet: &Packet<'_>| {
                payloads.extend_from_slice(packet.payload);
                ends.push(payloads.len());
            });
        }
        Ok(Self { set, scratch, payloads, ends })
    }

    fn scan(&self) -> Pass {
        let mut found = 0;
        let started = Instant::now();
        let mut from = 0;
        for &end in &self.ends {
            let payload = self.payloads.get(from..end).unwrap_or_default();
            from = end;
            if !payload.is_empty() {
                self.set.scan(payload, &self.scratch, |_, _| found += 1);
            }
        }
        Pass { seconds: started.elapsed().as_secs_f64(), bytes: self.payloads.len() as u64, found }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Writer;
    use crate::generate::{Mix, Options, generate};
    use crate::sensor::SensorArguments;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        sensor: SensorArguments,
    }

    #[test]
    fn every_stage_sees_the_whole_capture_and_rules_alert_in_theirs() {
        let folder = tempfile::tempdir().unwrap();
        let (capture, rules) = (folder.path().join("a.pcap"), folder.path().join("a.rules"));
        let options = Options {
            mix: Mix::Streams,
            flows: Some(50),
            marker: Some("sekisho-marker".into()),
            marker_share: 0.1,
            ..Options::default()
        };
        let mut writer = Writer::create(&capture, 1).unwrap();
        let counts = generate(&options, |time, frame| writer.frame(time, frame.len() as u32, frame)).unwrap();
        writer.finish().unwrap();
        std::fs::write(&rules, "alert ip any any -> any any (msg:\"marked\"; content:\"sekisho-marker\"; sid:1;)")
            .unwrap();
        let line = ["sekisho-bench", "--set", "rules.cache=false", "--rules", rules.to_str().unwrap()];
        let sensor = Sensor::new(&Line::parse_from(line).sensor).unwrap();
        let figures = measure(Stage::value_variants(), &capture, &sensor, 1).unwrap();
        assert_eq!(figures.packets, counts.frames);
        assert_eq!(figures.stages.len(), Stage::value_variants().len());
        for measured in figures.stages {
            assert!(measured.seconds.median > 0.0 && measured.packets_per_second > 0.0, "{measured:?}");
            match measured.stage {
                Stage::Hyperscan => {
                    assert!(measured.found == counts.marked && measured.bytes < counts.bytes, "{measured:?}")
                }
                Stage::Detect | Stage::Events => assert!((1..=counts.marked).contains(&measured.found), "{measured:?}"),
                _ => assert_eq!((measured.bytes, measured.found), (counts.bytes, 0), "{measured:?}"),
            }
        }
    }

    #[test]
    fn patterns_need_rules_with_literals_that_are_long_enough() {
        let sensor = Sensor::new(&Line::parse_from(["sekisho-bench"]).sensor).unwrap();
        assert!(Patterns::new(&sensor, &Held::default()).is_err());
        let file = tempfile::NamedTempFile::new().unwrap();
        for (literal, enough) in [("abc", false), ("abcd", true)] {
            std::fs::write(file.path(), format!("alert ip any any -> any any (content:\"{literal}\"; sid:1;)"))
                .unwrap();
            let line = ["sekisho-bench", "--set", "rules.cache=false", "--rules", file.path().to_str().unwrap()];
            let sensor = Sensor::new(&Line::parse_from(line).sensor).unwrap();
            assert_eq!(Patterns::new(&sensor, &Held::default()).is_ok(), enough, "{literal}");
        }
    }
}
