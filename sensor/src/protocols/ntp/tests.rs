//! Messages as bytes; and that breaking them breaks nothing else.

use super::{NtpParser, probe};
use crate::packet::Direction::{ToClient, ToServer};
use crate::protocols::registry::Likeness;
use crate::protocols::testing::told::{Log, Said, read, steps, stumble};
use proptest::prelude::*;
use sekisho_signatures::buffers::Buffer;
use serde_json::json;

fn message(first: u8, stratum: u8, reference: &[u8; 4]) -> Vec<u8> {
    let mut out = vec![0; 48];
    out[..2].copy_from_slice(&[first, stratum]);
    out[12..16].copy_from_slice(reference);
    out
}

fn run(said: &[Said]) -> Log {
    read(&mut NtpParser::new(), said)
}

#[test]
fn a_question_and_its_answer() {
    let log = run(&[(ToServer, message(0x23, 0, &[0; 4])), (ToClient, message(0x24, 1, b"GPS\0"))]);
    assert_eq!(log.events(), [""; 0]);
    assert_eq!(log.all(Buffer::NtpVersion), ["4", "4"]);
    assert_eq!(log.all(Buffer::NtpMode), ["3", "4"]);
    assert_eq!(log.all(Buffer::NtpStratum), ["0", "1"]);
    assert_eq!(log.all(Buffer::NtpReferenceId), ["\0\0\0\0", "GPS\0"]);
    assert_eq!(log.records()[1], &json!({"version": 4, "mode": 4, "stratum": 1, "reference_id": "47:50:53:00"}));
}

#[test]
fn other_formats_and_odd_messages() {
    let log = run(&[(ToServer, [&[0x16][..], &[0; 11]].concat()), (ToServer, [&[0x17][..], &[0; 7]].concat())]);
    assert_eq!((log.events().len(), log.all(Buffer::NtpMode)), (0, vec!["6".to_owned(), "7".to_owned()]));
    for broken in [message(0x23, 0, &[0; 4])[..47].to_vec(), message(0x3b, 0, &[0; 4]), message(0x20, 0, &[0; 4])] {
        assert_eq!(run(&[(ToServer, broken.clone())]).events(), ["malformed_data"]);
        assert_eq!(probe(ToServer, &broken), Likeness::No);
    }
    assert_eq!(probe(ToServer, &message(0x1b, 0, &[0; 4])), Likeness::Yes);
}

proptest! {
    #[test]
    fn anything_may_come(steps in steps(vec![message(0x23, 0, &[0; 4])])) {
        stumble(&mut NtpParser::new(), &steps);
    }
}
