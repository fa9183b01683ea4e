//! Frames that a mirror sends twice: a session that mirrors both ingress and egress, two VLANs or two ports that are mirrored, a
//! packet seen before and behind a router.
//!
//! A frame is a duplicate when what stays the same of it was seen a moment ago: a keyed hash over it stands in a table that holds the
//! last frames, for some milliseconds and so many at most. All bytes count, so that nobody can hide one packet behind another: of a
//! packet that was routed all but MAC addresses, VLAN tags, type of service, TTL and the value of the IP checksum. *Whether* that checksum
//! is right counts, else a broken copy, which its receiver throws away, would take the good one along.
//!
//! What repeats without a mirror's doing, and what dropping it means:
//! - A TCP segment that is sent again has a new IP identification with most systems. With those that send 0 (atomic datagrams, RFC 6864)
//!   it is equal if it has no newer timestamp; retransmission time-outs are 200 ms and more, far outside the window, and quick
//!   retransmissions bring bytes that the stream engine has already. Equal acknowledgements (duplicate ACKs) tell it nothing new. Keep-alives
//!   are seconds apart.
//! - Equal UDP datagrams: DNS asks again after a second, SIP after half a second. What is sent twice on purpose within
//!   milliseconds (statsd, wake on LAN) is inspected once, since its second copy says nothing that the first did not.
//! - Floods of equal packets: rules see each content once a window, and thresholds count accordingly.
//!
//! So content is never missed, and the flow's packet counts are those of the wire. A frame that is dropped does not prolong its
//! window: of what repeats for ever, one in each window is inspected. Live, all frames of a batch have one time, so when a worker was
//! behind, the window spans more time on the wire than it says.
//!
//! In line nothing is a duplicate: what came twice is sent twice.
//!
//! It costs 130 instructions for the smallest frames and 750 for those of 1,514 bytes; of a routed packet 160 more.

use super::checksum;
use super::ethernet::ethertype;
use super::link::LinkType;
use super::{ipv4, ipv6};
use crate::time::Timestamp;
use foldhash::SharedSeed;
use foldhash::quality::FoldHasher;
use serde::Deserialize;
use std::hash::Hasher as _;

/// `[capture.duplicates]`: frames that a mirror sends twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DuplicatesConfig {
    /// Which frames are duplicates. Default `off`.
    pub mode: DuplicatesMode,
    /// How long a frame is remembered, in milliseconds, 1 to 1000. Default 5.
    pub window_ms: u16,
    /// Most frames that are remembered, for each worker, 64 to 1,048,576; taken up to a power of two, of 16 bytes each. Default 8,192.
    pub frames_max: u32,
}

impl Default for DuplicatesConfig {
    fn default() -> Self {
        Self { mode: DuplicatesMode::Off, window_ms: 5, frames_max: 8192 }
    }
}

impl DuplicatesConfig {
    /// The key that is out of its limits, and a sentence.
    #[must_use]
    pub fn problem(&self) -> Option<(&'static str, &'static str)> {
        if !(1..=1000).contains(&self.window_ms) {
            return Some(("window_ms", "1 to 1000 milliseconds: the copies of a mirror come close together"));
        }
        (!(64..=1 << 20).contains(&self.frames_max)).then_some(("frames_max", "64 to 1048576 frames"))
    }
}

/// Which frames are duplicates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DuplicatesMode {
    /// None.
    #[default]
    Off,
    /// The same bytes, from the link header on.
    Exact,
    /// The same IP packet, whatever link it was seen on; what is no IP, as `Exact` has it. VLANs then keep no flows apart.
    Routed,
}

/// Frames in one line of the table.
const WAYS: usize = 4;

/// What was seen: one cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
struct Line {
    /// The frames' hashes; 0 is an empty way.
    tags: [u64; WAYS],
    /// When they came, in nanoseconds.
    times: [u64; WAYS],
}

/// The last frames of one worker.
pub(super) struct Duplicates {
    mode: DuplicatesMode,
    window_ns: u64,
    seeds: SharedSeed,
    seed: u64,
    lines: Box<[Line]>,
}

impl std::fmt::Debug for Duplicates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Duplicates")
            .field("mode", &self.mode)
            .field("window_ns", &self.window_ns)
            .finish_non_exhaustive()
    }
}

impl Duplicates {
    /// An empty table, or none where nothing is a duplicate. `seed` must be unguessable.
    pub(super) fn new(config: &DuplicatesConfig, seed: u64) -> Option<Self> {
        if config.mode == DuplicatesMode::Off {
            return None;
        }
        let lines = (config.frames_max.clamp(64, 1 << 20) as usize).div_ceil(WAYS).next_power_of_two();
        Some(Self {
            mode: config.mode,
            window_ns: u64::from(config.window_ms) * 1_000_000,
            seeds: SharedSeed::from_u64(seed),
            seed: seed.rotate_left(32),
            lines: vec![Line::default(); lines].into_boxed_slice(),
        })
    }

    /// Copies of a packet may come from different VLANs.
    pub(super) fn spans_vlans(&self) -> bool {
        self.mode == DuplicatesMode::Routed
    }

    /// Whether the frame was seen within the window; if not, it is remembered.
    #[inline(never)]
    pub(super) fn repeats(&mut self, ts: Timestamp, link: LinkType, data: &[u8]) -> bool {
        let tag = self.tag(link, data).max(1);
        // Below the number of lines, a power of two.
        let at = (tag >> 32) as usize & (self.lines.len() - 1);
        let Some(line) = self.lines.get_mut(at) else { return false };
        let mut oldest = 0;
        for way in 0..WAYS {
            if line.tags[way] == tag {
                if ts.0.abs_diff(line.times[way]) <= self.window_ns {
                    return true;
                }
                oldest = way;
                break;
            }
            if line.times[way] < line.times[oldest] {
                oldest = way;
            }
        }
        line.tags[oldest] = tag;
        line.times[oldest] = ts.0;
        false
    }

    /// The hash of what stays the same.
    fn tag(&self, link: LinkType, data: &[u8]) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.seed, &self.seeds);
        let packet = if self.mode == DuplicatesMode::Routed { network(link, data).and_then(routed) } else { None };
        match packet {
            Some((head, rest)) => {
                hasher.write(&head);
                hasher.write(rest);
            }
            None => hasher.write(data),
        }
        hasher.finish()
    }
}

/// The IP packet behind the link header and VLAN tags.
fn network(link: LinkType, data: &[u8]) -> Option<&[u8]> {
    /// Far more tags than a network stacks.
    const TAGS: usize = 4;
    if link != LinkType::ETHERNET {
        return matches!(link, LinkType::RAW | LinkType::IPV4 | LinkType::IPV6).then_some(data);
    }
    let (header, mut rest) = data.split_first_chunk::<14>()?;
    let mut kind = u16::from_be_bytes([header[12], header[13]]);
    for _ in 0..TAGS {
        if !matches!(kind, ethertype::VLAN | ethertype::QINQ | ethertype::QINQ_OLD) {
            break;
        }
        let (tag, after) = rest.split_first_chunk::<4>()?;
        kind = u16::from_be_bytes([tag[2], tag[3]]);
        rest = after;
    }
    matches!(kind, ethertype::IPV4 | ethertype::IPV6).then_some(rest)
}

/// What routers leave as it is: the fixed header without what they change, and all behind it, cut to the header's length. None
/// for what is no whole IP packet.
fn routed(data: &[u8]) -> Option<([u8; ipv6::HEADER_LEN + 1], &[u8])> {
    let mut head = [0; ipv6::HEADER_LEN + 1];
    match data.first()? >> 4 {
        4 => {
            let (h, _) = data.split_first_chunk::<{ ipv4::HEADER_LEN }>()?;
            let header = data.get(..usize::from(h[0] & 0x0f) * 4)?;
            let rest = data.get(ipv4::HEADER_LEN..usize::from(u16::from_be_bytes([h[2], h[3]])))?;
            head[..ipv4::HEADER_LEN].copy_from_slice(h);
            // Type of service, TTL, checksum (RFC 791 §3.1).
            for at in [1, 8, 10, 11] {
                head[at] = 0;
            }
            head[ipv6::HEADER_LEN] = u8::from(checksum::is_valid(header));
            Some((head, rest))
        }
        6 => {
            let (h, rest) = data.split_first_chunk::<{ ipv6::HEADER_LEN }>()?;
            let rest = rest.get(..usize::from(u16::from_be_bytes([h[4], h[5]])))?;
            head[..ipv6::HEADER_LEN].copy_from_slice(h);
            // Traffic class and hop limit (RFC 8200 §3).
            head[0] &= 0xf0;
            head[1] &= 0x0f;
            head[7] = 0;
            Some((head, rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::tests::frames::{eth4, eth6, ipv4, ipv6, udp};

    fn udp4(payload: &[u8]) -> Vec<u8> {
        ipv4(17, &udp(4, 1000, 2000, payload))
    }

    fn udp6(payload: &[u8]) -> Vec<u8> {
        ipv6(17, &udp(6, 1000, 2000, payload))
    }

    fn table(mode: DuplicatesMode) -> Duplicates {
        Duplicates::new(&DuplicatesConfig { mode, ..DuplicatesConfig::default() }, 7).unwrap()
    }

    const MS: u64 = 1_000_000;

    fn repeats(table: &mut Duplicates, at_ns: u64, data: &[u8]) -> bool {
        table.repeats(Timestamp(at_ns), LinkType::ETHERNET, data)
    }

    #[test]
    fn a_frame_is_a_duplicate_for_as_long_as_the_window_and_does_not_prolong_it() {
        for mode in [DuplicatesMode::Exact, DuplicatesMode::Routed] {
            let (mut table, frame) = (table(mode), eth4(&udp4(b"once")));
            assert!(!repeats(&mut table, 100 * MS, &frame));
            assert!(repeats(&mut table, 100 * MS, &frame));
            assert!(repeats(&mut table, 105 * MS, &frame));
            // Time may go back.
            assert!(repeats(&mut table, 95 * MS, &frame));
            assert!(!repeats(&mut table, 105 * MS + 1, &frame), "the window began with the first one");
            assert!(repeats(&mut table, 110 * MS, &frame));
        }
        assert!(Duplicates::new(&DuplicatesConfig::default(), 7).is_none(), "off unless it is asked for");
    }

    #[test]
    fn every_byte_counts() {
        let frame = eth4(&udp4(&[b'x'; 200]));
        for mode in [DuplicatesMode::Exact, DuplicatesMode::Routed] {
            let mut table = table(mode);
            assert!(!repeats(&mut table, 0, &frame));
            let ignored: &[usize] = match mode {
                // MAC addresses, type of service, TTL; a checksum is looked at below.
                DuplicatesMode::Routed => &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15, 22, 24, 25],
                _ => &[],
            };
            for at in (0..frame.len()).filter(|at| !ignored.contains(at)) {
                let mut other = frame.clone();
                other[at] ^= 1;
                assert!(!repeats(&mut table, 1, &other), "{mode:?}: byte {at}");
            }
        }
    }

    /// The frame as a router sends it on: its own addresses, another VLAN, one hop less, and the checksum for that.
    fn as_routed(frame: &[u8], vlan: Option<u16>) -> Vec<u8> {
        let mut out = vec![0xaa; 12];
        if let Some(vlan) = vlan {
            out.extend([0x81, 0x00]);
            out.extend(vlan.to_be_bytes());
        }
        out.extend(&frame[12..]);
        let ip = out.len() - frame.len() + 14;
        if out[ip] >> 4 == 4 {
            out[ip + 8] -= 1;
            (out[ip + 10], out[ip + 11]) = (0, 0);
            let sum = checksum::checksum(&[&out[ip..ip + 20]]);
            out[ip + 10..ip + 12].copy_from_slice(&sum.to_be_bytes());
        } else {
            out[ip + 7] -= 1;
        }
        out
    }

    #[test]
    fn a_routed_packet_is_a_duplicate_only_where_that_is_asked_for() {
        for frame in [eth4(&udp4(b"through the router")), eth6(&udp6(b"through the router"))] {
            for vlan in [None, Some(20)] {
                let other = as_routed(&frame, vlan);
                let mut exact = table(DuplicatesMode::Exact);
                assert!(!repeats(&mut exact, 0, &frame) && !repeats(&mut exact, 1, &other));
                let mut routed = table(DuplicatesMode::Routed);
                assert!(!repeats(&mut routed, 0, &frame) && repeats(&mut routed, 1, &other));
                // What an adapter pads is no part of the packet.
                let padded = [&other[..], &[0; 9]].concat();
                assert!(repeats(&mut routed, 2, &padded));
            }
        }
    }

    #[test]
    fn a_copy_with_a_wrong_checksum_takes_no_good_one_along() {
        let good = eth4(&udp4(b"evil"));
        let mut broken = good.clone();
        broken[24] ^= 0xff;
        let mut table = table(DuplicatesMode::Routed);
        assert!(!repeats(&mut table, 0, &broken));
        assert!(!repeats(&mut table, 1, &good));
    }

    #[test]
    fn what_is_no_whole_ip_packet_is_taken_as_it_is() {
        let mut table = table(DuplicatesMode::Routed);
        let arp = [&[0xff; 12][..], &[8, 6], &[1; 28]].concat();
        assert!(!repeats(&mut table, 0, &arp) && repeats(&mut table, 1, &arp));
        let other = [&[0xee; 12][..], &[8, 6], &[1; 28]].concat();
        assert!(!repeats(&mut table, 2, &other));
        let whole = eth4(&udp4(b"cut"));
        for len in 0..whole.len() {
            assert!(!repeats(&mut table, 3, &whole[..len]) && repeats(&mut table, 3, &whole[..len]), "{len}");
        }
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for_and_the_latest_stay() {
        let config = DuplicatesConfig { mode: DuplicatesMode::Exact, frames_max: 64, ..DuplicatesConfig::default() };
        let mut table = Duplicates::new(&config, 7).unwrap();
        let frame = |n: u32| eth4(&udp4(&n.to_be_bytes()));
        for n in 0..10_000 {
            assert!(!repeats(&mut table, u64::from(n), &frame(n)), "{n}");
            assert!(repeats(&mut table, u64::from(n), &frame(n)), "{n}");
        }
        let held = (0..10_000)
            .filter(|&n| table.lines.iter().any(|line| line.tags.contains(&table.tag(LinkType::ETHERNET, &frame(n)))));
        assert!(held.count() <= 64);
    }

    #[test]
    fn limits_are_told() {
        let problem = |text: &str| toml::from_str::<DuplicatesConfig>(text).unwrap().problem().map(|(key, _)| key);
        assert_eq!(problem(""), None);
        assert_eq!(problem("window_ms = 0"), Some("window_ms"));
        assert_eq!(problem("window_ms = 1001"), Some("window_ms"));
        assert_eq!(problem("frames_max = 63"), Some("frames_max"));
        assert_eq!(problem("mode = \"routed\"\nwindow_ms = 1000\nframes_max = 1048576"), None);
    }
}
