/** Splitting and normalising, against straightforward arithmetic on small sets. */

import { describe, expect, it } from 'vitest';
import { normalizeImages, prepareImages } from '../../src/data/index.ts';
import type { ImageDataset, LabelledImages, PrepareOptions } from '../../src/data/index.ts';
import { Rng, Tensor } from '../../src/tensor/index.ts';
import { contiguousData } from '../../src/tensor/internal.ts';
import { worstError } from '../support/errors.ts';

function randomSet(count: number, seed: number): LabelledImages {
  const rng = new Rng(seed);
  // each channel with a mean and spread of its own
  const data = Uint8Array.from({ length: count * 3 * 16 }, (_, i) => {
    const channel = Math.floor(i / 16) % 3;
    return [40, 120, 90][channel] + Math.floor(rng.random() * [20, 90, 150][channel]);
  });
  return { images: new Tensor(data, [count, 3, 4, 4]), labels: Int32Array.from({ length: count }, (_, i) => i % 10) };
}

const dataset: ImageDataset = { train: randomSet(30, 1), test: randomSet(12, 2), classNames: ['a', 'b'] };
const sizes = { numTraining: 20, numValidation: 6, numTest: 5 };

/** Mean and standard deviation of one channel. */
function channelMoments(X: Tensor, channel: number): [mean: number, std: number] {
  const values = X.toArray() as number[][][][];
  const flat = values.flatMap((image) => image[channel].flat());
  const mean = flat.reduce((a, b) => a + b, 0) / flat.length;
  return [mean, Math.sqrt(flat.reduce((a, b) => a + (b - mean) ** 2, 0) / flat.length)];
}

describe('prepareImages', () => {
  it('takes training, then validation images from the front, and the first test images', () => {
    const data = prepareImages(dataset, { ...sizes, subtractMean: false });
    const { images, labels } = dataset.train;
    expect([data.XTrain, data.XVal, data.XTest].map((X) => [X.dtype, X.shape])).toEqual([
      ['float32', [20, 3, 4, 4]], ['float32', [6, 3, 4, 4]], ['float32', [5, 3, 4, 4]],
    ]);
    expect(worstError(data.XTrain.data, contiguousData(images.slice([0, 20])))).toBe(0);
    expect(worstError(data.XVal.data, contiguousData(images.slice([20, 26])))).toBe(0);
    expect(worstError(data.XTest.data, contiguousData(dataset.test.images.slice([0, 5])))).toBe(0);
    expect(data.yTrain).toEqual(labels.slice(0, 20));
    expect(data.yVal).toEqual(labels.slice(20, 26));
    expect(data.yTest).toEqual(dataset.test.labels.slice(0, 5));
    expect(data.classNames).toEqual(['a', 'b']);
    expect(Array.from(data.mean.data)).toEqual([0, 0, 0]);
    expect(Array.from(data.std.data)).toEqual([1, 1, 1]);
  });

  it('subtracts the mean of the training images alone, by default', () => {
    const data = prepareImages(dataset, sizes);
    expect(data.mean.shape).toEqual([3, 4, 4]);
    const mean = Array.from({ length: 48 }, (_, p) => {
      let sum = 0;
      for (let n = 0; n < 20; n++) sum += dataset.train.images.data[n * 48 + p];
      return sum / 20;
    });
    expect(worstError(data.mean.data, mean)).toBeLessThan(1e-5);
    const pixels = dataset.test.images.data;
    expect(worstError(data.XTest.data, Array.from({ length: 5 * 48 }, (_, i) => pixels[i] - mean[i % 48])))
      .toBeLessThan(3e-5);
  });

  it.each([[undefined, [3, 1, 1]], [true, [3, 4, 4]], [false, [3, 1, 1]]])(
    'gives every channel mean 0 and deviation 1 with normalize, subtractMean %s', (subtractMean, meanShape) => {
      const data = prepareImages(dataset, { ...sizes, normalize: true, subtractMean });
      expect(data.mean.shape).toEqual(meanShape);
      expect(data.std.shape).toEqual([3, 1, 1]);
      for (const channel of [0, 1, 2]) {
        const [mean, std] = channelMoments(data.XTrain, channel);
        expect(Math.abs(mean)).toBeLessThan(1e-5);
        expect(Math.abs(std - 1)).toBeLessThan(1e-5);
      }
      // the other parts go through the same statistics, so they come out near but not at 0 and 1
      const again = dataset.test.images.slice([0, 5]).astype('float32').sub(data.mean).div(data.std);
      expect(worstError(data.XTest.data, again.data)).toBeLessThan(1e-5);
    },
  );

  it('turns a channel without variation into zeros', () => {
    const flat = { images: new Tensor(new Uint8Array(4 * 3 * 16).fill(7), [4, 3, 4, 4]), labels: new Int32Array(4) };
    for (const subtractMean of [true, false]) {
      const data = prepareImages(
        { ...dataset, train: flat }, { numTraining: 3, numValidation: 1, normalize: true, subtractMean },
      );
      expect(Array.from(data.XTrain.data).every((value) => value === 0)).toBe(true);
      expect(Array.from(data.std.data)).toEqual([1, 1, 1]);
    }
  });

  it('leaves the data set as it was', () => {
    const before = Array.from(dataset.train.images.data);
    prepareImages(dataset, { ...sizes, normalize: true });
    expect(Array.from(dataset.train.images.data)).toEqual(before);
  });

  it('uses everything that validation leaves when no sizes are given', () => {
    const data = prepareImages(dataset, { numValidation: 4 });
    expect([data.yTrain.length, data.yVal.length, data.yTest.length]).toEqual([26, 4, 12]);
  });

  it('holds back a tenth for validation, at most 1,000, unless told otherwise', () => {
    const counts = (count: number, options: PrepareOptions = {}): number[] => {
      const images = new Tensor(new Uint8Array(count), [count, 1, 1, 1]);
      const part = { images, labels: new Int32Array(count) };
      const { yTrain, yVal } = prepareImages({ ...dataset, train: part, test: part }, options);
      return [yTrain.length, yVal.length];
    };
    expect(counts(160)).toEqual([144, 16]);
    expect(counts(50_000)).toEqual([49_000, 1_000]);
    expect(counts(50_000, { numTraining: 500 })).toEqual([500, 1_000]);
    expect([counts(5), counts(2), counts(1)]).toEqual([[4, 1], [1, 1], [1, 0]]);
    expect([counts(160, { numTraining: 150 }), counts(160, { numTraining: 160 })]).toEqual([[150, 10], [160, 0]]);
    expect(() => counts(160, { numTraining: 161 })).toThrow(new RangeError(
      'prepareImages: numTraining asks for 161 training images, there are 160',
    ));
    expect(() => counts(160, { numValidation: 160 })).toThrow(new RangeError(
      'prepareImages: numValidation 160 leaves none to train on of the training images, there are 160',
    ));
  });

  it('takes labels of 64 bits, and refuses what is no data set, by name', () => {
    const { train, test } = dataset;
    const wide = { ...train, labels: BigInt64Array.from(train.labels, BigInt) as never };
    expect(prepareImages({ ...dataset, train: wide }, sizes).yTrain).toEqual(train.labels.slice(0, 20));
    const refused: ReadonlyArray<readonly [unknown, string]> = [
      [null, 'prepareImages: dataset.train must have images and labels, got undefined'],
      [{ ...dataset, test: undefined }, 'prepareImages: dataset.test must have images and labels, got undefined'],
      [{ ...dataset, test: { ...test, images: [] } }, 'prepareImages: dataset.test.images must be a Tensor, got an array of 0'],
      [{ ...dataset, train: { ...train, labels: [1] } }, 'prepareImages: dataset.train.labels must have 30 labels, one an example, got 1'],
      [{ ...dataset, train: { ...train, images: train.images.astype('float32') } }, 'prepareImages: dataset.train.images must be uint8, got float32'],
    ];
    for (const [bad, message] of refused) expect(() => prepareImages(bad as never, sizes)).toThrow(message);
  });

  it.each([[1, 'grey'], [2, 'grey and alpha'], [4, 'RGBA']] as const)('names %d channels', (channels, kind) => {
    const images = new Tensor(new Uint8Array(12 * channels * 16), [12, channels, 4, 4]);
    const got = `3 (RGB) channels of dataset.train.images, got ${channels} (${kind}): convert them first`;
    expect(() => prepareImages({ ...dataset, test: { ...dataset.test, images } }, sizes))
      .toThrow(new RangeError(`prepareImages: dataset.test.images must have the ${got}`));
    const { mean, std } = prepareImages(dataset, sizes);
    expect(() => normalizeImages(images, mean, std))
      .toThrow(new RangeError(`normalizeImages: images must have the ${got.replace('dataset.train.images', 'mean')}`));
  });

  it('gives empty parts when asked to', () => {
    const data = prepareImages(dataset, { numTraining: 30, numValidation: 0, numTest: 0 });
    expect(data.XVal.shape).toEqual([0, 3, 4, 4]);
    expect(data.XTest.size).toBe(0);
  });

  it('refuses splits that do not fit and options it does not know', () => {
    expect(() => prepareImages(dataset, { numTraining: 25, numValidation: 6 })).toThrow(new RangeError(
      'prepareImages: numTraining 25 and numValidation 6 ask for 31 training images, there are 30',
    ));
    expect(() => prepareImages(dataset, { ...sizes, numTest: 13 })).toThrow(RangeError);
    expect(() => prepareImages(dataset, { ...sizes, numTraining: 0 })).toThrow(RangeError);
    expect(() => prepareImages(dataset, { ...sizes, numTraining: 1.5 })).toThrow(RangeError);
    expect(() => prepareImages(dataset, { ...sizes, normalize: 1 as unknown as boolean })).toThrow(TypeError);
    expect(() => prepareImages(dataset, { ...sizes, normalise: true } as object)).toThrow(/unknown option "normalise"/);
  });
});

describe('normalizeImages', () => {
  it('refuses statistics of other shapes', () => {
    const { images } = dataset.test;
    const std = new Tensor(new Float32Array(3).fill(1), [3, 1, 1]);
    expect(() => normalizeImages(images, new Tensor(new Float32Array(16), [1, 4, 4]), std)).toThrow(
      'normalizeImages: mean must be 3x1x1 or 3x4x4, got 1x4x4',
    );
    expect(() => normalizeImages(images, std, new Tensor(new Float32Array(48), [3, 4, 4]))).toThrow(RangeError);
  });
});
