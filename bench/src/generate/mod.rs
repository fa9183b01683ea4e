//! Traffic made from a seed: the same options give the same bytes, and the counts say exactly what is in it.
//!
//! Conversations of an office ([`mix::Profile`]) pass a sensor near the clients: [`simulation`] keeps the time, [`flow`]
//! knows one conversation, [`tcp`] how hosts speak it, `apps` what they say. [`plain`] makes traffic with no
//! application in it. Whatever is asked for, memory is bounded by the number of flows open at a time. Clients have addresses in
//! 10/8 and fd00::/16, servers outside in 198.18/15 (RFC 2544's benchmark range) and 2001:db8::/32; checksums are right.

mod apps;
mod certificates;
pub mod counts;
mod cursor;
mod distribution;
mod flow;
mod frame;
mod message;
pub mod mix;
mod plain;
mod simulation;
mod tcp;
mod world;

use clap::{Args, Parser};
pub use counts::Counts;
pub use mix::Mix;

/// First packet of the capture: 2026-01-01T00:00:00Z.
const START_NS: u64 = 1_767_225_600_000_000_000;

/// What to generate. It ends when the first of `--flows`, `--packets` and `--bytes` is reached.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Conversations, with shares: office, or web, tls, dns, smb, mail, bulk, short, scan, icmp, ntp as in "web=3,tls=5,office";
    /// alone: uniform (flows take turns, frames of one size), streams (short and long flows of random bytes)
    #[arg(long, alias = "kind", default_value = "office")]
    pub mix: Mix,
    /// The same seed gives the same traffic
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Flows in all, each from beginning to end [default: 1000 where nothing else ends it]
    #[arg(long)]
    pub flows: Option<u64>,
    /// Frames in all; flows are left open
    #[arg(long)]
    pub packets: Option<u64>,
    /// Bytes of frames in all, about; flows are left open
    #[arg(long)]
    pub bytes: Option<u64>,
    /// Flows open at a time: as one ends, another begins [default: 400; uniform: --flows]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub concurrent: Option<u32>,
    /// Length of full data frames in bytes, Ethernet header included
    #[arg(long, default_value_t = 1514, value_parser = clap::value_parser!(u16).range(64..=9014))]
    pub frame_size: u16,
    /// Frames a second in the capture's own time [default: conversations: as they go; uniform, streams: 100000]
    #[arg(long)]
    pub rate: Option<u32>,
    /// Share of data segments that are lost and sent again, half of them before the sensor, half behind it
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    pub loss: f64,
    /// Share of data segments that come after the next one
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    pub reorder: f64,
    /// Share of frames that arrived but are not in the capture, as behind a mirror port under load
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    pub missing: f64,
    /// Share of flows over IPv6 [default: 0.1; uniform, streams: 0]
    #[arg(long, value_parser = share)]
    pub ipv6_share: Option<f64>,
    /// Share of flows in one of four VLANs
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    pub vlan_share: f64,
    /// Text put into some of the data frames (of conversations: into messages in clear or of random bytes)
    #[arg(long)]
    pub marker: Option<String>,
    /// Share of data frames that carry the marker
    #[arg(long, default_value_t = 0.001, value_parser = share)]
    pub marker_share: f64,
    /// uniform, streams: data segments each way in a flow (streams: on average) [default: 3; uniform with --packets: enough]
    #[arg(long)]
    pub segments: Option<u32>,
    /// uniform, streams: share of flows that are UDP
    #[arg(long, default_value_t = 0.2, value_parser = share)]
    pub udp_share: f64,
    /// uniform, streams: leave the TCP connections open
    #[arg(long)]
    pub leave_open: bool,
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("a share is a number from 0 to 1".to_owned()),
    }
}

impl Default for Options {
    /// What the command line says where it says nothing.
    fn default() -> Self {
        #[derive(Parser)]
        struct Line {
            #[command(flatten)]
            options: Options,
        }
        Line::parse_from(["generate"]).options
    }
}

impl Options {
    /// The frames or bytes that were asked for are made.
    fn reached(&self, counts: &Counts) -> bool {
        self.packets.is_some_and(|most| counts.frames >= most) || self.bytes.is_some_and(|most| counts.bytes >= most)
    }
}

/// Generates, handing each frame with its time (nanoseconds since 1970) to `sink`.
///
/// # Errors
/// Whatever `sink` returns; options that do not go together.
pub fn generate(options: &Options, sink: impl FnMut(u64, &[u8]) -> anyhow::Result<()>) -> anyhow::Result<Counts> {
    match &options.mix {
        Mix::Conversations(shares) => simulation::generate(options, shares, sink),
        Mix::Uniform | Mix::Streams => plain::generate(options, sink),
    }
}
