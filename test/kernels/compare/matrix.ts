import fc from 'fast-check';
import type { Epilogue, Kernels } from '../../../src/kernels/contract.ts';
import { naiveKernels as naive } from '../../../src/kernels/naive/index.ts';
import { kernelCase, type AnyCase } from './case.ts';
import { abs, type Workbench } from './workbench.ts';

/** Tiny sizes, where edges are everything, and sizes beyond a few tiles. */
const side = fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 9 }) }, fc.integer({ min: 10, max: 70 }));

interface GemmShape {
  m: number;
  n: number;
  k: number;
  transposeA: boolean;
  transposeB: boolean;
  accumulate: boolean;
}

const flags = { transposeA: fc.boolean(), transposeB: fc.boolean(), accumulate: fc.boolean() };

function checkGemm(bench: Workbench, tested: Kernels, s: GemmShape): void {
  const { m, n, k, transposeA, transposeB, accumulate } = s;
  const a = bench.random('a', m * k);
  const b = bench.random('b', k * n);
  const start = bench.random('start', m * n);
  const out = accumulate ? bench.inPlace('out', start) : bench.output('out', m * n);
  const expected = bench.expected(m * n);
  const magnitude = abs(start);
  expected.set(start);
  tested.gemm(a, b, out, m, n, k, transposeA, transposeB, accumulate);
  naive.gemm(a, b, expected, m, n, k, transposeA, transposeB, accumulate);
  naive.gemm(abs(a), abs(b), magnitude, m, n, k, transposeA, transposeB, true);
  bench.close('out', out, expected, magnitude);
}

interface AffineShape {
  n: number;
  d: number;
  m: number;
}

function checkAffineForward(bench: Workbench, tested: Kernels, s: AffineShape & { relu: boolean }): void {
  const { n, d, m } = s;
  const epilogue: Epilogue = { relu: s.relu };
  const [x, w, b] = [bench.random('x', n * d), bench.random('w', d * m), bench.random('b', m)];
  const out = bench.output('out', n * m);
  const [expected, magnitude] = [bench.expected(n * m), bench.expected(n * m)];
  tested.affineForward(x, w, b, out, n, d, m, epilogue);
  naive.affineForward(x, w, b, expected, n, d, m, epilogue);
  naive.affineForward(abs(x), abs(w), abs(b), magnitude, n, d, m, {});
  bench.close('out', out, expected, magnitude);
}

function checkAffineBackward(bench: Workbench, tested: Kernels, s: AffineShape & { wantDx: boolean }): void {
  const { n, d, m } = s;
  const [dout, x, w] = [bench.random('dout', n * m), bench.random('x', n * d), bench.random('w', d * m)];
  const sizes = [n * d, d * m, m];
  const names = ['dx', 'dw', 'db'];
  const [dx, dw, db] = sizes.map((size, i) => bench.output(names[i], size));
  const expected = sizes.map((size) => bench.expected(size));
  const magnitude = sizes.map((size) => bench.expected(size));
  tested.affineBackward(dout, x, w, s.wantDx ? dx : null, dw, db, n, d, m);
  naive.affineBackward(dout, x, w, expected[0], expected[1], expected[2], n, d, m);
  naive.affineBackward(abs(dout), abs(x), abs(w), magnitude[0], magnitude[1], magnitude[2], n, d, m);
  if (s.wantDx) bench.close('dx', dx, expected[0], magnitude[0]);
  bench.close('dw', dw, expected[1], magnitude[1]);
  bench.close('db', db, expected[2], magnitude[2]);
}

export const matrixCases: readonly AnyCase[] = [
  kernelCase({ kernel: 'gemm', shapes: fc.record({ m: side, n: side, k: side, ...flags }), check: checkGemm }),
  kernelCase({
    kernel: 'gemm',
    title: 'across cache blocks',
    share: 0.1,
    shapes: fc.record({
      m: fc.constantFrom(1, 130), n: fc.constantFrom(3, 257, 514), k: fc.constantFrom(5, 256, 300), ...flags,
    }),
    check: checkGemm,
  }),
  kernelCase({
    kernel: 'gemm',
    title: 'with no depth is zero',
    share: 0.1,
    shapes: fc.record({ m: side, n: side, k: fc.constant(0), ...flags }),
    check: checkGemm,
  }),
  kernelCase({
    kernel: 'affineForward',
    shapes: fc.record({ n: side, d: side, m: side, relu: fc.boolean() }),
    check: checkAffineForward,
  }),
  kernelCase({
    kernel: 'affineForward',
    title: 'across cache blocks',
    share: 0.1,
    shapes: fc.record({
      n: fc.constantFrom(1, 50), d: fc.constantFrom(513, 700), m: fc.constantFrom(10, 131), relu: fc.boolean(),
    }),
    check: checkAffineForward,
  }),
  kernelCase({
    kernel: 'affineBackward',
    shapes: fc.record({ n: side, d: side, m: side, wantDx: fc.boolean() }),
    check: checkAffineBackward,
  }),
];
