//! Registered domain and public suffix of a name, by the public suffix list that the `psl` crate carries.
//!
//! Names on the wire come in any case; the list is in small letters. Case is looked away from, and what is returned is as it
//! was sent.

/// Longest name that is looked up: DNS's own limit (RFC 1035 §2.3.4) with a dot at the end.
const LONGEST: usize = 254;

/// Public suffix and the label before it; empty when the name is no more than a suffix.
pub(super) fn registered(name: &[u8]) -> &[u8] {
    tail(name, |lower| psl::domain(lower).map(|d| d.as_bytes().len()))
}

/// The public suffix: `com`, `co.uk`; for a name under no known one its last label.
pub(super) fn suffix(name: &[u8]) -> &[u8] {
    tail(name, |lower| psl::suffix(lower).map(|s| s.as_bytes().len()))
}

/// The end of the name whose length is found in the name's small letters.
fn tail(name: &[u8], len: impl FnOnce(&[u8]) -> Option<usize>) -> &[u8] {
    let mut lower = [0_u8; LONGEST];
    let Some(lower) = lower.get_mut(..name.len()) else { return &[] };
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    let start = len(lower).and_then(|len| name.len().checked_sub(len));
    start.and_then(|start| name.get(start..)).unwrap_or_default()
}
