//! Messages as bytes; and that cutting them up, or breaking them, changes nothing it must not.

use super::{Krb5Parser, MAX_MESSAGE, Transport, probe_datagram, probe_stream};
use crate::packet::Direction::{self, ToClient, ToServer};
use crate::protocols::Parser;
use crate::protocols::registry::Likeness;
use crate::protocols::testing::talk::{Log, asked, cut, cuts, endure, mutated, noise, talk};
use proptest::prelude::*;
use sekisho_signatures::buffers::Buffer;
use sekisho_signatures::krb5::EncryptionTest;
use sekisho_signatures::question::Question;
use serde_json::json;

type Talk = Vec<(Direction, Vec<u8>)>;

fn element(tag: u8, body: &[u8]) -> Vec<u8> {
    let len = body.len();
    let head = if len < 0x80 { vec![tag, len as u8] } else { vec![tag, 0x82, (len >> 8) as u8, len as u8] };
    [&head[..], body].concat()
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    element(0x30, &parts.concat())
}

fn integer(n: i8) -> Vec<u8> {
    vec![2, 1, n.cast_unsigned()]
}

fn under(n: u8, body: &[u8]) -> Vec<u8> {
    element(0xa0 | n, body)
}

fn name(parts: &[&str]) -> Vec<u8> {
    let parts: Vec<_> = parts.iter().map(|part| element(0x1b, part.as_bytes())).collect();
    sequence(&[under(0, &integer(2)), under(1, &sequence(&parts))])
}

fn encrypted(kind: i8) -> Vec<u8> {
    sequence(&[under(0, &integer(kind)), under(2, &element(4, &[7; 200]))])
}

fn request(kind: u8) -> Vec<u8> {
    let body = sequence(&[
        under(0, b"\x03\x05\0\x40\0\0\0"),
        under(1, &name(&["alice"])),
        under(2, &element(0x1b, b"EXAMPLE.ORG")),
        under(3, &name(&["krbtgt", "EXAMPLE.ORG"])),
    ]);
    let parts = [under(1, &integer(5)), under(2, &integer(kind as i8)), under(4, &body)];
    element(0x60 | kind, &sequence(&parts))
}

fn reply(kind: u8, encryption: i8, ticket: i8) -> Vec<u8> {
    let realm = element(0x1b, b"EXAMPLE.ORG");
    let ticket = sequence(&[
        under(0, &integer(5)),
        under(1, &realm),
        under(2, &name(&["MSSQL", "db.example.org"])),
        under(3, &encrypted(ticket)),
    ]);
    let parts = [
        under(0, &integer(5)),
        under(1, &integer(kind as i8)),
        under(3, &realm),
        under(4, &name(&["alice"])),
        under(5, &element(0x61, &ticket)),
        under(6, &encrypted(encryption)),
    ];
    element(0x60 | kind, &sequence(&parts))
}

fn error(code: i8) -> Vec<u8> {
    let parts = [
        under(0, &integer(5)),
        under(1, &integer(30)),
        under(6, &integer(code)),
        under(9, &element(0x1b, b"EXAMPLE.ORG")),
        under(10, &name(&["krbtgt", "EXAMPLE.ORG"])),
    ];
    element(0x7e, &sequence(&parts))
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u32).to_be_bytes()[..], message].concat()
}

fn good() -> Talk {
    vec![
        (ToServer, framed(&request(10))),
        (ToClient, framed(&error(25))),
        (ToServer, framed(&request(12))),
        (ToClient, framed(&reply(13, 18, 23))),
    ]
}

#[test]
fn requests_answers_and_errors() {
    let log = talk(&mut Krb5Parser::new(Transport::Stream), &good());
    assert_eq!(log.events, [""; 0]);
    let none = json!({"encryption": "<none>", "weak_encryption": false, "realm": "EXAMPLE.ORG"});
    let with = |mut value: serde_json::Value, more: serde_json::Value| {
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        value
    };
    let tgt = "krbtgt/EXAMPLE.ORG";
    let expected = [
        with(none.clone(), json!({"msg_type": "KRB_AS_REQ", "cname": "alice", "sname": tgt})),
        with(
            none.clone(),
            json!({"msg_type": "KRB_ERROR", "failed_request": "KRB_AS_REQ",
            "error_code": "KDC_ERR_PREAUTH_REQUIRED", "cname": "<empty>", "sname": tgt}),
        ),
        with(none, json!({"msg_type": "KRB_TGS_REQ", "cname": "alice", "sname": tgt})),
        json!({"msg_type": "KRB_TGS_REP", "cname": "alice", "realm": "EXAMPLE.ORG", "sname": "MSSQL/db.example.org",
            "encryption": "aes256-cts-hmac-sha1-96", "weak_encryption": false,
            "ticket_encryption": "rc4-hmac", "ticket_weak_encryption": true}),
    ];
    let records: Vec<_> = log.records.iter().map(|r| r["krb5"].clone()).collect();
    assert_eq!(records, expected);
    assert_eq!(log.all(Buffer::Krb5MsgType), ["10", "30", "12", "13"]);
    assert_eq!(log.all(Buffer::Krb5ErrCode), ["25"]);
    assert_eq!(log.all(Buffer::Krb5Cname), ["alice"; 3]);
    assert_eq!(log.all(Buffer::Krb5Sname)[6..], ["MSSQL", "db.example.org"]);
}

#[test]
fn the_encryption_of_tickets_is_asked_for() {
    let ask = |negated, weak, types: &[i32]| {
        let test = EncryptionTest { negated, weak, types: types.to_vec() };
        asked(&mut Krb5Parser::new(Transport::Stream), &good(), Some(Question::Krb5TicketEncryption(test))).yes
    };
    assert_eq!(ask(false, true, &[]), [(3, ToClient)]);
    assert_eq!(ask(false, false, &[17, 23]), [(3, ToClient)]);
    assert_eq!((ask(true, true, &[]), ask(false, false, &[18])), (vec![], vec![]));
}

#[test]
fn weak_answers_have_an_event() {
    let mut log = Log::default();
    let mut parser = Krb5Parser::new(Transport::Datagram);
    parser.data(ToClient, &reply(11, 3, 18), &mut log);
    parser.data(ToClient, &reply(11, 18, 18)[..90], &mut log);
    assert_eq!((&log.events[..], log.records.len()), (&["weak_encryption", "malformed_data"][..], 1));
    assert_eq!(log.records[0]["krb5"]["encryption"], "des-cbc-md5");
}

#[test]
fn messages_that_are_too_long_are_passed_over() {
    let mut long = ((MAX_MESSAGE + 1) as u32).to_be_bytes().to_vec();
    long.resize(4 + MAX_MESSAGE + 1, 0x41);
    long.extend(framed(&request(10)));
    let log = talk(&mut Krb5Parser::new(Transport::Stream), &[(ToServer, long)]);
    assert_eq!((&log.events[..], log.records.len()), (&["malformed_data"][..], 1));
}

#[test]
fn what_begins_like_a_message() {
    for message in [request(10), reply(13, 18, 18), error(6)] {
        assert_eq!(probe_datagram(&message), Likeness::Yes);
        let stream = framed(&message);
        assert_eq!(probe_stream(&stream), Likeness::Yes);
        let told = (0..stream.len()).find(|&cut| probe_stream(&stream[..cut]) != Likeness::More).unwrap();
        assert_eq!(probe_stream(&stream[..told]), Likeness::Yes);
    }
    // LDAP, and SMB.
    assert_eq!(probe_stream(b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0"), Likeness::No);
    assert_eq!(probe_stream(b"\0\0\0\x40\xfeSMB"), Likeness::No);
}

proptest! {
    #[test]
    fn cutting_a_stream_changes_nothing(broken in mutated(good()), cuts in cuts()) {
        let of = |pieces: &Talk| talk(&mut Krb5Parser::new(Transport::Stream), pieces);
        prop_assert_eq!(of(&good()), of(&cut(&good(), &cuts)));
        prop_assert_eq!(of(&broken), of(&cut(&broken, &cuts)));
    }

    #[test]
    fn anything_may_come(noise in noise(), broken in mutated(good())) {
        endure(&mut Krb5Parser::new(Transport::Stream), &noise);
        endure(&mut Krb5Parser::new(Transport::Datagram), &noise);
        let datagrams: Vec<_> = broken.into_iter().map(|(_, bytes)| (true, 0, bytes[4..].to_vec())).collect();
        endure(&mut Krb5Parser::new(Transport::Datagram), &datagrams);
    }

    #[test]
    fn a_gap_inside_a_message_loses_only_it(at in 4usize..60, lost in 1usize..60) {
        let message = framed(&request(10));
        let lost = lost.min(message.len() - at);
        let mut log = Log::default();
        let mut parser = Krb5Parser::new(Transport::Stream);
        parser.data(ToServer, &message[..at], &mut log);
        parser.gap(ToServer, lost as u64, &mut log);
        parser.data(ToServer, &message[at + lost..], &mut log);
        parser.data(ToServer, &framed(&request(12)), &mut log);
        prop_assert_eq!(log.all(Buffer::Krb5MsgType), ["12"]);
    }
}
