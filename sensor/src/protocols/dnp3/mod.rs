//! DNP3 over TCP (IEEE 1815): link frames with their checks, fragments put together from them, and the objects inside.
//!
//! Each application fragment, of either side, is a transaction. The station that connects is taken for the master.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes of a link frame | 292, as its length can tell | cannot be |
//! | bytes of a fragment | [`FRAGMENT_LIMIT`] | it is dropped, event `too_long_reassembly` |
//! | objects of a fragment | [`OBJECT_LIMIT`] | later ones are not read, event `too_many_objects` |
//! | points of a fragment | [`POINT_LIMIT`] | later ones are not read, event `too_many_points` |
//! | points of a fragment in EVE | [`SHOWN_LIMIT`] | later ones are left out |

mod application;
mod event;
mod link;
mod objects;
mod parser;
mod probe;
mod record;
mod transaction;

#[cfg(test)]
mod tests;

pub use application::{OBJECT_LIMIT, POINT_LIMIT};
pub use parser::{Dnp3Parser, FRAGMENT_LIMIT};
pub use probe::probe;
pub use record::SHOWN_LIMIT;
pub use transaction::Dnp3Transaction;
