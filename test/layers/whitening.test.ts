/** What a whitening convolution must do: answers without correlation, of variance 1, in pairs of opposite sign. */

import { describe, expect, it } from 'vitest';
import { configure, matmul, Rng, type Tensor, zeros } from '../../src/index.ts';
import { convForward, diracInit, whiteningFilters } from '../../src/layers/index.ts';

/** Images whose pixels are far from independent: sums of a few patterns, and a little noise. */
function images(count: number, channels: number, height: number, width: number): Tensor {
  const rng = new Rng(4);
  const mixed = matmul(rng.normal(0, 1, [count, 3]), rng.normal(0, 2, [3, channels * height * width]));
  return mixed.add(rng.normal(0, 0.1, [count, channels * height * width])).reshape(count, channels, height, width);
}

describe('whiteningFilters', () => {
  it('makes the patches that they were computed from white', () => {
    const X = images(400, 3, 6, 8);
    const w = whiteningFilters(X, { size: 2, epsilon: 0 });
    expect(w.shape).toEqual([24, 3, 2, 2]);
    const [out] = convForward(X, w, zeros(24), { stride: 2, pad: 0 });
    const rows = out.transpose(0, 2, 3, 1).reshape(-1, 24).astype('float64');
    const covariance = matmul(rows.transpose(), rows).div(rows.shape[0]);
    for (let i = 0; i < 24; i++) {
      for (let j = 0; j < 24; j++) {
        const expected = i === j ? 1 : Math.abs(i - j) === 12 ? -1 : 0;
        expect(covariance.get(i, j)).toBeCloseTo(expected, 2);
      }
    }
  });

  it('keeps the strongest directions where fewer are wanted, and bounds the weakest by epsilon', () => {
    const X = images(50, 2, 5, 5);
    const all = whiteningFilters(X, { size: 3, images: 20 });
    const few = whiteningFilters(X, { size: 3, images: 20, filters: 6 });
    expect(few.slice([0, 3]).toArray()).toEqual(all.slice([0, 3]).toArray());
    expect(few.slice([3, 6]).toArray()).toEqual(all.slice([0, 3]).neg().toArray());
    const blank = whiteningFilters(zeros([2, 1, 4, 4]), { epsilon: 0 });
    expect(blank.abs().max().item()).toBe(0);
  });

  it('refuses images without a patch and counts of filters that cannot be', () => {
    expect(() => whiteningFilters(zeros([2, 3, 2, 4]), { size: 3 })).toThrow(/^whiteningFilters: images .* of 3x3/);
    expect(() => whiteningFilters(images(3, 1, 4, 4), { filters: 7 })).toThrow(/filters must be even, got 7/);
    expect(() => whiteningFilters(images(3, 1, 4, 4), { filters: 10 })).toThrow(RangeError);
  });
});

describe('diracInit', () => {
  it('makes a convolution hand on its channels, and draws the filters beyond them', () => {
    const X = images(3, 4, 5, 6);
    const w = diracInit(4, 7, { k: 3, rng: new Rng(2) });
    configure({ strict: true }); // sums each output by itself; Winograd's method rounds
    const [out] = convForward(X, w, zeros(7), { pad: 1 });
    configure({ strict: false });
    expect(out.slice(null, [0, 4]).toArray()).toEqual(X.toArray());
    const drawn = w.slice([4, 7]);
    expect(drawn.square().mean().item() * 4 * 9 * 3).toBeCloseTo(1, 0);
    const narrow = diracInit(4, 2, { k: 1, rng: new Rng(2) }).reshape(2, 4);
    expect(narrow.toArray()).toEqual([[1, 0, 0, 0], [0, 1, 0, 0]]);
  });

  it('refuses filters without a middle', () => {
    expect(() => diracInit(4, 4, { k: 2, rng: new Rng(2) })).toThrow(/^diracInit: k must be odd, got 2/);
  });
});
