//! Conversations, and what is to come of them.

use super::*;
use crate::packet::Direction::{ToClient, ToServer};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use std::io::Write;

fn response(bytes: &[u8]) -> Told {
    run(&[(ToServer, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), (ToClient, bytes)]).0
}

fn request(bytes: &[u8]) -> Told {
    run(&[(ToServer, bytes), (ToClient, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")]).0
}

#[test]
fn a_request_and_its_response() {
    let (told, status) = run(&[
        (
            ToServer,
            b"GET /a/../b%41?q=%20x HTTP/1.1\r\nHost: Www.Example.com:8080\r\nUser-Agent: tester \r\nAccept: */*\r\nCookie: a=b\r\nReferer: r\r\n\r\n",
        ),
        (
            ToClient,
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=x\r\nContent-Length: 5\r\nServer: s\r\nSet-Cookie: c\r\nSet-Cookie: d\r\n\r\nhello",
        ),
    ]);
    assert_eq!(status, Status::More);
    told.expect(&[
        "0 ToServer http.method GET",
        "0 ToServer http.uri /bA?q= x",
        "0 ToServer http.uri.raw /a/../b%41?q=%20x",
        "0 ToServer http.host www.example.com",
        "0 ToServer http.host.raw Www.Example.com:8080",
        "0 ToServer http.protocol HTTP/1.1",
        "0 ToServer http.request_line GET /a/../b%41?q=%20x HTTP/1.1",
        r"0 ToServer http.header Host: Www.Example.com:8080\r\nUser-Agent: tester\r\nAccept: */*\r\nReferer: r\r\n",
        r"0 ToServer http.header_names \r\nHost\r\nUser-Agent\r\nAccept\r\nCookie\r\nReferer\r\n\r\n",
        "0 ToServer http.cookie a=b",
        "0 ToServer http.user_agent tester",
        "0 ToServer http.request_header User-Agent: tester",
        "0 ToClient http.stat_code 200",
        "0 ToClient http.stat_msg OK",
        "0 ToClient http.response_line HTTP/1.1 200 OK",
        "0 ToClient http.cookie c, d",
        "0 ToClient http.content_len 5",
        "0 ToClient http.response_body hello",
        "0 ToClient file.data hello",
        r#"0 http {"hostname":"www.example.com","http_port":8080,"url":"/a/../b%41?q=%20x","http_user_agent":"tester","http_content_type":"text/html","http_refer":"r","http_method":"GET","protocol":"HTTP/1.1","status":200,"length":5}"#,
    ]);
}

#[test]
fn chunks() {
    let told = response(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0002;x=y\r\nde\r\n0\r\nT: v\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    );
    told.expect(&[
        "0 ToClient http.response_body abcde",
        "0 ToClient event response_chunk_extension",
        "0 ToClient http.response_header T: v",
        "1 ToClient event unable_to_match_response_to_request",
    ]);
}

#[test]
fn codings() {
    let text = b"hello hello hello hello".repeat(100);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&text).expect("memory takes all");
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(&text).expect("memory takes all");
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::default());
    deflate.write_all(&text).expect("memory takes all");
    let packed = [
        ("gzip", gzip.finish().expect("memory takes all")),
        ("deflate", zlib.finish().expect("memory takes all")),
        ("deflate", deflate.finish().expect("memory takes all")),
    ];
    for (name, body) in &packed {
        for called in ["gzip", "deflate", name] {
            let mut message = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {called}\r\n\r\n").into_bytes();
            message.extend_from_slice(body);
            let told = response(&message);
            told.expect(&[
                &format!("0 ToClient file.data {}", text.escape_ascii()),
                &format!("0 ToClient file / Closed {}", text.len()),
            ]);
        }
    }
}

#[test]
fn brotli_is_undone_and_its_bombs_are_cut() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n";
    // Forty times the same words.
    let packed = b"\x1b\xc7\x05\x00\x04\x1c\x72\xa4\x27\x68\x99\xb5\x85\x41\xb0\x01\x07\x0e\xe1\x66\x03\xb5\xb8\x0c\
        \x1b\x63\x5f\x7e\xad\xf8\x61\x6b\x7e\xc3\xfc\xa1\xbb\x1f\x0c\x16\x26\x04\x99\xcd\x9f\xab\x20";
    let text = b"<p>the same words again and again</p>".repeat(40);
    response(&[&head[..], packed].concat()).expect(&[&format!("0 ToClient file.data {}", text.escape_ascii())]);
    // Four MiB of zeros.
    let bomb = b"\x9b\xff\xff\x3f\x00\x24\x00\xe2\xb1\x40\x72\xef\x7f\x00";
    response(&[&head[..], bomb].concat()).expect(&["0 ToClient event compression_bomb"]);
    // What is no Brotli is shown as it is.
    let told = response(&[&head[..], b"\xff\xff\xff plain".as_slice()].concat());
    told.expect(&["0 ToClient event gzip_decompression_failed"]);
}

fn lzma(bytes: &[u8]) -> Vec<u8> {
    let options = liblzma::stream::LzmaOptions::new_preset(6).expect("a preset");
    let stream = liblzma::stream::Stream::new_lzma_encoder(&options).expect("an encoder");
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

/// A response in LZMA, in pieces of this length.
fn lzma_response(body: &[u8], piece: usize, undone: bool) -> Told {
    let mut parser = HttpParser::new(HttpConfig::default());
    let mut told = Told { lzma: undone, ..Told::default() };
    parser.data(ToServer, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &mut told);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: lzma\r\nContent-Length: {}\r\n\r\n", body.len());
    parser.data(ToClient, head.as_bytes(), &mut told);
    for bytes in body.chunks(piece) {
        parser.data(ToClient, bytes, &mut told);
    }
    parser.end(ToServer, &mut told);
    parser.end(ToClient, &mut told);
    told
}

#[test]
fn lzma_is_undone_where_it_is_asked_for() {
    let text = b"a staged implant ".repeat(40);
    let body = lzma(&text);
    for piece in 1..body.len() + 1 {
        let told = lzma_response(&body, piece, true);
        told.expect(&[&format!("0 ToClient file.data {}", text.escape_ascii()), "0 ToClient file / Closed 680"]);
        assert!(!told.lines.iter().any(|line| line.contains(" event ")), "{piece}");
    }
    let told = lzma_response(&body, 1000, false);
    told.expect(&[&format!("0 ToClient file.data {}", body.escape_ascii()), "0 ToClient event abnormal_ce_header"]);
}

#[test]
fn lzma_is_bounded() {
    let bomb = lzma(&vec![0; 8 << 20]);
    lzma_response(&bomb, 1000, true).expect(&["0 ToClient event compression_bomb"]);
    lzma_response(b"\xff no LZMA at all", 1000, true).expect(&["0 ToClient event gzip_decompression_failed"]);
    // The same again, further back than may be looked: what is before is shown.
    let mut state = 1u32;
    let mut noise = Vec::new();
    noise.resize_with(1_200_000, || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    let told = lzma_response(&lzma(&noise.repeat(2)), 1400, true);
    let shown = noise.get(..100 * 1024).unwrap_or_default().escape_ascii();
    told.expect(&["0 ToClient event lzma_memlimit_reached", &format!("0 ToClient file.data {shown}")]);
}

#[test]
fn brotli_on_brotli_is_undone_once() {
    let (told, _) = run(&[(ToClient, b"HTTP/1.1 200 OK\r\nContent-Encoding: br, br\r\n\r\nx")]);
    told.expect(&["0 ToClient event too_many_encoding_layers"]);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let (told, _) = run(&[
        (ToServer, b"GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcHEAD /3 HTTP/1.1\r\n\r\n"),
        (
            ToClient,
            b"HTTP/1.1 204 No\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
        ),
    ]);
    told.expect(&[
        "0 ToServer http.uri /1",
        "0 ToClient http.stat_code 204",
        "1 ToServer http.request_body abc",
        "1 ToClient http.response_body x",
        "2 ToServer http.method HEAD",
        "2 ToClient http.content_len 9",
    ]);
    assert!(!told.lines.iter().any(|l| l.starts_with('3')), "{:?}", told.lines);
}

#[test]
fn heads_that_are_cut_short_count() {
    let told = response(b"HTTP/1.1 200 OK\r\nServer: x\r\nFoo: b");
    told.expect(&["0 ToClient http.server x", "0 ToClient http.response_header Foo: b"]);
    let told = request(b"GET / HTTP/1.0\r\nHost: a\r\nFoo: b\r\nBar: c");
    told.expect(&["0 ToServer http.request_header Foo: b"]);
    assert!(
        !told.lines.iter().any(|l| l.contains("http.request_header Bar") || l.starts_with("0 ToServer http.host "))
    );
}

#[test]
fn folds_and_repetitions() {
    let told = request(b"GET / HTTP/1.0\r\nA: b\r\n  c\r\nB: 1\r\nb: 2\r\nC\r\nHost: x\n\n");
    told.expect(&[
        "0 ToServer http.request_header A: b  c",
        "0 ToServer http.request_header B: 1, 2",
        "0 ToServer http.request_header : C",
        "0 ToServer event request_field_missing_colon",
        "0 ToServer event request_header_repetition",
        "0 ToServer http.host x",
    ]);
}

#[test]
fn connect_and_upgrades_lead_elsewhere() {
    let (_, status) = run(&[(ToServer, b"CONNECT a:443 HTTP/1.1\r\n\r\n"), (ToClient, b"HTTP/1.1 200 OK\r\n\r\n")]);
    assert_eq!(status, Status::Changed(None));
    let (told, status) = run(&[
        (ToServer, b"CONNECT a:443 HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
        (ToClient, b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"),
    ]);
    assert_eq!(status, Status::More);
    told.expect(&["0 ToServer http.host a", "1 ToServer http.method GET"]);
    let (_, status) = run(&[
        (ToServer, b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"),
        (ToClient, b"HTTP/1.1 101 Go\r\nUpgrade: WebSocket\r\n\r\n"),
    ]);
    assert_eq!(status, Status::Changed(Some(Protocol::Websocket)));
}

#[test]
fn http_0_9() {
    let (told, _) = run(&[(ToServer, b"GET /x\r\n"), (ToClient, b"<html>"), (ToClient, b"</html>")]);
    told.expect(&["0 ToServer http.uri /x", "0 ToClient http.response_body <html></html>"]);
}

#[test]
fn behind_a_gap_the_next_message_is_found() {
    let mut parser = HttpParser::new(HttpConfig::default());
    let mut told = Told::default();
    parser.data(ToServer, b"GET /1 HTTP/1.1\r\nHo", &mut told);
    parser.gap(ToServer, 100, &mut told);
    parser.data(ToServer, b"rest: x\r\n\r\nGET /2 HTTP/1.1\r\n\r\n", &mut told);
    parser.data(ToClient, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", &mut told);
    parser.gap(ToClient, 5, &mut told);
    parser.data(ToClient, b"ijHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", &mut told);
    assert_eq!(parser.pending(), 0);
    told.expect(&["1 ToServer http.uri /2", "0 ToClient http.response_body abcij", "1 ToClient http.stat_code 404"]);
}

/// How far this much pipelined, and never answered, is followed: the lines that tell of events, what the parser says at last, and how
/// many transactions wait.
fn pipelined(request: &[u8], count: usize) -> (Vec<String>, Status, usize) {
    let mut parser = HttpParser::new(HttpConfig::default());
    let mut told = Told::default();
    let mut status = Status::More;
    for _ in 0..count {
        status = parser.data(ToServer, request, &mut told);
    }
    let waiting = parser.pending();
    parser.end(ToServer, &mut told);
    parser.end(ToClient, &mut told);
    (told.lines.into_iter().filter(|line| line.contains(" event ")).collect(), status, waiting)
}

#[test]
fn bodies_that_nobody_answers_are_not_kept_beyond_the_limit() {
    let body = [b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 102400\r\n\r\n", &vec![b'x'; 102_400][..]].concat();
    let (events, status, waiting) = pipelined(&body, 100);
    assert_eq!(
        (&events[..], status, waiting),
        (&["40 ToClient event too_many_transactions".to_owned()][..], Status::More, 100)
    );
    let few = pipelined(&body, 20);
    assert_eq!(few, (vec![], Status::More, 20));
}

#[test]
fn heads_that_nobody_answers_are_given_up_at_the_limit() {
    let fields: String = (0..60).map(|n| format!("Field-{n}: {}\r\n", "y".repeat(1000))).collect();
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let (events, status, _) = pipelined(head.as_bytes(), 100);
    assert_eq!((events.len(), status), (1, Status::GaveUp));
    assert!(events[0].ends_with("ToClient event too_many_transactions"), "{events:?}");
    let (events, status, _) = pipelined(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 600);
    assert_eq!((events.len(), status), (1, Status::GaveUp), "so many transactions");
}

#[test]
fn authorization_of_a_kind_that_is_not_known() {
    let told = |value: &str| request(format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: {value}\r\n\r\n").as_bytes());
    told("Secret abc").expect(&["0 ToServer event request_auth_unrecognized"]);
    for known in ["Basic YTpi", "digest a=b", "Bearer  x"] {
        assert!(!told(known).has("0 ToServer event request_auth_unrecognized"), "{known}");
    }
}
