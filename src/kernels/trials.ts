/**
 * One call of every kernel, on small arrays of uneven sizes: what those are tested with who are not believed, a device
 * (src/gpu/self-test.ts) and an experiment of the engine (src/node/wide-simd-test.ts).
 */

import type { KernelName } from './contract.ts';
import type { ConvGeometry, PoolGeometry } from './geometry.ts';
import { naiveKernels } from './naive/index.ts';

const conv: ConvGeometry = {
  batch: 2, channels: 4, height: 9, width: 7, filters: 6, kernelHeight: 3, kernelWidth: 2, strideY: 2, strideX: 1,
  padTop: 1, padLeft: 1, dilationY: 1, dilationX: 2, groups: 2, outHeight: 5, outWidth: 7,
};
const pool: PoolGeometry = {
  planes: 3, height: 8, width: 7, poolHeight: 3, poolWidth: 2, strideY: 2, strideX: 2, padTop: 1, padLeft: 0,
  outHeight: 4, outWidth: 3,
};
const fused: PoolGeometry = {
  planes: 24, height: 8, width: 8, poolHeight: 2, poolWidth: 2, strideY: 2, strideX: 2, padTop: 0, padLeft: 0,
  outHeight: 4, outWidth: 4,
};
const pooledConv: ConvGeometry = {
  batch: 2, channels: 3, height: 8, width: 8, filters: 6, kernelHeight: 3, kernelWidth: 3, strideY: 1, strideX: 1,
  padTop: 1, padLeft: 1, dilationY: 1, dilationX: 1, groups: 1, outHeight: 8, outWidth: 8,
};
const pooling: PoolGeometry = { ...fused, planes: 12 };
const groups = { batch: 2, groups: 2, channelsPerGroup: 3, inner: 5 };
const pictures = { batch: 3, channels: 3, height: 7, width: 9 };
const channels = { outer: 3, channels: 5, inner: 11 };

export type Trial = readonly unknown[];

/**
 * The arguments of a call of every kernel; `random` gives an array of so many normally distributed numbers. Arrays that
 * a kernel overwrites are zeros at first.
 */
export function trials(random: (length: number) => Float32Array): Record<KernelName, Trial> {
  const positive = (length: number): Float32Array => random(length).map(Math.abs);
  const room = (length: number): Float32Array => new Float32Array(length);
  const [images, filters, outputs] = [2 * 4 * 9 * 7, 6 * 2 * 3 * 2, 2 * 6 * 5 * 7];
  const [planes, pooled, values] = [3 * 8 * 7, 3 * 4 * 3, 3 * 5 * 11];
  const argmax = new Int32Array(pooled);
  const winners = random(planes);
  naiveKernels.maxPoolForward(winners, room(pooled), argmax, pool);
  const average = { ...pool, countIncludePad: false };
  const [eluIn, eluOut] = [random(300), room(300)];
  naiveKernels.eluForward(eluIn, eluOut, 0.3);
  const sizes = { planes: 3, height: 8, width: 7, outHeight: 3, outWidth: 5 };
  const forward = (): Trial => [random(300), room(300), 0.3];
  const backward = (): Trial => [random(300), random(300), room(300), 0.3];
  const norm = (): Float32Array[] => [random(values), random(5), random(5)];
  const batchnormBackward = (): Trial => [
    random(values), ...norm(), positive(5), null, room(values), room(5), room(5), channels, 1e-5,
  ];
  const ones = (length: number): Float32Array => room(length).fill(1);
  const fusedIn = random(24 * 64);
  const [fusedOut, fusedArgmax, fusedWinners] = [room(24 * 16), new Int32Array(24 * 16), room(24 * 16)];
  naiveKernels.batchnormReluPoolForward(
    fusedIn, ones(6), room(6), room(6), ones(6), fusedOut, fusedArgmax, fusedWinners, fused, 6, 1e-5);
  const image = random(384);
  const [pooledOut, pooledArgmax] = [room(192), new Int32Array(192)];
  naiveKernels.convReluPoolForward(image, random(162), null, pooledOut, pooledArgmax, pooledConv, pooling, null);
  const update = (states: number, ...numbers: unknown[]): Trial => [
    random(99), random(99), ...Array.from({ length: states }, () => positive(99)), room(99),
    ...Array.from({ length: states }, () => room(99)), ...numbers,
  ];
  return {
    gemm: [random(19 * 23), random(23 * 33), room(19 * 33), 19, 33, 23, true, false, false],
    affineForward: [random(5 * 18), random(18 * 7), random(7), room(5 * 7), 5, 18, 7, { relu: true }],
    affineBackward: [random(5 * 7), random(5 * 18), random(18 * 7), room(5 * 18), room(18 * 7), room(7), 5, 18, 7],
    convForward: [random(images), random(filters), random(6), room(outputs), conv, { relu: false }],
    convBackward: [random(outputs), random(images), random(filters), room(images), room(filters), room(6), conv],
    maxPoolForward: [winners, room(pooled), new Int32Array(pooled), pool],
    maxPoolBackward: [random(pooled), argmax, room(planes), pool, null],
    avgPoolForward: [random(planes), room(pooled), average],
    avgPoolBackward: [random(pooled), room(planes), average],
    adaptiveAvgPoolForward: [random(planes), room(3 * 3 * 5), sizes],
    adaptiveAvgPoolBackward: [random(3 * 3 * 5), room(planes), sizes],
    reluForward: forward(), leakyReluForward: forward(), eluForward: forward(), sigmoidForward: forward(),
    tanhForward: forward(), geluForward: forward(), siluForward: forward(),
    reluBackward: backward(), leakyReluBackward: backward(), sigmoidBackward: backward(), tanhBackward: backward(),
    geluBackward: backward(), siluBackward: backward(),
    eluBackward: [random(300), eluIn, eluOut, room(300), 0.3],
    batchnormStatistics: [random(values), room(5), room(5), channels],
    batchnormApply: [...norm(), random(5), positive(5), room(values), channels, 1e-5, true],
    batchnormBackward: batchnormBackward(), batchnormBackwardConstant: batchnormBackward(),
    softmaxLoss: [random(8 * 10), Int32Array.of(0, 9, 3, 3, 5, 1, 7, 2), room(80), 8, 10],
    sgdUpdate: update(0, 0.1), momentumUpdate: update(1, 0.1, 0.9), nesterovUpdate: update(1, 0.1, 0.9),
    decayedMomentumUpdate: update(1, 0.1, 0.9, 0.01, true), rmspropUpdate: update(1, 0.1, 0.99, 1e-8),
    adagradUpdate: update(1, 0.1, 1e-8), adamUpdate: update(2, 0.1, 0.9, 0.999, 1e-8, 0.1, 0.001, 0.01),
    binary: ['div', random(77), positive(77).map((value) => value + 1), room(77)],
    binaryScalar: ['maximum', random(77), 0.2, room(77)], unary: ['exp', random(77), room(77)],
    axpy: [0.7, random(77), random(77)], sum: [positive(777)], sumOfSquares: [random(777)],
    sumRows: [random(13 * 17), room(17), 13, 17],
    groupnormForward: [random(2 * 30), random(6), random(6), room(60), room(4), room(4), groups, 1e-5],
    groupnormBackward: [
      random(60), random(60), random(6), random(4), positive(4), room(60), room(6), room(6), groups, 1e-5,
    ],
    batchnormReluPoolForward: [
      random(24 * 64), random(6), random(6), random(6), positive(6), room(24 * 16), new Int32Array(24 * 16),
      room(24 * 16), fused, 6, 1e-5,
    ],
    batchnormReluPoolBackward: [
      random(24 * 16), fusedOut, fusedArgmax, fusedWinners, fusedIn, ones(6), room(6), ones(6), room(24 * 64), room(6),
      room(6), fused, 6, 1e-5,
    ],
    convReluPoolForward: [
      random(384), random(162), random(6), room(192), new Int32Array(192), pooledConv, pooling, null,
    ],
    convReluPoolBackward: [
      random(192), pooledOut, pooledArgmax, image, random(162), null, room(162), room(6), pooledConv, pooling,
    ],
    cropImages: [random(567), Int32Array.of(0, 0, 7, 9, 2, 3, 5, 6, 6, 4, 1, 2), room(567), pictures],
    jitterColors: [
      random(567), random(9).map((value) => 1 + value / 5), room(189).fill(120), room(189).fill(60), room(567),
      pictures,
    ],
    svmLoss: [random(8 * 10), Int32Array.of(0, 9, 3, 3, 5, 1, 7, 2), room(80), 8, 10],
    updateEach: ['adamUpdate', [{ w: random(99), dw: random(99), state: [random(99), positive(99)] }],
      [0.1, 0.9, 0.999, 1e-8, 0.1, 0.001, 0.01]],
  };
}
