//! What a flow knows of its application protocol: which it is, and the parser that reads it.
//!
//! A protocol is recognised by the first bytes of either direction, on any port. Until it is, the first bytes are kept, at
//! most [`MAX_PROBE`] of each direction, so that the parser gets all of them.

use super::registry::{self, Probe, Transport};
use super::{Observer, Parser, Status};
use crate::packet::Direction;
use sekisho_signatures::app::{Protocol, Protocols};
use std::any::Any;

/// Bytes of one direction within which a protocol must be recognised.
pub const MAX_PROBE: usize = 2048;

/// Times that the protocol of one flow may change.
const MAX_CHANGES: u8 = 8;

/// What is known about the protocol of a flow or of one of its directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Recognition {
    /// Nothing yet.
    #[default]
    Unknown,
    /// It is none that is known.
    Failed,
    /// This one.
    Known(Protocol),
}

impl Recognition {
    /// Whether it is one of these.
    #[must_use]
    pub fn is_of(self, protocols: Protocols) -> bool {
        matches!(self, Self::Known(p) if protocols.contains(p))
    }

    /// The protocol, if it is known.
    #[must_use]
    pub fn protocol(self) -> Option<Protocol> {
        match self {
            Self::Known(protocol) => Some(protocol),
            Self::Unknown | Self::Failed => None,
        }
    }
}

// Of Suricata's events of recognition, `applayer_proto_detection_skipped` is not raised: it says that Suricata gave up to look for a
// protocol where one side had sent 100,000 bytes and the other none. Here a direction is looked at for its first [`MAX_PROBE`] bytes,
// whenever they come.

/// The two directions are of different protocols.
const MISMATCH: &str = "applayer_mismatch_protocol_both_directions";
/// The server spoke first, in a protocol in which the client does.
const WRONG_DIRECTION: &str = "applayer_wrong_direction_first_data";
/// One direction is of a known protocol, and the other of none.
const ONE_DIRECTION: &str = "applayer_detect_protocol_only_one_direction";

/// Protocols in which the client speaks first, and either side is known by how it begins.
fn tells_both(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Http1 | Protocol::Tls)
}

/// What rules and records ask about a flow's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct AppView {
    /// The flow's.
    pub protocol: Recognition,
    /// As each direction was recognised.
    pub directions: [Recognition; 2],
    /// What it was before it changed, if it did.
    pub original: Recognition,
}

/// A flow's application protocol.
#[derive(Default)]
pub struct FlowApp {
    view: AppView,
    parser: Option<Box<dyn Parser>>,
    /// First bytes, while the protocol is not known; also those that failed, since the other direction may still tell.
    kept: [Vec<u8>; 2],
    /// There were more of them than are kept.
    overflowed: [bool; 2],
    /// The client's and the server's.
    ports: [u16; 2],
    changes: u8,
    /// Which side spoke first.
    first: Option<Direction>,
    /// What was odd as the protocol was recognised, still to be told.
    odd: Option<(Direction, &'static str)>,
    /// Whether it was announced has been asked.
    asked: bool,
    /// Both directions are encrypted from here on.
    pub encrypted: bool,
}

impl std::fmt::Debug for FlowApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FlowApp").field("view", &self.view).field("encrypted", &self.encrypted).finish_non_exhaustive()
    }
}

impl FlowApp {
    /// What is known.
    #[must_use]
    pub fn view(&self) -> AppView {
        self.view
    }

    /// A parser reads the flow.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.parser.is_some()
    }

    /// The flow's start was not seen, and the server's bytes are the first: who spoke first is not known.
    pub fn starts_unseen(&mut self) {
        self.first = Some(Direction::ToServer);
    }

    /// What came of one direction so far ends within a part that rules see only when it is whole, or tells not yet which protocol it is.
    #[must_use]
    pub fn is_within(&self, direction: Direction) -> bool {
        let i = direction.index();
        match &self.parser {
            Some(parser) => parser.is_within(direction),
            None => self.view.directions[i] == Recognition::Unknown && !self.kept[i].is_empty(),
        }
    }

    /// Nothing more is to be learnt from this direction: bytes need not be shown.
    #[must_use]
    pub fn is_idle(&self, direction: Direction) -> bool {
        let i = direction.index();
        match self.view.protocol {
            Recognition::Unknown => self.view.directions[i] != Recognition::Unknown && self.overflowed[i],
            Recognition::Known(_) => self.view.directions[i] != Recognition::Unknown,
            Recognition::Failed => true,
        }
    }

    /// Whether it is to be asked if another flow announced this one: once, before its first bytes are looked at.
    pub fn asks(&mut self) -> bool {
        !std::mem::replace(&mut self.asked, true) && self.view == AppView::default()
    }

    /// Another flow announced this one as of that protocol, with a note for the parser.
    pub fn expected(&mut self, transport: Transport, protocol: Protocol, note: &(dyn Any + Send + Sync)) {
        self.view.protocol = Recognition::Known(protocol);
        self.view.directions = [self.view.protocol; 2];
        self.parser = registry::parser(protocol, transport);
        if let Some(parser) = &mut self.parser {
            parser.expected(note);
        }
    }

    /// Looks at bytes of one direction before anything else does: which protocol is it? `ports`: the client's and the
    /// server's. Returns how many of the bytes were added to those that are kept, which [`Self::parse`] wants to know.
    pub fn recognise(&mut self, transport: Transport, direction: Direction, ports: [u16; 2], bytes: &[u8]) -> usize {
        let i = direction.index();
        self.ports = ports;
        if self.is_idle(direction) {
            return 0;
        }
        self.first.get_or_insert(direction);
        if let Some(protocol) = self.view.protocol.protocol() {
            self.compare(protocol, transport, direction, bytes);
            return 0;
        }
        if self.view.directions[i] == Recognition::Failed {
            self.keep_failed(i, bytes);
            return 0;
        }
        let room = MAX_PROBE.saturating_sub(self.kept[i].len());
        let mut absorbed = 0;
        let whole: &[u8] = if self.kept[i].is_empty() {
            bytes
        } else {
            absorbed = bytes.len().min(room);
            self.kept[i].extend_from_slice(&bytes[..absorbed]);
            &self.kept[i]
        };
        match registry::probe(transport, direction, ports, whole) {
            Probe::Is(protocol) => {
                self.view.directions[i] = Recognition::Known(protocol);
                self.view.protocol = Recognition::Known(protocol);
                self.begin(protocol, transport);
                if tells_both(protocol) && transport == Transport::Stream && self.first == Some(Direction::ToClient) {
                    self.odd = Some((direction, WRONG_DIRECTION));
                }
            }
            Probe::More if whole.len() < MAX_PROBE && transport == Transport::Stream => {
                if self.kept[i].is_empty() {
                    self.kept[i].extend_from_slice(bytes);
                }
            }
            Probe::Not | Probe::More => {
                self.fail(direction);
                if transport == Transport::Datagram {
                    self.forget(i);
                } else if self.view.protocol == Recognition::Unknown {
                    self.keep_failed(i, bytes.get(absorbed..).unwrap_or_default());
                }
                // They are kept, and the parser gets them from there.
                return if self.overflowed[i] { 0 } else { bytes.len() };
            }
        }
        absorbed
    }

    /// The flow's protocol is known by the other direction: what does this one look like?
    fn compare(&mut self, protocol: Protocol, transport: Transport, direction: Direction, bytes: &[u8]) {
        let known = &mut self.view.directions[direction.index()];
        *known = Recognition::Known(protocol);
        if transport != Transport::Stream || registry::may_be(protocol, transport, direction, bytes) {
            return;
        }
        match registry::probe(transport, direction, self.ports, bytes) {
            Probe::Is(other) => {
                *known = Recognition::Known(other);
                self.odd = Some((direction, MISMATCH));
            }
            Probe::Not if tells_both(protocol) => self.odd = Some((direction, ONE_DIRECTION)),
            Probe::Not | Probe::More => {}
        }
    }

    fn begin(&mut self, protocol: Protocol, transport: Transport) {
        self.parser = registry::parser(protocol, transport);
        if let (Some(parser), Some(before)) = (&mut self.parser, self.view.original.protocol()) {
            parser.follows(before);
        }
    }

    fn fail(&mut self, direction: Direction) {
        let [i, other] = [direction.index(), direction.reverse().index()];
        self.view.directions[i] = Recognition::Failed;
        if self.view.directions[other] == Recognition::Failed {
            self.view.protocol = Recognition::Failed;
            self.forget(0);
            self.forget(1);
        }
    }

    /// Keeps bytes of a direction that failed, all of them or none.
    fn keep_failed(&mut self, i: usize, bytes: &[u8]) {
        if self.kept[i].len() + bytes.len() > MAX_PROBE {
            self.forget(i);
        } else if !self.overflowed[i] {
            self.kept[i].extend_from_slice(bytes);
        }
    }

    fn forget(&mut self, i: usize) {
        self.kept[i] = Vec::new();
        self.overflowed[i] = true;
    }

    /// Gives bytes of one direction to the parser, behind those that were kept; the first `absorbed` are among these.
    pub fn parse(&mut self, direction: Direction, bytes: &[u8], absorbed: usize, observer: &mut dyn Observer) {
        if let Some((direction, event)) = self.odd.take() {
            observer.event(None, direction, event);
        }
        if self.parser.is_none() {
            return;
        }
        for side in [Direction::ToServer, Direction::ToClient] {
            let kept = std::mem::take(&mut self.kept[side.index()]);
            if !kept.is_empty() {
                self.feed(side, &kept, observer);
            }
            // What this direction began with is gone.
            if std::mem::take(&mut self.overflowed[side.index()])
                && let Some(parser) = &mut self.parser
            {
                let status = parser.gap(side, MAX_PROBE as u64, observer);
                self.follow(status, observer);
            }
        }
        let known = &mut self.view.directions[direction.index()];
        if *known == Recognition::Unknown {
            *known = self.view.protocol;
        }
        let rest = bytes.get(absorbed..).unwrap_or_default();
        if !rest.is_empty() {
            self.feed(direction, rest, observer);
        }
    }

    fn feed(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) {
        if let Some(parser) = &mut self.parser {
            let status = parser.data(direction, bytes, observer);
            self.follow_name();
            self.follow(status, observer);
        }
    }

    /// A parser may see that its protocol is a more particular one, which it reads as well.
    fn follow_name(&mut self) {
        let Some(now) = self.parser.as_ref().map(|parser| Recognition::Known(parser.protocol())) else { return };
        if now != self.view.protocol {
            self.view.original = self.view.protocol;
            self.view.protocol = now;
            self.view.directions = [now; 2];
        }
    }

    /// Bytes are missing before the protocol was recognised: this direction cannot tell any more.
    pub fn lost(&mut self, direction: Direction) {
        if self.view.protocol == Recognition::Unknown {
            self.fail(direction);
            self.forget(direction.index());
        }
    }

    /// Bytes are missing.
    pub fn gap(&mut self, direction: Direction, len: u64, observer: &mut dyn Observer) {
        match &mut self.parser {
            Some(parser) => {
                let status = parser.gap(direction, len, observer);
                self.follow(status, observer);
            }
            None => self.lost(direction),
        }
    }

    /// The direction is over.
    pub fn end(&mut self, direction: Direction, observer: &mut dyn Observer) {
        if let Some(parser) = &mut self.parser {
            parser.end(direction, observer);
        }
    }

    fn follow(&mut self, status: Status, observer: &mut dyn Observer) {
        match status {
            Status::More => {}
            Status::Encrypted => {
                self.encrypted = true;
                self.parser = None;
            }
            Status::GaveUp => {
                // What it began is told as it stands, and logged.
                if let Some(mut parser) = self.parser.take() {
                    parser.end(Direction::ToServer, observer);
                    parser.end(Direction::ToClient, observer);
                }
            }
            Status::Changed(protocol) => self.change(protocol, observer),
        }
    }

    /// What follows is of another protocol: `next`, or one that is to be recognised.
    fn change(&mut self, next: Option<Protocol>, observer: &mut dyn Observer) {
        let Some(mut parser) = self.parser.take() else { return };
        let unread = [Direction::ToServer, Direction::ToClient].map(|d| parser.unread(d).to_vec());
        let handed = parser.hand_over();
        parser.end(Direction::ToServer, observer);
        parser.end(Direction::ToClient, observer);
        self.view.original = self.view.protocol;
        let now = next.map_or(Recognition::Unknown, Recognition::Known);
        self.view.protocol = now;
        self.view.directions = [now; 2];
        self.first = None;
        self.kept = [Vec::new(), Vec::new()];
        self.overflowed = [false; 2];
        self.changes = self.changes.saturating_add(1);
        if self.changes > MAX_CHANGES {
            self.view.protocol = Recognition::Failed;
            self.view.directions = [Recognition::Failed; 2];
            return;
        }
        if let Some(protocol) = next {
            self.begin(protocol, Transport::Stream);
        }
        if let (Some(parser), Some(handed)) = (&mut self.parser, handed) {
            observer.changed(parser.protocol());
            parser.take_over(handed, observer);
            self.follow_name();
        }
        for (direction, bytes) in [Direction::ToServer, Direction::ToClient].into_iter().zip(&unread) {
            let absorbed = self.recognise(Transport::Stream, direction, self.ports, bytes);
            if let Some(protocol) = self.view.protocol.protocol() {
                observer.changed(protocol);
            }
            self.parse(direction, bytes, absorbed, observer);
        }
    }
}
