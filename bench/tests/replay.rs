//! Live: a capture replayed onto a virtual interface, by a socket and by XDP live frames. What the far end gets is what was sent, frame
//! by frame, and the counts say the same.

use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, bind, recv, setsockopt, socket, sockopt,
};
use sekisho_bench::generate::{Mix, Options, generate};
use sekisho_bench::replay::{Frames, Mark, Method, Order, Sent, next_round, replay};
use sekisho_bench::rewrite;
use sekisho_tests::netns::{Namespace, can_run, command, veth};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);
const ROUNDS: u64 = 3;

/// A packet socket that gets all that arrives at an interface.
fn listener(interface: &str) -> OwnedFd {
    let entries = nix::ifaddrs::getifaddrs().unwrap();
    let address: LinkAddr = entries
        .filter(|entry| entry.interface_name == interface)
        .find_map(|entry| entry.address.and_then(|a| a.as_link_addr().copied()))
        .unwrap();
    let all = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(AddressFamily::Packet, SockType::Raw, all, SockProtocol::EthAll).unwrap();
    setsockopt(&fd, sockopt::RcvBufForce, &(64 << 20)).unwrap();
    bind(fd.as_raw_fd(), &address).unwrap();
    fd
}

fn receive(fd: &OwnedFd, count: u64) -> Vec<Vec<u8>> {
    let (mut got, mut buffer) = (Vec::new(), vec![0; 4096]);
    let end = Instant::now() + PATIENCE;
    while (got.len() as u64) < count {
        match recv(fd.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
            Ok(len) => got.push(buffer[..len].to_vec()),
            Err(nix::errno::Errno::EAGAIN) => {
                assert!(Instant::now() < end, "{} frames of {count} arrived", got.len());
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(errno) => panic!("{errno}"),
        }
    }
    got
}

/// Frames of many lengths, some of them with a marker.
fn frames() -> (Frames, Vec<Vec<u8>>) {
    let options = Options {
        mix: Mix::Streams,
        flows: Some(300),
        udp_share: 1.0,
        marker: Some("ZQmarkerQZ".into()),
        marker_share: 0.2,
        ..Options::default()
    };
    let (mut frames, mut list) = (Frames::default(), Vec::new());
    generate(&options, |_, frame| {
        let marked = frame.windows(10).any(|w| w == b"ZQmarkerQZ");
        frames.push(frame, Mark { marked, marked_udp: marked });
        list.push(frame.to_vec());
        Ok(())
    })
    .unwrap();
    (frames, list)
}

fn sent_is_received(method: Method, name: &str, rate: u64) {
    let listener = listener("far0");
    let (mut frames, list) = frames();
    let order = Order { interface: "near0", method, rate, duration: PATIENCE, rounds: ROUNDS };
    let refresh = |round: u64, frame: &mut [u8]| rewrite::frame(1, frame, &mut |addr| next_round(addr, round));
    let sent: Sent = replay(&order, &mut frames, refresh).unwrap();
    assert_eq!((sent.method, sent.rounds), (name, ROUNDS));
    assert_eq!(sent.sent + sent.refused, ROUNDS * list.len() as u64, "{sent:?}");
    let got = receive(&listener, sent.sent);
    assert_eq!(sent.bytes, got.iter().map(|f| f.len() as u64).sum::<u64>());
    let marked = got.iter().filter(|f| f.windows(10).any(|w| w == b"ZQmarkerQZ")).count() as u64;
    assert_eq!((sent.marked, sent.marked_udp), (marked, marked));
    assert!(marked > 0);
    // Nothing comes after what was counted.
    std::thread::sleep(Duration::from_millis(50));
    assert!(recv(listener.as_raw_fd(), &mut [0; 64], MsgFlags::empty()).is_err(), "more came than was sent");
    if sent.refused == 0 {
        let mut expected = list;
        let mut round = expected.clone();
        for number in 1..ROUNDS {
            round.iter_mut().for_each(|frame| refresh(number, frame));
            expected.extend(round.iter().cloned());
        }
        assert!(got == expected, "the frames that arrived are not those of the capture");
    }
}

/// Two ends, of which the far one takes XDP frames.
fn pair() {
    veth("near0", "far0", 1, 1500).unwrap();
    command("ethtool -K far0 gro on").unwrap();
}

#[test]
fn what_a_socket_sends_arrives_and_is_counted() {
    if can_run() {
        Namespace::new().unwrap().run(|| {
            pair();
            sent_is_received(Method::Packet, "packet", 20_000);
        });
    }
}

#[test]
fn what_xdp_sends_arrives_and_is_counted() {
    if can_run() {
        Namespace::new().unwrap().run(|| {
            pair();
            sent_is_received(Method::Xdp, "xdp", 0);
            sent_is_received(Method::Auto, "xdp", 200_000);
        });
    }
}

#[test]
fn an_end_that_takes_no_xdp_frames_is_told_or_sent_to_by_a_socket() {
    if can_run() {
        Namespace::new().unwrap().run(|| {
            veth("near0", "far0", 1, 1500).unwrap();
            command("ethtool -K far0 gro off").unwrap();
            let (mut list, _) = frames();
            let order = Order { interface: "near0", method: Method::Xdp, rate: 0, duration: PATIENCE, rounds: 1 };
            let error = replay(&order, &mut list, |_, _| {}).unwrap_err().to_string();
            assert!(error.contains("gro on"), "{error}");
            sent_is_received(Method::Auto, "packet", 0);
        });
    }
}
