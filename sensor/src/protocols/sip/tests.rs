//! Messages as bytes; and that cutting them up, or breaking them, changes nothing it must not.

use super::{BODY_LIMIT, HEAD_LIMIT, SipParser, Transport, probe};
use crate::packet::Direction::{ToClient, ToServer};
use crate::protocols::registry::Likeness;
use crate::protocols::testing::told::{Log, Said, cut, read, spoilt, steps, stumble};
use proptest::collection::vec;
use proptest::prelude::*;
use sekisho_signatures::buffers::Buffer;
use serde_json::json;

const INVITE: &[u8] = b"INVITE sip:bob@plum.example SIP/2.0\r\n\
    Via: SIP/2.0/UDP one.example\r\nv: SIP/2.0/UDP two.example\r\nf: Ann <sip:ann@pear.example>\r\nTo : Bob\r\n \
    <sip:bob@plum.example>\r\nUser-Agent: pear/1\r\nc: application/sdp; charset=utf-8\r\nContent-Length: 170\r\n\r\n";

const DESCRIPTION: &[u8] =
    b"v=0\r\no=ann 1 1 IN IP4 192.0.2.1\r\ns=call\r\nc=IN IP4 192.0.2.1\r\nb=AS:64\r\nt=1 2\r\nr=3 4\r\n\
    t=5 6\r\na=one\r\nm=audio 3000 RTP/AVP 0\r\na=rtpmap:0\r\nm=video 3002 RTP/AVP 31\r\nc=IN IP4 \r\n";

const OK: &[u8] = b"SIP/2.0 200 OK, then\r\nVia: SIP/2.0/TCP x\r\nTo: <sip:bob@plum.example>\r\nl: 0\r\n\r\n";

fn invite() -> Vec<u8> {
    assert_eq!(DESCRIPTION.len(), 170);
    [INVITE, DESCRIPTION].concat()
}

fn run(transport: Transport, said: &[Said]) -> Log {
    read(&mut SipParser::new(transport), said)
}

#[test]
fn a_request_with_a_description() {
    let log = run(Transport::Datagram, &[(ToServer, invite())]);
    assert_eq!(log.events(), [""; 0]);
    for (buffer, expected) in [
        (Buffer::SipMethod, &["INVITE"][..]),
        (Buffer::SipUri, &["sip:bob@plum.example"]),
        (Buffer::SipProtocol, &["SIP/2.0"]),
        (Buffer::SipRequestLine, &["INVITE sip:bob@plum.example SIP/2.0"]),
        (Buffer::SipVia, &["SIP/2.0/UDP one.example", "SIP/2.0/UDP two.example"]),
        (Buffer::SipFrom, &["Ann <sip:ann@pear.example>"]),
        (Buffer::SipTo, &["Bob\r\n <sip:bob@plum.example>"]),
        (Buffer::SipContentLength, &["170"]),
        (Buffer::SdpOrigin, &["ann 1 1 IN IP4 192.0.2.1"]),
        (Buffer::SdpConnectionData, &["IN IP4 192.0.2.1"]),
        (Buffer::SdpTime, &["1 2", "5 6"]),
        (Buffer::SdpRepeatTime, &["3 4"]),
        (Buffer::SdpAttribute, &["one"]),
        (Buffer::SdpMediaMedia, &["audio 3000 RTP/AVP 0", "video 3002 RTP/AVP 31"]),
        (Buffer::SdpMediaAttribute, &["rtpmap:0"]),
        (Buffer::SdpMediaConnectionData, &["IN IP4 "]),
    ] {
        assert_eq!(log.all(buffer), expected, "{}", buffer.name());
    }
    let expected = json!({
        "version": "SIP/2.0", "method": "INVITE", "uri": "sip:bob@plum.example",
        "request_line": "INVITE sip:bob@plum.example SIP/2.0",
        "sdp": {
            "version": 0, "origin": "ann 1 1 IN IP4 192.0.2.1", "session_name": "call",
            "connection_data": "IN IP4 192.0.2.1", "bandwidths": ["AS:64"], "attributes": ["one"],
            "time_descriptions": [{"time": "1 2", "repeat_time": "3 4"}, {"time": "5 6"}],
            "media_descriptions": [
                {"media": "audio 3000 RTP/AVP 0", "attributes": ["rtpmap:0"]},
                {"media": "video 3002 RTP/AVP 31", "connection_data": "IN IP4 "},
            ],
        },
    });
    assert_eq!(log.records(), [&expected]);
    let frames = log.frames();
    assert_eq!(
        frames.iter().map(|f| f.0).collect::<Vec<_>>(),
        ["pdu", "request.line", "request.headers", "request.body"]
    );
    assert_eq!(frames[3].1, "v=0\r\no=ann 1 1 I");
}

#[test]
fn a_response() {
    let log = run(Transport::Datagram, &[(ToClient, OK.to_vec())]);
    assert_eq!(log.all(Buffer::SipStatCode), ["200"]);
    assert_eq!(log.all(Buffer::SipStatMsg), ["OK, then"]);
    assert_eq!(log.all(Buffer::SipResponseLine), ["SIP/2.0 200 OK, then"]);
    let expected =
        json!({"version": "SIP/2.0", "code": "200", "reason": "OK, then", "response_line": "SIP/2.0 200 OK, then"});
    assert_eq!(log.records(), [&expected]);
}

#[test]
fn messages_of_a_stream_end_where_their_length_says() {
    let both = [&b"\r\n\r\n"[..], &invite(), b"\r\n", &invite()].concat();
    let log = run(Transport::Stream, &[(ToServer, both), (ToClient, OK.to_vec())]);
    assert_eq!(log.events(), [""; 0]);
    assert_eq!(log.records().len(), 3);
    assert_eq!(log.all(Buffer::SipMethod), ["INVITE", "INVITE"]);
}

#[test]
fn only_one_side_asks() {
    let log = run(Transport::Datagram, &[(ToServer, invite()), (ToServer, OK.to_vec()), (ToClient, invite())]);
    assert_eq!(log.events(), ["invalid_data"; 2]);
    assert_eq!(log.records().len(), 1);
    // The beginning was not seen.
    let log = run(Transport::Datagram, &[(ToServer, OK.to_vec()), (ToClient, invite()), (ToServer, OK.to_vec())]);
    assert_eq!((log.events().len(), log.records().len()), (0, 3));
}

#[test]
fn odd_messages_have_events() {
    let long = [&b"REGISTER sip:a SIP/2.0\r\nX: "[..], &vec![b'x'; HEAD_LIMIT]].concat();
    let cases: [(Transport, Vec<u8>, &[&str], usize); 5] = [
        (Transport::Datagram, b"HELLO\r\n\r\n".to_vec(), &["invalid_data"], 0),
        (Transport::Datagram, b"SIP/2.0 2x0 OK\r\n\r\n".to_vec(), &["invalid_data"], 0),
        (Transport::Datagram, b"ACK sip:a SIP/2.0\r\nTo: me\r\n".to_vec(), &["incomplete_data"], 0),
        (Transport::Datagram, b"\r\n\r\n\0\0".to_vec(), &[], 0),
        (Transport::Stream, long, &["invalid_data"], 0),
    ];
    for (i, (transport, bytes, events, records)) in cases.into_iter().enumerate() {
        let log = run(transport, &[(ToServer, bytes)]);
        assert_eq!((log.events(), log.records().len()), (events.to_vec(), records), "{i}");
    }
    let long = format!("MESSAGE sip:a SIP/2.0\r\nContent-Length: {}\r\n\r\n", BODY_LIMIT + 10);
    let log =
        run(Transport::Stream, &[(ToServer, [long.as_bytes(), &vec![b'x'; BODY_LIMIT + 10], &invite()].concat())]);
    assert_eq!((log.events().len(), log.records().len()), (0, 2));
}

#[test]
fn what_begins_like_sip() {
    assert_eq!(probe(ToServer, INVITE), Likeness::Yes);
    assert_eq!(probe(ToClient, OK), Likeness::Yes);
    assert_eq!(probe(ToServer, b"OPTIONS sip:a"), Likeness::More);
    assert_eq!(probe(ToServer, b"OPTIONS * HTTP/1.1\r\n"), Likeness::No);
    assert_eq!(probe(ToServer, b"OPTIONS"), Likeness::More);
    assert_eq!(probe(ToServer, b"GET / HTTP/1.1\r\n"), Likeness::No);
}

fn exchange() -> Vec<Said> {
    vec![(ToServer, invite()), (ToClient, OK.to_vec()), (ToServer, [&b"\r\n"[..], &invite(), OK].concat())]
}

proptest! {
    #[test]
    fn cutting_a_stream_changes_nothing(said in spoilt(exchange()), lengths in vec(1usize..90, 1..20)) {
        prop_assert_eq!(run(Transport::Stream, &said), run(Transport::Stream, &cut(&said, &lengths)));
    }

    #[test]
    fn anything_may_come(steps in steps(exchange().into_iter().map(|(_, bytes)| bytes).collect())) {
        for transport in [Transport::Stream, Transport::Datagram] {
            stumble(&mut SipParser::new(transport), &steps);
        }
    }
}
