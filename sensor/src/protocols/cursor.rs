//! Reads fixed-width integers and runs of bytes off a message, in either byte order, without copying or panicking: what is not
//! all there is None, and nothing is read then.

/// Goes through a message.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    rest: &'a [u8],
    len: usize,
    little: bool,
}

impl<'a> Cursor<'a> {
    /// Integers are in network byte order.
    #[must_use]
    pub fn big(data: &'a [u8]) -> Self {
        Self { rest: data, len: data.len(), little: false }
    }

    /// Integers begin with their lowest byte.
    #[must_use]
    pub fn little(data: &'a [u8]) -> Self {
        Self { rest: data, len: data.len(), little: true }
    }

    /// What is not read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Bytes read so far.
    #[must_use]
    pub fn position(&self) -> usize {
        self.len - self.rest.len()
    }

    /// The next `len` bytes.
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }

    /// Passes over `len` bytes.
    pub fn skip(&mut self, len: usize) -> Option<()> {
        self.take(len).map(|_| ())
    }

    /// Passes over what fills up to a multiple of `to`, counted from the start.
    pub fn align(&mut self, to: usize) -> Option<()> {
        let over = self.position() % to;
        if over == 0 { Some(()) } else { self.skip(to - over) }
    }

    /// One byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Two bytes.
    pub fn u16(&mut self) -> Option<u16> {
        let bytes = self.array()?;
        Some(if self.little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    /// Four bytes.
    pub fn u32(&mut self) -> Option<u32> {
        let bytes = self.array()?;
        Some(if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> Option<u64> {
        let bytes = self.array()?;
        Some(if self.little { u64::from_le_bytes(bytes) } else { u64::from_be_bytes(bytes) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders_and_nothing_past_the_end() {
        let data = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
        let mut big = Cursor::big(&data);
        assert_eq!((big.u8(), big.u16(), big.u32()), (Some(1), Some(0x0203), Some(0x0405_0607)));
        assert_eq!((big.u64(), big.u32(), big.rest()), (None, None, &data[7..]));
        let mut little = Cursor::little(&data);
        assert_eq!((little.u16(), little.align(4), little.u32()), (Some(0x0201), Some(()), Some(0x0807_0605)));
        assert_eq!((little.position(), little.take(3), little.take(2)), (8, None, Some(&data[8..])));
        assert_eq!(little.align(4), None);
    }
}
