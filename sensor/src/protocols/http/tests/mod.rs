//! Cases as bytes, property tests.

mod cases;
mod files;
mod properties;

use super::{HttpConfig, HttpParser};
use crate::packet::Direction;
use crate::protocols::file::FilePolicy;
use crate::protocols::testing::seeds;
use crate::protocols::{Observer, Parser, Status, Transaction};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::app::Protocols;
use sekisho_signatures::buffers::{Buffer, Progress};

/// What was told, as text: the buffers of a direction as they were when it was complete, and the rest in order.
#[derive(Default)]
pub(super) struct Told {
    pub(super) lines: Vec<String>,
    pub(super) levels: Vec<(u64, Direction, Progress)>,
    /// LZMA is to be undone.
    pub(super) lzma: bool,
}

/// All buffers of a direction, as text.
pub(super) fn buffers(transaction: &dyn Transaction, direction: Direction) -> Vec<String> {
    let mut lines = Vec::new();
    let mut scratch = Vec::new();
    for buffer in Buffer::ALL.iter().filter(|b| Protocols::HTTP1.intersects(b.declaration().protocols)) {
        for index in 0.. {
            scratch.clear();
            let Some(part) = transaction.bytes(*buffer, direction, index, &mut scratch) else { break };
            lines.push(format!(
                "{} {}{}",
                buffer.name(),
                part.data.escape_ascii(),
                if part.complete { "" } else { "…" }
            ));
        }
        if let Some(number) = transaction.number(*buffer, direction, 0) {
            lines.push(format!("{} {number}", buffer.name()));
        }
    }
    lines
}

impl Observer for Told {
    fn progress(&mut self, transaction: &mut dyn Transaction, direction: Direction, progress: Progress) {
        let id = transaction.state().id;
        let last = self.levels.iter().rfind(|l| (l.0, l.1) == (id, direction));
        assert!(last.is_none_or(|l| l.2 < progress || l.2 == Progress::Body && progress == Progress::Body));
        self.levels.push((id, direction, progress));
        if progress == Progress::Complete {
            let of = buffers(transaction, direction);
            self.lines.extend(of.into_iter().map(|l| format!("{id} {direction:?} {l}")));
        }
    }

    fn event(&mut self, transaction: Option<&mut dyn Transaction>, direction: Direction, event: &'static str) {
        let id = transaction.map(|t| t.state().id);
        self.lines.push(format!("{} {direction:?} event {event}", id.map_or(String::new(), |i| i.to_string())));
    }

    fn file_policy(&self) -> FilePolicy {
        FilePolicy { lzma: self.lzma, ..FilePolicy::default() }
    }

    fn file(&mut self, transaction: &mut dyn Transaction, direction: Direction, index: usize) {
        let Some(file) = transaction.file(direction, index) else { return };
        let id = transaction.state().id;
        let gaps = if file.gaps { " gaps" } else { "" };
        let range = file.range.map_or(String::new(), |(first, last)| format!(" of {first}-{last}"));
        let name = file.name.escape_ascii();
        self.lines.push(format!("{id} {direction:?} file {name} {:?} {}{gaps}{range}", file.state, file.size));
    }

    fn log(&mut self, transaction: &mut dyn Transaction, direction: Direction) {
        let record = transaction.record(direction, false).expect("each has one");
        let mut out = Vec::new();
        record.write(&mut out).expect("memory takes all");
        let id = transaction.state().id;
        self.lines.push(format!("{id} {} {}", record.kind(), String::from_utf8(out).expect("JSON is UTF-8")));
    }
}

/// Runs a conversation; `>` is the client.
pub(super) fn run(pieces: &[(Direction, &[u8])]) -> (Told, Status) {
    let mut parser = HttpParser::new(HttpConfig::default());
    assert_eq!(parser.protocol(), Protocol::Http1);
    seeds::keep(Protocol::Http1, pieces);
    let mut told = Told::default();
    let mut status = Status::More;
    for (direction, bytes) in pieces {
        status = parser.data(*direction, bytes, &mut told);
    }
    parser.end(Direction::ToServer, &mut told);
    parser.end(Direction::ToClient, &mut told);
    assert_eq!(parser.pending(), 0);
    (told, status)
}

impl Told {
    pub(super) fn has(&self, line: &str) -> bool {
        self.lines.iter().any(|l| l == line)
    }

    #[track_caller]
    pub(super) fn expect(&self, lines: &[&str]) {
        for line in lines {
            assert!(self.has(line), "{line}\nnot in\n{}", self.lines.join("\n"));
        }
    }
}
