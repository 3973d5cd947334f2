/** Spatial batchnorm with its ReLU as in network c's first layer, and batchnorm of a matrix as the course has it. */

import type { ChannelGeometry } from '../../src/kernels/contract.ts';
import { bytesOf } from '../support/kernel-case.ts';
import type { KernelCase } from '../support/kernel-case.ts';

const dtype = 'float32';
const eps = 1e-5;

function cases(name: string, g: ChannelGeometry): KernelCase[] {
  const size = g.outer * g.channels * g.inner;
  const array = bytesOf(dtype, size);
  return [
    {
      // the variance is taken from deviations, so x is read twice
      name: `batchnorm statistics ${name}`, dtype, steps: 2 * size,
      work: { limit: 'memory', bytes: 2 * array, workingSet: array },
      prepare(arrays) {
        const [x, mean, variance] = [arrays.normal(size), arrays.zeros(g.channels), arrays.zeros(g.channels)];
        const results = [mean, variance];
        return { run: ({ batchnormStatistics }) => batchnormStatistics(x, mean, variance, g), results };
      },
    },
    {
      name: `batchnorm + relu ${name}`, dtype, steps: size,
      work: { limit: 'memory', bytes: 2 * array, workingSet: 2 * array },
      prepare(arrays) {
        const x = arrays.normal(size);
        const [gamma, beta, mean, variance] = [0, 1, 2, 3].map(() => arrays.uniform(g.channels));
        const out = arrays.zeros(size);
        return {
          run: ({ batchnormApply }) => batchnormApply(x, gamma, beta, mean, variance, out, g, eps, true),
          results: [out],
        };
      },
    },
    {
      // two passes: over dout, x and the relu's output for the sums, and again for dx
      name: `batchnorm + relu backward ${name}`, dtype, steps: 2 * size,
      work: { limit: 'memory', bytes: 7 * array, workingSet: 4 * array },
      prepare(arrays) {
        const [dout, x, out, dx] = [arrays.normal(size), arrays.normal(size), arrays.normal(size), arrays.zeros(size)];
        const [gamma, mean, variance] = [0, 1, 2].map(() => arrays.uniform(g.channels));
        const [dgamma, dbeta] = [arrays.zeros(g.channels), arrays.zeros(g.channels)];
        return {
          run: ({ batchnormBackward }) =>
            batchnormBackward(dout, x, gamma, mean, variance, out, dx, dgamma, dbeta, g, eps),
          results: [dx, dgamma, dbeta],
        };
      },
    },
  ];
}

export const batchnormCases: readonly KernelCase[] = [
  ...cases('(100,16,32,32)', { outer: 100, channels: 16, inner: 1024 }),
  ...cases('(128,2048)', { outer: 128, channels: 2048, inner: 1 }),
];
