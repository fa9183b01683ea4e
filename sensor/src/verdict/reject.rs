//! The packets by which a reject rule tells the ends of a conversation that it is over: made out of the rejected frame itself, with its
//! addresses, VLAN tags and, for TCP, its sequence numbers.
//!
//! TCP gets a reset (RFC 9293 §3.5.2), all else an ICMP or ICMPv6 "administratively prohibited" (RFC 1812 §5.2.7.1, RFC 4443 §3.1), which
//! only the packet's sender can make sense of. Nothing answers a reset, an ICMP error, a fragment but the first, or a frame to a group.

use crate::decode::checksum::checksum;
use crate::packet::TcpFlags;
use sekisho_signatures::model::RejectTo;

/// Bytes that an ICMP error quotes of the rejected packet at most, from its IP header on.
const QUOTED: usize = 128;

/// Up to two packets to be sent, in buffers that are used again.
#[derive(Debug, Default)]
pub struct Answers {
    back: Vec<u8>,
    onward: Vec<u8>,
}

impl Answers {
    /// Makes the answers to `frame` (from its Ethernet header on). False if there are none.
    pub fn make(&mut self, frame: &[u8], to: RejectTo) -> bool {
        self.clear();
        if let Some(rejected) = Rejected::read(frame) {
            if to != RejectTo::Destination {
                rejected.answer(true, &mut self.back);
            }
            if to != RejectTo::Source {
                rejected.answer(false, &mut self.onward);
            }
        }
        !(self.back.is_empty() && self.onward.is_empty())
    }

    /// What goes out of the port where the rejected frame came in; empty if nothing does.
    #[must_use]
    pub fn back(&self) -> &[u8] {
        &self.back
    }

    /// What goes where the rejected frame would have gone; empty if nothing does.
    #[must_use]
    pub fn onward(&self) -> &[u8] {
        &self.onward
    }

    /// Nothing is to be sent.
    pub fn clear(&mut self) {
        self.back.clear();
        self.onward.clear();
    }
}

/// Where the parts of a rejected frame lie.
struct Rejected<'a> {
    /// Both MACs.
    macs: [&'a [u8]; 2],
    /// VLAN tags and the EtherType.
    between: &'a [u8],
    /// From the IP header on, without padding.
    ip: &'a [u8],
    /// IPv6.
    six: bool,
    /// Source and destination address.
    addresses: [&'a [u8]; 2],
    /// The transport protocol.
    proto: u8,
    /// From the transport header on.
    transport: &'a [u8],
}

fn be16(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*data.get(at..)?.first_chunk()?))
}

fn be32(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*data.get(at..)?.first_chunk()?))
}

impl<'a> Rejected<'a> {
    fn read(frame: &'a [u8]) -> Option<Self> {
        let macs = [frame.get(..6)?, frame.get(6..12)?];
        // To a group: an answer would be one too many for each of its members.
        if macs[0].first()? & 1 != 0 {
            return None;
        }
        let mut at = 12;
        while matches!(be16(frame, at)?, 0x8100 | 0x88a8 | 0x9100) {
            at += 4;
        }
        let (between, ip) = (frame.get(12..at + 2)?, frame.get(at + 2..)?);
        match be16(frame, at)? {
            0x0800 => Self::read_v4(macs, between, ip),
            0x86dd => Self::read_v6(macs, between, ip),
            _ => None,
        }
    }

    fn read_v4(macs: [&'a [u8]; 2], between: &'a [u8], ip: &'a [u8]) -> Option<Self> {
        let header = usize::from(ip.first()? & 0x0f) * 4;
        let ip = ip.get(..usize::from(be16(ip, 2)?))?;
        if header < 20 || be16(ip, 6)? & 0x1fff != 0 {
            return None;
        }
        let addresses = [ip.get(12..16)?, ip.get(16..20)?];
        Some(Self { macs, between, ip, six: false, addresses, proto: *ip.get(9)?, transport: ip.get(header..)? })
    }

    fn read_v6(macs: [&'a [u8]; 2], between: &'a [u8], ip: &'a [u8]) -> Option<Self> {
        let ip = ip.get(..usize::from(be16(ip, 4)?).checked_add(40)?)?;
        let addresses = [ip.get(8..24)?, ip.get(24..40)?];
        let (mut proto, mut at) = (*ip.get(6)?, 40);
        // Hop-by-hop, routing, destination options (RFC 8200 §4): their lengths count 8 bytes beyond the first 8.
        while matches!(proto, 0 | 43 | 60) {
            proto = *ip.get(at)?;
            at += (usize::from(*ip.get(at + 1)?) + 1) * 8;
        }
        Some(Self { macs, between, ip, six: true, addresses, proto, transport: ip.get(at..)? })
    }

    /// The answer to the sender (`back`) or to the receiver, as from the other.
    fn answer(&self, back: bool, out: &mut Vec<u8>) {
        let mut body = [0; 8 + QUOTED];
        let (proto, len) = match self.proto {
            6 => match self.reset(back) {
                Some(reset) => {
                    body[..20].copy_from_slice(&reset);
                    (6, 20)
                }
                None => return,
            },
            // ICMP errors answer nothing: types 3, 4, 5, 11 and 12, and of ICMPv6 those below 128.
            1 if matches!(self.transport.first(), Some(3 | 4 | 5 | 11 | 12) | None) => return,
            58 if self.transport.first().is_none_or(|kind| *kind < 128) => return,
            _ if !back => return,
            _ => {
                let quoted = &self.ip[..self.ip.len().min(QUOTED)];
                (body[0], body[1]) = if self.six { (1, 1) } else { (3, 13) };
                body[8..8 + quoted.len()].copy_from_slice(quoted);
                (if self.six { 58 } else { 1 }, 8 + quoted.len())
            }
        };
        self.write(back, proto, &mut body[..len], out);
    }

    /// A reset's TCP header, without its checksum.
    fn reset(&self, back: bool) -> Option<[u8; 20]> {
        let tcp = self.transport;
        let (src, dst, seq, ack) = (be16(tcp, 0)?, be16(tcp, 2)?, be32(tcp, 4)?, be32(tcp, 8)?);
        let flags = TcpFlags(*tcp.get(13)?);
        let header = usize::from(*tcp.get(12)? >> 4) * 4;
        if flags.any(TcpFlags::RST) {
            return None;
        }
        let mut len = tcp.len().saturating_sub(header) as u32;
        len = len.wrapping_add(u32::from(flags.any(TcpFlags::SYN)) + u32::from(flags.any(TcpFlags::FIN)));
        let acked = if flags.any(TcpFlags::ACK) { ack } else { 0 };
        // The receiver has not got the segment, so it waits for its first byte.
        let (from, to, seq, ack) = if back { (dst, src, acked, seq.wrapping_add(len)) } else { (src, dst, seq, acked) };
        let acks = back || flags.any(TcpFlags::ACK);
        let mut out = [0; 20];
        out[..2].copy_from_slice(&from.to_be_bytes());
        out[2..4].copy_from_slice(&to.to_be_bytes());
        out[4..8].copy_from_slice(&seq.to_be_bytes());
        out[8..12].copy_from_slice(&ack.to_be_bytes());
        out[12] = 5 << 4;
        out[13] = TcpFlags::RST | if acks { TcpFlags::ACK } else { 0 };
        Some(out)
    }

    /// Headers before `body`, whose checksum is filled in.
    fn write(&self, back: bool, proto: u8, body: &mut [u8], out: &mut Vec<u8>) {
        let turn = |pair: [&'a [u8]; 2]| if back { [pair[1], pair[0]] } else { pair };
        let (macs, addresses) = (turn(self.macs), turn(self.addresses));
        let len = body.len() as u16;
        let pseudo = [0, proto, (len >> 8) as u8, len as u8];
        let parts: &[&[u8]] = if proto == 1 { &[body] } else { &[addresses[0], addresses[1], &pseudo, body] };
        let sum = checksum(parts).to_be_bytes();
        let field = if proto == 6 { 16 } else { 2 };
        if let Some(field) = body.get_mut(field..field + 2) {
            field.copy_from_slice(&sum);
        }
        macs.into_iter().for_each(|mac| out.extend_from_slice(mac));
        out.extend_from_slice(self.between);
        if self.six {
            out.extend_from_slice(&[0x60, 0, 0, 0, pseudo[2], pseudo[3], proto, 64]);
            addresses.into_iter().for_each(|address| out.extend_from_slice(address));
        } else {
            let mut header = [0; 20];
            header[0] = 0x45;
            header[2..4].copy_from_slice(&(len + 20).to_be_bytes());
            header[6] = 0x40;
            header[8] = 64;
            header[9] = proto;
            header[12..16].copy_from_slice(addresses[0]);
            header[16..20].copy_from_slice(addresses[1]);
            let sum = checksum(&[&header]).to_be_bytes();
            header[10..12].copy_from_slice(&sum);
            out.extend_from_slice(&header);
        }
        out.extend_from_slice(body);
        // The least that Ethernet carries (IEEE 802.3), for drivers that do not see to it.
        out.resize(out.len().max(60), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{DecodeConfig, Decoder, Frame, LinkType};
    use crate::packet::{Packet, Transport};
    use crate::time::Timestamp;

    /// Flags, sequence and acknowledgement numbers, ports; or the ICMP type and code.
    type Answer = Result<(u8, u32, u32, [u16; 2]), (u8, u8)>;

    /// What the decoder makes of an answer, and whether its checksums hold.
    fn read(frame: &[u8]) -> (bool, Answer) {
        let config = DecodeConfig { verify_checksums: true, ..DecodeConfig::default() };
        let mut seen = None;
        let mut see = |packet: &Packet<'_>| {
            let told = match &packet.transport {
                Transport::Tcp(tcp) => Ok((tcp.flags.0, tcp.seq, tcp.ack, [packet.src_port, packet.dst_port])),
                Transport::Icmp(icmp) | Transport::Icmpv6(icmp) => Err((icmp.kind, icmp.code)),
                other => panic!("{other:?}"),
            };
            seen = Some((packet.checksum_ok && packet.events.is_empty(), told));
        };
        let frame = Frame {
            ts: Timestamp(1),
            number: 1,
            interface: 0,
            link: LinkType::ETHERNET,
            data: frame,
            wire_len: frame.len() as u32,
        };
        Decoder::new(config).decode(&frame, &mut see);
        seen.unwrap()
    }

    fn ethernet(six: bool, tagged: bool, proto: u8, transport: &[u8]) -> Vec<u8> {
        let mut out = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
        if tagged {
            out.extend([0x81, 0, 0, 7]);
        }
        let len = transport.len() as u16;
        if six {
            out.extend([0x86, 0xdd, 0x60, 0, 0, 0, (len >> 8) as u8, len as u8, proto, 64]);
            out.extend([0xfd; 16].iter().chain(&[0xfe; 16]));
        } else {
            out.extend([8, 0, 0x45, 0, ((len + 20) >> 8) as u8, (len + 20) as u8, 0, 0, 0, 0, 64, proto, 0, 0]);
            out.extend([10, 0, 0, 1, 10, 0, 0, 2]);
        }
        out.extend(transport);
        out
    }

    fn segment(flags: u8, payload: usize) -> Vec<u8> {
        let mut out = vec![0x30, 0x39, 0, 80, 0, 0, 0x10, 0, 0, 0, 0x20, 0, 5 << 4, flags, 1, 0, 0, 0, 0, 0];
        out.resize(20 + payload, b'x');
        out
    }

    #[test]
    fn both_ends_get_a_reset_that_they_must_take() {
        for (six, tagged) in [(false, false), (true, false), (false, true), (true, true)] {
            let frame = ethernet(six, tagged, 6, &segment(TcpFlags::ACK | TcpFlags::PSH, 100));
            let mut answers = Answers::default();
            assert!(answers.make(&frame, RejectTo::Both));
            let flags = TcpFlags::RST | TcpFlags::ACK;
            assert_eq!(read(answers.back()), (true, Ok((flags, 0x2000, 0x1064, [80, 12345]))));
            assert_eq!(read(answers.onward()), (true, Ok((flags, 0x1000, 0x2000, [12345, 80]))));
            assert_eq!(answers.back()[..6], frame[6..12]);
            assert_eq!(answers.onward()[..12], frame[..12]);
            let tags = if tagged { 18 } else { 14 };
            assert_eq!(answers.back()[12..tags], frame[12..tags]);
        }
    }

    #[test]
    fn a_syn_is_refused_as_by_a_closed_port() {
        let frame = ethernet(false, false, 6, &segment(TcpFlags::SYN, 0));
        let mut answers = Answers::default();
        assert!(answers.make(&frame, RejectTo::Source));
        assert_eq!(read(answers.back()), (true, Ok((TcpFlags::RST | TcpFlags::ACK, 0, 0x1001, [80, 12345]))));
        assert!(answers.onward().is_empty());
    }

    #[test]
    fn what_is_no_tcp_gets_an_unreachable_and_errors_get_nothing() {
        let mut answers = Answers::default();
        let udp = [0x30, 0x39, 0, 53, 0, 12, 0, 0, 1, 2, 3, 4];
        assert!(answers.make(&ethernet(false, false, 17, &udp), RejectTo::Both));
        assert_eq!(read(answers.back()), (true, Err((3, 13))));
        assert!(answers.onward().is_empty());
        assert!(answers.make(&ethernet(true, false, 17, &udp), RejectTo::Source));
        assert_eq!(read(answers.back()), (true, Err((1, 1))));
        assert!(!answers.make(&ethernet(false, false, 1, &[3, 1, 0, 0, 0, 0, 0, 0]), RejectTo::Source));
        assert!(!answers.make(&ethernet(true, false, 58, &[1, 1, 0, 0, 0, 0, 0, 0]), RejectTo::Source));
        assert!(!answers.make(&ethernet(false, false, 6, &segment(TcpFlags::RST, 0)), RejectTo::Both));
        let mut group = ethernet(false, false, 17, &udp);
        group[0] = 0xff;
        assert!(!answers.make(&group, RejectTo::Both));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut frame in proptest::collection::vec(proptest::num::u8::ANY, 0..120), kind in 0usize..3) {
            for (at, byte) in [(12, [8, 0x86, 0x81][kind]), (13, [0, 0xdd, 0][kind])] {
                if let Some(place) = frame.get_mut(at) {
                    *place = byte;
                }
            }
            Answers::default().make(&frame, RejectTo::Both);
        }
    }
}
