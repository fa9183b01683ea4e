//! The URLs in the texts of a mail, found as the text comes.

/// Bytes of a URL; the rest of a longer one is left out.
pub const MAX_URL: usize = 2048;
/// URLs of one mail.
pub const MAX_URLS: usize = 512;
/// Bytes of all URLs of one mail.
pub const MAX_URL_BYTES: usize = 64 * 1024;

/// Those that are looked for.
const SCHEMES: [&[u8]; 3] = [b"http://", b"https://", b"ftp://"];

/// What was found so far. The scheme is left out of what is kept, as Suricata does unless it is told otherwise.
#[derive(Debug, Default)]
pub(super) struct Urls {
    /// The word at hand: what stands between characters that no URL has.
    word: Vec<u8>,
    found: Vec<Box<[u8]>>,
    bytes: usize,
}

/// A URL goes on.
fn is_inside(byte: u8) -> bool {
    !matches!(byte, 0..=b' ' | b'"' | b'\'' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x7f)
}

impl Urls {
    pub(super) fn found(&self) -> &[Box<[u8]>] {
        &self.found
    }

    /// More of a text.
    pub(super) fn push(&mut self, mut text: &[u8]) {
        while !text.is_empty() {
            let len = text.iter().position(|b| !is_inside(*b)).unwrap_or(text.len());
            let (word, rest) = text.split_at(len);
            let room = MAX_URL.saturating_sub(self.word.len());
            self.word.extend_from_slice(word.get(..room).unwrap_or(word));
            let Some((_, behind)) = rest.split_first() else { return };
            self.end();
            text = behind;
        }
    }

    /// The word at hand is over.
    pub(super) fn end(&mut self) {
        // The shortest is `ftp://a`.
        if self.word.len() >= 7
            && let Some(url) = behind_scheme(&self.word)
            && self.found.len() < MAX_URLS
            && self.bytes + url.len() <= MAX_URL_BYTES
            && !self.found.iter().any(|f| **f == *url)
        {
            self.bytes += url.len();
            self.found.push(url.into());
        }
        self.word.clear();
    }
}

/// What follows the first scheme in a word.
fn behind_scheme(word: &[u8]) -> Option<&[u8]> {
    let mut from = 0;
    loop {
        let colon = from + memchr::memmem::find(word.get(from..)?, b"://")?;
        let behind = colon + 3;
        let start = word.get(..behind)?;
        let is_one = |s: &&[u8]| start.len() >= s.len() && start[start.len() - s.len()..].eq_ignore_ascii_case(s);
        if SCHEMES.iter().any(is_one) {
            return word.get(behind..).filter(|url| !url.is_empty());
        }
        from = behind;
    }
}

/// Its host is an IPv4 address.
pub(super) fn has_ipv4_host(url: &[u8]) -> bool {
    let host = host(url);
    let parts = || host.split(|b| *b == b'.');
    let is_byte = |p: &[u8]| !p.is_empty() && p.len() <= 3 && p.iter().all(u8::is_ascii_digit);
    parts().count() == 4 && parts().all(is_byte)
}

/// Its host is an IPv6 address.
pub(super) fn has_ipv6_host(url: &[u8]) -> bool {
    let Some(inner) = url.strip_prefix(b"[").and_then(|u| u.split(|b| *b == b']').next()) else { return false };
    std::str::from_utf8(inner).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok())
}

/// Its path names a Windows program.
pub(super) fn is_exe(url: &[u8]) -> bool {
    let path = url.split(|b| matches!(b, b'?' | b'#')).next().unwrap_or_default();
    path.len() > 4 && path[path.len() - 4..].eq_ignore_ascii_case(b".exe") && path.contains(&b'/')
}

fn host(url: &[u8]) -> &[u8] {
    url.split(|b| matches!(b, b'/' | b':' | b'?' | b'#')).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn found_however_the_text_is_cut() {
        let text =
            b"see <a href=\"HTTP://a.example/x?y\">, (https://b.example) x://no ftp:// u://http://c.example/d.exe";
        for size in 1..text.len() {
            let mut urls = Urls::default();
            text.chunks(size).for_each(|piece| urls.push(piece));
            urls.end();
            let found: Vec<_> = urls.found().iter().map(|u| String::from_utf8_lossy(u).into_owned()).collect();
            assert_eq!(found, ["a.example/x?y", "b.example)", "c.example/d.exe"]);
        }
    }

    #[test]
    fn what_hosts_and_paths_are() {
        assert!(has_ipv4_host(b"192.0.2.1:80/x") && !has_ipv4_host(b"a.example/1.2.3.4") && !has_ipv4_host(b"1.2.3"));
        assert!(has_ipv6_host(b"[2001:db8::1]:80/") && !has_ipv6_host(b"[x]/"));
        assert!(is_exe(b"a.example/b.EXE?c") && !is_exe(b"a.exe") && !is_exe(b"a.example/b.txt"));
    }

    #[test]
    fn bounded() {
        let mut urls = Urls::default();
        for i in 0..10_000 {
            urls.push(format!("http://a.example/{i}/{} ", "x".repeat(5000)).as_bytes());
        }
        assert!(urls.bytes <= MAX_URL_BYTES && urls.word.len() <= MAX_URL && urls.found().len() <= MAX_URLS);
    }
}
