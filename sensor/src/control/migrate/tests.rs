use super::*;

fn made(text: &str) -> Migrated {
    translate(&yaml::parse(Path::new("s.yaml"), text).unwrap(), Path::new("s.yaml")).unwrap()
}

fn config(text: &str) -> Config {
    Config::parse("s.toml", &made(text).toml, &[]).unwrap()
}

fn keys(text: &str) -> Vec<String> {
    made(text).notes.into_iter().map(|note| note.key).collect()
}

#[test]
fn interfaces_become_interfaces_and_pairs() {
    let text = "af-packet:\n  - interface: eth0\n    threads: 4\n  - interface: eth0\n  - interface: default\npcap:\n  - interface: eth9\n";
    let read = config(text);
    assert_eq!(read.interface.iter().map(|i| i.name.as_str()).collect::<Vec<_>>(), ["eth0"]);
    assert_eq!(keys(text), ["af-packet.threads", "pcap"]);
    let text = "af-packet:\n  - {interface: a0, copy-mode: ips, copy-iface: b0}\n  - {interface: b0, copy-mode: ips, copy-iface: a0}\n  - interface: c0\n";
    let read = config(text);
    assert_eq!((read.inline.len(), read.interface.len()), (1, 1));
    assert_eq!(read.inline[0].ports, ["a0", "b0"]);
    let text = "af-xdp:\n  - interface: x0\n    force-xdp-mode: skb\n    force-bind-mode: copy\n";
    assert!(made(text).toml.contains("mode = \"generic\"") && made(text).toml.contains("zero_copy = \"never\""));
    assert_eq!(keys("dpdk:\n  interfaces:\n    - interface: 0000:3b:00.0\n"), ["dpdk.interfaces.interface"]);
}

#[test]
fn limits_times_and_policies_are_taken() {
    let read = config(
        "flow: {memcap: 256mb, emergency-recovery: 30}\nflow-timeouts:\n  tcp: {new: 30, established: 300, closed: 0}\n\
         stream:\n  midstream: true\n  checksum-validation: no\n  reassembly: {memcap: 1gb, depth: 2mb}\ndefrag: {memcap: 16mb, timeout: 30}\n\
         stats: {enabled: yes, interval: 30}\nexception-policy: drop-flow\naf-packet: [{interface: a, copy-mode: ips, copy-iface: b}]\n",
    );
    assert_eq!((read.flow.memcap_bytes, read.flow.tcp_new_s, read.flow.tcp_closed_s), (256 << 20, 30, 0));
    assert_eq!((read.stream.memcap_bytes, read.stream.depth_bytes, read.stream.midstream), (1 << 30, 2 << 20, true));
    assert_eq!((read.decode.verify_checksums, read.eve.stats_interval_s), (false, 30));
    assert!(made("flow: {memcap: lots}\n").notes[0].text.contains("keeps its default"));
}

#[test]
fn variables_take_each_other_in_any_order() {
    let text = "vars:\n  address-groups:\n    EXTERNAL_NET: '!$MINE'\n    MINE: '[10.1.0.0/16]'\n    WRONG: '10.0.0.300'\n\
                \x20 port-groups:\n    P: 8080\n    Q: '[$P,81]'\n";
    let read = config(text);
    assert_eq!(read.variables.addresses["EXTERNAL_NET"], "!$MINE");
    assert_eq!(read.variables.ports["P"], "8080");
    assert_eq!(keys(text), ["vars.address-groups.WRONG"]);
}

#[test]
fn outputs_become_types_and_the_rest_is_told() {
    let text = "default-log-dir: /var/log/suricata\noutputs:\n  - fast: {enabled: yes}\n  - eve-log:\n      enabled: yes\n      filetype: redis\n\
                \x20     types:\n        - alert: {tagged-packets: yes}\n        - dns\n        - frame: {enabled: no}\n        - netflow\n        - files: {force-magic: yes, force-hash: [md5]}\n\
                \x20 - file-store: {enabled: yes, force-filestore: yes}\n  - pcap-log: {enabled: no}\n";
    let read = config(text);
    let types: Vec<&str> = read.eve.types.iter().map(|t| t.name()).collect();
    assert_eq!(types, ["alert", "dns", "fileinfo"]);
    assert!(read.files.magic && read.files.store.enabled && read.files.store.all);
    assert_eq!(
        keys(text),
        ["outputs.fast", "outputs.eve-log.filetype", "outputs.eve-log.types.netflow", "outputs.file-store"]
    );
}

#[test]
fn rules_that_are_there_are_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.rules"), "").unwrap();
    let text = format!("default-rule-path: {}\nrule-files:\n  - a.rules\n  - gone.rules\n", folder.path().display());
    assert_eq!(config(&text).rules.paths, [folder.path().join("a.rules")]);
    assert_eq!(keys(&text), ["rule-files"]);
}

#[test]
fn hosts_tunnels_and_cpus() {
    let text = "host-os-policy:\n  windows: [10.0.0.0/8]\n  linux: ['10.0.0.0/8', 'nowhere']\n  beos: [1.2.3.4]\n\
                decoder:\n  teredo: {enabled: false}\n  vxlan: {enabled: true, ports: $VX}\n  geneve: {enabled: true, ports: '[6081, 6082]'}\n\
                vars: {port-groups: {VX: '[4789,4790]'}}\n\
                threading:\n  set-cpu-affinity: yes\n  cpu-affinity:\n    - worker-cpu-set: {cpu: ['2-3', 5]}\n";
    let read = config(text);
    assert_eq!(read.capture.cpus, Some(vec![2, 3, 5]));
    assert!(made(text).toml.contains("vxlan_ports = [4789, 4790]") && made(text).toml.contains("teredo_ports = []"));
    let told = keys(text);
    assert_eq!(told.iter().filter(|key| key.starts_with("host-os-policy")).count(), 3, "{told:?}");
}

#[test]
fn unknown_keys_are_told_and_hostile_texts_are_quoted() {
    assert_eq!(keys("my-own: 1\nmulti-detect: {enabled: yes}\nflow: {}\n"), ["my-own", "multi-detect"]);
    let text = "sensor-name: \"a\\\"\\n[eve]\\nenabled = false\"\naf-packet:\n  - interface: \"x\\\"]\"\n";
    let read = config(text);
    assert!(read.eve.enabled && read.interface[0].name == "x\"]");
}
