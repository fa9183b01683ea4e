//! Message for message, each side in its turn.

use super::message::{First, Read, accepted, first, granted, method, password, request};
use crate::packet::Direction;
use crate::protocols::{Observer, Parser, Status};
use sekisho_signatures::app::Protocol;

/// Bytes of a direction that are kept.
pub const MAX_UNREAD: usize = 64 * 1024;

/// CONNECT, and the code of success.
const CONNECT: u8 = 1;
const SUCCEEDED: u8 = 0;

/// Whose message is next, and which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Next {
    #[default]
    First,
    /// The answer to a SOCKS 4 request.
    Granted,
    Method,
    Password,
    Accepted,
    Request,
    Answer,
}

/// Reads a flow.
#[derive(Debug, Default)]
pub struct SocksParser {
    next: Next,
    /// What was not read yet.
    unread: [Vec<u8>; 2],
    outcome: Option<Status>,
}

impl SocksParser {
    /// For a new flow.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads what is next, if it is there: the step that follows, or the end of it.
    fn step(&mut self) -> Option<Result<Next, Status>> {
        let on = |next: Next| Ok(next);
        let inside = Err(Status::Changed(None));
        let given_up = Err(Status::GaveUp);
        let [client, server] = &mut self.unread;
        match self.next {
            Next::First => taken(client, first, |what| match what {
                First::Methods => on(Next::Method),
                First::Request { connect: true } => on(Next::Granted),
                First::Request { connect: false } => given_up,
            }),
            Next::Granted => taken(server, granted, |yes| if yes { inside } else { given_up }),
            Next::Method => taken(server, method, |method| match method {
                0 => on(Next::Request),
                2 => on(Next::Password),
                _ => given_up,
            }),
            Next::Password => taken(client, password, |()| on(Next::Accepted)),
            Next::Accepted => taken(server, accepted, |yes| if yes { on(Next::Request) } else { given_up }),
            Next::Request => {
                taken(client, request, |command| if command == CONNECT { on(Next::Answer) } else { given_up })
            }
            Next::Answer => taken(server, request, |code| if code == SUCCEEDED { inside } else { given_up }),
        }
    }
}

/// Takes a message off the bytes and says what follows from it.
fn taken<T>(
    bytes: &mut Vec<u8>,
    read: impl Fn(&[u8]) -> Read<T>,
    then: impl Fn(T) -> Result<Next, Status>,
) -> Option<Result<Next, Status>> {
    match read(bytes) {
        Read::Whole(len, what) => {
            bytes.drain(..len.min(bytes.len()));
            Some(then(what))
        }
        Read::More => None,
        Read::Not => Some(Err(Status::GaveUp)),
    }
}

impl Parser for SocksParser {
    fn protocol(&self) -> Protocol {
        Protocol::Socks
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], _observer: &mut dyn Observer) -> Status {
        let kept = &mut self.unread[direction.index()];
        if kept.len() + bytes.len() > MAX_UNREAD {
            self.outcome.get_or_insert(Status::GaveUp);
        } else {
            kept.extend_from_slice(bytes);
        }
        while self.outcome.is_none() {
            match self.step() {
                Some(Ok(next)) => self.next = next,
                Some(Err(outcome)) => self.outcome = Some(outcome),
                None => break,
            }
        }
        self.outcome.unwrap_or(Status::More)
    }

    fn gap(&mut self, _direction: Direction, _len: u64, _observer: &mut dyn Observer) -> Status {
        *self.outcome.get_or_insert(Status::GaveUp)
    }

    fn unread(&self, direction: Direction) -> &[u8] {
        &self.unread[direction.index()]
    }

    fn end(&mut self, _direction: Direction, _observer: &mut dyn Observer) {}
}
