//! `pcre`: a regular expression, with PCRE's flags and letters that choose a buffer.

use super::meta::{invalid, text};
use super::{EXPRESSION, Keyword};
use crate::buffers::Buffer;
use crate::check::Checker;
use crate::error::{RuleError, RuleErrorKind as Kind};
use crate::model::{BufferCondition, Capture, CaptureOn, Pcre};
use crate::syntax::{RuleOption, Span, Text};

pub(super) const KEYWORDS: &[Keyword] = &[Keyword::new(
    "pcre",
    EXPRESSION,
    pcre,
    "`pcre:[!]\"/regex/flags\"`: the expression matches; flags `ismxAEG`, `R` relative, `UIPQHDMCSYVWZ` choose an HTTP buffer.",
)];

/// The letters that choose a buffer, with that buffer.
const BUFFERS: [(u8, Buffer); 13] = [
    (b'U', Buffer::HttpUri),
    (b'I', Buffer::HttpUriRaw),
    (b'P', Buffer::HttpRequestBody),
    (b'Q', Buffer::HttpResponseBody),
    (b'H', Buffer::HttpHeader),
    (b'D', Buffer::HttpHeaderRaw),
    (b'M', Buffer::HttpMethod),
    (b'C', Buffer::HttpCookie),
    (b'S', Buffer::HttpStatCode),
    (b'Y', Buffer::HttpStatMsg),
    (b'V', Buffer::HttpUserAgent),
    (b'W', Buffer::HttpHost),
    (b'Z', Buffer::HttpHostRaw),
];

fn pcre(checker: &mut Checker<'_>, name: &'static str, option: &RuleOption<'_>) -> Result<(), RuleError> {
    let value = text(option);
    // Old rules have no quotes.
    let bare = value.strip(b"!").filter(|_| option.value.is_some_and(|v| !v.quoted));
    let (value, negated) = (bare.unwrap_or(value), bare.is_some());
    let expected = "an expression between slashes, as in /a+b/i";
    let end = memchr::memrchr(b'/', flags_end(value)).filter(|&end| end > 0 && value.bytes.first() == Some(&b'/'));
    let Some(end) = end else { return Err(invalid(name, value, expected)) };
    let (source, flags) = (value.to(end).from(1), value.from(end + 1));
    let (flags, captures) = match flags.split_once(b',') {
        Some((flags, captures)) => (flags, Some(captures)),
        None => (flags.trim(), None),
    };
    if source.bytes.is_empty() {
        return Err(invalid(name, value, expected));
    }
    let mut pcre = Pcre {
        captures: Vec::new(),
        pattern: pattern(source.bytes),
        negated: negated || option.value.is_some_and(|v| v.negated),
        relative: false,
        caseless: false,
        multi_line: false,
        dot_all: false,
        extended: false,
        anchored: false,
        dollar_end_only: false,
        ungreedy: false,
    };
    let mut buffer = None;
    for (index, &flag) in flags.bytes.iter().enumerate() {
        match flag {
            b'i' => pcre.caseless = true,
            b'm' => pcre.multi_line = true,
            b's' => pcre.dot_all = true,
            b'x' => pcre.extended = true,
            b'A' => pcre.anchored = true,
            b'E' => pcre.dollar_end_only = true,
            b'G' => pcre.ungreedy = true,
            b'R' => pcre.relative = true,
            // B is rawbytes, O lifts a limit that there is not; neither changes an answer.
            b'B' | b'O' => {}
            _ => match BUFFERS.iter().find(|b| b.0 == flag) {
                Some((_, chosen)) if buffer.is_none_or(|known| known == *chosen) => buffer = Some(*chosen),
                Some(_) => {
                    let other = "another letter that chooses a buffer";
                    return Err(RuleError::new(
                        Kind::Conflict { keyword: name, other },
                        flags.from(index).to(1).span(),
                    ));
                }
                None => return Err(invalid(name, flags.from(index).to(1), "flags out of ismxAEGRBOUIPQHDMCSYVWZ")),
            },
        }
    }
    compiles(&pcre, source)?;
    pcre.captures = match captures {
        Some(captures) => listed_captures(name, captures)?,
        None => named_captures(&pcre.pattern),
    };
    match buffer {
        Some(buffer) => {
            let current = checker.current_buffer();
            if current.chosen == Some(buffer) {
                checker.buffer(BufferCondition::Pcre(pcre));
            } else {
                checker.beside(buffer, BufferCondition::Pcre(pcre), option.name.span());
            }
        }
        None => checker.buffer(BufferCondition::Pcre(pcre)),
    }
    Ok(())
}

/// The value up to where the names of captures begin, since these may have slashes too.
fn flags_end(value: Text<'_>) -> &[u8] {
    let captures = [&b"flow:"[..], b"pkt:", b"alert:"];
    let mut end = value.bytes.len();
    while let Some(comma) = memchr::memrchr(b',', &value.bytes[..end]) {
        let after = value.bytes[comma + 1..].trim_ascii_start();
        if !captures.iter().any(|c| after.starts_with(c)) {
            break;
        }
        end = comma;
    }
    &value.bytes[..end]
}

/// Where captures are kept, by the words before their names.
const PLACES: [(&str, CaptureOn); 3] =
    [("flow", CaptureOn::Flow), ("pkt", CaptureOn::Packet), ("alert", CaptureOn::Alert)];

/// `flow:name,pkt:name,…`: one for each group.
fn listed_captures(name: &'static str, captures: Text<'_>) -> Result<Vec<Capture>, RuleError> {
    let capture = |text: Text<'_>| {
        let (place, of) = text.split_once(b':')?;
        let on = PLACES.iter().find(|(word, _)| word.as_bytes() == place.bytes)?.1;
        (!of.bytes.is_empty()).then(|| Capture { on, name: of.to_lossy(), group: None })
    };
    captures
        .split(b',')
        .map(|text| {
            capture(text).ok_or_else(|| invalid(name, text, "flow:, pkt: or alert: and a name for each capture"))
        })
        .collect()
}

/// Groups with names such as `(?P<flow_name>…)`: where and as what they are kept.
fn named_captures(pattern: &str) -> Vec<Capture> {
    let mut found = Vec::new();
    for group in pattern.split("(?P<").skip(1) {
        let Some((label, _)) = group.split_once('>') else { continue };
        let Some((place, of)) = label.split_once('_') else { continue };
        if let Some((_, on)) = PLACES.iter().find(|(word, _)| *word == place) {
            found.push(Capture { on: *on, name: of.into(), group: Some(label.into()) });
        }
    }
    found
}

/// The expression as text. The engine matches bytes: those that are no UTF-8 are written as `\xNN`.
fn pattern(source: &[u8]) -> Box<str> {
    match std::str::from_utf8(source) {
        Ok(text) => text.into(),
        Err(_) => {
            let mut out = String::with_capacity(source.len() + 16);
            for &byte in source {
                if byte.is_ascii() {
                    out.push(char::from(byte));
                } else {
                    out.push_str(&format!("\\x{byte:02x}"));
                }
            }
            out.into()
        }
    }
}

fn compiles(pcre: &Pcre, source: Text<'_>) -> Result<(), RuleError> {
    let mut builder = pcre2::bytes::RegexBuilder::new();
    builder.caseless(pcre.caseless).multi_line(pcre.multi_line).dotall(pcre.dot_all).extended(pcre.extended);
    builder.build(&pcre.pattern).map(drop).map_err(|error| {
        let offset = error.offset().unwrap_or(0);
        let start = source.start as usize + offset.min(source.bytes.len());
        let message = error.to_string();
        let message = message.rsplit_once(": ").map_or(message.clone(), |(_, m)| m.to_owned());
        RuleError::new(Kind::BadRegex { message, offset }, Span::new(start.saturating_sub(1), start))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{bad, good};
    use super::*;

    fn one(options: &str) -> Pcre {
        match good(options).payload.pop() {
            Some(BufferCondition::Pcre(pcre)) => pcre,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn quotes_may_be_missing() {
        let s = good("pcre:!/a b/i;");
        assert!(
            matches!(&s.payload[..], [BufferCondition::Pcre(p)] if p.negated && p.caseless && &*p.pattern == "a b")
        );
    }

    #[test]
    fn flags() {
        let p = one("pcre:!\"/a\\/b\\x20[^\\x22\\;]/ismxAEGRBO\";");
        assert_eq!(&*p.pattern, "a\\/b\\x20[^\\x22\\;]");
        assert!(p.negated && p.relative && p.caseless && p.multi_line && p.dot_all);
        assert!(p.extended && p.anchored && p.dollar_end_only && p.ungreedy);
        let p = one("pcre:\"/^a/\";");
        assert!(!p.negated && !p.relative && !p.caseless);
    }

    #[test]
    fn bytes_that_are_no_text_are_escaped() {
        assert_eq!(&*pattern(b"a\xff[\x80-\x90]"), "a\\xff[\\x80-\\x90]");
        assert_eq!(&*pattern("aé".as_bytes()), "aé");
    }

    #[test]
    fn letters_choose_a_buffer() {
        let s = good("content:\"x\"; pcre:\"/a/Ui\"; pcre:\"/b/\";");
        assert_eq!((s.payload.len(), s.buffers.len()), (2, 1));
        assert_eq!(s.buffers[0].buffer, Buffer::HttpUri);
        assert_eq!(good("http.host; pcre:\"/a/W\";").buffers[0].conditions.len(), 1);
        assert!(matches!(bad("http.uri; pcre:\"/a/W\";").0, Kind::UnusedBuffer { .. }));
    }

    #[test]
    fn groups_are_kept_under_names() {
        let captures = |options: &str| match good(options).payload.remove(0) {
            BufferCondition::Pcre(pcre) => pcre.captures,
            other => panic!("{other:?}"),
        };
        let kept =
            |on, name: &str, group: Option<&str>| Capture { on, name: name.into(), group: group.map(Into::into) };
        assert_eq!(
            captures("pcre:\"/a(b)(c)/R, flow:ua/x/y, pkt:b/z\";"),
            [kept(CaptureOn::Flow, "ua/x/y", None), kept(CaptureOn::Packet, "b/z", None)]
        );
        assert_eq!(
            captures("pcre:\"/(a)(?P<flow_x>b)(?P<other>c)(?P<alert_y>d)/\";"),
            [kept(CaptureOn::Flow, "x", Some("flow_x")), kept(CaptureOn::Alert, "y", Some("alert_y"))]
        );
        assert!(captures("pcre:\"/(a)/\";").is_empty());
    }

    #[test]
    fn bad_expressions() {
        assert!(matches!(bad("pcre:\"abc\";").0, Kind::Invalid { .. }));
        assert!(matches!(bad("pcre:\"/abc\";").0, Kind::Invalid { .. }));
        assert!(matches!(bad("pcre:\"//\";").0, Kind::Invalid { .. }));
        assert!(matches!(bad("pcre:\"/a/q\";"), (Kind::Invalid { .. }, at) if at == "q"));
        assert!(matches!(bad("pcre:\"/a/UH\";"), (Kind::Conflict { .. }, at) if at == "H"));
        assert!(matches!(bad("pcre:\"/a/i,x:y\";"), (Kind::Invalid { .. }, at) if at == "x:y"));
        let (kind, _) = bad("pcre:\"/a(b/\";");
        assert_eq!(kind, Kind::BadRegex { message: "missing closing parenthesis".to_owned(), offset: 3 });
        assert!(matches!(bad("pcre:\"/a[z-a]/\";"), (Kind::BadRegex { .. }, at) if "a[z-a]".contains(&at)));
        assert!(matches!(bad("pcre:\"/a\\/\";").0, Kind::BadRegex { .. }));
    }
}
