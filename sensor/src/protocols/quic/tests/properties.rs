use super::super::pieces::Pieces;
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_hello_may_come_in_any_pieces(
        cuts in vec(1usize..60, 0..12),
        order in any::<prop::sample::Index>(),
        swaps in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..8),
        together in 1usize..4,
    ) {
        let hello = client_hello();
        let mut at = 0;
        let mut pieces = Vec::new();
        for cut in cuts {
            let end = (at + cut).min(hello.len());
            pieces.push(crypto(at, &hello[at..end]));
            at = end;
        }
        pieces.push(crypto(at, &hello[at..]));
        pieces.push(crypto(0, &hello[..order.index(hello.len())]));
        let len = pieces.len();
        swaps.iter().for_each(|(a, b)| pieces.swap(a.index(len), b.index(len)));
        let datagrams: Vec<_> = pieces
            .chunks(together)
            .enumerate()
            .map(|(n, frames)| (ToServer, client(Version::V1, n as u32, &frames.concat())))
            .collect();
        let (whole, _) = read(&[(ToServer, client(Version::V1, 0, &crypto(0, &hello)))]);
        let (log, _) = read(&datagrams);
        prop_assert_eq!(log.events.len(), 0);
        for buffer in [Buffer::QuicSni, Buffer::Ja3Hash, Buffer::Ja4Hash] {
            prop_assert_eq!(log.all(buffer), whole.all(buffer));
        }
    }

    #[test]
    fn what_came_first_stays(steps in vec((0usize..120, vec(any::<u8>(), 0..30)), 0..40)) {
        let mut pieces = Pieces::default();
        let mut model: Vec<Option<u8>> = vec![None; 200];
        for (at, bytes) in &steps {
            pieces.add(*at as u64, bytes).unwrap();
            for (i, byte) in bytes.iter().enumerate() {
                model[at + i].get_or_insert(*byte);
            }
        }
        let expected: Vec<u8> = model.iter().map_while(|byte| *byte).collect();
        prop_assert_eq!(pieces.start(), expected);
    }

    #[test]
    fn anything_may_come(
        steps in vec((any::<bool>(), vec(any::<u8>(), 0..80)), 0..12),
        frames in vec((any::<bool>(), vec(any::<u8>(), 0..60)), 0..6),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let (mut log, mut parser) = (Log::default(), QuicParser::new());
        for (up, bytes) in &steps {
            parser.data(if *up { ToServer } else { ToClient }, bytes, &mut log);
        }
        for (up, bytes) in &frames {
            let (direction, datagram) =
                if *up { (ToServer, client(Version::V1, 0, bytes)) } else { (ToClient, server(Version::V1, bytes)) };
            parser.data(direction, &datagram, &mut log);
        }
        for version in [Version::V1, Version(0x5130_3530)] {
            let mut bytes = client(version, 0, &crypto(0, &client_hello()));
            for (index, value) in &changes {
                let at = index.index(60);
                bytes[at] = *value;
            }
            let _ = super::super::probe(ToServer, &bytes);
            parser.data(ToServer, &bytes, &mut log);
            let mut clear = b"\xc3Q046\x50connectn\0\0\0\x01hashhashhash\xa0\x01\x00\x40CHLO\x02\0\0\0SNI\0\x03\0\0\0UAID\x05\0\0\0abcde".to_vec();
            for (index, value) in &changes {
                let at = index.index(clear.len());
                clear[at] = *value;
            }
            parser.data(ToServer, &clear, &mut log);
        }
        parser.end(ToServer, &mut log);
    }
}
