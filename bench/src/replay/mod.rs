//! Sends frames onto an interface at a set rate or as fast as it goes, over and over, and says exactly how many the kernel took.
//!
//! Two ways: a socket ([`packet`]), which works everywhere, and XDP live frames ([`live`]), which are several times as fast. Both
//! have an answer for every single frame, which is what a ledger can be checked against.

pub mod live;
mod mapped;
mod object;
pub mod packet;
#[path = "../../../ebpf/src/replay.rs"]
pub mod shared;

use anyhow::bail;
use clap::ValueEnum;
use live::LiveFrames;
use packet::PacketSocket;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;
use std::time::{Duration, Instant};

/// What a frame is counted as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// It carries the marker.
    pub marked: bool,
    /// It does, and it is a UDP datagram over plain IPv4.
    pub marked_udp: bool,
}

/// Frames to send, one after another in one buffer.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    /// Start and end in `bytes`, and what to count the frame as.
    list: Vec<(usize, usize, Mark)>,
}

impl Frames {
    /// Appends a frame.
    pub fn push(&mut self, frame: &[u8], mark: Mark) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(frame);
        self.list.push((start, self.bytes.len(), mark));
    }

    /// Frame number `at`, from 0; an empty one past the end.
    fn get(&self, at: usize) -> (&[u8], Mark) {
        self.list.get(at).map_or((&[][..], Mark::default()), |&(from, to, mark)| (&self.bytes[from..to], mark))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// None at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct Sent {
    /// How: `packet` or `xdp`.
    pub method: &'static str,
    /// Frames that the kernel took.
    pub sent: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Of them, how many carry the marker.
    pub marked: u64,
    /// Of those, UDP datagrams: each is an alert of its own to a rule that looks for the marker.
    pub marked_udp: u64,
    /// Frames that the kernel refused (no buffer, no link); not in `sent`.
    pub refused: u64,
    /// Rounds over the capture that were begun.
    pub rounds: u64,
    /// From first to last frame.
    pub seconds: f64,
    /// `sent` by `seconds`.
    pub rate: f64,
}

impl Sent {
    fn count(&mut self, frame: &[u8], mark: Mark) {
        self.sent += 1;
        self.bytes += frame.len() as u64;
        self.marked += u64::from(mark.marked);
        self.marked_udp += u64::from(mark.marked_udp);
    }
}

/// How frames are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Method {
    /// XDP where a socket would be too slow and the interface takes it, else a socket.
    #[default]
    Auto,
    /// An AF_PACKET socket.
    Packet,
    /// XDP live frames.
    Xdp,
}

/// What to send, how fast and how long.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// Interface of the caller's network namespace.
    pub interface: &'a str,
    /// How.
    pub method: Method,
    /// Frames a second; 0 for as many as go.
    pub rate: u64,
    /// Until then.
    pub duration: Duration,
    /// Rounds over the capture, if they end earlier; 0 for any number.
    pub rounds: u64,
}

/// Frames a second that a socket reaches on any machine worth measuring on.
const SOCKET_RATE: u64 = 150_000;
/// Frames between two looks at the clock, when as many as possible are sent.
const PIECE: usize = 64;

/// What a client's address (10/8, or fd00::/16) becomes on the way from the round before to `round`, so that the rounds share
/// no flow for 65,535 rounds.
#[must_use]
pub fn next_round(addr: IpAddr, round: u64) -> IpAddr {
    // The exchange of this round undoes the one of the round before.
    let mask = ((round & 0xffff) ^ (round.wrapping_sub(1) & 0xffff)) as u32;
    match addr {
        IpAddr::V4(a) if a.octets()[0] == 10 => IpAddr::V4((u32::from(a) ^ (mask << 8)).into()),
        // Bits 48 to 63, the subnet.
        IpAddr::V6(a) if a.segments()[0] == 0xfd00 => {
            IpAddr::V6(Ipv6Addr::from(u128::from(a) ^ (u128::from(mask) << 64)))
        }
        other => other,
    }
}

enum Way {
    Packet(PacketSocket),
    Live(Box<LiveFrames>),
}

impl Way {
    fn new(order: &Order<'_>, frames: &Frames) -> anyhow::Result<Self> {
        let fast = order.rate == 0 || order.rate > SOCKET_RATE;
        Ok(match order.method {
            Method::Xdp => Self::Live(Box::new(LiveFrames::new(order.interface, frames)?)),
            Method::Auto if fast => match LiveFrames::new(order.interface, frames) {
                Ok(live) => Self::Live(Box::new(live)),
                Err(_) => Self::Packet(PacketSocket::new(order.interface)?),
            },
            Method::Auto | Method::Packet => Self::Packet(PacketSocket::new(order.interface)?),
        })
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Packet(_) => "packet",
            Self::Live(_) => "xdp",
        }
    }

    /// Frames of a call, at most.
    fn most(&self) -> usize {
        match self {
            Self::Packet(_) => PIECE,
            Self::Live(_) => LiveFrames::MOST,
        }
    }

    fn send(&mut self, frames: &Frames, range: Range<usize>, sent: &mut Sent) -> anyhow::Result<()> {
        match self {
            Self::Packet(socket) => socket.send(frames, range, sent),
            Self::Live(live) => live.send(frames, range, sent),
        }
    }
}

/// Sends `frames` over and over. Before each round but the first, `refresh` may change a frame in place (its number of the round goes
/// with it), without changing its length.
///
/// # Errors
/// No such interface, no privilege, the interface went away or takes no XDP frames.
pub fn replay(order: &Order<'_>, frames: &mut Frames, mut refresh: impl FnMut(u64, &mut [u8])) -> anyhow::Result<Sent> {
    if frames.is_empty() {
        bail!("there is no frame to send");
    }
    let mut way = Way::new(order, frames)?;
    let mut sent = Sent::default();
    let start = Instant::now();
    let of_time = if order.rate == 0 { u64::MAX } else { (order.duration.as_secs_f64() * order.rate as f64) as u64 };
    let of_rounds = if order.rounds == 0 { u64::MAX } else { order.rounds.saturating_mul(frames.len() as u64) };
    let total = of_time.min(of_rounds);
    let (mut round, mut at, mut offered) = (0, 0, 0);
    while offered < total {
        let elapsed = start.elapsed();
        // With a rate, the number of frames is what is promised, and the time follows.
        let due = if order.rate == 0 { u64::MAX } else { (elapsed.as_secs_f64() * order.rate as f64) as u64 };
        if order.rate == 0 && elapsed >= order.duration {
            break;
        }
        let due = due.min(total).saturating_sub(offered);
        if due == 0 {
            std::thread::sleep(Duration::from_micros(50));
            continue;
        }
        let range = at..frames.len().min(at + way.most().min(usize::try_from(due).unwrap_or(usize::MAX)));
        if round > 0 {
            for &(from, to, _) in &frames.list[range.clone()] {
                refresh(round, &mut frames.bytes[from..to]);
            }
        }
        way.send(frames, range.clone(), &mut sent)?;
        if offered == 0 && sent.sent == 0 && matches!(way, Way::Live(_)) {
            if order.method == Method::Xdp {
                bail!(
                    "{} refuses XDP frames; at the other end of a veth it helps to attach an XDP program, or ethtool -K PEER gro on",
                    order.interface
                );
            }
            // Nothing went, so nothing is counted: from the first frame on by a socket.
            (way, sent) = (Way::Packet(PacketSocket::new(order.interface)?), Sent::default());
            continue;
        }
        offered += range.len() as u64;
        at = range.end;
        if at == frames.len() {
            (at, round) = (0, round + 1);
        }
    }
    sent.method = way.name();
    sent.rounds = round + u64::from(at > 0);
    sent.seconds = start.elapsed().as_secs_f64();
    sent.rate = sent.sent as f64 / sent.seconds.max(1e-9);
    Ok(sent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn rounds_share_no_client() {
        for first in ["10.0.0.7", "fd00:0:0:5e::7"] {
            let mut addr: IpAddr = first.parse().unwrap();
            let mut seen = HashSet::from([addr]);
            for round in 1..=0xffff {
                addr = next_round(addr, round);
                assert!(seen.insert(addr), "{addr} again in round {round}");
            }
            assert_eq!(next_round(addr, 0x1_0000), first.parse::<IpAddr>().unwrap(), "then it begins anew");
        }
        let server = "198.18.0.1".parse().unwrap();
        assert_eq!(next_round(server, 1), server);
    }
}
