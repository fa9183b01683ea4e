//! EVE's object `email`, which stands beside that of the protocol that carried the mail.

use super::mail::Mail;
use super::url::{has_ipv4_host, has_ipv6_host, is_exe};
use crate::json;
use crate::protocols::text::Text;
use serde::{Serialize, Serializer};

/// What EVE says of a mail.
#[derive(Debug, Default)]
pub struct EmailRecord {
    status: &'static str,
    from: Option<Box<[u8]>>,
    to: Vec<Box<[u8]>>,
    cc: Vec<Box<[u8]>>,
    subject: Option<Box<[u8]>>,
    date: Option<Box<[u8]>>,
    message_id: Option<Box<[u8]>>,
    x_mailer: Option<Box<[u8]>>,
    received: Vec<Box<[u8]>>,
    attachment: Vec<Box<[u8]>>,
    url: Vec<Box<[u8]>>,
    body_md5: Option<Box<str>>,
}

/// Bytes, if they are there, as text.
struct Maybe<'a>(&'a Option<Box<[u8]>>);

impl Maybe<'_> {
    fn is_none(&self) -> bool {
        self.0.is_none()
    }
}

impl Serialize for Maybe<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Text(self.0.as_deref().unwrap_or_default()).serialize(serializer)
    }
}

/// Each as text.
struct List<'a>(&'a [Box<[u8]>]);

impl List<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|item| Text(item)))
    }
}

#[derive(Serialize)]
struct Body<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Maybe::is_none")]
    from: Maybe<'a>,
    #[serde(skip_serializing_if = "List::is_empty")]
    to: List<'a>,
    #[serde(skip_serializing_if = "List::is_empty")]
    cc: List<'a>,
    #[serde(skip_serializing_if = "Maybe::is_none")]
    subject: Maybe<'a>,
    #[serde(skip_serializing_if = "Maybe::is_none")]
    date: Maybe<'a>,
    #[serde(skip_serializing_if = "Maybe::is_none")]
    message_id: Maybe<'a>,
    #[serde(skip_serializing_if = "Maybe::is_none")]
    x_mailer: Maybe<'a>,
    #[serde(skip_serializing_if = "List::is_empty")]
    received: List<'a>,
    #[serde(skip_serializing_if = "List::is_empty")]
    attachment: List<'a>,
    #[serde(skip_serializing_if = "List::is_empty")]
    url: List<'a>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    has_exe_url: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    has_ipv4_url: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    has_ipv6_url: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_md5: Option<&'a str>,
}

impl EmailRecord {
    /// Of a mail as far as it came.
    #[must_use]
    pub fn of(mail: &Mail) -> Self {
        let fields = mail.fields();
        let get = |name: &str| fields.get(name).map(Box::from);
        let list = |name: &str| fields.get(name).map_or_else(Vec::new, |v| addresses(v).map(Box::from).collect());
        Self {
            status: mail.stage().name(),
            from: get("from"),
            to: list("to"),
            cc: list("cc"),
            subject: get("subject"),
            date: get("date"),
            message_id: get("message-id"),
            x_mailer: get("x-mailer"),
            received: fields.all(b"received").map(Box::from).collect(),
            attachment: mail.files().iter().map(|f| f.name().into()).collect(),
            url: mail.urls().to_vec(),
            body_md5: mail.body_md5().map(Box::from),
        }
    }

    /// Writes it, with its key and a comma before that.
    ///
    /// # Errors
    /// The writer's.
    pub fn write_beside(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::key(out, "email");
        self.write(out)
    }

    /// Writes it.
    ///
    /// # Errors
    /// The writer's.
    pub fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let body = Body {
            status: self.status,
            from: Maybe(&self.from),
            to: List(&self.to),
            cc: List(&self.cc),
            subject: Maybe(&self.subject),
            date: Maybe(&self.date),
            message_id: Maybe(&self.message_id),
            x_mailer: Maybe(&self.x_mailer),
            received: List(&self.received),
            attachment: List(&self.attachment),
            url: List(&self.url),
            has_exe_url: self.url.iter().any(|u| is_exe(u)),
            has_ipv4_url: self.url.iter().any(|u| has_ipv4_host(u)),
            has_ipv6_url: self.url.iter().any(|u| has_ipv6_host(u)),
            body_md5: self.body_md5.as_deref(),
        };
        json::write(out, &body)
    }
}

/// The addresses of a list (RFC 5322, 3.4): commas inside quotation marks part nothing.
fn addresses(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = list.split(move |byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return true,
            _ => {}
        }
        false
    });
    parts.map(<[u8]>::trim_ascii).filter(|a| !a.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parted_by_commas_outside_of_names() {
        let list: Vec<_> = addresses(b"\"a, \\\"b\" <a@x.example>, c@y.example ,,").collect();
        assert_eq!(list, [&b"\"a, \\\"b\" <a@x.example>"[..], b"c@y.example"]);
    }
}
