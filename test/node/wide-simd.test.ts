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

  it('tells how the test ended where it does not pass', () => {
    expect(testWideSimd([...loader, '--no-such-flag'])).toMatch(/^on Node \S+ its test ended with .*no-such-flag/);
    // too little memory for anything: the process is ended by the engine
    expect(testWideSimd([...loader, '--max-old-space-size=1'])).toMatch(/its test ended with/);
  });
});
