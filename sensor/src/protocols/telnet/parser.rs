//! Commands in either direction.

use super::{IAC, SB, SE};
use crate::packet::Direction;
use crate::protocols::{Observer, Parser, Status};
use arrayvec::ArrayVec;
use sekisho_signatures::app::Protocol;

/// Bytes kept for the protocol that follows.
pub const MAX_UNREAD: usize = 64 * 1024;

/// The options ENCRYPT and START_TLS, and what is said in their subnegotiations: from here on.
const ENCRYPT_START: [u8; 2] = [38, 3];
const TLS_FOLLOWS: [u8; 2] = [46, 1];

/// Where a direction is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Text,
    /// Behind IAC.
    Command,
    /// Behind a command that is about an option.
    Option,
    Subnegotiation,
    /// Behind IAC in one.
    SubnegotiationCommand,
}

/// One direction.
#[derive(Debug, Default)]
struct Side {
    place: Place,
    /// The first bytes of a subnegotiation.
    about: ArrayVec<u8, 2>,
    tls: bool,
    encrypted: bool,
}

/// Reads a flow.
#[derive(Debug, Default)]
pub struct TelnetParser {
    sides: [Side; 2],
    outcome: Option<Status>,
    unread: [Vec<u8>; 2],
}

impl TelnetParser {
    /// For a new flow.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A subnegotiation is over.
    fn settle(&mut self, direction: Direction) {
        let side = &mut self.sides[direction.index()];
        side.tls |= side.about[..] == TLS_FOLLOWS;
        side.encrypted |= side.about[..] == ENCRYPT_START;
        side.about.clear();
        if self.sides.iter().all(|side| side.tls) {
            self.outcome = Some(Status::Changed(Some(Protocol::Tls)));
        } else if self.sides.iter().all(|side| side.encrypted) {
            self.outcome = Some(Status::Encrypted);
        }
    }
}

impl Parser for TelnetParser {
    fn protocol(&self) -> Protocol {
        Protocol::Telnet
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], _observer: &mut dyn Observer) -> Status {
        let mut rest = bytes;
        while self.outcome.is_none() {
            let side = &mut self.sides[direction.index()];
            if side.place == Place::Text {
                rest = memchr::memchr(IAC, rest).and_then(|at| rest.get(at..)).unwrap_or_default();
            }
            let Some((&byte, behind)) = rest.split_first() else { break };
            rest = behind;
            side.place = match (side.place, byte) {
                (Place::Text, _) => Place::Command,
                (Place::Command, SB) => Place::Subnegotiation,
                (Place::Command, 251..=254) => Place::Option,
                (Place::Command | Place::Option, _) => Place::Text,
                (Place::Subnegotiation, IAC) => Place::SubnegotiationCommand,
                (Place::SubnegotiationCommand, SE) => {
                    side.place = Place::Text;
                    self.settle(direction);
                    continue;
                }
                (Place::Subnegotiation | Place::SubnegotiationCommand, _) => {
                    // Of more no use is made.
                    let _ = side.about.try_push(byte);
                    Place::Subnegotiation
                }
            };
        }
        if self.outcome.is_some() {
            self.unread[direction.index()] = rest.get(..MAX_UNREAD).unwrap_or(rest).to_vec();
        }
        self.outcome.unwrap_or(Status::More)
    }

    fn gap(&mut self, direction: Direction, _len: u64, _observer: &mut dyn Observer) -> Status {
        let side = &mut self.sides[direction.index()];
        side.place = Place::Text;
        side.about.clear();
        self.outcome.unwrap_or(Status::More)
    }

    fn unread(&self, direction: Direction) -> &[u8] {
        &self.unread[direction.index()]
    }

    fn end(&mut self, _direction: Direction, _observer: &mut dyn Observer) {}
}
