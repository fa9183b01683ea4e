// Builds the page into one file: the script, bundled, and the styles, inlined into src/index.html. Nothing in it depends on the machine or the time.
import { readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const out = process.argv[2];
const bundle = (entry, extra) =>
    build({ entryPoints: [entry], bundle: true, minify: true, write: false, charset: "utf8", legalComments: "none", target: ["es2022"], ...extra });

const script = await bundle("src/main.jsx", {
    format: "iife",
    jsx: "automatic",
    jsxImportSource: "preact",
    define: { "process.env.NODE_ENV": '"production"' },
});
const style = await bundle("src/style.css", {});
const text = (result) => result.outputFiles[0].text.trim();
// In a script element "</script" would end it, wherever it stands.
const safe = text(script).replaceAll("</script", "<\\/script");
const notice = readFileSync("NOTICE.txt", "utf8").trim();
const html = readFileSync("src/index.html", "utf8")
    .replace("<!--notice-->", () => `<!--\n${notice}\n-->`)
    .replace("<!--style-->", () => `<style>${text(style)}</style>`)
    .replace("<!--script-->", () => `<script>${safe}</script>`);
writeFileSync(out, html);
