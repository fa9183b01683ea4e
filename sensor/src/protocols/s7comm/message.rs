//! One message: its header, and what its parameters and data say.

use crate::protocols::cursor::Cursor;
use crate::protocols::span::Span;

/// What every message begins with.
pub(super) const PROTOCOL: u8 = 0x32;

/// Remote operating service control: what a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rosctr(pub(super) u8);

impl Rosctr {
    pub(super) const JOB: Self = Self(1);
    pub(super) const ACK: Self = Self(2);
    pub(super) const ACK_DATA: Self = Self(3);
    pub(super) const USERDATA: Self = Self(7);

    fn has_error(self) -> bool {
        matches!(self, Self::ACK | Self::ACK_DATA)
    }
}

/// What a message is to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Asks,
    Answers,
    /// Neither: what a controller tells by itself.
    Alone,
}

/// A variable that is read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) area: u8,
    pub(super) db: u16,
    /// In bits from the area's beginning; for timers and counters, their number.
    pub(super) address: u32,
    pub(super) transport: u8,
    pub(super) count: u16,
}

/// A function of user data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Userdata {
    pub(super) group: u8,
    pub(super) subfunction: u8,
    /// Of the system status list: which part, and of what.
    pub(super) szl: Option<(u16, u16)>,
}

/// What is behind a message's header; spans are of the whole message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) function: Option<u8>,
    pub(super) items: Vec<Item>,
    /// The name of a block.
    pub(super) block: Option<Span>,
    /// The name of a service that is invoked.
    pub(super) service: Option<Span>,
    /// What it is invoked with.
    pub(super) argument: Option<Span>,
    pub(super) userdata: Option<Userdata>,
    /// The size of messages that is agreed upon.
    pub(super) pdu_length: Option<u16>,
}

/// The header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    pub(super) rosctr: Rosctr,
    pub(super) reference: u16,
    /// Class in the higher byte, code in the lower.
    pub(super) error: Option<u16>,
    pub(super) parameters: &'a [u8],
    pub(super) data: &'a [u8],
}

/// The function group of the processor, and its reading of the status list.
const GROUP_CPU: u8 = 4;
const READ_SZL: u8 = 1;

impl<'a> Message<'a> {
    /// Reads a whole one.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut at = Cursor::big(bytes);
        if at.u8()? != PROTOCOL {
            return None;
        }
        let rosctr = Rosctr(at.u8()?);
        at.skip(2)?;
        let (reference, parameters, data) = (at.u16()?, at.u16()?, at.u16()?);
        let error = if rosctr.has_error() { Some(at.u16()?) } else { None };
        Some(Self { rosctr, reference, error, parameters: at.take(parameters.into())?, data: at.take(data.into())? })
    }

    pub(super) fn role(&self) -> Role {
        match (self.rosctr, self.parameters.get(5).map(|kind| kind >> 4)) {
            (Rosctr::JOB, _) | (Rosctr::USERDATA, Some(4)) => Role::Asks,
            (Rosctr::ACK | Rosctr::ACK_DATA, _) | (Rosctr::USERDATA, Some(8)) => Role::Answers,
            _ => Role::Alone,
        }
    }

    /// What it says, as far as it is built as its function says; and whether all of it is. `whole`: the bytes that it was read from.
    pub(super) fn content(&self, whole: &'a [u8]) -> (Content, bool) {
        let mut content = Content::default();
        let is_sound = self.fill(&mut content, whole).is_some();
        (content, is_sound)
    }

    fn fill(&self, content: &mut Content, whole: &'a [u8]) -> Option<()> {
        if self.rosctr == Rosctr::USERDATA {
            content.userdata = Some(self.userdata()?);
            return Some(());
        }
        let mut at = Cursor::big(self.parameters);
        content.function = at.u8();
        let Some(function) = content.function else {
            // An acknowledgement may say nothing more.
            return (self.rosctr != Rosctr::JOB).then_some(());
        };
        if function == 0xf0 {
            at.skip(5)?;
            content.pdu_length = Some(at.u16()?);
        }
        if self.rosctr != Rosctr::JOB {
            return Some(());
        }
        match function {
            0x04 | 0x05 => items(&mut at, &mut content.items)?,
            // A status, then the number of the transfer, before the block's name.
            0x1a..=0x1d => {
                at.skip(7)?;
                let len = at.u8()?;
                content.block = Some(Span::of_part(whole, at.take(len.into())?));
            }
            0x28 => {
                at.skip(7)?;
                let len = at.u16()?;
                content.argument = Some(Span::of_part(whole, at.take(len.into())?));
                let len = at.u8()?;
                content.service = Some(Span::of_part(whole, at.take(len.into())?));
            }
            0x29 => {
                at.skip(5)?;
                let len = at.u8()?;
                content.service = Some(Span::of_part(whole, at.take(len.into())?));
            }
            _ => {}
        }
        Some(())
    }

    fn userdata(&self) -> Option<Userdata> {
        let mut at = Cursor::big(self.parameters);
        // What is always the same, and the length.
        at.skip(4)?;
        let (_method, kind, subfunction) = (at.u8()?, at.u8()?, at.u8()?);
        let group = kind & 0x0f;
        let mut data = Cursor::big(self.data);
        let mut szl = || {
            // A return code, a type and a length before it.
            data.skip(4)?;
            Some((data.u16()?, data.u16()?))
        };
        let szl = if (group, subfunction) == (GROUP_CPU, READ_SZL) { szl() } else { None };
        Some(Userdata { group, subfunction, szl })
    }
}

fn items(at: &mut Cursor<'_>, items: &mut Vec<Item>) -> Option<()> {
    let count = at.u8()?;
    for _ in 0..count {
        let (_specification, len) = (at.u8()?, at.u8()?);
        let mut item = Cursor::big(at.take(len.into())?);
        // Other ways to name a variable are not read.
        if item.u8()? == 0x10 {
            let (transport, count, db, area) = (item.u8()?, item.u16()?, item.u16()?, item.u8()?);
            let [high, middle, low] = item.array::<3>()?;
            items.push(Item { area, db, address: u32::from_be_bytes([0, high, middle, low]), transport, count });
        }
        // Filled up to even length, but for the last one.
        if len % 2 == 1 && !at.rest().is_empty() {
            at.skip(1)?;
        }
    }
    Some(())
}
