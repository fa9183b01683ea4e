//! Messages to exchanges.

use super::event;
use super::message::{Body, Header, MessageType, Start};
use super::probe::probe;
use super::transaction::{MqttTransaction, header_of};
use crate::packet::Direction;
use crate::protocols::framing::{Framer, Step};
use crate::protocols::registry::Likeness;
use crate::protocols::{MAX_FRAME, Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;

/// Most bytes of a message that is read.
pub const MESSAGE_LIMIT: usize = 256 * 1024;

/// Exchanges of a flow that are followed at a time.
pub const TRANSACTION_LIMIT: usize = 64;

/// Bytes that are kept of a flow's exchanges.
pub const KEPT_LIMIT: usize = 1024 * 1024;

#[derive(Debug, Default)]
struct Side {
    framer: Framer,
    /// Where the next message begins is not known.
    lost: bool,
}

/// Reads a flow.
#[derive(Debug, Default)]
pub struct MqttParser {
    open: Vec<MqttTransaction>,
    transactions: u64,
    sides: [Side; 2],
    /// What the client said it speaks.
    version: u8,
    /// The server answered it.
    connected: bool,
    gave_up: bool,
}

/// What a message is to those that are open.
enum Place {
    /// It begins an exchange that goes on.
    Opens,
    /// It is one by itself; the event, if it should not be.
    Alone(Option<&'static str>),
    /// It goes on with the exchange at this place, and ends it if so.
    Joins(usize, bool),
}

impl MqttParser {
    /// For a flow that begins.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn step(&mut self, bytes: &[u8], direction: Direction, observer: &mut dyn Observer) -> Step {
        let header = match Header::read(bytes) {
            Start::Is(header) => header,
            Start::More => return Step::More,
            Start::Not => {
                observer.event(None, direction, event::MALFORMED_TRAFFIC);
                self.gave_up = true;
                return Step::Stop;
            }
        };
        let len = header.len + header.rest;
        if len > MESSAGE_LIMIT {
            let start = bytes.get(..header.len).unwrap_or_default();
            self.message(start, header, None, direction, observer);
            return Step::Skip(len as u64);
        }
        let Some(whole) = bytes.get(..len) else { return Step::More };
        let rest = whole.get(header.len..).unwrap_or_default();
        if header.kind() == MessageType::CONNECT
            && let Some(Body::Connect(connect)) = Body::read(header, rest, 0)
            && self.version == 0
        {
            self.version = connect.version;
        }
        match Body::read(header, rest, self.version) {
            Some(body) => {
                self.message(whole, header, Some(&body), direction, observer);
            }
            None => observer.event(None, direction, event::MALFORMED_TRAFFIC),
        }
        Step::Took(len)
    }

    /// A whole message, or the header of one that is too long.
    fn message(
        &mut self,
        bytes: &[u8],
        header: Header,
        body: Option<&Body<'_>>,
        direction: Direction,
        observer: &mut dyn Observer,
    ) {
        let id = body.and_then(Body::id);
        let place = self.place(header, id, direction);
        let at = match place {
            Place::Joins(at, _) => at,
            Place::Opens | Place::Alone(_) => {
                self.make_room(direction, observer);
                let mut transaction = MqttTransaction::new(self.transactions, self.version);
                transaction.id = id;
                self.transactions += 1;
                self.open.push(transaction);
                self.open.len() - 1
            }
        };
        let introduced = self.connected || matches!(header.kind(), MessageType::CONNECT | MessageType::CONNACK);
        self.connected |= header.kind() == MessageType::CONNACK;
        let Some(transaction) = self.open.get_mut(at) else { return };
        transaction.add(direction, header, bytes, body.is_none());
        frames(transaction, direction, header, bytes, observer);
        let odd = [
            (!introduced).then_some(event::UNINTRODUCED_MESSAGE),
            if let Place::Alone(event) = place { event } else { None },
            (header.kind() == MessageType::PUBLISH && header.qos() == 3).then_some(event::INVALID_QOS_LEVEL),
            (id == Some(0)).then_some(event::MISSING_MSG_ID),
        ];
        for event in odd.into_iter().flatten() {
            observer.event(Some(transaction), direction, event);
        }
        match place {
            Place::Alone(_) | Place::Joins(_, true) => self.finish(at, observer),
            // Only the publisher of a message that is to come exactly once says more (4.3.3).
            Place::Opens | Place::Joins(_, false) => {
                let is_exactly_once = header.kind() == MessageType::PUBLISH && header.qos() == 2;
                if !is_exactly_once && header.kind() != MessageType::PUBREC {
                    tell(transaction, direction, observer);
                }
            }
        }
    }

    fn place(&self, header: Header, id: Option<u16>, direction: Direction) -> Place {
        let find = |kind: MessageType, asker: Direction| {
            self.open.iter().position(|t| t.id == id && t.first() == Some((kind, asker)))
        };
        let other = direction.reverse();
        let join = |found: Option<usize>, last: bool, missing: &'static str| {
            found.map_or(Place::Alone(Some(missing)), |at| Place::Joins(at, last))
        };
        match header.kind() {
            MessageType::CONNECT if self.connected || find(MessageType::CONNECT, direction).is_some() => {
                Place::Alone(Some(event::DOUBLE_CONNECT))
            }
            MessageType::CONNECT => Place::Opens,
            MessageType::CONNACK => join(find(MessageType::CONNECT, other), true, event::MISSING_CONNECT),
            MessageType::PUBLISH if matches!(header.qos(), 1 | 2) && id.is_some() => Place::Opens,
            MessageType::SUBSCRIBE | MessageType::UNSUBSCRIBE => Place::Opens,
            MessageType::PUBACK | MessageType::PUBCOMP => {
                join(find(MessageType::PUBLISH, other), true, event::MISSING_PUBLISH)
            }
            MessageType::PUBREC => join(find(MessageType::PUBLISH, other), false, event::MISSING_PUBLISH),
            MessageType::PUBREL => join(find(MessageType::PUBLISH, direction), false, event::MISSING_PUBLISH),
            MessageType::SUBACK => join(find(MessageType::SUBSCRIBE, other), true, event::MISSING_SUBSCRIBE),
            MessageType::UNSUBACK => join(find(MessageType::UNSUBSCRIBE, other), true, event::MISSING_UNSUBSCRIBE),
            MessageType(0) => Place::Alone(Some(event::UNASSIGNED_MSG_TYPE)),
            _ => Place::Alone(None),
        }
    }

    fn make_room(&mut self, direction: Direction, observer: &mut dyn Observer) {
        let kept: usize = self.open.iter().map(MqttTransaction::kept).sum();
        if self.open.len() >= TRANSACTION_LIMIT || kept > KEPT_LIMIT {
            if let Some(oldest) = self.open.first_mut() {
                observer.event(Some(oldest), direction, event::TOO_MANY_TRANSACTIONS);
            }
            self.finish(0, observer);
        }
    }

    fn finish(&mut self, at: usize, observer: &mut dyn Observer) {
        let mut transaction = self.open.remove(at);
        let asker = transaction.first().map_or(Direction::ToServer, |(_, asker)| asker);
        for direction in [asker, asker.reverse()] {
            tell(&mut transaction, direction, observer);
        }
        observer.log(&mut transaction, asker);
    }

    fn status(&self) -> Status {
        if self.gave_up { Status::GaveUp } else { Status::More }
    }
}

fn tell(transaction: &mut MqttTransaction, direction: Direction, observer: &mut dyn Observer) {
    if !std::mem::replace(&mut transaction.told[direction.index()], true) {
        observer.progress(transaction, direction, Progress::Complete);
    }
}

fn frames(
    transaction: &mut MqttTransaction,
    direction: Direction,
    header: Header,
    bytes: &[u8],
    observer: &mut dyn Observer,
) {
    let (head, data) = bytes.split_at_checked(header.len).unwrap_or((bytes, &[]));
    for (name, part) in [("pdu", bytes), ("header", head), ("data", data)] {
        if !part.is_empty() {
            observer.frame(Some(transaction), direction, name, part.get(..MAX_FRAME).unwrap_or(part));
        }
    }
}

impl Parser for MqttParser {
    fn protocol(&self) -> Protocol {
        Protocol::Mqtt
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        let side = &mut self.sides[direction.index()];
        if side.lost {
            // Messages mostly begin where segments do; only one that ends with its segment is believed.
            let ends = header_of(bytes).is_some_and(|h| h.kind().0 > 0 && h.len + h.rest == bytes.len());
            if !ends && probe(direction, bytes) != Likeness::Yes {
                return Status::More;
            }
            side.lost = false;
            side.framer.start_again();
        }
        let mut framer = std::mem::take(&mut side.framer);
        framer.feed(bytes, |bytes| self.step(bytes, direction, observer));
        self.sides[direction.index()].framer = framer;
        self.status()
    }

    fn gap(&mut self, direction: Direction, len: u64, _observer: &mut dyn Observer) -> Status {
        let side = &mut self.sides[direction.index()];
        side.lost |= !side.framer.gap(len);
        self.status()
    }

    fn end(&mut self, direction: Direction, observer: &mut dyn Observer) {
        self.sides[direction.index()].framer.stop();
        if direction == Direction::ToClient {
            while !self.open.is_empty() {
                self.finish(0, observer);
            }
        }
    }
}
