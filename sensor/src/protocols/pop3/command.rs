//! A client's commands.

use std::ops::RangeInclusive;

/// The commands, and how many arguments each has.
const KNOWN: &[(&str, RangeInclusive<usize>)] = &[
    ("APOP", 2..=2),
    ("AUTH", 0..=2),
    ("CAPA", 0..=0),
    ("DELE", 1..=1),
    ("LANG", 0..=1),
    ("LIST", 0..=1),
    ("NOOP", 0..=0),
    // A password may have blanks.
    ("PASS", 1..=usize::MAX),
    ("QUIT", 0..=0),
    ("RETR", 1..=1),
    ("RSET", 0..=0),
    ("STAT", 0..=0),
    ("STLS", 0..=0),
    ("TOP", 2..=2),
    ("UIDL", 0..=1),
    ("USER", 1..=1),
    ("UTF8", 0..=0),
    ("XTND", 0..=usize::MAX),
];

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    /// Its name as it is written if it is known, else as it came.
    pub(super) name: Box<[u8]>,
    pub(super) known: bool,
    pub(super) arguments: Vec<Box<[u8]>>,
    /// It has as many arguments as it should.
    pub(super) fits: bool,
}

impl Command {
    /// Of a line, without its end.
    pub(super) fn of(line: &[u8]) -> Self {
        let mut words = line.split(|b| *b == b' ').filter(|w| !w.is_empty());
        let word = words.next().unwrap_or_default();
        let arguments: Vec<Box<[u8]>> = words.map(Box::from).collect();
        match KNOWN.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word)) {
            Some((name, counts)) => {
                let fits = counts.contains(&arguments.len());
                Self { name: name.as_bytes().into(), known: true, arguments, fits }
            }
            None => Self { name: word.into(), known: false, arguments, fits: true },
        }
    }

    /// What follows a positive response's first line.
    pub(super) fn follows(&self) -> Follows {
        match &*self.name {
            b"RETR" | b"TOP" => Follows::Mail,
            b"CAPA" => Follows::Lines,
            b"LIST" | b"UIDL" | b"AUTH" | b"LANG" if self.arguments.is_empty() => Follows::Lines,
            _ => Follows::Nothing,
        }
    }
}

/// What follows a positive response's first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follows {
    Nothing,
    Lines,
    Mail,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_what_follows() {
        let of = |line: &str| Command::of(line.as_bytes());
        assert_eq!((&*of("user  a").name, of("user a").fits), (&b"USER"[..], true));
        assert_eq!((of("USER").fits, of("PASS a b").fits, of("TOP 1").fits), (false, true, false));
        assert_eq!((of("XYZ 1").known, &*of("XYZ 1").name), (false, &b"XYZ"[..]));
        assert_eq!((of("LIST").follows(), of("LIST 1").follows()), (Follows::Lines, Follows::Nothing));
        assert_eq!((of("retr 1").follows(), of("").known), (Follows::Mail, false));
    }
}
