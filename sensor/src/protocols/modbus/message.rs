//! One message: the header of Modbus/TCP, the function, and what it carries.

use super::event;
use crate::packet::Direction;
use crate::protocols::cursor::Cursor;
use sekisho_signatures::modbus::{Access, Category, ModbusTest, What};
use sekisho_signatures::model::NumberTest;

/// Bytes of the header before the unit identifier.
pub(super) const HEADER_LEN: usize = 6;
/// The largest length that a header may tell: a unit identifier and a PDU of 253 bytes (V1.1b3, 4.1).
pub const LENGTH_LIMIT: usize = 254;
const LENGTH_LEAST: usize = 2;
/// Set in the function of a response that is an exception.
const EXCEPTION: u8 = 0x80;
/// Coils or inputs of one access, and registers.
const MOST_BITS: u16 = 2000;
const MOST_WORDS: u16 = 125;

/// The most items of one access.
fn most(access: Access) -> u16 {
    if access.has(Access::BITS) { MOST_BITS } else { MOST_WORDS }
}

/// Bytes that so many items take.
fn bytes_of(access: Access, quantity: u16) -> usize {
    if access.has(Access::BITS) { usize::from(quantity).div_ceil(8) } else { 2 * usize::from(quantity) }
}

/// What a function carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Data<'a> {
    /// Nothing that could be read.
    Empty,
    Exception(u8),
    Diagnostic {
        code: u16,
        data: &'a [u8],
    },
    /// An encapsulated interface.
    Mei {
        code: u8,
        data: &'a [u8],
    },
    ReadRequest {
        address: u16,
        quantity: u16,
    },
    ReadResponse(&'a [u8]),
    /// One value; or, in a response to a write of several, how many.
    Write {
        address: u16,
        value: u16,
    },
    WriteMany {
        address: u16,
        quantity: u16,
        data: &'a [u8],
    },
    Mask {
        address: u16,
        and: u16,
        or: u16,
    },
    ReadWrite {
        read: (u16, u16),
        address: u16,
        quantity: u16,
        data: &'a [u8],
    },
    Other(&'a [u8]),
}

/// What is odd about a message, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Faults(pub(super) u8);

impl Faults {
    pub(super) const VALUE: u8 = 0x01;
    pub(super) const LENGTH: u8 = 0x02;
    pub(super) const EXCEPTION: u8 = 0x04;
    pub(super) const FUNCTION: u8 = 0x08;
    pub(super) const PROTOCOL: u8 = 0x10;

    pub(super) fn has(self, bits: u8) -> bool {
        self.0 & bits != 0
    }

    fn add(&mut self, bits: u8, so: bool) {
        if so {
            self.0 |= bits;
        }
    }

    /// Their events.
    pub(super) fn events(self) -> impl Iterator<Item = &'static str> {
        [
            (Self::PROTOCOL, event::INVALID_PROTOCOL_ID),
            (Self::FUNCTION, event::INVALID_FUNCTION_CODE),
            (Self::LENGTH, event::INVALID_LENGTH),
            (Self::VALUE, event::INVALID_VALUE),
            (Self::EXCEPTION, event::INVALID_EXCEPTION_CODE),
        ]
        .into_iter()
        .filter_map(move |(bit, name)| self.has(bit).then_some(name))
    }
}

/// How many bytes a message has from its beginning on; None while that is not there. The length may be one that cannot be.
pub(super) fn whole_len(bytes: &[u8]) -> Option<usize> {
    let (_, length) = bytes.get(..HEADER_LEN)?.split_last_chunk::<2>()?;
    Some(HEADER_LEN + usize::from(u16::from_be_bytes(*length)))
}

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Message<'a> {
    pub transaction: u16,
    pub protocol: u16,
    pub unit: u8,
    /// As it stands there: from 0x80 on, a response is an exception.
    pub function: u8,
    pub access: Access,
    pub data: Data<'a>,
    /// What stands behind the function.
    pub rest: &'a [u8],
    pub(super) faults: Faults,
}

impl<'a> Message<'a> {
    /// Reads a whole one.
    #[must_use]
    pub fn read(bytes: &'a [u8], direction: Direction) -> Option<Self> {
        let mut head = Cursor::big(bytes);
        let (transaction, protocol, length) = (head.u16()?, head.u16()?, head.u16()?);
        let mut faults = Faults::default();
        faults.add(Faults::PROTOCOL, protocol != 0);
        let mut message = Self {
            transaction,
            protocol,
            unit: 0,
            function: 0,
            access: Access::default(),
            data: Data::Empty,
            rest: &[],
            faults,
        };
        if !(LENGTH_LEAST..=LENGTH_LIMIT).contains(&usize::from(length)) {
            message.faults.0 |= Faults::LENGTH;
            return Some(message);
        }
        let mut body = Cursor::big(head.take(length.into())?);
        (message.unit, message.function) = (body.u8()?, body.u8()?);
        message.access = Access::of(message.code());
        message.rest = body.rest();
        let data = match direction {
            Direction::ToServer => message.request(),
            Direction::ToClient => message.response(),
        };
        message.faults.add(Faults::LENGTH, data.is_none());
        message.data = data.unwrap_or(Data::Empty);
        Some(message)
    }

    /// The function without the mark of an exception.
    #[must_use]
    pub fn code(&self) -> u8 {
        self.function & !EXCEPTION
    }

    /// To whom the function belongs (V1.1b3, 5).
    #[must_use]
    pub fn category(&self) -> Category {
        let code = self.code();
        Category(match (code, self.data) {
            (8, Data::Diagnostic { code: 0..=4 | 0x0a..=0x15, .. }) => Category::ASSIGNED,
            (43, Data::Mei { code: 0x0d | 0x0e, .. }) => Category::ASSIGNED,
            (8, Data::Diagnostic { .. }) | (43, Data::Mei { .. }) => Category::RESERVED,
            (0 | 8 | 43, _) => 0,
            _ if name(code).is_some() => Category::ASSIGNED,
            (41 | 42 | 90 | 91 | 125..=127, _) => Category::RESERVED,
            (65..=72 | 100..=110, _) => Category::USER,
            _ => Category::UNASSIGNED,
        })
    }

    /// Whether a rule's test holds for this request.
    pub(super) fn holds(&self, test: &ModbusTest) -> bool {
        let fits = |test: &Option<NumberTest>, n: u64| test.as_ref().is_none_or(|test| test.holds(n));
        if !fits(&test.unit, self.unit.into()) {
            return false;
        }
        match &test.what {
            What::Any => true,
            What::Function { code, subfunction } => {
                let is_sub = |wanted| matches!(self.data, Data::Diagnostic { code, .. } if code == wanted);
                self.function == *code && subfunction.is_none_or(is_sub)
            }
            What::Category(Category(bits)) => self.category().0 & bits != 0,
            What::Access { access: Access(bits), address, value } => {
                let tables = bits & Access::TABLES;
                let is = self.access.has(bits & !Access::TABLES) && (tables == 0 || self.access.has(tables));
                if !is || (address.is_none() && value.is_none()) {
                    return is;
                }
                let written = |at| self.written(at).is_some_and(|n| fits(value, n.into()));
                let (first, last) = self.addresses().unwrap_or((1, 0));
                (first..=last).any(|at| fits(address, at.into()) && (value.is_none() || written(at)))
            }
        }
    }

    fn request(&mut self) -> Option<Data<'a>> {
        let (len, code) = (self.rest.len(), self.function);
        let bad_function = code == 0 || code >= EXCEPTION;
        self.faults.add(Faults::FUNCTION, bad_function);
        if bad_function {
            return Some(Data::Other(self.rest));
        }
        let mut at = Cursor::big(self.rest);
        match code {
            8 => {
                let data = self.diagnostic()?;
                self.faults.add(Faults::LENGTH, len != 4);
                if let Data::Diagnostic { code, data: &[high, low] } = data {
                    let bad = match code {
                        1 => low != 0 || !matches!(high, 0 | 0xff),
                        3 => low != 0,
                        2 | 0x0a..=0x15 => (high, low) != (0, 0),
                        _ => false,
                    };
                    self.faults.add(Faults::VALUE, bad);
                }
                return Some(data);
            }
            43 => return self.interface(),
            7 | 11 | 12 | 17 => self.faults.add(Faults::LENGTH, len > 0),
            20 | 21 => self.faults.add(Faults::LENGTH, len == 0),
            24 => self.faults.add(Faults::LENGTH, len != 2),
            _ => {}
        }
        let read = if self.access.has(Access::READ) {
            let (address, quantity) = (at.u16()?, at.u16()?);
            self.faults.add(Faults::VALUE, quantity == 0 || quantity > most(self.access));
            self.faults.add(Faults::LENGTH, !self.access.has(Access::WRITE) && len > 4);
            Some((address, quantity))
        } else {
            None
        };
        if !self.access.has(Access::WRITE) {
            let data = read.map(|(address, quantity)| Data::ReadRequest { address, quantity });
            return Some(data.unwrap_or(Data::Other(self.rest)));
        }
        let address = at.u16()?;
        if self.access.has(Access::SINGLE) {
            let value = at.u16()?;
            self.faults.add(Faults::VALUE, self.access.has(Access::COILS) && !matches!(value, 0 | 0xff00));
            return Some(Data::Write { address, value });
        }
        if !self.access.has(Access::MULTIPLE) {
            return Some(Data::Mask { address, and: at.u16()?, or: at.u16()? });
        }
        let (quantity, count) = (at.u16()?, usize::from(at.u8()?));
        let data = at.rest();
        self.faults.add(Faults::LENGTH, quantity == 0 || data.len() != count);
        self.faults.add(Faults::VALUE, quantity > most(self.access) || count != bytes_of(self.access, quantity));
        Some(match read {
            Some(read) => Data::ReadWrite { read, address, quantity, data },
            None => Data::WriteMany { address, quantity, data },
        })
    }

    fn response(&mut self) -> Option<Data<'a>> {
        let mut at = Cursor::big(self.rest);
        let len = self.rest.len();
        if self.function >= EXCEPTION {
            let exception = at.u8()?;
            self.faults.add(Faults::EXCEPTION, !self.may_end_in(exception));
            return Some(Data::Exception(exception));
        }
        match self.function {
            8 => return self.diagnostic(),
            43 => return self.interface(),
            7 => self.faults.add(Faults::LENGTH, len != 1),
            11 => self.faults.add(Faults::LENGTH, len != 4),
            _ => {}
        }
        if self.access.has(Access::READ) {
            let count = at.u8()?;
            let data = at.rest();
            self.faults.add(Faults::VALUE, !(1..=250).contains(&count) || data.len() != usize::from(count));
            return Some(Data::ReadResponse(data));
        }
        if !self.access.has(Access::WRITE) {
            return Some(Data::Other(self.rest));
        }
        let address = at.u16()?;
        if !self.access.has(Access::SINGLE | Access::MULTIPLE) {
            return Some(Data::Mask { address, and: at.u16()?, or: at.u16()? });
        }
        let value = at.u16()?;
        let is_quantity = self.access.has(Access::MULTIPLE);
        self.faults.add(Faults::VALUE, is_quantity && (value == 0 || value > most(self.access)));
        Some(Data::Write { address, value })
    }

    fn diagnostic(&self) -> Option<Data<'a>> {
        let (code, data) = self.rest.split_first_chunk::<2>()?;
        Some(Data::Diagnostic { code: u16::from_be_bytes(*code), data })
    }

    fn interface(&self) -> Option<Data<'a>> {
        self.rest.split_first().map(|(&code, data)| Data::Mei { code, data })
    }

    /// Which exceptions a function can end in (V1.1b3, 6 and 7).
    fn may_end_in(&self, exception: u8) -> bool {
        let code = self.code();
        // Functions without an address.
        let plain = matches!(code, 7..=14 | 17..=19);
        match exception {
            1 | 4..=7 | 10 | 11 => true,
            2 => !plain,
            3 => !plain || code == 8,
            8 => matches!(code, 20 | 21),
            _ => false,
        }
    }

    /// Whether all of it fits its function, as far as that is defined.
    pub(super) fn is_sound(&self) -> bool {
        self.faults == Faults::default() && self.function != 0
    }

    /// Whether the function is one whose messages are built so that they tell it from other protocols.
    pub(super) fn is_telling(&self) -> bool {
        self.is_sound() && (self.access != Access::default() || matches!(self.code(), 8 | 43))
    }

    /// Whether this response answers the request.
    pub(super) fn answers(&self, request: &Message<'_>) -> bool {
        (self.transaction, self.unit, self.code()) == (request.transaction, request.unit, request.code())
    }

    /// Whether what this response says contradicts the request that it answers.
    pub(super) fn contradicts(&self, request: &Message<'_>) -> bool {
        match (self.data, request.data) {
            (
                Data::ReadResponse(data),
                Data::ReadRequest { quantity, .. } | Data::ReadWrite { read: (_, quantity), .. },
            ) => data.len() != bytes_of(self.access, quantity),
            (Data::Write { address, value }, Data::Write { address: a, value: v })
            | (Data::Write { address, value }, Data::WriteMany { address: a, quantity: v, .. }) => {
                (address, value) != (a, v)
            }
            (asked @ Data::Mask { .. }, said @ Data::Mask { .. }) => asked != said,
            (Data::Diagnostic { code, .. }, Data::Diagnostic { code: asked, .. }) => code != asked,
            (Data::Mei { code, .. }, Data::Mei { code: asked, .. }) => code != asked,
            _ => false,
        }
    }

    /// The addresses that a request touches: those that it writes, else those that it reads. From 1 on, as the specification
    /// numbers items: the wire counts from 0.
    #[must_use]
    pub fn addresses(&self) -> Option<(u32, u32)> {
        let (address, quantity) = match self.data {
            Data::ReadRequest { address, quantity } => (address, quantity),
            Data::Write { address, .. } | Data::Mask { address, .. } => (address, 1),
            Data::WriteMany { address, quantity, .. } | Data::ReadWrite { address, quantity, .. } => {
                (address, quantity)
            }
            _ => return None,
        };
        let first = u32::from(address) + 1;
        (quantity > 0).then(|| (first, first + u32::from(quantity) - 1))
    }

    /// What a request writes at an address of [`addresses`](Self::addresses).
    #[must_use]
    pub fn written(&self, address: u32) -> Option<u16> {
        let (first, last) = self.addresses()?;
        let place = usize::try_from(address.checked_sub(first)?).ok().filter(|_| address <= last)?;
        let data = match self.data {
            Data::Write { value, .. } if self.access.has(Access::COILS) => return Some(u16::from(value != 0)),
            Data::Write { value, .. } => return Some(value),
            Data::WriteMany { data, .. } | Data::ReadWrite { data, .. } => data,
            _ => return None,
        };
        if self.access.has(Access::COILS) {
            return data.get(place / 8).map(|byte| u16::from(byte >> (place % 8) & 1));
        }
        data.get(2 * place..)?.first_chunk::<2>().map(|pair| u16::from_be_bytes(*pair))
    }
}

/// A function's name, as EVE has it; None if the specification defines none.
pub(super) fn name(function: u8) -> Option<&'static str> {
    Some(match function {
        1 => "RdCoils",
        2 => "RdDiscreteInputs",
        3 => "RdHoldRegs",
        4 => "RdInputRegs",
        5 => "WrSingleCoil",
        6 => "WrSingleReg",
        7 => "RdExcStatus",
        8 => "Diagnostic",
        9 => "Program484",
        10 => "Poll484",
        11 => "GetCommEventCtr",
        12 => "GetCommEventLog",
        13 => "ProgramController",
        14 => "PollController",
        15 => "WrMultCoils",
        16 => "WrMultRegs",
        17 => "ReportServerID",
        18 => "Program884",
        19 => "ResetCommLink",
        20 => "RdFileRec",
        21 => "WrFileRec",
        22 => "MaskWrReg",
        23 => "RdWrMultRegs",
        24 => "RdFIFOQueue",
        43 => "MEI",
        _ => return None,
    })
}
