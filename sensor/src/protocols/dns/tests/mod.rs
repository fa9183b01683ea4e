//! Messages as bytes; and that cutting them up, or breaking them, changes nothing it must not.

mod cases;
mod properties;

use super::{DnsParser, Family, Transport};
use crate::packet::Direction;
use crate::protocols::testing::seeds;
use crate::protocols::{Observer, Parser, Transaction};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::{Buffer, Kind, Progress, Source};

/// Writes down all that it is told.
#[derive(Debug, Default, PartialEq, Eq, Clone)]
pub(super) struct Log {
    pub(super) events: Vec<&'static str>,
    pub(super) buffers: Vec<(Buffer, String)>,
    pub(super) records: Vec<serde_json::Value>,
}

impl Log {
    fn all(&self, buffer: Buffer) -> Vec<&str> {
        self.buffers.iter().filter(|(b, _)| *b == buffer).map(|(_, text)| text.as_str()).collect()
    }
}

impl Observer for Log {
    fn progress(&mut self, transaction: &mut dyn Transaction, direction: Direction, progress: Progress) {
        assert_eq!(progress, Progress::Complete);
        for &buffer in Buffer::ALL {
            let declaration = buffer.declaration();
            if declaration.source != Source::Transaction(progress) {
                continue;
            }
            for index in 0.. {
                let mut scratch = Vec::new();
                let value = if declaration.kind == Kind::Number {
                    transaction.number(buffer, direction, index).map(|n| n.to_string())
                } else {
                    let part = transaction.bytes(buffer, direction, index, &mut scratch);
                    part.map(|part| String::from_utf8_lossy(part.data).into_owned())
                };
                match value {
                    Some(value) => self.buffers.push((buffer, value)),
                    None => break,
                }
            }
        }
    }

    fn event(&mut self, _transaction: Option<&mut dyn Transaction>, _direction: Direction, event: &'static str) {
        self.events.push(event);
    }

    fn log(&mut self, transaction: &mut dyn Transaction, direction: Direction) {
        if let Some(record) = transaction.record(direction, false) {
            let mut out = Vec::new();
            record.write(&mut out).expect("a Vec takes all");
            self.records.push(serde_json::from_slice(&out).expect("EVE is JSON"));
        }
    }
}

fn datagram(family: Family, direction: Direction, bytes: &[u8]) -> Log {
    let protocol = if family == Family::Mdns { Protocol::Mdns } else { Protocol::Dns };
    seeds::keep(protocol, &[(direction, bytes)]);
    if let Ok(len) = u16::try_from(bytes.len()) {
        seeds::keep(protocol, &[(direction, [&len.to_be_bytes(), bytes].concat())]);
    }
    let mut log = Log::default();
    DnsParser::new(family, Transport::Datagram).data(direction, bytes, &mut log);
    log
}

/// A message: header fields, then whatever else.
fn message(flags: u16, counts: [u16; 4], rest: &[u8]) -> Vec<u8> {
    let mut out = vec![0x12, 0x34];
    out.extend(flags.to_be_bytes());
    counts.iter().for_each(|n| out.extend(n.to_be_bytes()));
    out.extend(rest);
    out
}

/// `example.org`, which begins at byte 12 of a message, asked for its addresses.
const QUESTION: &[u8] = b"\x07example\x03org\x00\x00\x01\x00\x01";

/// A record about the name at byte 12.
fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    let mut out = vec![0xc0, 12];
    out.extend(kind.to_be_bytes());
    out.extend([0, 1, 0, 0, 0, 60]);
    out.extend(u16::try_from(data.len()).expect("short").to_be_bytes());
    out.extend(data);
    out
}

fn response(kind: u16, data: &[u8]) -> Vec<u8> {
    message(0x8180, [1, 1, 0, 0], &[QUESTION, &record(kind, data)].concat())
}
