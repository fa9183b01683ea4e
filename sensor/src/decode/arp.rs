//! ARP (RFC 826): checked, and let by.

use super::{DecodeEvent, Decoded, Decoder};
use crate::packet::Packet;

/// Hardware and protocol type, their address lengths, operation.
const FIXED_LEN: usize = 8;

impl Decoder {
    /// An ARP packet.
    pub(super) fn arp(&mut self, packet: &mut Packet<'_>, data: &[u8]) -> Decoded {
        self.counters.arp = self.counters.arp.wrapping_add(1);
        match check(data) {
            Ok(()) => Decoded::NonIp,
            Err(event) => self.malformed(packet, event),
        }
    }
}

fn check(data: &[u8]) -> Result<(), DecodeEvent> {
    const ETHERNET: u16 = 1;
    const IPV4: u16 = 0x0800;
    /// Request and reply, for ARP and for its reverse (RFC 903).
    const OPERATIONS: std::ops::RangeInclusive<u16> = 1..=4;
    /// With the addresses of Ethernet and IPv4.
    const LEN: usize = FIXED_LEN + 2 * (6 + 4);
    let Some((h, _)) = data.split_first_chunk::<FIXED_LEN>() else {
        return Err(DecodeEvent::ArpPktTooSmall);
    };
    if u16::from_be_bytes([h[0], h[1]]) != ETHERNET {
        return Err(DecodeEvent::ArpUnsupportedHardware);
    }
    if u16::from_be_bytes([h[2], h[3]]) != IPV4 {
        return Err(DecodeEvent::ArpUnsupportedProtocol);
    }
    if h[4] != 6 {
        return Err(DecodeEvent::ArpInvalidHardwareSize);
    }
    if h[5] != 4 {
        return Err(DecodeEvent::ArpInvalidProtocolSize);
    }
    if data.len() < LEN {
        return Err(DecodeEvent::ArpInvalidPkt);
    }
    if !OPERATIONS.contains(&u16::from_be_bytes([h[6], h[7]])) {
        return Err(DecodeEvent::ArpUnsupportedOpcode);
    }
    Ok(())
}
