//! Capture files of every kind, whole, cut and wrong.

use super::*;
use proptest::prelude::*;
use std::io::Write;
use std::path::PathBuf;

/// A frame that was read, and its time.
type Read = (u64, u32, u64, Vec<u8>, u32);

fn write(dir: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// All frames as (number, link type, time, bytes, length on the wire), and how reading ended.
fn read(path: &Path) -> (Vec<Read>, Result<Summary, CaptureError>) {
    let mut frames = Vec::new();
    let result = CaptureFile::open(path).and_then(|mut file| {
        file.for_each_frame(|f| frames.push((f.number, f.link.0, f.ts.0, f.data.to_vec(), f.wire_len)))
    });
    (frames, result)
}

fn read_bytes(bytes: &[u8]) -> (Vec<Read>, Result<Summary, CaptureError>) {
    let dir = tempfile::tempdir().unwrap();
    read(&write(&dir, "capture", bytes))
}

/// Writes numbers in one byte order.
#[derive(Clone, Copy)]
struct Order {
    big: bool,
}

impl Order {
    fn u32(self, n: u32) -> [u8; 4] {
        if self.big { n.to_be_bytes() } else { n.to_le_bytes() }
    }
    fn u16(self, n: u16) -> [u8; 2] {
        if self.big { n.to_be_bytes() } else { n.to_le_bytes() }
    }
    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let len = self.u32(body.len() as u32 + 12);
        [&self.u32(kind), &len, body.as_slice(), &len].concat()
    }
    fn section(self) -> Vec<u8> {
        self.block(0x0a0d_0d0a, &[self.u32(0x1a2b_3c4d).as_slice(), &self.u16(1), &self.u16(0), &[0xff; 8]].concat())
    }
    /// `options`: code and value.
    fn interface(self, link: u16, snaplen: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = [self.u16(link).as_slice(), &[0, 0], &self.u32(snaplen)].concat();
        for (code, value) in options {
            body.extend([self.u16(*code), self.u16(value.len() as u16)].concat());
            body.extend(*value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        if !options.is_empty() {
            body.extend([0; 4]);
        }
        self.block(1, &body)
    }
    fn packet(self, interface: u32, units: u64, data: &[u8], wire_len: u32, options: &[u8]) -> Vec<u8> {
        let fields = [interface, (units >> 32) as u32, units as u32, data.len() as u32, wire_len];
        let mut body: Vec<u8> = fields.into_iter().flat_map(|n| self.u32(n)).collect();
        body.extend(data);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(options);
        self.block(6, &body)
    }
}

const LE: Order = Order { big: false };
const BE: Order = Order { big: true };

fn pcap_header(order: Order, magic: u32) -> Vec<u8> {
    let fields = [magic, 0, 0, 0, 65_535, 1];
    let mut h: Vec<u8> = fields.into_iter().flat_map(|n| order.u32(n)).collect();
    h[4..8].copy_from_slice(&[order.u16(2), order.u16(4)].concat());
    h
}

fn record(order: Order, seconds: u32, fraction: u32, data: &[u8], wire_len: u32) -> Vec<u8> {
    let fields = [seconds, fraction, data.len() as u32, wire_len];
    let mut r: Vec<u8> = fields.into_iter().flat_map(|n| order.u32(n)).collect();
    r.extend(data);
    r
}

const MICRO: u32 = 0xa1b2_c3d4;
const NANO: u32 = 0xa1b2_3c4d;

/// Three frames: usual, cut by the capture, empty.
fn sample(order: Order, magic: u32) -> Vec<u8> {
    [
        pcap_header(order, magic),
        record(order, 5, 7, b"first frame", 11),
        record(order, 6, 999, b"second", 1500),
        record(order, 7, 0, b"", 0),
    ]
    .concat()
}

#[test]
fn pcap_in_both_orders_and_resolutions() {
    for order in [LE, BE] {
        for (magic, unit) in [(MICRO, 1000), (NANO, 1)] {
            let (frames, result) = read_bytes(&sample(order, magic));
            assert_eq!(result.unwrap(), Summary { frames: 3, bytes: 17 });
            assert_eq!(frames[0], (1, 1, 5_000_000_000 + 7 * unit, b"first frame".to_vec(), 11));
            assert_eq!(frames[1], (2, 1, 6_000_000_000 + 999 * unit, b"second".to_vec(), 1500));
            assert_eq!(frames[2], (3, 1, 7_000_000_000, vec![], 0));
        }
    }
}

#[test]
fn modified_pcap_has_longer_record_heads() {
    let mut data = pcap_header(LE, 0xa1b2_cd34);
    let mut r = record(LE, 1, 2, b"abc", 3);
    r.splice(16..16, [9; 8]);
    data.extend(r);
    let (frames, result) = read_bytes(&data);
    result.unwrap();
    assert_eq!(frames, [(1, 1, 1_000_002_000, b"abc".to_vec(), 3)]);
}

fn pcapng(order: Order) -> Vec<u8> {
    [
        order.section(),
        order.interface(1, 0, &[(2, b"eth0")]),
        order.interface(101, 0, &[(9, &[9])]),
        // A binary resolution, and an offset.
        order.interface(
            113,
            4,
            &[(9, &[0x80 | 10]), (14, &if order.big { 100i64.to_be_bytes() } else { 100i64.to_le_bytes() })],
        ),
        order.packet(0, 5_000_007, b"first", 5, &[]),
        order.block(5, &[0; 16]),
        order.packet(1, 5_000_000_007, b"second", 99, &[0, 1, 0, 0]),
        order.packet(2, 3 * 1024 + 512, b"third", 5, &[]),
        order.block(3, &[order.u32(6).as_slice(), b"simple"].concat()),
        // A second section: its interfaces count from 0 again.
        order.section(),
        order.interface(12, 3, &[]),
        order.block(3, &[order.u32(6).as_slice(), b"sim"].concat()),
        // The obsolete packet block: interface and drops in two halves.
        order.block(
            2,
            &[
                order.u16(0).as_slice(),
                &order.u16(77),
                &order.u32(0),
                &order.u32(9),
                &order.u32(3),
                &order.u32(3),
                b"old",
            ]
            .concat(),
        ),
    ]
    .concat()
}

#[test]
fn pcapng_with_interfaces_sections_and_resolutions() {
    for order in [LE, BE] {
        let (frames, result) = read_bytes(&pcapng(order));
        assert_eq!(result.unwrap().frames, 6);
        assert_eq!(frames[0], (1, 1, 5_000_007_000, b"first".to_vec(), 5));
        assert_eq!(frames[1], (2, 101, 5_000_000_007, b"second".to_vec(), 99));
        assert_eq!(frames[2], (3, 113, 103_500_000_000, b"third".to_vec(), 5));
        assert_eq!(frames[3], (4, 1, 103_500_000_000, b"simple".to_vec(), 6), "simple packets have no time");
        assert_eq!(frames[4], (5, 12, 103_500_000_000, b"sim".to_vec(), 6), "cut to the interface's length");
        assert_eq!(frames[5], (6, 12, 9_000, b"old".to_vec(), 3));
    }
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zstd_long(data: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.long_distance_matching(true).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn compressed_files_whatever_their_names() {
    let dir = tempfile::tempdir().unwrap();
    let plain = sample(LE, MICRO);
    let expected = read_bytes(&plain).0;
    let (head, tail) = plain.split_at(30);
    let skippable = [[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0].as_slice(), b"skip", &zstd_long(&plain)].concat();
    for (name, data) in [
        ("a.zst", gzip(&plain)),
        ("b.gz", zstd_long(&plain)),
        ("members", [gzip(head), gzip(tail)].concat()),
        ("frames", [zstd_long(head), zstd_long(tail)].concat()),
        ("skippable", skippable),
        ("ng.gz", gzip(&pcapng(BE))),
    ] {
        let (frames, result) = read(&write(&dir, name, &data));
        result.unwrap();
        if name != "ng.gz" {
            assert_eq!(frames, expected, "{name}");
        } else {
            assert_eq!(frames.len(), 6);
        }
    }
}

#[test]
fn batches_number_on_and_progress_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(&dir, "capture", &sample(LE, MICRO));
    let mut file = CaptureFile::open(&path).unwrap().numbered_from(10);
    let mut numbers = Vec::new();
    assert_eq!(file.next_batch(2, |f| numbers.push(f.number)).unwrap(), 2);
    assert_eq!(file.next_batch(2, |f| numbers.push(f.number)).unwrap(), 1);
    assert_eq!(file.next_batch(2, |f| numbers.push(f.number)).unwrap(), 0);
    assert_eq!(numbers, [10, 11, 12]);
    assert_eq!(Some(file.bytes_read()), file.bytes_total());
}

/// Frames longer than the buffer is after a few of them, so that it wraps many times.
#[test]
fn files_larger_than_the_buffer() {
    let mut data = pcap_header(LE, MICRO);
    let mut ng = [LE.section(), LE.interface(1, 0, &[])].concat();
    let big = vec![3; 60_001];
    for i in 0..50u32 {
        let frame = &big[..60_001 - i as usize];
        data.extend(record(LE, i, 0, frame, 60_001));
        ng.extend(LE.packet(0, u64::from(i), frame, 60_001, &[]));
        if i == 20 {
            // A block that needs a larger buffer.
            ng.extend(LE.block(0xbad, &vec![9; 3 << 20]));
        }
    }
    for file in [data, ng] {
        let (frames, result) = read_bytes(&file);
        assert_eq!(result.unwrap().frames, 50);
        assert!(frames.iter().enumerate().all(|(i, f)| f.3 == big[..60_001 - i]));
    }
}

#[test]
fn cut_at_every_byte_all_frames_before_are_delivered() {
    for whole in [sample(LE, NANO), sample(BE, MICRO), pcapng(LE), pcapng(BE)] {
        let all = read_bytes(&whole).0;
        for len in 0..whole.len() {
            let (frames, result) = read_bytes(&whole[..len]);
            assert!(all.starts_with(&frames), "{len}");
            match result {
                // Between records.
                Ok(summary) => assert_eq!(summary.frames as usize, frames.len()),
                Err(error @ CaptureError::Truncated { offset, .. }) => {
                    assert!(error.is_warning() && offset <= len as u64);
                    assert!(error.to_string().contains("capture: ends in the middle"));
                }
                Err(CaptureError::NotACapture { .. }) => assert!(len < 4),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn compressed_files_cut_at_every_byte() {
    let plain = sample(LE, MICRO);
    let all = read_bytes(&plain).0;
    for compressed in [gzip(&plain), zstd_long(&plain)] {
        for len in 0..compressed.len() {
            let (frames, result) = read_bytes(&compressed[..len]);
            assert!(all.starts_with(&frames));
            let error = result.unwrap_err();
            assert!(error.is_warning() || frames.is_empty(), "{len}: {error}");
        }
    }
}

#[test]
fn headers_that_lie_end_the_file_with_the_place() {
    let good = sample(LE, MICRO);
    for claimed in [FRAME_MAX + 1, 0x7fff_ffff, u32::MAX] {
        let mut bad = good.clone();
        let lie = record(LE, 8, 0, b"lie", 3);
        let at = bad.len() as u64;
        bad.extend(lie);
        bad[at as usize + 8..at as usize + 12].copy_from_slice(&claimed.to_le_bytes());
        bad.extend(vec![0; 1 << 20]);
        let (frames, result) = read_bytes(&bad);
        assert_eq!(frames.len(), 3);
        let error = result.unwrap_err();
        assert!(matches!(error, CaptureError::Corrupt { offset, .. } if offset == at), "{error}");
        assert!(error.to_string().contains(&format!("claims {claimed} bytes")));
    }
    let ng = pcapng(LE);
    for (claimed, extra) in [(0u32, 0), (8, 0), (13, 0), (u32::MAX, 0), (17 << 20, 0)] {
        let mut bad = ng.clone();
        let at = bad.len();
        bad.extend(LE.packet(0, 0, b"lie", 3, &[]));
        bad[at + 4..at + 8].copy_from_slice(&claimed.to_le_bytes());
        bad.extend(vec![0; extra]);
        let (frames, result) = read_bytes(&bad);
        assert_eq!(frames.len(), 6);
        assert!(matches!(result, Err(CaptureError::Corrupt { offset, .. }) if offset == at as u64), "{claimed}");
    }
    let no_interface = [LE.section(), LE.packet(3, 0, b"x", 1, &[])].concat();
    let error = read_bytes(&no_interface).1.unwrap_err();
    assert!(error.to_string().contains("interface 3"), "{error}");
}

#[test]
fn what_is_no_capture_is_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let error = CaptureFile::open(write(&dir, "page.html", b"<html>and so on, for long enough</html>")).unwrap_err();
    assert!(error.to_string().contains("not a capture file: it starts with 3c 68 74 6d"), "{error}");
    assert!(CaptureFile::open(write(&dir, "empty", b"")).unwrap_err().to_string().contains("it is empty"));
    assert!(matches!(CaptureFile::open(dir.path()), Err(CaptureError::Open { .. })));
    assert!(matches!(CaptureFile::open(dir.path().join("none")), Err(CaptureError::Open { .. })));
    let bad_gzip = [&[0x1f, 0x8b, 8, 0], [0xff; 40].as_slice()].concat();
    assert!(matches!(CaptureFile::open(write(&dir, "bad.gz", &bad_gzip)), Err(CaptureError::Read { .. })));
}

proptest! {
    #[test]
    fn damaged_files_end_and_do_not_panic(
        which in 0usize..6,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut data = match which {
            0 => sample(LE, MICRO),
            1 => sample(BE, NANO),
            2 => pcapng(LE),
            3 => pcapng(BE),
            4 => gzip(&sample(LE, MICRO)),
            _ => zstd_long(&pcapng(LE)),
        };
        for (at, to) in changes {
            let at = at.index(data.len());
            data[at] = to;
        }
        let (frames, _) = read_bytes(&data);
        prop_assert!(frames.iter().all(|f| f.3.len() <= FRAME_MAX as usize && f.4 as usize >= f.3.len()));
    }
}
