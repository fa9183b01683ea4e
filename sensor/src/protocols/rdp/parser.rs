//! Messages to transactions.

use super::event;
use super::message::{Length, Message, len};
use super::transaction::{RdpTransaction, Stage};
use crate::packet::Direction;
use crate::protocols::framing::{Framer, Step};
use crate::protocols::{Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;

/// Messages of one direction until the connection stands: there are two, and a client may hurry ahead with some more.
pub const MESSAGE_LIMIT: u8 = 64;

/// A record of TLS begins with it: a handshake.
const TLS: u8 = 0x16;

/// How reading goes on.
#[derive(Debug, Default)]
enum Course {
    #[default]
    Reads,
    /// The connection stands, or the bytes were none of RDP.
    Over,
    /// What is TLS, by direction.
    Tls([Vec<u8>; 2]),
}

/// Reads how a connection begins.
#[derive(Debug, Default)]
pub struct RdpParser {
    framers: [Framer; 2],
    messages: [u8; 2],
    transaction: RdpTransaction,
    transactions: u64,
    course: Course,
}

impl RdpParser {
    /// For a flow that begins.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn step(&mut self, bytes: &[u8], direction: Direction, observer: &mut dyn Observer) -> Step {
        if bytes.first() == Some(&TLS) {
            self.tell(Stage::TlsHandshake, &[], direction, observer);
            let mut unread = [Vec::new(), Vec::new()];
            unread[direction.index()] = bytes.to_vec();
            self.course = Course::Tls(unread);
            return Step::Stop;
        }
        let len = match len(bytes) {
            Length::More => return Step::More,
            Length::Is(len) => len,
            Length::Not => return self.give_up(direction, observer),
        };
        let Some(whole) = bytes.get(..len) else { return Step::More };
        let Some(message) = Message::read(whole) else { return self.give_up(direction, observer) };
        let stage = match (message, direction) {
            (Message::Request(_), Direction::ToServer) => Some(Stage::InitialRequest),
            (Message::Confirm(_), Direction::ToClient) => Some(Stage::InitialResponse),
            (Message::ConnectInitial(_), Direction::ToServer) => Some(Stage::ConnectRequest),
            (Message::ConnectResponse, Direction::ToClient) => Some(Stage::ConnectResponse),
            _ => None,
        };
        if let Some(stage) = stage {
            self.tell(stage, whole, direction, observer);
        }
        if stage == Some(Stage::ConnectResponse) {
            self.course = Course::Over;
            return Step::Stop;
        }
        let count = &mut self.messages[direction.index()];
        *count = count.saturating_add(1);
        if *count > MESSAGE_LIMIT {
            return self.give_up(direction, observer);
        }
        Step::Took(len)
    }

    fn tell(&mut self, stage: Stage, bytes: &[u8], direction: Direction, observer: &mut dyn Observer) {
        self.transaction.begin(self.transactions, stage, bytes);
        self.transactions += 1;
        observer.progress(&mut self.transaction, direction, Progress::Complete);
        observer.log(&mut self.transaction, direction);
    }

    fn give_up(&mut self, direction: Direction, observer: &mut dyn Observer) -> Step {
        observer.event(None, direction, event::MALFORMED_MESSAGE);
        self.course = Course::Over;
        Step::Stop
    }

    fn status(&self) -> Status {
        match self.course {
            Course::Reads => Status::More,
            Course::Over => Status::GaveUp,
            Course::Tls(_) => Status::Changed(Some(Protocol::Tls)),
        }
    }
}

impl Parser for RdpParser {
    fn protocol(&self) -> Protocol {
        Protocol::Rdp
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        if !matches!(self.course, Course::Reads) {
            return self.status();
        }
        let mut framer = std::mem::take(&mut self.framers[direction.index()]);
        framer.feed(bytes, |bytes| self.step(bytes, direction, observer));
        self.framers[direction.index()] = framer;
        if let Course::Tls(unread) = &mut self.course {
            let other = direction.reverse().index();
            unread[other] = self.framers[other].take_rest();
        }
        self.status()
    }

    fn gap(&mut self, _direction: Direction, _len: u64, _observer: &mut dyn Observer) -> Status {
        // So few messages are read that what follows is hardly one of them.
        if matches!(self.course, Course::Reads) {
            self.course = Course::Over;
        }
        self.status()
    }

    fn unread(&self, direction: Direction) -> &[u8] {
        match &self.course {
            Course::Tls(unread) => &unread[direction.index()],
            Course::Reads | Course::Over => &[],
        }
    }

    fn end(&mut self, direction: Direction, _observer: &mut dyn Observer) {
        self.framers[direction.index()].take_rest();
    }
}
