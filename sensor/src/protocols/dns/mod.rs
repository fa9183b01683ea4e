//! DNS over UDP and TCP (RFC 1035), multicast DNS (RFC 6762) and LLMNR (RFC 4795), which share one message format.
//!
//! Each message is a transaction of its own, as in Suricata 8: requests and responses are logged apart. On TCP every message
//! has its length before it, several may come in a segment and one may come in many. A broken message is still shown to rules as
//! far as it could be read, with an event, but not logged.
//!
//! | bound | value | beyond it |
//! |---|---|---|
//! | bytes kept of an unfinished message, each direction | 65,535, the format's own limit | cannot be |
//! | bytes of a name | [`NAME_LIMIT`] | the rest is left out, event `name_too_long` |
//! | labels of a name | [`LABEL_LIMIT`] | the rest is left out, event `too_many_labels` |
//! | compression pointers in a name | [`POINTER_LIMIT`] | the rest is left out, event `infinite_loop` |
//! | labels and pointers followed in a message | [`STEP_LIMIT`] | reading stops as at a broken record |
//! | bytes of all names of a message, decompressed | [`NAMES_LIMIT`] | reading stops as at a broken record |

mod event;
mod message;
mod name;
mod parser;
mod probe;
mod rdata;
mod record;
mod transaction;

#[cfg(test)]
mod tests;

pub use message::{Header, Message, Question, Resource};
pub use name::{LABEL_LIMIT, NAME_LIMIT, NAMES_LIMIT, Name, POINTER_LIMIT, STEP_LIMIT};
pub use parser::{DnsParser, Family, Transport};
pub use probe::{Guess, probe_datagram, probe_service, probe_stream};
pub use rdata::{OptOption, Rdata, Soa, Span, Srv};
pub use record::DnsRecord;
pub use transaction::DnsTransaction;
