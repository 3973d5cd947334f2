import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  arange, broadcastTo, einsum, expandDims, moveaxis, ones, pad, squeeze, tensor, Tensor, zeros,
} from '../../src/index.ts';
import type { NestedNumbers, PadWidth, Range } from '../../src/index.ts';
import { at, build, flat, indices, modelled } from './model.ts';
import type { Modelled } from './model.ts';

/** Python's range(n)[start:stop:step], by walking. */
function walk(extent: number, [start, stop, step]: readonly (number | null | undefined)[]): number[] {
  const by = step ?? 1;
  const all = Array.from({ length: extent }, (_, i) => i);
  const place = (position: number): number => (position < 0 ? position + extent : position);
  const ordered = by > 0 ? all : all.reverse();
  const after = (i: number): boolean =>
    start === null || start === undefined || (by > 0 ? i >= place(start) : i <= place(start));
  const before = (i: number): boolean =>
    stop === null || stop === undefined || (by > 0 ? i < place(stop) : i > place(stop));
  return ordered.filter(after).filter(before).filter((_, n) => n % Math.abs(by) === 0);
}

/** One random view operation on a tensor and on its model. */
function viewStep({ tensor: t, model }: Modelled): fc.Arbitrary<Modelled> {
  const position = fc.option(fc.integer({ min: -6, max: 6 }), { nil: null });
  const rangeOf = (extent: number): fc.Arbitrary<Range> => fc.oneof(
    fc.constant(null),
    fc.tuple(position, position, fc.constantFrom(null, 1, 2, 3, -1, -2)),
    ...(extent > 0 ? [fc.integer({ min: -extent, max: extent - 1 })] : []),
  );
  const sliced = fc.tuple(...t.shape.map(rangeOf)).map((ranges) => {
    const picked = ranges.map((range, axis) => {
      if (typeof range === 'number') return range < 0 ? range + t.shape[axis] : range;
      return walk(t.shape[axis], (range ?? []) as (number | null)[]);
    });
    const shape = picked.flatMap((entry) => (typeof entry === 'number' ? [] : [entry.length]));
    return {
      tensor: t.slice(...ranges),
      model: build(shape, (index) => {
        const rest = [...index];
        return at(model, picked.map((entry) => (typeof entry === 'number' ? entry : entry[rest.shift()!])));
      }),
    };
  });
  const transposed = fc
    .shuffledSubarray(
      t.shape.map((_, axis) => axis),
      { minLength: t.ndim },
    )
    .map((axes) => ({
      tensor: t.transpose(axes),
      model:
        t.ndim === 0
          ? model
          : build(
              axes.map((axis) => t.shape[axis]),
              (index) =>
                at(
                  model,
                  t.shape.map((_, axis) => index[axes.indexOf(axis)]),
                ),
            ),
    }));
  // With no axes named all are reversed, which is what an empty permutation of a 0-d tensor means as well.
  const reshaped = fc.shuffledSubarray([...t.shape], { minLength: t.ndim }).map((shape) => {
    const merged = shape.length > 1 ? [shape[0] * shape[1], ...shape.slice(2)] : shape;
    const values = flat(model);
    let next = 0;
    return { tensor: t.reshape(merged), model: build(merged, () => values[next++]) };
  });
  const expanded = fc.nat(t.ndim).map((axis) => ({
    tensor: expandDims(t, axis),
    model: build(t.shape.toSpliced(axis, 0, 1), (index) => at(model, index.toSpliced(axis, 1))),
  }));
  const stretched = fc.nat(3).map((extent) => ({
    tensor: broadcastTo(t, [extent, ...t.shape]),
    model: build([extent, ...t.shape], ([, ...index]) => at(model, index)),
  }));
  const options = [sliced, transposed, reshaped, ...(t.ndim < 5 ? [expanded, stretched] : [])];
  return fc.oneof(...options) as fc.Arbitrary<Modelled>;
}

const chains = fc.integer({ min: 1, max: 5 }).chain((steps) => {
  let arbitrary = modelled();
  for (let i = 0; i < steps; i++) arbitrary = arbitrary.chain(viewStep);
  return arbitrary;
});

describe('views', () => {
  it('chains of slice, transpose, reshape, expandDims and broadcastTo equal the model', () => {
    fc.assert(fc.property(chains, ({ tensor: t, model }) => {
      expect(t.toArray()).toEqual(model);
      expect([...t.clone().data]).toEqual(flat(model));
      expect(t.size).toBe(flat(model).length);
      for (const index of indices(t.shape)) expect(t.get(...index)).toBe(at(model, index));
    }), { numRuns: 400 });
  });

  it('slice, transpose, step, expandDims, squeeze, moveaxis and reshape share memory', () => {
    const t = zeros([3, 4]);
    t.slice(1, [null, null, -1]).set(1, 0);
    t.transpose().set(2, 0, 2);
    t.step(2, 3).set(3, 1, 1);
    expandDims(t, 0).set(4, 0, 0, 1);
    squeeze(expandDims(t, 1)).set(5, 0, 0);
    moveaxis(t, 0, 1).set(6, 1, 1);
    t.reshape(2, 6).set(7, 1, 0);
    expect(t.toArray()).toEqual([[5, 4, 0, 0], [0, 6, 7, 1], [2, 0, 0, 3]]);
  });

  it('reshape keeps sharing memory wherever strides can express the result, and copies elsewhere', () => {
    const t = arange(24).reshape(2, 3, 4);
    const view = t.slice(null, null, [null, null, 2]).reshape(2, 3, 2, 1).reshape(6, 2);
    expect(view.data).toBe(t.data);
    expect(t.transpose(1, 0, 2).reshape(3, 2, 2, 2).data).toBe(t.data);
    const copy = t.transpose().reshape(-1);
    expect(copy.data).not.toBe(t.data);
    copy.set(99, 0);
    expect(t.get(0, 0, 0)).toBe(0);
  });

  it('assign broadcasts, converts, and survives overlap of source and target', () => {
    const t = arange(5);
    t.slice([1]).assign(t.slice([null, -1]));
    expect(t.toArray()).toEqual([0, 0, 1, 2, 3]);
    t.assign(t.slice([null, null, -1]));
    expect(t.toArray()).toEqual([3, 2, 1, 0, 0]);
    expect(zeros([2, 2]).assign(tensor([1, 2])).toArray()).toEqual([[1, 2], [1, 2]]);
    expect(zeros([2], 'uint8').assign(300.7).toArray()).toEqual([44, 44]);
    expect(() => zeros([2]).assign(zeros([3]))).toThrow('assign: shape 3 cannot be broadcast to 2');
  });

  it('nothing is written to a stretched tensor, whose elements share their memory', () => {
    const stretched = tensor([[1], [2]], null, 'float64').broadcastTo(2, 3);
    const message = 'must have a place in memory for each element to be written to, got 2x3 with strides 1x0';
    expect(() => stretched.assign(ones([2, 3]))).toThrow(new TypeError(`assign: the tensor ${message}; clone() it first`));
    expect(() => stretched.addInPlace(1)).toThrow(new TypeError(`addInPlace: the tensor ${message}; clone() it first`));
    expect(stretched.toArray()).toEqual([[1, 1, 1], [2, 2, 2]]);
    expect(stretched.slice(null, [0, 1]).addInPlace(1).toArray()).toEqual([[2], [3]]);
    expect(zeros([0]).broadcastTo(2, 0).assign(1).shape).toEqual([2, 0]);
  });

  it('long runs are copied as short ones are, whatever their stride', () => {
    const t = arange(400).reshape(2, 200);
    expect(t.slice([1], [50, 51]).broadcastTo(3, 100).toArray()).toEqual(build([3, 100], () => 250));
    expect([...t.slice([1], [50, 51]).broadcastTo(3, 100).clone().data]).toEqual(new Array<number>(300).fill(250));
    for (const step of [1, -1, 2, -2]) {
      const view = t.slice(null, [null, null, step]);
      expect([...view.astype('float64').data]).toEqual(flat(view.toArray()));
      expect([...view.clone().data]).toEqual(flat(view.toArray()));
    }
    expect(einsum('ij->ji', t).data).not.toBe(t.data);
  });

  it('get and set count negative indices from the end and refuse what lies outside', () => {
    const t = arange(6).reshape(2, 3);
    expect(t.get(-1, -3)).toBe(3);
    t.set(9, -2, -1);
    expect(t.get(0, 2)).toBe(9);
    expect(() => t.get(2, 0)).toThrow('get: index 2 is out of bounds for axis 0 of size 2');
    expect(() => t.get(0, 0.5)).toThrow(RangeError);
    expect(() => t.get(0)).toThrow('get: 1 indices given for a tensor of 2 axes (2x3)');
    expect(() => t.set('7' as unknown as number, 0, 0)).toThrow('set: value must be a number, got "7"');
    expect(() => t.get('0' as unknown as number, 0)).toThrow(TypeError);
  });

  it('pad takes widths of one element, as NumPy does', () => {
    const t = arange(6).reshape(2, 3);
    const expected = pad(t, [[1, 1], [1, 1]]).toArray();
    for (const width of [1, [1], [[1]], [[1], [1]]] as PadWidth[]) expect(pad(t, width).toArray()).toEqual(expected);
    expect(pad(t, [[2], [0, 1]]).toArray()).toEqual(pad(t, [[2, 2], [0, 1]]).toArray());
    expect(() => pad(t, [[1, 2, 3]] as never)).toThrow('pad: width[0] must be [before, after], got an array of 3');
  });

  it('refuses malformed ranges', () => {
    const t = arange(6).reshape(2, 3);
    expect(() => t.slice(0, 0, 0)).toThrow('slice: 3 ranges given for a tensor of 2 axes');
    expect(() => t.slice([0, 1, 0])).toThrow('slice: step of axis 0 must not be 0');
    expect(() => t.slice([0.5])).toThrow('slice: start of axis 0 must be an integer, got 0.5');
    expect(() => t.slice([NaN])).toThrow(RangeError);
    expect(() => t.slice('...', '...')).toThrow("slice: '...' may be given only once");
    expect(() => t.slice('a' as Range)).toThrow(TypeError);
    expect(() => t.slice([0, 1, 1, 1])).toThrow(TypeError);
    expect(t.slice([0, Infinity], [-Infinity, 2]).toArray()).toEqual([[0, 1], [3, 4]]);
  });

  it('a view that would leave its memory is refused', () => {
    const data = new Float32Array(6);
    expect(new Tensor(data, [2, 3]).strides).toEqual([3, 1]);
    expect(() => new Tensor(data, [2, 4])).toThrow('does not lie inside 6 elements of data');
    expect(() => new Tensor(data, [3], [-1], 1)).toThrow(RangeError);
    expect(() => new Tensor(data, [3], [1], 4)).toThrow(RangeError);
    expect(() => new Tensor(data, [2], [0.5], 0)).toThrow(RangeError);
    expect(() => new Tensor(data, [2, 3], [1])).toThrow('Tensor: 1 strides given for 2 axes');
    expect(() => new Tensor([1, 2] as unknown as Float32Array, [2])).toThrow(TypeError);
    expect(() => arange(4).view([4], [2], 0)).toThrow(RangeError);
  });

  it('item and conversion to a number want exactly one element', () => {
    expect(tensor([[7]]).item()).toBe(7);
    expect(Number(arange(3).sum())).toBe(3);
    expect(() => arange(2).item()).toThrow('item: the tensor has 2 elements (2), not one');
    expect(() => zeros(0).item()).toThrow(RangeError);
  });

  it('an array of 33 levels is refused, and one that holds itself does not hang', () => {
    const loop: unknown[] = [];
    loop.push(loop);
    expect(() => tensor(loop as NestedNumbers)).toThrow('nested deeper than 32 levels');
  });
});
