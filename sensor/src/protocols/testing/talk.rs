//! An observer that writes down all that parsers tell it, for tests of any protocol.

use super::seeds;
use crate::packet::Direction;
use crate::protocols::file::{FileInfo, FileRecord};
use crate::protocols::{Observer, Parser, Record, Status, Transaction};
use proptest::collection::vec;
use proptest::prelude::*;
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::{Buffer, Kind, Progress, Source};
use sekisho_signatures::question::Question;
use serde_json::Value;
use std::collections::HashMap;

/// What was told.
#[derive(Debug, Default, PartialEq, Clone)]
pub(in crate::protocols) struct Log {
    /// Names of events.
    pub(in crate::protocols) events: Vec<&'static str>,
    /// What each buffer of a protocol held when its direction was complete: transaction, direction, buffer, bytes or a number.
    pub(in crate::protocols) buffers: Vec<(u64, Direction, &'static str, Vec<u8>)>,
    /// EVE records.
    pub(in crate::protocols) records: Vec<Value>,
    /// Files that are over.
    pub(in crate::protocols) files: Vec<FileInfo>,
    /// Their records.
    pub(in crate::protocols) file_records: Vec<Value>,
    /// Frames, with their bytes.
    pub(in crate::protocols) frames: Vec<(Direction, &'static str, Vec<u8>)>,
    /// Transactions for which the answer to the question was yes when a direction was complete.
    pub(in crate::protocols) yes: Vec<(u64, Direction)>,
    /// What is asked.
    pub(in crate::protocols) question: Option<Question>,
    /// How far each direction of a transaction was told.
    reached: HashMap<(u64, usize), Progress>,
}

impl Log {
    /// All that a buffer held.
    pub(in crate::protocols) fn all(&self, buffer: Buffer) -> Vec<String> {
        let of = self.buffers.iter().filter(|(_, _, name, _)| *name == buffer.name());
        of.map(|(_, _, _, bytes)| String::from_utf8_lossy(bytes).into_owned()).collect()
    }
}

/// What a record writes, with what stands beside it.
fn value(record: &dyn Record) -> Value {
    let mut out = format!("{{\"{}\":", record.kind()).into_bytes();
    record.write(&mut out).expect("a Vec takes all");
    record.write_beside(&mut out).expect("a Vec takes all");
    out.push(b'}');
    serde_json::from_slice(&out).expect("EVE is JSON")
}

impl Observer for Log {
    fn progress(&mut self, transaction: &mut dyn Transaction, direction: Direction, progress: Progress) {
        let before = self.reached.insert((transaction.state_ref().id, direction.index()), progress);
        assert!(
            before.is_none_or(|b| b < progress || b == progress && b == Progress::Body),
            "{before:?}, {progress:?}"
        );
        if progress != Progress::Complete {
            return;
        }
        let id = transaction.state_ref().id;
        for &buffer in Buffer::ALL {
            let declaration = buffer.declaration();
            if !matches!(declaration.source, Source::Transaction(_)) || declaration.kind == Kind::Asked {
                continue;
            }
            if !declaration.side.has(direction == Direction::ToServer) {
                continue;
            }
            for index in 0.. {
                let mut scratch = Vec::new();
                let value = if declaration.kind == Kind::Number {
                    transaction.number(buffer, direction, index).map(|n| n.to_string().into_bytes())
                } else {
                    transaction.bytes(buffer, direction, index, &mut scratch).map(|part| part.data.to_vec())
                };
                let Some(value) = value else { break };
                self.buffers.push((id, direction, buffer.name(), value));
                if declaration.kind == Kind::Bytes {
                    break;
                }
            }
        }
        if self.question.as_ref().is_some_and(|q| transaction.answer(q, direction)) {
            self.yes.push((id, direction));
        }
    }

    fn event(&mut self, _transaction: Option<&mut dyn Transaction>, _direction: Direction, event: &'static str) {
        self.events.push(event);
    }

    fn file(&mut self, transaction: &mut dyn Transaction, direction: Direction, index: usize) {
        if let Some(info) = transaction.file(direction, index) {
            let carrier = transaction.record(direction, true);
            let record =
                FileRecord::new(info.clone(), transaction.state_ref().id, Protocol::Smb, carrier.map(Into::into));
            self.file_records.push(value(&record));
            self.files.push(info);
        }
    }

    fn frame(
        &mut self,
        _transaction: Option<&mut dyn Transaction>,
        direction: Direction,
        name: &'static str,
        bytes: &[u8],
    ) {
        self.frames.push((direction, name, bytes.to_vec()));
    }

    fn log(&mut self, transaction: &mut dyn Transaction, direction: Direction) {
        if let Some(record) = transaction.record(direction, false) {
            self.records.push(value(&*record));
        }
    }
}

/// Gives a parser pieces of both directions, and ends both.
pub(in crate::protocols) fn talk(parser: &mut dyn Parser, pieces: &[(Direction, Vec<u8>)]) -> Log {
    asked(parser, pieces, None)
}

/// The same, with a question.
pub(in crate::protocols) fn asked(
    parser: &mut dyn Parser,
    pieces: &[(Direction, Vec<u8>)],
    question: Option<Question>,
) -> Log {
    seeds::keep(parser.protocol(), pieces);
    let mut log = Log { question, ..Log::default() };
    for (direction, bytes) in pieces {
        if parser.data(*direction, bytes, &mut log) != Status::More {
            break;
        }
    }
    for direction in [Direction::ToServer, Direction::ToClient] {
        parser.end(direction, &mut log);
    }
    log
}

/// The same bytes in the same order, cut elsewhere.
pub(in crate::protocols) fn cut(talk: &[(Direction, Vec<u8>)], cuts: &[usize]) -> Vec<(Direction, Vec<u8>)> {
    let mut cuts = cuts.iter().copied().cycle();
    let mut pieces = Vec::new();
    for (direction, bytes) in talk {
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(cuts.next().unwrap_or(rest.len()).clamp(1, rest.len()));
            pieces.push((*direction, piece.to_vec()));
            rest = after;
        }
    }
    pieces
}

/// Lengths of pieces, short and long.
pub(in crate::protocols) fn cuts() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![1usize..8, 1usize..200], 1..40)
}

/// Some bytes of a talk are others.
pub(in crate::protocols) fn mutated(
    talk: Vec<(Direction, Vec<u8>)>,
) -> impl Strategy<Value = Vec<(Direction, Vec<u8>)>> {
    vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..8).prop_map(move |changes| {
        let mut talk = talk.clone();
        for (message, byte, value) in changes {
            let at = message.index(talk.len());
            let bytes = &mut talk[at].1;
            if !bytes.is_empty() {
                let at = byte.index(bytes.len());
                bytes[at] = value;
            }
        }
        talk
    })
}

/// Anything: bytes and gaps in either direction.
pub(in crate::protocols) fn noise() -> impl Strategy<Value = Vec<(bool, u64, Vec<u8>)>> {
    vec((any::<bool>(), prop_oneof![Just(0u64), 0u64..300], vec(any::<u8>(), 0..300)), 0..20)
}

/// Feeds noise.
pub(in crate::protocols) fn endure(parser: &mut dyn Parser, noise: &[(bool, u64, Vec<u8>)]) -> Log {
    let mut log = Log::default();
    for (up, gap, bytes) in noise {
        let direction = if *up { Direction::ToServer } else { Direction::ToClient };
        if *gap > 0 {
            parser.gap(direction, *gap, &mut log);
        }
        parser.data(direction, bytes, &mut log);
    }
    for _ in 0..2 {
        parser.end(Direction::ToServer, &mut log);
        parser.end(Direction::ToClient, &mut log);
    }
    log
}
