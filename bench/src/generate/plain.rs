//! Random bytes with no application in them. *Uniform*: all flows are open at once and take turns, every data frame has one
//! size; it fills tables and keeps rates plain. *Streams*: a window of open flows, short answers and long downloads, bare
//! acknowledgements, some UDP. Clients are in 10/8, servers in 198.18/15 (RFC 2544's benchmark range).

use super::counts::Counts;
use super::{Mix, Options, START_NS};
use crate::wire::{checksum, set_word, transport_checksum};
use fastrand::Rng;
use std::collections::VecDeque;

/// Frames a second, where nothing else is said.
const RATE: u32 = 100_000;
/// Segments each way, where nothing else is said.
const SEGMENTS: u32 = 3;
const TCP: u8 = 6;
const UDP: u8 = 17;
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

/// What the options come to.
#[derive(Clone, Copy, Debug)]
struct Shape {
    uniform: bool,
    flows: u32,
    segments: u32,
    window: usize,
}

impl Shape {
    fn new(options: &Options) -> anyhow::Result<Self> {
        let uniform = options.mix == Mix::Uniform;
        let plain =
            [options.loss, options.reorder, options.missing, options.ipv6_share.unwrap_or(0.0), options.vlan_share];
        anyhow::ensure!(
            plain.iter().all(|&share| share == 0.0),
            "--mix {} has no losses, no IPv6 and no VLANs; take a mix of conversations",
            options.mix
        );
        let open = options.concurrent.unwrap_or(if uniform { 1_000 } else { 400 });
        let flows = u32::try_from(options.flows.unwrap_or(if uniform { open.into() } else { 1_000 }))?;
        // With a number of frames to make and nothing else said, the flows go on until they are made.
        let enough = options.packets.map(|packets| (packets / u64::from(flows.max(1)) / 2 + 1).min(1 << 30) as u32);
        let segments = options.segments.or(enough.filter(|_| uniform)).unwrap_or(SEGMENTS);
        let window = if uniform { flows } else { open.min(flows) };
        Ok(Self { uniform, flows, segments, window: window as usize })
    }
}

/// One conversation. Index 0 of pairs is the client.
#[derive(Clone, Debug)]
struct Flow {
    proto: u8,
    addresses: [[u8; 4]; 2],
    ports: [u16; 2],
    seq: [u32; 2],
    /// Frames sent so far.
    step: u32,
    /// Data frames sent, and all that there will be.
    data: (u32, u32),
    /// The first of so many data frames goes to the server, the others to the client.
    upload: u32,
    /// Frames of the closing handshake that were sent.
    closing: u8,
}

/// What a flow's next frame is.
struct Next {
    from: usize,
    flags: u8,
    data: bool,
}

impl Flow {
    fn new(number: u32, shape: &Shape, options: &Options, rng: &mut Rng) -> Self {
        let udp = rng.f64() < options.udp_share;
        let [_, a, b, c] = (number & 0x00ff_ffff).to_be_bytes();
        let server = rng.u32(..0x2_0000);
        let port = if udp {
            *rng.choice(&[53, 123, 443, 3478]).unwrap_or(&53)
        } else {
            *rng.choice(&[80, 443, 22, 25, 445, 8080, 993]).unwrap_or(&80)
        };
        let (data, upload) = if shape.uniform {
            (shape.segments.saturating_mul(2), 2)
        } else {
            // A Pareto tail: most flows are short, a few carry most of the bytes. Mean 1.5 of shape 3.
            let mean = 2.0 * f64::from(shape.segments);
            let length = mean / 1.5 / rng.f64().max(1e-4).powf(1.0 / 3.0);
            ((length as u32).clamp(2, 100_000), if udp { 2 } else { rng.u32(2..8) })
        };
        Self {
            proto: if udp { UDP } else { TCP },
            addresses: [[10, a, b, c], [198, 18 + (server >> 16) as u8, (server >> 8) as u8, server as u8]],
            ports: [rng.u16(1024..), port],
            seq: [rng.u32(..), rng.u32(..)],
            step: 0,
            data: (0, data),
            upload,
            closing: 0,
        }
    }

    /// Goes one frame on; `None` when the conversation is over.
    fn next(&mut self, options: &Options) -> Option<Next> {
        let step = self.step;
        self.step += 1;
        if self.proto == TCP {
            let flags = [SYN, SYN | ACK, ACK];
            if let Some(&flags) = flags.get(step as usize) {
                return Some(Next { from: step as usize % 2, flags, data: false });
            }
        }
        let (sent, all) = self.data;
        if sent < all {
            self.data.0 += 1;
            return Some(Next { from: usize::from(!sent.is_multiple_of(self.upload)), flags: PSH | ACK, data: true });
        }
        if self.proto == UDP || options.leave_open {
            return None;
        }
        let flags = *[FIN | ACK, FIN | ACK, ACK].get(usize::from(self.closing))?;
        let from = usize::from(self.closing % 2);
        self.closing += 1;
        Some(Next { from, flags, data: false })
    }
}

/// Generates, handing each frame with its time (nanoseconds since 1970) to `sink`.
///
/// # Errors
/// Whatever `sink` returns; a marker that does not fit into a frame.
pub fn generate(options: &Options, mut sink: impl FnMut(u64, &[u8]) -> anyhow::Result<()>) -> anyhow::Result<Counts> {
    let shape = Shape::new(options)?;
    let largest_payload = usize::from(options.frame_size) - 54;
    let marker = options.marker.as_deref().unwrap_or_default().as_bytes();
    anyhow::ensure!(
        marker.len() <= largest_payload,
        "the marker is longer than a frame's payload of {largest_payload} bytes"
    );
    let mut rng = Rng::with_seed(options.seed);
    let noise: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(1 << 16).collect();
    let mut counts = Counts::default();
    let mut made = 0;
    let mut open: VecDeque<Flow> = VecDeque::with_capacity(shape.window);
    let mut frame = Vec::with_capacity(usize::from(options.frame_size));
    let interval_ns = 1_000_000_000 / u64::from(options.rate.unwrap_or(RATE).max(1));
    loop {
        while open.len() < shape.window && made < shape.flows {
            open.push_back(Flow::new(made, &shape, options, &mut rng));
            made += 1;
            counts.flows += 1;
        }
        counts.concurrent = counts.concurrent.max(open.len() as u64);
        if open.is_empty() || options.reached(&counts) {
            counts.open = open.len() as u64;
            counts.seconds = counts.frames.saturating_sub(1) as f64 * interval_ns as f64 / 1e9;
            return Ok(counts);
        }
        let at = if shape.uniform { 0 } else { rng.usize(..open.len()) };
        let flow = &mut open[at];
        let Some(next) = flow.next(options) else {
            // The first goes without disturbing the order of the others, which uniform traffic promises.
            let _ended = if at == 0 { open.pop_front() } else { open.swap_remove_back(at) };
            continue;
        };
        let headers = if flow.proto == TCP { 54 } else { 42 };
        let room = usize::from(options.frame_size) - headers;
        let len = match next.data {
            false => 0,
            true if !shape.uniform && (next.from == 0 || flow.proto == UDP) => {
                rng.usize(marker.len().max(8).min(room)..=room.min(400).max(marker.len()))
            }
            true => room,
        };
        let start = rng.usize(..noise.len() - len);
        let marked = next.data && !marker.is_empty() && len >= marker.len() && rng.f64() < options.marker_share;
        let place = if marked { Some((rng.usize(..=len - marker.len()), marker)) } else { None };
        build(&mut frame, flow, &next, &noise[start..start + len], place);
        sink(START_NS + counts.frames * interval_ns, &frame)?;
        let syn_or_fin = u32::from(next.flags & (SYN | FIN) != 0);
        flow.seq[next.from] = flow.seq[next.from].wrapping_add(len as u32 + syn_or_fin);
        counts.frames += 1;
        counts.bytes += frame.len() as u64;
        counts.marked += u64::from(marked);
        if shape.uniform {
            open.rotate_left(1);
        }
    }
}

/// Ethernet, IPv4 and TCP or UDP around `payload`.
fn build(frame: &mut Vec<u8>, flow: &Flow, next: &Next, payload: &[u8], marker: Option<(usize, &[u8])>) {
    let (from, to) = (next.from, 1 - next.from);
    frame.clear();
    frame.extend([2, 0, 0, 0, 0, to as u8, 2, 0, 0, 0, 0, from as u8, 8, 0]);
    let transport_len = if flow.proto == TCP { 20 } else { 8 } + payload.len();
    frame.extend([0x45, 0]);
    frame.extend(((20 + transport_len) as u16).to_be_bytes());
    frame.extend((flow.step as u16).to_be_bytes());
    frame.extend([0x40, 0, 64, flow.proto, 0, 0]);
    frame.extend(flow.addresses[from]);
    frame.extend(flow.addresses[to]);
    let header_checksum = checksum(&frame[14..34]);
    set_word(frame, 24, header_checksum);
    frame.extend(flow.ports[from].to_be_bytes());
    frame.extend(flow.ports[to].to_be_bytes());
    let checksum_at = if flow.proto == TCP {
        frame.extend(flow.seq[from].to_be_bytes());
        let ack = if next.flags & ACK != 0 { flow.seq[to] } else { 0 };
        frame.extend(ack.to_be_bytes());
        frame.extend([0x50, next.flags, 0xff, 0xff, 0, 0, 0, 0]);
        50
    } else {
        frame.extend((transport_len as u16).to_be_bytes());
        frame.extend([0, 0]);
        40
    };
    let payload_at = frame.len();
    frame.extend(payload);
    if let Some((at, marker)) = marker {
        frame[payload_at + at..payload_at + at + marker.len()].copy_from_slice(marker);
    }
    let sum = transport_checksum(&flow.addresses[from], &flow.addresses[to], flow.proto, &frame[34..]);
    set_word(frame, checksum_at, if flow.proto == UDP && sum == 0 { 0xffff } else { sum });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{sum, word};
    use std::collections::HashMap;

    fn options(mix: Mix) -> Options {
        Options {
            mix,
            seed: 7,
            flows: Some(300),
            segments: Some(4),
            frame_size: 300,
            udp_share: 0.3,
            marker: Some("ZQmarkerQZ".into()),
            marker_share: 0.05,
            rate: Some(1000),
            ..Options::default()
        }
    }

    fn frames(options: &Options) -> (Counts, Vec<(u64, Vec<u8>)>) {
        let mut all = Vec::new();
        let counts = generate(options, |time, frame| {
            all.push((time, frame.to_vec()));
            Ok(())
        })
        .expect("the sink accepts all");
        (counts, all)
    }

    #[test]
    fn the_seed_decides() {
        let a = frames(&options(Mix::Streams));
        assert_eq!(a, frames(&options(Mix::Streams)));
        assert_ne!(a, frames(&Options { seed: 8, ..options(Mix::Streams) }));
    }

    #[test]
    fn counts_are_what_is_there() {
        for kind in [Mix::Streams, Mix::Uniform] {
            let (counts, all) = frames(&options(kind));
            assert_eq!(counts.frames, all.len() as u64);
            assert_eq!(counts.bytes, all.iter().map(|(_, f)| f.len() as u64).sum::<u64>());
            let marked = all.iter().filter(|(_, f)| f.windows(10).any(|w| w == b"ZQmarkerQZ")).count();
            assert_eq!(counts.marked, marked as u64);
            assert!(marked > 0);
            assert!(all.is_sorted_by_key(|(time, _)| *time));
        }
    }

    #[test]
    fn checksums_are_right_and_sequence_numbers_go_on() {
        for kind in [Mix::Streams, Mix::Uniform] {
            let mut expected: HashMap<Vec<u8>, u32> = HashMap::new();
            let mut fins = 0;
            for (_, f) in frames(&options(kind)).1 {
                assert_eq!(sum(&f[14..34]), 0xffff);
                let mut pseudo = f[26..34].to_vec();
                pseudo.extend([0, f[23]]);
                pseudo.extend(((f.len() - 34) as u16).to_be_bytes());
                pseudo.extend(&f[34..]);
                assert_eq!(sum(&pseudo), 0xffff);
                assert_eq!(usize::from(word(&f, 16).unwrap()), f.len() - 14);
                if f[23] != TCP {
                    continue;
                }
                let seq = u32::from_be_bytes(f[38..42].try_into().unwrap());
                let flags = f[47];
                let key = f[26..38].to_vec();
                if flags & SYN == 0 {
                    assert_eq!(expected[&key], seq);
                }
                fins += u32::from(flags & FIN != 0);
                let len = (f.len() - 54) as u32 + u32::from(flags & (SYN | FIN) != 0);
                expected.insert(key, seq.wrapping_add(len));
            }
            assert_eq!(fins as usize, expected.len(), "each side of each connection closes");
        }
    }

    #[test]
    fn uniform_flows_are_all_open_at_once() {
        let (_, all) = frames(&Options { udp_share: 0.0, leave_open: true, ..options(Mix::Uniform) });
        assert_eq!(all.len(), 300 * (3 + 8));
        assert!(all[..300].iter().all(|(_, f)| f[47] == SYN));
    }
}
