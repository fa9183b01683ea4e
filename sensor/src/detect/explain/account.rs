//! What is told of one rule: for each flow that came near, its conditions one by one.

use serde::Serialize;

/// What came of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It held.
    Held,
    /// It did not.
    Failed,
    /// It depends on bytes that had not come.
    Open,
    /// It was not looked at: one before it, on which it depends, did not hold.
    NotReached,
}

/// Where a condition held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// In which bytes: `http.uri`, `payload`, `stream to the server`.
    pub buffer: String,
    /// The first byte, counted from the beginning of these.
    pub offset: u64,
    /// How many.
    pub len: usize,
    /// The first 64 of them, in hexadecimal.
    pub hex: String,
}

/// A condition, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The condition, in the words of rules.
    pub condition: String,
    /// What came of it.
    pub outcome: Outcome,
    /// What was there.
    pub detail: String,
    /// Where it held, for those that look for something.
    pub found: Option<Found>,
}

impl Step {
    /// One that held or failed.
    pub(in crate::detect) fn new(condition: impl Into<String>, held: bool, detail: impl Into<String>) -> Self {
        let outcome = if held { Outcome::Held } else { Outcome::Failed };
        Self { condition: condition.into(), outcome, detail: detail.into(), found: None }
    }
}

/// What came of judging the rule in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A condition failed.
    NoMatch,
    /// It matched, and was held back by `threshold` or `detection_filter`.
    HeldBack,
    /// It matched, and says nothing of it: `noalert`, `pass`, or an alert that the packet has already.
    Silent,
    /// It matched, with an alert.
    Alert,
}

/// One place in which the rule was judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// Number of the packet, from 1; 0 at the end of the flow.
    pub packet: u64,
    /// Which way its bytes go; none without a flow.
    pub to_server: Option<bool>,
    /// In the packet, in the stream (at which position), or in which transaction.
    pub place: String,
    /// What came of it.
    pub verdict: Verdict,
    /// Every condition.
    pub steps: Vec<Step>,
    #[serde(skip)]
    pub(super) literal_end: u64,
}

impl Attempt {
    /// The first condition that did not hold.
    #[must_use]
    pub fn first_failed(&self) -> Option<&Step> {
        self.steps.iter().find(|s| s.outcome != Outcome::Held)
    }

    /// The nearer to an alert, the greater.
    #[must_use]
    pub fn rank(&self) -> (Verdict, usize, bool) {
        let are = |outcome| self.steps.iter().filter(|s| s.outcome == outcome).count();
        (self.verdict, are(Outcome::Held), are(Outcome::Open) == 0)
    }
}

/// What a flow is like, seen from the rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FlowAccount {
    /// `TCP`, `UDP` …
    pub protocol: String,
    /// Address and port of who began it.
    pub client: String,
    /// Address and port of the other.
    pub server: String,
    /// Its first and last packet in the capture.
    pub packets: (u64, u64),
    /// How many there are.
    pub packet_count: u64,
    /// The application protocol, or that it is none that is known.
    pub app: Option<String>,
    /// In how many places the rule was judged.
    pub attempts: u64,
    /// How often it matched.
    pub matches: u64,
    /// With how many alerts.
    pub alerts: u64,
    /// Rules that ran with it and matched on the flow.
    pub others: Vec<u32>,
    /// The place that came nearest.
    pub nearest: Option<Attempt>,
    /// Header and flow, where the most of it held: the first condition that failed, and what was there.
    #[serde(skip)]
    pub(super) gate: Option<(usize, Option<(String, String)>)>,
    #[serde(skip)]
    pub(super) gate_seen: u64,
    #[serde(skip)]
    pub(super) last_place: String,
}

/// Why flows did not come near, or not further: how many for each reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The condition, or that the literal never occurred.
    pub condition: String,
    /// How many flows.
    pub flows: u64,
    /// What was there instead, most frequent first, at most three.
    pub instead: Vec<(String, u64)>,
}
