import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { bundleProgram } from './bundle.ts';
import type { Outcome } from './programs/train.ts';

const run = promisify(execFile);

/** Runtimes beside the one that runs the tests: named by variables, or found by their usual names. */
function find(variable: string, command: string): string | null {
  const path = process.env[variable] ?? command;
  try {
    execFileSync(path, ['--version'], { stdio: 'ignore' });
    return path;
  } catch {
    return null;
  }
}

const deno = find('DENO', 'deno');
let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tilegrad-platform-'));
  writeFileSync(join(folder, 'console.mjs'), await bundleProgram('console.ts', 'neutral'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Runs a program from the temporary folder, where no package and none of our files is at hand, until it ends. */
async function outcomeOf(command: string, args: string[]): Promise<Outcome> {
  const { stdout, stderr } = await run(command, args, { cwd: folder, timeout: 30_000 });
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Outcome;
}

/** The same on a platform that lacks a global. */
function outcomeWithout(name: string): Promise<Outcome> {
  writeFileSync(join(folder, 'lacking.mjs'), `delete globalThis.${name};\nawait import("./console.mjs");\n`);
  return outcomeOf(process.execPath, ['lacking.mjs']);
}

describe('a program that trains', () => {
  it('gives the same bits on one, two and three threads in Node, and exits by itself', async () => {
    const { info, threads, results } = await outcomeOf(process.execPath, ['console.mjs']);
    expect(threads).toEqual([1, 2, 3]);
    expect(new Set(results).size).toBe(1);
    expect(info).toMatchObject({ backend: 'simd', runtime: 'node', sharedMemory: true });
  });

  it.skipIf(deno === null)('does the same in Deno (DENO names it where it is not on the path)', async () => {
    const { info, threads, results } = await outcomeOf(deno!, ['run', '--allow-all', 'console.mjs']);
    expect(threads).toEqual([1, 2, 3]);
    expect(new Set(results).size).toBe(1);
    expect(info).toMatchObject({ backend: 'simd', runtime: 'deno' });
  });

  it('computes the same on one thread where memory cannot be shared, and says so', async () => {
    const shared = await outcomeOf(process.execPath, ['console.mjs']);
    const { info, threads, results } = await outcomeWithout('SharedArrayBuffer');
    expect(threads).toEqual([1, 1, 1]);
    expect(results).toEqual(shared.results);
    expect(info.sharedMemory).toBe(false);
    expect(info.why.join()).toMatch(/SharedArrayBuffer is missing: one thread computes/);
  });

  it.each(['WebAssembly', 'FinalizationRegistry', 'process', 'navigator', 'MessageChannel', 'setImmediate'])(
    'trains and infers without %s, to the same losses but for rounding', async (name) => {
      const whole = await outcomeOf(process.execPath, ['console.mjs']);
      const { results } = await outcomeWithout(name);
      expect(new Set(results).size).toBe(1);
      const losses = (text: string): number[] => text.split(' ').slice(0, 4).map(Number);
      losses(results[0]).forEach((loss, i) => expect(loss).toBeCloseTo(losses(whole.results[0])[i], 4));
    });
});

describe('the bundle', () => {
  it('holds the worker, and builds no code from strings', async () => {
    const text = await bundleProgram('console.ts', 'neutral');
    const [, worker] = text.match(/data:text\/javascript;base64,([A-Za-z0-9+/=]+)/)!;
    for (const code of [text, Buffer.from(worker, 'base64').toString()]) {
      // a module's method eval() puts it into test mode; the global one needs an argument to make code of
      expect(code.replaceAll('eval()', '')).not.toMatch(/new Function\b|\beval\(/);
      expect(code).not.toMatch(/@napi-rs|worker\.js['"]/);
    }
    expect(Buffer.from(worker, 'base64').toString()).toContain('WebAssembly.Instance');
  });

  it('can be made for browsers: nothing in it asks for Node by an import', async () => {
    const text = await bundleProgram('page.ts', 'browser'); // esbuild fails for an import that a browser lacks
    expect(text).not.toMatch(/\bimport\s*\(?\s*['"]node:|require\(\s*['"]node:/);
  });
});
