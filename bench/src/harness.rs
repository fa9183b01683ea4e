//! A worker with no ring and no outputs, fed from memory: what the benches measure is the packet path alone.

use anyhow::{Context, bail};
use sekisho::decode::{Frame, LinkType};
use sekisho::detect::engine::Engine;
use sekisho::detect::threshold::Thresholds;
use sekisho::output::{EveConfig, OutputContext, Outputs};
use sekisho::time::Timestamp;
use sekisho::worker::{Worker, WorkerConfig};
use sekisho_signatures::classification::Classifications;
use sekisho_signatures::load::load_text;
use sekisho_signatures::ruleset::Ruleset;
use sekisho_signatures::variables::Variables;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rules of every kind that the packet path treats in its own way; the marker of the generated traffic makes them alert.
pub const RULES: &str = r#"
alert tcp any any -> any any (msg:"stream"; flow:established; content:"sekisho-marker"; sid:1;)
alert tcp any any -> any any (msg:"stream, expression"; content:"sekisho"; pcre:"/sekisho-[a-z]{3}ker/"; sid:2;)
alert udp any any -> any any (msg:"datagram"; content:"sekisho-marker"; sid:3;)
alert tcp any any -> any any (msg:"packet"; dsize:>100; content:"marker"; nocase; sid:4;)
alert tcp any any -> any 80 (msg:"set a bit"; flow:established,to_server; content:"sekisho"; flowbits:set,seen; flowbits:noalert; sid:5;)
alert tcp any 80 -> any any (msg:"read a bit"; flow:established,to_client; flowbits:isset,seen; content:"marker"; sid:6;)
alert ip any any -> any any (msg:"threshold"; content:"sekisho"; threshold:type limit, track by_src, count 1, seconds 60; sid:7;)
"#;

/// The text that [`RULES`] look for.
pub const MARKER: &str = "sekisho-marker";

/// ET Open, where it lies beside the project.
#[must_use]
pub fn et_open() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/parity/et-open.rules.zst");
    path.exists().then_some(path)
}

/// Compiles the rules of a text; also tells how many there are.
///
/// # Errors
/// No rule of it can be used, or Hyperscan fails.
pub fn engine(rules: &[u8]) -> anyhow::Result<(Arc<Engine>, usize)> {
    let loaded = load_text(Path::new("rules"), rules, &Variables::default(), &Classifications::default());
    let count = loaded.signatures.len();
    if count == 0 {
        bail!("none of the rules can be used: {:?}", loaded.problems.first().map(ToString::to_string));
    }
    Ok((Arc::new(Engine::new(Arc::new(Ruleset::new(loaded.signatures)))?), count))
}

/// Frames in memory, with their times.
#[derive(Debug, Default)]
pub struct Traffic {
    bytes: Vec<u8>,
    frames: Vec<(u64, usize, usize)>,
}

impl Traffic {
    /// Appends a frame; `time_ns` is nanoseconds since 1970.
    pub fn push(&mut self, time_ns: u64, frame: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(frame);
        self.frames.push((time_ns, start, self.bytes.len()));
    }

    /// How many frames there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// None at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Puts all of it so much later.
    pub fn later(&mut self, by_ns: u64) {
        self.frames.iter_mut().for_each(|(time, ..)| *time += by_ns);
    }

    /// Time of the last frame.
    #[must_use]
    pub fn last(&self) -> Timestamp {
        Timestamp(self.frames.last().map_or(0, |(time, ..)| *time))
    }

    /// Feeds all frames to `bench`, in batches as a ring would.
    pub fn feed(&self, bench: &mut Bench) {
        for &(time, from, to) in &self.frames {
            bench.frame(time, &self.bytes[from..to]);
        }
    }
}

/// A worker on its own.
pub struct Bench {
    /// The worker.
    pub worker: Worker,
    number: u64,
    /// Alerts are counted by these, and go nowhere.
    _outputs: Outputs,
}

/// Frames of a batch, as the ring hands them.
const BATCH: u64 = 64;

impl Bench {
    /// A worker with default settings for these rules.
    ///
    /// # Errors
    /// Hyperscan has no memory for its scratch space.
    pub fn new(engine: Arc<Engine>) -> anyhow::Result<Self> {
        let outputs = Outputs::start(&EveConfig { enabled: false, ..EveConfig::default() }, OutputContext::default())?;
        let worker = Worker::new(&WorkerConfig::default(), engine, Arc::new(Thresholds::default()), outputs.sender())
            .context("the worker cannot be made")?;
        Ok(Self { worker, number: 0, _outputs: outputs })
    }

    /// One Ethernet frame; ends the batch when it is full.
    pub fn frame(&mut self, time_ns: u64, data: &[u8]) {
        self.number += 1;
        let ts = Timestamp(time_ns);
        let wire_len = data.len() as u32;
        self.worker.frame(&Frame { ts, number: self.number, interface: 0, link: LinkType(1), data, wire_len });
        if self.number.is_multiple_of(BATCH) {
            self.worker.batch_end(ts);
        }
    }

    /// Lets the time go by with no packet, until whatever can time out has.
    pub fn idle(&mut self, from: Timestamp, seconds: u64) {
        for second in 0..seconds {
            for _ in 0..BATCH {
                self.worker.batch_end(Timestamp(from.0 + second * 1_000_000_000));
            }
        }
    }
}
