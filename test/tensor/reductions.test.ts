import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arange, full, tensor, zeros } from '../../src/index.ts';
import { at, build, indices, modelled } from './model.ts';

describe('reductions', () => {
  it('over any axes equal sums over the model, with and without keepDims', () => {
    const input = modelled().chain((m) =>
      fc.tuple(fc.constant(m), fc.subarray(m.tensor.shape.map((_, axis) => axis)), fc.boolean()),
    );
    fc.assert(fc.property(input, ([{ tensor: t, model }, axes, keepDims]) => {
      const shape = t.shape.flatMap((extent, axis) => (axes.includes(axis) ? (keepDims ? [1] : []) : [extent]));
      const members = (index: number[]): number[] =>
        indices(t.shape)
          .filter((full) =>
            full.every(
              (i, axis) =>
                axes.includes(axis) || i === index[keepDims ? axis : axis - axes.filter((a) => a < axis).length],
            ),
          )
          .map((full) => at(model, full));
      const expected = build(shape, (index) => members(index).reduce((a, b) => a + b, 0));
      expect(t.sum(axes, keepDims).toArray()).toEqual(expected);
      expect(t.sum(axes.map((axis) => axis - t.ndim), keepDims).toArray()).toEqual(expected);
      if (axes.every((axis) => t.shape[axis] > 0) && t.size > 0) {
        expect(t.max(axes, keepDims).toArray()).toEqual(build(shape, (index) => Math.max(...members(index))));
        expect(t.min(axes, keepDims).toArray()).toEqual(build(shape, (index) => Math.min(...members(index))));
      }
    }), { numRuns: 200 });
  });

  it('float32 sums are accumulated in float64', () => {
    const t = full([1_000_000], 0.1);
    expect(t.sum().item()).toBe(Math.fround(Math.fround(0.1) * 1e6));
    expect(t.mean().item()).toBe(Math.fround(0.1));
    expect(t.reshape(1000, 1000).sum(0).get(3)).toBe(Math.fround(Math.fround(0.1) * 1000));
    expect(tensor([2 ** 24, 1, 1, -(2 ** 24)]).sum().item()).toBe(2);
  });

  it('float64 sums are pairwise: a million tenths lose no more than a few units in the last place', () => {
    const error = Math.abs(full([1_000_000], 0.1, 'float64').sum().item() - 1e5) / 1e5;
    expect(error).toBeLessThan(1e-15);
  });

  it('the variance does not cancel for a large mean', () => {
    const t = arange(1000).astype('float64').add(1e9);
    expect(t.var().item()).toBe((1000 ** 2 - 1) / 12);
  });

  it('integers are summed as float64 and do not wrap', () => {
    const big = full([4], 2 ** 31 - 1, 'int32');
    expect([big.sum().item(), big.sum().dtype, big.max().dtype]).toEqual([4 * (2 ** 31 - 1), 'float64', 'int32']);
    expect(full([300], 1, 'uint8').sum().item()).toBe(300);
    expect(big.mean().item()).toBe(2 ** 31 - 1);
  });

  it('there is no extreme of no elements', () => {
    expect(() => zeros([0, 3]).max(0)).toThrow('max: there is no max of no elements (x 0x3)');
    expect(zeros([0, 3]).max(1).shape).toEqual([0]);
    expect(() => zeros([0]).argmax()).toThrow(RangeError);
  });

  it('refuses axes that do not exist or come twice, and flags that are none', () => {
    expect(() => zeros([2]).sum(1)).toThrow('sum: axis 1 is out of bounds for a tensor of 1 axes');
    expect(() => zeros([2, 2]).sum([0, -2])).toThrow('sum: axis [0, -2] names an axis twice');
    expect(() => zeros([2, 2]).mean(0.5)).toThrow(RangeError);
    expect(() => zeros([2]).sum('0' as unknown as number)).toThrow(TypeError);
    expect(() => zeros([2]).sum(0, 1 as unknown as boolean)).toThrow('sum: keepDims must be true or false, got 1');
  });
});
