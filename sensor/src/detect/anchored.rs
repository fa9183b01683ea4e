//! Literals that can only be in one place of a payload: rules guarded by one are found by a look at that place.
//!
//! Many rules on binary protocols begin with a byte or two at a fixed offset. Searched for, such a literal occurs all over any
//! payload, and nearly always in vain; here it costs a bit test for each place at which some rule's literal begins.

use super::candidate::Stretch;
use super::engine::Guarded;
use std::collections::BTreeMap;

/// The last place, in bytes from the start, at which a literal is looked up rather than searched for.
const MAX_PLACE: u32 = 255;
/// A literal that may start in so many places is looked up in each.
const MAX_PLACES: u32 = 8;
/// Of several places: only where the literal has fewer bits of surprise than this. Rarer ones cost next to nothing to search for.
const COMMON_BITS: u32 = 25;

/// A literal at one place: its first eight bytes as a number, so that one comparison tells.
#[derive(Debug)]
struct Entry {
    /// Little-endian; the bit by which letters' cases differ is left out where either will do.
    word: u64,
    mask: u64,
    /// What is behind the first eight bytes.
    rest: Box<[u8]>,
    len: usize,
    nocase: bool,
    guarded: Guarded,
}

impl Entry {
    fn new(bytes: &[u8], nocase: bool, guarded: Guarded) -> Self {
        let (head, rest) = bytes.split_at(bytes.len().min(8));
        let of_case = |b: &u8| if nocase && b.is_ascii_alphabetic() { 0xdf } else { 0xff };
        let mask = word(&head.iter().map(of_case).collect::<Vec<_>>());
        Self { word: word(head) & mask, mask, rest: rest.into(), len: bytes.len(), nocase, guarded }
    }

    /// `head` is [`word`] of `data`.
    fn is_at(&self, head: u64, data: &[u8]) -> bool {
        head & self.mask == self.word
            && match data.get(..self.len) {
                Some(_) if self.rest.is_empty() => true,
                Some(there) if self.nocase => there[8..].eq_ignore_ascii_case(&self.rest),
                Some(there) => there[8..] == *self.rest,
                None => false,
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

/// All literals that begin at one place.
#[derive(Debug)]
struct Place {
    at: usize,
    /// By value of the first byte: some literal begins with it.
    begins: [u64; 4],
    /// How many of the values before these 64 begin some literal.
    before: [u8; 4],
    /// By how many values before it begin some literal: where those with this one start in `entries`; one more at the end.
    first: Box<[u32]>,
    /// Ordered by first byte; a letter in either case is there twice.
    entries: Box<[Entry]>,
}

impl Place {
    fn new(at: usize, mut entries: Vec<(u8, Entry)>) -> Self {
        entries.sort_by_key(|(first, _)| *first);
        let mut begins = [0_u64; 4];
        let mut first = vec![];
        for (i, (byte, _)) in entries.iter().enumerate() {
            let bit = 1 << (byte & 63);
            let word = &mut begins[usize::from(byte >> 6)];
            if *word & bit == 0 {
                first.push(i as u32);
            }
            *word |= bit;
        }
        first.push(entries.len() as u32);
        let count = |words: &[u64]| words.iter().map(|w| w.count_ones()).sum::<u32>() as u8;
        let before = [0, count(&begins[..1]), count(&begins[..2]), count(&begins[..3])];
        Self { at, begins, before, first: first.into(), entries: entries.into_iter().map(|(_, e)| e).collect() }
    }

    fn beginning_with(&self, byte: u8) -> &[Entry] {
        let (i, bit) = (usize::from(byte >> 6), 1_u64 << (byte & 63));
        if self.begins[i] & bit == 0 {
            return &[];
        }
        let rank = usize::from(self.before[i]) + (self.begins[i] & (bit - 1)).count_ones() as usize;
        match self.first.get(rank..rank + 2) {
            Some(&[from, to]) => &self.entries[from as usize..to as usize],
            _ => &[],
        }
    }
}

/// The literals of a group's rules that are looked up.
#[derive(Debug, Default)]
pub(super) struct Anchored {
    places: Box<[Place]>,
    /// Behind the last byte of any literal.
    end: u64,
}

/// Collects what [`Anchored`] is made of.
#[derive(Default)]
pub(super) struct AnchoredBuilder(BTreeMap<usize, Vec<(u8, Entry)>>);

impl AnchoredBuilder {
    /// Whether a literal of so many bits, `from` bytes into a content that starts within `starts`, is looked up rather than searched for.
    pub(super) fn takes(bits: u32, from: usize, (first, last): (u32, u32)) -> bool {
        let few = first == last || bits < COMMON_BITS && last.saturating_sub(first) < MAX_PLACES;
        few && last.saturating_add(from as u32) <= MAX_PLACE
    }

    /// A rule with such a literal.
    pub(super) fn add(&mut self, bytes: &[u8], nocase: bool, from: usize, guarded: Guarded) {
        let Some(&first) = bytes.first() else { return };
        for start in guarded.starts.0..=guarded.starts.1 {
            let place = self.0.entry(start as usize + from).or_default();
            let mut entry = |first| place.push((first, Entry::new(bytes, nocase, guarded)));
            entry(first);
            if nocase && first.is_ascii_alphabetic() {
                entry(first ^ 0x20);
            }
        }
    }

    pub(super) fn build(self) -> Anchored {
        let ends = self.0.iter().flat_map(|(at, entries)| entries.iter().map(move |(_, e)| (at + e.len) as u64));
        let end = ends.max().unwrap_or(0);
        Anchored { places: self.0.into_iter().map(|(at, entries)| Place::new(at, entries)).collect(), end }
    }
}

impl Anchored {
    /// Tells each rule whose literal is in its place in `payload`, with where the literal ends.
    pub(super) fn in_packet(&self, payload: &[u8], mut found: impl FnMut(&Guarded, u64)) {
        for place in &self.places {
            let Some(data) = payload.get(place.at..) else { break };
            let Some(&first) = data.first() else { break };
            let entries = place.beginning_with(first);
            if entries.is_empty() {
                continue;
            }
            let head = word(data);
            for entry in entries.iter().filter(|entry| entry.is_at(head, data)) {
                found(&entry.guarded, (place.at + entry.len) as u64);
            }
        }
    }

    /// Whether some literal may end in bytes of a stream that begin at `position`.
    pub(super) fn reaches(&self, position: u64) -> bool {
        position < self.end
    }

    /// The same for a stream: each rule whose literal's last byte is at `position` or behind. `stretch` is what is there of the stream.
    pub(super) fn in_stream(&self, stretch: Stretch<'_>, position: u64, mut found: impl FnMut(&Guarded, u64)) {
        for place in &self.places {
            let Some(at) = (place.at as u64).checked_sub(stretch.start) else { continue };
            let Some(data) = stretch.data.get(at as usize..) else { break };
            let Some(&first) = data.first() else { break };
            let entries = place.beginning_with(first);
            let head = word(data);
            for entry in entries {
                let end = (place.at + entry.len) as u64;
                if end > position && entry.is_at(head, data) {
                    found(&entry.guarded, end);
                }
            }
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
