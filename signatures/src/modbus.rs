//! What rules ask of a Modbus request (MODBUS Application Protocol V1.1b3): which function, or which access to which table.

use crate::model::NumberTest;
use std::fmt;

/// What a function does to which table, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access(pub u8);

#[expect(missing_docs, reason = "the names say it")]
impl Access {
    pub const READ: u8 = 0x01;
    pub const WRITE: u8 = 0x02;
    pub const DISCRETES: u8 = 0x04;
    pub const COILS: u8 = 0x08;
    pub const INPUT: u8 = 0x10;
    pub const HOLDING: u8 = 0x20;
    pub const SINGLE: u8 = 0x40;
    pub const MULTIPLE: u8 = 0x80;
    /// Tables of single bits.
    pub const BITS: u8 = Self::DISCRETES | Self::COILS;
    /// All tables.
    pub const TABLES: u8 = Self::BITS | Self::INPUT | Self::HOLDING;

    /// Of a function, without the mark of an exception.
    #[must_use]
    pub fn of(function: u8) -> Self {
        Self(match function {
            1 => Self::COILS | Self::READ,
            2 => Self::DISCRETES | Self::READ,
            3 => Self::HOLDING | Self::READ,
            4 => Self::INPUT | Self::READ,
            5 => Self::COILS | Self::WRITE | Self::SINGLE,
            6 => Self::HOLDING | Self::WRITE | Self::SINGLE,
            15 => Self::COILS | Self::WRITE | Self::MULTIPLE,
            16 => Self::HOLDING | Self::WRITE | Self::MULTIPLE,
            22 => Self::HOLDING | Self::WRITE,
            23 => Self::HOLDING | Self::READ | Self::WRITE | Self::MULTIPLE,
            _ => 0,
        })
    }

    /// Whether it has any of these.
    #[must_use]
    pub fn has(self, bits: u8) -> bool {
        self.0 & bits != 0
    }
}

/// To whom a function belongs (V1.1b3, 5), as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Category(pub u8);

#[expect(missing_docs, reason = "the names say it")]
impl Category {
    pub const ASSIGNED: u8 = 1;
    pub const UNASSIGNED: u8 = 2;
    pub const USER: u8 = 4;
    pub const RESERVED: u8 = 8;
    pub const PUBLIC: u8 = Self::ASSIGNED | Self::UNASSIGNED;
    pub const ALL: u8 = Self::PUBLIC | Self::USER | Self::RESERVED;
}

/// What a rule asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModbusTest {
    /// Of the unit identifier.
    pub unit: Option<NumberTest>,
    /// Of the function.
    pub what: What,
}

/// What a rule asks of the function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Nothing.
    Any,
    /// It is this one, with this subfunction.
    #[expect(missing_docs, reason = "the names say it")]
    Function { code: u8, subfunction: Option<u16> },
    /// It is of one of these.
    Category(Category),
    /// It reads or writes, in one of these tables if any is named.
    Access {
        /// [`Access::READ`] or [`Access::WRITE`], and tables.
        access: Access,
        /// One of the items that it touches, which count from 1.
        address: Option<NumberTest>,
        /// What it writes to such an item.
        value: Option<NumberTest>,
    },
}

impl fmt::Display for ModbusTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(unit) = &self.unit {
            write!(f, "unit {:?} ", unit.ranges)?;
        }
        match &self.what {
            What::Any => Ok(()),
            What::Function { code, subfunction: None } => write!(f, "function {code}"),
            What::Function { code, subfunction: Some(sub) } => write!(f, "function {code}, subfunction {sub}"),
            What::Category(Category(bits)) => write!(f, "function of categories {bits:#06b}"),
            What::Access { access: Access(bits), address, value } => {
                write!(f, "access {bits:#010b}")?;
                for (name, test) in [("address", address), ("value", value)] {
                    if let Some(test) = test {
                        write!(f, ", {name} {:?}", test.ranges)?;
                    }
                }
                Ok(())
            }
        }
    }
}
