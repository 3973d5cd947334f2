/** Where and what a measurement was taken on: figures without it cannot be compared. */

import { execFileSync } from 'node:child_process';
import { cpus, loadavg, totalmem } from 'node:os';

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  /** bytes */
  readonly memory: number;
  readonly platform: string;
  /** runtime and engine, such as "node 24.1.0 (v8 13.6)" */
  readonly runtime: string;
  /** options given to the runtime, such as --experimental-wasm-revectorize */
  readonly flags: readonly string[];
  /** programs that wanted a processor over the last minute, this one included */
  readonly load: number;
  /** the commit measured, with "+" where files differ from it; "unknown" outside a checkout */
  readonly commit: string;
  /** ISO 8601, UTC */
  readonly date: string;
}

/** This machine, this runtime, this commit, now. */
export function machine(): Machine {
  const processors = cpus();
  return {
    processor: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memory: totalmem(),
    platform: `${process.platform} ${process.arch}`,
    runtime: `node ${process.versions.node} (v8 ${process.versions.v8})`,
    flags: process.execArgv.filter((flag) => flag.startsWith('--') && flag.includes('wasm')),
    load: Math.round(100 * loadavg()[0]) / 100,
    commit: commit(),
    date: new Date().toISOString(),
  };
}

function commit(): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    const changed = git('status', '--porcelain', '--untracked-files=no') !== '';
    return git('rev-parse', '--short=12', 'HEAD') + (changed ? '+' : '');
  } catch {
    return 'unknown';
  }
}
