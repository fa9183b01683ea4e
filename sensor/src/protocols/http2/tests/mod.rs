//! Connections as bytes; and that cutting them up, or breaking them, changes nothing it must not.

mod cases;
mod properties;

use super::{Http2Parser, Upgrade};
use crate::packet::Direction::{self, ToClient, ToServer};
use crate::protocols::file::FileInfo;
use crate::protocols::testing::seeds;
use crate::protocols::{Observer, Parser, Status, Transaction};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::{Buffer, Kind, Progress, Source};

/// Writes down all that it is told.
#[derive(Debug, Default, PartialEq, Clone)]
struct Log {
    events: Vec<&'static str>,
    /// What was there when a direction of a transaction was complete, and at the levels before.
    buffers: Vec<(u64, Buffer, Direction, Vec<u8>)>,
    records: Vec<(&'static str, serde_json::Value)>,
    files: Vec<FileInfo>,
    frames: Vec<(&'static str, Vec<u8>)>,
    protocol: Option<Protocol>,
    /// Transactions and directions, as they were complete.
    complete: Vec<(u64, Direction)>,
}

impl Log {
    fn all(&self, buffer: Buffer) -> Vec<String> {
        let of = self.buffers.iter().filter(|(_, b, _, _)| *b == buffer);
        of.map(|(_, _, _, bytes)| String::from_utf8_lossy(bytes).into_owned()).collect()
    }
}

impl Observer for Log {
    fn changed(&mut self, protocol: Protocol) {
        self.protocol = Some(protocol);
    }

    fn progress(&mut self, transaction: &mut dyn Transaction, direction: Direction, progress: Progress) {
        let id = transaction.state_ref().id;
        if progress == Progress::Complete {
            self.complete.push((id, direction));
        }
        for &buffer in Buffer::ALL {
            let declaration = buffer.declaration();
            // How often bodies are told depends on how they are cut: only what they were in the end is written down.
            let body = declaration.source == Source::Transaction(Progress::Body) && progress == Progress::Complete;
            if !body && (declaration.source != Source::Transaction(progress) || progress == Progress::Body) {
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
                self.buffers.push((id, buffer, direction, value));
            }
        }
    }

    fn event(&mut self, _transaction: Option<&mut dyn Transaction>, _direction: Direction, event: &'static str) {
        self.events.push(event);
    }

    fn file(&mut self, transaction: &mut dyn Transaction, direction: Direction, index: usize) {
        self.files.extend(transaction.file(direction, index));
    }

    fn frame(&mut self, _: Option<&mut dyn Transaction>, _: Direction, name: &'static str, bytes: &[u8]) {
        self.frames.push((name, bytes.to_vec()));
    }

    fn log(&mut self, transaction: &mut dyn Transaction, direction: Direction) {
        let record = transaction.record(direction, false).expect("what is logged has a record");
        let mut out = b"{\"record\":".to_vec();
        record.write(&mut out).expect("a Vec takes all");
        record.write_beside(&mut out).expect("a Vec takes all");
        out.push(b'}');
        self.records.push((record.kind(), serde_json::from_slice(&out).expect("EVE is JSON")));
    }
}

const MAGIC: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u32).to_be_bytes();
    [&len[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header block of literals that nobody remembers.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let field = |(name, value): &(&str, &str)| {
        [&[0, name.len() as u8][..], name.as_bytes(), &[value.len() as u8], value.as_bytes()].concat()
    };
    fields.iter().flat_map(field).collect()
}

fn headers(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(1, END_HEADERS | flags, stream, &block(fields))
}

fn setting(id: u16, value: u32) -> Vec<u8> {
    [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()
}

fn read(steps: &[(Direction, Vec<u8>)]) -> Log {
    seeds::keep(Protocol::Http2, steps);
    let (mut log, mut parser) = (Log::default(), Http2Parser::new());
    for (direction, bytes) in steps {
        parser.data(*direction, bytes, &mut log);
    }
    parser.end(ToServer, &mut log);
    parser.end(ToClient, &mut log);
    log
}

/// A request with a body, its answer in gzip, and what goes on around them.
fn conversation() -> [Vec<u8>; 2] {
    let request = [
        (":method", "POST"),
        (":path", "/up?x=%41"),
        (":authority", "Example.org:8443"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
        ("user-agent", "Test/1"),
        ("content-length", "9"),
    ];
    let block = block(&request);
    let padded = [&[3][..], b"body", &[0; 3]].concat();
    let client = [
        MAGIC.to_vec(),
        frame(4, 0, 0, &[setting(2, 0), setting(4, 65_535)].concat()),
        frame(8, 0, 0, &1000u32.to_be_bytes()),
        frame(1, 0, 1, &block[..20]),
        frame(9, END_HEADERS, 1, &block[20..]),
        frame(0, 8, 1, &padded),
        frame(0, END_STREAM, 1, b" text"),
        frame(6, 0, 0, b"pingpong"),
        frame(7, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 11]),
    ];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, b"<html>answer</html>").expect("a Vec takes all");
    let body = gzip.finish().expect("a Vec takes all");
    let response = [(":status", "200"), ("content-encoding", "gzip"), ("content-type", "text/html; charset=x")];
    let server = [
        frame(4, 0, 0, &setting(3, 100)),
        headers(1, 0, &[(":status", "103"), ("link", "x")]),
        headers(1, 0, &response),
        frame(0, 0, 1, &body[..7]),
        frame(0, 0, 1, &body[7..]),
        headers(1, END_STREAM, &[("trailer", "yes")]),
    ];
    [client.concat(), server.concat()]
}
