//! Keys that nothing was made of: what they would be here, or that they would be nothing.

use super::result::Made;
use super::yaml::Node;

/// Keys of the first level that were looked at, or that mean nothing to anybody but the other engine's own innards.
const SILENT: &[&str] = &[
    "suricata-version",
    "vars",
    "af-packet",
    "af-xdp",
    "netmap",
    "pfring",
    "pcap",
    "dpdk",
    "threading",
    "sensor-name",
    "default-rule-path",
    "rule-files",
    "classification-file",
    "threshold-file",
    "geoip-database",
    "default-reputation-path",
    "reputation-categories-file",
    "reputation-files",
    "flow",
    "flow-timeouts",
    "stream",
    "defrag",
    "host-os-policy",
    "decoder",
    "exception-policy",
    "outputs",
    "stats",
    "default-log-dir",
    "reference-config-file",
    "mpm-algo",
    "spm-algo",
    "coredump",
    "max-pending-packets",
    "runmode",
    "autofp-scheduler",
    "default-packet-size",
    "pid-file",
    "daemon-directory",
    "logging",
    "engine-analysis",
    "profiling",
    "luajit",
    "host",
    "ippair",
    "pcre",
    "action-order",
    "asn1-max-frames",
    "nflog",
    "ipfw",
    "napatech",
    "magic-file",
    "legacy",
    "pcap-file",
    "capture",
    "unix-command",
    "run-as",
    "security",
    "plugins",
    "nfq",
    "umask",
];

/// What stands in for the others.
const INSTEAD: &[(&str, &str)] = &[
    ("include", "files that are included are not read: run it on each of them, and put the results together"),
    ("multi-detect", "there are no tenants: run a sensor for each, with its own rules"),
    ("datasets", "rules name their data sets themselves; where that is not so, write the file into the rule"),
    ("cuda", "nothing is computed on graphics cards"),
    ("host-mode", "[[inline]] or [[interface]] says whether a link is stood in"),
    ("heartbeat", "signs of life are the service's: WatchdogSec in sekisho.service"),
    ("firewall", "rules drop where they match; there is no mode in which all else is dropped"),
    ("livedev", "flows of several interfaces are one unless flow.separate_interfaces says otherwise"),
    ("vlan", "VLAN tags are always part of what tells flows apart"),
    ("filestore-dir", "see files.store.folder"),
    ("lua", "rules in Lua are left out, and listed by `sekisho check`"),
];

/// Tells of keys in keys that would be missed.
pub fn tell_the_rest(root: &Node, made: &mut Made) {
    for (name, node) in root.entries().iter().filter(|(name, _)| !SILENT.contains(&name.as_str())) {
        match INSTEAD.iter().find(|(known, _)| known == name) {
            Some((_, text)) => made.note(node, name, *text),
            None if ["app-layer", "detect"].contains(&name.as_str()) => {}
            None => made.note(node, name, "there is nothing of that name here; sekisho.toml names all keys"),
        }
    }
    if root.at(&["vlan", "use-for-tracking"]).and_then(Node::truth) != Some(false) {
        made.notes.retain(|note| note.key != "vlan");
    }
    for (protocol, node) in root.at(&["app-layer", "protocols"]).map(Node::entries).unwrap_or_default() {
        let key = format!("app-layer.protocols.{protocol}");
        if node.get("enabled").and_then(Node::truth) == Some(false) {
            made.note(node, &key, "protocols are not switched off: they are recognised by content, and cost nothing where there are none. Take the type out of eve.types, if its events are not wanted");
        }
        if let Some(limits) = node.at(&["libhtp", "default-config"]) {
            let limits = limits.get("request-body-limit").or_else(|| limits.get("response-body-limit"));
            if let Some(limits) = limits {
                made.note(limits, &format!("{key}.libhtp"), "bodies are looked at as stream.depth_bytes says");
            }
        }
    }
    if let Some(node) = root.at(&["detect", "profile"]).filter(|node| node.text().is_some_and(|text| text != "medium"))
    {
        made.note(node, "detect.profile", "rules are put in groups by themselves; there is nothing to choose");
    }
    if root.at(&["security", "landlock", "enabled"]).and_then(Node::truth) == Some(true)
        && let Some(node) = root.get("security")
    {
        made.note(node, "security.landlock", "what the sensor may do is limited by its service: see sekisho.service");
    }
    if let Some(node) = root.at(&["flow", "emergency-recovery"]) {
        made.note(node, "flow.emergency-recovery", "there is no emergency mode: flow.memcap_bytes bounds the table");
    }
}
