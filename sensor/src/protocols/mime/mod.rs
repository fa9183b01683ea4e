//! Mail messages (RFC 5322) with MIME (RFC 2045 to 2049, 2231): header fields, the parts with a file name as files, the URLs of texts.
//!
//! A [`Mail`] takes a message as it comes, cut anywhere, whatever protocol carries it (SMTP, POP3, IMAP), and decodes what it can:
//! nested multiparts and messages, base64, quoted-printable and what is uuencoded, also in a plain text. It never fails: what is malformed is noted as [`Oddities`], and is
//! read as mail programs would.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes of a header field's value | [`MAX_VALUE`] | the rest is left out, event `mime_long_header_value` |
//! | bytes of a header field's name | [`MAX_NAME`] | the field is left out, event `mime_long_header_name` |
//! | header fields of a message or part | [`MAX_FIELDS`] | more are left out, event `mime_malformed_msg` |
//! | bytes of all header fields of a message or part | [`MAX_HEADER`] | more are left out, event `mime_malformed_msg` |
//! | bytes of a boundary | [`MAX_BOUNDARY`] | the parts are not told apart, event `mime_long_boundary` |
//! | bytes of a file's name | [`MAX_FILE_NAME`] | the rest is left out, event `mime_long_filename` |
//! | multiparts in each other | [`MAX_DEPTH`] | read as text, event `mime_malformed_msg` |
//! | files | [`MAX_FILES`] | more are not followed, event `mime_malformed_msg` |
//! | bytes of all files that are kept for rules | [`MAX_KEPT`] | of more files only sizes are known |
//! | URLs, and bytes of one and of all | [`MAX_URLS`], [`MAX_URL`], [`MAX_URL_BYTES`] | more are left out |

mod body;
mod buffer;
mod event;
mod field;
mod mail;
mod parameter;
mod record;
mod transfer;
mod url;
mod uu;

#[cfg(test)]
mod tests;

pub use event::Oddities;
pub use field::{Fields, MAX_FIELDS, MAX_HEADER, MAX_NAME, MAX_VALUE};
pub use mail::{MAX_BOUNDARY, MAX_DEPTH, MAX_FILE_NAME, MAX_FILES, MAX_KEPT, Mail, Stage};
pub use record::EmailRecord;
pub use url::{MAX_URL, MAX_URL_BYTES, MAX_URLS};
