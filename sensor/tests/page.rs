//! The page's server side, over HTTP: alerts as workers leave them, evidence, live data, and who may ask.

mod support;

use sekisho::control::access::Access;
use sekisho::control::http::{HttpServer, Served};
use sekisho::control::page::{PageConfig, PageParts, PageThread};
use sekisho::event::{AlertEvent, Event};
use sekisho::output::metrics::Metrics;
use sekisho::output::sources::Sources;
use sekisho::output::talkers::Talkers;
use sekisho::output::tap::AlertTaps;
use sekisho::output::{EventSender, MetricsConfig, OutputContext, Outputs};
use sekisho_signatures::model::{Place, Signature};
use sekisho_signatures::ruleset::Ruleset;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{alert, eve_config, ruleset, signature};

const PATIENCE: Duration = Duration::from_secs(30);
const HOSTILE: &str = "<img src=x onerror=alert(1)> \"'</script>";

struct Sensor {
    folder: tempfile::TempDir,
    senders: Vec<EventSender>,
    rules: Arc<Ruleset>,
    page: PageThread,
    server: HttpServer,
    _outputs: Outputs,
}

impl Sensor {
    fn start(workers: usize, config: PageConfig, token: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rule_file = folder.path().join("own.rules");
        std::fs::write(&rule_file, "# ours\nalert ip any any -> any any (msg:\"x\"; sid:7;)\n").unwrap();
        let place = Place { file: 0, line: 2, column: 1 };
        let rules = ruleset(vec![Signature { place, ..signature(7, HOSTILE) }, signature(8, "eight")]);
        // The log is on a full disk: the page shows alerts all the same.
        let mut outputs = Outputs::start(&eve_config(Path::new("/dev/full")), OutputContext::default()).unwrap();
        let (taps, talkers) = (Arc::new(AlertTaps::new(config.payload_bytes)), Arc::new(Talkers::default()));
        outputs.tap(Arc::clone(&taps), Arc::clone(&talkers));
        let senders = (0..workers).map(|_| outputs.sender()).collect();
        let sources: Arc<Sources> = Arc::new(support::sources(outputs.handle()));
        let page = PageThread::start(PageParts {
            config,
            sources: Arc::clone(&sources),
            taps,
            talkers,
            health: Box::new(|| Err("eth1 is gone".to_owned())),
            rule_files: Box::new(move |file| (file == 0).then(|| rule_file.clone())),
            evidence: Some(folder.path().join("evidence")),
        });
        let page = page.unwrap();
        let token_file = token.map(|token| {
            let path = folder.path().join("token");
            std::fs::write(&path, token).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            path
        });
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let config = MetricsConfig { listen, token_file, ..MetricsConfig::default() };
        let served = Served {
            metrics: Metrics::new(Arc::clone(&sources)).unwrap(),
            sources,
            health: Box::new(|| Ok(())),
            page: Some(page.page()),
            access: Arc::new(Access::new(&config, 1).unwrap()),
        };
        let server = HttpServer::start(&config, served).unwrap();
        Self { folder, senders, rules, page, server, _outputs: outputs }
    }

    /// An alert of the first rule, by the worker of that number.
    fn alert(&self, worker: usize, payload: &[u8]) {
        let sender = &self.senders[worker];
        let Event::Alert(event) = alert(&self.rules, 1) else { unreachable!() };
        sender.send(&Event::Alert(AlertEvent { payload: sender.payload_kept(payload), ..event }));
    }

    fn open(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.server.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    /// Head and body of the answer.
    fn ask(&self, line: &str, headers: &str, body: &str) -> (String, Vec<u8>) {
        let length = body.len();
        let mut stream = self.open(&format!(
            "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        ));
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        (String::from_utf8(answer[..end].to_vec()).unwrap(), answer[end + 4..].to_vec())
    }

    fn get(&self, path: &str) -> (String, Vec<u8>) {
        self.ask(&format!("GET {path}"), "", "")
    }

    fn json(&self, path: &str) -> Value {
        let (head, body) = self.get(path);
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("content-type: application/json"), "{path}: {head}");
        serde_json::from_slice(&body).unwrap()
    }

    fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(Instant::now() < end, "waited in vain until {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn counter(&self, name: &str) -> f64 {
        self.page.page().samples().iter().find(|sample| sample.name == name).unwrap().value
    }
}

fn status(head: &str) -> &str {
    head.split(' ').nth(1).unwrap()
}

#[test]
fn alerts_are_shown_while_the_log_is_on_a_full_disk() {
    let sensor = Sensor::start(1, PageConfig { payload_bytes: 8, ..PageConfig::default() }, None);
    sensor.alert(0, b"0123456789");
    sensor.alert(0, b"");
    sensor.until("both are there", |s| s.json("/api/alerts")["alerts"].as_array().unwrap().len() == 2);
    let found = sensor.json("/api/alerts?q=ONERROR&severity=3&before=2");
    assert_eq!((found["alerts"][0]["n"].as_u64(), found["alerts"].as_array().unwrap().len()), (Some(1), 1));
    assert_eq!(found["alerts"][0]["msg"], HOSTILE);
    assert_eq!(found["alerts"][0]["src"], "192.168.1.10");
    let one = sensor.json("/api/alerts/1");
    assert_eq!(one["payload"], "MDEyMzQ1Njc=", "its first eight bytes");
    assert_eq!(one["rule"]["text"], "alert ip any any -> any any (msg:\"x\"; sid:7;)");
    let eve: Value = serde_json::from_str(one["eve"].as_str().unwrap()).unwrap();
    assert_eq!(eve["alert"]["signature"], HOSTILE);
    assert_eq!(sensor.json("/api/alerts/2")["payload"], Value::Null);
    assert_eq!(status(&sensor.get("/api/alerts/3").0), "404");
    for misspelt in ["/api/alerts?limt=1", "/api/alerts?limit=x", "/api/alerts/x", "/api/history?range=year"] {
        assert_eq!(status(&sensor.get(misspelt).0), "400", "{misspelt}");
    }
}

#[test]
fn the_page_comes_compressed_and_shielded() {
    let sensor = Sensor::start(1, PageConfig::default(), None);
    let (head, plain) = sensor.get("/");
    for header in [
        "content-security-policy: default-src 'none'; script-src 'sha256-",
        "x-content-type-options: nosniff",
        "cache-control: no-store",
        "x-frame-options: DENY",
    ] {
        assert!(head.contains(header), "{header} is missing: {head}");
    }
    let (head, packed) = sensor.ask("GET /", "Accept-Encoding: gzip\r\n", "");
    assert!(head.contains("content-encoding: gzip") && packed.len() < plain.len() / 2);
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain);
    // Nothing can be changed.
    for line in ["POST /api/state", "PUT /", "DELETE /api/alerts/1", "POST /metrics"] {
        assert_eq!(status(&sensor.ask(line, "", "").0), "405", "{line}");
    }
    sensor.until("a second has gone by", |s| !s.json("/api/history")["t"].as_array().unwrap().is_empty());
    let state = sensor.json("/api/state");
    assert_eq!((&state["status"]["total"]["received"], &state["trouble"]), (&20.into(), &"eth1 is gone".into()));
}

#[test]
fn evidence_is_served_whole_and_nothing_else_is() {
    let sensor = Sensor::start(1, PageConfig::default(), None);
    let folder = sensor.folder.path().join("evidence");
    assert_eq!(status(&sensor.get("/api/evidence/5").0), "404", "there is no folder yet");
    std::fs::create_dir(&folder).unwrap();
    let packets: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    std::fs::write(folder.join("5-20261123T220000.pcapng"), &packets).unwrap();
    let (head, body) = sensor.get("/api/evidence/5");
    assert!(head.contains("attachment; filename=\"5.pcapng\"") && head.contains("application/x-pcapng"), "{head}");
    assert!(body == packets, "{} bytes", body.len());
    for (path, is) in [("55", "404"), ("..%2ftoken", "400"), ("5.pcapng", "400"), ("-5", "400"), ("../token", "404")] {
        assert_eq!(status(&sensor.get(&format!("/api/evidence/{path}")).0), is, "{path}");
    }
}

#[test]
fn live_data_comes_to_a_bounded_number_of_browsers() {
    let sensor = Sensor::start(1, PageConfig { clients_max: 2, ..PageConfig::default() }, None);
    let request = "GET /api/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut lines = BufReader::new(sensor.open(request)).lines().map(Result::unwrap);
    assert!(lines.by_ref().any(|line| line == "event: hello"));
    sensor.alert(0, b"x");
    assert!(lines.by_ref().any(|line| line == "event: alerts"));
    let data = lines.next().unwrap();
    let alerts: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!((alerts[0]["n"].as_u64(), alerts[0]["msg"].as_str()), (Some(1), Some(HOSTILE)));
    assert!(lines.by_ref().any(|line| line == "event: tick"));
    let second = sensor.open(request);
    sensor.until("two are there", |s| s.counter("page_clients") == 2.0);
    assert_eq!(status(&sensor.get("/api/live").0), "503");
    assert_eq!(sensor.counter("page_clients_refused_total"), 1.0);
    drop((second, lines));
    // A browser that left is noticed when it is to be told something.
    sensor.until("they are gone", |s| s.counter("page_clients") == 0.0);
}

#[test]
fn a_browser_that_takes_nothing_loses_its_place() {
    let sensor = Sensor::start(1, PageConfig { clients_max: 1, ..PageConfig::default() }, None);
    let stalled = sensor.open("GET /api/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
    sensor.until("it is there", |s| s.counter("page_clients") == 1.0);
    // Until all buffers on the way are full, and then for as long as the kernel waits.
    sensor.until("its place is free", |s| {
        (0..200).for_each(|_| s.alert(0, b"x"));
        s.counter("page_clients") == 0.0
    });
    assert_eq!(sensor.counter("page_clients_cut_off_total"), 1.0);
    drop(stalled);
}

#[test]
fn the_token_is_asked_for_everywhere() {
    let sensor = Sensor::start(1, PageConfig::default(), Some("0123456789abcdef0123\n"));
    for path in ["/metrics", "/status", "/healthz", "/api/state", "/api/live", "/api/evidence/1"] {
        let (head, _) = sensor.get(path);
        assert!(status(&head) == "401" && head.contains("www-authenticate: Bearer"), "{path}: {head}");
        let wrong = "Authorization: Bearer 0123456789abcdef0124\r\n";
        assert_eq!(status(&sensor.ask(&format!("GET {path}"), wrong, "").0), "401");
        if path == "/metrics" {
            let right = "Authorization: Bearer 0123456789abcdef0123\r\n";
            assert_eq!(status(&sensor.ask("GET /metrics", right, "").0), "200");
        }
    }
    // A person is asked by a form.
    let (head, _) = sensor.get("/");
    assert!(status(&head) == "303" && head.contains("location: /login"), "{head}");
    let form = String::from_utf8(sensor.get("/login").1).unwrap();
    assert!(form.contains("method=\"post\"") && form.contains("type=\"password\""));
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let (head, body) = sensor.ask("POST /login", kind, "token=guess");
    assert!(status(&head) == "401" && !head.contains("set-cookie"), "{head}");
    assert!(String::from_utf8(body).unwrap().contains("This is not the token."));
    let (head, _) = sensor.ask("POST /login", kind, "token=0123456789abcdef0123");
    let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
    assert!(status(&head) == "303" && cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{head}");
    assert!(!cookie.contains("0123456789abcdef0123"), "the token itself stays here");
    let cookie = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
    assert_eq!(status(&sensor.ask("GET /", &cookie, "").0), "200");
    assert_eq!(status(&sensor.ask("GET /api/state", &cookie, "").0), "200");
}
