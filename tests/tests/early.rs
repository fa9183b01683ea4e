//! Live: what the XDP program decides by itself. Flows that need no more inspection are let by and counted exactly, block lists hold
//! whole from one packet to the next, and a worker that is behind sheds new flows first.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sekisho::capture::afxdp::Socket;
use sekisho::capture::early_config::{BlockAction, SheddingPolicy};
use sekisho::capture::kernel_flows::{Handed, KernelFlows};
use sekisho::capture::link::Link;
use sekisho::config::CaptureConfig;
use sekisho::control::blocklist::{Blocklist, BuiltList};
use sekisho::control::early::EarlySetup;
use sekisho::control::interface::{AttachConfig, Attachment, Peer};
use sekisho_ebpf::early::FlowKey;
use sekisho_ebpf::{PeerRule, Verdict};
use sekisho_tests::frames::Sender;
use sekisho_tests::live::{built_sensor, small, with_pair};
use sekisho_tests::netns::{command, veth};
use serde_json::Value;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const TCP: u8 = 6;
const UDP: u8 = 17;
const SYN: u8 = 2;
const ACK: u8 = 16;

/// A frame to be made.
#[derive(Clone, Debug)]
struct Made {
    vlans: Vec<u16>,
    source: (IpAddr, u16),
    destination: (IpAddr, u16),
    proto: u8,
    /// Of TCP.
    flags: u8,
    /// IPv4: 32-bit words of options.
    options: u8,
    /// IPv4: flags and offset.
    fragment: u16,
    payload: usize,
}

fn udp(source: &str, from: u16, destination: &str, to: u16) -> Made {
    let ip = |text: &str| text.parse().unwrap();
    Made {
        vlans: Vec::new(),
        source: (ip(source), from),
        destination: (ip(destination), to),
        proto: UDP,
        flags: 0,
        options: 0,
        fragment: 0x4000,
        payload: 100,
    }
}

impl Made {
    fn tcp(self, flags: u8) -> Self {
        Self { proto: TCP, flags, ..self }
    }

    fn vlans(self, vlans: &[u16]) -> Self {
        Self { vlans: vlans.to_vec(), ..self }
    }

    fn back(self) -> Self {
        Self { source: self.destination, destination: self.source, ..self }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
        for vlan in &self.vlans {
            frame.extend([0x81, 0]);
            frame.extend(vlan.to_be_bytes());
        }
        let mut transport = [self.source.1.to_be_bytes(), self.destination.1.to_be_bytes()].concat();
        match self.proto {
            TCP => transport.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, self.flags, 0xff, 0xff, 0, 0, 0, 0]),
            _ => transport.extend([(8 + self.payload as u16).to_be_bytes(), [0, 0]].concat()),
        }
        transport.resize(transport.len() + self.payload, 0x5a);
        match (self.source.0, self.destination.0) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let len = 20 + 4 * u16::from(self.options) + transport.len() as u16;
                frame.extend([8, 0, 0x45 + self.options, 0]);
                frame.extend(len.to_be_bytes());
                frame.extend([0, 0]);
                frame.extend(self.fragment.to_be_bytes());
                frame.extend([64, self.proto, 0, 0]);
                frame.extend(source.octets());
                frame.extend(destination.octets());
                frame.resize(frame.len() + 4 * usize::from(self.options), 1);
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
                frame.extend((transport.len() as u16).to_be_bytes());
                frame.extend([self.proto, 64]);
                frame.extend(source.octets());
                frame.extend(destination.octets());
            }
            ends => panic!("two versions: {ends:?}"),
        }
        frame.extend(transport);
        frame
    }

    fn key(&self) -> FlowKey {
        let end = |(address, port): (IpAddr, u16)| match address {
            IpAddr::V4(v4) => ([0, 0xffff_0000_0000 | u64::from(u32::from(v4))], port),
            IpAddr::V6(v6) => ([(u128::from(v6) >> 64) as u64, u128::from(v6) as u64], port),
        };
        let vlan = |i: usize| self.vlans.get(i).copied().unwrap_or(0);
        let version = if self.source.0.is_ipv4() { 4 } else { 6 };
        FlowKey::of(end(self.source), end(self.destination), [vlan(0), vlan(1)], self.proto, version).0
    }
}

/// The program on `tap0` and a sender at the other end. Without a socket there, what the program leaves to the sensor is
/// counted as passed.
struct Port {
    attachment: Attachment,
    sender: Sender,
    sent: u64,
}

impl Port {
    fn new(capture: &CaptureConfig, list: Option<Arc<BuiltList>>) -> Self {
        let config = AttachConfig { early: EarlySetup::new(capture, false, list), ..AttachConfig::default() };
        let attachment = Attachment::attach("tap0", &config).unwrap();
        Self { attachment, sender: Sender::new("gen0").unwrap(), sent: 0 }
    }

    fn packets(&self, verdict: Verdict) -> u64 {
        self.attachment.counters().unwrap().queues[0].packets(verdict)
    }

    /// Waits until the program has seen all.
    fn settle(&self) {
        let end = Instant::now() + Duration::from_secs(5);
        while self.attachment.counters().unwrap().queues[0].total_packets() < self.sent {
            assert!(Instant::now() < end, "packets are missing: {:?}", self.attachment.counters());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Sends it so often, and says whether all of it met this verdict.
    fn all_meet(&mut self, verdict: Verdict, made: &Made, times: u64) -> bool {
        self.settle();
        let before = self.packets(verdict);
        for _ in 0..times {
            self.sender.send(&made.bytes()).unwrap();
        }
        self.sent += times;
        self.settle();
        self.packets(verdict) - before == times
    }

    fn kernel_flows(&self) -> KernelFlows {
        KernelFlows::new(vec![self.attachment.early().lock().unwrap().flow_maps().unwrap()])
    }
}

const TO_SENSOR: Verdict = Verdict::PassedNoSocket;

#[test]
fn a_flow_is_let_by_in_both_directions_and_its_counts_come_back() {
    with_pair(1, 1500, || {
        let mut port = Port::new(&CaptureConfig::default(), None);
        let mut flows = port.kernel_flows();
        let cases = [
            udp("192.0.2.1", 5000, "192.0.2.2", 9),
            udp("192.0.2.9", 5000, "192.0.2.2", 9).tcp(ACK),
            udp("2001:db8::1", 5000, "2001:db8::2", 9).vlans(&[7]),
            udp("192.0.2.9", 9, "192.0.2.2", 5000).tcp(ACK).vlans(&[7, 8]),
        ];
        for (id, made) in (1..).zip(&cases) {
            assert!(port.all_meet(TO_SENSOR, made, 3), "not handed over: {made:?}");
            assert_eq!(flows.hand_over(id, made.key()), Handed::Over);
            assert_eq!(flows.last(id), None);
            assert!(port.all_meet(Verdict::BypassedFlow, made, 10), "{made:?}");
            let longer = Made { payload: 300, ..made.clone().back() };
            assert!(port.all_meet(Verdict::BypassedFlow, &longer, 4), "{longer:?}");
            // Another VLAN, another port, another protocol: another flow.
            let mut others = [made.clone().vlans(&[99]), made.clone(), made.clone().tcp(ACK)];
            others[1].source.1 += 1;
            if made.proto == TCP {
                others[2].proto = UDP;
            }
            for other in &others {
                assert!(port.all_meet(TO_SENSOR, other, 2), "{other:?}");
            }
            let now = sekisho::time::Timestamp::now();
            let client_is_high = made.source > made.destination;
            let returned = flows.take_back(id, client_is_high).unwrap();
            let counts = returned.counts.map(|count| (count.packets, count.bytes));
            assert_eq!(
                counts,
                [(10, 10 * made.bytes().len() as u64), (4, 4 * longer.bytes().len() as u64)],
                "{made:?}"
            );
            assert!(now.0.abs_diff(returned.last.unwrap().0) < 1_000_000_000);
            assert!(port.all_meet(TO_SENSOR, made, 2), "taken back: {made:?}");
            assert_eq!(flows.take_back(id, client_is_high), None);
        }
    });
}

#[test]
fn what_the_sensor_must_see_of_a_flow_it_sees() {
    with_pair(1, 1500, || {
        let mut port = Port::new(&CaptureConfig::default(), None);
        let mut flows = port.kernel_flows();
        let made = udp("192.0.2.1", 5000, "192.0.2.2", 9).tcp(ACK);
        assert_eq!(flows.hand_over(1, made.key()), Handed::Over);
        assert!(port.all_meet(Verdict::BypassedFlow, &made, 1));
        for flags in [SYN, SYN | ACK, ACK | 1, 4, ACK | 4] {
            assert!(port.all_meet(TO_SENSOR, &made.clone().tcp(flags), 1), "flags {flags}");
        }
        let odd = [
            Made { fragment: 0x2000, ..made.clone() },
            Made { fragment: 0x0001, ..made.clone() },
            Made { options: 1, ..made.clone() },
            made.clone().vlans(&[0, 0, 0]),
        ];
        for odd in &odd {
            assert!(port.all_meet(TO_SENSOR, odd, 1), "{odd:?}");
        }
        assert_eq!(flows.take_back(1, false).unwrap().counts[0].packets, 1);
    });
}

#[test]
fn a_full_map_leaves_the_flow_with_the_worker() {
    with_pair(1, 1500, || {
        let mut capture = CaptureConfig::default();
        capture.bypass.flows_max = 2;
        let mut port = Port::new(&capture, None);
        let (mut flows, mut others) = (port.kernel_flows(), port.kernel_flows());
        let made = |n| udp("192.0.2.1", n, "192.0.2.2", 9);
        assert_eq!(flows.hand_over(1, made(1).key()), Handed::Over);
        assert_eq!(others.hand_over(1, made(1).key()), Handed::Known, "another worker was first");
        assert_eq!(flows.hand_over(2, made(2).key()), Handed::Over);
        assert_eq!(flows.hand_over(3, made(3).key()), Handed::Full);
        assert!(port.all_meet(TO_SENSOR, &made(3), 2));
        assert!(flows.take_back(1, false).is_some());
        assert_eq!(flows.hand_over(3, made(3).key()), Handed::Over);
        assert!(port.all_meet(Verdict::BypassedFlow, &made(3), 2));
    });
}

/// Frames that arrived at an interface.
fn arrived(interface: &str) -> u64 {
    let path = format!("/sys/class/net/{interface}/statistics/rx_packets");
    std::fs::read_to_string(path).unwrap().trim().parse().unwrap()
}

#[test]
fn in_line_what_is_let_by_goes_on_and_what_is_listed_does_not() {
    with_pair(1, 1500, || {
        veth("tap1", "gen1", 1, 1500).unwrap();
        // Without it, the virtual interface does not take what is redirected to it.
        command("ethtool -K gen1 gro on").unwrap();
        let mut capture = CaptureConfig::default();
        capture.shedding.policy = SheddingPolicy::NewFlows;
        let list = list("198.51.100.0/24\n", BlockAction::Drop);
        let config = AttachConfig { early: EarlySetup::new(&capture, true, Some(list)), ..AttachConfig::default() };
        let index = Link::by_name("tap1").unwrap().index;
        let peer = Peer { index, rule: PeerRule::Drop, stale: Duration::from_secs(1) };
        let attachment = Attachment::attach_as("tap0", &config, Some(peer)).unwrap();
        let mut port = Port { attachment, sender: Sender::new("gen0").unwrap(), sent: 0 };
        let mut flows = port.kernel_flows();
        let made = udp("192.0.2.1", 5000, "192.0.2.2", 9);
        // Nobody serves the queue, and the link fails closed.
        assert!(port.all_meet(Verdict::DroppedNoSocket, &made, 3));
        assert_eq!(flows.hand_over(1, made.key()), Handed::Over);
        let before = arrived("gen1");
        assert!(port.all_meet(Verdict::BypassedFlow, &made, 20));
        assert!(port.all_meet(Verdict::BypassedFlow, &made.clone().back(), 5));
        assert!(port.all_meet(Verdict::DroppedBlockList, &udp("192.0.2.1", 5000, "198.51.100.1", 9), 4));
        let end = Instant::now() + Duration::from_secs(5);
        while arrived("gen1") < before + 25 && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(arrived("gen1") - before, 25);
        assert_eq!(flows.take_back(1, false).unwrap().counts.map(|count| count.packets), [20, 5]);
    });
}

fn list(text: &str, action: BlockAction) -> Arc<BuiltList> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list");
    std::fs::write(&file, text).unwrap();
    Arc::new(BuiltList::new(&Blocklist::read(&[file]).unwrap(), action).unwrap())
}

const LIST: &str = "192.0.2.66\n198.51.100.0/24\n2001:db8::66\n2001:db8:bad::/48\n";

#[test]
fn listed_addresses_are_dropped_or_counted_whichever_way_they_go() {
    with_pair(1, 1500, || {
        let mut port = Port::new(&CaptureConfig::default(), Some(list(LIST, BlockAction::Drop)));
        let good = [udp("192.0.2.67", 1, "198.51.101.1", 9), udp("2001:db8::67", 1, "2001:db8:bae::1", 9)];
        let bad = [
            udp("192.0.2.66", 1, "192.0.2.1", 9),
            udp("192.0.2.1", 1, "198.51.100.200", 9).tcp(SYN),
            udp("2001:db8::66", 1, "2001:db8::1", 9).vlans(&[5]),
            udp("2001:db8::1", 1, "2001:db8:bad:1::1", 9),
            Made { fragment: 0x2001, ..udp("192.0.2.66", 1, "192.0.2.1", 9) },
        ];
        assert!(good.iter().all(|made| port.all_meet(TO_SENSOR, made, 2)));
        assert!(bad.iter().all(|made| port.all_meet(Verdict::DroppedBlockList, made, 2)));
        port.attachment.early().lock().unwrap().use_list(Some(&list(LIST, BlockAction::Count))).unwrap();
        assert!(bad.iter().chain(&good).all(|made| port.all_meet(TO_SENSOR, made, 2)));
        let bytes: usize = bad.iter().map(|made| 2 * made.bytes().len()).sum();
        assert_eq!(port.attachment.early().lock().unwrap().listed(), (10, bytes as u64));
        port.attachment.early().lock().unwrap().use_list(None).unwrap();
        assert!(bad.iter().all(|made| port.all_meet(TO_SENSOR, made, 1)));
        assert_eq!(port.attachment.early().lock().unwrap().listed().0, 10);
    });
}

#[test]
fn lists_change_under_load_and_no_packet_falls_between_them() {
    with_pair(1, 1500, || {
        // One and the same address, listed by itself in one list and within a network in the other.
        let lists = [list("192.0.2.66\n", BlockAction::Drop), list("192.0.2.64/30\n", BlockAction::Drop)];
        let mut port = Port::new(&CaptureConfig::default(), Some(Arc::clone(&lists[0])));
        let early = Arc::clone(port.attachment.early());
        let done = AtomicBool::new(false);
        let sent = std::thread::scope(|scope| {
            let sending = scope.spawn(|| {
                let sender = Sender::new("gen0").unwrap();
                let frame = udp("192.0.2.66", 1, "192.0.2.1", 9).bytes();
                let mut sent = 0;
                while !done.load(Ordering::Relaxed) {
                    sender.send(&frame).unwrap();
                    sent += 1;
                }
                sent
            });
            for n in 1..=30 {
                early.lock().unwrap().use_list(Some(&lists[n % 2])).unwrap();
            }
            done.store(true, Ordering::Relaxed);
            sending.join().unwrap()
        });
        port.sent += sent;
        port.settle();
        assert!(sent > 1000, "only {sent} packets were sent meanwhile");
        assert_eq!(port.packets(Verdict::DroppedBlockList), sent);
        assert_eq!(early.lock().unwrap().list_entries(), 1);
    });
}

#[test]
fn a_worker_that_is_behind_sheds_new_flows_and_keeps_those_it_has() {
    with_pair(1, 1500, || {
        let mut capture = CaptureConfig { afxdp: small(), ..CaptureConfig::default() };
        capture.shedding.policy = SheddingPolicy::NewFlows;
        let mut port = Port::new(&capture, None);
        let mut socket = Socket::open("tap0", 0, &capture.afxdp).unwrap();
        port.attachment.insert(0, &socket).unwrap();
        let early = Arc::clone(port.attachment.early());
        let mut shedder = early.lock().unwrap().shedder(0, socket.statistics_reader()).unwrap().unwrap();
        let flow = |n| udp("192.0.2.1", n, "192.0.2.2", 9);
        assert!(port.all_meet(Verdict::Redirected, &flow(1), 47));
        shedder.watch(socket.backlog(), Instant::now());
        assert_eq!(early.lock().unwrap().shedding(), [(0, false, 0)]);
        assert!(port.all_meet(Verdict::Redirected, &flow(2), 1));
        shedder.watch(socket.backlog(), Instant::now());
        assert_eq!(early.lock().unwrap().shedding(), [(0, true, 1)], "48 of 64 wait");
        assert!(port.all_meet(Verdict::DroppedLoadShed, &flow(3), 5));
        assert!(port.all_meet(Verdict::DroppedLoadShed, &flow(4).tcp(SYN), 1));
        assert!(port.all_meet(Verdict::Redirected, &flow(1).back(), 2), "under inspection");
        assert!(port.all_meet(Verdict::Redirected, &flow(2), 2));
        while !socket.receive().is_empty() {}
        shedder.watch(socket.backlog(), Instant::now());
        assert!(port.all_meet(Verdict::DroppedLoadShed, &flow(3), 1), "the calm second is not over");
        shedder.watch(socket.backlog(), Instant::now() + Duration::from_millis(1100));
        assert_eq!(early.lock().unwrap().shedding(), [(0, false, 1)]);
        assert!(port.all_meet(Verdict::Redirected, &flow(3), 2));
        // A worker that is gone is not behind.
        shedder.watch(64, Instant::now() + Duration::from_secs(2));
        assert!(port.all_meet(Verdict::DroppedLoadShed, &flow(5), 1));
        port.attachment.remove(0).unwrap();
        assert!(port.all_meet(TO_SENSOR, &flow(5), 1), "no socket");
        port.attachment.insert(0, &socket).unwrap();
        drop(shedder);
        assert_eq!(early.lock().unwrap().shedding(), [(0, false, 2)]);
        assert!(port.all_meet(Verdict::Redirected, &flow(6), 2));
    });
}

/// The sensor on `tap0`, and the frames that it was sent.
struct Sensor {
    folder: tempfile::TempDir,
    child: Child,
    binary: PathBuf,
    sender: Sender,
    sent: u64,
}

impl Sensor {
    fn start(binary: PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        let rules = "alert udp any any -> any 9 (msg:\"let by\"; content:\"ZZZZ\"; bypass; sid:1;)\n";
        std::fs::write(folder.path().join("x.rules"), rules).unwrap();
        std::fs::write(folder.path().join("list"), "203.0.113.0/24\n").unwrap();
        let config = format!(
            "[[interface]]\nname = \"tap0\"\n[rules]\npaths = [\"x.rules\"]\ncache = \"cache\"\n[eve]\npath = \"{path}/eve.json\"\n\
             types = [\"alert\", \"flow\"]\n[control]\nsocket = \"{path}/control\"\n[capture.afxdp]\nhuge_pages = \"never\"\n\
             [capture.blocklist]\nfiles = [\"list\"]\n[flow]\nudp_new_s = 1\nudp_established_s = 2\n"
        );
        std::fs::write(folder.path().join("sekisho.toml"), config).unwrap();
        let child = Command::new(&binary)
            .args(["run", "--config"])
            .arg(folder.path().join("sekisho.toml"))
            .stdout(std::fs::File::create(folder.path().join("said")).unwrap())
            .stderr(std::fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let sensor = Self { folder, child, binary, sender: Sender::new("gen0").unwrap(), sent: 0 };
        sensor.until("it answers", |s| s.ask(&["status"]).0);
        sensor
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let end = Instant::now() + Duration::from_secs(20);
        while !holds(self) {
            assert!(Instant::now() < end, "waited in vain until {what}\n{}", self.file("log"));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A command for the running sensor: whether it went well, and what it said.
    fn ask(&self, words: &[&str]) -> (bool, String) {
        let config = self.folder.path().join("sekisho.toml");
        let output = Command::new(&self.binary).args(words).arg("--config").arg(config).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.ask(&["status", "--format", "json"]).1).unwrap()
    }

    /// Packets by what the XDP program did with them.
    fn xdp(&self, verdict: &str) -> u64 {
        self.status()["queues"][0]["xdp"][verdict].as_u64().unwrap_or(0)
    }

    /// Sends it so often, and waits until the program has seen it.
    fn send(&mut self, made: &Made, times: u64) {
        for _ in 0..times {
            self.sender.send(&made.bytes()).unwrap();
        }
        self.sent += times;
        let all = |s: &Self| {
            s.status()["queues"][0]["xdp"].as_object().unwrap().values().filter_map(Value::as_u64).sum::<u64>()
        };
        self.until("all was seen", |s| all(s) == s.sent);
    }

    fn flows(&self, port: u16) -> Vec<Value> {
        let text = self.file("eve.json");
        let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|event| event["event_type"] == "flow" && event["src_port"] == port).collect()
    }
}

impl Drop for Sensor {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Pays no attention to the sensor's cost per packet, but to that none comes to it, and that nothing is missing in its records.
#[test]
fn a_bypassed_flow_costs_the_worker_nothing_and_its_record_is_exact() {
    with_pair(1, 1500, || {
        let mut sensor = Sensor::start(built_sensor());
        let (one, other) = (udp("192.0.2.1", 1000, "192.0.2.2", 9), udp("192.0.2.1", 1001, "192.0.2.2", 9));
        let (answer, size) = (Made { payload: 500, ..one.clone().back() }, one.bytes().len() as u64);
        sensor.send(&one, 1);
        sensor.until("the flow is handed over", |s| s.status()["counters"]["bypass_kernel_active_flows"] == 1);
        sensor.send(&other, 1);
        sensor.until("the other one, too", |s| s.status()["counters"]["bypass_kernel_active_flows"] == 2);
        let received = sensor.status()["total"]["received"].clone();
        // For longer than its time-out: what the program counts keeps it alive.
        let begun = Instant::now();
        let mut rounds = 0;
        while begun.elapsed() < Duration::from_millis(3500) {
            sensor.send(&one, 50);
            sensor.send(&answer, 20);
            rounds += 1;
        }
        let status = sensor.status();
        assert_eq!((&status["total"]["received"], received.as_u64()), (&received, Some(2)));
        assert_eq!(sensor.xdp("bypassed:flow"), 70 * rounds);
        assert!(sensor.flows(1000).is_empty(), "it is alive: {:?}", sensor.flows(1000));
        sensor.until("the other one ended", |s| !s.flows(1001).is_empty());
        sensor.until("the flow ended", |s| !s.flows(1000).is_empty());
        let flow = sensor.flows(1000)[0]["flow"].clone();
        let (there, back) = (50 * rounds, 20 * rounds);
        let expected = [
            ("pkts_toserver", 1 + there),
            ("bytes_toserver", (1 + there) * size),
            ("pkts_toclient", back),
            ("bytes_toclient", back * answer.bytes().len() as u64),
        ];
        for (key, value) in expected {
            assert_eq!(flow[key], value, "{key}: {flow}");
        }
        assert_eq!(
            (&flow["bypassed"]["pkts_toserver"], &flow["bypassed"]["pkts_toclient"]),
            (&there.into(), &back.into())
        );
        assert_eq!(
            (&flow["bypass"], &flow["state"], &flow["reason"]),
            (&"capture".into(), &"bypassed".into(), &"timeout".into())
        );
        let counters = &sensor.status()["counters"];
        assert_eq!(
            (&counters["bypass_kernel_active_flows"], &counters["bypass_rule_flows_total"]),
            (&0.into(), &2.into())
        );
        lists_change(&mut sensor);
        // One that lasts until the end has its record as well.
        sensor.send(&Made { source: ("192.0.2.7".parse().unwrap(), 7000), ..one.clone() }, 1);
        sensor.until("it is handed over", |s| s.status()["counters"]["bypass_kernel_active_flows"] == 1);
        sensor.send(&Made { source: ("192.0.2.7".parse().unwrap(), 7000), ..one }, 9);
        kill(Pid::from_raw(sensor.child.id() as i32), Signal::SIGTERM).unwrap();
        let ended = sensor.child.wait().unwrap();
        assert!(ended.success(), "{}\n{}", sensor.file("said"), sensor.file("log"));
        assert_eq!(sensor.flows(7000)[0]["flow"]["pkts_toserver"], 10);
        assert!(sensor.file("said").contains(" bypassed (flow)"), "{}", sensor.file("said"));
    });
}

/// The running sensor's block list: in force from the start, changed by a reload, its mistakes told.
fn lists_change(sensor: &mut Sensor) {
    let listed = udp("203.0.113.5", 6000, "192.0.2.2", 10);
    sensor.send(&listed, 5);
    assert_eq!(sensor.xdp("dropped:block_list"), 5);
    std::fs::write(sensor.folder.path().join("list"), "192.0.2.99\nnonsense\n2001:db8::/32\n").unwrap();
    let (worked, said) = sensor.ask(&["reload"]);
    assert!(
        worked && said.contains("Block list: 2 entries, 1 lines with errors") && said.contains("list:2: `nonsense`"),
        "{said}"
    );
    assert!(!said.contains("next start"), "{said}");
    sensor.send(&listed, 1);
    sensor.send(&udp("203.0.113.5", 6000, "192.0.2.99", 10), 3);
    assert_eq!(sensor.xdp("dropped:block_list"), 8);
    std::fs::remove_file(sensor.folder.path().join("list")).unwrap();
    assert!(!sensor.ask(&["reload"]).0, "a list that is gone changes nothing");
    sensor.send(&udp("203.0.113.5", 6000, "192.0.2.99", 10), 1);
    assert_eq!(sensor.xdp("dropped:block_list"), 9);
}
