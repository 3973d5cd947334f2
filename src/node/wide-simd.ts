/**
 * The proof that wide SIMD (src/kernels/simd/wide.ts) asks for before it is used. V8 calls its flag an experiment: a
 * fault in it ends the process or gives wrong numbers, and no program can catch the former. So a process of its own is
 * started with the flag (wide-simd-test.ts), in which every kernel is compiled by the optimising compiler and computes,
 * and what comes must be the bits that come without the flag. It takes some six seconds, once a process.
 */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { setWideProof } from '../kernels/simd/wide.ts';
import { features } from '../runtime/features.ts';

/** V8's flag. The test switches it on by itself; on the command line an engine that does not know it says so. */
export const wideFlag = '--experimental-wasm-revectorize';
/** Optimises a function when it is first called, so that a short test reaches what training reaches later. */
const atOnce = ['--wasm-sync-tier-up', '--wasm-tiering-budget=1'];
/** What the test prints when all is well. */
export const wideVerdict = 'wide SIMD: every kernel gives the same bits';

/** Milliseconds that the test may take: many times what it takes, for busy machines. */
const longest = 60_000;

/** V8 11 has no such flag, and 12 does not come to an end with it; 13.6 and 14.6 (Node 24 and 26) pass. */
const oldestEngine = 13;

/** In the built package the test stands beside the entry, else it is the source. */
function testFile(): string | null {
  const candidates = ['./wide-simd-test.js', './node/wide-simd-test.js', './wide-simd-test.ts'];
  return candidates.map((name) => fileURLToPath(new URL(name, import.meta.url))).find(existsSync) ?? null;
}

/**
 * Runs the test, for so many milliseconds at most, with these flags of V8 in place of the usual ones. Null where every
 * kernel has passed, else what went wrong. Starts a process; changes nothing in this one.
 */
export function testWideSimd(
  flags: readonly string[] = [wideFlag, ...atOnce], milliseconds: number = longest,
): string | null {
  const { runtime, version } = features();
  if (runtime !== 'node') return `only Node lets a program set V8's flags; this is ${runtime}`;
  const file = testFile();
  if (file === null) return 'its test is not to be found, as in a program that a bundler has made one file of';
  // what this process was started with may load TypeScript, which the sources need
  const { error, status, signal, stdout, stderr } = spawnSync(
    process.execPath, [...process.execArgv, ...flags, file],
    { encoding: 'utf8', timeout: milliseconds, windowsHide: true, env: { ...process.env, NODE_OPTIONS: '' } },
  );
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT') {
    return `its test was stopped after ${milliseconds / 1000} seconds; is the machine busy?`;
  }
  if (error !== undefined) return `its test could not be run (${error.message})`;
  if (status === 0 && stdout.includes(wideVerdict)) return null;
  const complaint = `${stderr}\n${stdout}`.split('\n').map((line) => line.trim()).find((line) => /[a-z]/i.test(line));
  return `on Node ${version} its test ended with ${signal ?? `exit status ${status}`}: ${complaint ?? 'no word'}`;
}

/** Whether this is an engine on which the test is known to pass. */
export function engineHasWideSimd(): boolean {
  return features().runtime === 'node' && parseInt(process.versions.v8, 10) >= oldestEngine;
}

/** Lets configure({ wideSimd: true }) turn wide SIMD on where the test passes. */
export function provideWideSimd(): void {
  setWideProof(() => {
    const { v8 = '0' } = process.versions;
    if (parseInt(v8, 10) < oldestEngine) return `V8 ${v8} cannot do it; Node 24 and later can`;
    const refusal = testWideSimd();
    if (refusal === null) setFlagsFromString(wideFlag);
    return refusal;
  });
}
