//! HASSH (<https://github.com/salesforce/hassh>): what a key exchange message says of the software that sent it.

use crate::packet::Direction;
use crate::protocols::text::Hex;
use md5::{Digest, Md5};
use std::io::Write;

/// A HASSH, of a client or of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hassh {
    /// Algorithms for key exchange, encryption, authentication and compression, with semicolons between them.
    pub string: Vec<u8>,
    /// Its MD5, in lower-case hexadecimal.
    pub hash: [u8; 32],
}

impl Hassh {
    /// Of the payload of a SSH_MSG_KEXINIT behind its number (RFC 4253, 7.1) that went in `direction`; None if it is broken.
    #[must_use]
    pub fn of(payload: &[u8], direction: Direction) -> Option<Self> {
        const COOKIE: usize = 16;
        let mut rest = payload.get(COOKIE..)?;
        let mut lists: [&[u8]; 8] = [&[]; 8];
        for list in &mut lists {
            let (length, behind) = rest.split_first_chunk::<4>()?;
            (*list, rest) = behind.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        }
        let [exchange, _, enc_up, enc_down, mac_up, mac_down, zip_up, zip_down] = lists;
        let own = match direction {
            Direction::ToServer => [exchange, enc_up, mac_up, zip_up],
            Direction::ToClient => [exchange, enc_down, mac_down, zip_down],
        };
        let string = own.join(&b';');
        let mut hash = [0; 32];
        // There is room for just so much.
        let _ = write!(&mut hash[..], "{}", Hex(&Md5::digest(&string), ""));
        Some(Self { string, hash })
    }
}
