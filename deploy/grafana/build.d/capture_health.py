"""Capture health: rings, queues, workers, memory."""
from lib import *

OF = 'office="$office"'
Q = "{{interface}} queue {{queue}}"
FULL = thresholds(GREEN, (0.7, YELLOW), (0.9, RED))


def by_queue(name, rate=True):
    inner = f"rate({name}{{{OF}}}[$__rate_interval])" if rate else f"{name}{{{OF}}}"
    return f"sum by (interface, queue) ({inner})"


def quantile(q, name):
    return f"histogram_quantile({q}, sum by (le) (rate({name}_bucket{{{OF}}}[$__rate_interval])))"


def dashboard():
    queues_table = table(
        "Queues", """How frames come to each worker: zero_copy is the fast way, copy the one that every driver has; generic means that the driver does not take the XDP program. Unaccounted wavers
        around 0 by what is on its way.""",
        [("Packets/s", by_queue("sekisho_packets_received_total"), "pps", None),
         ("Busy", f"max by (interface, queue) (office_instance_queue:sekisho_worker_busy:ratio_rate5m{{{OF}}})", "percentunit", FULL),
         ("Ring full/s", by_queue("sekisho_afxdp_rx_ring_full_total"), "pps", thresholds(GREEN, (0.001, RED))),
         ("In flight", by_queue("sekisho_packets_in_flight", False), "short", None),
         ("Unaccounted", f"sum by (interface, queue) (office_instance_queue:sekisho_unaccounted_packets:increase1h{{{OF}}})", "short", thresholds(GREEN, (10000, RED))),
         ("Capture", f"max by (interface, queue, mode, attach, driver) (sekisho_capture_info{{{OF}}})", "none", None)],
        by={"interface": "Interface", "queue": "Queue"}, keep={"mode": "Frames", "attach": "XDP", "driver": "Driver"}, width=24, height=6, hide=("Value #F",))
    for name in ("In flight", "Unaccounted"):
        column(queues_table, name, ("decimals", 0))
    return board("sekisho-capture-health", "Sekisho / Capture health", "Rings, queues, workers and memory of one office's sensor.", [OFFICE], [
        queues_table,
        row("Workers"),
        graph("Worker busy", "Share of its time that each worker had packets at hand. One line high above the others: traffic is spread unequally (RSS). All high: too much for this machine.",
              query(f"sum by (interface, queue) (office_instance_queue:sekisho_worker_busy:ratio_rate5m{{{OF}}})", Q), "percentunit", steps=FULL, max=1, width=8),
        graph("Packets at once", "Packets that a worker took from its ring at once, median and 99 of 100. Full batches all the time mean that it lags behind.",
              queries((quantile(0.5, "sekisho_worker_batch_packets"), "median"), (quantile(0.99, "sekisho_worker_batch_packets"), "99 %")), "short", width=8),
        graph("Time of a batch", "From taking a batch to being done with it, median and 99 of 100. In line this is the delay that the sensor adds.",
              queries((quantile(0.5, "sekisho_worker_batch_seconds"), "median"), (quantile(0.99, "sekisho_worker_batch_seconds"), "99 %")), "s", width=8),
        row("From the NIC to the worker"),
        graph("What the XDP program did", "Packets by what the program did with them: redirected ones go to a worker, all others are done with.",
              query(f"sum by (outcome, reason) (rate(sekisho_xdp_packets_total{{{OF}}}[$__rate_interval])) > 0", "{{outcome}} {{reason}}"), "pps", stack=True, width=8),
        graph("Lost at the ring", "Packets that found the worker's ring full (too slow), or no empty frame (too few frames). Each is a packet that nobody inspected.",
              queries((by_queue("sekisho_afxdp_rx_ring_full_total"), Q + ": ring full"), (by_queue("sekisho_afxdp_rx_dropped_total"), Q + ": no frame")), "pps",
              steps=thresholds(GREEN, (0.001, RED)), width=8),
        graph("Rings found empty", "Times a second that the kernel wanted an empty frame, or something to send, and found none. Ordinary while a sensor sends nothing; with loss, more frames (capture.afxdp.frames) help.",
              queries((by_queue("sekisho_afxdp_rx_fill_ring_empty_descs_total"), Q + ": fill"), (by_queue("sekisho_afxdp_tx_ring_empty_descs_total"), Q + ": transmit")), "ops", width=8),
        graph("Defects of descriptors", "Descriptors that one side of a ring refused, packets cut, and frames with no place in packet memory. Anything but 0 is a defect of the sensor or the driver.",
              queries((by_queue("sekisho_afxdp_rx_invalid_descs_total"), Q + ": fill refused"), (by_queue("sekisho_afxdp_tx_invalid_descs_total"), Q + ": transmit refused"),
                      (by_queue("sekisho_xsk_bad_descs_total"), Q + ": outside memory"), (by_queue("sekisho_xsk_packets_cut_total"), Q + ": cut")), "ops",
              steps=thresholds(GREEN, (0.001, RED)), width=8),
        graph("Shedding and block lists", "1 while a queue sheds new flows since its worker is behind; entries of the block list in use; listed packets that were counted and let on.",
              queries((f"max(sekisho_shedding{{{OF}}}) or vector(0)", "sheds"), (f"max by (interface) (sekisho_blocklist_entries{{{OF}}})", "{{interface}}: entries"),
                      (f"sum by (interface) (rate(sekisho_blocklist_counted_packets_total{{{OF}}}[$__rate_interval]))", "{{interface}}: listed packets/s")), width=8),
        graph("Left to the kernel", "Packets a second of flows that need no more inspection and are counted in the kernel, and how many such flows there are.",
              queries((by_queue("sekisho_bypass_kernel_packets_total"), Q + ": packets/s"), (by_queue("sekisho_bypass_kernel_active_flows", False), Q + ": flows")), width=8),
        row("Memory against its caps"),
        graph("How full tables are", "Flows, stream segments and fragments, each as a share of its cap. Beyond 100 % the oldest are given up, and with them what was known of their connections.",
              queries((f"max(office_instance_queue:sekisho_flow_table:ratio{{{OF}}})", "flows"), (f"max(office_instance_queue:sekisho_stream_memory:ratio{{{OF}}})", "stream segments"),
                      (f"max(office_instance_queue:sekisho_defrag_memory:ratio{{{OF}}})", "fragments")), "percentunit", steps=FULL, max=1, width=8),
        graph("Flows", "Flows in the table, and the most that there is room for, all workers together.",
              queries((f"sum(sekisho_flow_active{{{OF}}})", "flows"), (f"sum(sekisho_flow_capacity{{{OF}}})", "room")), width=8),
        graph("Given up for want of room", "Flows evicted, packets without a flow, holes in streams given up and fragments refused, a second. Anything but 0 is a place to hide.",
              queries((f"sum(rate(sekisho_flow_ended_forced_total{{{OF}}}[$__rate_interval]))", "flows evicted"),
                      (f"sum(rate(sekisho_flow_table_full_packets_total{{{OF}}}[$__rate_interval]))", "packets with no flow"),
                      (f"sum(rate(sekisho_stream_memcap_hits_total{{{OF}}}[$__rate_interval]))", "stream holes"),
                      (f"sum(rate(sekisho_defrag_memory_refused_fragments_total{{{OF}}}[$__rate_interval]))", "fragments")), "ops", steps=thresholds(GREEN, (0.001, YELLOW)), width=8),
        graph("Memory in bytes", "What flows, streams and fragments take, with their caps.",
              queries((f"sum(sekisho_flow_memory_bytes{{{OF}}})", "flows"), (f"sum(sekisho_flow_memory_limit_bytes{{{OF}}})", "flows, cap"),
                      (f"sum(sekisho_stream_memory_bytes{{{OF}}})", "streams"), (f"sum(sekisho_stream_memory_limit_bytes{{{OF}}})", "streams, cap"),
                      (f"sum(sekisho_defrag_memory_bytes{{{OF}}})", "fragments"), (f"sum(sekisho_defrag_memory_limit_bytes{{{OF}}})", "fragments, cap")), "bytes", width=8),
        graph("The process", "Memory that the sensor's process holds.", queries((f"sum(process_resident_memory_bytes{{job=\"sekisho\",{OF}}})", "resident")), "bytes", width=8),
        graph("CPU", "CPUs that the process keeps busy. Workers that wait take none.", query(f"sum(rate(process_cpu_seconds_total{{job=\"sekisho\",{OF}}}[$__rate_interval]))", "CPUs"), "short", width=8),
        row("Quality of what comes in"),
        graph("Lost on the mirror", """Share of the last minute's TCP bytes that their receivers acknowledged and the sensor never saw: lost by the mirror port, the switch or the tap. From 1 % on
              there is an alarm; no counter of the NIC shows it.""",
              query(f"max by (interface) (sekisho_capture_loss_ratio{{{OF}}})", "{{interface}}"), "percentunit", steps=thresholds(GREEN, (0.0005, YELLOW), (0.01, RED)), width=8, high=0.02,
              legend="list"),
        graph("One side only", """Share of the last minute's TCP connections of which only one side is seen. Much of it: one direction is not mirrored, or goes to another queue, where rules on
              established connections do not match.""",
              query(f"max by (interface) (sekisho_capture_one_sided_ratio{{{OF}}})", "{{interface}}"), "percentunit", steps=thresholds(GREEN, (0.2, YELLOW), (0.5, RED)), width=8, max=1,
              legend="list"),
        graph("Frames that came twice", """Second copies a second that were dropped, where capture.duplicates is on. About as many as first ones: both ingress and egress are mirrored, which
              costs half of the mirror port.""",
              query(f"sum by (interface) (rate(sekisho_packets_total{{{OF},reason=\"duplicate\"}}[$__rate_interval]))", "{{interface}}"), "pps", width=8, legend="list"),
        graph("Holes in streams", "Bytes a second that are missing in TCP streams: given up as holes, or acknowledged by the receiver and never seen, which the mirror lost.",
              queries((f"sum(rate(sekisho_stream_gap_bytes_total{{{OF}}}[$__rate_interval]))", "given up"),
                      (f"sum(rate(sekisho_stream_lost_bytes_total{{{OF}}}[$__rate_interval]))", "acknowledged, never seen")), "Bps", width=8),
        graph("Streams", "TCP sessions begun, established, and taken up in their middle, a second. Many without a beginning: only one direction is mirrored, or the sensor has just started.",
              queries((f"sum(rate(sekisho_stream_sessions_total{{{OF}}}[$__rate_interval]))", "sessions"), (f"sum(rate(sekisho_stream_established_total{{{OF}}}[$__rate_interval]))", "established"),
                      (f"sum(rate(sekisho_stream_midstream_sessions_total{{{OF}}}[$__rate_interval]))", "from their middle")), "cps", width=8),
        graph("Broken packets", "The ten commonest decoder events, a second.",
              query(f"topk(10, sum by (event) (rate(sekisho_decoder_events_total{{{OF}}}[$__rate_interval])) > 0) or label_replace(vector(0), \"event\", \"none\", \"\", \"\")", "{{event}}"), "eps", width=8),
        graph("Odd segments", "The ten commonest stream events, a second: retransmissions with other data, segments out of their window.",
              query(f"topk(10, sum by (event) (rate(sekisho_stream_events_total{{{OF}}}[$__rate_interval])) > 0) or label_replace(vector(0), \"event\", \"none\", \"\", \"\")", "{{event}}"), "eps", width=8),
        graph("Wrong checksums", "Packets a second with a wrong checksum. On a host that leaves checksums to its NIC all packets of its own have one: set decode.checksums to ignore.",
              query(f"sum by (interface) (rate(sekisho_decode_bad_checksum_packets_total{{{OF}}}[$__rate_interval]))", "{{interface}}"), "pps", width=8),
        graph("Room on disk", "Free share of the disks that the sensor writes to. When it is gone, events are lost.",
              query(f"min by (folder) (sekisho_disk_free_bytes{{{OF}}} / sekisho_disk_size_bytes{{{OF}}})", "{{folder}}"), "percentunit",
              steps=thresholds(RED, (0.1, YELLOW), (0.2, GREEN)), max=1, width=8),
        graph("Events that wait", "Events between the workers and an output. A line that only rises is an output that stands still.",
              query(f"sum by (output) (sekisho_output_queued_events{{{OF}}})", "{{output}}"), width=8),
        graph("The clock", "Seconds between the sensor's clock and Prometheus', as far as the time of a scrape tells; and whether something keeps it in time (1).",
              queries((f"sekisho_clock_seconds{{{OF}}} - timestamp(sekisho_clock_seconds{{{OF}}})", "off by"), (f"sekisho_clock_synchronized{{{OF}}}", "kept in time")), "s", width=8),
        graph("Interfaces", "1 while the sensor captures from the interface.", query(f"min by (interface) (sekisho_interface_up{{{OF}}})", "{{interface}}"), steps=thresholds(RED, (1, GREEN)),
              width=8, legend="list"),
    ])
