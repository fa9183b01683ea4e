//! A stream means the same however it is cut: the worker raises the same alerts, as often, whether a client's bytes come
//! in one segment each, or cut anywhere, late and repeated. Rules here look far behind and ahead, for what is not there,
//! and for where the stream ends; all but `tcp-stream` rules with places, which by their meaning are tried on packets too.

use proptest::prelude::*;
use sekisho::decode::DecodeConfig;
use sekisho::detect::engine::Engine;
use sekisho::output::{AlertCatalog, EveConfig, OutputContext, Outputs};
use sekisho::worker::{Worker, WorkerConfig};
use sekisho_signatures::load::load_text;
use sekisho_signatures::ruleset::Ruleset;
use sekisho_tests::conversation::{connection, feed};
use std::path::Path;
use std::sync::{Arc, LazyLock};

const RULES: &str = r#"
alert tcp any any -> any any (msg:"one"; content:"needle"; sid:1;)
alert tcp any any -> any any (msg:"either order, far apart"; content:"needle"; content:"thread"; sid:2;)
alert tcp any any -> any any (msg:"not behind it"; content:"needle"; content:!"eye"; within:30; sid:3;)
alert tcp any any -> any any (msg:"nowhere near"; content:"needle"; content:!"eye"; sid:4;)
alert tcp any any -> any any (msg:"more behind it"; content:"thread"; isdataat:100,relative; sid:5;)
alert tcp any any -> any any (msg:"little behind it"; content:"thread"; isdataat:!100,relative; sid:6;)
alert tcp any any -> any any (msg:"last"; content:"eye"; endswith; sid:7;)
alert tcp any any -> any any (msg:"expression"; content:"eye"; pcre:"/^.{1,20}needle/Rs"; sid:8;)
alert tcp any any -> any any (msg:"a number says where"; content:"|00|"; byte_jump:1,0,relative; content:"eye"; within:3; sid:9;)
alert tcp-stream any any -> any any (msg:"at the start"; content:"needle"; depth:40; content:"eye"; distance:0; sid:10;)
alert tcp any any -> any any (msg:"sets"; content:"thread"; flowbits:set,seen; flowbits:noalert; sid:11;)
alert tcp any any -> any any (msg:"both edges"; content:"dleth"; sid:12;)
"#;
const SIDS: u32 = 12;

static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| {
    let loaded = load_text(Path::new("cut.rules"), RULES.as_bytes(), &Default::default(), &Default::default());
    assert!(!loaded.has_errors() && loaded.skipped.is_empty(), "{:?} {:?}", loaded.problems, loaded.skipped);
    Arc::new(Engine::new(Arc::new(Ruleset::new(loaded.signatures))).unwrap())
});

/// Alerts by sid when the client's `content` comes as `segments` (start, end), in that order.
fn alerts(content: &[u8], segments: &[(usize, usize)]) -> Vec<u64> {
    alerts_of(&ENGINE, content, segments)
}

fn alerts_of(engine: &Arc<Engine>, content: &[u8], segments: &[(usize, usize)]) -> Vec<u64> {
    let context = OutputContext {
        alerts: AlertCatalog::choose(engine.ruleset.signatures.iter().map(|signature| &**signature), SIDS as usize),
        ..OutputContext::default()
    };
    let outputs = Outputs::start(&EveConfig { enabled: false, ..EveConfig::default() }, context).unwrap();
    let decode = DecodeConfig { verify_checksums: false, ..DecodeConfig::default() };
    let config = WorkerConfig { decode, ..WorkerConfig::default() };
    let mut worker = Worker::new(&config, Arc::clone(engine), Arc::default(), outputs.sender()).unwrap();
    feed(&mut worker, &connection(content, segments), |_, _, _| {});
    worker.finish();
    let by_sid = outputs.handle().alerts().by_sid.iter().map(|(_, n)| *n).collect();
    let _ = outputs.finish();
    by_sid
}

/// Content in which the rules' words are frequent, near each other and far apart.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        4 => prop::sample::select(vec![&b"needle"[..], b"thread", b"eye", b"needlethread", b"\0", b"\0\x03abceye", b"nee", b"dle"])
            .prop_map(<[u8]>::to_vec),
        4 => (0..60_usize).prop_map(|n| vec![b'.'; n]),
        1 => (0..3000_usize).prop_map(|n| vec![b'-'; n]),
    ];
    prop::collection::vec(word, 0..24).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn alerts_do_not_depend_on_the_cut(
        content in content(),
        cuts in prop::collection::vec((1..1500_usize, 0..6_usize, 0..40_usize, any::<bool>()), 0..40),
    ) {
        let whole: Vec<_> = (0..content.len()).step_by(1460).map(|at| (at, (at + 1460).min(content.len()))).collect();
        let mut cut = vec![];
        let mut at = 0;
        for (i, (len, late, back, again)) in cuts.iter().enumerate() {
            let to = (at + len).min(content.len());
            if at < to {
                cut.push((i + late, (at.saturating_sub(*back), to)));
                if *again {
                    cut.push((i + 2 * late, (at, to)));
                }
            }
            at = to;
        }
        while at < content.len() {
            let to = (at + 1460).min(content.len());
            cut.push((usize::MAX, (at, to)));
            at = to;
        }
        cut.sort_by_key(|(when, _)| *when);
        let cut: Vec<_> = cut.into_iter().map(|(_, range)| range).collect();
        prop_assert_eq!(alerts(&content, &cut), alerts(&content, &whole), "by sid: as cut, in order");
    }
}

/// A rule that waits as long as it may is judged while its own literal is still kept.
#[test]
fn the_last_byte_of_a_wait_does_not_cost_the_literal() {
    let content = [&b"needle"[..], &[b'-'; 4096]].concat();
    let cut = [(0, 175), (175, 1207), (1207, 2139), (2139, 2399), (2399, 2987), (2987, 4097), (4097, 4102)];
    let whole = [(0, 1460), (1460, 2920), (2920, 4102)];
    assert_eq!(alerts(&content, &cut)[..4], [1, 0, 1, 1]);
    assert_eq!(alerts(&content, &cut), alerts(&content, &whole));
}

#[test]
fn the_rules_do_match() {
    let content = [&b"..needle..thread"[..], &[b'-'; 200], b"\0\x02abeye"].concat();
    let by_sid = alerts(&content, &[(0, content.len())]);
    // Counted by hand: 3 nothing called eye within 30 bytes; 4 and 6 not, an eye is near and much is behind; 8 not; 11 is silent.
    assert_eq!(by_sid[..12], [1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 0, 0]);
}

#[test]
fn a_gap_is_not_closed_by_what_is_around_it() {
    let rules = r#"
alert tcp any any -> any any (msg:"across"; content:"needle"; sid:1;)
alert tcp-stream any any -> any any (msg:"in its place"; content:"thread"; offset:20; depth:6; content:"eye"; distance:4; within:3; sid:2;)
"#;
    let loaded = load_text(Path::new("gap.rules"), rules.as_bytes(), &Default::default(), &Default::default());
    let engine = Arc::new(Engine::new(Arc::new(Ruleset::new(loaded.signatures))).unwrap());
    // The bytes from 10 to 13 never come; the other side's last acknowledgement says that they did.
    let content = b".......nee___dle....thread....eye";
    assert_eq!(alerts_of(&engine, content, &[(0, 10), (13, content.len())])[..2], [0, 1]);
    assert_eq!(alerts_of(&engine, content, &[(0, content.len())])[..2], [0, 1]);
}
