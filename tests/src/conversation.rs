//! A TCP connection made by hand, given to a worker frame by frame, as property tests of detection need it.

use sekisho::decode::{Frame, LinkType};
use sekisho::time::Timestamp;
use sekisho::worker::Worker;

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const FIN: u8 = 0x01;

/// Sequence numbers that wrap around within the first bytes.
const CLIENT: u32 = 0xffff_ff00;
const SERVER: u32 = 7_000;

/// An IPv4 packet with a TCP segment, without a link header; its checksums are left out.
fn segment(from_client: bool, flags: u8, seq: u32, ack: u32, payload: &[u8]) -> Vec<u8> {
    let (src, dst) = if from_client { ([10, 0, 0, 1], [10, 0, 0, 2]) } else { ([10, 0, 0, 2], [10, 0, 0, 1]) };
    let (sp, dp): (u16, u16) = if from_client { (40_000, 8_000) } else { (8_000, 40_000) };
    let mut p = vec![0x45, 0];
    p.extend((40 + payload.len() as u16).to_be_bytes());
    p.extend([0, 1, 0x40, 0, 64, 6, 0, 0]);
    p.extend(src);
    p.extend(dst);
    p.extend(sp.to_be_bytes());
    p.extend(dp.to_be_bytes());
    p.extend(seq.to_be_bytes());
    p.extend(ack.to_be_bytes());
    p.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    p.extend(payload);
    p
}

/// A whole connection in which the client's `content` comes as `segments` (start, end), in that order.
#[must_use]
pub fn connection(content: &[u8], segments: &[(usize, usize)]) -> Vec<Vec<u8>> {
    let (first, end) = (CLIENT.wrapping_add(1), CLIENT.wrapping_add(1 + content.len() as u32));
    let mut packets = vec![
        segment(true, SYN, CLIENT, 0, b""),
        segment(false, SYN | ACK, SERVER, first, b""),
        segment(true, ACK, first, SERVER + 1, b""),
    ];
    for &(from, to) in segments {
        packets.push(segment(true, ACK, first.wrapping_add(from as u32), SERVER + 1, &content[from..to]));
    }
    packets.push(segment(true, FIN | ACK, end, SERVER + 1, b""));
    packets.push(segment(false, FIN | ACK, SERVER + 1, end.wrapping_add(1), b""));
    packets.push(segment(true, ACK, end.wrapping_add(1), SERVER + 2, b""));
    packets
}

/// Gives the packets to `worker`, a millisecond apart. `before` is called ahead of each with its index and time.
pub fn feed(worker: &mut Worker, packets: &[Vec<u8>], mut before: impl FnMut(&mut Worker, usize, Timestamp)) {
    for (i, data) in packets.iter().enumerate() {
        let number = i as u64 + 1;
        let ts = Timestamp(number * 1_000_000);
        before(worker, i, ts);
        let wire_len = data.len() as u32;
        worker.frame(&Frame { ts, number, interface: 0, link: LinkType(101), data, wire_len });
    }
}
