//! What a mirror sends twice changes nothing: the cases' captures, with copies of frames put in at random places within the
//! window, give the same alerts and events as without.

use anyhow::{Context, Result, ensure};
use clap::Parser;
use proptest::test_runner::{RngAlgorithm, TestRng};
use sekisho::capture::pcap::CaptureFile;
use sekisho::control::pcap::{PcapArguments, read_files};
use sekisho::ledger::{DropReason, Outcome};
use sekisho_tests::case::{capture_of, folders};
use serde_json::Value;
use std::path::Path;

/// The window's default.
const WINDOW_NS: u64 = 5_000_000;

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    pcap: PcapArguments,
}

/// A frame of a capture.
#[derive(Clone)]
struct Captured {
    ts: u64,
    wire_len: u32,
    data: Vec<u8>,
}

/// A random number below `limit`.
fn below(rng: &mut TestRng, limit: u64) -> u64 {
    use proptest::prelude::Rng as _;
    rng.next_u64() % limit
}

fn frames_of(capture: &Path) -> Result<(u32, Vec<Captured>)> {
    let (mut link, mut frames) = (1, Vec::new());
    CaptureFile::open(capture)?.for_each_frame(|frame| {
        link = frame.link.0;
        frames.push(Captured { ts: frame.ts.0, wire_len: frame.wire_len, data: frame.data.to_vec() });
    })?;
    Ok((link, frames))
}

/// A pcap file with nanoseconds (its format: draft-ietf-opsawg-pcap).
fn write(path: &Path, link: u32, frames: &[Captured]) -> Result<()> {
    let mut out = Vec::new();
    for word in [0xa1b2_3c4d_u32, 2 | 4 << 16, 0, 0, 1 << 18, link] {
        out.extend(word.to_le_bytes());
    }
    for frame in frames {
        let (s, ns) = (frame.ts / 1_000_000_000, frame.ts % 1_000_000_000);
        for word in [u32::try_from(s)?, u32::try_from(ns)?, u32::try_from(frame.data.len())?, frame.wire_len] {
            out.extend(word.to_le_bytes());
        }
        out.extend(&frame.data);
    }
    Ok(std::fs::write(path, out)?)
}

/// The frame as a router sends it on, where it is whole IPv4 over Ethernet with a right checksum; else as it is.
fn routed(frame: &Captured, rng: &mut TestRng) -> Captured {
    let mut copy = frame.clone();
    let is_v4 = copy.data.len() >= 34 && copy.data[12..15] == [8, 0, 0x45] && copy.data[22] > 1;
    let total = if is_v4 { usize::from(u16::from_be_bytes([copy.data[16], copy.data[17]])) } else { 0 };
    let sum = |header: &[u8]| {
        let sum: u32 = header.chunks(2).map(|w| u32::from(u16::from_be_bytes([w[0], w[1]]))).sum();
        let sum = (sum & 0xffff) + (sum >> 16);
        !((sum & 0xffff) + (sum >> 16)) as u16
    };
    if !is_v4 || 14 + total > copy.data.len() || sum(&copy.data[14..34]) != 0 {
        return copy;
    }
    copy.data[..12].fill(0x0a);
    copy.data[22] -= 1;
    copy.data[24..26].fill(0);
    let right = sum(&copy.data[14..34]);
    copy.data[24..26].copy_from_slice(&right.to_be_bytes());
    if below(rng, 2) == 0 {
        copy.data.splice(12..12, [0x81, 0, 0, 77]);
        copy.wire_len += 4;
    }
    copy
}

/// The frames with copies of some of them within the window behind them; and how many that are.
fn doubled(frames: &[Captured], mode: &str, rng: &mut TestRng) -> (Vec<Captured>, u64) {
    let mut all: Vec<(u64, Captured)> = Vec::new();
    let mut copies = 0;
    let mut latest = 0;
    for frame in frames {
        latest = latest.max(frame.ts);
        all.push((latest, frame.clone()));
        // Of two that are equal without a mirror, the second one's copies could come when the first is forgotten.
        let equal = |other: &&Captured| {
            other.ts.abs_diff(frame.ts) <= 2 * WINDOW_NS && other.data.get(26..) == frame.data.get(26..)
        };
        if frames.iter().filter(equal).count() > 1 {
            continue;
        }
        for _ in 0..[0, 0, 1, 1, 2][below(rng, 5) as usize] {
            let mut copy = if mode == "routed" { routed(frame, rng) } else { frame.clone() };
            let later = below(rng, WINDOW_NS);
            copy.ts += later;
            all.push((latest + later, copy));
            copies += 1;
        }
    }
    // Stable: what came first stays first.
    all.sort_by_key(|(at, _)| *at);
    (all.into_iter().map(|(_, frame)| frame).collect(), copies)
}

/// Frames dropped as duplicates; and every event but statistics, without what counts frames or is new in each run.
fn read(folder: &Path, capture: &Path, work: &Path, arguments: &[String], mode: &str) -> Result<(u64, Vec<String>)> {
    let output = work.join("out");
    let mut line: Vec<String> = ["pcap", &capture.display().to_string(), "--workers", "1"].map(String::from).into();
    line.extend(["--rules".into(), folder.join("case.rules").display().to_string()]);
    line.extend(["--output".into(), output.display().to_string()]);
    line.extend(["--set".into(), format!("capture.duplicates.mode={mode}"), "--set".into(), "eve.append=false".into()]);
    line.extend(arguments.iter().cloned());
    let report = read_files(&CommandLine::try_parse_from(line)?.pcap)?;
    let mut events = Vec::new();
    for line in std::fs::read_to_string(output.join("eve.json"))?.lines() {
        let mut event: Value = serde_json::from_str(line)?;
        let Some(object) = event.as_object_mut().filter(|event| event["event_type"] != "stats") else { continue };
        object.retain(|key, _| key != "pcap_cnt" && key != "flow_id");
        events.push(event.to_string());
    }
    events.sort();
    Ok((report.ledger.outcomes[Outcome::Dropped(DropReason::Duplicate).index()], events))
}

fn check(folder: &Path, rng: &mut TestRng) -> Result<u64> {
    let case: toml::Table = std::fs::read_to_string(folder.join("case.toml"))?.parse()?;
    let list = case.get("arguments").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let arguments: Vec<String> = list.iter().filter_map(toml::Value::as_str).map(String::from).collect();
    // In line nothing is a duplicate; a damaged capture cannot be written anew; and where a case has duplicates of its own, copies of the second
    // ones would lie behind the window.
    let other = ["yara", "rules", "damaged"].iter().any(|key| case.contains_key(*key));
    if other || arguments.iter().any(|argument| argument == "--inline" || argument.starts_with("capture.duplicates")) {
        return Ok(0);
    }
    let work = tempfile::tempdir()?;
    let capture = capture_of(folder, work.path())?;
    let (link, frames) = frames_of(&capture)?;
    let path = work.path().join("doubled.pcap");
    let mode = ["exact", "routed"][below(rng, 2) as usize];
    let (twice, copies) = doubled(&frames, mode, rng);
    write(&path, link, &twice)?;
    let (dropped, events) = read(folder, &path, work.path(), &arguments, mode)?;
    // What is equal within the window without a mirror's doing is dropped as well, so these cases are held against the same mode.
    write(&path, link, &frames)?;
    let (own, same_mode) = read(folder, &path, work.path(), &arguments, mode)?;
    ensure!(dropped >= copies, "{mode}: {dropped} of {copies} copies were recognised, and {own} others");
    ensure!(events == same_mode, "{mode}: {copies} copies change events:\n{events:#?}\nwithout:\n{same_mode:#?}");
    if own == 0 && mode == "exact" {
        let (_, off) = read(folder, &path, work.path(), &arguments, "off")?;
        ensure!(events == off, "{mode}: events are not those of the mode off");
    }
    Ok(copies)
}

#[test]
fn copies_of_frames_change_no_alert_and_no_event() {
    let only = std::env::var("CASE").unwrap_or_default();
    let (mut copies, mut failures) = (0, Vec::new());
    for (n, folder) in (0_u8..).zip(folders()) {
        if !folder.to_string_lossy().contains(&only) {
            continue;
        }
        let mut rng = TestRng::from_seed(RngAlgorithm::XorShift, &[n | 0x80; 16]);
        match check(&folder, &mut rng).with_context(|| folder.display().to_string()) {
            Ok(n) => copies += n,
            Err(error) => failures.push(format!("{error:#}")),
        }
    }
    assert!(failures.is_empty(), "{} cases:\n{}", failures.len(), failures.join("\n"));
    assert!(copies > 0);
    println!("{copies} copies");
}
