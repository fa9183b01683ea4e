//! Builds frames, checksums and lengths right.

fn sum16(data: &[u8], mut total: u32) -> u16 {
    for word in data.chunks(2) {
        total += u32::from(word[0]) << 8 | u32::from(word.get(1).copied().unwrap_or(0));
        total = (total & 0xffff) + (total >> 16);
    }
    !(total as u16)
}

pub(crate) const A4: [u8; 4] = [10, 0, 0, 1];
pub(crate) const B4: [u8; 4] = [192, 0, 2, 7];
pub(crate) const A6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
pub(crate) const B6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

pub(crate) fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

pub(crate) fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&[2, 0, 0, 0, 0, 2], &[2, 0, 0, 0, 0, 1], &ethertype.to_be_bytes(), payload])
}

pub(crate) fn eth4(packet: &[u8]) -> Vec<u8> {
    ethernet(0x0800, packet)
}

pub(crate) fn eth6(packet: &[u8]) -> Vec<u8> {
    ethernet(0x86dd, packet)
}

/// IPv4 with options, identification, and the fragment field's flags and offset in units of eight bytes.
pub(crate) fn ipv4_full(proto: u8, id: u16, flags_offset: u16, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let header_len = 20 + options.len();
    let mut h = vec![0x40 | (header_len / 4) as u8, 0];
    h.extend(((header_len + payload.len()) as u16).to_be_bytes());
    h.extend(id.to_be_bytes());
    h.extend(flags_offset.to_be_bytes());
    h.extend([64, proto, 0, 0]);
    h.extend(A4);
    h.extend(B4);
    h.extend(options);
    let sum = sum16(&h, 0);
    h[10..12].copy_from_slice(&sum.to_be_bytes());
    h.extend(payload);
    h
}

pub(crate) fn ipv4(proto: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_full(proto, 0x1234, 0, &[], payload)
}

pub(crate) fn ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let mut h = vec![0x60, 0, 0, 0];
    h.extend((payload.len() as u16).to_be_bytes());
    h.extend([next_header, 64]);
    h.extend(A6);
    h.extend(B6);
    h.extend(payload);
    h
}

/// An IPv6 fragment header.
pub(crate) fn fragment_header(next_header: u8, offset: u16, more: bool, id: u32) -> Vec<u8> {
    join(&[&[next_header, 0], &(offset | u16::from(more)).to_be_bytes(), &id.to_be_bytes()])
}

fn pseudo(version: u8, proto: u8, len: usize) -> u32 {
    let addresses = if version == 4 { join(&[&A4, &B4]) } else { join(&[&A6, &B6]) };
    u32::from(!sum16(&addresses, 0)) + u32::from(proto) + len as u32
}

pub(crate) fn tcp(version: u8, flags: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut s = join(&[&4000u16.to_be_bytes(), &80u16.to_be_bytes(), &7u32.to_be_bytes(), &9u32.to_be_bytes()]);
    s.extend([(((20 + options.len()) / 4) << 4) as u8, flags, 0x10, 0, 0, 0, 0, 0]);
    s.extend(options);
    s.extend(payload);
    let sum = sum16(&s, pseudo(version, 6, s.len()));
    s[16..18].copy_from_slice(&sum.to_be_bytes());
    s
}

pub(crate) fn udp(version: u8, src: u16, dst: u16, payload: &[u8]) -> Vec<u8> {
    let len = (8 + payload.len()) as u16;
    let mut s = join(&[&src.to_be_bytes(), &dst.to_be_bytes(), &len.to_be_bytes(), &[0, 0], payload]);
    let sum = sum16(&s, pseudo(version, 17, s.len()));
    s[6..8].copy_from_slice(&sum.to_be_bytes());
    s
}

/// ICMP, or with version 6 ICMPv6.
pub(crate) fn icmp(version: u8, kind: u8, code: u8, rest: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut s = join(&[&[kind, code, 0, 0], &rest, payload]);
    let sum = sum16(&s, if version == 4 { 0 } else { pseudo(6, 58, s.len()) });
    s[2..4].copy_from_slice(&sum.to_be_bytes());
    s
}

/// A TCP segment in IPv4, no link header.
pub(crate) fn tcp4(payload: &[u8]) -> Vec<u8> {
    ipv4(6, &tcp(4, 0x18, &[], payload))
}

/// A TCP segment in IPv6, no link header.
pub(crate) fn tcp6(payload: &[u8]) -> Vec<u8> {
    ipv6(6, &tcp(6, 0x18, &[], payload))
}
