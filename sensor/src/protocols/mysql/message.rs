//! What is in packets.

use crate::protocols::cursor::Cursor;

/// Capabilities that change how messages are built ("Capabilities Flags").
pub mod capability {
    /// A database is named at login.
    pub const CONNECT_WITH_DB: u32 = 1 << 3;
    /// What follows the login is compressed.
    pub const COMPRESS: u32 = 1 << 5;
    /// The protocol of version 4.1.
    pub const PROTOCOL_41: u32 = 1 << 9;
    /// TLS follows.
    pub const SSL: u32 = 1 << 11;
    /// The proof has its length before it.
    pub const SECURE_CONNECTION: u32 = 1 << 15;
    /// The way of authentication is named.
    pub const PLUGIN_AUTH: u32 = 1 << 19;
    /// The proof may be long.
    pub const PLUGIN_AUTH_LENENC: u32 = 1 << 21;
    /// No packet of its own ends the columns.
    pub const DEPRECATE_EOF: u32 = 1 << 24;
    /// Results may come without their columns.
    pub const OPTIONAL_METADATA: u32 = 1 << 25;
    /// The same, another way.
    pub const ZSTD: u32 = 1 << 26;
    /// Queries have attributes before their text.
    pub const QUERY_ATTRIBUTES: u32 = 1 << 27;
}

/// Text up to a zero; all of it where there is none.
fn text<'a>(c: &mut Cursor<'a>) -> &'a [u8] {
    let rest = c.rest();
    let len = rest.iter().position(|b| *b == 0).unwrap_or(rest.len());
    let text = c.take(len).unwrap_or_default();
    let _ = c.skip(1);
    text
}

/// An integer with its width in the first byte. None also for NULL.
pub fn integer(c: &mut Cursor<'_>) -> Option<u64> {
    match c.u8()? {
        small @ 0..=0xfa => Some(small.into()),
        0xfc => Some(c.u16()?.into()),
        0xfd => {
            let [a, b, d] = c.array()?;
            Some(u32::from_le_bytes([a, b, d, 0]).into())
        }
        0xfe => c.u64(),
        _ => None,
    }
}

fn string<'a>(c: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let len = usize::try_from(integer(c)?).ok()?;
    c.take(len)
}

/// The server's first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Greeting<'a> {
    /// The server's version.
    pub version: &'a [u8],
    /// What it can do.
    pub capabilities: u32,
}

impl<'a> Greeting<'a> {
    /// Reads it; None for protocols other than 10.
    #[must_use]
    pub fn read(payload: &'a [u8]) -> Option<Self> {
        let mut c = Cursor::little(payload);
        if c.u8()? != 10 {
            return None;
        }
        let version = text(&mut c);
        c.skip(4 + 8 + 1)?;
        let low = u32::from(c.u16()?);
        // What follows came later.
        let high = c.skip(3).and_then(|()| c.u16()).unwrap_or_default();
        Some(Self { version, capabilities: u32::from(high) << 16 | low })
    }
}

/// What the client logs in with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Login<'a> {
    /// What it can do.
    pub capabilities: u32,
    /// It says no more, and TLS follows.
    pub is_tls: bool,
    /// The user.
    pub user: &'a [u8],
    /// The database.
    pub database: Option<&'a [u8]>,
    /// The way of authentication.
    pub plugin: Option<&'a [u8]>,
}

impl<'a> Login<'a> {
    /// Reads it; None if it is broken.
    #[must_use]
    pub fn read(payload: &'a [u8]) -> Option<Self> {
        const BEFORE_USER: usize = 4 + 4 + 1 + 23;
        let mut c = Cursor::little(payload);
        let low = u32::from(c.u16()?);
        if low & capability::PROTOCOL_41 == 0 {
            c.skip(3)?;
            let is_tls = low & capability::SSL != 0 && c.rest().is_empty();
            return Some(Self { capabilities: low, is_tls, user: text(&mut c), ..Self::default() });
        }
        let capabilities = u32::from(c.u16()?) << 16 | low;
        c.skip(BEFORE_USER - 4)?;
        if capabilities & capability::SSL != 0 && c.rest().is_empty() {
            return Some(Self { capabilities, is_tls: true, ..Self::default() });
        }
        let mut login = Self { capabilities, user: text(&mut c), ..Self::default() };
        let has = |flag: u32| capabilities & flag != 0;
        if has(capability::PLUGIN_AUTH_LENENC) {
            string(&mut c)?;
        } else if has(capability::SECURE_CONNECTION) {
            let len = c.u8()?;
            c.skip(len.into())?;
        } else {
            text(&mut c);
        }
        if has(capability::CONNECT_WITH_DB) && !c.rest().is_empty() {
            login.database = Some(text(&mut c));
        }
        if has(capability::PLUGIN_AUTH) && !c.rest().is_empty() {
            login.plugin = Some(text(&mut c));
        }
        Some(login)
    }
}

/// The text of a query behind its attributes; all of it if these are broken, so that nothing is hidden by them.
#[must_use]
pub fn query(payload: &[u8], has_attributes: bool) -> &[u8] {
    let mut c = Cursor::little(payload);
    match has_attributes.then(|| attributes(&mut c)) {
        Some(Some(())) => c.rest(),
        _ => payload,
    }
}

fn attributes(c: &mut Cursor<'_>) -> Option<()> {
    let count = usize::try_from(integer(c)?).ok().filter(|count| *count <= 1024)?;
    integer(c)?;
    if count == 0 {
        return Some(());
    }
    let nulls = c.take(count.div_ceil(8))?;
    // The types always come with them.
    c.skip(1)?;
    let mut kinds = Vec::with_capacity(count);
    for _ in 0..count {
        kinds.push(c.u16()? as u8);
        string(c)?;
    }
    for (i, kind) in kinds.into_iter().enumerate() {
        if nulls.get(i / 8).is_some_and(|byte| byte >> (i % 8) & 1 == 1) {
            continue;
        }
        match kind {
            6 => {}
            1 => c.skip(1)?,
            2 | 13 => c.skip(2)?,
            3 | 4 | 9 => c.skip(4)?,
            5 | 8 => c.skip(8)?,
            7 | 10 | 11 | 12 => {
                let len = c.u8()?;
                c.skip(len.into())?;
            }
            _ => {
                string(c)?;
            }
        }
    }
    Some(())
}

/// The flag of a result that is followed by another.
const MORE_RESULTS: u16 = 0x0008;

/// The status at the end of a result: whether another follows, and how many rows changed, if it says so.
#[must_use]
pub fn end_of_result(payload: &[u8]) -> (bool, Option<u64>) {
    let mut c = Cursor::little(payload);
    let kind = c.u8();
    if kind == Some(0xfe) && payload.len() <= 5 {
        let status = c.u16().and_then(|_warnings| c.u16()).unwrap_or_default();
        return (status & MORE_RESULTS != 0, None);
    }
    let affected = integer(&mut c);
    let status = integer(&mut c).and_then(|_id| c.u16()).unwrap_or_default();
    (status & MORE_RESULTS != 0, affected)
}

/// An error: its number, its state and its text.
#[must_use]
pub fn error(payload: &[u8]) -> (u16, &[u8], &[u8]) {
    let mut c = Cursor::little(payload);
    let code = c.skip(1).and_then(|()| c.u16()).unwrap_or_default();
    let rest = c.rest();
    match rest.strip_prefix(b"#").and_then(|rest| rest.split_at_checked(5)) {
        Some((state, text)) => (code, state, text),
        None => (code, &[], rest),
    }
}

/// Writes a row of texts with commas between them; what is not there any more is left out.
pub fn write_row(payload: &[u8], columns: u64, out: &mut Vec<u8>) {
    let mut c = Cursor::little(payload);
    for i in 0..columns {
        if c.rest().is_empty() {
            break;
        }
        if i > 0 {
            out.push(b',');
        }
        if c.rest().first() == Some(&0xfb) {
            let _ = c.skip(1);
            out.extend_from_slice(b"NULL");
            continue;
        }
        let Some(len) = integer(&mut c) else { break };
        let len = usize::try_from(len).unwrap_or(usize::MAX).min(c.rest().len());
        out.extend_from_slice(c.take(len).unwrap_or_default());
    }
}

/// Commands by their numbers ("Text Protocol", "Utility Commands", "Prepared Statements").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command(pub u8);

impl Command {
    pub const QUIT: Self = Self(0x01);
    pub const QUERY: Self = Self(0x03);
    pub const FIELD_LIST: Self = Self(0x04);
    pub const STATISTICS: Self = Self(0x09);
    pub const PROCESS_INFO: Self = Self(0x0a);
    pub const CHANGE_USER: Self = Self(0x11);
    pub const BINLOG_DUMP: Self = Self(0x12);
    pub const PREPARE: Self = Self(0x16);
    pub const EXECUTE: Self = Self(0x17);
    pub const LONG_DATA: Self = Self(0x18);
    pub const CLOSE: Self = Self(0x19);
    pub const FETCH: Self = Self(0x1c);
    pub const BINLOG_DUMP_GTID: Self = Self(0x1e);

    /// Its name in EVE.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            0x01 => "quit",
            0x02 => "init_db",
            0x03 => "query",
            0x04 => "field_list",
            0x05 => "create_db",
            0x06 => "drop_db",
            0x07 => "refresh",
            0x08 => "shutdown",
            0x09 => "statistics",
            0x0a => "process_info",
            0x0c => "process_kill",
            0x0d => "debug",
            0x0e => "ping",
            0x11 => "change_user",
            0x12 => "binlog_dump",
            0x13 => "table_dump",
            0x15 => "register_slave",
            0x16 => "stmt_prepare",
            0x17 => "stmt_execute",
            0x18 => "stmt_send_long_data",
            0x19 => "stmt_close",
            0x1a => "stmt_reset",
            0x1b => "set_option",
            0x1c => "stmt_fetch",
            0x1e => "binlog_dump_gtid",
            0x1f => "reset_connection",
            _ => "unknown",
        }
    }

    /// Whether text follows it: a statement, or the name of a database.
    #[must_use]
    pub fn has_text(self) -> bool {
        matches!(self.0, 0x02..=0x06 | 0x16)
    }

    /// Whether the server says nothing to it.
    #[must_use]
    pub fn is_unanswered(self) -> bool {
        matches!(self, Self::QUIT | Self::LONG_DATA | Self::CLOSE)
    }
}
