//! A message as rules see it. Suricata has no keywords that look into it: rules ask for the protocol.

use super::record::RdpRecord;
use crate::packet::Direction;
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::Buffer;

/// Which message of a connection's beginning it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Stage {
    #[default]
    InitialRequest,
    InitialResponse,
    ConnectRequest,
    ConnectResponse,
    /// TLS begins.
    TlsHandshake,
}

impl Stage {
    /// EVE's name of it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InitialRequest => "initial_request",
            Self::InitialResponse => "initial_response",
            Self::ConnectRequest => "connect_request",
            Self::ConnectResponse => "connect_response",
            Self::TlsHandshake => "tls_handshake",
        }
    }
}

/// A message.
#[derive(Debug, Default)]
pub struct RdpTransaction {
    state: TransactionState,
    stage: Stage,
    /// The message, TPKT's header included, where EVE tells more of it than that it came.
    bytes: Vec<u8>,
}

impl RdpTransaction {
    pub(super) fn begin(&mut self, id: u64, stage: Stage, bytes: &[u8]) {
        self.state.renew(id);
        self.stage = stage;
        self.bytes.clear();
        if matches!(stage, Stage::InitialRequest | Stage::ConnectRequest) {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

impl Transaction for RdpTransaction {
    fn state(&mut self) -> &mut TransactionState {
        &mut self.state
    }

    fn state_ref(&self) -> &TransactionState {
        &self.state
    }

    fn bytes<'a>(
        &'a self,
        _buffer: Buffer,
        _direction: Direction,
        _index: usize,
        _scratch: &'a mut Vec<u8>,
    ) -> Option<Part<'a>> {
        None
    }

    fn number(&self, _buffer: Buffer, _direction: Direction, _index: usize) -> Option<u64> {
        None
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        Some(Box::new(RdpRecord { id: self.state.id, stage: self.stage, bytes: self.bytes.clone() }))
    }
}
