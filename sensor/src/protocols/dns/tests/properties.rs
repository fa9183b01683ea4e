use super::*;
use crate::packet::Direction::{ToClient, ToServer};
use proptest::collection::vec;
use proptest::prelude::*;

fn messages() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let good = prop_oneof![
        Just(message(0x0100, [1, 0, 0, 0], QUESTION)),
        Just(response(1, &[192, 0, 2, 1])),
        Just(response(16, b"\x03one\x02xy")),
        Just(message(0x0140, [1, 0, 0, 1], QUESTION)),
        Just(Vec::new()),
    ];
    let mutated =
        (good.clone(), vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)).prop_map(|(mut bytes, changes)| {
            for (index, value) in changes {
                if !bytes.is_empty() {
                    let at = index.index(bytes.len());
                    bytes[at] = value;
                }
            }
            bytes
        });
    vec(prop_oneof![good, mutated, vec(any::<u8>(), 0..80)], 0..6)
}

fn stream(pieces: impl Iterator<Item = Vec<u8>>) -> Log {
    let mut log = Log::default();
    let mut parser = DnsParser::new(Family::Dns, Transport::Stream);
    for piece in pieces {
        parser.data(ToServer, &piece, &mut log);
    }
    parser.end(ToServer, &mut log);
    log
}

proptest! {
    #[test]
    fn cutting_a_stream_changes_nothing(messages in messages(), cuts in vec(1usize..40, 0..60)) {
        let bytes: Vec<u8> =
            messages.iter().flat_map(|m| [&(m.len() as u16).to_be_bytes()[..], m].concat()).collect();
        let whole = stream(std::iter::once(bytes.clone()));
        let mut rest = &bytes[..];
        let mut pieces = Vec::new();
        for cut in cuts {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece.to_vec());
            rest = after;
        }
        pieces.push(rest.to_vec());
        prop_assert_eq!(whole, stream(pieces.into_iter()));
    }

    #[test]
    fn anything_may_come(steps in vec((any::<bool>(), any::<bool>(), vec(any::<u8>(), 0..200), 0u64..300), 0..20)) {
        let mut log = Log::default();
        for transport in [Transport::Stream, Transport::Datagram] {
            for family in [Family::Dns, Family::Mdns, Family::Llmnr] {
                let mut parser = DnsParser::new(family, transport);
                for (up, gap, bytes, len) in &steps {
                    let direction = if *up { ToServer } else { ToClient };
                    if *gap {
                        parser.gap(direction, *len, &mut log);
                    }
                    parser.data(direction, bytes, &mut log);
                }
                parser.end(ToServer, &mut log);
                parser.end(ToServer, &mut log);
            }
        }
    }

    #[test]
    fn a_gap_inside_a_message_loses_only_it(lost in 2usize..20, at in 2usize..12) {
        let request = message(0x0100, [1, 0, 0, 0], QUESTION);
        let framed = [&(request.len() as u16).to_be_bytes()[..], &request].concat();
        let mut log = Log::default();
        let mut parser = DnsParser::new(Family::Dns, Transport::Stream);
        parser.data(ToServer, &framed[..at], &mut log);
        parser.gap(ToServer, (lost.min(framed.len() - at)) as u64, &mut log);
        parser.data(ToServer, &framed[(at + lost).min(framed.len())..], &mut log);
        parser.data(ToServer, &framed, &mut log);
        prop_assert_eq!(log.all(Buffer::DnsQuery), ["example.org"]);
    }
}
