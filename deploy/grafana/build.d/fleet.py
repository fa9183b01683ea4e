"""Fleet: every office at a glance."""
from lib import *

UP = values((1, "up", GREEN), (0, "gone", RED))
LOSS = thresholds(GREEN, (0.001, YELLOW), (0.05, RED))
FIRED = thresholds(GREEN, (1, RED))


def dashboard():
    offices = table(
        "Every office",
        """One line a sensor. Health: does it answer. Lost: share of packets that came and were not inspected, over 5 minutes.
        Busy: the busiest worker; above 90 % the next burst is lost. Rules: the beginning of the ruleset's hash; all offices should have the
        same. Click an office to see its sensor.""",
        [
            ("Health", "max by (office, instance) (up{job=\"sekisho\"})", "none", None),
            ("Traffic", "max by (office, instance) (office_instance:sekisho_seen_bits:rate5m)", "bps", None),
            ("Lost", "max by (office, instance) (office_instance:sekisho_lost_packets:ratio_rate5m)", "percentunit", LOSS),
            ("Busy", "max by (office, instance) (office_instance_queue:sekisho_worker_busy:ratio_rate5m)", "percentunit",
             thresholds(GREEN, (0.7, YELLOW), (0.9, RED))),
            ("Alerts", "sum by (office, instance) (increase(sekisho_alerts_by_severity_total[$__range]))", "short", None),
            ("Severity 1", "sum by (office, instance) (increase(sekisho_alerts_by_severity_total{severity=\"1\"}[$__range]))", "short", FIRED),
            ("Rules age", "time() - max by (office, instance) (sekisho_ruleset_loaded_timestamp_seconds)", "s",
             thresholds(GREEN, (7 * 86400, YELLOW), (14 * 86400, RED))),
            ("Up for", "max by (office, instance) (sekisho_uptime_seconds)", "s", None),
            ("Version", "max by (office, instance, version) (sekisho_build_info)", "none", None),
            ("Ruleset", "max by (office, instance, hash) (label_replace(sekisho_ruleset_info, \"hash\", \"$1\", \"hash\", \"(.{12}).*\"))", "none", None),
        ],
        by={"office": "Office", "instance": "Sensor"}, keep={"version": "Version", "hash": "Rules"}, height=8, hide=("Value #I", "Value #J"),
    )
    column(offices, "Office", ("links", [link("See this office", "sekisho-office", office="${__data.fields.Office}")]))
    column(offices, "Sensor", ("custom.width", 160))
    column(offices, "Health", ("mappings", UP), ("custom.cellOptions", {"type": "color-background", "mode": "basic"}), ("custom.width", 80))
    for name in ("Alerts", "Severity 1"):
        column(offices, name, ("decimals", 0))
    alarms = table(
        "Alarms now",
        "What Prometheus holds to be wrong at this moment, as Alertmanager gets it. Pending: not for long enough yet. Empty is good.",
        [("Since", "min by (alertname, office, severity, alertstate) (ALERTS{alertname=~\"Sekisho.*\"})", "none", None)],
        by={"alertname": "Alarm", "office": "Office", "severity": "Severity", "alertstate": "State"}, width=12, height=8, hide=("Value",),
    )
    column(alarms, "Alarm", ("custom.width", 260))
    return board("sekisho-fleet", "Sekisho / Fleet", "Every office at a glance: health, loss, alerts, rules.", [], [
        stat("Sensors that answer", "Sensors that Prometheus could read at the last scrape.", query("sum(up{job=\"sekisho\"})"), steps=thresholds(RED, (1, GREEN))),
        stat("Sensors gone", "Sensors that are configured and do not answer. Each is an office without eyes.", query("count(up{job=\"sekisho\"} == 0) or vector(0)"),
             steps=FIRED),
        stat("Worst loss", "The highest share of packets that any sensor did not get to inspect, over 5 minutes. From 0.1 % on streams begin to break.",
             query("max(office_instance:sekisho_lost_packets:ratio_rate5m)"), "percentunit", LOSS, decimals=2),
        stat("Alerts", "Alerts of all offices in the time range chosen.", query("sum(increase(sekisho_alerts_by_severity_total[$__range]))"), spark=False, decimals=0),
        stat("Highest severity", "Alerts of severity 1 of all offices in the time range: attacks that worked, malware that talks.",
             query("sum(increase(sekisho_alerts_by_severity_total{severity=\"1\"}[$__range]))"), steps=FIRED, decimals=0),
        stat("Rulesets in use", "Different rulesets over the fleet. More than one is right only while new rules are rolled out.",
             query("count(count by (hash) (sekisho_ruleset_info))"), steps=thresholds(GREEN, (2, YELLOW))),
        offices,
        graph("Traffic", "Bits a second on all ports of each office, as its XDP program counted them.",
              query("sum by (office) (office_instance:sekisho_seen_bits:rate5m)", "{{office}}"), "bps"),
        graph("Loss", "Share of packets that were not inspected since the sensor was too slow. Yellow from 0.1 %, red from 5 %.",
              query("max by (office) (office_instance:sekisho_lost_packets:ratio_rate5m)", "{{office}}"), "percentunit", steps=LOSS, high=0.01),
        graph("Alerts by office", "Alerts in each step of the graph. A single high bar is an incident or a bad new rule; the same at all offices is the latter.",
              query("sum by (office) (increase(sekisho_alerts_by_severity_total[$__rate_interval]))", "{{office}}"), bars=True, stack=True, calcs=("sum",)),
        alarms,
        bars("Signatures at several offices", "Signatures by the number of offices at which they alerted within the last hour. Three or more are a campaign, a worm, "
             "or a rule that fits ordinary traffic.", query("topk(10, sid:sekisho_offices_alerting:count1h)", "{{sid}}", instant=True), width=12,
             steps=thresholds(BLUE, (2, YELLOW), (3, RED))),
        graph("Highest load", "The busiest worker of each office: the share of its time in which it had packets at hand.",
              query("max by (office) (office_instance_queue:sekisho_worker_busy:ratio_rate5m)", "{{office}}"), "percentunit",
              steps=thresholds(GREEN, (0.7, YELLOW), (0.9, RED)), max=1),
    ])
