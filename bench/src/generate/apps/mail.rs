//! SMTP (RFC 5321) between mail servers: one mail or a few in a session, MIME (RFC 2045) with attachments in Base64.

use super::{Done, Ending, Stage, Step, size};
use crate::generate::frame::{CLIENT, SERVER};
use crate::generate::message::{Body, Source};
use crate::generate::world::{LINE, LINE_BYTES, word};
use fastrand::Rng;

/// See the module's head.
#[derive(Debug)]
pub struct Mail {
    site: u16,
    /// Mails still to be sent.
    left: u8,
    receivers: u8,
    attachment: bool,
    at: At,
}

/// The command that is next to be sent, or answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Banner,
    Hello,
    HelloAnswer,
    From,
    FromAnswer,
    To(u8),
    ToAnswer(u8),
    Data,
    DataAnswer,
    Text,
    TextAnswer,
    Quit,
    QuitAnswer,
    End,
}

const BOUNDARY: &str = "=_next_part_5d41402a";

impl Mail {
    pub fn new(site: u16, rng: &mut Rng) -> Self {
        let left = if rng.u8(..4) == 0 { rng.u8(2..4) } else { 1 };
        Self { site, left, receivers: 1, attachment: false, at: At::Banner }
    }

    pub fn next(&mut self, stage: &mut Stage<'_>) -> Step {
        let domain = stage.world.site_of(self.site).domain.clone();
        let (from, text, next) = match self.at {
            At::Banner => (SERVER, format!("220 mx.{domain} ESMTP ready\r\n"), At::Hello),
            At::Hello => (CLIENT, "EHLO gateway.office.example\r\n".to_owned(), At::HelloAnswer),
            At::HelloAnswer => (
                SERVER,
                format!(
                    "250-mx.{domain} greets you\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n"
                ),
                At::From,
            ),
            At::From => {
                self.receivers = 1 + stage.rng.u8(..3);
                (CLIENT, format!("MAIL FROM:<{}@office.example> SIZE=40000\r\n", word(stage.rng)), At::FromAnswer)
            }
            At::FromAnswer => (SERVER, "250 2.1.0 Ok\r\n".to_owned(), At::To(0)),
            At::To(n) => (CLIENT, format!("RCPT TO:<{}{n}@{domain}>\r\n", word(stage.rng)), At::ToAnswer(n)),
            At::ToAnswer(n) => {
                let next = if n + 1 < self.receivers { At::To(n + 1) } else { At::Data };
                (SERVER, "250 2.1.5 Ok\r\n".to_owned(), next)
            }
            At::Data => (CLIENT, "DATA\r\n".to_owned(), At::DataAnswer),
            At::DataAnswer => (SERVER, "354 End data with <CR><LF>.<CR><LF>\r\n".to_owned(), At::Text),
            At::Text => {
                self.at = At::TextAnswer;
                return self.text(stage, &domain);
            }
            At::TextAnswer => {
                self.left = self.left.saturating_sub(1);
                self.at = if self.left > 0 { At::From } else { At::Quit };
                let id = stage.rng.u32(..);
                stage.text(&format!("250 2.0.0 Ok: queued as {id:08X}\r\n"));
                let files = u8::from(self.attachment);
                return Step::say(SERVER, stage.work(60.0)).counted(Done::Mail { files });
            }
            At::Quit => (CLIENT, "QUIT\r\n".to_owned(), At::QuitAnswer),
            At::QuitAnswer => (SERVER, "221 2.0.0 Bye\r\n".to_owned(), At::End),
            At::End => return Step::End(Ending::Fin(SERVER)),
        };
        self.at = next;
        stage.text(&text);
        Step::say(from, stage.work(if from == SERVER { 5.0 } else { 0.5 }))
    }

    /// Header, a text, and two times out of three a file.
    fn text(&mut self, stage: &mut Stage<'_>, domain: &str) -> Step {
        let (a, b, n) = (word(stage.rng), word(stage.rng), stage.rng.u32(..));
        self.attachment = stage.rng.u8(..3) > 0;
        stage.text(&format!(
            "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\nFrom: {a} <{a}@office.example>\r\nTo: {b} <{b}@{domain}>\r\n\
             Subject: {a} {b} {n}\r\nMessage-ID: <{n:08x}@office.example>\r\nMIME-Version: 1.0\r\n"
        ));
        if self.attachment {
            stage.text(&format!(
                "Content-Type: multipart/mixed; boundary=\"{BOUNDARY}\"\r\n\r\n--{BOUNDARY}\r\n\
                 Content-Type: text/plain; charset=utf-8\r\n\r\n"
            ));
        } else {
            stage.text("Content-Type: text/plain; charset=utf-8\r\n\r\n");
        }
        for _ in 0..stage.rng.usize(3..40) {
            let line: Vec<&str> = (0..stage.rng.usize(3..11)).map(|_| word(stage.rng)).collect();
            stage.text(&(line.join(" ") + ".\r\n"));
        }
        let pause = stage.work(1.0);
        if !self.attachment {
            return Step::say(CLIENT, pause).ending(b".\r\n");
        }
        let ending = ["pdf", "docx", "jpg", "zip"][stage.rng.usize(..4)];
        stage.text(&format!(
            "\r\n--{BOUNDARY}\r\nContent-Type: application/octet-stream; name=\"{a}-{n}.{ending}\"\r\n\
             Content-Disposition: attachment; filename=\"{a}-{n}.{ending}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        ));
        // Whole lines, so that nothing has to be padded.
        let lines = size(stage.rng, 60_000.0, 1.3, 500, 15_000_000) / LINE_BYTES;
        let start = stage.rng.u32(..8_000) * LINE as u32;
        let body = Body { source: Source::Base64, start, len: lines * LINE, ..Body::NONE };
        Step::say(CLIENT, pause).with(body).ending(b"\r\n--=_next_part_5d41402a--\r\n.\r\n")
    }
}
