//! A rule is judged once on a packet, however often its literal occurs in it: the answer is the same each time, and a
//! payload made of nothing but the literal must not cost hundreds of judgements.

use sekisho::decode::{DecodeConfig, Frame, LinkType};
use sekisho::detect::engine::Engine;
use sekisho::output::sources::Block;
use sekisho::output::{EveConfig, OutputContext, Outputs};
use sekisho::time::Timestamp;
use sekisho::worker::{Worker, WorkerConfig};
use sekisho_signatures::load::load_text;
use sekisho_signatures::ruleset::Ruleset;
use std::path::Path;
use std::sync::Arc;

/// A counter as the worker published it.
fn counter(worker: &Worker, name: &str) -> u64 {
    let values = worker.published().read();
    let mut start = 0;
    for block in Worker::layout() {
        if let Block::Counters(info) = &block
            && let Some(at) = info.iter().position(|i| i.name == name)
        {
            return values[start + at];
        }
        start += block.len();
    }
    panic!("no counter {name} in the layout");
}

#[test]
fn a_packet_full_of_the_literal_is_judged_once() {
    let rule = br#"alert udp any any -> any any (content:"needle"; fast_pattern; content:"thread"; distance:0; within:6; sid:1;)"#;
    let loaded = load_text(Path::new("one.rules"), rule, &Default::default(), &Default::default());
    let engine = Arc::new(Engine::new(Arc::new(Ruleset::new(loaded.signatures))).unwrap());
    let outputs =
        Outputs::start(&EveConfig { enabled: false, ..EveConfig::default() }, OutputContext::default()).unwrap();
    let decode = DecodeConfig { verify_checksums: false, ..DecodeConfig::default() };
    let config = WorkerConfig { decode, ..WorkerConfig::default() };
    let mut worker = Worker::new(&config, engine, Arc::default(), outputs.sender()).unwrap();
    let payload = b"needle".repeat(200);
    let mut packet = vec![0x45, 0];
    packet.extend((28 + payload.len() as u16).to_be_bytes());
    packet.extend([0, 1, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    packet.extend(40_000_u16.to_be_bytes());
    packet.extend(8_000_u16.to_be_bytes());
    packet.extend((8 + payload.len() as u16).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(&payload);
    let wire_len = packet.len() as u32;
    worker.frame(&Frame { ts: Timestamp(1), number: 1, interface: 0, link: LinkType(101), data: &packet, wire_len });
    worker.finish();
    assert_eq!(counter(&worker, "detect_literal_hits_total"), 200);
    assert_eq!(counter(&worker, "detect_judgements_total"), 1);
    let _ = outputs.finish();
}
