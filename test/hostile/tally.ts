/** What a hostile program counts, and what it is given: a seeded generator and a time to end at. */

import type { Rng } from '../../src/index.ts';

export interface Assault {
  readonly rng: Rng;
  /** performance.now() at which no new attempt is begun */
  readonly end: number;
}

export class Tally {
  /** attempts, and how they ended, by name */
  readonly counts: Map<string, number> = new Map();
  /** one line each; the first of a kind are kept, all are counted */
  readonly failures: string[] = [];
  failed: number = 0;

  count(name: string, by: number = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by);
  }

  fail(what: string): void {
    this.failed++;
    if (this.failures.length < 40) this.failures.push(what);
  }

  toString(): string {
    const counts = [...this.counts].map(([name, count]) => `${count.toLocaleString('en-US')} ${name}`);
    return [...counts, `${this.failed} failed`].join(', ');
  }
}

/** A whole number from 0 to n-1. */
export function below(rng: Rng, n: number): number {
  return Math.floor(rng.random() * n);
}

export function pick<T>(rng: Rng, list: readonly T[]): T {
  return list[below(rng, list.length)];
}
