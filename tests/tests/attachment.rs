//! Live: the XDP program put on an interface and taken off again, in network namespaces of the tests' own; and what a person is told
//! when it cannot be.

use caps::{CapSet, Capability};
use sekisho::capture::afxdp::{Socket, Wake};
use sekisho::capture::link::Link;
use sekisho::control::interface::{AttachConfig, AttachMode, Attachment, Pin, Presence, XdpPlace};
use sekisho_ebpf::Verdict;
use sekisho_tests::frames::{Sender, frame};
use sekisho_tests::live::{bpffs_files, nothing_attached, pinned, send_and_receive, small, with_pair};
use sekisho_tests::netns::{command, veth};
use std::path::Path;
use std::time::{Duration, Instant};

/// Files of one pinned attachment: the link, and the counters that its successor carries on.
const PINS: usize = 2;

#[test]
fn where_the_driver_refuses_the_program_goes_to_the_network_stack_and_says_so() {
    with_pair(1, 1500, || {
        // The loopback's driver has no XDP of its own.
        let attachment = Attachment::attach("lo", &AttachConfig::default()).unwrap();
        assert_eq!(attachment.place(), XdpPlace::Generic);
        assert!(attachment.native_refusal().is_some_and(|r| !r.is_empty()));
        drop(attachment);
        let config = AttachConfig { mode: AttachMode::Native, ..AttachConfig::default() };
        let error = Attachment::attach("lo", &config).unwrap_err().to_string();
        assert!(error.starts_with("the driver of lo does not take the XDP program"), "{error}");
    });
}

#[test]
fn an_interface_that_has_a_program_is_refused_with_its_number_and_name() {
    with_pair(1, 1500, || {
        let first = Attachment::attach("tap0", &AttachConfig::default()).unwrap();
        let error = Attachment::attach("tap0", &AttachConfig::default()).unwrap_err().to_string();
        let expected =
            format!("tap0 has another XDP program already: number {} \"sekisho_xdp\", native.", first.program_id());
        assert!(error.starts_with(&expected) && error.contains("ip link set dev tap0 xdpdrv off"), "{error}");
        assert_eq!(Link::by_name("tap0").unwrap().xdp.unwrap().id, first.program_id(), "the first one stays");
        drop(first);
        Attachment::attach("tap0", &AttachConfig::default()).unwrap();
    });
}

#[test]
fn a_missing_interface_or_queue_is_told_with_those_that_there_are() {
    with_pair(2, 1500, || {
        for error in [
            Attachment::attach("eth77", &AttachConfig::default()).unwrap_err().to_string(),
            Socket::open("eth77", 0, &small()).unwrap_err().to_string(),
        ] {
            assert_eq!(error, "there is no interface eth77; there are: gen0, lo, tap0. Check the name with `ip link`");
        }
        let error = Socket::open("tap0", 2, &small()).unwrap_err().to_string();
        assert!(error.starts_with("tap0 has no queue 2: it has 2 (0 to 1)"), "{error}");
    });
}

#[test]
fn missing_privilege_is_told_by_the_capability_s_name() {
    with_pair(1, 1500, || {
        let effective = caps::read(None, CapSet::Effective).unwrap();
        let without = |gone: &[Capability]| {
            let kept = effective.iter().copied().filter(|c| !gone.contains(c)).collect();
            caps::set(None, CapSet::Effective, &kept).unwrap();
        };
        without(&[Capability::CAP_BPF, Capability::CAP_SYS_ADMIN]);
        let error = Attachment::attach("tap0", &AttachConfig::default()).unwrap_err().to_string();
        assert!(
            error.contains("not permitted to attach the XDP program to tap0: the process lacks CAP_BPF:"),
            "{error}"
        );
        without(&[Capability::CAP_BPF, Capability::CAP_SYS_ADMIN, Capability::CAP_NET_ADMIN]);
        let error = Attachment::attach("tap0", &AttachConfig::default()).unwrap_err().to_string();
        assert!(error.contains("the process lacks CAP_BPF and CAP_NET_ADMIN:"), "{error}");
        without(&[Capability::CAP_NET_RAW]);
        let error = Socket::open("tap0", 0, &small()).unwrap_err().to_string();
        assert!(
            error.contains("not permitted to open an AF_XDP socket on tap0: the process lacks CAP_NET_RAW:"),
            "{error}"
        );
        caps::set(None, CapSet::Effective, &effective).unwrap();
        assert!(nothing_attached());
    });
}

#[test]
fn the_capabilities_that_are_asked_for_are_enough() {
    with_pair(1, 1500, || {
        let effective = caps::read(None, CapSet::Effective).unwrap();
        let few = [
            Capability::CAP_BPF,
            Capability::CAP_IPC_LOCK,
            Capability::CAP_NET_ADMIN,
            Capability::CAP_NET_RAW,
            Capability::CAP_PERFMON,
        ];
        caps::set(None, CapSet::Effective, &few.into_iter().collect()).unwrap();
        let mut attachment = Attachment::attach("tap0", &AttachConfig::default()).unwrap();
        let mut socket = Socket::open("tap0", 0, &small()).unwrap();
        attachment.insert(0, &socket).unwrap();
        send_and_receive(&mut socket, 10, |_| 100);
        assert_eq!(attachment.counters().unwrap().queues[0].packets(Verdict::Redirected), 10);
        drop((attachment, socket));
        caps::set(None, CapSet::Effective, &effective).unwrap();
        assert!(nothing_attached());
    });
}

#[test]
fn an_interface_that_vanishes_is_noticed_and_leaves_nothing() {
    with_pair(1, 1500, || {
        let mut attachment = Attachment::attach("tap0", &pinned()).unwrap();
        let mut socket = Socket::open("tap0", 0, &small()).unwrap();
        attachment.insert(0, &socket).unwrap();
        send_and_receive(&mut socket, 20, |_| 100);
        assert_eq!(attachment.presence(), Presence::Running);
        assert_eq!(socket.wait(Duration::from_millis(1)), Wake::Idle);
        command("ip link set dev tap0 down").unwrap();
        assert_eq!(attachment.presence(), Presence::Down);
        command("ip link set dev tap0 up").unwrap();
        command("ip link set dev tap0 down").unwrap();
        command("ip link set dev tap0 name tap1").unwrap();
        assert_eq!(attachment.presence(), Presence::Down, "renamed is not gone");
        command("ip link del dev tap1").unwrap();
        assert_eq!(attachment.presence(), Presence::Gone);
        let end = Instant::now() + Duration::from_secs(5);
        while socket.wait(Duration::from_millis(10)) != Wake::Gone {
            assert!(Instant::now() < end, "the socket did not notice");
        }
        assert!(socket.receive().is_empty());
        assert_eq!(socket.wait(Duration::from_millis(1)), Wake::Gone, "gone stays gone");
        // What was counted can still be read.
        assert_eq!(attachment.counters().unwrap().queues[0].packets(Verdict::Redirected), 20);
        assert_eq!(bpffs_files(), PINS);
        drop((attachment, socket));
        assert_eq!(bpffs_files(), 0, "the pin of an interface that is gone is removed");
        // A new interface of the same name is another one, and can be attached.
        veth("tap0", "gen0", 1, 1500).unwrap();
        Attachment::attach("tap0", &AttachConfig::default()).unwrap();
    });
}

#[test]
fn nothing_stays_after_a_panic() {
    with_pair(1, 1500, || {
        let result = std::panic::catch_unwind(|| {
            let mut attachment = Attachment::attach("tap0", &AttachConfig::default()).unwrap();
            let mut socket = Socket::open("tap0", 0, &small()).unwrap();
            attachment.insert(0, &socket).unwrap();
            let sender = Sender::new("gen0").unwrap();
            sender.send(&frame(1, 1, 100)).unwrap();
            let mut batch = socket.receive();
            assert!(batch.next_frame().is_some());
            std::panic::resume_unwind(Box::new("in the middle of a batch"));
        });
        assert!(result.unwrap_err().is::<&str>());
        assert!(nothing_attached());
        assert_eq!(bpffs_files(), 0);
    });
}

#[test]
fn a_pinned_program_outlives_the_sensor_and_the_next_start_takes_it_over() {
    with_pair(1, 1500, || {
        let first = Attachment::attach("tap0", &pinned()).unwrap();
        assert_eq!(first.pin_path(), Some(Path::new("/sys/fs/bpf/sekisho/tap0")));
        let first_id = first.program_id();
        drop(first);
        assert_eq!(Link::by_name("tap0").unwrap().xdp.unwrap().id, first_id, "it stays attached");
        assert_eq!(bpffs_files(), PINS);

        let mut second = Attachment::attach("tap0", &pinned()).unwrap();
        assert_ne!(second.program_id(), first_id);
        assert_eq!(Link::by_name("tap0").unwrap().xdp.unwrap().id, second.program_id());
        let mut socket = Socket::open("tap0", 0, &small()).unwrap();
        second.insert(0, &socket).unwrap();
        send_and_receive(&mut socket, 50, |_| 100);
        assert_eq!(second.place(), XdpPlace::Native);
        assert_eq!(bpffs_files(), PINS);

        second.detach().unwrap();
        assert!(nothing_attached());
        assert_eq!(bpffs_files(), 0);
    });
}

#[test]
fn a_pin_that_holds_nothing_is_replaced_and_one_that_cannot_be_made_is_told() {
    with_pair(1, 1500, || {
        drop(Attachment::attach("tap0", &pinned()).unwrap());
        command("ip link del dev tap0").unwrap();
        assert_eq!(bpffs_files(), PINS, "nobody was there to remove it");
        veth("tap0", "gen0", 1, 1500).unwrap();
        Attachment::attach("tap0", &pinned()).unwrap().detach().unwrap();
        assert!(nothing_attached());

        let elsewhere = tempfile::tempdir().unwrap();
        let path = elsewhere.path().join("pin");
        let config = AttachConfig { pin: Pin::Path(path.clone()), ..AttachConfig::default() };
        let error = Attachment::attach("tap0", &config).unwrap_err().to_string();
        let expected =
            format!("cannot pin at {}: {} is not on a BPF file system", path.display(), elsewhere.path().display());
        assert!(error.starts_with(&expected), "{error}");
        assert!(nothing_attached());
    });
}
