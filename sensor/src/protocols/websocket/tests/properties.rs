use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #[test]
    fn cutting_changes_nothing(
        frames in vec((any::<u8>(), prop::option::of(any::<u32>()), vec(any::<u8>(), 0..200)), 0..8),
        cuts in vec(1usize..40, 0..60),
    ) {
        let bytes: Vec<u8> = frames.iter().flat_map(|(first, mask, payload)| frame(*first, *mask, payload)).collect();
        let whole = read(&bytes);
        prop_assert_eq!(whole.payloads.len(), frames.len());
        let (mut log, mut parser) = (Log::default(), WebsocketParser::new());
        let mut rest = &bytes[..];
        for cut in cuts {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            parser.data(ToServer, piece, &mut log);
            rest = after;
        }
        parser.data(ToServer, rest, &mut log);
        parser.end(ToServer, &mut log);
        prop_assert_eq!(whole, log);
    }

    #[test]
    fn anything_may_come(steps in vec((any::<bool>(), any::<bool>(), vec(any::<u8>(), 0..200), 0u64..300), 0..20)) {
        let (mut log, mut parser) = (Log::default(), WebsocketParser::new());
        for (up, gap, bytes, len) in &steps {
            let direction = if *up { ToServer } else { ToClient };
            if *gap {
                parser.gap(direction, *len, &mut log);
            }
            parser.data(direction, bytes, &mut log);
        }
        parser.end(ToServer, &mut log);
        parser.end(ToClient, &mut log);
    }
}
