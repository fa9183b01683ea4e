//! HTTP/1 of one connection, cut at every place that the input says, with bytes missing where it says so: each level of a
//! transaction is told once and in order, buffers only grow, no more transactions wait than may, and in the end none does.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho::packet::Direction;
use sekisho::protocols::http::{HttpConfig, HttpParser};
use sekisho::protocols::{Observer, Parser, Status, Transaction};
use sekisho_signatures::app::Protocols;
use sekisho_signatures::buffers::{Buffer, Progress};
use std::collections::HashMap;

#[derive(Default)]
struct Told {
    levels: HashMap<(u64, usize), Progress>,
    logged: u64,
    files: u64,
}

impl Observer for Told {
    fn progress(&mut self, transaction: &mut dyn Transaction, direction: Direction, progress: Progress) {
        let key = (transaction.state_ref().id, direction.index());
        let before = self.levels.insert(key, progress);
        assert!(before.is_none_or(|b| b < progress || b == progress && progress == Progress::Body));
        let mut scratch = Vec::new();
        for buffer in Buffer::ALL.iter().filter(|b| b.declaration().protocols.intersects(Protocols::HTTP1)) {
            for index in 0..2_000 {
                scratch.clear();
                let Some(part) = transaction.bytes(*buffer, direction, index, &mut scratch) else { break };
                assert!(part.data.len() <= 2 * 1024 * 1024);
                assert!(index < 1_999, "{} never ends", buffer.name());
            }
        }
    }

    fn event(&mut self, _: Option<&mut dyn Transaction>, _: Direction, event: &'static str) {
        assert!(!event.is_empty());
    }

    fn file(&mut self, transaction: &mut dyn Transaction, direction: Direction, index: usize) {
        self.files += u64::from(transaction.file(direction, index).is_some());
    }

    fn log(&mut self, transaction: &mut dyn Transaction, direction: Direction) {
        let id = transaction.state_ref().id;
        assert_eq!(id, self.logged, "records come in order, once");
        self.logged += 1;
        for side in 0..2 {
            assert_eq!(self.levels.remove(&(id, side)), Some(Progress::Complete));
        }
        let record = transaction.record(direction, false).expect("each has one");
        let mut out = Vec::new();
        record.write(&mut out).expect("memory takes all");
        serde_json::from_slice::<serde_json::Value>(&out).expect("it is JSON");
    }
}

fuzz_target!(|pieces: Vec<(bool, u8, &[u8])>| {
    let config = HttpConfig { max_transactions: 16, ..HttpConfig::default() };
    let mut parser = HttpParser::new(config);
    let mut told = Told::default();
    for (client, gap, bytes) in pieces {
        let direction = if client { Direction::ToServer } else { Direction::ToClient };
        let mut status = Status::More;
        if gap > 240 {
            status = parser.gap(direction, u64::from(gap), &mut told);
        }
        if status == Status::More {
            status = parser.data(direction, bytes, &mut told);
        }
        assert!(parser.pending() <= config.max_transactions);
        if status != Status::More {
            break;
        }
    }
    parser.end(Direction::ToServer, &mut told);
    parser.end(Direction::ToClient, &mut told);
    assert_eq!(parser.pending(), 0);
    assert!(told.levels.is_empty());
});
