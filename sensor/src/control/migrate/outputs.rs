//! Where events go.

use super::result::Made;
use super::yaml::Node;
use crate::output::config::EventType;
use std::path::Path;
use toml::Value;

/// The folder that the service may write to.
const FOLDER: &str = "/var/log/sekisho";

/// Takes the first event log, and tells of all else.
pub fn take(root: &Node, made: &mut Made) {
    let mut has_log = false;
    for item in root.get("outputs").map(Node::items).unwrap_or_default() {
        for (name, output) in item.entries().iter().filter(|(_, output)| output.is_on()) {
            let on = output.get("enabled").and_then(Node::truth) == Some(true);
            match name.as_str() {
                "eve-log" if on && !has_log => {
                    has_log = true;
                    eve(output, made);
                }
                "eve-log" if on => made.note(output, "outputs.eve-log", "a second event log; the first was taken"),
                "file-store" if on => file_store(output, made),
                "stats" | "eve-log" | "file-store" => {}
                _ if !on => {}
                "fast" => made.note(
                    output,
                    "outputs.fast",
                    "alerts are in eve.json: jq -r 'select(.event_type == \"alert\") | .alert.signature'",
                ),
                "pcap-log" => made.note(
                    output,
                    "outputs.pcap-log",
                    "packets are not kept by this key; see what sekisho.toml says of evidence",
                ),
                "tls-store" => made.note(
                    output,
                    "outputs.tls-store",
                    "certificates are stored where a rule says tls.store: [files.store]",
                ),
                _ => made.note(
                    output,
                    &format!("outputs.{name}"),
                    "there is no such output; what it would say is in eve.json and in the metrics",
                ),
            }
        }
    }
}

fn eve(output: &Node, made: &mut Made) {
    let kind = output.get("filetype").and_then(Node::text).unwrap_or("regular");
    let name = output.get("filename").and_then(Node::text).map(Path::new).and_then(Path::file_name);
    let name =
        name.and_then(|name| name.to_str()).filter(|name| kind == "regular" && !name.is_empty()).unwrap_or("eve.json");
    made.set("eve", "path", format!("{FOLDER}/{name}"));
    if let Some(node) = output.get("filename") {
        made.note(
            node,
            "outputs.eve-log.filename",
            format!("events go to {FOLDER}/{name}, where the service may write; point what reads them there"),
        );
    }
    if kind != "regular" {
        let node = output.get("filetype").unwrap_or(output);
        made.note(
            node,
            "outputs.eve-log.filetype",
            format!(
                "{kind} is not set up by this: see what sekisho.toml says of outputs; until then events go to a file"
            ),
        );
    }
    if let Some(append) = output.get("append").and_then(Node::truth) {
        made.set("eve", "append", append);
    }
    for key in ["community-id", "xff", "pcap-file", "ethernet"] {
        let node = output.get(key);
        if let Some(node) =
            node.filter(|node| node.truth() == Some(true) || node.get("enabled").and_then(Node::truth) == Some(true))
        {
            made.note(node, &format!("outputs.eve-log.{key}"), "events do not have it");
        }
    }
    let Some(list) = output.get("types") else { return };
    let mut types: Vec<Value> = Vec::new();
    for item in list.items() {
        let named = item.text().map(|name| (name, item));
        let with_keys = item.entries().first().map(|(name, node)| (name.as_str(), node));
        let Some((name, node)) = named.or(with_keys) else { continue };
        if !node.is_on() {
            continue;
        }
        let spelt = match name {
            "files" => "fileinfo",
            "bittorrent-dht" => "bittorrent_dht",
            name => name,
        };
        if EventType::ALL.iter().any(|known| known.name() == spelt) {
            let value = Value::from(spelt);
            if !types.contains(&value) {
                types.push(value);
            }
        } else {
            made.note(item, &format!("outputs.eve-log.types.{name}"), "there is no event of this type");
        }
        options(spelt, node, made);
    }
    made.set("eve", "types", types);
}

fn options(name: &str, node: &Node, made: &mut Made) {
    if name != "fileinfo" {
        return;
    }
    if let Some(magic) = node.get("force-magic").and_then(Node::truth) {
        made.set("files", "magic", magic);
    }
    if let Some(hashes) = node.get("force-hash") {
        let known = hashes.words().into_iter().filter(|hash| ["md5", "sha1", "sha256"].contains(&hash.as_str()));
        made.set("files", "hashes", known.map(Value::from).collect::<Vec<_>>());
    }
}

fn file_store(output: &Node, made: &mut Made) {
    made.set("files.store", "enabled", true);
    if output.get("force-filestore").and_then(Node::truth) == Some(true) {
        made.set("files.store", "all", true);
    }
    made.note(
        output,
        "outputs.file-store",
        "files go to /var/lib/sekisho/files, each once by its SHA-256: files.store.folder says where",
    );
}
