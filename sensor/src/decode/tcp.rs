//! TCP (RFC 9293).

use super::{DecodeEvent, Decoder, EventSet};
use crate::packet::{Ip, Packet, Tcp, TcpFlags, Transport};

const HEADER_LEN: usize = 20;

/// A TCP header, the ports before it and the payload after it.
pub(super) struct Segment<'a> {
    pub(super) src_port: u16,
    pub(super) dst_port: u16,
    pub(super) tcp: Tcp<'a>,
    pub(super) payload: &'a [u8],
}

/// Reads the segment that fills `data`; its options are still to be read.
///
/// # Errors
/// The event that says what is wrong with the header.
#[inline(always)]
pub(super) fn parse(data: &[u8]) -> Result<Segment<'_>, DecodeEvent> {
    let Some((h, after)) = data.split_first_chunk::<HEADER_LEN>() else {
        return Err(DecodeEvent::TcpPktTooSmall);
    };
    // Data offset, in words.
    let header_len = usize::from(h[12] >> 4) * 4;
    if header_len > data.len() {
        return Err(DecodeEvent::TcpHlenTooSmall);
    }
    let Some((options, payload)) = header_len.checked_sub(HEADER_LEN).and_then(|n| after.split_at_checked(n)) else {
        return Err(DecodeEvent::TcpInvalidOptlen);
    };
    Ok(Segment {
        src_port: u16::from_be_bytes([h[0], h[1]]),
        dst_port: u16::from_be_bytes([h[2], h[3]]),
        tcp: Tcp {
            seq: u32::from_be_bytes([h[4], h[5], h[6], h[7]]),
            ack: u32::from_be_bytes([h[8], h[9], h[10], h[11]]),
            flags: TcpFlags(h[13]),
            window: u16::from_be_bytes([h[14], h[15]]),
            urgent: u16::from_be_bytes([h[18], h[19]]),
            options,
            mss: None,
            window_scale: None,
            sack_permitted: false,
            timestamps: None,
        },
        payload,
    })
}

impl Decoder {
    /// A TCP segment.
    #[inline]
    pub(super) fn tcp<'a>(&mut self, packet: &mut Packet<'a>, ip: &Ip<'a>) {
        self.counters.tcp = self.counters.tcp.wrapping_add(1);
        let mut segment = match parse(ip.payload) {
            Ok(segment) => segment,
            Err(event) => {
                packet.events.insert(event);
                return;
            }
        };
        options(&mut segment.tcp, &mut packet.events);
        self.verify_transport(packet, ip, ip.payload);
        packet.src_port = segment.src_port;
        packet.dst_port = segment.dst_port;
        packet.transport = Transport::Tcp(segment.tcp);
        packet.payload = segment.payload;
    }
}

/// Reads the options (RFC 9293 §3.2, RFC 7323 §2 and §3, RFC 2018 §2).
#[inline(always)]
fn options(tcp: &mut Tcp<'_>, events: &mut EventSet) {
    match *tcp.options {
        [] => {}
        // What nearly every segment of an established connection carries: two no-operations and timestamps.
        [1, 1, 8, 10, v0, v1, v2, v3, e0, e1, e2, e3] => {
            tcp.timestamps = Some((u32::from_be_bytes([v0, v1, v2, v3]), u32::from_be_bytes([e0, e1, e2, e3])));
        }
        _ => options_one_by_one(tcp, events),
    }
}

fn options_one_by_one(tcp: &mut Tcp<'_>, events: &mut EventSet) {
    const END: u8 = 0;
    const NO_OPERATION: u8 = 1;
    const MSS: u8 = 2;
    const WINDOW_SCALE: u8 = 3;
    const SACK_PERMITTED: u8 = 4;
    const SACK: u8 = 5;
    const TIMESTAMPS: u8 = 8;
    const FAST_OPEN: u8 = 34;

    let mut rest = tcp.options;
    let (mut sack_seen, mut fast_open_seen) = (false, false);
    loop {
        let (option, after) = match *rest {
            [] | [_] | [END, ..] => return,
            [NO_OPERATION, ref after @ ..] => {
                rest = after;
                continue;
            }
            [_, len, ..] => match rest.split_at_checked(usize::from(len)) {
                Some((option, after)) if len >= 2 => (option, after),
                _ => {
                    events.insert(DecodeEvent::TcpOptInvalidLen);
                    return;
                }
            },
        };
        rest = after;
        let seen_before = match *option {
            [MSS, _, a, b] => tcp.mss.replace(tcp.mss.unwrap_or(u16::from_be_bytes([a, b]))).is_some(),
            [WINDOW_SCALE, _, shift] => tcp.window_scale.replace(tcp.window_scale.unwrap_or(shift)).is_some(),
            [SACK_PERMITTED, _] => std::mem::replace(&mut tcp.sack_permitted, true),
            [TIMESTAMPS, _, a, b, c, d, e, f, g, h] => {
                let value = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
                tcp.timestamps.replace(tcp.timestamps.unwrap_or(value)).is_some()
            }
            // Up to four blocks of two sequence numbers; some senders leave an empty one.
            [SACK, _, ref blocks @ ..] if matches!(blocks.len(), 0 | 8 | 16 | 24 | 32) => {
                std::mem::replace(&mut sack_seen, true)
            }
            // A request has no cookie; a cookie is 4 to 16 bytes, even (RFC 7413 §4.1.1).
            [FAST_OPEN, _, ref cookie @ ..] if matches!(cookie.len(), 0 | 4 | 6 | 8 | 10 | 12 | 14 | 16) => {
                std::mem::replace(&mut fast_open_seen, true)
            }
            [MSS | WINDOW_SCALE | SACK_PERMITTED | TIMESTAMPS | SACK | FAST_OPEN, ..] => {
                events.insert(DecodeEvent::TcpOptInvalidLen);
                false
            }
            _ => false,
        };
        if seen_before {
            events.insert(DecodeEvent::TcpOptDuplicate);
        }
    }
}
