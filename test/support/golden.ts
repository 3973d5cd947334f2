/** The rows of test/fixtures/golden.json: numbers that the course's notebooks print. */

import { readFileSync } from 'node:fs';
import type { NestedNumbers } from '../../src/tensor/tensor.ts';

interface ArrayRow {
  readonly op: string;
  readonly out: NestedNumbers;
  readonly relError: number;
}

interface Golden {
  readonly arrays: ReadonlyArray<ArrayRow & Readonly<Record<string, unknown>>>;
  readonly seeded: ReadonlyArray<{ readonly name: string } & Readonly<Record<string, unknown>>>;
}

const golden = JSON.parse(readFileSync(new URL('../fixtures/golden.json', import.meta.url), 'utf8')) as Golden;

/** The row of an operation on given arrays. */
export function goldenArray<T>(op: string): ArrayRow & T {
  const row = golden.arrays.find((candidate) => candidate.op === op);
  if (row === undefined) throw new Error(`golden.json has no row for ${op}`);
  return row as ArrayRow & T;
}

/** The numbers of a recipe on seeded arrays. */
export function goldenSeeded<T>(name: string): T {
  const row = golden.seeded.find((candidate) => candidate.name === name);
  if (row === undefined) throw new Error(`golden.json has no seeded row named ${name}`);
  return row as unknown as T;
}
