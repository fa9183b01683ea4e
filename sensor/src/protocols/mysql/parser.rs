//! Packets to transactions.

use super::event;
use super::message::{Command, Greeting, Login, capability, query};
use super::transaction::{MysqlTransaction, Session, kept};
use crate::packet::Direction::{self, ToClient, ToServer};
use crate::protocols::framing::{Framer, Step};
use crate::protocols::{MAX_FRAME, Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;
use std::collections::VecDeque;

mod server;

/// Bytes of a packet that are read.
pub const PACKET_LIMIT: usize = 64 * 1024;

/// Bytes of a packet in a result that are read.
pub const ROW_LIMIT: usize = 4 * 1024;

/// Transactions of a flow that wait for an answer.
pub const TRANSACTION_LIMIT: usize = 64;

/// Bytes of commands and rows that are kept of a flow.
const KEPT_LIMIT: usize = 512 * 1024;

/// A packet of this length goes on in the next.
const LONGEST: usize = 0xff_ffff;

const HEAD: usize = 4;

/// What the server says next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expects {
    Greeting,
    /// Whether the client is let in.
    Verdict,
    /// The first packet of an answer.
    Answer,
    /// So many packets about columns, then rows.
    Columns(u64),
    /// What ends the columns.
    EndOfColumns,
    /// Rows, up to what ends them.
    Rows,
    /// So many packets about a prepared statement.
    Prepared(u64),
    /// Columns of a table, up to what ends them.
    Fields,
}

#[derive(Debug)]
enum Course {
    Reads,
    GaveUp,
    /// What is TLS, by direction.
    Tls([Vec<u8>; 2]),
}

#[derive(Debug, Default)]
struct Side {
    framer: Framer,
    /// The packet before goes on in the next.
    goes_on: bool,
}

/// Reads a flow.
#[derive(Debug)]
pub struct MysqlParser {
    sides: [Side; 2],
    open: VecDeque<MysqlTransaction>,
    transactions: u64,
    expects: Expects,
    /// What server and client can do.
    capabilities: [u32; 2],
    /// The client has said who it is.
    is_named: bool,
    /// The client sends a file.
    sends_file: bool,
    course: Course,
}

impl MysqlParser {
    /// For a flow that begins.
    #[must_use]
    pub fn new() -> Self {
        Self {
            sides: [Side::default(), Side::default()],
            open: VecDeque::new(),
            transactions: 0,
            expects: Expects::Greeting,
            capabilities: [u32::MAX, 0],
            is_named: false,
            sends_file: false,
            course: Course::Reads,
        }
    }

    /// Both can do it.
    fn can(&self, capability: u32) -> bool {
        self.capabilities.iter().all(|have| have & capability != 0)
    }

    fn step(&mut self, bytes: &[u8], direction: Direction, observer: &mut dyn Observer) -> Step {
        let Some([a, b, c, sequence]) = bytes.first_chunk::<HEAD>() else { return Step::More };
        let len = usize::from(*a) | usize::from(*b) << 8 | usize::from(*c) << 16;
        let in_result = !matches!(self.expects, Expects::Greeting | Expects::Verdict | Expects::Answer);
        let limit = if direction == ToClient && in_result { ROW_LIMIT } else { PACKET_LIMIT };
        let Some(read) = bytes.get(..HEAD + len.min(limit)) else { return Step::More };
        let payload = read.get(HEAD..).unwrap_or_default();
        let side = &mut self.sides[direction.index()];
        let goes_on = std::mem::replace(&mut side.goes_on, len == LONGEST);
        match direction {
            _ if goes_on => {}
            ToServer => self.request(*sequence, payload, len, observer),
            ToClient => self.response(payload, len, observer),
        }
        observer.frame(None, direction, "pdu", read.get(..MAX_FRAME).unwrap_or(read));
        match &mut self.course {
            Course::Reads if HEAD + len > read.len() => Step::Skip((HEAD + len) as u64),
            Course::Reads => Step::Took(HEAD + len),
            Course::GaveUp => Step::Stop,
            Course::Tls(unread) => {
                unread[direction.index()] = bytes.get(HEAD + len..).unwrap_or_default().to_vec();
                Step::Stop
            }
        }
    }

    fn request(&mut self, sequence: u8, payload: &[u8], len: usize, observer: &mut dyn Observer) {
        if self.sends_file {
            if let Some((_, sent)) = self.open.front_mut().and_then(|t| t.answer.file.as_mut()) {
                *sent = sent.saturating_add(len as u64);
            }
            self.sends_file = len > 0;
        } else if !self.is_named && sequence > 0 {
            self.login(payload, observer);
        } else if sequence == 0 {
            // Each command counts its packets anew; others are steps of the authentication.
            self.command(payload, observer);
        }
    }

    fn login(&mut self, payload: &[u8], observer: &mut dyn Observer) {
        let Some(login) = Login::read(payload) else {
            observer.event(None, ToServer, event::MALFORMED_REQUEST);
            self.give_up(observer);
            return;
        };
        self.is_named = true;
        self.capabilities[1] = login.capabilities;
        if self.expects == Expects::Greeting {
            self.expects = Expects::Verdict;
        }
        let greeted = self.open.back().is_some_and(|t| t.session.is_some());
        let greeted = if greeted { self.open.pop_back() } else { None };
        let mut transaction = greeted.unwrap_or_else(|| self.open(observer));
        let session = transaction.session.get_or_insert_default();
        session.is_tls = login.is_tls;
        if !login.is_tls {
            session.user = Some(kept(login.user));
            session.database = login.database.map(kept);
            session.plugin = login.plugin.map(kept);
        }
        say(&mut transaction, observer);
        if login.is_tls {
            end(transaction, observer);
            self.course = Course::Tls([Vec::new(), Vec::new()]);
        } else {
            self.open.push_back(transaction);
        }
    }

    fn command(&mut self, payload: &[u8], observer: &mut dyn Observer) {
        let Some((&number, rest)) = payload.split_first() else {
            observer.event(None, ToServer, event::MALFORMED_REQUEST);
            return;
        };
        let command = Command(number);
        // Who commands is in, and what the login would have told does not come any more.
        self.is_named = true;
        if matches!(self.expects, Expects::Greeting) {
            self.expects = Expects::Answer;
        }
        let mut transaction = self.open(observer);
        transaction.command = Some(command);
        if command.has_text() {
            let has_attributes = command == Command::QUERY && self.can(capability::QUERY_ATTRIBUTES);
            transaction.text = query(rest, has_attributes).to_vec();
        }
        say(&mut transaction, observer);
        if command.is_unanswered() {
            end(transaction, observer);
        } else {
            self.open.push_back(transaction);
        }
        // The server sends events from here on, without an end.
        if matches!(command, Command::BINLOG_DUMP | Command::BINLOG_DUMP_GTID) {
            self.give_up(observer);
        }
    }

    /// A transaction that begins: if too many wait, the oldest ends.
    fn open(&mut self, observer: &mut dyn Observer) -> MysqlTransaction {
        let kept: usize = self.open.iter().map(MysqlTransaction::kept).sum();
        if self.open.len() >= TRANSACTION_LIMIT || kept > KEPT_LIMIT {
            if let Some(first) = self.open.front_mut() {
                observer.event(Some(first), ToServer, event::TOO_MANY_TRANSACTIONS);
            }
            self.finish(observer);
        }
        let transaction = MysqlTransaction::new(self.transactions);
        self.transactions += 1;
        transaction
    }

    /// The first of those that wait is over.
    fn finish(&mut self, observer: &mut dyn Observer) {
        self.expects = Expects::Answer;
        self.sends_file = false;
        if let Some(transaction) = self.open.pop_front() {
            end(transaction, observer);
        }
    }

    fn finish_all(&mut self, observer: &mut dyn Observer) {
        while !self.open.is_empty() {
            self.finish(observer);
        }
    }

    fn give_up(&mut self, observer: &mut dyn Observer) {
        self.finish_all(observer);
        self.course = Course::GaveUp;
    }

    fn greet(&mut self, greeting: Greeting<'_>, observer: &mut dyn Observer) {
        self.capabilities[0] = greeting.capabilities;
        let mut transaction = self.open(observer);
        transaction.session = Some(Session { version: kept(greeting.version), ..Session::default() });
        self.open.push_back(transaction);
        self.expects = Expects::Verdict;
    }

    fn status(&self) -> Status {
        match self.course {
            Course::Reads => Status::More,
            Course::GaveUp => Status::GaveUp,
            Course::Tls(_) => Status::Changed(Some(Protocol::Tls)),
        }
    }
}

impl Default for MysqlParser {
    fn default() -> Self {
        Self::new()
    }
}

/// The client has said it.
fn say(transaction: &mut MysqlTransaction, observer: &mut dyn Observer) {
    if !std::mem::replace(&mut transaction.is_said, true) {
        observer.progress(transaction, ToServer, Progress::Complete);
    }
}

fn end(mut transaction: MysqlTransaction, observer: &mut dyn Observer) {
    say(&mut transaction, observer);
    observer.progress(&mut transaction, ToClient, Progress::Complete);
    observer.log(&mut transaction, ToServer);
}

impl Parser for MysqlParser {
    fn protocol(&self) -> Protocol {
        Protocol::Mysql
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        if !matches!(self.course, Course::Reads) {
            return self.status();
        }
        let mut framer = std::mem::take(&mut self.sides[direction.index()].framer);
        framer.feed(bytes, |bytes| self.step(bytes, direction, observer));
        self.sides[direction.index()].framer = framer;
        if let Course::Tls(unread) = &mut self.course {
            let other = direction.reverse().index();
            unread[other] = self.sides[other].framer.take_rest();
        }
        self.status()
    }

    fn gap(&mut self, direction: Direction, len: u64, observer: &mut dyn Observer) -> Status {
        // Nothing tells a packet from what is inside one.
        if matches!(self.course, Course::Reads) && !self.sides[direction.index()].framer.gap(len) {
            self.give_up(observer);
        }
        self.status()
    }

    fn unread(&self, direction: Direction) -> &[u8] {
        match &self.course {
            Course::Tls(unread) => &unread[direction.index()],
            Course::Reads | Course::GaveUp => &[],
        }
    }

    fn end(&mut self, direction: Direction, observer: &mut dyn Observer) {
        self.sides[direction.index()].framer.take_rest();
        if direction == ToClient {
            self.finish_all(observer);
        }
    }
}
