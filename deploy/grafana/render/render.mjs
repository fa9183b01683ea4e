// Asks Prometheus all that the dashboards ask, and has Chromium draw the answers: node render.mjs GRAFANA PROMETHEUS OFFICE MINUTES.
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import UPNG from 'upng-js';

const [grafana, prometheus, office, minutes] = process.argv.slice(2);
const WIDTH = 1600;
const LARGEST = 250_000;
/** Seconds of the least steps that targets may ask for. */
const LEAST = { '1m': 60 };
// Not on a minute, whose name would be cut off at the edge.
const end = Math.floor(Date.now() / 60000) * 60 - 20;
const start = end - 60 * Number(minutes);
const finest = Math.max(1, Math.round((end - start) / 300));

/** As Grafana fills in its variables. */
const fill = (text, step) => text
  .replaceAll('$__rate_interval', `${Math.max(10, 4 * step)}s`).replaceAll('$__interval', `${step}s`).replaceAll('$__range', `${end - start}s`)
  .replaceAll('=~"$office"', '=~".*"').replaceAll('$office', office);

async function ask(target) {
  const step = Math.max(finest, LEAST[target.interval] ?? 1);
  const expr = fill(target.expr, step);
  const url = target.instant
    ? `${prometheus}/api/v1/query?query=${encodeURIComponent(expr)}&time=${end}`
    : `${prometheus}/api/v1/query_range?query=${encodeURIComponent(expr)}&start=${Math.ceil(start / step) * step}&end=${end}&step=${step}`;
  const answer = await (await fetch(url)).json();
  if (answer.status !== 'success') throw new Error(`${expr}: ${answer.error}`);
  return { target, result: answer.data.result };
}

// Grafana's modules take the default export of older packages to be what they call default, which holds for a bundler that does not
// follow Node's rule for .mjs.
const plain = {
  name: 'plain-defaults',
  setup(build) {
    build.onResolve({ filter: /^react-custom-scrollbars-2$/ }, ({ path, namespace, resolveDir }) =>
      namespace === 'plain' ? undefined : { path, namespace: 'plain', pluginData: resolveDir });
    build.onLoad({ filter: /.*/, namespace: 'plain' }, ({ path, pluginData }) =>
      ({ contents: `import all from '${path}'; export default all; export * from '${path}';`, resolveDir: pluginData, loader: 'js' }));
  },
};
const page = await build({
  plugins: [plain],
  entryPoints: ['page.jsx'], bundle: true, write: false, format: 'iife', jsx: 'automatic', minify: true, logLevel: 'error',
  define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
  loader: { '.svg': 'dataurl', '.png': 'dataurl', '.woff': 'dataurl', '.woff2': 'dataurl', '.css': 'text' },
  platform: 'browser',
});
const script = page.outputFiles[0].text;
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
mkdirSync(join(grafana, 'pictures'), { recursive: true });
for (const name of readdirSync(join(grafana, 'dashboards')).filter((name) => name.endsWith('.json'))) {
  const dashboard = JSON.parse(readFileSync(join(grafana, 'dashboards', name), 'utf8'));
  const answers = {};
  for (const panel of dashboard.panels) {
    if (panel.targets) answers[panel.id] = await Promise.all(panel.targets.map(ask));
  }
  const tab = await browser.newPage({ viewport: { width: WIDTH, height: 900 } });
  const errors = [];
  tab.on('pageerror', (error) => errors.push(String(error)));
  await tab.route('**/*', (route) => route.fulfill({ contentType: 'text/html', body: '<!DOCTYPE html><html><body><div id="root"></div></body></html>' }));
  await tab.goto('http://dashboard.invalid/');
  await tab.evaluate((given) => { window.given = given; window.__grafana_public_path__ = '/'; }, { dashboard, answers, start, end, office, width: WIDTH });
  await tab.addScriptTag({ content: script });
  await tab.waitForSelector('[data-drawn]', { timeout: 30000 }).catch((error) => { throw new Error(`${dashboard.uid}: ${errors[0] ?? error}`); });
  await tab.waitForTimeout(1500);
  const box = await tab.locator('[data-drawn]').boundingBox();
  await tab.setViewportSize({ width: WIDTH, height: Math.ceil(box.height) });
  await tab.waitForTimeout(500);
  const file = join(grafana, 'pictures', `${dashboard.uid}.png`);
  // 128 colours are enough, and half the size.
  const shot = UPNG.decode(await tab.screenshot({ fullPage: true }));
  writeFileSync(file, Buffer.from(UPNG.encode(UPNG.toRGBA8(shot), shot.width, shot.height, 128)));
  await tab.close();
  if (errors.length) throw new Error(`${dashboard.uid}: ${errors.slice(0, 3).join('; ')}`);
  if (statSync(file).size > LARGEST) throw new Error(`${file} is larger than ${LARGEST} bytes`);
  console.log(`${file}: ${Math.round(statSync(file).size / 1000)} kB`);
}
await browser.close();
