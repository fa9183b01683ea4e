//! Messages as bytes; and that breaking them breaks nothing else.

use super::{DhtParser, probe};
use crate::packet::Direction::{ToClient, ToServer};
use crate::protocols::registry::Likeness;
use crate::protocols::testing::told::{Log, Said, read, steps, stumble};
use proptest::prelude::*;
use serde_json::json;

const GET_PEERS: &[u8] =
    b"d1:ad2:id20:aaaaaaaaaabbbbbbbbbb9:info_hash20:cccccccccceeeeeeeeeee1:q9:get_peers1:t2:xy1:v4:PEAR1:y1:qe";
const PEERS: &[u8] = b"d1:rd2:id20:aaaaaaaaaabbbbbbbbbb5:nodes26:ddddddddddffffffffff\xc0\x00\x02\x01\x1a\xe15:token2:ok6:valuesl6:\xc0\x00\x02\x02\x1a\xe2ee1:t2:xy1:y1:re";
const ERROR: &[u8] = b"d1:eli203e5:wronge1:t2:xy1:y1:ee";

fn run(said: &[Said]) -> Log {
    read(&mut DhtParser::new(), said)
}

#[test]
fn a_search() {
    let log = run(&[(ToServer, GET_PEERS.to_vec()), (ToClient, PEERS.to_vec()), (ToClient, ERROR.to_vec())]);
    assert_eq!(log.events(), [""; 0]);
    let id = "6161616161616161616162626262626262626262";
    let expected = [
        json!({"transaction_id": "7879", "client_version": "50454152", "request_type": "get_peers",
               "request": {"id": id, "info_hash": "6363636363636363636365656565656565656565"}}),
        json!({"transaction_id": "7879", "response": {"id": id, "token": "6f6b",
               "nodes": [{"id": "6464646464646464646466666666666666666666", "ip": "192.0.2.1", "port": 6881}],
               "values": [{"ip": "192.0.2.2", "port": 6882}]}}),
        json!({"transaction_id": "7879", "error": {"num": 203, "msg": "wrong"}}),
    ];
    assert_eq!(log.records(), expected.iter().collect::<Vec<_>>());
}

#[test]
fn odd_messages_have_an_event_and_a_record() {
    for (bytes, kind) in [
        (&b"d1:ad2:id20:aaaaaaaaaabbbbbbbbbbe1:q4:ping1:y1:qe"[..], json!("ping")),
        (b"d1:ad2:id20:aaaaaaaaaabbbbbbbbbbe1:t2:xy1:y1:qe", json!(null)),
        (b"hello", json!(null)),
        (&[GET_PEERS, b"x"].concat(), json!("get_peers")),
    ] {
        let log = run(&[(ToServer, bytes.to_vec())]);
        assert_eq!(log.events(), ["malformed_packet"]);
        assert_eq!(log.records()[0]["request_type"], kind);
    }
}

#[test]
fn what_begins_like_the_hash_table() {
    for bytes in [GET_PEERS, PEERS, ERROR] {
        assert_eq!(probe(ToServer, bytes), Likeness::Yes);
        assert_eq!(probe(ToServer, &bytes[..bytes.len() - 1]), Likeness::No);
    }
    assert_eq!(probe(ToServer, b"d3:foo3:bare"), Likeness::No);
}

proptest! {
    #[test]
    fn anything_may_come(steps in steps(vec![GET_PEERS.to_vec(), PEERS.to_vec(), ERROR.to_vec()])) {
        stumble(&mut DhtParser::new(), &steps);
    }

    #[test]
    fn changed_bytes_break_nothing(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        for bytes in [GET_PEERS, PEERS, ERROR] {
            let mut bytes = bytes.to_vec();
            for (at, value) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            prop_assert_eq!(run(&[(ToServer, bytes)]).records().len(), 1);
        }
    }
}
