//! A TCP connection whose bytes come cut, late, repeated and overlapping: what is delivered is the content, once, in order,
//! with no gap; each direction ends once; no memory is held afterwards; and the worker raises the alerts that it raises
//! when the same bytes come whole and in order.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho::decode::{DecodeConfig, Decoder, Frame, LinkType};
use sekisho::detect::engine::Engine;
use sekisho::detect::threshold::Thresholds;
use sekisho::output::{AlertCatalog, EveConfig, OutputContext, Outputs};
use sekisho::packet::{Direction, Packet};
use sekisho::stream::{StreamConfig, StreamEngine, StreamSink, TcpSession};
use sekisho::time::Timestamp;
use sekisho::worker::{Worker, WorkerConfig};
use sekisho_fuzz::{CLIENT, Conversation, SERVER};
use sekisho_signatures::classification::Classifications;
use sekisho_signatures::load::load_text;
use sekisho_signatures::ruleset::Ruleset;
use sekisho_signatures::variables::Variables;
use std::path::Path;
use std::sync::{Arc, LazyLock};

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

/// Rules whose conditions a stream meets or not, whatever the segments: no packet keywords, and nothing negated, since what
/// is not there yet may still come.
const RULES: &[u8] = br#"
alert tcp any any -> any any (msg:"plain"; flow:established,to_server; content:"needle"; sid:1;)
alert tcp any any -> any any (msg:"the other way"; flow:established,to_client; content:"example"; nocase; sid:2;)
alert tcp any any -> any any (msg:"two, near"; content:"GET"; content:"HTTP"; distance:2; within:40; sid:3;)
alert tcp any any -> any any (msg:"expression"; content:"hay"; pcre:"/^stack HTTP\/\d\.\d/R"; sid:4;)
alert tcp any any -> any any (msg:"at the start"; content:"GE"; depth:2; content:"/nee"; distance:1; within:6; sid:5;)
alert tcp any any -> any any (msg:"short"; content:"|00 00|"; sid:6;)
alert tcp any any -> any any (msg:"deep"; content:"ab"; offset:100; depth:1000; sid:7;)
"#;

static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| {
    let loaded = load_text(Path::new("fuzz.rules"), RULES, &Variables::default(), &Classifications::default());
    assert!(!loaded.has_errors() && loaded.skipped.is_empty(), "{:?} {:?}", loaded.problems, loaded.skipped);
    Arc::new(Engine::new(Arc::new(Ruleset::new(loaded.signatures))).expect("the rules compile"))
});

/// The alerts of a conversation, by sid.
fn alerts(conversation: &Conversation) -> Vec<(Option<u32>, u64)> {
    let context = OutputContext { alerts: AlertCatalog::of_sids(1..=7, 7), ..OutputContext::default() };
    // Nothing is written; alerts are counted by signature all the same.
    let outputs = Outputs::start(&EveConfig { enabled: false, ..EveConfig::default() }, context).expect("there is no file");
    let config = WorkerConfig { decode: DecodeConfig { verify_checksums: true, ..DecodeConfig::default() }, ..WorkerConfig::default() };
    let mut worker = Worker::new(&config, Arc::clone(&ENGINE), Arc::new(Thresholds::default()), outputs.sender()).expect("memory");
    let mut number = 0;
    conversation.packets(|data| {
        number += 1;
        let ts = Timestamp(number * 1_000_000);
        worker.frame(&Frame { ts, number, interface: 0, link: LinkType(101), data, wire_len: data.len() as u32 });
    });
    worker.finish();
    let reading = worker.ledger().read();
    assert_eq!((reading.received_packets, reading.outcomes[0]), (number, number), "each packet is inspected");
    outputs.handle().alerts().by_sid
}

fuzz_target!(|data: &[u8]| {
    if let Some(conversation) = Conversation::parse(data) {
        let delivered = deliver(&conversation);
        for side in [CLIENT, SERVER] {
            assert!(delivered.bytes[side] == conversation.content[side], "the bytes delivered are not the bytes sent");
            assert_eq!(delivered.ends[side], 1, "each direction ends once");
        }
        assert_eq!(alerts(&conversation), alerts(&conversation.plain()), "alerts (left: as cut, right: in order)");
    }
});
