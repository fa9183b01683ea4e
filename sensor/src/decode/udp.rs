//! UDP (RFC 768), and the tunnels that use its ports.

use super::{DecodeEvent, Decoder, PacketSink};
use crate::packet::{Ip, Packet, Transport};

const HEADER_LEN: usize = 8;

/// A UDP header and the payload, cut to the length field.
pub(super) struct Datagram<'a> {
    pub(super) src_port: u16,
    pub(super) dst_port: u16,
    pub(super) has_checksum: bool,
    pub(super) payload: &'a [u8],
}

/// Reads the datagram at the start of `data`.
///
/// # Errors
/// The event that says what is wrong with the header.
#[inline(always)]
pub(super) fn parse(data: &[u8]) -> Result<Datagram<'_>, DecodeEvent> {
    let Some((h, rest)) = data.split_first_chunk::<HEADER_LEN>() else {
        return Err(DecodeEvent::UdpHlenTooSmall);
    };
    let len = usize::from(u16::from_be_bytes([h[4], h[5]]));
    let Some(payload_len) = len.checked_sub(HEADER_LEN) else {
        return Err(DecodeEvent::UdpLenInvalid);
    };
    let Some(payload) = rest.get(..payload_len) else {
        return Err(DecodeEvent::UdpPktTooSmall);
    };
    Ok(Datagram {
        src_port: u16::from_be_bytes([h[0], h[1]]),
        dst_port: u16::from_be_bytes([h[2], h[3]]),
        has_checksum: h[6] != 0 || h[7] != 0,
        payload,
    })
}

impl Decoder {
    /// A datagram that is cut behind its header.
    #[cold]
    fn udp_cut<'a>(packet: &mut Packet<'a>, ip: &Ip<'a>) {
        let Some((h, rest)) = ip.payload.split_first_chunk::<HEADER_LEN>() else { return };
        packet.src_port = u16::from_be_bytes([h[0], h[1]]);
        packet.dst_port = u16::from_be_bytes([h[2], h[3]]);
        packet.transport = Transport::Udp;
        packet.payload = rest;
    }

    /// A UDP datagram, and the packet in it when its ports say that it is a tunnel's.
    #[inline]
    pub(super) fn udp<'a, S: PacketSink>(&mut self, packet: &mut Packet<'a>, ip: &Ip<'a>, sink: &mut S) {
        self.counters.udp = self.counters.udp.wrapping_add(1);
        let datagram = match parse(ip.payload) {
            Ok(datagram) => datagram,
            Err(DecodeEvent::UdpPktTooSmall) if packet.is_truncated() => return Self::udp_cut(packet, ip),
            Err(event) => {
                packet.events.insert(event);
                return;
            }
        };
        // No checksum means none was computed; IPv6 requires one, but tunnels are exempt (RFC 6935).
        if datagram.has_checksum {
            let segment = ip.payload.get(..HEADER_LEN + datagram.payload.len()).unwrap_or_default();
            self.verify_transport(packet, ip, segment);
        }
        packet.src_port = datagram.src_port;
        packet.dst_port = datagram.dst_port;
        packet.transport = Transport::Udp;
        packet.payload = datagram.payload;
        if self.tunnel_ports.may_be_tunnel(datagram.src_port, datagram.dst_port) {
            self.udp_tunnel(packet, ip, sink);
        }
    }
}
