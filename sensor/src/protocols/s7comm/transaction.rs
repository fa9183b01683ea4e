//! A job and its answer, as rules see them.

use super::message::{Content, Message, Userdata};
use super::record::S7commRecord;
use crate::packet::Direction;
use crate::protocols::{Observer, Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::{Buffer, Progress};

/// A message with what it says.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    pub(super) bytes: Vec<u8>,
    pub(super) content: Content,
}

impl Said {
    pub(super) fn message(&self) -> Option<Message<'_>> {
        Message::read(&self.bytes)
    }
}

/// A job and its answer; one of the two may not be there.
#[derive(Debug)]
pub struct S7commTransaction {
    state: TransactionState,
    /// Who began it.
    pub(super) asker: Direction,
    /// What each direction said, if it did.
    said: [Option<Said>; 2],
    /// Which directions were told to be complete.
    told: [bool; 2],
}

impl S7commTransaction {
    pub(super) fn new(number: u64, asker: Direction) -> Self {
        Self { state: TransactionState::new(number), asker, said: [None, None], told: [false; 2] }
    }

    /// Takes the message of a direction; false if it is not built as it should be.
    pub(super) fn add(&mut self, direction: Direction, bytes: &[u8]) -> bool {
        let (content, is_sound) = Message::read(bytes).map(|message| message.content(bytes)).unwrap_or_default();
        self.said[direction.index()] = Some(Said { bytes: bytes.to_vec(), content });
        is_sound
    }

    /// Tells that a direction is complete, once.
    pub(super) fn tell(&mut self, direction: Direction, observer: &mut dyn Observer) {
        if !std::mem::replace(&mut self.told[direction.index()], true) {
            observer.progress(self, direction, Progress::Complete);
        }
    }

    /// Bytes that are kept.
    pub(super) fn kept(&self) -> usize {
        self.said.iter().flatten().map(|said| said.bytes.len()).sum()
    }

    fn said(&self, direction: Direction) -> Option<&Said> {
        self.said[direction.index()].as_ref()
    }

    /// Whether this message of `direction` answers it.
    pub(super) fn is_answered_by(&self, answer: &Message<'_>, direction: Direction) -> bool {
        self.asker != direction
            && self.said(self.asker).and_then(Said::message).is_some_and(|asked| {
                asked.reference == answer.reference && (asked.rosctr == answer.rosctr) == answer.error.is_none()
            })
    }

    fn userdata(&self, direction: Direction) -> Option<Userdata> {
        self.said(direction)?.content.userdata
    }
}

impl Transaction for S7commTransaction {
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
        let said = self.said(direction).filter(|_| index == 0)?;
        let span = match buffer {
            Buffer::S7commBlock => said.content.block,
            Buffer::S7commService => said.content.service,
            Buffer::S7commArgument => said.content.argument,
            Buffer::S7commData => return said.message().map(|message| Part::whole(message.data)),
            _ => None,
        };
        span.map(|span| Part::whole(span.of(&said.bytes)))
    }

    fn number(&self, buffer: Buffer, direction: Direction, index: usize) -> Option<u64> {
        let said = self.said(direction)?;
        let item = || said.content.items.get(index);
        match buffer {
            Buffer::S7commArea => item().map(|item| item.area.into()),
            Buffer::S7commDb => item().map(|item| item.db.into()),
            Buffer::S7commAddress => item().map(|item| item.address.into()),
            _ if index > 0 => None,
            Buffer::S7commRosctr => said.message().map(|message| message.rosctr.0.into()),
            Buffer::S7commFunction => said.content.function.map(u64::from),
            Buffer::S7commError => said.message()?.error.map(u64::from),
            Buffer::S7commGroup => self.userdata(direction).map(|data| data.group.into()),
            Buffer::S7commSubfunction => self.userdata(direction).map(|data| data.subfunction.into()),
            Buffer::S7commSzlId => self.userdata(direction)?.szl.map(|(id, _)| id.into()),
            Buffer::S7commSzlIndex => self.userdata(direction)?.szl.map(|(_, index)| index.into()),
            _ => None,
        }
    }

    fn record(&self, _direction: Direction, alert: bool) -> Option<Box<dyn Record>> {
        // The published schema has no place for it in an alert.
        (!alert).then(|| Box::new(S7commRecord { asker: self.asker, said: self.said.clone() }) as Box<dyn Record>)
    }
}
