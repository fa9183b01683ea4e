//! What a server says.

use super::{Message, PgsqlParser};
use crate::packet::Direction::ToClient;
use crate::protocols::Observer;
use crate::protocols::cursor::Cursor;
use crate::protocols::pgsql::event;
use crate::protocols::pgsql::message::text;
use crate::protocols::pgsql::transaction::{PARAMETERS_LIMIT, PgsqlTransaction, Response, TEXT_LIMIT};

/// What to do behind a message.
enum Then {
    GoOn,
    /// The transaction is over.
    Finish,
    /// It is none that is known, or broken.
    Odd,
}

impl PgsqlParser {
    pub(super) fn response(&mut self, message: &Message<'_>, observer: &mut dyn Observer) {
        // The server is ready for the next: what waits longest is over.
        if message.kind == b'Z' {
            self.is_in = true;
            self.finish(observer);
            return;
        }
        // A server may say these at any time.
        let is_aside = matches!(message.kind, b'A' | b'N' | b'S');
        let alone = self.open.is_empty();
        if alone {
            self.open.push_back(PgsqlTransaction::new(self.transactions));
            self.transactions += 1;
        }
        let Some(transaction) = self.open.front_mut() else { return };
        let was_full = transaction.response.has_more_parameters;
        let then = take(&mut transaction.response, message);
        if message.kind == b'R' {
            self.authentication = transaction.response.authentication.unwrap_or_default();
        }
        if transaction.response.has_more_parameters && !was_full {
            observer.event(Some(transaction), ToClient, event::TOO_MANY_RESPONSES);
        }
        if matches!(then, Then::Odd) {
            observer.event(Some(transaction), ToClient, event::MALFORMED_RESPONSE);
        }
        let refused = message.kind == b'E' && !self.is_in;
        if matches!(then, Then::Finish) || refused || (alone && is_aside) {
            self.finish(observer);
        }
    }
}

fn take(response: &mut Response, message: &Message<'_>) -> Then {
    let body = message.body;
    let mut c = Cursor::big(body);
    let kept = |bytes: &[u8]| bytes.get(..TEXT_LIMIT).unwrap_or(bytes).to_vec();
    match message.kind {
        b'R' => return authentication(response, body).unwrap_or(Then::Odd),
        b'S' => {
            if response.parameters.len() + body.len() <= PARAMETERS_LIMIT && body.ends_with(b"\0") {
                response.parameters.extend_from_slice(body);
            } else {
                response.has_more_parameters = true;
            }
        }
        b'K' => response.key = c.u32().zip(c.u32()).map(|(process, secret)| [process, secret]),
        b'T' => response.columns = c.u16(),
        b'D' => {
            let Some(columns) = c.u16() else { return Then::Odd };
            // Each value has its length before it.
            response.rows.add(message.body_len.saturating_sub(2 + 4 * usize::from(columns)));
        }
        b'C' => response.completed = Some(kept(text(body).0)),
        b'E' if !response.failed => {
            response.failed = true;
            response.fields = kept(body);
        }
        b'N' if response.fields.is_empty() => response.fields = kept(body),
        b'G' | b'H' | b'W' => {
            let columns = c.u8().and_then(|_| c.u16());
            if message.kind == b'G' {
                response.copies_in = columns;
                return Then::Finish;
            }
            response.copies_out = columns;
        }
        b'd' => response.copied.add(message.body_len),
        // Those that say no more than that something was done.
        b'1' | b'2' | b'3' | b'A' | b'c' | b'E' | b'I' | b'N' | b'n' | b's' | b't' | b'V' | b'v' => {}
        _ => return Then::Odd,
    }
    Then::GoOn
}

fn authentication(response: &mut Response, body: &[u8]) -> Option<Then> {
    let mut c = Cursor::big(body);
    let code = c.u32()?;
    response.authentication = Some(code);
    match code {
        5 => response.salt = Some(c.array()?),
        12 => response.sasl_final = c.rest().get(..TEXT_LIMIT).unwrap_or(c.rest()).to_vec(),
        _ => {}
    }
    // The others want the client to answer.
    Some(if matches!(code, 0 | 12) { Then::GoOn } else { Then::Finish })
}
