"""Signatures: what fires, where, and what it costs."""
from lib import *

OF = 'office=~"$office"'


def dashboard():
    loudest = table(
        "What fires", "Signatures that alerted in the time range, loudest first, with the number of offices at which they did within the last hour.",
        [("Alerts", f"sum by (sid) (increase(sekisho_alerts_total{{{OF}}}[$__range])) * on (sid) group_left (msg, category, severity, action) "
                    f"max by (sid, msg, category, severity, action) (sekisho_signature_info{{{OF}}}) > 0", "short", None),
         ("Offices", f"max by (sid) (sid:sekisho_offices_alerting:count1h) and on (sid) sum by (sid) (increase(sekisho_alerts_total{{{OF}}}[$__range])) > 0", "none", thresholds("transparent", (3, RED)))],
        by={"sid": "Signature"}, keep={"msg": "Message", "severity": "Severity", "category": "Category", "action": "Action"}, height=10, sort="Alerts")
    column(loudest, "Alerts", ("decimals", 0), ("custom.width", 90))
    for name, width in (("Signature", 110), ("Severity", 90), ("Offices", 90), ("Action", 90), ("Category", 230)):
        column(loudest, name, ("custom.width", width))
    costs = table(
        "What costs",
        """The costliest rules (each sensor tells its 20 costliest), since the ruleset was loaded: worker time, how often the rule was tried since its fast pattern was there, and how often all of it
        held. Much time with few matches asks for a longer or rarer content.""",
        [("Time", f"topk(20, sum by (sid) (sekisho_rule_seconds_total{{{OF}}}))", "s", None),
         ("Tried", f"sum by (sid) (sekisho_rule_candidates_total{{{OF}}})", "short", None),
         ("Matched", f"sum by (sid) (sekisho_rule_matches_total{{{OF}}})", "short", None)],
        by={"sid": "Signature"}, width=12, height=10, sort="Time")
    rulesets = table(
        "Rulesets", "Which office judges by which rules. Skipped rules need what is not built; failed ones have errors (`sekisho check` shows them).",
        [("Loaded", f"max by (office, state) (sekisho_ruleset_rules{{{OF},state=\"loaded\"}})", "none", None),
         ("Skipped", f"max by (office) (sekisho_ruleset_rules{{{OF},state=\"skipped\"}})", "none", None),
         ("Failed", f"max by (office) (sekisho_ruleset_rules{{{OF},state=\"failed\"}})", "none", thresholds(GREEN, (1, YELLOW))),
         ("Paused", f"max by (office) (sekisho_rules_paused{{{OF}}})", "none", thresholds(GREEN, (1, RED))),
         ("Reload", f"min by (office) (sekisho_reload_last_successful{{{OF}}})", "none", thresholds(RED, (1, GREEN))),
         ("Took", f"max by (office) (sekisho_ruleset_load_seconds{{{OF}}})", "s", None),
         ("Ruleset", f"max by (office, hash) (label_replace(sekisho_ruleset_info{{{OF}}}, \"hash\", \"$1\", \"hash\", \"(.{{12}}).*\"))", "none", None)],
        by={"office": "Office"}, keep={"hash": "Rules"}, width=12, height=10, hide=("state", "Value #G"))
    column(rulesets, "Rules", ("custom.width", 120))
    column(rulesets, "Reload", ("mappings", values((1, "ok", GREEN), (0, "failed", RED))))
    return board("sekisho-signatures", "Sekisho / Signatures", "What fires, where, and what it costs.", [OFFICES], [
        loudest,
        graph("Loudest signatures", "Alerts in each step of the graph, of the ten signatures that alerted most.",
              query(f"topk(10, sum by (sid) (increase(sekisho_alerts_total{{{OF}}}[$__rate_interval])) > 0)", "{{sid}}"), bars=True, stack=True, calcs=("sum",)),
        graph("Categories", "Alerts in each step of the graph, by the rules' classtype.",
              query(f"topk(10, sum by (category) (increase(sekisho_alerts_by_category_total{{{OF}}}[$__rate_interval])) > 0)", "{{category}}"), bars=True, stack=True,
              calcs=("sum",)),
        costs,
        rulesets,
        graph("From bytes to matches", """How rules are sorted out: occurrences of fast patterns, rules tried because of them, judgements of payload, matches. Each step
              should be far below the one before.""",
              queries((f"sum(rate(sekisho_detect_literal_hits_total{{{OF}}}[$__rate_interval]))", "pattern hits"),
                      (f"sum(rate(sekisho_detect_candidates_total{{{OF}}}[$__rate_interval]))", "rules tried"),
                      (f"sum(rate(sekisho_detect_judgements_total{{{OF}}}[$__rate_interval]))", "judgements"),
                      (f"sum(rate(sekisho_detect_matches_total{{{OF}}}[$__rate_interval]))", "matches")), "ops", width=8),
        graph("What detection could not do", """Limits that detection met: hits beyond what one scan may look at, judgements that ran out of steps, rules judged early, streams with no room for their state. All should be 0
              or near it; an attacker may try to reach them.""",
              queries((f"sum(rate(sekisho_detect_literal_hits_lost_total{{{OF}}}[$__rate_interval]))", "hits lost"),
                      (f"sum(rate(sekisho_detect_out_of_steps_total{{{OF}}}[$__rate_interval]))", "out of steps"),
                      (f"sum(rate(sekisho_detect_parked_early_total{{{OF}}}[$__rate_interval]))", "judged early"),
                      (f"sum(rate(sekisho_detect_streams_refused_total{{{OF}}}[$__rate_interval]))", "streams refused"),
                      (f"sum(rate(sekisho_detect_history_taken_total{{{OF}}}[$__rate_interval]))", "look-back taken")), "ops", width=8),
        graph("Matches not told", "Matches held back by thresholds, and rules not tried since they are paused for their cost.",
              queries((f"sum(rate(sekisho_detect_suppressed_total{{{OF}}}[$__rate_interval]))", "by a threshold"),
                      (f"sum(rate(sekisho_detect_paused_total{{{OF}}}[$__rate_interval]))", "rule paused")), "ops", width=8),
        graph("Payload scanned", "Bytes a second that Hyperscan looked through.",
              query(f"sum by (office) (rate(sekisho_detect_scanned_bytes_total{{{OF}}}[$__rate_interval]))", "{{office}}"), "Bps"),
        graph("Reloads", "Reloads in each step of the graph. After a failed one the rules before it are still judged.",
              query(f"sum by (office, result) (increase(sekisho_reloads_total{{{OF}}}[$__rate_interval]))", "{{office}} {{result}}"), bars=True, calcs=("sum",)),
    ])
