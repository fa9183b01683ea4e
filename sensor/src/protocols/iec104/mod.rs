//! IEC 60870-5-104, telecontrol over TCP: frames with numbers (I), without (U), and mere acknowledgements (S).
//!
//! Each I or U frame is a transaction of its own. S frames say nothing but how many were received, and are passed over.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes of a frame | 255, as its length can tell | cannot be |
//! | information objects of a frame | 127, as their count can tell | cannot be |

mod asdu;
mod event;
mod parser;
mod probe;
mod record;
mod transaction;
mod types;

#[cfg(test)]
mod tests;

pub use parser::Iec104Parser;
pub use probe::{probe, probe_on_port};
pub use transaction::Iec104Transaction;
