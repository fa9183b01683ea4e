//! Banners, then packets until they are encrypted.

use super::event;
use super::hassh::Hassh;
use super::transaction::{Peer, SshTransaction};
use crate::packet::Direction;
use crate::protocols::framing::{Framer, Step};
use crate::protocols::{Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;

/// Most bytes of a banner, with its line end (RFC 4253, 4.2, has one less).
pub const BANNER_LIMIT: usize = 256;

/// Most bytes that a side may send before its banner.
pub const PREAMBLE_LIMIT: usize = 8192;

/// Most bytes of a key exchange message.
pub const KEX_LIMIT: usize = 1 << 16;

/// Least and most of a packet's length that make sense: padding and a message number; what OpenSSH takes at most.
const PACKET_LEN: std::ops::RangeInclusive<u32> = 2..=256 * 1024;

/// Message numbers (RFC 4250, 4.1).
const KEXINIT: u8 = 20;
const NEWKEYS: u8 = 21;

/// Where a side is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Banner,
    /// The banner is read, its line is not over.
    BannerRest,
    Packets,
    /// It uses its new keys.
    Encrypted,
    /// It cannot be followed any more.
    Lost,
}

#[derive(Debug, Default)]
struct Side {
    framer: Framer,
    stage: Stage,
    preamble: usize,
    told: Progress,
    over: bool,
}

/// Reads a flow's handshake.
#[derive(Debug, Default)]
pub struct SshParser {
    transaction: SshTransaction,
    sides: [Side; 2],
    logged: bool,
}

impl SshParser {
    /// For a flow that begins.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on to a level, by way of those between.
    fn reach(&mut self, level: Progress, direction: Direction, observer: &mut dyn Observer) {
        let told = &mut self.sides[direction.index()].told;
        for step in [Progress::Line, Progress::Headers, Progress::Complete] {
            if *told < step && step <= level {
                *told = step;
                observer.progress(&mut self.transaction, direction, step);
            }
        }
        let known = self.transaction.peers.iter().all(|peer| peer.hassh.is_some());
        if known || self.sides.iter().all(|side| side.told == Progress::Complete) {
            self.log(observer);
        }
    }

    fn log(&mut self, observer: &mut dyn Observer) {
        let said = self.transaction.peers.iter().any(|peer| !peer.proto.is_empty());
        if said && !std::mem::replace(&mut self.logged, true) {
            observer.log(&mut self.transaction, Direction::ToServer);
        }
    }

    fn leave(&mut self, stage: Stage, direction: Direction, observer: &mut dyn Observer) -> Step {
        self.sides[direction.index()].stage = stage;
        self.reach(Progress::Complete, direction, observer);
        Step::Stop
    }

    fn step(&mut self, bytes: &[u8], direction: Direction, observer: &mut dyn Observer) -> Step {
        match self.sides[direction.index()].stage {
            Stage::Banner => self.banner(bytes, direction, observer),
            Stage::BannerRest => match memchr::memchr(b'\n', bytes) {
                Some(at) => {
                    self.sides[direction.index()].stage = Stage::Packets;
                    Step::Took(at + 1)
                }
                None => Step::Took(bytes.len()),
            },
            Stage::Packets => self.packet(bytes, direction, observer),
            Stage::Encrypted | Stage::Lost => Step::Stop,
        }
    }

    fn banner(&mut self, bytes: &[u8], direction: Direction, observer: &mut dyn Observer) -> Step {
        let start = bytes.get(..BANNER_LIMIT).unwrap_or(bytes);
        let (line, took, whole) = match memchr::memchr(b'\n', start) {
            Some(at) => (&start[..at], at + 1, true),
            None if start.len() < BANNER_LIMIT => return Step::More,
            None => (start, start.len(), false),
        };
        let side = &mut self.sides[direction.index()];
        if !line.starts_with(b"SSH-") {
            // A server may say something else before (RFC 4253, 4.2).
            side.preamble += took;
            if direction == Direction::ToServer || side.preamble > PREAMBLE_LIMIT {
                observer.event(Some(&mut self.transaction), direction, event::INVALID_BANNER);
                return self.leave(Stage::Lost, direction, observer);
            }
            return Step::Took(took);
        }
        side.stage = if whole { Stage::Packets } else { Stage::BannerRest };
        if !whole {
            observer.event(Some(&mut self.transaction), direction, event::LONG_BANNER);
        }
        let peer = &mut self.transaction.peers[direction.index()];
        let read = read_banner(line, peer);
        let old = peer.proto.starts_with(b"1.") && peer.proto != b"1.99";
        if !read {
            observer.event(Some(&mut self.transaction), direction, event::INVALID_BANNER);
        }
        self.reach(Progress::Line, direction, observer);
        // The packets of SSH 1 have another format.
        if old { self.leave(Stage::Lost, direction, observer) } else { Step::Took(took) }
    }

    /// A packet (RFC 4253, 6).
    fn packet(&mut self, bytes: &[u8], direction: Direction, observer: &mut dyn Observer) -> Step {
        let Some((&[a, b, c, d, padding, message], _)) = bytes.split_first_chunk::<6>() else { return Step::More };
        let len = u32::from_be_bytes([a, b, c, d]);
        if !PACKET_LEN.contains(&len) {
            observer.event(Some(&mut self.transaction), direction, event::INVALID_RECORD);
            return self.leave(Stage::Lost, direction, observer);
        }
        let whole = 4 + len as usize;
        match message {
            KEXINIT if self.transaction.peers[direction.index()].hassh.is_none() => {
                if whole > KEX_LIMIT {
                    observer.event(Some(&mut self.transaction), direction, event::LONG_KEX_RECORD);
                    return Step::Skip(whole as u64);
                }
                let Some(packet) = bytes.get(6..whole) else { return Step::More };
                let payload = packet.get(..packet.len().saturating_sub(padding.into())).unwrap_or_default();
                let hassh = Hassh::of(payload, direction);
                if hassh.is_none() {
                    observer.event(Some(&mut self.transaction), direction, event::INVALID_RECORD);
                }
                self.transaction.peers[direction.index()].hassh = hassh;
                self.reach(Progress::Headers, direction, observer);
                Step::Took(whole)
            }
            NEWKEYS => self.leave(Stage::Encrypted, direction, observer),
            _ => Step::Skip(whole as u64),
        }
    }

    fn status(&self) -> Status {
        let done = |stage: Stage| matches!(stage, Stage::Encrypted | Stage::Lost);
        if !self.sides.iter().all(|side| done(side.stage)) {
            return Status::More;
        }
        let encrypted = self.sides.iter().any(|side| side.stage == Stage::Encrypted);
        if encrypted { Status::Encrypted } else { Status::GaveUp }
    }
}

/// `SSH-protoversion-softwareversion SP comments`; false if it is none.
fn read_banner(line: &[u8], peer: &mut Peer) -> bool {
    let mut parts = line.splitn(3, |b| *b == b'-');
    let (_, proto, software) = (parts.next(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let end = software.iter().position(|b| matches!(b, b' ' | b'\r')).unwrap_or(software.len());
    let software = &software[..end];
    if proto.is_empty() || software.is_empty() {
        return false;
    }
    peer.proto = proto.to_vec();
    peer.software = software.to_vec();
    true
}

impl Parser for SshParser {
    fn protocol(&self) -> Protocol {
        Protocol::Ssh
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        let mut framer = std::mem::take(&mut self.sides[direction.index()].framer);
        framer.feed(bytes, |bytes| self.step(bytes, direction, observer));
        self.sides[direction.index()].framer = framer;
        self.status()
    }

    fn gap(&mut self, direction: Direction, len: u64, observer: &mut dyn Observer) -> Status {
        let side = &mut self.sides[direction.index()];
        if !matches!(side.stage, Stage::Encrypted | Stage::Lost) && !side.framer.gap(len) {
            self.leave(Stage::Lost, direction, observer);
        }
        self.status()
    }

    fn end(&mut self, direction: Direction, observer: &mut dyn Observer) {
        let side = &mut self.sides[direction.index()];
        if std::mem::replace(&mut side.over, true) {
            return;
        }
        let rest = side.framer.take_rest();
        if side.stage == Stage::Banner && !rest.is_empty() {
            let peer = &mut self.transaction.peers[direction.index()];
            if !read_banner(&rest, peer) || !rest.starts_with(b"SSH-") {
                *peer = Peer::default();
                observer.event(Some(&mut self.transaction), direction, event::INVALID_BANNER);
            }
        }
        self.reach(Progress::Complete, direction, observer);
    }
}
