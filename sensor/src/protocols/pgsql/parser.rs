//! Messages to transactions.

use super::event;
use super::message::{First, Length, MESSAGE_LIMIT, len};
use super::transaction::PgsqlTransaction;
use crate::packet::Direction::{self, ToClient, ToServer};
use crate::protocols::framing::{Framer, Step};
use crate::protocols::{MAX_FRAME, Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;
use std::collections::VecDeque;

mod client;
mod server;

/// Transactions of a flow that wait for an answer.
pub const TRANSACTION_LIMIT: usize = 64;

/// Bytes of statements that are kept of a flow.
const KEPT_LIMIT: usize = 512 * 1024;

/// A record of TLS begins with it: a handshake.
const TLS: u8 = 0x16;

/// How reading goes on.
#[derive(Debug, Default)]
pub(super) enum Course {
    #[default]
    Reads,
    GaveUp,
    /// GSSAPI encrypts both directions.
    Encrypted,
    /// What is TLS, by direction.
    Tls([Vec<u8>; 2]),
}

#[derive(Debug, Default)]
struct Side {
    framer: Framer,
    /// Where the next message begins is not known.
    lost: bool,
}

/// Reads a flow.
#[derive(Debug)]
pub struct PgsqlParser {
    sides: [Side; 2],
    /// Those that wait for an answer, in order.
    open: VecDeque<PgsqlTransaction>,
    transactions: u64,
    /// The client's next message has no type.
    begins: bool,
    /// What the server last wanted or said of authentication.
    authentication: u32,
    /// The client was let in.
    is_in: bool,
    course: Course,
}

/// A message, or as much of it as is read.
struct Message<'a> {
    kind: u8,
    body: &'a [u8],
    /// Bytes of all of the body.
    body_len: usize,
}

impl PgsqlParser {
    /// For a flow that begins.
    #[must_use]
    pub fn new() -> Self {
        Self {
            sides: [Side::default(), Side::default()],
            open: VecDeque::new(),
            transactions: 0,
            begins: true,
            authentication: 0,
            is_in: false,
            course: Course::Reads,
        }
    }

    fn step(&mut self, bytes: &[u8], direction: Direction, observer: &mut dyn Observer) -> Step {
        let special = match direction {
            ToServer if self.begins => Some(self.begin(bytes, observer)),
            ToServer => None,
            ToClient => self.answer_encryption(bytes, observer),
        };
        special.unwrap_or_else(|| self.typed(bytes, direction, observer))
    }

    fn typed(&mut self, bytes: &[u8], direction: Direction, observer: &mut dyn Observer) -> Step {
        let Some(&kind) = bytes.first() else { return Step::More };
        if !kind.is_ascii_alphanumeric() {
            return self.give_up(malformed(direction), direction, observer);
        }
        let len = match len(bytes, true) {
            Length::More => return Step::More,
            Length::Is(len) => len,
            Length::Not => return self.give_up(event::INVALID_LENGTH, direction, observer),
        };
        // Of rows and of what is copied only the head matters.
        let limit = if matches!(kind, b'd' | b'D') { MAX_FRAME } else { MESSAGE_LIMIT };
        let Some(read) = bytes.get(..len.min(limit)) else { return Step::More };
        let message = Message { kind, body: read.get(5..).unwrap_or_default(), body_len: len - 5 };
        match direction {
            ToServer => self.request(&message, observer),
            ToClient => self.response(&message, observer),
        }
        observer.frame(None, direction, "pdu", read.get(..MAX_FRAME).unwrap_or(read));
        if len > read.len() { Step::Skip(len as u64) } else { Step::Took(len) }
    }

    /// A transaction that begins: those that cannot be answered any more, or are too many, end.
    fn open(&mut self, observer: &mut dyn Observer) -> PgsqlTransaction {
        if self.open.front().is_some_and(|t| !t.is_asked) {
            self.finish(observer);
        }
        if let Some(last) = self.open.back_mut() {
            say(last, observer);
        }
        let kept: usize = self.open.iter().map(|t| t.request.statements.len()).sum();
        if self.open.len() >= TRANSACTION_LIMIT || kept > KEPT_LIMIT {
            if let Some(first) = self.open.front_mut() {
                observer.event(Some(first), ToServer, event::TOO_MANY_TRANSACTIONS);
            }
            self.finish(observer);
        }
        let mut transaction = PgsqlTransaction::new(self.transactions);
        transaction.is_asked = true;
        self.transactions += 1;
        transaction
    }

    /// The first of those that wait is over.
    fn finish(&mut self, observer: &mut dyn Observer) {
        if let Some(transaction) = self.open.pop_front() {
            end(transaction, observer);
        }
    }

    fn give_up(&mut self, event: &'static str, direction: Direction, observer: &mut dyn Observer) -> Step {
        observer.event(None, direction, event);
        self.finish_all(observer);
        self.course = Course::GaveUp;
        Step::Stop
    }

    fn finish_all(&mut self, observer: &mut dyn Observer) {
        while !self.open.is_empty() {
            self.finish(observer);
        }
    }

    /// From these bytes of `direction` on it is TLS.
    fn become_tls(&mut self, bytes: &[u8], direction: Direction) -> Step {
        let mut unread = [Vec::new(), Vec::new()];
        unread[direction.index()] = bytes.to_vec();
        self.course = Course::Tls(unread);
        Step::Stop
    }

    fn status(&self) -> Status {
        match self.course {
            Course::Reads => Status::More,
            Course::GaveUp => Status::GaveUp,
            Course::Encrypted => Status::Encrypted,
            Course::Tls(_) => Status::Changed(Some(Protocol::Tls)),
        }
    }
}

impl Default for PgsqlParser {
    fn default() -> Self {
        Self::new()
    }
}

fn malformed(direction: Direction) -> &'static str {
    match direction {
        ToServer => event::MALFORMED_REQUEST,
        ToClient => event::MALFORMED_RESPONSE,
    }
}

/// The client has said all of it.
fn say(transaction: &mut PgsqlTransaction, observer: &mut dyn Observer) {
    if !std::mem::replace(&mut transaction.is_said, true) {
        observer.progress(transaction, ToServer, Progress::Complete);
    }
}

fn end(mut transaction: PgsqlTransaction, observer: &mut dyn Observer) {
    say(&mut transaction, observer);
    observer.progress(&mut transaction, ToClient, Progress::Complete);
    observer.log(&mut transaction, ToServer);
}

/// Whether bytes behind a gap look like the beginning of a message.
fn resumes(bytes: &[u8]) -> bool {
    const LIKELY: usize = 1024 * 1024;
    bytes.first().is_some_and(u8::is_ascii_alphanumeric) && matches!(len(bytes, true), Length::Is(len) if len <= LIKELY)
}

impl Parser for PgsqlParser {
    fn protocol(&self) -> Protocol {
        Protocol::Pgsql
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        if !matches!(self.course, Course::Reads) {
            return self.status();
        }
        let side = &mut self.sides[direction.index()];
        if side.lost {
            // Messages mostly begin where segments do.
            if !resumes(bytes) {
                return Status::More;
            }
            side.lost = false;
            side.framer.start_again();
        }
        let mut framer = std::mem::take(&mut side.framer);
        framer.feed(bytes, |bytes| self.step(bytes, direction, observer));
        self.sides[direction.index()].framer = framer;
        if let Course::Tls(unread) = &mut self.course {
            let other = direction.reverse().index();
            unread[other] = self.sides[other].framer.take_rest();
        }
        if matches!(self.course, Course::Encrypted) {
            self.finish_all(observer);
        }
        self.status()
    }

    fn gap(&mut self, direction: Direction, len: u64, observer: &mut dyn Observer) -> Status {
        let side = &mut self.sides[direction.index()];
        if matches!(self.course, Course::Reads) && !side.framer.gap(len) {
            side.lost = true;
            // What was said there may have been more than one message.
            self.begins = false;
            self.finish_all(observer);
        }
        self.status()
    }

    fn unread(&self, direction: Direction) -> &[u8] {
        match &self.course {
            Course::Tls(unread) => &unread[direction.index()],
            Course::Reads | Course::GaveUp | Course::Encrypted => &[],
        }
    }

    fn end(&mut self, direction: Direction, observer: &mut dyn Observer) {
        self.sides[direction.index()].framer.take_rest();
        if direction == ToClient {
            self.finish_all(observer);
        }
    }
}

/// A client's first message is at most so long (`MAX_STARTUP_PACKET_LENGTH`).
const FIRST_LIMIT: usize = 10_000;

impl PgsqlParser {
    /// The client's first message, or one of those before it.
    fn begin(&mut self, bytes: &[u8], observer: &mut dyn Observer) -> Step {
        if bytes.first() == Some(&TLS) {
            return self.become_tls(bytes, ToServer);
        }
        let len = match len(bytes, false) {
            Length::More => return Step::More,
            Length::Is(len) if len <= FIRST_LIMIT => len,
            Length::Is(_) | Length::Not => return self.give_up(event::INVALID_LENGTH, ToServer, observer),
        };
        let Some(whole) = bytes.get(..len) else { return Step::More };
        let Some(first) = First::read(whole) else {
            return self.give_up(event::MALFORMED_REQUEST, ToServer, observer);
        };
        self.begins = !matches!(first, First::Startup(..));
        let mut transaction = self.open(observer);
        transaction.request.begin(first);
        if matches!(first, First::Cancel(..)) {
            end(transaction, observer);
        } else {
            say(&mut transaction, observer);
            self.open.push_back(transaction);
        }
        observer.frame(None, ToServer, "pdu", whole);
        Step::Took(len)
    }

    /// The server's answer to whether it encrypts: one byte. None if nothing was asked.
    fn answer_encryption(&mut self, bytes: &[u8], observer: &mut dyn Observer) -> Option<Step> {
        let waits = |t: &PgsqlTransaction| t.request.name.is_some_and(|name| name.ends_with("Request"));
        let transaction = self.open.front_mut().filter(|t| waits(t))?;
        let accepted = match bytes.first()? {
            b'S' | b'G' => true,
            b'N' => false,
            // An error, as any other.
            _ => return None,
        };
        transaction.response.accepted = Some(accepted);
        self.finish(observer);
        Some(match bytes.split_first()? {
            (b'S', rest) => self.become_tls(rest, ToClient),
            (b'G', _) => {
                self.course = Course::Encrypted;
                Step::Stop
            }
            _ => Step::Took(1),
        })
    }
}
