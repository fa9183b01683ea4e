//! A TCP connection whose bytes come cut, late, repeated and overlapping: what is delivered is the content, once, in order,
//! with no gap; each direction ends once; and no memory is held afterwards.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho::decode::{DecodeConfig, Decoder, Frame, LinkType};
use sekisho::packet::{Direction, Packet};
use sekisho::stream::{StreamConfig, StreamEngine, StreamSink, TcpSession};
use sekisho::time::Timestamp;
use sekisho_fuzz::{CLIENT, Conversation, SERVER};

#[derive(Default)]
struct Delivered {
    bytes: [Vec<u8>; 2],
    ends: [u32; 2],
}

impl StreamSink for Delivered {
    fn data(&mut self, direction: Direction, position: u64, bytes: &[u8], _from_segment: bool) {
        let side = direction.index();
        assert_eq!(position, self.bytes[side].len() as u64, "bytes come in order, once");
        assert_eq!(self.ends[side], 0, "nothing comes after the end");
        self.bytes[side].extend_from_slice(bytes);
    }
    fn gap(&mut self, direction: Direction, position: u64, len: u64) {
        panic!("{direction:?}: {len} bytes at {position} called missing, and none was lost");
    }
    fn end(&mut self, direction: Direction) {
        self.ends[direction.index()] += 1;
    }
}

fn deliver(conversation: &Conversation) -> Delivered {
    let mut decoder = Decoder::new(DecodeConfig { verify_checksums: true, ..DecodeConfig::default() });
    let mut engine = StreamEngine::new(&StreamConfig::default());
    let mut session = TcpSession::default();
    let mut delivered = Delivered::default();
    let mut number = 0;
    conversation.packets(|data| {
        number += 1;
        let ts = Timestamp(number * 1_000_000);
        let frame = Frame { ts, number, interface: 0, link: LinkType(101), data, wire_len: data.len() as u32 };
        decoder.decode(&frame, &mut |packet: &Packet<'_>| {
            assert!(packet.checksum_ok);
            let direction = if packet.src_port == 40_000 { Direction::ToServer } else { Direction::ToClient };
            let tcp = packet.tcp().expect("a TCP packet was built");
            engine.segment(&mut session, packet, tcp, direction, &mut delivered);
        });
    });
    engine.close(&mut session, &mut delivered);
    assert_eq!(engine.memory_bytes(), 0, "buffers are given back");
    delivered
}

fuzz_target!(|data: &[u8]| {
    if let Some(conversation) = Conversation::parse(data) {
        let delivered = deliver(&conversation);
        for side in [CLIENT, SERVER] {
            assert!(delivered.bytes[side] == conversation.content[side], "the bytes delivered are not the bytes sent");
            assert_eq!(delivered.ends[side], 1, "each direction ends once");
        }
    }
});
