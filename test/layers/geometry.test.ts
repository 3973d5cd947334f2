/** Convolution, pooling and activations in every geometry against PyTorch's numbers (see fixtures/make-geometry.py). */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { naiveKernels } from '../../src/kernels/naive/index.ts';
import { activeKernels } from '../../src/kernels/registry.ts';
import { convolution, convolutionGradients } from '../../src/layers/convolution.ts';
import { type AvgPoolParam, type ConvParam, convSizes, type PerAxis, poolSizes } from '../../src/layers/geometry.ts';
import {
  adaptiveAvgPoolBackward, adaptiveAvgPoolForward, avgPoolBackward, avgPoolForward, convBackwardFast,
  convBackwardNaive, convForward, convForwardFast, convForwardNaive, geluBackward, geluForward, maxPoolBackward,
  maxPoolForward, siluBackward, siluForward,
} from '../../src/layers/index.ts';
import { configure, Rng, tensor } from '../../src/index.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { describeOnEveryBackendAndTeam } from '../support/backends.ts';
import { largest, worstError } from '../support/errors.ts';

interface Computed {
  readonly shape: number[];
  readonly out: number[];
  readonly grads: number[][];
}

interface Fixtures {
  readonly convolutions: ReadonlyArray<Computed & { x: number[]; w: number[]; bias: boolean; param: ConvParam }>;
  readonly poolings: ReadonlyArray<Computed & { kind: 'max' | 'average'; x: number[]; param: AvgPoolParam }>;
  readonly adaptives: ReadonlyArray<Computed & { x: number[]; size: PerAxis }>;
  readonly activations: ReadonlyArray<Computed & { name: 'gelu' | 'silu' }>;
}

const fixtures =
  JSON.parse(readFileSync(new URL('../fixtures/geometry.json', import.meta.url), 'utf8')) as Fixtures;

type Type = 'float64' | 'float32';
const tolerance: Readonly<Record<Type, number>> = { float64: 2e-14, float32: 2e-6 };

/** The inputs are made, not stored: see make-geometry.py. */
function array(seed: number, shape: readonly number[], type: Type, factor: number = 1): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  const values = Array.from({ length: count }, (_, i) => factor * (((7919 * i + 104729 * seed) % 2003) / 1001.5 - 1));
  return new Tensor(type === 'float64' ? Float64Array.from(values) : Float32Array.from(values), shape);
}

function expectComputed(expected: Computed, out: Tensor, grads: readonly Tensor[], type: Type): void {
  expect(out.shape).toEqual(expected.shape);
  const check = (name: string, got: Tensor, want: readonly number[]): void => {
    expect(got.dtype).toBe(type);
    const error = worstError(got.data, want, Math.max(1e-300, largest(want)));
    expect(error, name).toBeLessThan(tolerance[type]);
  };
  check('out', out, expected.out);
  expect(grads.length).toBe(expected.grads.length);
  grads.forEach((grad, i) => check(`gradient ${i}`, grad, expected.grads[i]));
}

const types = ['float64', 'float32'] as const;

function titled<Case extends Computed>(cases: readonly Case[]): Array<[title: string, type: Type, each: Case]> {
  return types.flatMap((type) => cases.map((each): [string, Type, Case] => {
    const said = Object.entries(each).filter(([key]) => !['out', 'grads', 'shape'].includes(key));
    return [JSON.stringify(Object.fromEntries(said)), type, each];
  }));
}

describeOnEveryBackendAndTeam('geometries as PyTorch computes them', () => {
  it.each(titled(fixtures.convolutions))('convolution %s, %s', (_, type, each) => {
    const [x, w] = [array(1, each.x, type), array(2, each.w, type)];
    const b = each.bias ? array(3, [each.w[0]], type) : null;
    const [out, cache] = convolution('test', activeKernels(), x, w, b, each.param);
    const dout = array(9, each.shape, type);
    const [dx, dw, db] = convolutionGradients('test', activeKernels(), dout, cache, true);
    expectComputed(each, out, b === null ? [dx, dw] : [dx, dw, db], type);
    const [none, again] = convolutionGradients('test', activeKernels(), dout, cache, false);
    expect(none).toBeNull();
    expect(again.data).toEqual(dw.data);
  });

  it.each(titled(fixtures.poolings))('pooling %s, %s', (_, type, each) => {
    const [x, dout] = [array(4, each.x, type), array(9, each.shape, type)];
    if (each.kind === 'max') {
      const [out, cache] = maxPoolForward(x, each.param);
      expectComputed(each, out, [maxPoolBackward(dout, cache)], type);
    } else {
      const [out, cache] = avgPoolForward(x, each.param);
      expectComputed(each, out, [avgPoolBackward(dout, cache)], type);
    }
  });

  it.each(titled(fixtures.adaptives))('adaptive pooling %s, %s', (_, type, each) => {
    const [out, cache] = adaptiveAvgPoolForward(array(5, each.x, type), each.size);
    expectComputed(each, out, [adaptiveAvgPoolBackward(array(9, each.shape, type), cache)], type);
  });

  it.each(titled(fixtures.activations))('activation %s, %s', (_, type, each) => {
    const [x, dout] = [array(6, each.shape, type, 8), array(9, each.shape, type)];
    if (each.name === 'gelu') {
      const [out, cache] = geluForward(x);
      expectComputed(each, out, [geluBackward(dout, cache)], type);
    } else {
      const [out, cache] = siluForward(x);
      expectComputed(each, out, [siluBackward(dout, cache)], type);
    }
  });
});

describe('padding by name', () => {
  const axis = (size: number, window: number, stride: number, dilation: number): number[] => {
    const g = convSizes('test', [1, 1, size, 40], [1, 1, window, 1], {
      pad: 'same', stride: [stride, 1], dilation: [dilation, 1],
    });
    const after = (g.outHeight - 1) * stride + (window - 1) * dilation + 1 - size - g.padTop;
    return [g.outHeight, g.padTop, Math.max(0, after)];
  };

  it('same is as PyTorch has it with stride 1: the odd row at the end', () => {
    expect(axis(7, 3, 1, 1)).toEqual([7, 1, 1]);
    expect(axis(7, 4, 1, 1)).toEqual([7, 1, 2]);
    expect(axis(7, 2, 1, 3)).toEqual([7, 1, 2]);
    expect(axis(3, 1, 1, 1)).toEqual([3, 0, 0]);
  });

  it("same is TensorFlow's rule with other strides, which depends on the size", () => {
    expect(axis(8, 3, 2, 1)).toEqual([4, 0, 1]);
    expect(axis(7, 3, 2, 1)).toEqual([4, 1, 1]);
    expect(axis(224, 7, 2, 1)).toEqual([112, 2, 3]);
    expect(axis(5, 1, 3, 1)).toEqual([2, 0, 0]);
  });

  it('every window of a pooling meets the image, and averages can leave the padding out', () => {
    const g = poolSizes('test', [1, 1, 5, 6], { poolHeight: 3, poolWidth: 4, stride: [2, 3], pad: 'same' });
    expect([g.outHeight, g.outWidth, g.padTop, g.padLeft]).toEqual([3, 2, 1, 0]);
    const ones = new Tensor(new Float64Array(30).fill(1), [1, 1, 5, 6]);
    const param = { poolHeight: 3, poolWidth: 4, stride: 2, pad: 'same', countIncludePad: false } as const;
    for (const value of avgPoolForward(ones, param)[0].data) expect(value).toBe(1);
  });
});

describe('options', () => {
  const [x, w, b] = [array(1, [2, 4, 8, 9], 'float64'), array(2, [6, 4, 3, 3], 'float64'), array(3, [6], 'float64')];
  const grouped = array(2, [6, 2, 3, 3], 'float64');
  const forward = (param: object, filters: Tensor = w) => () => convForward(x, filters, b, param as ConvParam);
  it.each([
    [forward({ stride: [1, 2, 3] }), 'stride must be a number or [vertical, horizontal], got an array of 3'],
    [forward({ stride: [1, 0] }), 'stride[1] must be an integer >= 1, got 0'],
    [forward({ pad: [-1, 0] }), 'pad[0] must be an integer >= 0, got -1'],
    [forward({ pad: 'full' }), "pad must be a number, [vertical, horizontal], 'same' or 'valid', got \"full\""],
    [forward({ dilation: 0 }), 'dilation must be an integer >= 1, got 0'],
    [forward({ dilation: 5 }), 'window of 3x3 (dilated by 5x5), larger than the padded input of 8x9'],
    [forward({ groups: 4 }), 'groups must divide the 4 channels and the 6 filters, got 4 (x 2x4x8x9, w 6x4x3x3)'],
    [forward({ groups: 2 }), 'w has 4 input channels, x has 4 in 2 groups (x 2x4x8x9, w 6x4x3x3)'],
    [forward({}, grouped), 'w has 2 input channels, x has 4 (x 2x4x8x9, w 6x2x3x3)'],
    [forward({ padding: 1 }), 'unknown option "padding", known options are stride, pad, dilation, groups'],
    [
      () => maxPoolForward(x, { poolHeight: 2, poolWidth: 3, stride: 1, pad: [1, 2] }),
      'pad must be at most half of the window of 2x3, got 1x2',
    ],
    [() => adaptiveAvgPoolForward(x, [2, 0]), 'size[1] must be an integer >= 1, got 0'],
    [
      () => avgPoolForward(x, { poolHeight: 2, poolWidth: 2, stride: 1, countIncludePad: 1 as never }),
      'countIncludePad must be true or false, got 1',
    ],
  ])('%#: what is wrong is said', (call, message) => {
    expect(call).toThrow(message);
  });

  it('a pad beyond all memory has a few windows, where the stride skips the rest of it', () => {
    const [x, w, b] = [new Rng(1).normal(0, 1, [1, 1, 3, 3]), new Rng(2).normal(0, 1, [1, 1, 2, 2]), tensor([0.5])];
    const param = { pad: [1e9, 0], stride: [1e9 - 1, 1] } as const; // the second row of windows meets the image
    const [expected, naiveCache] = convForwardNaive(x, w, b, param);
    const dout = new Rng(3).normal(0, 1, expected.shape);
    const gradients = convBackwardNaive(dout, naiveCache);
    for (const backend of ['naive', 'js', 'simd'] as const) {
      configure({ backend });
      const [out, cache] = convForwardFast(x, w, b, param);
      expect(out.toArray()).toEqual(expected.toArray());
      const found = convBackwardFast(dout, cache);
      found.forEach((gradient, i) => expect(gradient.toArray()).toEqual(gradients[i].toArray()));
    }
    configure({ backend: 'auto' });
  });

  it('the plain loops take them all, too', () => {
    const param = { stride: [2, 1], pad: 'same', dilation: 2, groups: 2 } as const;
    const [expected] = convolution('test', naiveKernels, x, grouped, b, param);
    expect(worstError(convForward(x, grouped, b, param)[0].data, expected.data)).toBeLessThan(1e-13);
  });
});
