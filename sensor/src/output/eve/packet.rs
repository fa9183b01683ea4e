//! `event_type` `packet` (packets that rules tagged) and `drop` (packets that rules dropped).

use super::Context;
use super::header::Header;
use crate::detect::dataset::load::base64;
use crate::event::{DropEvent, PacketEvent};
use crate::output::config::EventType;
use crate::packet::{Direction, TcpFlags};
use serde::{Serialize, Serializer};

/// Link types of capture files (<https://www.tcpdump.org/linktypes.html>).
const LINKTYPE_ETHERNET: u16 = 1;
const LINKTYPE_RAW: u16 = 101;

/// A tagged packet.
#[derive(Debug, Serialize)]
pub(super) struct PacketRecord<'a> {
    #[serde(skip)]
    pub(super) header: Header<'a>,
    packet: Base64<'a>,
    packet_info: PacketInfo,
}

#[derive(Debug, Serialize)]
struct PacketInfo {
    linktype: u16,
    linktype_name: &'static str,
}

/// Bytes, printed as base64.
#[derive(Debug)]
struct Base64<'a>(&'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(self.0.len().div_ceil(3) * 4);
        base64(self.0, &mut text);
        serializer.serialize_str(&text)
    }
}

impl<'a> PacketRecord<'a> {
    pub(super) fn of(context: &'a mut Context, event: &'a PacketEvent) -> Self {
        let (linktype, linktype_name) =
            if event.ethernet { (LINKTYPE_ETHERNET, "EN10MB") } else { (LINKTYPE_RAW, "RAW") };
        Self {
            header: Header::of_packet(context, EventType::Packet, &event.packet, event.flow_id),
            packet: Base64(&event.data),
            packet_info: PacketInfo { linktype, linktype_name },
        }
    }
}

/// A dropped packet.
#[derive(Debug, Serialize)]
pub(super) struct DropRecord<'a> {
    #[serde(skip)]
    pub(super) header: Header<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<&'static str>,
    drop: Drop,
}

/// `drop`
#[derive(Debug, Default, Serialize)]
struct Drop {
    len: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    tos: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tc: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hoplimit: Option<u8>,
    #[serde(flatten)]
    tcp: Option<Tcp>,
    reason: &'static str,
    verdict: Verdict,
}

#[derive(Debug, Default, Serialize)]
struct Verdict {
    action: &'static str,
}

#[derive(Debug, Serialize)]
struct Tcp {
    tcpseq: u32,
    tcpack: u32,
    tcpwin: u16,
    syn: bool,
    ack: bool,
    psh: bool,
    rst: bool,
    urg: bool,
    fin: bool,
    tcpurgp: u16,
}

impl Tcp {
    fn of((tcpseq, tcpack, tcpwin, flags, tcpurgp): (u32, u32, u16, u8, u16)) -> Self {
        let flags = TcpFlags(flags);
        Self {
            tcpseq,
            tcpack,
            tcpwin,
            syn: flags.any(TcpFlags::SYN),
            ack: flags.any(TcpFlags::ACK),
            psh: flags.any(TcpFlags::PSH),
            rst: flags.any(TcpFlags::RST),
            urg: flags.any(TcpFlags::URG),
            fin: flags.any(TcpFlags::FIN),
            tcpurgp,
        }
    }
}

impl<'a> DropRecord<'a> {
    pub(super) fn of(context: &'a mut Context, event: &DropEvent) -> Self {
        let (ttl, tos, id) = event.ip;
        let v4 = event.packet.ip_version == 4;
        let v6 = event.packet.ip_version == 6;
        Self {
            header: Header::of_packet(context, EventType::Drop, &event.packet, event.flow_id),
            direction: event.direction.map(|direction| match direction {
                Direction::ToServer => "to_server",
                Direction::ToClient => "to_client",
            }),
            drop: Drop {
                len: event.len,
                tos: v4.then_some(tos),
                ttl: v4.then_some(ttl),
                ipid: v4.then_some(id),
                tc: v6.then_some(tos),
                hoplimit: v6.then_some(ttl),
                tcp: event.tcp.map(Tcp::of),
                reason: if event.with_flow { "flow drop" } else { "rules" },
                verdict: Verdict { action: "drop" },
            },
        }
    }
}
