//! A request with its responses, as rules see it.

use super::message::{Message, Operation};
use super::record::LdapRecord;
use crate::packet::Direction;
use crate::protocols::span::Span;
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::Buffer;

/// Names, messages and attribute types that are kept of responses, each.
pub const VALUE_LIMIT: usize = 1024;

/// A request, its responses, or both.
#[derive(Debug)]
pub struct LdapTransaction {
    state: TransactionState,
    /// The message id.
    pub(super) id: u64,
    /// Which way the request goes.
    pub(super) asked: Direction,
    /// The request, whole.
    pub(super) request: Vec<u8>,
    pub(super) operation: Option<Operation>,
    request_types: Vec<Span>,
    request_dn: Option<Span>,
    /// All responses that are kept, one behind the other.
    pub(super) responses: Vec<u8>,
    /// The responses' operations, and the results of those that have one.
    operations: Vec<u8>,
    codes: Vec<u32>,
    dns: Vec<Span>,
    messages: Vec<Span>,
    types: Vec<Span>,
    /// Responses that came.
    pub(super) count: u64,
}

impl LdapTransaction {
    /// For message id `id`, whose request goes in `asked`; number `number` of the flow.
    pub(super) fn new(number: u64, id: u64, asked: Direction) -> Self {
        Self {
            state: TransactionState::new(number),
            id,
            asked,
            request: vec![],
            operation: None,
            request_types: vec![],
            request_dn: None,
            responses: vec![],
            operations: vec![],
            codes: vec![],
            dns: vec![],
            messages: vec![],
            types: vec![],
            count: 0,
        }
    }

    /// Bytes that are kept.
    pub(super) fn kept(&self) -> usize {
        self.request.len() + self.responses.len()
    }

    /// Takes the request.
    pub(super) fn ask(&mut self, bytes: &[u8], message: &Message<'_>) {
        self.request = bytes.to_vec();
        self.operation = Some(message.operation);
        self.request_dn = message.dn().map(|dn| Span::of_part(bytes, dn));
        let types = &mut self.request_types;
        message.attribute_types(|kind| keep(types, Span::of_part(bytes, kind)));
    }

    /// Takes a response; `keep_bytes`: there is room for it.
    pub(super) fn answer(&mut self, bytes: &[u8], keep_bytes: bool) {
        self.count += 1;
        if !keep_bytes {
            return;
        }
        let at = self.responses.len();
        self.responses.extend_from_slice(bytes);
        let whole = &self.responses;
        let Some(message) = whole.get(at..).and_then(Message::read) else { return };
        self.operations.push(message.operation.0);
        // A response without one has an empty one, so that rules that count are right.
        let span = |part: Option<&[u8]>| Span::of_part(whole, part.unwrap_or_default());
        keep(&mut self.dns, message.dn().map_or_else(Span::default, |dn| span(Some(dn))));
        let result = message.result();
        keep(&mut self.messages, result.map_or_else(Span::default, |r| span(Some(r.message))));
        self.codes.extend(result.map(|r| u32::try_from(r.code).unwrap_or(u32::MAX)));
        let types = &mut self.types;
        message.attribute_types(|kind| keep(types, Span::of_part(whole, kind)));
    }
}

fn keep(spans: &mut Vec<Span>, span: Span) {
    if spans.len() < VALUE_LIMIT {
        spans.push(span);
    }
}

impl Transaction for LdapTransaction {
    fn state(&mut self) -> &mut TransactionState {
        &mut self.state
    }

    fn state_ref(&self) -> &TransactionState {
        &self.state
    }

    fn bytes<'a>(
        &'a self,
        buffer: Buffer,
        _direction: Direction,
        index: usize,
        _scratch: &'a mut Vec<u8>,
    ) -> Option<Part<'a>> {
        let (span, whole) = match buffer {
            Buffer::LdapRequestDn if index == 0 => (self.request_dn?, &self.request),
            Buffer::LdapRequestAttributeType => (*self.request_types.get(index)?, &self.request),
            Buffer::LdapResponsesDn => (*self.dns.get(index)?, &self.responses),
            Buffer::LdapResponsesMessage => (*self.messages.get(index)?, &self.responses),
            Buffer::LdapResponsesAttributeType => (*self.types.get(index)?, &self.responses),
            _ => return None,
        };
        Some(Part::whole(span.of(whole)))
    }

    fn number(&self, buffer: Buffer, _direction: Direction, index: usize) -> Option<u64> {
        match buffer {
            Buffer::LdapRequestOperation if index == 0 => self.operation.map(|operation| operation.0.into()),
            Buffer::LdapResponsesOperation => self.operations.get(index).map(|n| u64::from(*n)),
            Buffer::LdapResponsesResultCode => self.codes.get(index).map(|n| u64::from(*n)),
            Buffer::LdapResponsesCount if index == 0 => Some(self.count),
            _ => None,
        }
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        Some(Box::new(LdapRecord { request: self.request.clone(), responses: self.responses.clone() }))
    }
}
