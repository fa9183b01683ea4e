//! The page's file, as it is sent: built by `sensor/page/build` from the sources beside it, in one piece, compressed once.
//!
//! The browser runs only the one script and the one style sheet in it (Content-Security-Policy with their digests), and loads nothing from anywhere else.

use crate::detect::dataset::load::base64;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::sync::LazyLock;

const PAGE: &str = include_str!("../../../page/dist/index.html");
const LOGIN_STYLE: &str = include_str!("login.css");

static PAGE_COMPRESSED: LazyLock<Bytes> = LazyLock::new(|| gzip(PAGE.as_bytes()).into());
static PAGE_POLICY: LazyLock<HeaderValue> = LazyLock::new(|| policy(PAGE));

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    // Into memory it always works.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepts.split(',').any(|coding| coding.split(';').next().is_some_and(|name| name.trim() == "gzip"))
}

/// What stands between `<tag>` and its end.
fn inner<'a>(page: &'a str, tag: &str) -> &'a str {
    let (begin, end) = (format!("<{tag}>"), format!("</{tag}>"));
    page.split_once(&begin).and_then(|(_, rest)| rest.split_once(&end)).map_or("", |(inner, _)| inner)
}

fn source(text: &str) -> String {
    let mut digest = String::new();
    base64(&Sha256::digest(text), &mut digest);
    format!("'sha256-{digest}'")
}

/// The policy for a page with one script and one style sheet in it.
fn policy(page: &str) -> HeaderValue {
    let (script, style) = (source(inner(page, "script")), source(inner(page, "style")));
    let policy = format!(
        "default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    // Digests and words are ASCII.
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// `/`
pub(super) async fn page(headers: HeaderMap) -> Response {
    let head = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY.clone()),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
    ];
    if takes_gzip(&headers) {
        return (head, [(header::CONTENT_ENCODING, "gzip")], PAGE_COMPRESSED.clone()).into_response();
    }
    (head, PAGE).into_response()
}

/// The form that asks for the token; `wrong` is what was wrong with the last one.
pub fn login(wrong: &'static str) -> Response {
    let page = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>Sekisho</title>\
         <style>{LOGIN_STYLE}</style></head><body><form method=\"post\" action=\"/login\"><h1>Sekisho</h1><p role=\"alert\">{wrong}</p>\
         <label>Token <input name=\"token\" type=\"password\" autocomplete=\"current-password\" required autofocus></label>\
         <button>Open</button><p>It stands in the file that metrics.token_file names.</p></form></body></html>\n"
    );
    ([(header::CONTENT_SECURITY_POLICY, policy(&page))], Html(page)).into_response()
}

/// What browsers are told of every answer: not to guess its type, to keep it nowhere, to show it in no other page.
pub async fn shield(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_one_small_file_that_asks_for_no_other() {
        assert!(PAGE_COMPRESSED.len() < 300_000, "{} bytes", PAGE_COMPRESSED.len());
        for word in ["script", "style"] {
            assert_eq!(PAGE.matches(&format!("<{word}>")).count(), 1, "one {word}");
            assert!(inner(PAGE, word).len() > 1000);
        }
        for outside in
            ["src=\"http", "href=\"http", "url(http", "@import", "eval(", "new Function", " onerror=", " onclick="]
        {
            assert!(!PAGE.contains(outside), "{outside}");
        }
    }

    #[test]
    fn the_policy_names_what_is_in_the_page() {
        let policy = PAGE_POLICY.to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'sha256-") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(source(""), "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='");
    }

    #[test]
    fn codings_are_read_as_lists() {
        let takes = |text: &'static str| {
            takes_gzip(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(text))]))
        };
        assert!(takes("gzip") && takes("br, gzip;q=0.8, deflate"));
        assert!(!takes("br") && !takes("gzipped") && !takes_gzip(&HeaderMap::new()));
    }
}
