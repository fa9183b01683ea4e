//! Live: AF_XDP sockets behind the XDP program, on virtual interfaces in network namespaces of the tests' own.
//!
//! A virtual pair shows that frames come through whole, in copy mode and in both XDP modes, and that every one is counted. What only
//! a NIC's driver does (zero-copy) it cannot show.

use caps::{CapSet, Capability};
use sekisho::capture::afxdp::{Mode, Socket, Wake};
use sekisho::capture::afxdp_config::{AfxdpConfig, BusyPoll, HugePages, ZeroCopy};
use sekisho::capture::afxdp_statistics::AfxdpCounters;
use sekisho::capture::link::Link;
use sekisho::control::interface::{AttachConfig, AttachMode, Attachment, NoSocketAction, XdpPlace};
use sekisho_ebpf::Verdict;
use sekisho_tests::frames::{Sender, frame};
use sekisho_tests::live::{Received, nothing_attached, send_and_receive, small, wait_for_queue, with_pair};
use std::collections::HashMap;
use std::time::{Duration, Instant};

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

        assert_eq!(socket.statistics(), AfxdpCounters::default());
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
        assert_eq!(socket.statistics(), AfxdpCounters::default());
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
        assert_eq!(socket.statistics().rx_dropped, 1);
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
        let lost = socket.statistics();
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
            wait_for_queue();
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
fn counters_are_read_while_the_worker_runs_and_when_all_is_gone() {
    with_pair(1, 1500, || {
        let mut attachment = Attachment::attach("tap0", &AttachConfig::default()).unwrap();
        let mut socket = Socket::open("tap0", 0, &small()).unwrap();
        attachment.insert(0, &socket).unwrap();
        let (counters, statistics) = (attachment.counter_reader(), socket.statistics_reader());
        let worker = std::thread::scope(|scope| {
            let worker = scope.spawn(move || {
                send_and_receive(&mut socket, 100, |_| 100);
                let sender = Sender::new("gen0").unwrap();
                for number in 0..100 {
                    sender.send(&frame(1, number, 100)).unwrap();
                }
                socket
            });
            worker.join().unwrap()
        });
        let check = || {
            let program = counters.read(0).unwrap();
            assert_eq!((program.packets(Verdict::Redirected), program.bytes(Verdict::Redirected)), (200, 20_000));
            assert_eq!(program.total_packets(), 200);
            let socket = statistics.read();
            assert_eq!(socket.rx_dropped + socket.rx_ring_full, 100 - 64, "what the rings could not hold");
        };
        check();
        drop((attachment, worker));
        check();
        assert!(nothing_attached());
        wait_for_queue();
    });
}

#[test]
fn a_taken_queue_is_told() {
    with_pair(1, 1500, || {
        let first = Socket::open("tap0", 0, &small()).unwrap();
        let error = Socket::open("tap0", 0, &small()).unwrap_err().to_string();
        assert!(error.starts_with("queue 0 of tap0 is served by another AF_XDP socket already"), "{error}");
        drop(first);
        wait_for_queue();
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
    });
}

#[test]
fn packet_memory_lies_in_huge_pages_where_there_are_any() {
    with_pair(1, 1500, || {
        let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap();
        let free = meminfo.lines().find_map(|l| l.strip_prefix("HugePages_Free:")).map_or("0", str::trim);
        let wanted = |huge_pages| Socket::open("tap0", 0, &AfxdpConfig { huge_pages, ..small() });
        if free == "0" {
            let error = wanted(HugePages::Require).unwrap_err().to_string();
            assert!(error.starts_with("there are not enough free huge pages"), "{error}");
            let socket = wanted(HugePages::Auto).unwrap();
            let facts = socket.facts();
            assert!(!facts.huge_pages);
            assert!(facts.refusals.iter().any(|r| r.starts_with("huge pages were refused")), "{facts:?}");
        } else {
            let mut attachment = Attachment::attach("tap0", &AttachConfig::default()).unwrap();
            let mut socket = wanted(HugePages::Auto).unwrap();
            assert!(socket.facts().huge_pages);
            // A huge page is filled with frames to its end.
            assert_eq!(socket.facts().memory_bytes % (2 << 20), 0);
            attachment.insert(0, &socket).unwrap();
            send_and_receive(&mut socket, 3000, |n| 64 + (n as usize * 37) % 1451);
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
