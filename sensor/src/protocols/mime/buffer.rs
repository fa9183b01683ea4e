//! What rules may look at of a mail.

use super::mail::Mail;
use crate::protocols::Part;
use crate::protocols::file::FileTracker;
use sekisho_signatures::buffers::Buffer;

impl Mail {
    /// Run number `index` of a buffer of mails or files.
    #[must_use]
    pub fn buffer(&self, buffer: Buffer, index: usize) -> Option<Part<'_>> {
        let field = |name: &str| self.fields().get(name).filter(|_| index == 0);
        let whole = match buffer {
            Buffer::EmailFrom => field("from"),
            Buffer::EmailTo => field("to"),
            Buffer::EmailCc => field("cc"),
            Buffer::EmailSubject => field("subject"),
            Buffer::EmailDate => field("date"),
            Buffer::EmailMessageId => field("message-id"),
            Buffer::EmailXMailer => field("x-mailer"),
            Buffer::EmailReceived => self.fields().all(b"received").nth(index),
            Buffer::EmailUrl => self.urls().get(index).map(|url| &**url),
            Buffer::EmailBodyMd5 => self.body_md5().filter(|_| index == 0).map(str::as_bytes),
            Buffer::FileName => self.files().get(index).map(FileTracker::name),
            Buffer::FileData => return self.files().get(index).map(FileTracker::data),
            _ => None,
        };
        whole.map(Part::whole)
    }
}
