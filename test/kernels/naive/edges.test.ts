/** What the definition promises where numbers end: ties, NaN, infinities, scores that overflow exp. */

import { describe, expect, it } from 'vitest';
import { naiveKernels as k } from '../../../src/kernels/naive/index.ts';
import { convOf, poolOf } from '../../support/geometry.ts';

/** The outcome of an activation on a list of numbers. */
function apply(kernel: (x: Float64Array, out: Float64Array) => void, values: number[]): number[] {
  const out = new Float64Array(values.length);
  kernel(Float64Array.from(values), out);
  return Array.from(out);
}

describe('maxPoolForward', () => {
  const pool = (values: number[]): { out: number; place: number } => {
    const g = poolOf({
      planes: 1, height: 2, width: 2, poolHeight: 2, poolWidth: 2, stride: 2,
    });
    const [out, argmax] = [new Float64Array(1), new Int32Array(1)];
    k.maxPoolForward(Float64Array.from(values), out, argmax, g);
    return { out: out[0], place: argmax[0] };
  };

  it('gives ties to the first maximum in row-major order', () => {
    expect(pool([1, 5, 5, 5])).toEqual({ out: 5, place: 1 });
    expect(pool([2, 2, 2, 2])).toEqual({ out: 2, place: 0 });
    expect(pool([-Infinity, -Infinity, -Infinity, -Infinity])).toEqual({ out: -Infinity, place: 0 });
  });

  it('lets the first NaN win over every number', () => {
    expect(pool([1, NaN, 9, NaN])).toEqual({ out: NaN, place: 1 });
    expect(pool([NaN, Infinity, 9, 2])).toEqual({ out: NaN, place: 0 });
  });
});

describe('activations', () => {
  it('pass NaN on', () => {
    expect(apply((x, out) => { k.reluForward(x, out); }, [NaN, -1, 2])).toEqual([NaN, 0, 2]);
    expect(apply((x, out) => { k.leakyReluForward(x, out, 0.5); }, [NaN, -1, 2])).toEqual([NaN, -0.5, 2]);
    expect(apply((x, out) => { k.eluForward(x, out, 1); }, [NaN])).toEqual([NaN]);
    expect(apply((x, out) => { k.sigmoidForward(x, out); }, [NaN])).toEqual([NaN]);
  });

  it('saturate without overflow', () => {
    expect(apply((x, out) => { k.sigmoidForward(x, out); }, [-Infinity, -1000, 0, 1000])).toEqual([0, 0, 0.5, 1]);
    expect(apply((x, out) => { k.tanhForward(x, out); }, [-1000, 1000])).toEqual([-1, 1]);
    expect(apply((x, out) => { k.eluForward(x, out, 2); }, [-1000, Infinity])).toEqual([-2, Infinity]);
  });
});

describe('losses', () => {
  it('softmaxLoss is stable for scores that exp cannot take', () => {
    const dscores = new Float64Array(6);
    const scores = Float64Array.from([1000, 0, -1000, -5000, -5000, -5000]);
    const loss = k.softmaxLoss(scores, Int32Array.from([1, 2]), dscores, 2, 3);
    expect(loss).toBeCloseTo((1000 + Math.log(3)) / 2, 10);
    expect(Array.from(dscores.subarray(0, 3))).toEqual([0.5, -0.5, 0]);
  });

  it('softmaxLoss and svmLoss of a NaN score are NaN', () => {
    const scores = Float64Array.from([1, NaN, 2]);
    const dscores = new Float64Array(3);
    expect(k.softmaxLoss(scores, Int32Array.from([0]), dscores, 1, 3)).toBeNaN();
    expect(k.svmLoss(scores, Int32Array.from([0]), dscores, 1, 3)).toBeNaN();
  });

  it('one class alone costs nothing', () => {
    const dscores = new Float64Array(1);
    expect(k.softmaxLoss(Float64Array.from([7]), Int32Array.from([0]), dscores, 1, 1)).toBe(0);
    expect(dscores[0]).toBeCloseTo(0, 15);
  });
});

describe('convolution', () => {
  it('gives pixels that no window reaches a zero gradient', () => {
    const g = convOf({
      batch: 1, channels: 1, height: 5, width: 5, filters: 1, kernelHeight: 2, kernelWidth: 2, stride: 3, pad: 0,
    });
    const [x, w, dout] = [new Float64Array(25).fill(1), new Float64Array(4).fill(1), new Float64Array(4).fill(1)];
    const [dx, dw, db] = [new Float64Array(25).fill(NaN), new Float64Array(4), new Float64Array(1)];
    k.convBackward(dout, x, w, dx, dw, db, g);
    const reached = [1, 1, 0, 1, 1];
    expect(Array.from(dx)).toEqual(reached.flatMap((row) => reached.map((column) => row * column)));
  });

  it('applies scale, bias and relu in this order', () => {
    const g = convOf({
      batch: 1, channels: 1, height: 1, width: 1, filters: 2, kernelHeight: 1, kernelWidth: 1, stride: 1, pad: 0,
    });
    const out = new Float64Array(2);
    k.convForward(
      Float64Array.of(3), Float64Array.of(1, 1), Float64Array.of(1, 1), out, g,
      { scale: Float64Array.of(2, -2), relu: true },
    );
    expect(Array.from(out)).toEqual([7, 0]);
  });
});
