//! FTP's data connections: a file, or a listing, from one end to the other.
//!
//! Nothing in them says what they are: the control connection announces them ([`crate::protocols::ftp`]), and with them the command and
//! the file's name ([`FtpDataNote`]). A flow is one transaction. What transfers a file is told as one; a listing is not.
//!
//! Of each flow no more is kept than the note and what [`crate::protocols::file`] keeps of a file.

mod parser;
mod transaction;

#[cfg(test)]
mod tests;

pub use parser::FtpDataParser;
pub use transaction::{FtpDataRecord, FtpDataTransaction};

/// What the control connection said of a data connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FtpDataNote {
    /// The command that uses it: `RETR`, `STOR`, `LIST` and so on.
    pub command: &'static str,
    /// Its argument.
    pub file: Box<[u8]>,
}
