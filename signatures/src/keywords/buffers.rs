//! Buffers other than the raw payload, from the table in [`crate::buffers`]: sticky keywords, the older ones that move the
//! content before them, tests of integers; and transforms.

use super::{ANYTHING, Effect, Keyword, NO_VALUE, PLAIN, Support};
use crate::buffers::{Buffer, Kind as BufferKind};
use crate::check::Checker;
use crate::error::{RuleError, RuleErrorKind as Kind};
use crate::syntax::RuleOption;
use crate::transform::Transform;

/// The keywords of all buffers.
pub(super) fn keywords() -> &'static [Keyword] {
    let mut all = vec![];
    // Frames, and what is asked of a file, have keywords of their own: see `frame` and `file`.
    for &buffer in Buffer::ALL.iter().filter(|b| !b.is_frame() && **b != Buffer::Files) {
        let declaration = buffer.declaration();
        let name = declaration.name;
        let (support, value, form) = match declaration.kind {
            BufferKind::Number => (Support::Number(buffer), PLAIN, format!("{name}:[op]N")),
            BufferKind::Asked => (Support::Asked(buffer), ANYTHING, format!("{name}:…")),
            _ => (Support::Sticky(buffer), NO_VALUE, name.to_owned()),
        };
        // Made once, the first time that a keyword is looked up; the table lives as long as the program, and so does this.
        let doc = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
        let sentence = doc(format!("`{form}`: {}", declaration.doc));
        all.push(Keyword { name, aliases: declaration.aliases, doc: sentence, value, support });
        for &modifier in declaration.modifiers {
            let sentence = doc(format!("`{modifier}`: the content before it is looked for in `{name}`."));
            let support = Support::Modifier(buffer);
            all.push(Keyword { name: modifier, aliases: &[], doc: sentence, value: NO_VALUE, support });
        }
    }
    Box::leak(all.into_boxed_slice())
}

/// A keyword that changes what later conditions see of the buffer.
const fn transform(name: &'static str, doc: &'static str) -> Keyword {
    Keyword { name, aliases: &[], doc, value: ANYTHING, support: Support::Built(change) }
}

fn change(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Result<(), RuleError> {
    let end = option.name.from(option.name.bytes.len());
    let value = option.value.map_or(end, |v| v.text);
    match Transform::parse(name, value) {
        Some(transform) => checker.transform(name, transform?, option.name.span()),
        None => Err(RuleError::new(Kind::UnknownKeyword { name: name.to_owned(), nearest: None }, option.name.span())),
    }
}

pub(super) const TRANSFORMS: &[Keyword] = &[
    transform("dotprefix", "`dotprefix`: puts a dot before the buffer."),
    transform("domain", "`domain`: leaves the registered domain of a name."),
    transform("tld", "`tld`: leaves the top-level domain of a name."),
    transform("strip_whitespace", "`strip_whitespace`: takes blanks out."),
    transform("compress_whitespace", "`compress_whitespace`: makes runs of blanks one."),
    transform("to_lowercase", "`to_lowercase`: makes letters small."),
    transform("to_uppercase", "`to_uppercase`: makes letters capital."),
    transform("to_md5", "`to_md5`: makes the MD5 of the buffer."),
    transform("to_sha1", "`to_sha1`: makes the SHA-1 of the buffer."),
    transform("to_sha256", "`to_sha256`: makes the SHA-256 of the buffer."),
    transform("pcrexform", "`pcrexform`: leaves what an expression captures."),
    transform("url_decode", "`url_decode`: decodes %NN."),
    transform("xor", "`xor`: decodes with a repeated key."),
    transform("header_lowercase", "`header_lowercase`: makes header names small."),
    transform("strip_pseudo_headers", "`strip_pseudo_headers`: takes HTTP/2 pseudo headers out."),
    transform("from_base64", "`from_base64`: decodes base64."),
    Keyword::later("luaxform", ANYTHING, Effect::None, "`luaxform`: lets a script change the buffer."),
    transform("gunzip", "`gunzip`: unpacks gzip."),
    transform("zlib_deflate", "`zlib_deflate`: unpacks zlib."),
    transform("subslice", "`subslice:offset[,bytes][,truncate]`: leaves a part."),
];
