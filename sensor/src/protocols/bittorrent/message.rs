//! A message (BEP 5), as far as it can be read.

use super::bencode::{Value, Values};

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `q`
    Query,
    /// `r`
    Response,
    /// `e`
    Error,
}

/// A message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Message<'a> {
    /// It is a dictionary, and nothing stands behind it.
    pub whole: bool,
    /// What it is.
    pub kind: Option<Kind>,
    /// Tells queries under way from one another.
    pub transaction: Option<&'a [u8]>,
    /// The software that sent it.
    pub version: Option<&'a [u8]>,
    /// What is asked.
    pub query: Option<&'a [u8]>,
    /// What the query says.
    pub arguments: Option<Values<'a>>,
    /// What the response says.
    pub response: Option<Values<'a>>,
    /// Number and text of an error.
    pub error: Option<(i64, &'a [u8])>,
}

impl<'a> Message<'a> {
    /// Reads what can be read.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Self {
        let mut values = Values(bytes);
        let Some(all) = values.next().and_then(Value::dictionary) else { return Self::default() };
        let bytes_of = |key: &[u8]| all.get(key).and_then(Value::bytes);
        let kind = match bytes_of(b"y") {
            Some(b"q") => Some(Kind::Query),
            Some(b"r") => Some(Kind::Response),
            Some(b"e") => Some(Kind::Error),
            _ => None,
        };
        let error = all.get(b"e").and_then(Value::list).and_then(|mut list| {
            let (number, text) = (list.next()?.integer()?, list.next()?.bytes()?);
            Some((number, text))
        });
        Self {
            whole: values.0.is_empty(),
            kind,
            transaction: bytes_of(b"t"),
            version: bytes_of(b"v"),
            query: bytes_of(b"q"),
            arguments: all.get(b"a").and_then(Value::dictionary),
            response: all.get(b"r").and_then(Value::dictionary),
            error,
        }
    }

    /// Whether it has what a message must have.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let has_id = |values: Option<Values<'_>>| values.is_some_and(|v| v.get(b"id").and_then(Value::bytes).is_some());
        let says = match self.kind {
            Some(Kind::Query) => self.query.is_some() && has_id(self.arguments),
            Some(Kind::Response) => has_id(self.response),
            Some(Kind::Error) => self.error.is_some(),
            None => false,
        };
        self.whole && self.transaction.is_some() && says
    }
}
