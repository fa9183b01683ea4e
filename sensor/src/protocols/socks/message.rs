//! The messages: how long each is, and what matters of it.

/// What the bytes in hand are to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read<T> {
    /// It is whole: so many bytes, and what matters.
    Whole(usize, T),
    /// More bytes are needed.
    More,
    /// It is none.
    Not,
}

/// A client's first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    /// SOCKS 4: connect, or something else.
    Request { connect: bool },
    /// SOCKS 5: the methods that it has.
    Methods,
}

pub(super) fn first(bytes: &[u8]) -> Read<First> {
    match bytes {
        [5, count, rest @ ..] => match rest.len() >= usize::from(*count) {
            true => Read::Whole(2 + usize::from(*count), First::Methods),
            false => Read::More,
        },
        [4, command, _, _, a, b, c, d, rest @ ..] => {
            let Some(user) = memchr::memchr(0, rest) else { return Read::More };
            let mut len = 8 + user + 1;
            // SOCKS 4a: the name to connect to stands behind an address that is none.
            if [*a, *b, *c] == [0; 3] && *d != 0 {
                match memchr::memchr(0, rest.get(user + 1..).unwrap_or_default()) {
                    Some(name) => len += name + 1,
                    None => return Read::More,
                }
            }
            Read::Whole(len, First::Request { connect: *command == 1 })
        }
        [4 | 5, ..] | [] => Read::More,
        _ => Read::Not,
    }
}

/// The answer to a SOCKS 4 request: it was granted.
pub(super) fn granted(bytes: &[u8]) -> Read<bool> {
    match bytes {
        [0, code, _, _, _, _, _, _, ..] => Read::Whole(8, *code == 90),
        [0, ..] | [] => Read::More,
        _ => Read::Not,
    }
}

/// The method of authentication that was chosen.
pub(super) fn method(bytes: &[u8]) -> Read<u8> {
    match bytes {
        [5, method, ..] => Read::Whole(2, *method),
        [5] | [] => Read::More,
        _ => Read::Not,
    }
}

/// A name and a password (RFC 1929).
pub(super) fn password(bytes: &[u8]) -> Read<()> {
    match bytes {
        [1, name, rest @ ..] => match rest.get(usize::from(*name)) {
            Some(password) if rest.len() > usize::from(*name) + usize::from(*password) => {
                Read::Whole(3 + usize::from(*name) + usize::from(*password), ())
            }
            _ => Read::More,
        },
        [1] | [] => Read::More,
        _ => Read::Not,
    }
}

/// The answer to that: they are right.
pub(super) fn accepted(bytes: &[u8]) -> Read<bool> {
    match bytes {
        [_, status, ..] => Read::Whole(2, *status == 0),
        _ => Read::More,
    }
}

/// A SOCKS 5 request, or the answer to one, which are alike: the command or the answer's code.
pub(super) fn request(bytes: &[u8]) -> Read<u8> {
    let [5, code, _, kind, rest @ ..] = bytes else {
        return if bytes.first().is_none_or(|b| *b == 5) && bytes.len() < 4 { Read::More } else { Read::Not };
    };
    let address = match (kind, rest.first()) {
        (1, _) => 4,
        (4, _) => 16,
        (3, Some(len)) => 1 + usize::from(*len),
        (3, None) => return Read::More,
        _ => return Read::Not,
    };
    let len = 4 + address + 2;
    if bytes.len() >= len { Read::Whole(len, *code) } else { Read::More }
}
