//! Records to messages, messages to the transaction.

use super::certificate::Chain;
use super::event::Oddities;
use super::fingerprint::Carrier;
use super::heartbeat::Heartbeats;
use super::hello::{Hello, extension};
use super::records::{Content, Piece, Records};
use super::transaction::{Seen, TlsTransaction};
use super::version::Version;
use crate::packet::Direction;
use crate::protocols::{Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;

/// Most bytes of one handshake message.
pub const MESSAGE_LIMIT: usize = 1 << 16;

/// Bytes of a message of SSL 2.0 that are looked at.
const V2_START: usize = 9;

/// One direction of a flow.
#[derive(Debug, Default)]
struct Side {
    records: Records,
    /// A message that is not all there yet.
    message: Vec<u8>,
    /// Bytes to pass over, of a message that is too long.
    skip: usize,
    /// How the record began that is being read, if what it says stands at its beginning.
    start: [u8; 3],
    start_len: usize,
    /// Said that it encrypts from now on.
    changed: bool,
    /// Its handshake cannot be followed any further.
    deaf: bool,
    /// Bytes were lost and where records begin is not known.
    lost: bool,
    over: bool,
    /// It speaks SSL 2.0.
    v2: bool,
    told: Progress,
}

/// Reads a flow's handshake.
#[derive(Debug, Default)]
pub struct TlsParser {
    transaction: TlsTransaction,
    sides: [Side; 2],
    heartbeats: Heartbeats,
    odd: Oddities,
    logged: bool,
    gave_up: bool,
}

impl TlsParser {
    /// For a flow that begins, or goes on, with TLS.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// For one over datagrams, whose messages come from elsewhere.
    pub(super) fn over_datagrams() -> Self {
        let mut parser = Self::default();
        parser.transaction.carrier = Carrier::Datagrams;
        parser
    }

    /// Tells what was not told before.
    pub(super) fn tell_odd(&mut self, odd: Oddities, direction: Direction, observer: &mut dyn Observer) {
        let new = self.odd.missing(odd);
        self.odd.add(odd);
        new.names().for_each(|name| observer.event(Some(&mut self.transaction), direction, name));
    }

    /// Goes on to a level, by way of those between.
    pub(super) fn reach(&mut self, level: Progress, direction: Direction, observer: &mut dyn Observer) {
        let told = &mut self.sides[direction.index()].told;
        for step in [Progress::Line, Progress::Headers, Progress::Complete] {
            if *told < step && step <= level {
                *told = step;
                observer.progress(&mut self.transaction, direction, step);
            }
        }
        if direction == Direction::ToClient && level == Progress::Complete {
            self.log(observer);
        }
    }

    fn log(&mut self, observer: &mut dyn Observer) {
        if self.transaction.has_hello() && !std::mem::replace(&mut self.logged, true) {
            observer.log(&mut self.transaction, Direction::ToServer);
        }
    }

    pub(super) fn status(&self) -> Status {
        if self.gave_up || self.sides.iter().all(|side| side.lost) {
            return Status::GaveUp;
        }
        let done = |side: &Side| side.told == Progress::Complete && !side.lost && !side.over;
        if self.sides.iter().all(done) && !self.has_heartbeats() { Status::Encrypted } else { Status::More }
    }

    /// Heartbeats were agreed on: encrypted ones are looked at, too.
    fn has_heartbeats(&self) -> bool {
        let server = self.transaction.hello(Direction::ToClient);
        server.is_some_and(|hello| hello.extensions().any(|kind| kind == extension::HEARTBEAT))
    }

    fn piece(&mut self, piece: Piece<'_>, direction: Direction, observer: &mut dyn Observer) {
        let peer = &mut self.transaction.peers[direction.index()];
        if peer.record_version == Version::default() {
            peer.record_version = piece.version;
        }
        match piece.content {
            Content::Handshake => {
                if self.is_clear(direction) {
                    self.handshake(piece.bytes, direction, observer);
                }
            }
            Content::ChangeCipherSpec => {
                if piece.last {
                    self.change_cipher_spec(direction, observer);
                }
            }
            Content::Application => {
                if piece.last && piece.len > 0 {
                    self.application(direction, observer);
                }
            }
            Content::Heartbeat => self.heartbeat(piece, direction, observer),
            Content::Alert => {}
            Content::V2 => self.v2(piece, direction, observer),
        }
    }

    /// Whether handshake records of this direction can be read: in TLS 1.3 all that are called so, before it those until the
    /// cipher changes.
    fn is_clear(&self, direction: Direction) -> bool {
        let side = &self.sides[direction.index()];
        !side.deaf && (!side.changed || self.transaction.is_13() || !self.is_agreed())
    }

    /// The version is agreed on: what a change of the cipher means is known.
    fn is_agreed(&self) -> bool {
        self.transaction.hello(Direction::ToClient).is_some() || self.transaction.has_seen(Seen::ClientKeyExchange)
    }

    fn change_cipher_spec(&mut self, direction: Direction, observer: &mut dyn Observer) {
        self.sides[direction.index()].changed = true;
        // TLS 1.3 sends it to please middleboxes only (RFC 8446, D.4).
        if self.transaction.is_13() || !self.is_agreed() {
            return;
        }
        if direction == Direction::ToClient && self.transaction.chain(direction).is_none() {
            self.transaction.resumed |= self.transaction.hello(Direction::ToServer).is_some_and(|h| h.has_ticket);
        }
        self.reach(Progress::Complete, direction, observer);
    }

    fn application(&mut self, direction: Direction, observer: &mut dyn Observer) {
        let early = direction == Direction::ToServer && self.transaction.hello(Direction::ToClient).is_none();
        // What a client sends with its hello does not end its handshake (RFC 8446, 2.3).
        if !early || self.sides[Direction::ToClient.index()].lost {
            self.reach(Progress::Complete, direction, observer);
        }
    }

    fn heartbeat(&mut self, piece: Piece<'_>, direction: Direction, observer: &mut dyn Observer) {
        let side = &mut self.sides[direction.index()];
        if piece.first {
            side.start_len = 0;
        }
        let room = side.start.len() - side.start_len;
        let more = &piece.bytes[..room.min(piece.bytes.len())];
        side.start[side.start_len..side.start_len + more.len()].copy_from_slice(more);
        side.start_len += more.len();
        if piece.last {
            let odd = if side.changed {
                self.heartbeats.encrypted(direction.index(), piece.len)
            } else {
                self.heartbeats.clear(&side.start[..side.start_len], piece.len)
            };
            self.tell_odd(odd, direction, observer);
        }
    }

    /// Bytes of handshake messages: whole ones are read where they lie, others are collected.
    fn handshake(&mut self, mut bytes: &[u8], direction: Direction, observer: &mut dyn Observer) {
        while !bytes.is_empty() && !self.sides[direction.index()].deaf {
            let side = &mut self.sides[direction.index()];
            if side.skip > 0 {
                let skipped = side.skip.min(bytes.len());
                side.skip -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            if side.message.is_empty()
                && let Some(len) = message_len(bytes)
                && len <= MESSAGE_LIMIT
                && let Some((message, rest)) = bytes.split_at_checked(4 + len)
            {
                self.message(message, direction, observer);
                bytes = rest;
                continue;
            }
            let wanted = message_len(&side.message).map_or(4, |len| 4 + len);
            let (more, rest) = bytes.split_at((wanted - side.message.len()).min(bytes.len()));
            side.message.extend_from_slice(more);
            bytes = rest;
            match message_len(&side.message) {
                Some(len) if len > MESSAGE_LIMIT => {
                    side.message.clear();
                    side.skip = len;
                    let odd = Oddities::HANDSHAKE_INVALID_LENGTH;
                    self.tell_odd(odd, direction, observer);
                }
                Some(len) if side.message.len() == 4 + len => {
                    let whole = std::mem::take(&mut side.message);
                    self.message(&whole, direction, observer);
                    let side = &mut self.sides[direction.index()];
                    side.message = whole;
                    side.message.clear();
                }
                _ => {}
            }
        }
    }

    /// One handshake message (IANA, "TLS HandshakeType"), with its header.
    pub(super) fn message(&mut self, message: &[u8], direction: Direction, observer: &mut dyn Observer) {
        let Some((&[kind, ..], body)) = message.split_first_chunk::<4>() else { return };
        let to_server = direction == Direction::ToServer;
        let mut odd = Oddities::NONE;
        match kind {
            1 if to_server => {
                self.transaction.see(Seen::ClientHello);
                // Of several the first stays: the one after a retry says less, one in a running connection is encrypted.
                if self.transaction.hello(direction).is_none() {
                    let hello = match self.transaction.carrier {
                        Carrier::Datagrams => Hello::client_over_datagrams(body, &mut odd),
                        Carrier::Tcp | Carrier::Quic => Hello::client(body, &mut odd),
                    };
                    self.hello(hello, odd, direction, observer);
                    return;
                }
            }
            2 if !to_server => {
                let hello = Hello::server(body, &mut odd);
                if hello.is_retry() {
                    self.transaction.retry = true;
                } else if self.transaction.hello(direction).is_none() {
                    self.transaction.see(Seen::ServerHello);
                    self.note_resumption(&hello);
                    self.hello(hello, odd, direction, observer);
                    return;
                }
            }
            11 if self.transaction.chain(direction).is_none() => {
                let chain = Chain::read(body, &mut odd);
                // After a broken one nothing can be relied on.
                self.sides[direction.index()].deaf = odd != Oddities::NONE;
                self.transaction.peers[direction.index()].chain = Some(chain);
                self.tell_odd(odd, direction, observer);
                self.reach(Progress::Headers, direction, observer);
                return;
            }
            12 => self.transaction.see(Seen::ServerKeyExchange),
            14 if !to_server => {
                self.reach(Progress::Headers, direction, observer);
                self.log(observer);
            }
            16 if to_server => {
                self.transaction.see(Seen::ClientKeyExchange);
                self.reach(Progress::Headers, direction, observer);
            }
            0..=6 | 8 | 11 | 13..=16 | 20..=25 | 67 | 254 => {}
            _ => {
                self.transaction.see(Seen::Unknown);
                self.sides[direction.index()].deaf = true;
                odd.add(Oddities::INVALID_HANDSHAKE_MESSAGE);
            }
        }
        self.tell_odd(odd, direction, observer);
    }

    fn hello(&mut self, hello: Hello, odd: Oddities, direction: Direction, observer: &mut dyn Observer) {
        self.transaction.peers[direction.index()].hello = Some(hello);
        self.tell_odd(odd, direction, observer);
        self.reach(Progress::Line, direction, observer);
    }

    /// A server that answers with the session that the client named takes it up (RFC 5246, 7.4.1.3).
    fn note_resumption(&mut self, hello: &Hello) {
        let client = self.transaction.hello(Direction::ToServer);
        let session = client.map_or(&[][..], Hello::session_id);
        self.transaction.resumed = !session.is_empty() && session == hello.session_id();
    }

    /// Messages of SSL 2.0, each a record.
    fn v2(&mut self, piece: Piece<'_>, direction: Direction, observer: &mut dyn Observer) {
        let side = &mut self.sides[direction.index()];
        if piece.first {
            side.message.clear();
        }
        // What counts stands in the first bytes.
        for bytes in [piece.spill(), piece.bytes] {
            let room = V2_START.saturating_sub(side.message.len());
            side.message.extend_from_slice(&bytes[..room.min(bytes.len())]);
        }
        if !piece.last || side.told == Progress::Complete {
            return;
        }
        let mut start = [0; V2_START];
        let len = side.message.len().min(start.len());
        start[..len].copy_from_slice(&side.message[..len]);
        side.message.clear();
        let to_server = direction == Direction::ToServer;
        match (start[0], to_server) {
            (0, _) => self.tell_odd(Oddities::ERROR_MESSAGE_ENCOUNTERED, direction, observer),
            (1, true) if len >= 9 => {
                let version = Version(u16::from_be_bytes([start[1], start[2]]));
                self.transaction.see(Seen::ClientHello);
                // A client that can do more says so in the old format, and goes on in the new one (RFC 5246, E.2).
                self.sides[direction.index()].v2 = version == Version::SSL2;
                self.hello(Hello::v2(version), Oddities::NONE, direction, observer);
            }
            (4, false) if len >= 5 => {
                let version = Version(u16::from_be_bytes([start[3], start[4]]));
                self.transaction.see(Seen::ServerHello);
                self.sides.iter_mut().for_each(|side| side.v2 = true);
                self.hello(Hello::v2(version), Oddities::NONE, direction, observer);
            }
            (2, true) => {
                self.transaction.see(Seen::ClientKeyExchange);
                self.reach(Progress::Complete, Direction::ToServer, observer);
                self.reach(Progress::Complete, Direction::ToClient, observer);
            }
            (3..=8, _) => {}
            _ => self.tell_odd(Oddities::INVALID_SSL_RECORD, direction, observer),
        }
    }
}

/// How long the body of the message is that begins here, if that much is there.
fn message_len(bytes: &[u8]) -> Option<usize> {
    let &[_, high, middle, low] = bytes.first_chunk::<4>()?;
    Some(usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low))
}

impl Parser for TlsParser {
    fn protocol(&self) -> Protocol {
        Protocol::Tls
    }

    fn is_within(&self, direction: Direction) -> bool {
        let side = &self.sides[direction.index()];
        let reads = !(side.changed || side.deaf || side.lost || side.over);
        reads && (side.records.is_within() || !side.message.is_empty())
    }

    fn follows(&mut self, before: Protocol) {
        self.transaction.before = Some(before);
    }

    fn data(&mut self, direction: Direction, mut bytes: &[u8], observer: &mut dyn Observer) -> Status {
        let side = direction.index();
        if self.gave_up || self.sides[side].lost {
            return self.status();
        }
        let mut records = std::mem::take(&mut self.sides[side].records);
        loop {
            match records.next(&mut bytes, self.sides[side].v2) {
                Ok(Some(piece)) => {
                    self.piece(piece, direction, observer);
                    if self.status() == Status::Encrypted {
                        break;
                    }
                }
                Ok(None) => break,
                Err(odd) => {
                    self.tell_odd(odd, direction, observer);
                    self.gave_up = true;
                    break;
                }
            }
        }
        self.sides[side].records = records;
        self.status()
    }

    fn gap(&mut self, direction: Direction, len: u64, observer: &mut dyn Observer) -> Status {
        let side = &mut self.sides[direction.index()];
        let harmless = matches!(side.records.inside(), Some(Content::Application | Content::Alert))
            || side.records.inside().is_some() && side.told == Progress::Complete;
        let left = side.records.skip(len);
        if !harmless || left > 0 {
            side.lost = true;
            side.message = Vec::new();
            self.reach(Progress::Complete, direction, observer);
        }
        self.status()
    }

    fn end(&mut self, direction: Direction, observer: &mut dyn Observer) {
        let side = &mut self.sides[direction.index()];
        side.over = true;
        side.message = Vec::new();
        // Certificates may come without a hello.
        let begun = self.transaction.has_hello() || side.told > Progress::default();
        if begun && side.told < Progress::Complete {
            self.reach(Progress::Complete, direction, observer);
        }
        if self.sides.iter().all(|side| side.over) {
            self.log(observer);
        }
    }
}
