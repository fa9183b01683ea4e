// Throughput, packets and losses over time, drawn by uPlot in the page's own colours.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import * as format from "./format.js";

// The canvas knows no variables and no light-dark(): the browser says what they come to.
function colours(names) {
    const probe = document.body.appendChild(document.createElement("i"));
    const found = names.map((name) => {
        probe.style.color = `var(${name})`;
        return getComputedStyle(probe).color;
    });
    probe.remove();
    return found;
}
const thin = (rgb) => rgb.replace(/^rgba?\(([^)]+)\)$/, (_, parts) => `rgba(${parts.split(",").slice(0, 3).join(",")}, 0.16)`);

/// `series`: { label, values, colour (a variable of style.css), unit (a function) }. Times in milliseconds; `from` and `to` bound what is shown.
export function Graph({ title, t, series, from, to, theme, height = 150 }) {
    const box = useRef(null), plot = useRef(null);
    const data = [t.map((ms) => ms / 1000), ...series.map((s) => s.values)];
    const scale = useRef([from, to]);
    scale.current = [from / 1000, to / 1000];

    useEffect(() => {
        const [dim, line, ...own] = colours(["--dim", "--line", ...series.map((s) => s.colour)]);
        const axis = { stroke: dim, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
        const options = {
            width: box.current.clientWidth || 400,
            height,
            scales: { x: { time: true, range: () => scale.current }, y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] } },
            cursor: { drag: { x: false, y: false }, points: { size: 6 } },
            legend: { live: true },
            axes: [
                { ...axis, size: 30, values: [[3600, "{HH}:{mm}", null, null, null, null, null, null, 1], [60, "{HH}:{mm}", null, null, null, null, null, null, 1], [1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1]] },
                { ...axis, size: 76, values: (_, ticks) => ticks.map((n) => series[0].unit(n)) },
            ],
            series: [
                { label: "Time", value: "{HH}:{mm}:{ss}" },
                ...series.map((s, i) => ({
                    label: s.label,
                    stroke: own[i],
                    width: 1.5,
                    fill: s.fill ? thin(own[i]) : undefined,
                    points: { show: false },
                    value: (_, n) => (n === null || n === undefined ? "–" : s.unit(n)),
                })),
            ],
        };
        plot.current = new uPlot(options, data, box.current);
        const watch = new ResizeObserver(() => plot.current?.setSize({ width: box.current.clientWidth, height }));
        watch.observe(box.current);
        return () => {
            watch.disconnect();
            plot.current.destroy();
            plot.current = null;
        };
    }, [theme, height]);
    useEffect(() => {
        plot.current?.setData(data);
        // Without a pointer over it, the legend has the latest.
        if (plot.current && !(plot.current.cursor.left >= 0)) plot.current.setLegend({ idx: t.length - 1 });
    });

    const last = series.map((s) => `${s.label} ${s.unit(s.values.at(-1) ?? 0)}`).join(", ");
    return (
        <figure class="graph">
            <figcaption>{title}</figcaption>
            <div ref={box} role="img" aria-label={`${title}: ${last}`} />
        </figure>
    );
}
