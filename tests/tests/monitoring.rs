//! What an operator watches the sensor by: metrics, alarms, routes, dashboards. The files are checked by Prometheus' and
//! Alertmanager's own tools; the dashboards' questions are put to a real Prometheus that reads a real sensor.

use sekisho_tests::case::capture_of;
use sekisho_tests::frames::Sender;
use sekisho_tests::live::built_sensor;
use sekisho_tests::netns::{Namespace, can_run, veth};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Panels' questions that a healthy sensor answers with nothing, and why that is right.
const MAY_BE_EMPTY: [&str; 1] = [
    // The kernel lets by or drops nothing where nothing is configured that has it do so.
    "sekisho_xdp_packets_total{office=\"$office\",outcome!=\"redirected\"}[$__range])) > 0",
];
/// Names of groups of rules, which look like metrics.
const GROUPS: [&str; 5] = ["sekisho_findings", "sekisho_fleet", "sekisho_health", "sekisho_queue", "sekisho_sensor"];
const PROMETHEUS: &str = "127.0.0.1:9090";
const SENSOR: &str = "127.0.0.1:9477";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Runs a program from the project's root; it must end well. Returns what it printed.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(root()).output();
    let output = output.unwrap_or_else(|error| panic!("{program} (see deploy/packages): {error}"));
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}:\n{text}");
    text
}

/// The names of all alarms.
fn alarms() -> Vec<String> {
    let rules = read("deploy/prometheus/rules/alerts.yml");
    rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).map(str::to_owned).collect()
}

#[test]
fn prometheus_takes_the_rules_and_each_alarm_fires_and_is_silent() {
    run("promtool", &["check", "config", "deploy/prometheus/prometheus.yml"]);
    run("promtool", &["test", "rules", "deploy/prometheus/tests/alerts.test.yml"]);
    let tests = read("deploy/prometheus/tests/alerts.test.yml");
    let (rules, runbook) = (read("deploy/prometheus/rules/alerts.yml"), read("docs/alarms.md"));
    let alarms = alarms();
    assert!(alarms.len() > 15);
    for alarm in &alarms {
        let asked = format!("alertname=\"{alarm}\",");
        let expectations: Vec<&str> = tests.lines().filter(|line| line.contains(&asked)).collect();
        assert!(expectations.iter().any(|line| line.contains("exp_samples: [{")), "{alarm} is not tested firing");
        assert!(expectations.iter().any(|line| line.contains("exp_samples: []")), "{alarm} is not tested silent");
        let rule = rules.split("- alert: ").find(|rule| rule.starts_with(&format!("{alarm}\n"))).unwrap();
        for key in ["summary: ", "description: ", "action: ", "severity: ", "audience: "] {
            assert!(rule.contains(key), "{alarm} has no {key}");
        }
        let anchor = rule.split("docs/alarms.md#").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
        assert!(
            runbook.lines().any(|line| line.strip_prefix("## ").is_some_and(|name| name.to_lowercase() == anchor)),
            "docs/alarms.md has no {anchor}"
        );
    }
}

#[test]
fn alarms_reach_those_who_are_meant() {
    let config = "deploy/alertmanager/alertmanager.yml";
    run("amtool", &["check-config", config]);
    for line in read("deploy/alertmanager/routes.test").lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let receiver = format!("--verify.receivers={}", words.next().unwrap());
        let file = format!("--config.file={config}");
        let mut arguments = vec!["config", "routes", "test", &file, &receiver];
        arguments.extend(words);
        run("amtool", &arguments);
    }
}

fn dashboards() -> Vec<Value> {
    let folder = root().join("deploy/grafana/dashboards");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let parse = |path: &PathBuf| serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    paths.iter().map(parse).collect()
}

/// What the types of @grafana/schema do not say; deploy/grafana/render/run holds the dashboards against those.
#[test]
fn dashboards_are_what_their_script_makes_and_explain_themselves() {
    run("deploy/grafana/build", &["--check"]);
    let dashboards = dashboards();
    let uids: Vec<&str> = dashboards.iter().map(|board| board["uid"].as_str().unwrap()).collect();
    assert_eq!(uids.len(), 4);
    for board in &dashboards {
        let at = |panel: &Value| format!("{}: {}", board["title"], panel["title"]);
        assert_eq!(board["templating"]["list"][0]["type"], "datasource");
        let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
        for panel in board["panels"].as_array().unwrap() {
            assert!(ids.insert(panel["id"].as_u64()), "{} has another one's id", at(panel));
            let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            for x in place("x")..place("x") + place("w") {
                assert!(x < 24, "{} sticks out", at(panel));
                for y in place("y")..place("y") + place("h") {
                    assert!(places.insert((x, y)), "{} lies on another one", at(panel));
                }
            }
            if panel["type"] == "row" {
                continue;
            }
            assert!(
                panel["description"].as_str().is_some_and(|text| text.len() > 20),
                "{} is not explained",
                at(panel)
            );
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{} has no unit", at(panel));
            for target in panel["targets"].as_array().unwrap() {
                assert_eq!(target["datasource"]["uid"], "${datasource}", "{}", at(panel));
            }
        }
        for linked in board.to_string().split("/d/").skip(1).map(|rest| rest.split('/').next().unwrap()) {
            assert!(uids.contains(&linked), "a link to {linked}, which there is not");
        }
    }
}

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ =
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.0.id().cast_signed()), nix::sys::signal::SIGTERM);
        let _ = self.0.wait();
    }
}

fn start(folder: &Path, program: &Path, arguments: &[&str]) -> Running {
    let name = program.file_name().unwrap().to_string_lossy().into_owned();
    let log = std::fs::File::create(folder.join(format!("{name}.log"))).unwrap();
    let out = log.try_clone().unwrap();
    let child = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(out).stderr(log).spawn();
    Running(child.unwrap_or_else(|error| panic!("{name} (see deploy/packages): {error}")))
}

fn wait_for(what: &str, folder: &Path, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        if Instant::now() > end {
            let logs = ["sekisho.log", "prometheus.log"].map(|name| std::fs::read_to_string(folder.join(name)));
            panic!("waited in vain until {what}\n{logs:?}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// GET in the caller's namespace.
fn get(address: &str, path: &str) -> Option<String> {
    let url = format!("http://{address}{path}");
    let output = Command::new("curl").args(["-s", "-m", "10", &url]).output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

/// A question to Prometheus as it is now: its series.
fn ask(expr: &str) -> Result<Vec<Value>, String> {
    let output = Command::new("curl")
        .args([
            "-s",
            "-m",
            "10",
            "--data-urlencode",
            &format!("query={expr}"),
            &format!("http://{PROMETHEUS}/api/v1/query"),
        ])
        .output()
        .unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    match answer["data"]["result"].as_array() {
        Some(series) => Ok(series.clone()),
        None => Err(answer["error"].to_string()),
    }
}

/// The frames of a capture file with little-endian headers, as `make.py` writes them.
fn frames(capture: &Path) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(capture).unwrap();
    assert_eq!(bytes[20], 1, "Ethernet");
    let (mut rest, mut frames) = (&bytes[24..], vec![]);
    while rest.len() >= 16 {
        let len = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        frames.push(rest[16..16 + len].to_vec());
        rest = &rest[16 + len..];
    }
    frames
}

/// The sensor, and Prometheus over it, in the caller's namespace.
fn set_up(folder: &Path) -> [Running; 2] {
    let sensor = built_sensor();
    std::fs::write(
        folder.join("own.rules"),
        "alert ip any any -> any any (msg:\"TEST anything with an e\"; content:\"e\"; classtype:trojan-activity; priority:1; sid:1;)\n",
    )
    .unwrap();
    let config = format!(
        "[[interface]]\nname = \"tap0\"\n[[inline]]\nports = [\"in0\", \"in1\"]\n[rules]\npaths = [\"own.rules\", \"{root}/signatures/rules\"]\n\
         cache = \"cache\"\n[eve]\npath = \"{0}/eve.json\"\n[control]\nsocket = \"{0}/control\"\n[capture.afxdp]\nhuge_pages = \"never\"\n\
         [files.store]\nenabled = true\nfolder = \"{0}\"\n[yara]\nrules = [\"{root}/signatures/yara\"]\n\
         [evidence]\nenabled = true\nfolder = \"{0}/evidence\"\n",
        folder.display(),
        root = root().display()
    );
    std::fs::write(folder.join("sekisho.toml"), config).unwrap();
    let sensor = start(folder, &sensor, &["run", "--config", &folder.join("sekisho.toml").display().to_string()]);
    let deployed = root().join("deploy/prometheus").canonicalize().unwrap();
    let prometheus = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [\"{}/rules/*.yml\"]\nscrape_configs:\n\
         - job_name: sekisho\n  static_configs: [{{targets: [\"{SENSOR}\"], labels: {{office: test}}}}]\n",
        deployed.display()
    );
    std::fs::write(folder.join("prometheus.yml"), prometheus).unwrap();
    let file = |name: &str| folder.join(name).display().to_string();
    let arguments = [
        format!("--config.file={}", file("prometheus.yml")),
        format!("--storage.tsdb.path={}", file("data")),
        format!("--web.listen-address={PROMETHEUS}"),
    ];
    let prometheus = start(folder, Path::new("prometheus"), &arguments.each_ref().map(String::as_str));
    wait_for("the sensor answers", folder, || get(SENSOR, "/metrics").is_some());
    wait_for("Prometheus has read it", folder, || ask("sekisho_uptime_seconds").is_ok_and(|series| !series.is_empty()));
    [sensor, prometheus]
}

/// All names of metrics in a text: of expressions, or of whole files of them.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    let names =
        words.filter(|word| (word.starts_with("sekisho_") || word.starts_with("process_")) && !word.contains(':'));
    names.map(|name| name.trim_end_matches("_bucket").to_owned()).collect()
}

/// A metric as a scrape tells it: its type, help and labels.
#[derive(Default)]
struct Family {
    kind: String,
    help: String,
    labels: BTreeSet<String>,
}

fn families(scrape: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    for line in scrape.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            families.entry(name.to_owned()).or_default().help = help.replace("\\n", " ");
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            families.entry(name.to_owned()).or_default().kind = kind.to_owned();
        } else if let Some((name, rest)) = line.split_once('{') {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
            let name = base.filter(|base| families.contains_key(*base)).unwrap_or(name);
            let labels = rest.split("=\"").filter_map(|part| part.rsplit(['"', ',']).next()).filter(|label| {
                !label.is_empty() && *label != "le" && label.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            });
            families.get_mut(name).unwrap().labels.extend(labels.map(str::to_owned));
        }
    }
    families
}

/// docs/metrics.md.
fn reference(families: &BTreeMap<String, Family>) -> String {
    let mut text = "# Metrics\n\n\
        All that `http://127.0.0.1:9477/metrics` tells, made from a running sensor by `tests/tests/monitoring.rs` (`UPDATE=1` writes it). Counters only grow;\n\
        those of a queue are of its worker. Metrics of what a sensor does not use (links in line, stores, YARA) are not there.\n\n\
        | metric | type | labels | what it tells |\n|---|---|---|---|\n"
        .to_owned();
    for (name, Family { kind, help, labels }) in families {
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{name}` | {kind} | {} | {} |", labels.join(", "), help.replace('|', "\\|"));
    }
    text
}

#[test]
fn every_question_of_every_panel_is_answered_by_a_real_prometheus() {
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let namespace = Namespace::new().unwrap();
    let (scrape, problems) = namespace.run(|| {
        veth("tap0", "gen0", 1, 1500).unwrap();
        veth("in0", "far0", 1, 1500).unwrap();
        veth("in1", "far1", 1, 1500).unwrap();
        let _running = set_up(folder.path());
        let sender = Sender::new("gen0").unwrap();
        let mut traffic = vec![];
        for case in [
            "pack-beacons",
            "pack-shells",
            "pack-transfers",
            "dns-many",
            "smtp-mail",
            "decode-not-ip",
            "defrag-udp",
            "stream-gap",
        ] {
            traffic.extend(frames(&capture_of(&root().join("tests/cases").join(case), folder.path()).unwrap()));
        }
        for _ in 0..6 {
            traffic.iter().filter(|frame| frame.len() <= 1514).for_each(|frame| sender.send(frame).unwrap());
            std::thread::sleep(Duration::from_secs(1));
        }
        let scrape = get(SENSOR, "/metrics").unwrap();
        (scrape, questions())
    });
    assert!(problems.is_empty(), "{}", problems.join("\n"));

    // Every metric that is asked for exists; every one that exists is asked for, or it is said why not.
    let families = families(&scrape);
    let mut asked = named(&read("deploy/prometheus/rules/alerts.yml"));
    asked.extend(named(&read("deploy/prometheus/rules/recording.yml")));
    for board in dashboards() {
        asked.extend(named(&board["panels"].to_string()));
    }
    let missing: Vec<&String> = asked
        .iter()
        .filter(|name| !families.contains_key(*name) && *name != "sekisho_shedding" && !GROUPS.contains(&name.as_str()))
        .collect();
    assert!(missing.is_empty(), "the sensor has no {missing:?}");
    let unused = read("deploy/grafana/unused");
    let unused: Vec<&str> = unused
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let excused = |name: &str| {
        unused.iter().any(|known| known.strip_suffix('*').map_or(*known == name, |start| name.starts_with(start)))
    };
    let unseen: Vec<&String> = families.keys().filter(|name| !asked.contains(*name) && !excused(name)).collect();
    assert!(unseen.is_empty(), "on no dashboard, in no rule, and not in deploy/grafana/unused: {unseen:?}");

    lint(&scrape);
    let text = reference(&families);
    let path = root().join("docs/metrics.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    assert!(
        std::fs::read_to_string(path).unwrap_or_default() == text,
        "docs/metrics.md is out of date; run this test with UPDATE=1"
    );
}

/// Puts every question of every panel; says which failed, or were answered with nothing.
fn questions() -> Vec<String> {
    let mut problems = vec![];
    let mut count = 0;
    for board in dashboards() {
        for panel in board["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let written = target["expr"].as_str().unwrap();
                let expr = written
                    .replace("$__rate_interval", "10s")
                    .replace("$__interval", "10s")
                    .replace("$__range", "60s")
                    .replace("=~\"$office\"", "=~\".*\"")
                    .replace("$office", "test");
                let answer = ask(&expr);
                count += 1;
                let at = format!("{}: {}: {written}", board["title"], panel["title"]);
                match answer {
                    Err(error) => problems.push(format!("{at}: {error}")),
                    Ok(series) if series.is_empty() && !MAY_BE_EMPTY.iter().any(|end| written.ends_with(end)) => {
                        problems.push(format!("{at}: no answer"));
                    }
                    Ok(_) => {}
                }
            }
        }
    }
    assert!(count > 100, "{count} questions are too few to be all");
    problems
}

/// Prometheus' own linter over the scrape.
fn lint(scrape: &str) {
    use std::io::Write as _;
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(scrape.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
