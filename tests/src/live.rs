//! What the live tests of capture share: a pair of interfaces with the sensor's sockets on one end. Everything here panics where
//! something is not as it should be.

use crate::frames::{Sender, frame, identify};
use crate::netns::{Namespace, can_run, veth};
use sekisho::capture::afxdp::Socket;
use sekisho::capture::afxdp_config::{AfxdpConfig, HugePages};
use sekisho::capture::link::Link;
use sekisho::control::interface::{AttachConfig, Pin};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The sensor's program; made if it is not there or older than its sources, as the tests are made, so that nothing is built twice.
///
/// # Panics
/// If it does not build.
#[must_use]
pub fn built_sensor() -> PathBuf {
    let built = Command::new(env!("CARGO")).args(["build", "--quiet", "--workspace", "--bins", "--tests"]).status();
    assert!(built.unwrap().success(), "the sensor does not build");
    let own = std::env::current_exe().unwrap();
    own.ancestors().nth(2).unwrap().join("sekisho")
}

/// Rings as small as they can be, so that a few thousand frames go around many times.
#[must_use]
pub fn small() -> AfxdpConfig {
    AfxdpConfig { rx_ring: 64, fill_ring: 64, frames: 256, huge_pages: HugePages::Never, ..AfxdpConfig::default() }
}

/// Runs `test` in a new namespace with a joined pair `tap0` (where the sensor sits) and `gen0`, or skips it.
pub fn with_pair(queues: u32, mtu: u32, test: impl FnOnce() + Send) {
    if can_run() {
        Namespace::new().unwrap().run(|| {
            veth("tap0", "gen0", queues, mtu).unwrap();
            test();
        });
    }
}

/// What one socket received, in order, each frame checked byte by byte.
#[derive(Debug, Default)]
pub struct Received {
    /// Flow and number of each.
    pub frames: Vec<(u16, u64)>,
    /// Bytes of all.
    pub bytes: u64,
    /// What the batches said that they hold.
    pub counted: u64,
}

impl Received {
    /// Takes one batch; false if it was empty.
    pub fn take(&mut self, socket: &mut Socket) -> bool {
        let mut batch = socket.receive();
        let some = !batch.is_empty();
        self.counted += batch.packets();
        while let Some(bytes) = batch.next_frame() {
            self.bytes += bytes.len() as u64;
            self.frames.push(identify(bytes).expect("a frame arrived changed"));
        }
        some
    }

    /// Receives until there are `count` frames, for 10 s at most.
    pub fn until(&mut self, socket: &mut Socket, count: usize) {
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
pub fn send_and_receive(socket: &mut Socket, count: u64, length: impl Fn(u64) -> usize) -> Received {
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

/// Whether `tap0` has no XDP program.
#[must_use]
pub fn nothing_attached() -> bool {
    Link::by_name("tap0").unwrap().xdp.is_none()
}

/// Files in the BPF file system, but for the two that every new one comes with.
#[must_use]
pub fn bpffs_files() -> usize {
    fn count(folder: &Path) -> usize {
        let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
        let ours = entries.filter(|p| !p.ends_with("maps.debug") && !p.ends_with("progs.debug"));
        ours.map(|p| if p.is_dir() { count(&p) } else { 1 }).sum()
    }
    count(Path::new("/sys/fs/bpf"))
}

/// An attachment that is kept.
#[must_use]
pub fn pinned() -> AttachConfig {
    AttachConfig { pin: Pin::Switch(true), ..AttachConfig::default() }
}

/// Waits until queue 0 can be bound: the kernel lets go of it a moment after its socket is closed.
pub fn wait_for_queue() {
    let end = Instant::now() + Duration::from_secs(5);
    while let Err(error) = Socket::open("tap0", 0, &small()) {
        assert!(Instant::now() < end, "{error}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
