//! An output that talks to somebody: a thread of its own that connects, sends, and tries again; and [`Output`], the seam behind
//! which each protocol stands, and a message broker's client could.
//!
//! A peer that is away is tried again after a growing delay with jitter, so that a fleet does not come back all at once. What waits
//! meanwhile stays in order, alerts before the rest, as far as the queue has room. A line that was cut off by a broken connection
//! is sent again whole over the next one. SIGHUP has a peer tried at once, its name looked up anew.

use super::config::EventType;
use super::fanout::{OutputQueue, Parcel};
use super::health::{Loss, OutputCounts};
use super::queue::bump;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const FIRST_DELAY: Duration = Duration::from_millis(100);
const LAST_DELAY: Duration = Duration::from_secs(30);
/// An idle connection is looked at this often.
const IDLE: Duration = Duration::from_secs(1);
/// Bytes that are taken from the queue at a time: alerts that come meanwhile wait for these at most.
const LOAD_BYTES: usize = 256 * 1024;
/// The log is told of the same output's failures this often at most.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// How long a peer may take to accept a connection, or to answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How long one attempt to send may block, before the thread looks whether it is to stop.
pub(super) const SEND_STEP: Duration = Duration::from_millis(200);

/// What an output does; each in its own file. All may block for a few seconds; none is called on the packet path.
pub(super) trait Output: Send {
    /// Makes the connection.
    fn connect(&mut self) -> Result<(), Failure>;
    /// Sends from the front of `load`, in order, what the peer takes now; tells `load` of each line that it has, or can never
    /// have. Returning with lines left means that the peer is slow.
    fn send(&mut self, load: &mut Load, counts: &OutputCounts) -> Result<(), Failure>;
    /// With nothing to send: whether the peer is still there.
    fn check(&mut self) -> Result<(), Failure> {
        Ok(())
    }
    /// Lets go of the connection.
    fn disconnect(&mut self);
}

/// Why an output cannot go on for now: a sentence's end, behind the output's name.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    #[error("`{host}` cannot be looked up: {source}; name an address, or mend the resolver")]
    Lookup { host: String, source: io::Error },
    #[error("the connection broke: {0}")]
    Broken(io::Error),
    #[error("the peer closed the connection")]
    Closed,
    #[error("{0}")]
    Redis(#[from] redis::RedisError),
    #[error("the answer is none of Redis: {0}")]
    Answer(String),
    #[error("cannot read the password file: {0}")]
    Password(io::Error),
}

/// Lines that were taken out of the queue and are being sent.
#[derive(Debug, Default)]
pub(super) struct Load {
    parcels: VecDeque<Arc<Parcel>>,
    /// The line of the first parcel that is next.
    line: usize,
    /// Bytes of that line that a stream has already.
    offset: usize,
    /// Lines that were written or lost so far.
    settled: u64,
}

impl Load {
    fn fill(&mut self, queue: &OutputQueue) {
        let mut bytes: usize = self.parcels.iter().map(|parcel| parcel.bytes().len()).sum();
        while bytes < LOAD_BYTES {
            let Some(parcel) = queue.take() else { break };
            bytes += parcel.bytes().len();
            self.parcels.push_back(parcel);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parcels.is_empty()
    }

    /// The next line, without its line feed.
    pub(super) fn front(&self) -> Option<(&[u8], EventType)> {
        self.lines().next()
    }

    /// The lines that are left, without their line feeds.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&[u8], EventType)> {
        let from = |i: usize| if i == 0 { self.line } else { 0 };
        self.parcels.iter().enumerate().flat_map(move |(i, parcel)| {
            (from(i)..parcel.ends().len()).filter_map(|at| {
                let (line, kind) = parcel.line(at)?;
                Some((line.strip_suffix(b"\n").unwrap_or(line), kind))
            })
        })
    }

    /// The peer has the next line.
    pub(super) fn written(&mut self, counts: &OutputCounts) {
        if let Some((line, kind)) = self.front() {
            bump(&counts.bytes, line.len() as u64);
            counts.written.add(kind, 1);
        }
        self.step();
    }

    /// The peer can never have the next line.
    pub(super) fn lost(&mut self, loss: Loss, counts: &OutputCounts) {
        if let Some((_, kind)) = self.front() {
            counts.lost(loss).add(kind, 1);
        }
        self.step();
    }

    fn step(&mut self) {
        self.settled = self.settled.wrapping_add(1);
        self.offset = 0;
        self.line += 1;
        if self.parcels.front().is_none_or(|parcel| self.line >= parcel.ends().len()) {
            self.parcels.pop_front();
            self.line = 0;
        }
    }

    /// What a stream is to be sent next: whole lines, but for what it has of the first.
    pub(super) fn stream_bytes(&self) -> &[u8] {
        let Some(parcel) = self.parcels.front() else { return &[] };
        let start = self.line.checked_sub(1).and_then(|at| parcel.ends().get(at)).map_or(0, |&(end, _)| end);
        parcel.bytes().get(start + self.offset..).unwrap_or_default()
    }

    /// The stream took so many of [`stream_bytes`](Self::stream_bytes).
    pub(super) fn took(&mut self, mut bytes: usize, counts: &OutputCounts) {
        while let Some((line, _)) = self.front() {
            let left = (line.len() + 1).saturating_sub(self.offset);
            if bytes < left {
                self.offset += bytes;
                return;
            }
            bytes -= left;
            self.written(counts);
            if bytes == 0 {
                return;
            }
        }
    }

    /// A new connection has nothing of the line at hand.
    fn rewind(&mut self) {
        self.offset = 0;
    }
}

/// The delay before the next attempt.
struct BackOff(Duration);

impl BackOff {
    /// Between half and all of a delay that doubles.
    fn next(&mut self) -> Duration {
        let delay = self.0.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.0 = (self.0 * 2).min(LAST_DELAY);
        delay
    }

    const fn reset(&mut self) {
        self.0 = FIRST_DELAY;
    }
}

/// An output's thread.
pub(super) struct Peer {
    output: Box<dyn Output>,
    queue: Arc<OutputQueue>,
    counts: Arc<OutputCounts>,
    load: Load,
    back_off: BackOff,
    connected: bool,
    /// When the log was last told that it fails: a peer that comes and goes is no reason to fill the disk.
    told: Option<Instant>,
    /// The log is to be told once it works.
    to_tell: bool,
    last_progress: Instant,
    grace: Duration,
}

impl Peer {
    pub(super) fn new(output: Box<dyn Output>, queue: Arc<OutputQueue>, grace: Duration) -> Self {
        Self {
            output,
            counts: Arc::clone(&queue.counts),
            queue,
            load: Load::default(),
            back_off: BackOff(FIRST_DELAY),
            connected: false,
            told: None,
            to_tell: true,
            last_progress: Instant::now(),
            grace,
        }
    }

    /// Runs until its queue is closed and all is sent, or nothing moves any more.
    pub(super) fn run(mut self) {
        let mut closed_at = None;
        loop {
            if self.queue.is_closed() {
                let since = *closed_at.get_or_insert_with(Instant::now);
                if since.max(self.last_progress).elapsed() > self.grace {
                    break;
                }
            }
            if self.queue.reopen.swap(false, Ordering::AcqRel) {
                self.reconnect();
            }
            if !self.connected && !self.connect() {
                continue;
            }
            self.load.fill(&self.queue);
            if self.load.is_empty() {
                self.progressed();
                if self.queue.is_closed() {
                    break;
                }
                self.idle();
                continue;
            }
            let before = self.load.settled;
            let sent = self.output.send(&mut self.load, &self.counts);
            if self.load.settled != before {
                self.progressed();
            }
            match sent {
                Err(failure) => self.failed(&failure),
                Ok(()) if self.load.settled != before => self.back_off.reset(),
                Ok(()) => {}
            }
        }
        self.give_up();
    }

    fn progressed(&mut self) {
        self.last_progress = Instant::now();
        self.counts.progressed(self.last_progress);
    }

    /// SIGHUP: the name may mean another host now. A connection that works is left in peace.
    fn reconnect(&mut self) {
        self.back_off.reset();
        if self.connected
            && let Err(failure) = self.output.check()
        {
            self.failed(&failure);
        }
    }

    /// Whether it worked; if not, after a rest.
    fn connect(&mut self) -> bool {
        match self.output.connect() {
            Ok(()) => {
                self.connected = true;
                self.counts.set_connected(true);
                self.load.rewind();
                if std::mem::take(&mut self.to_tell) {
                    tracing::info!("output {}: connected to {}", self.counts.name, self.counts.what);
                }
                true
            }
            Err(failure) => {
                self.failed(&failure);
                false
            }
        }
    }

    fn idle(&mut self) {
        self.queue.wait(IDLE);
        if let Err(failure) = self.output.check() {
            self.failed(&failure);
        }
    }

    /// Lets go of the connection, and waits before it is tried again.
    fn failed(&mut self, failure: &Failure) {
        self.output.disconnect();
        self.connected = false;
        self.counts.set_connected(false);
        let text = format!("{}: {failure}", self.counts.what);
        if self.told.is_none_or(|at| at.elapsed() > TELL_EVERY) {
            (self.told, self.to_tell) = (Some(Instant::now()), true);
            tracing::error!(
                "output {}: {text}; it is tried again until it works. Alerts and events wait as far as its queue has room",
                self.counts.name
            );
        }
        self.counts.error(|| text);
        let delay = self.back_off.next();
        // At the end it is tried a little more, but not after half a minute.
        let delay = if self.queue.is_closed() { delay.min(SEND_STEP) } else { delay };
        if self.queue.is_closed() {
            std::thread::sleep(delay);
        } else {
            self.queue.rest(delay);
        }
    }

    fn give_up(&mut self) {
        while !self.load.is_empty() {
            self.load.lost(Loss::Shutdown, &self.counts);
        }
        self.queue.abandon();
        self.output.disconnect();
        self.counts.set_connected(false);
    }
}

impl Drop for Peer {
    /// Also when the thread panics: what is left is counted.
    fn drop(&mut self) {
        self.give_up();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_with_jitter_up_to_a_bound() {
        let mut back_off = BackOff(FIRST_DELAY);
        let mut most = FIRST_DELAY;
        for _ in 0..12 {
            let delay = back_off.next();
            assert!(delay >= most / 2 && delay <= most, "{delay:?} of {most:?}");
            most = (most * 2).min(LAST_DELAY);
        }
        assert_eq!(most, LAST_DELAY);
        let delays: std::collections::BTreeSet<Duration> = (0..20).map(|_| back_off.next()).collect();
        assert!(delays.len() > 10, "no jitter: {delays:?}");
        back_off.reset();
        assert!(back_off.next() <= FIRST_DELAY);
    }
}
