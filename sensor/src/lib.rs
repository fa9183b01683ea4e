//! Sekisho, an inline deep packet inspection sensor.
//!
//! The modules stand in the order of a packet's way: a frame is [`capture`]d, [`decode`]d into packets,
//! [`defrag`]mented, assigned to a [`flow`], put in order by [`stream`], matched by [`detect`], and judged by
//! [`verdict`]; what is worth telling leaves as an [`event`] for [`output`]. [`worker`] is that way, in one page.
//! Everything after `capture` takes bytes and a timestamp, so that it runs, and is tested, with no NIC.

#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))] // a closed pipe: see control::print

pub mod capture;
pub mod config;
pub mod control;
pub mod counters;
pub mod decode;
pub mod defrag;
pub mod detect;
pub mod event;
pub mod flow;
pub mod histogram;
pub mod host_os;
mod json;
pub mod ledger;
pub mod output;
pub mod packet;
pub mod protocols;
pub mod stream;
pub mod time;
pub mod verdict;
pub mod worker;
