// What is beside the alerts: the accounts, the capture, and who talks.
import * as format from "./format.js";

const known = { inspected: "--good", bypassed: "--note", dropped: "--bad", "in flight": "--dim" };

/// What explains the words of the ledger and of the capture.
const reasons = {
    zero_copy: "frames come straight out of the NIC's memory",
    copy: "frames are copied once by the kernel: the driver has no zero-copy, or it was not asked for",
    native: "the XDP program runs in the driver",
    generic: "the XDP program runs in the kernel's network stack, which is slower",
};

export function Ledger({ total }) {
    const sum = (part) => Object.values(part ?? {}).reduce((a, b) => a + b, 0);
    const parts = [
        ["inspected", total.inspected],
        ["bypassed", sum(total.bypassed)],
        ["dropped", sum(total.dropped)],
        ["in flight", total.in_flight],
    ];
    const some = ["bypassed", "dropped"].flatMap((kind) =>
        Object.entries(total[kind] ?? {}).filter(([, n]) => n > 0).map(([reason, n]) => ({ kind, reason, n })),
    );
    return (
        <section class="card" aria-labelledby="ledger">
            <h2 id="ledger">Accounts</h2>
            <div class="bar" role="img" aria-label={parts.map(([kind, n]) => `${kind} ${format.count(n)}`).join(", ")}>
                {parts.map(([kind, n]) => n > 0 && <span key={kind} style={{ flexGrow: n, background: `var(${known[kind]})` }} />)}
            </div>
            <table class="figures">
                <tbody>
                    {parts.map(([kind, n]) => (
                        <tr key={kind}>
                            <th scope="row"><i style={{ background: `var(${known[kind]})` }} />{kind}</th>
                            <td>{format.count(n)}</td>
                            <td class="dim">{total.received ? format.percent(n / total.received) : "–"}</td>
                        </tr>
                    ))}
                    {some.map(({ kind, reason, n }) => (
                        <tr key={kind + reason} class="sub">
                            <th scope="row">{kind}: {reason.replaceAll("_", " ")}</th>
                            <td>{format.count(n)}</td>
                            <td />
                        </tr>
                    ))}
                </tbody>
                <tfoot>
                    <tr><th scope="row">= received</th><td>{format.count(total.received)}</td><td class="dim">{format.bytes(total.received_bytes)}</td></tr>
                </tfoot>
            </table>
            <p class={total.balances ? "good" : "bad"}>
                {total.balances ? "✓ The accounts balance: every packet is in exactly one line." : "✗ The accounts do not balance: more was settled than received. This is a defect."}
            </p>
        </section>
    );
}

export function Capture({ queues, ruleset }) {
    return (
        <section class="card" aria-labelledby="capture">
            <h2 id="capture">Capture</h2>
            <div class="scroll">
                <table class="list">
                    <thead><tr><th>Queue</th><th>Frames</th><th>XDP</th><th>Driver</th><th class="n">Busy</th><th class="n">Received</th><th class="n">Ring full</th><th class="n">Not taken</th></tr></thead>
                    <tbody>
                        {queues.map((q) => {
                            const lost = (q.socket.rx_ring_full ?? 0) + (q.socket.rx_dropped ?? 0);
                            const odd = Object.entries(q.xdp).filter(([word, n]) => n > 0 && word !== "redirected");
                            const not = odd.reduce((a, [, n]) => a + n, 0);
                            return (
                                <tr key={`${q.interface}/${q.queue}`}>
                                    <th scope="row">{q.interface}/{q.queue}</th>
                                    <td title={reasons[q.mode]}>{(q.mode ?? "file").replace("_", "-")}</td>
                                    <td title={reasons[q.attach]}>{q.attach ?? "–"}</td>
                                    <td>{q.driver ?? "–"}</td>
                                    <td class={`n ${q.busy > 0.8 ? "bad" : ""}`}>{q.busy === null ? "–" : format.percent(q.busy)}</td>
                                    <td class="n">{format.count(q.ledger.received)}</td>
                                    <td class={`n ${lost ? "bad" : ""}`}>{format.count(lost)}</td>
                                    <td class="n" title={odd.map(([word, n]) => `${word.replaceAll("_", " ")}: ${format.count(n)}`).join("\n")}>{format.count(not)}</td>
                                </tr>
                            );
                        })}
                    </tbody>
                </table>
            </div>
            <dl class="facts">
                <dt>Rules</dt>
                <dd>
                    {format.count(ruleset.loaded)} judged
                    {ruleset.skipped > 0 && `, ${format.count(ruleset.skipped)} skipped`}
                    {ruleset.failed > 0 && <span class="bad">, {format.count(ruleset.failed)} with errors</span>}
                </dd>
                <dt>Ruleset</dt>
                <dd><code title={ruleset.hash}>{ruleset.hash.slice(0, 12)}</code>{ruleset.loaded_at_s > 0 && `, loaded ${format.day(ruleset.loaded_at_s * 1000)} ${format.time(ruleset.loaded_at_s * 1000).slice(0, 8)}`}</dd>
                {ruleset.last_failure && <><dt>Last reload</dt><dd class="bad">failed, the rules are as they were: {ruleset.last_failure}</dd></>}
                {(ruleset.costly ?? []).slice(0, 3).map((rule) => <><dt>Costly rule</dt><dd class="warn">{rule.id[1]} took {rule.percent} % of the workers' time{rule.paused && " and is paused"}: {rule.msg}</dd></>)}
            </dl>
        </section>
    );
}

function Bars({ rows, most, name, onPick, empty }) {
    const top = rows.slice(0, most), max = Math.max(1, ...top.map((row) => row.bytes));
    if (top.length === 0) return <p class="dim">{empty}</p>;
    return (
        <ol class="bars">
            {top.map((row) => {
                const label = name(row);
                const about = `${format.count(row.flows)} flows, ${format.bytes(row.sent)} sent, ${format.bytes(row.received)} received${row.error ? `; up to ${format.bytes(row.error)} of it may be others'` : ""}`;
                return (
                    <li key={label} title={about}>
                        <span class="fill" style={{ width: `${(row.bytes / max) * 100}%` }} />
                        {onPick ? <button type="button" onClick={() => onPick(row)} title={`Alerts with ${row.name}`}>{label}</button> : <span class="label">{label}</span>}
                        <span class="n">{row.error ? "≤ " : ""}{format.bytes(row.bytes)}</span>
                    </li>
                );
            })}
        </ol>
    );
}

const none = "No flows yet.";

export function Talkers({ talkers, onPick }) {
    return (
        <>
            <section class="card" aria-labelledby="protocols">
                <h2 id="protocols">Protocols</h2>
                <Bars rows={talkers?.protocols ?? []} most={8} name={(row) => row.name} empty={none} />
            </section>
            <section class="card" aria-labelledby="hosts">
                <h2 id="hosts">Top talkers</h2>
                <Bars rows={talkers?.hosts ?? []} most={8} name={(row) => row.name} onPick={onPick} empty={none} />
                <p class="dim small">Bytes of flows that are open, and of those that ended in the last 5 to 10 minutes.</p>
            </section>
            <section class="card" aria-labelledby="conversations">
                <h2 id="conversations">Conversations</h2>
                <Bars rows={talkers?.conversations ?? []} most={8} name={(row) => `${row.name} → ${format.host(row.server, row.port)} ${row.app}`} onPick={onPick} empty={none} />
            </section>
        </>
    );
}
