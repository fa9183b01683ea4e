//! One message as rules see it.

use super::message::{Field, Head};
use super::record::SipRecord;
use super::sdp::{self, SdpLine};
use crate::packet::Direction;
use crate::protocols::span::Span;
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::Buffer;

/// A message, in the direction in which it went.
#[derive(Debug)]
pub struct SipTransaction {
    state: TransactionState,
    direction: Direction,
    pub(super) message: Message,
}

/// A message and what was read of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    pub(super) bytes: Vec<u8>,
    pub(super) head: Head,
    pub(super) sdp: Vec<SdpLine>,
}

impl Default for SipTransaction {
    fn default() -> Self {
        Self { state: TransactionState::default(), direction: Direction::ToServer, message: Message::default() }
    }
}

impl SipTransaction {
    /// Reads a message; false if it does not begin as one does.
    pub(super) fn begin(&mut self, id: u64, direction: Direction, bytes: &[u8]) -> bool {
        self.state.renew(id);
        self.direction = direction;
        let Message { bytes: own, head, sdp } = &mut self.message;
        own.clear();
        own.extend_from_slice(bytes);
        sdp.clear();
        if !head.read(own) {
            return false;
        }
        let kind = head.field(Field::ContentType, 0).unwrap_or_default().of(own);
        let kind = kind.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
        if kind.eq_ignore_ascii_case(b"application/sdp") {
            sdp::read(own, head.body.unwrap_or_default().of(own), sdp);
        }
        true
    }

    /// The bytes of a part of the message.
    pub(super) fn part(&self, span: Span) -> &[u8] {
        span.of(&self.message.bytes)
    }

    fn span(&self, buffer: Buffer, index: usize) -> Option<Span> {
        let head = &self.message.head;
        let field = match buffer {
            Buffer::SipFrom => Field::From,
            Buffer::SipTo => Field::To,
            Buffer::SipVia => Field::Via,
            Buffer::SipUserAgent => Field::UserAgent,
            Buffer::SipContentType => Field::ContentType,
            Buffer::SipContentLength => Field::ContentLength,
            _ => return self.line_span(buffer, index).or_else(|| self.sdp_span(buffer, index)),
        };
        head.field(field, index)
    }

    fn line_span(&self, buffer: Buffer, index: usize) -> Option<Span> {
        let line = &self.message.head.line;
        let request = !line.is_response;
        let span = match buffer {
            _ if index > 0 => None,
            Buffer::SipProtocol => Some(line.version),
            Buffer::SipMethod if request => Some(line.first),
            Buffer::SipUri if request => Some(line.second),
            Buffer::SipRequestLine if request => Some(line.whole),
            Buffer::SipStatCode if !request => Some(line.first),
            Buffer::SipStatMsg if !request => Some(line.second),
            Buffer::SipResponseLine if !request => Some(line.whole),
            _ => None,
        };
        span.filter(|span| !span.is_empty())
    }

    fn sdp_span(&self, buffer: Buffer, index: usize) -> Option<Span> {
        let (letter, medium) = match buffer {
            Buffer::SdpOrigin => (b'o', false),
            Buffer::SdpSessionName => (b's', false),
            Buffer::SdpSessionInfo => (b'i', false),
            Buffer::SdpUri => (b'u', false),
            Buffer::SdpEmail => (b'e', false),
            Buffer::SdpPhoneNumber => (b'p', false),
            Buffer::SdpConnectionData => (b'c', false),
            Buffer::SdpBandwidth => (b'b', false),
            Buffer::SdpTime => (b't', false),
            Buffer::SdpRepeatTime => (b'r', false),
            Buffer::SdpTimezone => (b'z', false),
            Buffer::SdpEncryptionKey => (b'k', false),
            Buffer::SdpAttribute => (b'a', false),
            Buffer::SdpMediaMedia => (b'm', true),
            Buffer::SdpMediaMediaInfo => (b'i', true),
            Buffer::SdpMediaConnectionData => (b'c', true),
            Buffer::SdpMediaBandwidth => (b'b', true),
            Buffer::SdpMediaEncryptionKey => (b'k', true),
            Buffer::SdpMediaAttribute => (b'a', true),
            _ => return None,
        };
        let mut lines = self.message.sdp.iter().filter(|line| line.kind == letter && line.of_medium == medium);
        lines.nth(index).map(|line| line.value)
    }
}

impl Transaction for SipTransaction {
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
        self.span(buffer, index).map(|span| Part::whole(self.part(span)))
    }

    fn number(&self, _buffer: Buffer, _direction: Direction, _index: usize) -> Option<u64> {
        None
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        Some(Box::new(SipRecord(self.message.clone())))
    }
}
