//! The EVE record.

use super::command::Command;
use super::transaction::{MAX_LINES, Response};
use crate::json;
use crate::protocols::Record;
use crate::protocols::mime::EmailRecord;
use crate::protocols::text::Text;
use serde::Serialize;

/// A transaction as it was when it was logged.
#[derive(Debug)]
pub struct Pop3Record {
    pub(super) command: Command,
    pub(super) response: Option<Response>,
    pub(super) email: Option<EmailRecord>,
}

#[derive(Serialize)]
struct Body<'a> {
    request: RequestBody<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<ResponseBody<'a>>,
}

#[derive(Serialize)]
struct RequestBody<'a> {
    command: Text<'a>,
    args: Vec<Text<'a>>,
}

#[derive(Serialize)]
struct ResponseBody<'a> {
    success: bool,
    status: &'static str,
    header: Text<'a>,
    data: Vec<Text<'a>>,
}

impl Record for Pop3Record {
    fn kind(&self) -> &'static str {
        "pop3"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let command = &self.command;
        let request =
            RequestBody { command: Text(&command.name), args: command.arguments.iter().map(|a| Text(a)).collect() };
        let response = self.response.as_ref().map(|response| {
            let lines = response.data.split_inclusive(|b| *b == b'\n').take(MAX_LINES);
            let text = |line: &'_ [u8]| {
                line.strip_suffix(b"\n").map_or(line.len(), |l| l.strip_suffix(b"\r").unwrap_or(l).len())
            };
            ResponseBody {
                success: response.positive,
                status: if response.positive { "OK" } else { "ERR" },
                header: Text(&response.header),
                data: lines.map(|line| Text(line.get(..text(line)).unwrap_or_default())).collect(),
            }
        });
        json::write(out, &Body { request, response })
    }

    fn write_beside(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        match &self.email {
            Some(email) => email.write_beside(out),
            None => Ok(()),
        }
    }
}
