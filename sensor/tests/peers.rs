//! Outputs beside the event log, against real peers: whatever a peer does, every event that an output was handed is written or
//! counted as lost, alerts wait for it as far as there is room, and no other output notices.

mod support;

use sekisho::output::{
    EveConfig, EventSender, EventType, Loss, OutputConfig, OutputContext, OutputState, Outputs, RotateConfig,
};
use sekisho_signatures::ruleset::Ruleset;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use support::{alert, eve_config, flow, ruleset, signature};

const PATIENCE: Duration = Duration::from_secs(20);

/// Outputs, with a worker's end.
struct Rig {
    outputs: Outputs,
    sender: EventSender,
    rules: Arc<Ruleset>,
}

impl Rig {
    /// With an event log, if there is a path for one, and outputs as the configuration file would have them.
    fn start(eve: &EveConfig, peers: &str) -> Self {
        let config = sekisho::config::Config::parse("test", peers, &[]).unwrap_or_else(|error| panic!("{error}"));
        let outputs: Vec<OutputConfig> = config.output;
        let context = OutputContext { capture_file: true, ..OutputContext::default() };
        let outputs = Outputs::start_all(eve, &outputs, context).unwrap();
        let sender = outputs.sender();
        Self { outputs, sender, rules: ruleset(vec![signature(1, "x")]) }
    }

    fn alerts(&self, from: u64, n: u64) {
        (from..from + n).for_each(|i| self.sender.send(&alert(&self.rules, i)));
        self.sender.flush();
    }

    fn flows(&self, from: u64, n: u64) {
        (from..from + n).for_each(|i| self.sender.send(&flow(i)));
        self.sender.flush();
    }

    fn state(&self, name: &str) -> OutputState {
        let states = self.outputs.handle().outputs();
        states.into_iter().find(|state| state.name == name).unwrap()
    }

    fn wait(&self, name: &str, what: &str, is_so: impl Fn(&OutputState) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(&self.state(name)) {
            assert!(Instant::now() < deadline, "{what}: {:?}", self.state(name));
            // As a worker does that has no packets.
            self.sender.flush();
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Stops; for each output, what became of its events.
    fn finish(self) -> BTreeMap<String, OutputState> {
        let handle = self.outputs.handle();
        drop(self.sender);
        let _ = self.outputs.finish();
        let states: BTreeMap<String, OutputState> =
            handle.outputs().into_iter().map(|state| (state.name.clone(), state)).collect();
        for state in states.values() {
            for kind in EventType::ALL.iter().copied() {
                let i = kind.index();
                let (sent, written) = (state.reading.sent[i], state.reading.written[i]);
                assert_eq!(sent, written + state.losses.by_type()[i], "{kind:?} of {state:?}");
            }
        }
        states
    }
}

fn written(state: &OutputState, kind: EventType) -> u64 {
    state.reading.written[kind.index()]
}

fn lost(state: &OutputState, loss: Loss, kind: EventType) -> u64 {
    state.losses.of(loss)[kind.index()]
}

fn no_log() -> EveConfig {
    EveConfig { enabled: false, stats_interval_s: 0, ..eve_config(Path::new("/nonexistent")) }
}

/// The numbers of alerts or flows, in their order.
fn numbers<'a>(lines: impl IntoIterator<Item = &'a String>, kind: &str) -> Vec<u64> {
    let key = if kind == "alert" { "pcap_cnt" } else { "flow_id" };
    let values = lines.into_iter().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("{line}")));
    values.filter(|value| value["event_type"] == kind).map(|value| value[key].as_u64().unwrap()).collect()
}

fn range(from: u64, n: u64) -> Vec<u64> {
    (from..from + n).collect()
}

/// What a listener of lines gets from its next client, until that is gone.
fn read_client(listener: &UnixListener) -> thread::JoinHandle<Vec<String>> {
    let (stream, _) = listener.accept().unwrap();
    thread::spawn(move || BufReader::new(stream).lines().map(Result::unwrap).collect())
}

#[test]
fn a_peer_that_comes_later_gets_all_that_waited_alerts_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("collector.sock");
    let rig = Rig::start(&no_log(), &format!("[[output]]\ntype = \"unix\"\naddress = \"unix:{}\"", path.display()));
    rig.flows(1, 300);
    rig.alerts(1, 200);
    rig.wait("unix", "it fails", |state| state.health.last_error.is_some() && !state.health.connected);
    // All of it is to be in the output's queue, the last batches of the worker too.
    for _ in 0..20 {
        rig.sender.flush();
        thread::sleep(Duration::from_millis(10));
    }
    let listener = UnixListener::bind(&path).unwrap();
    let client = read_client(&listener);
    rig.wait("unix", "all are written", |state| state.reading.written.iter().sum::<u64>() == 500);
    assert!(rig.state("unix").health.connected);
    let states = rig.finish();
    let lines = client.join().unwrap();
    assert_eq!((numbers(&lines, "alert"), numbers(&lines, "flow")), (range(1, 200), range(1, 300)));
    assert_eq!(states["unix"].losses.by_type().iter().sum::<u64>(), 0);
    assert!(lines[..200].iter().all(|line| line.contains("\"event_type\":\"alert\"")), "alerts are first");
}

#[test]
fn a_peer_that_dies_gets_the_rest_when_it_is_back_and_no_cut_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("collector.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let rig = Rig::start(&no_log(), &format!("[[output]]\ntype = \"unix\"\naddress = \"unix:{}\"", path.display()));
    // It takes some bytes, not a whole number of lines, and dies.
    let (mut stream, _) = listener.accept().unwrap();
    rig.alerts(1, 3000);
    stream.read_exact(&mut [0; 12_345]).unwrap();
    rig.wait("unix", "its buffer is full", |state| written(state, EventType::Alert) > 100);
    drop(stream);
    let client = read_client(&listener);
    rig.wait("unix", "all are written", |state| written(state, EventType::Alert) == 3000);
    assert!(rig.state("unix").health.reconnects >= 1);
    rig.finish();
    // What the dead one had in its buffer is gone; from then on each alert is there, once and whole.
    let got = numbers(&client.join().unwrap(), "alert");
    let first = got[0];
    assert!(first > 1 && got == range(first, 3001 - first), "from {first}, {} alerts", got.len());
}

#[test]
fn a_stalled_peer_delays_nobody_and_its_alerts_wait_within_their_bound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stalled.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let log = folder.path().join("eve.json");
    let peers = format!(
        "[[output]]\ntype = \"unix\"\nname = \"stalled\"\naddress = \"unix:{}\"\nalert_queue = 2000\nevent_queue = 1000",
        path.display()
    );
    let rig = Rig::start(&EveConfig { stats_interval_s: 0, ..eve_config(&log) }, &peers);
    let (stream, _) = listener.accept().unwrap();
    // It reads nothing. First its socket's buffer fills, then the queue.
    let begin = Instant::now();
    for step in 0..40 {
        rig.flows(1 + step * 1000, 1000);
        rig.alerts(1 + step * 50, 50);
        rig.wait("eve", "the log has it all", |state| written(state, EventType::Flow) == (step + 1) * 1000);
    }
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
    rig.wait("eve", "the log has all alerts", |state| written(state, EventType::Alert) == 2000);
    rig.wait("stalled", "it is seen to stall", |state| state.health.stalled);
    let state = rig.state("stalled");
    assert!(lost(&state, Loss::QueueFull, EventType::Flow) > 35_000, "{state:?}");
    assert_eq!(lost(&state, Loss::QueueFull, EventType::Alert), 0);
    // It wakes up: every alert is there, in order.
    let reader = thread::spawn(move || BufReader::new(stream).lines().map(Result::unwrap).collect::<Vec<_>>());
    rig.wait("stalled", "it takes what waited", |state| state.reading.queued == 0);
    // Beyond the bound, alerts are lost too, and counted.
    assert!(!rig.state("stalled").health.stalled);
    let states = rig.finish();
    assert_eq!(numbers(&reader.join().unwrap(), "alert"), range(1, 2000));
    assert_eq!(states["eve"].losses.by_type().iter().sum::<u64>(), 0);
}

#[test]
fn alerts_beyond_their_bound_are_counted() {
    let peers = "[[output]]\ntype = \"unix\"\naddress = \"unix:/nonexistent/x.sock\"\nalert_queue = 100\nevent_queue = 10\n\
                 types = [\"alert\", \"flow\"]";
    let rig = Rig::start(&no_log(), peers);
    rig.alerts(1, 1000);
    rig.flows(1, 1000);
    rig.wait("unix", "what finds no room is lost", |state| state.losses.by_type().iter().sum::<u64>() == 1890);
    let state = rig.state("unix");
    assert_eq!(lost(&state, Loss::QueueFull, EventType::Alert), 900);
    assert_eq!((state.reading.queued, state.health.capacity), (110, 110));
    let states = rig.finish();
    assert_eq!(lost(&states["unix"], Loss::Shutdown, EventType::Alert), 100);
    assert_eq!(lost(&states["unix"], Loss::Shutdown, EventType::Flow), 10);
}

#[test]
fn datagrams_are_one_event_each_and_too_long_ones_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dgram.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    let peers = format!(
        "[[output]]\ntype = \"unix\"\nsocket = \"datagram\"\naddress = \"unix:{}\"\nmessage_max_bytes = 2000\ntypes = [\"alert\"]",
        path.display()
    );
    let rig = Rig::start(&no_log(), &peers);
    let reader = thread::spawn(move || {
        let mut lines = Vec::new();
        let mut buffer = vec![0; 70_000];
        while lines.len() < 100 {
            let n = socket.recv(&mut buffer).unwrap();
            lines.push(String::from_utf8(buffer[..n].to_vec()).unwrap());
        }
        lines
    });
    let long = ruleset(vec![signature(1, &"long ".repeat(1000))]);
    rig.alerts(1, 50);
    rig.sender.send(&alert(&long, 51));
    rig.flows(1, 10);
    rig.alerts(52, 50);
    rig.wait("unix", "all are settled", |state| state.reading.queued == 0);
    assert_eq!(lost(&rig.state("unix"), Loss::TooLong, EventType::Alert), 1);
    assert_eq!(numbers(&reader.join().unwrap(), "alert"), [range(1, 50), range(52, 50)].concat());
    assert_eq!(written(&rig.finish()["unix"], EventType::Flow), 0, "it did not ask for flows");
}

#[test]
fn rotation_by_size_under_load_loses_and_cuts_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("eve.json");
    let rotate = RotateConfig { size_bytes: 300_000, ..RotateConfig::default() };
    let eve = EveConfig { rotate, stats_interval_s: 0, ..eve_config(&log) };
    let rig = Rig::start(&eve, "");
    for step in 0..20 {
        rig.flows(1 + step * 1000, 1000);
        rig.wait("eve", "it is written", |state| written(state, EventType::Flow) == (step + 1) * 1000);
    }
    assert!(rig.state("eve").health.rotations > 5, "{:?}", rig.state("eve"));
    let deadline = Instant::now() + PATIENCE;
    let rotated = || -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut paths: Vec<PathBuf> = entries.filter(|path| *path != log).collect();
        paths.sort_by_key(|path| path.with_extension(""));
        paths
    };
    while !rotated().iter().all(|path| path.extension().is_some_and(|ext| ext == "zst")) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    rig.finish();
    let mut lines: Vec<String> = Vec::new();
    for path in rotated() {
        let file = std::fs::File::open(&path).unwrap();
        let text = std::io::read_to_string(zstd::stream::read::Decoder::new(file).unwrap()).unwrap();
        assert!(text.ends_with('\n'), "{}", path.display());
        lines.extend(text.lines().map(str::to_owned));
    }
    lines.extend(std::fs::read_to_string(&log).unwrap().lines().map(str::to_owned));
    assert_eq!(numbers(&lines, "flow"), range(1, 20_000), "in the order of the files' names");
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// None if it is not installed, which is no excuse where everything is tested.
    fn start(command: &mut Command) -> Option<Self> {
        match command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
            Ok(child) => Some(Self(child)),
            Err(error) => {
                let program = command.get_program().to_string_lossy().into_owned();
                assert!(std::env::var_os("CI").is_none(), "{program} cannot be started: {error}");
                eprintln!("skipped: {program} is not installed");
                None
            }
        }
    }

    fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }
}

struct Redis {
    _running: Running,
    connection: redis::Connection,
}

impl Redis {
    fn start(folder: &Path) -> Option<Self> {
        let socket = folder.join("redis.sock");
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--appendonly", "yes", "--appendfsync", "always"]);
        command.args(["--requirepass", "secret", "--unixsocket"]).arg(&socket).arg("--dir").arg(folder);
        let running = Running::start(&mut command)?;
        let client = redis::Client::open(format!("unix://{}?pass=secret", socket.display())).unwrap();
        let deadline = Instant::now() + PATIENCE;
        let connection = loop {
            let asked = client.get_connection().and_then(|mut connection| {
                redis::cmd("PING").query::<String>(&mut connection)?;
                Ok(connection)
            });
            match asked {
                Ok(connection) => break connection,
                Err(error) => assert!(Instant::now() < deadline, "Redis does not answer: {error}"),
            }
            thread::sleep(Duration::from_millis(20));
        };
        Some(Self { _running: running, connection })
    }

    fn ask(&mut self, words: &[&str]) -> redis::Value {
        let mut command = redis::Cmd::new();
        command.arg(words);
        command.query(&mut self.connection).unwrap()
    }

    /// The events in the stream.
    fn events(&mut self) -> Vec<String> {
        type Entry = (String, BTreeMap<String, String>);
        let entries: Vec<Entry> = redis::cmd("XRANGE").arg(&["office", "-", "+"]).query(&mut self.connection).unwrap();
        entries.into_iter().map(|(_, mut fields)| fields.remove("event").unwrap()).collect()
    }
}

fn redis_output(folder: &Path) -> String {
    std::fs::write(folder.join("password"), "secret\n").unwrap();
    let folder = folder.display();
    format!(
        "[[output]]\ntype = \"redis\"\naddress = \"unix://{folder}/redis.sock\"\npassword_file = \"{folder}/password\"\n\
         stream = \"office\"\nstream_max_entries = 100000"
    )
}

#[test]
fn redis_gets_every_event_though_it_comes_late_refuses_and_dies() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(&no_log(), &redis_output(folder.path()));
    rig.alerts(1, 600);
    rig.wait("redis", "nobody is there", |state| state.health.last_error.is_some());
    let Some(mut server) = Redis::start(folder.path()) else { return };
    rig.wait("redis", "all are in", |state| written(state, EventType::Alert) == 600);
    assert_eq!(numbers(&server.events(), "alert"), range(1, 600));
    // It has no memory left.
    server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    rig.alerts(601, 300);
    let refused = |state: &OutputState| state.health.last_error.as_ref().is_some_and(|text| text.contains("OOM"));
    rig.wait("redis", "it refuses", refused);
    server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    rig.wait("redis", "it has room again", |state| written(state, EventType::Alert) == 900);
    assert_eq!(numbers(&server.events(), "alert"), range(1, 900), "a transaction is taken whole or not at all");
    // It dies, and is back with what it has on its disk.
    drop(server);
    rig.alerts(901, 300);
    rig.wait("redis", "it is gone", |state| !state.health.connected);
    let Some(mut server) = Redis::start(folder.path()) else { return };
    rig.wait("redis", "all are in", |state| written(state, EventType::Alert) == 1200);
    assert_eq!(numbers(&server.events(), "alert"), range(1, 1200));
    let state = &rig.finish()["redis"];
    assert!(state.health.reconnects >= 2 && state.losses.by_type().iter().sum::<u64>() == 0, "{state:?}");
}

#[test]
fn a_stopped_redis_holds_up_nothing_and_gets_the_alerts_when_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut server) = Redis::start(folder.path()) else { return };
    let log = folder.path().join("eve.json");
    let rig = Rig::start(&EveConfig { stats_interval_s: 0, ..eve_config(&log) }, &redis_output(folder.path()));
    rig.wait("redis", "it is there", |state| state.health.connected);
    server._running.signal(nix::sys::signal::Signal::SIGSTOP);
    rig.alerts(1, 1000);
    rig.flows(1, 5000);
    rig.wait("eve", "the log has it all", |state| state.reading.written.iter().sum::<u64>() == 6000);
    assert_eq!(written(&rig.state("redis"), EventType::Alert), 0);
    rig.wait("redis", "it is seen to stall", |state| state.health.stalled);
    server._running.signal(nix::sys::signal::Signal::SIGCONT);
    rig.wait("redis", "it takes what waited", |state| state.reading.queued == 0);
    let mut got = numbers(&server.events(), "alert");
    // A transaction whose answer did not come in time was sent again.
    got.sort_unstable();
    got.dedup();
    assert_eq!(got, range(1, 1000));
    let state = &rig.finish()["redis"];
    assert_eq!(state.losses.by_type().iter().sum::<u64>(), 0, "{state:?}");
}

/// rsyslog with an input for each transport, and what it took: APP-NAME, MSGID, facility, severity, host, message.
struct Rsyslog {
    _running: Running,
    folder: PathBuf,
    tcp: u16,
    udp: u16,
}

impl Rsyslog {
    fn start(folder: &Path, udp: u16) -> Option<Self> {
        let at = folder.display();
        let conf = format!(
            "global(workDirectory=\"{at}\" maxMessageSize=\"64k\")\n\
             module(load=\"imtcp\")\nmodule(load=\"imudp\")\n\
             module(load=\"imuxsock\" SysSock.Use=\"off\")\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"0\" listenPortFileName=\"{at}/tcp.port\")\n\
             input(type=\"imudp\" address=\"127.0.0.1\" port=\"{udp}\")\n\
             input(type=\"imuxsock\" Socket=\"{at}/log.sock\" UseSpecialParser=\"off\" ParseHostname=\"on\" RateLimit.Interval=\"0\")\n\
             template(name=\"t\" type=\"string\" string=\"%inputname% %app-name% %msgid% %syslogfacility-text% %syslogseverity-text% %hostname% %msg%\\n\")\n\
             action(type=\"omfile\" file=\"{at}/got\" template=\"t\")\n"
        );
        std::fs::write(folder.join("rsyslog.conf"), conf).unwrap();
        // Left by one that was killed.
        for name in ["tcp.port", "log.sock"] {
            let _ = std::fs::remove_file(folder.join(name));
        }
        let mut command = Command::new("rsyslogd");
        command.arg("-n").arg("-f").arg(folder.join("rsyslog.conf")).arg("-i").arg(folder.join("rsyslog.pid"));
        let running = Running::start(&mut command)?;
        let deadline = Instant::now() + PATIENCE;
        let tcp = loop {
            let port = std::fs::read_to_string(folder.join("tcp.port")).ok().and_then(|text| text.trim().parse().ok());
            if let Some(port) = port.filter(|_| folder.join("log.sock").exists()) {
                break port;
            }
            assert!(Instant::now() < deadline, "rsyslog does not start");
            thread::sleep(Duration::from_millis(20));
        };
        Some(Self { _running: running, folder: folder.to_owned(), tcp, udp })
    }

    /// Input, header, and event of each line, once there are `n`.
    fn got(&self, n: usize) -> Vec<(String, String, String)> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = std::fs::read_to_string(self.folder.join("got")).unwrap_or_default();
            let whole = text.ends_with('\n');
            if whole && text.lines().count() >= n || Instant::now() > deadline {
                let split = |line: &str| {
                    let (head, event) = line.split_once('{').unwrap_or_else(|| panic!("{line}"));
                    let (input, head) = head.split_once(' ').unwrap();
                    (input.to_owned(), head.trim_end().to_owned(), format!("{{{event}"))
                };
                return text.lines().map(split).collect();
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn free_udp_port() -> u16 {
    std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn rsyslog_reads_every_message_over_each_transport() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Rsyslog::start(folder.path(), free_udp_port()) else { return };
    let (tcp, udp, at) = (server.tcp, server.udp, folder.path().display());
    let peers = format!(
        "[[output]]\ntype = \"syslog\"\nname = \"tcp\"\naddress = \"tcp://127.0.0.1:{tcp}\"\nfacility = \"local3\"\napp_name = \"nids\"\nmessage_max_bytes = 20000\n\
         [[output]]\ntype = \"syslog\"\nname = \"udp\"\naddress = \"udp://127.0.0.1:{udp}\"\n\
         [[output]]\ntype = \"syslog\"\nname = \"local\"\naddress = \"unix:{at}/log.sock\"\n"
    );
    let rig = Rig::start(&no_log(), &peers);
    let long = ruleset(vec![signature(1, &"long ".repeat(3000))]);
    for step in 0..10 {
        rig.alerts(1 + step * 10, 10);
        rig.flows(1 + step * 10, 10);
        // UDP has no way to say that it is too much.
        rig.wait("udp", "they are sent", |state| state.reading.queued == 0);
    }
    rig.sender.send(&alert(&long, 101));
    rig.sender.flush();
    for name in ["tcp", "udp", "local"] {
        rig.wait(name, "they are sent", |state| {
            state.reading.sent.iter().sum::<u64>() == 201 && state.reading.queued == 0
        });
    }
    let got = server.got(601 - 2);
    let states = rig.finish();
    for (name, input, alerts, head) in [
        ("tcp", "imtcp", 101, "nids alert local3 warning"),
        ("udp", "imudp", 100, "sekisho alert local0 warning"),
        ("local", "imuxsock", 100, "sekisho alert local0 warning"),
    ] {
        let own: Vec<_> = got.iter().filter(|(from, ..)| from == input).collect();
        let lines: Vec<String> = own.iter().map(|(_, _, event)| event.clone()).collect();
        assert_eq!(numbers(&lines, "alert"), range(1, alerts), "{name}");
        assert_eq!(numbers(&lines, "flow"), range(1, 100), "{name}");
        let heads = own.iter().filter(|(_, _, event)| event.contains("\"event_type\":\"alert\""));
        assert!(heads.clone().all(|(_, got, _)| got.starts_with(head)), "{:?}", heads.map(|h| &h.1).next());
        // Longer than the default of 8192 bytes: not cut, but counted.
        assert_eq!(lost(&states[name], Loss::TooLong, EventType::Alert), 101 - alerts, "{name}");
    }
}

#[test]
fn rsyslog_over_tcp_may_stop_die_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Rsyslog::start(folder.path(), free_udp_port()) else { return };
    let peers = format!("[[output]]\ntype = \"syslog\"\naddress = \"tcp://127.0.0.1:{}\"", server.tcp);
    let rig = Rig::start(&no_log(), &peers);
    rig.alerts(1, 100);
    rig.wait("syslog", "they are sent", |state| state.reading.queued == 0);
    assert_eq!(server.got(100).len(), 100);
    server._running.signal(nix::sys::signal::Signal::SIGSTOP);
    rig.alerts(101, 900);
    thread::sleep(Duration::from_millis(300));
    server._running.signal(nix::sys::signal::Signal::SIGCONT);
    rig.wait("syslog", "they are sent", |state| state.reading.queued == 0);
    let events = |n| server.got(n).into_iter().map(|(_, _, event)| event).collect::<Vec<_>>();
    assert_eq!(numbers(&events(1000), "alert"), range(1, 1000));
    // It ends, having read all. The next alerts wait: nobody is at that port, until somebody listens there.
    let port = server.tcp;
    drop(server);
    rig.wait("syslog", "it is gone", |state| !state.health.connected);
    rig.alerts(1001, 50);
    let listener = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let (stream, _) = listener.accept().unwrap();
    let reader = thread::spawn(move || std::io::read_to_string(stream).unwrap());
    rig.wait("syslog", "all are written", |state| written(state, EventType::Alert) == 1050);
    assert_eq!(rig.finish()["syslog"].losses.by_type().iter().sum::<u64>(), 0);
    // RFC 6587: each message behind its length, and nothing between them.
    let (text, mut events) = (reader.join().unwrap(), Vec::new());
    let mut rest = text.as_str();
    while let Some((len, after)) = rest.split_once(' ') {
        let (message, after) = after.split_at(len.parse().unwrap());
        assert!(message.starts_with("<132>1 2"), "{message}");
        events.push(message[message.find('{').unwrap()..].to_owned());
        rest = after;
    }
    assert_eq!((numbers(&events, "alert"), rest), (range(1001, 50), ""));
}

/// A log on a disk that fills up, in a mount namespace of this thread and those that it starts.
#[test]
fn a_full_disk_holds_up_no_other_output_and_the_log_goes_on_when_there_is_room() {
    if !nix::unistd::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "needs root, to mount a small file system");
        eprintln!("skipped: needs root, to mount a small file system");
        return;
    }
    use nix::mount::{MsFlags, mount};
    let folder = tempfile::tempdir().unwrap();
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).unwrap();
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    mount(Some("none"), &disk, Some("tmpfs"), MsFlags::empty(), Some("size=1m")).unwrap();
    let filler = disk.join("filler");
    std::fs::write(&filler, vec![0; 900_000]).unwrap();

    let path = folder.path().join("collector.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let log = disk.join("eve.json");
    let eve = EveConfig { stats_interval_s: 0, alert_queue: 4000, event_queue: 500, ..eve_config(&log) };
    let rig = Rig::start(&eve, &format!("[[output]]\ntype = \"unix\"\naddress = \"unix:{}\"", path.display()));
    let client = read_client(&listener);
    // A hundred at a time: what one worker's queue has room for is not what is tried here.
    for step in 0..50 {
        rig.flows(1 + step * 100, 100);
        rig.alerts(1 + step * 20, 20);
        let all = |state: &OutputState| state.reading.written.iter().sum::<u64>() == (step + 1) * 120;
        rig.wait("unix", "the other has it all", all);
    }
    rig.wait("eve", "the disk is full", |state| {
        state.health.last_error.as_ref().is_some_and(|e| e.contains("No space"))
    });
    assert_eq!(lost(&rig.state("eve"), Loss::QueueFull, EventType::Alert), 0);
    assert!(lost(&rig.state("eve"), Loss::QueueFull, EventType::Flow) > 1000);
    std::fs::remove_file(&filler).unwrap();
    rig.wait("eve", "there is room again", |state| state.reading.queued == 0);
    let states = rig.finish();
    assert_eq!(written(&states["eve"], EventType::Alert), 1000);
    let lines: Vec<String> = std::fs::read_to_string(&log).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(numbers(&lines, "alert"), range(1, 1000));
    assert_eq!(numbers(&lines, "flow").len() as u64, written(&states["eve"], EventType::Flow));
    assert_eq!(numbers(&client.join().unwrap(), "flow"), range(1, 5000));
}

/// SIGHUP: a peer is tried at once, however long the next attempt is away.
#[test]
fn reopening_tries_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("late.sock");
    let log = folder.path().join("eve.json");
    let peers = format!("[[output]]\ntype = \"unix\"\naddress = \"unix:{}\"", path.display());
    let rig = Rig::start(&EveConfig { stats_interval_s: 0, ..eve_config(&log) }, &peers);
    // After six attempts the next one is seconds away.
    rig.wait("unix", "it was tried often", |state| state.reading.write_errors >= 6);
    let listener = UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    std::fs::rename(&log, folder.path().join("eve.json.1")).unwrap();
    let begin = Instant::now();
    rig.outputs.reopen();
    rig.wait("unix", "it is there", |state| state.health.connected);
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    let deadline = Instant::now() + PATIENCE;
    while !log.exists() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(5));
    }
    rig.alerts(1, 1);
    rig.wait("eve", "the new file has it", |state| written(state, EventType::Alert) == 1);
    rig.finish();
    assert_eq!(std::fs::read_to_string(&log).unwrap().lines().count(), 1);
    let _ = UnixStream::connect(&path);
}

/// How many events a second one output thread writes to a file: `cargo test --release -p sekisho --test peers -- --ignored
/// --nocapture rate`, as bench/outputs does.
#[test]
#[ignore = "a measurement: bench/outputs runs it"]
fn rate_of_the_event_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("eve.json");
    let seconds: u64 = std::env::var("SECONDS_EACH").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    let wanted: u64 = std::env::var("RATE").ok().and_then(|text| text.parse().ok()).unwrap_or(50_000);
    let rig = Rig::start(&EveConfig { stats_interval_s: 0, ..eve_config(&log) }, "");
    let begin = Instant::now();
    let mut sent = 0;
    while begin.elapsed() < Duration::from_secs(seconds) {
        let due = begin.elapsed().as_millis() as u64 * wanted / 1000;
        let n = due.saturating_sub(sent);
        rig.flows(1 + sent, n);
        sent += n;
        thread::sleep(Duration::from_millis(1));
    }
    let state = &rig.finish()["eve"];
    let all = written(state, EventType::Flow);
    println!("event log: {sent} events in {seconds} s, {all} written, {} lost", sent - all);
    assert_eq!(all, sent);
}
