//! Both directions: commands to the server, replies to the client.

use super::address::{extended_active, extended_passive, six_numbers};
use super::command::{argument, command, transfers};
use super::transaction::{Announced, FtpTransaction, ReplyLine};
use crate::packet::Direction;
use crate::protocols::ftp_data::FtpDataNote;
use crate::protocols::line::{Line, PartLine};
use crate::protocols::{Expected, Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;
use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes of a line, its end included.
pub const MAX_LINE: usize = 4096;
/// Commands without a reply.
pub const MAX_PENDING: usize = 256;
/// Bytes kept for the protocol that follows.
pub const MAX_UNREAD: usize = 64 * 1024;

/// Reads a flow.
#[derive(Debug, Default)]
pub struct FtpParser {
    /// Without a whole reply, in order.
    pending: VecDeque<Box<FtpTransaction>>,
    transactions: u64,
    lines: [PartLine; 2],
    /// The code of a reply whose lines are not over.
    code: Option<[u8; 3]>,
    /// The connection for the next transfer.
    announced: Option<Announced>,
    ended: [bool; 2],
    outcome: Option<Status>,
    unread: Vec<u8>,
}

impl FtpParser {
    /// For a new flow.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn begin(&mut self, observer: &mut dyn Observer) -> &mut FtpTransaction {
        if self.pending.len() >= MAX_PENDING {
            if let Some(oldest) = self.pending.front_mut() {
                observer.event(Some(&mut **oldest), Direction::ToServer, "too_many_transactions");
            }
            self.finish(observer);
        }
        let id = self.transactions;
        self.transactions += 1;
        self.pending.push_back(Box::new(FtpTransaction::new(id)));
        let last = self.pending.len() - 1;
        &mut self.pending[last]
    }

    /// The oldest transaction is over.
    fn finish(&mut self, observer: &mut dyn Observer) {
        let Some(mut transaction) = self.pending.pop_front() else { return };
        tell(&mut transaction, Direction::ToServer, observer);
        tell(&mut transaction, Direction::ToClient, observer);
        observer.log(&mut *transaction, Direction::ToServer);
    }

    fn request(&mut self, mut bytes: &[u8], observer: &mut dyn Observer) {
        while !bytes.is_empty() && self.outcome.is_none() {
            let part = &mut self.lines[Direction::ToServer.index()];
            let taken = part.take(bytes, MAX_LINE);
            bytes = bytes.get(taken.len..).unwrap_or_default();
            if taken.whole {
                let line = part.finish();
                if !line.lost && !line.text().is_empty() {
                    self.command(&line, observer);
                }
                self.lines[Direction::ToServer.index()].reuse(line);
            }
        }
    }

    fn command(&mut self, line: &Line, observer: &mut dyn Observer) {
        let text = line.text();
        let name = command(text);
        let argument = argument(text);
        let before = self.announced;
        let announced = match name {
            Some("PORT") => six_numbers(argument).map(|port| Announced { port, active: true }),
            Some("EPRT") => extended_active(argument).map(|port| Announced { port, active: true }),
            _ => None,
        };
        let transaction = self.begin(observer);
        transaction.command = name;
        transaction.argument = argument.into();
        transaction.command_truncated = line.cut;
        transaction.announced = announced;
        if line.cut {
            observer.event(Some(&mut *transaction), Direction::ToServer, "request_command_too_long");
        }
        tell(transaction, Direction::ToServer, observer);
        self.announced = announced.or(before);
        if let Some(name) = name.filter(|name| transfers(name))
            && let Some(Announced { port, active }) = self.announced.take()
        {
            observer.expect(Expected {
                direction: if active { Direction::ToClient } else { Direction::ToServer },
                address: None,
                port,
                protocol: Protocol::FtpData,
                note: Arc::new(FtpDataNote { command: name, file: argument.into() }),
            });
        }
    }

    fn response(&mut self, mut bytes: &[u8], observer: &mut dyn Observer) {
        while !bytes.is_empty() && self.outcome.is_none() {
            let part = &mut self.lines[Direction::ToClient.index()];
            let taken = part.take(bytes, MAX_LINE);
            bytes = bytes.get(taken.len..).unwrap_or_default();
            if taken.whole {
                let line = part.finish();
                if !line.lost && !line.text().is_empty() {
                    self.reply(&line, observer);
                }
                self.lines[Direction::ToClient.index()].reuse(line);
            }
        }
        if self.outcome.is_some() {
            self.unread = bytes.get(..MAX_UNREAD).unwrap_or(bytes).to_vec();
        }
    }

    fn reply(&mut self, line: &Line, observer: &mut dyn Observer) {
        let text = line.text();
        let code = text.first_chunk::<3>().filter(|code| code.iter().all(u8::is_ascii_digit)).copied();
        let behind = code.and_then(|_| text.get(3).copied());
        let last = match (self.code, code) {
            (None, Some(_)) => behind != Some(b'-'),
            (Some(open), Some(code)) => open == code && behind != Some(b'-'),
            // Text between replies is no reply; in one, it is its next line.
            (None, None) => true,
            (Some(_), None) => false,
        };
        self.code = if last { None } else { self.code.or(code) };
        if self.pending.is_empty() {
            self.begin(observer);
        }
        let Some(transaction) = self.pending.front_mut() else { return };
        if line.cut {
            transaction.reply_truncated = true;
            observer.event(Some(&mut **transaction), Direction::ToClient, "response_command_too_long");
        }
        let shown = if code.is_some() { text.get(4..).unwrap_or_default() } else { text };
        transaction.add_reply(ReplyLine { code, text: shown.into() });
        match (transaction.command, code) {
            (Some("PASV"), Some([b'2', b'2', b'7'])) => {
                transaction.announced = six_numbers(shown).map(|port| Announced { port, active: false });
                self.announced = transaction.announced;
            }
            (Some("EPSV"), Some([b'2', b'2', b'9'])) => {
                transaction.announced = extended_passive(shown).map(|port| Announced { port, active: false });
                self.announced = transaction.announced;
            }
            _ => {}
        }
        let to_tls = transaction.command == Some("AUTH") && code == Some(*b"234");
        let preliminary = code.is_some_and(|code| code[0] == b'1');
        if last && !preliminary {
            self.finish(observer);
        }
        if last && to_tls {
            self.outcome = Some(Status::Changed(Some(Protocol::Tls)));
        }
    }
}

/// Tells that a direction is complete, once.
fn tell(transaction: &mut FtpTransaction, direction: Direction, observer: &mut dyn Observer) {
    if std::mem::replace(&mut transaction.told[direction.index()], Progress::Complete) != Progress::Complete {
        observer.progress(transaction, direction, Progress::Complete);
    }
}

impl Parser for FtpParser {
    fn protocol(&self) -> Protocol {
        Protocol::Ftp
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
        if len > 0 {
            self.lines[direction.index()].lose();
        }
        // Replies that are missing cannot be told from one another: what waits is over.
        if direction == Direction::ToClient && self.outcome.is_none() {
            self.code = None;
            while !self.pending.is_empty() {
                self.finish(observer);
            }
        }
        self.outcome.unwrap_or(Status::More)
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
                self.finish(observer);
            }
        }
    }
}
