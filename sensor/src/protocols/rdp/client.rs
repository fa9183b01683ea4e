//! What a client says of itself in Connect Initial: the blocks of MS-RDPBCGR 2.2.1.3 inside a request of GCC (T.124, 8.7).

use crate::protocols::cursor::Cursor;

/// Most channels of a request (2.2.1.3.4).
pub const CHANNEL_LIMIT: usize = 31;

/// What follows the older fields of the core data; a client may end it behind any of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Later<'a> {
    /// The code of the colours, for clients since RDP 4.
    pub color_code: Option<u16>,
    /// The product.
    pub product_id: Option<u16>,
    /// Bits a pixel, for clients since RDP 5.
    pub color_depth: Option<u16>,
    /// What it can do.
    pub capabilities: Option<u16>,
    /// The product's identifier, UTF-16.
    pub product: Option<&'a [u8]>,
}

/// The core data (2.2.1.3.2). The names are those of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Core<'a> {
    /// Version of the protocol.
    pub version: u32,
    /// In pixels.
    pub width: u16,
    /// In pixels.
    pub height: u16,
    /// The code of the colours.
    pub color_code: u16,
    /// The language in the low half.
    pub keyboard_layout: u32,
    /// The client's build: with Microsoft's clients, that of the operating system.
    pub build: u32,
    /// The name of its computer, UTF-16.
    pub name: &'a [u8],
    /// The kind of its keyboard.
    pub keyboard_type: u32,
    /// How many function keys that has.
    pub function_keys: u32,
    /// The rest.
    pub later: Later<'a>,
}

impl<'a> Core<'a> {
    fn read(block: &'a [u8]) -> Option<Self> {
        let mut c = Cursor::little(block);
        let version = c.u32()?;
        let (width, height, color_code) = (c.u16()?, c.u16()?, c.u16()?);
        c.skip(2)?;
        let (keyboard_layout, build, name) = (c.u32()?, c.u32()?, c.take(32)?);
        let keyboard_type = c.u32()?;
        c.skip(4)?;
        let function_keys = c.u32()?;
        c.skip(64)?;
        let mut later = Later::default();
        // What is read until it ends stays.
        let _ = Self::read_later(&mut c, &mut later);
        Some(Self {
            version,
            width,
            height,
            color_code,
            keyboard_layout,
            build,
            name,
            keyboard_type,
            function_keys,
            later,
        })
    }

    fn read_later(c: &mut Cursor<'a>, later: &mut Later<'a>) -> Option<()> {
        later.color_code = Some(c.u16()?);
        later.product_id = Some(c.u16()?);
        c.skip(4)?;
        later.color_depth = Some(c.u16()?);
        c.skip(2)?;
        later.capabilities = Some(c.u16()?);
        later.product = Some(c.take(64)?);
        Some(())
    }

    /// Bits a pixel, as the newest of the fields says.
    #[must_use]
    pub fn color_depth(&self) -> Option<u16> {
        let by_code = |code: u16| match code {
            0xca00 => Some(4),
            0xca01 => Some(8),
            0xca02 => Some(15),
            0xca03 => Some(16),
            0xca04 => Some(24),
            _ => None,
        };
        let newest = self.later.color_depth.filter(|depth| matches!(depth, 4 | 8 | 15 | 16 | 24));
        newest.or_else(|| self.later.color_code.and_then(by_code)).or_else(|| by_code(self.color_code))
    }
}

/// A client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Client<'a> {
    /// Its core data.
    pub core: Option<Core<'a>>,
    channels: &'a [u8],
}

impl<'a> Client<'a> {
    /// Reads Connect Initial's user data; what is broken is left out.
    #[must_use]
    pub fn read(user_data: &'a [u8]) -> Self {
        const CORE: u16 = 0xc001;
        const NETWORK: u16 = 0xc003;
        let mut client = Self::default();
        let mut c = Cursor::little(blocks(user_data).unwrap_or_default());
        while let (Some(kind), Some(len)) = (c.u16(), c.u16()) {
            let Some(block) = usize::from(len).checked_sub(4).and_then(|len| c.take(len)) else { break };
            match kind {
                CORE => client.core = client.core.or_else(|| Core::read(block)),
                // The count stands before them; what is there counts.
                NETWORK => client.channels = block.get(4..).unwrap_or_default(),
                _ => {}
            }
        }
        client
    }

    /// The names of the channels it wants.
    pub fn channels(&self) -> impl Iterator<Item = &'a [u8]> {
        let name = |definition: &'a [u8]| definition.get(..8).and_then(|name| name.split(|b| *b == 0).next());
        self.channels.chunks_exact(12).take(CHANNEL_LIMIT).filter_map(name)
    }
}

/// The blocks inside GCC's Conference Create Request, which MS-RDPBCGR 4.1.3 shows byte by byte.
fn blocks(user_data: &[u8]) -> Option<&[u8]> {
    const KEY: &[u8] = b"\x00\x05\x00\x14\x7c\x00\x01";
    const TO_SERVER: &[u8] = b"Duca";
    let mut c = Cursor::big(user_data.strip_prefix(KEY)?);
    length(&mut c)?;
    c.skip(8)?;
    if c.take(TO_SERVER.len())? != TO_SERVER {
        return None;
    }
    length(&mut c)?;
    Some(c.rest())
}

/// A length in packed encoding (X.691, 11.9).
fn length(c: &mut Cursor<'_>) -> Option<usize> {
    match c.u8()? {
        short @ 0..=0x7f => Some(short.into()),
        high => Some(usize::from(high & 0x3f) << 8 | usize::from(c.u8()?)),
    }
}
