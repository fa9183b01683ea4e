"""Whether two engines alert on the same: sets of (rule, flow), read from eve.json."""
import collections
import json


def key(event):
    """The rule, the protocol and the two endpoints, whichever of them sent the packet."""
    ends = sorted((event.get(f"{side}_ip") or "", int(event.get(f"{side}_port") or 0)) for side in ("src", "dest"))
    proto = (event.get("proto") or "").upper()
    proto = {"IPV6-ICMP": "ICMP"}.get(proto, proto)
    return (int(event["alert"]["signature_id"]), proto, *ends[0], *ends[1])


def read(path):
    """The alerts of an eve.json, each (rule, flow) once. A file that is not there has none."""
    found = set()
    try:
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if '"alert"' in line:
                    event = json.loads(line)
                    if event.get("event_type") == "alert":
                        found.add(key(event))
    except FileNotFoundError:
        pass
    return found


def compare(ours, theirs, shown=30):
    """Counts what both and what only one of them found, and lists the rules behind the differences with an example of each."""
    def by_rule(alerts):
        counts = collections.Counter(alert[0] for alert in alerts)
        return [{"sid": sid, "flows": flows, "example": " ".join(map(str, min(a for a in alerts if a[0] == sid)[1:]))}
                for sid, flows in counts.most_common(shown)]
    only_ours, only_theirs = ours - theirs, theirs - ours
    return {
        "both": len(ours & theirs), "only_sekisho": len(only_ours), "only_suricata": len(only_theirs), "equal": ours == theirs,
        "only_sekisho_by_rule": by_rule(only_ours), "only_suricata_by_rule": by_rule(only_theirs),
    }
