//! Command line only: parse, call, print one JSON object.

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use sekisho_bench::sensor::{Sensor, SensorArguments};
use sekisho_bench::stages::Stage;
use sekisho_bench::{capture, generate, held, live_flows, page, replay, replicate, rewrite, scaling, stages};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The sensor's own heap, so that what is measured is the sensor.
#[global_allocator]
static HEAP: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Traffic for measurements: make it, multiply it, send it; and the packet path from memory
#[derive(Debug, Parser)]
#[command(name = "sekisho-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Copies a capture several times over, each copy with addresses of its own
    #[command(after_help = "Example:\n  sekisho-bench replicate mix.pcap.zst mix5.pcap --times 5")]
    Replicate {
        /// Capture file (pcap, pcapng, gz, zst)
        input: PathBuf,
        /// Classic pcap file to write
        output: PathBuf,
        /// Copies, the original included
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
        times: u32,
    },
    /// Makes a capture from a seed
    #[command(after_help = "Examples:\n  \
            sekisho-bench generate office.pcap --flows 10000 --loss 0.01 --reorder 0.01\n  \
            sekisho-bench generate tls.pcap --mix tls=9,dns --bytes 1000000000\n  \
            sekisho-bench generate million.pcap --mix uniform --concurrent 1000000 --packets 10000000 --frame-size 300\n  \
            sekisho-bench generate marked.pcap --mix streams --marker EVIL --marker-share 0.01\n\n\
            Prints one JSON object: what is in the capture, counted exactly.")]
    Generate {
        /// Classic pcap file to write
        output: PathBuf,
        #[command(flatten)]
        options: generate::Options,
    },
    /// Sends a capture's frames onto an interface, over and over, at a set rate or as fast as it goes
    #[command(after_help = "Examples:\n  \
            sekisho-bench replay office.pcap --interface veth0 --rate 100000 --seconds 60 --fresh --marker EVIL\n  \
            sekisho-bench replay office.pcap --interface veth0 --rate 0 --seconds 10 --fresh\n  \
            sekisho-bench replay office.pcap --interface eth1 --rate 5000 --seconds 600 --rounds 1 --method packet\n\n\
            Prints one JSON object: frames and bytes that the kernel took, and frames that it refused.\n\
            XDP (--method xdp) needs root, Linux 5.18 and frames of at most 3064 bytes; on a veth the other end must have an XDP\n\
            program or GRO (ethtool -K PEER gro on). auto takes it above 150,000 frames a second, where it works.")]
    Replay {
        /// Capture file of Ethernet frames
        input: PathBuf,
        /// Interface to send on
        #[arg(long)]
        interface: String,
        /// How
        #[arg(long, value_enum, default_value = "auto")]
        method: replay::Method,
        /// Frames a second; 0 for as many as possible
        #[arg(long, default_value_t = 100_000)]
        rate: u64,
        /// How long, over and over
        #[arg(long, default_value_t = 10.0)]
        seconds: f64,
        /// At most so many rounds over the capture; 0 for as many as there is time for
        #[arg(long, default_value_t = 0)]
        rounds: u64,
        /// Give the clients (10/8, fd00::/16) new addresses in every round, so that its flows are new ones
        #[arg(long)]
        fresh: bool,
        /// Count the frames sent that hold this text
        #[arg(long)]
        marker: Option<String>,
    },
    /// Makes a page with plots of the results of bench/run
    #[command(after_help = "Example:\n  sekisho-bench page results.json results.html")]
    Page {
        /// What bench/run wrote
        results: PathBuf,
        /// HTML file to write
        page: PathBuf,
    },
    /// How fast each part of the packet's way is, from memory: what bounds the sensor, and where its time goes
    #[command(after_help = "Example:\n  sekisho-bench stages office.pcap --rules local.rules --passes 5")]
    Stages {
        /// Capture file (pcap, pcapng, gz, zst)
        input: PathBuf,
        #[command(flatten)]
        sensor: SensorArguments,
        /// These stages only [default: all; hyperscan, detect and events only with rules]
        #[arg(long, value_enum, value_delimiter = ',')]
        stage: Vec<Stage>,
        /// Counted runs of each stage, after one that is not counted; 0 counts the first run
        #[arg(long, default_value_t = 3)]
        passes: u32,
    },
    /// Throughput by number of workers, from memory
    #[command(
        after_help = "Example:\n  sekisho-bench scaling office.pcap --rules local.rules --workers 1,2,4,8,16 --seconds 10"
    )]
    Scaling {
        /// Capture files, read one after the other as one capture
        #[arg(required = true)]
        input: Vec<PathBuf>,
        #[command(flatten)]
        sensor: SensorArguments,
        /// Numbers of workers; each worker needs a processor [default: 1, 2, 4, 8, 16 as far as there are processors]
        #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=256))]
        workers: Vec<u16>,
        /// How long each of them runs
        #[arg(long, default_value_t = 10.0)]
        seconds: f64,
        /// Runs of each, in turns; the median of them is told
        #[arg(long, default_value_t = 3)]
        runs: u32,
    },
    /// Throughput and memory with so many flows alive, from memory
    #[command(
        after_help = "Example:\n  sekisho-bench flows 1000000 --rules local.rules --set flow.memcap_bytes=2000000000"
    )]
    Flows {
        /// TCP flows, all alive at once
        flows: u32,
        #[command(flatten)]
        sensor: SensorArguments,
        /// Frames with data that they get in turns
        #[arg(long, default_value_t = 4_000_000)]
        packets: u64,
        /// Length of those frames in bytes
        #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u16).range(64..=9014))]
        frame_size: u16,
    },
}

fn main() -> anyhow::Result<()> {
    let report = match Cli::parse().command {
        Command::Replicate { input, output, times } => {
            serde_json::to_value(replicate::replicate(&input, &output, times)?)?
        }
        Command::Generate { output, options } => {
            let mut writer = capture::Writer::create(&output, 1)?;
            let counts = generate::generate(&options, |time, frame| writer.frame(time, frame.len() as u32, frame))?;
            writer.finish()?;
            serde_json::to_value(counts)?
        }
        Command::Replay { input, interface, method, rate, seconds, rounds, fresh, marker } => {
            let marker = marker.map(|text| memchr::memmem::Finder::new(text.as_bytes()).into_owned());
            let mut frames = replay::Frames::default();
            capture::read(&input, |frame| {
                anyhow::ensure!(frame.link.0 == 1, "frame {} is not Ethernet", frame.number);
                let marked = marker.as_ref().is_some_and(|m| m.find(frame.data).is_some());
                let is_udp = matches!(frame.data, [_, _, _, _, _, _, _, _, _, _, _, _, 8, 0, 0x45, ..])
                    && frame.data.get(23) == Some(&17);
                frames.push(frame.data, replay::Mark { marked, marked_udp: marked && is_udp });
                Ok(())
            })?;
            let refresh = |round: u64, frame: &mut [u8]| {
                if fresh {
                    rewrite::frame(1, frame, &mut |addr: IpAddr| replay::next_round(addr, round));
                }
            };
            let duration = Duration::try_from_secs_f64(seconds).context("--seconds")?;
            let order = replay::Order { interface: &interface, method, rate, duration, rounds };
            serde_json::to_value(replay::replay(&order, &mut frames, refresh)?)?
        }
        Command::Page { results, page } => {
            let text =
                std::fs::read_to_string(&results).with_context(|| format!("cannot read {}", results.display()))?;
            let html = page::page(&text).with_context(|| results.display().to_string())?;
            std::fs::write(&page, html).with_context(|| format!("cannot write {}", page.display()))?;
            serde_json::json!({ "page": page })
        }
        Command::Stages { input, sensor, stage, passes } => run_stages(&input, &sensor, stage, passes)?,
        Command::Scaling { input, sensor, workers, seconds, runs } => {
            run_scaling(&input, &sensor, workers, Duration::try_from_secs_f64(seconds).context("--seconds")?, runs)?
        }
        Command::Flows { flows, sensor, packets, frame_size } => {
            serde_json::to_value(live_flows::run(&Sensor::new(&sensor)?, flows, packets, frame_size)?)?
        }
    };
    println!("{report}");
    Ok(())
}

fn run_stages(
    input: &Path,
    arguments: &SensorArguments,
    mut chosen: Vec<Stage>,
    passes: u32,
) -> anyhow::Result<serde_json::Value> {
    if chosen.is_empty() {
        let with_rules = |stage: &Stage| !matches!(stage, Stage::Hyperscan | Stage::Detect | Stage::Events);
        let rules = !arguments.rules.rules.is_empty();
        chosen.extend(Stage::value_variants().iter().filter(|stage| rules || with_rules(stage)));
    }
    let sensor = Sensor::new(arguments)?;
    let measured = stages::measure(&chosen, input, &sensor, passes)?;
    Ok(serde_json::json!({ "rules": sensor.rules().in_use(), "packets": measured.packets, "stages": measured.stages }))
}

fn run_scaling(
    input: &[PathBuf],
    arguments: &SensorArguments,
    mut workers: Vec<u16>,
    duration: Duration,
    runs: u32,
) -> anyhow::Result<serde_json::Value> {
    let sensor = Sensor::new(arguments)?;
    let held = held::Held::read(input)?;
    if workers.is_empty() {
        let processors = scaling::processors()?.len();
        workers.extend([1, 2, 4, 8, 16].into_iter().filter(|&n| usize::from(n) <= processors));
    }
    let points = scaling::medians(&sensor, &held, &workers, duration, runs)?;
    Ok(serde_json::json!({
        "rules": sensor.rules().in_use(), "capture_packets": held.len(), "capture_bytes": held.bytes(), "points": points,
    }))
}
