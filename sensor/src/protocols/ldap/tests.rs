//! Exchanges as bytes; and that cutting them up, or breaking them, changes nothing it must not.

use super::{LdapParser, MESSAGE_LIMIT, TRANSACTION_LIMIT, Transport, probe};
use crate::packet::Direction::{self, ToClient, ToServer};
use crate::protocols::registry::{self, Likeness};
use crate::protocols::testing::told::{Log, Said, cut, read, spoilt, steps, stumble};
use crate::protocols::{FlowApp, Parser, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Buffer;
use serde_json::json;

/// An element.
fn e(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag, 0x82];
    out.extend(u16::try_from(content.len()).expect("short").to_be_bytes());
    out.extend(content);
    out
}

fn s(text: &str) -> Vec<u8> {
    e(4, &[text.as_bytes()])
}

fn message(id: u8, operation: &[u8]) -> Vec<u8> {
    e(0x30, &[&[2, 1, id], operation])
}

fn bind() -> Vec<u8> {
    message(1, &e(0x60, &[&[2, 1, 3], &s("cn=ann"), b"\x80\x02pw"]))
}

fn search(id: u8) -> Vec<u8> {
    let filter = e(0x87, &[b"objectClass"]);
    let rest = b"\x0a\x01\x02\x0a\x01\x00\x02\x02\x03\xe8\x02\x01\x1e\x01\x01\x00";
    message(id, &e(0x63, &[&s("dc=pear"), rest, &filter, &e(0x30, &[&s("*"), &s("+")])]))
}

fn entry(id: u8) -> Vec<u8> {
    let attribute = e(0x30, &[&s("dc"), &e(0x31, &[&s("one"), &s("two")])]);
    message(id, &e(0x64, &[&s("dc=pear"), &e(0x30, &[&attribute])]))
}

fn result(id: u8, tag: u8, code: u8, rest: &[u8]) -> Vec<u8> {
    message(id, &e(tag, &[&[10, 1, code], &s(""), &s("said"), rest]))
}

fn exchange() -> Vec<Said> {
    let modification = e(0x30, &[&s("mail"), &e(0x31, &[&s("a@b")])]);
    let change = e(0x30, &[b"\x0a\x01\x02", &modification]);
    let modify = message(4, &e(0x66, &[&s("cn=bob"), &e(0x30, &[&change])]));
    let compare = message(5, &e(0x6e, &[&s("cn=bob"), &e(0x30, &[&s("kind"), &s("x")])]));
    vec![
        (ToServer, bind()),
        (ToClient, result(1, 0x61, 0, b"")),
        (ToServer, [search(2), modify].concat()),
        (ToClient, [entry(2), result(4, 0x67, 50, b""), result(2, 0x65, 0, b"")].concat()),
        (ToServer, compare),
        (ToServer, message(6, b"\x50\x01\x05")),
        (ToServer, message(7, b"\x42\x00")),
    ]
}

fn run(said: &[Said]) -> Log {
    read(&mut LdapParser::new(Transport::Stream), said)
}

#[test]
fn an_exchange() {
    let log = run(&exchange());
    assert_eq!(log.events(), [""; 0]);
    assert_eq!(log.all(Buffer::LdapRequestOperation), ["0", "3", "6", "14", "16", "2"]);
    assert_eq!(log.all(Buffer::LdapRequestDn), ["cn=ann", "dc=pear", "cn=bob", "cn=bob"]);
    assert_eq!(log.all(Buffer::LdapRequestAttributeType), ["*", "+", "mail", "kind"]);
    assert_eq!(log.all(Buffer::LdapResponsesCount), ["1", "1", "2", "0", "0", "0"]);
    // Once for each response of the search.
    assert_eq!(log.all(Buffer::LdapResponsesOperation), ["1", "4", "7", "4", "5"]);
    assert_eq!(log.all(Buffer::LdapResponsesResultCode), ["0", "50", "0"]);
    assert_eq!(log.all(Buffer::LdapResponsesAttributeType), ["dc", "dc"]);
    let expected = [
        json!({
            "request": {"operation": "bind_request", "message_id": 1, "bind_request": {"version": 3, "name": "cn=ann"}},
            "responses": [{"operation": "bind_response",
                           "bind_response": {"result_code": "success", "matched_dn": "", "message": "said"}}],
        }),
        json!({
            "request": {"operation": "modify_request", "message_id": 4, "modify_request": {"object": "cn=bob",
                "changes": [{"operation": "replace",
                             "modification": {"attribute_type": "mail", "attribute_values": ["a@b"]}}]}},
            "responses": [{"operation": "modify_response", "modify_response":
                {"result_code": "insufficient_access_rights", "matched_dn": "", "message": "said"}}],
        }),
        json!({
            "request": {"operation": "search_request", "message_id": 2, "search_request": {
                "base_object": "dc=pear", "scope": 2, "deref_alias": 0, "size_limit": 1000, "time_limit": 30,
                "types_only": false, "attributes": ["*", "+"]}},
            "responses": [
                {"operation": "search_result_entry", "search_result_entry": {"base_object": "dc=pear",
                    "attributes": [{"type": "dc", "values": ["one", "two"]}]}},
                {"operation": "search_result_done", "search_result_done":
                    {"result_code": "success", "matched_dn": "", "message": "said"}},
            ],
        }),
        json!({"request": {"operation": "compare_request", "message_id": 5, "compare_request": {"entry": "cn=bob",
            "attribute_value_assertion": {"description": "kind", "value": "x"}}}}),
        json!({"request": {"operation": "abandon_request", "message_id": 6, "abandon_request": {"message_id": 5}}}),
        json!({"request": {"operation": "unbind_request", "message_id": 7}}),
    ];
    assert_eq!(log.records(), expected.iter().collect::<Vec<_>>());
}

#[test]
fn other_requests_in_eve() {
    let cases = [
        (
            message(1, &e(0x68, &[&s("dc=a"), &e(0x30, &[&e(0x30, &[&s("c"), &e(0x31, &[&s("top")])])])])),
            json!({"entry": "dc=a", "attributes": [{"name": "c", "values": ["top"]}]}),
        ),
        (message(1, &e(0x4a, &[b"cn=x"])), json!({"dn": "cn=x"})),
        (
            message(1, &e(0x6c, &[&s("cn=x"), &s("cn=y"), b"\x01\x01\xff", &e(0x80, &[b"dc=z"])])),
            json!({"entry": "cn=x", "new_rdn": "cn=y", "delete_old_rdn": true, "new_superior": "dc=z"}),
        ),
        (message(1, &e(0x77, &[b"\x80\x031.2", b"\x81\x01v"])), json!({"name": "1.2", "value": "v"})),
        (
            message(1, &e(0x60, &[&[2, 1, 3], &s(""), &e(0xa3, &[&s("GSSAPI"), &s("blob")])])),
            json!({"version": 3, "name": "", "sasl": {"mechanism": "GSSAPI", "credentials": "blob"}}),
        ),
    ];
    for (bytes, expected) in cases {
        let log = run(&[(ToServer, bytes)]);
        let request = &log.records()[0]["request"];
        assert_eq!(request[request["operation"].as_str().expect("a name")], expected);
    }
}

#[test]
fn notices_and_answers_to_nothing() {
    let log = run(&[(ToClient, result(0, 0x78, 52, b"\x8a\x031.2"))]);
    assert_eq!(log.events(), [""; 0]);
    let response = json!({"operation": "extended_response", "message_id": 0, "extended_response":
        {"result_code": "unavailable", "matched_dn": "", "message": "said", "name": "1.2"}});
    assert_eq!(log.records(), [&json!({"responses": [response]})]);
    assert_eq!(run(&[(ToClient, result(9, 0x65, 0, b""))]).events(), ["request_not_found"]);
}

#[test]
fn what_goes_the_same_way_as_a_request_is_no_answer_to_it() {
    let log = run(&[(ToServer, search(2)), (ToServer, entry(2)), (ToClient, result(2, 0x65, 0, b""))]);
    assert_eq!(log.events(), ["request_not_found"]);
    assert_eq!(log.all(Buffer::LdapResponsesCount), ["1", "1"]);
    // And a server may ask as well: nothing of its transactions is told behind their end.
    let log = run(&[(ToClient, search(3)), (ToServer, result(3, 0x65, 0, b"")), (ToClient, search(4))]);
    assert_eq!((log.events(), log.records().len(), log.completions()), (vec![], 2, 4));
}

#[test]
fn what_was_asked_before_it_gives_up_is_logged() {
    let (mut app, mut log) = (FlowApp::default(), Log::default());
    for bytes in [search(2), b"GET / HTTP/1.1".to_vec()] {
        let absorbed = app.recognise(registry::Transport::Stream, ToServer, [40_000, 389], &bytes);
        app.parse(ToServer, &bytes, absorbed, &mut log);
    }
    assert!(!app.is_read());
    assert_eq!((log.events(), log.records().len(), log.completions()), (vec!["invalid_data"], 1, 2));
}

#[test]
fn who_abandons_itself_harms_nobody() {
    let log =
        run(&[(ToServer, message(5, b"\x50\x01\x05")), (ToServer, search(6)), (ToServer, message(6, b"\x50\x01\x06"))]);
    assert_eq!(log.all(Buffer::LdapRequestOperation), ["16", "3", "16"]);
}

#[test]
fn after_start_tls_it_is_tls() {
    let mut parser = LdapParser::new(Transport::Stream);
    let mut log = Log::default();
    let request = message(1, &e(0x77, &[b"\x80\x161.3.6.1.4.1.1466.20037"]));
    assert_eq!(parser.data(ToServer, &request, &mut log), Status::More);
    let answer = [result(1, 0x78, 0, b""), b"\x16\x03".to_vec()].concat();
    assert_eq!(parser.data(ToClient, &answer, &mut log), Status::Changed(Some(Protocol::Tls)));
    assert_eq!((parser.unread(ToClient), parser.unread(ToServer)), (&b"\x16\x03"[..], &b""[..]));
    assert_eq!(log.records().len(), 1);
}

#[test]
fn odd_messages_have_events() {
    let long = [&[0x30, 0x83, 2, 0, 4, 2, 1, 1, 0x42][..], &vec![0; MESSAGE_LIMIT], &bind()].concat();
    let many: Vec<u8> = (0..=TRANSACTION_LIMIT as u8).flat_map(search).collect();
    let layer = [(ToServer, bind()), (ToClient, result(1, 0x61, 0, b"")), (ToServer, vec![0, 0, 0, 9])];
    let cases: [(Direction, Vec<u8>, &[&str]); 5] = [
        (ToServer, b"GET /".to_vec(), &["invalid_data"]),
        (ToServer, message(1, b"\x7e\x00"), &["invalid_data"]),
        (ToServer, long, &["invalid_data"]),
        (ToServer, many, &["too_many_transactions"]),
        (ToServer, bind()[..9].to_vec(), &["incomplete_data"]),
    ];
    for (i, (direction, bytes, expected)) in cases.into_iter().enumerate() {
        assert_eq!(run(&[(direction, bytes)]).events(), expected, "{i}");
    }
    assert_eq!(run(&layer).events(), ["invalid_data"]);
    let sasl = message(1, &e(0x60, &[&[2, 1, 3], &s(""), &e(0xa3, &[&s("GSSAPI")])]));
    let layer = [(ToServer, sasl), layer[1].clone(), layer[2].clone()];
    assert_eq!(run(&layer).events(), [""; 0], "a layer of its own");
}

#[test]
fn what_begins_like_ldap() {
    assert_eq!(probe(ToServer, &bind()), Likeness::Yes);
    assert_eq!(probe(ToClient, &entry(3)), Likeness::Yes);
    (0..7).for_each(|n| assert_eq!(probe(ToServer, &bind()[..n]), Likeness::More, "{n}"));
    assert_eq!(probe(ToServer, b"0*\x02\x01\x00\x04\x06public"), Likeness::No, "SNMP");
    assert_eq!(probe(ToServer, b"\x30\x80\x02\x01"), Likeness::No);
}

proptest! {
    #[test]
    fn cutting_changes_nothing(said in spoilt(exchange()), lengths in vec(1usize..60, 1..20)) {
        prop_assert_eq!(run(&said), run(&cut(&said, &lengths)));
    }

    #[test]
    fn anything_may_come(steps in steps(exchange().into_iter().map(|(_, bytes)| bytes).collect())) {
        for transport in [Transport::Stream, Transport::Datagram] {
            let log = stumble(&mut LdapParser::new(transport), &steps);
            prop_assert_eq!(log.completions(), 2 * log.records().len(), "both directions of each");
        }
    }
}
