/** Valid calls of `tilegrad/layers`. Every forward pass has its backward pass beside it, called with its own cache. */

import { RandomState, Rng, Tensor, ones, zeros } from '../../src/index.ts';
import * as layers from '../../src/layers/index.ts';
import { large } from './walk.ts';
import type { Seed, Table } from './walk.ts';

const rng = new Rng(3);
const x2 = rng.normal(0, 1, [3, 4]);
const x4 = rng.normal(0, 1, [2, 4, 4, 4]);
const w2 = rng.normal(0, 1, [4, 5]);
const w4 = rng.normal(0, 1, [4, 4, 3, 3]);
const pool = { poolHeight: 2, poolWidth: 2, stride: 2, note: 'a remark' };
const conv = { stride: [1, 2], pad: [1, 1], dilation: 1, groups: 1 };
const averaged = { ...pool, pad: 'same', countIncludePad: false };

const batchnorm = (length: number, mode: 'train' | 'test' = 'train'): layers.BatchnormParam => ({
  mode, eps: 1e-5, momentum: 0.9, runningMean: zeros(length), runningVar: ones(length),
});

type Forward = (...args: never[]) => readonly [Tensor, unknown];

/** The pair of entries: the backward call takes a gradient like the output and the cache of the valid forward call. */
function pair(name: string, args: Seed, ...more: readonly unknown[]): Table {
  const forward = (layers as unknown as Record<string, Forward>)[name];
  const backward = (): readonly unknown[] => {
    const [out, cache] = forward(...args() as never[]);
    return [out.clone(), cache, ...more];
  };
  return { [name]: args, [name.replace('Forward', 'Backward')]: backward };
}

export const layersTable: Table = {
  ...pair('affineForward', () => [x2, w2, ones(5)], true),
  ...pair('reluForward', () => [x2]), ...pair('sigmoidForward', () => [x2]), ...pair('tanhForward', () => [x2]),
  ...pair('geluForward', () => [x2]), ...pair('siluForward', () => [x2]),
  ...pair('softmaxForward', () => [x2, 1]), ...pair('preluForward', () => [x4, ones(4)]),
  ...pair('maxoutForward', () => [x4, 2]),
  ...pair('leakyReluForward', () => [x2, 0.1]), ...pair('eluForward', () => [x2, 0.5]),
  ...pair('batchnormForward', () => [x2, ones(4), zeros(4), batchnorm(4)]),
  batchnormBackwardAlt: () => [x2, layers.batchnormForward(x2, ones(4), zeros(4), batchnorm(4, 'test'))[1]],
  ...pair('spatialBatchnormForward', () => [x4, ones(4), zeros(4), batchnorm(4, 'test')]),
  ...pair('layernormForward', () => [x2, ones(4), zeros(4), { mode: 'train', eps: 1e-5 }]),
  ...pair('spatialGroupnormForward', () => [x4, ones(4), zeros(4), 2, { mode: 'test', G: 2, eps: 1e-5 }]),
  ...pair('convForward', () => [x4, w4, ones(4), conv], true),
  ...pair('convForwardNaive', () => [x4, w4, ones(4), conv], true),
  ...pair('convForwardFast', () => [x4, w4, ones(4), conv], true),
  ...pair('maxPoolForward', () => [x4, pool]), ...pair('maxPoolForwardNaive', () => [x4, pool]),
  ...pair('maxPoolForwardFast', () => [x4, pool]), ...pair('avgPoolForward', () => [x4, averaged]),
  ...pair('globalAvgPoolForward', () => [x4]),
  ...pair('adaptiveAvgPoolForward', () => [x4, [2, 1]]),
  ...pair('dropoutForward', () => [x2, { keepProb: 0.5, mode: 'train', rng: new RandomState(1), seed: 1 }]),
  ...pair('affineReluForward', () => [x2, w2, ones(5)], false),
  ...pair('affineBatchnormReluForward', () => [x2, w2, ones(5), ones(5), zeros(5), batchnorm(5)], true),
  ...pair('affineLayernormReluForward', () => [x2, w2, ones(5), ones(5), zeros(5), { eps: 1e-5 }], true),
  ...pair('convReluForward', () => [x4, w4, ones(4), conv], true),
  ...pair('convReluPoolForward', () => [x4, w4, ones(4), conv, pool], true),
  ...pair('convBatchnormReluForward', () => [x4, w4, ones(4), ones(4), zeros(4), conv, batchnorm(4)], true),
  ...pair('convBatchnormReluPoolForward', () => [x4, w4, ones(4), ones(4), zeros(4), conv, batchnorm(4), pool], true),
  softmaxLoss: [() => [x2, [0, 1, 3]], () => [x2, BigInt64Array.of(0n, 1n, 3n), { labelSmoothing: 0.1 }]],
  svmLoss: () => [x2, Int32Array.of(0, 1, 3)],
  whiteningFilters: () => [x4, { size: 2, filters: 4, images: 2, epsilon: 1e-3 }],
  diracInit: { args: () => [2, 3, { k: 3, rng: new Rng(1), dtype: 'float64' }], without: large },
  kaimingInit: { args: () => [4, 3, { k: 3, relu: true, rng: new Rng(1), dtype: 'float64' }], without: large },
  xavierInit: { args: () => [4, 3, { k: null, rng: new Rng(1), dtype: 'float32' }], without: large },
};
