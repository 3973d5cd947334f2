/** Keeps results beside the machine they were measured on: bench/results/NAME-DATE.json. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { machine } from './machine.ts';

const folder = fileURLToPath(new URL('../results/', import.meta.url));
const readme = fileURLToPath(new URL('../../README.md', import.meta.url));

/** Writes { machine, results } and returns the file's place in the project. */
export function saveResults(name: string, results: unknown): string {
  const taken = machine();
  mkdirSync(folder, { recursive: true });
  const [date, major] = [taken.date.slice(0, 19).replaceAll(':', ''), process.versions.node.split('.')[0]];
  const file = `${name}-${date}-node${major}.json`;
  writeFileSync(folder + file, `${JSON.stringify({ machine: taken, results }, null, 2)}\n`);
  return `bench/results/${file}`;
}

/** Puts text between README's marks `<!-- name -->` and `<!-- /name -->`. Throws Error where they are not there. */
export function replaceInReadme(name: string, text: string): void {
  const old = readFileSync(readme, 'utf8');
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [start, end] = [old.indexOf(open) + open.length, old.indexOf(close)];
  if (!old.includes(open) || end < start) throw new Error(`README.md has no marks ${open} and ${close}`);
  writeFileSync(readme, `${old.slice(0, start)}\n${text}\n${old.slice(end)}`);
}
