//! A TCP conversation that the fuzzer cuts up, as frames.
//!
//! Input: 2 bytes of starting sequence numbers, the number of cuts, 4 bytes for each cut, and the content, the first half of
//! which is the client's and the second the server's. Whatever the bytes say, all of both streams is sent, nothing is lost,
//! and nothing contradicts itself: a right engine delivers exactly the content.

/// Which way a segment goes; index of the pairs in this file.
pub const CLIENT: usize = 0;
/// See [`CLIENT`].
pub const SERVER: usize = 1;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const ADDRESSES: [[u8; 4]; 2] = [[10, 0, 0, 1], [198, 51, 100, 1]];
const PORTS: [u16; 2] = [40_000, 8_000];
/// Content of one direction that is used; below any window.
const CONTENT_MAX: usize = 8 << 10;
/// Payload of one segment at most.
const SEGMENT_MAX: usize = 1_460;

/// A conversation.
#[derive(Clone, Debug)]
pub struct Conversation {
    start: [u32; 2],
    /// What each side says.
    pub content: [Vec<u8>; 2],
    /// Segments in the order in which they are sent: side, start, end.
    segments: Vec<(usize, usize, usize)>,
}

impl Conversation {
    /// Reads one from the fuzzer's bytes; `None` when there are too few.
    #[must_use]
    pub fn parse(input: &[u8]) -> Option<Self> {
        let (&[client, server, count], rest) = input.split_first_chunk()?;
        let cuts_len = 4 * usize::from(count);
        let (cuts, content) = rest.split_at_checked(cuts_len)?;
        let (first, second) = content.split_at(content.len() / 2);
        let content = [first, second].map(|side| side[..side.len().min(CONTENT_MAX)].to_vec());
        // High bytes alone: 0xff starts just below the wrap.
        let start = [client, server].map(|high| u32::from_be_bytes([high, 0xff, 0xff, 0xf0]));

        let mut at = [0; 2];
        // (when it is sent, side, start, end)
        let mut segments = Vec::new();
        for (number, cut) in cuts.as_chunks::<4>().0.iter().enumerate() {
            let &[how, len, back, again] = cut;
            let side = usize::from(how & 1);
            let from = at[side];
            let to = (from + 1 + usize::from(len) * 4).min(content[side].len());
            if from >= to {
                continue;
            }
            at[side] = to;
            // Late by up to seven places, and reaching back over what was sent before.
            let when = number + usize::from(how >> 1 & 7);
            let back = if how & 0x10 != 0 { usize::from(back) } else { 0 };
            segments.push((when, side, from.saturating_sub(back), to));
            if how & 0x20 != 0 {
                segments.push((number + usize::from(again & 15), side, from, to));
            }
        }
        for side in [CLIENT, SERVER] {
            while at[side] < content[side].len() {
                let to = (at[side] + SEGMENT_MAX).min(content[side].len());
                segments.push((usize::MAX, side, at[side], to));
                at[side] = to;
            }
        }
        segments.sort_by_key(|&(when, ..)| when);
        let segments = segments.into_iter().map(|(_, side, from, to)| (side, from, to)).collect();
        Some(Self { start, content, segments })
    }

    /// The same conversation with nothing cut, late or repeated: first all of the client's bytes, then the server's.
    #[must_use]
    pub fn plain(&self) -> Self {
        let mut segments = Vec::new();
        for side in [CLIENT, SERVER] {
            let len = self.content[side].len();
            segments.extend((0..len).step_by(SEGMENT_MAX).map(|from| (side, from, (from + SEGMENT_MAX).min(len))));
        }
        Self { segments, ..self.clone() }
    }

    /// Hands over each packet (IPv4, no link header): handshake, segments, closing.
    pub fn packets(&self, mut each: impl FnMut(&[u8])) {
        let next = self.start.map(|isn| isn.wrapping_add(1));
        let end = [CLIENT, SERVER].map(|side| next[side].wrapping_add(self.content[side].len() as u32));
        each(&packet(CLIENT, SYN, self.start[CLIENT], 0, &[]));
        each(&packet(SERVER, SYN | ACK, self.start[SERVER], next[CLIENT], &[]));
        each(&packet(CLIENT, ACK, next[CLIENT], next[SERVER], &[]));
        for &(side, from, to) in &self.segments {
            // Nothing is acknowledged on the way, so nothing can count as lost.
            let seq = next[side].wrapping_add(from as u32);
            each(&packet(side, ACK, seq, next[1 - side], &self.content[side][from..to]));
        }
        each(&packet(CLIENT, ACK, end[CLIENT], end[SERVER], &[]));
        each(&packet(SERVER, ACK, end[SERVER], end[CLIENT], &[]));
        each(&packet(CLIENT, FIN | ACK, end[CLIENT], end[SERVER], &[]));
        each(&packet(SERVER, FIN | ACK, end[SERVER], end[CLIENT].wrapping_add(1), &[]));
        each(&packet(CLIENT, ACK, end[CLIENT].wrapping_add(1), end[SERVER].wrapping_add(1), &[]));
    }
}

fn sum(bytes: &[u8]) -> u32 {
    let words = bytes.chunks(2).map(|w| u32::from(w[0]) << 8 | w.get(1).map_or(0, |&b| u32::from(b)));
    words.fold(0, |total, w| (total + w & 0xffff) + (total + w >> 16))
}

fn packet(side: usize, flags: u8, seq: u32, ack: u32, payload: &[u8]) -> Vec<u8> {
    let len = (40 + payload.len()) as u16;
    let mut p = vec![0x45, 0];
    p.extend(len.to_be_bytes());
    p.extend([0, 1, 0x40, 0, 64, 6, 0, 0]);
    p.extend(ADDRESSES[side]);
    p.extend(ADDRESSES[1 - side]);
    let checksum = !sum(&p) as u16;
    p[10..12].copy_from_slice(&checksum.to_be_bytes());
    p.extend(PORTS[side].to_be_bytes());
    p.extend(PORTS[1 - side].to_be_bytes());
    p.extend(seq.to_be_bytes());
    p.extend(ack.to_be_bytes());
    p.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    p.extend(payload);
    let pseudo = u32::from(sum(&p[12..20]) as u16) + 6 + u32::from(len - 20) + sum(&p[20..]);
    let checksum = !((pseudo & 0xffff) + (pseudo >> 16)) as u16;
    p[36..38].copy_from_slice(&checksum.to_be_bytes());
    p
}
