/** Crops, colours, squares cut out and mixed pictures, against their definitions. */

import { describe, expect, it } from 'vitest';
import { augment, colorJitter, cutout, mixup, normalizeImages, randomCrop, randomShift, resizeImages } from '../../src/data/index.ts';
import type { Transform } from '../../src/data/index.ts';
import { DataLoader } from '../../src/nn/index.ts';
import { TwoLayerNet } from '../../src/models/index.ts';
import { Rng, Tensor, tensor } from '../../src/tensor/index.ts';
import { Solver } from '../../src/train/index.ts';

const bytes = (seed: number, shape: number[]): Tensor => new Rng(seed).uniform(0, 256, shape).astype('uint8');
const values = (t: Tensor): number[] => t.flatten().toArray() as number[];
const batch = (labels: number[]) => ({ indices: labels.map((_, i) => i), epoch: 0, labels: Int32Array.from(labels) });

describe('randomCrop', () => {
  it('gives a part of the image that was resized, of the areas and proportions asked for', () => {
    const X = new Rng(1).uniform(0, 1, [40, 2, 12, 16]).astype('float64');
    const out = randomCrop(X, new Rng(2), { minArea: 0.25, maxRatio: 1.5 });
    expect(out.shape).toEqual(X.shape);
    const areas = Array.from({ length: 40 }, (_, n) => {
      // the crop among all possible ones whose resized form this is
      for (let height = 1; height <= 12; height++) for (let width = 1; width <= 16; width++) {
        if (height * width < 0.2 * 192 || Math.abs(Math.log((width / height) / (16 / 12))) > Math.log(1.5)) continue;
        for (let top = 0; top + height <= 12; top++) for (let left = 0; left + width <= 16; left++) {
          const part = resizeImages(X.slice(n, null, [top, top + height], [left, left + width]), 12, 16);
          if (Math.abs(part.get(0, 5, 5) - out.get(n, 0, 5, 5)) > 1e-12) continue;
          const found = values(out.slice(n));
          if (values(part).every((value, i) => Math.abs(value - found[i]) < 1e-12)) return height * width / 192;
        }
      }
      return NaN;
    });
    expect(Math.min(...areas)).toBeGreaterThan(0.2);
    expect(new Set(areas).size).toBeGreaterThan(10);
    expect(values(randomCrop(X, new Rng(3), { minArea: 1, maxRatio: 1 }))).toEqual(values(X));
  });

  it('takes the same parts of images of every type, and rounds whole numbers', () => {
    const X = bytes(4, [9, 3, 7, 10]);
    const exact = values(randomCrop(X.astype('float64'), new Rng(2)));
    values(randomCrop(X.astype('float32'), new Rng(2))).forEach((value, i) => expect(value).toBeCloseTo(exact[i], 3));
    for (const type of ['uint8', 'int32'] as const) {
      expect(values(randomCrop(X.astype(type), new Rng(2)))).toEqual(exact.map(Math.round));
    }
  });
});

describe('colorJitter', () => {
  const X = bytes(1, [3, 3, 4, 5]);
  const jitter = (options: object, seed = 7): number[] => values(colorJitter(X.astype('float64'), new Rng(seed), {
    brightness: 0, contrast: 0, saturation: 0, ...options,
  }));
  const close = (found: number[], expected: number[]): void =>
    expected.forEach((value, i) => expect(found[i]).toBeCloseTo(value, 8));
  /** the n-th factor that a generator's draws make for image k */
  const factor = (k: number, which: number, reach: number): number => {
    const rng = new Rng(7);
    for (let i = 0; i < 3 * k + which; i++) rng.random();
    return 1 + reach * (2 * rng.random() - 1);
  };
  const clamp = (value: number): number => Math.min(255, Math.max(0, value));
  const grey = (n: number, y: number, x: number): number =>
    0.299 * X.get(n, 0, y, x) + 0.587 * X.get(n, 1, y, x) + 0.114 * X.get(n, 2, y, x);
  const map = (change: (n: number, c: number, y: number, x: number) => number): number[] =>
    values(X).map((_, i) => clamp(change(Math.floor(i / 60), Math.floor(i / 20) % 3, Math.floor(i / 5) % 4, i % 5)));

  it('changes brightness, contrast and saturation as they are defined', () => {
    const middle = (n: number): number =>
      Array.from({ length: 20 }, (_, p) => grey(n, Math.floor(p / 5), p % 5)).reduce((a, b) => a + b) / 20;
    const apart = (from: number, k: number, value: number): number => from + k * (value - from);
    close(jitter({}), values(X));
    close(jitter({ brightness: 0.5 }), map((n, c, y, x) => factor(n, 0, 0.5) * X.get(n, c, y, x)));
    close(jitter({ contrast: 0.5 }), map((n, c, y, x) => apart(middle(n), factor(n, 1, 0.5), X.get(n, c, y, x))));
    const coloured = map((n, c, y, x) => apart(grey(n, y, x), factor(n, 2, 0.5), X.get(n, c, y, x)));
    close(jitter({ saturation: 0.5 }), coloured);
  });

  it('does the same to images that were normalised, and rounds bytes', () => {
    const mean = tensor([120, 100, 90], null, 'float32').reshape(3, 1, 1);
    const std = tensor([50, 60, 70], null, 'float32').reshape(3, 1, 1);
    const found = colorJitter(normalizeImages(X, mean, std), new Rng(7), { mean, std }).mul(std).add(mean);
    const plain = colorJitter(X.astype('float32'), new Rng(7));
    values(plain).forEach((value, i) => expect(values(found)[i]).toBeCloseTo(value, 3));
    expect(values(colorJitter(X, new Rng(7)))).toEqual(values(plain).map(Math.round));
    expect(() => colorJitter(X, new Rng(1), { mean: tensor([1, 2]) })).toThrow('colorJitter: mean must be');
  });
});

describe('cutout', () => {
  it('fills bytes with what they can hold, as shifts do', () => {
    const images = new Tensor(new Uint8Array(2 * 16).fill(7), [2, 1, 4, 4]);
    for (const [fill, kept] of [[300, 255], [-5, 0], [99.6, 100]]) {
      const cut = cutout(images, new Rng(1), { size: 4, fill });
      const shifted = randomShift(images, new Rng(1), { maxShift: 4, fill });
      for (const { data } of [cut, shifted]) expect(new Set(data)).toEqual(new Set([7, kept]));
    }
  });

  it('fills one square of each image, the same in every channel', () => {
    const X = new Rng(1).uniform(1, 2, [60, 2, 9, 7]);
    const out = cutout(X, new Rng(2), { size: 4, fill: -1 });
    const areas = Array.from({ length: 60 }, (_, n) => {
      const hit = [0, 1].map((c) =>
        Array.from({ length: 63 }, (_, p) => out.get(n, c, Math.floor(p / 7), p % 7) === -1));
      expect(hit[0]).toEqual(hit[1]);
      const places = hit[0].flatMap((is, p) => (is ? [p] : []));
      const [rows, columns] = [places.map((p) => Math.floor(p / 7)), places.map((p) => p % 7)];
      const sides = [rows, columns].map((list) => Math.max(...list) - Math.min(...list) + 1);
      expect(sides[0] * sides[1]).toBe(places.length);
      expect(Math.max(...sides)).toBeLessThanOrEqual(4);
      return places.length;
    });
    expect(Math.max(...areas)).toBe(16);
    expect(values(out).filter((value, i) => value !== -1 && value !== values(X)[i])).toEqual([]);
  });
});

describe('mixup', () => {
  it('mixes two images of the batch, and learns the label of each as often as its share', () => {
    const count = 4000;
    const X = new Tensor(Float64Array.from({ length: count }, (_, n) => n), [count, 1]);
    const given = batch(Array.from({ length: count }, (_, n) => n));
    const out = values(mixup(X, new Rng(1), { alpha: 1, batch: given }));
    const partner = new Rng(1).permutation(count);
    let [kept, shares] = [0, 0];
    out.forEach((value, n) => {
      const other = partner.get(n);
      expect([n, other]).toContain(given.labels[n]);
      if (other === n) return;
      const share = (value - other) / (n - other);
      expect(share).toBeGreaterThanOrEqual(0);
      expect(share).toBeLessThanOrEqual(1);
      shares += share;
      kept += given.labels[n] === n ? 1 : 0;
    });
    expect(Math.abs(shares / count - 0.5)).toBeLessThan(0.02); // Beta(1, 1)'s mean, of deviation 0.005
    expect(Math.abs(kept - shares) / count).toBeLessThan(0.03);
  });

  it('draws shares near 0 and 1 for a small alpha, and none where it is 0', () => {
    const X = new Tensor(new Float64Array(1000).map((_, n) => n % 2), [1000, 1]);
    const middle = (alpha: number): number =>
      values(mixup(X, new Rng(1), { alpha, batch: batch(values(X)) }))
        .filter((value) => value > 0.1 && value < 0.9).length;
    expect(middle(0.01)).toBeLessThan(30);
    expect(middle(50)).toBeGreaterThan(400);
    expect(values(mixup(X, new Rng(1), { alpha: 0, batch: batch(values(X)) }))).toEqual(values(X));
    expect(() => mixup(X, new Rng(1))).toThrow('mixup: batch must be an object');
  });

  it('is what the Solver and the DataLoader learn from', async () => {
    const X = new Rng(1).normal(0, 1, [8, 6]);
    const seen: number[][] = [];
    class Watched extends TwoLayerNet {
      override loss(x: Tensor, y?: unknown): never {
        if (y !== undefined) seen.push(values(y as Tensor));
        return super.loss(x, y as never) as never;
      }
    }
    const model = new Watched({ inputDim: 6, numClasses: 8, rng: new Rng(1) });
    const y = Int32Array.from({ length: 8 }, (_, i) => i);
    const all: Transform = (x, _rng, options) => {
      options!.batch!.labels!.fill(3);
      return x;
    };
    const solver = new Solver(model, { XTrain: X, yTrain: y, XVal: X, yVal: y }, {
      batchSize: 8, numEpochs: 1, verbose: false, transform: augment(all),
    });
    await solver.train();
    expect(seen).toContainEqual([3, 3, 3, 3, 3, 3, 3, 3]);
    const loader = new DataLoader(X, y, { batchSize: 8, augment: all, rng: new Rng(1) });
    expect([...loader].map(([, labels]) => values(labels))).toEqual([[3, 3, 3, 3, 3, 3, 3, 3]]);
    expect(Array.from(y)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });
});
