//! TLS 1.2 (RFC 5246) and 1.3 (RFC 8446): whole handshakes of a handful of clients, then records of random bytes in the sizes
//! of web traffic.

use super::tls_hello::{CLIENTS, Client, client_hello, server_hello};
use super::{Done, Ending, Stage, Step, size};
use crate::generate::distribution::{pareto, within};
use crate::generate::frame::{CLIENT, SERVER};
use crate::generate::message::{Body, Framing};
use fastrand::Rng;

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const SERVER_HELLO_DONE: u8 = 14;
const CLIENT_KEY_EXCHANGE: u8 = 16;
/// Header, explicit nonce and tag of a small record of TLS 1.2 with AES-GCM.
const FINISHED_12: usize = 40;
/// Finished of TLS 1.3 with SHA-256: header, hash, content type, tag.
const FINISHED_13: usize = 53;

/// What is to be said next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Hello,
    ServerFlight,
    ClientFinished,
    ServerFinished,
    Request,
    Answer,
    Close,
    End,
}

/// See the module's head.
#[derive(Debug)]
pub struct Tls {
    site: u16,
    client: u8,
    thirteen: bool,
    at: At,
    /// Exchanges of application data still to come.
    left: u8,
    session: [u8; 32],
}

impl Tls {
    pub fn new(site: u16, rng: &mut Rng) -> Self {
        let client = rng.u8(..CLIENTS.len() as u8);
        let mut left = 1;
        while left < 40 && rng.u8(..7) > 0 {
            left += 1;
        }
        let mut session = [0; 32];
        rng.fill(&mut session);
        // Some servers have only 1.2.
        let thirteen = CLIENTS[usize::from(client) % CLIENTS.len()].thirteen && rng.u8(..5) > 0;
        Self { site, client, thirteen, at: At::Hello, left, session }
    }

    pub fn next(&mut self, stage: &mut Stage<'_>) -> Step {
        let (next, step) = match self.at {
            At::Hello => {
                self.client_hello(stage);
                (At::ServerFlight, Step::say(CLIENT, stage.work(0.3)))
            }
            At::ServerFlight => {
                self.server_flight(stage);
                let said = Step::say(SERVER, stage.work(3.0));
                (At::ClientFinished, if self.thirteen { said.counted(Done::Tls) } else { said })
            }
            At::ClientFinished => {
                self.client_finished(stage);
                (At::ServerFinished, Step::say(CLIENT, stage.work(1.0)))
            }
            At::ServerFinished if self.thirteen => {
                // Two session tickets.
                random_record(stage, APPLICATION_DATA, 250);
                random_record(stage, APPLICATION_DATA, 250);
                (At::Request, Step::say(SERVER, stage.work(0.5)))
            }
            At::ServerFinished => {
                record(stage.head, CHANGE_CIPHER_SPEC, &[1]);
                random_record(stage, HANDSHAKE, FINISHED_12);
                (At::Request, Step::say(SERVER, stage.work(1.0)).counted(Done::Tls))
            }
            At::Request => (At::Answer, request(stage)),
            At::Answer => {
                self.left = self.left.saturating_sub(1);
                (if self.left == 0 { At::Close } else { At::Request }, answer(stage))
            }
            At::Close => {
                // close_notify.
                let (kind, len) = if self.thirteen { (APPLICATION_DATA, 19) } else { (ALERT, 26) };
                random_record(stage, kind, len);
                (At::End, Step::say(CLIENT, stage.think(500.0)))
            }
            At::End => (At::End, Step::End(Ending::Fin(CLIENT))),
        };
        self.at = next;
        step
    }

    fn profile(&self) -> &'static Client {
        &CLIENTS[usize::from(self.client) % CLIENTS.len()]
    }

    fn client_hello(&self, stage: &mut Stage<'_>) {
        let domain = &stage.world.site_of(self.site).domain;
        let hello = client_hello(self.profile(), &format!("www.{domain}"), &self.session, stage.rng);
        handshake(stage.head, 1, &hello);
        // The record's version of a first hello is that of TLS 1.0 (RFC 8446, section 5.1).
        if let Some(minor) = stage.head.get_mut(2) {
            *minor = 1;
        }
    }

    fn client_finished(&self, stage: &mut Stage<'_>) {
        if self.thirteen {
            record(stage.head, CHANGE_CIPHER_SPEC, &[1]);
            random_record(stage, APPLICATION_DATA, FINISHED_13);
        } else {
            let mut key = vec![32];
            key.extend(std::iter::repeat_with(|| stage.rng.u8(..)).take(32));
            handshake(stage.head, CLIENT_KEY_EXCHANGE, &key);
            record(stage.head, CHANGE_CIPHER_SPEC, &[1]);
            random_record(stage, HANDSHAKE, FINISHED_12);
        }
    }

    fn server_flight(&self, stage: &mut Stage<'_>) {
        let hello = server_hello(self.thirteen, self.profile(), &self.session, stage.rng);
        handshake(stage.head, 2, &hello);
        if self.thirteen {
            record(stage.head, CHANGE_CIPHER_SPEC, &[1]);
            let certificates = stage.rng.usize(2_200..4_200);
            for len in [50, certificates, 281, FINISHED_13] {
                random_record(stage, APPLICATION_DATA, len);
            }
            return;
        }
        handshake(stage.head, CERTIFICATE, &stage.world.site_of(self.site).certificates);
        // Curve x25519, a key, a signature of RSA-PSS with SHA-256.
        let mut exchange = vec![3, 0, 0x1d, 32];
        exchange.extend(std::iter::repeat_with(|| stage.rng.u8(..)).take(32));
        exchange.extend([8, 4, 1, 0]);
        exchange.extend(std::iter::repeat_with(|| stage.rng.u8(..)).take(256));
        handshake(stage.head, SERVER_KEY_EXCHANGE, &exchange);
        handshake(stage.head, SERVER_HELLO_DONE, &[]);
    }
}

/// Application data of so many bytes.
fn records(rng: &mut Rng, len: u64) -> Body {
    Body { framing: Framing::Records, start: rng.u32(..1 << 20), len, ..Body::NONE }
}

/// Mostly small; one in fifteen sends a form or a file.
fn request(stage: &mut Stage<'_>) -> Step {
    let len = if stage.rng.u8(..15) == 0 {
        size(stage.rng, 20_000.0, 1.5, 500, 10_000_000)
    } else {
        size(stage.rng, 350.0, 0.6, 60, 4_000)
    };
    let pause = if stage.rng.u8(..4) > 0 { stage.work(4.0) } else { stage.think(1_200.0) };
    Step::say(CLIENT, pause).with(records(stage.rng, len))
}

/// One in twelve is a download.
fn answer(stage: &mut Stage<'_>) -> Step {
    let len = if stage.rng.u8(..12) == 0 {
        within(pareto(stage.rng, 40_000.0, 1.3), 0, 20_000_000)
    } else {
        size(stage.rng, 6_000.0, 1.6, 80, 5_000_000)
    };
    Step::say(SERVER, stage.work(15.0)).with(records(stage.rng, len))
}

/// A record of TLS 1.2's version.
fn record(out: &mut Vec<u8>, kind: u8, payload: &[u8]) {
    out.extend([kind, 3, 3]);
    out.extend((payload.len() as u16).to_be_bytes());
    out.extend_from_slice(payload);
}

fn random_record(stage: &mut Stage<'_>, kind: u8, len: usize) {
    record(stage.head, kind, &[]);
    let at = stage.head.len();
    stage.head[at - 2..].copy_from_slice(&(len as u16).to_be_bytes());
    stage.random(len);
}

/// A handshake message in a record of its own.
fn handshake(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    let [_, a, b, c] = (body.len() as u32).to_be_bytes();
    out.extend([HANDSHAKE, 3, 3]);
    out.extend(((4 + body.len()) as u16).to_be_bytes());
    out.extend([kind, a, b, c]);
    out.extend_from_slice(body);
}
