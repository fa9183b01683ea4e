//! What is said about how packets are spread over queues. Both directions of a connection must come to one queue, since workers
//! share nothing: else each sees half of it, and rules over streams do not match.

use super::facts::{Facts, NicFacts, Rss};
use super::finding::{Finding, Plan};
use super::setting::Setting;

/// Repeated, it makes Toeplitz's hash the same for both directions, and spreads well.
const SYMMETRIC: [u8; 2] = [0x6d, 0x5a];

/// The first kernel whose mlx5 says that it makes the input of Toeplitz's hash symmetric, as it always did, and lets it be turned off.
const MLX5_TELLS: (u32, u32) = (6, 15);

const WHY: &str = "both directions of a connection come to different workers, and rules over streams do not match";

/// All findings about the hash.
#[must_use]
pub fn judge(facts: &Facts, plan: &Plan, nic: &NicFacts) -> Vec<Finding> {
    if nic.rx_queues <= 1 {
        return vec![Finding::ok("rss", "one queue: nothing to spread")];
    }
    let Some(rss) = &nic.rss else { return vec![unknown(nic)] };
    if has_own_key(nic) {
        return vec![own_key(nic)];
    }
    let mut findings = vec![symmetry(facts, nic, rss)];
    findings.extend(fields(nic));
    findings.push(table(plan, nic, rss));
    findings
}

fn one_queue(nic: &NicFacts) -> Option<Setting> {
    let channels = nic.channels?;
    let fewer = |n: u32| n.min(1);
    let (rx, tx, combined) = (fewer(channels.rx), fewer(channels.tx), fewer(channels.combined));
    Some(Setting::Queues { interface: nic.name.clone(), rx, tx, combined })
}

fn unknown(nic: &NicFacts) -> Finding {
    let who = match nic.driver.as_str() {
        "veth" => "the sending end chooses the queue",
        "virtio_net" => "the virtual machine's host chooses the queue",
        _ => "the driver does not tell how it chooses the queue",
    };
    let finding = Finding::warn("rss", format!("{} queues, and {who}", nic.rx_queues))
        .because(format!("if it does not look at both directions alike, {WHY}"));
    match one_queue(nic) {
        Some(_) if nic.driver == "veth" => {
            finding.by_hand(format!("ethtool -L OTHER-END tx 1, then ethtool -L {} rx 1", nic.name))
        }
        Some(setting) => finding.by_hand(format!("{}, or make sure at the other side", setting.command())),
        None => finding,
    }
}

fn symmetry(facts: &Facts, nic: &NicFacts, rss: &Rss) -> Finding {
    if !rss.transformation.is_empty() {
        return Finding::ok("rss", format!("symmetric by {}", rss.transformation));
    }
    if rss.function == "xor" {
        return Finding::ok("rss", "symmetric by its function, xor");
    }
    if !rss.function.is_empty() && rss.function != "toeplitz" {
        return Finding::fail("rss", format!("{}, which is not symmetric", rss.function))
            .because(WHY)
            .by_hand(format!("ethtool -X {} hfunc toeplitz, then look again", nic.name));
    }
    if nic.driver == "mlx5_core" && facts.host.kernel_version() < MLX5_TELLS {
        return Finding::ok("rss", "symmetric by the driver, which does not show it before Linux 6.15");
    }
    let key: Option<Vec<u8>> = rss.key.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    let Some(key) = key else {
        return Finding::skip("rss", format!("the driver tells a key that is none: {}", rss.key));
    };
    if is_symmetric(&key) {
        return Finding::ok("rss", "symmetric by its key");
    }
    let symmetric = SYMMETRIC.iter().cycle().take(key.len()).map(|byte| format!("{byte:02x}"));
    let symmetric = symmetric.collect::<Vec<_>>().join(":");
    let found = if key.iter().all(|byte| *byte == 0) {
        "a key of zeros: all comes to one queue"
    } else {
        "a key that is not symmetric"
    };
    Finding::fail("rss", found).because(WHY).fixed_by([Setting::RssKey { interface: nic.name.clone(), key: symmetric }])
}

/// Toeplitz takes a window of 32 bits of the key for each bit of the input, and source and destination lie 32 (addresses of IPv4), 128
/// (of IPv6) and 16 bits (ports) apart: with a period of 16 bits both directions meet the same windows.
fn is_symmetric(key: &[u8]) -> bool {
    let repeats = key.iter().zip(key.iter().skip(2)).all(|(a, b)| a == b);
    key.len() >= 40 && repeats && key.iter().any(|byte| *byte != 0)
}

/// Whether the driver draws a random key at each start, and neither tells it nor takes another: then only one queue is right.
#[must_use]
pub fn has_own_key(nic: &NicFacts) -> bool {
    let toeplitz = |rss: &Rss| rss.function.is_empty() || rss.function == "toeplitz";
    nic.rss.as_ref().is_some_and(|rss| rss.key.is_empty() && rss.transformation.is_empty() && toeplitz(rss))
}

fn own_key(nic: &NicFacts) -> Finding {
    let finding =
        Finding::fail("rss", format!("{} neither tells its hash's key nor takes one", nic.driver)).because(WHY);
    match one_queue(nic) {
        Some(setting) => finding.fixed_by([setting]),
        None => finding.by_hand("use one queue, or another NIC"),
    }
}

/// What the hash of TCP and UDP is made of.
fn fields(nic: &NicFacts) -> Vec<Finding> {
    if nic.hash_fields.is_empty() {
        return vec![Finding::skip("hash-fields", "the driver does not tell them")];
    }
    let fix = |flow: &str| {
        let (interface, flow) = (nic.name.clone(), flow.to_owned());
        Setting::HashFields { interface, flow, fields: "sdfn".to_owned() }
    };
    let mut findings = Vec::new();
    for (flow, fields) in &nic.hash_fields {
        let has = |letter| fields.contains(letter);
        if has('s') != has('d') || has('f') != has('n') {
            let finding = Finding::fail("hash-fields", format!("{flow}: {fields}, one side only"));
            findings.push(finding.because(WHY).fixed_by([fix(flow)]));
        } else if !has('s') || !has('f') {
            let finding = Finding::warn("hash-fields", format!("{flow}: {fields}"));
            let why = "all that two hosts say to each other comes to one queue, and a busy pair overflows it";
            findings.push(finding.because(why).fixed_by([fix(flow)]));
        }
    }
    if findings.is_empty() {
        let flows: Vec<_> = nic.hash_fields.keys().map(String::as_str).collect();
        findings.push(Finding::ok("hash-fields", format!("addresses and ports, both sides, of {}", flows.join(", "))));
    }
    findings
}

fn table(plan: &Plan, nic: &NicFacts, rss: &Rss) -> Finding {
    let queues = plan.queues(&nic.name, nic.rx_queues);
    if rss.table.is_empty() || queues.is_empty() {
        return Finding::skip("rss-table", "the driver does not tell it");
    }
    let fix = || {
        let table = queues.iter().copied().cycle().take(rss.table.len()).collect();
        Setting::RssTable { interface: nic.name.clone(), table }
    };
    let unserved = rss.table.iter().filter(|queue| !queues.contains(queue)).count();
    if unserved > 0 {
        return Finding::fail(
            "rss-table",
            format!("{unserved} of {} entries lead to queues without a worker", rss.table.len()),
        )
        .because("these packets are not inspected")
        .fixed_by([fix()]);
    }
    let share = |queue: &u32| rss.table.iter().filter(|q| *q == queue).count();
    let (least, most) = (queues.iter().map(share).min().unwrap_or(0), queues.iter().map(share).max().unwrap_or(0));
    if most > least + 1 {
        return Finding::warn("rss-table", format!("uneven: {least} to {most} entries a queue"))
            .because("one worker is full while others wait")
            .fixed_by([fix()]);
    }
    Finding::ok("rss-table", format!("even over {} queues", queues.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Toeplitz's hash, bit by bit, as Microsoft's specification of RSS has it.
    fn toeplitz(key: &[u8], input: &[u8]) -> u32 {
        let bit = |at: usize| u32::from(key.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1));
        let window = |at: usize| (0..32).fold(0u32, |window, i| window << 1 | bit(at + i));
        let set = |at: &usize| input[at / 8] >> (7 - at % 8) & 1 == 1;
        (0..input.len() * 8).filter(set).fold(0, |hash, at| hash ^ window(at))
    }

    #[test]
    fn the_hash_is_that_of_the_specification() {
        let key: Vec<u8> = [
            0x6d5a_56da_255b_0ec2_u64,
            0x4167_253d_43a3_8fb0,
            0xd0ca_2bcb_ae7b_30b4,
            0x77cb_2da3_8030_f20c,
            0x6a42_b73b_beac_01fa,
        ]
        .iter()
        .flat_map(|word| word.to_be_bytes())
        .collect();
        // Source 66.9.149.187:2794, destination 161.142.100.80:1766.
        let input = [66, 9, 149, 187, 161, 142, 100, 80, 0x0a, 0xea, 0x06, 0xe6];
        assert_eq!(toeplitz(&key, &input), 0x51cc_c178);
        assert!(!is_symmetric(&key));
    }

    proptest! {
        #[test]
        fn the_key_that_is_set_is_symmetric(a: [u8; 16], b: [u8; 16], p: [u8; 2], q: [u8; 2], len in 40usize..53, v6: bool) {
            let key: Vec<u8> = SYMMETRIC.iter().copied().cycle().take(len).collect();
            prop_assert!(is_symmetric(&key));
            let n = if v6 { 16 } else { 4 };
            let there = [&a[..n], &b[..n], &p, &q].concat();
            let back = [&b[..n], &a[..n], &q, &p].concat();
            prop_assert_eq!(toeplitz(&key, &there), toeplitz(&key, &back));
        }
    }
}
