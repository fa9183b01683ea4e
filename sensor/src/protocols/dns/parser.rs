//! Datagrams and streams to messages.

use super::event::Oddities;
use super::message::Header;
use super::probe::{Guess, probe_stream};
use super::transaction::DnsTransaction;
use crate::packet::Direction;
use crate::protocols::{Observer, Parser, Status, Transaction};
use arrayvec::ArrayVec;
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;

/// Which of the protocols that share the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// DNS.
    Dns,
    /// Multicast DNS: who asks and who answers has nothing to do with who spoke first.
    Mdns,
    /// Link-local multicast name resolution: whoever asks asks all, and each answer comes in a flow of its own.
    Llmnr,
}

/// How messages are told from one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// One to a datagram.
    Datagram,
    /// Each with its length before it (RFC 1035, 4.2.2).
    Stream,
}

/// Requests of one flow that rules keep out of the log and that are not answered yet.
const MAX_QUIET: usize = 32;

/// What is unfinished in one direction of a stream.
#[derive(Debug, Default)]
struct Unfinished {
    /// Length and message, as far as they came.
    bytes: Vec<u8>,
    /// Bytes to pass over: the rest of a message that was partly lost.
    skip: u64,
    /// It is not known where the next message begins.
    lost: bool,
}

/// Reads a flow.
#[derive(Debug)]
pub struct DnsParser {
    family: Family,
    transport: Transport,
    transaction: DnsTransaction,
    transactions: u64,
    unfinished: [Unfinished; 2],
    /// Ids of requests that a rule keeps out of the log: their answers are kept out of it as well.
    quiet: ArrayVec<u16, MAX_QUIET>,
}

impl DnsParser {
    /// For a flow of this kind.
    #[must_use]
    pub fn new(family: Family, transport: Transport) -> Self {
        Self {
            family,
            transport,
            transaction: DnsTransaction::new(family),
            transactions: 0,
            unfinished: [Unfinished::default(), Unfinished::default()],
            quiet: ArrayVec::new(),
        }
    }

    /// One whole message that came in `direction`.
    pub fn message(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) {
        let transaction = &mut self.transaction;
        transaction.begin(self.transactions, direction);
        let mut odd = transaction.message.read(bytes);
        if bytes.len() < Header::LEN {
            odd.names().for_each(|name| observer.event(None, direction, name));
            return;
        }
        self.transactions += 1;
        if self.family == Family::Dns {
            match (direction, transaction.message.header.is_response()) {
                (Direction::ToServer, true) => odd.add(Oddities::NOT_REQUEST),
                (Direction::ToClient, false) => odd.add(Oddities::NOT_RESPONSE),
                _ => {}
            }
        }
        transaction.collect_names();
        let (id, answers) = (transaction.message.header.id, transaction.message.header.is_response());
        if answers && let Some(known) = self.quiet.iter().position(|quiet| *quiet == id) {
            self.quiet.swap_remove(known);
            transaction.state().quiet = true;
        }
        for name in odd.names() {
            observer.event(Some(transaction), direction, name);
        }
        observer.progress(transaction, direction, Progress::Complete);
        if !answers && transaction.state_ref().quiet && !self.quiet.contains(&id) {
            if self.quiet.is_full() {
                self.quiet.remove(0);
            }
            self.quiet.push(id);
        }
        let broken = [Oddities::MALFORMED_DATA, Oddities::NOT_REQUEST, Oddities::NOT_RESPONSE];
        if !broken.into_iter().any(|b| odd.has(b)) {
            observer.log(transaction, direction);
        }
    }

    /// Bytes of a stream.
    fn stream(&mut self, direction: Direction, mut bytes: &[u8], observer: &mut dyn Observer) {
        let side = direction.index();
        let unfinished = &mut self.unfinished[side];
        if unfinished.skip > 0 {
            let passed = usize::try_from(unfinished.skip).unwrap_or(usize::MAX).min(bytes.len());
            unfinished.skip -= passed as u64;
            bytes = &bytes[passed..];
        }
        if bytes.is_empty() {
            return;
        }
        if unfinished.lost {
            // Messages mostly begin where segments do.
            if !matches!(probe_stream(bytes), Guess::Request | Guess::Response) {
                return;
            }
            unfinished.lost = false;
        }
        // What was unfinished comes first, and is completed with no more than it needs.
        if !unfinished.bytes.is_empty() {
            let mut whole = std::mem::take(&mut unfinished.bytes);
            while whole.len() < wanted(&whole) && !bytes.is_empty() {
                let (more, rest) = bytes.split_at((wanted(&whole) - whole.len()).min(bytes.len()));
                whole.extend_from_slice(more);
                bytes = rest;
            }
            if whole.len() >= 2 && whole.len() == wanted(&whole) {
                self.message(direction, &whole[2..], observer);
                whole.clear();
            }
            self.unfinished[side].bytes = whole;
        }
        while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
            let Some((message, rest)) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))) else { break };
            self.message(direction, message, observer);
            bytes = rest;
        }
        self.unfinished[side].bytes.extend_from_slice(bytes);
    }
}

/// How many bytes the message that begins here takes with its length; 2 as long as that is not known.
fn wanted(bytes: &[u8]) -> usize {
    bytes.first_chunk::<2>().map_or(2, |length| 2 + usize::from(u16::from_be_bytes(*length)))
}

impl Parser for DnsParser {
    fn protocol(&self) -> Protocol {
        match self.family {
            Family::Dns => Protocol::Dns,
            Family::Mdns => Protocol::Mdns,
            Family::Llmnr => Protocol::Llmnr,
        }
    }

    fn is_within(&self, direction: Direction) -> bool {
        !self.unfinished[direction.index()].bytes.is_empty()
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        match self.transport {
            Transport::Datagram => self.message(direction, bytes, observer),
            Transport::Stream => self.stream(direction, bytes, observer),
        }
        Status::More
    }

    fn gap(&mut self, direction: Direction, len: u64, _observer: &mut dyn Observer) -> Status {
        let unfinished = &mut self.unfinished[direction.index()];
        let skipping = unfinished.skip > 0;
        let missing = match &unfinished.bytes[..] {
            [_, _, ..] => (wanted(&unfinished.bytes) - unfinished.bytes.len()) as u64,
            _ => unfinished.skip,
        };
        unfinished.lost = len > missing || (unfinished.bytes.len() < 2 && !skipping);
        unfinished.skip = missing.saturating_sub(len);
        unfinished.bytes.clear();
        Status::More
    }

    fn end(&mut self, direction: Direction, observer: &mut dyn Observer) {
        let unfinished = std::mem::take(&mut self.unfinished[direction.index()]);
        if !unfinished.bytes.is_empty() {
            observer.event(None, direction, "malformed_data");
        }
    }
}
