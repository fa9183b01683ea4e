//! Both directions: commands and mails to the server, replies to the client.

use super::command::{Command, argument, is_verb};
use super::reply::Reply;
use super::transaction::{MAX_RECIPIENTS, SmtpTransaction};
use crate::packet::Direction;
use crate::protocols::line::{Dotted, Line, PartLine};
use crate::protocols::mime::{Mail, Stage};
use crate::protocols::{MAX_FRAME, Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;
use std::collections::VecDeque;

/// Bytes of a line, its end included.
pub const MAX_LINE: usize = 4096;
/// Commands that wait for their reply.
pub const MAX_PIPELINED: usize = 1024;
/// Bytes kept for the protocol that follows.
pub const MAX_UNREAD: usize = 64 * 1024;

/// What the client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Commands,
    /// A mail, up to a line with nothing but a dot.
    Data(Dotted),
    /// A chunk of a mail.
    Chunk {
        left: u64,
        last: bool,
    },
}

/// Reads a flow.
#[derive(Debug)]
pub struct SmtpParser {
    helo: Option<Box<[u8]>>,
    transaction: Option<Box<SmtpTransaction>>,
    transactions: u64,
    lines: [PartLine; 2],
    mode: Mode,
    /// The last byte of the last chunk, where what follows should be a command.
    behind_chunk: Option<u8>,
    /// Commands without a reply.
    commands: VecDeque<Command>,
    greeted: bool,
    /// The server takes commands without waiting for its replies.
    pipelines: bool,
    /// Bytes were missing: commands and replies may not match.
    lost: bool,
    ended: [bool; 2],
    outcome: Option<Status>,
    unread: [Vec<u8>; 2],
    /// First bytes of the mail in hand, as they came.
    frame: Vec<u8>,
}

impl Default for SmtpParser {
    fn default() -> Self {
        Self::new()
    }
}

impl SmtpParser {
    /// For a new flow.
    #[must_use]
    pub fn new() -> Self {
        Self {
            helo: None,
            transaction: None,
            transactions: 0,
            lines: Default::default(),
            mode: Mode::Commands,
            behind_chunk: None,
            commands: VecDeque::new(),
            greeted: false,
            pipelines: false,
            lost: false,
            ended: [false; 2],
            outcome: None,
            unread: [Vec::new(), Vec::new()],
            frame: Vec::new(),
        }
    }

    /// Something is odd: with the greeting, or with the transaction in hand. Where there is none in hand any more, as behind a mail,
    /// it is not told.
    fn event(&mut self, direction: Direction, event: &'static str, observer: &mut dyn Observer) {
        match &mut self.transaction {
            Some(transaction) => observer.event(Some(&mut **transaction), direction, event),
            None if self.transactions > 0 => {}
            None => observer.event(None, direction, event),
        }
    }

    /// Takes bytes up to the end of a line; how many, and the line if it is whole and all of it is there.
    fn take_line(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> (usize, Option<Line>) {
        let part = &mut self.lines[direction.index()];
        let taken = part.take(bytes, MAX_LINE);
        let line = taken.whole.then(|| part.finish()).filter(|line| !line.lost);
        if taken.cut {
            if direction == Direction::ToServer {
                self.begin();
            }
            self.event(direction, "truncated_line", observer);
        }
        (taken.len, line)
    }

    fn request(&mut self, mut bytes: &[u8], observer: &mut dyn Observer) {
        while !bytes.is_empty() && self.outcome.is_none() {
            let taken = match self.mode {
                Mode::Commands => {
                    let (taken, line) = self.take_line(Direction::ToServer, bytes, observer);
                    if let Some(line) = line {
                        self.command(&line, observer);
                        self.lines[Direction::ToServer.index()].reuse(line);
                    }
                    taken
                }
                Mode::Data(dotted) => self.data(dotted, bytes, observer),
                Mode::Chunk { left, last } => self.chunk(left, last, bytes, observer),
            };
            bytes = bytes.get(taken..).unwrap_or_default();
        }
        self.tell_mail(observer);
    }

    fn command(&mut self, line: &Line, observer: &mut dyn Observer) {
        let text = line.text();
        let command = Command::of(text);
        let behind_chunk = self.behind_chunk.take();
        self.begin();
        if let Some(transaction) = &mut self.transaction {
            transaction.only_tls &= command == Command::StartTls;
            observer.frame(Some(&mut **transaction), Direction::ToServer, "command_line", line.whole());
        }
        if !self.greeted && !self.lost {
            self.event(Direction::ToClient, "no_server_welcome_message", observer);
        }
        if behind_chunk.is_some_and(|last| last != b'\n') && command == Command::Other && !is_verb(text) {
            self.event(Direction::ToServer, "bdat_chunk_len_exceeded", observer);
        }
        // These are the last of what is pipelined (RFC 2920, 3.1): what they are answered with decides how to go on.
        if matches!(self.commands.back(), Some(Command::StartTls | Command::Data)) {
            self.event(Direction::ToServer, "invalid_pipelined_sequence", observer);
        }
        self.await_reply(command);
        self.obey(command, text, observer);
    }

    /// A transaction begins, unless one is in hand.
    fn begin(&mut self) {
        if self.transaction.is_none() {
            let id = self.transactions;
            self.transactions += 1;
            self.transaction = Some(Box::new(SmtpTransaction::new(id, self.helo.clone())));
        }
    }

    fn await_reply(&mut self, command: Command) {
        if self.commands.len() < MAX_PIPELINED {
            self.commands.push_back(command);
        } else {
            self.lost = true;
        }
    }

    fn obey(&mut self, command: Command, text: &[u8], observer: &mut dyn Observer) {
        let Some(transaction) = &mut self.transaction else { return };
        let mut twice = false;
        match command {
            Command::Hello => {
                let helo = argument(text, 4);
                if self.helo.is_some() {
                    twice = true;
                } else if !helo.is_empty() {
                    self.helo = Some(helo.into());
                    transaction.helo = self.helo.clone();
                }
                tell(transaction, Progress::Line, observer);
            }
            Command::Mail if transaction.mail_from.is_some() => twice = true,
            Command::Mail => transaction.mail_from = Some(argument(text, 9).into()),
            Command::Recipient => {
                if transaction.rcpt_to.len() < MAX_RECIPIENTS {
                    transaction.rcpt_to.push(argument(text, 7).into());
                }
            }
            // The reply says whether a mail follows, but those who pipeline do not wait for it, and it may not be seen.
            Command::Data if self.pipelines || self.lost || !self.greeted => {
                self.begin_mail(observer);
                self.mode = Mode::Data(Dotted::LineStart);
            }
            Command::Chunk { len: Some(left), last } => {
                self.begin_mail(observer);
                self.mode = Mode::Chunk { left, last };
                if left == 0 {
                    self.chunk(0, last, &[], observer);
                }
            }
            Command::Chunk { len: None, .. } => self.event(Direction::ToServer, "unparsable_content", observer),
            Command::Reset => self.complete(false, observer),
            Command::Data | Command::StartTls | Command::EndOfMail | Command::Other => {}
        }
        if twice {
            self.event(Direction::ToServer, "duplicate_fields", observer);
        }
    }

    fn begin_mail(&mut self, observer: &mut dyn Observer) {
        let Some(transaction) = &mut self.transaction else { return };
        if transaction.mail.is_none() {
            tell(transaction, Progress::Headers, observer);
            transaction.mail = Some(Box::new(Mail::new(observer.file_policy())));
            self.frame.clear();
        }
    }

    fn mail(&mut self, bytes: &[u8]) {
        let room = MAX_FRAME.saturating_sub(self.frame.len());
        self.frame.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        if let Some(mail) = self.transaction.as_mut().and_then(|t| t.mail.as_mut()) {
            mail.push(bytes);
        }
    }

    /// Bytes of a mail; how many were taken.
    fn data(&mut self, mut dotted: Dotted, bytes: &[u8], observer: &mut dyn Observer) -> usize {
        match dotted.take(bytes, |line| self.mail(line)) {
            Some(taken) => {
                self.await_reply(Command::EndOfMail);
                self.complete(true, observer);
                taken
            }
            None => {
                self.mode = Mode::Data(dotted);
                bytes.len()
            }
        }
    }

    /// Bytes of a chunk, which may be none; how many were taken.
    fn chunk(&mut self, left: u64, last: bool, bytes: &[u8], observer: &mut dyn Observer) -> usize {
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let part = bytes.get(..taken).unwrap_or_default();
        self.mail(part);
        let left = left - taken as u64;
        self.mode = Mode::Chunk { left, last };
        if left == 0 {
            self.mode = Mode::Commands;
            self.behind_chunk = part.last().copied();
            if last {
                self.complete(true, observer);
            }
        }
        taken
    }

    /// Tells what came of a mail. Its files are told with its end, so that the records beside theirs say the same however it came.
    fn tell_mail(&mut self, observer: &mut dyn Observer) {
        let Some(transaction) = &mut self.transaction else { return };
        tell_oddities(transaction, observer);
        if transaction.mail.as_ref().is_some_and(|mail| mail.stage() >= Stage::Body) {
            tell(transaction, Progress::Body, observer);
        }
    }

    /// The transaction is over; `whole`: so is its mail.
    fn complete(&mut self, whole: bool, observer: &mut dyn Observer) {
        self.mode = Mode::Commands;
        let Some(mut transaction) = self.transaction.take() else { return };
        let transaction = &mut *transaction;
        if let Some(mail) = &mut transaction.mail {
            mail.end(whole);
            tell_oddities(transaction, observer);
            observer.frame(Some(&mut *transaction), Direction::ToServer, "data", &self.frame);
            tell(transaction, Progress::Body, observer);
        }
        tell(transaction, Progress::Complete, observer);
        observer.progress(transaction, Direction::ToClient, Progress::Complete);
        tell_files(transaction, observer);
        observer.log(transaction, Direction::ToServer);
    }

    fn response(&mut self, mut bytes: &[u8], observer: &mut dyn Observer) {
        while !bytes.is_empty() && self.outcome.is_none() {
            let (taken, line) = self.take_line(Direction::ToClient, bytes, observer);
            bytes = bytes.get(taken..).unwrap_or_default();
            if let Some(line) = line {
                self.reply_line(&line, observer);
                self.lines[Direction::ToClient.index()].reuse(line);
            }
        }
        if self.outcome.is_some() {
            self.unread[Direction::ToClient.index()] = bytes.get(..MAX_UNREAD).unwrap_or(bytes).to_vec();
        }
    }

    fn reply_line(&mut self, line: &Line, observer: &mut dyn Observer) {
        let text = line.text();
        let transaction = self.transaction.as_deref_mut().map(|t| t as &mut dyn crate::protocols::Transaction);
        observer.frame(transaction, Direction::ToClient, "response_line", line.whole());
        match Reply::of(text) {
            Some(reply) => {
                self.pipelines |= reply.code == 250
                    && text.get(4..).is_some_and(|word| word.trim_ascii().eq_ignore_ascii_case(b"PIPELINING"));
                if !reply.more {
                    self.reply(reply, observer);
                }
            }
            None => self.event(Direction::ToClient, "invalid_reply", observer),
        }
    }

    /// The last line of a reply.
    fn reply(&mut self, reply: Reply, observer: &mut dyn Observer) {
        let greeted = std::mem::replace(&mut self.greeted, true);
        // A client that does not wait for the greeting gets it before any reply.
        if !greeted && reply.code == 220 && self.commands.front() != Some(&Command::StartTls) {
            return;
        }
        match self.commands.pop_front() {
            Some(Command::Data) if reply.code != 354 => {
                self.event(Direction::ToClient, "data_command_rejected", observer);
                let no_mail = self.frame.is_empty();
                if let Some(transaction) = self.transaction.as_mut().filter(|_| no_mail) {
                    transaction.mail = None;
                    self.mode = Mode::Commands;
                }
            }
            Some(Command::Data) if self.mode == Mode::Commands => {
                self.begin();
                self.begin_mail(observer);
                self.mode = Mode::Data(Dotted::LineStart);
            }
            Some(Command::StartTls) if reply.code == 220 => self.outcome = Some(Status::Changed(Some(Protocol::Tls))),
            Some(Command::StartTls) => self.event(Direction::ToClient, "tls_rejected", observer),
            Some(_) => {}
            None if !greeted => self.event(Direction::ToClient, "invalid_reply", observer),
            None if !self.lost => self.event(Direction::ToClient, "unable_to_match_reply_with_request", observer),
            // DATA is missing, or the end of a mail.
            None => match self.mode {
                Mode::Commands if reply.code == 354 && self.transaction.is_some() => {
                    self.begin_mail(observer);
                    self.mode = Mode::Data(Dotted::InLine);
                }
                Mode::Data(_) if reply.code != 354 => self.complete(false, observer),
                Mode::Commands | Mode::Data(_) | Mode::Chunk { .. } => {}
            },
        }
    }
}

/// Tells how far the client's side got, what was not told before it first.
fn tell(transaction: &mut SmtpTransaction, progress: Progress, observer: &mut dyn Observer) {
    for level in [Progress::Line, Progress::Headers, Progress::Body, Progress::Complete] {
        let is_due = level == progress || (level < progress && level != Progress::Body);
        if is_due && (transaction.told < level || level == Progress::Body) {
            transaction.told = level;
            observer.progress(transaction, Direction::ToServer, level);
        }
    }
}

fn tell_oddities(transaction: &mut SmtpTransaction, observer: &mut dyn Observer) {
    let Some(mail) = &mut transaction.mail else { return };
    for event in mail.new_oddities().names() {
        observer.event(Some(transaction), Direction::ToServer, event);
    }
}

fn tell_files(transaction: &mut SmtpTransaction, observer: &mut dyn Observer) {
    while let Some(index) = transaction.mail.as_mut().and_then(|mail| mail.next_over()) {
        observer.file(transaction, Direction::ToServer, index);
    }
}

impl Parser for SmtpParser {
    fn protocol(&self) -> Protocol {
        Protocol::Smtp
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
        self.lost = true;
        let in_chunk = match self.mode {
            Mode::Chunk { left, .. } => left,
            Mode::Commands | Mode::Data(_) => 0,
        };
        match (direction, self.mode) {
            (Direction::ToClient, _) => {
                self.commands.clear();
                self.lines[direction.index()].lose();
            }
            (Direction::ToServer, Mode::Commands) => {
                self.lines[direction.index()].lose();
            }
            (Direction::ToServer, Mode::Data(_) | Mode::Chunk { .. }) => {
                let of_mail = if matches!(self.mode, Mode::Data(_)) { len } else { len.min(in_chunk) };
                if let Some(mail) = self.transaction.as_mut().and_then(|t| t.mail.as_mut()) {
                    mail.gap(of_mail);
                }
                match self.mode {
                    Mode::Chunk { left, last } if len >= left => {
                        self.chunk(0, last, &[], observer);
                        if len > left {
                            self.lines[direction.index()].lose();
                        }
                    }
                    Mode::Chunk { left, last } => self.mode = Mode::Chunk { left: left - len, last },
                    Mode::Data(_) | Mode::Commands => self.mode = Mode::Data(Dotted::InLine),
                }
            }
        }
        Status::More
    }

    fn unread(&self, direction: Direction) -> &[u8] {
        &self.unread[direction.index()]
    }

    fn end(&mut self, direction: Direction, observer: &mut dyn Observer) {
        self.ended[direction.index()] = true;
        if self.ended != [true; 2] {
            return;
        }
        // What only asked for TLS is told by the record of that.
        if self.outcome.is_some() && self.transactions > 1 && self.transaction.as_ref().is_some_and(|t| t.only_tls) {
            self.transaction = None;
        }
        self.complete(false, observer);
    }
}
