//! What tests of protocols share: an observer that writes down all that it is told, and exchanges cut into pieces.

use super::seeds;
use crate::packet::Direction;
use crate::protocols::{Observer, Parser, Status, Transaction};
use proptest::prelude::*;
use sekisho_signatures::buffers::{Buffer, Kind, Progress, Source};

/// Values of one buffer that are written down.
const MAX_VALUES: usize = 64;

/// One thing told.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::protocols) enum Told {
    /// Of the transaction with this number.
    Progress(u64, Direction, Progress),
    Bytes(Direction, Buffer, Vec<u8>),
    Number(Direction, Buffer, u64),
    Event(Direction, &'static str),
    Record(Direction, serde_json::Value),
    Frame(Direction, &'static str, Vec<u8>),
}

/// All that was told.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::protocols) struct Log(pub(in crate::protocols) Vec<Told>);

impl Log {
    /// How often a direction of a transaction was complete.
    pub(in crate::protocols) fn completions(&self) -> usize {
        self.0.iter().filter(|t| matches!(t, Told::Progress(_, _, Progress::Complete))).count()
    }

    /// The names of the events.
    pub(in crate::protocols) fn events(&self) -> Vec<&'static str> {
        self.0.iter().filter_map(|t| if let Told::Event(_, name) = t { Some(*name) } else { None }).collect()
    }

    /// Each value of a buffer, as text.
    pub(in crate::protocols) fn all(&self, wanted: Buffer) -> Vec<String> {
        let text = |told: &Told| match told {
            Told::Bytes(_, buffer, bytes) if *buffer == wanted => Some(String::from_utf8_lossy(bytes).into_owned()),
            Told::Number(_, buffer, number) if *buffer == wanted => Some(number.to_string()),
            _ => None,
        };
        self.0.iter().filter_map(text).collect()
    }

    /// The EVE records.
    pub(in crate::protocols) fn records(&self) -> Vec<&serde_json::Value> {
        self.0.iter().filter_map(|t| if let Told::Record(_, value) = t { Some(value) } else { None }).collect()
    }

    /// The frames: their names and how they begin.
    pub(in crate::protocols) fn frames(&self) -> Vec<(&'static str, String)> {
        let frame = |told: &Told| match told {
            Told::Frame(_, name, bytes) => Some((*name, String::from_utf8_lossy(bytes).chars().take(16).collect())),
            _ => None,
        };
        self.0.iter().filter_map(frame).collect()
    }
}

impl Observer for Log {
    fn progress(&mut self, transaction: &mut dyn Transaction, direction: Direction, progress: Progress) {
        let id = transaction.state_ref().id;
        let before = self.0.iter().rev().find_map(|told| match told {
            Told::Progress(of, way, before) if (*of, *way) == (id, direction) => Some(*before),
            _ => None,
        });
        let rises = before.is_none_or(|b| b < progress || b == progress && b == Progress::Body);
        assert!(rises, "{before:?}, then {progress:?} of transaction {id}");
        self.0.push(Told::Progress(id, direction, progress));
        for &buffer in Buffer::ALL {
            let declaration = buffer.declaration();
            let to_server = direction == Direction::ToServer;
            if declaration.source != Source::Transaction(progress) || !declaration.side.has(to_server) {
                continue;
            }
            for index in 0..MAX_VALUES {
                let mut scratch = Vec::new();
                if declaration.kind == Kind::Number {
                    let Some(number) = transaction.number(buffer, direction, index) else { break };
                    self.0.push(Told::Number(direction, buffer, number));
                } else {
                    let Some(part) = transaction.bytes(buffer, direction, index, &mut scratch) else { break };
                    self.0.push(Told::Bytes(direction, buffer, part.data.to_vec()));
                    if declaration.kind == Kind::Bytes {
                        break;
                    }
                }
            }
        }
    }

    fn event(&mut self, _transaction: Option<&mut dyn Transaction>, direction: Direction, event: &'static str) {
        self.0.push(Told::Event(direction, event));
    }

    fn frame(
        &mut self,
        _transaction: Option<&mut dyn Transaction>,
        direction: Direction,
        name: &'static str,
        bytes: &[u8],
    ) {
        self.0.push(Told::Frame(direction, name, bytes.to_vec()));
    }

    fn log(&mut self, transaction: &mut dyn Transaction, direction: Direction) {
        if let Some(record) = transaction.record(direction, false) {
            let mut out = Vec::new();
            record.write(&mut out).expect("a Vec takes all");
            self.0.push(Told::Record(direction, serde_json::from_slice(&out).expect("EVE is JSON")));
        }
    }
}

/// What one side says at a time.
pub(in crate::protocols) type Said = (Direction, Vec<u8>);

/// Has a parser read what is said, until it wants no more, and ends both directions.
pub(in crate::protocols) fn read(parser: &mut dyn Parser, said: &[Said]) -> Log {
    seeds::keep(parser.protocol(), said);
    let mut log = Log::default();
    for (direction, bytes) in said {
        if parser.data(*direction, bytes, &mut log) != Status::More {
            break;
        }
    }
    parser.end(Direction::ToServer, &mut log);
    parser.end(Direction::ToClient, &mut log);
    log
}

/// The same cut into pieces of these lengths, used in turn.
pub(in crate::protocols) fn cut(said: &[Said], lengths: &[usize]) -> Vec<Said> {
    let mut lengths = lengths.iter().copied().cycle();
    let mut pieces = vec![];
    for (direction, bytes) in said {
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(lengths.next().unwrap_or(1).clamp(1, rest.len()));
            pieces.push((*direction, piece.to_vec()));
            rest = after;
        }
    }
    pieces
}

/// Some of what is said with some bytes changed, and with anything between.
pub(in crate::protocols) fn spoilt(said: Vec<Said>) -> impl Strategy<Value = Vec<Said>> {
    let changes =
        proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 0..6);
    let junk = proptest::option::of((any::<prop::sample::Index>(), proptest::collection::vec(any::<u8>(), 0..60)));
    (changes, junk).prop_map(move |(changes, junk)| {
        let mut said = said.clone();
        for (which, at, value) in changes {
            let bytes = &mut which.get_mut(&mut said).1;
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
        }
        if let Some((which, junk)) = junk {
            which.get_mut(&mut said).1.splice(0..0, junk);
        }
        said
    })
}

/// Gaps and pieces in any order: nothing panics.
pub(in crate::protocols) fn stumble(parser: &mut dyn Parser, steps: &[(bool, Option<u64>, Vec<u8>)]) -> Log {
    let mut log = Log::default();
    for (up, gap, bytes) in steps {
        let direction = if *up { Direction::ToServer } else { Direction::ToClient };
        let status = match gap {
            Some(len) => parser.gap(direction, *len, &mut log),
            None => parser.data(direction, bytes, &mut log),
        };
        if status != Status::More {
            break;
        }
    }
    for direction in [Direction::ToServer, Direction::ToClient, Direction::ToServer] {
        parser.end(direction, &mut log);
    }
    log
}

/// Steps for [`stumble`].
pub(in crate::protocols) fn steps(pieces: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<(bool, Option<u64>, Vec<u8>)>> {
    let piece = prop_oneof![prop::sample::select(pieces), proptest::collection::vec(any::<u8>(), 0..120)];
    proptest::collection::vec((any::<bool>(), proptest::option::weighted(0.2, 0u64..400), piece), 0..24)
}
