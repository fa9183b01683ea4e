//! Where packets come from: interfaces, pairs of them, CPUs.

use super::result::Made;
use super::yaml::Node;
use toml::Value;

/// The sections that name interfaces, the most telling first.
const SECTIONS: [&str; 5] = ["af-packet", "af-xdp", "netmap", "pfring", "pcap"];

/// Takes what is said of capture.
pub fn take(root: &Node, made: &mut Made) {
    let named = |section: &&'static str| {
        root.get(section).is_some_and(|list| list.items().iter().any(|item| name(item).is_some()))
    };
    let mut present = SECTIONS.into_iter().filter(named);
    if let Some(section) = present.next()
        && let Some(list) = root.get(section)
    {
        interfaces(section, list, made);
        for other in present {
            if let Some(list) = root.get(other) {
                made.note(list, other, format!("not taken: the interfaces are those of {section}. Which of them a sensor used was said on its command line"));
            }
        }
    }
    for item in root.at(&["dpdk", "interfaces"]).map(Node::items).unwrap_or_default() {
        if let Some(address) = item.get("interface").filter(|node| node.text() != Some("default")) {
            let text = format!(
                "{} is a PCI address: give the NIC back to its kernel driver (`dpdk-devbind.py --bind=DRIVER`), and name its interface in [[interface]]",
                address.text().unwrap_or_default()
            );
            made.note(address, "dpdk.interfaces.interface", text);
        }
    }
    if let Some(node) = root.get("nfq").filter(|_| made.count("inline") == 0) {
        made.note(
            node,
            "nfq",
            "there are no netfilter queues: in line is two ports, [[inline]] ports = [\"A\", \"B\"]",
        );
    }
    cpus(root, made);
}

fn name(item: &Node) -> Option<&str> {
    item.get("interface")?.text().filter(|name| *name != "default" && !name.is_empty())
}

fn interfaces(section: &str, list: &Node, made: &mut Made) {
    let mut paired: Vec<String> = Vec::new();
    let mut single: Vec<&Node> = Vec::new();
    for item in list.items() {
        let Some(one) = name(item) else { continue };
        let other = item.get("copy-iface").and_then(Node::text).filter(|name| *name != "none" && !name.is_empty());
        let mode = item.get("copy-mode").and_then(Node::text).unwrap_or("none");
        match other {
            Some(other) if mode != "none" && one != other => {
                let new = !paired.iter().any(|name| name == one || name == other);
                if new {
                    let ports = Value::Array(vec![one.into(), other.into()]);
                    made.add("inline", vec![("ports".to_owned(), ports)]);
                    paired.extend([one.to_owned(), other.to_owned()]);
                }
                if mode == "tap" && new {
                    made.note(item, &format!("{section}.copy-mode"), "tap copies whatever rules say; a link in line drops what a rule with `drop` matches. Make those rules `alert`, if nothing is to be dropped");
                }
            }
            _ => single.push(item),
        }
        threads(section, item, made);
    }
    let mut seen: Vec<&str> = Vec::new();
    for item in single {
        let Some(one) = name(item) else { continue };
        if seen.contains(&one) || paired.iter().any(|name| name == one) {
            continue;
        }
        seen.push(one);
        made.add("interface", vec![("name".to_owned(), one.into())]);
    }
    for item in list.items() {
        match item.get("force-xdp-mode").and_then(Node::text) {
            Some("skb") => made.set("capture.xdp", "mode", "generic"),
            Some("drv") => made.set("capture.xdp", "mode", "native"),
            _ => {}
        }
        match item.get("force-bind-mode").and_then(Node::text) {
            Some("copy") => made.set("capture.afxdp", "zero_copy", "never"),
            Some("zero") => made.set("capture.afxdp", "zero_copy", "require"),
            _ => {}
        }
        if let Some(filter) = item.get("bpf-filter") {
            made.note(filter, &format!("{section}.bpf-filter"), "there is no filter language for capture: [capture.blocklist] takes addresses, a `pass` rule with `bypass` takes ports");
        }
    }
}

fn threads(section: &str, item: &Node, made: &mut Made) {
    if let Some(threads) = item.get("threads").filter(|threads| threads.number().is_some()) {
        made.note(
            threads,
            &format!("{section}.threads"),
            "there is one worker for each queue of the interface: `ethtool -L IF combined N` sets how many there are",
        );
    }
}

/// The CPUs of workers.
fn cpus(root: &Node, made: &mut Made) {
    let threading = root.get("threading");
    if threading.and_then(|node| node.get("set-cpu-affinity")).and_then(Node::truth) != Some(true) {
        return;
    }
    let Some(affinity) = threading.and_then(|node| node.get("cpu-affinity")) else { return };
    // A list of maps up to version 7, one map since.
    let sets = affinity.items().iter().flat_map(Node::entries).chain(affinity.entries());
    for (_, set) in sets.filter(|(name, _)| name == "worker-cpu-set") {
        let Some(list) = set.get("cpu") else { continue };
        let mut cpus: Vec<Value> = Vec::new();
        for word in list.words() {
            let (first, last) = word.split_once('-').unwrap_or((&word, &word));
            if let (Ok(first), Ok(last)) = (first.trim().parse::<u16>(), last.trim().parse::<u16>()) {
                cpus.extend((first..=last).take(4096).map(|cpu| Value::Integer(i64::from(cpu))));
            }
        }
        if !cpus.is_empty() {
            made.set("capture", "cpus", cpus);
        }
    }
}
