//! Live: the sensor in line between a client and a server, each in a network namespace of its own. What may pass passes whole, what a rule
//! forbids does not come through in any part, and the link outlives the sensor.
//!
//! With `SEKISHO_LONG=1` transfers take 60 s and the sensor is killed ten times; otherwise a few seconds and three.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sekisho::capture::afxdp_pair::{Pair, Side};
use sekisho::capture::link::Link;
use sekisho::control::heartbeat::monotonic_ns;
use sekisho::control::interface::{AttachConfig, Attachment, Peer};
use sekisho_ebpf::PeerRule;
use sekisho_tests::bump::{CLIENT, SERVER, Sensor, Wire, binary, files_under};
use sekisho_tests::frames::{Sender, frame, identify};
use sekisho_tests::live::small;
use sekisho_tests::netns::{can_run, command};
use serde_json::Value;
use std::collections::HashSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

fn is_long() -> bool {
    std::env::var_os("SEKISHO_LONG").is_some()
}

/// Runs `test` in the bump's namespace with a sensor that is set up but not started.
fn with_sensor(mtu: u32, rules: &str, more: &str, test: impl FnOnce(&Wire, &mut Sensor) + Send) {
    if can_run() {
        let wire = Wire::new(mtu);
        let mut sensor = Sensor::new(binary(), rules, more);
        wire.bump.run(|| test(&wire, &mut sensor));
    }
}

/// Bytes that follow from their place.
fn pattern(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|n| (n as u8).wrapping_mul(31).wrapping_add((n >> 8) as u8).wrapping_add(seed) | 0x80).collect()
}

fn status_sum(status: &Value, what: &str) -> u64 {
    status["total"][what].as_object().unwrap().values().filter_map(Value::as_u64).sum()
}

#[test]
fn conversations_cross_whole_both_ways_and_every_packet_is_accounted_for() {
    with_sensor(1500, "alert icmp any any -> any any (msg:\"ping\"; itype:8; sid:1;)\n", "", |wire, sensor| {
        sensor.start();
        wire.client.run(|| command(&format!("ping -c 2 -i 0.2 -W 2 {SERVER}")).unwrap());
        let time = Duration::from_secs(if is_long() { 60 } else { 2 });
        let sent = AtomicU64::new(0);
        let sums = std::thread::scope(|scope| {
            let listener = wire.server.run(|| TcpListener::bind((SERVER, 5001)).unwrap());
            let echo = scope.spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut back = stream.try_clone().unwrap();
                std::io::copy(&mut stream, &mut back).unwrap()
            });
            let stream = wire.client.run(|| TcpStream::connect((SERVER, 5001)).unwrap());
            let (mut reader, mut writer) = (stream.try_clone().unwrap(), stream);
            let sent = &sent;
            scope.spawn(move || {
                let (end, block) = (Instant::now() + time, pattern(1 << 16, 7));
                while Instant::now() < end {
                    writer.write_all(&block).unwrap();
                    sent.fetch_add(block.len() as u64, Ordering::Relaxed);
                }
                writer.shutdown(std::net::Shutdown::Write).unwrap();
            });
            let (mut got, mut buffer, block) = (0_usize, vec![0; 1 << 16], pattern(1 << 16, 7));
            loop {
                let n = reader.read(&mut buffer).unwrap();
                if n == 0 {
                    break;
                }
                for (at, byte) in buffer[..n].iter().enumerate() {
                    assert_eq!(*byte, block[(got + at) % block.len()], "byte {}", got + at);
                }
                got += n;
            }
            (got as u64, echo.join().unwrap())
        });
        let sent = sent.load(Ordering::Relaxed);
        assert_eq!(sums, (sent, sent));
        println!("{} MB each way in {time:?}", sent >> 20);
        assert!(sent > 1 << 20, "only {sent} bytes crossed");
        sensor.until("both pings are told", |s| s.alerts(1) == 2);
        let status = sensor.status();
        assert_eq!(status_sum(&status, "dropped"), 0, "{status}");
        assert!(status["total"]["bypassed"]["non_ip"].as_u64() >= Some(2), "ARP crosses");
        let forwarded: u64 =
            status["queues"].as_array().unwrap().iter().map(|q| q["xdp"]["forwarded:stale"].as_u64().unwrap()).sum();
        println!("forwarded by the kernel since the worker was late: {forwarded}");
        let said = sensor.stop();
        assert!(said.contains("The ledger balances"), "{said}");
    });
}

#[test]
fn jumbo_frames_and_vlan_tags_cross_unchanged() {
    with_sensor(9000, "", "", |wire, sensor| {
        sensor.start();
        let receiver = wire.server.run(|| raw("s0"));
        let sender = wire.client.run(|| Sender::new("c0").unwrap());
        for number in 0..200 {
            sender.send(&frame(7, number, 64 + (number as usize * 1777) % 8900)).unwrap();
            if number % 8 == 7 {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        let got = take(&receiver, 200);
        assert!(got.iter().filter_map(|bytes| identify(bytes)).eq((0..200).map(|number| (7, number))));
        let mut tagged = frame(8, 1, 300);
        tagged.splice(12..12, [0x81, 0x00, 0x20, 0x05]);
        sender.send(&tagged).unwrap();
        let got = take(&receiver, 1);
        // The kernel hands the tag over beside the frame; what is left of it is the frame as it was without.
        let mut bare = got[0].clone();
        if bare[12..14] == [0x81, 0x00] {
            bare.drain(12..16);
        }
        assert_eq!(identify(&bare), Some((8, 1)));
        sensor.stop();
    });
}

/// A socket that sees what arrives on an interface.
fn raw(interface: &str) -> std::os::fd::OwnedFd {
    use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, bind, setsockopt, socket, sockopt};
    use std::os::fd::AsRawFd as _;
    let link = nix::ifaddrs::getifaddrs().unwrap().filter(|i| i.interface_name == interface);
    let link = link.filter_map(|i| i.address?.as_link_addr().copied()).next().unwrap();
    let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::empty(), SockProtocol::EthAll).unwrap();
    bind(socket.as_raw_fd(), &link).unwrap();
    setsockopt(&socket, sockopt::RcvBufForce, &(64 << 20)).unwrap();
    setsockopt(&socket, sockopt::ReceiveTimeout, &nix::sys::time::TimeVal::new(2, 0)).unwrap();
    socket
}

/// Takes frames of the tests' own (UDP to port 9) until there are `count`, or nothing comes any more.
fn take(socket: &std::os::fd::OwnedFd, count: usize) -> Vec<Vec<u8>> {
    use std::os::fd::AsRawFd as _;
    let (mut got, mut buffer) = (Vec::new(), vec![0; 10_000]);
    while got.len() < count {
        let Ok(n) = nix::sys::socket::recv(socket.as_raw_fd(), &mut buffer, nix::sys::socket::MsgFlags::empty()) else {
            break;
        };
        let ours = buffer[..n].windows(4).take(60).any(|w| w == [192, 0, 2, 1]);
        if ours {
            got.push(buffer[..n].to_vec());
        }
    }
    assert_eq!(got.len(), count, "frames that came");
    got
}

const DROP: &str = "drop tcp any any -> any 5001 (msg:\"forbidden\"; flow:established; content:\"forbidden-secret\"; sid:10;)\n\
                    reject tcp any any -> any 5002 (msg:\"rejected\"; flow:established; content:\"forbidden-secret\"; sid:11;)\n\
                    rejectboth tcp any any -> any 5003 (msg:\"rejected both\"; flow:established; content:\"forbidden-secret\"; sid:12;)\n\
                    reject udp any any -> any 5004 (msg:\"unreachable\"; content:\"forbidden-secret\"; sid:13;)\n";

/// Sends `parts` one by one to `port`; what the server got in half a second after, and how each side's reading ended.
fn talk(wire: &Wire, port: u16, parts: &[&[u8]]) -> (Vec<u8>, Option<ErrorKind>, Option<ErrorKind>) {
    let listener = wire.server.run(|| TcpListener::bind((SERVER, port)).unwrap());
    let mut client = wire.client.run(|| TcpStream::connect((SERVER, port)).unwrap());
    let (mut server, _) = listener.accept().unwrap();
    client.set_nodelay(true).unwrap();
    for part in parts {
        // A reset may have come already.
        let _ = client.write_all(part);
        std::thread::sleep(Duration::from_millis(20));
    }
    let end = |stream: &mut TcpStream, got: &mut Vec<u8>| {
        stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        stream.read_to_end(got).err().map(|error| error.kind())
    };
    let mut got = Vec::new();
    let server_end = end(&mut server, &mut got);
    let client_end = end(&mut client, &mut Vec::new());
    (got, server_end, client_end)
}

#[test]
fn what_a_rule_forbids_does_not_come_through_and_both_ends_are_told() {
    with_sensor(1500, DROP, "", |wire, sensor| {
        sensor.start();
        let waits = Some(ErrorKind::WouldBlock);
        let reset = Some(ErrorKind::ConnectionReset);
        // Others pass.
        assert_eq!(talk(wire, 5001, &[b"an allowed word"]), (b"an allowed word".to_vec(), waits, waits));
        // Dropped: the server has what came before, and nothing after it, however often it is sent again.
        let (got, server, client) = talk(wire, 5001, &[b"before ", b"a forbidden-secret", b" after"]);
        assert_eq!((got.as_slice(), server, client), (b"before ".as_slice(), waits, waits));
        // Rejected: the sender is told; with rejectboth the receiver, too.
        let (got, _, client) = talk(wire, 5002, &[b"before ", b"a forbidden-secret"]);
        assert_eq!((got.as_slice(), client), (b"before ".as_slice(), reset));
        let (got, server, client) = talk(wire, 5003, &[b"before ", b"a forbidden-secret"]);
        assert_eq!((got.as_slice(), server, client), (b"before ".as_slice(), reset, reset));
        // UDP: the sender learns that nobody is to be reached.
        let _listens = wire.server.run(|| UdpSocket::bind((SERVER, 5004)).unwrap());
        let socket = wire.client.run(|| UdpSocket::bind((CLIENT, 0)).unwrap());
        socket.connect((SERVER, 5004)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        socket.send(b"a forbidden-secret").unwrap();
        let error = socket.recv(&mut [0; 10]).unwrap_err().kind();
        assert!(matches!(error, ErrorKind::HostUnreachable | ErrorKind::ConnectionRefused), "{error}");
        for sid in 10..=13 {
            sensor.until(&format!("rule {sid} is told"), |s| s.alerts(sid) == 1);
        }
        let text = String::from_utf8(sensor.ask(&["status", "--drops"]).stdout).unwrap();
        let told = text.lines().find(|line| line.contains(" rule ")).unwrap();
        assert!(told.contains("dropped") && told.contains("a drop or reject rule matched"), "{text}");
        sensor.stop();
    });
}

#[test]
fn a_pattern_cut_over_segments_that_come_out_of_order_does_not_come_through() {
    with_sensor(1500, DROP, "hold_ms = 300", |wire, sensor| {
        sensor.start();
        let receiver = wire.server.run(|| raw("s0"));
        let client = wire.client.run(|| Sender::new("c0").unwrap());
        let server = wire.server.run(|| Sender::new("s0").unwrap());
        for flow in 1_u16..=2 {
            client.send(&segment(true, flow, 999, 0, 0x02, b"")).unwrap();
            std::thread::sleep(Duration::from_millis(20));
            server.send(&segment(false, flow, 4999, 1000, 0x12, b"")).unwrap();
            std::thread::sleep(Duration::from_millis(20));
            client.send(&segment(true, flow, 1000, 5000, 0x10, b"")).unwrap();
        }
        // The second half first, twice; then the first half.
        client.send(&segment(true, 1, 1010, 5000, 0x18, b"n-secret and more")).unwrap();
        client.send(&segment(true, 1, 1010, 5000, 0x18, b"n-secret and more")).unwrap();
        client.send(&segment(true, 1, 1000, 5000, 0x18, b"xxforbidde")).unwrap();
        // The same order in a flow with nothing forbidden: it comes in order.
        client.send(&segment(true, 2, 1010, 5000, 0x18, b"second part")).unwrap();
        client.send(&segment(true, 2, 1000, 5000, 0x18, b"first part")).unwrap();
        client.send(&segment(true, 1, 1000, 5000, 0x18, b"xxforbidde")).unwrap();
        client.send(&segment(true, 2, 1021, 5000, 0x18, b"third part")).unwrap();
        let end = Instant::now() + Duration::from_secs(3);
        let mut came: Vec<(u16, Vec<u8>)> = Vec::new();
        let mut buffer = vec![0; 2000];
        while Instant::now() < end && came.iter().filter(|(flow, _)| *flow == 2).count() < 3 {
            use std::os::fd::AsRawFd as _;
            let got = nix::sys::socket::recv(receiver.as_raw_fd(), &mut buffer, nix::sys::socket::MsgFlags::empty());
            let Ok(n) = got else { continue };
            // The client's segments with a payload.
            if n > 54 && buffer[26..30] == [10, 9, 0, 1] && buffer[36..38] == [0x13, 0x89] {
                came.push((u16::from_be_bytes([buffer[34], buffer[35]]), buffer[54..n].to_vec()));
            }
        }
        let of = |flow| {
            came.iter().filter(move |(of, _)| *of == flow).map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned())
        };
        assert_eq!(of(2).collect::<Vec<_>>(), ["first part", "second part", "third part"]);
        assert_eq!(of(1).count(), 0, "{:?}", of(1).collect::<Vec<_>>());
        sensor.until("the rule is told", |s| s.alerts(10) == 1);
        assert!(sensor.status()["total"]["dropped"]["rule"].as_u64() >= Some(4));
        sensor.stop();
    });
}

const REPLACE: &str = "alert tcp any any -> any 5001 (msg:\"changed\"; flow:established; content:\"secret\"; replace:\"XXXXXX\"; sid:20;)\n\
                       alert udp any any -> any 5004 (msg:\"changed\"; content:\"secret\"; replace:\"XXXXXX\"; sid:21;)\n\
                       drop udp any any -> any 5004 (msg:\"dropped\"; content:\"forbidden\"; sid:22;)\n";

#[test]
fn bytes_are_overwritten_and_their_receiver_takes_the_packet() {
    with_sensor(9000, REPLACE, "", |wire, sensor| {
        sensor.start();
        // The receiver's kernel verifies the checksums: what is wrong would not come.
        for text in ["a secret word", "an secret word", "secret"] {
            let (got, ..) = talk(wire, 5001, &[b"before, ", text.as_bytes()]);
            assert_eq!(String::from_utf8_lossy(&got), format!("before, {}", text.replace("secret", "XXXXXX")));
        }
        // Cut over two segments, it stays.
        let (got, ..) = talk(wire, 5001, &[b"a sec", b"ret word"]);
        assert_eq!(String::from_utf8_lossy(&got), "a secret word");
        // Also where the word lies over the end of one frame of packet memory.
        let server = wire.server.run(|| UdpSocket::bind((SERVER, 5004)).unwrap());
        server.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let client = wire.client.run(|| UdpSocket::bind((CLIENT, 0)).unwrap());
        client.connect((SERVER, 5004)).unwrap();
        client.send(b"forbidden, secret").unwrap();
        let (mut buffer, mut sent) = (vec![0; 9000], 0);
        for at in (0..8000).step_by(397).chain(1700..1800).chain(2000..2050) {
            let mut datagram = pattern(8200, 3);
            datagram[at..at + 6].copy_from_slice(b"secret");
            client.send(&datagram).unwrap();
            sent += 1;
            datagram[at..at + 6].copy_from_slice(b"XXXXXX");
            let n = server.recv(&mut buffer).unwrap();
            assert!(buffer[..n] == datagram, "at {at}");
        }
        sensor.until("all are told", |s| s.alerts(20) == 3 && s.alerts(21) == sent + 1 && s.alerts(22) == 1);
        let said = sensor.stop();
        assert!(said.contains("The ledger balances"), "{said}");
    });
}

const HEADS: &str = "drop http any any -> any any (msg:\"uri\"; http.uri; content:\"/forbidden/place\"; sid:30;)\n\
                     drop http any any -> any any (msg:\"host\"; http.host; content:\"forbidden.example\"; sid:31;)\n\
                     drop tls any any -> any any (msg:\"sni\"; tls.sni; content:\"forbidden.example\"; sid:32;)\n\
                     drop dns any any -> any any (msg:\"name\"; dns.query; content:\"forbidden.example\"; sid:33;)\n\
                     drop http any any -> any any (msg:\"body\"; http.request_body; content:\"forbidden-part\"; sid:34;)\n";

/// A TLS hello (RFC 8446 §4.1.2) that names a server.
fn hello(name: &[u8]) -> Vec<u8> {
    let long = |len: usize| (len as u16).to_be_bytes();
    let list = [&[0][..], &long(name.len()), name].concat();
    let extension = [&[0, 0][..], &long(list.len() + 2), &long(list.len()), &list].concat();
    let body = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0], &long(extension.len()), &extension].concat();
    let message = [&[1, 0][..], &long(body.len()), &body].concat();
    [&[22, 3, 1][..], &long(message.len()), &message].concat()
}

/// A query over TCP (RFC 1035 §4.2.2).
fn query(name: &[u8]) -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split(|byte| *byte == b'.') {
        message.push(label.len() as u8);
        message.extend(label);
    }
    message.extend([0, 0, 1, 0, 1]);
    [&(message.len() as u16).to_be_bytes()[..], &message].concat()
}

/// What is sent to a port in each flow, and the first byte from which on it may be cut so that nothing of it comes; None if all of it is to come.
fn heads() -> Vec<(u16, Vec<u8>, Option<usize>)> {
    let request =
        |path: &str, host: &str| format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\r\n").into_bytes();
    let post =
        |body: &str| format!("POST /place HTTP/1.1\r\nHost: a.example\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let bad = post("some forbidden-part");
    let body_at = bad.len() - "forbidden-part".len() + 1;
    vec![
        (5001, request("/forbidden/place", "a.example"), Some(1)),
        (5001, request("/place", "www.forbidden.example"), Some(1)),
        (5001, hello(b"www.forbidden.example"), Some(1)),
        (53, query(b"www.forbidden.example"), Some(1)),
        (5001, bad.into_bytes(), Some(body_at)),
        (5001, request("/allowed/place", "a.example"), None),
        (5001, hello(b"www.allowed.example"), None),
        (53, query(b"www.allowed.example"), None),
    ]
}

/// A head to a port, whether a rule forbids it, and where it is cut.
type Cut = (u16, Vec<u8>, bool, usize);

#[test]
fn heads_that_a_rule_forbids_do_not_come_through_however_they_are_cut() {
    with_sensor(1500, HEADS, "hold_ms = 500", |wire, sensor| {
        sensor.start();
        let receiver = wire.server.run(|| raw("s0"));
        let client = wire.client.run(|| Sender::new("c0").unwrap());
        let server = wire.server.run(|| Sender::new("s0").unwrap());
        let mut flows = Vec::new();
        for (port, bytes, from) in heads() {
            flows.extend((from.unwrap_or(1)..bytes.len()).map(|cut| (port, bytes.clone(), from.is_some(), cut)));
        }
        let (mut came, mut buffer) = (std::collections::BTreeMap::<u16, Vec<u8>>::new(), vec![0; 2000]);
        let mut take = || {
            use nix::sys::socket::{MsgFlags, recv};
            use std::os::fd::AsRawFd as _;
            while let Ok(n) = recv(receiver.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                let ours = n > 54 && buffer[23] == 6 && buffer[26..30] == [10, 9, 0, 1];
                if ours {
                    let flow = u16::from_be_bytes([buffer[34], buffer[35]]);
                    let end = 14 + usize::from(u16::from_be_bytes([buffer[16], buffer[17]]));
                    came.entry(flow).or_default().extend(&buffer[54..end]);
                }
            }
        };
        // Some at a time, so that no ring overflows.
        for (batch, some) in flows.chunks(40).enumerate() {
            let of = |nth: usize| 10_000 + (batch * 40 + nth) as u16;
            let each = |send: &dyn Fn(u16, &Cut)| {
                some.iter().enumerate().for_each(|(nth, what)| send(of(nth), what));
                std::thread::sleep(Duration::from_millis(15));
            };
            let put = |to_server: bool, port, flow, seq, ack, flags, payload: &[u8]| {
                let sender = if to_server { &client } else { &server };
                sender.send(&segment_to(port, to_server, flow, seq, ack, flags, payload)).unwrap();
            };
            each(&|flow, (port, ..)| put(true, *port, flow, 999, 0, 0x02, b""));
            each(&|flow, (port, ..)| put(false, *port, flow, 4999, 1000, 0x12, b""));
            each(&|flow, (port, ..)| put(true, *port, flow, 1000, 5000, 0x10, b""));
            each(&|flow, (port, bytes, _, cut)| put(true, *port, flow, 1000, 5000, 0x18, &bytes[..*cut]));
            each(&|flow, (port, bytes, _, cut)| {
                put(true, *port, flow, 1000 + *cut as u32, 5000, 0x18, &bytes[*cut..]);
            });
            take();
        }
        // Longer than anything waits.
        std::thread::sleep(Duration::from_millis(700));
        take();
        for (nth, (_, bytes, forbidden, cut)) in flows.iter().enumerate() {
            let got = came.remove(&(10_000 + nth as u16)).unwrap_or_default();
            let wanted: &[u8] = if *forbidden { b"" } else { bytes };
            assert_eq!(
                got.escape_ascii().to_string(),
                wanted.escape_ascii().to_string(),
                "cut at {cut} of {}",
                bytes.escape_ascii()
            );
        }
        println!("{} ways of cutting, {} alerts", flows.len(), (30..35).map(|sid| sensor.alerts(sid)).sum::<usize>());
        let dropped = flows.iter().filter(|(_, _, forbidden, _)| *forbidden).count();
        sensor.until("each is told", |s| (30..35).map(|sid| s.alerts(sid)).sum::<usize>() == dropped);
        let said = sensor.stop();
        assert!(said.contains("The ledger balances"), "{said}");
    });
}

#[test]
fn fragments_leave_only_once_their_datagram_was_judged() {
    let rules = "drop udp any any -> any 5004 (msg:\"dropped\"; content:\"forbidden\"; sid:40;)\n";
    with_sensor(1500, rules, "hold_ms = 150", |wire, sensor| {
        sensor.start();
        let receiver = wire.server.run(|| raw("s0"));
        let server = wire.server.run(|| UdpSocket::bind((SERVER, 5004)).unwrap());
        server.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let client = wire.client.run(|| UdpSocket::bind((CLIENT, 0)).unwrap());
        client.connect((SERVER, 5004)).unwrap();
        // In the last fragment, and over the edge of the first.
        for at in [3900, 1470, 2955] {
            let mut datagram = vec![b'x'; 4000];
            datagram[at..at + 9].copy_from_slice(b"forbidden");
            client.send(&datagram).unwrap();
        }
        client.send(&pattern(5000, 1)).unwrap();
        let mut buffer = vec![0; 9000];
        let n = server.recv(&mut buffer).unwrap();
        assert!(buffer[..n] == pattern(5000, 1), "what is allowed comes, and first");
        sensor.until("all are told", |s| s.alerts(40) == 3);
        let mut fragments = |took: &mut dyn FnMut(&[u8])| {
            use nix::sys::socket::{MsgFlags, recv};
            use std::os::fd::AsRawFd as _;
            while let Ok(n) = recv(receiver.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                if n > 34 && buffer[12..14] == [8, 0] && buffer[23] == 17 {
                    took(&buffer[34..n]);
                }
            }
        };
        let mut count = 0;
        fragments(&mut |bytes| {
            count += 1;
            assert!(!bytes.starts_with(b"xxxx") && !bytes.ends_with(b"xxxx"), "a part of what was dropped came");
        });
        assert_eq!(count, 4);
        // One whose rest never comes goes when its time is over, as the policy says, and is counted.
        let mut lone = segment_to(5004, true, 77, 1, 2, 0, &[b'x'; 100]);
        lone[20..22].copy_from_slice(&0x2000_u16.to_be_bytes());
        lone[24..26].fill(0);
        let sum = !lone[14..34].chunks(2).fold(0_u32, |sum, pair| {
            let sum = sum + u32::from(u16::from_be_bytes([pair[0], pair[1]]));
            (sum & 0xffff) + (sum >> 16)
        }) as u16;
        lone[24..26].copy_from_slice(&sum.to_be_bytes());
        wire.client.run(|| Sender::new("c0").unwrap()).send(&lone).unwrap();
        let limit = |sensor: &Sensor| sensor.status()["total"]["bypassed"]["hold_limit"].as_u64().unwrap();
        sensor.until("it is let go", |s| limit(s) == 1);
        let said = sensor.stop();
        assert!(said.contains("The ledger balances"), "{said}");
    });
}

/// A web server that tells the digest of what it gets, and gives bytes that follow from the path's number.
const WEB_SERVER: &str = r#"
import hashlib, http.server, random, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        number = int(self.path.split("/")[-1])
        self.answer(random.Random(number).randbytes(number % 300_000))
    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(hashlib.sha256(body).hexdigest().encode())
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer((sys.argv[1], 8080), Handler)
print("ready", flush=True)
server.serve_forever()
"#;

/// Asks and sends for so many seconds; tells how many answers came, all of them right, and how long the longest took.
const WEB_CLIENT: &str = r#"
import hashlib, http.client, random, sys, time
end, number, longest = time.monotonic() + float(sys.argv[2]), int(sys.argv[3]), 0
connection = http.client.HTTPConnection(sys.argv[1], 8080, timeout=20)
count = 0
while time.monotonic() < end:
    number, began = (number * 48271) % 2147483647, time.monotonic()
    body = random.Random(number).randbytes(number % 300_000)
    digest = hashlib.sha256(body).hexdigest()
    connection.request("GET", f"/folder/{number}", headers={"User-Agent": "test"})
    answer = connection.getresponse()
    got = answer.read()
    assert hashlib.sha256(got).hexdigest() == digest, f"{number}: {len(got)} bytes of {len(body)}"
    connection.request("PUT", "/upload", body=body)
    assert connection.getresponse().read().decode() == digest, f"{number} came otherwise"
    count, longest = count + 2, max(longest, time.monotonic() - began)
    if count % 20 == 0:
        connection.close()
print(count, longest)
"#;

struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn web_traffic_crosses_whole_and_does_not_stall() {
    // A ruleset of the caller's, or a few rules that look into what comes.
    let rules = std::env::var_os("SEKISHO_RULES").map_or_else(
        || {
            "alert http any any -> any any (msg:\"upload\"; http.method; content:\"PUT\"; threshold:type limit, track by_src, count 1, seconds 3600; sid:1;)\n\
             drop http any any -> any any (msg:\"never\"; http.uri; content:\"/forbidden\"; sid:2;)\n\
             drop tcp any any -> any any (msg:\"never\"; content:\"forbidden-secret\"; sid:3;)\n"
                .to_owned()
        },
        |path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned(),
    );
    with_sensor(1500, &rules, "", |wire, sensor| {
        sensor.start();
        let seconds = if is_long() { "60" } else { "3" };
        let mut server = wire.server.run(|| {
            let mut python = Command::new("python3");
            Killed(python.args(["-c", WEB_SERVER, SERVER]).stdout(std::process::Stdio::piped()).spawn().unwrap())
        });
        let mut ready = [0; 6];
        server.0.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
        let client = |seed: u32| {
            let output = wire.client.run(|| {
                Command::new("python3").args(["-c", WEB_CLIENT, SERVER, seconds, &seed.to_string()]).output().unwrap()
            });
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let said = String::from_utf8(output.stdout).unwrap();
            let (count, longest) = said.trim().split_once(' ').unwrap();
            (count.parse::<u64>().unwrap(), longest.parse::<f64>().unwrap())
        };
        let done: Vec<(u64, f64)> = std::thread::scope(|scope| {
            let clients: Vec<_> = (1..=3_u32).map(|seed| scope.spawn(move || client(seed * 7919))).collect();
            clients.into_iter().map(|client| client.join().unwrap()).collect()
        });
        drop(server);
        println!("requests, and the longest two in seconds, of each client: {done:?}");
        assert!(done.iter().all(|(count, longest)| *count >= 4 && *longest < 10.0), "{done:?}");
        let status = sensor.status();
        assert_eq!(status_sum(&status, "dropped"), 0, "{status}");
        let said = sensor.stop();
        assert!(said.contains("The ledger balances"), "{said}");
    });
}

/// A TCP segment of flow `flow` (the client's port) between the client and the server's port 5001, with right checksums.
fn segment(to_server: bool, flow: u16, seq: u32, ack: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    segment_to(5001, to_server, flow, seq, ack, flags, payload)
}

/// The same, to another port of the server.
fn segment_to(port: u16, to_server: bool, flow: u16, seq: u32, ack: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let sum = |parts: &[&[u8]]| {
        let mut total = 0_u32;
        for part in parts {
            for word in part.chunks(2) {
                total += u32::from(word[0]) << 8 | u32::from(word.get(1).copied().unwrap_or(0));
            }
        }
        while total >> 16 != 0 {
            total = (total & 0xffff) + (total >> 16);
        }
        (!(total as u16)).to_be_bytes()
    };
    let (mut macs, mut addresses) = ([[2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 1]], [[10, 9, 0, 1], [10, 9, 0, 2]]);
    let mut ports = [flow, port];
    if !to_server {
        macs.reverse();
        addresses.reverse();
        ports.reverse();
    }
    let mut tcp = Vec::new();
    ports.iter().for_each(|port| tcp.extend(port.to_be_bytes()));
    tcp.extend(seq.to_be_bytes());
    tcp.extend(ack.to_be_bytes());
    tcp.extend([5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
    tcp.extend(payload);
    let len = tcp.len() as u16;
    let pseudo = [0, 6, (len >> 8) as u8, len as u8];
    let checksum = sum(&[&addresses[0], &addresses[1], &pseudo, &tcp]);
    tcp[16..18].copy_from_slice(&checksum);
    let mut ip = vec![0x45, 0, ((len + 20) >> 8) as u8, (len + 20) as u8, 0, 0, 0x40, 0, 64, 6, 0, 0];
    addresses.iter().for_each(|address| ip.extend(address));
    let checksum = sum(&[&ip]);
    ip[10..12].copy_from_slice(&checksum);
    let mut out = Vec::new();
    macs.iter().for_each(|mac| out.extend(mac));
    out.extend([8, 0]);
    out.extend(ip);
    out.extend(tcp);
    out
}

/// Datagrams that carry their number and the time, at a steady rate, until told to stop; and what arrives of them.
struct Stream {
    sent: AtomicU64,
    done: AtomicBool,
}

/// Gaps in what arrived: (first missing, how many, for how long nothing came).
struct Arrived {
    count: u64,
    gaps: Vec<(u64, u64, Duration)>,
    late: u64,
}

impl Stream {
    /// `per_second` datagrams from client to server while `change` runs.
    fn run(wire: &Wire, per_second: u64, change: impl FnOnce() + Send) -> (u64, Arrived) {
        let stream = Self { sent: AtomicU64::new(0), done: AtomicBool::new(false) };
        let receiver = wire.server.run(|| raw("s0"));
        let sender = wire.client.run(|| Sender::new("c0").unwrap());
        let arrived = std::thread::scope(|scope| {
            scope.spawn(|| stream.send(&sender, per_second));
            let receive = scope.spawn(|| stream.receive(&receiver));
            // Ends the traffic also where an assertion fails.
            let end = Done(&stream.done);
            std::thread::sleep(Duration::from_millis(200));
            change();
            std::thread::sleep(Duration::from_millis(200));
            drop(end);
            receive.join().unwrap()
        });
        (stream.sent.load(Ordering::Relaxed), arrived)
    }

    fn send(&self, sender: &Sender, per_second: u64) {
        let start = Instant::now();
        for number in 0_u64.. {
            if self.done.load(Ordering::Relaxed) {
                return;
            }
            let due = start + Duration::from_nanos(number * 1_000_000_000 / per_second);
            while Instant::now() < due {
                std::thread::sleep(Duration::from_micros(100));
            }
            sender.send(&frame(9, number, 100)).unwrap();
            self.sent.store(number + 1, Ordering::Relaxed);
        }
    }

    fn receive(&self, socket: &std::os::fd::OwnedFd) -> Arrived {
        use nix::sys::socket::{MsgFlags, recv};
        use std::os::fd::AsRawFd as _;
        let mut arrived = Arrived { count: 0, gaps: Vec::new(), late: 0 };
        let mut missing = HashSet::new();
        let (mut next, mut buffer, mut last) = (0, vec![0; 2000], Instant::now());
        let mut quiet_since = None;
        loop {
            match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(n) => {
                    let Some((9, number)) = identify(&buffer[..n]) else { continue };
                    quiet_since = None;
                    let now = Instant::now();
                    if number < next {
                        // After its turn: the kernel's way was shorter than the worker's. Or twice, which must not be.
                        assert!(missing.remove(&number), "{number} came twice");
                        arrived.late += 1;
                        arrived.count += 1;
                        continue;
                    }
                    missing.extend(next..number);
                    if number > next {
                        arrived.gaps.push((next, number - next, now - last));
                    }
                    arrived.count += 1;
                    (next, last) = (number + 1, now);
                }
                Err(_) => {
                    if self.done.load(Ordering::Relaxed) {
                        let since = *quiet_since.get_or_insert_with(Instant::now);
                        if since.elapsed() > Duration::from_millis(500) {
                            return arrived;
                        }
                    }
                    std::thread::sleep(Duration::from_micros(200));
                }
            }
        }
    }
}

/// How long frames take from client to server, at a steady rate: half of them at most, 99 of 100, 999 of 1,000.
fn delays(wire: &Wire, per_second: u64, time: Duration) -> [Duration; 3] {
    use nix::sys::socket::{MsgFlags, recv};
    use std::os::fd::AsRawFd as _;
    let count = per_second * u64::try_from(time.as_millis()).unwrap() / 1000;
    let (receiver, sender) = (wire.server.run(|| raw("s0")), wire.client.run(|| Sender::new("c0").unwrap()));
    let start = Instant::now();
    let sent: Vec<AtomicU64> = (0..count).map(|_| AtomicU64::new(0)).collect();
    let mut taken: Vec<u64> = std::thread::scope(|scope| {
        scope.spawn(|| {
            for (number, at) in (0..count).zip(&sent) {
                let due = Duration::from_nanos(number * 1_000_000_000 / per_second);
                while start.elapsed() < due {
                    std::thread::yield_now();
                }
                at.store(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
                sender.send(&frame(9, number, 100)).unwrap();
            }
        });
        let (mut taken, mut buffer) = (Vec::new(), vec![0; 2000]);
        while (taken.len() as u64) < count && start.elapsed() < time * 2 + Duration::from_secs(1) {
            let Ok(n) = recv(receiver.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) else {
                std::thread::yield_now();
                continue;
            };
            if let Some((9, number)) = identify(&buffer[..n]) {
                let now = start.elapsed().as_nanos() as u64;
                taken.push(now - sent[number as usize].load(Ordering::Relaxed));
            }
        }
        taken
    });
    assert!(taken.len() as u64 > count * 99 / 100, "{} of {count} came", taken.len());
    taken.sort_unstable();
    [500, 990, 999].map(|share| Duration::from_nanos(taken[(taken.len() - 1) * share / 1000]))
}

#[test]
fn the_sensor_adds_little_delay() {
    with_sensor(
        1500,
        "alert tcp any any -> any any (msg:\"none\"; content:\"no such word\"; sid:1;)\n",
        "",
        |wire, sensor| {
            sensor.start();
            let rates: &[u64] = if is_long() { &[5000, 20_000, 40_000, 60_000] } else { &[5000] };
            for rate in rates {
                let [half, most, nearly_all] = delays(wire, *rate, Duration::from_secs(2));
                println!("{rate} a second through the worker: {half:?} median, {most:?} 99 %, {nearly_all:?} 99.9 %");
                assert!(half < Duration::from_millis(50), "half of the frames took more than {half:?}");
            }
            sensor.stop();
            for rate in rates {
                let [half, most, nearly_all] = delays(wire, *rate, Duration::from_secs(2));
                println!("{rate} a second through the kernel: {half:?} median, {most:?} 99 %, {nearly_all:?} 99.9 %");
            }
        },
    );
}

struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_killed_sensor_costs_the_link_little_and_its_successor_less() {
    with_sensor(
        1500,
        "alert ip any any -> any any (msg:\"none\"; content:\"no such word\"; sid:1;)\n",
        "",
        |wire, sensor| {
            let (kills, rate) = if is_long() { (10, 50_000) } else { (3, 10_000) };
            sensor.start();
            for round in 0..kills {
                let (sent, arrived) = Stream::run(wire, rate, || {
                    sensor.kill();
                    std::thread::sleep(Duration::from_millis(300));
                });
                let lost = sent - arrived.count;
                println!("kill {round}: {lost} of {sent} lost, {:?} out of turn, {:?}", arrived.late, arrived.gaps);
                assert!(lost <= rate / 10, "{lost} datagrams lost: more than 100 ms of {rate} a second");
                let (sent, arrived) = Stream::run(wire, rate, || sensor.start());
                let lost = sent - arrived.count;
                println!("restart {round}: {lost} of {sent} lost, {} out of turn, {:?}", arrived.late, arrived.gaps);
                assert!(lost <= rate / 100, "{lost} datagrams lost: more than 10 ms of {rate} a second");
            }
            // What the kernel forwarded while there was nobody is in the accounts of the last sensor.
            let status = sensor.status();
            let a = &status["queues"].as_array().unwrap()[0];
            assert!(a["xdp"]["forwarded:no_socket"].as_u64() > Some(rate / 10 * kills), "{status}");
            let (sent, arrived) = Stream::run(wire, rate / 5, || {
                sensor.reload("alert ip any any -> any any (msg:\"other\"; content:\"no such word either\"; sid:2;)\n");
            });
            assert_eq!((arrived.count, arrived.gaps.len()), (sent, 0), "a reload loses nothing: {:?}", arrived.gaps);
            let (sent, arrived) = Stream::run(wire, rate / 5, || drop(sensor.stop()));
            println!("stop: {} of {sent} lost", sent - arrived.count);
            assert!(sent - arrived.count <= rate / 5 / 100, "a stop loses next to nothing: {:?}", arrived.gaps);
            let output = sensor.ask(&["run", "--detach"]);
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success() && said.matches("the XDP program is off").count() == 2, "{said}");
            for port in ["a0", "b0"] {
                assert!(Link::by_name(port).unwrap().xdp.is_none());
            }
            assert!(files_under(Path::new("/sys/fs/bpf/sekisho")).is_empty());
        },
    );
}

#[test]
fn a_worker_that_hangs_is_passed_by_and_goes_on_later() {
    with_sensor(1500, "", "", |wire, sensor| {
        sensor.start();
        let rate = 2000;
        let pid = Pid::from_raw(sensor.pid());
        let (sent, arrived) = Stream::run(wire, rate, || {
            kill(pid, Signal::SIGSTOP).unwrap();
            std::thread::sleep(Duration::from_millis(700));
            kill(pid, Signal::SIGCONT).unwrap();
            std::thread::sleep(Duration::from_millis(300));
        });
        println!("{} of {sent} lost, {} out of turn, {:?}", sent - arrived.count, arrived.late, arrived.gaps);
        assert_eq!(
            arrived.count, sent,
            "what had gone to the worker waits for it, the rest goes past: {:?}",
            arrived.gaps
        );
        let status = sensor.status();
        let stale = status["queues"][0]["xdp"]["forwarded:stale"].as_u64().unwrap();
        assert!(stale > rate / 2, "{status}");
        sensor.stop();
    });
}

#[test]
fn a_pattern_cut_over_segments_does_not_leave_in_its_first_half() {
    with_sensor(1500, DROP, "hold_ms = 150", |wire, sensor| {
        sensor.start();
        let waits = Some(ErrorKind::WouldBlock);
        for parts in [["before ", "and a forbidde", "n-secret"], ["before ", "f", "orbidden-secret"]] {
            let (got, server, client) = talk(wire, 5001, &parts.map(str::as_bytes));
            assert_eq!((String::from_utf8_lossy(&got).as_ref(), server, client), ("before ", waits, waits));
        }
        // What only looked like it comes, in order; also where nothing follows.
        for parts in [["before ", "and a forbidde", "r of things"], ["before ", "and then ", "a forbidden"]] {
            let (got, ..) = talk(wire, 5001, &parts.map(str::as_bytes));
            assert_eq!(String::from_utf8_lossy(&got), parts.concat());
        }
        let held: u64 = sensor.status()["total"]["in_flight"].as_u64().unwrap();
        assert_eq!(held, 0, "nothing waits for ever");
        sensor.stop();
    });
}

#[test]
fn a_port_that_vanishes_is_waited_for_and_put_in_line_again() {
    with_sensor(1500, DROP, "", |wire, sensor| {
        sensor.start();
        let crosses = || wire.client.run(|| command(&format!("ping -c 1 -W 1 {SERVER}")).is_ok());
        assert!(crosses());
        command("ip link del dev b0").unwrap();
        sensor.until("it is missed", |s| s.log().contains("the interface b0 has vanished"));
        wire.lay_server(1500);
        sensor.until("it is in line again", |s| s.log().contains("a0 and b0 are both there again"));
        // The new end has another address on the wire.
        wire.client.run(|| command("ip neigh flush dev c0").unwrap());
        assert!(crosses());
        let (got, server, _) = talk(wire, 5001, &[b"before ", b"a forbidden-secret"]);
        assert_eq!(
            (got.as_slice(), server),
            (b"before ".as_slice(), Some(ErrorKind::WouldBlock)),
            "rules hold as before"
        );
        let said = sensor.stop();
        assert!(said.contains("The ledger balances"), "{said}");
    });
}

#[test]
fn a_cut_on_one_side_is_seen_on_the_other_until_it_is_mended() {
    with_sensor(1500, "", "mirror_link = true", |wire, sensor| {
        let carrier = |of: &Wire, end: &str| {
            let file = format!("/sys/class/net/{end}/carrier");
            let namespace = if end == "c0" { &of.client } else { &of.server };
            // Of an end that is down there is none to be read.
            namespace.run(|| std::fs::read_to_string(file).is_ok_and(|text| text.trim() == "1"))
        };
        let set = |end: &str, state: &str| {
            let namespace = if end == "c0" { &wire.client } else { &wire.server };
            namespace.run(|| command(&format!("ip link set dev {end} {state}")).unwrap());
        };
        // What was cut before the start is nobody's doing now.
        set("c0", "down");
        sensor.start();
        std::thread::sleep(Duration::from_millis(1200));
        assert!(carrier(wire, "s0"));
        set("c0", "up");
        sensor.until("both are there", |_| carrier(wire, "c0"));
        std::thread::sleep(Duration::from_millis(1200));
        let crosses = || wire.client.run(|| command(&format!("ping -c 1 -W 1 {SERVER}")).is_ok());
        assert!(crosses());
        for (cut, other) in [("c0", "s0"), ("s0", "c0")] {
            set(cut, "down");
            sensor.until("the other end sees it", |_| !carrier(wire, other));
            set(cut, "up");
            sensor.until("the other end is back", |_| carrier(wire, other));
            sensor.until("it crosses again", |_| crosses());
            std::thread::sleep(Duration::from_millis(600));
        }
        // A stop leaves no port down.
        set("c0", "down");
        sensor.until("the other end sees it", |_| !carrier(wire, "s0"));
        sensor.stop();
        assert!(carrier(wire, "s0"));
    });
}

#[test]
fn no_frame_of_packet_memory_gets_lost_on_any_way() {
    if !can_run() {
        return;
    }
    let wire = Wire::new(1500);
    wire.bump.run(|| {
        let peer =
            Peer { index: Link::by_name("b0").unwrap().index, rule: PeerRule::Drop, stale: Duration::from_secs(60) };
        let mut attachment = Attachment::attach_as("a0", &AttachConfig::default(), Some(peer)).unwrap();
        let mut pair = Pair::open(["a0", "b0"], 0, &small()).unwrap();
        attachment.heartbeats().unwrap().beat(0, monotonic_ns());
        attachment.insert(0, &pair.socket(Side::A)).unwrap();
        let receiver = wire.server.run(|| raw("s0"));
        let client = wire.client.run(|| Sender::new("c0").unwrap());
        let (all, mut held, mut expected, mut number) = (pair.spare_frames().1, Vec::new(), Vec::new(), 0_u64);
        for _ in 0..200 {
            for n in number..number + 8 {
                client.send(&frame(3, n, 200)).unwrap();
            }
            let (end, until) = (number + 8, Instant::now() + Duration::from_secs(5));
            while number < end {
                assert!(Instant::now() < until, "frame {number} does not come");
                pair.receive(Side::A);
                while let Some(bytes) = pair.next_packet(Side::A) {
                    assert_eq!(identify(bytes), Some((3, number)));
                    match number % 5 {
                        0 => pair.discard(),
                        // Nobody says a word about it: discarded.
                        1 => {}
                        2 => held.push((number, pair.hold())),
                        _ => {
                            assert!(pair.forward(Side::B));
                            expected.push(number);
                        }
                    }
                    number += 1;
                }
            }
            for (number, chain) in held.drain(..) {
                if number % 2 == 0 {
                    assert!(pair.release(chain, Side::B));
                    expected.push(number);
                } else {
                    pair.give_up(chain);
                }
            }
            pair.flush(Side::B);
        }
        let mut came: Vec<u64> =
            take(&receiver, expected.len()).iter().map(|bytes| identify(bytes).unwrap().1).collect();
        came.sort_unstable();
        expected.sort_unstable();
        assert_eq!(came, expected);
        pair.receive(Side::A);
        // What is not spare is in the two fill rings, and they are full.
        assert_eq!(pair.spare_frames(), (all - 2 * 64, all));
    });
}

#[test]
fn policies_say_what_becomes_of_what_cannot_be_inspected() {
    // Of a connection whose beginning was not seen.
    let count = |sensor: &Sensor, action: &str| sensor.status()["total"][action]["midstream"].as_u64().unwrap();
    for (policy, passes) in [("", true), ("[exceptions]\nmidstream = \"drop\"", false)] {
        with_sensor(1500, "", policy, |wire, sensor| {
            sensor.start();
            let receiver = wire.server.run(|| raw("s0"));
            let client = wire.client.run(|| Sender::new("c0").unwrap());
            client.send(&segment(true, 7, 1000, 5000, 0x18, b"in the middle")).unwrap();
            let mut came = false;
            let (end, mut buffer) = (Instant::now() + Duration::from_millis(500), vec![0; 2000]);
            while Instant::now() < end {
                use std::os::fd::AsRawFd as _;
                let flags = nix::sys::socket::MsgFlags::MSG_DONTWAIT;
                match nix::sys::socket::recv(receiver.as_raw_fd(), &mut buffer, flags) {
                    Ok(n) => came |= buffer[..n].ends_with(b"in the middle"),
                    Err(_) => std::thread::sleep(Duration::from_millis(5)),
                }
            }
            assert_eq!(came, passes);
            assert_eq!((count(sensor, "bypassed"), count(sensor, "dropped")), (u64::from(passes), u64::from(!passes)));
            sensor.stop();
        });
    }
}

#[test]
fn what_cannot_work_is_refused_with_a_sentence() {
    with_sensor(1500, "", "", |wire, sensor| {
        let say = |words: &[&str]| {
            let output = sensor.ask(words);
            assert!(!output.status.success());
            String::from_utf8_lossy(&output.stderr).into_owned()
        };
        let said = say(&["run", "--inline", "a0:a0"]);
        assert!(said.contains("both ports of a link are a0"), "{said}");
        let said = say(&["run", "--inline", "a0:b0", "--inline", "b0:a0"]);
        assert!(said.contains("is a port of two links"), "{said}");
        let said = say(&["run", "--inline", "a0:nix0"]);
        assert!(said.contains("there is no interface nix0; there are: a0, b0"), "{said}");
        let said = say(&["run", "--inline", "a0"]);
        assert!(said.contains("eth1:eth2"), "{said}");
        command("ip link set dev b0 mtu 1400").unwrap();
        let said = say(&["run"]);
        assert!(
            said.contains("a0 has an MTU of 1500 and b0 of 1400") && said.contains("ip link set dev b0 mtu 1500"),
            "{said}"
        );
        command("ip link set dev b0 mtu 1500").unwrap();
        // Somebody else's file where the pin is to be.
        std::fs::create_dir_all("/sys/fs/bpf/sekisho/a0").unwrap();
        let said = say(&["run"]);
        assert!(said.contains("cannot pin at /sys/fs/bpf/sekisho/a0"), "{said}");
        std::fs::remove_dir("/sys/fs/bpf/sekisho/a0").unwrap();
        assert!(Link::by_name("a0").unwrap().xdp.is_none() && Link::by_name("b0").unwrap().xdp.is_none());
        let mut first = Sensor::new(binary(), "", "");
        first.start();
        let said = say(&["run"]);
        assert!(said.contains("another sensor stands on a0"), "{said}");
        let said = say(&["run", "--detach"]);
        assert!(said.contains("another sensor stands on a0"), "{said}");
        // Neither harmed the link.
        wire.client.run(|| command(&format!("ping -c 1 -W 2 {SERVER}")).unwrap());
        first.stop();
    });
}
