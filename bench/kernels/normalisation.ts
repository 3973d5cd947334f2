/**
 * Spatial batchnorm with its ReLU as in network c's first layer, alone and fused with its pooling, batchnorm of a
 * matrix as the course has it, and group norm.
 */

import type { ChannelGeometry, GroupGeometry, PoolGeometry } from '../../src/kernels/geometry.ts';
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
    // two passes: over dout, x and the relu's output for the sums, and again for dx
    ...(['batchnormBackward', 'batchnormBackwardConstant'] as const).map((kernel): KernelCase => ({
      name: `batchnorm + relu backward ${kernel === 'batchnormBackward' ? '' : 'at test time '}${name}`, dtype,
      steps: 2 * size, work: { limit: 'memory', bytes: 7 * array, workingSet: 4 * array },
      prepare(arrays) {
        const [dout, x, out, dx] = [arrays.normal(size), arrays.normal(size), arrays.normal(size), arrays.zeros(size)];
        const [gamma, mean, variance] = [0, 1, 2].map(() => arrays.uniform(g.channels));
        const [dgamma, dbeta] = [arrays.zeros(g.channels), arrays.zeros(g.channels)];
        return {
          run: (kernels) => kernels[kernel](dout, x, gamma, mean, variance, out, dx, dgamma, dbeta, g, eps),
          results: [dx, dgamma, dbeta],
        };
      },
    })),
  ];
}

function withPool(batch: number, channels: number, side: number): KernelCase[] {
  const half = side / 2;
  const g: PoolGeometry = {
    planes: batch * channels, height: side, width: side, poolHeight: 2, poolWidth: 2, strideY: 2, strideX: 2, padTop: 0,
    padLeft: 0, outHeight: half,
    outWidth: half,
  };
  const [size, pooled] = [g.planes * side * side, g.planes * half * half];
  const [array, small] = [bytesOf(dtype, size), bytesOf(dtype, pooled)];
  const name = `(${batch},${channels},${side},${side})`;
  return [
    {
      name: `batchnorm + relu + pool ${name}`, dtype, steps: size,
      work: { limit: 'memory', bytes: array + 3 * small, workingSet: array + 3 * small },
      prepare(arrays) {
        const [x, out, argmax] = [arrays.normal(size), arrays.zeros(pooled), arrays.positions(pooled)];
        const winners = arrays.zeros(pooled);
        const [gamma, beta, mean, variance] = [0, 1, 2, 3].map(() => arrays.uniform(channels));
        return {
          run: ({ batchnormReluPoolForward }) =>
            batchnormReluPoolForward(x, gamma, beta, mean, variance, out, argmax, winners, g, channels, eps),
          results: [out, winners],
        };
      },
    },
    {
      // the sums read what the maxima were made of, dx takes x
      name: `batchnorm + relu + pool backward ${name}`, dtype, steps: 2 * size,
      work: { limit: 'memory', bytes: 2 * array + 6 * small, workingSet: 2 * array + 4 * small },
      prepare(arrays) {
        const [dout, out, argmax] = [arrays.normal(pooled), arrays.normal(pooled), arrays.positions(pooled)];
        argmax.forEach((_, i) => {
          const window = i % (half * half);
          argmax[i] = 2 * Math.floor(window / half) * side + 2 * (window % half) + (i & 1);
        });
        const [x, dx, winners] = [arrays.normal(size), arrays.zeros(size), arrays.normal(pooled)];
        const [gamma, mean, variance] = [0, 1, 2].map(() => arrays.uniform(channels));
        const [dgamma, dbeta] = [arrays.zeros(channels), arrays.zeros(channels)];
        return {
          run: ({ batchnormReluPoolBackward }) => batchnormReluPoolBackward(
            dout, out, argmax, winners, x, gamma, mean, variance, dx, dgamma, dbeta, g, channels, eps,
          ),
          results: [dx, dgamma, dbeta],
        };
      },
    },
  ];
}

function groupnorm(name: string, g: GroupGeometry): KernelCase[] {
  const channels = g.groups * g.channelsPerGroup;
  const size = g.batch * channels * g.inner;
  const array = bytesOf(dtype, size);
  return [
    {
      name: `group norm ${name}`, dtype, steps: 3 * size,
      work: { limit: 'memory', bytes: 2 * array, workingSet: 2 * array },
      prepare(arrays) {
        const [x, out] = [arrays.normal(size), arrays.zeros(size)];
        const [gamma, beta] = [arrays.uniform(channels), arrays.uniform(channels)];
        const [mean, variance] = [arrays.zeros(g.batch * g.groups), arrays.zeros(g.batch * g.groups)];
        return {
          run: ({ groupnormForward }) => groupnormForward(x, gamma, beta, out, mean, variance, g, eps), results: [out],
        };
      },
    },
    {
      name: `group norm backward ${name}`, dtype, steps: 2 * size,
      work: { limit: 'memory', bytes: 3 * array, workingSet: 3 * array },
      prepare(arrays) {
        const [dout, x, dx] = [arrays.normal(size), arrays.normal(size), arrays.zeros(size)];
        const [mean, variance] = [arrays.uniform(g.batch * g.groups), arrays.uniform(g.batch * g.groups)];
        const [gamma, dgamma, dbeta] = [arrays.uniform(channels), arrays.zeros(channels), arrays.zeros(channels)];
        return {
          run: ({ groupnormBackward }) =>
            groupnormBackward(dout, x, gamma, mean, variance, dx, dgamma, dbeta, g, eps),
          results: [dx, dgamma, dbeta],
        };
      },
    },
  ];
}

export const normalisationCases: readonly KernelCase[] = [
  ...cases('(100,16,32,32)', { outer: 100, channels: 16, inner: 1024 }),
  ...cases('(128,2048)', { outer: 128, channels: 2048, inner: 1 }),
  ...withPool(100, 16, 32),
  ...groupnorm('(100,16,32,32), 4 groups', { batch: 100, groups: 4, channelsPerGroup: 4, inner: 1024 }),
];
