//! A message and its answer, as rules see them.

use super::cip::{self, All, Cip, Logical};
use super::message::{Body, Identity, Message, Service};
use super::record::EnipRecord;
use crate::packet::Direction;
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::Buffer;
use sekisho_signatures::question::Question;

/// A message and its answer; one of the two may not be there.
#[derive(Debug, Default)]
pub struct EnipTransaction {
    state: TransactionState,
    /// The message of each direction; empty if there is none.
    messages: [Vec<u8>; 2],
    /// Which directions were told to be complete.
    pub(super) told: [bool; 2],
}

impl EnipTransaction {
    pub(super) fn new(number: u64) -> Self {
        Self { state: TransactionState::new(number), ..Self::default() }
    }

    /// Takes the message of a direction.
    pub(super) fn add(&mut self, direction: Direction, message: &[u8]) {
        self.messages[direction.index()] = message.to_vec();
    }

    /// Bytes that are kept.
    pub(super) fn kept(&self) -> usize {
        self.messages.iter().map(Vec::len).sum()
    }

    fn message(&self, direction: Direction) -> Option<Message<'_>> {
        Message::read(&self.messages[direction.index()], direction)
    }

    /// Whether this answers its message.
    pub(super) fn is_answered_by(&self, answer: &Message<'_>) -> bool {
        self.message(Direction::ToServer).is_some_and(|asked| {
            asked.header.command == answer.header.command
                && asked.header.context == answer.header.context
                && (asked.sequence() == answer.sequence() || asked.sequence().is_none() || answer.sequence().is_none())
        })
    }

    fn identity(&self, direction: Direction) -> Option<Identity<'_>> {
        match self.message(direction)?.body? {
            Body::Identity(identity) => Some(identity),
            _ => None,
        }
    }

    fn service(&self, direction: Direction) -> Option<Service<'_>> {
        match self.message(direction)?.body? {
            Body::Services(service) => Some(service),
            _ => None,
        }
    }

    fn cip(&self, direction: Direction) -> All<'_> {
        let bytes = self.message(direction).and_then(|message| message.cip());
        bytes.map(|bytes| cip::all(bytes).0).unwrap_or_default()
    }

    fn number_of_cip(&self, buffer: Buffer, direction: Direction, index: usize) -> Option<u64> {
        let all = self.cip(direction);
        let named = |logical| all.iter().flat_map(move |cip| cip.values(logical)).nth(index).map(u64::from);
        match buffer {
            Buffer::EnipCipClass => named(Logical::Class),
            Buffer::EnipCipInstance => named(Logical::Instance),
            Buffer::EnipCipAttribute => named(Logical::Attribute),
            Buffer::EnipCipStatus => all.iter().filter_map(Cip::status).nth(index).map(u64::from),
            Buffer::EnipCipExtendedstatus => all.iter().filter_map(Cip::extended).nth(index).map(u64::from),
            _ => None,
        }
    }
}

impl Transaction for EnipTransaction {
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
        let bytes = match buffer {
            _ if index > 0 => None,
            Buffer::EnipProductName => self.identity(direction).map(|identity| identity.name),
            Buffer::EnipServiceName => self.service(direction).map(|service| service.name),
            _ => None,
        };
        bytes.map(Part::whole)
    }

    fn number(&self, buffer: Buffer, direction: Direction, index: usize) -> Option<u64> {
        if matches!(
            buffer,
            Buffer::EnipCipClass
                | Buffer::EnipCipInstance
                | Buffer::EnipCipAttribute
                | Buffer::EnipCipStatus
                | Buffer::EnipCipExtendedstatus
        ) {
            return self.number_of_cip(buffer, direction, index);
        }
        let identity = || self.identity(direction);
        match buffer {
            _ if index > 0 => None,
            Buffer::EnipCommand => self.message(direction).map(|message| message.header.command.0.into()),
            Buffer::EnipStatus => self.message(direction).map(|message| message.header.status.into()),
            Buffer::EnipProtocolVersion => match self.message(direction)?.body? {
                Body::Identity(identity) => Some(identity.protocol_version.into()),
                Body::Services(service) => Some(service.protocol_version.into()),
                Body::Register { version, .. } => Some(version.into()),
                Body::Cip { .. } | Body::Other => None,
            },
            Buffer::EnipCapabilities => self.service(direction).map(|service| service.capabilities.into()),
            Buffer::EnipVendorId => identity().map(|i| i.vendor.into()),
            Buffer::EnipDeviceType => identity().map(|i| i.device_type.into()),
            Buffer::EnipProductCode => identity().map(|i| i.product.into()),
            Buffer::EnipRevision => identity().map(|i| i.revision.into()),
            Buffer::EnipIdentityStatus => identity().map(|i| i.status.into()),
            Buffer::EnipSerial => identity().map(|i| i.serial.into()),
            Buffer::EnipState => identity().map(|i| i.state.into()),
            _ => None,
        }
    }

    fn answer(&self, question: &Question, direction: Direction) -> bool {
        let Question::CipService { service, class, attribute } = question else { return false };
        if direction != Direction::ToServer {
            return false;
        }
        self.cip(direction).iter().any(|cip| {
            let names = |wanted: &Option<u32>, logical| {
                wanted.is_none_or(|wanted| cip.values(logical).any(|value| value == wanted))
            };
            cip.service() == *service && names(class, Logical::Class) && names(attribute, Logical::Attribute)
        })
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        Some(Box::new(EnipRecord { messages: self.messages.clone() }))
    }
}
