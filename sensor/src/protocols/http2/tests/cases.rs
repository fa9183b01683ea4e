use super::super::{STREAM_LIMIT, probe};
use super::*;
use crate::protocols::file::FileState;
use crate::protocols::registry::Likeness;
use serde_json::json;

fn conversation_log() -> Log {
    let [client, server] = conversation();
    read(&[(ToServer, client), (ToClient, server)])
}

#[test]
fn a_stream_is_a_transaction_with_the_buffers_of_http() {
    let log = conversation_log();
    assert_eq!(log.events, [""; 0]);
    for (buffer, expected) in [
        (Buffer::HttpMethod, "POST"),
        (Buffer::HttpUri, "/up?x=%41"),
        (Buffer::HttpHost, "example.org"),
        (Buffer::HttpHostRaw, "Example.org:8443"),
        (Buffer::HttpCookie, "a=1, b=2"),
        (Buffer::HttpUserAgent, "Test/1"),
        (Buffer::HttpRequestBody, "body text"),
        (Buffer::HttpResponseBody, "<html>answer</html>"),
        (Buffer::HttpStatCode, "200"),
    ] {
        assert_eq!(log.all(buffer), [expected], "{}", buffer.name());
    }
    assert_eq!(log.all(Buffer::FileData), ["body text", "<html>answer</html>"]);
    let names = &log.all(Buffer::HttpHeaderNames);
    assert_eq!(names[1], "\r\n:status\r\ncontent-encoding\r\ncontent-type\r\n\r\n");
    assert_eq!(log.all(Buffer::Http2HeaderName)[..2], [":method", ":path"]);
    assert!(log.all(Buffer::HttpRequestHeader).contains(&"cookie: b=2".to_owned()));
    assert_eq!(log.all(Buffer::Http2Errorcode), ["11"]);
    assert_eq!(log.all(Buffer::Http2Window), ["1000"]);
    assert_eq!(log.all(Buffer::Http2Frametype).len(), 10);
}

#[test]
fn files_and_records() {
    let log = conversation_log();
    let files: Vec<_> = log.files.iter().map(|f| (&*f.name, f.size, f.state)).collect();
    assert_eq!(files, [(&b"/up"[..], 9, FileState::Closed), (b"/up", 19, FileState::Closed)]);
    let last = &log.records.last().unwrap().1["record"];
    assert_eq!(last["version"], "2");
    assert_eq!(last["request_headers"][0], json!({"name": ":method", "value": "POST"}));
    assert_eq!(last["response_headers"][3], json!({"name": "trailer", "value": "yes"}));
    assert_eq!((&last["url"], &last["status"], &last["length"]), (&json!("/up?x=%41"), &json!(200), &json!(9)));
    assert_eq!(last["http_content_type"], "text/html");
    assert_eq!(last["http2"], json!({"stream_id": 1}));
    let settings = json!({"stream_id": 0, "request": {"settings": [
        {"settings_id": "SETTINGSENABLEPUSH", "settings_value": 0},
        {"settings_id": "SETTINGSINITIALWINDOWSIZE", "settings_value": 65535},
    ]}});
    assert_eq!(log.records[0].1["record"]["http2"], settings);
    let errors: Vec<_> = log.records.iter().map(|(_, r)| &r["record"]["http2"]["request"]["error_code"]).collect();
    assert!(errors.contains(&&json!("ENHANCEYOURCALM")));
}

#[test]
fn parts_of_forms_are_files() {
    let body = b"--X\r\nContent-Disposition: form-data; name=a\r\n\r\nvalue\r\n--X\r\nContent-Disposition: form-data; \
        filename=one.exe\r\n\r\nMZ one\r\n--X\r\nContent-Disposition: form-data; filename=two.txt\r\n\r\ntwo\r\n--X--\r\n";
    let fields = [(":method", "POST"), (":path", "/up"), ("content-type", "multipart/form-data; boundary=X")];
    let (first, second) = body.split_at(120);
    let client = [
        MAGIC.to_vec(),
        headers(1, 0, &fields),
        frame(0, 0, 1, first),
        frame(0, END_STREAM, 1, second),
        headers(3, 0, &fields),
        frame(0, 0, 3, &body[..body.len() - 72]),
    ];
    let log = read(&[(ToServer, client.concat())]);
    let files: Vec<_> = log.files.iter().map(|f| (&*f.name, f.size, f.state)).collect();
    let whole = [(&b"one.exe"[..], 6, FileState::Closed), (b"two.txt", 3, FileState::Closed)];
    assert_eq!(files, [whole[0], whole[1], (b"one.exe", 5, FileState::Truncated)]);
    assert!(log.all(Buffer::FileData).contains(&"MZ one".to_owned()));
    assert!(log.all(Buffer::FileName).contains(&"two.txt".to_owned()));
    assert!(log.all(Buffer::HttpRequestBody).iter().any(|all| all.starts_with("--X") && all.contains("value")));
}

#[test]
fn frames_are_shown() {
    let log = conversation_log();
    let update = frame(8, 0, 0, &1000u32.to_be_bytes());
    for shown in [("hdr", &update[..9]), ("data", &update[9..]), ("pdu", &update[..])] {
        assert!(log.frames.iter().any(|(name, bytes)| (*name, &bytes[..]) == shown), "{}", shown.0);
    }
}

/// A question for `example.org`.
const QUESTION: &[u8] = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x07example\x03org\0\0\x01\0\x01";

#[test]
fn dns_inside() {
    let mut answer = QUESTION.to_vec();
    answer[2..8].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1]);
    answer.extend(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01");
    let get = [
        (":method", "GET"),
        (":path", "/dns-query?dns=AAABAAABAAAAAAAAB2V4YW1wbGUDb3JnAAABAAE"),
        ("accept", "application/dns-message"),
    ];
    let post = [(":method", "POST"), (":path", "/dns-query"), ("content-type", "application/dns-message")];
    let client =
        [MAGIC.to_vec(), headers(1, END_STREAM, &get), headers(3, 0, &post), frame(0, END_STREAM, 3, QUESTION)];
    let response = [(":status", "200"), ("content-type", "application/dns-message")];
    let server = [headers(1, 0, &response), frame(0, END_STREAM, 1, &answer), headers(3, 0, &response)];
    let log = read(&[(ToServer, client.concat()), (ToClient, server.concat())]);
    assert_eq!(log.protocol, Some(Protocol::Doh2));
    assert_eq!(log.all(Buffer::DnsQuery), ["example.org"; 2]);
    assert_eq!(log.all(Buffer::DnsAnswersRrname), ["example.org"]);
    let kinds: Vec<_> = log.records.iter().map(|(kind, record)| (*kind, record["record"]["type"].as_str())).collect();
    assert_eq!(kinds, [("dns", Some("response")), ("dns", Some("request"))]);
    assert_eq!(log.records[0].1["http"]["http_method"], "GET");
    assert_eq!(log.records[0].1["record"]["answers"][0]["rdata"], "192.0.2.1");
}

#[test]
fn an_upgrade_brings_the_first_request() {
    let mut request = super::super::Headers::default();
    request.push(b":method", b"GET");
    request.push(b":path", b"/first");
    let (mut log, mut parser) = (Log::default(), Http2Parser::new());
    let upgrade = Upgrade { headers: request, settings: b"AAMAAABkAAQAAP__".to_vec() };
    parser.take_over(Box::new(upgrade), &mut log);
    parser.data(ToServer, MAGIC, &mut log);
    parser.data(ToClient, &headers(1, END_STREAM, &[(":status", "204")]), &mut log);
    assert_eq!(log.events, [""; 0]);
    assert_eq!(log.all(Buffer::HttpUri), ["/first"]);
    assert_eq!(log.all(Buffer::HttpStatCode), ["204"]);
    let settings = &log.records[0].1["record"]["http2"]["request"]["settings"];
    assert_eq!(settings[0], json!({"settings_id": "SETTINGSMAXCONCURRENTSTREAMS", "settings_value": 100}));
    let upgrade = Upgrade { headers: super::super::Headers::default(), settings: b"AAM*".to_vec() };
    Http2Parser::new().take_over(Box::new(upgrade), &mut log);
    assert_eq!(log.events, ["invalid_http1_settings"]);
}

#[test]
fn what_is_odd_is_told() {
    let get = [(":method", "GET"), (":path", "/")];
    let ok = [(":status", "200")];
    let start = || [MAGIC.to_vec(), headers(1, END_STREAM, &get)].concat();
    type Said = Vec<(Direction, Vec<u8>)>;
    let cases: [(&str, Said); 10] = [
        ("invalid_client_magic", vec![(ToServer, b"PRI * HTTP/3.0".to_vec())]),
        ("invalid_frame_header", vec![(ToServer, [MAGIC, &frame(99, 0, 0, b"?")].concat())]),
        ("invalid_frame_length", vec![(ToServer, [MAGIC, &frame(6, 0, 0, b"short")].concat())]),
        ("invalid_frame_data", vec![(ToServer, [MAGIC, &frame(0, 8, 1, &[200, 1])].concat())]),
        ("invalid_header", vec![(ToServer, [MAGIC, &frame(1, 5, 1, &[0xbf])].concat())]),
        ("header_integer_overflow", vec![(ToServer, [MAGIC, &frame(1, 5, 1, &[0xff; 12])].concat())]),
        (
            "stream_id_reuse",
            vec![
                (ToServer, start()),
                (ToClient, headers(1, END_STREAM, &ok)),
                (ToServer, headers(1, END_STREAM, &get)),
            ],
        ),
        ("userinfo_in_uri", vec![(ToServer, [MAGIC, &headers(1, 1, &[(":authority", "u@h")])].concat())]),
        (
            "authority_host_mismatch",
            vec![(ToServer, [MAGIC, &headers(1, 1, &[(":authority", "a"), ("host", "b")])].concat())],
        ),
        (
            "invalid_range",
            vec![(ToServer, start()), (ToClient, headers(1, 0, &[(":status", "206"), ("content-range", "x")]))],
        ),
    ];
    for (event, steps) in cases {
        assert_eq!(read(&steps).events, [event]);
    }
    let failed = [(":status", "200"), ("content-encoding", "gzip")];
    let broken = [headers(1, 0, &failed), frame(0, END_STREAM, 1, &[b'x'; 40_000])].concat();
    assert!(read(&[(ToServer, start()), (ToClient, broken)]).events.contains(&"failed_decompression"));
}

#[test]
fn few_bodies_at_a_time_look_far_back() {
    let mut client = MAGIC.to_vec();
    let mut server = vec![];
    for stream in [1, 3, 5] {
        client.extend(headers(stream, END_STREAM, &[(":method", "GET"), (":path", "/")]));
        server.extend(headers(stream, 0, &[(":status", "200"), ("content-encoding", "br")]));
    }
    let data: Vec<u8> = [1, 3, 5].into_iter().flat_map(|stream| frame(0, 0, stream, b"\x0f")).collect();
    let log = read(&[(ToServer, client), (ToClient, [server, data].concat())]);
    assert_eq!(log.events, ["failed_decompression"], "of the third");
}

#[test]
fn streams_that_never_end_are_bounded() {
    let mut bytes = MAGIC.to_vec();
    for n in 0..=STREAM_LIMIT as u32 {
        bytes.extend(headers(1 + 2 * n, 0, &[(":method", "GET"), (":path", "/")]));
    }
    let (mut log, mut parser) = (Log::default(), Http2Parser::new());
    parser.data(ToServer, &bytes, &mut log);
    assert_eq!(log.events, ["too_many_streams"]);
    assert_eq!(log.complete, [(0, ToServer), (0, ToClient)]);
    let block: Vec<u8> = frame(1, 0, 7001, &[0x82; 60_000]);
    parser.data(ToServer, &[block, frame(9, 4, 7001, &[0x82; 10_000])].concat(), &mut log);
    assert_eq!(log.events[1], "reassembly_limit_reached");
}

#[test]
fn a_gap_in_a_body_loses_only_it() {
    let get = [MAGIC.to_vec(), headers(1, END_STREAM, &[(":method", "GET"), (":path", "/f")])].concat();
    let data = frame(0, 0, 1, b"0123456789");
    let first = [headers(1, 0, &[(":status", "200")]), data[..12].to_vec()].concat();
    let (mut log, mut parser) = (Log::default(), Http2Parser::new());
    parser.data(ToServer, &get, &mut log);
    parser.data(ToClient, &first, &mut log);
    assert_eq!(parser.gap(ToClient, 4, &mut log), Status::More);
    parser.data(ToClient, &[&data[16..], &frame(0, END_STREAM, 1, b"")].concat(), &mut log);
    let file = &log.files[0];
    assert_eq!((file.size, file.gaps, file.state), (10, true, FileState::Truncated));
    assert_eq!(parser.gap(ToClient, 4, &mut log), Status::GaveUp);
}

#[test]
fn how_it_begins() {
    assert_eq!(probe(ToServer, MAGIC), Likeness::Yes);
    assert_eq!(probe(ToServer, &MAGIC[..5]), Likeness::More);
    assert_eq!(probe(ToServer, b"PRINT / HTTP/1.1"), Likeness::No);
    assert_eq!(probe(ToClient, &frame(4, 0, 0, &setting(1, 2))), Likeness::Yes);
    assert_eq!(probe(ToClient, &[0, 0]), Likeness::More);
    assert_eq!(probe(ToClient, b"HTTP/1.1 200"), Likeness::No);
    assert_eq!(probe(ToClient, &frame(4, 0, 3, &setting(1, 2))), Likeness::No);
}
