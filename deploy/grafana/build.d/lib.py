"""What dashboards are made of: panels with a title, a description, a unit and thresholds, laid out from left to right.

The JSON is Grafana's dashboard schema as Grafana 11 and 12 read it (schemaVersion 41).
"""

# What axes go to at least, so that nothing is not drawn as thousandths of a packet.
HIGH = {"pps": 5, "ops": 5, "eps": 5, "cps": 5, "Bps": 1000, "bps": 1000, "bytes": 1000, "s": 0.001}
GREEN, YELLOW, RED, BLUE, GREY = "green", "yellow", "red", "blue", "text"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def query(expr, legend="", instant=False, ref="A", table=False):
    """One question to Prometheus."""
    target = {"refId": ref, "datasource": SOURCE, "expr": " ".join(expr.split()), "editorMode": "code"}
    target["legendFormat"] = legend or "__auto"
    if instant or table:
        target.update(instant=True, range=False)
    else:
        target.update(instant=False, range=True)
    if table:
        target["format"] = "table"
    return target


def queries(*pairs, instant=False):
    """Several: (expression, legend) each."""
    return [query(expr, legend, instant, chr(ord("A") + i)) for i, (expr, legend) in enumerate(pairs)]


def thresholds(*steps):
    """Colours from a value on: thresholds(GREEN, (0.001, YELLOW), (0.05, RED))."""
    first, rest = steps[0], steps[1:]
    return {"mode": "absolute", "steps": [{"color": first, "value": None}] + [{"color": c, "value": v} for v, c in rest]}


def panel(kind, title, description, targets, unit="short", width=12, height=8, steps=None, options=None, custom=None, **field):
    """A panel of any type. A description is not optional."""
    assert description.strip(), title
    if not isinstance(targets, list):
        targets = [targets]
    defaults = {"unit": unit, "thresholds": steps or thresholds(BLUE), **field}
    if custom is not None:
        defaults["custom"] = custom
    return {
        "type": kind,
        "title": title,
        "description": " ".join(description.split()),
        "datasource": SOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options or {},
        "gridPos": {"w": width, "h": height},
    }


def stat(title, description, targets, unit="short", steps=None, width=4, height=4, spark=False, text="auto", **field):
    """One number; its colour says whether it is good."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "background" if steps else "value",
        "graphMode": "area" if spark else "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": text,
        "wideLayout": True,
    }
    return panel("stat", title, description, targets, unit, width, height, steps, options, **field)


def graph(title, description, targets, unit="short", width=12, height=8, stack=False, bars=False, steps=None, calcs=("mean", "max"),
          legend="table", high=None, **field):
    """Values over time. Thresholds, where there are any, are drawn. The axis goes to `high` at least. Bars are of a minute each at least, and beside each other:
    their sum is that of all that was counted."""
    if bars:
        field.setdefault("decimals", 0)
        targets = [dict(target, interval="1m", expr=target["expr"].replace("$__rate_interval", "$__interval"))
                   for target in (targets if isinstance(targets, list) else [targets])]
    custom = {
        "drawStyle": "bars" if bars else "line",
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "fillOpacity": 70 if bars or stack else 10,
        "gradientMode": "none",
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stack else "none", "group": "A"},
        "axisSoftMin": 0,
        "axisSoftMax": high or HIGH.get(unit, 1),
        "axisPlacement": "auto",
        "axisLabel": "",
        "scaleDistribution": {"type": "linear"},
        "thresholdsStyle": {"mode": "off" if not steps else "area" if field.get("max") else "dashed"},
    }
    options = {
        "legend": {"displayMode": legend, "placement": "bottom", "showLegend": True, "calcs": list(calcs)},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    field.setdefault("color", {"mode": "palette-classic"})
    return panel("timeseries", title, description, targets, unit, width, height, steps, options, custom, **field)


def bars(title, description, targets, unit="short", width=8, height=8, steps=None, **field):
    """The largest of a kind, as bars."""
    options = {
        "displayMode": "gradient",
        "orientation": "horizontal",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "showUnfilled": True,
        "valueMode": "color",
        "namePlacement": "auto",
        "sizing": "auto",
        "minVizWidth": 8,
        "minVizHeight": 16,
        "maxVizHeight": 300,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
    }
    field.setdefault("min", 0)
    return panel("bargauge", title, description, targets, unit, width, height, steps, options, **field)


def table(title, description, columns, by, width=24, height=9, sort=None, keep=(), hide=(), **field):
    """Rows by the labels `by`; `columns` are (name, expression, unit, thresholds or None), one query each. `keep` are further labels of the
    queries that are columns of their own: {label: title}."""
    targets = []
    overrides = []
    names = {}
    for i, (name, expr, unit, steps) in enumerate(columns):
        ref = chr(ord("A") + i)
        targets.append(query(expr, ref=ref, table=True))
        value = f"Value #{ref}" if len(columns) > 1 else "Value"
        names[value] = name
        properties = [{"id": "unit", "value": unit}]
        if steps:
            properties += [
                {"id": "thresholds", "value": steps},
                {"id": "custom.cellOptions", "value": {"type": "color-background", "mode": "basic"}},
            ]
        overrides.append({"matcher": {"id": "byName", "options": name}, "properties": properties})
    labels = {**by, **dict(keep)}
    # Else what looks like a number is shown as one: 9.00 Mil for a signature.
    overrides += [{"matcher": {"id": "byName", "options": label}, "properties": [{"id": "unit", "value": "string"}]} for label in labels.values()]
    names.update(labels)
    order = {label: i for i, label in enumerate([*labels, *[v for v in names if v not in labels]])}
    made = panel("table", title, description, targets, "short", width, height, thresholds(GREY),
                 {"showHeader": True, "cellHeight": "sm"},
                 {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False, "filterable": False}, **field)
    made["transformations"] = ([{"id": "merge", "options": {}}] if len(columns) > 1 else []) + [
        {"id": "organize", "options": {"excludeByName": {"Time": True, **{h: True for h in hide}}, "indexByName": order, "renameByName": names}},
    ]
    if sort:
        made["transformations"].append({"id": "sortBy", "options": {"fields": {}, "sort": [{"field": sort, "desc": True}]}})
    made["fieldConfig"]["overrides"] = overrides
    return made


def column(made, name, *properties):
    """Further properties of a table's column, or of a series."""
    made["fieldConfig"]["overrides"].append({
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": key, "value": value} for key, value in properties],
    })
    return made


def values(*pairs):
    """Words for values: (value, text, colour)."""
    return [{"type": "value", "options": {str(v): {"text": t, "color": c, "index": i} for i, (v, t, c) in enumerate(pairs)}}]


def link(title, uid, **variables):
    """A data link to another dashboard, with the time range."""
    given = "".join(f"&var-{name}={value}" for name, value in variables.items())
    return {"title": title, "url": f"/d/{uid}/{uid}?${{__url_time_range}}&var-datasource=${{datasource}}{given}", "targetBlank": False}


def row(title):
    """A heading over what follows."""
    return {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": {"w": 24, "h": 1}}


def variable(name, label, expr, multi=False, every=False):
    """A choice among a label's values."""
    made = {
        "type": "query", "name": name, "label": label, "datasource": SOURCE, "hide": 0, "refresh": 2, "sort": 1,
        "multi": multi, "includeAll": every, "skipUrlSync": False, "options": [], "regex": "",
        "query": {"query": expr, "refId": "StandardVariableQuery"},
    }
    if every:
        made["allValue"] = ".*"
        made["current"] = {"selected": True, "text": ["All"], "value": ["$__all"]} if multi else {"selected": True, "text": "All", "value": "$__all"}
    return made


OFFICE = variable("office", "Office", "label_values(sekisho_build_info, office)")
OFFICES = variable("office", "Offices", "label_values(sekisho_build_info, office)", multi=True, every=True)


def board(uid, title, description, variables, panels):
    """The dashboard: panels fill rows of 24 from left to right."""
    x = y = tallest = 0
    for number, made in enumerate(panels, 1):
        place = made["gridPos"]
        if x + place["w"] > 24:
            x, y, tallest = 0, y + tallest, 0
        made["gridPos"] = {"h": place["h"], "w": place["w"], "x": x, "y": y}
        made["id"] = number
        x, tallest = x + place["w"], max(tallest, place["h"])
    source = {"type": "datasource", "name": "datasource", "label": "Prometheus", "query": "prometheus", "hide": 0, "refresh": 1, "multi": False,
              "includeAll": False, "regex": "", "options": [], "skipUrlSync": False}
    return {
        "uid": uid, "title": title, "description": description, "tags": ["sekisho"], "editable": False, "graphTooltip": 1,
        "schemaVersion": 41, "version": 1, "refresh": "30s", "timezone": "browser", "fiscalYearStartMonth": 0, "liveNow": False,
        "time": {"from": "now-6h", "to": "now"}, "timepicker": {}, "annotations": {"list": [ANNOTATION]}, "preload": False,
        "links": [{"type": "dashboards", "title": "Sekisho", "tags": ["sekisho"], "asDropdown": False, "includeVars": True, "keepTime": True,
                   "icon": "external link", "targetBlank": False, "tooltip": "", "url": ""}],
        "templating": {"list": [source, *variables]},
        "panels": panels,
    }


ANNOTATION = {
    "name": "Ruleset changed", "datasource": SOURCE, "enable": True, "hide": False, "iconColor": "purple",
    "expr": "changes(sekisho_ruleset_loaded_timestamp_seconds[1m]) > 0", "titleFormat": "Ruleset loaded", "textFormat": "{{office}}",
    "step": "60s",
}
