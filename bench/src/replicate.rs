//! Copies a capture several times over, each copy with addresses of its own and after the one before in time.

use crate::addresses::AddressPlan;
use crate::capture::{Writer, read};
use crate::rewrite;
use anyhow::bail;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

/// What was written.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct Replicated {
    /// Copies.
    pub copies: u32,
    /// Addresses of the original.
    pub addresses: usize,
    /// Frames of all copies.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Nanoseconds between the last frame of a copy and the first of the next.
const PAUSE_NS: u64 = 1_000_000_000;

/// Writes `times` copies of `input` to `output`; the first is the original as it is.
///
/// # Errors
/// Files that cannot be read or written, frames of several link types in one capture, no room for more addresses.
pub fn replicate(input: &Path, output: &Path, times: u32) -> anyhow::Result<Replicated> {
    let mut addresses = BTreeSet::new();
    let (mut first, mut last, mut link) = (u64::MAX, 0, None);
    let mut buffer = Vec::new();
    read(input, |frame| {
        if *link.get_or_insert(frame.link) != frame.link {
            bail!("frame {}: another link type than the frames before; a classic capture file has one", frame.number);
        }
        first = first.min(frame.ts.0);
        last = last.max(frame.ts.0);
        buffer.clear();
        buffer.extend_from_slice(frame.data);
        rewrite::frame(frame.link.0, &mut buffer, &mut |addr: IpAddr| {
            addresses.insert(addr);
            addr
        });
        Ok(())
    })?;
    let Some(link) = link else { bail!("{} holds no frame", input.display()) };
    let plan = AddressPlan::new(&addresses, times)?;
    let shift = last.saturating_sub(first).saturating_add(PAUSE_NS);

    let mut writer = Writer::create(output, link.0)?;
    for copy in 0..times {
        read(input, |frame| {
            buffer.clear();
            buffer.extend_from_slice(frame.data);
            if copy > 0 {
                rewrite::frame(link.0, &mut buffer, &mut |addr: IpAddr| plan.of(copy, addr));
            }
            let time = frame.ts.0.saturating_add(shift.saturating_mul(copy.into()));
            writer.frame(time, frame.wire_len, &buffer)
        })?;
    }
    let (frames, bytes) = writer.finish()?;
    Ok(Replicated { copies: times, addresses: addresses.len(), frames, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{Mix, Options, generate};
    use std::collections::HashMap;

    #[test]
    fn copies_have_the_same_flows_under_other_addresses() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (one, three) = (folder.path().join("one.pcap"), folder.path().join("three.pcap"));
        let options = Options {
            mix: Mix::Streams,
            seed: 3,
            flows: Some(40),
            frame_size: 200,
            udp_share: 0.5,
            ..Options::default()
        };
        let mut writer = Writer::create(&one, 1).expect("a new file");
        generate(&options, |time, frame| writer.frame(time, frame.len() as u32, frame)).expect("room on the disk");
        let (frames, _) = writer.finish().expect("room on the disk");

        let report = replicate(&one, &three, 3).expect("it has one link type");
        assert_eq!((report.copies, report.frames), (3, 3 * frames));
        let mut flows: Vec<HashMap<Vec<u8>, u32>> = vec![HashMap::new(); 3];
        let (mut number, mut last) = (0, 0);
        read(&three, |frame| {
            let key = frame.data[26..38].to_vec();
            *flows[(number / frames) as usize].entry(key).or_default() += 1;
            assert!(frame.ts.0 > last, "time goes on");
            assert_eq!(crate::wire::sum(&frame.data[14..34]), 0xffff);
            (number, last) = (number + 1, frame.ts.0);
            Ok(())
        })
        .expect("it is whole");
        let mut counts: Vec<Vec<u32>> = flows.iter().map(|f| f.values().copied().collect()).collect();
        counts.iter_mut().for_each(|c| c.sort_unstable());
        assert!(counts.iter().all(|c| *c == counts[0]));
        assert!(flows[0].keys().all(|k| !flows[1].contains_key(k) && !flows[2].contains_key(k)));
        assert!(flows[1].keys().all(|k| !flows[2].contains_key(k)));
    }
}
