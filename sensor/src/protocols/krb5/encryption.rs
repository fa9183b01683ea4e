//! Types of encryption (IANA, "Kerberos Encryption Type Numbers").

use sekisho_signatures::krb5::{is_weak, name};
use std::fmt;

/// A type of encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encryption(pub i32);

impl Encryption {
    /// It is known to be weak, or is not used any more for that reason.
    #[must_use]
    pub fn is_weak(self) -> bool {
        is_weak(self.0)
    }
}

impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match name(self.0) {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}
