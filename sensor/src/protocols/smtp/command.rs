//! A client's commands: which they are, and their argument.

/// What a command is, as far as it matters to what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// HELO or EHLO.
    Hello,
    Mail,
    Recipient,
    Data,
    /// A chunk of a mail, of so many bytes; None if that cannot be read.
    Chunk {
        len: Option<u64>,
        last: bool,
    },
    Reset,
    StartTls,
    /// The end of a mail, which is replied to as commands are.
    EndOfMail,
    Other,
}

impl Command {
    /// Of a line, without its end.
    pub(super) fn of(line: &[u8]) -> Self {
        let is = |word: &[u8]| line.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        if is(b"HELO") || is(b"EHLO") {
            Self::Hello
        } else if is(b"MAIL FROM") {
            Self::Mail
        } else if is(b"RCPT TO") {
            Self::Recipient
        } else if is(b"DATA") {
            Self::Data
        } else if is(b"BDAT") {
            let (len, last) = chunk(line.get(4..).unwrap_or_default());
            Self::Chunk { len, last }
        } else if is(b"RSET") {
            Self::Reset
        } else if is(b"STARTTLS") {
            Self::StartTls
        } else {
            Self::Other
        }
    }
}

/// Whether a line begins with a command's word that is none of those above.
pub(super) fn is_verb(line: &[u8]) -> bool {
    const VERBS: [&[u8; 4]; 8] = [b"QUIT", b"NOOP", b"VRFY", b"EXPN", b"HELP", b"AUTH", b"ETRN", b"TURN"];
    line.first_chunk::<4>().is_some_and(|word| VERBS.iter().any(|verb| verb.eq_ignore_ascii_case(word)))
}

/// The argument of a command: what stands behind `skip` bytes and blanks, up to the next blank.
pub(super) fn argument(line: &[u8], skip: usize) -> &[u8] {
    let rest = line.get(skip..).unwrap_or_default();
    let rest = rest.strip_prefix(b":").unwrap_or(rest);
    let start = rest.iter().position(|b| *b != b' ').unwrap_or(rest.len());
    let rest = rest.get(start..).unwrap_or_default();
    rest.split(|b| *b == b' ').next().unwrap_or_default()
}

/// ` 86 LAST`: the length, and whether it is the last chunk.
fn chunk(rest: &[u8]) -> (Option<u64>, bool) {
    let mut words = rest.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty());
    let len = words.next().and_then(|w| std::str::from_utf8(w).ok()?.parse().ok());
    let last = words.next().is_some_and(|w| w.eq_ignore_ascii_case(b"LAST"));
    (len, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_their_arguments() {
        assert_eq!(Command::of(b"eHlo a"), Command::Hello);
        assert_eq!(Command::of(b"Mail From:<a@x>"), Command::Mail);
        assert_eq!(Command::of(b"BDAT 86 LAST"), Command::Chunk { len: Some(86), last: true });
        assert_eq!(Command::of(b"bdat  7 "), Command::Chunk { len: Some(7), last: false });
        assert_eq!(Command::of(b"BDAT"), Command::Chunk { len: None, last: false });
        assert_eq!(Command::of(b"MAI"), Command::Other);
        assert_eq!(argument(b"MAIL FROM: <a@x> SIZE=7", 9), b"<a@x>");
        assert_eq!(argument(b"MAIL FROM:a@x", 9), b"a@x");
        assert_eq!(argument(b"EHLO", 4), b"");
        assert_eq!(argument(b"EH", 4), b"");
    }
}
