//! A frame, as rules see it.

use super::asdu::{Asdu, Control, Frame};
use super::record::Iec104Record;
use super::types::Number;
use crate::packet::Direction;
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::Buffer;

/// A frame.
#[derive(Debug)]
pub struct Iec104Transaction {
    state: TransactionState,
    direction: Direction,
    bytes: Vec<u8>,
}

impl Default for Iec104Transaction {
    fn default() -> Self {
        Self { state: TransactionState::default(), direction: Direction::ToServer, bytes: Vec::new() }
    }
}

impl Iec104Transaction {
    pub(super) fn begin(&mut self, number: u64, direction: Direction, bytes: &[u8]) {
        self.state.renew(number);
        self.direction = direction;
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
    }

    fn frame(&self, direction: Direction) -> Option<Frame<'_>> {
        Frame::read(&self.bytes).filter(|_| direction == self.direction)
    }

    fn asdu(&self, direction: Direction) -> Option<Asdu<'_>> {
        let frame = self.frame(direction)?;
        if matches!(frame.control, Control::I { .. }) { Asdu::read(frame.data) } else { None }
    }
}

impl Transaction for Iec104Transaction {
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
        match buffer {
            Buffer::Iec104Data if index == 0 => self.asdu(direction).map(|asdu| Part::whole(asdu.objects)),
            _ => None,
        }
    }

    fn number(&self, buffer: Buffer, direction: Direction, index: usize) -> Option<u64> {
        let asdu = || self.asdu(direction);
        match buffer {
            Buffer::Iec104ObjectAddress => asdu()?.objects().nth(index).map(|object| object.address.into()),
            Buffer::Iec104Value => {
                // Those that are whole, and not below 0.
                let asdu = asdu()?;
                let mut values = asdu.objects().filter_map(|object| match object.value.read(object.element)? {
                    Number::Whole(value) => u64::try_from(value).ok(),
                    Number::Real(_) => None,
                });
                values.nth(index)
            }
            _ if index > 0 => None,
            Buffer::Iec104Control => match self.frame(direction)?.control {
                Control::U(bits) => Some(bits.into()),
                Control::I { .. } | Control::S => None,
            },
            Buffer::Iec104Type => asdu().map(|asdu| asdu.kind.into()),
            Buffer::Iec104Cause => asdu().map(|asdu| asdu.cause.into()),
            Buffer::Iec104CauseFlags => asdu().map(|asdu| asdu.flags.into()),
            Buffer::Iec104Originator => asdu().map(|asdu| asdu.originator.into()),
            Buffer::Iec104CommonAddress => asdu().map(|asdu| asdu.common_address.into()),
            _ => None,
        }
    }

    fn record(&self, _direction: Direction, alert: bool) -> Option<Box<dyn Record>> {
        // The published schema has no place for it in an alert.
        (!alert).then(|| Box::new(Iec104Record { bytes: self.bytes.clone() }) as Box<dyn Record>)
    }
}
