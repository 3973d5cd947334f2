/** Data sets from arrays, and stratified splits. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { datasetFromArrays, stratifiedSplit } from '../../src/data/index.ts';
import { Rng, Tensor, tensor } from '../../src/tensor/index.ts';

const pixels = (shape: number[]): Tensor =>
  new Tensor(Uint8Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => (i * 37) % 256), shape);
const labels = (...y: number[]): Tensor => tensor(y, null, 'int32');
const rest = { y_train: labels(0, 1, 2, 1), x_test: pixels([2, 6, 5, 3]), y_test: labels(1, 0) };

describe('datasetFromArrays', () => {
  it('tells channels first from channels last, and takes grey without an axis for it', () => {
    const last = pixels([4, 6, 5, 3]);
    const set = datasetFromArrays({ x_train: last, ...rest });
    expect([set.train.images.shape, set.test.images.shape, set.classNames]).toEqual([[4, 3, 6, 5], [2, 3, 6, 5], ['0', '1', '2']]);
    expect(set.train.images.get(3, 2, 5, 4)).toBe(last.get(3, 5, 4, 2));
    const [X_train, X_test] = [set.train.images, set.test.images];
    const first = datasetFromArrays({ X_train, y_train: rest.y_train, X_test, Y_test: rest.y_test });
    expect(first.train.images.toArray()).toEqual(set.train.images.toArray());
    const plain = { train_images: pixels([4, 6, 5]), train_labels: labels(0, 1, 0, 1).reshape(4, 1) };
    const grey = datasetFromArrays(plain, { testShare: 0.5 });
    expect([grey.train.images.shape, grey.test.images.shape]).toEqual([[2, 1, 6, 5], [2, 1, 6, 5]]);
    expect(Array.from(grey.train.labels).sort()).toEqual([0, 1]);
  });

  it('makes bytes of fractions and of numbers to 255, and labels of ones', () => {
    const x = tensor([0, 0.5, 1, 0.25], null, 'float64').reshape(2, 1, 2);
    const oneHot = tensor([[0, 1, 0], [1, 0, 0]], null, 'float32');
    const set = datasetFromArrays({ x_train: x, y_train: oneHot, x_test: x, y_test: oneHot });
    expect([set.train.images.dtype, set.train.images.flatten().toArray()]).toEqual(['uint8', [0, 128, 255, 64]]);
    expect(Array.from(set.train.labels)).toEqual([1, 0]);
    const dark = tensor([0, 1, 1, 0]).reshape(2, 1, 2); // one scale for both parts
    const wide = datasetFromArrays({ x_train: x.mul(200), y_train: oneHot, x_test: dark, y_test: oneHot });
    expect(wide.train.images.flatten().toArray()).toEqual([0, 100, 200, 50]);
    expect(wide.test.images.flatten().toArray()).toEqual([0, 1, 1, 0]);
  });

  it('takes the layout of one part for the other, where a shape alone does not tell', () => {
    const x_train = pixels([4, 6, 6, 3]);
    const tiny = pixels([2, 4, 4, 3]);
    const last = datasetFromArrays({ ...rest, x_train, x_test: tiny });
    expect([last.train.images.shape, last.test.images.shape]).toEqual([[4, 3, 6, 6], [2, 3, 4, 4]]);
    expect(last.test.images.get(1, 2, 3, 0)).toBe(tiny.get(1, 3, 0, 2));
    const first = datasetFromArrays({ ...rest, x_train: pixels([4, 3, 4, 4]), x_test: pixels([2, 3, 6, 6]) });
    expect([first.train.images.shape, first.test.images.shape]).toEqual([[4, 3, 4, 4], [2, 3, 6, 6]]);
  });

  it('refuses fractions in one part beside bytes in the other, which would come out black', () => {
    const [bytes, fractions] = [pixels([2, 4, 4]), pixels([2, 4, 4]).astype('float32').div(255)];
    const of = (x_train: Tensor, x_test: Tensor) => (): unknown =>
      datasetFromArrays({ x_train, y_train: labels(0, 1), x_test, y_test: labels(0, 1) });
    const must = 'must have the range of the other images, 0 to 255, got fractions from 0 to 1';
    expect(of(bytes, fractions)).toThrow(`arrays.x_test ${must}`);
    expect(of(fractions, bytes)).toThrow(`arrays.x_train ${must}`);
    expect(of(fractions, bytes.astype('float64'))).toThrow(`arrays.x_train ${must}`);
  });

  it('refuses what cannot be told or is no picture', () => {
    const of = (x: Tensor, y = labels(0, 1)): (() => unknown) => () => datasetFromArrays({ x_train: x, y_train: y });
    expect(of(pixels([2, 3, 8, 3]))).toThrow('of shape 2x3x8x3 may be channels first or last; layout says which');
    expect(of(pixels([2, 9, 8, 5]))).toThrow('of shape 2x9x8x5 has no axis of 1 to 4 channels; layout says which');
    expect(of(pixels([2, 8, 8, 8]))).toThrow('has no axis of 1 to 4 channels');
    for (const shape of [[0, 4, 4], [2, 0, 4], [2, 4, 0], [0, 4, 4, 3]]) {
      expect(of(pixels(shape), labels(...new Array<number>(shape[0]).fill(0)))).toThrow('(N,C,H,W), not empty, got');
    }
    expect(() => datasetFromArrays({
      x_train: pixels([2, 4, 4]), y_train: labels(0, 1), x_test: pixels([0, 4, 4]), y_test: labels(),
    })).toThrow('arrays.x_test must be (N,H,W), (N,H,W,C) or (N,C,H,W), not empty, got 0x4x4');
    expect(of(pixels([2, 784]))).toThrow('must be (N,H,W), (N,H,W,C) or (N,C,H,W)');
    expect(of(tensor([-1, 1, 2, 3]).reshape(2, 1, 2))).toThrow('or fractions from 0 to 1, got -1 to 3');
    expect(of(tensor([NaN, 1, 2, 3]).reshape(2, 1, 2))).toThrow('holds NaN');
    expect(of(pixels([2, 4, 4]), labels(0, -1))).toThrow(RangeError);
    expect(of(pixels([2, 4, 4]), labels(0, 2 ** 30))).toThrow('a label is 1073741824, expected at most 65535');
    expect(of(pixels([2, 4, 4]), labels(0))).toThrow('arrays.y_train must have 2 labels');
    expect(() => datasetFromArrays({ pictures: pixels([2, 4, 4]) })).toThrow('must have x_train or train_images, got pictures');
  });
});

describe('stratifiedSplit', () => {
  it('is disjoint and whole, of each class its share, in every stretch', () => {
    fc.assert(fc.property(
      fc.array(fc.nat(4), { minLength: 1, maxLength: 200 }), fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(),
      (y, share, seed) => {
        const [others, part] = stratifiedSplit(y, share, new Rng(seed));
        expect([...others, ...part].sort((a, b) => a - b)).toEqual(y.map((_, i) => i));
        expect(part.length).toBe(Math.round(share * y.length));
        const of = (rows: Int32Array, label: number): number => rows.filter((row) => y[row] === label).length;
        for (let label = 0; label < 5; label++) {
          const count = y.filter((l) => l === label).length;
          expect(Math.abs(of(part, label) - count * part.length / y.length)).toBeLessThanOrEqual(1.5);
          const half = others.slice(others.length >> 1);
          expect(Math.abs(of(half, label) - count * half.length / y.length)).toBeLessThanOrEqual(2.5);
        }
      },
    ));
    const y = Array.from({ length: 60 }, (_, i) => i % 3);
    expect(stratifiedSplit(y, 0.5, new Rng(1))).toEqual(stratifiedSplit(y, 0.5, new Rng(1)));
    expect(stratifiedSplit(y, 0.5, new Rng(1))).not.toEqual(stratifiedSplit(y, 0.5, new Rng(2)));
  });
});
