// Numbers, times and bytes as people read them.

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
export const count = (n) => whole.format(n ?? 0);

function scaled(n, units, base) {
    let at = 0;
    while (n >= base && at < units.length - 1) {
        n /= base;
        at++;
    }
    const digits = at === 0 || n >= 100 ? 0 : n >= 10 ? 1 : 2;
    return `${n.toFixed(digits)} ${units[at]}`;
}
export const bits = (n) => scaled(n ?? 0, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"], 1000);
export const bytes = (n) => scaled(n ?? 0, ["B", "kB", "MB", "GB", "TB"], 1000);
export const rate = (n) => (n < 10 ? (n ?? 0).toFixed(n > 0 && n < 9.95 ? 1 : 0) : scaled(n, ["", "k", "M", "G"], 1000)).trim();
export const percent = (share) => `${(share * 100).toFixed(share > 0 && share < 0.1 ? 2 : 1)} %`;

export function duration(s) {
    const [d, h, m] = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
    return d ? `${d} d ${h} h` : h ? `${h} h ${m} min` : m ? `${m} min ${s % 60} s` : `${s} s`;
}

const two = (n) => String(n).padStart(2, "0");
export function time(ms) {
    const t = new Date(ms);
    return `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}.${String(t.getMilliseconds()).padStart(3, "0")}`;
}
export function day(ms) {
    const t = new Date(ms);
    return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}`;
}

export const host = (address, port) => (address === undefined ? "–" : port === undefined ? address : address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`);

/// Rows of 16 bytes: offset, hexadecimal, ASCII.
export function hexdump(base64) {
    const raw = atob(base64);
    const rows = [];
    for (let at = 0; at < raw.length; at += 16) {
        const row = [...raw.slice(at, at + 16)].map((c) => c.charCodeAt(0));
        const hex = row.map((b) => b.toString(16).padStart(2, "0"));
        const left = hex.slice(0, 8).join(" ").padEnd(23), right = hex.slice(8).join(" ").padEnd(23);
        const ascii = row.map((b) => (b >= 32 && b < 127 ? String.fromCharCode(b) : ".")).join("");
        rows.push(`${at.toString(16).padStart(4, "0")}  ${left}  ${right}  ${ascii}`);
    }
    return { text: rows.join("\n"), bytes: raw.length };
}
