//! Literals that can only be in one place of a payload: rules guarded by one are found by a look at that place.
//!
//! Many rules on binary protocols begin with a byte or two at a fixed offset. Searched for, such a literal occurs all over any
//! payload, and nearly always in vain. Here pairs of bytes are looked at in a dozen places of the payload, chosen so that each literal has one
//! of them; a pair that some literal has there leads to that literal.

use super::candidate::Stretch;
use super::engine::Guarded;

/// The last place, in bytes from the start, at which a literal is looked up rather than searched for.
const MAX_PLACE: u32 = 255;
/// A literal that may start in so many places is looked up in each.
const MAX_PLACES: u32 = 8;
/// Of several places: only where the literal has fewer bits of surprise than this. Rarer ones cost next to nothing to search for.
const COMMON_BITS: u32 = 25;

/// A literal at one place: its first eight bytes as a number, so that one comparison tells.
#[derive(Debug)]
struct Entry {
    /// Where it begins, in bytes from the start.
    at: u32,
    len: u32,
    /// Little-endian; the bit by which letters' cases differ is left out where either will do.
    word: u64,
    mask: u64,
    /// What is behind the first eight bytes.
    rest: Box<[u8]>,
    nocase: bool,
    guarded: Guarded,
}

impl Entry {
    fn new(at: usize, bytes: &[u8], nocase: bool, guarded: Guarded) -> Self {
        let (head, rest) = bytes.split_at(bytes.len().min(8));
        let of_case = |b: &u8| if nocase && b.is_ascii_alphabetic() { 0xdf } else { 0xff };
        let mask = word(&head.iter().map(of_case).collect::<Vec<_>>());
        Self {
            at: at as u32,
            len: bytes.len() as u32,
            word: word(head) & mask,
            mask,
            rest: rest.into(),
            nocase,
            guarded,
        }
    }

    /// Behind its last byte.
    fn end(&self) -> u64 {
        u64::from(self.at) + u64::from(self.len)
    }

    /// `head` is [`word`] of `data`.
    fn is_at(&self, head: u64, data: &[u8]) -> bool {
        head & self.mask == self.word
            && match data.get(..self.len as usize) {
                Some(_) if self.rest.is_empty() => true,
                Some(there) if self.nocase => there[8..].eq_ignore_ascii_case(&self.rest),
                Some(there) => there[8..] == *self.rest,
                None => false,
            }
    }

    /// The bytes that it may have at `place`, if it has one there among its first eight.
    fn bytes_at(&self, place: u32) -> Option<impl Iterator<Item = u8> + Clone> {
        let i = place.checked_sub(self.at).filter(|i| *i < self.len.min(8))? as usize;
        let (byte, mask) = (self.word.to_le_bytes()[i], self.mask.to_le_bytes()[i]);
        Some([byte, byte | !mask].into_iter().take(1 + usize::from(mask != 0xff)))
    }

    /// The same for the two bytes at `place`; of a single byte, and whatever is behind it.
    fn pairs_at(&self, place: u32) -> Option<Vec<[u8; 2]>> {
        let first = self.bytes_at(place)?;
        let pairs = |second: &mut dyn Iterator<Item = u8>| {
            second.flat_map(|b| first.clone().map(move |a| [a, b])).collect::<Vec<_>>()
        };
        match self.bytes_at(place + 1) {
            Some(mut second) => Some(pairs(&mut second)),
            None if self.len == 1 => Some(pairs(&mut (0..=255))),
            None => None,
        }
    }
}

/// The first eight bytes as a little-endian number, zeros behind the end.
fn word(data: &[u8]) -> u64 {
    match data.first_chunk() {
        Some(eight) => u64::from_le_bytes(*eight),
        None => data.iter().rev().fold(0, |word, &b| word << 8 | u64::from(b)),
    }
}

/// How often a byte is seen in payloads, roughly: more is more often.
fn commonness(byte: u8) -> u8 {
    match byte {
        0 => 9,
        b' ' | b'e' | b'a' | b'o' | b't' | b'E' | b'A' | b'O' | b'T' => 4,
        0xff | 1 | b'0'..=b'9' | b'/' | b'.' | b'\r' | b'\n' => 3,
        b'a'..=b'z' | b'A'..=b'Z' => 2,
        _ => 1,
    }
}

/// At most so many places of a payload are looked at together: bits of a word.
const KEYS: usize = 32;
/// Values of a pair of bytes, made small.
const SLOTS: usize = 1024;

fn slot(pair: [u8; 2]) -> usize {
    // The high bits of a product depend on all bits.
    (u32::from(u16::from_le_bytes(pair)).wrapping_mul(0x9e37_79b1) >> 22) as usize % SLOTS
}

/// Literals that are noticed by pairs of bytes at a few places, the keys: each literal by one of its pairs.
#[derive(Debug)]
struct Keyed {
    /// The places, in bytes from the start, ascending.
    keys: Box<[u32]>,
    /// By slot of a pair: at which keys it begins the look at some literal, a bit each.
    at: Box<[u32; SLOTS]>,
    /// By slot: where its literals begin in `found`; one more at the end.
    first: Box<[u32; SLOTS + 1]>,
    /// In the order of slots: key, and an index into `entries`.
    found: Box<[(u32, u32)]>,
    entries: Box<[Entry]>,
}

impl Keyed {
    /// Of literals that all have a pair at one of `keys`.
    fn new(keys: &[u32], entries: Vec<Entry>) -> Self {
        let mut at = Box::new([0_u32; SLOTS]);
        let mut found = vec![];
        for (i, entry) in entries.iter().enumerate() {
            let has = (0..keys.len()).filter_map(|key| Some((key, entry.pairs_at(*keys.get(key)?)?)));
            let common = |pairs: &[[u8; 2]]| pairs.first().map_or(0, |[a, b]| commonness(*a) + commonness(*b));
            let Some((key, pairs)) = has.min_by_key(|(_, pairs)| (pairs.len() > 4, common(pairs))) else { continue };
            for pair in pairs {
                at[slot(pair)] |= 1 << key;
                found.push((slot(pair), key as u32, i as u32));
            }
        }
        found.sort_unstable();
        found.dedup();
        let first = std::array::from_fn(|slot| found.partition_point(|(other, _, _)| *other < slot) as u32);
        let found = found.into_iter().map(|(_, key, entry)| (key, entry)).collect();
        Self { keys: keys.into(), at, first: Box::new(first), found, entries: entries.into() }
    }

    /// Tells each literal that is in its place; `data` begins `start` bytes behind the beginning.
    #[inline]
    fn find(&self, data: &[u8], start: u64, mut tell: impl FnMut(&Entry)) {
        for (i, key) in (0..).zip(&self.keys) {
            let Some(at) = u64::from(*key).checked_sub(start) else { continue };
            let at = at as usize;
            let pair = match data.get(at..at + 2) {
                Some(pair) => [pair[0], pair[1]],
                None => match data.get(at) {
                    Some(last) => [*last, 0],
                    None => break,
                },
            };
            let slot = slot(pair);
            if self.at[slot] >> i & 1 != 0 {
                self.look(slot, i, data, start, &mut tell);
            }
        }
    }

    fn look(&self, slot: usize, key: u32, data: &[u8], start: u64, tell: &mut impl FnMut(&Entry)) {
        let Some(&[from, to]) = self.first.get(slot..slot + 2) else { return };
        let found = self.found.get(from as usize..to as usize).unwrap_or(&[]);
        for (other, entry) in found {
            let Some(entry) = self.entries.get(*entry as usize).filter(|_| *other == key) else { continue };
            let Some(at) = u64::from(entry.at).checked_sub(start) else { continue };
            let Some(there) = data.get(at as usize..) else { continue };
            if entry.is_at(word(there), there) {
                tell(entry);
            }
        }
    }
}

/// The literals of a group's rules that are looked up.
#[derive(Debug, Default)]
pub(super) struct Anchored {
    /// One, unless there are very many.
    keyed: Box<[Keyed]>,
    /// Behind the last byte of any literal.
    end: u64,
}

/// Collects what [`Anchored`] is made of.
#[derive(Default)]
pub(super) struct AnchoredBuilder(Vec<Entry>);

impl AnchoredBuilder {
    /// Whether a literal of so many bits, `from` bytes into a content that starts within `starts`, is looked up rather than searched for.
    pub(super) fn takes(bits: u32, from: usize, (first, last): (u32, u32)) -> bool {
        let few = first == last || bits < COMMON_BITS && last.saturating_sub(first) < MAX_PLACES;
        few && last.saturating_add(from as u32) <= MAX_PLACE
    }

    /// A rule with such a literal.
    pub(super) fn add(&mut self, bytes: &[u8], nocase: bool, from: usize, guarded: Guarded) {
        if bytes.is_empty() {
            return;
        }
        let starts = guarded.starts.0..=guarded.starts.1;
        self.0.extend(starts.map(|start| Entry::new(start as usize + from, bytes, nocase, guarded)));
    }

    pub(super) fn build(self) -> Anchored {
        let end = self.0.iter().map(Entry::end).max().unwrap_or(0);
        let (mut left, mut keyed) = (self.0, vec![]);
        while !left.is_empty() {
            let keys = keys(&left);
            let has_key = |entry: &Entry| keys.iter().any(|key| entry.pairs_at(*key).is_some());
            let (entries, others) = left.into_iter().partition(has_key);
            keyed.push(Keyed::new(&keys, entries));
            left = others;
        }
        Anchored { keyed: keyed.into(), end }
    }
}

/// Few places at which each literal has some pair, or as many literals as [`KEYS`] places can have: always the one that most of
/// those left have.
fn keys(entries: &[Entry]) -> Vec<u32> {
    let mut left: Vec<(u32, u32)> = entries.iter().map(|e| (e.at, e.at + e.len.clamp(2, 8) - 1)).collect();
    let mut keys = vec![];
    while !left.is_empty() && keys.len() < KEYS {
        let mut counts = vec![0_u32; MAX_PLACE as usize + 9];
        for (from, to) in &left {
            let covered = counts.get_mut(*from as usize..*to as usize).unwrap_or(&mut []);
            covered.iter_mut().for_each(|count| *count += 1);
        }
        let best = (0_u32..).zip(&counts).max_by_key(|(_, count)| **count).map_or(0, |(place, _)| place);
        left.retain(|(from, to)| best < *from || best >= *to);
        keys.push(best);
    }
    keys.sort_unstable();
    keys
}

impl Anchored {
    /// Tells each rule whose literal is in its place in `payload`, with where the literal ends.
    pub(super) fn in_packet(&self, payload: &[u8], mut found: impl FnMut(&Guarded, u64)) {
        for keyed in &self.keyed {
            keyed.find(payload, 0, |entry| found(&entry.guarded, entry.end()));
        }
    }

    /// Whether some literal may end in bytes of a stream that begin at `position`.
    pub(super) fn reaches(&self, position: u64) -> bool {
        position < self.end
    }

    /// The same for a stream: each rule whose literal's last byte is at `position` or behind. `stretch` is what is there of the stream.
    pub(super) fn in_stream(&self, stretch: Stretch<'_>, position: u64, mut found: impl FnMut(&Guarded, u64)) {
        for keyed in &self.keyed {
            keyed.find(stretch.data, stretch.start, |entry| {
                if entry.end() > position {
                    found(&entry.guarded, entry.end());
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn guarded(rule: u32, len: usize, start: u32) -> Guarded {
        Guarded { rule, content_to_end: len as u32, starts: (start, start) }
    }

    fn built(literals: &[(&[u8], bool, u32)]) -> Anchored {
        let mut builder = AnchoredBuilder::default();
        for (rule, (bytes, nocase, start)) in literals.iter().enumerate() {
            builder.add(bytes, *nocase, 0, guarded(rule as u32, bytes.len(), *start));
        }
        builder.build()
    }

    #[test]
    fn literals_are_found_in_their_place_only() {
        let anchored =
            built(&[(b"GET", false, 0), (b"post", true, 0), (b"\0", false, 2), (b"GET", false, 1), (b"1", true, 9)]);
        let found = |payload: &[u8]| {
            let mut rules = vec![];
            anchored.in_packet(payload, |g, end| rules.push((g.rule, end)));
            rules.sort_unstable();
            rules
        };
        assert_eq!(found(b"GET /"), [(0, 3)]);
        assert_eq!(found(b"pOsT"), [(1, 4)]);
        assert_eq!(found(b"POST xxxx1"), [(1, 4), (4, 10)]);
        assert_eq!(found(b" GET"), [(3, 4)]);
        assert_eq!(found(b"ab\0"), [(2, 3)]);
        assert_eq!(found(b"GE"), []);
        assert_eq!(found(b""), []);
    }

    #[test]
    fn what_is_common_or_fixed_is_taken() {
        assert!(AnchoredBuilder::takes(100, 3, (0, 0)) && AnchoredBuilder::takes(5, 0, (0, 7)));
        assert!(!AnchoredBuilder::takes(5, 0, (0, 8)) && !AnchoredBuilder::takes(40, 0, (0, 3)));
        assert!(!AnchoredBuilder::takes(5, 0, (256, 256)) && !AnchoredBuilder::takes(5, 10, (250, 250)));
        assert!(!AnchoredBuilder::takes(5, 0, (0, u32::MAX)));
    }

    #[test]
    fn any_number_of_places_will_do() {
        let mut builder = AnchoredBuilder::default();
        for start in (0..=200_u32).step_by(2) {
            builder.add(b"!", false, 0, guarded(start, 1, start));
        }
        let anchored = builder.build();
        assert!(anchored.keyed.len() > 1 && anchored.keyed.iter().all(|k| k.keys.len() <= KEYS));
        let mut rules = vec![];
        anchored.in_packet(&[b'!'; 150], |g, _| rules.push(g.rule));
        rules.sort_unstable();
        assert_eq!(rules, (0..150).step_by(2).collect::<Vec<_>>());
    }

    #[test]
    fn literals_of_either_case_and_of_one_share_a_key() {
        let anchored =
            built(&[(b"ab", true, 0), (b"ab", false, 0), (b"aB", false, 0), (b"AB", true, 0), (b"b", false, 1)]);
        let found = |payload: &[u8]| {
            let mut rules = vec![];
            anchored.in_packet(payload, |g, _| rules.push(g.rule));
            rules.sort_unstable();
            rules
        };
        assert_eq!(found(b"ab"), [0, 1, 3, 4]);
        assert_eq!(found(b"aB"), [0, 2, 3]);
        assert_eq!(found(b"AB"), [0, 3]);
        assert!(found(b"a").is_empty());
    }

    proptest! {
        /// However a stream is cut, the same literals are found, each once, with the piece that brings its last byte.
        #[test]
        fn a_stream_may_be_cut_anywhere(
            data in prop::collection::vec(0_u8..4, 1..40),
            literals in prop::collection::vec((prop::collection::vec(0_u8..4, 1..6), 0_u32..20), 1..20),
            cuts in prop::collection::vec(0_usize..40, 0..6),
        ) {
            let with_case: Vec<(&[u8], bool, u32)> = literals.iter().map(|(b, at)| (&b[..], false, *at)).collect();
            let anchored = built(&with_case);
            let mut whole = vec![];
            anchored.in_packet(&data, |g, end| whole.push((g.rule, end)));
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(data.len())).chain([0, data.len()]).collect();
            cuts.sort_unstable();
            let mut found = vec![];
            for pair in cuts.windows(2) {
                let stretch = Stretch { data: &data[..pair[1]], start: 0 };
                let position = pair[0] as u64;
                if pair[0] < pair[1] && anchored.reaches(position) {
                    anchored.in_stream(stretch, position, |g, end| {
                        assert!(end > position && end <= pair[1] as u64);
                        found.push((g.rule, end));
                    });
                }
            }
            whole.sort_unstable();
            found.sort_unstable();
            prop_assert_eq!(whole, found);
        }
    }
}
