"""Plots and tables as plain data: `sekisho-bench page` draws the former, the page and the terminal show the latter."""


def line(title, x, y, series, log_x=False):
    """Lines over a number. `series` is (name, [(x, y)])."""
    return {"kind": "lines", "title": title, "x": x, "y": y, "log_x": log_x,
            "series": [{"name": name, "points": [list(point) for point in points]} for name, points in series]}


def bars(title, y, values):
    """A bar for each (name, value)."""
    return {"kind": "bars", "title": title, "y": y, "bars": [{"name": name, "value": value} for name, value in values]}


def table(columns, rows):
    """Texts and numbers, row by row."""
    return {"columns": list(columns), "rows": [[str(cell) for cell in row] for row in rows]}


def race_table(results):
    """One row an engine for each (what, result of a race)."""
    rows = []
    for what, result in results:
        for name, d in result["engines"].items():
            run = d["run_seconds"]
            rows.append([what, name, f"{run['median']:.3f}", f"{run['least']:.3f}–{run['most']:.3f}", f"{d['packets_per_second'] / 1e6:.3f}",
                         f"{d['bits_per_second'] / 1e9:.2f}", f"{d['process_seconds']['median']:.2f}", f"{d['cpu_seconds']['median']:.2f}",
                         f"{d['max_rss_bytes'] / 1e6:.0f}", f"{d['alerts']:,}", *compared(result, name)])
    return table(["", "engine", "run s", "least–most", "Mpps", "Gbit/s", "process s", "cpu s", "MB", "alerts", "sekisho is faster (by cpu)", "alerts only sekisho's", "only this one's"], rows)


def compared(result, name):
    """In the row of another engine how many times as fast as it the sensor is, and how many (rule, flow) pairs only one of the two found."""
    beside = result["sekisho_against"].get(name)
    if not beside:
        return ["", "", ""]
    ratio, alerts = beside["times_as_fast"], beside.get("alerts")
    found = [f"{alerts['only_sekisho']:,}", f"{alerts['only_suricata']:,}"] if alerts else ["", ""]
    return [f"{ratio['packets_per_second']:.2f} ({ratio['cpu_seconds']:.2f})", *found]


def text(shown):
    """A table for the terminal."""
    rows = [shown["columns"], *shown["rows"]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(shown["columns"]))]
    return "\n".join("  " + "  ".join(cell.ljust(width) if i < 2 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in rows)
