/**
 * Convolutions: the course's, in three forms (the kernel on arrays in the backend's memory, as in training; the public
 * layer on tensors of the user's, which are copied in and out; the layer inside a step), two larger ones, and two that
 * are depthwise.
 */

import type { ConvGeometry, PoolGeometry } from '../../src/kernels/geometry.ts';
import { inStep } from '../../src/kernels/memory/allocate.ts';
import { type ConvParam, convSizes, poolSizes } from '../../src/layers/geometry.ts';
import { convBackwardFast, convForwardFast } from '../../src/layers/index.ts';
import { Rng, Tensor } from '../../src/tensor/index.ts';
import type { FloatName } from '../support/arrays.ts';
import type { Drawing, KernelCase, Work } from '../support/kernel-case.ts';

interface Shape {
  readonly name: string;
  readonly param: ConvParam;
  readonly geometry: ConvGeometry;
  /** the peers' name for it, where they have it */
  readonly peer: string | null;
}

function shape(
  name: string, peer: string | null, x: readonly number[], filters: number, stride: number, groups: number = 1,
): Shape {
  const param = { stride, pad: 1, groups };
  return { name, peer, param, geometry: convSizes(name, x, [filters, x[1] / groups, 3, 3], param) };
}

const course = shape('conv course', 'W2_seed', [100, 3, 31, 31], 25, 2);
const larger = [
  shape('conv 32->32 at 32x32', 'W3_32x32x32', [64, 32, 32, 32], 32, 1),
  shape('conv 64->64 at 16x16', 'W3_64x16x16', [64, 64, 16, 16], 64, 1),
  shape('depthwise 64 at 32x32', null, [64, 64, 32, 32], 64, 1, 64),
  shape('depthwise 64 at 32x32, stride 2', null, [64, 64, 32, 32], 64, 2, 64),
];

const images = shape('conv 3->32 at 32x32', null, [64, 3, 32, 32], 32, 1);

function sizes(g: ConvGeometry): { x: number; w: number; out: number; products: number } {
  const out = g.batch * g.filters * g.outHeight * g.outWidth;
  const taps = 9 * g.channels / g.groups;
  return { x: g.batch * g.channels * g.height * g.width, w: taps * g.filters, out, products: out * taps };
}

function workOf(products: number): { work: Work; steps: number } {
  return { work: { limit: 'arithmetic', operations: 2 * products }, steps: products };
}

/** The Fast layers never compute by naive loops. */
function fastOnly(products: number): { work: Work; steps: number } {
  return { ...workOf(products), steps: Infinity };
}

function forward({ name, geometry: g, peer }: Shape, dtype: FloatName): KernelCase {
  const { x, w, out, products } = sizes(g);
  return {
    name: `${name} forward`, dtype, ...workOf(products),
    ...(peer === null ? {} : { peer: { workload: peer.slice(0, 2), case: peer, operation: 'fwd' } }),
    prepare(arrays) {
      const [xs, ws, bs, result] = [arrays.normal(x), arrays.normal(w), arrays.normal(g.filters), arrays.zeros(out)];
      return { run: ({ convForward }) => convForward(xs, ws, bs, result, g, {}), results: [result] };
    },
  };
}

/** Pooling by windows of 2x2. */
function halving({ name, geometry: g }: Shape): PoolGeometry {
  return poolSizes(name, [g.batch, g.filters, g.outHeight, g.outWidth], { poolHeight: 2, poolWidth: 2, stride: 2 });
}

/** With relu and max pooling at its end. */
function pooled(shape: Shape): KernelCase {
  const { name, geometry: g } = shape;
  const { x, w, out, products } = sizes(g);
  const pool = halving(shape);
  return {
    name: `${name} forward, relu, pooled`, dtype: 'float32', ...workOf(products),
    prepare(arrays) {
      const [xs, ws, bs] = [arrays.normal(x), arrays.normal(w), arrays.normal(g.filters)];
      const [result, argmax] = [arrays.zeros(out / 4), arrays.positions(out / 4)];
      return {
        run: ({ convReluPoolForward }) => convReluPoolForward(xs, ws, bs, result, argmax, g, pool, null),
        results: [result],
      };
    },
  };
}

/** The same backwards, for images, whose own gradient is not wanted. A third of the windows was cut by the relu. */
function pooledBackward(shape: Shape): KernelCase {
  const { name, geometry: g } = shape;
  const { x, w, out, products } = sizes(g);
  const pool = halving(shape);
  return {
    name: `${name} backward, relu, pooled`, dtype: 'float32', ...workOf(products),
    prepare(arrays) {
      const [dout, xs, ws, pooledOut] = [out / 4, x, w, out / 4].map((length) => arrays.normal(length));
      const [dw, db, argmax] = [arrays.zeros(w), arrays.zeros(g.filters), arrays.positions(out / 4)];
      for (let o = 0; o < argmax.length; o++) {
        pooledOut[o] = o % 3;
        const [row, column] = [Math.floor(o / pool.outWidth) % pool.outHeight, o % pool.outWidth];
        argmax[o] = (2 * row + o % 2) * pool.width + 2 * column + (o >> 1) % 2;
      }
      return {
        run: ({ convReluPoolBackward }) =>
          convReluPoolBackward(dout, pooledOut, argmax, xs, ws, null, dw, db, g, pool),
        results: [dw, db],
      };
    },
  };
}

function backward({ name, geometry: g, peer }: Shape, dtype: FloatName): KernelCase {
  const { x, w, out, products } = sizes(g);
  return {
    name: `${name} backward`, dtype, ...workOf(2 * products),
    ...(peer === null ? {} : { peer: { workload: peer.slice(0, 2), case: peer, operation: 'bwd' } }),
    prepare(arrays) {
      const [dout, xs, ws] = [arrays.normal(out), arrays.normal(x), arrays.normal(w)];
      const [dx, dw, db] = [arrays.zeros(x), arrays.zeros(w), arrays.zeros(g.filters)];
      return { run: ({ convBackward }) => convBackward(dout, xs, ws, dx, dw, db, g), results: [dx, dw, db] };
    },
  };
}

/** Tensors for the layers: of arrays in the backend's memory, or of ordinary ones, as a user makes them. */
function tensors(arrays: Drawing, resident: boolean): (...shape: number[]) => Tensor {
  const rng = new Rng(1);
  return (...dims) => {
    if (!resident) return rng.normal(0, 1, dims, arrays.dtype);
    return new Tensor(arrays.normal(dims.reduce((a, b) => a * b)), dims);
  };
}

function layers(where: 'plain tensors' | 'in a step', dtype: FloatName): KernelCase[] {
  const { geometry: g, param } = course;
  const { products } = sizes(g);
  const inside = where === 'in a step';
  const within = <T>(fn: () => T): T => (inside ? inStep(fn) : fn());
  const draw = (arrays: Drawing): Tensor[] => {
    const normal = tensors(arrays, inside);
    return [
      normal(g.batch, g.channels, g.height, g.width), normal(g.filters, g.channels, 3, 3), normal(g.filters),
      normal(g.batch, g.filters, g.outHeight, g.outWidth),
    ];
  };
  // results are copied outside the clock, by a call of their own: in a step they are gone afterwards
  return [
    {
      name: `convForwardFast, ${where}`, dtype, ...fastOnly(products),
      prepare(arrays) {
        const [x, w, b] = draw(arrays);
        const call = (): Tensor => convForwardFast(x, w, b, param)[0];
        return {
          run: () => within(() => void call()),
          results: [within(() => call().data.slice() as Float32Array)],
        };
      },
    },
    {
      name: `convBackwardFast, ${where}`, dtype, ...fastOnly(2 * products),
      prepare(arrays) {
        const [x, w, b, dout] = draw(arrays);
        const cache = convForwardFast(x, w, b, param)[1];
        const call = (): Tensor[] => convBackwardFast(dout, cache);
        return {
          run: () => within(() => void call()),
          results: within(() => call().map((gradient) => gradient.data.slice() as Float32Array)),
        };
      },
    },
  ];
}

export const convolutionCases: readonly KernelCase[] = [
  ...(['float32', 'float64'] as const).flatMap((dtype) => [forward(course, dtype), backward(course, dtype)]),
  ...layers('plain tensors', 'float32'),
  ...layers('in a step', 'float32'),
  pooled(larger[0]),
  pooledBackward(images),
  ...larger.flatMap((each) => [forward(each, 'float32'), backward(each, 'float32')]),
];
