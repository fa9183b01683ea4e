//! Flows that need no more inspection: which they are, who lets them by, and what is counted of it.
//!
//! A rule's `bypass` makes a flow one, and whatever `[capture.bypass]` asks for. Live, such a flow is handed to the XDP program if it can
//! know it: TCP or UDP straight over IP, in no tunnel and carrying none, behind two VLAN tags at most. Else, and in capture
//! files, its packets still come here, and are let by after the flow was looked up.

use super::Flow;
use crate::capture::early_config::{BypassConfig, DepthBypass};
use crate::capture::kernel_flows::{Handed, KernelFlows};
use crate::event::DirectionCount;
use crate::packet::{Addr, IpProto};
use crate::time::Timestamp;
use sekisho_ebpf::early::FlowKey;

crate::counters! {
    /// What is counted of flows that are let by.
    pub struct BypassCounters {
        /// Flows that a rule's `bypass` let by.
        by_rule => "bypass_rule_flows_total",
        /// Flows let by since both directions are encrypted.
        encrypted => "bypass_encrypted_flows_total",
        /// Flows let by since the stream depth was reached.
        stream_depth => "bypass_stream_depth_flows_total",
        /// Flows let by since a `pass` rule lets them by whole.
        passed => "bypass_passed_flows_total",
        /// Flows let by for their size.
        elephant => "bypass_elephant_flows_total",
        /// Flows that the XDP program lets by now.
        kernel_active => "bypass_kernel_active_flows",
        /// Flows handed to the XDP program.
        kernel_flows => "bypass_kernel_flows_total",
        /// Flows not handed to it: it knew as many as it can.
        kernel_full => "bypass_kernel_full_flows_total",
        /// Flows not handed to it: of a kind that it does not know (tunnels, neither TCP nor UDP, more than two VLAN tags).
        kernel_unfit => "bypass_kernel_unfit_flows_total",
        /// Flows not handed to it: the other direction's worker had done so.
        kernel_known => "bypass_kernel_known_flows_total",
        /// Flows not handed to it: the kernel refused.
        kernel_failed => "bypass_kernel_failed_flows_total",
        /// Packets that the XDP program let by, of flows that have ended.
        kernel_packets => "bypass_kernel_packets_total",
        /// Bytes that the XDP program let by, of flows that have ended.
        kernel_bytes => "bypass_kernel_bytes_total",
    }
}

/// Decides, hands over and counts: one per worker.
#[derive(Debug)]
pub struct Bypass {
    /// What was counted so far.
    pub counters: BypassCounters,
    config: BypassConfig,
    /// Something beside rules makes flows be let by.
    asks: bool,
    /// UDP ports whose datagrams are looked into.
    tunnels: Vec<u16>,
    kernel: Option<KernelFlows>,
}

impl Bypass {
    /// `tunnels`: UDP ports of tunnels, whose flows are only carriers.
    #[must_use]
    pub fn new(config: &BypassConfig, tunnels: Vec<u16>) -> Self {
        let asks =
            config.encrypted || config.stream_depth != DepthBypass::Never || config.passed || config.elephant_bytes > 0;
        Self { counters: BypassCounters::default(), config: config.clone(), asks, tunnels, kernel: None }
    }

    /// From now on flows are handed to the XDP program.
    pub fn use_kernel(&mut self, kernel: KernelFlows) {
        self.kernel = Some(kernel).filter(|_| self.config.kernel);
    }

    /// Whether the configuration lets flows by, so that they are to be looked at.
    #[inline]
    #[must_use]
    pub fn asks(&self) -> bool {
        self.asks
    }

    /// Whether the flow is to be let by from now on, and counts why. `encrypted` and `passed`: what detection knows of it.
    pub fn wants<U>(&mut self, flow: &Flow<U>, encrypted: bool, passed: bool) -> bool {
        let (config, counters) = (&self.config, &mut self.counters);
        let reason = if config.encrypted && encrypted {
            &mut counters.encrypted
        } else if config.passed && passed {
            &mut counters.passed
        } else if reached(flow.tcp.depth_reached(), config.stream_depth) {
            &mut counters.stream_depth
        } else if config.elephant_bytes > 0 && bytes(&flow.counts) > config.elephant_bytes {
            &mut counters.elephant
        } else {
            return false;
        };
        *reason += 1;
        true
    }

    /// A flow is let by from now on.
    pub fn begin<U>(&mut self, flow: &mut Flow<U>) {
        let Some(kernel) = &mut self.kernel else { return };
        let counters = &mut self.counters;
        let Some(key) = kernel_key(flow, &self.tunnels) else {
            counters.kernel_unfit += 1;
            return;
        };
        match kernel.hand_over(flow.id, key) {
            Handed::Over => {
                flow.in_kernel = true;
                counters.kernel_flows += 1;
                counters.kernel_active += 1;
            }
            Handed::Full => counters.kernel_full += 1,
            Handed::Known => counters.kernel_known += 1,
            Handed::Failed => counters.kernel_failed += 1,
        }
    }

    /// When the flow's last packet came, wherever it was let by.
    #[must_use]
    pub fn last<U>(&self, flow: &Flow<U>) -> Timestamp {
        let elsewhere = self.kernel.as_ref().and_then(|kernel| kernel.last(flow.id));
        elsewhere.map_or(flow.last, |last| last.max(flow.last))
    }

    /// The flow ends: what the XDP program counted is added to it, and returned.
    pub fn end<U>(&mut self, flow: &mut Flow<U>) -> Option<[DirectionCount; 2]> {
        if !std::mem::take(&mut flow.in_kernel) {
            return None;
        }
        let returned = self.kernel.as_mut()?.take_back(flow.id, flow.client_is_high())?;
        for (sum, more) in flow.counts.iter_mut().zip(&returned.counts) {
            sum.packets = sum.packets.saturating_add(more.packets);
            sum.bytes = sum.bytes.saturating_add(more.bytes);
            self.counters.kernel_packets = self.counters.kernel_packets.wrapping_add(more.packets);
            self.counters.kernel_bytes = self.counters.kernel_bytes.wrapping_add(more.bytes);
        }
        self.counters.kernel_active = self.counters.kernel_active.saturating_sub(1);
        flow.last = returned.last.map_or(flow.last, |last| last.max(flow.last));
        Some(returned.counts)
    }
}

fn reached([to_server, to_client]: [bool; 2], when: DepthBypass) -> bool {
    match when {
        DepthBypass::Never => false,
        DepthBypass::Both => to_server && to_client,
        DepthBypass::Either => to_server || to_client,
    }
}

fn bytes([to_server, to_client]: &[DirectionCount; 2]) -> u64 {
    to_server.bytes.saturating_add(to_client.bytes)
}

/// The flow as the XDP program knows it, if it can.
fn kernel_key<U>(flow: &Flow<U>, tunnels: &[u16]) -> Option<FlowKey> {
    let ((source, from), (destination, to)) = (flow.client(), flow.server());
    let carries = flow.proto() == IpProto::UDP && (tunnels.contains(&from) || tunnels.contains(&to));
    let known = matches!(flow.proto(), IpProto::TCP | IpProto::UDP);
    if !known || carries || flow.tunnel_id() != 0 || flow.vlans.count > 2 {
        return None;
    }
    let vlan = |i: usize| if i < usize::from(flow.vlans.count) { flow.vlans.ids[i] } else { 0 };
    let end = |address: Addr, port| ([(address.0 >> 64) as u64, address.0 as u64], port);
    let vlans = [vlan(0), vlan(1)];
    let (key, _) = FlowKey::of(end(source, from), end(destination, to), vlans, flow.proto().0, flow.ip_version());
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_depth_counts_as_the_configuration_says() {
        let cases = [[false, false], [true, false], [false, true], [true, true]];
        let reached = |when| cases.map(|case| reached(case, when));
        assert_eq!(reached(DepthBypass::Never), [false; 4]);
        assert_eq!(reached(DepthBypass::Either), [false, true, true, true]);
        assert_eq!(reached(DepthBypass::Both), [false, false, false, true]);
    }
}
