//! Both directions: commands to the server, responses and mails to the client.

use super::command::{Command, Follows};
use super::transaction::{MAX_LINE_BYTES, Pop3Transaction, Response};
use crate::packet::Direction;
use crate::protocols::line::{Dotted, Line, PartLine};
use crate::protocols::mime::{Mail, Stage};
use crate::protocols::{Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;
use std::collections::VecDeque;

/// Bytes of a command's line (RFC 2449, 4).
pub const MAX_COMMAND: usize = 255;
/// Bytes of a response's first line (RFC 2449, 4).
pub const MAX_RESPONSE: usize = 512;
/// Bytes of a line that are kept.
pub const MAX_LINE: usize = 4096;
/// Commands without a response.
pub const MAX_PENDING: usize = 256;
/// Bytes kept for the protocol that follows.
pub const MAX_UNREAD: usize = 64 * 1024;

/// What the server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// The first line of a response.
    Status,
    /// What follows it.
    Text(Dotted),
}

/// Reads a flow.
#[derive(Debug)]
pub struct Pop3Parser {
    /// Without a whole response, in order.
    pending: VecDeque<Box<Pop3Transaction>>,
    transactions: u64,
    lines: [PartLine; 2],
    mode: Mode,
    /// The client answers a challenge with its next line.
    challenged: bool,
    ended: [bool; 2],
    outcome: Option<Status>,
    unread: Vec<u8>,
}

impl Default for Pop3Parser {
    fn default() -> Self {
        Self::new()
    }
}

impl Pop3Parser {
    /// For a new flow.
    #[must_use]
    pub fn new() -> Self {
        Self {
            pending: VecDeque::new(),
            transactions: 0,
            lines: Default::default(),
            mode: Mode::Status,
            challenged: false,
            ended: [false; 2],
            outcome: None,
            unread: Vec::new(),
        }
    }

    /// The oldest transaction is over; `whole`: all of its response came.
    fn finish(&mut self, whole: bool, observer: &mut dyn Observer) {
        self.mode = Mode::Status;
        let Some(mut transaction) = self.pending.pop_front() else { return };
        let transaction = &mut *transaction;
        if let Some(mail) = &mut transaction.mail {
            mail.end(whole);
            tell_oddities(transaction, observer);
            tell(transaction, Direction::ToClient, Progress::Body, observer);
        }
        tell(transaction, Direction::ToServer, Progress::Complete, observer);
        tell(transaction, Direction::ToClient, Progress::Complete, observer);
        tell_files(transaction, observer);
        observer.log(transaction, Direction::ToServer);
    }

    fn request(&mut self, mut bytes: &[u8], observer: &mut dyn Observer) {
        while !bytes.is_empty() && self.outcome.is_none() {
            let part = &mut self.lines[Direction::ToServer.index()];
            let taken = part.take(bytes, MAX_LINE);
            bytes = bytes.get(taken.len..).unwrap_or_default();
            if taken.whole {
                let line = part.finish();
                if !line.lost && !std::mem::take(&mut self.challenged) {
                    self.command(&line, observer);
                }
                self.lines[Direction::ToServer.index()].reuse(line);
            }
        }
    }

    fn command(&mut self, line: &Line, observer: &mut dyn Observer) {
        if self.pending.len() >= MAX_PENDING {
            if let Some(oldest) = self.pending.front_mut() {
                observer.event(Some(&mut **oldest), Direction::ToServer, "too_many_transactions");
            }
            self.finish(false, observer);
        }
        let mut transaction = Box::new(Pop3Transaction::new(self.transactions, Command::of(line.text())));
        self.transactions += 1;
        let odd = [
            (line.whole().len() > MAX_COMMAND, "request_too_long"),
            (!transaction.command.known, "unknown_command"),
            (!transaction.command.fits, "incorrect_argument_count"),
        ];
        for (_, event) in odd.into_iter().filter(|(is, _)| *is) {
            observer.event(Some(&mut *transaction), Direction::ToServer, event);
        }
        tell(&mut transaction, Direction::ToServer, Progress::Complete, observer);
        self.pending.push_back(transaction);
    }

    fn response(&mut self, mut bytes: &[u8], observer: &mut dyn Observer) {
        while !bytes.is_empty() && self.outcome.is_none() {
            let taken = match self.mode {
                Mode::Status => self.status_bytes(bytes, observer),
                Mode::Text(dotted) => self.text(dotted, bytes, observer),
            };
            bytes = bytes.get(taken..).unwrap_or_default();
        }
        if self.outcome.is_some() {
            self.unread = bytes.get(..MAX_UNREAD).unwrap_or(bytes).to_vec();
        }
        self.tell_mail(observer);
    }

    /// Bytes of a response's first line; how many were taken.
    fn status_bytes(&mut self, bytes: &[u8], observer: &mut dyn Observer) -> usize {
        let part = &mut self.lines[Direction::ToClient.index()];
        let taken = part.take(bytes, MAX_LINE);
        if taken.whole {
            let line = part.finish();
            if !line.lost {
                self.status(&line, observer);
            }
            self.lines[Direction::ToClient.index()].reuse(line);
        }
        taken.len
    }

    fn status(&mut self, line: &Line, observer: &mut dyn Observer) {
        let text = line.text();
        let (positive, rest) = match (text.strip_prefix(b"+OK"), text.strip_prefix(b"-ERR")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => {
                self.challenged = text.starts_with(b"+");
                return;
            }
        };
        // The greeting answers nothing.
        let Some(transaction) = self.pending.front_mut() else { return };
        if line.whole().len() > MAX_RESPONSE {
            observer.event(Some(&mut **transaction), Direction::ToClient, "response_too_long");
        }
        let header = rest.strip_prefix(b" ").unwrap_or(rest).into();
        transaction.response = Some(Response { positive, header, data: Vec::new() });
        let follows = if positive { transaction.command.follows() } else { Follows::Nothing };
        let to_tls = positive && &*transaction.command.name == b"STLS";
        match follows {
            Follows::Nothing => self.finish(true, observer),
            Follows::Lines => self.mode = Mode::Text(Dotted::LineStart),
            Follows::Mail => {
                transaction.mail = Some(Box::new(Mail::new(observer.file_policy())));
                self.mode = Mode::Text(Dotted::LineStart);
            }
        }
        if to_tls {
            self.outcome = Some(Status::Changed(Some(Protocol::Tls)));
        }
    }

    /// Bytes of what follows; how many were taken.
    fn text(&mut self, mut dotted: Dotted, bytes: &[u8], observer: &mut dyn Observer) -> usize {
        let Some(transaction) = self.pending.front_mut() else {
            self.mode = Mode::Status;
            return 0;
        };
        let over = match (&mut transaction.mail, &mut transaction.response) {
            (Some(mail), _) => dotted.take(bytes, |line| mail.push(line)),
            (None, Some(response)) => dotted.take(bytes, |line| {
                let room = MAX_LINE_BYTES.saturating_sub(response.data.len());
                response.data.extend_from_slice(line.get(..room).unwrap_or(line));
            }),
            (None, None) => dotted.take(bytes, |_| {}),
        };
        self.mode = Mode::Text(dotted);
        if let Some(taken) = over {
            self.finish(true, observer);
            return taken;
        }
        bytes.len()
    }

    /// Tells what came of a mail.
    fn tell_mail(&mut self, observer: &mut dyn Observer) {
        let Some(transaction) = self.pending.front_mut() else { return };
        tell_oddities(transaction, observer);
        if transaction.mail.as_ref().is_some_and(|mail| mail.stage() >= Stage::Body) {
            tell(transaction, Direction::ToClient, Progress::Body, observer);
            tell_files(transaction, observer);
        }
    }
}

/// Tells how far a direction got; a body again and again, all else once.
fn tell(transaction: &mut Pop3Transaction, direction: Direction, progress: Progress, observer: &mut dyn Observer) {
    let told = &mut transaction.told[direction.index()];
    if *told < progress || (*told == Progress::Body && progress == Progress::Body) {
        *told = progress;
        observer.progress(transaction, direction, progress);
    }
}

fn tell_oddities(transaction: &mut Pop3Transaction, observer: &mut dyn Observer) {
    let Some(mail) = &mut transaction.mail else { return };
    for event in mail.new_oddities().names() {
        observer.event(Some(transaction), Direction::ToClient, event);
    }
}

fn tell_files(transaction: &mut Pop3Transaction, observer: &mut dyn Observer) {
    while let Some(index) = transaction.mail.as_mut().and_then(|mail| mail.next_over()) {
        observer.file(transaction, Direction::ToClient, index);
    }
}

impl Parser for Pop3Parser {
    fn protocol(&self) -> Protocol {
        Protocol::Pop3
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        if self.outcome.is_none() {
            match direction {
                Direction::ToServer => self.request(bytes, observer),
                Direction::ToClient => self.response(bytes, observer),
            }
        }
        self.outcome.unwrap_or(Status::More)
    }

    fn gap(&mut self, direction: Direction, len: u64, observer: &mut dyn Observer) -> Status {
        if self.outcome.is_some() || len == 0 {
            return self.outcome.unwrap_or(Status::More);
        }
        match (direction, self.mode) {
            (Direction::ToClient, Mode::Text(_)) => {
                if let Some(mail) = self.pending.front_mut().and_then(|t| t.mail.as_mut()) {
                    mail.gap(len);
                }
                self.mode = Mode::Text(Dotted::InLine);
            }
            // Responses that are missing cannot be told from one another: what waits is over.
            (Direction::ToClient, Mode::Status) => {
                while !self.pending.is_empty() {
                    self.finish(false, observer);
                }
                self.lines[direction.index()].lose();
            }
            (Direction::ToServer, _) => self.lines[direction.index()].lose(),
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
        self.ended[direction.index()] = true;
        if self.ended == [true; 2] {
            while !self.pending.is_empty() {
                self.finish(false, observer);
            }
        }
    }
}
