//! EVE's `dnp3`: the fragment with its objects and their points. In an alert, it stands under its own key.

use super::application::{self, Object, Point, Visit};
use super::objects;
use super::transaction::Fragment;
use crate::json;
use crate::packet::Direction;
use crate::protocols::Record;
use sekisho_signatures::dnp3::INDICATORS;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

/// Points of a fragment that EVE shows.
pub const SHOWN_LIMIT: usize = 256;

/// A fragment for EVE.
#[derive(Debug)]
pub(super) struct Dnp3Record {
    pub(super) fragment: Fragment,
    pub(super) nested: bool,
}

impl Record for Dnp3Record {
    fn kind(&self) -> &'static str {
        "dnp3"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}

impl Serialize for Dnp3Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let said = Said(&self.fragment);
        if !self.nested {
            return said.serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        let is_request = self.fragment.direction == Direction::ToServer;
        map.serialize_entry(if is_request { "request" } else { "response" }, &said)?;
        map.end()
    }
}

struct Said<'a>(&'a Fragment);

impl Serialize for Said<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fragment = self.0;
        let mut map = serializer.serialize_map(None)?;
        let Some((head, bytes)) = fragment.head() else { return map.end() };
        let kind = match (fragment.direction, head.function) {
            (_, 130) => "unsolicited_response",
            (Direction::ToServer, _) => "request",
            (Direction::ToClient, _) => "response",
        };
        map.serialize_entry("type", kind)?;
        let header = fragment.header;
        let is = |bit: u8| header.control & bit != 0;
        let link =
            Link { dir: is(0x80), pri: is(0x40), fcb: is(0x20), fcv: is(0x10), function_code: header.function() };
        map.serialize_entry("control", &link)?;
        map.serialize_entry("src", &header.source)?;
        map.serialize_entry("dst", &header.destination)?;
        let is = |bit: u8| head.control & bit != 0;
        let control =
            Control { fir: is(0x80), fin: is(0x40), con: is(0x20), uns: is(0x10), sequence: head.control & 0x0f };
        let mut objects = Objects { list: Vec::new(), points: 0 };
        // What could be read of it is shown.
        let _ = application::walk(head.function, bytes, &mut objects);
        let application =
            Application { control, function_code: head.function, objects: objects.list, complete: fragment.complete };
        map.serialize_entry("application", &application)?;
        if let Some(bits) = head.indicators {
            let names = INDICATORS.iter().filter(|(_, bit)| bits & bit != 0).map(|(name, _)| *name).collect();
            map.serialize_entry("iin", &Indicators { indicators: names })?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Link {
    dir: bool,
    pri: bool,
    fcb: bool,
    fcv: bool,
    function_code: u8,
}

#[derive(Serialize)]
struct Control {
    fir: bool,
    fin: bool,
    con: bool,
    uns: bool,
    sequence: u8,
}

#[derive(Serialize)]
struct Application<'a> {
    control: Control,
    function_code: u8,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    objects: Vec<Shown<'a>>,
    complete: bool,
}

#[derive(Serialize)]
struct Indicators {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    indicators: Vec<&'static str>,
}

/// Gathers what is shown.
struct Objects<'a> {
    list: Vec<Shown<'a>>,
    points: usize,
}

impl<'a> Visit<'a> for Objects<'a> {
    fn object(&mut self, object: Object) {
        self.list.push(Shown { object, points: Vec::new() });
    }

    fn point(&mut self, point: Point<'a>) {
        self.points += 1;
        if let Some(last) = self.list.last_mut().filter(|_| self.points <= SHOWN_LIMIT) {
            last.points.push(point);
        }
    }
}

struct Shown<'a> {
    object: Object,
    points: Vec<Point<'a>>,
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let object = self.object;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("group", &object.group)?;
        map.serialize_entry("variation", &object.variation)?;
        map.serialize_entry("qualifier", &object.qualifier)?;
        map.serialize_entry("prefix_code", &object.prefix_code())?;
        map.serialize_entry("range_code", &object.range_code())?;
        map.serialize_entry("start", &object.start)?;
        map.serialize_entry("stop", &object.stop)?;
        map.serialize_entry("count", &object.count)?;
        if !self.points.is_empty() {
            map.serialize_entry("points", &Points(&self.points))?;
        }
        map.end()
    }
}

struct Points<'a>(&'a [Point<'a>]);

impl Serialize for Points<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for point in self.0 {
            list.serialize_element(&Value(point))?;
        }
        list.end()
    }
}

struct Value<'a>(&'a Point<'a>);

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let point = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("prefix", &point.prefix)?;
        map.serialize_entry("index", &point.index)?;
        objects::write(&mut map, point.fields, point.bytes, point.bit)?;
        map.end()
    }
}
