//! `sekisho pcap --rule-costs` tells how often each rule was tried, and how often it matched.

use clap::Parser;
use sekisho::control::pcap::{PcapArguments, read_files};
use sekisho_tests::conversation::connection;

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    pcap: PcapArguments,
}

/// A capture file (magic 0xa1b2c3d4, link type 101) of raw IP packets.
fn capture(packets: &[Vec<u8>]) -> Vec<u8> {
    let mut file = vec![];
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101] {
        file.extend(word.to_le_bytes());
    }
    for (n, packet) in packets.iter().enumerate() {
        let len = packet.len() as u32;
        for word in [1_000, n as u32, len, len] {
            file.extend(word.to_le_bytes());
        }
        file.extend(packet);
    }
    file
}

#[test]
fn every_rule_that_was_tried_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let content = b"a needle, and another needle";
    std::fs::write(path("x.pcap"), capture(&connection(content, &[(0, content.len())]))).unwrap();
    let rules = "alert tcp any any -> any any (msg:\"found\"; content:\"needle\"; sid:1;)\n\
                 alert tcp any any -> any any (msg:\"tried\"; content:\"another\"; content:\"thread\"; sid:2;)\n\
                 alert tcp any any -> any any (msg:\"never tried\"; content:\"nowhere\"; sid:3;)\n";
    std::fs::write(path("x.rules"), rules).unwrap();
    let report = |more: &[&str]| {
        let line = ["pcap", &path("x.pcap"), "--rules", &path("x.rules"), "--checksums", "ignore"].map(str::to_owned);
        let line = line.into_iter().chain(more.iter().map(|word| (*word).to_owned()));
        read_files(&CommandLine::try_parse_from(line).unwrap().pcap).unwrap()
    };
    let whole = report(&["--rule-costs"]);
    let table = whole.rule_costs.as_ref().unwrap();
    let mut listed: Vec<_> = table.rules.iter().map(|rule| (rule.sid, rule.candidates, rule.matches)).collect();
    listed.sort_unstable();
    // The second one was tried, waited for more of the stream, and was tried again at its end.
    assert_eq!(listed, [(1, 1, 1), (2, 2, 0)]);
    assert!(whole.to_string().contains("were candidates") && whole.to_string().contains("found [1]"));
    assert!(serde_json::to_string(&whole).unwrap().contains("\"rule_costs\""));
    assert_eq!(report(&["--rule-costs", "1"]).rule_costs.unwrap().rules.len(), 1);
    let without = report(&[]);
    assert!(without.rule_costs.is_none() && !serde_json::to_string(&without).unwrap().contains("rule_costs"));
}
