use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn handshakes() -> impl Strategy<Value = Vec<(Direction, Vec<u8>)>> {
    prop_oneof![Just(tls12()), Just(tls13())]
}

fn mutated() -> impl Strategy<Value = Vec<(Direction, Vec<u8>)>> {
    let changes = vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (handshakes(), changes).prop_map(|(mut steps, changes)| {
        for (step, at, value) in changes {
            let step = step.index(steps.len());
            let bytes = &mut steps[step].1;
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        steps
    })
}

/// The same bytes in the same order, each step in pieces of these lengths.
fn cut(steps: &Steps, lengths: &[usize]) -> Vec<(Direction, Vec<u8>)> {
    let mut out = Vec::new();
    let mut lengths = lengths.iter().cycle();
    for (direction, bytes) in steps {
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((*lengths.next().unwrap_or(&1)).min(rest.len()));
            out.push((*direction, piece.to_vec()));
            rest = after;
        }
    }
    out
}

proptest! {
    #[test]
    fn cutting_changes_nothing(steps in mutated(), lengths in vec(1usize..90, 1..20)) {
        let (whole, _) = read(&steps);
        let (pieces, _) = read(&cut(&steps, &lengths));
        prop_assert_eq!(whole, pieces);
    }

    #[test]
    fn anything_may_come(
        steps in vec((any::<bool>(), 0u8..4, vec(any::<u8>(), 0..200), 0u64..300), 0..20),
        begun in any::<bool>(),
    ) {
        let mut log = Log::default();
        let mut parser = TlsParser::new();
        if begun {
            parser.data(ToServer, &record(22, 0x0301, &client_hello()), &mut log);
        }
        for (up, what, bytes, len) in &steps {
            let direction = if *up { ToServer } else { ToClient };
            match what {
                0 => { parser.gap(direction, *len, &mut log); }
                1 => { parser.data(direction, &record(20 + (*len % 5) as u8, 0x0303, bytes), &mut log); }
                2 => { parser.data(direction, &record(22, 0x0303, &handshake((*len % 25) as u8, bytes)), &mut log); }
                _ => { parser.data(direction, bytes, &mut log); }
            }
        }
        parser.end(ToServer, &mut log);
        parser.end(ToClient, &mut log);
        prop_assert!(log.records.len() <= 1);
        for side in [ToServer, ToClient] {
            let told: Vec<Progress> = log.told.iter().filter(|(d, _)| *d == side).map(|(_, p)| *p).collect();
            prop_assert!(told.is_sorted() && told.windows(2).all(|pair| pair[0] != pair[1]), "{:?}", told);
        }
    }
}
