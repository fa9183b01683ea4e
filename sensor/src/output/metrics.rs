//! `/metrics`: the sources as Prometheus' text format, read at scrape.
//!
//! A collector of our own, since values live in the workers' counters: the packet path pays one addition, never a
//! metric library's atomics or look-ups. Two samples with the same name and labels are added up, so that a scrape is
//! always valid. [`Sources`] says what there is.

use super::sources::{Sample, SampleKind, Sources};
use crate::histogram::HistogramReading;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Registry, TextEncoder};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// Before every name.
const PREFIX: &str = "sekisho_";

/// The content type of what [`Metrics::render`] returns.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The metrics could not be made.
#[derive(Debug, thiserror::Error)]
#[error("metrics: {0}")]
pub struct MetricsError(#[from] prometheus::Error);

/// See the module.
pub struct Metrics {
    registry: Registry,
}

impl Metrics {
    /// All that `sources` has, and the process' own numbers (`process_…`).
    ///
    /// # Errors
    /// When the registry refuses a collector: a defect.
    pub fn new(sources: Arc<Sources>) -> Result<Self, MetricsError> {
        let registry = Registry::new();
        registry.register(Box::new(SourceCollector { sources }))?;
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(Self { registry })
    }

    /// The values now, as text.
    ///
    /// # Errors
    /// When the encoder refuses a family: a defect.
    pub fn render(&self) -> Result<String, MetricsError> {
        Ok(TextEncoder::new().encode_to_string(&self.registry.gather())?)
    }
}

struct SourceCollector {
    sources: Arc<Sources>,
}

impl Collector for SourceCollector {
    /// None: what there is depends on the interfaces and the rules.
    fn desc(&self) -> Vec<&Desc> {
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        families(self.sources.samples())
    }
}

struct Family {
    help: String,
    kind: SampleKind,
    values: BTreeMap<Vec<(&'static str, String)>, Value>,
}

/// One number, or a histogram.
#[derive(Default)]
struct Value {
    number: f64,
    histogram: HistogramReading,
}

/// Samples by name; equal labels are added up.
fn families(samples: Vec<Sample>) -> Vec<MetricFamily> {
    let mut by_name: BTreeMap<String, Family> = BTreeMap::new();
    for mut sample in samples {
        sample.labels.sort();
        let family = match by_name.entry(format!("{PREFIX}{}", sample.name)) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                entry.insert(Family { help: sample.help.into_owned(), kind: sample.kind, values: BTreeMap::new() })
            }
        };
        let value = family.values.entry(sample.labels).or_default();
        value.number += sample.value;
        if let Some(histogram) = &sample.histogram {
            value.histogram.add(histogram);
        }
    }
    by_name.into_iter().map(|(name, family)| family.into_proto(name)).collect()
}

impl Family {
    fn into_proto(self, name: String) -> MetricFamily {
        let mut proto = MetricFamily::default();
        proto.set_name(name);
        proto.set_help(self.help);
        proto.set_field_type(match self.kind {
            SampleKind::Counter => MetricType::COUNTER,
            SampleKind::Gauge => MetricType::GAUGE,
            SampleKind::Histogram => MetricType::HISTOGRAM,
        });
        let kind = self.kind;
        proto.set_metric(self.values.into_iter().map(|(labels, value)| metric(kind, labels, value)).collect());
        proto
    }
}

fn metric(kind: SampleKind, labels: Vec<(&'static str, String)>, value: Value) -> Metric {
    let labels = labels.into_iter().map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value);
        pair
    });
    let mut metric = Metric::from_label(labels.collect());
    match kind {
        SampleKind::Counter => {
            let mut counter = Counter::default();
            counter.set_value(value.number);
            metric.set_counter(counter);
        }
        SampleKind::Gauge => {
            let mut gauge = Gauge::default();
            gauge.set_value(value.number);
            metric.set_gauge(gauge);
        }
        SampleKind::Histogram => {
            let bucket = |(bound, count): &(f64, u64)| {
                let mut bucket = Bucket::default();
                bucket.set_upper_bound(*bound);
                bucket.set_cumulative_count(*count);
                bucket
            };
            let mut histogram = Histogram::default();
            histogram.set_bucket(value.histogram.buckets.iter().map(bucket).collect());
            histogram.set_sample_count(value.histogram.count);
            histogram.set_sample_sum(value.histogram.sum);
            metric.set_histogram(histogram);
        }
    }
    metric
}
