//! What is said about an interface: the link, its driver, its rings and what its hardware does to packets.

use super::drivers;
use super::facts::{Facts, NicFacts};
use super::finding::{Finding, Plan, Wanted};
use super::setting::Setting;
use super::{judge_placement, judge_rss};

/// Microseconds between a frame and its interrupt: enough to share an interrupt among frames, too little to be felt.
const GOOD_USECS: u32 = 20;
/// More than this is felt by the traffic that waits, in line.
const MANY_USECS: u32 = 100;
/// Slots of the NIC's ring that bridge a worker's pause of a millisecond at 2 million frames a second.
const GOOD_RING: u32 = 2048;
/// Bytes of a frame of packet memory that the kernel keeps for itself.
const HEADROOM: u32 = 256;
/// Bytes of the link header with two VLAN tags.
const LINK_HEADER: u32 = 22;

/// All findings about one interface.
#[must_use]
pub fn judge(facts: &Facts, plan: &Plan, nic: &NicFacts) -> Vec<Finding> {
    let mut findings = vec![
        role(nic),
        link(nic),
        promiscuous(nic),
        driver(nic),
        native(facts, plan, nic),
        zero_copy(facts, plan, nic),
        judge_placement::queues(facts, plan, nic),
    ];
    findings.extend(judge_rss::judge(facts, plan, nic));
    findings.extend(offloads(nic));
    findings.extend([rings(plan, nic), coalescing(nic), flow_control(nic), mtu(facts, plan, nic)]);
    findings.extend([judge_placement::interrupts(facts, plan, nic), judge_placement::numa(facts, plan, nic)]);
    findings.into_iter().map(|finding| finding.of(&nic.name)).collect()
}

fn role(nic: &NicFacts) -> Finding {
    let why = "packets that the sensor takes do not reach the host: whoever is logged in through it is cut off";
    let other = "name a monitoring port, one that the host itself does not use";
    if nic.ssh_session {
        return Finding::fail("role", "an SSH session comes in here").because(why).by_hand(other);
    }
    if nic.default_route {
        return Finding::warn("role", "the host's default route goes out here").because(why).by_hand(other);
    }
    if nic.driver == "loopback" {
        return Finding::warn("role", "the loopback").because("the host's own programs talk over it").by_hand(other);
    }
    Finding::ok("role", "not the way to this host")
}

fn link(nic: &NicFacts) -> Finding {
    if !nic.up {
        return Finding::fail("link", "down")
            .because("nothing is received")
            .fixed_by([Setting::Up { interface: nic.name.clone(), on: true }]);
    }
    if !nic.carrier {
        return Finding::fail("link", "up, no carrier")
            .because("nothing is received")
            .by_hand("plug the cable in; look at the switch's port (is the mirror session on? speed? optics?)");
    }
    match nic.speed_mbps {
        Some(speed) => Finding::ok("link", format!("up, {speed} Mbit/s")),
        None => Finding::ok("link", "up"),
    }
}

fn promiscuous(nic: &NicFacts) -> Finding {
    if matches!(nic.driver.as_str(), "loopback" | "veth" | "tun") {
        return Finding::skip("promiscuous", "a virtual link takes every frame");
    }
    if nic.promiscuous {
        return Finding::ok("promiscuous", "on");
    }
    Finding::fail("promiscuous", "off")
        .because("the NIC drops frames that are not for its own address: of a mirror port's traffic, nearly all")
        .fixed_by([Setting::Promiscuous { interface: nic.name.clone(), on: true }])
}

fn driver(nic: &NicFacts) -> Finding {
    let mut found = if nic.driver.is_empty() { "unknown".to_owned() } else { nic.driver.clone() };
    for (word, value) in [("", &nic.driver_version), ("firmware ", &nic.firmware), ("at ", &nic.bus)] {
        if !value.is_empty() {
            found.push_str(&format!(", {word}{value}"));
        }
    }
    match drivers::known(&nic.driver) {
        Some(driver) if !driver.note.is_empty() => Finding::ok("driver", format!("{found} ({})", driver.note)),
        _ => Finding::ok("driver", found),
    }
}

/// `Linux 6.3`.
fn linux((major, minor): (u32, u32)) -> String {
    format!("Linux {major}.{minor}")
}

/// Whether programs run in the driver, by its word or by the table; none if neither knows.
fn runs_natively(facts: &Facts, nic: &NicFacts) -> Option<bool> {
    let known = drivers::known(&nic.driver).map(|d| d.native.is_some_and(|since| since <= facts.host.kernel_version()));
    nic.xdp.as_ref().map(|xdp| xdp.native && xdp.redirect).or(known)
}

fn native(facts: &Facts, plan: &Plan, nic: &NicFacts) -> Finding {
    if plan.native == Wanted::Never {
        return Finding::skip("xdp", "capture.xdp.mode is \"generic\"");
    }
    let why = "the XDP program runs in the network stack instead: each packet is first made into the kernel's own form";
    let status = plan.native.lacking();
    match (runs_natively(facts, nic), drivers::known(&nic.driver).and_then(|d| d.native)) {
        (Some(true), _) => Finding::ok("xdp", "in the driver"),
        (Some(false), Some(since)) if since > facts.host.kernel_version() => {
            Finding::new("xdp", status, format!("not in this kernel's {}", nic.driver))
                .because(why)
                .by_hand(format!("update the kernel: {} brought it", linux(since)))
        }
        // The driver can, but says that it cannot now.
        (Some(false), Some(_)) => {
            Finding::new("xdp", status, format!("{} does not offer it as it is set up", nic.driver))
                .because(why)
                .by_hand(match drivers::known(&nic.driver).map_or("", |d| d.note) {
                    "" => "look at the kernel's log (`dmesg`) for the driver's reason: MTU, queues, firmware",
                    note => note,
                })
        }
        (Some(false), None) => Finding::new("xdp", status, format!("{} has none", nic.driver))
            .because(why)
            .by_hand("use a NIC with ice, i40e, ixgbe, mlx5, igb or igc, or set capture.xdp.mode to \"generic\""),
        (None, _) => Finding::new("xdp", status, format!("not known of {}", nic.driver))
            .because(why)
            .by_hand("start the sensor: it says what it got"),
    }
}

fn zero_copy(facts: &Facts, plan: &Plan, nic: &NicFacts) -> Finding {
    if plan.zero_copy == Wanted::Never {
        return Finding::skip("zero-copy", "capture.afxdp.zero_copy is \"never\"");
    }
    let kernel = facts.host.kernel_version();
    let since = drivers::known(&nic.driver).and_then(|d| d.zero_copy);
    let has = nic.xdp.as_ref().map_or(since.is_some_and(|since| since <= kernel), |xdp| xdp.zero_copy);
    let source = if nic.xdp.is_some() { "says the driver" } else { "by the table of drivers" };
    if has {
        return Finding::ok("zero-copy", format!("yes, {source}"));
    }
    let finding = Finding::new("zero-copy", plan.zero_copy.lacking(), format!("no, {source}"))
        .because("each packet is copied once more, which costs a good part of the rate");
    match since {
        Some(since) if since > kernel => finding.by_hand(format!("update the kernel: {} brought it", linux(since))),
        Some(_) => finding.by_hand("look at what the driver asks for (queues, firmware, MTU)"),
        None => finding.by_hand("use a NIC with ice, i40e, ixgbe, mlx5, igb or igc where the rate matters"),
    }
}

/// One finding for all offloads that are as they should be, and one for each that is not.
fn offloads(nic: &NicFacts) -> Vec<Finding> {
    const UNWANTED: [(&str, &str, &str); 5] = [
        ("rx-gro", "gro", "packets are merged before XDP in the network stack sees them, and time goes into it"),
        ("rx-gro-hw", "gro-hw", "the NIC merges packets: sizes, flags and checksums are not those of the wire"),
        ("rx-lro", "lro", "the NIC merges packets, and drivers refuse XDP while it does"),
        (
            "rx-vlan-hw-parse",
            "vlan-stripping",
            "the NIC takes the VLAN tag out of the packet, where the sensor looks for it",
        ),
        (
            "rx-vlan-stag-hw-parse",
            "vlan-stripping-802.1ad",
            "the NIC takes the outer VLAN tag out of the packet, where the sensor looks for it",
        ),
    ];
    if nic.features.is_empty() {
        return vec![Finding::skip("offloads", "the driver does not tell them")];
    }
    let mut findings = Vec::new();
    let mut off = Vec::new();
    for (name, check, why) in UNWANTED {
        let Some(feature) = nic.features.get(name) else { continue };
        if nic.driver == "veth" && name.contains("vlan") {
            continue;
        }
        let fix = Setting::Offload { interface: nic.name.clone(), name: name.to_owned(), on: false };
        match (feature.on, feature.fixed) {
            (false, _) => off.push(check),
            (true, false) => findings.push(Finding::warn(check, "on").because(why).fixed_by([fix])),
            (true, true) => findings.push(Finding::warn(check, "on, and cannot be turned off").because(why)),
        }
    }
    if !off.is_empty() {
        findings.push(Finding::ok("offloads", format!("off: {}", off.join(", "))));
    }
    if nic.driver == "veth" {
        findings.push(Finding::skip(
            "vlan-stripping",
            "the other end decides: `ethtool -K OTHER-END txvlan off` keeps tags in packets",
        ));
    }
    findings.push(checksums(nic));
    findings.push(filters(nic));
    findings
}

/// What the NIC says of checksums does not come along with a packet that XDP takes.
fn checksums(nic: &NicFacts) -> Finding {
    if nic.driver == "veth" {
        return Finding::skip(
            "rx-checksum",
            "the other end decides: `ethtool -K OTHER-END tx off` fills in the checksums of packets that the host itself makes",
        );
    }
    let state = if nic.is_on("rx-checksum") { "on" } else { "off" };
    Finding::ok("rx-checksum", format!("{state}, which makes no difference: the sensor verifies checksums itself"))
}

/// Rules that steer packets to queues, which go before the hash.
fn filters(nic: &NicFacts) -> Finding {
    if nic.is_on("rx-ntuple-filter") {
        return Finding::ok(
            "filters",
            format!("on: `ethtool -n {}` must list no rule that parts a connection", nic.name),
        );
    }
    Finding::ok("filters", "off")
}

fn rings(plan: &Plan, nic: &NicFacts) -> Finding {
    let Some(rings) = nic.rings.filter(|rings| rings.max_rx > 0) else {
        return Finding::skip("rings", "the driver does not tell them");
    };
    let found = format!("{} receive descriptors of at most {}", rings.rx, rings.max_rx);
    if rings.rx > plan.fill_ring {
        return Finding::warn("rings", format!("{found}; capture.afxdp.fill_ring is {}", plan.fill_ring))
            .because("the sensor cannot fill the NIC's ring")
            .by_hand(format!(
                "set capture.afxdp.fill_ring to {}",
                rings.rx.checked_next_power_of_two().unwrap_or(65536).min(65536)
            ));
    }
    let wanted = rings.max_rx.min(plan.fill_ring);
    if rings.rx >= GOOD_RING.min(wanted) {
        return Finding::ok("rings", found);
    }
    let tx = rings.tx.max(rings.max_tx.min(GOOD_RING));
    Finding::warn("rings", found)
        .because("a short pause of a worker loses packets in the NIC")
        .fixed_by([Setting::Rings { interface: nic.name.clone(), rx: wanted, tx }])
}

/// Drivers in which small values of rx-usecs mean "as the driver likes", and the largest of these.
fn dynamic_usecs(driver: &str) -> u32 {
    match driver {
        "igb" | "igc" => 3,
        "ixgbe" => 1,
        _ => 0,
    }
}

fn coalescing(nic: &NicFacts) -> Finding {
    let Some(now) = nic.coalescing else { return Finding::skip("coalescing", "the driver does not tell it") };
    // A virtual NIC has no timer to set.
    if nic.is_virtual() || nic.driver == "virtio_net" {
        return Finding::skip("coalescing", "not for a virtual NIC");
    }
    let fix = || Setting::Coalescing {
        interface: nic.name.clone(),
        adaptive_rx: false,
        rx_usecs: GOOD_USECS,
        rx_frames: now.rx_frames,
    };
    let dynamic = now.rx_usecs > 0 && now.rx_usecs <= dynamic_usecs(&nic.driver);
    if now.adaptive_rx || dynamic {
        return Finding::warn("coalescing", format!("adaptive, now {} µs", now.rx_usecs))
            .because("the driver makes interrupts rarer while a burst comes, and the ring overflows")
            .fixed_by([fix()]);
    }
    if now.rx_usecs > MANY_USECS {
        return Finding::warn("coalescing", format!("an interrupt after {} µs", now.rx_usecs))
            .because("packets wait that long in the NIC, and in line the traffic does")
            .fixed_by([fix()]);
    }
    Finding::ok("coalescing", format!("an interrupt after {} µs", now.rx_usecs))
}

fn flow_control(nic: &NicFacts) -> Finding {
    let Some(now) = nic.flow_control else { return Finding::skip("flow-control", "the driver does not tell it") };
    if !now.rx && !now.tx {
        return Finding::ok("flow-control", "off");
    }
    // Of these drivers, autonegotiation would turn it on again; the others refuse to change that here.
    let autoneg = now.autoneg && !matches!(nic.driver.as_str(), "e1000e" | "igb" | "igc" | "ixgbe");
    let off = Setting::FlowControl { interface: nic.name.clone(), autoneg, rx: false, tx: false };
    let word = |on: bool| if on { "on" } else { "off" };
    Finding::warn("flow-control", format!("receive {}, send {}", word(now.rx), word(now.tx)))
        .because("a busy sensor stops the switch for a moment, which then drops at the mirror, where nobody counts it")
        .fixed_by([off])
}

fn mtu(facts: &Facts, plan: &Plan, nic: &NicFacts) -> Finding {
    let room = plan.frame_size.saturating_sub(HEADROOM);
    let longest = nic.mtu.saturating_add(LINK_HEADER);
    let found = format!("{} bytes", nic.mtu);
    if nic.driver == "loopback" || longest <= room {
        return Finding::ok("mtu", found);
    }
    let larger = "set capture.afxdp.frame_size to 4096";
    let lower = format!("ip link set dev {} mtu {}", nic.name, room.saturating_sub(LINK_HEADER));
    if !plan.multi_buffer || facts.host.kernel_version() < (6, 6) {
        let reason = if plan.multi_buffer {
            "Linux 6.6 takes packets of several frames, this one does not"
        } else {
            "capture.afxdp.multi_buffer is off"
        };
        let finding = Finding::fail("mtu", format!("{found}; a frame of packet memory holds {room} ({reason})"))
            .because("longer packets are dropped");
        return if longest <= 4096 - HEADROOM { finding.by_hand(larger) } else { finding.by_hand(lower) };
    }
    if nic.xdp.as_ref().is_some_and(|xdp| !xdp.multi_buffer) {
        return Finding::fail("mtu", format!("{found}; the driver takes XDP packets of one buffer only"))
            .because("it refuses the XDP program, or drops longer packets")
            .by_hand(lower);
    }
    Finding::ok("mtu", format!("{found}: longer packets take several frames"))
}
