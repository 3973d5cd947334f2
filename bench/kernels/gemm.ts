/** Products of square matrices, and an affine layer as network e's first. */

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

function affine(n: number, d: number, m: number): KernelCase[] {
  const dtype = 'float32';
  const steps = n * d * m;
  return [
    {
      name: `affine (${n},${d}) to ${m} forward`, dtype, steps, work: { limit: 'arithmetic', operations: 2 * steps },
      prepare(arrays) {
        const [x, w, b, out] = [arrays.normal(n * d), arrays.normal(d * m), arrays.normal(m), arrays.zeros(n * m)];
        return { run: ({ affineForward }) => affineForward(x, w, b, out, n, d, m, { relu: true }), results: [out] };
      },
    },
    {
      name: `affine (${n},${d}) to ${m} backward`, dtype, steps: 2 * steps,
      work: { limit: 'arithmetic', operations: 4 * steps },
      prepare(arrays) {
        const [dout, x, w] = [arrays.normal(n * m), arrays.normal(n * d), arrays.normal(d * m)];
        const [dx, dw, db] = [arrays.zeros(n * d), arrays.zeros(d * m), arrays.zeros(m)];
        return { run: ({ affineBackward }) => affineBackward(dout, x, w, dx, dw, db, n, d, m), results: [dx, dw, db] };
      },
    },
  ];
}

export const gemmCases: readonly KernelCase[] = [
  ...(['float32', 'float64'] as const).flatMap((dtype) => [256, 512, 1024].map((n) => product(dtype, n))),
  ...affine(100, 3072, 1000),
];
