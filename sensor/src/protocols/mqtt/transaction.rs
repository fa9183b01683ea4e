//! Messages that belong together, as rules see them.

use super::message::{Body, Header, MessageType, Start};
use super::record::MqttRecord;
use crate::packet::Direction;
use crate::protocols::span::Span;
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::Buffer;

/// A message of an exchange.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    pub(super) direction: Direction,
    pub(super) header: Header,
    /// What is behind the header; of the exchange's bytes.
    pub(super) body: Span,
    /// It is too long, and was passed over.
    pub(super) truncated: bool,
}

/// The messages of an exchange.
#[derive(Clone, Debug, Default)]
pub(super) struct Messages {
    pub(super) version: u8,
    pub(super) bytes: Vec<u8>,
    pub(super) said: Vec<Said>,
}

impl Messages {
    /// What a message says.
    pub(super) fn body(&self, said: &Said) -> Option<Body<'_>> {
        Body::read(said.header, said.body.of(&self.bytes), self.version).filter(|_| !said.truncated)
    }
}

/// Messages that belong together.
#[derive(Debug, Default)]
pub struct MqttTransaction {
    state: TransactionState,
    pub(super) messages: Messages,
    /// The packet identifier that they share.
    pub(super) id: Option<u16>,
    topics: Vec<Span>,
    reasons: Vec<(Direction, u8)>,
    /// Which directions were told to be complete.
    pub(super) told: [bool; 2],
}

impl MqttTransaction {
    pub(super) fn new(number: u64, version: u8) -> Self {
        let messages = Messages { version, ..Messages::default() };
        Self { state: TransactionState::new(number), messages, ..Self::default() }
    }

    /// Takes a message: all of it, or only its header where it is `truncated`.
    pub(super) fn add(&mut self, direction: Direction, header: Header, message: &[u8], truncated: bool) {
        let at = self.messages.bytes.len();
        self.messages.bytes.extend_from_slice(message.get(header.len..).unwrap_or_default());
        let whole = &self.messages.bytes;
        let bytes = whole.get(at..).unwrap_or_default();
        let said = Said { direction, header, body: Span::of_part(whole, bytes), truncated };
        match Body::read(header, bytes, self.messages.version).filter(|_| !truncated) {
            Some(Body::Subscribe(_, topics)) => {
                self.topics = topics.iter().map(|(topic, _)| Span::of_part(whole, topic)).collect();
            }
            Some(Body::Unsubscribe(_, topics)) => {
                self.topics = topics.iter().map(|topic| Span::of_part(whole, topic)).collect();
            }
            Some(body) => self.reasons.extend(body.reasons().iter().map(|reason| (direction, *reason))),
            None => {}
        }
        self.messages.said.push(said);
    }

    /// Bytes that are kept.
    pub(super) fn kept(&self) -> usize {
        self.messages.bytes.len()
    }

    /// What it began with, and who sent that.
    pub(super) fn first(&self) -> Option<(MessageType, Direction)> {
        self.messages.said.first().map(|said| (said.header.kind(), said.direction))
    }

    /// Messages of a direction.
    fn of(&self, direction: Direction) -> impl Iterator<Item = &Said> {
        self.messages.said.iter().filter(move |said| said.direction == direction)
    }

    fn body_of(&self, direction: Direction, kind: MessageType) -> Option<Body<'_>> {
        self.of(direction).find(|said| said.header.kind() == kind).and_then(|said| self.messages.body(said))
    }
}

impl Transaction for MqttTransaction {
    fn state(&mut self) -> &mut TransactionState {
        &mut self.state
    }

    fn state_ref(&self) -> &TransactionState {
        &self.state
    }

    fn bytes<'a>(
        &'a self,
        buffer: Buffer,
        direction: Direction,
        index: usize,
        _scratch: &'a mut Vec<u8>,
    ) -> Option<Part<'a>> {
        let begins = |kind| self.first() == Some((kind, direction));
        let topic = || self.topics.get(index).map(|span| span.of(&self.messages.bytes));
        let bytes = match buffer {
            Buffer::MqttSubscribeTopic => topic().filter(|_| begins(MessageType::SUBSCRIBE)),
            Buffer::MqttUnsubscribeTopic => topic().filter(|_| begins(MessageType::UNSUBSCRIBE)),
            _ if index > 0 => None,
            Buffer::MqttPublishTopic | Buffer::MqttPublishMessage => {
                match self.body_of(direction, MessageType::PUBLISH)? {
                    Body::Publish(topic, ..) if buffer == Buffer::MqttPublishTopic => Some(topic),
                    Body::Publish(.., message) => Some(message),
                    _ => None,
                }
            }
            Buffer::MqttConnectClientid
            | Buffer::MqttConnectUsername
            | Buffer::MqttConnectPassword
            | Buffer::MqttConnectWilltopic
            | Buffer::MqttConnectWillmessage
            | Buffer::MqttConnectProtocolString => {
                let Some(Body::Connect(connect)) = self.body_of(direction, MessageType::CONNECT) else { return None };
                match buffer {
                    Buffer::MqttConnectClientid => Some(connect.client_id),
                    Buffer::MqttConnectUsername => connect.username,
                    Buffer::MqttConnectPassword => connect.password,
                    Buffer::MqttConnectWilltopic => connect.will.map(|will| will.topic),
                    Buffer::MqttConnectWillmessage => connect.will.map(|will| will.message),
                    _ => Some(connect.protocol),
                }
            }
            _ => None,
        };
        bytes.map(Part::whole)
    }

    fn number(&self, buffer: Buffer, direction: Direction, index: usize) -> Option<u64> {
        let header = || self.of(direction).nth(index).map(|said| said.header);
        match buffer {
            Buffer::MqttType => header().map(|h| h.kind().0.into()),
            Buffer::MqttFlags => header().map(|h| (h.first & 0x0f).into()),
            Buffer::MqttQos => header().map(|h| h.qos().into()),
            Buffer::MqttReasonCode => {
                let mut own = self.reasons.iter().filter(|(from, _)| *from == direction);
                own.nth(index).map(|(_, reason)| u64::from(*reason))
            }
            _ if index > 0 => None,
            Buffer::MqttProtocolVersion => Some(self.messages.version.into()).filter(|version| *version > 0),
            Buffer::MqttConnectFlags => match self.body_of(direction, MessageType::CONNECT)? {
                Body::Connect(connect) => Some(connect.flags.into()),
                _ => None,
            },
            Buffer::MqttConnackSessionPresent => match self.body_of(direction, MessageType::CONNACK)? {
                Body::Connack(flags, ..) => Some((flags & 1).into()),
                _ => None,
            },
            _ => None,
        }
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        let known = |said: &Said| !matches!(said.header.kind(), MessageType::AUTH | MessageType(0));
        self.messages.said.iter().any(known).then(|| Box::new(MqttRecord(self.messages.clone())) as Box<dyn Record>)
    }
}

/// The header that a whole message begins with.
pub(super) fn header_of(message: &[u8]) -> Option<Header> {
    match Header::read(message) {
        Start::Is(header) => Some(header),
        Start::More | Start::Not => None,
    }
}
