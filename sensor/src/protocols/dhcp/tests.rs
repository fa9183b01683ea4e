//! Messages as bytes; and that breaking them breaks nothing else.

use super::{DhcpParser, probe};
use crate::packet::Direction::{ToClient, ToServer};
use crate::protocols::registry::Likeness;
use crate::protocols::testing::told::{Log, Said, read, steps, stumble};
use proptest::prelude::*;
use sekisho_signatures::buffers::Buffer;
use serde_json::json;

fn message(op: u8, options: &[u8]) -> Vec<u8> {
    let mut out = vec![op, 1, 6, 0, 0, 0, 0x12, 0x34, 0, 0, 0, 0, 0, 0, 0, 0];
    out.extend([192, 0, 2, 9, 192, 0, 2, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 7]);
    out.extend([0; 10 + 64 + 128]);
    out.extend([99, 130, 83, 99]);
    out.extend(options);
    out
}

const REQUEST: &[u8] = b"\x35\x01\x03\x3d\x07\x01\x02\x00\x00\x00\x00\x07\x32\x04\xc0\x00\x02\x09\x0c\x06laptop\x3c\x03abc\x37\x05\x01\x03\x06\x0f\xfc\x00\xff";
const ACK: &[u8] = b"\x35\x01\x05\x33\x04\x00\x00\x0e\x10\x3a\x04\x00\x00\x07\x08\x3b\x04\x00\x00\x0c\x4e\x01\x04\xff\xff\xff\x00\x03\x04\xc0\x00\x02\x01\x06\x08\xc0\x00\x02\x35\xc0\x00\x02\x36\xff\0\0";

fn run(said: &[Said]) -> Log {
    read(&mut DhcpParser::new(), said)
}

#[test]
fn a_lease() {
    let log = run(&[(ToServer, message(1, REQUEST)), (ToClient, message(2, ACK))]);
    assert_eq!(log.events(), [""; 0]);
    assert_eq!(log.all(Buffer::DhcpHostname), ["laptop"]);
    assert_eq!(log.all(Buffer::DhcpLeasetime), ["3600"]);
    assert_eq!(log.all(Buffer::DhcpRenewalTime), ["1800"]);
    assert_eq!(log.all(Buffer::DhcpRebindingTime), ["3150"]);
    let expected = [
        json!({
            "type": "request", "id": 4660, "client_mac": "02:00:00:00:00:07", "assigned_ip": "192.0.2.9",
            "client_ip": "0.0.0.0", "dhcp_type": "request", "client_id": "02:00:00:00:00:07", "hostname": "laptop",
            "vendor_class_identifier": "abc", "requested_ip": "192.0.2.9",
            "params": ["subnet_mask", "router", "dns_server", "domain"],
        }),
        json!({
            "type": "reply", "id": 4660, "client_mac": "02:00:00:00:00:07", "assigned_ip": "192.0.2.9",
            "client_ip": "0.0.0.0", "relay_ip": "0.0.0.0", "next_server_ip": "192.0.2.1", "dhcp_type": "ack",
            "subnet_mask": "255.255.255.0", "lease_time": 3600, "rebinding_time": 3150, "renewal_time": 1800,
            "routers": ["192.0.2.1"], "dns_servers": ["192.0.2.53", "192.0.2.54"],
        }),
    ];
    assert_eq!(log.records(), expected.iter().collect::<Vec<_>>());
}

#[test]
fn odd_options_have_events() {
    for (options, expected) in [
        (&b"\x35\x01\x03"[..], "truncated_options"),
        (b"\x35\x09\x03\xff", "malformed_options"),
        (b"\x33\x02\x00\x01\xff", "malformed_options"),
    ] {
        assert_eq!(run(&[(ToServer, message(1, options))]).events(), [expected]);
    }
}

#[test]
fn what_begins_like_dhcp() {
    assert_eq!(probe(ToServer, &message(1, REQUEST)), Likeness::Yes);
    assert_eq!(probe(ToServer, &message(3, REQUEST)), Likeness::No);
    assert_eq!(probe(ToServer, &message(1, &[])[..239]), Likeness::No);
}

proptest! {
    #[test]
    fn anything_may_come(steps in steps(vec![message(1, REQUEST), message(2, ACK)])) {
        stumble(&mut DhcpParser::new(), &steps);
    }

    #[test]
    fn changed_bytes_break_nothing(changes in proptest::collection::vec((0usize..290, any::<u8>()), 1..6)) {
        for mut bytes in [message(1, REQUEST), message(2, ACK)] {
            for (at, value) in &changes {
                let at = at % bytes.len();
                bytes[at] = *value;
            }
            prop_assert!(run(&[(ToServer, bytes)]).records().len() <= 1);
        }
    }
}
