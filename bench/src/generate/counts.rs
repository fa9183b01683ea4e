//! What was generated, exactly: what a sensor that reads the capture must find.

use super::apps::Done;
use std::collections::BTreeMap;

/// What was generated.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Counts {
    /// Flows that were begun.
    pub flows: u64,
    /// Of them, how many were not over when the capture ended.
    pub open: u64,
    /// Most that were open at a time.
    pub concurrent: u64,
    /// Flows by kind of conversation; empty for uniform traffic and streams, as all that follows the marker's count.
    pub profiles: BTreeMap<&'static str, u64>,
    /// Flows over IPv6.
    pub ipv6: u64,
    /// Flows in a VLAN.
    pub vlan: u64,
    /// Frames of all kinds.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// From the first frame to the last, in the capture's own time.
    pub seconds: f64,
    /// Frames that carry the marker; in conversations, messages that do.
    pub marked: u64,
    /// What was done from end to end.
    pub transactions: Transactions,
    /// What TCP went through.
    pub tcp: Tcp,
}

/// Exchanges whose last byte is in the capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Transactions {
    /// HTTP responses.
    pub http: u64,
    /// Of them, with a body.
    pub http_files: u64,
    /// Of them, to a request with a body.
    pub http_forms: u64,
    /// TLS handshakes.
    pub tls: u64,
    /// DNS questions.
    pub dns_queries: u64,
    /// DNS answers.
    pub dns_answers: u64,
    /// SMB requests with their responses.
    pub smb: u64,
    /// Files that were read or written by SMB and closed.
    pub smb_files: u64,
    /// Mails that were taken.
    pub mails: u64,
    /// Their attachments.
    pub mail_files: u64,
    /// ICMP echoes answered.
    pub pings: u64,
    /// NTP requests answered.
    pub ntp: u64,
}

/// Segments with data, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tcp {
    /// Segments with data in the capture, retransmissions included.
    pub data_segments: u64,
    /// Lost on the way to the sensor: the capture has only the retransmission.
    pub lost_before: u64,
    /// Lost behind the sensor: the capture has them twice.
    pub lost_after: u64,
    /// Sent again.
    pub retransmitted: u64,
    /// Pairs of segments in the wrong order.
    pub reordered: u64,
    /// Frames, of any kind, that the capture lacks, though they arrived where they were sent to.
    pub missing: u64,
}

impl Transactions {
    pub(super) fn count(&mut self, done: Done) {
        match done {
            Done::Nothing => {}
            Done::Http { file, form } => {
                self.http += 1;
                self.http_forms += u64::from(form);
                self.http_files += u64::from(file);
            }
            Done::Tls => self.tls += 1,
            Done::DnsQuery => self.dns_queries += 1,
            Done::DnsAnswer => self.dns_answers += 1,
            Done::Smb => self.smb += 1,
            Done::SmbFile => {
                self.smb += 1;
                self.smb_files += 1;
            }
            Done::Mail { files } => {
                self.mails += 1;
                self.mail_files += u64::from(files);
            }
            Done::Ping => self.pings += 1,
            Done::Ntp => self.ntp += 1,
        }
    }
}
