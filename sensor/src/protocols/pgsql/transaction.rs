//! What a client says until it waits, with the server's answer, as rules see it.

use super::message::{First, MESSAGE_LIMIT};
use super::record::PgsqlRecord;
use crate::packet::Direction;
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::Buffer;

/// Statements of a transaction that rules look at.
pub const STATEMENT_LIMIT: usize = 64;

/// Bytes of the server's parameters that are kept of a transaction.
pub const PARAMETERS_LIMIT: usize = 8 * 1024;

/// Bytes of an error, of a command's tag and of what SASL says that are kept, each.
pub const TEXT_LIMIT: usize = 4 * 1024;

/// Copied data: messages and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Messages.
    pub messages: u64,
    /// Bytes of them.
    pub bytes: u64,
}

impl Copied {
    pub(super) fn add(&mut self, bytes: usize) {
        self.messages = self.messages.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }
}

/// What the client proves itself with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Proof {
    /// Nothing.
    #[default]
    None,
    /// A password, which is not kept.
    Password,
    /// The first step of SASL: the mechanism and what is said.
    SaslFirst(Vec<u8>, Vec<u8>),
    /// Another step.
    Sasl(Vec<u8>),
}

/// What the client said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// EVE's word for it.
    pub name: Option<&'static str>,
    /// The version that it speaks.
    pub version: Option<[u16; 2]>,
    /// Names and values of the startup, each with a zero behind it.
    pub parameters: Vec<u8>,
    /// All statements, one behind the other, and where each ends.
    pub statements: Vec<u8>,
    /// Where each statement ends.
    pub ends: Vec<usize>,
    /// What it proves itself with.
    pub proof: Proof,
    /// What it wants cancelled.
    pub cancel: Option<[u32; 2]>,
    /// What it copies in.
    pub copied: Copied,
}

impl Request {
    /// Statement number `index`.
    #[must_use]
    pub fn statement(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.statements.get(start..end)
    }

    pub(super) fn add_statement(&mut self, text: &[u8]) {
        let room = MESSAGE_LIMIT.saturating_sub(self.statements.len());
        if self.ends.len() < STATEMENT_LIMIT && (room > 0 || text.is_empty()) {
            self.statements.extend_from_slice(text.get(..room).unwrap_or(text));
            self.ends.push(self.statements.len());
        }
    }

    pub(super) fn begin(&mut self, first: First<'_>) {
        match first {
            First::Ssl => self.name = Some("SSL Request"),
            First::Gss => self.name = Some("GSS Encryption Request"),
            First::Cancel(process, secret) => {
                self.name = Some("cancel_request");
                self.cancel = Some([process, secret]);
            }
            First::Startup(version, parameters) => {
                self.version = Some(version);
                self.parameters = parameters.to_vec();
            }
        }
    }
}

/// What the server said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// Whether it encrypts.
    pub accepted: Option<bool>,
    /// What it wants or says of authentication.
    pub authentication: Option<u32>,
    /// The salt for a password.
    pub salt: Option<[u8; 4]>,
    /// The last that it says in SASL.
    pub sasl_final: Vec<u8>,
    /// Names and values of its parameters, each with a zero behind it.
    pub parameters: Vec<u8>,
    /// There were more of them.
    pub has_more_parameters: bool,
    /// The process that serves the client, and the secret by which it may be cancelled.
    pub key: Option<[u32; 2]>,
    /// How many columns the rows have.
    pub columns: Option<u16>,
    /// Rows.
    pub rows: Copied,
    /// How many columns are to be copied in.
    pub copies_in: Option<u16>,
    /// How many columns are copied out.
    pub copies_out: Option<u16>,
    /// What is copied out.
    pub copied: Copied,
    /// What was done.
    pub completed: Option<Vec<u8>>,
    /// The fields of an error, or of a notice where there is no error.
    pub fields: Vec<u8>,
    /// They are an error's.
    pub failed: bool,
}

/// A transaction.
#[derive(Debug, Default)]
pub struct PgsqlTransaction {
    state: TransactionState,
    /// The client said something.
    pub(super) is_asked: bool,
    /// It has said all.
    pub(super) is_said: bool,
    pub(super) request: Request,
    pub(super) response: Response,
}

impl PgsqlTransaction {
    /// Number `number` of the flow.
    pub(super) fn new(number: u64) -> Self {
        Self { state: TransactionState::new(number), ..Self::default() }
    }
}

impl Transaction for PgsqlTransaction {
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
        match buffer {
            Buffer::PgsqlQuery => self.request.statement(index).map(Part::whole),
            _ => None,
        }
    }

    fn number(&self, _buffer: Buffer, _direction: Direction, _index: usize) -> Option<u64> {
        None
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        Some(Box::new(PgsqlRecord {
            // Suricata counts these from 1.
            id: self.state.id.saturating_add(1),
            request: self.is_asked.then(|| self.request.clone()),
            response: self.response.clone(),
        }))
    }
}
