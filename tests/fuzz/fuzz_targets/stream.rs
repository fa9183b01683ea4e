//! A TCP connection whose bytes come cut, late, repeated and overlapping: what is delivered is the content, once, in order,
//! with no gap; each direction ends once; no memory is held afterwards; and the worker raises the alerts that it raises
//! when the same bytes come whole and in order.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho::decode::{DecodeConfig, Decoder, Frame, LinkType};
use sekisho::detect::engine::Engine;
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
use std::cell::RefCell;
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
/// is not there yet may still come. Those with places in the payload are for the stream alone: `tcp` would try them on each packet.
const RULES: &[u8] = br#"
alert tcp any any -> any any (msg:"plain"; flow:established,to_server; content:"needle"; sid:1;)
alert tcp any any -> any any (msg:"the other way"; flow:established,to_client; content:"example"; nocase; sid:2;)
alert tcp any any -> any any (msg:"two, near"; content:"GET"; content:"HTTP"; distance:2; within:40; sid:3;)
alert tcp any any -> any any (msg:"expression"; content:"hay"; pcre:"/^stack HTTP\/\d\.\d/R"; sid:4;)
alert tcp-stream any any -> any any (msg:"at the start"; content:"GE"; depth:2; content:"/nee"; distance:1; within:6; sid:5;)
alert tcp any any -> any any (msg:"short"; content:"|00 00|"; sid:6;)
alert tcp-stream any any -> any any (msg:"deep"; content:"ab"; offset:100; depth:1000; sid:7;)
"#;

static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| {
    let loaded = load_text(Path::new("fuzz.rules"), RULES, &Variables::default(), &Classifications::default());
    assert!(!loaded.has_errors() && loaded.skipped.is_empty(), "{:?} {:?}", loaded.problems, loaded.skipped);
    Arc::new(Engine::new(Arc::new(Ruleset::new(loaded.signatures))).expect("the rules compile"))
});

/// A worker that is used over and over, as a live one is; what a conversation leaves behind shows in the next.
struct Bench {
    worker: Worker,
    outputs: Outputs,
    number: u64,
}

impl Bench {
    fn new() -> Self {
        let context = OutputContext {
            alerts: AlertCatalog::choose(ENGINE.ruleset.signatures.iter().map(|signature| &**signature), 7),
            ..OutputContext::default()
        };
        // Nothing is written; alerts are counted by signature all the same.
        let outputs =
            Outputs::start(&EveConfig { enabled: false, ..EveConfig::default() }, context).expect("there is no file");
        let decode = DecodeConfig { verify_checksums: true, ..DecodeConfig::default() };
        let config = WorkerConfig { decode, ..WorkerConfig::default() };
        let worker =
            Worker::new(&config, Arc::clone(&ENGINE), Arc::default(), outputs.sender()).expect("there is memory");
        Self { worker, outputs, number: 0 }
    }

    /// The alerts of a conversation, in the order of the sids.
    fn alerts(&mut self, conversation: &Conversation) -> Vec<u64> {
        let before = self.outputs.handle().alerts().by_sid;
        conversation.packets(|data| {
            self.number += 1;
            let (ts, number) = (Timestamp(self.number * 1_000_000), self.number);
            self.worker.frame(&Frame {
                ts,
                number,
                interface: 0,
                link: LinkType(101),
                data,
                wire_len: data.len() as u32,
            });
        });
        self.worker.finish();
        let reading = self.worker.ledger().read();
        assert_eq!(
            (reading.received_packets, reading.outcomes[0]),
            (self.number, self.number),
            "each packet is inspected"
        );
        let after = self.outputs.handle().alerts().by_sid;
        after.iter().zip(before).map(|(after, before)| after.1 - before.1).collect()
    }
}

thread_local! {
    static BENCH: RefCell<Bench> = RefCell::new(Bench::new());
}

fuzz_target!(|data: &[u8]| {
    if let Some(conversation) = Conversation::parse(data) {
        let delivered = deliver(&conversation);
        for side in [CLIENT, SERVER] {
            assert!(delivered.bytes[side] == conversation.content[side], "the bytes delivered are not the bytes sent");
            assert_eq!(delivered.ends[side], 1, "each direction ends once");
        }
        let [cut, plain] = BENCH.with_borrow_mut(|b| [b.alerts(&conversation), b.alerts(&conversation.plain())]);
        assert_eq!(cut, plain, "alerts by sid (left: as cut, right: in order)");
    }
});
