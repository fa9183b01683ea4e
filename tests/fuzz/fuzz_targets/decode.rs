//! Any frames, in any link type: every packet's slices lie within the frame (or the datagram put together from
//! fragments), lengths agree, the same frames give the same packets, and each frame has exactly one outcome.
//!
//! Input: a byte that picks the link type, a byte of settings, then frames, each a 16-bit length (big endian, cut to what
//! is there) and its bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho::decode::{DecodeConfig, Decoded, Decoder, Frame, LinkType};
use sekisho::ledger::Ledger;
use sekisho::packet::{Packet, Transport};
use sekisho::time::Timestamp;

const LINKS: [u32; 14] = [1, 1, 1, 101, 12, 14, 228, 229, 113, 276, 0, 108, 9, 50];

/// What is compared between two runs.
type Seen = (Option<(u8, u8)>, u16, u16, usize, u8, bool, Vec<&'static str>);

fn within(part: &[u8], whole: &[u8]) -> bool {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    part.is_empty() || (whole.start <= part.start && part.end <= whole.end)
}

fn check(packet: &Packet<'_>, frame: &Frame<'_>, reassembling: bool) -> Seen {
    assert!(within(packet.data, frame.data) || reassembling, "a packet outside its frame");
    assert_eq!((packet.ts, packet.frame_number), (frame.ts, frame.number));
    assert!(packet.vlans.count <= 3);
    if let Some(ip) = &packet.ip {
        assert!(ip.version == 4 || ip.version == 6);
        assert!(within(ip.header, packet.data), "an IP header outside its packet");
        assert!(within(ip.payload, packet.data), "an IP payload outside its packet");
        assert!(within(packet.payload, ip.payload), "a payload outside IP's");
        assert!(ip.header.len() >= if ip.version == 4 { 20 } else { 40 });
        if ip.is_fragment {
            assert!(matches!(packet.transport, Transport::None), "a transport header in a fragment");
        }
    } else {
        assert!(matches!(packet.transport, Transport::None), "a transport without IP");
    }
    if let Transport::Tcp(tcp) = &packet.transport {
        let ip = packet.ip.expect("checked above");
        assert!(within(tcp.options, ip.payload) && tcp.options.len() <= 40);
        assert_eq!(ip.payload.len(), 20 + tcp.options.len() + packet.payload.len(), "TCP's parts add up");
    }
    (
        packet.ip.map(|ip| (ip.version, ip.proto.0)),
        packet.src_port,
        packet.dst_port,
        packet.payload.len(),
        packet.tunnel_depth,
        packet.checksum_ok,
        packet.events.iter().map(|event| event.name()).collect(),
    )
}

fn run(link: LinkType, settings: u8, mut rest: &[u8]) -> (Vec<Seen>, Vec<Decoded>) {
    let config = DecodeConfig { verify_checksums: settings & 1 != 0, ..DecodeConfig::default() };
    let mut decoder = Decoder::new(config);
    let ledger = Ledger::default();
    let (mut packets, mut outcomes) = (Vec::new(), Vec::new());
    let mut number = 0;
    while let Some((len, behind)) = rest.split_first_chunk() {
        let (data, behind) = behind.split_at(usize::from(u16::from_be_bytes(*len)).min(behind.len()));
        rest = behind;
        number += 1;
        let frame = Frame {
            ts: Timestamp(number * 1_000_000_000),
            number,
            interface: 0,
            link,
            data,
            wire_len: data.len() as u32 + u32::from(settings & 2) * 8,
        };
        ledger.received(1, data.len() as u64);
        let mut fragments = false;
        let decoded = decoder.decode(&frame, &mut |packet: &Packet<'_>| {
            fragments |= number > 1;
            packets.push(check(packet, &frame, fragments));
        });
        ledger.settle(decoded.outcome());
        outcomes.push(decoded);
    }
    let reading = ledger.read();
    assert_eq!(reading.in_flight(), 0);
    assert_eq!(reading.outcomes.iter().sum::<u64>(), number, "one outcome a frame");
    assert_eq!(decoder.counters.frames, number);
    (packets, outcomes)
}

fuzz_target!(|data: &[u8]| {
    if let [link, settings, frames @ ..] = data {
        let link = LinkType(LINKS.get(usize::from(*link)).copied().unwrap_or_else(|| u32::from(*link)));
        assert_eq!(run(link, *settings, frames), run(link, *settings, frames), "the same frames give the same packets");
    }
});
