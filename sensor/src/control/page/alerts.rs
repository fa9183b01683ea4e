//! The latest alerts, for the page: bounded by count and by bytes, the oldest go first.

use crate::output::tap::TappedAlert;
use sekisho_signatures::model::Place;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

/// What an alert takes in memory beside its line and payload, in bytes: about.
const OVERHEAD: usize = 512;

/// An alert in a line of the page's list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Counts the alerts since the start, from 1.
    pub n: u64,
    /// Time of the packet: milliseconds since 1970.
    pub t: u64,
    /// Severity, 1 being the highest.
    pub sev: u8,
    /// The rule's number, generator and revision.
    pub sid: u32,
    /// See `sid`.
    pub gid: u32,
    /// See `sid`.
    pub rev: u32,
    /// The rule's message.
    pub msg: String,
    /// Its category.
    pub cat: String,
    /// `allowed` or `blocked`.
    pub act: String,
    /// Source address; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub src: Option<String>,
    /// Destination address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dst: Option<String>,
    /// Source port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sp: Option<u16>,
    /// Destination port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dp: Option<u16>,
    /// Transport.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proto: Option<String>,
    /// Application protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// `flow_id`: at most 53 bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<u64>,
}

/// What is read of a line of EVE JSON.
#[derive(Deserialize)]
struct Line {
    flow_id: Option<u64>,
    src_ip: Option<String>,
    dest_ip: Option<String>,
    src_port: Option<u16>,
    dest_port: Option<u16>,
    proto: Option<String>,
    app_proto: Option<String>,
    alert: LineAlert,
}

#[derive(Deserialize)]
struct LineAlert {
    action: String,
    gid: u32,
    signature_id: u32,
    rev: u32,
    signature: String,
    category: String,
    severity: u8,
}

/// EVE writes IPv6 addresses in full; people write them short.
fn short(address: String) -> String {
    address.parse::<IpAddr>().map_or(address, |ip| ip.to_string())
}

impl Summary {
    fn of(n: u64, tapped: &TappedAlert) -> Option<Self> {
        let line: Line = serde_json::from_slice(&tapped.line).ok()?;
        Some(Self {
            n,
            t: tapped.time.0 / 1_000_000,
            sev: line.alert.severity,
            sid: line.alert.signature_id,
            gid: line.alert.gid,
            rev: line.alert.rev,
            msg: line.alert.signature,
            cat: line.alert.category,
            act: line.alert.action,
            src: line.src_ip.map(short),
            dst: line.dest_ip.map(short),
            sp: line.src_port,
            dp: line.dest_port,
            proto: line.proto,
            app: line.app_proto,
            flow: line.flow_id,
        })
    }

    /// Whether `text`, in lower case, is in what is shown of it.
    fn holds(&self, text: &str) -> bool {
        let texts = [
            Some(&self.msg),
            Some(&self.cat),
            self.src.as_ref(),
            self.dst.as_ref(),
            self.app.as_ref(),
            self.proto.as_ref(),
        ];
        texts.into_iter().flatten().any(|shown| shown.to_lowercase().contains(text))
            || self.sid.to_string() == text
            || self.flow.is_some_and(|flow| flow.to_string() == text)
    }
}

/// An alert with what proves it.
#[derive(Debug)]
pub struct Kept {
    /// As it stands in the list.
    pub summary: Summary,
    /// Its line of EVE JSON.
    pub line: Box<[u8]>,
    /// The beginning of its packet's payload.
    pub payload: Option<Box<[u8]>>,
    /// Where its rule stands.
    pub rule: Place,
}

impl Kept {
    fn bytes(&self) -> usize {
        let payload = self.payload.as_ref().map_or(0, |payload| payload.len());
        OVERHEAD + self.line.len() + payload + self.summary.msg.len() + self.summary.cat.len()
    }
}

/// What the page asks for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Only older ones than this number.
    pub before: Option<u64>,
    /// Only newer ones than this number.
    pub after: Option<u64>,
    /// At most so many, 1 to 2,000. Default: 200.
    pub limit: Option<usize>,
    /// Only those of these severities, with commas between them.
    pub severity: Option<String>,
    /// Only those of this rule.
    pub sid: Option<u32>,
    /// Only `allowed` or `blocked` ones.
    pub action: Option<String>,
    /// Only those with this in their message, category, addresses or protocol, or with this sid or flow.
    pub q: Option<String>,
    /// Only those from this time on: milliseconds since 1970.
    pub since: Option<u64>,
    /// Only those up to this time.
    pub until: Option<u64>,
}

/// Some alerts, the newest first.
#[derive(Debug, Default, Serialize)]
pub struct Found {
    /// Those that were asked for.
    pub alerts: Vec<Summary>,
    /// There may be more, older than the last of these.
    pub more: bool,
    /// The newest alert's number; 0 while there is none.
    pub newest: u64,
    /// Alerts that are kept.
    pub kept: usize,
}

/// See the module.
#[derive(Debug)]
pub struct AlertRing {
    alerts: VecDeque<Arc<Kept>>,
    next: u64,
    bytes: usize,
    most: usize,
    most_bytes: usize,
}

impl AlertRing {
    /// Keeps `most` alerts in `most_bytes` bytes at most, but always the last one.
    #[must_use]
    pub fn new(most: usize, most_bytes: usize) -> Self {
        Self { alerts: VecDeque::new(), next: 1, bytes: 0, most: most.max(1), most_bytes }
    }

    /// Adds one; how it stands in the list, if it can be read.
    pub fn add(&mut self, tapped: TappedAlert) -> Option<Arc<Kept>> {
        let summary = Summary::of(self.next, &tapped)?;
        self.next += 1;
        let kept = Arc::new(Kept { summary, line: tapped.line, payload: tapped.payload, rule: tapped.rule });
        self.bytes += kept.bytes();
        self.alerts.push_back(Arc::clone(&kept));
        while self.alerts.len() > self.most || (self.bytes > self.most_bytes && self.alerts.len() > 1) {
            let Some(oldest) = self.alerts.pop_front() else { break };
            self.bytes -= oldest.bytes();
        }
        Some(kept)
    }

    /// The alert with this number, if it is kept still.
    #[must_use]
    pub fn get(&self, n: u64) -> Option<Arc<Kept>> {
        let first = self.alerts.front()?.summary.n;
        let place = usize::try_from(n.checked_sub(first)?).ok()?;
        self.alerts.get(place).cloned()
    }

    /// Alerts that are kept, and their bytes.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.alerts.len(), self.bytes)
    }

    /// The newest alerts that `filter` lets by.
    #[must_use]
    pub fn find(&self, filter: &Filter) -> Found {
        let limit = filter.limit.unwrap_or(200).clamp(1, 2000);
        let text = filter.q.as_deref().map(|q| q.trim().to_lowercase()).filter(|q| !q.is_empty());
        let severities: Option<Vec<u8>> =
            filter.severity.as_deref().map(|list| list.split(',').filter_map(|s| s.trim().parse().ok()).collect());
        let passes = |s: &Summary| {
            filter.before.is_none_or(|n| s.n < n)
                && filter.after.is_none_or(|n| s.n > n)
                && filter.since.is_none_or(|t| s.t >= t)
                && filter.until.is_none_or(|t| s.t <= t)
                && filter.sid.is_none_or(|sid| s.sid == sid)
                && filter.action.as_deref().is_none_or(|action| s.act == action)
                && severities.as_ref().is_none_or(|wanted| wanted.contains(&s.sev))
                && text.as_deref().is_none_or(|text| s.holds(text))
        };
        let mut matching = self.alerts.iter().rev().map(|kept| &kept.summary).filter(|summary| passes(summary));
        let alerts: Vec<Summary> = matching.by_ref().take(limit).cloned().collect();
        let more = matching.next().is_some();
        Found { alerts, more, newest: self.next - 1, kept: self.alerts.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;
    use serde_json::json;

    fn tapped(sid: u32, severity: u8, msg: &str) -> TappedAlert {
        let line = json!({
            "timestamp": "x", "flow_id": 77 + sid, "event_type": "alert", "src_ip": "2001:0db8:0000:0000:0000:0000:0000:0001", "src_port": 1,
            "dest_ip": "10.0.0.2", "dest_port": 80, "proto": "TCP", "app_proto": "http",
            "alert": {"action": "allowed", "gid": 1, "signature_id": sid, "rev": 2, "signature": msg, "category": "", "severity": severity}
        });
        TappedAlert {
            time: Timestamp(u64::from(sid) * 1_000_000),
            line: line.to_string().into_bytes().into(),
            payload: Some((*b"abc").into()),
            rule: Place::default(),
        }
    }

    fn sids(found: &Found) -> Vec<u32> {
        found.alerts.iter().map(|alert| alert.sid).collect()
    }

    #[test]
    fn the_latest_are_kept() {
        let mut ring = AlertRing::new(3, usize::MAX);
        for sid in 1..=5 {
            ring.add(tapped(sid, 1, "m")).unwrap();
        }
        let found = ring.find(&Filter::default());
        assert_eq!((sids(&found), found.newest, found.kept, found.more), (vec![5, 4, 3], 5, 3, false));
        assert!(ring.get(2).is_none() && ring.get(6).is_none() && ring.get(0).is_none());
        assert_eq!(ring.get(4).unwrap().summary.sid, 4);
        assert_eq!(ring.get(4).unwrap().summary.src.as_deref(), Some("2001:db8::1"));
    }

    #[test]
    fn bytes_are_a_bound_too_and_come_back() {
        let mut ring = AlertRing::new(1000, 10_000);
        for sid in 0..500 {
            ring.add(tapped(sid, 1, "m")).unwrap();
            assert!(ring.bytes <= 10_000);
        }
        assert!(ring.alerts.len() > 5);
        assert_eq!(ring.bytes, ring.alerts.iter().map(|kept| kept.bytes()).sum::<usize>());
        let mut huge = tapped(1, 1, "m");
        huge.payload = Some(vec![0; 100_000].into());
        ring.add(huge).unwrap();
        assert_eq!(ring.alerts.len(), 1, "the last one is always there");
    }

    #[test]
    fn what_is_no_alert_is_left_out() {
        let mut ring = AlertRing::new(3, usize::MAX);
        let mut odd = tapped(1, 1, "m");
        odd.line = (*b"{\"event_type\":\"flow\"}").into();
        assert!(ring.add(odd).is_none());
        assert_eq!(ring.find(&Filter::default()).newest, 0);
    }

    #[test]
    fn filters() {
        let mut ring = AlertRing::new(100, usize::MAX);
        for sid in 1..=9 {
            ring.add(tapped(sid, (sid % 3) as u8 + 1, if sid % 2 == 0 { "ET Even" } else { "odd" })).unwrap();
        }
        let find = |filter: Filter| sids(&ring.find(&filter));
        let none = Filter::default;
        assert_eq!(find(Filter { severity: Some("1".into()), ..none() }), [9, 6, 3]);
        assert_eq!(find(Filter { severity: Some("1, 2".into()), limit: Some(2), ..none() }), [9, 7]);
        assert_eq!(find(Filter { q: Some("EVEN ".into()), ..none() }), [8, 6, 4, 2]);
        assert_eq!(find(Filter { q: Some("10.0.0.2".into()), before: Some(3), ..none() }), [2, 1]);
        assert_eq!(find(Filter { q: Some("80".into()), ..none() }), [3], "flow 80");
        assert_eq!(find(Filter { since: Some(3), until: Some(4), ..none() }), [4, 3]);
        assert_eq!(find(Filter { sid: Some(7), action: Some("allowed".into()), ..none() }), [7]);
        assert_eq!(find(Filter { action: Some("blocked".into()), ..none() }), [0; 0]);
        assert_eq!(find(Filter { after: Some(7), ..none() }), [9, 8]);
        assert!(ring.find(&Filter { limit: Some(2), ..none() }).more);
    }
}
