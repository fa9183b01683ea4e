//! Reads the sensor's pcapng files, strictly: a file that ends within a block is an error.

use anyhow::{Context as _, Result, anyhow, ensure};
use pcap_parser::pcapng::{Block, OptionCode, parse_block_le};
use pcap_parser::traits::PcapNGPacketBlock as _;
use std::path::Path;

/// A packet in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Nanoseconds since the Unix epoch.
    pub ts: u64,
    /// Bytes on the wire.
    pub wire_len: u32,
    /// As captured.
    pub data: Vec<u8>,
    /// What is said of it.
    pub comments: Vec<String>,
}

/// A file's packets.
///
/// # Errors
/// It cannot be read, or is not whole blocks to its last byte.
pub fn packets(path: &Path) -> Result<Vec<Packet>> {
    let bytes = std::fs::read(path)?;
    ensure!(!bytes.is_empty(), "{} is empty", path.display());
    let mut rest = bytes.as_slice();
    let mut packets = Vec::new();
    while !rest.is_empty() {
        let at = bytes.len() - rest.len();
        let (after, block) = parse_block_le(rest)
            .map_err(|error| anyhow!("{error:?}"))
            .with_context(|| format!("{}: the block at byte {at} of {}", path.display(), bytes.len()))?;
        rest = after;
        if let Block::EnhancedPacket(packet) = block {
            let comments = packet.options.iter().filter(|option| option.code == OptionCode::Comment);
            packets.push(Packet {
                ts: u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low),
                wire_len: packet.origlen,
                data: packet.packet_data().to_vec(),
                comments: comments
                    .filter_map(|option| Some(String::from_utf8_lossy(option.as_bytes().ok()?).into_owned()))
                    .collect(),
            });
        }
    }
    Ok(packets)
}
