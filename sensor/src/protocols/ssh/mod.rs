//! SSH (RFC 4253): the banners, and the first key exchange messages, from which HASSH is made.
//!
//! A flow is one transaction. Once both sides have said that they use their new keys, or it is not known any more where messages
//! begin, nothing more is read. EVE's record is written when both HASSHs are known, or else at the end.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes of a banner | [`BANNER_LIMIT`] | event `long_banner`, the rest is left out |
//! | bytes before a banner, in whole lines | [`PREAMBLE_LIMIT`] | event `invalid_banner`, and that side is given up |
//! | bytes of a key exchange message | [`KEX_LIMIT`] | event `long_kex_record`, it is passed over |

mod event;
mod hassh;
mod parser;
mod probe;
mod record;
mod transaction;

#[cfg(test)]
mod tests;

pub use hassh::Hassh;
pub use parser::{BANNER_LIMIT, KEX_LIMIT, PREAMBLE_LIMIT, SshParser};
pub use probe::probe;
pub use transaction::SshTransaction;
