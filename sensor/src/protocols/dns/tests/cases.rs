use super::super::{Guess, probe_datagram, probe_service, probe_stream};
use super::*;
use crate::packet::Direction::{ToClient, ToServer};
use serde_json::json;

#[test]
fn a_request() {
    let log = datagram(Family::Dns, ToServer, &message(0x0100, [1, 0, 0, 0], QUESTION));
    assert_eq!(log.events, [""; 0]);
    assert_eq!(log.all(Buffer::DnsQuery), ["example.org"]);
    assert_eq!(log.all(Buffer::DnsQueriesRrname), ["example.org"]);
    assert_eq!(log.all(Buffer::DnsResponseRrname), [""; 0]);
    assert_eq!(log.all(Buffer::DnsRrtype), ["1"]);
    assert_eq!(
        log.records,
        [json!({
            "version": 3, "type": "request", "tx_id": 0, "id": 0x1234, "flags": "100", "rd": true, "opcode": 0,
            "rcode": "NOERROR", "queries": [{"rrname": "example.org", "rrtype": "A"}],
        })]
    );
}

#[test]
fn a_response() {
    let answers = [record(5, b"\x03www\xc0\x0c"), record(1, &[192, 0, 2, 1])].concat();
    let log = datagram(Family::Dns, ToClient, &message(0x8183, [1, 2, 0, 0], &[QUESTION, &answers].concat()));
    assert_eq!(log.all(Buffer::DnsQuery), [""; 0]);
    assert_eq!(log.all(Buffer::DnsQueryName), ["example.org"]);
    assert_eq!(log.all(Buffer::DnsAnswersRrname), ["example.org", "example.org"]);
    assert_eq!(log.all(Buffer::DnsResponseRrname), ["example.org", "example.org", "www.example.org", "example.org"]);
    assert_eq!(log.all(Buffer::DnsRcode), ["3"]);
    assert_eq!(log.all(Buffer::DnsRrtype), ["1", "5", "1"]);
    assert_eq!(
        log.records,
        [json!({
            "version": 3, "type": "response", "tx_id": 0, "id": 0x1234, "flags": "8183", "qr": true, "rd": true,
            "ra": true, "opcode": 0, "rcode": "NXDOMAIN", "queries": [{"rrname": "example.org", "rrtype": "A"}],
            "answers": [
                {"rrname": "example.org", "rrtype": "CNAME", "ttl": 60, "rdata": "www.example.org"},
                {"rrname": "example.org", "rrtype": "A", "ttl": 60, "rdata": "192.0.2.1"},
            ],
            "grouped": {"CNAME": ["www.example.org"], "A": ["192.0.2.1"]},
        })]
    );
}

#[test]
fn record_types_in_eve() {
    let cases: [(u16, &[u8], serde_json::Value); 8] = [
        (
            28,
            &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            json!({"rdata": "2001:0db8:0000:0000:0000:0000:0000:0001"}),
        ),
        (15, b"\x00\x0a\x02mx\xc0\x0c", json!({"rdata": "mx.example.org"})),
        (16, b"\x03one\x02xy", json!({"rdata": "onexy"})),
        (10, b"AB\x03\xc5\xe9\x01", json!({"rdata": "AB\u{3}\\xc5\\xe9\u{1}"})),
        (
            33,
            b"\x00\x01\x00\x02\x00\x50\xc0\x0c",
            json!({"srv": {"priority": 1, "weight": 2, "port": 80, "name": "example.org"}}),
        ),
        (44, b"\x01\x02\xab\x0c", json!({"sshfp": {"algo": 1, "type": 2, "fingerprint": "ab:0c"}})),
        (
            6,
            b"\xc0\x0c\x01h\xc0\x0c\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05",
            json!({"soa": {"mname": "example.org", "rname": "h.example.org", "serial": 1, "refresh": 2, "retry": 3, "expire": 4, "minimum": 5}}),
        ),
        (65, b"\x00\x01\x00", json!({})),
    ];
    for (kind, data, expected) in cases {
        let log = datagram(Family::Dns, ToClient, &response(kind, data));
        assert_eq!(log.events, [""; 0], "{kind}");
        let mut answer = log.records[0]["answers"][0].clone();
        for common in ["rrname", "rrtype", "ttl"] {
            answer.as_object_mut().and_then(|o| o.remove(common)).expect("always there");
        }
        assert_eq!(answer, expected, "{kind}");
    }
}

#[test]
fn options_in_the_additional_section() {
    let opt = b"\x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\x06\x00\x0a\x00\x02\x9a\x47";
    let log = datagram(Family::Dns, ToServer, &message(0x0100, [1, 0, 0, 1], &[QUESTION, opt].concat()));
    let expected = json!([{"rrname": "", "rrtype": "OPT", "ttl": 0, "opt": [{"code": 10, "data": "9a47"}]}]);
    assert_eq!(log.records[0]["additionals"], expected);
}

#[test]
fn empty_record_data_is_not_malformed() {
    let log = datagram(Family::Dns, ToClient, &response(1, &[]));
    assert_eq!((log.events.len(), log.records.len()), (0, 1));
}

#[test]
fn odd_messages_have_events() {
    let long: Vec<u8> =
        std::iter::repeat_n(&b"\x3f012345678901234567890123456789012345678901234567890123456789012"[..], 20)
            .flatten()
            .copied()
            .chain(*b"\x00\x00\x01\x00\x01")
            .collect();
    let labels: Vec<u8> = std::iter::repeat_n(*b"\x01a", 300).flatten().chain(*b"\x00\x00\x01\x00\x01").collect();
    let cases: [(Direction, Vec<u8>, &[&str]); 10] = [
        (ToServer, b"\x00\x01".to_vec(), &["malformed_data"]),
        (ToServer, message(0x0100, [2, 0, 0, 0], QUESTION), &["malformed_data"]),
        (ToServer, message(0x0140, [1, 0, 0, 0], QUESTION), &["z_flag_set"]),
        (ToServer, message(0x4900, [1, 0, 0, 0], QUESTION), &["invalid_opcode"]),
        (ToServer, message(0x8000, [1, 0, 0, 0], QUESTION), &["not_request"]),
        (ToClient, message(0, [1, 0, 0, 0], QUESTION), &["not_response"]),
        (ToServer, message(0, [1, 0, 0, 0], b"\xc0\x0c\x00\x01\x00\x01"), &["infinite_loop"]),
        (ToServer, message(0, [1, 0, 0, 0], &long), &["name_too_long"]),
        (ToServer, message(0, [1, 0, 0, 0], &labels), &["too_many_labels"]),
        (ToServer, message(0, [1, 0, 1, 0], QUESTION), &["invalid_authorities"]),
    ];
    for (direction, bytes, expected) in cases {
        assert_eq!(datagram(Family::Dns, direction, &bytes).events, expected);
    }
    let log = datagram(Family::Dns, ToServer, &message(0, [1, 0, 0, 0], &long));
    assert_eq!(log.all(Buffer::DnsQuery)[0].len(), 1025);
    assert_eq!(log.records[0]["queries"][0]["rrname_truncated"], true);
    // Rules see what was read of a broken message.
    let log = datagram(Family::Dns, ToServer, &message(0x0100, [2, 0, 0, 0], QUESTION));
    assert_eq!((log.all(Buffer::DnsQuery), log.records.len()), (vec!["example.org"], 0));
}

#[test]
fn pointers_may_lead_forward() {
    let rest = b"\xc0\x12\x00\x01\x00\x01\x07example\x03org\x00\x00\x01\x00\x01";
    let log = datagram(Family::Dns, ToServer, &message(0x0100, [2, 0, 0, 0], rest));
    assert_eq!(log.all(Buffer::DnsQuery), ["example.org", "example.org"]);
}

#[test]
fn work_on_one_message_is_bounded() {
    // 250 pointers in a row, then records whose names each walk them all from another place.
    let mut rest: Vec<u8> = (0..250u16).flat_map(|i| (0xc000 | (14 + 2 * i)).to_be_bytes()).collect();
    rest.extend([0, 0, 1, 0, 1]);
    while rest.len() < 60_000 {
        let to = 12 + 2 * (rest.len() as u16 % 200);
        rest.extend((0xc000 | to).to_be_bytes());
        rest.extend([0, 1, 0, 1, 0, 0, 0, 0, 0, 0]);
    }
    let log = datagram(Family::Dns, ToClient, &message(0x8000, [1, 60_000, 0, 0], &rest));
    assert_eq!(log.events, ["malformed_data"]);
}

#[test]
fn multicast_has_its_own_buffers_and_record() {
    let record = [&record(12, b"\x01p\xc0\x0c")[..], &record(16, b"\x03a=b\x03c=d")].concat();
    let bytes = message(0x8400, [1, 2, 0, 0], &[QUESTION, &record].concat());
    let log = datagram(Family::Mdns, ToServer, &bytes);
    assert_eq!(log.events, [""; 0]);
    assert_eq!(log.all(Buffer::MdnsAnswersRrname), ["example.org", "example.org"]);
    assert!(log.all(Buffer::MdnsResponseRrname).contains(&"p.example.org"));
    assert_eq!(log.all(Buffer::DnsQueryName), [""; 0]);
    let record = &log.records[0];
    assert_eq!(record["type"], "response");
    assert_eq!(record["flags"], json!(["aa"]));
    assert_eq!(record["queries"], json!([{"rrname": "example.org", "rrtype": "a"}]));
    assert_eq!(record["answers"][0], json!({"rrname": "example.org", "ptr": "p.example.org"}));
    assert_eq!(record["answers"][1], json!({"rrname": "example.org", "txt": ["a=b", "c=d"]}));
}

#[test]
fn link_local_names_have_their_own_buffers_and_record() {
    let bytes = message(0x8000, [1, 1, 0, 0], &[QUESTION, &record(1, &[10, 0, 0, 9])].concat());
    let log = datagram(Family::Llmnr, ToServer, &bytes);
    assert_eq!(log.events, [""; 0], "an answer begins its flow");
    assert_eq!(log.all(Buffer::LlmnrAnswersRrname), ["example.org"]);
    assert_eq!(log.all(Buffer::LlmnrQueriesRrname), ["example.org"]);
    assert_eq!(log.all(Buffer::DnsQueryName), [""; 0]);
    assert_eq!(log.records[0]["answers"][0]["rdata"], "10.0.0.9");
}

#[test]
fn what_begins_like_dns() {
    let request = message(0x0100, [1, 0, 0, 0], QUESTION);
    assert_eq!(probe_datagram(&request), Guess::Request);
    assert_eq!(probe_datagram(&response(1, &[1, 2, 3, 4])), Guess::Response);
    assert_eq!(probe_datagram(b"0*\x02\x01\x00\x04\x06public\xa0\x1d\x02\x04\x30\x10\x7c\x8a\x02\x01\x00"), Guess::No);
    assert_eq!(probe_datagram(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Guess::No);
    let netbios = message(0x0110, [1, 0, 0, 0], b"\x20CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\0\0\x21\0\x01");
    assert_eq!((probe_datagram(&netbios), probe_service(&netbios)), (Guess::No, Guess::No));
    // On its own port more is forgiven, but nothing is taken for DNS that cannot be.
    let odd = message(0x0100, [1, 0, 8, 0], QUESTION);
    assert_eq!((probe_service(&odd), probe_datagram(&odd)), (Guess::Request, Guess::No));
    assert_eq!(probe_service(&message(0x0100, [1, 0, 0, 99], QUESTION)), Guess::No);
    assert_eq!(probe_service(&message(0x0100, [1, 16, 0, 0], QUESTION)), Guess::No);
    assert_eq!(probe_service(&message(0x8081, [0; 4], b"")), Guess::Response);
    assert_eq!(probe_service(&message(0x0100, [0; 4], b"")), Guess::No);
    let framed = [&(request.len() as u16).to_be_bytes()[..], &request].concat();
    assert_eq!(probe_stream(&framed), Guess::Request);
    for cut in 0..14 {
        assert_eq!(probe_stream(&framed[..cut]), Guess::Unsure);
    }
    assert_eq!(probe_stream(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Guess::No);
}
