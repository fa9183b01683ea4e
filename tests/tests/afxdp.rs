//! Live: the XDP program and AF_XDP sockets on virtual interfaces in network namespaces of the tests' own.
//!
//! A virtual pair shows that frames come through whole, in copy mode and in both XDP modes, that they are counted, and that
//! everything is taken off again. What only a NIC's driver does (zero-copy) it cannot show.

use caps::{CapSet, Capability};
use sekisho::capture::afxdp::{AfxdpCounters, Mode, Socket, Wake};
use sekisho::capture::afxdp_config::{AfxdpConfig, BusyPoll, HugePages, ZeroCopy};
use sekisho::capture::link::Link;
use sekisho::control::interface::{AttachConfig, AttachMode, Attachment, NoSocketAction, Pin, Presence, XdpPlace};
use sekisho_ebpf::Verdict;
use sekisho_tests::frames::{Sender, frame, identify};
use sekisho_tests::netns::{Namespace, can_run, command, veth};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant};

/// Rings as small as they can be, so that a few thousand frames go around many times.
fn small() -> AfxdpConfig {
    AfxdpConfig { rx_ring: 64, fill_ring: 64, frames: 256, huge_pages: HugePages::Never, ..AfxdpConfig::default() }
}

/// Runs `test` in a new namespace with a joined pair `tap0` (where the sensor sits) and `gen0`, or skips it.
fn with_pair(queues: u32, mtu: u32, test: impl FnOnce() + Send) {
    if can_run() {
        Namespace::new().unwrap().run(|| {
            veth("tap0", "gen0", queues, mtu).unwrap();
            test();
        });
    }
}

/// What one socket received, in order, each frame checked byte by byte.
#[derive(Default)]
struct Received {
    frames: Vec<(u16, u64)>,
    bytes: u64,
    counted: u64,
}

impl Received {
    fn take(&mut self, socket: &mut Socket) -> bool {
        let mut batch = socket.receive();
        let some = !batch.is_empty();
        self.counted += batch.packets();
        while let Some(bytes) = batch.next_frame() {
            self.bytes += bytes.len() as u64;
            self.frames.push(identify(bytes).expect("a frame arrived changed"));
        }
        some
    }

    fn until(&mut self, socket: &mut Socket, count: usize) {
        let end = Instant::now() + Duration::from_secs(10);
        while self.frames.len() < count && Instant::now() < end {
            if !self.take(socket) {
                socket.wait(Duration::from_millis(20));
            }
        }
        assert_eq!(self.frames.len(), count, "frames received in 10 s; {:?}", socket.statistics());
        assert_eq!(self.counted, count as u64);
    }
}

/// Sends `count` frames of varying length in bursts that fit the rings, and receives each.
fn send_and_receive(socket: &mut Socket, count: u64, length: impl Fn(u64) -> usize) -> Received {
    let sender = Sender::new("gen0").unwrap();
    let mut received = Received::default();
    let mut sent_bytes = 0;
    for number in 0..count {
        let frame = frame(1000, number, length(number));
        sent_bytes += frame.len() as u64;
        sender.send(&frame).unwrap();
        if number % 8 == 7 || number + 1 == count {
            received.until(socket, number as usize + 1);
        }
    }
    assert!(received.frames.iter().copied().eq((0..count).map(|n| (1000, n))), "every frame once, and in order");
    assert_eq!(received.bytes, sent_bytes);
    received
}

fn nothing_attached() -> bool {
    Link::by_name("tap0").unwrap().xdp.is_none()
}

/// Files in the BPF file system, but for the two that every new one comes with.
fn bpffs_files() -> usize {
    fn count(folder: &Path) -> usize {
        let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
        let ours = entries.filter(|p| !p.ends_with("maps.debug") && !p.ends_with("progs.debug"));
        ours.map(|p| if p.is_dir() { count(&p) } else { 1 }).sum()
    }
    count(Path::new("/sys/fs/bpf"))
}

fn pinned() -> AttachConfig {
    AttachConfig { pin: Pin::Switch(true), ..AttachConfig::default() }
}

#[test]
fn frames_arrive_whole_and_are_counted_and_their_memory_goes_around() {
    with_pair(1, 1500, || {
        let mut attachment = Attachment::attach("tap0", &AttachConfig::default()).unwrap();
        assert_eq!((attachment.place(), attachment.queues()), (XdpPlace::Native, 1));
        let mut socket = Socket::open("tap0", 0, &small()).unwrap();
        assert_eq!(socket.mode(), Mode::Copy);
        assert!(socket.facts().multi_buffer && !socket.facts().huge_pages);
        attachment.insert(0, &socket).unwrap();

        let received = send_and_receive(&mut socket, 3000, |n| 64 + (n as usize * 37) % 1451);

        assert_eq!(socket.statistics().unwrap(), AfxdpCounters::default());
        let counters = attachment.counters().unwrap();
        assert_eq!(counters.queues[0].packets(Verdict::Redirected), 3000);
        assert_eq!(counters.queues[0].bytes(Verdict::Redirected), received.bytes);
        assert_eq!(counters.queues[0].total_packets(), 3000);
        assert_eq!(counters.later_queues.total_packets(), 0);
        // Everything received was processed: what is not spare is in the fill ring, and that is full.
        assert!(socket.receive().is_empty());
        assert_eq!(socket.spare_frames(), (256 - 64, 256));
        assert!(Link::by_name("tap0").unwrap().xdp.is_some());
        drop(attachment);
        assert!(nothing_attached());
    });
}

#[test]
fn the_network_stack_takes_the_program_where_the_configuration_says_so() {
    with_pair(1, 1500, || {
        let config = AttachConfig { mode: AttachMode::Generic, ..AttachConfig::default() };
        let mut attachment = Attachment::attach("tap0", &config).unwrap();
        assert_eq!(attachment.place(), XdpPlace::Generic);
        let mut socket = Socket::open("tap0", 0, &small()).unwrap();
        attachment.insert(0, &socket).unwrap();
        send_and_receive(&mut socket, 500, |n| 64 + n as usize);
    });
}

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
fn every_queue_has_its_own_socket_and_a_flow_stays_on_its_queue() {
    const QUEUES: u32 = 4;
    const FLOWS: u16 = 64;
    const FRAMES: u64 = 20;
    with_pair(QUEUES, 1500, || {
        let mut attachment = Attachment::attach("tap0", &AttachConfig::default()).unwrap();
        assert_eq!(attachment.queues(), QUEUES);
        let config = AfxdpConfig { huge_pages: HugePages::Never, ..AfxdpConfig::default() };
        let mut sockets: Vec<_> = (0..QUEUES).map(|q| Socket::open("tap0", q, &config).unwrap()).collect();
        for (queue, socket) in (0..).zip(&sockets) {
            attachment.insert(queue, socket).unwrap();
        }
        let sender = Sender::new("gen0").unwrap();
        for number in 0..FRAMES {
            for flow in 0..FLOWS {
                sender.send(&frame(flow, number, 200)).unwrap();
            }
        }
        let mut queue_of = HashMap::new();
        let mut total = 0;
        let counters = attachment.counters().unwrap();
        for (queue, socket) in (0..).zip(&mut sockets) {
            let redirected = counters.queues[queue].packets(Verdict::Redirected);
            assert!(redirected > 0, "queue {queue} got nothing");
            let mut received = Received::default();
            received.until(socket, redirected as usize);
            let mut next: HashMap<u16, u64> = HashMap::new();
            for (flow, number) in received.frames {
                assert_eq!(*queue_of.entry(flow).or_insert(queue), queue, "flow {flow} changed its queue");
                let expected = next.entry(flow).or_default();
                assert_eq!(number, *expected, "flow {flow} is out of order");
                *expected += 1;
                total += 1;
            }
        }
        assert_eq!(total, u64::from(FLOWS) * FRAMES);
    });
}

#[test]
fn jumbo_frames_are_put_together_whatever_the_batches_cut() {
    with_pair(1, 9000, || {
        let mut attachment = Attachment::attach("tap0", &AttachConfig::default()).unwrap();
        let mut socket = Socket::open("tap0", 0, &small()).unwrap();
        attachment.insert(0, &socket).unwrap();
        // 1 to 6 frames of packet memory each, so that packets lie across the edges of batches.
        let received = send_and_receive(&mut socket, 1000, |n| 64 + (n as usize * 1777) % 8951);
        assert_eq!(attachment.counters().unwrap().queues[0].bytes(Verdict::Redirected), received.bytes);
        assert_eq!(socket.statistics().unwrap(), AfxdpCounters::default());
        assert_eq!(socket.spare_frames(), (256 - 64, 256));
    });
}

#[test]
fn a_packet_begun_in_a_batch_that_nobody_read_still_comes_whole() {
    with_pair(1, 9000, || {
        let mut attachment = Attachment::attach("tap0", &AttachConfig::default()).unwrap();
        let mut socket =
            Socket::open("tap0", 0, &AfxdpConfig { huge_pages: HugePages::Never, ..AfxdpConfig::default() }).unwrap();
        attachment.insert(0, &socket).unwrap();
        let sender = Sender::new("gen0").unwrap();
        for number in 0..40 {
            sender.send(&frame(1, number, 9000)).unwrap();
        }
        let unread = socket.receive().packets();
        assert!(unread > 0 && unread < 40, "the first batch holds some of the 40, not all: {unread}");
        let mut received = Received::default();
        received.until(&mut socket, 40 - unread as usize);
        assert!(received.frames.into_iter().eq((unread..40).map(|n| (1, n))));
    });
}

#[test]
fn a_packet_longer_than_a_frame_without_multi_buffer_is_dropped_and_counted() {
    with_pair(1, 9000, || {
        let mut attachment = Attachment::attach("tap0", &AttachConfig::default()).unwrap();
        let config = AfxdpConfig { multi_buffer: false, ..small() };
        let mut socket = Socket::open("tap0", 0, &config).unwrap();
        assert!(!socket.facts().multi_buffer);
        attachment.insert(0, &socket).unwrap();
        let sender = Sender::new("gen0").unwrap();
        sender.send(&frame(1, 0, 8000)).unwrap();
        sender.send(&frame(1, 1, 100)).unwrap();
        let mut received = Received::default();
        received.until(&mut socket, 1);
        assert_eq!(received.frames, [(1, 1)]);
        assert_eq!(attachment.counters().unwrap().queues[0].packets(Verdict::Redirected), 2);
        assert_eq!(socket.statistics().unwrap().rx_dropped, 1);
    });
}

#[test]
fn frames_that_the_rings_had_no_room_for_are_accounted_for() {
    with_pair(1, 1500, || {
        let mut attachment = Attachment::attach("tap0", &AttachConfig::default()).unwrap();
        let mut socket = Socket::open("tap0", 0, &small()).unwrap();
        attachment.insert(0, &socket).unwrap();
        let sender = Sender::new("gen0").unwrap();
        for number in 0..1000 {
            sender.send(&frame(1, number, 100)).unwrap();
        }
        let mut received = Received::default();
        while received.take(&mut socket) {}
        let lost = socket.statistics().unwrap();
        assert_eq!(received.frames.len(), 64, "what the rings hold");
        assert_eq!(received.counted + lost.rx_dropped + lost.rx_ring_full, 1000, "{lost:?}");
        assert_eq!(attachment.counters().unwrap().queues[0].packets(Verdict::Redirected), 1000);
        // And it goes on as if nothing had been.
        send_and_receive(&mut socket, 200, |_| 100);
    });
}

#[test]
fn a_queue_without_a_socket_passes_or_drops_as_configured_and_counts_it() {
    with_pair(2, 1500, || {
        for (no_socket, verdict) in
            [(NoSocketAction::Pass, Verdict::PassedNoSocket), (NoSocketAction::Drop, Verdict::DroppedNoSocket)]
        {
            let config = AttachConfig { no_socket, ..AttachConfig::default() };
            let mut attachment = Attachment::attach("tap0", &config).unwrap();
            let socket = Socket::open("tap0", 0, &small()).unwrap();
            attachment.insert(0, &socket).unwrap();
            let sender = Sender::new("gen0").unwrap();
            for flow in 0..32 {
                sender.send(&frame(flow, 0, 128)).unwrap();
            }
            let counters = attachment.counters().unwrap();
            let (with, without) = (counters.queues[0], counters.queues[1]);
            assert_eq!(with.packets(Verdict::Redirected), with.total_packets());
            assert!(without.total_packets() > 0);
            assert_eq!(without.packets(verdict), without.total_packets());
            assert_eq!(without.bytes(verdict), 128 * without.total_packets());
            assert_eq!(with.total_packets() + without.total_packets(), 32);
            // A socket that is taken out, or closed, leaves its queue without one.
            attachment.remove(0).unwrap();
            attachment.insert(0, &socket).unwrap();
            drop(socket);
            for flow in 0..32 {
                sender.send(&frame(flow, 1, 128)).unwrap();
            }
            let after = attachment.counters().unwrap().queues[0];
            assert_eq!(after.packets(verdict), after.total_packets() - with.total_packets());
            assert!(after.packets(verdict) > 0);
        }
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
fn a_taken_queue_is_told() {
    with_pair(1, 1500, || {
        let first = Socket::open("tap0", 0, &small()).unwrap();
        let error = Socket::open("tap0", 0, &small()).unwrap_err().to_string();
        assert!(error.starts_with("queue 0 of tap0 is served by another AF_XDP socket already"), "{error}");
        drop(first);
        // The kernel lets go of the queue a moment after the socket is closed.
        let end = Instant::now() + Duration::from_secs(5);
        while let Err(error) = Socket::open("tap0", 0, &small()) {
            assert!(Instant::now() < end, "{error}");
            std::thread::sleep(Duration::from_millis(10));
        }
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
        let few = [Capability::CAP_BPF, Capability::CAP_NET_ADMIN, Capability::CAP_NET_RAW, Capability::CAP_IPC_LOCK];
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
fn what_the_host_cannot_give_is_told() {
    with_pair(1, 1500, || {
        let config = AfxdpConfig { zero_copy: ZeroCopy::Require, ..small() };
        let error = Socket::open("tap0", 0, &config).unwrap_err().to_string();
        assert!(error.starts_with("the driver of tap0 refuses zero-copy on queue 0"), "{error}");

        let config = AfxdpConfig { frame_size: 1000, ..small() };
        let error = Socket::open("tap0", 0, &config).unwrap_err().to_string();
        assert_eq!(error, "capture.afxdp: frame_size is 1000: it must be 2048 or 4096");

        let free = std::fs::read_to_string("/proc/meminfo").unwrap();
        if free.lines().any(|l| l.starts_with("HugePages_Free:") && l.ends_with(" 0")) {
            let config = AfxdpConfig { huge_pages: HugePages::Require, ..small() };
            let error = Socket::open("tap0", 0, &config).unwrap_err().to_string();
            assert!(error.starts_with("there are not enough free huge pages"), "{error}");
            let config = AfxdpConfig { huge_pages: HugePages::Auto, ..small() };
            let socket = Socket::open("tap0", 0, &config).unwrap();
            assert!(!socket.facts().huge_pages);
            assert!(
                socket.facts().refusals.iter().any(|r| r.starts_with("huge pages were refused")),
                "{:?}",
                socket.facts()
            );
        }
    });
}

#[test]
fn too_little_locked_memory_is_told_with_the_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    with_pair(1, 1500, || {
        let (soft, hard) = getrlimit(Resource::RLIMIT_MEMLOCK).unwrap();
        let effective = caps::read(None, CapSet::Effective).unwrap();
        setrlimit(Resource::RLIMIT_MEMLOCK, 65536, hard).unwrap();
        caps::drop(None, CapSet::Effective, Capability::CAP_IPC_LOCK).unwrap();
        let error = Socket::open("tap0", 0, &small()).map(|_| ()).unwrap_err().to_string();
        caps::set(None, CapSet::Effective, &effective).unwrap();
        setrlimit(Resource::RLIMIT_MEMLOCK, soft, hard).unwrap();
        let expected = "a queue's packet memory (524288 bytes) is over the limit of locked memory (65536 bytes)";
        assert!(error.starts_with(expected), "{error}");
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
        assert_eq!(bpffs_files(), 1);
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
        assert_eq!(bpffs_files(), 1);

        let mut second = Attachment::attach("tap0", &pinned()).unwrap();
        assert_ne!(second.program_id(), first_id);
        assert_eq!(Link::by_name("tap0").unwrap().xdp.unwrap().id, second.program_id());
        let mut socket = Socket::open("tap0", 0, &small()).unwrap();
        second.insert(0, &socket).unwrap();
        send_and_receive(&mut socket, 50, |_| 100);
        assert_eq!(second.place(), XdpPlace::Native);
        assert_eq!(bpffs_files(), 1);

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
        assert_eq!(bpffs_files(), 1, "nobody was there to remove it");
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

#[test]
fn busy_polling_receives_as_well() {
    with_pair(1, 1500, || {
        let mut attachment = Attachment::attach("tap0", &AttachConfig::default()).unwrap();
        let config = AfxdpConfig { busy_poll: Some(BusyPoll::default()), ..small() };
        let mut socket = Socket::open("tap0", 0, &config).unwrap();
        attachment.insert(0, &socket).unwrap();
        send_and_receive(&mut socket, 500, |n| 64 + n as usize);
    });
}

#[test]
fn waiting_ends_when_a_frame_comes_and_when_the_time_is_over() {
    with_pair(1, 1500, || {
        let mut attachment = Attachment::attach("tap0", &AttachConfig::default()).unwrap();
        let mut socket = Socket::open("tap0", 0, &small()).unwrap();
        attachment.insert(0, &socket).unwrap();
        let start = Instant::now();
        assert_eq!(socket.wait(Duration::from_millis(50)), Wake::Idle);
        assert!(start.elapsed() >= Duration::from_millis(50));
        let sender = Sender::new("gen0").unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(50));
                sender.send(&frame(1, 1, 100)).unwrap();
            });
            assert_eq!(socket.wait(Duration::from_secs(10)), Wake::Ready);
        });
        assert!(start.elapsed() < Duration::from_secs(5));
        let mut received = Received::default();
        received.until(&mut socket, 1);
    });
}

#[test]
fn the_namespace_and_all_in_it_go_with_the_test() {
    if !can_run() {
        return;
    }
    let outside: HashSet<String> = nix::ifaddrs::getifaddrs().unwrap().map(|i| i.interface_name).collect();
    assert!(!outside.contains("tap0"), "the tests' interfaces are not the host's");
    let namespace = Namespace::new().unwrap();
    let inside: HashSet<String> = namespace.run(|| {
        veth("tap0", "gen0", 1, 1500).unwrap();
        std::fs::read_dir("/sys/class/net").unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    });
    assert_eq!(inside, HashSet::from(["lo", "tap0", "gen0"].map(String::from)));
    let other = Namespace::new().unwrap();
    namespace.run(|| command(&format!("ip link set dev gen0 netns {}", other.path())).unwrap());
    assert!(other.run(|| Link::by_name("gen0").is_ok()));
    assert!(namespace.run(|| Link::by_name("gen0").is_err()));
}
