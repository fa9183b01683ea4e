//! `event_type` `anomaly`: decoder and stream events.

use super::Context;
use super::header::Header;
use crate::event::{Anomaly, AnomalyEvent};
use crate::output::config::EventType;
use serde::Serialize;

/// The record.
#[derive(Debug, Serialize)]
pub(super) struct AnomalyRecord<'a> {
    #[serde(flatten)]
    header: Header<'a>,
    anomaly: Body,
}

/// `anomaly`
#[derive(Debug, Serialize)]
struct Body {
    #[serde(rename = "type")]
    kind: &'static str,
    event: &'static str,
}

impl<'a> AnomalyRecord<'a> {
    pub(super) fn of(context: &'a mut Context, event: &AnomalyEvent) -> Self {
        let (kind, name) = match event.anomaly {
            Anomaly::Decode(event) => ("decode", event.name()),
            Anomaly::Stream(event) => ("stream", event.name()),
        };
        Self {
            header: Header::of_packet(context, EventType::Anomaly, &event.packet, event.flow_id),
            anomaly: Body { kind, event: name },
        }
    }
}
