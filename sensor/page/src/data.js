// What the sensor says: asked for once, and then told as it happens.
import { useEffect, useRef, useState } from "preact/hooks";

/// Alerts that the list holds.
const ALERTS_MAX = 10000;
const PIECE = 1000;
const POINTS_MAX = 3600;

export class Failure extends Error {}

export async function get(path) {
    const answer = await fetch(path, { credentials: "same-origin" });
    if (answer.status === 401) {
        location.assign("/login");
    }
    if (!answer.ok) {
        throw new Failure((await answer.text()).trim() || `${path}: ${answer.status}`);
    }
    return answer.json();
}

/// Asks every `seconds` while the page can be seen: the last answer, and whether the sensor failed to give another.
export function usePolled(path, seconds) {
    const [answer, setAnswer] = useState({ value: null, failed: false });
    useEffect(() => {
        let over = false, timer;
        const ask = async () => {
            clearTimeout(timer);
            if (!document.hidden) {
                try {
                    const got = await get(path);
                    if (!over) setAnswer({ value: got, failed: false });
                } catch {
                    if (!over) setAnswer((last) => ({ ...last, failed: true }));
                }
            }
            if (!over) timer = setTimeout(ask, seconds * 1000);
        };
        ask();
        document.addEventListener("visibilitychange", ask);
        return () => {
            over = true;
            clearTimeout(timer);
            document.removeEventListener("visibilitychange", ask);
        };
    }, [path, seconds]);
    return answer;
}

/// Alerts, newest first, without those that are there already; how many may be kept.
function merged(old, more) {
    if (more.length === 0) return old;
    const known = new Set(old.map((a) => a.n));
    const all = more.filter((a) => !known.has(a.n)).concat(old);
    all.sort((a, b) => b.n - a.n);
    return all.slice(0, ALERTS_MAX);
}

/// Alerts and rates as they come. `connection` is "live", "lost" or "begins".
export function useLive() {
    const [alerts, setAlerts] = useState([]);
    const [points, setPoints] = useState({ t: [], bits: [], packets: [], lost: [], alerts: [] });
    const [connection, setConnection] = useState("begins");
    const waiting = useRef([]);
    const generation = useRef(0);

    useEffect(() => {
        let source, retry, over = false, drawn = false;
        // Many alerts in a moment are one change of the page.
        const flush = () => {
            drawn = false;
            const some = waiting.current;
            waiting.current = [];
            setAlerts((old) => merged(old, some));
        };
        const add = (some) => {
            waiting.current.push(...some);
            if (!drawn) {
                drawn = true;
                setTimeout(flush, 150);
            }
        };
        const older = async (round) => {
            let before = "";
            for (let had = 0; had < ALERTS_MAX; ) {
                const found = await get(`/api/alerts?limit=${had ? PIECE : 100}${before}`);
                if (over || round !== generation.current) return;
                add(found.alerts);
                had += found.alerts.length;
                if (!found.more || found.alerts.length === 0) return;
                before = `&before=${found.alerts.at(-1).n}`;
                await new Promise((then) => setTimeout(then, 200));
            }
        };
        let started = null;
        const connect = () => {
            source = new EventSource("/api/live");
            source.addEventListener("hello", async () => {
                setConnection("live");
                const round = ++generation.current;
                try {
                    const state = await get("/api/state");
                    // Another run of the sensor counts its alerts anew.
                    if (started !== null && started !== state.status.pid) {
                        waiting.current = [];
                        setAlerts([]);
                    }
                    started = state.status.pid;
                    const hour = await get("/api/history?range=hour");
                    if (!over) setPoints(hour);
                    await older(round);
                } catch {
                    // The next connection asks again.
                }
            });
            source.addEventListener("alerts", (event) => add(JSON.parse(event.data)));
            source.addEventListener("tick", (event) => {
                const point = JSON.parse(event.data);
                setPoints((old) => {
                    const next = {};
                    for (const key of Object.keys(old)) next[key] = old[key].slice(-POINTS_MAX + 1).concat(point[key]);
                    return next;
                });
            });
            source.onerror = () => {
                setConnection("lost");
                source.close();
                clearTimeout(retry);
                retry = setTimeout(connect, 2000);
            };
        };
        connect();
        return () => {
            over = true;
            clearTimeout(retry);
            source.close();
        };
    }, []);
    return { alerts, points, connection };
}

/// A value that the browser remembers from one visit to the next.
export function useRemembered(key, first) {
    const [value, setValue] = useState(() => {
        try {
            return localStorage.getItem(key) ?? first;
        } catch {
            return first;
        }
    });
    useEffect(() => {
        try {
            localStorage.setItem(key, value);
        } catch {
            // Without a memory it holds for this visit.
        }
    }, [key, value]);
    return [value, setValue];
}
