// The sensor's page in a browser: see ./run, which makes the link and starts this in a network namespace of its own.
//
//   node test.mjs SENSOR FOLDER [PICTURES]
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { chromium } from "playwright-core";

const [sensor, folder, pictures] = process.argv.slice(2);
const here = import.meta.dirname;
const address = "127.0.0.1:9477";
const began = Date.now();
const said = (what) => console.log(`  ${((Date.now() - began) / 1000).toFixed(1)} s  ${what}`);
const traffic = (...words) => execFileSync("python3", [path.join(here, "traffic.py"), "gen0", ...words]);
const pause = (ms) => new Promise((then) => setTimeout(then, ms));

async function until(what, holds, patience = 20000) {
    const end = Date.now() + patience;
    for (;;) {
        const held = await holds().catch(() => false);
        if (held) return held;
        if (Date.now() > end) throw new Error(`waited in vain until ${what}\n${readFileSync(`${folder}/log`, "utf8")}`);
        await pause(50);
    }
}

function ask(url, headers = {}) {
    return new Promise((then, failed) => {
        http.get(`http://${address}${url}`, { headers }, (answer) => {
            let body = "";
            answer.setEncoding("utf8").on("data", (part) => (body += part)).on("end", () => then({ status: answer.statusCode, headers: answer.headers, body }));
        }).on("error", failed);
    });
}
const json = async (url) => JSON.parse((await ask(url)).body);

mkdirSync(`${folder}/evidence`, { recursive: true });
writeFileSync(`${folder}/sekisho.toml`, `
[sensor]
name = "office-17"
[[interface]]
name = "tap0"
[rules]
paths = ["${here}/page.rules"]
cache = "${folder}/cache"
[capture.afxdp]
huge_pages = "never"
[flow]
memcap_bytes = 33554432
[evidence]
enabled = true
folder = "${folder}/evidence"
after_s = 1
[eve]
path = "${folder}/eve.json"
[control]
socket = "${folder}/control"
`);
const log = openSync(`${folder}/log`, "w");
const child = spawn(sensor, ["run", "--config", `${folder}/sekisho.toml`], { stdio: ["ignore", log, log] });
const ended = new Promise((then) => child.on("exit", then));
let browser;

async function main() {
    await until("the sensor answers", async () => (await ask("/healthz")).status === 200);
    said("the sensor runs");
    // As a person finds it: there was some traffic before.
    traffic("quiet");
    browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
    const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, colorScheme: "light", acceptDownloads: true, locale: "en-GB" });
    const page = await context.newPage();
    const wrong = [];
    page.on("pageerror", (error) => wrong.push(`${error}`));
    page.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
    page.on("dialog", (dialog) => { wrong.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
    page.on("request", (request) => request.url().startsWith(`http://${address}/`) || request.url().startsWith("data:") || wrong.push(`asked ${request.url()}`));
    await page.addInitScript(() => {
        window.longTasks = [];
        new PerformanceObserver((list) => list.getEntries().forEach((task) => window.longTasks.push(task.duration))).observe({ type: "longtask" });
    });

    await page.goto(`http://${address}/`);
    await page.locator(".pill.good").waitFor();
    const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime);
    const transfer = await page.evaluate(() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")].reduce((sum, entry) => sum + entry.transferSize, 0));
    said(`first paint after ${paint.toFixed(0)} ms, ${(transfer / 1000).toFixed(0)} kB transferred`);
    assert(paint < 1000, `first paint after ${paint} ms`);
    assert(transfer > 10000 && transfer < 300000, `${transfer} bytes`);
    assert.match(await page.locator("h1").innerText(), /office-17/);

    await alertsArrive(page);
    await hostileTexts(page, wrong);
    await filtersWork(page);
    await keyboardWorks(page);
    await panelsTell(page);
    await floodsAreSmooth(page);
    await servesOnlyWhoMay();
    if (pictures) await takePictures(page);
    assert.deepEqual(wrong, []);
}

const rows = (page) => page.locator(".alerts .row");
const row = (page, text) => rows(page).filter({ hasText: text }).first();

async function alertsArrive(page) {
    await page.evaluate(() => (window.untouched = true));
    const sent = Date.now();
    traffic("word", "the first word");
    await row(page, "The first word").waitFor({ timeout: 5000 });
    said(`an alert is on the page ${Date.now() - sent} ms after its packet was asked for`);
    assert.equal(await page.evaluate(() => window.untouched), true, "without a reload");
    await row(page, "The first word").click();
    const detail = page.locator(".detail");
    await detail.locator(".dump").waitFor();
    assert.match(await detail.locator(".dump").innerText(), /0000 {2}74 68 65 20 66 69 72 73 {2}74 20 77 6f 72 64 .*the first word/);
    assert.match(await detail.locator(".rule").innerText(), /content:"first word".*sid:9100001/);
    assert.match(await detail.innerText(), /confidence: High/);
    await page.keyboard.press("Escape");
    await detail.waitFor({ state: "detached" });
    await evidenceOpens(page);
}

async function evidenceOpens(page) {
    const { alerts } = await json("/api/alerts?sid=9100001");
    const flow = alerts[0].flow;
    assert((await json("/api/state")).evidence, "evidence is kept");
    await until("the flow's packets are kept", async () => (await json(`/api/alerts/${alerts[0].n}`)).evidence);
    await row(page, "The first word").click();
    const [download] = await Promise.all([page.waitForEvent("download"), page.locator(".detail a.primary").click()]);
    const file = `${folder}/${download.suggestedFilename()}`;
    await download.saveAs(file);
    assert.equal(path.basename(file), `${flow}.pcapng`);
    const packets = execFileSync("tshark", ["-r", file, "-T", "fields", "-e", "udp.payload"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    assert(packets.includes(Buffer.from("the first word").toString("hex")), packets);
    await page.keyboard.press("Escape");
    said("a flow's packets were downloaded, and tshark reads them");
}

async function hostileTexts(page, wrong) {
    assert.deepEqual(wrong, []);
    traffic("http", "/<img/src=x/onerror=hacked=1>?q=%3Cscript%3E");
    await row(page, "<img src=x onerror=hacked=1>").waitFor();
    await row(page, "<img src=x onerror=hacked=1>").click();
    await page.locator(".detail h2", { hasText: "<img src=x onerror=hacked=1>" }).waitFor();
    await page.locator(".detail details summary").click();
    await page.locator(".detail", { hasText: "<script>hacked=1</script>" }).waitFor();
    await pause(200);
    assert.equal(await page.evaluate(() => window.hacked), undefined, "nothing of the traffic ran");
    assert.equal(await page.locator("#page img, #page script, #page iframe").count(), 0);
    const { headers } = await ask("/");
    assert.match(headers["content-security-policy"], /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-/);
    // Were it markup after all, the policy would not let it run.
    const refused = await page.evaluate(async () => {
        const violation = new Promise((then) => addEventListener("securitypolicyviolation", (event) => then(event.violatedDirective), { once: true }));
        document.body.insertAdjacentHTML("beforeend", "<p id=probe onclick='window.hacked=2'>x</p>");
        document.querySelector("#probe").click();
        document.querySelector("#probe").remove();
        return violation;
    });
    assert.match(refused, /script-src/);
    assert.equal(await page.evaluate(() => window.hacked), undefined);
    await until("the browser has told of it", async () => wrong.some((text) => text.includes("Content Security Policy")));
    wrong.length = 0;
    await page.keyboard.press("Escape");
    said("hostile texts are texts");
}

async function filtersWork(page) {
    traffic("word", "the second word");
    await row(page, "The second word").waitFor();
    const chip = (name) => page.locator(".chip", { hasText: name });
    await chip("High").click();
    await row(page, "The first word").waitFor({ state: "detached" });
    assert.equal(await row(page, "The second word").count(), 1);
    await chip("High").click();
    await row(page, "The first word").waitFor();
    const search = page.locator("input[type=search]");
    for (const [text, first, second] of [["SECOND", 0, 1], ["10.1.0.7 word", 1, 1], ["9100001", 1, 0], ["no such thing", 0, 0]]) {
        await search.fill(text);
        await until(`"${text}" filters`, async () => (await row(page, "The first word").count()) === first && (await row(page, "The second word").count()) === second);
    }
    await page.locator(".empty", { hasText: "No alert passes the filters" }).waitFor();
    await page.getByRole("button", { name: "Clear filters" }).click();
    await page.getByLabel("Action").selectOption("blocked");
    assert.equal(await rows(page).count(), 0);
    await page.getByLabel("Action").selectOption("all");
    await page.getByLabel("Time range", { exact: true }).selectOption("300");
    await row(page, "The first word").waitFor();
    await page.getByLabel("Time range", { exact: true }).selectOption("all");
    // The same by the interface for programs.
    const found = async (query) => (await json(`/api/alerts?${query}`)).alerts.map((alert) => alert.sid);
    assert.deepEqual(await found("severity=1&q=word"), [9100001, 9100003].filter((sid) => sid === 9100001));
    assert.deepEqual(await found("q=word&limit=1"), [9100002]);
    assert.equal((await ask("/api/alerts?severty=1")).status, 400, "a misspelt filter is told");
    said("filters filter");
}

async function keyboardWorks(page) {
    const focused = () => page.evaluate(() => document.activeElement.getAttribute("role") ?? document.activeElement.type);
    await page.keyboard.press("/");
    assert.equal(await focused(), "search");
    await page.keyboard.type("word");
    await page.keyboard.press("Enter");
    assert.equal(await focused(), "listbox");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("j");
    const chosen = page.locator(".row[aria-selected=true]");
    await until("the second row is chosen", async () => (await chosen.innerText()).includes("The first word"));
    await page.keyboard.press("Enter");
    await page.locator(".detail h2", { hasText: "The first word" }).waitFor();
    await page.keyboard.press("k");
    await page.keyboard.press("Enter");
    await page.locator(".detail h2", { hasText: "The second word" }).waitFor();
    await page.keyboard.press("Escape");
    await page.locator(".detail").waitFor({ state: "detached" });
    assert.equal(await focused(), "listbox");
    await page.keyboard.press("/");
    await page.keyboard.press("Escape");
    assert.equal(await page.locator("input[type=search]").inputValue(), "");
    await page.keyboard.press("Escape");
    // Held still, nothing comes; let go, it is there.
    await page.keyboard.press("p");
    const before = await rows(page).count();
    traffic("word", "the first word again");
    await until("the sensor has it", async () => (await json("/api/alerts?sid=9100001")).alerts.length === 2);
    await pause(600);
    assert.equal(await rows(page).count(), before);
    await page.keyboard.press("p");
    await until("it is there", async () => (await rows(page).count()) === before + 1);
    const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await back();
    await page.keyboard.press("t");
    await page.keyboard.press("t");
    await until("it is dark", async () => (await page.evaluate(() => document.documentElement.dataset.theme)) === "dark");
    const dark = await back();
    assert(brightness(light) > 200 && brightness(dark) < 60, `${light} ${dark}`);
    await page.keyboard.press("t");
    await page.emulateMedia({ colorScheme: "dark" });
    await until("it is as the system has it", async () => (await back()) === dark);
    await page.emulateMedia({ colorScheme: "light" });
    await page.keyboard.press("?");
    await page.locator("dialog[open]").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
    said("the keyboard reaches everything, and dark is dark");
}
const brightness = (colour) => colour.match(/\d+/g).slice(0, 3).reduce((sum, n) => sum + Number(n), 0) / 3;

async function panelsTell(page) {
    await page.locator(".card", { hasText: "✓ The accounts balance" }).waitFor();
    await page.locator(".list th[scope=row]", { hasText: "tap0/0" }).waitFor();
    const talkers = await until("flows are counted", async () => {
        const all = await json("/api/talkers");
        return all.protocols.some((p) => p.name === "http") && all;
    });
    assert(talkers.hosts.some((host) => host.name === "10.1.0.7" && host.bytes > 0 && host.flows > 0));
    assert(talkers.conversations.some((c) => c.name === "10.1.0.7" && c.server === "198.51.100.9" && c.port === 80 && c.app === "http"));
    await page.locator(".bars .label", { hasText: /^http$/ }).waitFor();
    const host = page.locator(".bars button").first();
    const name = await host.innerText();
    await host.click();
    assert.equal(await page.locator("input[type=search]").inputValue(), name, "a talker is searched for");
    await page.getByRole("button", { name: "Clear filters" }).click();
    const { status } = await json("/api/state");
    const { total } = status;
    assert(total.received > 400 && total.balances, JSON.stringify(total));
    const hour = await json("/api/history?range=hour");
    assert(hour.t.length > 2 && Math.max(...hour.packets) > 0);
    // Rates times their seconds are the packets that came since the first reading.
    assert(await page.locator(".uplot canvas").count() === 2);
    said("accounts, capture, talkers and graphs tell what was sent");
}

async function floodsAreSmooth(page) {
    const before = (await json("/api/alerts?limit=1")).newest;
    traffic("flood", "10000");
    await until("10,000 alerts are kept", async () => {
        const { newest, kept } = await json("/api/alerts?limit=1");
        return newest - before + (await json("/api/state")).alerts_missed >= 10000 && kept >= 9500;
    });
    await until("the page has them", async () => (await page.locator(".feed").innerText()).match(/(10,000|9,[5-9]\d\d) alerts/));
    const scroll = () => page.evaluate(async () => {
        window.longTasks.length = 0;
        const box = document.querySelector(".alerts");
        const frames = [];
        let last = performance.now();
        for (let at = 0; at < 120; at++) {
            box.scrollTop = (box.scrollHeight - box.clientHeight) * (at / 119);
            await new Promise((then) => requestAnimationFrame(then));
            frames.push(performance.now() - last);
            last = performance.now();
        }
        await new Promise((then) => setTimeout(then, 100));
        const filled = document.querySelectorAll(".alerts .row").length;
        box.scrollTop = 0;
        return { long: Math.max(0, ...window.longTasks), frame: frames.sort((a, b) => a - b)[Math.floor(frames.length * 0.95)], filled };
    });
    // Other programs on the machine may take a processor away: the best of three counts.
    let best = null;
    for (let round = 0; round < 3 && !(best?.long < 100); round++) {
        const seen = await scroll();
        if (best === null || seen.long < best.long) best = seen;
    }
    said(`10,000 alerts scroll: longest task ${best.long.toFixed(0)} ms, 95 of 100 frames within ${best.frame.toFixed(0)} ms, ${best.filled} rows in the page`);
    assert(best.long < 100, `a task of ${best.long} ms`);
    assert(best.filled > 10 && best.filled < 60, `${best.filled} rows in the page`);
    await page.locator("input[type=search]").fill("beacon 10.1.3.");
    await until("the search is over", async () => /of (10,000|9,[5-9]\d\d) alerts/.test(await page.locator(".feed").innerText()));
    await page.getByRole("button", { name: "Clear filters" }).click();
}

async function servesOnlyWhoMay() {
    for (const url of ["/", "/metrics", "/api/state"]) {
        assert.equal((await ask(url, { Host: "evil.example" })).status, 421, "asked by another name");
    }
    assert.equal((await ask("/api/state", { Host: "localhost:9477" })).status, 200);
    const { headers } = await ask("/api/state");
    assert.equal(headers["access-control-allow-origin"], undefined);
    assert.equal(headers["cache-control"], "no-store");
    assert.match((await ask("/metrics")).body, /sekisho_http_requests_refused_total\{reason="host"\} 3/);
    said("asked by a foreign name, it says nothing");
}

async function takePictures(page) {
    mkdirSync(pictures, { recursive: true });
    const busy = spawn("python3", [path.join(here, "traffic.py"), "gen0", "flood", "3000"]);
    const over = new Promise((then) => busy.on("exit", then));
    for (let n = 0; n < 12; n++) {
        traffic("quiet");
        await pause(300);
    }
    await over;
    await page.locator("input[type=search]").blur();
    await page.screenshot({ path: `${pictures}/light.png`, fullPage: true });
    await page.evaluate(() => { document.documentElement.dataset.theme = "dark"; });
    await page.keyboard.press("t");
    await page.keyboard.press("t");
    await page.locator(".alerts").focus();
    await page.keyboard.press("Home");
    await page.keyboard.press("Enter");
    await page.locator(".dump").waitFor();
    await pause(1200);
    await page.screenshot({ path: `${pictures}/dark.png`, fullPage: true });
    await page.keyboard.press("Escape");
    await page.setViewportSize({ width: 390, height: 844 });
    await pause(500);
    await page.screenshot({ path: `${pictures}/narrow.png` });
    await rows(page).first().click();
    await page.locator(".dump").waitFor();
    await page.screenshot({ path: `${pictures}/narrow-alert.png` });
    await page.keyboard.press("Escape");
    said(`pictures are in ${pictures}`);
}

let failure = null;
try {
    await main();
} catch (error) {
    failure = error;
}
await browser?.close().catch(() => {});
child.kill("SIGTERM");
const status = await Promise.race([ended, pause(15000).then(() => (child.kill("SIGKILL"), "killed"))]);
if (failure) {
    console.error(failure);
    if (existsSync(`${folder}/log`)) console.error(readFileSync(`${folder}/log`, "utf8").slice(-3000));
    process.exit(1);
}
assert.equal(status, 0, `the sensor ended with ${status}\n${readFileSync(`${folder}/log`, "utf8")}`);
said("the sensor ended, and its accounts balance");
