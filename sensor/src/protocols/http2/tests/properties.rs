use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn pieces(bytes: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let mut rest = bytes;
    let mut out = Vec::new();
    for cut in cuts {
        let (piece, after) = rest.split_at((*cut).min(rest.len()));
        out.push(piece.to_vec());
        rest = after;
    }
    out.push(rest.to_vec());
    out
}

proptest! {
    #[test]
    fn cutting_changes_nothing(up in vec(1usize..60, 0..40), down in vec(1usize..60, 0..30)) {
        let [client, server] = conversation();
        let whole = read(&[(ToServer, client.clone()), (ToClient, server.clone())]);
        let steps: Vec<_> = pieces(&client, &up)
            .into_iter()
            .map(|piece| (ToServer, piece))
            .chain(pieces(&server, &down).into_iter().map(|piece| (ToClient, piece)))
            .collect();
        prop_assert_eq!(whole, read(&steps));
    }

    #[test]
    fn anything_may_come(
        steps in vec((any::<bool>(), 0u8..12, any::<u8>(), 0u32..6, vec(any::<u8>(), 0..40), 0u64..60), 0..30),
        raw in vec(any::<u8>(), 0..60),
        gaps in any::<bool>(),
    ) {
        let (mut log, mut parser) = (Log::default(), Http2Parser::new());
        parser.data(ToServer, MAGIC, &mut log);
        for (up, kind, flags, stream, payload, gap) in &steps {
            let direction = if *up { ToServer } else { ToClient };
            parser.data(direction, &frame(*kind, *flags, *stream, payload), &mut log);
            if gaps && *gap < 20 {
                parser.gap(direction, *gap, &mut log);
            }
        }
        parser.data(ToClient, &raw, &mut log);
        parser.end(ToServer, &mut log);
        parser.end(ToClient, &mut log);
        parser.end(ToClient, &mut log);
        let mut complete = log.complete.clone();
        complete.sort_by_key(|(id, direction)| (*id, direction.index()));
        complete.dedup();
        prop_assert_eq!(complete.len(), log.complete.len(), "each direction is over once");
    }

    #[test]
    fn broken_conversations_do_no_harm(changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let [mut client, mut server] = conversation();
        for (index, value) in changes {
            let at = index.index(client.len() - MAGIC.len()) + MAGIC.len();
            client[at] = value;
            let at = index.index(server.len());
            server[at] = value;
        }
        read(&[(ToServer, client), (ToClient, server)]);
    }
}
