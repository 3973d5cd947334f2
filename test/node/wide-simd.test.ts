import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { testWideSimd, wideFlag } from '../../src/node/wide-simd.ts';

// the sources are TypeScript
const loader = ['--import', 'tsx'];
const major = Number(process.versions.node.split('.')[0]);

describe('testWideSimd', () => {
  it('passes in the wide form alone, on an engine that may not know the flag', () => {
    expect(testWideSimd(loader)).toBeNull();
  });

  it.skipIf(major < 24)('passes with it on an engine whose experiment works', () => {
    expect(testWideSimd([...loader, wideFlag, '--wasm-sync-tier-up', '--wasm-tiering-budget=1'])).toBeNull();
  });

  it.skipIf(major < 24)('has the engine join the vectors of each function that is shaped for it', { timeout: 60_000 }, () => {
    // into a file: of what the engine writes to a pipe most is lost
    const folder = mkdtempSync(join(tmpdir(), 'tilegrad-wide-'));
    const file = openSync(join(folder, 'trace'), 'w');
    spawnSync(process.execPath, [
      ...loader, wideFlag, '--wasm-sync-tier-up', '--wasm-tiering-budget=1', '--trace-wasm-revectorize',
      'src/node/wide-simd-test.ts',
    ], { stdio: ['ignore', file, 'ignore'] });
    closeSync(file);
    const trace = readFileSync(join(folder, 'trace'), 'utf8');
    rmSync(folder, { recursive: true });
    const traces = new Map(trace.split('Begin revec function ').slice(1).map((each) => [each.split('\n')[0], each]));
    const shaped = [...traces.keys()].filter((name) => (
      /^f32_(gemm_strip_4x16|\w+_product_8x8|(winograd|halving)_(input|output))\w*__simd128$/.test(name)));
    expect(shaped.length).toBeGreaterThan(17);
    expect(shaped.filter((name) => !traces.get(name)?.includes('Decide to vectorize'))).toEqual([]);
  });

  it('says so where the test takes too long', () => {
    expect(testWideSimd(loader, 1)).toBe('its test was stopped after 0.001 seconds; is the machine busy?');
  });

  it('tells how the test ended where it does not pass', () => {
    expect(testWideSimd([...loader, '--no-such-flag'])).toMatch(/^on Node \S+ its test ended with .*no-such-flag/);
    // too little memory for anything: the process is ended by the engine
    expect(testWideSimd([...loader, '--max-old-space-size=1'])).toMatch(/its test ended with/);
  });
});
