//! Datagrams as bytes; and that hellos in pieces say the same as whole ones, and broken ones harm nothing.

mod cases;
mod properties;

use super::QuicParser;
use super::crypto::seal;
use super::version::Version;
use crate::packet::Direction::{self, ToClient, ToServer};
use crate::protocols::testing::seeds;
use crate::protocols::{Observer, Parser, Status, Transaction};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::{Buffer, Progress, Source};

/// Writes down all that it is told.
#[derive(Debug, Default, PartialEq, Clone)]
struct Log {
    events: Vec<&'static str>,
    buffers: Vec<(Buffer, Direction, Vec<u8>)>,
    records: Vec<serde_json::Value>,
}

impl Log {
    fn all(&self, buffer: Buffer) -> Vec<String> {
        let of = self.buffers.iter().filter(|(b, _, _)| *b == buffer);
        of.map(|(_, _, bytes)| String::from_utf8_lossy(bytes).into_owned()).collect()
    }
}

impl Observer for Log {
    fn progress(&mut self, transaction: &mut dyn Transaction, direction: Direction, progress: Progress) {
        for &buffer in Buffer::ALL {
            if buffer.declaration().source == Source::Transaction(progress) {
                let mut scratch = Vec::new();
                let part = transaction.bytes(buffer, direction, 0, &mut scratch);
                self.buffers.extend(part.map(|part| (buffer, direction, part.data.to_vec())));
            }
        }
    }

    fn event(&mut self, _transaction: Option<&mut dyn Transaction>, _direction: Direction, event: &'static str) {
        self.events.push(event);
    }

    fn log(&mut self, transaction: &mut dyn Transaction, direction: Direction) {
        let record = transaction.record(direction, false).expect("what is logged has a record");
        let mut out = Vec::new();
        record.write(&mut out).expect("a Vec takes all");
        self.records.push(serde_json::from_slice(&out).expect("EVE is JSON"));
    }
}

/// The connection's name that RFC 9001 uses in its examples.
const ID: &[u8] = b"\x83\x94\xc8\xf0\x3e\x51\x57\x08";

fn vector(width: usize, bytes: &[u8]) -> Vec<u8> {
    let len = (bytes.len() as u64).to_be_bytes();
    [&len[8 - width..], bytes].concat()
}

fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &vector(2, data)].concat()
}

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &vector(3, body)].concat()
}

fn client_hello() -> Vec<u8> {
    let name = vector(2, &[&[0][..], &vector(2, b"example.org")].concat());
    let extensions = [
        extension(0x1a1a, b""),
        extension(0, &name),
        extension(16, &vector(2, &vector(1, b"h3"))),
        extension(43, &vector(1, &[3, 4])),
        extension(13, &vector(2, &[4, 3, 8, 4])),
        extension(57, b"\x01\x02\x40\x64"),
    ];
    let head = [&[3, 3][..], &[7; 32], &vector(1, b""), &vector(2, &[0x13, 1, 0x13, 2]), &vector(1, &[0])].concat();
    handshake(1, &[head, vector(2, &extensions.concat())].concat())
}

fn server_hello() -> Vec<u8> {
    let head = [&[3, 3][..], &[9; 32], &vector(1, b""), &[0x13, 1, 0]].concat();
    handshake(2, &[head, vector(2, &extension(43, &[3, 4]))].concat())
}

fn crypto(offset: usize, bytes: &[u8]) -> Vec<u8> {
    let number = |n: usize| (0x8000_0000 | n as u32).to_be_bytes();
    [&[6][..], &number(offset), &number(bytes.len()), bytes].concat()
}

/// A client's datagram, filled up as it has to be.
fn client(version: Version, number: u32, frames: &[u8]) -> Vec<u8> {
    let mut padded = frames.to_vec();
    padded.resize(frames.len().max(1180), 0);
    seal::initial(version, ToServer, ID, ID, number, &padded)
}

fn server(version: Version, frames: &[u8]) -> Vec<u8> {
    let mut padded = frames.to_vec();
    padded.resize(frames.len().max(100), 0);
    seal::initial(version, ToClient, ID, b"", 0, &padded)
}

fn read(datagrams: &[(Direction, Vec<u8>)]) -> (Log, Status) {
    seeds::keep(Protocol::Quic, datagrams);
    let (mut log, mut parser) = (Log::default(), QuicParser::new());
    let mut status = Status::More;
    for (direction, bytes) in datagrams {
        if status == Status::More {
            status = parser.data(*direction, bytes, &mut log);
        }
    }
    (log, status)
}
