//! `event_type` `stats`: the counters under Suricata's names, as far as the sensor counts the same thing.
//!
//! What has no counterpart in the published schema is left out: it is on `/metrics`.

use super::Context;
use super::header::Header;
use crate::output::config::EventType;
use crate::time::Timestamp;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// The counters at one moment.
#[derive(Clone, Debug, Default)]
pub struct StatsReading {
    /// Seconds since the sensor started.
    pub uptime_s: u64,
    /// By path below `stats`, parts joined with dots: `decoder.ipv4`.
    pub counters: BTreeMap<String, u64>,
}

/// The record.
#[derive(Debug, Serialize)]
pub(super) struct StatsRecord<'a> {
    #[serde(skip)]
    pub(super) header: Header<'a>,
    stats: Stats<'a>,
}

impl<'a> StatsRecord<'a> {
    pub(super) fn of(context: &'a mut Context, now: Timestamp, reading: &'a StatsReading) -> Self {
        let timestamp = context.clock.text(now);
        let entries = reading.counters.iter().map(|(path, value)| (path.as_str(), *value)).collect();
        Self {
            header: Header::of_sensor(context, EventType::Stats, timestamp),
            stats: Stats { uptime_s: reading.uptime_s, entries },
        }
    }
}

#[derive(Debug)]
struct Stats<'a> {
    uptime_s: u64,
    /// Sorted by path.
    entries: Vec<(&'a str, u64)>,
}

impl Serialize for Stats<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("uptime", &self.uptime_s)?;
        Nested { entries: &self.entries, skip: 0 }.entries(&mut map)?;
        map.end()
    }
}

/// Sorted paths as nested objects. A path must not also be the beginning of another one's parts.
struct Nested<'a> {
    entries: &'a [(&'a str, u64)],
    /// Bytes of each path that the objects around this one have taken.
    skip: usize,
}

impl Nested<'_> {
    fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let mut rest = self.entries;
        while let Some(&(path, value)) = rest.first() {
            let below = &path[self.skip..];
            let Some(dot) = below.find('.') else {
                map.serialize_entry(below, &value)?;
                rest = &rest[1..];
                continue;
            };
            let group = &path[..=self.skip + dot];
            let len = rest.iter().take_while(|(path, _)| path.starts_with(group)).count();
            let (inside, after) = rest.split_at(len);
            map.serialize_entry(&below[..dot], &Nested { entries: inside, skip: group.len() })?;
            rest = after;
        }
        Ok(())
    }
}

impl Serialize for Nested<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.entries(&mut map)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::super::EveEncoder;
    use super::super::text::Clock;
    use super::*;

    #[test]
    fn paths_become_objects() {
        let counters =
            [("decoder.ipv4", 3), ("decoder.ipv4_in_ipv6", 1), ("decoder.event.ipv4.trunc_pkt", 2), ("tcp.rst", 4)];
        let reading = StatsReading {
            uptime_s: 9,
            counters: counters.into_iter().map(|(path, n)| (path.to_owned(), n)).collect(),
        };
        let mut out = Vec::new();
        EveEncoder::new(Clock::new(jiff::tz::TimeZone::UTC), None, Vec::new(), false)
            .encode_stats(Timestamp(0), &reading, &mut out)
            .unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"timestamp":"1970-01-01T00:00:00.000000+0000","event_type":"stats","stats":{"uptime":9,"#,
                r#""decoder":{"event":{"ipv4":{"trunc_pkt":2}},"ipv4":3,"ipv4_in_ipv6":1},"tcp":{"rst":4}}}"#,
                "\n"
            )
        );
    }
}
