//! What is inspected, and with what: variables, rules, memory, times, policies.

use super::result::Made;
use super::yaml::Node;
use crate::host_os::HostOsConfig;
use sekisho_signatures::variables::Variables;
use std::path::{Path, PathBuf};
use toml::Value;

/// Takes all of it.
pub fn take(root: &Node, made: &mut Made) {
    if let Some(name) = root.get("sensor-name").and_then(Node::text) {
        made.set("sensor", "name", name);
    }
    rules(root, made);
    variables(root, made);
    limits(root, made);
    policies(root, made);
    tunnels(root, made);
    hosts(root, made);
}

/// A file that is there is named; one that is not is told.
fn file(node: &Node, key: &str, folder: &Path, section: &str, name: &str, made: &mut Made) {
    let Some(path) = node.text().map(|text| folder.join(text)) else { return };
    if path.exists() {
        made.set(section, name, path.display().to_string());
    } else {
        made.note(node, key, format!("{} is not there; when it is, set {section}.{name} to it", path.display()));
    }
}

fn rules(root: &Node, made: &mut Made) {
    let text = |key: &str| root.get(key).and_then(Node::text);
    let folder = PathBuf::from(text("default-rule-path").unwrap_or("/etc/suricata/rules"));
    let mut paths: Vec<Value> = Vec::new();
    for item in root.get("rule-files").map(Node::items).unwrap_or_default() {
        let Some(path) = item.text().map(|text| folder.join(text)) else { continue };
        // A pattern is looked at when it is read.
        if path.exists() || path.to_string_lossy().contains(['*', '?']) {
            paths.push(path.display().to_string().into());
        } else {
            made.note(
                item,
                "rule-files",
                format!(
                    "{} is not there; when it is, add it to rules.paths, or install it with `sekisho rules update {}`",
                    path.display(),
                    path.display()
                ),
            );
        }
    }
    if !paths.is_empty() {
        made.set("rules", "paths", paths);
    }
    let here = Path::new("/etc/suricata");
    for (key, name) in
        [("classification-file", "classification"), ("threshold-file", "thresholds"), ("geoip-database", "geoip")]
    {
        if let Some(node) = root.get(key) {
            file(node, key, here, "rules", name, made);
        }
    }
    let reputation = PathBuf::from(text("default-reputation-path").unwrap_or("/etc/suricata/iprep"));
    if let Some(node) = root.get("reputation-categories-file") {
        file(node, "reputation-categories-file", here, "rules.reputation", "categories", made);
    }
    let lists = root.get("reputation-files").map(Node::items).unwrap_or_default();
    let lists = lists.iter().filter_map(Node::text).map(|name| reputation.join(name)).filter(|path| path.exists());
    let lists: Vec<Value> = lists.map(|path| path.display().to_string().into()).collect();
    if !lists.is_empty() {
        made.set("rules.reputation", "lists", lists);
    }
}

fn variables(root: &Node, made: &mut Made) {
    let mut variables = Variables::default();
    for (group, section) in [("address-groups", "variables.addresses"), ("port-groups", "variables.ports")] {
        // Each may name those that come after it.
        let mut left: Vec<&(String, Node)> =
            root.at(&["vars", group]).map(Node::entries).unwrap_or_default().iter().collect();
        loop {
            let before = left.len();
            left.retain(|(name, node)| {
                let Some(text) = node.text() else { return true };
                let taken = match group {
                    "address-groups" => variables.set_addresses(name, text).is_ok(),
                    _ => variables.set_ports(name, text).is_ok(),
                };
                if taken {
                    made.set(section, name, text);
                }
                !taken
            });
            if left.len() == before {
                break;
            }
        }
        for (name, node) in left {
            made.note(
                node,
                &format!("vars.{group}.{name}"),
                format!(
                    "this cannot be read as a group: {}; write it as in a rule's header",
                    node.text().unwrap_or("a list")
                ),
            );
        }
    }
}

/// A number's key there, its section and key here, and how it is read.
type Limit = (&'static [&'static str], &'static str, &'static str, fn(&Node) -> Option<i64>);

/// More than a worker has by default.
const MUCH_MEMORY: i64 = 128 << 20;

const LIMITS: &[Limit] = &[
    (&["flow", "memcap"], "flow", "memcap_bytes", Node::bytes),
    (&["flow-timeouts", "default", "new"], "flow", "other_new_s", Node::number),
    (&["flow-timeouts", "default", "established"], "flow", "other_established_s", Node::number),
    (&["flow-timeouts", "tcp", "new"], "flow", "tcp_new_s", Node::number),
    (&["flow-timeouts", "tcp", "established"], "flow", "tcp_established_s", Node::number),
    (&["flow-timeouts", "tcp", "closed"], "flow", "tcp_closed_s", Node::number),
    (&["flow-timeouts", "udp", "new"], "flow", "udp_new_s", Node::number),
    (&["flow-timeouts", "udp", "established"], "flow", "udp_established_s", Node::number),
    (&["flow-timeouts", "icmp", "new"], "flow", "icmp_new_s", Node::number),
    (&["flow-timeouts", "icmp", "established"], "flow", "icmp_established_s", Node::number),
    (&["stream", "reassembly", "memcap"], "stream", "memcap_bytes", Node::bytes),
    (&["stream", "reassembly", "depth"], "stream", "depth_bytes", Node::bytes),
    (&["stream", "max-syn-queued"], "stream", "max_syns", Node::number),
    (&["stream", "max-synack-queued"], "stream", "max_syn_acks", Node::number),
    (&["defrag", "memcap"], "decode.defrag", "memory_bytes", Node::bytes),
    (&["defrag", "timeout"], "decode.defrag", "timeout_s", Node::number),
    (&["decoder", "max-layers"], "decode", "tunnel_limit", Node::number),
    (&["stats", "interval"], "eve", "stats_interval_s", Node::number),
];

fn limits(root: &Node, made: &mut Made) {
    for (path, section, key, read) in LIMITS {
        let Some(node) = root.at(path).filter(|node| node.text().is_some()) else { continue };
        let dotted = path.join(".");
        let Some(value) = read(node) else {
            made.note(node, &dotted, format!("this is no size or number; {section}.{key} keeps its default"));
            continue;
        };
        made.set(section, key, value);
        if path.ends_with(&["memcap"]) && value > MUCH_MEMORY {
            made.note(
                node,
                &dotted,
                format!(
                    "taken as {section}.{key}, which is for each worker: divide it by their number, if memory is short"
                ),
            );
        }
    }
    let truth = |path: &[&str]| root.at(path).and_then(Node::truth);
    for (path, section, key) in [
        (&["stream", "midstream"], "stream", "midstream"),
        (&["stream", "async-oneside"], "stream", "one_sided"),
        (&["stream", "checksum-validation"], "decode", "verify_checksums"),
    ] {
        if let Some(value) = truth(path) {
            made.set(section, key, value);
        }
    }
    if truth(&["stream", "bypass"]) == Some(true) {
        made.set("capture.bypass", "stream_depth", "both");
    }
    if root.at(&["app-layer", "protocols", "tls", "encryption-handling"]).and_then(Node::text) == Some("bypass") {
        made.set("capture.bypass", "encrypted", true);
    }
}

/// What becomes of packets for which there is no memory, and the like. In line only, in either sensor.
fn policies(root: &Node, made: &mut Made) {
    let all = root.get("exception-policy");
    for (path, key) in [
        (&["flow", "memcap-policy"][..], "flow_table_full"),
        (&["stream", "memcap-policy"], "stream_memory"),
        (&["stream", "reassembly", "memcap-policy"], "stream_memory"),
        (&["stream", "midstream-policy"], "midstream"),
        (&["defrag", "memcap-policy"], "defrag_limit"),
    ] {
        let Some(node) = root.at(path).or(all).filter(|_| made.count("inline") > 0) else { continue };
        match node.text() {
            Some("drop-packet" | "drop-flow" | "reject") => made.set("exceptions", key, "drop"),
            Some("pass-packet" | "pass-flow" | "bypass" | "ignore") => made.set("exceptions", key, "pass"),
            // What is meant by "auto" there drops; here passing is the default, so that the link outlives an overload.
            _ => made.note(node, &path.join("."), format!("exceptions.{key} is \"pass\" by default; set it to \"drop\", if the link may suffer rather than go uninspected")),
        }
    }
}

fn tunnels(root: &Node, made: &mut Made) {
    for (name, key) in [("vxlan", "vxlan_ports"), ("geneve", "geneve_ports"), ("teredo", "teredo_ports")] {
        let Some(node) = root.at(&["decoder", name]) else { continue };
        if !node.is_on() {
            made.set("decode", key, Value::Array(Vec::new()));
            continue;
        }
        let Some(ports) = node.get("ports") else { continue };
        let named = |word: &str| {
            let name = word.strip_prefix('$')?;
            root.at(&["vars", "port-groups", name]).map(|node| node.words().join(","))
        };
        let words: Vec<String> = ports.words().iter().map(|word| named(word).unwrap_or_else(|| word.clone())).collect();
        let words = words.join(",");
        let numbers: Option<Vec<Value>> = words
            .trim_matches(['[', ']'])
            .split(',')
            .map(|word| word.trim().parse::<u16>().ok().map(|port| Value::Integer(i64::from(port))))
            .collect();
        match numbers {
            Some(numbers) => made.set("decode", key, numbers),
            None => made.note(
                ports,
                &format!("decoder.{name}.ports"),
                format!("only numbers of ports can be taken; set decode.{key}"),
            ),
        }
    }
}

fn hosts(root: &Node, made: &mut Made) {
    let mut prefixes = Vec::new();
    for (name, node) in root.get("host-os-policy").map(Node::entries).unwrap_or_default() {
        let mut taken: Vec<Value> = Vec::new();
        for word in node.words() {
            // One by one, as the configuration reads it: a prefix that two systems claim is refused.
            let tried = format!("{name} = [\"{}\"]", word.escape_default());
            if toml::from_str::<HostOsConfig>(&tried).is_ok() && !prefixes.contains(&word) {
                prefixes.push(word.clone());
                taken.push(word.into());
            } else {
                made.note(node, &format!("host-os-policy.{name}"), format!("{word} is no prefix, is named twice, or {name} is no system that is known; see [host_os_policy]"));
            }
        }
        if !taken.is_empty() {
            made.set("host_os_policy", name, taken);
        }
    }
}
