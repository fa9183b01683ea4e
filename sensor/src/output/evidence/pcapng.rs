//! Packets as pcapng (IETF draft-ietf-opsawg-pcapng), as far as evidence needs it: a section's head, interfaces and packets, with
//! nanoseconds, names and comments. What crates there are either pull in a runtime for it or do not write all of these; it is three blocks.

use crate::decode::LinkType;
use crate::time::Timestamp;
use std::io::{self, BufReader, Read, Seek};

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;
const OPT_END: u16 = 0;
const OPT_COMMENT: u16 = 1;
const SHB_OS: u16 = 3;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
/// Option values have 16 bits of length; comments longer than this are cut.
const TEXT_MAX: usize = 8192;

/// A packet's fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketHead {
    /// Its interface's place among those of the section.
    pub interface: u32,
    /// When it was captured.
    pub ts: Timestamp,
    /// Bytes on the wire.
    pub wire_len: u32,
}

/// Begins a section: what wrote it, and what it is.
pub fn section(out: &mut Vec<u8>, comment: &str) {
    block(out, SECTION, |out| {
        out.extend_from_slice(&0x1a2b_3c4d_u32.to_le_bytes());
        out.extend_from_slice(&[1, 0, 0, 0]);
        // Its length is not told, so that it can grow.
        out.extend_from_slice(&(-1_i64).to_le_bytes());
        option(out, SHB_OS, b"Linux");
        option(out, SHB_USERAPPL, concat!("sekisho ", env!("CARGO_PKG_VERSION")).as_bytes());
        option(out, OPT_COMMENT, text(comment));
        option(out, OPT_END, &[]);
    });
}

/// Describes an interface. `name` may be empty, `snap_bytes` 0 for no limit.
pub fn interface(out: &mut Vec<u8>, link: LinkType, name: &str, snap_bytes: u32) {
    block(out, INTERFACE, |out| {
        // Link types that do not fit have no meaning in the format.
        out.extend_from_slice(&u16::try_from(link.0).unwrap_or(u16::MAX).to_le_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&snap_bytes.to_le_bytes());
        if !name.is_empty() {
            option(out, IF_NAME, text(name));
        }
        // Powers of ten: nanoseconds.
        option(out, IF_TSRESOL, &[9]);
        option(out, OPT_END, &[]);
    });
}

/// Adds a packet with its comments.
pub fn packet(out: &mut Vec<u8>, head: PacketHead, data: &[u8], comments: &[String]) {
    block(out, PACKET, |out| {
        let ns = head.ts.0;
        let captured = data.len() as u32;
        for field in [head.interface, (ns >> 32) as u32, ns as u32, captured, head.wire_len.max(captured)] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(data);
        pad(out, data.len());
        for comment in comments {
            option(out, OPT_COMMENT, text(comment));
        }
        if !comments.is_empty() {
            option(out, OPT_END, &[]);
        }
    });
}

/// Bytes that a packet takes beside its own, without comments.
pub const PACKET_OVERHEAD: u64 = 36;

/// Bytes of whole blocks at a file's beginning: where whoever wrote it died, the last one may be cut.
///
/// # Errors
/// It cannot be read.
pub fn whole_blocks(file: impl Read + Seek) -> io::Result<u64> {
    let mut file = BufReader::new(file);
    let mut whole = 0_u64;
    loop {
        let (mut head, mut tail) = ([0; 8], [0; 4]);
        let read = file.read_exact(&mut head).and_then(|()| {
            let [_, _, _, _, len @ ..] = head;
            let len = u32::from_le_bytes(len);
            file.seek_relative(i64::from(len.saturating_sub(12)))?;
            file.read_exact(&mut tail)?;
            Ok(len)
        });
        match read {
            Ok(len) if len >= 12 && len.is_multiple_of(4) && len.to_le_bytes() == tail => whole += u64::from(len),
            Ok(_) => return Ok(whole),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(whole),
            Err(error) => return Err(error),
        }
    }
}

/// Type, length, what `body` writes, and the length again.
fn block(out: &mut Vec<u8>, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    body(out);
    let len = (out.len() - start + 4) as u32;
    if let Some(field) = out.get_mut(start + 4..start + 8) {
        field.copy_from_slice(&len.to_le_bytes());
    }
    out.extend_from_slice(&len.to_le_bytes());
}

fn option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    out.extend_from_slice(&code.to_le_bytes());
    out.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
    out.extend_from_slice(value);
    pad(out, value.len());
}

fn pad(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice(&[0; 3][..len.wrapping_neg() & 3]);
}

/// Cut to what is written at most, and not within a character.
fn text(text: &str) -> &[u8] {
    let end = (0..=text.len().min(TEXT_MAX)).rev().find(|end| text.is_char_boundary(*end));
    text.as_bytes().get(..end.unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pcap_parser::{
        Block, OptionCode, PcapNGReader,
        traits::{PcapNGPacketBlock, PcapReaderIterator},
    };

    #[test]
    fn another_reader_reads_it() {
        let mut file = Vec::new();
        section(&mut file, "sensor office-17");
        interface(&mut file, LinkType::ETHERNET, "eth0", 0);
        interface(&mut file, LinkType::RAW, "", 96);
        let ts = Timestamp(1_790_000_000_123_456_789);
        let long = "ä".repeat(TEXT_MAX);
        packet(
            &mut file,
            PacketHead { interface: 1, ts, wire_len: 1500 },
            b"12345",
            &["one".into(), "two".into(), long],
        );
        packet(&mut file, PacketHead { interface: 0, ts, wire_len: 4 }, b"1234", &[]);

        let mut reader = PcapNGReader::new(1 << 16, &file[..]).unwrap();
        let (mut heads, mut packets) = (Vec::new(), Vec::new());
        loop {
            match reader.next() {
                Ok((used, block)) => {
                    if let pcap_parser::PcapBlockOwned::NG(block) = block {
                        match block {
                            Block::SectionHeader(head) => {
                                let comment = head.options.iter().find(|o| o.code == OptionCode::Comment).unwrap();
                                heads.push(String::from_utf8(comment.as_bytes().unwrap().to_vec()).unwrap());
                            }
                            Block::InterfaceDescription(i) => {
                                assert_eq!(i.if_tsresol, 9);
                                heads.push(format!(
                                    "{} {} {:?}",
                                    i.linktype.0,
                                    i.snaplen,
                                    i.if_name().map(|n| n.unwrap())
                                ));
                            }
                            Block::EnhancedPacket(p) => {
                                let comments: Vec<usize> = p
                                    .options
                                    .iter()
                                    .filter(|o| o.code == OptionCode::Comment)
                                    .map(|o| usize::from(o.len))
                                    .collect();
                                let ns = u64::from(p.ts_high) << 32 | u64::from(p.ts_low);
                                packets.push((p.if_id, ns, p.caplen, p.origlen, p.packet_data().to_vec(), comments));
                            }
                            _ => unreachable!(),
                        }
                    }
                    reader.consume(used);
                }
                Err(pcap_parser::PcapError::Eof) => break,
                Err(pcap_parser::PcapError::Incomplete(_)) => reader.refill().unwrap(),
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(heads, ["sensor office-17", "1 0 Some(\"eth0\")", "101 96 None"]);
        assert_eq!(packets[0], (1, ts.0, 5, 1500, b"12345".to_vec(), vec![3, 3, TEXT_MAX]));
        assert_eq!(packets[1], (0, ts.0, 4, 4, b"1234".to_vec(), vec![]));
    }
}
