//! The engine by example, and by simulation: whatever happens to the segments, the bytes are the sender's.

use super::testing::{ACK, FIN, RST, SYN, Talk, tcp};
use super::{Delivery, OneSided, OverlapPolicy, PayloadFate, StreamConfig, StreamEvent, TcpSession};
use crate::event::TcpState;
use crate::packet::{Direction, TcpFlags};

mod acknowledged;
mod handshake;
mod order;
mod overlap;
mod sides;
mod simulation;
mod teardown;

fn talk() -> Talk {
    Talk::new(StreamConfig::default())
}

/// An established connection: client at 1, server at 1001.
fn open() -> Talk {
    let mut talk = talk();
    talk.handshake(0, 1000);
    talk
}
