//! `threshold.config`: what an operator says about how often rules may speak, without touching the rules.
//!
//! Three kinds of lines (Suricata's user guide, "Global Thresholds"): `suppress` silences a rule, or a rule for some hosts;
//! `threshold` (also called `event_filter`) limits how often it speaks, and replaces what the rule itself says;
//! `rate_filter` changes its action for a while once it has matched often. A `gen_id` or `sig_id` of 0 means every one:
//! such a threshold holds only for rules that have none of their own. A wrong line is reported with its place and left
//! out; it never stops the others.

use crate::error::{RuleError, RuleErrorKind as Kind};
use crate::header;
use crate::keywords::number;
use crate::model::{Action, AddressSet, RejectTo, Threshold, ThresholdKind, TrackBy};
use crate::report::{Excerpt, Problem, Severity};
use crate::syntax::lines::{Line, lines};
use crate::syntax::{Span, Text, parse_group};
use crate::variables::Variables;
use std::path::Path;

/// Which rules a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// `gen_id`; 0 for every one.
    pub gid: u32,
    /// `sig_id`; 0 for every one.
    pub sid: u32,
}

impl Subject {
    /// Whether the line is about the rule with this gid and sid.
    #[must_use]
    pub fn covers(&self, gid: u32, sid: u32) -> bool {
        (self.gid == 0 || self.gid == gid) && (self.sid == 0 || self.sid == sid)
    }

    /// Names one rule.
    #[must_use]
    pub fn is_one_rule(&self) -> bool {
        self.gid != 0 && self.sid != 0
    }
}

/// Whose address a `suppress` looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the file's own words")]
pub enum SuppressBy {
    Source,
    Destination,
    Either,
}

/// `suppress`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// The rules that it silences.
    pub subject: Subject,
    /// For these hosts only; `None` for all.
    pub hosts: Option<(SuppressBy, AddressSet)>,
}

impl Suppression {
    /// Whether it silences an alert between these two.
    #[must_use]
    pub fn applies(&self, src: std::net::IpAddr, dst: std::net::IpAddr) -> bool {
        match &self.hosts {
            None => true,
            Some((SuppressBy::Source, set)) => set.contains(src),
            Some((SuppressBy::Destination, set)) => set.contains(dst),
            Some((SuppressBy::Either, set)) => set.contains(src) || set.contains(dst),
        }
    }
}

/// `threshold` or `event_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the file's own words")]
pub struct EventFilter {
    pub subject: Subject,
    pub threshold: Threshold,
}

/// `rate_filter`: after `count` matches within `seconds` the action is `new_action`, for `timeout_s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the file's own words")]
pub struct RateFilter {
    pub subject: Subject,
    pub track: TrackBy,
    pub count: u32,
    pub seconds: u32,
    pub new_action: Action,
    /// Seconds; 0 for as long as the matches go on.
    pub timeout_s: u32,
}

/// What a threshold.config says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThresholdConfig {
    /// `suppress` lines.
    pub suppressions: Vec<Suppression>,
    /// `threshold` and `event_filter` lines.
    pub event_filters: Vec<EventFilter>,
    /// `rate_filter` lines.
    pub rate_filters: Vec<RateFilter>,
}

impl ThresholdConfig {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(path: &Path, variables: &Variables) -> std::io::Result<(Self, Vec<Problem>)> {
        Ok(Self::parse(path, &std::fs::read(path)?, variables))
    }

    /// Reads a text; `name` stands for the file in messages.
    #[must_use]
    pub fn parse(name: &Path, text: &[u8], variables: &Variables) -> (Self, Vec<Problem>) {
        let (mut config, mut problems) = (Self::default(), Vec::new());
        for line in lines(text) {
            let mut told = Told::default();
            let result = config.line(Text::new(&line.text, 0), variables, &mut told);
            let problem = |severity, span, message| problem(name, &line, severity, span, told.sid, message);
            problems.extend(told.warning.clone().map(|(span, message)| problem(Severity::Warning, span, message)));
            problems.extend(result.err().map(|e| problem(Severity::Error, e.span, e.to_string())));
        }
        (config, problems)
    }

    /// The suppressions of a rule.
    pub fn suppressions_of(&self, gid: u32, sid: u32) -> impl Iterator<Item = &Suppression> {
        self.suppressions.iter().filter(move |s| s.subject.covers(gid, sid))
    }

    /// The threshold of a rule: the last line that names it, in place of its own; else the last one that is about several
    /// rules, unless the rule has its own.
    #[must_use]
    pub fn threshold_of(&self, gid: u32, sid: u32, has_own: bool) -> Option<&Threshold> {
        let of = |one_rule| {
            self.event_filters
                .iter()
                .rev()
                .find(move |f| f.subject.is_one_rule() == one_rule && f.subject.covers(gid, sid))
                .map(|f| &f.threshold)
        };
        of(true).or_else(|| if has_own { None } else { of(false) })
    }

    /// The rate filter of a rule: the last line that names it, else the last one about several rules.
    #[must_use]
    pub fn rate_filter_of(&self, gid: u32, sid: u32) -> Option<&RateFilter> {
        let covering = || self.rate_filters.iter().rev().filter(|f| f.subject.covers(gid, sid));
        covering().find(|f| f.subject.is_one_rule()).or_else(|| covering().next())
    }

    fn line(&mut self, line: Text<'_>, variables: &Variables, told: &mut Told) -> Result<(), RuleError> {
        let (word, rest) = line.split_word();
        match word.bytes {
            b"suppress" => {
                let fields = Fields::read("suppress", rest, told)?;
                self.suppressions.push(fields.suppression(rest, variables)?);
            }
            b"threshold" => self.event_filters.push(Fields::read("threshold", rest, told)?.event_filter(rest)?),
            b"event_filter" => self.event_filters.push(Fields::read("event_filter", rest, told)?.event_filter(rest)?),
            b"rate_filter" => {
                let fields = Fields::read("rate_filter", rest, told)?;
                self.rate_filters.extend(fields.rate_filter(rest, told)?);
            }
            _ => {
                let expected = "suppress, threshold, event_filter or rate_filter";
                return Err(RuleError::new(Kind::Expected { expected, found: word.show() }, word.span()));
            }
        }
        Ok(())
    }
}

/// What a line says beside what it means.
#[derive(Clone, Default)]
struct Told {
    sid: Option<u32>,
    warning: Option<(Span, String)>,
}

fn problem(file: &Path, line: &Line<'_>, severity: Severity, span: Span, sid: Option<u32>, message: String) -> Problem {
    let (row, column) = line.position(span.start);
    let len = span.end.saturating_sub(span.start) as usize;
    let excerpt = Excerpt::new(line.around(span.start), column.saturating_sub(1) as usize, len);
    Problem { file: file.to_owned(), line: row, column, severity, sid, message, excerpt }
}

/// The names that a line may give a value to.
const NAMES: [&str; 9] = ["gen_id", "sig_id", "type", "track", "count", "seconds", "ip", "new_action", "timeout"];
const GEN_ID: usize = 0;
const SIG_ID: usize = 1;
const TYPE: usize = 2;
const TRACK: usize = 3;
const COUNT: usize = 4;
const SECONDS: usize = 5;
const IP: usize = 6;
const NEW_ACTION: usize = 7;
const TIMEOUT: usize = 8;

/// A line's values, by name.
struct Fields<'a> {
    keyword: &'static str,
    subject: Subject,
    values: [Option<Text<'a>>; NAMES.len()],
}

/// The parts between commas that stand in no list.
fn parts(text: Text<'_>) -> impl Iterator<Item = Text<'_>> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut depth = 0_usize;
        let end = text.bytes.iter().position(|byte| {
            match byte {
                b'[' => depth += 1,
                b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            *byte == b',' && depth == 0
        });
        rest = end.map(|at| text.from(at + 1));
        Some(end.map_or(text, |at| text.to(at)).trim())
    })
}

fn invalid(keyword: &'static str, text: Text<'_>, expected: &'static str) -> RuleError {
    let found = if text.bytes.is_empty() { "nothing".to_owned() } else { text.show() };
    RuleError::new(Kind::Invalid { keyword, found, expected }, text.span())
}

impl<'a> Fields<'a> {
    fn read(keyword: &'static str, rest: Text<'a>, told: &mut Told) -> Result<Self, RuleError> {
        let mut values = [None; NAMES.len()];
        for part in parts(rest) {
            let (name, value) = part.split_word();
            let Some(index) = NAMES.iter().position(|n| n.as_bytes() == name.bytes) else {
                return Err(invalid(keyword, part, "a name such as gen_id, sig_id or track, and its value"));
            };
            if value.bytes.is_empty() {
                return Err(RuleError::new(Kind::MissingValue { keyword: NAMES[index] }, name.span()));
            }
            if values[index].replace(value).is_some() {
                return Err(RuleError::new(Kind::Duplicate { keyword: NAMES[index] }, name.span()));
            }
        }
        let mut fields = Self { keyword, subject: Subject { gid: 0, sid: 0 }, values };
        fields.subject.sid = fields.number(SIG_ID, rest, 0)?;
        told.sid = Some(fields.subject.sid).filter(|&sid| sid != 0);
        fields.subject.gid = fields.number(GEN_ID, rest, 0)?;
        Ok(fields)
    }

    fn value(&self, index: usize, line: Text<'a>) -> Result<Text<'a>, RuleError> {
        self.values[index].ok_or_else(|| RuleError::new(Kind::Missing { missing: NAMES[index] }, line.span()))
    }

    fn number(&self, index: usize, line: Text<'a>, min: i64) -> Result<u32, RuleError> {
        let n = number::signed(NAMES[index], self.value(index, line)?, min, i64::from(u32::MAX))?;
        Ok(u32::try_from(n).unwrap_or(u32::MAX))
    }

    /// Refuses names that have no meaning in this kind of line.
    fn only(&self, allowed: &[usize]) -> Result<(), RuleError> {
        let extra = self.values.iter().enumerate().find(|(i, v)| v.is_some() && *i > SIG_ID && !allowed.contains(i));
        match extra {
            Some((index, Some(value))) => {
                Err(RuleError::new(Kind::Conflict { keyword: NAMES[index], other: self.keyword }, value.span()))
            }
            _ => Ok(()),
        }
    }

    fn track(&self, line: Text<'a>) -> Result<TrackBy, RuleError> {
        let value = self.value(TRACK, line)?;
        Ok(match value.bytes {
            b"by_src" => TrackBy::Source,
            b"by_dst" => TrackBy::Destination,
            b"by_both" => TrackBy::Both,
            b"by_rule" => TrackBy::Rule,
            b"by_flow" => TrackBy::Flow,
            _ => return Err(invalid("track", value, "by_src, by_dst, by_both, by_rule or by_flow")),
        })
    }

    fn suppression(&self, line: Text<'a>, variables: &Variables) -> Result<Suppression, RuleError> {
        self.only(&[TRACK, IP])?;
        if self.values[TRACK].is_none() && self.values[IP].is_none() {
            return Ok(Suppression { subject: self.subject, hosts: None });
        }
        let (track, ip) = (self.value(TRACK, line)?, self.value(IP, line)?);
        let by = match track.bytes {
            b"by_src" => SuppressBy::Source,
            b"by_dst" => SuppressBy::Destination,
            b"by_either" => SuppressBy::Either,
            _ => return Err(invalid("track", track, "by_src, by_dst or by_either")),
        };
        // The group's places count from its own start.
        let place = |mut error: RuleError| {
            error.span.start = error.span.start.saturating_add(ip.start);
            error.span.end = error.span.end.saturating_add(ip.start);
            error
        };
        let group = parse_group(ip.bytes).map_err(place)?;
        let set = header::addresses(&group, &variables.for_addresses()).map_err(place)?;
        Ok(Suppression { subject: self.subject, hosts: Some((by, set)) })
    }

    fn event_filter(&self, line: Text<'a>) -> Result<EventFilter, RuleError> {
        self.only(&[TYPE, TRACK, COUNT, SECONDS])?;
        let value = self.value(TYPE, line)?;
        let kind = match value.bytes {
            b"limit" => ThresholdKind::Limit,
            b"threshold" => ThresholdKind::Threshold,
            b"both" => ThresholdKind::Both,
            _ => return Err(invalid("type", value, "limit, threshold or both")),
        };
        let (track, count) = (self.track(line)?, self.number(COUNT, line, 1)?);
        let seconds = self.number(SECONDS, line, 1)?;
        Ok(EventFilter { subject: self.subject, threshold: Threshold { kind, track, count, seconds } })
    }

    /// `None` for an action that is known but does nothing.
    fn rate_filter(&self, line: Text<'a>, told: &mut Told) -> Result<Option<RateFilter>, RuleError> {
        self.only(&[TRACK, COUNT, SECONDS, NEW_ACTION, TIMEOUT])?;
        let (track, count, seconds) = (self.track(line)?, self.number(COUNT, line, 1)?, self.number(SECONDS, line, 1)?);
        let (action, timeout_s) = (self.value(NEW_ACTION, line)?, self.number(TIMEOUT, line, 0)?);
        let new_action = match action.bytes {
            b"alert" => Action::Alert,
            b"drop" => Action::Drop,
            b"pass" => Action::Pass,
            b"reject" => Action::Reject(RejectTo::Source),
            b"log" | b"sdrop" => {
                let message = format!("new_action {} has no effect; the line is left out", action.show());
                told.warning = Some((action.span(), message));
                return Ok(None);
            }
            _ => return Err(invalid("new_action", action, "alert, drop, pass or reject")),
        };
        Ok(Some(RateFilter { subject: self.subject, track, count, seconds, new_action, timeout_s }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> (ThresholdConfig, Vec<Problem>) {
        ThresholdConfig::parse(Path::new("threshold.config"), text.as_bytes(), &Variables::default())
    }

    fn good(text: &str) -> ThresholdConfig {
        let (config, problems) = read(text);
        assert!(problems.is_empty(), "{text}: {problems:?}");
        config
    }

    /// Line, column, severity and message of the only problem.
    fn told(text: &str) -> (u32, u32, Severity, String) {
        let (config, problems) = read(text);
        assert_eq!(config, ThresholdConfig::default(), "{text}");
        let [p] = &problems[..] else { panic!("{text}: {problems:?}") };
        (p.line, p.column, p.severity, p.message.clone())
    }

    fn suppresses(text: &str, gid: u32, sid: u32, src: &str, dst: &str) -> bool {
        let (src, dst) = (src.parse().unwrap(), dst.parse().unwrap());
        good(text).suppressions_of(gid, sid).any(|s| s.applies(src, dst))
    }

    #[test]
    fn suppressions() {
        let all = "suppress gen_id 1, sig_id 7";
        assert!(suppresses(all, 1, 7, "1.1.1.1", "2.2.2.2") && !suppresses(all, 1, 8, "1.1.1.1", "2.2.2.2"));
        let by_src = "suppress gen_id 1, sig_id 7, track by_src, ip 217.110.97.128/25";
        assert!(suppresses(by_src, 1, 7, "217.110.97.200", "2.2.2.2"));
        assert!(!suppresses(by_src, 1, 7, "2.2.2.2", "217.110.97.200"));
        let either = "suppress gen_id 1,sig_id 7,track by_either,ip [10.0.0.0/8, !10.1.0.0/16]";
        assert!(suppresses(either, 1, 7, "2.2.2.2", "10.2.0.1") && !suppresses(either, 1, 7, "10.1.0.1", "2.2.2.2"));
        let home = "suppress gen_id 1, sig_id 0, track by_dst, ip $HOME_NET # the office";
        assert_eq!(read(home).1.len(), 1);
        let home = "# the office\nsuppress gen_id 1, sig_id 0, track by_dst, \\\n  ip $HOME_NET\r\n";
        assert!(
            suppresses(home, 1, 99, "1.1.1.1", "192.168.3.4") && !suppresses(home, 2, 99, "1.1.1.1", "192.168.3.4")
        );
        assert!(suppresses("suppress gen_id 0, sig_id 0, track by_src, ip ::1", 3, 5, "::1", "::2"));
    }

    #[test]
    fn thresholds_of_one_rule_come_before_its_own() {
        let config = good(
            "threshold gen_id 1, sig_id 7, type both, track by_src, count 3, seconds 5\n\
             event_filter gen_id 1, sig_id 7, type limit, track by_both, count 1, seconds 15\n\
             event_filter gen_id 0, sig_id 0, type threshold, track by_rule, count 9, seconds 60\n",
        );
        let limit = Threshold { kind: ThresholdKind::Limit, track: TrackBy::Both, count: 1, seconds: 15 };
        assert_eq!(config.threshold_of(1, 7, true), Some(&limit));
        assert_eq!(config.threshold_of(1, 8, true), None);
        assert_eq!(config.threshold_of(1, 8, false).map(|t| t.count), Some(9));
    }

    #[test]
    fn rate_filters() {
        let line = "track by_src, count 10, seconds 60, new_action drop, timeout 300";
        let config =
            good(&format!("rate_filter gen_id 1, sig_id 888, {line}\nrate_filter gen_id 1, sig_id 0, {line}1"));
        let filter = config.rate_filter_of(1, 888).unwrap();
        assert_eq!((filter.count, filter.seconds, filter.timeout_s, filter.new_action), (10, 60, 300, Action::Drop));
        assert_eq!(config.rate_filter_of(1, 1).map(|f| f.timeout_s), Some(3001));
        assert_eq!(config.rate_filter_of(2, 1), None);
    }

    #[test]
    fn an_action_without_effect_is_warned_of() {
        let line = "rate_filter gen_id 1, sig_id 9, track by_rule, count 1, seconds 1, new_action log, timeout 1";
        let (line, column, severity, message) = told(line);
        assert_eq!((line, column, severity), (1, 79, Severity::Warning));
        assert!(message.contains("log"), "{message}");
    }

    #[test]
    fn wrong_lines_are_told_with_their_place() {
        for (text, column, part) in [
            ("supress gen_id 1, sig_id 1", 1, "supress"),
            ("suppress gen_id 1", 10, "sig_id is missing"),
            ("suppress gen_id 1, sig_id x", 27, "a number"),
            ("suppress gen_id 1, sig_id 1, track by_src", 10, "ip is missing"),
            ("suppress gen_id 1, sig_id 1, ip 1.1.1.1", 10, "track is missing"),
            ("suppress gen_id 1, sig_id 1, track by_rule, ip 1.1.1.1", 36, "by_either"),
            ("suppress gen_id 1, sig_id 1, track by_src, ip [1.1.1.1,2.2.2.300]", 56, "2.2.2.300"),
            ("suppress gen_id 1, sig_id 1, track by_src, ip $NONE", 47, "$NONE"),
            ("suppress gen_id 1, sig_id 1, track by_src, ip [1.1.1.1", 47, "]"),
            ("suppress gen_id 1, sig_id 1, count 1", 36, "cannot stand with suppress"),
            ("suppress gen_id 1, gen_id 1, sig_id 1", 20, "second time"),
            ("suppress gen_id 1, sig_id 1,", 29, "nothing"),
            ("threshold gen_id 1, sig_id 1, type most, track by_src, count 1, seconds 1", 36, "limit"),
            ("threshold gen_id 1, sig_id 1, type limit, track by_me, count 1, seconds 1", 49, "by_src"),
            ("threshold gen_id 1, sig_id 1, type limit, track by_src, count 0, seconds 1", 63, "count is 0"),
            ("threshold gen_id 1, sig_id 1, type limit, track by_src, count 1", 11, "seconds is missing"),
            ("threshold gen_id, sig_id 1", 11, "gen_id needs a value"),
            ("rate_filter gen_id 1, sig_id 1, track by_src, count 1, seconds 1, new_action x, timeout 1", 78, "alert"),
        ] {
            let (line, at, severity, message) = told(text);
            assert_eq!((line, at, severity), (1, column, Severity::Error), "{text}: {message}");
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn a_wrong_line_stops_no_other_and_has_its_sid() {
        let (config, problems) = read("suppress gen_id 1, sig_id 5, ip x\n\nsuppress gen_id 1, sig_id 6\n");
        assert_eq!(config.suppressions.len(), 1);
        assert_eq!((problems[0].line, problems[0].sid), (1, Some(5)));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(suppress|threshold|rate_filter|gen_id 1|sig_id 2|track by_src|ip \\[1.1.1.1|\\]|count -1|,| |\\\\\n|\n|é){0,20}") {
            let (config, problems) = read(&text);
            let lines = u32::try_from(text.lines().count()).unwrap();
            prop_assert!(problems.iter().all(|p| p.line >= 1 && p.line <= lines && p.column >= 1));
            prop_assert!(config.suppressions.len() + problems.len() <= text.lines().count());
        }
    }
}
