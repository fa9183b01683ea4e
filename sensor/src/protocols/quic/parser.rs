//! Datagrams to packets, packets to hellos.

use super::crypto::Keys;
use super::event::{CRYPTO_FRAG_TOO_LONG, ERROR_ON_DATA, FAILED_DECRYPT};
use super::frame::{Frame, Frames};
use super::google;
use super::packet::{Kind, Packet, names_version};
use super::pieces::Pieces;
use super::transaction::QuicTransaction;
use super::version::{Form, Version};
use crate::packet::Direction;
use crate::protocols::tls::{Hello, Oddities};
use crate::protocols::{Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;

/// Packets of a flow that are read: a handshake takes few, and each costs a decryption.
pub const PACKET_LIMIT: u64 = 128;

/// One direction of a flow.
#[derive(Debug, Default)]
struct Side {
    pieces: Pieces,
    /// Its hello is complete: what follows is encrypted with keys that nobody else knows.
    done: bool,
}

/// Reads a flow's handshake.
#[derive(Debug, Default)]
pub struct QuicParser {
    transaction: QuicTransaction,
    packets: u64,
    keys: Option<Box<Keys>>,
    sides: [Side; 2],
    /// The client was asked to come again; it follows that once (RFC 9000, 17.2.5.2).
    retried: bool,
    /// That a packet's header could not be read was told.
    unread_told: bool,
    /// A decrypted packet.
    clear: Vec<u8>,
}

/// What came of the frames of a packet.
#[derive(Default)]
struct Found {
    odd: Option<&'static str>,
    hello: Option<Hello>,
    google: Option<google::Hello>,
}

/// What came of decrypting a packet.
enum Opened {
    /// Its frames begin there.
    At(usize),
    /// It was not encrypted with the keys that it should be.
    Failed,
    /// Which they are is not known.
    NoKeys,
}

impl QuicParser {
    /// For a flow that begins with QUIC.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn packet(&mut self, packet: &Packet<'_>, direction: Direction, observer: &mut dyn Observer) {
        let mut found = Found::default();
        match (packet.kind, packet.version.form()) {
            (Kind::Initial, Form::Long) => found = self.initial(packet, direction),
            (Kind::Initial, _) => {
                let body = packet.whole.get(packet.body_at..).unwrap_or_default();
                let message = google::message(body).filter(|_| direction == Direction::ToServer);
                found.google = message.and_then(|message| google::hello(packet.version, message));
            }
            (Kind::Retry, _) if direction == Direction::ToClient && !self.retried => {
                self.retried = true;
                self.sides[Direction::ToServer.index()] = Side::default();
            }
            (Kind::VersionNegotiation, _) if direction == Direction::ToClient => {
                self.sides[Direction::ToServer.index()] = Side::default();
            }
            _ => {}
        }
        self.tell(found, packet.version, direction, observer);
    }

    fn tell(&mut self, found: Found, version: Version, direction: Direction, observer: &mut dyn Observer) {
        let side = &mut self.sides[direction.index()];
        let transaction = &mut self.transaction;
        transaction.begin(self.packets, direction, version);
        self.packets += 1;
        if let Some(hello) = found.hello {
            side.done = true;
            side.pieces.clear();
            transaction.set_hello(hello);
        }
        if let Some(hello) = found.google {
            transaction.set_google(hello);
        }
        if let Some(odd) = found.odd {
            observer.event(Some(transaction), direction, odd);
        }
        observer.progress(transaction, direction, Progress::Line);
        observer.progress(transaction, direction, Progress::Complete);
        // What could not be read is told by its event alone.
        if !matches!(found.odd, Some(FAILED_DECRYPT | ERROR_ON_DATA)) {
            observer.log(transaction, direction);
        }
    }

    /// An Initial packet that is encrypted.
    fn initial(&mut self, packet: &Packet<'_>, direction: Direction) -> Found {
        let mut found = Found::default();
        let mut clear = std::mem::take(&mut self.clear);
        match self.open(packet, direction, &mut clear) {
            Opened::At(from) => {
                let frames = clear.get(from..).unwrap_or_default();
                self.frames(frames, packet.version, direction, &mut found);
            }
            Opened::Failed => found.odd = Some(FAILED_DECRYPT),
            Opened::NoKeys => {}
        }
        self.clear = clear;
        found
    }

    fn open(&mut self, packet: &Packet<'_>, direction: Direction, clear: &mut Vec<u8>) -> Opened {
        if let Some(keys) = &self.keys
            && let Some(from) = keys.open(packet, direction, clear)
        {
            return Opened::At(from);
        }
        if direction == Direction::ToClient {
            return if self.keys.is_some() { Opened::Failed } else { Opened::NoKeys };
        }
        // The client names the server anew after a retry, and whenever it begins again: then the keys are others.
        let Some(keys) = Keys::of(packet.version, packet.dcid) else { return Opened::NoKeys };
        let opened = keys.open(packet, direction, clear);
        opened.map_or(Opened::Failed, |from| {
            self.keys = Some(Box::new(keys));
            Opened::At(from)
        })
    }

    fn frames(&mut self, frames: &[u8], version: Version, direction: Direction, found: &mut Found) {
        let side = &mut self.sides[direction.index()];
        for frame in Frames(frames) {
            match frame {
                Frame::Crypto { offset, bytes } => {
                    if side.pieces.add(offset, bytes).is_err() {
                        found.odd = Some(CRYPTO_FRAG_TOO_LONG);
                    }
                }
                Frame::Other => {}
                Frame::Broken => found.odd = Some(ERROR_ON_DATA),
            }
        }
        let start = side.pieces.start();
        let to_server = direction == Direction::ToServer;
        if version.is_google() {
            found.google = Some(start).filter(|_| to_server).and_then(|message| google::hello(version, message));
            side.done |= found.google.is_some();
            return;
        }
        let Some((&[kind, high, middle, low], rest)) = start.split_first_chunk::<4>() else { return };
        let len = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        let mut odd = Oddities::NONE;
        let hello = match (kind, to_server) {
            (1, true) => rest.get(..len).map(|body| Hello::client(body, &mut odd)),
            (2, false) => rest.get(..len).map(|body| Hello::server(body, &mut odd)),
            _ => {
                found.odd = Some(ERROR_ON_DATA);
                side.done = true;
                return;
            }
        };
        if odd != Oddities::NONE {
            found.odd = Some(ERROR_ON_DATA);
        }
        found.hello = hello;
    }
}

impl Parser for QuicParser {
    fn protocol(&self) -> Protocol {
        Protocol::Quic
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        let mut rest = bytes;
        while !self.sides[direction.index()].done && !rest.is_empty() && names_version(rest) {
            if self.packets >= PACKET_LIMIT {
                break;
            }
            let Some(packet) = Packet::read(rest) else {
                if !std::mem::replace(&mut self.unread_told, true) {
                    observer.event(None, direction, ERROR_ON_DATA);
                }
                break;
            };
            rest = packet.rest;
            self.packet(&packet, direction, observer);
        }
        if self.sides.iter().all(|side| side.done) {
            Status::Encrypted
        } else if self.packets >= PACKET_LIMIT {
            Status::GaveUp
        } else {
            Status::More
        }
    }

    fn gap(&mut self, _direction: Direction, _len: u64, _observer: &mut dyn Observer) -> Status {
        Status::More
    }

    fn end(&mut self, _direction: Direction, _observer: &mut dyn Observer) {}
}
