// The dashboards as literals of the type that they must have, for tsc: node types.mjs FOLDER.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

console.log("import type { Checked } from './schema';");
readdirSync(process.argv[2]).filter((name) => name.endsWith('.json')).forEach((name, i) => {
  console.log(`export const d${i}: Checked = ${readFileSync(join(process.argv[2], name), 'utf8')};`);
});
