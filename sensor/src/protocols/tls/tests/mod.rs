//! Handshakes as bytes; and that cutting them up, or breaking them, changes nothing it must not.

mod cases;
mod datagrams;
mod properties;

use super::TlsParser;
use crate::packet::Direction::{self, ToClient, ToServer};
use crate::protocols::testing::seeds;
use crate::protocols::{Observer, Parser, Status, Transaction};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::{Buffer, Kind, Progress, Source};

/// Writes down all that it is told.
#[derive(Debug, Default, PartialEq, Eq, Clone)]
struct Log {
    told: Vec<(Direction, Progress)>,
    events: Vec<(Direction, &'static str)>,
    buffers: Vec<(Buffer, Direction, Vec<u8>)>,
    records: Vec<serde_json::Value>,
}

impl Log {
    fn all(&self, buffer: Buffer, direction: Direction) -> Vec<String> {
        let of = self.buffers.iter().filter(|(b, d, _)| *b == buffer && *d == direction);
        of.map(|(_, _, bytes)| String::from_utf8_lossy(bytes).into_owned()).collect()
    }

    fn events(&self) -> Vec<&'static str> {
        self.events.iter().map(|(_, event)| *event).collect()
    }
}

impl Observer for Log {
    fn progress(&mut self, transaction: &mut dyn Transaction, direction: Direction, progress: Progress) {
        self.told.push((direction, progress));
        for &buffer in Buffer::ALL {
            let declaration = buffer.declaration();
            if declaration.source != Source::Transaction(progress) {
                continue;
            }
            for index in 0.. {
                let mut scratch = Vec::new();
                let value = if declaration.kind == Kind::Number {
                    transaction.number(buffer, direction, index).map(|n| n.to_string().into_bytes())
                } else {
                    transaction.bytes(buffer, direction, index, &mut scratch).map(|part| part.data.to_vec())
                };
                match value {
                    Some(value) => self.buffers.push((buffer, direction, value)),
                    None => break,
                }
            }
        }
    }

    fn event(&mut self, _transaction: Option<&mut dyn Transaction>, direction: Direction, event: &'static str) {
        self.events.push((direction, event));
    }

    fn log(&mut self, transaction: &mut dyn Transaction, direction: Direction) {
        let record = transaction.record(direction, false).expect("what is logged has a record");
        let mut out = Vec::new();
        record.write(&mut out).expect("a Vec takes all");
        self.records.push(serde_json::from_slice(&out).expect("EVE is JSON"));
    }
}

type Steps = [(Direction, Vec<u8>)];

/// Gives a parser all of this, then the end of both directions if it still wants it.
fn read(steps: &Steps) -> (Log, Status) {
    seeds::keep(Protocol::Tls, steps);
    let mut log = Log::default();
    let mut parser = TlsParser::new();
    let mut status = Status::More;
    for (direction, bytes) in steps {
        status = parser.data(*direction, bytes, &mut log);
        if status != Status::More {
            return (log, status);
        }
    }
    parser.end(ToServer, &mut log);
    parser.end(ToClient, &mut log);
    (log, status)
}

/// A length before the bytes.
fn vector(width: usize, bytes: &[u8]) -> Vec<u8> {
    let len = (bytes.len() as u32).to_be_bytes();
    [&len[4 - width..], bytes].concat()
}

fn record(kind: u8, version: u16, payload: &[u8]) -> Vec<u8> {
    [&[kind][..], &version.to_be_bytes(), &vector(2, payload)].concat()
}

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &vector(3, body)].concat()
}

fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &vector(2, data)].concat()
}

fn u16s(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_be_bytes()).collect()
}

fn client_hello_with(session: &[u8], ciphers: &[u16], extensions: &[Vec<u8>]) -> Vec<u8> {
    let random: Vec<u8> = (0..32).collect();
    let extensions = extensions.concat();
    handshake(
        1,
        &[&[3, 3], &random[..], &vector(1, session), &vector(2, &u16s(ciphers)), &[1, 0], &vector(2, &extensions)[..]]
            .concat(),
    )
}

fn server_name(name: &[u8]) -> Vec<u8> {
    extension(0, &vector(2, &[&[0][..], &vector(2, name)].concat()))
}

fn alpn(names: &[&[u8]]) -> Vec<u8> {
    let list: Vec<u8> = names.iter().flat_map(|name| vector(1, name)).collect();
    extension(16, &vector(2, &list))
}

fn client_hello() -> Vec<u8> {
    let extensions = [
        extension(0x1a1a, &[]),
        server_name(b"gate.example"),
        extension(10, &vector(2, &u16s(&[0x2a2a, 29, 23]))),
        extension(11, &vector(1, &[0])),
        extension(13, &vector(2, &u16s(&[0x0403, 0x0804]))),
        alpn(&[b"h2", b"http/1.1"]),
    ];
    client_hello_with(&[7; 4], &[0x0a0a, 0x1301, 0xc02f], &extensions)
}

fn server_hello(session: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    let extensions = extensions.concat();
    let body = [&[3, 3], &[0x55; 32][..], &vector(1, session), &0xc02fu16.to_be_bytes(), &[0], &vector(2, &extensions)];
    handshake(2, &body.concat())
}

fn certificates(ders: &[Vec<u8>]) -> Vec<u8> {
    let list: Vec<u8> = ders.iter().flat_map(|der| vector(3, der)).collect();
    handshake(11, &vector(3, &list))
}

/// Self-signed for these tests: C=JP, O="Sekisho, Ltd.", CN=gate.example, with three alternative names.
fn der() -> Vec<u8> {
    let hex = concat!(
        "308201ef30820196a003020102020300a1b2300a06082a8648ce3d040302303c310b3009060355040613024a5031163014060355040a0c",
        "0d53656b6973686f2c204c74642e3115301306035504030c0c676174652e6578616d706c65301e170d3236313132333035313433345a17",
        "0d3237313132333035313433345a303c310b3009060355040613024a5031163014060355040a0c0d53656b6973686f2c204c74642e3115",
        "301306035504030c0c676174652e6578616d706c653059301306072a8648ce3d020106082a8648ce3d03010703420004220e560e865392",
        "daece679dd73da1f51d9ba19a2a103f7598bfc71d02f1e96e76f487769c688832c489a39526828df6961b35e016312f9c2fe31bf5b8ccf",
        "1d4fa38186308183301d0603551d0e04160414526e01485fd97441ef187494103d5523d2463531301f0603551d23041830168014526e01",
        "485fd97441ef187494103d5523d2463531300f0603551d130101ff040530030101ff30300603551d1104293027820c676174652e657861",
        "6d706c658704c00002018111706f737440676174652e6578616d706c65300a06082a8648ce3d040302034700304402206227e74a366baf",
        "b77a1bdfc49d0f9f8e8874fa0253e5c4ab0aa20cfa7a0cd7200220428e0601920fedba74ffd1b83e93a044abc603796a64bad27f11bee8",
        "02b0f6c5",
    );
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("hexadecimal"), 16).expect("hexadecimal"))
        .collect()
}

/// A whole handshake of TLS 1.2.
fn tls12() -> Vec<(Direction, Vec<u8>)> {
    let server = [server_hello(&[9; 4], &[alpn(&[b"h2"])]), certificates(&[der()]), handshake(14, &[])].concat();
    vec![
        (ToServer, record(22, 0x0301, &client_hello())),
        (ToClient, record(22, 0x0303, &server)),
        (ToServer, record(22, 0x0303, &handshake(16, &[1, 2, 3]))),
        (ToServer, [record(20, 0x0303, &[1]), record(22, 0x0303, &[0xee; 40])].concat()),
        (ToClient, [record(20, 0x0303, &[1]), record(22, 0x0303, &[0xdd; 40])].concat()),
    ]
}

/// A whole handshake of TLS 1.3.
fn tls13() -> Vec<(Direction, Vec<u8>)> {
    let hello = server_hello(&[7; 4], &[extension(43, &[3, 4])]);
    vec![
        (ToServer, record(22, 0x0301, &client_hello())),
        (ToClient, [record(22, 0x0303, &hello), record(20, 0x0303, &[1]), record(23, 0x0303, &[0xcc; 400])].concat()),
        (ToServer, [record(20, 0x0303, &[1]), record(23, 0x0303, &[0xbb; 50])].concat()),
    ]
}
