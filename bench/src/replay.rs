//! Sends frames onto an interface at a set rate, and says exactly how many the kernel took.
//!
//! One `send` on an AF_PACKET socket a frame: slower than a ring, but every frame has its own answer, which is what a ledger
//! can be checked against.

use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, bind, send, socket};
use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};
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
    /// From first to last frame.
    pub seconds: f64,
    /// `sent` by `seconds`.
    pub rate: f64,
}

/// What a client's address (10/8) becomes on the way from the round before to `round`, so that the rounds share no flow
/// for 65,535 rounds.
#[must_use]
pub fn next_round(addr: IpAddr, round: u64) -> IpAddr {
    match addr {
        // The exchange of this round undoes the one of the round before.
        IpAddr::V4(a) if a.octets()[0] == 10 => {
            let mask = |round: u64| ((round & 0xffff) as u32) << 8;
            IpAddr::V4((u32::from(a) ^ mask(round.wrapping_sub(1)) ^ mask(round)).into())
        }
        other => other,
    }
}

/// An AF_PACKET socket bound to an interface, for sending only: its protocol is 0, so nothing is ever queued on it.
fn open(interface: &str) -> anyhow::Result<OwnedFd> {
    let address: LinkAddr = nix::ifaddrs::getifaddrs()
        .context("cannot list the interfaces")?
        .filter(|entry| entry.interface_name == interface)
        .find_map(|entry| entry.address.and_then(|a| a.as_link_addr().copied()))
        .with_context(|| {
            format!("there is no interface {interface} in this network namespace (ip link shows those that are)")
        })?;
    let fd =
        socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None).map_err(|errno| match errno {
            Errno::EPERM => anyhow::anyhow!("raw sockets need CAP_NET_RAW: run this as root"),
            errno => anyhow::anyhow!("cannot open an AF_PACKET socket: {errno}"),
        })?;
    bind(fd.as_raw_fd(), &address).with_context(|| format!("cannot bind to {interface}"))?;
    Ok(fd)
}

/// Sends `frames` over and over for `duration` at `rate` frames a second (0: as fast as it goes). Before each round but the first,
/// `refresh` may change a frame in place (its number of the round goes with it), without changing its length.
///
/// # Errors
/// No such interface, no privilege, the interface went away.
pub fn replay(
    interface: &str,
    frames: &mut Frames,
    rate: u64,
    duration: Duration,
    mut refresh: impl FnMut(u64, &mut [u8]),
) -> anyhow::Result<Sent> {
    if frames.is_empty() {
        bail!("there is no frame to send");
    }
    let fd = open(interface)?;
    let mut sent = Sent::default();
    let start = Instant::now();
    let total = if rate == 0 { u64::MAX } else { (duration.as_secs_f64() * rate as f64) as u64 };
    let (mut round, mut at) = (0, 0);
    let mut offered = 0;
    'sending: loop {
        let elapsed = start.elapsed();
        // With a rate, the number of frames is what is promised, and the time follows.
        let due = if rate == 0 { offered + 64 } else { ((elapsed.as_secs_f64() * rate as f64) as u64).min(total) };
        if (rate == 0 && elapsed >= duration) || offered >= total {
            break;
        }
        if due <= offered {
            std::thread::sleep(Duration::from_micros(50));
            continue;
        }
        while offered < due {
            let (from, to, mark) = frames.list[at];
            let frame = &mut frames.bytes[from..to];
            if round > 0 {
                refresh(round, frame);
            }
            match send(fd.as_raw_fd(), frame, MsgFlags::empty()) {
                Ok(_) => {
                    sent.sent += 1;
                    sent.bytes += frame.len() as u64;
                    sent.marked += u64::from(mark.marked);
                    sent.marked_udp += u64::from(mark.marked_udp);
                }
                Err(Errno::ENOBUFS | Errno::EAGAIN) => sent.refused += 1,
                Err(Errno::EINTR) => continue 'sending,
                Err(errno) => {
                    return Err(anyhow::Error::from(errno)
                        .context(format!("sending on {interface} failed after {} frames", sent.sent)));
                }
            }
            offered += 1;
            at += 1;
            if at == frames.list.len() {
                at = 0;
                round += 1;
            }
        }
    }
    sent.seconds = start.elapsed().as_secs_f64();
    sent.rate = sent.sent as f64 / sent.seconds.max(1e-9);
    Ok(sent)
}
