//! The handshake, message by message, each side as far as the other lets it.

use super::event;
use super::probe::probe;
use super::transaction::{Framebuffer, PixelFormat, RfbTransaction};
use crate::packet::Direction;
use crate::protocols::cursor::Cursor;
use crate::protocols::framing::{Framer, Step};
use crate::protocols::registry::Likeness;
use crate::protocols::{Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;

/// Most bytes of a name or a reason.
pub const TEXT_LIMIT: usize = 16 * 1024;

/// Most bytes of a side that are kept while it waits for the other.
pub const WAIT_LIMIT: usize = 32 * 1024;

/// Security types (IANA, "RFB Security Types").
const NONE: u32 = 1;
const VNC: u32 = 2;

/// What a side says next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Version,
    /// The server: the types it offers, or the one it wants. The client: the one it chooses.
    Security,
    /// That depends on the type.
    Proof,
    /// The server: whether it was right.
    Result,
    /// The server: why not.
    Reason,
    Init,
    Done,
}

/// Why a message is not read.
enum Halt {
    /// There is not all of it, or the other side comes first.
    More,
    /// It is broken; the event.
    Odd(&'static str),
}

/// What was read of a message: its length, and what comes next.
type Read = Result<(usize, Stage), Halt>;

#[derive(Debug, Default)]
struct Side {
    framer: Framer,
    stage: Stage,
    odd: Vec<&'static str>,
}

/// Reads a flow's handshake.
#[derive(Debug, Default)]
pub struct RfbParser {
    transaction: RfbTransaction,
    sides: [Side; 2],
    logged: bool,
}

impl RfbParser {
    /// For a flow that begins.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn feed(&mut self, direction: Direction, bytes: &[u8]) {
        let mut framer = std::mem::take(&mut self.sides[direction.index()].framer);
        framer.feed(bytes, |bytes| self.step(bytes, direction));
        self.sides[direction.index()].framer = framer;
    }

    fn step(&mut self, bytes: &[u8], direction: Direction) -> Step {
        let stage = self.sides[direction.index()].stage;
        let read = match (stage, direction) {
            (Stage::Done, _) => return Step::Stop,
            (Stage::Version, _) => self.version(bytes, direction),
            (Stage::Security, Direction::ToClient) => self.offer(bytes),
            (Stage::Security, Direction::ToServer) => self.choice(bytes),
            (Stage::Proof, Direction::ToClient) => self.challenge(bytes),
            (Stage::Proof, Direction::ToServer) => self.response(bytes),
            (Stage::Result, _) => self.result(bytes),
            (Stage::Reason, _) => text(bytes).map(|(len, _)| (len, Stage::Done)),
            (Stage::Init, Direction::ToServer) => self.client_init(bytes),
            (Stage::Init, Direction::ToClient) => self.server_init(bytes),
        };
        match read {
            Ok((len, next)) => {
                let unknown = stage == Stage::Result && self.transaction.said.result.is_some_and(|result| result > 2);
                if unknown {
                    self.sides[direction.index()].odd.push(event::UNKNOWN_SECURITY_RESULT);
                }
                self.sides[direction.index()].stage = next;
                // A message of no bytes is one that is left out.
                if len == 0 { self.step(bytes, direction) } else { Step::Took(len) }
            }
            Err(Halt::More) if bytes.len() <= WAIT_LIMIT => Step::More,
            Err(Halt::More) => self.odd(event::MALFORMED_MESSAGE, direction),
            Err(Halt::Odd(event)) => self.odd(event, direction),
        }
    }

    fn odd(&mut self, event: &'static str, direction: Direction) -> Step {
        self.sides[direction.index()].odd.push(event);
        self.sides.iter_mut().for_each(|side| side.stage = Stage::Done);
        Step::Stop
    }

    /// The minor version in use: the client's.
    fn minor(&self) -> Option<u8> {
        let [_, [hundreds, tens, ones]] = self.transaction.said.versions[Direction::ToServer.index()]?;
        let digit = |byte: u8| byte.wrapping_sub(b'0');
        // What is not 3.7 or 3.8 is taken for 3.3 (RFC 6143, 7.1.1).
        Some(match (hundreds, tens, digit(ones)) {
            (b'0', b'0', minor @ 7..=8) => minor,
            (b'0', b'0', 0..=6) => 3,
            _ => 8,
        })
    }

    fn version(&mut self, bytes: &[u8], direction: Direction) -> Read {
        match probe(direction, bytes) {
            Likeness::More => Err(Halt::More),
            Likeness::No => Err(Halt::Odd(event::MALFORMED_MESSAGE)),
            Likeness::Yes => {
                let digits = |from: usize| bytes.get(from..).and_then(|b| b.first_chunk::<3>()).copied();
                self.transaction.said.versions[direction.index()] = digits(4).zip(digits(8)).map(|(a, b)| [a, b]);
                Ok((12, Stage::Security))
            }
        }
    }

    /// RFC 6143, 7.1.2.
    fn offer(&mut self, bytes: &[u8]) -> Read {
        let minor = self.minor().ok_or(Halt::More)?;
        let mut cursor = Cursor::big(bytes);
        if minor < 7 {
            let kind = cursor.u32().ok_or(Halt::More)?;
            self.transaction.said.security = Some(kind);
            return match kind {
                0 => Ok((4, Stage::Reason)),
                NONE | VNC => Ok((4, Stage::Proof)),
                _ => Err(Halt::Odd(event::UNIMPLEMENTED_SECURITY_TYPE)),
            };
        }
        match cursor.u8().ok_or(Halt::More)? {
            0 => Ok((1, Stage::Reason)),
            count => cursor.skip(count.into()).map(|()| (1 + usize::from(count), Stage::Proof)).ok_or(Halt::More),
        }
    }

    fn choice(&mut self, bytes: &[u8]) -> Read {
        if self.minor().ok_or(Halt::More)? < 7 {
            return Ok((0, Stage::Proof));
        }
        // A choice before the offer would not be one.
        if !matches!(self.sides[Direction::ToClient.index()].stage, Stage::Proof) {
            return Err(Halt::More);
        }
        let kind = u32::from(*bytes.first().ok_or(Halt::More)?);
        self.transaction.said.security = Some(kind);
        match kind {
            NONE | VNC => Ok((1, Stage::Proof)),
            _ => Err(Halt::Odd(event::UNIMPLEMENTED_SECURITY_TYPE)),
        }
    }

    fn challenge(&mut self, bytes: &[u8]) -> Read {
        match self.transaction.said.security.ok_or(Halt::More)? {
            NONE => Ok((0, if self.minor() == Some(8) { Stage::Result } else { Stage::Init })),
            VNC => {
                let challenge = *bytes.first_chunk::<16>().ok_or(Halt::More)?;
                self.transaction.said.challenge = Some(challenge);
                Ok((16, Stage::Result))
            }
            _ => Err(Halt::Odd(event::UNIMPLEMENTED_SECURITY_TYPE)),
        }
    }

    fn response(&mut self, bytes: &[u8]) -> Read {
        match self.transaction.said.security.ok_or(Halt::More)? {
            NONE => Ok((0, Stage::Init)),
            VNC => {
                let response = *bytes.first_chunk::<16>().ok_or(Halt::More)?;
                self.transaction.said.response = Some(response);
                Ok((16, Stage::Init))
            }
            _ => Err(Halt::Odd(event::UNIMPLEMENTED_SECURITY_TYPE)),
        }
    }

    /// RFC 6143, 7.1.3.
    fn result(&mut self, bytes: &[u8]) -> Read {
        let result = Cursor::big(bytes).u32().ok_or(Halt::More)?;
        self.transaction.said.result = Some(result);
        let next = match result {
            0 => Stage::Init,
            1 | 2 if self.minor() == Some(8) => Stage::Reason,
            _ => Stage::Done,
        };
        Ok((4, next))
    }

    fn client_init(&mut self, bytes: &[u8]) -> Read {
        self.transaction.said.shared = Some(*bytes.first().ok_or(Halt::More)? != 0);
        Ok((1, Stage::Done))
    }

    /// RFC 6143, 7.3.2.
    fn server_init(&mut self, bytes: &[u8]) -> Read {
        const HEAD: usize = 20;
        let (head, rest) = bytes.split_at_checked(HEAD).ok_or(Halt::More)?;
        let (len, name) = text(rest)?;
        let mut cursor = Cursor::big(head);
        let framebuffer = desktop(&mut cursor, name).ok_or(Halt::More)?;
        self.transaction.said.framebuffer = Some(framebuffer);
        Ok((HEAD + len, Stage::Done))
    }

    /// Tells all once it is over: what a side says may have waited for the other, and the order must not depend on that.
    fn settle(&mut self, observer: &mut dyn Observer) {
        let [client, server] = [self.sides[0].stage, self.sides[1].stage];
        let refused = server == Stage::Done && self.transaction.said.framebuffer.is_none();
        let is_over = refused || client == Stage::Done && server == Stage::Done;
        if !is_over || std::mem::replace(&mut self.logged, true) {
            return;
        }
        for direction in [Direction::ToServer, Direction::ToClient] {
            for event in std::mem::take(&mut self.sides[direction.index()].odd) {
                observer.event(Some(&mut self.transaction), direction, event);
            }
            observer.progress(&mut self.transaction, direction, Progress::Complete);
        }
        observer.log(&mut self.transaction, Direction::ToServer);
    }

    fn status(&self) -> Status {
        if self.logged { Status::GaveUp } else { Status::More }
    }
}

/// A text with its length before it.
fn text(bytes: &[u8]) -> Result<(usize, &[u8]), Halt> {
    let mut cursor = Cursor::big(bytes);
    let len = cursor.u32().ok_or(Halt::More)? as usize;
    if len > TEXT_LIMIT {
        return Err(Halt::Odd(event::MALFORMED_MESSAGE));
    }
    Ok((4 + len, cursor.take(len).ok_or(Halt::More)?))
}

fn desktop(cursor: &mut Cursor<'_>, name: &[u8]) -> Option<Framebuffer> {
    let (width, height) = (cursor.u16()?, cursor.u16()?);
    let format = PixelFormat {
        bits_per_pixel: cursor.u8()?,
        depth: cursor.u8()?,
        big_endian: cursor.u8()? != 0,
        true_color: cursor.u8()? != 0,
        max: [cursor.u16()?, cursor.u16()?, cursor.u16()?],
        shift: [cursor.u8()?, cursor.u8()?, cursor.u8()?],
    };
    Some(Framebuffer { width, height, format, name: name.to_vec() })
}

impl Parser for RfbParser {
    fn protocol(&self) -> Protocol {
        Protocol::Rfb
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        self.feed(direction, bytes);
        // What one says may be what the other waits for.
        loop {
            let before = [self.sides[0].stage, self.sides[1].stage];
            self.feed(direction.reverse(), &[]);
            self.feed(direction, &[]);
            if before == [self.sides[0].stage, self.sides[1].stage] {
                break;
            }
        }
        self.settle(observer);
        self.status()
    }

    fn gap(&mut self, direction: Direction, _len: u64, observer: &mut dyn Observer) -> Status {
        if self.sides[direction.index()].stage != Stage::Done {
            self.sides.iter_mut().for_each(|side| side.stage = Stage::Done);
        }
        self.settle(observer);
        self.status()
    }

    fn end(&mut self, direction: Direction, observer: &mut dyn Observer) {
        self.sides[direction.index()].stage = Stage::Done;
        self.settle(observer);
    }
}
