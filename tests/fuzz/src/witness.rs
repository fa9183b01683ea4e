//! An observer that believes nothing: it asks a transaction for all that it may be asked for each time that it is shown one, has
//! every record written, and checks that what parsers promise is kept.

use sekisho::packet::Direction;
use sekisho::protocols::file::{FilePolicy, FileRecord, Hashes};
use sekisho::protocols::{Expected, MAX_FRAME, Observer, Record, Transaction};
use sekisho_signatures::app::{Protocol, Protocols};
use sekisho_signatures::buffers::{Buffer, Kind, Progress, Source};
use std::collections::HashMap;

/// Runs of one buffer; one that has more never ends.
const RUNS_MAX: usize = 1 << 17;
/// Bytes of one run.
const RUN_MAX: usize = 4 << 20;
/// First bytes of files that are kept: few, so that what is held is the parser's.
const FILE_KEEP: usize = 512;

/// The buffers of transactions of a protocol, and of those that it may turn out to be.
fn buffers(protocol: Protocol) -> Vec<Buffer> {
    let protocols = match protocol {
        Protocol::Http2 | Protocol::Doh2 => Protocols::HTTP2,
        other => Protocols::of(&[other]),
    };
    let asked = |buffer: &&Buffer| {
        let declaration = buffer.declaration();
        matches!(declaration.source, Source::Transaction(_)) && declaration.protocols.intersects(protocols)
    };
    Buffer::ALL.iter().filter(asked).copied().collect()
}

/// What an exchange came to, however it was cut.
#[derive(Debug, Default, PartialEq)]
pub struct Outcome {
    /// Odd things: transaction, direction, name. Each once, sorted.
    pub events: Vec<(Option<u64>, &'static str)>,
    /// What buffers held when their direction was complete.
    pub buffers: Vec<(u64, Direction, &'static str, Vec<u8>)>,
    /// EVE records.
    pub records: Vec<String>,
    /// Records of files.
    pub files: Vec<String>,
    /// Connections announced.
    pub expected: Vec<String>,
}

/// The observer.
#[derive(Debug)]
pub struct Witness {
    protocol: Protocol,
    buffers: Vec<Buffer>,
    /// Asks for all, and writes down what it hears.
    listens: bool,
    /// What it wrote down.
    pub outcome: Outcome,
    levels: HashMap<(u64, usize), Progress>,
}

impl Witness {
    /// One that asks for all and writes down what it hears; or one that takes no notice, and no memory.
    #[must_use]
    pub fn new(protocol: Protocol, listens: bool) -> Self {
        let buffers = if listens { buffers(protocol) } else { vec![] };
        Self { protocol, buffers, listens, outcome: Outcome::default(), levels: HashMap::new() }
    }

    /// All was told that will be: each direction of a transaction that was begun is complete.
    pub fn check_all_complete(&self) {
        for ((id, side), progress) in &self.levels {
            assert_eq!(*progress, Progress::Complete, "{}: direction {side} of transaction {id}", self.protocol);
        }
    }

    /// Puts the outcome in an order that does not depend on which of two odd things came first.
    #[must_use]
    pub fn finish(mut self) -> Outcome {
        self.outcome.events.sort_unstable();
        self.outcome.events.dedup();
        self.outcome
    }

    fn ask(&mut self, transaction: &dyn Transaction, direction: Direction, complete: bool) {
        let id = transaction.state_ref().id;
        for &buffer in &self.buffers {
            let declaration = buffer.declaration();
            let name = buffer.name();
            for index in 0..=RUNS_MAX {
                assert!(index < RUNS_MAX, "{}: {name} never ends", self.protocol);
                let mut scratch = Vec::new();
                let value = if declaration.kind == Kind::Number {
                    let Some(number) = transaction.number(buffer, direction, index) else { break };
                    complete.then(|| number.to_string().into_bytes())
                } else {
                    let Some(part) = transaction.bytes(buffer, direction, index, &mut scratch) else { break };
                    assert!(part.data.len() <= RUN_MAX, "{}: {name} of {} bytes", self.protocol, part.data.len());
                    complete.then(|| part.data.to_vec())
                };
                if let Some(value) = value {
                    self.outcome.buffers.push((id, direction, name, value));
                }
                if declaration.kind == Kind::Bytes {
                    break;
                }
            }
        }
        for index in 0..=RUNS_MAX {
            assert!(index < RUNS_MAX, "{}: files never end", self.protocol);
            let Some(tracker) = transaction.tracker(direction, index) else { break };
            let _ = (tracker.info(), tracker.magic());
        }
        if let Some(record) = transaction.record(direction, true) {
            json(self.protocol, &*record);
        }
    }
}

/// The record as text; anything but JSON is an error.
fn json(protocol: Protocol, record: &dyn Record) -> String {
    let mut out = format!("{{\"{}\":", record.kind()).into_bytes();
    record.write(&mut out).expect("memory takes all");
    record.write_beside(&mut out).expect("memory takes all");
    out.push(b'}');
    let text = String::from_utf8(out).expect("EVE is UTF-8");
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        panic!("{protocol}: {error} in {text}");
    }
    text
}

impl Observer for Witness {
    fn changed(&mut self, protocol: Protocol) {
        self.protocol = protocol;
        self.check_all_complete();
        self.levels.clear();
        if self.listens {
            self.buffers = buffers(protocol);
        }
    }

    fn progress(&mut self, transaction: &mut dyn Transaction, direction: Direction, progress: Progress) {
        if !self.listens {
            return;
        }
        let id = transaction.state_ref().id;
        let before = self.levels.insert((id, direction.index()), progress);
        let rises = before.is_none_or(|b| b < progress || b == progress && progress == Progress::Body);
        assert!(rises, "{}: {before:?}, then {progress:?} of transaction {id}", self.protocol);
        self.ask(transaction, direction, progress == Progress::Complete);
    }

    fn event(&mut self, transaction: Option<&mut dyn Transaction>, _direction: Direction, event: &'static str) {
        assert!(!event.is_empty());
        if self.listens {
            self.outcome.events.push((transaction.map(|t| t.state_ref().id), event));
        }
    }

    fn file(&mut self, transaction: &mut dyn Transaction, direction: Direction, index: usize) {
        if !self.listens {
            return;
        }
        let Some(info) = transaction.file(direction, index) else { return };
        let carrier = transaction.record(direction, true);
        let record =
            FileRecord::new(info, transaction.state_ref().id, self.protocol, carrier.map(std::sync::Arc::from));
        self.outcome.files.push(json(self.protocol, &record));
    }

    fn file_policy(&self) -> FilePolicy {
        let hashes = Hashes { md5: true, sha1: false, sha256: false };
        FilePolicy { keep: FILE_KEEP, hashes, magic: true, lzma: true, ..FilePolicy::default() }
    }

    fn expect(&mut self, expected: Expected) {
        if self.listens {
            let Expected { direction, address, port, protocol, .. } = expected;
            self.outcome.expected.push(format!("{direction:?} {address:?} {port} {protocol}"));
        }
    }

    fn frame(&mut self, _: Option<&mut dyn Transaction>, _: Direction, name: &'static str, bytes: &[u8]) {
        assert!(!name.is_empty() && bytes.len() <= MAX_FRAME, "{}: {name} of {} bytes", self.protocol, bytes.len());
    }

    fn log(&mut self, transaction: &mut dyn Transaction, direction: Direction) {
        if self.listens
            && let Some(record) = transaction.record(direction, false)
        {
            self.outcome.records.push(json(self.protocol, &*record));
        }
    }
}
