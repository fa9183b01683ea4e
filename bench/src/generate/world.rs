//! What all flows of a run share: pools of content, names, certificates. Made once from the seed.

use super::distribution::{Zipf, lognormal, within};
use base64::Engine as _;
use fastrand::Rng;
use flate2::{Compression, write::GzEncoder};
use std::io::Write as _;

const NOISE_BYTES: usize = 1 << 20;
const TEXT_BYTES: usize = 1 << 18;
const PAGES: usize = 40;
const SITES: usize = 400;
/// Bytes that make a line of Base64 in a mail (RFC 2045, section 6.8), and the line with its end.
pub const LINE_BYTES: u64 = 57;
/// See [`LINE_BYTES`].
pub const LINE: u64 = 78;
const LINES: usize = 8192;

/// Words that names, texts and paths are made of.
pub const WORDS: [&str; 64] = [
    "alder", "amber", "anchor", "apple", "arch", "atlas", "autumn", "basin", "beacon", "birch", "bridge", "brook",
    "cable", "canal", "candle", "castle", "cedar", "chart", "cloud", "coast", "copper", "coral", "crane", "delta",
    "drift", "eagle", "ember", "falcon", "fern", "field", "forest", "garden", "glass", "grain", "harbor", "hazel",
    "heron", "island", "ivory", "jasper", "lake", "lantern", "ledger", "linen", "maple", "marble", "meadow", "mill",
    "north", "ocean", "olive", "orchard", "paper", "pearl", "pine", "quarry", "river", "salt", "silver", "stone",
    "summit", "timber", "valley", "willow",
];

/// A web site, a mail domain.
#[derive(Debug)]
pub struct Site {
    /// Its domain, as in `alder-brook7.com`.
    pub domain: String,
    /// Host part of its server's address, below 2^17.
    pub address: u32,
    /// Body of a TLS Certificate message for it: the list with its length (RFC 5246, section 7.4.2).
    pub certificates: Vec<u8>,
}

/// See the module's head.
#[derive(Debug)]
pub struct World {
    /// Random bytes.
    pub noise: Vec<u8>,
    /// Words.
    pub text: Vec<u8>,
    /// Lines of Base64 with CR LF.
    pub base64: Vec<u8>,
    pages: Vec<Vec<u8>>,
    sites: Vec<Site>,
    popularity: Zipf,
    /// What `--marker` says.
    pub marker: Vec<u8>,
}

/// One of the words.
pub fn word(rng: &mut Rng) -> &'static str {
    WORDS[rng.usize(..WORDS.len())]
}

impl World {
    /// The world of a seed.
    pub fn new(seed: u64, marker: &[u8]) -> Self {
        // Not the stream that flows are drawn from.
        let mut rng = Rng::with_seed(seed ^ 0x0077_6f72_6c64);
        let noise: Vec<u8> =
            std::iter::repeat_with(|| rng.u64(..).to_le_bytes()).take(NOISE_BYTES / 8).flatten().collect();
        let mut text = Vec::with_capacity(TEXT_BYTES + 64);
        while text.len() < TEXT_BYTES {
            text.extend_from_slice(word(&mut rng).as_bytes());
            text.push(if rng.u8(..12) == 0 { b'\n' } else { b' ' });
        }
        let base64 = noise[..LINES * LINE_BYTES as usize]
            .chunks(LINE_BYTES as usize)
            .flat_map(|line| (base64::engine::general_purpose::STANDARD.encode(line) + "\r\n").into_bytes())
            .collect();
        let pages = (0..PAGES).map(|_| page(&mut rng, &text)).collect();
        let endings = ["com", "com", "com", "net", "org", "io", "de", "co.jp"];
        let sites = (0..SITES)
            .map(|n| {
                let ending = endings[rng.usize(..endings.len())];
                let domain = format!("{}-{}{n}.{ending}", word(&mut rng), word(&mut rng));
                // No certificate for a name that none can hold; these names are made so that all can.
                let certificates = super::certificates::list(&mut rng, &domain).unwrap_or_default();
                Site { domain, address: rng.u32(..0x2_0000), certificates }
            })
            .collect();
        Self { noise, text, base64, pages, sites, popularity: Zipf::new(SITES), marker: marker.to_vec() }
    }

    /// A page's compressed bytes.
    pub fn page(&self, number: u32) -> &[u8] {
        &self.pages[number as usize % self.pages.len()]
    }

    /// A site, the popular ones more often.
    pub fn site(&self, rng: &mut Rng) -> (u16, &Site) {
        let rank = self.popularity.rank(rng);
        (rank as u16, &self.sites[rank])
    }

    /// The site of this rank.
    pub fn site_of(&self, rank: u16) -> &Site {
        &self.sites[usize::from(rank) % self.sites.len()]
    }
}

/// A page of HTML, compressed as a server would. Lognormal: the median page of the web has some 30 KB.
fn page(rng: &mut Rng, text: &[u8]) -> Vec<u8> {
    let len = within(lognormal(rng, 30_000.0, 0.9), 1_000, 250_000) as usize;
    let mut html = format!("<!DOCTYPE html>\n<html><head><title>{} {}</title></head>\n<body>\n", word(rng), word(rng))
        .into_bytes();
    while html.len() < len {
        let at = rng.usize(..text.len() - 500);
        html.extend_from_slice(format!("<div class=\"{}\" id=\"p{}\"><p>", word(rng), rng.u16(..)).as_bytes());
        html.extend_from_slice(&text[at..at + rng.usize(50..500)]);
        html.extend_from_slice(b"</p></div>\n");
    }
    html.extend_from_slice(b"</body></html>\n");
    let mut packed = GzEncoder::new(Vec::new(), Compression::new(6));
    // Writing into memory cannot fail, and what was written is a whole page all the same.
    let _ = packed.write_all(&html);
    packed.finish().unwrap_or_default()
}
