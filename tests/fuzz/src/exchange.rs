//! What a client and a server say to each other, as the fuzzer writes it.
//!
//! Input: a byte of settings, a byte that says where pieces are cut again, then pieces, each two bytes and what they say follows.
//! Of the 16 bits (big endian) the highest is the direction (set: to the client), the next says that bytes are missing here,
//! and the rest is how many bytes follow, or are missing. The last piece is cut to what is there.

use sekisho::packet::Direction;

/// Pieces of one input; more are not read.
const PIECES_MAX: usize = 512;
const TO_CLIENT: u16 = 1 << 15;
const MISSING: u16 = 1 << 14;
/// Bytes of one piece.
pub const PIECE_MAX: usize = (MISSING - 1) as usize;

/// One step of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Bytes of one direction; over datagrams, one of them.
    Data(Direction, &'a [u8]),
    /// So many bytes of a direction are missing.
    Gap(Direction, u64),
}

/// An exchange, and how it is to be gone through.
#[derive(Clone, Debug)]
pub struct Exchange<'a> {
    settings: u8,
    cuts: u8,
    /// In order.
    pub pieces: Vec<Piece<'a>>,
}

impl<'a> Exchange<'a> {
    /// Reads one; None when there are too few bytes.
    #[must_use]
    pub fn parse(input: &'a [u8]) -> Option<Self> {
        let (&[settings, cuts], mut rest) = input.split_first_chunk()?;
        let mut pieces = Vec::new();
        while let Some((head, behind)) = rest.split_first_chunk() {
            let head = u16::from_be_bytes(*head);
            let direction = if head & TO_CLIENT == 0 { Direction::ToServer } else { Direction::ToClient };
            let len = usize::from(head) & PIECE_MAX;
            if head & MISSING != 0 {
                rest = behind;
                pieces.push(Piece::Gap(direction, len as u64));
            } else {
                let (bytes, behind) = behind.split_at(len.min(behind.len()));
                rest = behind;
                pieces.push(Piece::Data(direction, bytes));
            }
            if pieces.len() == PIECES_MAX {
                break;
            }
        }
        Some(Self { settings, cuts, pieces })
    }

    /// Writes one, as seeds are.
    #[must_use]
    pub fn write(settings: u8, pieces: &[Piece<'_>]) -> Vec<u8> {
        let mut out = vec![settings, 0x5a];
        for piece in pieces {
            let (direction, missing, len, bytes) = match *piece {
                Piece::Data(direction, bytes) => (direction, 0, bytes.len(), bytes),
                Piece::Gap(direction, len) => (direction, MISSING, len as usize, &b""[..]),
            };
            let side = if direction == Direction::ToClient { TO_CLIENT } else { 0 };
            out.extend_from_slice(&(side | missing | len.min(PIECE_MAX) as u16).to_be_bytes());
            out.extend_from_slice(bytes.get(..PIECE_MAX).unwrap_or(bytes));
        }
        out
    }

    /// Which of `count` ways of transport is meant.
    #[must_use]
    pub fn transport(&self, count: usize) -> usize {
        usize::from(self.settings & 1).min(count.saturating_sub(1))
    }

    /// The protocol is to be recognised first.
    #[must_use]
    pub fn is_probed(&self) -> bool {
        self.settings & 2 != 0
    }

    /// The exchange is to be gone through over and over.
    #[must_use]
    pub fn is_repeated(&self) -> bool {
        self.settings & 0xfc == 0xfc
    }

    /// The same with each piece cut in two, at places that the input chooses; but none behind a gap, where parsers look for the
    /// next message at the beginnings of pieces.
    #[must_use]
    pub fn cut(&self) -> Vec<Piece<'a>> {
        let mut state = u32::from(self.cuts) | 0x100;
        let mut cut = Vec::with_capacity(self.pieces.len() * 2);
        let mut is_whole = true;
        for &piece in &self.pieces {
            let (true, Piece::Data(direction, bytes)) = (is_whole, piece) else {
                is_whole = false;
                cut.push(piece);
                continue;
            };
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Most often near one of the ends, where headers and trailers are.
            let len = bytes.len();
            let near = (state >> 16) as usize & 7;
            let at = match state >> 30 {
                0 => near.min(len),
                1 => len.saturating_sub(near),
                _ => (state >> 8) as usize % (len + 1),
            };
            let (first, second) = bytes.split_at(at);
            cut.extend([first, second].into_iter().filter(|b| !b.is_empty()).map(|b| Piece::Data(direction, b)));
        }
        cut
    }
}
