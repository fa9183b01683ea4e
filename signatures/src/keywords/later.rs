//! Keywords of Suricata 8 that are not evaluated yet and do not choose a buffer. A rule that uses one is left out, with a
//! note; it is not an error.

use super::{ANYTHING, Effect, Keyword};

/// Known by name, and no more.
const fn later(name: &'static str, doc: &'static str) -> Keyword {
    Keyword::later(name, ANYTHING, Effect::None, doc)
}

/// Known by name, for one that looks at the buffer chosen before it.
const fn looks(name: &'static str, doc: &'static str) -> Keyword {
    Keyword::later(name, ANYTHING, Effect::Looks, doc)
}

pub(super) const KEYWORDS: &[Keyword] = &[
    looks("lua", "`lua`: a script decides. Scripts are not run on the packet path."),
    looks("luajit", "`luajit`: a script decides. Scripts are not run on the packet path."),
    later("ndpi-protocol", "`ndpi-protocol`: the protocol that nDPI recognised."),
    later("ndpi-risk", "`ndpi-risk`: the risks that nDPI saw."),
];
