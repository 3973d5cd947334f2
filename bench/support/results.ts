/** Keeps results beside the machine they were measured on: bench/results/NAME-DATE.json. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { machine } from './machine.ts';

const folder = fileURLToPath(new URL('../results/', import.meta.url));

/** Writes { machine, results } and returns the file's place in the project. */
export function saveResults(name: string, results: unknown): string {
  const taken = machine();
  mkdirSync(folder, { recursive: true });
  const [date, major] = [taken.date.slice(0, 19).replaceAll(':', ''), process.versions.node.split('.')[0]];
  const file = `${name}-${date}-node${major}.json`;
  writeFileSync(folder + file, `${JSON.stringify({ machine: taken, results }, null, 2)}\n`);
  return `bench/results/${file}`;
}
