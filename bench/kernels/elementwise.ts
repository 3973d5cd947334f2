/** ReLU, sums and scaling: kernels that do next to nothing with each number, so that memory is all that matters. */

import type { Kernels } from '../../src/kernels/contract.ts';
import type { Arrays } from '../support/arrays.ts';
import { bytesOf } from '../support/kernel-case.ts';
import type { KernelCase, Prepared } from '../support/kernel-case.ts';

const dtype = 'float32';

/** Elements of network c's first activation, and of network d's third. */
const sizes = [100 * 16 * 32 * 32, 128 * 128 * 16 * 16];

/** A kernel over arrays of one length: `reads` + `writes` passes over `distinct` arrays. */
function pass(
  name: string, size: number, [reads, writes, distinct]: readonly [number, number, number],
  prepare: (arrays: Arrays) => Prepared,
): KernelCase {
  const array = bytesOf(dtype, size);
  return {
    name: `${name} ${size.toLocaleString('en')}`, dtype, steps: size, prepare,
    work: { limit: 'memory', bytes: (reads + writes) * array, workingSet: distinct * array },
  };
}

function cases(size: number): KernelCase[] {
  const unary = (run: (kernels: Kernels, x: Float32Array, out: Float32Array) => void) => (arrays: Arrays): Prepared => {
    const x = arrays.normal(size) as Float32Array;
    const out = arrays.zeros(size) as Float32Array;
    return { run: (kernels) => run(kernels, x, out), results: [out] };
  };
  return [
    pass('relu', size, [1, 1, 2], unary(({ reluForward }, x, out) => reluForward(x, out))),
    pass('relu backward', size, [2, 1, 3], (arrays) => {
      const [dout, x, dx] = [arrays.normal(size), arrays.normal(size), arrays.zeros(size)];
      return { run: ({ reluBackward }) => reluBackward(dout, x, dx), results: [dx] };
    }),
    pass('scale (elementwise copy)', size, [1, 1, 2],
      unary(({ binaryScalar }, x, out) => binaryScalar('mul', x, 3, out))),
    pass('add', size, [2, 1, 3], (arrays) => {
      const [a, b, out] = [arrays.normal(size), arrays.normal(size), arrays.zeros(size)];
      return { run: ({ binary }) => binary('add', a, b, out), results: [out] };
    }),
  ];
}

export const elementwiseCases: readonly KernelCase[] = sizes.flatMap(cases);
