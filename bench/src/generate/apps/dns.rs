//! DNS over UDP (RFC 1035): a resolver of the office asked for popular names. One socket asks for A and, often, AAAA.

use super::{Done, Ending, Stage, Step};
use crate::generate::frame::{CLIENT, SERVER};
use fastrand::Rng;

const A: u16 = 1;
const CNAME: u16 = 5;
const SOA: u16 = 6;
const MX: u16 = 15;
const TXT: u16 = 16;
const AAAA: u16 = 28;
const OPT: u16 = 41;
const NXDOMAIN: u8 = 3;
/// Compression pointer to the question's name, right after the header.
const NAME: u16 = 0xc00c;

/// See the module's head.
#[derive(Debug)]
pub struct Dns {
    /// Types to ask for; the second is 0 if there is none.
    kinds: [u16; 2],
    id: u16,
    site: u16,
    host: u8,
    edns: bool,
    missing: bool,
    step: u8,
}

const HOSTS: [&str; 6] = ["www", "", "api", "cdn", "mail", "static"];

impl Dns {
    pub fn new(rng: &mut Rng) -> Self {
        let kinds = match rng.u8(..20) {
            0..10 => [A, AAAA],
            10..16 => [A, 0],
            16..18 => [AAAA, 0],
            18 => [MX, 0],
            _ => [TXT, 0],
        };
        Self {
            kinds,
            id: rng.u16(..),
            site: 0,
            host: rng.u8(..HOSTS.len() as u8),
            edns: rng.u8(..10) < 6,
            missing: rng.u8(..20) == 0,
            step: 0,
        }
    }

    pub fn next(&mut self, stage: &mut Stage<'_>) -> Step {
        if self.step == 0 {
            self.site = stage.world.site(stage.rng).0;
        }
        let (question, answers) = (usize::from(self.step / 2), self.step % 2 == 1);
        let kind = self.kinds.get(question).copied().unwrap_or(0);
        if kind == 0 {
            return Step::End(Ending::Silence);
        }
        self.step += 1;
        let id = self.id.wrapping_add(question as u16);
        if answers {
            self.answer(stage, id, kind);
            // From the cache, or after asking others.
            let pause = if stage.rng.u8(..10) < 6 { stage.work(0.2) } else { stage.work(30.0) };
            Step::say(SERVER, pause).counted(Done::DnsAnswer)
        } else {
            self.question(stage, id, kind, [1, 0], [0, 0]);
            if self.edns {
                stage.head.push(0);
                record_tail(stage.head, OPT, 1232, 0, &[]);
            }
            Step::say(CLIENT, 1e5).counted(Done::DnsQuery)
        }
    }

    /// Header and question.
    fn question(&self, stage: &mut Stage<'_>, id: u16, kind: u16, flags: [u8; 2], records: [u16; 2]) {
        let head = &mut *stage.head;
        head.extend(id.to_be_bytes());
        head.extend(flags);
        for count in [1, records[0], records[1], u16::from(self.edns)] {
            head.extend(count.to_be_bytes());
        }
        let domain = &stage.world.site_of(self.site).domain;
        let host = HOSTS[usize::from(self.host) % HOSTS.len()];
        // A name that is not there is asked for at random.
        let lost = format!("{:08x}", u32::from(self.id) << 13);
        let first = if self.missing { lost.as_str() } else { host };
        for label in std::iter::once(first).chain(domain.split('.')).filter(|label| !label.is_empty()) {
            head.push(label.len() as u8);
            head.extend_from_slice(label.as_bytes());
        }
        head.push(0);
        head.extend(kind.to_be_bytes());
        head.extend([0, 1]);
    }

    fn answer(&self, stage: &mut Stage<'_>, id: u16, kind: u16) {
        let site = stage.world.site_of(self.site);
        if self.missing {
            self.question(stage, id, kind, [0x81, 0x80 | NXDOMAIN], [0, 1]);
            // The domain's own name comes after the first label of eight.
            stage.head.extend((NAME + 9).to_be_bytes());
            let mut data = Vec::from(*b"\x03ns1\xc0\x15\x04root\xc0\x15");
            data.extend([0x78, 0x98, 0x3a, 0x01, 0, 0, 0x1c, 0x20, 0, 0, 3, 0x84, 0, 0x12, 0x75, 0, 0, 0, 1, 0x2c]);
            record_tail(stage.head, SOA, 1, 300, &data);
        } else {
            let alias = matches!(kind, A | AAAA) && self.host == 3;
            let count = if matches!(kind, A | AAAA) { 1 + self.id % 3 } else { 1 };
            self.question(stage, id, kind, [0x81, 0x80], [count + u16::from(alias), 0]);
            let mut name = NAME;
            if alias {
                stage.head.extend(NAME.to_be_bytes());
                let data = b"\x04edge\x07balance\x03net\x00";
                record_tail(stage.head, CNAME, 1, 300, data);
                name = 0xc000 | (stage.head.len() - data.len()) as u16;
            }
            for n in 0..u32::from(count) {
                stage.head.extend(name.to_be_bytes());
                let [_, a, b, c] = site.address.wrapping_add(n).to_be_bytes();
                let data: &[u8] = match kind {
                    A => &[198, 18 + (a & 1), b, c],
                    AAAA => &[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, a & 1, b, c],
                    MX => b"\x00\x0a\x02mx\xc0\x0c",
                    // The length of the string comes first (RFC 1035, section 3.3.14).
                    _ => b"\x20v=spf1 ip4:198.18.0.0/15 mx -all",
                };
                record_tail(stage.head, kind, 1, 300, data);
            }
        }
        if self.edns {
            stage.head.push(0);
            record_tail(stage.head, OPT, 1232, 0, &[]);
        }
    }
}

/// A resource record after its name.
fn record_tail(head: &mut Vec<u8>, kind: u16, class: u16, ttl_s: u32, data: &[u8]) {
    head.extend(kind.to_be_bytes());
    head.extend(class.to_be_bytes());
    head.extend(ttl_s.to_be_bytes());
    head.extend((data.len() as u16).to_be_bytes());
    head.extend_from_slice(data);
}
