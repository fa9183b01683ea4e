//! Live: a mirror that is sent to the interface's own address. What is in it is inspected, the tunnel makes no flow, and the host
//! goes on answering as if there were no sensor.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sekisho_tests::frames::{Sender, datagram};
use sekisho_tests::live::built_sensor;
use sekisho_tests::netns::{Namespace, can_run, command, veth};
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);
const SENSOR: [u8; 4] = [10, 9, 0, 1];
const SWITCH: [u8; 4] = [10, 9, 0, 2];
const OTHER: [u8; 4] = [10, 9, 0, 77];
const GRE: u8 = 47;
const UDP: u8 = 17;

struct Sensor {
    folder: tempfile::TempDir,
    child: Child,
    binary: PathBuf,
}

impl Sensor {
    fn start(binary: PathBuf, mirror: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rule = "alert udp any any -> any 9 (msg:\"inner\"; content:\"mirrored\"; sid:1;)\n\
                    alert ip any any -> 10.9.0.0/24 any (msg:\"outer\"; sid:2;)\n";
        std::fs::write(folder.path().join("x.rules"), rule).unwrap();
        let config = format!(
            "[[interface]]\nname = \"tap0\"\nmirror = \"{mirror}\"\n[rules]\npaths = [\"x.rules\"]\ncache = \"cache\"\n\
             [eve]\npath = \"{0}/eve.json\"\ntypes = [\"alert\"]\n[control]\nsocket = \"{0}/control\"\n[metrics]\nenabled = false\n\
             [capture.afxdp]\nhuge_pages = \"never\"\n",
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
        let sensor = Self { folder, child, binary };
        sensor.until("it answers", |s| s.status().is_some());
        sensor
    }

    fn status(&self) -> Option<Value> {
        let config = self.folder.path().join("sekisho.toml");
        let output =
            Command::new(&self.binary).args(["status", "--format", "json", "--config"]).arg(config).output().unwrap();
        output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
    }

    fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds(self) {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < end, "waited in vain until {what}\n{:?}\n{log}", self.status());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn alerts(&self, sid: u64) -> usize {
        let text = std::fs::read_to_string(self.folder.path().join("eve.json")).unwrap_or_default();
        let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|event| event["alert"]["signature_id"] == sid).count()
    }
}

impl Drop for Sensor {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

/// A frame from the switch to the sensor's port, with an IPv4 packet to `destination`.
fn outer(mac: [u8; 6], destination: [u8; 4], proto: u8, payload: &[u8]) -> Vec<u8> {
    let mut ip = [&[0x45, 0, 0, 0, 0, 9, 0, 0, 64, proto, 0, 0][..], &SWITCH, &destination].concat();
    ip[2..4].copy_from_slice(&u16::try_from(20 + payload.len()).unwrap().to_be_bytes());
    let sum: u32 = ip.chunks(2).map(|c| u32::from(u16::from_be_bytes([c[0], c[1]]))).sum();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    [&mac[..], &[2, 0, 0, 0, 0, 9], &[8, 0], &ip, payload].concat()
}

/// ERSPAN type II (draft-foschiano-erspan).
fn erspan(frame: &[u8]) -> Vec<u8> {
    [&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 5, 0, 0, 0, 0], frame].concat()
}

/// A datagram to `port` with VXLAN (RFC 7348) in it.
fn vxlan(port: u16, frame: &[u8]) -> Vec<u8> {
    let len = u16::try_from(16 + frame.len()).unwrap();
    let ports = [50_000_u16, port, len, 0].map(u16::to_be_bytes).concat();
    [&ports[..], &[8, 0, 0, 0, 0, 0, 7, 0], frame].concat()
}

fn mac_of(interface: &str) -> [u8; 6] {
    let text = std::fs::read_to_string(format!("/sys/class/net/{interface}/address")).unwrap();
    let bytes: Vec<u8> = text.trim().split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
    bytes.try_into().unwrap()
}

/// A mirror's frames, what a mirror sends to somebody else, and what is no mirror's.
fn traffic(mirror: &str, mac: [u8; 6]) -> [Vec<u8>; 3] {
    let inner = datagram(7, b"mirrored");
    let plain_gre = [&[0, 0, 8, 0], &inner[14..]].concat();
    if mirror == "erspan" {
        [
            outer(mac, SENSOR, GRE, &erspan(&inner)),
            outer(mac, OTHER, GRE, &erspan(&inner)),
            outer(mac, SENSOR, GRE, &plain_gre),
        ]
    } else {
        [
            outer(mac, SENSOR, UDP, &vxlan(4789, &inner)),
            outer(mac, OTHER, UDP, &vxlan(4789, &inner)),
            outer(mac, SENSOR, UDP, &vxlan(4790, &inner)),
        ]
    }
}

#[test]
fn a_mirror_to_the_sensors_address_is_inspected_and_all_else_is_the_hosts() {
    if !can_run() {
        return;
    }
    let binary = built_sensor();
    for mirror in ["erspan", "vxlan"] {
        let (office, switch) = (Namespace::new().unwrap(), Namespace::new().unwrap());
        let switch_path = switch.path();
        let (mac, sensor) = office.run(|| {
            veth("tap0", "gen0", 1, 1500).unwrap();
            command(&format!("ip link set dev gen0 netns {switch_path}")).unwrap();
            command("ip address add 10.9.0.1/24 dev tap0").unwrap();
            (mac_of("tap0"), Sensor::start(binary.clone(), mirror))
        });
        switch.run(|| {
            command("ip address add 10.9.0.2/24 dev gen0").unwrap();
            command("ip link set dev gen0 up").unwrap();
            command("ping -c 3 -i 0.2 -W 5 10.9.0.1").expect("the host answers under the sensor");
            let sender = Sender::new("gen0").unwrap();
            let [mirrored, to_another, no_mirror] = traffic(mirror, mac);
            for _ in 0..10 {
                sender.send(&to_another).unwrap();
                sender.send(&no_mirror).unwrap();
                sender.send(&mirrored).unwrap();
            }
        });
        sensor.until("every mirrored frame has alerted", |s| s.alerts(1) >= 10);
        switch.run(|| command("ping -c 1 -W 5 10.9.0.1").expect("the host answers while traffic flows"));
        // The address moves, and the mirror with it.
        office.run(|| {
            command("ip address del 10.9.0.1/24 dev tap0").unwrap();
            command("ip address add 10.9.0.77/24 dev tap0").unwrap();
        });
        std::thread::sleep(Duration::from_millis(1200));
        switch.run(|| {
            let sender = Sender::new("gen0").unwrap();
            let [to_another, mirrored, _] = traffic(mirror, mac);
            for _ in 0..5 {
                sender.send(&to_another).unwrap();
                sender.send(&mirrored).unwrap();
            }
        });
        sensor.until("the new address is known", |s| s.alerts(1) >= 15);
        assert_eq!((sensor.alerts(1), sensor.alerts(2)), (15, 0), "{mirror}");
        let status = sensor.status().unwrap();
        assert_eq!(status["total"]["inspected"], 15, "{mirror}: {status}");
        assert_eq!(status["counters"]["flow_created_total"], 1, "{mirror}: the tunnel makes no flow");
        let xdp = &status["queues"][0]["xdp"];
        assert_eq!(xdp["redirected"], 15, "{mirror}: {xdp}");
        // 25 that are not the mirror's, pings, and ARP.
        assert!(xdp["passed:not_mirror"].as_u64().unwrap() >= 25 + 4, "{mirror}: {xdp}");
    }
}
