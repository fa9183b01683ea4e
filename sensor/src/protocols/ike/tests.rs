//! Messages as bytes; and that breaking them breaks nothing else.

use super::{IkeParser, probe};
use crate::packet::Direction::{ToClient, ToServer};
use crate::protocols::registry::Likeness;
use crate::protocols::testing::told::{Log, Said, read, steps, stumble};
use proptest::prelude::*;
use sekisho_signatures::buffers::Buffer;
use serde_json::json;

/// A message of payloads, each a type and its data.
fn message(version: u8, exchange: u8, flags: u8, payloads: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let next = |i: usize| payloads.get(i).map_or(0, |p| p.0);
    let mut rest = vec![];
    for (i, (_, data)) in payloads.iter().enumerate() {
        rest.extend([next(i + 1), 0]);
        rest.extend(u16::try_from(data.len() + 4).expect("short").to_be_bytes());
        rest.extend(data);
    }
    let mut out = b"initiate".to_vec();
    out.extend([0; 8]);
    out.extend([next(0), version, exchange, flags, 0, 0, 0, 0]);
    out.extend(u32::try_from(28 + rest.len()).expect("short").to_be_bytes());
    [out, rest].concat()
}

/// A proposal or transform, or the payload of them.
fn part(last: bool, head: &[u8], rest: &[u8]) -> Vec<u8> {
    let len = u16::try_from(4 + head.len() + rest.len()).expect("short").to_be_bytes();
    [&[if last { 0 } else { 2 }, 0][..], &len, head, rest].concat()
}

/// Version 2: an association of one proposal, of type and number of transforms.
fn association(protocol: u8, transforms: &[(u8, u8)]) -> Vec<u8> {
    let last = transforms.len().saturating_sub(1);
    let all: Vec<u8> =
        transforms.iter().enumerate().flat_map(|(i, (kind, id))| part(i == last, &[*kind, 0, 0, *id], b"")).collect();
    part(true, &[1, protocol, 0, transforms.len() as u8], &all)
}

fn init(flags: u8, association: Vec<u8>) -> Vec<u8> {
    let key = [&[0, 14, 0, 0][..], b"public key"].concat();
    let notice = vec![1, 0, 0x40, 0x04];
    message(
        0x20,
        34,
        flags,
        &[(33, association), (34, key), (40, b"nonce".to_vec()), (41, notice), (43, vec![0xab, 0xcd])],
    )
}

const GOOD: &[(u8, u8)] = &[(1, 12), (2, 5), (3, 12), (4, 14)];

fn main_mode() -> Vec<u8> {
    let attributes = b"\x80\x01\x00\x07\x80\x0e\x00\x80\x80\x02\x00\x02\x80\x04\x00\x02\x80\x03\x00\x01\x80\x0b\x00\x01\x00\x0c\x00\x04\x00\x01\x51\x80";
    let proposal = part(true, &[1, 1, 0, 1], &part(true, &[1, 1, 0, 0], attributes));
    message(0x10, 2, 0, &[(1, [&b"\0\0\0\x01\0\0\0\x01"[..], &proposal].concat()), (13, vec![0x4a, 0x13])])
}

fn run(said: &[Said]) -> Log {
    read(&mut IkeParser::new(), said)
}

#[test]
fn version_2() {
    let log = run(&[(ToServer, init(8, association(1, GOOD)))]);
    assert_eq!(log.events(), [""; 0]);
    assert_eq!(log.all(Buffer::IkeInitSpi), ["696e697469617465"]);
    assert_eq!(log.all(Buffer::IkeKeyExchangePayload), ["public key"]);
    assert_eq!(log.all(Buffer::IkeNoncePayloadLength), ["5"]);
    assert_eq!(log.all(Buffer::IkeVendor), ["abcd"]);
    assert_eq!(log.all(Buffer::IkeExchtype), ["34"]);
    let expected = json!({
        "version_major": 2, "version_minor": 0, "init_spi": "696e697469617465", "resp_spi": "0000000000000000",
        "message_id": 0, "exchange_type": 34, "role": "initiator",
        "payload": ["SecurityAssociation", "KeyExchange", "Nonce", "Notify", "VendorID", "NoNextPayload"],
        "ikev2": {"errors": 0, "notify": ["NAT_DETECTION_SOURCE_IP"]},
    });
    assert_eq!(log.records(), [&expected]);
    let chosen = run(&[(ToClient, init(0x20, association(1, GOOD)))]);
    assert_eq!(chosen.records()[0]["alg_enc"], "ENCR_AES_CBC");
    assert_eq!(chosen.records()[0]["alg_dh_raw"], 14);
    assert_eq!(chosen.records()[0]["role"], "responder");
}

#[test]
fn version_1() {
    let log = run(&[(ToServer, main_mode())]);
    let proposal = json!({
        "alg_enc": "EncAesCbc", "alg_enc_raw": 7, "sa_key_length": "Unknown", "sa_key_length_raw": 128,
        "alg_hash": "HashSha", "alg_hash_raw": 2, "alg_dh": "GroupAlternate1024BitModpGroup", "alg_dh_raw": 2,
        "alg_auth": "AuthPreSharedKey", "alg_auth_raw": 1, "sa_life_type": "LifeTypeSeconds", "sa_life_type_raw": 1,
        "sa_life_duration": "Unknown", "sa_life_duration_raw": 86400,
    });
    let expected =
        json!({"doi": 1, "encrypted_payloads": false, "client": {"proposals": [proposal]}, "vendor_ids": ["4a13"]});
    assert_eq!(log.records()[0]["ikev1"], expected);
    assert_eq!(log.records()[0]["exchange_type_verbose"], "IdentityProtection");
    let mut encrypted = message(0x10, 32, 1, &[(8, vec![0x9e; 4])]);
    encrypted[24..28].copy_from_slice(&[0, 0, 0, 36]);
    let log = run(&[(ToServer, encrypted)]);
    assert_eq!((log.events().len(), &log.records()[0]["ikev1"]["encrypted_payloads"]), (0, &json!(true)));
}

#[test]
fn odd_messages_have_events() {
    let cases: [(Vec<u8>, &[&str]); 6] = [
        (init(8, association(1, &[(1, 12), (2, 5), (3, 12), (4, 2)])), &["weak_crypto_dh"]),
        (
            init(8, association(1, &[(1, 3), (2, 2), (3, 2), (4, 0)])),
            &["weak_crypto_enc", "weak_crypto_prf", "weak_crypto_auth", "weak_crypto_nodh"],
        ),
        (init(8, association(2, &[(3, 0)])), &["no_encryption", "weak_crypto_noauth"]),
        (init(8, association(9, &[])), &["unknown_proposal", "invalid_proposal"]),
        (init(8, vec![0, 0, 0, 9]), &["malformed_data"]),
        (message(0x30, 34, 8, &[]), &["malformed_data"]),
    ];
    for (i, (bytes, expected)) in cases.into_iter().enumerate() {
        assert_eq!(run(&[(ToServer, bytes)]).events(), expected, "{i}");
    }
    let two = [part(false, &[1, 1, 0, 1], &part(true, &[1, 0, 0, 12], b"")), association(1, GOOD)].concat();
    assert_eq!(run(&[(ToClient, init(0x20, two))]).events(), ["multiple_server_proposal"]);
}

#[test]
fn behind_a_nat_esp_is_passed_over() {
    let marked = [&[0; 4][..], &main_mode()].concat();
    assert_eq!(probe(ToServer, &marked), Likeness::Yes);
    let log = run(&[(ToServer, marked.clone()), (ToServer, vec![0xff]), (ToClient, vec![7; 80]), (ToClient, marked)]);
    assert_eq!((log.events().len(), log.records().len()), (0, 2));
}

#[test]
fn what_begins_like_ike() {
    assert_eq!(probe(ToServer, &main_mode()), Likeness::Yes);
    assert_eq!(probe(ToServer, &init(8, association(1, GOOD))), Likeness::Yes);
    assert_eq!(probe(ToServer, &main_mode()[..40]), Likeness::No);
    assert_eq!(probe(ToServer, &[0; 40]), Likeness::No);
}

proptest! {
    #[test]
    fn anything_may_come(steps in steps(vec![main_mode(), init(8, association(1, GOOD))])) {
        stumble(&mut IkeParser::new(), &steps);
    }

    #[test]
    fn changed_bytes_break_nothing(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        for mut bytes in [main_mode(), init(8, association(1, GOOD))] {
            for (at, value) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            let log = run(&[(ToServer, bytes)]);
            prop_assert!(log.records().len() <= 1);
        }
    }
}
