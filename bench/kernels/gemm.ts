/** Products of square matrices. */

import type { FloatName } from '../support/arrays.ts';
import type { KernelCase } from '../support/kernel-case.ts';

function product(dtype: FloatName, n: number): KernelCase {
  return {
    name: `gemm ${n}`, dtype, steps: n ** 3,
    work: { limit: 'arithmetic', operations: 2 * n ** 3 },
    peer: { workload: 'W1', case: `gemm${n}` },
    prepare(arrays) {
      const a = arrays.normal(n * n);
      const b = arrays.normal(n * n);
      const out = arrays.zeros(n * n);
      return { run: ({ gemm }) => gemm(a, b, out, n, n, n, false, false, false), results: [out] };
    },
  };
}

export const gemmCases: readonly KernelCase[] =
  (['float32', 'float64'] as const).flatMap((dtype) => [256, 512, 1024].map((n) => product(dtype, n)));
