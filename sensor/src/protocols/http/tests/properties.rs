//! Cutting a conversation up changes nothing, and broken bytes break nothing.
//!
//! One thing does depend on how bytes come, and is left out: what follows a message at once and is no first line counts to its
//! body only if it came with the message's end.

use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::io::Write;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

fn line_end() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just("\r\n"), 1 => Just("\n")]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        "[a-z\r\n]{1,60}".prop_map(String::into_bytes),
        Just(
            b"--X\r\nContent-Disposition: form-data; name=\"a\"; filename=\"f.exe\"\r\n\r\nMZ\r\n-\r\n--X--\r\n"
                .to_vec()
        ),
        prop::collection::vec(any::<u8>(), 0..300),
    ]
}

/// A message with this first line: its fields, and a body by length, in chunks or both, packed or not.
fn message(first: impl Strategy<Value = &'static str>) -> impl Strategy<Value = Vec<u8>> {
    const FIELDS: &[&str] = &[
        "Host: Example.org:80",
        "User-Agent: a\n b",
        "Cookie: c=d",
        "Set-Cookie: e",
        "X-No-Colon",
        "Content-Type: multipart/form-data; boundary=X",
        "Content-Disposition: attachment; filename=\"x;y\"",
        " starts: with a blank",
        "User-Agent: again",
    ];
    let fields = prop::collection::vec(prop::sample::select(FIELDS), 0..6);
    (first, fields, body(), line_end(), 0..4_u8, any::<bool>()).prop_map(
        |(first, fields, body, end, framing, packed)| {
            let mut fields: Vec<String> = fields.into_iter().map(str::to_owned).collect();
            let body = if packed { gzip(&body) } else { body };
            if packed {
                fields.push("Content-Encoding: gzip".to_owned());
            }
            let chunked = framing & 1 != 0;
            if chunked {
                fields.push("Transfer-Encoding: chunked".to_owned());
            } else {
                fields.push(format!("Content-Length: {}", body.len()));
            }
            let mut bytes = first.as_bytes().to_vec();
            for field in &fields {
                bytes.extend_from_slice(end.as_bytes());
                bytes.extend_from_slice(field.as_bytes());
            }
            bytes.extend_from_slice([end, end].concat().as_bytes());
            if chunked {
                for chunk in body.chunks(37) {
                    bytes.extend_from_slice(format!("{:x};e{end}", chunk.len()).as_bytes());
                    bytes.extend_from_slice(chunk);
                    bytes.extend_from_slice(end.as_bytes());
                }
                bytes.extend_from_slice(format!("0{end}{end}").as_bytes());
            } else {
                bytes.extend_from_slice(&body);
            }
            bytes
        },
    )
}

fn requests() -> impl Strategy<Value = Vec<u8>> {
    const FIRST: &[&str] = &[
        "GET /a/../b%2fc?d=%20 HTTP/1.1",
        "POST http://User@Host:8/x HTTP/1.0",
        "PUT  /\tq HTTP/1.1",
        "HEAD / HTTP/1.1",
    ];
    prop::collection::vec(message(prop::sample::select(FIRST)), 1..4).prop_map(|m| m.concat())
}

fn responses() -> impl Strategy<Value = Vec<u8>> {
    const FIRST: &[&str] = &["HTTP/1.1 200 OK", "HTTP/1.0 404", "HTTP/1.1 304 Not Modified", "http/1.1 200"];
    prop::collection::vec(message(prop::sample::select(FIRST)), 1..4).prop_map(|m| m.concat())
}

/// What is told of both directions, cut at these places.
fn told(requests: &[u8], responses: &[u8], cuts: &[usize]) -> Vec<String> {
    let mut pieces = Vec::new();
    for (direction, bytes) in [(Direction::ToServer, requests), (Direction::ToClient, responses)] {
        let mut places: Vec<usize> = cuts.iter().map(|c| c % (bytes.len() + 1)).chain([0, bytes.len()]).collect();
        places.sort_unstable();
        pieces.extend(places.windows(2).map(|w| (direction, &bytes[w[0]..w[1]])).filter(|p| !p.1.is_empty()));
    }
    let (told, _) = run(&pieces);
    let mut lines = told.lines;
    lines.sort();
    lines
}

/// What was sent is bytes behind a body, which is left out here.
fn has_loose_bytes(lines: &[String]) -> bool {
    lines.iter().any(|l| l.contains("body_unexpected"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn cuts_change_nothing(q in requests(), s in responses(), cuts in prop::collection::vec(any::<usize>(), 0..40)) {
        let whole = told(&q, &s, &[]);
        prop_assume!(!has_loose_bytes(&whole));
        prop_assert_eq!(&whole, &told(&q, &s, &cuts));
        let every: Vec<usize> = (0..q.len().max(s.len())).collect();
        prop_assert_eq!(&whole, &told(&q, &s, &every));
    }

    #[test]
    fn broken_bytes_break_nothing(
        q in requests(),
        s in responses(),
        changes in prop::collection::vec((any::<usize>(), any::<u8>()), 0..20),
        cuts in prop::collection::vec(any::<usize>(), 0..20),
        gap in any::<(bool, u16)>(),
    ) {
        let (mut q, mut s) = (q, s);
        for (at, byte) in changes {
            let bytes = if at & 1 == 0 { &mut q } else { &mut s };
            let len = bytes.len();
            bytes[at % len] = byte;
        }
        told(&q, &s, &cuts);
        // With bytes missing in the middle.
        let mut parser = HttpParser::new(HttpConfig::default());
        let mut told = Told::default();
        let at = |len: usize| usize::from(gap.1) % (len + 1);
        let direction = if gap.0 { Direction::ToServer } else { Direction::ToClient };
        parser.data(Direction::ToServer, &q[..at(q.len())], &mut told);
        parser.gap(direction, u64::from(gap.1), &mut told);
        parser.data(Direction::ToClient, &s[..at(s.len())], &mut told);
        parser.gap(direction, u64::from(gap.1), &mut told);
        parser.data(Direction::ToServer, &q[at(q.len())..], &mut told);
        parser.data(Direction::ToClient, &s, &mut told);
        prop_assert!(parser.pending() <= HttpConfig::default().max_transactions);
        parser.end(Direction::ToClient, &mut told);
        parser.end(Direction::ToServer, &mut told);
        prop_assert_eq!(parser.pending(), 0);
    }

    #[test]
    fn any_bytes_are_taken(q in prop::collection::vec(any::<u8>(), 0..400), s in prop::collection::vec(any::<u8>(), 0..400)) {
        told(&q, &s, &[3, 50]);
    }
}
