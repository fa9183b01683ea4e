//! Who logs on, as an NTLMSSP AUTHENTICATE message says ([MS-NLMP] 2.2.1.3), wherever it stands in a security blob.

use super::names::text;
use crate::protocols::cursor::Cursor;

const SIGNATURE: &[u8] = b"NTLMSSP\0";
const UNICODE: u32 = 1;
const VERSION: u32 = 0x0200_0000;

/// What it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ntlmssp {
    /// The account's domain.
    pub domain: Vec<u8>,
    /// The account.
    pub user: Vec<u8>,
    /// The client's name.
    pub host: Vec<u8>,
    /// The client's operating system: major, minor, build and revision.
    pub version: Option<(u8, u8, u16, u8)>,
}

/// What a security blob holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// No such message.
    Nothing,
    /// One that cannot be read.
    Malformed,
    /// One.
    Authenticate(Ntlmssp),
}

/// Looks for the message in a security blob.
#[must_use]
pub fn find(blob: &[u8]) -> Found {
    let Some(at) = memchr::memmem::find(blob, SIGNATURE) else { return Found::Nothing };
    let message = blob.get(at..).unwrap_or_default();
    match message.get(8..12) {
        Some([3, 0, 0, 0]) => read(message).map_or(Found::Malformed, Found::Authenticate),
        Some(_) => Found::Nothing,
        None => Found::Malformed,
    }
}

fn read(message: &[u8]) -> Option<Ntlmssp> {
    let mut cursor = Cursor::little(message);
    cursor.skip(12 + 16)?;
    let [domain, user, host, _] = [(); 4].map(|()| field(&mut cursor));
    let flags = cursor.u32()?;
    let version = (flags & VERSION != 0).then(|| cursor.array::<8>()).flatten();
    let of = |(len, at): (u16, u32)| {
        let at = usize::try_from(at).ok()?;
        let bytes = message.get(at..)?.get(..usize::from(len))?;
        Some(text(bytes, flags & UNICODE != 0))
    };
    Some(Ntlmssp {
        domain: of(domain?)?,
        user: of(user?)?,
        host: of(host?)?,
        version: version.map(|[major, minor, low, high, _, _, _, revision]| {
            (major, minor, u16::from_le_bytes([low, high]), revision)
        }),
    })
}

/// Length and place of a field.
fn field(cursor: &mut Cursor<'_>) -> Option<(u16, u32)> {
    let len = cursor.u16()?;
    cursor.skip(2)?;
    Some((len, cursor.u32()?))
}
