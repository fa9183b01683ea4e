// The page as a whole.
import { render } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { AlertList, Detail, Filters, filtered, noFilter } from "./alerts.jsx";
import { get, useLive, usePolled, useRemembered } from "./data.js";
import { Graph } from "./graph.jsx";
import { Capture, Ledger, Talkers } from "./panels.jsx";
import * as format from "./format.js";

const ranges = [["300", "5 min"], ["3600", "1 h"], ["86400", "24 h"]];

function Tile({ label, value, about, state = "" }) {
    return <div class={`tile ${state}`} title={about}><span class="dim">{label}</span><strong>{value}</strong></div>;
}

/// What an operator must see first: what is wrong, or that nothing is.
function health(state, failed, connection, points) {
    if (failed) return ["bad", "The sensor does not answer; trying again"];
    if (connection === "lost" && state) return ["warn", "No live data: too many browsers may have the page open"];
    if (!state) return ["", "Asking the sensor"];
    const { status } = state;
    if (state.trouble) return ["bad", state.trouble];
    if (!status.total.balances) return ["bad", "The accounts do not balance"];
    if (status.ruleset.last_failure) return ["bad", "The last reload failed"];
    if (points.lost.slice(-60).some((n) => n > 0)) return ["warn", "Packets are being lost before the sensor"];
    const lost = Object.values(status.events).reduce((n, e) => n + e.lost, 0);
    if (lost > 0) return ["warn", `${format.count(lost)} events were lost on their way to the log`];
    return ["good", "All is well"];
}

function Help({ close }) {
    const box = useRef(null);
    useEffect(() => { box.current.showModal(); }, []);
    const keys = [["/", "Search"], ["a", "To the alerts"], ["↑ ↓  k j", "Up and down the list"], ["Enter", "Show the alert"], ["Esc", "Close it; clear the search"], ["p", "Hold the list still"], ["t", "Light, dark, as the system"], ["?", "This"]];
    return (
        <dialog ref={box} onClose={close} aria-label="Keys">
            <h2>Keys</h2>
            <dl class="facts">{keys.map(([key, what]) => <><dt><kbd>{key}</kbd></dt><dd>{what}</dd></>)}</dl>
            <button type="button" onClick={() => box.current.close()}>Close</button>
        </dialog>
    );
}

function Page() {
    const { alerts, points, connection } = useLive();
    const { value: state, failed } = usePolled("/api/state", 2);
    const { value: talkers } = usePolled("/api/talkers", 3);
    const [theme, setTheme] = useRemembered("sekisho-theme", "auto");
    const [range, setRange] = useRemembered("sekisho-range", "300");
    const [dark, setDark] = useState(() => matchMedia("(prefers-color-scheme: dark)").matches);
    const [days, setDays] = useState(null);
    const [filter, setFilter] = useState(noFilter);
    const [selected, setSelected] = useState(null);
    const [opened, setOpened] = useState(null);
    const [held, setHeld] = useState(null);
    const [help, setHelp] = useState(false);
    const [minute, setMinute] = useState(0);
    const search = useRef(null), list = useRef(null), detail = useRef(null);
    const status = state?.status;

    // Before the graphs ask for their colours.
    useLayoutEffect(() => { document.documentElement.dataset.theme = theme; }, [theme]);
    useEffect(() => {
        const system = matchMedia("(prefers-color-scheme: dark)");
        const change = () => setDark(system.matches);
        system.addEventListener("change", change);
        return () => system.removeEventListener("change", change);
    }, []);
    useEffect(() => { document.title = `${status?.name ? `${status.name} · ` : ""}Sekisho`; }, [status?.name]);
    // A time range moves on.
    useEffect(() => { const timer = setInterval(() => setMinute((n) => n + 1), 10000); return () => clearInterval(timer); }, []);
    useEffect(() => {
        if (range !== "86400") return;
        const ask = () => get("/api/history?range=day").then(setDays, () => {});
        ask();
        const timer = setInterval(ask, 60000);
        return () => clearInterval(timer);
    }, [range]);

    const source = held ?? alerts;
    const shown = useMemo(() => filtered(source, filter), [source, filter, filter.span === "all" ? 0 : minute]);
    const setPaused = (on) => setHeld(on ? alerts : null);
    const close = () => { setOpened(null); list.current?.focus(); };
    const open = (n) => { setOpened(n); };
    const cycle = () => setTheme((now) => ({ auto: "light", light: "dark", dark: "auto" })[now] ?? "auto");

    // Before the next key comes, not some time after it is drawn.
    useLayoutEffect(() => {
        const key = (event) => {
            const typing = event.target.matches?.("input, select, textarea");
            if (event.ctrlKey || event.metaKey || event.altKey) return;
            if (event.key === "Escape") {
                if (help) return;
                if (opened !== null) close();
                else if (typing) { if (filter.text) setFilter({ ...filter, text: "" }); else list.current?.focus(); }
                return;
            }
            if (typing) {
                if (event.key === "Enter" && event.target === search.current) list.current?.focus();
                return;
            }
            const does = { "/": () => search.current?.focus(), a: () => list.current?.focus(), p: () => setPaused(held === null), t: cycle, "?": () => setHelp(true) }[event.key];
            if (does) { event.preventDefault(); does(); }
        };
        addEventListener("keydown", key);
        return () => removeEventListener("keydown", key);
    });

    const [kind, said] = health(state, failed, connection, points);
    const series = range === "86400" ? (days ?? { t: [], bits: [], packets: [], lost: [], alerts: [] }) : points;
    const now = Math.max(points.t.at(-1) ?? 0, state?.now ?? 0) || Date.now();
    const from = now - Number(range) * 1000;
    const first = series.t.findIndex((t) => t >= from);
    const cut = (values) => (first < 0 ? [] : values.slice(first));
    const t = cut(series.t);
    const last = (values) => values.at(-1) ?? 0;
    const lostAll = status?.queues.reduce((n, q) => n + (q.socket.rx_ring_full ?? 0) + (q.socket.rx_dropped ?? 0), 0) ?? 0;
    const pick = (row) => setFilter({ ...filter, text: row.server ? `${row.name} ${row.server}` : row.name });

    return (
        <>
            <header>
                <h1><svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true"><path d="M2 5c6 2 14 2 20 0M4 10h16M7 6v15M17 6v15M12 6v4" /></svg> Sekisho{status?.name && <span class="dim"> · {status.name}</span>}</h1>
                <p class={`pill ${kind}`} role="status">{said}</p>
                <span class="space" />
                {status && <span class="dim small">{status.version} · up {format.duration(status.uptime_s)}</span>}
                <span class="group" role="group" aria-label="Time range of the graphs">
                    {ranges.map(([value, name]) => <button key={value} type="button" aria-pressed={range === value} onClick={() => setRange(value)}>{name}</button>)}
                </span>
                <button type="button" onClick={cycle} title="Light, dark, or as the system has it (t)">{{ auto: "◐ Auto", light: "☀ Light", dark: "☾ Dark" }[theme] ?? "◐ Auto"}</button>
                <button type="button" onClick={() => setHelp(true)} title="Keys (?)" aria-label="Keys">?</button>
            </header>
            <main>
                <div class="tiles">
                    <Tile label="Throughput" value={format.bits(last(points.bits))} />
                    <Tile label="Packets" value={`${format.rate(last(points.packets))}/s`} />
                    <Tile label="Alerts" value={format.count(status?.alerts.total)} about="Since the sensor started" />
                    <Tile label="Lost before the sensor" value={format.count(lostAll)} state={lostAll ? "warn" : ""} about="Packets that the AF_XDP sockets dropped, most often since the ring was full" />
                    <Tile label="Open flows" value={format.count(status?.counters.flow_active)} />
                    <Tile label="Received" value={format.count(status?.total.received)} about={status && format.bytes(status.total.received_bytes)} />
                </div>
                <div class="graphs">
                    <section class="card"><Graph title="Throughput" theme={`${theme} ${dark}`} t={t} from={from} to={now} series={[{ label: "Received", values: cut(series.bits), colour: "--accent", unit: format.bits, fill: true }]} /></section>
                    <section class="card"><Graph title="Packets a second" theme={`${theme} ${dark}`} t={t} from={from} to={now} series={[
                        { label: "Received", values: cut(series.packets), colour: "--good", unit: format.rate },
                        { label: "Lost", values: cut(series.lost), colour: "--bad", unit: format.rate, fill: true },
                        { label: "Alerts", values: cut(series.alerts), colour: "--warn", unit: format.rate },
                    ]} /></section>
                </div>
                <section class={`card feed ${opened === null ? "" : "with-detail"}`} aria-labelledby="alerts">
                    <h2 id="alerts" class="hidden">Alerts</h2>
                    <Filters filter={filter} setFilter={setFilter} shown={shown.length} kept={source.length} missed={state?.alerts_missed ?? 0} searchRef={search} paused={held !== null} setPaused={setPaused} />
                    <div class="split">
                        <div class="feed-list">
                            <AlertList alerts={shown} selected={selected} setSelected={setSelected} open={open} listRef={list}
                                empty={source.length ? "No alert passes the filters." : connection === "live" ? "No alerts yet. They appear here as they come." : "Waiting for the sensor."} />
                        </div>
                        {opened !== null && <Detail n={opened} close={close} filter={filter} setFilter={setFilter} boxRef={detail} />}
                    </div>
                </section>
                {status && (
                    <div class="panels">
                        <Ledger total={status.total} />
                        <Talkers talkers={talkers} onPick={pick} />
                    </div>
                )}
                {status && <Capture queues={status.queues} ruleset={status.ruleset} />}
            </main>
            <footer class="dim small"><a href="/metrics">Metrics</a> · <a href="/status">Status</a> · <a href="/healthz">Health</a> · This page only reads.</footer>
            {help && <Help close={() => setHelp(false)} />}
        </>
    );
}

render(<Page />, document.getElementById("page"));
