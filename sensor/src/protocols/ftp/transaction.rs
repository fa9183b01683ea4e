//! A command and its reply.

use super::record::FtpRecord;
use crate::packet::Direction;
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::{Buffer, Progress};

/// Lines of a reply that are kept.
pub const MAX_REPLIES: usize = 1024;
/// Bytes of a reply that are kept.
pub const MAX_REPLY_BYTES: usize = 64 * 1024;

/// A line of a reply.
#[derive(Clone, Debug)]
pub(super) struct ReplyLine {
    /// The code that it begins with, if it does.
    pub(super) code: Option<[u8; 3]>,
    /// What stands behind that.
    pub(super) text: Box<[u8]>,
}

/// A port that was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Announced {
    pub(super) port: u16,
    /// The server connects to the client.
    pub(super) active: bool,
}

/// A transaction.
#[derive(Debug)]
pub struct FtpTransaction {
    state: TransactionState,
    /// Its name, if it is a known one.
    pub(super) command: Option<&'static str>,
    pub(super) argument: Box<[u8]>,
    pub(super) command_truncated: bool,
    pub(super) replies: Vec<ReplyLine>,
    reply_bytes: usize,
    pub(super) reply_truncated: bool,
    pub(super) announced: Option<Announced>,
    /// How far each direction was told.
    pub(super) told: [Progress; 2],
}

impl FtpTransaction {
    pub(super) fn new(id: u64) -> Self {
        Self {
            state: TransactionState::new(id),
            command: None,
            argument: Box::default(),
            command_truncated: false,
            replies: Vec::new(),
            reply_bytes: 0,
            reply_truncated: false,
            announced: None,
            told: [Progress::Start; 2],
        }
    }

    pub(super) fn add_reply(&mut self, line: ReplyLine) {
        if self.replies.len() >= MAX_REPLIES || self.reply_bytes + line.text.len() > MAX_REPLY_BYTES {
            self.reply_truncated = true;
            return;
        }
        self.reply_bytes += line.text.len();
        self.replies.push(line);
    }
}

impl Transaction for FtpTransaction {
    fn state(&mut self) -> &mut TransactionState {
        &mut self.state
    }

    fn state_ref(&self) -> &TransactionState {
        &self.state
    }

    fn bytes<'a>(
        &'a self,
        buffer: Buffer,
        direction: Direction,
        index: usize,
        _scratch: &'a mut Vec<u8>,
    ) -> Option<Part<'a>> {
        let to_server = direction == Direction::ToServer;
        let whole = match buffer {
            Buffer::FtpCommand if to_server && index == 0 => self.command?.as_bytes(),
            Buffer::FtpCommandData if to_server && index == 0 => self.command.map(|_| &*self.argument)?,
            Buffer::FtpReply if !to_server => &self.replies.get(index)?.text,
            Buffer::FtpCompletionCode if !to_server => {
                self.replies.iter().filter_map(|r| r.code.as_ref()).nth(index)?.as_slice()
            }
            _ => return None,
        };
        Some(Part::whole(whole))
    }

    fn number(&self, buffer: Buffer, direction: Direction, index: usize) -> Option<u64> {
        if index > 0 {
            return None;
        }
        match buffer {
            Buffer::FtpDynamicPort => self.announced.map(|a| a.port.into()),
            Buffer::FtpMode => self.announced.map(|a| a.active.into()),
            Buffer::FtpReplyReceived if direction == Direction::ToClient => Some((!self.replies.is_empty()).into()),
            _ => None,
        }
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        Some(Box::new(FtpRecord {
            command: self.command,
            argument: self.argument.clone(),
            command_truncated: self.command_truncated,
            replies: self.replies.clone(),
            reply_truncated: self.reply_truncated,
            announced: self.announced,
        }))
    }
}
