//! What conversations say: one file an application. An application is asked again and again for its next step and knows nothing
//! of segments, losses and times but its own pauses.

mod bulk;
mod datagrams;
mod dns;
mod mail;
mod short;
mod smb;
mod smb_messages;
mod tls;
mod tls_hello;
mod web;

use super::distribution::{exponential, lognormal, within};
use super::frame::{ICMP, TCP, UDP};
use super::message::Body;
use super::mix::Profile;
use super::world::World;
use fastrand::Rng;

/// A millisecond in nanoseconds.
pub const MS: f64 = 1e6;

/// What a step, once all of it was sent, is counted as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Done {
    /// Nothing.
    #[default]
    Nothing,
    /// The answer to an HTTP request.
    Http {
        /// It has a body.
        file: bool,
        /// So had the request.
        form: bool,
    },
    /// The server's last handshake message.
    Tls,
    /// A DNS question.
    DnsQuery,
    /// Its answer.
    DnsAnswer,
    /// The answer to an SMB request.
    Smb,
    /// The answer to an SMB close, after all of a file was read or written.
    SmbFile,
    /// A mail was taken.
    Mail {
        /// Its attachments.
        files: u8,
    },
    /// An echo was answered.
    Ping,
    /// The time was told.
    Ntp,
}

/// How a conversation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// This side closes first, the other follows.
    Fin(usize),
    /// This side resets.
    Reset(usize),
    /// With nothing.
    Silence,
}

/// What happens next. The head of what is said was put into [`Stage::head`].
#[derive(Debug)]
pub enum Step {
    /// A side speaks.
    Say {
        /// Which.
        from: usize,
        /// Nanoseconds from when it heard the other, or ended its last words, to when it speaks.
        pause: u64,
        /// After the head.
        body: Body,
        /// After the body.
        tail: &'static [u8],
        /// What was done when all of it was sent.
        done: Done,
    },
    /// The conversation is over.
    End(Ending),
}

impl Step {
    /// The head alone.
    fn say(from: usize, pause: f64) -> Self {
        Self::Say { from, pause: pause as u64, body: Body::NONE, tail: b"", done: Done::Nothing }
    }

    fn counted(self, as_what: Done) -> Self {
        match self {
            Self::Say { from, pause, body, tail, .. } => Self::Say { from, pause, body, tail, done: as_what },
            end @ Self::End(_) => end,
        }
    }

    fn with(self, then: Body) -> Self {
        match self {
            Self::Say { from, pause, tail, done, .. } => Self::Say { from, pause, body: then, tail, done },
            end @ Self::End(_) => end,
        }
    }

    fn ending(self, with: &'static [u8]) -> Self {
        match self {
            Self::Say { from, pause, body, done, .. } => Self::Say { from, pause, body, tail: with, done },
            end @ Self::End(_) => end,
        }
    }
}

/// What an application works with.
pub struct Stage<'a> {
    /// Pools and names.
    pub world: &'a World,
    /// The flow's own.
    pub rng: &'a mut Rng,
    /// Empty; takes the head of what is said.
    pub head: &'a mut Vec<u8>,
}

impl Stage<'_> {
    fn text(&mut self, text: &str) {
        self.head.extend_from_slice(text.as_bytes());
    }

    fn random(&mut self, len: usize) {
        let at = self.head.len();
        self.head.resize(at + len, 0);
        self.rng.fill(&mut self.head[at..]);
    }

    /// A user's pause, around so many milliseconds.
    fn think(&mut self, median_ms: f64) -> f64 {
        lognormal(self.rng, median_ms, 0.8).min(60_000.0) * MS
    }

    /// A machine's pause, on average so many milliseconds.
    fn work(&mut self, mean_ms: f64) -> f64 {
        exponential(self.rng, mean_ms) * MS
    }
}

/// Where a flow goes to, beside what it says.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// [`TCP`], [`UDP`] or [`ICMP`].
    pub proto: u8,
    /// The server's port.
    pub port: u16,
    /// Host part of the server's address: below 2^17 outside, or, if `local`, the last octet.
    pub host: u32,
    /// On the office's own network.
    pub local: bool,
}

/// An application's state.
#[derive(Debug)]
pub enum App {
    Web(web::Web),
    Tls(tls::Tls),
    Dns(dns::Dns),
    Smb(Box<smb::Smb>),
    Mail(mail::Mail),
    Bulk(bulk::Bulk),
    Short(short::Short),
    /// A SYN, and nothing after it.
    Scan,
    Echo(datagrams::Echo),
    Ntp(datagrams::Ntp),
}

impl App {
    /// The application of a profile, and where it goes.
    pub fn new(profile: Profile, world: &World, rng: &mut Rng) -> (Self, Target) {
        let (site, at) = world.site(rng);
        let outside = |proto, port| Target { proto, port, host: at.address, local: false };
        let inside = |proto, port, host| Target { proto, port, host, local: true };
        match profile {
            Profile::Web => (Self::Web(web::Web::new(site, rng)), outside(TCP, 80)),
            Profile::Tls => (Self::Tls(tls::Tls::new(site, rng)), outside(TCP, 443)),
            Profile::Dns => (Self::Dns(dns::Dns::new(rng)), inside(UDP, 53, 253)),
            Profile::Smb => (Self::Smb(Box::new(smb::Smb::new(rng))), inside(TCP, 445, 252)),
            Profile::Mail => (Self::Mail(mail::Mail::new(site, rng)), outside(TCP, 25)),
            Profile::Bulk => (Self::Bulk(bulk::Bulk::new(rng)), outside(TCP, 5201)),
            Profile::Short => (Self::Short(short::Short::new(rng)), outside(TCP, rng.u16(6000..10_000))),
            Profile::Scan => {
                let host = rng.u32(..0x2_0000);
                let port = if rng.bool() { rng.u16(1..1024) } else { rng.u16(1..) };
                (Self::Scan, Target { proto: TCP, port, host, local: false })
            }
            Profile::Icmp => (Self::Echo(datagrams::Echo::new(rng)), outside(ICMP, 0)),
            Profile::Ntp => (Self::Ntp(datagrams::Ntp::default()), outside(UDP, 123)),
        }
    }

    /// What it does next.
    pub fn next(&mut self, stage: &mut Stage<'_>) -> Step {
        match self {
            Self::Web(app) => app.next(stage),
            Self::Tls(app) => app.next(stage),
            Self::Dns(app) => app.next(stage),
            Self::Smb(app) => app.next(stage),
            Self::Mail(app) => app.next(stage),
            Self::Bulk(app) => app.next(stage),
            Self::Short(app) => app.next(stage),
            Self::Scan => Step::End(Ending::Silence),
            Self::Echo(app) => app.next(stage),
            Self::Ntp(app) => app.next(stage),
        }
    }
}

/// A size of this median, cut to `least` and `most`.
fn size(rng: &mut Rng, median: f64, sigma: f64, least: u64, most: u64) -> u64 {
    within(lognormal(rng, median, sigma), least, most)
}
