// The alerts: a list of thousands of which only the rows in sight are in the page, filters over it, and one alert in full.
//
// All that comes from the traffic is put into the page as text, never as markup.
import { useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState } from "preact/hooks";
import { Virtualizer, elementScroll, observeElementOffset, observeElementRect } from "@tanstack/virtual-core";
import { get } from "./data.js";
import * as format from "./format.js";

const ROW = 34;
const severities = [["1", "High"], ["2", "Medium"], ["3", "Low"], ["4", "Others"]];
const spans = [["all", "All kept"], ["300", "Last 5 min"], ["3600", "Last hour"], ["86400", "Last 24 h"]];
const level = (sev) => (sev >= 1 && sev <= 3 ? String(sev) : "4");

export const noFilter = { text: "", levels: ["1", "2", "3", "4"], action: "all", span: "all", sid: null };

/// What is searched of an alert, made once for each.
const searched = new WeakMap();
function textOf(alert) {
    let text = searched.get(alert);
    if (text === undefined) {
        text = [alert.msg, alert.cat, alert.src, alert.dst, alert.app, alert.proto, alert.sid, alert.flow].filter((part) => part !== undefined).join("\n").toLowerCase();
        searched.set(alert, text);
    }
    return text;
}

export function filtered(alerts, filter) {
    const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
    const since = filter.span === "all" ? 0 : Date.now() - Number(filter.span) * 1000;
    const all = filter.levels.length === severities.length;
    return alerts.filter(
        (a) =>
            a.t >= since &&
            (all || filter.levels.includes(level(a.sev))) &&
            (filter.action === "all" || a.act === filter.action) &&
            (filter.sid === null || a.sid === filter.sid) &&
            words.every((word) => textOf(a).includes(word)),
    );
}

function useVirtual(options) {
    const [, redraw] = useReducer((n) => n + 1, 0);
    const all = { observeElementRect, observeElementOffset, scrollToFn: elementScroll, ...options, onChange: () => redraw() };
    const [virtual] = useState(() => new Virtualizer(all));
    virtual.setOptions(all);
    useLayoutEffect(() => virtual._didMount(), []);
    useLayoutEffect(() => virtual._willUpdate());
    return virtual;
}

export function Filters({ filter, setFilter, shown, kept, missed, searchRef, paused, setPaused }) {
    const change = (part) => setFilter({ ...filter, ...part });
    const toggle = (l) => change({ levels: filter.levels.includes(l) ? filter.levels.filter((x) => x !== l) : [...filter.levels, l] });
    const active = filter.text || filter.levels.length < 4 || filter.action !== "all" || filter.span !== "all" || filter.sid !== null;
    return (
        <div class="filters" role="search">
            <input ref={searchRef} type="search" aria-label="Search alerts" placeholder="Search message, address, sid, flow   /" value={filter.text} onInput={(e) => change({ text: e.currentTarget.value })} />
            <span class="group" role="group" aria-label="Severity">
                {severities.map(([l, name]) => (
                    <button key={l} type="button" class={`chip s${l}`} aria-pressed={filter.levels.includes(l)} onClick={() => toggle(l)}>{name}</button>
                ))}
            </span>
            <select aria-label="Time range" value={filter.span} onChange={(e) => change({ span: e.currentTarget.value })}>
                {spans.map(([value, name]) => <option key={value} value={value}>{name}</option>)}
            </select>
            <select aria-label="Action" value={filter.action} onChange={(e) => change({ action: e.currentTarget.value })}>
                <option value="all">Any action</option><option value="allowed">Allowed</option><option value="blocked">Blocked</option>
            </select>
            {filter.sid !== null && <button type="button" class="chip on" onClick={() => change({ sid: null })} title="Show all rules again">sid {filter.sid} ✕</button>}
            {active && <button type="button" class="quiet" onClick={() => setFilter(noFilter)}>Clear filters</button>}
            <span class="space" />
            <span class="dim small" role="status">
                {shown === kept ? `${format.count(kept)} alerts` : `${format.count(shown)} of ${format.count(kept)} alerts`}
                {missed > 0 && <span class="warn" title="They came faster than the page takes them; the event log has them."> · {format.count(missed)} not shown</span>}
            </span>
            <button type="button" aria-pressed={paused} onClick={() => setPaused(!paused)} title="Hold the list still (p)">{paused ? "Resume" : "Pause"}</button>
        </div>
    );
}

export function AlertList({ alerts, selected, setSelected, open, listRef, empty }) {
    const at = alerts.findIndex((a) => a.n === selected);
    const virtual = useVirtual({ count: alerts.length, getScrollElement: () => listRef.current, estimateSize: () => ROW, overscan: 12 });
    const items = virtual.getVirtualItems();

    // New alerts come in at the top; who reads further down keeps what is before the eyes.
    const anchor = useRef(null);
    useLayoutEffect(() => {
        const box = listRef.current;
        const before = anchor.current;
        if (box.scrollTop > 0 && before) {
            const now = alerts.findIndex((a) => a.n === before.n);
            if (now > before.place) box.scrollTop += (now - before.place) * ROW;
        }
        const place = Math.floor(box.scrollTop / ROW);
        anchor.current = alerts[place] ? { n: alerts[place].n, place } : null;
    }, [alerts]);
    const scrolled = () => {
        const place = Math.floor(listRef.current.scrollTop / ROW);
        anchor.current = alerts[place] ? { n: alerts[place].n, place } : null;
    };

    const move = (to) => {
        const next = Math.max(0, Math.min(alerts.length - 1, to));
        if (alerts[next]) {
            setSelected(alerts[next].n);
            virtual.scrollToIndex(next, { align: "auto" });
        }
    };
    const key = (event) => {
        const page = Math.max(1, Math.floor(listRef.current.clientHeight / ROW) - 1);
        const steps = { ArrowDown: at + 1, j: at + 1, ArrowUp: at - 1, k: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: alerts.length - 1 };
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        if (event.key in steps) {
            event.preventDefault();
            move(steps[event.key]);
        } else if ((event.key === "Enter" || event.key === " ") && at >= 0) {
            event.preventDefault();
            open(alerts[at].n);
        }
    };
    return (
        <>
            <div class="row head" aria-hidden="true"><span>Time</span><span>Severity</span><span>Rule</span><span>Source</span><span>Destination</span><span>Protocol</span></div>
            <div ref={listRef} class="alerts" role="listbox" tabIndex={0} aria-label="Alerts, newest first" aria-activedescendant={at >= 0 ? `alert-${selected}` : undefined} onKeyDown={key} onScroll={scrolled}>
                {alerts.length === 0 && <p class="empty dim">{empty}</p>}
                <div style={{ height: `${virtual.getTotalSize()}px` }} role="presentation">
                    {items.map((item) => {
                        const a = alerts[item.index];
                        return a && (
                            <div key={a.n} id={`alert-${a.n}`} class={`row s${level(a.sev)}`} role="option" aria-selected={a.n === selected} aria-posinset={item.index + 1} aria-setsize={alerts.length}
                                style={{ transform: `translateY(${item.start}px)` }} onClick={() => { setSelected(a.n); open(a.n); }}>
                                <span class="mono" title={format.day(a.t)}>{format.time(a.t)}</span>
                                <span><b class={`sev s${level(a.sev)}`}>{severities[Number(level(a.sev)) - 1][1]}</b></span>
                                <span class="msg" title={a.msg}>{a.act === "blocked" && <b class="blocked">blocked</b>}<span>{a.msg || "(no message)"}</span> <small class="dim">{a.sid}</small></span>
                                <span class="mono">{format.host(a.src, a.sp)}</span>
                                <span class="mono">{format.host(a.dst, a.dp)}</span>
                                <span>{a.app && a.app !== "failed" ? a.app : (a.proto ?? "").toLowerCase()}</span>
                            </div>
                        );
                    })}
                </div>
            </div>
        </>
    );
}

/// A value of EVE JSON, as nested lists of names and values.
function Tree({ value }) {
    if (Array.isArray(value)) return value.length === 0 ? "[]" : <ol class="tree">{value.map((v, i) => <li key={i}><Tree value={v} /></li>)}</ol>;
    if (value !== null && typeof value === "object")
        return <dl class="tree">{Object.entries(value).map(([k, v]) => <div key={k} class={v !== null && typeof v === "object" ? "deep" : ""}><dt>{k}</dt><dd><Tree value={v} /></dd></div>)}</dl>;
    return <span class={`mono ${typeof value}`}>{String(value)}</span>;
}

export function Detail({ n, close, filter, setFilter, boxRef }) {
    const [got, setGot] = useState(null);
    const [wrong, setWrong] = useState(null);
    const [copied, setCopied] = useState(false);
    useEffect(() => {
        let over = false;
        setWrong(null);
        setCopied(false);
        get(`/api/alerts/${n}`).then((all) => !over && setGot(all), (error) => !over && (setGot(null), setWrong(error.message)));
        return () => { over = true; };
    }, [n]);
    const eve = useMemo(() => { try { return got && JSON.parse(got.eve); } catch { return null; } }, [got]);
    const dump = useMemo(() => got?.payload && format.hexdump(got.payload), [got]);
    if (wrong) return <aside ref={boxRef} class="detail card" tabIndex={-1} aria-label="Alert"><button type="button" class="close" onClick={close} aria-label="Close">✕</button><p class="warn">{wrong}</p></aside>;
    if (!got) return <aside ref={boxRef} class="detail card" tabIndex={-1} aria-label="Alert" aria-busy="true" />;
    const a = got.summary;
    const { alert, flow, metadata, ...rest } = eve ?? {};
    const meta = Object.entries(alert?.metadata ?? {}).filter(([key]) => key !== "sekisho_ruleset");
    const skip = ["timestamp", "event_type", "flow_id", "src_ip", "src_port", "dest_ip", "dest_port", "proto", "app_proto", "pkt_src", "direction", "in_iface", "host", "ip_v"];
    const more = Object.entries(rest).filter(([key]) => !skip.includes(key));
    const copy = () => navigator.clipboard?.writeText(got.eve).then(() => setCopied(true));
    return (
        <aside ref={boxRef} class="detail card" tabIndex={-1} aria-label="Alert">
            <button type="button" class="close" onClick={close} aria-label="Close" title="Close (Esc)">✕</button>
            <h2 class="msg">{a.msg || "(no message)"}</h2>
            <p>
                <b class={`sev s${level(a.sev)}`}>{severities[Number(level(a.sev)) - 1][1]}</b> {a.act === "blocked" && <b class="blocked">blocked</b>} {a.cat}
            </p>
            <p class="actions">
                {got.evidence
                    ? <a class="button primary" href={`/api/evidence/${a.flow}`} download={`${a.flow}.pcapng`}>Packets (pcapng)</a>
                    : <span class="dim small">No packets of this flow are kept.</span>}
                <button type="button" onClick={() => setFilter({ ...filter, sid: a.sid })}>Only sid {a.sid}</button>
                {a.flow !== undefined && <button type="button" onClick={() => setFilter({ ...filter, text: String(a.flow) })}>Only this flow</button>}
                <button type="button" onClick={copy}>{copied ? "Copied" : "Copy as JSON"}</button>
            </p>
            <dl class="facts">
                <dt>Time</dt><dd class="mono">{format.day(a.t)} {format.time(a.t)}</dd>
                <dt>From</dt><dd class="mono">{format.host(a.src, a.sp)}</dd>
                <dt>To</dt><dd class="mono">{format.host(a.dst, a.dp)}</dd>
                <dt>Protocol</dt><dd>{[a.proto, a.app].filter(Boolean).join(", ") || "–"}{eve?.direction && `, ${eve.direction.replace("_", " ")}`}</dd>
                {eve?.in_iface && <><dt>Interface</dt><dd>{eve.in_iface}</dd></>}
                {a.flow !== undefined && <><dt>Flow</dt><dd class="mono">{a.flow}</dd></>}
                {flow && <><dt>So far</dt><dd>{format.count(flow.pkts_toserver)} packets, {format.bytes(flow.bytes_toserver)} to the server; {format.count(flow.pkts_toclient)} packets, {format.bytes(flow.bytes_toclient)} back</dd></>}
                <dt>Rule</dt><dd>{a.gid}:{a.sid}:{a.rev}{got.rule && <span class="dim"> · {got.rule.file}:{got.rule.line}</span>}</dd>
            </dl>
            {got.rule?.text ? <pre class="rule" tabIndex={0} aria-label="The rule">{got.rule.text}</pre> : got.rule && <p class="dim small">The rule's file has changed since the alert.</p>}
            {meta.length > 0 && <p class="tags">{meta.flatMap(([key, values]) => [values].flat().map((v) => <span key={key + v}>{key}: {v}</span>))}</p>}
            <h3>Payload {dump && <span class="dim">{format.count(dump.bytes)} bytes of the packet that completed the match</span>}</h3>
            {dump ? <pre class="dump" tabIndex={0} aria-label="Payload, hexadecimal and ASCII">{dump.text}</pre> : <p class="dim small">The packet had no payload, or none is kept (page.payload_bytes).</p>}
            {more.length > 0 && <><h3>What the protocol says</h3><Tree value={Object.fromEntries(more)} /></>}
            <details><summary>The whole event</summary>{eve && <Tree value={eve} />}</details>
        </aside>
    );
}
