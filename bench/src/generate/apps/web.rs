//! HTTP/1.1 (RFC 9112): a browser and a server, connections kept alive, sometimes pipelined; pages compressed and chunked, pictures,
//! scripts, answers of interfaces, downloads.

use super::{Done, Ending, MS, Stage, Step, size};
use crate::generate::distribution::{pareto, within};
use crate::generate::frame::{CLIENT, SERVER};
use crate::generate::message::{Body, Framing, Source};
use crate::generate::world::word;
use fastrand::Rng;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Page,
    Script,
    Picture,
    Data,
    Form,
    Download,
    Head,
}

/// See the module's head.
#[derive(Debug)]
pub struct Web {
    site: u16,
    agent: u8,
    /// Requests still to be made.
    left: u8,
    /// Requests in one go.
    pipeline: u8,
    /// What was asked for and not answered, first to last; at most eight.
    asked: [Kind; 8],
    waiting: u8,
    answered: u8,
    server_closes: bool,
}

const AGENTS: [&str; 6] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36",
    "curl/7.88.1",
    "Microsoft-CryptoAPI/10.0",
];
const SERVERS: [&str; 4] = ["nginx", "Apache/2.4.59 (Debian)", "cloudfront", "Microsoft-IIS/10.0"];
/// Client's compression and media types, by what a browser sends.
const ACCEPT: &str = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\n";

impl Web {
    pub fn new(site: u16, rng: &mut Rng) -> Self {
        // Geometric: half of the connections carry up to four requests.
        let mut left = 1;
        while left < 30 && rng.u8(..6) > 0 {
            left += 1;
        }
        Self {
            site,
            agent: rng.u8(..AGENTS.len() as u8),
            left,
            pipeline: if rng.u8(..20) == 0 { rng.u8(2..=8) } else { 1 },
            asked: [Kind::Page; 8],
            waiting: 0,
            answered: 0,
            server_closes: rng.u8(..3) == 0,
        }
    }

    pub fn next(&mut self, stage: &mut Stage<'_>) -> Step {
        if self.answered < self.waiting {
            let kind = self.asked[usize::from(self.answered) & 7];
            self.answered += 1;
            let last = self.left == 0 && self.answered == self.waiting;
            return answer(stage, kind, last && self.server_closes);
        }
        if self.left == 0 {
            return Step::End(Ending::Fin(if self.server_closes { SERVER } else { CLIENT }));
        }
        let first = self.waiting == 0;
        self.waiting = self.pipeline.min(self.left);
        self.answered = 0;
        self.left -= self.waiting;
        for n in 0..self.waiting {
            let kind = kind(stage.rng, first && n == 0);
            self.asked[usize::from(n) & 7] = kind;
            self.request(stage, kind);
        }
        // What a page needs is asked for at once, the next page when it was read.
        let pause = if first || stage.rng.u8(..4) > 0 { stage.work(3.0) } else { stage.think(1_500.0) };
        Step::say(CLIENT, pause)
    }

    fn request(&self, stage: &mut Stage<'_>, kind: Kind) {
        let (a, b, n) = (word(stage.rng), word(stage.rng), stage.rng.u16(..));
        let (method, path) = match kind {
            Kind::Page => ("GET", if n % 4 == 0 { "/".to_owned() } else { format!("/{a}/{b}.html?id={n}") }),
            Kind::Script => ("GET", format!("/static/{a}-{n:x}.{}", if n % 2 == 0 { "js" } else { "css" })),
            Kind::Picture => ("GET", format!("/images/{a}/{b}_{n}.jpg")),
            Kind::Data => ("GET", format!("/api/v{}/{a}?{b}={n}&limit=50", 1 + n % 3)),
            Kind::Form => ("POST", format!("/{a}/submit")),
            Kind::Download => ("GET", format!("/files/{a}-{b}-{}.{n}.zip", n % 7)),
            Kind::Head => ("HEAD", format!("/{a}/{b}")),
        };
        let domain = &stage.world.site_of(self.site).domain;
        let agent = AGENTS[usize::from(self.agent) % AGENTS.len()];
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: www.{domain}\r\nUser-Agent: {agent}\r\n");
        if self.agent < 4 {
            text += ACCEPT;
            if n % 3 > 0 {
                text += &format!("Referer: http://www.{domain}/{b}\r\n");
            }
            if n % 5 > 1 {
                text += &format!("Cookie: session={:016x}{:016x}; lang=en\r\n", stage.rng.u64(..), stage.rng.u64(..));
            }
        } else {
            text += "Accept: */*\r\n";
        }
        if kind == Kind::Form {
            let form = format!("name={a}&city={b}&number={n}&send=1");
            text += &format!(
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: keep-alive\r\n\r\n{form}",
                form.len()
            );
        } else {
            text += "Connection: keep-alive\r\n\r\n";
        }
        stage.text(&text);
    }
}

fn kind(rng: &mut Rng, first: bool) -> Kind {
    match rng.u8(..100) {
        _ if first => Kind::Page,
        0..15 => Kind::Page,
        15..40 => Kind::Script,
        40..75 => Kind::Picture,
        75..90 => Kind::Data,
        90..95 => Kind::Form,
        95..97 => Kind::Head,
        _ => Kind::Download,
    }
}

/// The response's body; its media type; whether it is compressed.
fn content(stage: &mut Stage<'_>, kind: Kind) -> (Body, &'static str, bool) {
    let rng = &mut *stage.rng;
    let start = rng.u32(..1 << 20);
    let noise = |len| Body { start, len, ..Body::NONE };
    match kind {
        Kind::Page | Kind::Head => {
            let len = stage.world.page(start).len() as u64;
            (Body { source: Source::Page, start, len, ..Body::NONE }, "text/html; charset=utf-8", true)
        }
        Kind::Script => {
            let len = size(rng, 15_000.0, 1.2, 100, 500_000);
            (Body { source: Source::Text, start, len, ..Body::NONE }, "text/javascript", false)
        }
        Kind::Picture => (noise(size(rng, 12_000.0, 1.4, 60, 3_000_000)), "image/jpeg", false),
        Kind::Data | Kind::Form => {
            let len = size(rng, 900.0, 1.1, 20, 100_000);
            (Body { source: Source::Text, start, len, ..Body::NONE }, "application/json", false)
        }
        Kind::Download => {
            (noise(within(pareto(rng, 60_000.0, 1.25), 0, 20_000_000)), "application/octet-stream", false)
        }
    }
}

fn answer(stage: &mut Stage<'_>, kind: Kind, close: bool) -> Step {
    let form = kind == Kind::Form;
    let status = match stage.rng.u8(..100) {
        0..6 if kind != Kind::Form && kind != Kind::Head => "304 Not Modified",
        6..9 => "404 Not Found",
        9 if kind == Kind::Page => "302 Found",
        _ => "200 OK",
    };
    let (body, media, packed) = content(stage, kind);
    let server = SERVERS[stage.rng.usize(..SERVERS.len())];
    let second = stage.rng.u32(..60);
    let mut text = format!("HTTP/1.1 {status}\r\nDate: Thu, 01 Jan 2026 00:00:{second:02} GMT\r\nServer: {server}\r\n");
    if close {
        text += "Connection: close\r\n";
    }
    if status.starts_with("302") {
        text += &format!("Location: /{}/\r\n", word(stage.rng));
    }
    if status.starts_with('3') {
        let none = if status.starts_with("302") { "Content-Length: 0\r\n\r\n" } else { "ETag: \"5f-61a2\"\r\n\r\n" };
        stage.text(&(text + none));
        return Step::say(SERVER, stage.work(5.0)).counted(Done::Http { file: false, form });
    }
    text += &format!("Content-Type: {media}\r\nCache-Control: max-age={}\r\n", 60 * second);
    if packed {
        text += "Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n";
    }
    let chunked = packed && kind == Kind::Page && !second.is_multiple_of(3);
    text += &if chunked {
        "Transfer-Encoding: chunked\r\n\r\n".to_owned()
    } else {
        format!("Content-Length: {}\r\n\r\n", body.len)
    };
    stage.text(&text);
    let pause = if packed { 30.0 } else { 4.0 };
    let said = Step::say(SERVER, stage.work(pause).min(5_000.0 * MS));
    if kind == Kind::Head {
        return said.counted(Done::Http { file: false, form });
    }
    let said = said.counted(Done::Http { file: true, form });
    if chunked { said.with(Body { framing: Framing::Chunks, ..body }).ending(b"0\r\n\r\n") } else { said.with(body) }
}
