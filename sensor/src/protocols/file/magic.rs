//! What kind of file it is, in libmagic's words: these are what rules are written against.
//!
//! The library is the system's, with the system's database. Each worker opens it when somebody asks for the first time, and it
//! is asked once a file, about its first [`MAGIC_BYTES`].

use magic::cookie::{Cookie, DatabasePaths, Flags, Load};
use std::cell::OnceCell;

/// First bytes of a file that its kind is told from. The office formats need some thousand, as they name themselves in the third
/// member of an archive.
pub const MAGIC_BYTES: usize = 8192;

thread_local! {
    static LIBRARY: OnceCell<Option<Cookie<Load>>> = const { OnceCell::new() };
}

fn open() -> Option<Cookie<Load>> {
    let cookie = match Cookie::open(Flags::empty()) {
        Ok(cookie) => cookie,
        Err(error) => {
            tracing::error!("libmagic does not start ({error}); what kind of file it is, is not known");
            return None;
        }
    };
    // Without a path, the system's database.
    match cookie.load(&DatabasePaths::default()) {
        Ok(cookie) => Some(cookie),
        Err(error) => {
            tracing::error!("libmagic has no database ({error}); install the package libmagic-mgc");
            None
        }
    }
}

/// What libmagic says of a file that begins so; None if it fails.
pub(super) fn describe(head: &[u8]) -> Option<Box<str>> {
    LIBRARY.with(|library| {
        let cookie = library.get_or_init(open).as_ref()?;
        cookie.buffer(head).ok().map(Into::into)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_in_the_words_of_rules() {
        let kind = |head: &[u8]| describe(head).unwrap();
        assert!(kind(b"%PDF-1.5\n").starts_with("PDF document, version 1.5"));
        assert!(kind(b"#!/bin/sh\nexit\n").starts_with("POSIX shell script"));
        assert_eq!(&*kind(&[1, 0xfe, 0, 2]), "data");
        assert_eq!(&*kind(b""), "empty");
    }
}
