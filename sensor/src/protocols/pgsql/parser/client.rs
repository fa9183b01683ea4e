//! What a client says once it has started up.

use super::{Message, PgsqlParser, end, say};
use crate::packet::Direction::ToServer;
use crate::protocols::Observer;
use crate::protocols::cursor::Cursor;
use crate::protocols::pgsql::event;
use crate::protocols::pgsql::message::{prepared, request_name, text};
use crate::protocols::pgsql::transaction::{Proof, TEXT_LIMIT};

impl PgsqlParser {
    pub(super) fn request(&mut self, message: &Message<'_>, observer: &mut dyn Observer) {
        match message.kind {
            b'Q' => {
                let mut transaction = self.open(observer);
                transaction.request.add_statement(text(message.body).0);
                say(&mut transaction, observer);
                self.open.push_back(transaction);
            }
            b'p' => self.prove(message.body, observer),
            b'd' | b'c' | b'f' => self.copy(message, observer),
            b'X' => {
                let mut transaction = self.open(observer);
                transaction.request.name = request_name(b'X');
                end(transaction, observer);
            }
            b'B' | b'C' | b'D' | b'E' | b'F' | b'H' | b'P' | b'S' => self.extended(message, observer),
            _ => observer.event(None, ToServer, event::MALFORMED_REQUEST),
        }
    }

    /// What it means depends on what the server asked for.
    fn prove(&mut self, body: &[u8], observer: &mut dyn Observer) {
        let kept = |bytes: &[u8]| bytes.get(..TEXT_LIMIT).unwrap_or(bytes).to_vec();
        let mut transaction = self.open(observer);
        let request = &mut transaction.request;
        match self.authentication {
            10 => {
                let (mechanism, rest) = text(body);
                let mut rest = Cursor::big(rest);
                let said = rest.u32().map_or(&[][..], |_| rest.rest());
                request.proof = Proof::SaslFirst(kept(mechanism), kept(said));
            }
            11 => request.proof = Proof::Sasl(kept(body)),
            7..=9 => request.name = Some("gss_response"),
            _ => request.proof = Proof::Password,
        }
        say(&mut transaction, observer);
        self.open.push_back(transaction);
    }

    /// Data that is copied in: a transaction of its own, behind the one that the server answered with that it wants them.
    fn copy(&mut self, message: &Message<'_>, observer: &mut dyn Observer) {
        let goes_on = self.open.back().is_some_and(|t| !t.is_said && t.request.copied.messages > 0);
        let transaction = if goes_on { self.open.pop_back() } else { None };
        let mut transaction = transaction.unwrap_or_else(|| self.open(observer));
        if message.kind == b'd' {
            transaction.request.copied.add(message.body_len);
        } else {
            transaction.request.name = request_name(message.kind);
            say(&mut transaction, observer);
        }
        self.open.push_back(transaction);
    }

    /// Messages of an extended query belong together up to `Sync`.
    fn extended(&mut self, message: &Message<'_>, observer: &mut dyn Observer) {
        let is_copied = |name: &str| name == "copy_done" || name == "copy_fail";
        // It ends the copying: while data were copied, the server took none.
        if message.kind == b'S' && self.open.back().is_some_and(|t| t.request.name.is_some_and(is_copied)) {
            return;
        }
        let goes_on = self.open.back().is_some_and(|t| !t.is_said && t.request.name.is_some());
        let transaction = if goes_on && message.kind != b'F' { self.open.pop_back() } else { None };
        let mut transaction = transaction.unwrap_or_else(|| self.open(observer));
        let request = &mut transaction.request;
        request.name = request.name.or_else(|| request_name(message.kind));
        if message.kind == b'P' {
            request.add_statement(prepared(message.body));
        }
        if matches!(message.kind, b'S' | b'F') {
            say(&mut transaction, observer);
        }
        self.open.push_back(transaction);
    }
}
