//! Calls as bytes; and that cutting them up, or breaking them, changes nothing it must not.

use super::{DcerpcDatagramParser, DcerpcParser, probe_datagram, probe_stream};
use crate::packet::Direction::{self, ToClient, ToServer};
use crate::protocols::registry::Likeness;
use crate::protocols::testing::talk::{Log, asked, cut, cuts, endure, mutated, noise, talk};
use crate::protocols::{Parser, Status};
use proptest::prelude::*;
use sekisho_signatures::buffers::Buffer;
use sekisho_signatures::model::NumberTest;
use sekisho_signatures::question::Question;
use serde_json::json;

type Talk = Vec<(Direction, Vec<u8>)>;

/// `367abb81-9844-35f1-ad32-98f038001003`, the service control manager's.
const SVCCTL: [u8; 16] =
    [0x36, 0x7a, 0xbb, 0x81, 0x98, 0x44, 0x35, 0xf1, 0xad, 0x32, 0x98, 0xf0, 0x38, 0x00, 0x10, 0x03];
const SVCCTL_LITTLE: [u8; 16] =
    [0x81, 0xbb, 0x7a, 0x36, 0x44, 0x98, 0xf1, 0x35, 0xad, 0x32, 0x98, 0xf0, 0x38, 0x00, 0x10, 0x03];

pub(in crate::protocols) fn pdu(kind: u8, flags: u8, call: u32, body: &[u8]) -> Vec<u8> {
    let mut out = vec![5, 0, kind, flags, 0x10, 0, 0, 0];
    out.extend((16 + body.len() as u16).to_le_bytes());
    out.extend([0, 0]);
    out.extend(call.to_le_bytes());
    out.extend(body);
    out
}

pub(in crate::protocols) fn bind(kind: u8, call: u32, context: u16) -> Vec<u8> {
    let mut body = vec![0xd0, 0x16, 0xd0, 0x16, 0, 0, 0, 0, 1, 0, 0, 0];
    body.extend(context.to_le_bytes());
    body.extend([1, 0]);
    body.extend(SVCCTL_LITTLE);
    body.extend([2, 0, 0, 0]);
    body.extend([4; 20]);
    pdu(kind, 3, call, &body)
}

pub(in crate::protocols) fn ack(kind: u8, call: u32, result: u8) -> Vec<u8> {
    let mut body = vec![0xd0, 0x16, 0xd0, 0x16, 1, 0, 0, 0, 4, 0];
    body.extend(*b"135\0");
    body.extend([0, 0, 1, 0, 0, 0, result, 0, 0, 0]);
    body.extend([4; 20]);
    pdu(kind, 3, call, &body)
}

pub(in crate::protocols) fn request(flags: u8, call: u32, context: u8, opnum: u8, stub: &[u8]) -> Vec<u8> {
    pdu(0, flags, call, &[&[0, 0, 0, 0, context, 0, opnum, 0], stub].concat())
}

fn good() -> Talk {
    vec![
        (ToServer, bind(11, 1, 7)),
        (ToClient, ack(12, 1, 0)),
        (ToServer, request(1, 2, 7, 15, b"first ")),
        (ToServer, request(2, 2, 7, 15, b"last")),
        (ToClient, pdu(2, 3, 2, b"\0\0\0\0\x07\0\0\0results")),
        (ToServer, pdu(16, 3, 2, b"authenticated")),
        (ToServer, request(3, 3, 9, 1, b"")),
        (ToClient, pdu(3, 3, 3, b"\0\0\0\0\x09\0\0\0\x03\0\x01\x1c")),
        (ToClient, pdu(15, 3, 4, b"")),
        (ToServer, request(3, 5, 7, 2, b"not answered")),
    ]
}

#[test]
fn calls_and_what_they_are_about() {
    let interface = json!([{"uuid": "367abb81-9844-35f1-ad32-98f038001003", "version": "2.0", "ack_result": 0}]);
    let log = talk(&mut DcerpcParser::new(), &good());
    let expected = [
        json!({"request": "BIND", "response": "BINDACK", "interfaces": interface, "call_id": 1, "rpc_version": "5.0"}),
        json!({"request": "REQUEST", "req": {"opnum": 15, "frag_cnt": 2, "stub_data_size": 10},
            "response": "RESPONSE", "res": {"frag_cnt": 1, "stub_data_size": 15}, "interfaces": interface,
            "call_id": 2, "rpc_version": "5.0"}),
        json!({"request": "REQUEST", "req": {"opnum": 1, "frag_cnt": 1, "stub_data_size": 0}, "response": "FAULT",
            "call_id": 3, "rpc_version": "5.0"}),
        json!({"request": "REQUEST_LOST", "response": "ALTER_CONTEXT_RESP", "call_id": 4, "rpc_version": "5.0"}),
        json!({"request": "REQUEST", "req": {"opnum": 2, "frag_cnt": 1, "stub_data_size": 12},
            "response": "UNREPLIED", "interfaces": interface, "call_id": 5, "rpc_version": "5.0"}),
    ];
    let records: Vec<_> = log.records.iter().map(|r| r["dcerpc"].clone()).collect();
    assert_eq!(records, expected);
    let stubs = log.all(Buffer::DcerpcStubData);
    assert_eq!(stubs[0], "first last");
    assert!(stubs[1].ends_with("results"));
}

#[test]
fn an_interface_is_of_the_calls_that_name_its_context() {
    let interface = |version, any_fragment| Some(Question::DcerpcInterface { uuid: SVCCTL, version, any_fragment });
    let of = |question| asked(&mut DcerpcParser::new(), &good(), question).yes;
    assert_eq!(of(interface(None, false)), [(1, ToServer), (1, ToClient), (4, ToServer), (4, ToClient)]);
    let test = |n| Some(NumberTest { ranges: vec![n..=n] });
    assert_eq!(of(interface(test(2), true)).len(), 4);
    assert_eq!(of(interface(test(1), true)), []);
    assert_eq!(of(test(15).map(Question::DcerpcOperation)), [(1, ToServer), (1, ToClient)]);
    // Refused by the server.
    let refused = vec![(ToServer, bind(11, 1, 7)), (ToClient, ack(12, 1, 2)), (ToServer, request(3, 2, 7, 1, b""))];
    assert_eq!(asked(&mut DcerpcParser::new(), &refused, interface(None, false)).yes, []);
    // Only the last fragment was seen.
    let late = vec![(ToServer, bind(11, 1, 7)), (ToClient, ack(12, 1, 0)), (ToServer, request(2, 2, 7, 1, b""))];
    assert_eq!(asked(&mut DcerpcParser::new(), &late, interface(None, false)).yes, []);
    assert_eq!(asked(&mut DcerpcParser::new(), &late, interface(None, true)).yes.len(), 2);
}

#[test]
fn a_context_id_stands_for_what_it_was_bound_to_last() {
    let mut other = bind(14, 3, 7);
    other[32] = 0x82;
    let calls = vec![
        (ToServer, bind(11, 1, 7)),
        (ToClient, ack(12, 1, 0)),
        (ToServer, other),
        (ToClient, ack(15, 3, 0)),
        (ToServer, request(3, 4, 7, 1, b"")),
    ];
    let log = talk(&mut DcerpcParser::new(), &calls);
    assert_eq!(log.records[2]["dcerpc"]["interfaces"][0]["uuid"], "367abb82-9844-35f1-ad32-98f038001003");
}

#[test]
fn integers_are_in_the_order_that_the_message_says() {
    let mut big = vec![5, 0, 0, 3, 0, 0, 0, 0, 0, 28, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 1, 0, 44];
    big.extend([1, 2, 3, 4]);
    let log = talk(&mut DcerpcParser::new(), &[(ToServer, big)]);
    assert_eq!(
        (&log.records[0]["dcerpc"]["call_id"], &log.records[0]["dcerpc"]["req"]["opnum"]),
        (&json!(9), &json!(44))
    );
}

#[test]
fn what_is_no_unit_is_given_up() {
    let mut log = Log::default();
    let mut parser = DcerpcParser::new();
    assert_eq!(parser.data(ToServer, &bind(11, 1, 0), &mut log), Status::More);
    assert_eq!(parser.data(ToServer, b"GET / HTTP/1.1\r\n", &mut log), Status::GaveUp);
    assert_eq!(log.records.len(), 1);
}

#[test]
fn an_answer_that_comes_with_its_request_is_no_second_request() {
    let log = talk(&mut DcerpcParser::new(), &[(ToServer, bind(11, 1, 7)), (ToServer, ack(12, 1, 0))]);
    assert_eq!((log.records.len(), &log.records[0]["dcerpc"]["response"]), (1, &json!("BINDACK")));
}

#[test]
fn open_calls_and_what_is_kept_of_them_are_bounded() {
    let mut parser = DcerpcParser::new();
    let mut log = Log::default();
    let stub = vec![0x41; 65_000];
    for call in 0..400 {
        parser.data(ToServer, &request(1, call, 0, 1, &stub), &mut log);
    }
    assert_eq!(log.records.len(), 400 - super::MAX_CALLS);
    parser.end(ToServer, &mut log);
    let kept: usize = log.buffers.iter().map(|(_, _, _, bytes)| bytes.len()).sum();
    assert!(kept <= 2 * super::MAX_STUBS + 400 * 65_000 / super::MAX_CALLS, "{kept}");
}

/// A connectionless unit.
fn datagram(kind: u8, flags: u8, number: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![4, kind, flags, 0, 0x10, 0, 0, 0];
    out.extend([0; 16]);
    out.extend(SVCCTL_LITTLE);
    out.extend([1; 16]);
    out.extend([0, 0, 0, 0, 2, 0, 0, 0, number, 0, 0, 0, 15, 0, 0xff, 0xff, 0xff, 0xff]);
    out.extend((body.len() as u16).to_le_bytes());
    out.extend([0, 0, 0, 0]);
    out.extend(body);
    out
}

#[test]
fn datagrams_are_calls_as_well() {
    let calls = vec![
        (ToServer, datagram(0, 4, 1, b"first ")),
        (ToServer, datagram(0, 6, 1, b"last")),
        (ToClient, datagram(2, 0, 1, b"results")),
        (ToServer, datagram(0, 0, 2, b"not answered")),
    ];
    let uuid = Some(Question::DcerpcInterface { uuid: SVCCTL, version: None, any_fragment: false });
    let log = asked(&mut DcerpcDatagramParser::new(), &calls, uuid);
    let first = &log.records[0]["dcerpc"];
    assert_eq!(first["req"], json!({"opnum": 15, "frag_cnt": 2, "stub_data_size": 10}));
    assert_eq!((&first["response"], &first["rpc_version"]), (&json!("RESPONSE"), &json!("4.0")));
    assert_eq!((&first["activityuuid"], &first["seqnum"]), (&json!("01010101-0101-0101-0101-010101010101"), &json!(1)));
    assert_eq!(log.records[1]["dcerpc"]["response"], "UNREPLIED");
    assert_eq!(log.all(Buffer::DcerpcStubData), ["first last", "results", "not answered"]);
    assert_eq!(log.yes.len(), 4);
    assert_eq!(probe_datagram(&calls[0].1), Likeness::Yes);
    assert_eq!(probe_datagram(&calls[0].1[..79]), Likeness::No);
}

#[test]
fn what_begins_like_a_unit() {
    let unit = bind(11, 1, 0);
    assert_eq!(probe_stream(&unit), Likeness::Yes);
    assert_eq!(probe_stream(&unit[..15]), Likeness::More);
    // SOCKS 5 with two methods, then its request.
    assert_eq!(probe_stream(b"\x05\x02\x00\x02"), Likeness::No);
    assert_eq!(probe_stream(b"\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x50"), Likeness::No);
    assert_eq!(probe_stream(b"\x05\0\x0b\x03\x10\0\0\0\x0f\0\0\0\x01\0\0\0"), Likeness::No);
}

proptest! {
    #[test]
    fn cutting_a_stream_changes_nothing(cuts in cuts()) {
        let whole = talk(&mut DcerpcParser::new(), &good());
        prop_assert_eq!(whole, talk(&mut DcerpcParser::new(), &cut(&good(), &cuts)));
    }

    #[test]
    fn nor_does_it_where_a_message_is_broken(talk_ in mutated(good()), cuts in cuts()) {
        let whole = talk(&mut DcerpcParser::new(), &talk_);
        prop_assert_eq!(whole, talk(&mut DcerpcParser::new(), &cut(&talk_, &cuts)));
    }

    #[test]
    fn anything_may_come(noise in noise()) {
        endure(&mut DcerpcParser::new(), &noise);
        endure(&mut DcerpcDatagramParser::new(), &noise);
    }

    #[test]
    fn a_gap_inside_a_unit_loses_only_it(at in 16usize..80, lost in 1usize..60) {
        let unit = request(3, 1, 0, 1, &[0x41; 80]);
        let lost = lost.min(unit.len() - at);
        let mut log = Log::default();
        let mut parser = DcerpcParser::new();
        parser.data(ToServer, &unit[..at], &mut log);
        parser.gap(ToServer, lost as u64, &mut log);
        parser.data(ToServer, &unit[at + lost..], &mut log);
        parser.data(ToServer, &request(3, 2, 0, 7, b"next"), &mut log);
        parser.end(ToServer, &mut log);
        parser.end(ToClient, &mut log);
        prop_assert_eq!(log.records.len(), 1);
        prop_assert_eq!(log.all(Buffer::DcerpcStubData), ["next"]);
    }
}
