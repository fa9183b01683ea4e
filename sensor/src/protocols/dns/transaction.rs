//! One message as rules see it.

use super::event::Oddities;
use super::message::{Header, Message, Resource};
use super::name::Name;
use super::parser::Family;
use super::rdata::Rdata;
use super::record::DnsRecord;
use crate::packet::Direction;
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::Buffer;

/// A message, in the direction in which it went.
#[derive(Debug)]
pub struct DnsTransaction {
    state: TransactionState,
    pub(super) family: Family,
    pub(super) direction: Direction,
    pub(super) message: Message,
    /// All names of a response, also those that records say.
    response_names: Vec<Name>,
}

impl DnsTransaction {
    pub(super) fn new(family: Family) -> Self {
        Self {
            state: TransactionState::default(),
            family,
            direction: Direction::ToServer,
            message: Message::default(),
            response_names: Vec::new(),
        }
    }

    /// Begins the next transaction, with this number.
    pub(super) fn begin(&mut self, id: u64, direction: Direction) {
        self.state.renew(id);
        self.direction = direction;
    }

    /// A message that came within another protocol; None if it is none.
    pub(in crate::protocols) fn within(direction: Direction, bytes: &[u8]) -> Option<Self> {
        let mut transaction = Self::new(Family::Dns);
        transaction.begin(0, direction);
        let odd = transaction.message.read(bytes);
        if bytes.len() < Header::LEN || odd.has(Oddities::MALFORMED_DATA) {
            return None;
        }
        transaction.collect_names();
        Some(transaction)
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// Collects the names that `dns.response.rrname` looks at.
    pub(super) fn collect_names(&mut self) {
        self.response_names.clear();
        let message = &self.message;
        if !message.header.is_response() {
            return;
        }
        self.response_names.extend(message.queries.iter().map(|q| q.name));
        for resource in message.answers.iter().chain(&message.authorities).chain(&message.additionals) {
            self.response_names.push(resource.name);
            match resource.data {
                Rdata::Name(name) => self.response_names.push(name),
                Rdata::Soa(soa) => self.response_names.push(soa.mname),
                _ => {}
            }
        }
    }

    fn buffer_name(&self, buffer: Buffer, index: usize) -> Option<Name> {
        let message = &self.message;
        let record = |section: &[Resource]| section.get(index).map(|r| r.name);
        let query = || message.queries.get(index).map(|q| q.name);
        if self.family != Family::Dns {
            return match buffer {
                Buffer::MdnsQueriesRrname | Buffer::LlmnrQueriesRrname => query(),
                Buffer::MdnsAnswersRrname | Buffer::LlmnrAnswersRrname => record(&message.answers),
                Buffer::MdnsAuthoritiesRrname | Buffer::LlmnrAuthoritiesRrname => record(&message.authorities),
                Buffer::MdnsAdditionalsRrname | Buffer::LlmnrAdditionalsRrname => record(&message.additionals),
                Buffer::MdnsResponseRrname | Buffer::LlmnrResponseRrname => self.response_names.get(index).copied(),
                _ => None,
            };
        }
        match buffer {
            Buffer::DnsQuery if !message.header.is_response() => query(),
            Buffer::DnsQueryName | Buffer::DnsQueriesRrname => query(),
            Buffer::DnsAnswersRrname | Buffer::DnsAnswerName => record(&message.answers),
            Buffer::DnsAuthoritiesRrname => record(&message.authorities),
            Buffer::DnsAdditionalsRrname => record(&message.additionals),
            Buffer::DnsResponseRrname => self.response_names.get(index).copied(),
            _ => None,
        }
    }
}

impl Transaction for DnsTransaction {
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
        if direction != self.direction {
            return None;
        }
        self.buffer_name(buffer, index).map(|name| Part::whole(self.message.name(name)))
    }

    fn number(&self, buffer: Buffer, direction: Direction, index: usize) -> Option<u64> {
        if direction != self.direction || self.family != Family::Dns {
            return None;
        }
        let message = &self.message;
        match buffer {
            Buffer::DnsOpcode if index == 0 => Some(message.header.opcode().into()),
            Buffer::DnsRcode if index == 0 => Some(message.header.rcode().into()),
            Buffer::DnsRrtype => {
                let mut kinds = message.queries.iter().map(|q| q.kind).chain(message.answers.iter().map(|a| a.kind));
                kinds.nth(index).map(u64::from)
            }
            _ => None,
        }
    }

    fn record(&self, _direction: Direction, alert: bool) -> Option<Box<dyn Record>> {
        // The schema of alerts has no place for it.
        if alert && self.family == Family::Llmnr {
            return None;
        }
        Some(Box::new(DnsRecord {
            family: self.family,
            tx_id: self.state.id,
            grouped: !alert,
            message: self.message.clone(),
        }))
    }
}
