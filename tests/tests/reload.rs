//! A reload changes nothing that it should not: a stream during which the rules are loaded anew, at any points between its
//! segments, raises the same alerts, as often, as one with no reload. And what should change does: a new rule speaks, a
//! removed one is silent, and what flows remember keeps its meaning.

use proptest::prelude::*;
use sekisho::decode::DecodeConfig;
use sekisho::detect::cache::DatabaseCache;
use sekisho::detect::engine::{Engine, Retention};
use sekisho::detect::handover::Equipment;
use sekisho::detect::kept::Kept;
use sekisho::detect::lasting::Lasting;
use sekisho::output::{AlertCatalog, EveConfig, OutputContext, Outputs};
use sekisho::time::Timestamp;
use sekisho::worker::{Worker, WorkerConfig};
use sekisho_signatures::load::load_text;
use sekisho_signatures::ruleset::Ruleset;
use sekisho_tests::conversation::{connection, feed};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

const RULES: &str = r#"
alert tcp any any -> any any (msg:"one"; content:"needle"; sid:1;)
alert tcp any any -> any any (msg:"either order, far apart"; content:"needle"; content:"thread"; sid:2;)
alert tcp any any -> any any (msg:"not behind it"; content:"needle"; content:!"eye"; within:30; sid:3;)
alert tcp any any -> any any (msg:"more behind it"; content:"thread"; isdataat:100,relative; sid:4;)
alert tcp any any -> any any (msg:"little behind it"; content:"thread"; isdataat:!100,relative; sid:5;)
alert tcp any any -> any any (msg:"last"; content:"eye"; endswith; sid:6;)
alert tcp any any -> any any (msg:"expression"; content:"eye"; pcre:"/^.{1,20}needle/Rs"; sid:7;)
alert tcp any any -> any any (msg:"at the start"; content:"needle"; depth:40; sid:8;)
alert tcp any any -> any any (msg:"sets"; content:"thread"; flowbits:set,seen; flowbits:noalert; sid:9;)
alert tcp any any -> any any (msg:"tests"; content:"eye"; flowbits:isset,seen; sid:10;)
alert tcp any any -> any any (msg:"ends"; content:"dleth"; flowbits:unset,seen; sid:11;)
alert tcp any any -> any 8000 (msg:"its own group"; content:"needle"; nocase; content:"eye"; distance:0; sid:12;)
alert tcp 10.0.0.1 any -> any any (msg:"addresses alone"; sid:13;)
alert tcp any any -> any any (msg:"every third"; content:"eye"; threshold:type threshold, track by_src, count 3, seconds 600; sid:14;)
alert tcp any any -> any any (msg:"the handshake"; flags:S; sid:15;)
"#;

/// Rules that match nothing, in whose company the others have other numbers, other groups and other literals.
const OTHERS: &str = r#"
alert tcp any any -> any 7000:9000 (msg:"other"; content:"nowhere to be found"; sid:101; priority:1;)
alert tcp any 8000 -> any any (msg:"other"; content:"neither here"; flowbits:set,other; sid:102; priority:1;)
alert tcp 192.0.2.0/24 any -> any any (msg:"other"; sid:103; priority:1;)
alert tcp any any -> any any (msg:"other"; content:"nor there"; flowbits:isset,nothing; sid:104; priority:1;)
"#;

fn engine(text: &str, lasting: &mut Lasting) -> Arc<Engine> {
    let loaded = load_text(Path::new("reload.rules"), text.as_bytes(), &Default::default(), &Default::default());
    assert!(!loaded.has_errors() && loaded.skipped.is_empty(), "{:?} {:?}", loaded.problems, loaded.skipped);
    let ruleset = Arc::new(Ruleset::new(loaded.signatures));
    Arc::new(Engine::build(ruleset, lasting, Kept::default(), &DatabaseCache::off(), Retention::Alerts).unwrap())
}

/// Alerts by sid over a connection; at each step of `reloads` the worker is handed that engine before that packet.
fn alerts(
    first: &Arc<Engine>,
    content: &[u8],
    segments: &[(usize, usize)],
    reloads: &[(usize, &Arc<Engine>)],
) -> BTreeMap<u32, u64> {
    worker_alerts(first, &connection(content, segments), |worker, outputs, i, now| {
        for (_, engine) in reloads.iter().filter(|(at, _)| *at == i) {
            hand_over(worker, outputs, engine, now);
        }
    })
}

/// Alerts by sid over these packets; `before` is called ahead of each.
fn worker_alerts(
    first: &Arc<Engine>,
    packets: &[Vec<u8>],
    mut before: impl FnMut(&mut Worker, &Outputs, usize, Timestamp),
) -> BTreeMap<u32, u64> {
    let catalog = AlertCatalog::choose(first.ruleset.signatures.iter().map(|s| &**s), 100);
    let outputs = Outputs::start(
        &EveConfig { enabled: false, ..EveConfig::default() },
        OutputContext { alerts: catalog, ..OutputContext::default() },
    )
    .unwrap();
    let decode = DecodeConfig { verify_checksums: false, ..DecodeConfig::default() };
    let config = WorkerConfig { decode, ..WorkerConfig::default() };
    let mut worker = Worker::new(&config, Arc::clone(first), Arc::default(), outputs.sender()).unwrap();
    feed(&mut worker, packets, |worker, i, now| before(worker, &outputs, i, now));
    worker.finish();
    let by_sid = outputs.handle().alerts().by_sid;
    let _ = outputs.finish();
    by_sid.into_iter().filter(|(_, n)| *n > 0).map(|(sid, n)| (sid.expect("there is room for all"), n)).collect()
}

/// What a reload does to one worker.
fn hand_over(worker: &mut Worker, outputs: &Outputs, engine: &Arc<Engine>, now: Timestamp) {
    let catalog = outputs.handle().grow_catalog(engine.ruleset.signatures.iter().map(|s| &**s));
    let handover = Arc::clone(worker.handover());
    assert!(handover.put(Box::new(Equipment::new(engine, catalog).unwrap())).is_none());
    worker.batch_end(now);
    let retired = handover.take_retired().expect("the worker gives back what it had");
    assert!(!Arc::ptr_eq(&retired.engine, engine));
}

/// The rules alone, the rules in other company, the rules in another order: one after the other. Those with flowbits stay in
/// theirs, by which they act.
static ENGINES: LazyLock<[Arc<Engine>; 3]> = LazyLock::new(|| {
    let mut lasting = Lasting::default();
    let (bits, rest): (Vec<&str>, Vec<&str>) = RULES.lines().partition(|line| line.contains("flowbits"));
    let mixed: Vec<&str> = rest.into_iter().rev().chain(bits).collect();
    [RULES.to_owned(), format!("{OTHERS}{RULES}"), mixed.join("\n")].map(|text| engine(&text, &mut lasting))
});

fn content() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        4 => prop::sample::select(vec![&b"needle"[..], b"thread", b"eye", b"needlethread", b"nee", b"dle"]).prop_map(<[u8]>::to_vec),
        3 => (0..60_usize).prop_map(|n| vec![b'.'; n]),
        1 => (0..3000_usize).prop_map(|n| vec![b'-'; n]),
    ];
    prop::collection::vec(word, 0..24).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn alerts_do_not_depend_on_reloads(
        content in content(),
        cuts in prop::collection::vec((1..700_usize, 0..4_usize, 0..20_usize), 0..40),
        reloads in prop::collection::vec((0..46_usize, 1..3_usize), 1..6),
    ) {
        let mut segments = vec![];
        let mut at = 0;
        for (i, (len, late, back)) in cuts.iter().enumerate() {
            let to = (at + len).min(content.len());
            if at < to {
                segments.push((i + late, (at.saturating_sub(*back), to)));
            }
            at = to;
        }
        segments.extend((at..content.len()).step_by(1460).map(|at| (usize::MAX, (at, (at + 1460).min(content.len())))));
        segments.sort_by_key(|(when, _)| *when);
        let segments: Vec<_> = segments.into_iter().map(|(_, range)| range).collect();
        let mut reloads: Vec<_> = reloads;
        reloads.sort_unstable();
        reloads.dedup_by_key(|(at, _)| *at);
        // Each ruleset is another than the one before.
        let mut now = 0;
        let reloads: Vec<_> = reloads
            .into_iter()
            .map(|(at, step)| {
                now = (now + step) % 3;
                (at, &ENGINES[now])
            })
            .collect();
        let with = alerts(&ENGINES[0], &content, &segments, &reloads);
        prop_assert_eq!(with, alerts(&ENGINES[0], &content, &segments, &[]), "by sid: with reloads, without");
    }
}

/// Two segments, and a reload between them.
fn across(before: &str, after: &str, content: &[u8], cut: usize) -> BTreeMap<u32, u64> {
    let mut lasting = Lasting::default();
    let (first, second) = (engine(before, &mut lasting), engine(after, &mut lasting));
    // Three packets shake hands.
    alerts(&first, content, &[(0, cut), (cut, content.len())], &[(4, &second)])
}

fn rules(options: &[&str]) -> String {
    options.iter().map(|o| format!("alert tcp any any -> any any ({o})\n")).collect()
}

#[test]
fn a_new_rule_speaks_and_a_removed_one_is_silent() {
    let (old, new) =
        (rules(&["content:\"early\"; sid:1;", "content:\"late\"; sid:2;"]), rules(&["content:\"late\"; sid:3;"]));
    assert_eq!(across(&old, &new, b"early early late early", 10), BTreeMap::from([(1, 1), (3, 1)]));
    assert_eq!(across(&rules(&[]), &new, b"late", 1), BTreeMap::from([]), "none of the stream was kept before");
    let other = rules(&["content:\"something\"; sid:9;"]);
    for cut in 0..=4 {
        assert_eq!(
            across(&other, &new, b"late", cut),
            BTreeMap::from([(3, u64::from(cut < 4))]).into_iter().filter(|(_, n)| *n > 0).collect()
        );
    }
}

#[test]
fn a_rule_that_was_changed_is_another_rule() {
    let (old, new) = (rules(&["content:\"word\"; sid:1; rev:1;"]), rules(&["content:\"word\"; sid:1; rev:2;"]));
    assert_eq!(across(&old, &old, b"word word", 4), BTreeMap::from([(1, 1)]), "it has spoken on this stream");
    assert_eq!(across(&old, &new, b"word word", 4), BTreeMap::from([(1, 2)]));
}

#[test]
fn flowbits_are_known_by_their_names() {
    let old = rules(&[
        "content:\"one\"; flowbits:set,first; flowbits:noalert; sid:1;",
        "content:\"two\"; flowbits:set,second; sid:2;",
    ]);
    let new = rules(&[
        "content:\"x\"; flowbits:set,third; sid:3;",
        "content:\"end\"; flowbits:isset,second; sid:4;",
        "content:\"end\"; flowbits:isset,first; sid:5;",
        "content:\"end\"; flowbits:isset,third; sid:6;",
    ]);
    assert_eq!(across(&old, &new, b"..one..end", 7), BTreeMap::from([(5, 1)]));
}

#[test]
fn rules_on_addresses_speak_once_a_flow_and_new_ones_once_more() {
    let old = "alert tcp 10.0.0.1 any -> any any (sid:1;)\n";
    let new = format!("alert tcp any any -> 10.0.0.2 any (sid:2;)\n{old}");
    assert_eq!(across(old, &new, b"ab", 1), BTreeMap::from([(1, 1), (2, 1)]));
}

#[test]
fn a_paused_rule_is_not_judged_until_the_next_reload() {
    let text = rules(&["content:\"word\"; sid:1;", "content:\"other\"; sid:2;"]);
    let mut lasting = Lasting::default();
    let engines = [engine(&text, &mut lasting), engine(&text, &mut lasting)];
    let slow = engines[0].ruleset.signatures.iter().position(|s| s.sid == 1).unwrap();
    let packets = connection(b"word other ...... word", &[(0, 10), (10, 16), (16, 22)]);
    // The first segment of three comes fourth.
    let told = worker_alerts(&engines[0], &packets, |worker, outputs, i, now| match i {
        3 => worker.costs().pause(slow),
        5 => hand_over(worker, outputs, &engines[1], now),
        _ => {}
    });
    assert_eq!(told, BTreeMap::from([(1, 1), (2, 1)]), "once under the second ruleset");
    let told = worker_alerts(&engines[0], &packets, |worker, _, i, _| {
        if i == 3 {
            worker.costs().pause(slow);
        }
    });
    assert_eq!(told, BTreeMap::from([(2, 1)]));
}
