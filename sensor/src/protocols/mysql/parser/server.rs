//! What a server says.

use super::{Expects, MysqlParser};
use crate::packet::Direction::ToClient;
use crate::protocols::Observer;
use crate::protocols::cursor::Cursor;
use crate::protocols::mysql::event;
use crate::protocols::mysql::message::{Command, Greeting, capability, end_of_result, error, integer};
use crate::protocols::mysql::transaction::kept;

/// First bytes of answers.
const OK: u8 = 0x00;
const FILE: u8 = 0xfb;
const EOF: u8 = 0xfe;
const ERROR: u8 = 0xff;

impl MysqlParser {
    pub(super) fn response(&mut self, payload: &[u8], len: usize, observer: &mut dyn Observer) {
        let Some(&kind) = payload.first() else {
            // A row of a result without columns; nothing else is empty.
            return;
        };
        if self.open.is_empty() && self.expects != Expects::Greeting {
            // Nothing was asked: a server may say why it hangs up, and no more.
            if kind != ERROR {
                return;
            }
            let transaction = self.open(observer);
            self.open.push_back(transaction);
        }
        match self.expects {
            _ if kind == ERROR => self.fail(payload, observer),
            Expects::Greeting => match Greeting::read(payload) {
                Some(greeting) => self.greet(greeting, observer),
                None => {
                    observer.event(None, ToClient, event::MALFORMED_RESPONSE);
                    self.give_up(observer);
                }
            },
            Expects::Verdict => self.verdict(kind, payload, observer),
            Expects::Answer => self.answer(kind, payload, observer),
            Expects::Columns(left) if left > 1 => self.expects = Expects::Columns(left - 1),
            Expects::Columns(_) if self.can(capability::DEPRECATE_EOF) => self.expects = Expects::Rows,
            Expects::Columns(_) => self.expects = Expects::EndOfColumns,
            Expects::EndOfColumns => self.expects = Expects::Rows,
            Expects::Rows if self.ends_rows(kind, len) => self.end_result(payload, observer),
            Expects::Rows => {
                if let Some(transaction) = self.open.front_mut() {
                    let is_text = matches!(transaction.command, Some(Command::QUERY | Command::PROCESS_INFO));
                    transaction.add_row(payload, is_text);
                }
            }
            Expects::Prepared(left) if left > 1 => self.expects = Expects::Prepared(left - 1),
            Expects::Prepared(_) => self.finish(observer),
            Expects::Fields if kind == EOF && len < 9 => self.finish(observer),
            Expects::Fields => {}
        }
    }

    /// The longest values begin with the same byte: their packets are longer.
    fn ends_rows(&self, kind: u8, len: usize) -> bool {
        let shorter_than = if self.can(capability::DEPRECATE_EOF) { super::LONGEST } else { 9 };
        kind == EOF && len < shorter_than
    }

    fn fail(&mut self, payload: &[u8], observer: &mut dyn Observer) {
        let (code, state, text) = error(payload);
        let is_greeting = self.expects == Expects::Greeting;
        if is_greeting && self.open.is_empty() {
            let transaction = self.open(observer);
            self.open.push_back(transaction);
        }
        if let Some(transaction) = self.open.front_mut() {
            transaction.answer.error = Some((code, kept(state), kept(text)));
        }
        self.finish(observer);
        if is_greeting {
            self.give_up(observer);
        }
    }

    fn verdict(&mut self, kind: u8, payload: &[u8], observer: &mut dyn Observer) {
        let Some(transaction) = self.open.front_mut() else { return };
        match kind {
            OK => {
                transaction.answer.is_ok = true;
                let compressed = self.can(capability::COMPRESS) || self.can(capability::ZSTD);
                if compressed && let Some(transaction) = self.open.front_mut() {
                    observer.event(Some(transaction), ToClient, event::COMPRESSED);
                }
                self.finish(observer);
                if compressed {
                    self.give_up(observer);
                }
            }
            // The server wants another way of authentication.
            EOF => {
                let name = payload.get(1..).and_then(|rest| rest.split(|b| *b == 0).next()).unwrap_or_default();
                if let Some(session) = transaction.session.as_mut().filter(|_| !name.is_empty()) {
                    session.plugin = Some(kept(name));
                }
            }
            _ => {}
        }
    }

    fn answer(&mut self, kind: u8, payload: &[u8], observer: &mut dyn Observer) {
        let Some(transaction) = self.open.front_mut() else { return };
        let Some(command) = transaction.command else {
            // A login whose greeting was not seen.
            self.verdict(kind, payload, observer);
            return;
        };
        match command {
            Command::QUERY | Command::EXECUTE | Command::PROCESS_INFO => match kind {
                OK | EOF => self.end_result(payload, observer),
                FILE => {
                    transaction.answer.file = Some((kept(payload.get(1..).unwrap_or_default()), 0));
                    self.sends_file = true;
                }
                _ => self.begin_result(payload, observer),
            },
            Command::PREPARE => {
                let left = prepared(payload, self.can(capability::DEPRECATE_EOF));
                if let Some(transaction) = self.open.front_mut() {
                    transaction.answer.is_ok = true;
                }
                match left {
                    0 => self.finish(observer),
                    left => self.expects = Expects::Prepared(left),
                }
            }
            Command::FETCH => {
                self.expects = Expects::Rows;
                self.response(payload, payload.len(), observer);
            }
            Command::FIELD_LIST if kind == EOF => self.finish(observer),
            Command::FIELD_LIST => self.expects = Expects::Fields,
            // Steps of the authentication come before the verdict.
            Command::CHANGE_USER if kind != OK => {}
            Command::STATISTICS => self.finish(observer),
            _ => self.end_result(payload, observer),
        }
    }

    /// How many columns a result has; their descriptions may be left out.
    fn begin_result(&mut self, payload: &[u8], observer: &mut dyn Observer) {
        let mut c = Cursor::little(payload);
        let follow = if self.can(capability::OPTIONAL_METADATA) { c.u8() } else { None };
        let columns = integer(&mut c).filter(|columns| (1..=0xffff).contains(columns));
        // MariaDB says it behind their number.
        let follow = follow.or_else(|| c.u8());
        let (Some(columns), Some(transaction)) = (columns, self.open.front_mut()) else {
            observer.event(None, ToClient, event::MALFORMED_RESPONSE);
            self.give_up(observer);
            return;
        };
        transaction.answer.columns = columns;
        self.expects = match follow {
            Some(0) if self.can(capability::DEPRECATE_EOF) => Expects::Rows,
            Some(0) => Expects::EndOfColumns,
            _ => Expects::Columns(columns),
        };
    }

    fn end_result(&mut self, payload: &[u8], observer: &mut dyn Observer) {
        let (goes_on, affected) = end_of_result(payload);
        if let Some(transaction) = self.open.front_mut() {
            transaction.answer.is_ok = true;
            transaction.answer.affected = affected.or(transaction.answer.affected);
        }
        if goes_on {
            self.expects = Expects::Answer;
        } else {
            self.finish(observer);
        }
    }
}

/// How many packets about a prepared statement follow the first.
fn prepared(payload: &[u8], without_end: bool) -> u64 {
    // Behind the kind and the statement's number.
    let mut c = Cursor::little(payload.get(5..).unwrap_or_default());
    let (columns, parameters) = (c.u16().map_or(0, u64::from), c.u16().map_or(0, u64::from));
    let ended = |n: u64| if n > 0 && !without_end { n + 1 } else { n };
    ended(columns) + ended(parameters)
}
