//! The same handshakes over datagrams.

use super::*;
use crate::protocols::registry::Likeness;
use crate::protocols::tls::{DtlsParser, probe_datagram};
use proptest::collection::vec;
use proptest::prelude::*;

fn datagram(content: u8, epoch: u16, payload: &[u8]) -> Vec<u8> {
    [&[content, 0xfe, 0xfd][..], &epoch.to_be_bytes(), &[0; 6], &vector(2, payload)].concat()
}

/// A piece of a message that is given with the header of TLS.
fn fragment(message: &[u8], sequence: u16, piece: std::ops::Range<usize>) -> Vec<u8> {
    let u24 = |n: usize| (n as u32).to_be_bytes()[1..].to_vec();
    let body = &message[4..];
    let part = &body[piece.clone()];
    [&message[..1], &u24(body.len()), &sequence.to_be_bytes(), &u24(piece.start), &u24(part.len()), part].concat()
}

fn whole(message: &[u8], sequence: u16) -> Vec<u8> {
    fragment(message, sequence, 0..message.len() - 4)
}

/// The hello of TLS with DTLS 1.2 as its version, and an empty cookie behind its session.
fn hello() -> Vec<u8> {
    let tls = client_hello();
    let mut body = tls[4..].to_vec();
    body[..2].copy_from_slice(&[0xfe, 0xfd]);
    let behind_session = 2 + 32 + 1 + usize::from(body[34]);
    body.insert(behind_session, 0);
    handshake(1, &body)
}

fn server() -> [Vec<u8>; 3] {
    let mut hello = server_hello(&[9; 4], &[alpn(&[b"h2"])]);
    hello[4..6].copy_from_slice(&[0xfe, 0xfd]);
    [hello, certificates(&[der()]), handshake(14, &[])]
}

fn read(steps: &[(Direction, Vec<u8>)]) -> (Log, Status) {
    seeds::keep(Protocol::Dtls, steps);
    let (mut log, mut parser) = (Log::default(), DtlsParser::new());
    let mut status = Status::More;
    for (direction, bytes) in steps {
        if status == Status::More {
            status = parser.data(*direction, bytes, &mut log);
        }
    }
    if status == Status::More {
        parser.end(ToServer, &mut log);
        parser.end(ToClient, &mut log);
    }
    (log, status)
}

#[test]
fn a_handshake_with_a_cookie_and_fragments() {
    let [server_hello, chain, done] = server();
    let middle = 200;
    let end = chain.len() - 4;
    let verify = datagram(22, 0, &whole(&handshake(3, &[0xfe, 0xff, 1, 0xaa]), 0));
    let client = datagram(22, 0, &whole(&hello(), 0));
    assert_eq!(probe_datagram(ToServer, &client), Likeness::Yes);
    assert_eq!(probe_datagram(ToClient, &verify), Likeness::Yes);
    assert_eq!(probe_datagram(ToServer, &record(22, 0x0301, &client_hello())), Likeness::No);
    let steps = [
        (ToServer, client.clone()),
        (ToClient, verify),
        (ToServer, client),
        // The certificate's second piece comes before its first.
        (ToClient, datagram(22, 0, &fragment(&chain, 2, middle..end))),
        (
            ToClient,
            [datagram(22, 0, &whole(&server_hello, 1)), datagram(22, 0, &fragment(&chain, 2, 0..middle))].concat(),
        ),
        (ToClient, datagram(22, 0, &whole(&done, 3))),
        (ToServer, [datagram(22, 0, &whole(&handshake(16, &[1]), 2)), datagram(22, 1, &[0xee; 40])].concat()),
        (ToClient, datagram(22, 1, &[0xdd; 40])),
    ];
    let (log, status) = read(&steps);
    assert_eq!((status, &log.events[..]), (Status::Encrypted, &[][..]));
    assert_eq!(log.all(Buffer::TlsSni, ToServer), ["gate.example"]);
    assert_eq!(log.all(Buffer::TlsCertSerial, ToClient), ["00:A1:B2"]);
    assert!(log.all(Buffer::Ja4Hash, ToServer).concat().starts_with("dd2d0205h2_"));
    let expected = [("version", "DTLS 1.2"), ("sni", "gate.example"), ("serial", "00:A1:B2")];
    expected.iter().for_each(|(key, value)| assert_eq!(log.records[0][key], *value));
    assert_eq!(log.records.len(), 1);
}

proptest! {
    #[test]
    fn a_message_may_come_in_any_fragments(
        cuts in vec(1usize..80, 0..8),
        swaps in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..6),
    ) {
        let hello = hello();
        let end = hello.len() - 4;
        let mut at = 0;
        let mut pieces = Vec::new();
        for cut in cuts {
            let to = (at + cut).min(end);
            pieces.push((ToServer, datagram(22, 0, &fragment(&hello, 0, at..to))));
            at = to;
        }
        pieces.push((ToServer, datagram(22, 0, &fragment(&hello, 0, at..end))));
        let len = pieces.len();
        swaps.iter().for_each(|(a, b)| pieces.swap(a.index(len), b.index(len)));
        let (log, _) = read(&pieces);
        prop_assert_eq!(log.all(Buffer::TlsSni, ToServer), ["gate.example"]);
        prop_assert_eq!(log.events, []);
    }

    #[test]
    fn anything_may_come(steps in vec((any::<bool>(), any::<bool>(), vec(any::<u8>(), 0..80)), 0..16)) {
        let (mut log, mut parser) = (Log::default(), DtlsParser::new());
        for (up, framed, bytes) in &steps {
            let direction = if *up { ToServer } else { ToClient };
            let bytes = if *framed { datagram(22, 0, bytes) } else { bytes.clone() };
            parser.data(direction, &bytes, &mut log);
        }
        parser.end(ToServer, &mut log);
        parser.end(ToClient, &mut log);
    }
}
