/**
 * Activations, arithmetic, sums: kernels that do little with each number, so that memory is what matters, or would be
 * if an exponential took no longer than a number takes to come and go.
 */

import type { FloatArray, Kernels } from '../../src/kernels/contract.ts';
import { bytesOf } from '../support/kernel-case.ts';
import type { Drawing, KernelCase, Prepared } from '../support/kernel-case.ts';

const dtype = 'float32';

/** Elements of network c's first activation, and of network d's third. */
const sizes = [100 * 16 * 32 * 32, 128 * 128 * 16 * 16];

/** A kernel over arrays of one length: `reads` + `writes` passes over `distinct` arrays. */
function pass(
  name: string, size: number, [reads, writes, distinct]: readonly [number, number, number],
  prepare: (arrays: Drawing) => Prepared,
): KernelCase {
  const array = bytesOf(dtype, size);
  return {
    name: `${name} ${size.toLocaleString('en')}`, dtype, steps: size, prepare,
    work: { limit: 'memory', bytes: (reads + writes) * array, workingSet: distinct * array },
  };
}

/** A kernel from one array to another. */
function unary(
  name: string, size: number, run: (kernels: Kernels, x: FloatArray, out: FloatArray) => void,
): KernelCase {
  return pass(name, size, [1, 1, 2], (arrays) => {
    const [x, out] = [arrays.normal(size), arrays.zeros(size)];
    return { run: (kernels) => run(kernels, x, out), results: [out] };
  });
}

/** A kernel from two arrays to a third. */
function binary(
  name: string, size: number, run: (kernels: Kernels, a: FloatArray, b: FloatArray, out: FloatArray) => void,
): KernelCase {
  return pass(name, size, [2, 1, 3], (arrays) => {
    const [a, b, out] = [arrays.normal(size), arrays.normal(size), arrays.zeros(size)];
    return { run: (kernels) => run(kernels, a, b, out), results: [out] };
  });
}

/** What networks do most. */
function usual(size: number): KernelCase[] {
  return [
    unary('relu', size, ({ reluForward }, x, out) => reluForward(x, out)),
    binary('relu backward', size, ({ reluBackward }, dout, x, dx) => reluBackward(dout, x, dx)),
    unary('scale (elementwise copy)', size, ({ binaryScalar }, x, out) => binaryScalar('mul', x, 3, out)),
    binary('add', size, (kernels, a, b, out) => kernels.binary('add', a, b, out)),
  ];
}

function activations(size: number): KernelCase[] {
  return [
    unary('leaky relu', size, ({ leakyReluForward }, x, out) => leakyReluForward(x, out, 0.01)),
    binary('leaky relu backward', size, ({ leakyReluBackward }, dout, x, dx) => leakyReluBackward(dout, x, dx, 0.01)),
    unary('elu', size, ({ eluForward }, x, out) => eluForward(x, out, 1)),
    binary('elu backward', size, ({ eluBackward }, dout, x, dx) => eluBackward(dout, x, x, dx, 1)),
    unary('sigmoid', size, ({ sigmoidForward }, x, out) => sigmoidForward(x, out)),
    binary('sigmoid backward', size, ({ sigmoidBackward }, dout, out, dx) => sigmoidBackward(dout, out, dx)),
    unary('tanh', size, ({ tanhForward }, x, out) => tanhForward(x, out)),
    binary('tanh backward', size, ({ tanhBackward }, dout, out, dx) => tanhBackward(dout, out, dx)),
    unary('gelu', size, ({ geluForward }, x, out) => geluForward(x, out)),
    binary('gelu backward', size, ({ geluBackward }, dout, x, dx) => geluBackward(dout, x, dx)),
    unary('silu', size, ({ siluForward }, x, out) => siluForward(x, out)),
    binary('silu backward', size, ({ siluBackward }, dout, x, dx) => siluBackward(dout, x, dx)),
    unary('exp', size, (kernels, x, out) => kernels.unary('exp', x, out)),
    pass('log', size, [1, 1, 2], (arrays) => {
      const [x, out] = [arrays.uniform(size), arrays.zeros(size)];
      return { run: (kernels) => kernels.unary('log', x, out), results: [out] };
    }),
  ];
}

function sums(rows: number, columns: number): KernelCase[] {
  const size = rows * columns;
  const total = (name: string, run: (kernels: Kernels, x: FloatArray) => number): KernelCase =>
    pass(name, size, [1, 0, 1], (arrays) => {
      const [x, result] = [arrays.uniform(size), new Float64Array(1)];
      return { run: (kernels) => void (result[0] = run(kernels, x)), results: [result] };
    });
  return [
    total('sum', ({ sum }, x) => sum(x)),
    total('sum of squares', ({ sumOfSquares }, x) => sumOfSquares(x)),
    pass(`sums over ${rows} rows`, size, [1, 0, 1], (arrays) => {
      const [x, out] = [arrays.uniform(size), arrays.zeros(columns)];
      return { run: ({ sumRows }) => sumRows(x, out, rows, columns), results: [out] };
    }),
    pass('axpy', size, [2, 1, 2], (arrays) => {
      const [x, y] = [arrays.normal(size), arrays.normal(size)];
      return { run: ({ axpy }) => axpy(1e-3, x, y), results: [y] };
    }),
  ];
}

export const elementwiseCases: readonly KernelCase[] = [
  ...sizes.flatMap(usual), ...activations(sizes[0]), ...sums(100, 16 * 32 * 32),
];
