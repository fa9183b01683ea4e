//! Generated captures, read by the sensor: it finds exactly what the generator says that it made, and nothing odd in it.

use clap::Parser;
use sekisho::control::pcap::{PcapArguments, read_files};
use sekisho_bench::capture::Writer;
use sekisho_bench::generate::{Counts, Options, generate};
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    pcap: PcapArguments,
}

#[derive(Parser)]
struct Generate {
    #[command(flatten)]
    options: Options,
}

/// Generates by the words of a command line, and reads it; counts, and events by what they are about.
fn made_and_found(words: &str) -> (Counts, BTreeMap<String, u64>) {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("made.pcap");
    let options = Generate::parse_from(std::iter::once("generate").chain(words.split_whitespace())).options;
    let mut writer = Writer::create(&capture, 1).unwrap();
    let counts = generate(&options, |time, frame| writer.frame(time, frame.len() as u32, frame)).unwrap();
    assert_eq!(writer.finish().unwrap(), (counts.frames, counts.bytes));
    let output = folder.path().join("out");
    // No depth, so that large downloads are files to their end.
    let line =
        ["pcap", capture.to_str().unwrap(), "--stream-depth", "4000000000", "--output", output.to_str().unwrap()];
    let report = read_files(&CommandLine::parse_from(line).pcap).unwrap();
    assert_eq!((report.packets, report.bytes), (counts.frames, counts.bytes));
    let mut found = BTreeMap::new();
    for line in std::fs::read_to_string(output.join("eve.json")).unwrap().lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
        let kind = text(&event["event_type"]);
        let detail = match kind.as_str() {
            "fileinfo" => format!("{} {}", text(&event["app_proto"]), text(&event["fileinfo"]["state"])),
            "anomaly" => event["anomaly"].to_string(),
            "dns" => text(&event["dns"]["type"]),
            "flow" => format!("{} {}", text(&event["proto"]), text(&event["flow"]["state"])),
            _ => String::new(),
        };
        *found.entry(format!("{kind} {detail}").trim().to_owned()).or_default() += 1;
        *found.entry(format!("all {kind}")).or_default() += 1;
    }
    (counts, found)
}

fn compare(counts: &Counts, found: &BTreeMap<String, u64>) {
    let of = |key: &str| found.get(key).copied().unwrap_or(0);
    let profile = |name: &str| counts.profiles.get(name).copied().unwrap_or(0);
    let done = &counts.transactions;
    assert_eq!(counts.open, 0);
    let expected = [
        ("all flow", counts.flows),
        ("flow TCP new", profile("scan")),
        ("http", done.http),
        ("tls", done.tls),
        ("dns request", done.dns_queries),
        ("dns response", done.dns_answers),
        ("ntp", 2 * done.ntp),
        // A session: its end is one of its own.
        ("smtp", done.mails + profile("mail")),
        // A session: negotiation, log-on in two steps, share, both ends; a file: opened, its content, closed.
        ("smb", 6 * profile("smb") + 3 * done.smb_files),
        ("fileinfo http CLOSED", done.http_files + done.http_forms),
        ("fileinfo smb CLOSED", done.smb_files),
        ("fileinfo smtp CLOSED", done.mail_files),
        ("all fileinfo", done.http_files + done.http_forms + done.smb_files + done.mail_files),
        ("all alert", 0),
    ];
    for (key, count) in expected {
        assert_eq!(of(key), count, "{key}; made: {counts:#?}\nfound: {found:#?}");
    }
}

#[test]
fn the_sensor_finds_what_was_made_and_nothing_odd() {
    let (counts, found) = made_and_found("--seed 5 --flows 800 --vlan-share 0.2");
    compare(&counts, &found);
    let odd: Vec<_> = found.keys().filter(|key| key.starts_with("anomaly")).collect();
    assert!(odd.is_empty(), "{odd:?}");
    assert!(counts.ipv6 > 20 && counts.vlan > 50, "{counts:?}");
    let done = &counts.transactions;
    assert!(
        done.http > 0 && done.tls > 0 && done.smb_files > 0 && done.mail_files > 0 && done.http_forms > 0,
        "{done:?}"
    );
}

#[test]
fn losses_and_wrong_order_hide_nothing() {
    let (counts, found) = made_and_found("--seed 6 --flows 600 --loss 0.03 --reorder 0.03");
    compare(&counts, &found);
    let tcp = &counts.tcp;
    assert_eq!(tcp.retransmitted, tcp.lost_before + tcp.lost_after);
    assert!(tcp.lost_before > 100 && tcp.lost_after > 100 && tcp.reordered > 100, "{tcp:?}");
    let odd = found.keys().filter(|key| key.starts_with("anomaly"));
    let other: Vec<_> = odd.filter(|key| !key.contains("retransmission")).collect();
    assert!(other.is_empty(), "{other:?}");
}

#[test]
fn the_seed_decides_every_byte() {
    let bytes = |seed: u64| {
        let options = Options { seed, packets: Some(20_000), loss: 0.01, reorder: 0.01, ..Options::default() };
        let mut all = Vec::new();
        let counts = generate(&options, |time, frame| {
            all.extend_from_slice(&time.to_le_bytes());
            all.extend_from_slice(frame);
            Ok(())
        });
        assert_eq!(counts.unwrap().frames, 20_000);
        all
    };
    let first = bytes(1);
    assert!(first == bytes(1), "the same seed gives other bytes");
    assert!(first != bytes(2), "another seed gives the same bytes");
}

#[test]
fn as_many_flows_are_open_as_were_asked_for_and_none_is_larger_than_its_frame() {
    for (words, open) in
        [("--concurrent 3000 --packets 60000 --frame-size 600", 3_000), ("--concurrent 50 --bytes 4000000", 50)]
    {
        let options = Generate::parse_from(std::iter::once("generate").chain(words.split_whitespace())).options;
        let mut largest = 0;
        let counts = generate(&options, |_, frame| {
            largest = largest.max(frame.len());
            Ok(())
        })
        .unwrap();
        assert!(counts.concurrent <= open && counts.concurrent * 10 >= open * 9, "{words}: {counts:?}");
        assert_eq!(largest, usize::from(options.frame_size), "{words}");
    }
}
