use super::*;
use crate::error::RuleErrorKind as Kind;
use crate::syntax::Text;
use proptest::prelude::*;
use std::io::Write;

fn parsed(name: &str, value: &str) -> Transform {
    Transform::parse(name, Text::new(value.as_bytes(), 0)).unwrap().unwrap_or_else(|e| panic!("{name}:{value}: {e}"))
}

fn wrong(name: &str, value: &str) -> (Kind, String) {
    let error = Transform::parse(name, Text::new(value.as_bytes(), 0)).unwrap().expect_err(value);
    (error.kind, value[error.span.start as usize..error.span.end as usize].to_owned())
}

fn run(name: &str, value: &str, input: impl AsRef<[u8]>) -> Vec<u8> {
    let mut out = b"left over".to_vec();
    parsed(name, value).apply(input.as_ref(), &mut out, &mut inflate::Inflater::default());
    out
}

fn text(name: &str, value: &str, input: &str) -> String {
    String::from_utf8(run(name, value, input)).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn names_and_white_space() {
    assert_eq!(text("dotprefix", "", "hello.example.com"), ".hello.example.com");
    assert_eq!(text("dotprefix", "", ""), ".");
    assert_eq!(text("strip_whitespace", "", " a\tb\r\n\x0b\x0cc "), "abc");
    assert_eq!(text("compress_whitespace", "", "  a \t\r\n b\n"), " a b ");
    assert_eq!(run("strip_whitespace", "", b"\x85\xa0"), b"\x85\xa0");
    assert_eq!(text("to_lowercase", "", "AbZ[é"), "abz[é");
    assert_eq!(text("to_uppercase", "", "abz{é"), "ABZ{é");
}

#[test]
fn domains_by_the_public_suffix_list() {
    assert_eq!(text("domain", "", "www.Example.CO.uk"), "Example.CO.uk");
    assert_eq!(text("tld", "", "www.Example.CO.uk"), "CO.uk");
    assert_eq!(text("domain", "", "a.b.example.com"), "example.com");
    assert_eq!(text("tld", "", "a.b.example.com"), "com");
    assert_eq!(text("domain", "", "co.uk"), "");
    assert_eq!(text("tld", "", ""), "");
    assert_eq!(text("domain", "", "host.corp.unlisted"), "corp.unlisted");
    assert_eq!(run("tld", "", vec![b'a'; 300]), b"");
}

#[test]
fn digests() {
    assert_eq!(hex(&run("to_md5", "", "abc")), "900150983cd24fb0d6963f7d28e17f72");
    assert_eq!(hex(&run("to_sha1", "", "abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(hex(&run("to_sha256", "", "abc")), sha256);
}

#[test]
fn url_and_xor() {
    assert_eq!(text("url_decode", "", "a%20b+c%2b%2B%zz%4"), "a b c++%zz%4");
    assert_eq!(run("url_decode", "", "%00%ff%"), b"\x00\xff%");
    assert_eq!(run("xor", "0a0DC8ff", [0x0a, 0x0d, 0xc8, 0xff, 0x0b]), [0, 0, 0, 0, 1]);
    assert!(matches!(wrong("xor", "0g"), (Kind::BadHex { .. }, at) if at == "g"));
    assert!(matches!(wrong("xor", "0d0"), (Kind::OddHex, at) if at == "0d0"));
    assert!(matches!(wrong("xor", "").0, Kind::Invalid { .. }));
    assert!(matches!(wrong("xor", &"ab".repeat(129)).0, Kind::Invalid { .. }));
}

#[test]
fn header_names() {
    assert_eq!(text("header_lowercase", "", "Host: A:B\r\nX-Y: Z\r\n"), "host: A:B\r\nx-y: Z\r\n");
    assert_eq!(
        text("strip_pseudo_headers", "", ":method: GET\r\nhost: a\r\n:path: /\r\nx: :\r\n"),
        "host: a\r\nx: :\r\n"
    );
    assert_eq!(text("strip_pseudo_headers", "", "\r\n:status\r\nserver\r\n\r\n"), "\r\nserver\r\n\r\n");
}

#[test]
fn base64_in_its_three_manners() {
    let uri = "/?arg=dGhpc2lzYXRlc3QK";
    assert_eq!(text("from_base64", "offset 6", uri), "thisisatest\n");
    assert_eq!(text("from_base64", "bytes 6, offset 6", uri), "this");
    assert_eq!(text("from_base64", "mode strict,offset 6", uri), "thisisatest\n");
    assert_eq!(text("from_base64", "mode RFC2045", "Zm 9v\r\nYm*Fy"), "foobar");
    assert_eq!(text("from_base64", "mode rfc4648", "Zm9v Ym Fy"), "foo");
    assert_eq!(text("from_base64", "", "Zm9vYg=="), "foob");
    assert_eq!(text("from_base64", "", "Zm9vYmE"), "fooba");
    assert_eq!(text("from_base64", "", "Zm9vY"), "foo");
    // What cannot be decoded goes on as it was.
    assert_eq!(text("from_base64", "mode strict", "Zm9vYg="), "Zm9vYg=");
    assert_eq!(text("from_base64", "mode strict", "Zm 9v"), "Zm 9v");
    assert_eq!(text("from_base64", "", "%%%"), "%%%");
    assert_eq!(text("from_base64", "offset 9", "Zm9v"), "Zm9v");
}

#[test]
fn base64_values() {
    assert!(matches!(wrong("from_base64", "bytes 0").0, Kind::Invalid { .. }));
    assert!(matches!(wrong("from_base64", "offset 65536"), (Kind::OutOfRange { .. }, at) if at == "65536"));
    assert!(matches!(wrong("from_base64", "mode loose"), (Kind::Invalid { .. }, at) if at == "loose"));
    assert!(matches!(wrong("from_base64", "offset 1, offset 1"), (Kind::Invalid { .. }, at) if at == "offset 1"));
    assert!(matches!(wrong("from_base64", "relative").0, Kind::Invalid { .. }));
    assert!(matches!(wrong("from_base64", "bytes").0, Kind::Invalid { .. }));
}

#[test]
fn subslices() {
    let of = |value: &str| text("subslice", value, "This is Suricata");
    assert_eq!(of("1"), "his is Suricata");
    assert_eq!(of("0, 13"), "This is Suric");
    assert_eq!(of("10, -5"), "is Su");
    assert_eq!(of("-3"), "ata");
    assert_eq!(of("-4,2"), "ca");
    assert_eq!(of("8,100"), "");
    assert_eq!(of("8,100,truncate"), "Suricata");
    assert_eq!(of("2,-9,truncate"), "Th");
    assert_eq!(of("100"), "");
    assert_eq!(of("-100,truncate"), "This is Suricata");
    for value in ["", "x", "1,0", "1,2,3", "1,truncate,2", "1,cut"] {
        assert!(matches!(wrong("subslice", value).0, Kind::Invalid { .. }), "{value}");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::GzBuilder::new()
        .filename("name")
        .comment("words")
        .extra(b"abc".as_slice())
        .write(vec![], flate2::Compression::best());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::ZlibEncoder::new(vec![], flate2::Compression::best());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

#[test]
fn decompression_is_bounded_and_takes_what_it_can() {
    let words = b"This is compressed".repeat(1000);
    assert_eq!(run("gunzip", "", gzip(&words)), words[..1024]);
    assert_eq!(run("gunzip", "max-size 8", gzip(&words)), b"This is ");
    assert_eq!(run("zlib_deflate", "max-size 1mb", zlib(&words)), words);
    let cut = zlib(&words);
    let some = run("zlib_deflate", "max-size 1mb", &cut[..cut.len() / 2]);
    assert!(!some.is_empty() && words.starts_with(&some));
    assert_eq!(run("gunzip", "", "no gzip"), b"no gzip");
    assert_eq!(
        run("gunzip", "", [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0, 255, 255]),
        [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0, 255, 255]
    );
    let bomb = zlib(&vec![0; 64 << 20]);
    assert_eq!(run("zlib_deflate", "max-size 16MiB", &bomb).len(), MAX_INFLATED as usize);
    for value in ["max-size 0", "max-size", "8", "max-size 17MiB", "max-size x"] {
        assert!(matches!(wrong("gunzip", value).0, Kind::Invalid { .. } | Kind::OutOfRange { .. }), "{value}");
    }
}

#[test]
fn expressions_give_their_first_group() {
    let pattern = "[a-zA-Z]+\\s+(.*)\\s+HTTP";
    assert_eq!(text("pcrexform", pattern, "GET /dropper.php HTTP/1.1"), "/dropper.php");
    assert_eq!(text("pcrexform", pattern, "no request"), "no request");
    assert_eq!(text("pcrexform", "a(b)?c(d)", "acd"), "acd");
    // A search beyond its bound is as one that does not match.
    assert_eq!(run("pcrexform", "^(a+)+$", vec![b'a'; 60].into_iter().chain([b'!']).collect::<Vec<_>>()).len(), 61);
    assert!(matches!(wrong("pcrexform", "a(b"), (Kind::BadRegex { offset: 3, .. }, _)));
    assert!(matches!(wrong("pcrexform", "ab").0, Kind::Invalid { .. }));
    assert!(matches!(wrong("pcrexform", "").0, Kind::MissingValue { .. }));
    assert_eq!(parsed("pcrexform", pattern), parsed("pcrexform", pattern));
    assert_ne!(parsed("pcrexform", pattern), parsed("pcrexform", "(a)"));
}

#[test]
fn chains_run_in_order() {
    let chain = [parsed("from_base64", ""), parsed("zlib_deflate", ""), parsed("to_uppercase", "")];
    let mut workspace = Workspace::default();
    let encoded = "eJwLycgsVgCi4pKixLzk1JTElJSi0hIA";
    let plain = apply_all(&[], encoded.as_bytes(), &mut workspace);
    assert_eq!(plain, encoded.as_bytes());
    let words = base64_of(&zlib(b"two words"));
    assert_eq!(apply_all(&chain, words.as_bytes(), &mut workspace), b"TWO WORDS");
    assert_eq!(apply_all(&chain[..1], b"Zm9v", &mut workspace), b"foo");
}

fn base64_of(bytes: &[u8]) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |g, b| g << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let value = (group >> (18 - 6 * i)) & 63;
            out.push(if i <= chunk.len() { char::from(alphabet[value as usize]) } else { '=' });
        }
    }
    out
}

const NAMES: [(&str, &str); 21] = [
    ("dotprefix", ""),
    ("domain", ""),
    ("tld", ""),
    ("strip_whitespace", ""),
    ("compress_whitespace", ""),
    ("to_lowercase", ""),
    ("to_uppercase", ""),
    ("to_md5", ""),
    ("to_sha1", ""),
    ("to_sha256", ""),
    ("pcrexform", "a(.*)b"),
    ("url_decode", ""),
    ("xor", "0d0a"),
    ("header_lowercase", ""),
    ("strip_pseudo_headers", ""),
    ("from_base64", "bytes 7,offset 1,mode strict"),
    ("from_base64", "mode rfc2045"),
    ("subslice", "-3,2,truncate"),
    ("subslice", "3"),
    ("gunzip", ""),
    ("zlib_deflate", "max-size 9"),
];

#[test]
fn what_is_printed_parses_to_the_same() {
    for (name, value) in NAMES {
        let transform = parsed(name, value);
        let printed = transform.to_string();
        let (again, value) = printed.split_once(':').unwrap_or((&printed, ""));
        assert_eq!(again, name);
        assert_eq!(parsed(again, value.trim_matches('"')), transform, "{printed}");
    }
    assert!(Transform::parse("content", Text::new(b"", 0)).is_none());
}

proptest! {
    #[test]
    fn any_input_is_transformed_within_bounds(input in prop::collection::vec(any::<u8>(), 0..300), order in prop::collection::vec(0..NAMES.len(), 0..4)) {
        let chain: Vec<_> = order.iter().map(|&i| parsed(NAMES[i].0, NAMES[i].1)).collect();
        let mut workspace = Workspace::default();
        let len = apply_all(&chain, &input, &mut workspace).len();
        prop_assert!(len <= input.len().max(1024) + chain.len());
        // A workspace that has been used gives the same as a fresh one.
        let again = apply_all(&chain, &input, &mut workspace).to_vec();
        let mut fresh = Workspace::default();
        prop_assert_eq!(apply_all(&chain, &input, &mut fresh), again.as_slice());
    }

    #[test]
    fn what_was_encoded_is_decoded(bytes in prop::collection::vec(any::<u8>(), 1..200), fold in 1_usize..20) {
        let encoded = base64_of(&bytes);
        for mode in [Base64Mode::Rfc4648, Base64Mode::Rfc2045, Base64Mode::Strict] {
            let mut out = vec![];
            prop_assert_eq!(decode_base64(encoded.as_bytes(), mode, &mut out), bytes.len());
            prop_assert_eq!(&out, &bytes);
        }
        let folded: Vec<u8> = encoded.as_bytes().chunks(fold).flat_map(|c| [c, b"\r\n"].concat()).collect();
        let mut out = vec![];
        decode_base64(&folded, Base64Mode::Rfc2045, &mut out);
        prop_assert_eq!(out, bytes);
    }

    #[test]
    fn any_value_is_right_or_an_error(which in 0..NAMES.len(), value in "[a-z0-9 ,()-]{0,20}") {
        if let Some(Ok(transform)) = Transform::parse(NAMES[which].0, Text::new(value.as_bytes(), 0)) {
            prop_assert_eq!(transform.name(), NAMES[which].0);
        }
    }
}
