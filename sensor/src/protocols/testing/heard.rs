//! What tests of protocols share: an observer that writes down all it is told, and conversations that are cut and broken at random.

use super::seeds;
use crate::packet::Direction;
use crate::protocols::file::{FileInfo, FilePolicy};
use crate::protocols::{Expected, Observer, Parser, Record, Status, Transaction};
use proptest::collection::vec;
use proptest::prelude::*;
use sekisho_signatures::buffers::{Buffer, Kind, Progress, Source};

/// Who says what, in order.
pub(in crate::protocols) type Conversation = Vec<(Direction, Vec<u8>)>;

/// All that a parser told. What depends on how the bytes were cut, the growth of bodies, is left out.
#[derive(Debug, Default, PartialEq)]
pub(in crate::protocols) struct Told {
    pub(in crate::protocols) events: Vec<String>,
    /// As they were when their direction was complete.
    pub(in crate::protocols) buffers: Vec<(Buffer, String)>,
    pub(in crate::protocols) records: Vec<serde_json::Value>,
    pub(in crate::protocols) files: Vec<FileInfo>,
    /// What the records of files say of the transactions that carried them.
    pub(in crate::protocols) carriers: Vec<serde_json::Value>,
    pub(in crate::protocols) frames: Vec<(&'static str, Vec<u8>)>,
    pub(in crate::protocols) expected: Vec<(Direction, Option<std::net::IpAddr>, u16)>,
    pub(in crate::protocols) status: Option<Status>,
    /// Transaction, and how far each direction was told.
    reached: Vec<(u64, [Progress; 2])>,
}

impl Told {
    pub(in crate::protocols) fn all(&self, buffer: Buffer) -> Vec<&str> {
        self.buffers.iter().filter(|(b, _)| *b == buffer).map(|(_, text)| text.as_str()).collect()
    }

    /// What a parser tells of a conversation; both directions end unless it gives up or changes.
    pub(in crate::protocols) fn of(parser: &mut dyn Parser, conversation: &[(Direction, Vec<u8>)]) -> Self {
        seeds::keep(parser.protocol(), conversation);
        let mut told = Self::default();
        for (direction, bytes) in conversation {
            let status = parser.data(*direction, bytes, &mut told);
            if status != Status::More {
                told.status = Some(status);
                break;
            }
        }
        parser.end(Direction::ToServer, &mut told);
        parser.end(Direction::ToClient, &mut told);
        // Those of one push are told by their kind, those of several by when they came.
        told.events.sort();
        told
    }
}

/// What a record writes, with what stands beside it.
fn value(record: &dyn Record) -> serde_json::Value {
    let mut out = format!("{{\"{}\":", record.kind()).into_bytes();
    record.write(&mut out).expect("a Vec takes all");
    record.write_beside(&mut out).expect("a Vec takes all");
    out.push(b'}');
    serde_json::from_slice(&out).expect("EVE is JSON")
}

impl Observer for Told {
    fn progress(&mut self, transaction: &mut dyn Transaction, direction: Direction, progress: Progress) {
        let id = transaction.state_ref().id;
        if !self.reached.iter().any(|(known, _)| *known == id) {
            self.reached.push((id, [Progress::Start; 2]));
        }
        let found = self.reached.iter_mut().find(|(known, _)| *known == id).map(|(_, r)| r);
        let before = std::mem::replace(&mut found.expect("it was just added")[direction.index()], progress);
        assert!(before < progress || before == Progress::Body, "{before:?} then {progress:?}");
        for &buffer in Buffer::ALL {
            let declaration = buffer.declaration();
            let Source::Transaction(from) = declaration.source else { continue };
            for index in 0.. {
                let mut scratch = Vec::new();
                let value = if declaration.kind == Kind::Number {
                    transaction.number(buffer, direction, index).map(|n| n.to_string())
                } else {
                    let part = transaction.bytes(buffer, direction, index, &mut scratch);
                    part.map(|part| String::from_utf8_lossy(part.data).into_owned())
                };
                let Some(value) = value else { break };
                assert!(declaration.side.has(direction == Direction::ToServer), "{buffer:?} in the other direction");
                if progress == Progress::Complete {
                    self.buffers.push((buffer, value));
                } else if progress >= from && declaration.kind != Kind::Grows && from < Progress::Body {
                    assert_ne!(progress, Progress::Start);
                }
            }
        }
    }

    fn event(&mut self, _transaction: Option<&mut dyn Transaction>, direction: Direction, event: &'static str) {
        self.events.push(format!("{direction:?} {event}"));
    }

    fn file(&mut self, transaction: &mut dyn Transaction, direction: Direction, index: usize) {
        self.files.push(transaction.file(direction, index).expect("a file that is over is there"));
        self.carriers.extend(transaction.record(direction, true).map(|record| value(&*record)));
    }

    fn file_policy(&self) -> FilePolicy {
        FilePolicy::default()
    }

    fn expect(&mut self, expected: Expected) {
        self.expected.push((expected.direction, expected.address, expected.port));
    }

    fn frame(
        &mut self,
        _transaction: Option<&mut dyn Transaction>,
        _direction: Direction,
        name: &'static str,
        bytes: &[u8],
    ) {
        self.frames.push((name, bytes.to_vec()));
    }

    fn log(&mut self, transaction: &mut dyn Transaction, direction: Direction) {
        if let Some(record) = transaction.record(direction, false) {
            self.records.push(value(&*record));
        }
    }
}

/// Sizes by which a conversation is cut.
pub(in crate::protocols) fn sizes() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![1..8usize, 1..200usize], 1..12)
}

/// The same bytes in pieces of these sizes, over and over.
pub(in crate::protocols) fn cut(conversation: &[(Direction, Vec<u8>)], sizes: &[usize]) -> Conversation {
    let mut sizes = sizes.iter().copied().cycle();
    let mut out = vec![];
    for (direction, bytes) in conversation {
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(sizes.next().unwrap_or(1).clamp(1, rest.len()));
            out.push((*direction, piece.to_vec()));
            rest = behind;
        }
    }
    out
}

/// Changes to a conversation: where, and to what.
pub(in crate::protocols) fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, prop::sample::Index, u8)>> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(b"\r\n. -=:;\"0129{}()*".to_vec())];
    vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), byte), 0..8)
}

/// The conversation with these bytes changed.
pub(in crate::protocols) fn change(
    conversation: &[(Direction, Vec<u8>)],
    changes: &[(prop::sample::Index, prop::sample::Index, u8)],
) -> Conversation {
    let mut out = conversation.to_vec();
    for (piece, at, value) in changes {
        let piece = piece.index(out.len());
        let bytes = &mut out[piece].1;
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = *value;
        }
    }
    out
}
