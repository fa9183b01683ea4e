//! Live: the sensor on a virtual interface, its rules changed under it while traffic flows. No packet is lost, new rules speak,
//! removed ones are silent, what flows remember stays, and a reload that cannot work changes nothing and says why.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sekisho_tests::frames::{Sender, datagram};
use sekisho_tests::live::built_sensor;
use sekisho_tests::netns::{Namespace, can_run, veth};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

struct Sensor {
    folder: tempfile::TempDir,
    child: Child,
    binary: PathBuf,
    sent: AtomicU64,
}

impl Sensor {
    fn start(binary: PathBuf, rules: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.rules"), rules).unwrap();
        let config = format!(
            "[[interface]]\nname = \"tap0\"\n[rules]\npaths = [\"x.rules\"]\ncache = \"cache\"\n[eve]\npath = \"{0}/eve.json\"\n\
             types = [\"alert\"]\n[control]\nsocket = \"{0}/control\"\n[capture.afxdp]\nhuge_pages = \"never\"\n",
            folder.path().display()
        );
        std::fs::write(folder.path().join("sekisho.toml"), config).unwrap();
        let child = Command::new(&binary)
            .args(["run", "--config"])
            .arg(folder.path().join("sekisho.toml"))
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let sensor = Self { folder, child, binary, sent: AtomicU64::new(0) };
        sensor.until("it answers", |s| s.ask(&["status"]).status.success());
        sensor
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(Instant::now() < end, "waited in vain until {what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A command for the running sensor.
    fn ask(&self, words: &[&str]) -> Output {
        Command::new(&self.binary).args(words).arg("--config").arg(self.path("sekisho.toml")).output().unwrap()
    }

    fn status(&self) -> Value {
        serde_json::from_slice(&self.ask(&["status", "--format", "json"]).stdout).unwrap()
    }

    fn rules(&self, text: &str) {
        std::fs::write(self.path("x.rules"), text).unwrap();
    }

    /// Reloads; what it said.
    fn reload(&self, works: bool) -> String {
        let output = self.ask(&["reload"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), works, "{said}\n{}", self.log());
        said
    }

    fn send(&self, sender: &Sender, flow: u16, text: &str) {
        sender.send(&datagram(flow, text.as_bytes())).unwrap();
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    fn alerts(&self, sid: u64) -> usize {
        let text = std::fs::read_to_string(self.path("eve.json")).unwrap_or_default();
        let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|event| event["alert"]["signature_id"] == sid).count()
    }

    fn until_alerts(&self, sid: u64, count: usize) {
        self.until(&format!("there are {count} alerts of {sid}"), |s| s.alerts(sid) >= count);
        assert_eq!(self.alerts(sid), count);
    }
}

impl Drop for Sensor {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn rule(text: &str, options: &str, sid: u32) -> String {
    format!("alert udp any any -> any any (msg:\"rule {sid}\"; content:\"{text}\"; {options} sid:{sid};)\n")
}

#[test]
fn rules_change_under_traffic_and_nothing_is_lost() {
    if !can_run() {
        return;
    }
    let binary = built_sensor();
    Namespace::new().unwrap().run(|| {
        veth("tap0", "gen0", 1, 1500).unwrap();
        let old = rule("the old word", "", 1) + &rule("set the bit", "flowbits:set,seen; flowbits:noalert;", 2);
        let mut sensor = Sensor::start(binary, &old);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let sender = Sender::new("gen0").unwrap();
                for n in 0_u16.. {
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    sensor.send(&sender, 20_000 + n % 1000, "traffic that no rule asks for");
                    std::thread::sleep(Duration::from_micros(200));
                }
            });
            // Ends the traffic also where an assertion fails.
            let _end = Done(&done);
            change(&sensor, &old);
        });
        let sent = sensor.sent.load(Ordering::Relaxed);
        sensor.until("all is received", |s| s.status()["total"]["received"].as_u64() >= Some(sent));
        let status = sensor.status();
        assert_eq!(status["total"]["received"], sent);
        assert_eq!(status["queues"][0]["xdp"]["redirected"], sent);
        let socket = status["queues"][0]["socket"].as_object().unwrap();
        assert!(socket["rx_dropped"] == 0 && socket["rx_ring_full"] == 0, "{socket:?}");
        kill(Pid::from_raw(sensor.child.id() as i32), Signal::SIGTERM).unwrap();
        assert!(sensor.child.wait().unwrap().success(), "{}", sensor.log());
    });
}

struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn change(sensor: &Sensor, old: &str) {
    let sender = Sender::new("gen0").unwrap();
    sensor.send(&sender, 1, "here is the old word");
    sensor.send(&sender, 2, "please set the bit");
    sensor.until_alerts(1, 1);

    // Other rules, in which the bit has another number.
    let new = rule("never", "flowbits:set,other;", 9)
        + &rule("the new word", "", 3)
        + &rule("read the bit", "flowbits:isset,seen;", 4)
        + "alert udp any any -> any any (msg:\"broken\"; content:nothing; sid:5;)\n";
    sensor.rules(&new);
    let said = sensor.reload(true);
    assert!(said.contains("x.rules:4:") && said.contains("3 rules, 1 with errors"), "{said}");
    sensor.send(&sender, 1, "here is the old word");
    sensor.send(&sender, 1, "here is the new word");
    sensor.send(&sender, 2, "now read the bit");
    sensor.send(&sender, 3, "now read the bit");
    sensor.until_alerts(3, 1);
    sensor.until_alerts(4, 1);
    assert_eq!(sensor.alerts(1), 1, "the rule is gone");
    let status = sensor.status();
    let hash = status["ruleset"]["hash"].as_str().unwrap().to_owned();
    assert_eq!((&status["ruleset"]["epoch"], &status["ruleset"]["reloads_ok"]), (&2.into(), &1.into()));

    // What cannot work changes nothing.
    std::fs::remove_file(sensor.path("x.rules")).unwrap();
    let said = sensor.reload(false);
    assert!(said.contains("x.rules") && said.contains("cannot be read"), "{said}");
    sensor.rules("alert udp any any -> any any (content:nothing; sid:5;)\n");
    assert!(sensor.reload(false).contains("none of the new rules can be used"));
    sensor.rules(&new);
    let config = std::fs::read_to_string(sensor.path("sekisho.toml")).unwrap();
    std::fs::write(sensor.path("sekisho.toml"), config.replace("[rules]", "[rules]\nno_such_key = 1")).unwrap();
    assert!(request(&sensor.path("control"), "reload").contains("no_such_key"));
    std::fs::write(sensor.path("sekisho.toml"), &config).unwrap();
    let status = sensor.status();
    assert_eq!((&status["ruleset"]["hash"], &status["ruleset"]["reloads_failed"]), (&hash.into(), &3.into()));
    assert!(status["ruleset"]["last_failure"].as_str().unwrap().contains("no_such_key"));
    sensor.send(&sender, 4, "here is the new word");
    sensor.until_alerts(3, 2);

    // A signal does the same, and opens the event log anew.
    sensor.rules(old);
    std::fs::rename(sensor.path("eve.json"), sensor.path("eve.json.1")).unwrap();
    kill(Pid::from_raw(sensor.child.id() as i32), Signal::SIGHUP).unwrap();
    sensor.until("the third ruleset is judged", |s| s.status()["ruleset"]["epoch"] == 3);
    sensor.until("the log is opened anew", |s| s.path("eve.json").exists());
    sensor.send(&sender, 5, "here is the old word");
    sensor.until_alerts(1, 1);
    costs(sensor);
}

/// What rules cost is told, too.
fn costs(sensor: &Sensor) {
    let table: Value = serde_json::from_slice(&sensor.ask(&["status", "--rules", "--format", "json"]).stdout).unwrap();
    let rules = table["rules"].as_array().unwrap();
    let first = rules.iter().find(|rule| rule["sid"] == 1).unwrap();
    assert_eq!((&first["candidates"], &first["matches"], &first["msg"]), (&1.into(), &1.into(), &"rule 1".into()));
    let text = String::from_utf8(sensor.ask(&["status", "--rules", "--top", "1"]).stdout).unwrap();
    assert!(text.contains("candidates") && text.lines().count() == 3, "{text}");
}

/// Asks over the control socket itself, where the command line would not read the configuration.
fn request(socket: &Path, command: &str) -> String {
    use std::io::{BufRead as _, BufReader, Write as _};
    let mut stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
    writeln!(stream, "{{\"command\":\"{command}\"}}").unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}
