/** What the test of wide SIMD computes (wide-simd-test.ts). */

import type { BinaryOperation, KernelName, UnaryOperation } from '../kernels/contract.ts';
import type { ChannelGeometry, ConvGeometry, GroupGeometry, PoolGeometry } from '../kernels/geometry.ts';
import { type Trial, trials } from '../kernels/trials.ts';
import { Rng } from '../tensor/random/rng.ts';

/** [batch, channels, filters, side, window, stride, groups] of convolutions, one at least for each path of theirs. */
const convolutions: ReadonlyArray<readonly [number, number, number, number, number, number, number]> = [
  [3, 10, 13, 9, 3, 1, 1], [2, 16, 24, 12, 5, 1, 1], [40, 8, 8, 4, 3, 1, 1], [2, 3, 5, 11, 7, 1, 1],
  [2, 5, 9, 10, 3, 2, 1], [16, 24, 40, 2, 3, 1, 1], [3, 24, 40, 6, 1, 1, 1], [2, 6, 6, 16, 3, 1, 6],
  [2, 6, 6, 16, 3, 2, 6], [2, 6, 6, 2, 3, 1, 6], [2, 6, 6, 9, 5, 1, 6], [3, 3, 8, 10, 3, 1, 1], [2, 4, 11, 9, 5, 1, 1],
  [3, 3, 9, 11, 7, 1, 1], [16, 5, 7, 2, 3, 1, 1], [2, 16, 24, 7, 1, 2, 1], [2, 6, 6, 4, 3, 2, 6],
  [1, 24, 112, 4, 3, 1, 1], [1, 24, 112, 4, 5, 1, 1], [1, 8, 72, 7, 7, 1, 1], [9, 16, 24, 15, 3, 2, 1],
];
/** Columns, and planes too large for the forms of small ones. */
const normalised: readonly ChannelGeometry[] = [
  { outer: 9, channels: 21, inner: 1 }, { outer: 2, channels: 3, inner: 1100 },
];
const unary: readonly UnaryOperation[] = ['neg', 'log', 'sqrt', 'abs', 'tanh', 'sigmoid', 'relu', 'square'];
const binary: readonly BinaryOperation[] = ['add', 'sub', 'mul', 'div', 'maximum', 'minimum'];
/** [rows, columns, depth] of products: tiles of every width, packed and not. */
const products = [[5, 3, 7], [37, 61, 33], [64, 100, 400], [200, 130, 50], [4, 16, 9], [70, 8, 70], [33, 12, 64]];

function random(length: number): Float32Array {
  const array = new Float32Array(length);
  rng.fillNormal(array);
  return array;
}
const rng = new Rng(3);

type Call = readonly [KernelName, Trial];

/** Normalisation over columns and large planes, with relu and without, and over rows. */
function norms(): Call[] {
  const channels = normalised.flatMap((g): Call[] => {
    const size = g.outer * g.channels * g.inner;
    const each = (): Float32Array => random(g.channels);
    const [mean, variance] = [each(), each().map((value) => value ** 2 + 0.1)];
    const backward = (relu: boolean): Trial => [
      random(size), random(size), each(), mean, variance, relu ? random(size) : null, random(size), each(), each(), g,
      1e-5,
    ];
    return [
      ['batchnormStatistics', [random(size), each(), each(), g]],
      ['batchnormApply', [random(size), each(), each(), mean, variance, random(size), g, 1e-5, true]],
      ...[false, true].flatMap((relu): Call[] =>
        [['batchnormBackward', backward(relu)], ['batchnormBackwardConstant', backward(relu)]]),
    ];
  });
  const rows: GroupGeometry = { batch: 7, groups: 1, channelsPerGroup: 19, inner: 1 };
  const [x, gamma, deviation] = [random(133), random(19), random(7).map((value) => value ** 2 + 0.1)];
  return [
    ...channels,
    ['groupnormForward', [x, gamma, random(19), random(133), random(7), random(7), rows, 1e-5]],
    ['groupnormBackward', [
      random(133), x, gamma, random(7), deviation, random(133), random(19), random(19), rows, 1e-5,
    ]],
  ];
}

/** Gradients behind relu and pooling, with filters of every size. */
function pooledGradients(): Call[] {
  return [[3, 14], [5, 19], [7, 3]].map(([window, channels]): Call => {
    const [batch, filters, pad] = [3, 6, (window - 1) / 2];
    const sizes = { batch, channels, filters, groups: 1, height: 10, width: 14, outHeight: 10, outWidth: 14 };
    const g: ConvGeometry = {
      ...sizes, kernelHeight: window, kernelWidth: window, strideY: 1, strideX: 1, padTop: pad, padLeft: pad,
      dilationY: 1, dilationX: 1,
    };
    const pool: PoolGeometry = {
      planes: batch * filters, height: 10, width: 14, outHeight: 5, outWidth: 7, poolHeight: 2, poolWidth: 2,
      strideY: 2, strideX: 2, padTop: 0, padLeft: 0,
    };
    const [x, w, out] = [random(batch * channels * 140), random(filters * channels * window ** 2), random(18 * 35)];
    const argmax = Int32Array.from(out, (_, o) =>
      28 * (Math.floor(o / 7) % 5) + 2 * (o % 7) + o % 2 + 14 * (o % 3 & 1));
    return ['convReluPoolBackward', [
      random(18 * 35), out, argmax, x, w, random(x.length), random(w.length), random(filters), g, pool,
    ]];
  });
}

function elementwise(): Call[] {
  const positive = (): Float32Array => random(77).map((value) => Math.abs(value) + 0.1);
  return [
    ...unary.map((operation): Call => ['unary', [operation, positive(), random(77)]]),
    ...binary.flatMap((operation): Call[] => [
      ['binary', [operation, random(77), positive(), random(77)]],
      ['binaryScalar', [operation, random(77), 0.7, random(77)]],
    ]),
  ];
}

/** Calls of the contract's kernels, at least one of each in both types, that between them run every SIMD kernel. */
export function wideTrials(): Call[] {
  const one = Object.entries(trials(random)) as Array<[KernelName, Trial]>;
  const more = products.flatMap(([rows, columns, depth]) => [false, true].flatMap((a) => [false, true].map((b) =>
    ['gemm', [
      random(rows * depth), random(depth * columns), random(rows * columns), rows, columns, depth, a, b, a,
    ]] as const)));
  const convolved = convolutions.flatMap(([batch, channels, filters, side, window, stride, groups]) => {
    const pad = (window - 1) / 2;
    const out = Math.floor((side + 2 * pad - window) / stride) + 1;
    const g: ConvGeometry = {
      batch, channels, filters, groups, height: side, width: side, kernelHeight: window, kernelWidth: window,
      strideY: stride, strideX: stride, padTop: pad, padLeft: pad, dilationY: 1, dilationX: 1, outHeight: out,
      outWidth: out,
    };
    const [x, w] = [random(batch * channels * side * side), random(filters * (channels / groups) * window ** 2)];
    const y = (): Float32Array => random(batch * filters * out * out);
    return [
      ['convForward', [x, w, random(filters), y(), g, { relu: true, scale: random(filters) }]] as const,
      ['convBackward', [y(), x, w, random(x.length), random(w.length), random(filters), g]] as const,
    ];
  });
  const float32: Call[] = [...one, ...more, ...convolved, ...pooledGradients(), ...norms(), ...elementwise()];
  return [...float32, ...float32.map(([name, trial]) => [name, inFloat64(trial)] as const)];
}

/** The same with float64 arrays. */
function inFloat64(value: Trial): Trial {
  return value.map(deepFloat64);
}

function deepFloat64(value: unknown): unknown {
  if (value instanceof Float32Array) return Float64Array.from(value);
  if (Array.isArray(value)) return value.map(deepFloat64);
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, deepFloat64(each)]));
}
