/** Every kernel of the contract is compared with its definition, and timed. */

import { describe, expect, it } from 'vitest';
import { families } from '../../bench/kernels/index.ts';
import type { Drawing } from '../../bench/support/kernel-case.ts';
import type { KernelName, Kernels } from '../../src/kernels/contract.ts';
import { naiveKernels } from '../../src/kernels/naive/index.ts';
import { allCases } from './compare.ts';

const kernels = (Object.keys(naiveKernels) as KernelName[]).sort();

/** The kernels that the rows of the bench call, by running each row on kernels that only say their name. */
function timedKernels(): KernelName[] {
  const called = new Set<KernelName>();
  const recorder = new Proxy({} as Kernels, {
    get: (_, name: KernelName) => () => {
      called.add(name);
      return 0;
    },
  });
  for (const each of Object.values(families).flat()) {
    const zeros = (length: number): Float32Array | Float64Array =>
      each.dtype === 'float32' ? new Float32Array(length) : new Float64Array(length);
    const arrays: Drawing = {
      dtype: each.dtype, normal: zeros, uniform: zeros, zeros, positions: (length) => new Int32Array(length),
    };
    each.prepare(arrays).run(recorder);
  }
  return [...called].sort();
}

describe('every kernel of the contract', () => {
  it('has a case of comparison', () => {
    expect([...new Set(allCases.map(({ kernel }) => kernel))].sort()).toEqual(kernels);
  });

  it('has a row in the bench', () => {
    expect(timedKernels()).toEqual(kernels);
  });
});
