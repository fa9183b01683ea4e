//! What is said about queues, and about where their interrupts and memory are.

use super::facts::{Facts, NicFacts, cpu_list_text};
use super::finding::{Finding, PairPlan, Plan};
use super::judge_rss;
use super::setting::Setting;

/// How many queues an interface should have: its share of the workers' CPUs.
fn share(facts: &Facts, plan: &Plan) -> u32 {
    // Both ports of a pair have the same workers.
    let sharers = plan.interfaces.len().saturating_sub(plan.pairs.len());
    let cpus = plan.worker_cpus(&facts.host).len() / sharers.max(1);
    u32::try_from(cpus).unwrap_or(u32::MAX).max(1)
}

/// `1 CPU`, `4 CPUs`.
fn count(n: u32, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// Queue count against workers and CPUs.
#[must_use]
pub fn queues(facts: &Facts, plan: &Plan, nic: &NicFacts) -> Finding {
    if nic.rx_queues == 0 {
        return Finding::skip("queues", "/sys does not show them in this network namespace");
    }
    let most = nic.channels.map_or(nic.rx_queues, |c| c.max_rx.max(c.max_combined).max(nic.rx_queues));
    let found = format!("{} of at most {most}", nic.rx_queues);
    let served = plan.queues(&nic.name, nic.rx_queues);
    if let Some(missing) = served.iter().find(|queue| **queue >= nic.rx_queues) {
        return Finding::fail("queues", format!("{found}; the configuration names queue {missing}"))
            .because("the sensor does not start")
            .by_hand(format!(
                "ethtool -L {} combined {}, or other queues in the configuration",
                nic.name,
                missing.saturating_add(1)
            ));
    }
    let half = nic.channels.map_or(0, |c| c.max_combined / 2).max(1);
    if nic.driver == "ena" && nic.rx_queues > half {
        let finding = Finding::fail("queues", format!("{found}: XDP takes as many again"))
            .because("the driver refuses the XDP program while more than half of its queues are in use");
        return finding.fixed_by(with_queues(nic, half));
    }
    let cpus = share(facts, plan);
    let named = plan.interfaces.iter().any(|(name, queues)| *name == nic.name && queues.is_some());
    // With a hash of its own, one queue is asked for elsewhere.
    if !named && nic.rx_queues > cpus && !judge_rss::has_own_key(nic) {
        let finding = Finding::warn("queues", format!("{found}, for {}", count(cpus, "CPU")))
            .because("workers share a CPU: while one works, the other's ring fills");
        if nic.driver == "veth" {
            // The other end, which nobody named, must send on no more of them first, or there is no XDP in the driver.
            let name = &nic.name;
            return finding.by_hand(format!("ethtool -L OTHER-END tx {cpus}, then ethtool -L {name} rx {cpus}"));
        }
        return match with_queues(nic, cpus) {
            Some(setting) => finding.fixed_by([setting]),
            None => finding.by_hand("name queues in the configuration, or more CPUs"),
        };
    }
    if nic.rx_queues < cpus && most > nic.rx_queues {
        return Finding::ok("queues", format!("{found}; {} could serve more", count(cpus, "CPU")));
    }
    Finding::ok("queues", found)
}

/// Whether the two ports of a link fit together; None if one of them is not there.
#[must_use]
pub fn pair(facts: &Facts, plan: &PairPlan) -> Option<Finding> {
    let [a, b] = plan.ports.each_ref().map(|port| facts.interfaces.iter().find(|nic| nic.name == *port));
    let (a, b) = (a?, b?);
    let found = format!("{} and {} queues, MTU {} and {}", a.rx_queues, b.rx_queues, a.mtu, b.mtu);
    let finding = if a.mtu != b.mtu && !plan.mtus_may_differ {
        let (shorter, longer) = if a.mtu < b.mtu { (a, b) } else { (b, a) };
        Finding::fail("pair", found)
            .because("the sensor does not start: longer packets would be lost at the other port")
            .by_hand(format!("ip link set dev {} mtu {}, or allow_mtu_mismatch = true", shorter.name, longer.mtu))
    } else if a.rx_queues != b.rx_queues {
        let (fewer, more) = if a.rx_queues < b.rx_queues { (a, b) } else { (b, a) };
        let finding = Finding::warn("pair", found).because(
            "what comes in on a queue that only one of them has crosses uninspected, or not at all where the link fails closed",
        );
        match with_queues(more, fewer.rx_queues).filter(|_| fewer.rx_queues > 0) {
            Some(setting) => finding.fixed_by([setting]),
            None => finding.by_hand(format!("ethtool -L {} combined {}", more.name, fewer.rx_queues)),
        }
    } else {
        Finding::ok("pair", found)
    };
    Some(finding.of(&format!("{}:{}", a.name, b.name)))
}

/// The queue counts with `n` for receiving; as many for sending, as a reply goes out where the packet came in.
fn with_queues(nic: &NicFacts, n: u32) -> Option<Setting> {
    let now = nic.channels?;
    let interface = nic.name.clone();
    if now.combined > 0 {
        // Queues for one direction alone go on beside those for both.
        return (now.rx < n).then(|| Setting::Queues { interface, rx: now.rx, tx: now.tx, combined: n - now.rx });
    }
    let tx = if now.tx > n { n } else { now.tx };
    Some(Setting::Queues { interface, rx: n, tx, combined: 0 })
}

/// Whether each queue's interrupt comes to its worker's CPU.
#[must_use]
pub fn interrupts(facts: &Facts, plan: &Plan, nic: &NicFacts) -> Finding {
    if nic.interrupts.is_empty() {
        return Finding::skip("interrupts", "none that the driver shows by queue");
    }
    let workers = plan.cpu_of_queues(facts, &nic.name);
    let mut elsewhere = Vec::new();
    for (queue, cpu) in &workers {
        for interrupt in nic.interrupts.iter().filter(|i| i.queue == *queue && i.cpus != [*cpu]) {
            elsewhere.push((interrupt, *cpu));
        }
    }
    let Some((first, cpu)) = elsewhere.first() else {
        return Finding::ok("interrupts", format!("each of {} at its worker's CPU", nic.interrupts.len()));
    };
    let found = format!(
        "{} of {} elsewhere: queue {}'s may come to CPUs {}, its worker is on {cpu}",
        elsewhere.len(),
        nic.interrupts.len(),
        first.queue,
        cpu_list_text(&first.cpus)
    );
    let fix = elsewhere.iter().map(|(interrupt, cpu)| {
        let (interface, number) = (nic.name.clone(), interrupt.number);
        Setting::InterruptCpus { interface, number, cpus: cpu.to_string() }
    });
    Finding::warn("interrupts", found).because("packets go from one CPU's cache to another's").fixed_by(fix)
}

/// Whether workers are on the NIC's NUMA node.
#[must_use]
pub fn numa(facts: &Facts, plan: &Plan, nic: &NicFacts) -> Finding {
    let Some(node) = nic.numa_node else {
        return Finding::skip("numa", "the NIC belongs to no node");
    };
    let workers = plan.cpu_of_queues(facts, &nic.name);
    let far: Vec<usize> = workers
        .iter()
        .map(|(_, cpu)| *cpu)
        .filter(|cpu| facts.host.numa.get(cpu).is_some_and(|n| *n != node))
        .collect();
    if far.is_empty() {
        return Finding::ok("numa", format!("node {node}, as its workers"));
    }
    let near: Vec<usize> = facts.host.numa.iter().filter(|(_, n)| **n == node).map(|(cpu, _)| *cpu).collect();
    Finding::warn("numa", format!("node {node}; the workers on CPUs {} are not", cpu_list_text(&far)))
        .because("every packet crosses between the sockets, which costs rate and latency")
        .by_hand(format!("name CPUs of {} in capture.cpus", cpu_list_text(&near)))
}

#[cfg(test)]
mod tests {
    use super::super::facts::Channels;
    use super::super::finding::Status;
    use super::*;

    #[test]
    fn two_ports_of_a_link_want_the_same_queues_and_mtus() {
        let nic = |name: &str, rx_queues, mtu| NicFacts {
            name: name.to_owned(),
            rx_queues,
            mtu,
            channels: Some(Channels { max_rx: 0, max_tx: 0, max_combined: 8, rx: 0, tx: 0, combined: rx_queues }),
            ..NicFacts::default()
        };
        let judge = |a: (u32, u32), b: (u32, u32), mtus_may_differ| {
            let facts = Facts { interfaces: vec![nic("a0", a.0, a.1), nic("b0", b.0, b.1)], ..Facts::default() };
            let finding = pair(&facts, &PairPlan { ports: ["a0", "b0"].map(str::to_owned), mtus_may_differ }).unwrap();
            (finding.status, finding.commands)
        };
        assert_eq!(judge((4, 1500), (4, 1500), false), (Status::Ok, vec![]));
        assert_eq!(judge((4, 1500), (2, 1500), false), (Status::Warn, vec!["ethtool -L a0 combined 2".to_owned()]));
        assert_eq!(judge((4, 1500), (4, 9000), false).0, Status::Fail);
        assert_eq!(judge((4, 1500), (4, 9000), true).0, Status::Ok);
        let missing = PairPlan { ports: ["a0", "b0"].map(str::to_owned), mtus_may_differ: false };
        assert!(pair(&Facts::default(), &missing).is_none());
    }
}
