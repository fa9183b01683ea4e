//! Text that is no rule, nearly a rule, or a rule cut and spoiled: always an answer, never a panic, and every place that is
//! told lies in the text.

use proptest::prelude::*;
use sekisho_signatures::classification::Classifications;
use sekisho_signatures::lint::Kind;
use sekisho_signatures::load::{Loaded, load_text, load_text_linted};
use sekisho_signatures::variables::Variables;
use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Rules that between them use every family of keywords.
const RULES: &[&str] = &[
    "alert tcp $HOME_NET any -> [$EXTERNAL_NET,!203.0.113.0/24] ![80,443,1000:2000] (msg:\"a \\\"b\\\"\"; flow:established,to_server; \
     content:\"GET |20 2f|\"; nocase; offset:0; depth:16; fast_pattern:0,1; content:!\"x\\;y\"; distance:-3; within:20; \
     pcre:\"/^a(b|c)+[^\\x22]{2,9}$/Rsmi\"; classtype:trojan-activity; reference:url,example.org/a; sid:1; rev:2;)",
    "drop udp any 53 <> 2001:db8::/32 1024: (byte_extract:2,0,len,relative,little; byte_math:bytes 2, offset 4, oper <<, rvalue len, \
     result sum, endian big; byte_test:4,!=,sum,-4,relative,bitmask 0xff0; byte_jump:len,4,relative,multiplier 2,align,post_offset -1; \
     isdataat:!10,relative; bsize:4<>400; sid:2;)",
    "reject ip any any -> any any (ttl:<5; tos:!0; id:7; ip_proto:!tcp; ipopts:lsrr; fragbits:+MD; fragoffset:>0; sameip; \
     vlan.id:100,-1; vlan.layers:>=1; dsize:!0; threshold:type limit, track by_src, count 1, seconds 60; sid:3;)",
    "pass icmp any any -> any any (itype:>3; icode:0<>9; icmp_id:1; icmp_seq:2; detection_filter:track by_dst, count 3, seconds 9; sid:4;)",
    "alert http any any -> any any (http.uri; dotprefix; content:\"a\"; endswith; bsize:>1; http.method; content:\"GET\"; \
     file_data; pcre:\"/x/\"; pkt_data; content:\"b\"; http_uri; flowbits:isset,a|b; flowbits:noalert; sid:5;)",
    "alert tcp any any => any any (http.uri:to_server; content:\"a\"; file.data:to_client; content:\"b\"; flags:S,12; seq:1; ack:2; window:!3; tcp.mss:1-9; metadata:a b, c; target:src_ip; gid:9; priority:2; \
     requires:version >= 8 < 9 | > 99, keyword sid; prefilter; noalert; sid:6;)",
];

fn read(text: &[u8]) -> Loaded {
    load_text(Path::new("x"), text, &Variables::default(), &Classifications::default())
}

fn hold(text: &[u8]) -> Result<(), TestCaseError> {
    let loaded = read(text);
    let lines: Vec<&[u8]> = text.split(|b| *b == b'\n').collect();
    let within = |line: u32, column: u32| {
        let found = lines.get((line as usize).wrapping_sub(1)).copied().unwrap_or_default();
        line >= 1 && column >= 1 && column as usize <= found.len() + 1
    };
    for p in &loaded.problems {
        prop_assert!(within(p.line, p.column), "{}:{} {}", p.line, p.column, p.message);
        prop_assert!(p.excerpt.before + p.excerpt.len <= p.excerpt.text.chars().count() + 1);
        let _ = p.to_string();
    }
    for s in &loaded.signatures {
        prop_assert!(within(s.place.line, s.place.column));
        prop_assert!(s.sid > 0 && s.priority > 0);
    }
    for s in &loaded.skipped {
        prop_assert!(within(s.place.line, s.place.column));
    }
    Ok(())
}

#[test]
fn the_rules_are_right_to_begin_with() {
    let loaded = read(RULES.join("\n").as_bytes());
    let told: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
    assert_eq!(told, Vec::<String>::new());
    assert_eq!((loaded.signatures.len(), loaded.skipped.len()), (6, 0));
}

#[test]
fn a_rule_cut_anywhere_is_an_error_with_a_place() {
    for rule in RULES {
        for end in 1..rule.len() {
            let loaded = read(&rule.as_bytes()[..end]);
            assert_eq!((loaded.signatures.len() + loaded.skipped.len(), loaded.failed()), (0, 1), "{}", &rule[..end]);
        }
    }
}

/// What may be read of a hostile file in a test, also on a busy machine; honest cost is a hundredth of it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads, within [`PATIENCE`], with lints.
fn read_in_time(text: &[u8]) -> Loaded {
    let begun = Instant::now();
    let loaded = load_text_linted(Path::new("x"), text, &Variables::default(), &Classifications::default());
    assert!(begun.elapsed() < PATIENCE, "{:?} for {} bytes", begun.elapsed(), text.len());
    let told: usize = loaded.problems.iter().map(|p| p.to_string().len()).sum();
    assert!(told < 4_096 * (loaded.problems.len() + 1), "{told} bytes tell {} problems", loaded.problems.len());
    loaded
}

fn rule(options: &str) -> String {
    format!("alert tcp any any -> any any (msg:\"m\"; {options} sid:1; rev:1;)\n")
}

#[test]
fn lines_of_a_megabyte_are_read_or_refused_and_told_briefly() {
    const MEGABYTE: usize = 1 << 20;
    let long = |what: &str| what.repeat(MEGABYTE / what.len());
    let refused = [
        long("a"),
        long("("),
        long("alert "),
        long("alert tcp any any -> any any (sid:1;) "),
        rule(&long("x")),
        rule(&format!("content:\"{}\";", long("a"))),
        rule(&format!("content:\"|{}\";", long("00"))),
        rule(&format!("pcre:\"/{}/\";", long("("))),
        rule(&format!("content:\"a\"; depth:{};", long("9"))),
        rule(&format!("flowbits:{};", long("set,"))),
        rule(&format!("byte_test:{};", long("1,"))),
        rule(&format!("reference:{};", long("a"))),
        format!("alert tcp [{}] any -> any any (sid:1;)", long("[")),
        format!("alert tcp {} any -> any any (sid:1;)", long("!")),
        format!("alert tcp [{}] any -> any any (sid:1;)", long("1.1.1.300,")),
        format!("alert tcp any [{}] -> any any (sid:1;)", long("1:")),
        format!("alert tcp ${} any -> any any (sid:1;)", long("H")),
    ];
    for text in refused {
        let loaded = read_in_time(text.as_bytes());
        assert_eq!((loaded.signatures.len(), loaded.failed()), (0, 1), "{}…", &text[..100]);
    }
    // Long, but right.
    for text in [
        rule(&format!("metadata:{};", long("a b, "))),
        rule(&format!("flowbits:set,{};", long("a"))),
        format!("# {}\n{}", long("alert "), rule("")),
        format!("alert tcp [{}2.2.2.2] any -> any any (sid:1;)", long("1.1.1.1,")),
        format!("alert tcp any [{}2] -> any any (sid:1;)", long("1,")),
    ] {
        let loaded = read_in_time(text.as_bytes());
        assert_eq!((loaded.signatures.len(), loaded.failed()), (1, 0), "{}…", &text[..100]);
    }
}

#[test]
fn a_hundred_thousand_of_anything_in_one_rule_is_bounded() {
    for option in [
        "content:\"abcd\"; ",
        "content:!\"abcd\"; ",
        "content:\"a\"; distance:1; within:9; ",
        "flowbits:isset,a; ",
        "flowbits:set,a; ",
        "reference:url,example.org; ",
        "isdataat:9; ",
        "byte_test:1,>,3,0; ",
        "ttl:>3; ",
        "pcre:\"/a/\"; ",
    ] {
        let loaded = read_in_time(rule(&option.repeat(100_000)).as_bytes());
        assert_eq!(loaded.signatures.len() + loaded.failed(), 1, "{option}");
    }
}

#[test]
fn as_many_bad_rules_are_each_told_once() {
    let text = (1..=50_000).fold(String::new(), |mut all, sid| {
        let _ = writeln!(all, "alert tcp any any -> any any (cotnent:\"a\"; sid:{sid};)");
        all
    });
    assert_eq!(read_in_time(text.as_bytes()).failed(), 50_000);
}

#[test]
fn deep_nesting_is_refused() {
    for depth in [65, 1_000, 100_000] {
        let list = format!("{}any{}", "[".repeat(depth), "]".repeat(depth));
        let loaded = read_in_time(format!("alert tcp {list} any -> any any (sid:1;)").as_bytes());
        assert_eq!(loaded.failed(), 1);
        assert!(loaded.problems[0].message.contains("nest deeper than 64"), "{}", loaded.problems[0].message);
    }
    // Of a regular expression the library says it.
    let deep = format!("pcre:\"/{}a{}/\";", "(".repeat(10_000), ")".repeat(10_000));
    assert_eq!(read_in_time(rule(&deep).as_bytes()).failed(), 1);
}

#[test]
fn expressions_that_backtrack_without_end_are_pointed_at() {
    for pattern in ["(a+)+$", "(?:a|b*)*c", "(\\s*\\w+\\s*)+;", "^(.*)*$"] {
        let loaded =
            read_in_time(rule(&format!("content:\"abc\"; pcre:\"/{}/\";", pattern.replace(';', "\\x3b"))).as_bytes());
        let kinds: Vec<Kind> = loaded.lints.iter().map(|l| l.kind).collect();
        assert_eq!((loaded.failed(), kinds), (0, vec![Kind::RegexBacktracks]), "{pattern}");
    }
}

#[test]
fn bytes_that_are_no_text_line_ends_and_marks() {
    let mut text = b"\xef\xbb\xbf".to_vec();
    text.extend_from_slice(b"alert tcp any any -> any 1 (msg:\"\xff\xfe\"; content:\"\xc3(\"; sid:1;)\r\n");
    text.extend_from_slice(
        b"alert tcp any any -> any 2 (msg:\"\xff\"; content:\"a\"; reference:url,\xf0\x9f; sid:2;)\r\r\n",
    );
    text.extend_from_slice(b"\0\0\0\nalert tcp any any -> any 3 (sid:3;)\0");
    let loaded = read_in_time(&text);
    let sids: Vec<u32> = loaded.signatures.iter().map(|s| s.sid).collect();
    assert_eq!(sids, [1, 2]);
    // Zeros are no blank lines, and what follows a rule is told.
    let lines: Vec<u32> = loaded.problems.iter().map(|p| p.line).collect();
    assert_eq!(lines, [3, 4]);
    // UTF-16, as some editors save it, is refused at its first byte and not taken for an empty file.
    let wide: Vec<u8> = "\u{feff}alert tcp".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let loaded = read_in_time(&wide);
    assert_eq!((loaded.signatures.len(), loaded.failed()), (0, 1));
}

/// How a rule is spoiled.
#[derive(Clone, Debug)]
enum Spoil {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
}

fn spoil() -> impl Strategy<Value = Spoil> {
    let telling = prop::sample::select(b"()[]!$,;:\"|\\/<>=-&*+ \n\r\t\0\xff0159azAZ".to_vec());
    let word = prop::sample::select(vec![
        "content:\"a\"; ",
        "relative",
        "depth:0;",
        "-1",
        "99999999999999999999",
        "0x",
        "|00",
        "any",
        "$HOME_NET",
        "\\\n",
        "noalert;",
        "http_uri;",
        "(?",
        "[[[[",
        "!!",
        "<>",
        ",,",
    ]);
    prop_oneof![
        (any::<prop::sample::Index>(), prop_oneof![telling.clone(), any::<u8>()]).prop_map(|(i, b)| Spoil::Set(i, b)),
        (any::<prop::sample::Index>(), prop::collection::vec(telling, 1..4)).prop_map(|(i, b)| Spoil::Insert(i, b)),
        (any::<prop::sample::Index>(), word).prop_map(|(i, w)| Spoil::Insert(i, w.as_bytes().to_vec())),
        (any::<prop::sample::Index>(), 1_usize..20).prop_map(|(i, n)| Spoil::Remove(i, n)),
        (any::<prop::sample::Index>(), 1_usize..60).prop_map(|(i, n)| Spoil::Repeat(i, n)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_spoiled_rule_has_an_answer(
        rule in prop::sample::select(RULES),
        spoils in prop::collection::vec(spoil(), 1..6),
    ) {
        let mut text = rule.as_bytes().to_vec();
        for spoil in spoils {
            match spoil {
                Spoil::Set(i, b) => { if !text.is_empty() { let at = i.index(text.len()); text[at] = b; } }
                Spoil::Insert(i, b) => { let at = i.index(text.len() + 1); text.splice(at..at, b); }
                Spoil::Remove(i, n) => { let at = i.index(text.len() + 1); let end = (at + n).min(text.len()); text.drain(at..end); }
                Spoil::Repeat(i, n) => {
                    let at = i.index(text.len() + 1);
                    let piece = text[at..(at + n).min(text.len())].to_vec();
                    text.splice(at..at, piece);
                }
            }
        }
        hold(&text)?;
    }

    #[test]
    fn any_bytes_have_an_answer(text in prop::collection::vec(any::<u8>(), 0..300)) {
        hold(&text)?;
    }
}
