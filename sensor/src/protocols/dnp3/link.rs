//! Link frames (IEEE 1815, 9): a header with its check, then the data in blocks of 16 bytes with a check each.

use crate::protocols::cursor::Cursor;

/// What every frame begins with.
pub(super) const START: [u8; 2] = [0x05, 0x64];
/// Bytes of a header with its check.
pub(super) const HEADER_LEN: usize = 10;
/// What the length counts of the header: control and addresses.
const COUNTED: usize = 5;
const BLOCK: usize = 16;
const CRC_LEN: usize = 2;

/// CRC-16/DNP (9.2.4.1.4): 0x3D65 from the lowest bit on, inverted at the end.
pub(super) fn crc(bytes: &[u8]) -> u16 {
    const TABLE: [u16; 256] = {
        let mut table = [0_u16; 256];
        let mut i = 0;
        while i < 256 {
            let (mut value, mut bit) = (i as u16, 0);
            while bit < 8 {
                value = if value & 1 == 1 { value >> 1 ^ 0xa6bc } else { value >> 1 };
                bit += 1;
            }
            table[i] = value;
            i += 1;
        }
        table
    };
    !bytes.iter().fold(0_u16, |crc, byte| crc >> 8 ^ TABLE[usize::from((crc ^ u16::from(*byte)) as u8)])
}

/// The bytes before a check, if it is right.
fn checked(bytes: &[u8]) -> Option<&[u8]> {
    let (data, check) = bytes.split_last_chunk::<CRC_LEN>()?;
    (crc(data) == u16::from_le_bytes(*check)).then_some(data)
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    /// What it counts: itself from the control byte on, and the data.
    pub(super) len: u8,
    pub(super) control: u8,
    pub(super) destination: u16,
    pub(super) source: u16,
}

/// What bytes are that may begin a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Is(Header),
    More,
    /// They do not begin one.
    Not,
    /// They would, were their check right.
    BadCheck,
}

impl Header {
    pub(super) fn read(bytes: &[u8]) -> Start {
        if !START.iter().zip(bytes).all(|(wanted, found)| wanted == found) {
            return Start::Not;
        }
        let Some(head) = bytes.get(..HEADER_LEN) else { return Start::More };
        let Some(data) = checked(head) else { return Start::BadCheck };
        let mut at = Cursor::little(data);
        match (at.skip(START.len()), at.u8(), at.u8(), at.u16(), at.u16()) {
            (Some(()), Some(len), Some(control), Some(destination), Some(source)) => {
                Start::Is(Self { len, control, destination, source })
            }
            _ => Start::Not,
        }
    }

    /// It comes from the master.
    pub(super) fn is_from_master(self) -> bool {
        self.control & 0x80 != 0
    }

    /// Its function: of one that begins something, or answers.
    pub(super) fn function(self) -> u8 {
        self.control & 0x0f
    }

    /// It begins something.
    pub(super) fn is_primary(self) -> bool {
        self.control & 0x40 != 0
    }

    /// It carries data of the user: confirmed or not (9.2.4.1.3).
    pub(super) fn carries_data(self) -> bool {
        self.is_primary() && matches!(self.function(), 3 | 4)
    }

    /// Bytes of data, without checks; None if the length cannot be.
    pub(super) fn data_len(self) -> Option<usize> {
        usize::from(self.len).checked_sub(COUNTED)
    }

    /// Bytes of the whole frame.
    pub(super) fn frame_len(self) -> usize {
        let data = self.data_len().unwrap_or(0);
        HEADER_LEN + data + CRC_LEN * data.div_ceil(BLOCK)
    }
}

/// Puts the data of a whole frame behind what `out` holds; false if one of its checks is wrong.
pub(super) fn data(frame: &[u8], out: &mut Vec<u8>) -> bool {
    let blocks = frame.get(HEADER_LEN..).unwrap_or_default().chunks(BLOCK + CRC_LEN);
    blocks.map(checked).all(|block| block.map(|data| out.extend_from_slice(data)).is_some())
}
