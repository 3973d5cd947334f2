/** The test of wide SIMD runs what it is to prove: every kernel. */

import { afterAll, expect, it, vi } from 'vitest';
import { fetchSimdCode } from '../../src/kernels/arrival.ts';
import { activeKernels } from '../../src/kernels/registry.ts';
import type * as launching from '../../src/kernels/simd/launch.ts';
import { kernelSource } from '../../src/kernels/simd/module.ts';
import { wideTrials } from '../../src/node/wide-trials.ts';
import { configure } from '../../src/runtime/settings.ts';

const launched = vi.hoisted(() => new Set<object>());
vi.mock(import('../../src/kernels/simd/launch.ts'), async (original) => {
  const real = await original();
  const launch = ((kernel) => {
    launched.add(kernel);
    return real.launch(kernel);
  }) as typeof launching.launch;
  return { ...real, launch };
});

afterAll(() => configure({ backend: 'auto', threads: 'auto' }));

it('launches every SIMD kernel', async () => {
  await fetchSimdCode();
  configure({ backend: 'simd', threads: 1 });
  for (const [name, trial] of wideTrials()) {
    (activeKernels()[name] as (...given: unknown[]) => unknown)(...structuredClone(trial) as unknown[]);
  }
  const { kernels } = kernelSource({ relaxed: false, wide: false, five: false });
  expect(kernels.length).toBeGreaterThan(150);
  const missing = kernels.filter((kernel) => !launched.has(kernel)).map((kernel) => (kernel as { name: string }).name);
  expect(missing).toEqual([]);
});
