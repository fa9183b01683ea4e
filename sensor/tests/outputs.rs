//! Every event that is sent is written once or counted as lost, whatever the file does, and no worker is held up.

mod support;

use nix::fcntl::OFlag;
use sekisho::event::{AlertEvent, Event};
use sekisho::output::{EveConfig, EventSender, EventType, OutputContext, OutputReport, Outputs, PerType, WhenFull};
use serde_json::Value;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};
use support::{alert, eve_config, flow, ruleset, signature};

fn start(config: &EveConfig) -> Outputs {
    Outputs::start(config, OutputContext { capture_file: true, ..OutputContext::default() }).unwrap()
}

fn per_type(alert: u64, flow: u64) -> PerType {
    let mut counts = PerType::default();
    counts[EventType::Alert.index()] = alert;
    counts[EventType::Flow.index()] = flow;
    counts
}

fn balances(report: &OutputReport) {
    for kind in EventType::ALL.iter().copied() {
        let i = kind.index();
        assert_eq!(report.sent[i], report.written[i] + report.lost[i], "{kind:?} in {report:?}");
    }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// The numbers of the written alerts or flows, in the order of the file.
fn numbers(lines: &[Value], kind: &str) -> Vec<u64> {
    let key = if kind == "alert" { "pcap_cnt" } else { "flow_id" };
    lines.iter().filter(|line| line["event_type"] == kind).map(|line| line[key].as_u64().unwrap()).collect()
}

fn send_numbered(
    sender: &EventSender,
    rules: &std::sync::Arc<sekisho_signatures::ruleset::Ruleset>,
    from: u64,
    n: u64,
) {
    for i in from..from + n {
        sender.send(&alert(rules, i));
        sender.send(&flow(i));
    }
    sender.flush();
}

#[test]
fn all_events_of_several_workers_are_written_once_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made/on/the/way/eve.json");
    let outputs =
        start(&EveConfig { when_full: WhenFull::Wait, alert_queue: 16, event_queue: 16, ..eve_config(&path) });
    const WORKERS: u64 = 4;
    const EACH: u64 = 5_000;
    let handle = outputs.handle();
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let sender = outputs.sender();
            scope.spawn(move || send_numbered(&sender, &ruleset(vec![signature(1, "x")]), 1 + worker * EACH, EACH));
        }
        scope.spawn(|| {
            for _ in 0..50 {
                let reading = handle.reading();
                for i in 0..EventType::COUNT {
                    assert!(reading.sent[i] >= reading.written[i] + reading.lost[i]);
                }
                thread::sleep(Duration::from_millis(1));
            }
        });
    });
    let report = outputs.finish();
    assert_eq!(report.sent, per_type(WORKERS * EACH, WORKERS * EACH));
    assert_eq!(report.written, report.sent);
    assert_eq!((report.lost, &report.first_error), (PerType::default(), &None));
    let lines = lines(&path);
    for kind in ["alert", "flow"] {
        let numbers = numbers(&lines, kind);
        for worker in 0..WORKERS {
            let own: Vec<u64> = numbers.iter().copied().filter(|n| (n - 1) / EACH == worker).collect();
            let want: Vec<u64> = (1 + worker * EACH..=(worker + 1) * EACH).collect();
            assert!(own == want, "{kind} of worker {worker}: {} of {}", own.len(), want.len());
        }
    }
}

/// Sends far more than fits, and returns what became of it. Sending must not take long.
fn flood(config: &EveConfig) -> OutputReport {
    let outputs = start(config);
    let sender = outputs.sender();
    let rules = ruleset(vec![signature(1, "x")]);
    let begin = Instant::now();
    send_numbered(&sender, &rules, 1, 20_000);
    let sending = begin.elapsed();
    assert!(sending < Duration::from_secs(2), "sending took {sending:?}");
    let report = outputs.finish();
    assert!(begin.elapsed() < Duration::from_secs(20), "finishing took {:?}", begin.elapsed());
    assert_eq!(report.sent, per_type(20_000, 20_000));
    balances(&report);
    report
}

#[test]
fn a_full_disk_blocks_nobody_and_every_event_is_counted() {
    let report = flood(&eve_config(Path::new("/dev/full")));
    assert_eq!(report.lost, report.sent);
    assert!(report.first_error.unwrap().contains("No space left"));
}

#[test]
fn a_full_disk_does_not_hold_up_readers_of_capture_files_either() {
    let config =
        EveConfig { when_full: WhenFull::Wait, alert_queue: 8, event_queue: 8, ..eve_config(Path::new("/dev/full")) };
    let outputs = start(&config);
    let sender = outputs.sender();
    send_numbered(&sender, &ruleset(vec![signature(1, "x")]), 1, 500);
    let report = outputs.finish();
    balances(&report);
    assert_eq!(report.lost, per_type(500, 500));
    assert!(report.first_error.is_some());
}

fn make_pipe(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("pipe");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    path
}

#[test]
fn a_pipe_that_nobody_opens_blocks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let report = flood(&eve_config(&make_pipe(folder.path())));
    assert_eq!(report.lost, report.sent);
    assert!(report.first_error.is_some());
}

#[test]
fn a_pipe_that_nobody_reads_blocks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = make_pipe(folder.path());
    let mut reader = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&path).unwrap();
    let report = flood(&eve_config(&path));
    // What the pipe holds was written, whole lines only; the last one may be torn.
    let mut text = Vec::new();
    reader.read_to_end(&mut text).unwrap();
    let whole = text.iter().filter(|&&b| b == b'\n').count() as u64;
    assert_eq!(report.written.iter().sum::<u64>(), whole);
    assert!(whole > 0 && report.lost[EventType::Flow.index()] > 0);
}

#[test]
fn a_slow_reader_of_a_pipe_gets_every_event_when_workers_may_wait() {
    let folder = tempfile::tempdir().unwrap();
    let path = make_pipe(folder.path());
    let config = EveConfig { when_full: WhenFull::Wait, alert_queue: 64, event_queue: 64, ..eve_config(&path) };
    // Opened without waiting for a writer, then made an ordinary reader.
    let reader = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&path).unwrap();
    nix::fcntl::fcntl(&reader, nix::fcntl::FcntlArg::F_SETFL(OFlag::empty())).unwrap();
    let outputs = start(&config);
    let reader = thread::spawn(move || {
        let mut lines = Vec::new();
        for (i, line) in BufReader::with_capacity(4096, reader).lines().enumerate() {
            lines.push(serde_json::from_str(&line.unwrap()).unwrap());
            if i % 200 == 0 {
                thread::sleep(Duration::from_millis(2));
            }
        }
        lines
    });
    let sender = outputs.sender();
    send_numbered(&sender, &ruleset(vec![signature(1, "x")]), 1, 5_000);
    let report = outputs.finish();
    let lines = reader.join().unwrap();
    assert_eq!((report.written, report.lost), (per_type(5_000, 5_000), PerType::default()));
    assert!(numbers(&lines, "alert") == (1..=5_000).collect::<Vec<_>>());
    assert!(numbers(&lines, "flow") == (1..=5_000).collect::<Vec<_>>());
}

#[test]
fn alerts_survive_a_flood_of_other_events() {
    let folder = tempfile::tempdir().unwrap();
    let path = make_pipe(folder.path());
    // Nobody reads yet: queues fill up.
    let outputs = start(&EveConfig { alert_queue: 64, event_queue: 64, ..eve_config(&path) });
    let sender = outputs.sender();
    for i in 1..=20_000 {
        sender.send(&flow(i));
    }
    let rules = ruleset(vec![signature(1, "x")]);
    for i in 1..=50 {
        sender.send(&alert(&rules, i));
    }
    sender.flush();
    let reader = thread::spawn(move || {
        let file = BufReader::new(std::fs::File::open(path).unwrap());
        file.lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect::<Vec<Value>>()
    });
    // The output tries again after a growing delay.
    let deadline = Instant::now() + Duration::from_secs(10);
    while outputs.handle().reading().written[EventType::Alert.index()] < 50 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
    }
    let report = outputs.finish();
    balances(&report);
    assert_eq!(report.written[EventType::Alert.index()], 50);
    assert!(report.lost[EventType::Flow.index()] > 0, "the flood was too small");
    assert_eq!(numbers(&reader.join().unwrap(), "alert"), (1..=50).collect::<Vec<_>>());
}

#[test]
fn small_batches_of_events_do_not_use_up_the_queue() {
    let folder = tempfile::tempdir().unwrap();
    let path = make_pipe(folder.path());
    // Nobody reads yet. Each event is flushed by itself, as a worker does whose batches of packets bring one each.
    let outputs = start(&EveConfig { event_queue: 8192, ..eve_config(&path) });
    let sender = outputs.sender();
    for i in 1..=4_000 {
        sender.send(&flow(i));
        sender.flush();
    }
    let reader = thread::spawn(move || BufReader::new(std::fs::File::open(path).unwrap()).lines().count());
    drop(sender);
    let deadline = Instant::now() + Duration::from_secs(10);
    while outputs.handle().reading().written[EventType::Flow.index()] < 4_000 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
    }
    let report = outputs.finish();
    assert_eq!((report.written, report.lost), (per_type(0, 4_000), PerType::default()));
    assert_eq!(reader.join().unwrap(), 4_000);
}

#[test]
fn what_is_flushed_is_written_while_the_worker_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("eve.json");
    let outputs = start(&eve_config(&path));
    let sender = outputs.sender();
    sender.send(&flow(1));
    sender.flush();
    let deadline = Instant::now() + Duration::from_secs(5);
    while lines(&path).is_empty() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(numbers(&lines(&path), "flow"), [1]);
    assert_eq!(outputs.handle().reading().queued, 0);
    drop(sender);
}

#[test]
fn rotation_under_load_loses_and_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("eve.json");
    let outputs = start(&EveConfig { when_full: WhenFull::Wait, ..eve_config(&path) });
    let sender = outputs.sender();
    let done = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let sender = sender;
            let rules = ruleset(vec![signature(1, "x")]);
            for step in 0..20 {
                send_numbered(&sender, &rules, 1 + step * 500, 500);
                thread::sleep(Duration::from_millis(3));
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        let mut i = 0;
        while !done.load(std::sync::atomic::Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(10));
            if path.exists() {
                std::fs::rename(&path, folder.path().join(format!("eve.json.{i}"))).unwrap();
                outputs.reopen();
                i += 1;
            }
        }
        assert!(i > 2, "rotated {i} times");
    });
    assert_eq!(outputs.finish().written, per_type(10_000, 10_000));
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        all.extend(lines(&entry.unwrap().path()));
    }
    for kind in ["alert", "flow"] {
        let mut numbers = numbers(&all, kind);
        numbers.sort_unstable();
        assert!(numbers == (1..=10_000).collect::<Vec<_>>(), "{kind}");
    }
}

#[test]
fn only_wanted_types_are_written_and_alerts_are_counted_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("eve.json");
    let outputs = start(&EveConfig { types: vec![EventType::Flow], ..eve_config(&path) });
    let sender = outputs.sender();
    assert!(sender.wants(EventType::Flow) && !sender.wants(EventType::Alert) && !sender.wants(EventType::Anomaly));
    send_numbered(&sender, &ruleset(vec![signature(1, "x")]), 1, 10);
    let handle = outputs.handle();
    let report = outputs.finish();
    assert_eq!((report.sent, report.written), (per_type(0, 10), per_type(0, 10)));
    assert_eq!(lines(&path).len(), 10);
    assert_eq!(handle.alerts().total(), 10);
}

#[test]
fn with_no_event_log_alerts_are_still_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("eve.json");
    let outputs = start(&EveConfig { enabled: false, ..eve_config(&path) });
    let sender = outputs.sender();
    send_numbered(&sender, &ruleset(vec![signature(1, "x")]), 1, 10);
    assert_eq!(outputs.handle().alerts().by_sid, [(None, 10)]);
    let report = outputs.finish();
    assert_eq!(report.sent, PerType::default());
    assert!(!path.exists());
}

#[test]
fn an_event_that_cannot_be_a_record_is_counted_as_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("eve.json");
    let outputs = start(&eve_config(&path));
    let sender = outputs.sender();
    let rules = ruleset(vec![signature(1, "x")]);
    let Event::Alert(event) = alert(&rules, 1) else { unreachable!() };
    sender.send(&Event::Alert(AlertEvent { signature: 9, ..event }));
    sender.send(&alert(&rules, 2));
    sender.flush();
    let report = outputs.finish();
    balances(&report);
    assert_eq!((report.written, report.lost), (per_type(1, 0), per_type(1, 0)));
    assert!(report.first_error.unwrap().contains("signature number 9"));
    assert_eq!(numbers(&lines(&path), "alert"), [2]);
}

#[test]
fn a_worker_that_sends_after_the_end_neither_hangs_nor_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let config = EveConfig { when_full: WhenFull::Wait, alert_queue: 4, ..eve_config(&folder.path().join("eve.json")) };
    let outputs = start(&config);
    let sender = outputs.sender();
    let handle = outputs.handle();
    assert_eq!(outputs.finish().sent, PerType::default());
    let rules = ruleset(vec![signature(1, "x")]);
    for i in 0..10 {
        sender.send(&alert(&rules, i));
    }
    let reading = handle.reading();
    assert_eq!((reading.sent, reading.lost, reading.queued), (per_type(10, 0), per_type(10, 0), 0));
}

#[test]
fn stats_come_at_the_interval_and_once_more_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("eve.json");
    let outputs = start(&EveConfig { stats_interval_s: 1, ..eve_config(&path) });
    let sources = support::sources(outputs.handle());
    outputs.set_stats_source(move || sources.stats());
    thread::sleep(Duration::from_millis(1200));
    let report = outputs.finish();
    let stats = EventType::Stats.index();
    assert!(report.sent[stats] >= 2, "{report:?}");
    balances(&report);
    let lines = lines(&path);
    assert_eq!(lines.len() as u64, report.written[stats]);
    assert!(lines.iter().all(|line| line["event_type"] == "stats" && line["stats"]["decoder"]["pkts"] == 20));
}

#[test]
fn a_log_is_continued_or_emptied_as_configured() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("eve.json");
    let once = |append| {
        let outputs = start(&EveConfig { append, ..eve_config(&path) });
        outputs.sender().send(&flow(1));
        drop(outputs);
        lines(&path).len()
    };
    assert_eq!([once(true), once(true), once(false)], [1, 2, 1]);
}

#[test]
fn a_log_that_cannot_be_opened_is_a_sentence() {
    let config = eve_config(Path::new("/proc/nowhere/eve.json"));
    let Err(error) = Outputs::start(&config, OutputContext::default()) else { panic!("it opened") };
    let text = error.to_string();
    assert!(text.contains("/proc/nowhere/eve.json") && text.contains("eve.path"), "{text}");
}
