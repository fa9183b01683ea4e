//! Both directions: lines, and the literals in them.

use super::literal::{appended, fetched, literal};
use super::transaction::ImapTransaction;
use crate::packet::Direction;
use crate::protocols::line::PartLine;
use crate::protocols::mime::{Mail, Stage};
use crate::protocols::{Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;

/// Bytes of a line, with the lines that literals join to it.
pub const MAX_LINE: usize = 8192;
/// Bytes kept for the protocol that follows.
pub const MAX_UNREAD: usize = 64 * 1024;
/// Bytes of a tag that are remembered.
const MAX_TAG: usize = 64;

/// What a direction is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Line,
    /// Bytes as they are.
    Literal {
        left: u64,
        /// They are of the mail in hand.
        mail: bool,
        /// More of the mail may come in another literal.
        chunk: bool,
    },
}

/// One direction.
#[derive(Debug, Default)]
struct Side {
    line: PartLine,
    /// What came before of the line that literals cut, up to the last of them.
    before: Vec<u8>,
    mode: Mode,
    /// The mail in hand.
    transaction: Option<Box<ImapTransaction>>,
    over: bool,
}

/// What a command asks for that changes what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Tls,
    Compression,
}

/// Reads a flow.
#[derive(Debug, Default)]
pub struct ImapParser {
    sides: [Side; 2],
    transactions: u64,
    /// The tag of a command that asks for a change.
    change: Option<(Box<[u8]>, Change)>,
    outcome: Option<Status>,
    unread: Vec<u8>,
}

impl ImapParser {
    /// For a new flow.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn read(&mut self, direction: Direction, mut bytes: &[u8], observer: &mut dyn Observer) {
        while !bytes.is_empty() && self.outcome.is_none() {
            let side = &mut self.sides[direction.index()];
            let taken = match side.mode {
                Mode::Literal { left, mail, chunk } => {
                    let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    if mail && let Some(transaction) = &mut side.transaction {
                        transaction.mail.push(bytes.get(..taken).unwrap_or_default());
                        transaction.received = transaction.received.saturating_add(taken as u64);
                    }
                    self.literal_went_on(direction, left - taken as u64, (mail, chunk), observer);
                    taken
                }
                Mode::Line => {
                    let taken = side.line.take(bytes, MAX_LINE);
                    if taken.whole {
                        self.line(direction, observer);
                    }
                    taken.len
                }
            };
            bytes = bytes.get(taken..).unwrap_or_default();
        }
        if self.outcome.is_some() && direction == Direction::ToClient {
            self.unread = bytes.get(..MAX_UNREAD).unwrap_or(bytes).to_vec();
        }
        self.tell_mail(direction, observer);
    }

    fn literal_went_on(&mut self, direction: Direction, left: u64, of: (bool, bool), observer: &mut dyn Observer) {
        let (mail, chunk) = of;
        let side = &mut self.sides[direction.index()];
        if left > 0 {
            side.mode = Mode::Literal { left, mail, chunk };
            return;
        }
        side.mode = Mode::Line;
        if mail && !chunk {
            self.finish(direction, true, observer);
        }
    }

    /// A line is whole.
    fn line(&mut self, direction: Direction, observer: &mut dyn Observer) {
        let side = &mut self.sides[direction.index()];
        let line = side.line.finish();
        if line.lost {
            side.before.clear();
            return side.line.reuse(line);
        }
        let text = line.text();
        if let Some((len, start)) = literal(text) {
            let room = MAX_LINE.saturating_sub(side.before.len());
            side.before.extend_from_slice(start.get(..room).unwrap_or(start));
            let mut before = std::mem::take(&mut side.before);
            self.begin_literal(direction, &before, len, observer);
            // What a literal holds is a word of its command.
            before.extend_from_slice(b"{}");
            self.sides[direction.index()].before = before;
        } else {
            match direction {
                Direction::ToServer => self.command(text),
                Direction::ToClient => self.response(text, observer),
            }
            self.sides[direction.index()].before.clear();
        }
        self.sides[direction.index()].line.reuse(line);
    }

    fn begin_literal(&mut self, direction: Direction, before: &[u8], len: u64, observer: &mut dyn Observer) {
        let origin = match direction {
            Direction::ToServer => appended(before).then_some(0),
            Direction::ToClient => fetched(before),
        };
        let chunk = before.trim_ascii_end().ends_with(b">");
        let received = self.sides[direction.index()].transaction.as_ref().map(|t| t.received);
        let goes_on = chunk && origin.is_some_and(|at| at > 0) && received == origin;
        if origin.is_some() && !goes_on {
            self.finish(direction, true, observer);
        }
        let mail = goes_on || origin == Some(0);
        if mail && !goes_on {
            let transaction = ImapTransaction::new(self.transactions, direction, Mail::new(observer.file_policy()));
            self.transactions += 1;
            self.sides[direction.index()].transaction = Some(Box::new(transaction));
        }
        self.literal_went_on(direction, len, (mail, chunk), observer);
        // A chunk without a byte is behind the end.
        if len == 0 && goes_on {
            self.finish(direction, true, observer);
        }
    }

    fn command(&mut self, text: &[u8]) {
        let mut words = text.split(|b| *b == b' ');
        let (Some(tag), Some(word)) = (words.next(), words.next()) else { return };
        let change = if word.eq_ignore_ascii_case(b"STARTTLS") {
            Change::Tls
        } else if word.eq_ignore_ascii_case(b"COMPRESS") {
            Change::Compression
        } else {
            return;
        };
        if tag.len() <= MAX_TAG {
            self.change = Some((tag.into(), change));
        }
    }

    fn response(&mut self, text: &[u8], observer: &mut dyn Observer) {
        let mut words = text.split(|b| *b == b' ');
        let (Some(tag), Some(status)) = (words.next(), words.next()) else { return };
        if tag == b"*" || tag == b"+" {
            return;
        }
        let accepted = status.eq_ignore_ascii_case(b"OK");
        if let Some((_, change)) = self.change.take_if(|(wanted, _)| **wanted == *tag).filter(|_| accepted) {
            self.outcome = Some(match change {
                Change::Tls => Status::Changed(Some(Protocol::Tls)),
                Change::Compression => {
                    observer.event(None, Direction::ToClient, "compressed");
                    Status::GaveUp
                }
            });
        }
        // The server does not want the mail that the client announced: none of it will come.
        let client = &mut self.sides[Direction::ToServer.index()];
        if !accepted
            && matches!(client.mode, Mode::Literal { .. })
            && client.transaction.as_ref().is_none_or(|t| t.received == 0)
        {
            client.mode = Mode::Line;
            client.before.clear();
            client.transaction = None;
        }
    }

    /// Tells what came of a mail.
    fn tell_mail(&mut self, direction: Direction, observer: &mut dyn Observer) {
        let Some(transaction) = &mut self.sides[direction.index()].transaction else { return };
        tell_oddities(transaction, observer);
        if transaction.mail.stage() >= Stage::Body {
            transaction.told = Progress::Body;
            observer.progress(&mut **transaction, direction, Progress::Body);
            tell_files(transaction, observer);
        }
    }

    /// The mail in hand is over; `whole`: all of it came.
    fn finish(&mut self, direction: Direction, whole: bool, observer: &mut dyn Observer) {
        let Some(mut transaction) = self.sides[direction.index()].transaction.take() else { return };
        let transaction = &mut *transaction;
        transaction.mail.end(whole);
        tell_oddities(transaction, observer);
        observer.progress(transaction, direction, Progress::Body);
        observer.progress(transaction, direction, Progress::Complete);
        observer.progress(transaction, direction.reverse(), Progress::Complete);
        tell_files(transaction, observer);
    }
}

fn tell_oddities(transaction: &mut ImapTransaction, observer: &mut dyn Observer) {
    let direction = transaction.direction;
    for event in transaction.mail.new_oddities().names() {
        observer.event(Some(transaction), direction, event);
    }
}

fn tell_files(transaction: &mut ImapTransaction, observer: &mut dyn Observer) {
    let direction = transaction.direction;
    while let Some(index) = transaction.mail.next_over() {
        observer.file(transaction, direction, index);
    }
}

impl Parser for ImapParser {
    fn protocol(&self) -> Protocol {
        Protocol::Imap
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        if self.outcome.is_none() {
            self.read(direction, bytes, observer);
        }
        self.outcome.unwrap_or(Status::More)
    }

    fn gap(&mut self, direction: Direction, len: u64, observer: &mut dyn Observer) -> Status {
        if self.outcome.is_some() || len == 0 {
            return self.outcome.unwrap_or(Status::More);
        }
        let side = &mut self.sides[direction.index()];
        let of_literal = match side.mode {
            Mode::Literal { left, mail, chunk } => {
                let missing = len.min(left);
                if mail && let Some(transaction) = &mut side.transaction {
                    transaction.mail.gap(missing);
                    transaction.received = transaction.received.saturating_add(missing);
                }
                self.literal_went_on(direction, left - missing, (mail, chunk), observer);
                missing
            }
            Mode::Line => 0,
        };
        if len > of_literal {
            let side = &mut self.sides[direction.index()];
            side.line.lose();
            side.before.clear();
        }
        Status::More
    }

    fn unread(&self, direction: Direction) -> &[u8] {
        match direction {
            Direction::ToServer => &[],
            Direction::ToClient => &self.unread,
        }
    }

    fn end(&mut self, direction: Direction, observer: &mut dyn Observer) {
        if !std::mem::replace(&mut self.sides[direction.index()].over, true) {
            // In the middle of a literal it is cut off; between chunks, the rest was not asked for.
            let whole = self.sides[direction.index()].mode == Mode::Line;
            self.finish(direction, whole, observer);
        }
    }
}
