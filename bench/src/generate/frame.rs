//! Frames of a conversation: Ethernet, perhaps a VLAN tag, IPv4 or IPv6, TCP, UDP or ICMP, with right checksums.

use crate::wire::{checksum, set_word, transport_checksum};

/// The side that opened the conversation; the other one is 1.
pub const CLIENT: usize = 0;
/// The side that was called.
pub const SERVER: usize = 1;

pub const ICMP: u8 = 1;
pub const TCP: u8 = 6;
pub const UDP: u8 = 17;
const ICMP6: u8 = 58;

pub const FIN: u8 = 0x01;
pub const SYN: u8 = 0x02;
pub const RST: u8 = 0x04;
pub const PSH: u8 = 0x08;
pub const ACK: u8 = 0x10;

/// Least frame that a NIC sends, without its check sequence (IEEE 802.3, 4.2.3.3).
const LEAST_FRAME: usize = 60;

/// Who talks to whom. Index [`CLIENT`] or [`SERVER`].
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// IPv4 addresses are the first four bytes.
    pub addresses: [[u8; 16]; 2],
    /// TCP's or UDP's.
    pub ports: [u16; 2],
    /// [`TCP`], [`UDP`] or [`ICMP`].
    pub proto: u8,
    /// IPv6.
    pub v6: bool,
    /// VLAN identifier, or 0 for a frame with no tag.
    pub vlan: u16,
    /// TTL or hop limit as the sensor sees it.
    pub ttl: [u8; 2],
    /// The server is on the same network, not behind the gateway.
    pub local: bool,
}

impl Ends {
    fn address(&self, side: usize) -> &[u8] {
        let address = &self.addresses[side & 1];
        if self.v6 { address } else { &address[..4] }
    }

    /// Bytes before the transport header.
    pub fn header_len(&self) -> usize {
        14 + if self.vlan == 0 { 0 } else { 4 } + if self.v6 { 40 } else { 20 }
    }

    fn mac(&self, side: usize) -> [u8; 6] {
        if side == CLIENT || self.local {
            let [.., a, b] = *self.address(side) else { return [2; 6] };
            [0x02, 0, 0x5e, 0x10, a, b]
        } else {
            [0x02, 0, 0x5e, 0, 0, 1]
        }
    }

    /// Everything before the transport header, whose length with its payload is `len`.
    fn start(&self, out: &mut Vec<u8>, from: usize, len: usize, id: u16) {
        out.clear();
        out.extend(self.mac(1 - from));
        out.extend(self.mac(from));
        if self.vlan != 0 {
            out.extend([0x81, 0]);
            out.extend(self.vlan.to_be_bytes());
        }
        let at = out.len() + 2;
        if self.v6 {
            out.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            out.extend((len as u16).to_be_bytes());
            out.extend([if self.proto == ICMP { ICMP6 } else { self.proto }, self.ttl[from]]);
        } else {
            out.extend([8, 0, 0x45, 0]);
            out.extend(((20 + len) as u16).to_be_bytes());
            out.extend(id.to_be_bytes());
            out.extend([0x40, 0, self.ttl[from], self.proto, 0, 0]);
        }
        out.extend_from_slice(self.address(from));
        out.extend_from_slice(self.address(1 - from));
        if !self.v6 {
            let sum = checksum(&out[at..]);
            set_word(out, at + 10, sum);
        }
    }

    /// Writes the transport checksum, `at` bytes into the transport header, and pads.
    fn finish(&self, out: &mut Vec<u8>, from: usize, at: usize) {
        let start = self.header_len();
        let proto = if self.v6 && self.proto == ICMP { ICMP6 } else { self.proto };
        let sum = if proto == ICMP {
            checksum(&out[start..])
        } else {
            transport_checksum(self.address(from), self.address(1 - from), proto, &out[start..])
        };
        // RFC 768: a checksum of zero is sent as all ones.
        set_word(out, start + at, if self.proto == UDP && sum == 0 { 0xffff } else { sum });
        if out.len() < LEAST_FRAME {
            out.resize(LEAST_FRAME, 0);
        }
    }

    /// A TCP segment; `payload` appends `len` bytes.
    pub fn segment(
        &self,
        out: &mut Vec<u8>,
        from: usize,
        tcp: &Segment<'_>,
        len: usize,
        payload: impl FnOnce(&mut Vec<u8>),
    ) {
        let header = 20 + tcp.options.len();
        self.start(out, from, header + len, tcp.id);
        out.extend(self.ports[from].to_be_bytes());
        out.extend(self.ports[1 - from].to_be_bytes());
        out.extend(tcp.seq.to_be_bytes());
        out.extend(tcp.ack.to_be_bytes());
        out.extend([(header << 2) as u8, tcp.flags]);
        out.extend(tcp.window.to_be_bytes());
        out.extend([0, 0, 0, 0]);
        out.extend_from_slice(tcp.options);
        payload(out);
        self.finish(out, from, 16);
    }

    /// A UDP datagram.
    pub fn datagram(&self, out: &mut Vec<u8>, from: usize, id: u16, payload: &[u8]) {
        self.start(out, from, 8 + payload.len(), id);
        out.extend(self.ports[from].to_be_bytes());
        out.extend(self.ports[1 - from].to_be_bytes());
        out.extend(((8 + payload.len()) as u16).to_be_bytes());
        out.extend([0, 0]);
        out.extend_from_slice(payload);
        self.finish(out, from, 6);
    }

    /// An ICMP echo or its answer; identifier and sequence number are in `rest`.
    pub fn echo(&self, out: &mut Vec<u8>, from: usize, id: u16, rest: &[u8]) {
        self.start(out, from, 4 + rest.len(), id);
        let kind = match (self.v6, from) {
            (false, CLIENT) => 8,
            (false, _) => 0,
            (true, CLIENT) => 128,
            (true, _) => 129,
        };
        out.extend([kind, 0, 0, 0]);
        out.extend_from_slice(rest);
        self.finish(out, from, 2);
    }
}

/// What a TCP header says.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number, 0 where the flag is not set.
    pub ack: u32,
    /// [`SYN`], [`ACK`] and so on.
    pub flags: u8,
    /// Window as on the wire, not scaled.
    pub window: u16,
    /// Padded to four bytes.
    pub options: &'a [u8],
    /// Of the IPv4 header.
    pub id: u16,
}
