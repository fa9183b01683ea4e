//! Every protocol that the registry names, each by its own parser: `SEKISHO_FUZZ_PROTOCOL` says which, and without it the first
//! byte of the input does. `SEKISHO_FUZZ_LIST` prints their names and ends.
//!
//! Whatever the bytes: what parsers promise their observer holds, each record is JSON, nothing is told after both directions
//! are over, what a parser holds of a flow stays within its limit (also when the same comes over and over), and an exchange
//! cut elsewhere comes to the same. In a second mode the protocol is to be recognised first, as in a flow.
#![no_main]

use cap::Cap;
use libfuzzer_sys::fuzz_target;
use sekisho::packet::Direction;
use sekisho::protocols::registry::{self, Reading, Transport};
use sekisho::protocols::{FlowApp, Parser, Status};
use sekisho_fuzz::exchange::{Exchange, Piece};
use sekisho_fuzz::witness::{Outcome, Witness};
use sekisho_signatures::app::Protocol;
use std::alloc::System;
use std::sync::LazyLock;

/// Counts the bytes that are allocated.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Bytes that an exchange is repeated to.
const REPEATED_BYTES: usize = 4 << 20;

/// The ways in which each protocol is read, in order of their names.
static PROTOCOLS: LazyLock<Vec<(Protocol, Vec<Reading>)>> = LazyLock::new(|| {
    let mut protocols: Vec<(Protocol, Vec<Reading>)> = vec![];
    for reading in registry::readings() {
        match protocols.iter_mut().find(|(p, _)| *p == reading.protocol) {
            Some((_, readings)) if readings.iter().any(|r| r.transport == reading.transport) => {}
            Some((_, readings)) => readings.push(reading),
            None => protocols.push((reading.protocol, vec![reading])),
        }
    }
    protocols.sort_by_key(|(protocol, _)| protocol.name());
    protocols
});

/// The protocol that is asked for.
static CHOSEN: LazyLock<Option<&(Protocol, Vec<Reading>)>> = LazyLock::new(|| {
    let name = std::env::var("SEKISHO_FUZZ_PROTOCOL").ok()?;
    let found = PROTOCOLS.iter().find(|(protocol, _)| protocol.name() == name);
    assert!(found.is_some(), "no protocol is called {name}");
    found
});

/// Bytes that a flow of a protocol may hold, by `sensor/src/protocols/MEMORY.md`, with what allocation adds.
fn limit(protocol: Protocol) -> usize {
    match protocol {
        Protocol::Smb | Protocol::Nfs => 40 << 20,
        Protocol::Dcerpc => 16 << 20,
        Protocol::Smtp => 16 << 20,
        // And what Brotli looks back at in two bodies, 16 MiB each.
        Protocol::Http2 | Protocol::Doh2 => 48 << 20,
        // Requests that nobody answers yet, with their bodies, 4 MiB; and what Brotli looks back at in two bodies, 16 MiB each.
        Protocol::Http1 => 40 << 20,
        _ => 4 << 20,
    }
}

/// Whoever reads the exchange.
enum Reader {
    Parser(Box<dyn Parser>),
    Flow(FlowApp),
}

impl Reader {
    fn take(&mut self, reading: &Reading, piece: Piece<'_>, witness: &mut Witness) -> Status {
        match (self, piece) {
            (Self::Parser(parser), Piece::Data(direction, bytes)) => parser.data(direction, bytes, witness),
            (Self::Parser(parser), Piece::Gap(direction, len)) => parser.gap(direction, len, witness),
            (Self::Flow(flow), Piece::Data(direction, bytes)) => {
                let was_idle = flow.is_idle(direction) && !flow.is_read();
                let ports = [40_000, reading.ports.first().copied().unwrap_or(40_001)];
                let absorbed = flow.recognise(reading.transport, direction, ports, bytes);
                flow.parse(direction, bytes, absorbed, witness);
                assert!(!was_idle || !flow.is_read(), "{}: an idle flow is read again", reading.protocol);
                Status::More
            }
            (Self::Flow(flow), Piece::Gap(direction, len)) => {
                flow.gap(direction, len, witness);
                Status::More
            }
        }
    }

    fn end(&mut self, direction: Direction, witness: &mut Witness) {
        match self {
            Self::Parser(parser) => parser.end(direction, witness),
            Self::Flow(flow) => flow.end(direction, witness),
        }
    }
}

/// Goes through an exchange, and tells what it came to.
fn run(
    reading: &Reading,
    probed: bool,
    rounds: usize,
    pieces: &[Piece<'_>],
    listens: bool,
) -> (Option<Status>, Outcome) {
    let protocol = reading.protocol;
    let before = ALLOCATOR.allocated();
    let mut reader = if probed {
        Reader::Flow(FlowApp::default())
    } else {
        Reader::Parser(registry::parser(protocol, reading.transport).expect("the registry names it"))
    };
    let mut witness = Witness::new(protocol, listens);
    let mut last = None;
    'rounds: for _ in 0..rounds {
        for &piece in pieces {
            let status = reader.take(reading, piece, &mut witness);
            let held = ALLOCATOR.allocated().saturating_sub(before);
            assert!(listens || held <= limit(protocol), "{protocol} holds {held} bytes");
            if status != Status::More {
                last = Some(status);
                break 'rounds;
            }
        }
    }
    for direction in [Direction::ToServer, Direction::ToClient] {
        reader.end(direction, &mut witness);
    }
    witness.check_all_complete();
    let told = (witness.outcome.records.len(), witness.outcome.buffers.len(), witness.outcome.files.len());
    for direction in [Direction::ToClient, Direction::ToServer] {
        reader.end(direction, &mut witness);
    }
    let again = (witness.outcome.records.len(), witness.outcome.buffers.len(), witness.outcome.files.len());
    assert_eq!(told, again, "{protocol}: what is over is told again");
    (last, witness.finish())
}

/// What comes at once behind an HTTP message is taken for its body, as browsers and servers take it: there it counts how the bytes came.
fn counts_pieces(outcome: &Outcome) -> bool {
    outcome.events.iter().any(|(_, event)| event.ends_with("_body_unexpected"))
}

/// Says what differs, shortly.
fn compare(protocol: Protocol, whole: &(Option<Status>, Outcome), cut: &(Option<Status>, Outcome)) {
    assert_eq!(whole.0, cut.0, "{protocol}: status (left: whole, right: cut)");
    let (whole, cut) = (&whole.1, &cut.1);
    assert_eq!(whole.events, cut.events, "{protocol}: events (left: whole, right: cut)");
    for (a, b) in whole.buffers.iter().zip(&cut.buffers) {
        assert_eq!(a, b, "{protocol}: buffers (left: whole, right: cut)");
    }
    assert_eq!(whole.records, cut.records, "{protocol}: records (left: whole, right: cut)");
    assert_eq!(whole.files, cut.files, "{protocol}: files (left: whole, right: cut)");
    assert!(whole == cut, "{protocol}: {} buffers whole, {} cut", whole.buffers.len(), cut.buffers.len());
}

fn start() {
    if std::env::var_os("SEKISHO_FUZZ_LIST").is_some() {
        for (protocol, _) in &*PROTOCOLS {
            println!("{protocol}");
        }
        std::process::exit(0);
    }
    LazyLock::force(&CHOSEN);
}

fuzz_target!(init: start(), |data: &[u8]| {
    let (chosen, data) = match (*CHOSEN, data) {
        (Some(chosen), data) => (chosen, data),
        (None, [which, data @ ..]) => (&PROTOCOLS[usize::from(*which) % PROTOCOLS.len()], data),
        (None, []) => return,
    };
    let Some(exchange) = Exchange::parse(data) else { return };
    let (protocol, readings) = chosen;
    let reading = &readings[exchange.transport(readings.len())];
    let len: usize = exchange.pieces.iter().map(|p| if let Piece::Data(_, bytes) = p { bytes.len() } else { 0 }).sum();
    let rounds = if exchange.is_repeated() { (REPEATED_BYTES / (len + 64)).max(1) } else { 1 };
    run(reading, exchange.is_probed(), rounds, &exchange.pieces, false);
    let whole = run(reading, exchange.is_probed(), 1, &exchange.pieces, true);
    if reading.transport == Transport::Stream && !exchange.is_probed() {
        let cut = run(reading, false, 1, &exchange.cut(), true);
        if !counts_pieces(&whole.1) && !counts_pieces(&cut.1) {
            compare(*protocol, &whole, &cut);
        }
    }
});
