"""Office: one sensor, from what came in to what was found."""
from lib import *

OF = 'office="$office"'
SEVERITY = thresholds(RED, (2, YELLOW), (3, BLUE))


def dashboard():
    ledger = graph(
        "What became of every packet",
        """All packets that came, by what became of them: the coloured areas together are the line "seen". What is inspected went through all of the sensor.
        Let by, dropped and forwarded have a reason each, beside this. Second copies are frames that a mirror sent twice. A gap between the areas and the line would be packets that nobody
        accounts for.""",
        queries(
            (f"sum(rate(sekisho_packets_total{{{OF},outcome=\"inspected\"}}[$__rate_interval]))", "inspected"),
            (f"sum(rate(sekisho_packets_total{{{OF},outcome=\"bypassed\"}}[$__rate_interval])) + sum(rate(sekisho_xdp_packets_total{{{OF},outcome=\"bypassed\"}}[$__rate_interval]))", "let by"),
            (f"sum(rate(sekisho_packets_total{{{OF},outcome=\"dropped\",reason!=\"duplicate\"}}[$__rate_interval])) + sum(rate(sekisho_xdp_packets_total{{{OF},outcome=\"dropped\"}}[$__rate_interval]))", "dropped on purpose"),
            (f"sum(rate(sekisho_packets_total{{{OF},reason=\"duplicate\"}}[$__rate_interval]))", "second copies"),
            (f"sum(rate(sekisho_afxdp_rx_ring_full_total{{{OF}}}[$__rate_interval])) + sum(rate(sekisho_afxdp_rx_dropped_total{{{OF}}}[$__rate_interval]))", "lost before the sensor"),
            (f"sum(rate(sekisho_xdp_packets_total{{{OF},outcome=~\"forwarded|passed|aborted\"}}[$__rate_interval]))", "past the sensor"),
            (f"sum(rate(sekisho_xdp_packets_total{{{OF}}}[$__rate_interval]))", "seen"),
        ), "pps", width=16, height=11, stack=True)
    for name, colour in (("inspected", GREEN), ("let by", BLUE), ("dropped on purpose", "orange"), ("second copies", "yellow"), ("lost before the sensor", RED), ("past the sensor", "purple")):
        column(ledger, name, ("color", {"mode": "fixed", "fixedColor": colour}))
    column(ledger, "seen", ("color", {"mode": "fixed", "fixedColor": "white"}), ("custom.stacking", {"mode": "none", "group": "B"}),
           ("custom.fillOpacity", 0), ("custom.lineWidth", 2))
    reasons = bars(
        "Why packets were not inspected", "Packets in the time range that were let by, dropped or lost, by reason. `sekisho status --drops` explains each word.",
        queries(
            (f"sum by (outcome, reason) (increase(sekisho_packets_total{{{OF},outcome!=\"inspected\"}}[$__range])) > 0", "{{outcome}}: {{reason}}"),
            (f"sum by (outcome, reason) (increase(sekisho_xdp_packets_total{{{OF},outcome!=\"redirected\"}}[$__range])) > 0", "kernel {{outcome}}: {{reason}}"),
            (f"sum(increase(sekisho_afxdp_rx_ring_full_total{{{OF}}}[$__range]))", "lost: ring full"),
            (f"sum(increase(sekisho_afxdp_rx_dropped_total{{{OF}}}[$__range]))", "lost: no frame"),
            instant=True,
        ), width=8, height=11, decimals=0)
    alerts = table(
        "Alerts by signature",
        """What alerted in the time range, loudest first. Action is what the rule asks for: a drop rule blocks only in line. The events themselves, with addresses and
        payload, are in the office's eve.json.""",
        [("Alerts", f"sum by (sid) (increase(sekisho_alerts_total{{{OF}}}[$__range])) * on (sid) group_left (msg, category, severity, action) "
                    f"max by (sid, msg, category, severity, action) (sekisho_signature_info{{{OF}}}) > 0", "short", None)],
        by={"sid": "Signature"}, keep={"msg": "Message", "severity": "Severity", "category": "Category", "action": "Action"},
        width=16, height=9, sort="Alerts")
    column(alerts, "Alerts", ("decimals", 0), ("custom.width", 90))
    column(alerts, "Severity", ("custom.width", 90), ("thresholds", SEVERITY), ("unit", "none"))
    for name, width in (("Category", 220), ("Action", 80)):
        column(alerts, name, ("custom.width", width))
    column(alerts, "Signature", ("custom.width", 110), ("links", [link("See this signature", "sekisho-signatures")]))
    outputs = table(
        "Outputs", """Where events go. Waiting: events between the workers and the output; room is what its own queues hold (0: it is the only output, and waits in the workers' queues). Lost counts
        the time range.""",
        [("State", f"max by (output) (sekisho_output_connected{{{OF}}})", "none", None),
         ("Stalled", f"max by (output) (sekisho_output_stalled{{{OF}}})", "none", None),
         ("Waiting", f"sum by (output) (sekisho_output_queued_events{{{OF}}})", "short", None),
         ("Room", f"sum by (output) (sekisho_output_queue_capacity_events{{{OF}}})", "short", None),
         ("Lost alerts", f"sum by (output) (increase(sekisho_output_lost_events_total{{{OF},class=\"alert\"}}[$__range]))", "short", thresholds(GREEN, (1, RED))),
         ("Lost others", f"sum by (output) (increase(sekisho_output_lost_events_total{{{OF},class=\"other\"}}[$__range]))", "short", thresholds(GREEN, (1, YELLOW))),
         ("Reconnects", f"sum by (output) (increase(sekisho_output_reconnects_total{{{OF}}}[$__range]))", "short", None),
         ("Last failed", f"max by (output) (sekisho_output_last_error_timestamp_seconds{{{OF}}}) * 1000", "dateTimeAsIso", None)],
        by={"output": "Output"}, width=16, height=8)
    coloured = {"type": "color-background", "mode": "basic"}
    column(outputs, "State", ("mappings", values((1, "connected", GREEN), (0, "away", RED))), ("custom.cellOptions", coloured))
    column(outputs, "Stalled", ("mappings", values((1, "stalled", RED), (0, "no", GREEN))), ("custom.cellOptions", coloured))
    column(outputs, "Last failed", ("mappings", values((0, "never", GREY))), ("custom.width", 170))
    for name in ("Waiting", "Room", "Lost alerts", "Lost others", "Reconnects"):
        column(outputs, name, ("decimals", 0))
    return board("sekisho-office", "Sekisho / Office", "One office: traffic, accounts, protocols, alerts.", [OFFICE], [
        stat("Sensor", "Whether the sensor answers.", query(f"min(up{{job=\"sekisho\",{OF}}})"), steps=thresholds(RED, (1, GREEN)),
             mappings=values((1, "up", GREEN), (0, "gone", RED))),
        stat("Traffic", "Bits a second on all ports of the sensor, over 5 minutes.", query(f"sum(office_instance:sekisho_seen_bits:rate5m{{{OF}}})"), "bps", spark=True),
        stat("Not inspected", "Share of packets that came and were not inspected since the sensor was too slow, over 5 minutes.",
             query(f"max(office_instance:sekisho_lost_packets:ratio_rate5m{{{OF}}})"), "percentunit", thresholds(GREEN, (0.001, YELLOW), (0.05, RED)), decimals=2),
        stat("Alerts", "Alerts in the time range.", query(f"sum(increase(sekisho_alerts_by_severity_total{{{OF}}}[$__range]))"), decimals=0),
        stat("Highest severity", "Alerts of severity 1 in the time range.", query(f"sum(increase(sekisho_alerts_by_severity_total{{{OF},severity=\"1\"}}[$__range]))"),
             steps=thresholds(GREEN, (1, RED)), decimals=0),
        stat("Rules", "When the rules were loaded. After two weeks somebody should ask.", query(f"time() - max(sekisho_ruleset_loaded_timestamp_seconds{{{OF}}})"), "s",
             thresholds(GREEN, (7 * 86400, YELLOW), (14 * 86400, RED))),
        row("Accounts: every packet has its place"),
        ledger,
        reasons,
        graph("Traffic by interface", "Bits a second, as the XDP program counted them.",
              query(f"8 * sum by (interface) (rate(sekisho_xdp_bytes_total{{{OF}}}[$__rate_interval]))", "{{interface}}"), "bps", width=8),
        graph("Frames taken", "Bytes a second that workers took out of their rings.",
              query(f"sum by (interface) (rate(sekisho_bytes_received_total{{{OF}}}[$__rate_interval]))", "{{interface}}"), "Bps", width=8),
        graph("In line: what policies decided", """Packets that could not be inspected as they should, by the policy that they met and what it did. Only a sensor in line has policies; on a
              monitoring port this says so with 0.""",
              query(f"sum by (policy, action) (rate(sekisho_exception_policy_packets_total{{{OF}}}[$__rate_interval])) or label_replace(vector(0), \"policy\", \"none\", \"\", \"\")", "{{policy}} {{action}}"), "pps", width=8),
        row("What is found"),
        alerts,
        bars("By category", "Alerts in the time range by the rules' classtype.",
             query(f"topk(10, sum by (category) (increase(sekisho_alerts_by_category_total{{{OF}}}[$__range])) > 0)", "{{category}}", instant=True), height=9, decimals=0),
        graph("Alerts by severity", "Alerts in each step of the graph; 1 is the highest.",
              query(f"sum by (severity) (increase(sekisho_alerts_by_severity_total{{{OF}}}[$__rate_interval]))", "severity {{severity}}"), bars=True, stack=True, calcs=("sum",)),
        graph("Allowed and blocked", "What became of the packets that alerts are about. Only drop and reject rules block, and only in line.",
              query(f"sum by (action) (increase(sekisho_alerts_by_action_total{{{OF}}}[$__rate_interval]))", "{{action}}"), bars=True, stack=True, calcs=("sum",)),
        row("What is spoken"),
        graph("Payload by protocol", "The ten protocols with most payload. Unknown is what no parser recognised, and the first bytes of all others.",
              query(f"topk(10, sum by (protocol) (rate(sekisho_protocol_bytes_total{{{OF}}}[$__rate_interval])) > 0)", "{{protocol}}"), "Bps", width=8, stack=True),
        bars("Flows by protocol", "Flows recognised in the time range, by protocol.",
             query(f"topk(12, sum by (protocol) (increase(sekisho_protocol_flows_total{{{OF}}}[$__range])) > 0)", "{{protocol}}", instant=True), decimals=0),
        graph("New flows", "Flows a second by transport. A scan shows as many new flows and little traffic.",
              queries((f"sum(rate(sekisho_flow_created_tcp_total{{{OF}}}[$__rate_interval]))", "TCP"),
                      (f"sum(rate(sekisho_flow_created_udp_total{{{OF}}}[$__rate_interval]))", "UDP"),
                      (f"sum(rate(sekisho_flow_created_icmp_total{{{OF}}}[$__rate_interval]))", "ICMP"),
                      (f"sum(rate(sekisho_flow_created_total{{{OF}}}[$__rate_interval]))", "all")), "cps", width=8),
        row("Events and evidence"),
        outputs,
        graph("Events lost", "Events a second that an output had no room for, or could not write. Must be 0.",
              queries((f"sum by (output) (rate(sekisho_events_lost_total{{{OF}}}[$__rate_interval]))", "{{output}}: lost"),
                      (f"sum by (output) (rate(sekisho_output_write_errors_total{{{OF}}}[$__rate_interval]))", "{{output}}: write errors")),
              "eps", width=8, steps=thresholds(GREEN, (0.001, RED))),
        graph("Events written", "Events a second that went to the outputs, by type.",
              query(f"sum by (type) (rate(sekisho_events_written_total{{{OF}}}[$__rate_interval])) > 0", "{{type}}"), "eps", width=8),
        graph("Evidence", """Packets a second of flows that alerted (and of the ring of all packets, where it is on) that went to files, and that were lost on the way there: must be 0. With evidence
              off both are 0.""",
              queries((f"sum(rate(sekisho_evidence_written_packets_total{{{OF}}}[$__rate_interval])) or vector(0)", "written"),
                      (f"sum(rate(sekisho_evidence_lost_packets_total{{{OF}}}[$__rate_interval])) or vector(0)", "lost")), "pps", width=8),
        graph("Evidence on disk", "Bytes of evidence in files now, and of packets in memory that wait for the disk.",
              queries((f"sum(sekisho_evidence_stored_bytes{{{OF}}}) or vector(0)", "in files"),
                      (f"sum(sekisho_evidence_queued_bytes{{{OF}}}) or vector(0)", "waiting")), "bytes", width=8),
    ])
