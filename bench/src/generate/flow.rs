//! One conversation on its way past the sensor, which stands near the client: what its next frame is, and when.
//!
//! The client's frames pass the sensor as they are sent, the server's after half a round trip; so the client's answers come at once
//! and the server's a round trip later. All state is here and small: a million flows fit into a few hundred megabytes.

use super::apps::{App, Ending, Stage, Step};
use super::counts::Counts;
use super::distribution::lognormal;
use super::frame::{CLIENT, Ends, ICMP, SERVER, TCP};
use super::message::{Framing, Message, Source};
use super::mix::Profile;
use super::tcp::Tcp;
use super::world::World;
use super::{Options, apps::Done};
use fastrand::Rng;

/// Nanoseconds until the client's machine answers.
pub const CLIENT_DELAY: u64 = 60_000;
/// Clients; all of them have addresses in 10.0.0.0/24, so that the rounds of a replay (10.x.y.0/24) share none.
const CLIENTS: u64 = 250;
/// Share of flows over IPv6, where nothing else is said.
const IPV6_SHARE: f64 = 0.1;
/// Ports that clients use, from 1024.
const PORTS: u64 = 64_512;

/// What a flow needs of the run.
pub struct Env<'a> {
    pub options: &'a Options,
    pub world: &'a World,
    pub counts: &'a mut Counts,
    /// Takes the next frame.
    pub frame: &'a mut Vec<u8>,
}

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// A frame was made, and passes the sensor.
    pub frame: bool,
    /// When the next step is due, nanoseconds; never, when the flow is over.
    pub next: Option<u64>,
}

/// What is being said.
#[derive(Debug, Default)]
pub struct Speech {
    pub message: Message,
    /// Its length.
    pub total: u64,
    pub from: usize,
    pub done: Done,
}

/// What is to be done next with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// There is a new speech, which starts then.
    Speak(u64),
    /// It is over.
    End(Ending),
}

/// See the module's head.
#[derive(Debug)]
pub struct Flow {
    pub ends: Ends,
    app: App,
    pub rng: Rng,
    pub speech: Speech,
    /// Nanoseconds to the server and back.
    pub rtt: u64,
    /// TCP's state, and of a datagram when it is due.
    tcp: Tcp,
    at: u64,
    pub profile: Profile,
    /// It has not had a step.
    pub is_new: bool,
}

/// splitmix64, so that neighbouring flows have nothing in common.
fn scramble(n: u64) -> u64 {
    let mut z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Flow {
    /// Flow number `number` begins at `start`.
    pub fn new(number: u64, start: u64, profile: Profile, mut rng: Rng, options: &Options, world: &World) -> Self {
        let (app, target) = App::new(profile, world, &mut rng);
        let v6 = rng.f64() < options.ipv6_share.unwrap_or(IPV6_SHARE);
        let vlan = if rng.f64() < options.vlan_share { 100 + (number % 4) as u16 } else { 0 };
        let (client, turn) = (number % CLIENTS, number / CLIENTS);
        let port = 1024 + (scramble(client).wrapping_add(turn) % PORTS) as u16;
        let [_, a, b, c] = target.host.to_be_bytes();
        let own = client as u8 + 1;
        let inside = |host: u8| {
            if v6 { [0xfd, 0, 0, 0x5e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host] } else { four([10, 0, 0, host]) }
        };
        let server = match (target.local, v6) {
            (true, _) => inside(c),
            (false, false) => four([198, 18 + (a & 1), b, c]),
            (false, true) => [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, a & 1, b, c],
        };
        let hops = if target.local { 0 } else { 5 + (scramble(target.host.into()) % 12) as u8 };
        let ends = Ends {
            addresses: [inside(own), server],
            ports: if target.proto == ICMP { [0, 0] } else { [port, target.port] },
            proto: target.proto,
            v6,
            vlan,
            ttl: [if own.is_multiple_of(3) { 64 } else { 128 }, if hops.is_multiple_of(2) { 64 } else { 128 } - hops],
            local: target.local,
        };
        // A server of the house is a quarter of a millisecond away, others mostly twenty.
        let rtt_ms = if target.local { 0.25 } else { lognormal(&mut rng, 20.0, 0.7).clamp(1.0, 400.0) };
        let rtt = (rtt_ms * 1e6) as u64;
        let tcp = Tcp::new(&ends, options.frame_size.into(), rtt, &mut rng);
        let mut flow = Self {
            ends,
            app,
            rng,
            speech: Speech { from: CLIENT, ..Speech::default() },
            rtt,
            tcp,
            at: start,
            profile,
            is_new: true,
        };
        if flow.ends.proto == TCP {
            flow.tcp.begin(start);
        } else if let Next::Speak(at) = flow.speak(start, options, world) {
            flow.at = at;
        }
        flow
    }

    /// When its next step is due.
    pub fn due(&self) -> u64 {
        if self.ends.proto == TCP { self.tcp.due(&self.speech) } else { self.at }
    }

    /// It begins with a SYN and ends with it.
    pub fn is_scan(&self) -> bool {
        matches!(self.app, App::Scan)
    }

    /// Does what is due.
    pub fn step(&mut self, env: &mut Env<'_>) -> Turn {
        if self.ends.proto != TCP {
            return self.datagram(env);
        }
        // The state is taken out, since it works on the rest of the flow.
        let mut tcp = std::mem::take(&mut self.tcp);
        let (frame, over) = tcp.step(self, env);
        let next = (!over).then(|| tcp.due(&self.speech));
        self.tcp = tcp;
        Turn { frame, next }
    }

    fn datagram(&mut self, env: &mut Env<'_>) -> Turn {
        let Speech { message, from, done, .. } = &self.speech;
        let id = self.rng.u16(..);
        if self.ends.proto == ICMP {
            self.ends.echo(env.frame, *from, id, &message.head);
        } else {
            self.ends.datagram(env.frame, *from, id, &message.head);
        }
        env.counts.transactions.count(*done);
        match self.speak(self.at, env.options, env.world) {
            Next::Speak(at) => {
                self.at = at;
                Turn { frame: true, next: Some(at) }
            }
            Next::End(_) => Turn { frame: true, next: None },
        }
    }

    /// What was said was said at `now`; what comes next?
    pub fn speak(&mut self, now: u64, options: &Options, world: &World) -> Next {
        let before = self.speech.from;
        // Its memory is given back: most flows wait most of their time.
        let mut head = Vec::new();
        match self.app.next(&mut Stage { world, rng: &mut self.rng, head: &mut head }) {
            Step::End(ending) => {
                self.speech = Speech { from: before, ..Speech::default() };
                Next::End(ending)
            }
            Step::Say { from, pause, mut body, tail, done } => {
                let markable = matches!(body.source, Source::Noise | Source::Text) && body.framing != Framing::Chunks;
                // Not across the header of a second record.
                let (room, marker) = (body.len.min(16_000), world.marker.len() as u64);
                if marker > 0 && markable && room >= marker {
                    let frames = body.len as f64 / 1_400.0 + 1.0;
                    if self.rng.f64() < options.marker_share * frames {
                        body.mark = Some(self.rng.u32(..=(room - marker) as u32));
                    }
                }
                let message = Message { head, body, tail };
                let total = message.len();
                self.speech = Speech { message, total, from, done };
                let way = match (before, from) {
                    (CLIENT, SERVER) => self.rtt,
                    (SERVER, CLIENT) => CLIENT_DELAY,
                    _ => 0,
                };
                Next::Speak(now + way + pause)
            }
        }
    }
}

fn four([a, b, c, d]: [u8; 4]) -> [u8; 16] {
    [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
}

/// The generator of a flow's own numbers.
pub fn rng_of(seed: u64, number: u64) -> Rng {
    Rng::with_seed(scramble(seed ^ scramble(number.wrapping_add(1))))
}
