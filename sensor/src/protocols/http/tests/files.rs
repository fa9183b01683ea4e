//! Files, and bytes that stand where no message does.

use super::*;
use crate::packet::Direction::{ToClient, ToServer};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

fn get(response: &[u8]) -> Told {
    run(&[(ToServer, b"GET /d/name.bin?q HTTP/1.1\r\nHost: a\r\n\r\n"), (ToClient, response)]).0
}

#[test]
fn a_download_is_a_file_named_by_its_message_or_its_path() {
    get(b"HTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename=\"a b.exe\"\r\nContent-Length: 2\r\n\r\nMZ")
        .expect(&["0 ToClient file.name a b.exe", "0 ToClient file.data MZ", "0 ToClient file a b.exe Closed 2"]);
    get(b"HTTP/1.1 206 OK\r\nContent-Range: bytes 5-6/9\r\nContent-Length: 2\r\n\r\nMZ")
        .expect(&["0 ToClient file.name /d/name.bin", "0 ToClient file /d/name.bin Closed 2 of 5-6"]);
}

#[test]
fn a_file_that_ends_early_is_truncated() {
    get(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nMZ").expect(&["0 ToClient file /d/name.bin Truncated 2"]);
    get(b"HTTP/1.1 200 OK\r\n\r\nMZ").expect(&["0 ToClient file /d/name.bin Closed 2"]);
}

#[test]
fn missing_bytes_count_to_the_size() {
    let mut parser = HttpParser::new(HttpConfig::default());
    let mut told = Told::default();
    parser.data(ToServer, b"GET /n HTTP/1.1\r\nHost: a\r\n\r\nGET /m HTTP/1.1\r\nHost: a\r\n\r\n", &mut told);
    parser.data(ToClient, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab", &mut told);
    parser.gap(ToClient, 8, &mut told);
    parser.data(ToClient, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab", &mut told);
    parser.gap(ToClient, 20, &mut told);
    parser.end(ToServer, &mut told);
    parser.end(ToClient, &mut told);
    told.expect(&["0 ToClient file /n Truncated 10 gaps", "1 ToClient file /m Truncated 10 gaps"]);
}

#[test]
fn uploads_are_files() {
    let put = b"PUT /up.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    run(&[(ToServer, put)]).0.expect(&["0 ToServer file.data abc", "0 ToServer file /up.txt Closed 3"]);
    let form = "--B\r\nContent-Disposition: form-data; name=x\r\n\r\nno\r\n--B\r\nContent-Disposition: form-data; filename=\"1.txt\"\r\n\r\n\
        one\r\n--B\r\nContent-Disposition: x; filename=2\r\n\r\ntwo\r\n--B--";
    let head = "POST /p HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=B";
    let form = format!("{head}\r\nContent-Length: {}\r\n\r\n{form}", form.len());
    let (told, _) = run(&[(ToServer, form.as_bytes())]);
    told.expect(&[
        "0 ToServer file.name 1.txt",
        "0 ToServer file.name 2",
        "0 ToServer file.data one",
        "0 ToServer file.data two",
        "0 ToServer file 1.txt Closed 3",
        "0 ToServer file 2 Closed 3",
    ]);
    let get = b"GET /g HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    assert!(!run(&[(ToServer, get)]).0.lines.iter().any(|l| l.contains("file")));
}

#[test]
fn what_comes_at_once_behind_a_message_is_of_its_body() {
    let told =
        get(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab\r\ncd\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    told.expect(&[
        r"0 ToClient http.response_body ab\r\ncd\r\n",
        "0 ToClient event response_body_unexpected",
        "1 ToClient http.stat_code 200",
    ]);
    let (told, _) =
        run(&[(ToServer, b"POST / HTTP/1.1\r\nHost: a\r\n\r\nx=y\r\n\r\n GET / HTTP/1.1\r\nHost: b\r\n\r\n")]);
    told.expect(&[
        r"0 ToServer http.request_body x=y\r\n\r\n",
        "0 ToServer event request_body_unexpected",
        "1 ToServer http.host b",
    ]);
}

#[test]
fn lines_before_a_status_line() {
    for junk in ["foobar\r\n", " \t\r\r\n", "SIP/2.0 200 ok\r\n", " SIP/2.0 200 ok\n"] {
        let told = get([junk, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n"]
            .concat()
            .as_bytes());
        told.expect(&["0 ToClient http.response_body ab", "0 ToClient http.stat_code 200"]);
    }
    get(b"foobar\r\nmore\r\nHTTP").expect(&[r"0 ToClient http.response_body foobar\r\nmore\r\nHTTP"]);
}

#[test]
fn odd_ends_of_lines_in_responses() {
    let body = "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n";
    for start in
        ["HTTP/1.1\r", "HTTP/1.1 200\r", "HTTP/1.1foobar\r", "HTTP/1.1 200 ok\n\r", "HTTP/1.1 200 ok\n\rX: y\n\r"]
    {
        get([start, body].concat().as_bytes()).expect(&["0 ToClient http.response_body ab"]);
    }
    let mut gzip = GzEncoder::new(b"HTTP/1.1 200 ok\r\nContent-Encoding: gzip\n \n\n".to_vec(), Compression::fast());
    gzip.write_all(b"plain").unwrap();
    get(&gzip.finish().unwrap()).expect(&["0 ToClient http.response_body plain"]);
}

#[test]
fn a_request_head_that_never_ends_has_fields_and_no_host() {
    let (told, _) = run(&[(ToServer, b"GET /x HTTP/1.1\r\nHost: h\r\nUser-Agent: u\r\n\x1d\n")]);
    told.expect(&["0 ToServer http.uri /x", "0 ToServer http.user_agent u"]);
    assert!(!told.lines.iter().any(|l| l.starts_with("0 ToServer http.host ")));
    let (lone, _) = run(&[(ToServer, b"GET /x HTTP/1.1\r\nUser-Agent: u\r\n\r\x0e")]);
    lone.expect(&["0 ToServer http.user_agent u"]);
    assert!(told.lines.iter().any(|l| l.contains(r#""http_user_agent":"u""#)));
}

#[test]
fn bytes_that_are_not_utf_8_are_escaped() {
    let (told, _) = run(&[(ToServer, b"GET /\xc3\xa9\xff HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n")]);
    assert!(told.lines.iter().any(|l| l.contains(r#""hostname":"é","url":"/\\xc3\\xa9\\xff""#)), "{:#?}", told.lines);
}
