//! Packets made for tests, and a sink that remembers.

use super::{SegmentReport, StreamConfig, StreamEngine, StreamSink, TcpSession};
use crate::decode::EventSet;
use crate::packet::{Addr, Direction, Ip, IpProto, Packet, Tcp, TcpFlags, Transport, Vlans};
use crate::time::Timestamp;

pub(crate) const FIN: u8 = TcpFlags::FIN;
pub(crate) const SYN: u8 = TcpFlags::SYN;
pub(crate) const RST: u8 = TcpFlags::RST;
pub(crate) const ACK: u8 = TcpFlags::ACK;

pub(crate) fn v4(last: u8) -> Addr {
    Addr::v4([10, 0, 0, last])
}

/// An IPv4 packet of 60 bytes and its payload.
pub(crate) fn packet<'a>(
    seconds: u64,
    src: (Addr, u16),
    dst: (Addr, u16),
    proto: IpProto,
    transport: Transport<'a>,
    payload: &'a [u8],
) -> Packet<'a> {
    static FRAME: [u8; 60] = [0; 60];
    Packet {
        ts: Timestamp::from_parts(seconds, 0),
        frame_number: 1,
        interface: 0,
        data: &FRAME,
        ether: None,
        ethertype: 0x0800,
        vlans: Vlans::default(),
        tunnel_depth: 0,
        tunnel_id: 0,
        reassembled: false,
        ip: Some(Ip {
            version: 4,
            src: src.0,
            dst: dst.0,
            proto,
            ttl: 64,
            tos: 0,
            id: 0,
            flags: 0,
            fragment_offset: 0,
            is_fragment: false,
            header: &[],
            payload,
        }),
        src_port: src.1,
        dst_port: dst.1,
        transport,
        payload,
        checksum_ok: true,
        events: EventSet::default(),
    }
}

pub(crate) fn tcp(flags: u8, seq: u32, ack: u32) -> Tcp<'static> {
    Tcp {
        seq,
        ack,
        flags: TcpFlags(flags),
        window: 65535,
        urgent: 0,
        options: &[],
        mss: None,
        window_scale: None,
        sack_permitted: false,
        timestamps: None,
    }
}

/// What was delivered, by direction. Panics on a broken promise of [`StreamSink`].
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// Bytes delivered; those of gaps are 0.
    pub bytes: [Vec<u8>; 2],
    /// Position and length.
    pub gaps: [Vec<(u64, u64)>; 2],
    pub ended: [bool; 2],
    /// Deliveries that came straight from the packet.
    pub straight: usize,
}

impl Record {
    fn at(&mut self, direction: Direction, position: u64) -> &mut Vec<u8> {
        let i = direction.index();
        assert!(!self.ended[i], "delivery after the end");
        assert_eq!(self.bytes[i].len() as u64, position, "not in order");
        &mut self.bytes[i]
    }
}

impl StreamSink for Record {
    fn data(&mut self, direction: Direction, position: u64, bytes: &[u8], from_segment: bool) {
        assert!(!bytes.is_empty());
        self.straight += usize::from(from_segment);
        self.at(direction, position).extend_from_slice(bytes);
    }
    fn gap(&mut self, direction: Direction, position: u64, len: u64) {
        assert!(len > 0);
        let bytes = self.at(direction, position);
        // Tests with jumps over gigabytes check the gap alone.
        bytes.resize(bytes.len() + usize::try_from(len).unwrap(), 0);
        self.gaps[direction.index()].push((position, len));
    }
    fn end(&mut self, direction: Direction) {
        assert!(!self.ended[direction.index()], "ended twice");
        self.ended[direction.index()] = true;
    }
}

/// One connection through an engine.
pub(crate) struct Talk {
    pub engine: StreamEngine,
    pub session: TcpSession,
    pub record: Record,
    pub seconds: u64,
}

impl Talk {
    pub(crate) fn new(config: StreamConfig) -> Self {
        Self {
            engine: StreamEngine::new(&config),
            session: TcpSession::default(),
            record: Record::default(),
            seconds: 1,
        }
    }

    pub(crate) fn send(&mut self, direction: Direction, tcp: Tcp<'_>, payload: &[u8]) -> SegmentReport {
        let (a, b) = ((v4(1), 1000), (v4(2), 80));
        let (src, dst) = if direction == Direction::ToServer { (a, b) } else { (b, a) };
        let packet = packet(self.seconds, src, dst, IpProto::TCP, Transport::Tcp(tcp), payload);
        self.engine.segment(&mut self.session, &packet, &tcp, direction, &mut self.record)
    }

    pub(crate) fn client(&mut self, flags: u8, seq: u32, ack: u32, payload: &[u8]) -> SegmentReport {
        self.send(Direction::ToServer, tcp(flags, seq, ack), payload)
    }

    pub(crate) fn server(&mut self, flags: u8, seq: u32, ack: u32, payload: &[u8]) -> SegmentReport {
        self.send(Direction::ToClient, tcp(flags, seq, ack), payload)
    }

    /// A handshake: the client's first byte has sequence number `client + 1`, the server's `server + 1`.
    pub(crate) fn handshake(&mut self, client: u32, server: u32) {
        self.client(SYN, client, 0, b"");
        self.server(SYN | ACK, server, client.wrapping_add(1), b"");
        let report = self.client(ACK, client.wrapping_add(1), server.wrapping_add(1), b"");
        assert!(report.established_now && report.events.is_empty(), "{report:?}");
    }

    pub(crate) fn close(&mut self) {
        self.engine.close(&mut self.session, &mut self.record);
        assert_eq!(self.record.ended, [true; 2]);
        assert_eq!(self.engine.memory_bytes(), 0, "blocks leaked");
    }
}
