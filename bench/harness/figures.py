"""The arithmetic of the results: medians, spreads, rates and ratios."""
import statistics


def spread(values):
    """Median, least and most of at least one value."""
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def digest(runs, warmed=True):
    """The runs of one engine as one set of figures. If the first one was only there to warm the page cache, it does not count."""
    counted = runs[1:] if warmed and len(runs) > 1 else runs
    first = counted[0]
    seconds = spread([run["run_seconds"] for run in counted])
    time = max(seconds["median"], 1e-9)
    figures = {
        "packets": first["packets"], "bytes": first["bytes"], "alerts": first["alerts"], "rules_loaded": first["rules_loaded"],
        "run_seconds": seconds,
        "process_seconds": spread([run["process_seconds"] for run in counted]),
        "load_seconds": spread([run["load_seconds"] for run in counted]),
        "cpu_seconds": spread([run["cpu_seconds"] for run in counted]),
        "max_rss_bytes": max(run["max_rss_bytes"] for run in counted),
        "packets_per_second": first["packets"] / time,
        "bits_per_second": 8 * first["bytes"] / time,
        "runs": counted,
    }
    return figures


def ratio(ours, theirs):
    """How many times as fast the first is, by run time and by processor time of the whole process."""
    return {
        "packets_per_second": ours["packets_per_second"] / theirs["packets_per_second"],
        "cpu_seconds": theirs["cpu_seconds"]["median"] / max(ours["cpu_seconds"]["median"], 1e-9),
    }


def shares(ratios, reference):
    """What part of its lead over each rival in the reference the sensor keeps: both are how it compares, by rival."""
    return {rival: {key: ratios[rival]["times_as_fast"][key] / beside["times_as_fast"][key] for key in beside["times_as_fast"]} for rival, beside in reference.items()}


def loss_percent(first, last):
    """How much less the last is than the first, in percent."""
    return 100 * (1 - last / first)


def costs(measured):
    """What each stage adds, in nanoseconds a packet, from stages that each contain the one before. Noise can make a small one negative."""
    added, before = [], 0.0
    for stage in measured:
        now = stage["nanoseconds_per_packet"]
        added.append((stage["stage"], now - before))
        before = now
    return added
