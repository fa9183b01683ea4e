//! Frames as bytes; and that cutting them up, or breaking them, changes nothing it must not.

mod cases;
mod properties;

use super::WebsocketParser;
use crate::packet::Direction::{self, ToClient, ToServer};
use crate::protocols::testing::seeds;
use crate::protocols::{Observer, Parser, Status, Transaction};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::{Buffer, Progress};

/// Writes down all that it is told.
#[derive(Debug, Default, PartialEq, Clone)]
struct Log {
    events: Vec<&'static str>,
    payloads: Vec<Vec<u8>>,
    numbers: Vec<[Option<u64>; 4]>,
    records: Vec<serde_json::Value>,
    frames: Vec<(&'static str, Vec<u8>)>,
}

impl Observer for Log {
    fn progress(&mut self, transaction: &mut dyn Transaction, direction: Direction, progress: Progress) {
        assert_eq!(progress, Progress::Complete);
        let mut scratch = Vec::new();
        let part = transaction.bytes(Buffer::WebsocketPayload, direction, 0, &mut scratch);
        self.payloads.push(part.expect("there is a payload").data.to_vec());
        let asked = [
            (Buffer::WebsocketFlags, 0),
            (Buffer::WebsocketMask, 0),
            (Buffer::WebsocketOpcode, 0),
            (Buffer::WebsocketOpcode, 1),
        ];
        self.numbers.push(asked.map(|(buffer, index)| transaction.number(buffer, direction, index)));
    }

    fn event(&mut self, _transaction: Option<&mut dyn Transaction>, _direction: Direction, event: &'static str) {
        self.events.push(event);
    }

    fn frame(&mut self, _: Option<&mut dyn Transaction>, _: Direction, name: &'static str, bytes: &[u8]) {
        self.frames.push((name, bytes.to_vec()));
    }

    fn log(&mut self, transaction: &mut dyn Transaction, direction: Direction) {
        let record = transaction.record(direction, false).expect("what is logged has a record");
        let mut out = Vec::new();
        record.write(&mut out).expect("a Vec takes all");
        self.records.push(serde_json::from_slice(&out).expect("EVE is JSON"));
    }
}

/// A frame, its first byte given, masked if there is a mask.
fn frame(first: u8, mask: Option<u32>, payload: &[u8]) -> Vec<u8> {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let mut out = vec![first];
    match payload.len() {
        len @ 0..126 => out.push(masked | len as u8),
        len @ 126..65_536 => out.extend([&[masked | 126][..], &(len as u16).to_be_bytes()].concat()),
        len => out.extend([&[masked | 127][..], &(len as u64).to_be_bytes()].concat()),
    }
    let key = mask.map(u32::to_be_bytes);
    out.extend(key.iter().flatten());
    out.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ key.map_or(0, |key| key[i & 3])));
    out
}

fn read(bytes: &[u8]) -> Log {
    let (mut log, mut parser) = (Log::default(), WebsocketParser::new());
    seeds::keep(Protocol::Websocket, &[(ToServer, bytes)]);
    parser.data(ToServer, bytes, &mut log);
    parser.end(ToServer, &mut log);
    log
}

/// Compressed as RFC 7692 has it, after what was compressed before.
fn compress(state: &mut flate2::Compress, text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 64);
    state.compress_vec(text, &mut out, flate2::FlushCompress::Sync).expect("it can be compressed");
    out.truncate(out.len() - 4);
    out
}
