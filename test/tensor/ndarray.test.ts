import fc from 'fast-check';
import ndarray from 'ndarray';
import type { NdArray } from 'ndarray';
import operations from 'ndarray-ops';
import { describe, expect, it } from 'vitest';
import { arange, fromNdarray, tensor, zeros } from '../../src/index.ts';
import type { NdarrayLike } from '../../src/index.ts';

type View = NdArray<Float32Array | Float64Array | Int32Array | Uint8Array>;
describe('toNdarray', () => {
  it('lets ndarray-ops read and write a tensor through strides and offsets', () => {
    const t = arange(24).reshape(4, 6).astype('float64');
    const view = t.slice([1, 4], [null, null, -2]).transpose();
    const nd = view.toNdarray() as View;
    expect(nd.data).toBe(t.data);
    expect(operations.sum(nd)).toBe(view.sum().item());
    expect(operations.argmax(nd)).toEqual([0, 2]);
    operations.mulseq(nd, 10);
    operations.addeq(nd, ndarray(new Float64Array(9).fill(1), [3, 3]) as View);
    expect(t.toArray()).toEqual([
      [0, 1, 2, 3, 4, 5], [6, 71, 8, 91, 10, 111], [12, 131, 14, 151, 16, 171], [18, 191, 20, 211, 22, 231],
    ]);
  });

  it('mixes with genuine ndarrays of every type', () => {
    for (const dtype of ['float32', 'float64', 'int32', 'uint8'] as const) {
      const target = zeros([3, 2], dtype);
      operations.assign(
        target.transpose().toNdarray() as View,
        ndarray(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]) as View,
      );
      expect(target.toArray()).toEqual([[1, 4], [2, 5], [3, 6]]);
      expect(operations.sup(target.toNdarray() as View)).toBe(6);
    }
  });

  it('has every member of a genuine ndarray, with the same results', () => {
    const geometry = fc.record({
      extents: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
      places: fc.array(fc.option(fc.nat(0), { nil: null }), { minLength: 4, maxLength: 4 }),
      steps: fc.array(fc.constantFrom(1, 2, -1, -2), { minLength: 4, maxLength: 4 }),
      turn: fc.boolean(),
    });
    fc.assert(fc.property(geometry, ({ extents, places, steps, turn }) => {
      const n = extents.length;
      const base = arange(extents.reduce((a, b) => a * b)).reshape(extents);
      const t = turn ? base.transpose() : base;
      const ours = t.toNdarray() as View;
      const theirs = ndarray(t.data, [...t.shape], [...t.strides], t.offset) as View;
      const same = (a: View, b: View): void => {
        // Where strides are equal, no order of them is better than another.
        const ascending = (v: View): number[] => v.order.map((axis) => Math.abs(v.stride[axis]));
        const facts = (v: View): unknown[] => [v.shape, v.stride, v.offset, v.dtype, v.size, ascending(v), v.dimension];
        expect([...a.order].sort()).toEqual([...a.shape.keys()]);
        expect(facts(a)).toEqual(facts(b));
        const corner = a.shape.map((extent) => extent - 1);
        expect(a.get(...corner)).toBe(b.get(...corner));
        expect(a.index(...corner)).toBe(b.index(...corner));
      };
      same(ours, theirs);
      same(ours.lo(...places.slice(0, n) as number[]), theirs.lo(...places.slice(0, n) as number[]));
      same(ours.hi(...t.shape.map((e) => Math.max(1, e - 1))), theirs.hi(...t.shape.map((e) => Math.max(1, e - 1))));
      same(ours.step(...steps.slice(0, n)), theirs.step(...steps.slice(0, n)));
      same(ours.transpose(...t.shape.keys()), theirs.transpose(...t.shape.keys()));
      const reversed = t.shape.map((_, axis) => n - 1 - axis);
      same(ours.transpose(...reversed), theirs.transpose(...reversed));
      same(ours.T, theirs.transpose(...reversed));
      if (places.slice(0, n).includes(null)) same(ours.pick(...places.slice(0, n)), theirs.pick(...places.slice(0, n)));
      expect(ours.set(...t.shape.map(() => 0), 5)).toBe(theirs.set(...t.shape.map(() => 0), 5));
    }), { numRuns: 200 });
  });

  it('a 0-d tensor is as good as its number', () => {
    const nd = tensor(4).toNdarray() as View;
    expect([nd.get(), nd.dimension, nd.size, Number(nd)]).toEqual([4, 0, 1, 4]);
  });
});

describe('fromNdarray', () => {
  it('shares memory with a genuine ndarray, whatever its strides and offset', () => {
    const nd = ndarray(Float32Array.from({ length: 24 }, (_, i) => i), [4, 6]).lo(1, 1).step(2, -2).transpose(1, 0);
    const t = fromNdarray(nd);
    expect(t.data).toBe(nd.data);
    expect(t.toArray()).toEqual([[11, 23], [9, 21], [7, 19]]);
    t.slice(1).assign(-1);
    expect([nd.get(1, 0), nd.get(1, 1)]).toEqual([-1, -1]);
    nd.set(0, 0, 50);
    expect(t.get(0, 0)).toBe(50);
    expect(t.sum().item()).toBe(operations.sum(nd as View));
  });

  it('and back gives the same view', () => {
    const t = arange(12).reshape(3, 4).slice([null, null, -1], [1, 3]);
    const back = fromNdarray(t.toNdarray());
    expect([back.data === t.data, back.shape, back.strides, back.offset]).toEqual([true, t.shape, t.strides, t.offset]);
  });

  it('refuses what no tensor can share', () => {
    expect(() => fromNdarray(ndarray([1, 2, 3]))).toThrow(TypeError);
    expect(() => fromNdarray(ndarray(new Int16Array(3)))).toThrow(TypeError);
    expect(() => fromNdarray({ data: new Float32Array(4), shape: [2, 3], stride: [3, 1], offset: 0 })).toThrow(
      RangeError,
    );
    expect(() => fromNdarray(null as unknown as NdarrayLike)).toThrow('fromNdarray: nd must be an ndarray, got null');
  });
});
