//! Metrics, HTTP and the control socket, as their clients see them.

mod support;

use sekisho::control::access::Access;
use sekisho::control::http::{HttpError, HttpServer, Served};
use sekisho::control::socket::{ControlSocket, SocketError, ask, ask_status, commands};
use sekisho::counters::Published;
use sekisho::output::metrics::Metrics;
use sekisho::output::sources::{Block, Sample, Sources};
use sekisho::output::status::Status;
use sekisho::output::{AlertCatalog, MetricsConfig, OutputContext, Outputs};
use sekisho::worker::Worker;
use serde_json::json;
use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use support::{alert, eve_config, flow, ruleset, signature};

struct Sensor {
    _folder: tempfile::TempDir,
    outputs: Outputs,
    sources: Arc<Sources>,
}

/// Outputs and sources with some events behind them.
fn sensor() -> Sensor {
    let folder = tempfile::tempdir().unwrap();
    let rules = ruleset(vec![signature(7, "seven"), signature(8, "eight")]);
    let context = OutputContext {
        alerts: AlertCatalog::choose(rules.signatures.iter().map(|s| &**s), 10),
        ..OutputContext::default()
    };
    let outputs = Outputs::start(&eve_config(&folder.path().join("eve.json")), context).unwrap();
    let sender = outputs.sender();
    sender.send(&alert(&rules, 1));
    sender.send(&flow(1));
    sender.flush();
    let mut sources = support::sources(outputs.handle());
    sources.extra.push(Box::new(|| {
        vec![Sample::gauge("odd_label", "A label that needs escapes.", 1.5).label("text", "a\"b\\c\nd")]
    }));
    // Two workers that say the same of themselves must not break the scrape.
    sources.extra.push(Box::new(|| vec![Sample::counter("twice_total", "Said twice.", 2); 2]));
    Sensor { _folder: folder, outputs, sources: Arc::new(sources) }
}

/// Series and values of a scrape; fails on what is not the text format, or is there twice.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let mut series = BTreeMap::new();
    let (mut helped, mut typed, mut histograms) = (HashSet::new(), HashSet::new(), HashSet::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a help text");
            assert!(helped.insert(name.to_owned()), "two families {name}");
            assert!(help.len() > 5, "{line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(typed.insert(name.to_owned()));
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            if kind == "histogram" {
                histograms.insert(name.to_owned());
            }
        } else {
            let (name, value) = line.rsplit_once(' ').expect(line);
            let mut family = name.split('{').next().unwrap();
            for part in ["_bucket", "_sum", "_count"] {
                family = family.strip_suffix(part).filter(|name| histograms.contains(*name)).unwrap_or(family);
            }
            assert!(helped.contains(family) && typed.contains(family), "{line}");
            assert!(series.insert(name.to_owned(), value.parse().expect(line)).is_none(), "{name} is there twice");
        }
    }
    series
}

#[test]
fn a_scrape_has_every_number_once() {
    let sensor = sensor();
    let text = Metrics::new(sensor.sources).unwrap().render().unwrap();
    let series = parse(&text);
    let queue0 = r#"interface="eth0",queue="0""#;
    for (name, want) in [
        (format!("sekisho_packets_received_total{{{queue0}}}"), 10.0),
        (format!("sekisho_bytes_received_total{{{queue0}}}"), 1000.0),
        (
            format!("sekisho_packets_total{{{},outcome=\"inspected\",{},reason=\"\"}}", &queue0[..16], &queue0[17..]),
            8.0,
        ),
        (format!("sekisho_packets_in_flight{{{queue0}}}"), 1.0),
        (format!("sekisho_worker_busy_seconds_total{{{queue0}}}"), 0.25),
        (format!("sekisho_worker_idle_seconds_total{{{queue0}}}"), 0.75),
        (format!("sekisho_worker_batch_packets_bucket{{{queue0},le=\"4\"}}"), 1.0),
        (format!("sekisho_worker_batch_packets_bucket{{{queue0},le=\"64\"}}"), 2.0),
        (format!("sekisho_worker_batch_packets_bucket{{{queue0},le=\"+Inf\"}}"), 2.0),
        (format!("sekisho_worker_batch_packets_sum{{{queue0}}}"), 63.0),
        (format!("sekisho_worker_batch_seconds_count{{{queue0}}}"), 2.0),
        (r#"sekisho_alerts_by_action_total{action="allowed"}"#.into(), 1.0),
        (r#"sekisho_alerts_by_action_total{action="blocked"}"#.into(), 0.0),
        (r#"sekisho_alerts_by_category_total{category="other"}"#.into(), 1.0),
        (r#"sekisho_signature_info{action="alert",category="other",msg="seven",severity="3",sid="7"}"#.into(), 1.0),
        ("sekisho_reload_last_successful".into(), 1.0),
        (format!("sekisho_decode_frames_total{{{queue0}}}"), 10.0),
        (format!("sekisho_flows_active{{{queue0}}}"), 2.0),
        (format!("sekisho_afxdp_rx_dropped_total{{{queue0}}}"), 1.0),
        (format!("sekisho_afxdp_rx_ring_full_total{{{queue0}}}"), 2.0),
        (format!("sekisho_afxdp_rx_invalid_descs_total{{{queue0}}}"), 0.0),
        (format!("sekisho_afxdp_tx_invalid_descs_total{{{queue0}}}"), 0.0),
        (format!("sekisho_afxdp_rx_fill_ring_empty_descs_total{{{queue0}}}"), 0.0),
        (format!("sekisho_afxdp_tx_ring_empty_descs_total{{{queue0}}}"), 0.0),
        (
            r#"sekisho_capture_info{attach="native",driver="igb",interface="eth0",mode="zero_copy",queue="0"}"#.into(),
            1.0,
        ),
        (r#"sekisho_xdp_packets_total{interface="eth0",outcome="passed",queue="0",reason="no_socket"}"#.into(), 4.0),
        (r#"sekisho_decoder_events_total{event="decoder.ipv4.trunc_pkt"}"#.into(), 1.0),
        (r#"sekisho_decoder_events_total{event="decoder.ipv6.trunc_pkt"}"#.into(), 10.0),
        (r#"sekisho_alerts_total{sid="7"}"#.into(), 1.0),
        (r#"sekisho_alerts_total{sid="8"}"#.into(), 0.0),
        (r#"sekisho_alerts_total{sid="other"}"#.into(), 0.0),
        (r#"sekisho_alerts_by_severity_total{severity="3"}"#.into(), 1.0),
        (r#"sekisho_events_sent_total{output="eve",type="flow"}"#.into(), 1.0),
        (r#"sekisho_events_lost_total{output="eve",type="alert"}"#.into(), 0.0),
        (r#"sekisho_ruleset_info{hash="0123456789abcdef"}"#.into(), 1.0),
        (r#"sekisho_ruleset_rules{state="skipped"}"#.into(), 2.0),
        ("sekisho_ruleset_loaded_timestamp_seconds".into(), 1_795_396_347.0),
        ("sekisho_ruleset_load_seconds".into(), 1.25),
        (r#"sekisho_reloads_total{result="ok"}"#.into(), 1.0),
        (r#"sekisho_reloads_total{result="failed"}"#.into(), 3.0),
        ("sekisho_rules_paused".into(), 0.0),
        (r#"sekisho_odd_label{text="a\"b\\c\nd"}"#.into(), 1.5),
        ("sekisho_twice_total".into(), 4.0),
    ] {
        assert_eq!(series.get(&name), Some(&want), "{name}\n{text}");
    }
    assert!(series["process_resident_memory_bytes"] > 0.0);
    assert!(series.contains_key(&format!("sekisho_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"))));
}

/// What a monitor checks: received = the outcomes and what is in flight, for each queue.
#[test]
fn the_ledger_of_a_scrape_balances() {
    let sensor = sensor();
    let series = parse(&Metrics::new(sensor.sources).unwrap().render().unwrap());
    for queue in ["queue=\"0\"", "queue=\"1\""] {
        let sum = |name: &str| -> f64 {
            series
                .iter()
                .filter(|(k, _)| k.starts_with(&format!("{name}{{")) && k.contains(queue))
                .map(|(_, v)| v)
                .sum()
        };
        assert_eq!(sum("sekisho_packets_received_total"), 10.0);
        assert_eq!(
            sum("sekisho_packets_received_total"),
            sum("sekisho_packets_total") + sum("sekisho_packets_in_flight")
        );
    }
}

/// Runs the linter of Prometheus over a scrape, if it is there.
fn lint(text: &str) {
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = promtool.spawn() else {
        eprintln!("skipped: promtool is not installed (Debian's package prometheus has it)");
        return;
    };
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}

#[test]
fn promtool_has_nothing_to_say() {
    lint(&Metrics::new(sensor().sources).unwrap().render().unwrap());
}

#[test]
fn what_a_worker_counts_makes_a_clean_scrape() {
    let outputs =
        Outputs::start(&sekisho::output::EveConfig { enabled: false, ..Default::default() }, OutputContext::default())
            .unwrap();
    let mut sources = support::sources(outputs.handle());
    sources.layout = Worker::layout();
    let len = sources.layout.iter().map(Block::len).sum();
    for worker in &mut sources.workers {
        worker.counters = Arc::new(Published::new(len));
        worker.counters.publish_values(0, &vec![3; len]);
    }
    let text = Metrics::new(Arc::new(sources)).unwrap().render().unwrap();
    let series = parse(&text);
    assert_eq!(series[r#"sekisho_decode_frames_total{interface="eth0",queue="1"}"#], 3.0);
    assert_eq!(series[r#"sekisho_decoder_events_total{event="decoder.ipv4.trunc_pkt"}"#], 6.0);
    assert_eq!(series[r#"sekisho_stream_events_total{event="stream.3whs_synack_flood"}"#], 6.0);
    lint(&text);
}

fn start(sources: &Arc<Sources>, config: &MetricsConfig, health: Result<(), String>) -> Result<HttpServer, HttpError> {
    let served = Served {
        metrics: Metrics::new(Arc::clone(sources)).unwrap(),
        sources: Arc::clone(sources),
        health: Box::new(move || health.clone()),
        page: None,
        access: Arc::new(Access::new(config, 1).unwrap()),
    };
    HttpServer::start(config, served)
}

fn listening(listen: SocketAddr) -> MetricsConfig {
    MetricsConfig { listen, ..MetricsConfig::default() }
}

fn serve(sources: &Arc<Sources>, health: Result<(), String>) -> HttpServer {
    start(sources, &listening(SocketAddr::from(([127, 0, 0, 1], 0))), health).unwrap()
}

/// Head and body of the answer.
fn get(server: &HttpServer, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

#[test]
fn http_serves_metrics_health_and_status() {
    let sensor = sensor();
    let server = serve(&sensor.sources, Ok(()));
    let (head, body) = get(&server, "/metrics");
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/plain; version=0.0.4"), "{head}");
    assert!(parse(&body).len() > 50);
    let (head, body) = get(&server, "/healthz");
    assert!(head.starts_with("HTTP/1.1 200") && body == "ok\n");
    let (head, body) = get(&server, "/status");
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("application/json"), "{head}");
    let status: Status = serde_json::from_str(&body).unwrap();
    assert_eq!(status.total.received, 20);
    let (head, body) = get(&server, "/");
    assert!(head.contains("text/html") && body.contains("href=\"/metrics\""));
    assert!(get(&server, "/nothing").0.starts_with("HTTP/1.1 404"));
    let server = serve(&sensor.sources, Err("eth0 is gone".to_owned()));
    let (head, body) = get(&server, "/healthz");
    assert!(head.starts_with("HTTP/1.1 503") && body == "eth0 is gone\n");
}

#[test]
fn an_idle_client_does_not_hold_up_the_end() {
    let sensor = sensor();
    let server = serve(&sensor.sources, Ok(()));
    let _idle = TcpStream::connect(server.address()).unwrap();
    let (begin, address) = (std::time::Instant::now(), server.address());
    drop(server);
    assert!(begin.elapsed() < std::time::Duration::from_secs(2));
    assert!(TcpStream::connect(address).is_err(), "it still listens");
}

#[test]
fn an_address_that_cannot_be_had_is_a_sentence() {
    let sensor = sensor();
    let start = |listen| {
        // Of an address that is none of this machine's, a token would be asked first.
        let access = Access::new(&MetricsConfig::default(), 1).unwrap();
        let served = Served {
            metrics: Metrics::new(Arc::clone(&sensor.sources)).unwrap(),
            sources: Arc::clone(&sensor.sources),
            health: Box::new(|| Ok(())),
            page: None,
            access: Arc::new(access),
        };
        HttpServer::start(&listening(listen), served).err().expect("no server")
    };
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = start(taken.local_addr().unwrap());
    assert!(matches!(error, HttpError::InUse(_)));
    assert!(error.to_string().contains("metrics.listen"), "{error}");
    assert!(matches!(start(SocketAddr::from(([192, 0, 2, 1], 0))), HttpError::NoSuchAddress(_)));
}

fn listen(sources: &Arc<Sources>, path: &Path) -> Result<ControlSocket, SocketError> {
    let other = |request: &sekisho::control::socket::Request| match request.command.as_str() {
        "reload" => Some(Err("not built yet".to_owned())),
        "panic" => panic!("a defect in a command"),
        _ => None,
    };
    ControlSocket::start(path, commands(Arc::clone(sources), other))
}

#[test]
fn the_socket_answers_and_goes_away_with_the_sensor() {
    let sensor = sensor();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run/sekisho.sock");
    let socket = listen(&sensor.sources, &path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    let status = ask_status(&path).unwrap();
    assert_eq!((status.queues.len(), status.total.received, status.total.in_flight), (2, 20, 2));
    assert!(status.total.balances);
    assert_eq!(status.queues[0].xdp["passed:no_socket"], 4);
    assert_eq!(status.counters["decode_frames_total"], 20);
    assert_eq!(status.alerts.most, [(7, 1)]);
    for (command, want) in [("reload", "not built yet"), ("dance", "no command \"dance\"")] {
        let error = ask(&path, command).unwrap_err();
        assert!(error.to_string().contains(want), "{error}");
    }
    drop(socket);
    assert!(!path.exists());
    assert!(matches!(ask_status(&path), Err(SocketError::NotRunning { .. })));
}

#[test]
fn bad_requests_get_a_sentence_and_the_next_one_an_answer() {
    let sensor = sensor();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sock");
    let _socket = listen(&sensor.sources, &path).unwrap();
    let mut stream = UnixStream::connect(&path).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap()).lines();
    for request in ["", "{", "\u{0}\u{1}", "[1]", r#"{"command":7}"#, r#"{"command":"status","x":1}"#] {
        writeln!(stream, "{request}").unwrap();
        let answer: serde_json::Value = serde_json::from_str(&answers.next().unwrap().unwrap()).unwrap();
        assert_eq!(answer["ok"], false, "{request}");
        assert!(answer["error"].as_str().unwrap().contains("no request"), "{answer}");
    }
    writeln!(stream, r#"{{"command":"status"}}"#).unwrap();
    let answer: serde_json::Value = serde_json::from_str(&answers.next().unwrap().unwrap()).unwrap();
    assert_eq!((&answer["ok"], &answer["result"]["total"]["received"]), (&json!(true), &json!(20)));
    // A client that never ends its line, one that hangs up, and one whose command fails cost nobody else anything.
    let mut endless = UnixStream::connect(&path).unwrap();
    // The sensor closes while this still writes.
    let _ = endless.write_all(&vec![b'x'; 100_000]);
    drop(UnixStream::connect(&path).unwrap());
    assert!(ask(&path, "panic").is_err());
    for _ in 0..40 {
        assert_eq!(ask_status(&path).unwrap().total.received, 20);
    }
}

#[test]
fn a_stale_socket_is_replaced_and_one_in_use_is_not() {
    let sensor = sensor();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sock");
    // A listener that is gone leaves its file behind.
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let first = listen(&sensor.sources, &path).unwrap();
    let error = listen(&sensor.sources, &path).err().expect("refused");
    assert!(matches!(error, SocketError::InUse(_)) && error.to_string().contains("another sensor"), "{error}");
    assert!(ask_status(&path).is_ok(), "the first one still answers");
    drop(first);
    std::fs::write(&path, "precious").unwrap();
    let error = listen(&sensor.sources, &path).err().expect("refused");
    assert!(matches!(error, SocketError::NotASocket(_)), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn a_sensor_does_not_remove_the_socket_of_its_successor() {
    let sensor = sensor();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sock");
    let first = listen(&sensor.sources, &path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let second = listen(&sensor.sources, &path).unwrap();
    drop(first);
    assert!(ask_status(&path).is_ok());
    drop(second);
    assert!(!path.exists());
}

#[test]
fn the_text_of_status_says_what_matters() {
    let sensor = sensor();
    let text = sensor.sources.status().to_string();
    for want in [
        "up 0 s",
        "rules    3 loaded, 2 skipped, 1 with errors; ruleset 0123456789ab",
        "loaded 2026-11-23T01:12:27Z in 1.25 s; reloads: 1 worked, 3 failed",
        "eth0 queue 0                      10               8             0             1          1",
        "sum                               20              16             0             2          2",
        "dropped: 2 malformed",
        "The ledger balances",
        "zero_copy, XDP native, driver igb, busy 25.0 %, rx_dropped 1, rx_ring_full 2, passed:no_socket 4",
        "alerts   1; severity 3: 1",
        "sid 7: 1",
        "decode_frames",
    ] {
        assert!(text.contains(want), "no {want:?} in\n{text}");
    }
    let json = serde_json::to_string(&sensor.sources.status()).unwrap();
    let back: Status = serde_json::from_str(&json).unwrap();
    assert_eq!(back.total, sensor.sources.status().total);
    drop(sensor.outputs);
}

#[test]
fn a_ledger_that_does_not_balance_is_shouted() {
    let mut status = sensor().sources.status();
    status.total.balances = false;
    assert!(status.to_string().contains("DOES NOT BALANCE"));
}

/// What a monitor of many sensors can bear, with the most that the configuration allows: 20,000 signatures, 16 workers, all their counters.
#[test]
fn a_scrape_of_many_rules_and_workers_is_small_and_quick() {
    let rules = ruleset((0..20_000).map(|sid| signature(2_000_000 + sid, "a rule")).collect());
    let folder = tempfile::tempdir().unwrap();
    let context = OutputContext {
        alerts: AlertCatalog::choose(rules.signatures.iter().map(|s| &**s), MetricsConfig::default().alert_sids_max),
        ..OutputContext::default()
    };
    let outputs = Outputs::start(&eve_config(&folder.path().join("eve.json")), context).unwrap();
    let _senders: Vec<_> = (0..16).map(|_| outputs.sender()).collect();
    let mut sources = support::sources(outputs.handle());
    sources.layout = Worker::layout();
    let len = sources.layout.iter().map(Block::len).sum();
    sources.workers = (0..16)
        .map(|queue| {
            let mut worker = support::sources(outputs.handle()).workers.swap_remove(0);
            worker.queue = queue;
            worker.counters = Arc::new(Published::new(len));
            worker
        })
        .collect();
    let metrics = Metrics::new(Arc::new(sources)).unwrap();
    let mut best = std::time::Duration::MAX;
    let mut bytes = 0;
    for _ in 0..5 {
        let begin = std::time::Instant::now();
        bytes = metrics.render().unwrap().len();
        best = best.min(begin.elapsed());
    }
    println!("a scrape: {bytes} bytes in {best:?}");
    assert!(bytes < 1_000_000, "{bytes} bytes");
    // Without optimisation it is slower, and still not slow.
    let most = if cfg!(debug_assertions) { 400 } else { 20 };
    assert!(best < std::time::Duration::from_millis(most), "{best:?}");
}
