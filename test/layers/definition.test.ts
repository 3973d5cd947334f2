/** Convolution and pooling of random shapes against their formulas, written out with get(). */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  avgPoolBackward, avgPoolForward, convBackwardFast, convBackwardNaive, convForwardFast, convForwardNaive,
  maxPoolBackwardFast, maxPoolBackwardNaive, maxPoolForwardFast, maxPoolForwardNaive,
} from '../../src/layers/index.ts';
import { zeros } from '../../src/tensor/index.ts';
import type { Tensor } from '../../src/tensor/index.ts';
import { relError } from '../../src/train/rel-error.ts';
import { describeOnEveryBackend } from '../support/backends.ts';
import { normals } from '../support/random.ts';

const size = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });

/** Sizes of a convolution whose window fits. */
const convolutions = fc.record({
  n: size(3), c: size(4), h: size(9), w: size(9), f: size(5), kh: size(5), kw: size(5), stride: size(3),
  pad: fc.integer({ min: 0, max: 2 }), seed: fc.nat(1000),
}).filter(({ h, w, kh, kw, pad }) => kh <= h + 2 * pad && kw <= w + 2 * pad);

const poolings = fc.record({
  n: size(3), c: size(3), h: size(9), w: size(9), kh: size(4), kw: size(4), stride: size(3), seed: fc.nat(1000),
}).filter(({ h, w, kh, kw }) => kh <= h && kw <= w);

interface Tap {
  readonly n: number;
  readonly i: number;
  readonly j: number;
  /** the pixel that the tap reads, and its place in the window */
  readonly y: number;
  readonly x: number;
  readonly u: number;
  readonly v: number;
}

/** Every pair of an output pixel and a pixel of the input that its window covers. */
function taps(shape: readonly number[], kh: number, kw: number, stride: number, pad: number): Tap[] {
  const [batch, , height, width] = shape;
  const found: Tap[] = [];
  for (let n = 0; n < batch; n++) {
    for (let i = 0; i * stride + kh <= height + 2 * pad; i++) {
      for (let j = 0; j * stride + kw <= width + 2 * pad; j++) {
        for (let u = 0; u < kh; u++) {
          for (let v = 0; v < kw; v++) {
            const [y, x] = [i * stride + u - pad, j * stride + v - pad];
            if (y >= 0 && y < height && x >= 0 && x < width) found.push({ n, i, j, y, x, u, v });
          }
        }
      }
    }
  }
  return found;
}

function add(t: Tensor, value: number, ...at: number[]): void {
  t.set(t.get(...at) + value, ...at);
}

describeOnEveryBackend('definitions', () => {
  it('convolution and its gradients', () => {
    fc.assert(fc.property(convolutions, ({ n, c, h, w, f, kh, kw, stride, pad, seed }) => {
      const randn = normals(seed);
      const [x, filters, b] = [randn(n, c, h, w), randn(f, c, kh, kw), randn(f)];
      const [out, cache] = convForwardNaive(x, filters, b, { stride, pad });
      const dout = randn(...out.shape);
      const want = [zeros(out.shape, 'float64'), ...[x, filters, b].map((t) => zeros(t.shape, 'float64'))];
      const [expected, dx, dw, db] = want;
      for (let k = 0; k < f; k++) {
        for (let p = 0; p < n; p++) expected.slice(p, k).assign(b.get(k));
        db.set(dout.slice(null, k).sum().item(), k);
        for (const tap of taps(x.shape, kh, kw, stride, pad)) {
          const upstream = dout.get(tap.n, k, tap.i, tap.j);
          for (let ch = 0; ch < c; ch++) {
            const [pixel, weight] = [x.get(tap.n, ch, tap.y, tap.x), filters.get(k, ch, tap.u, tap.v)];
            add(expected, pixel * weight, tap.n, k, tap.i, tap.j);
            add(dw, pixel * upstream, k, ch, tap.u, tap.v);
            add(dx, weight * upstream, tap.n, ch, tap.y, tap.x);
          }
        }
      }
      const [fast, fastCache] = convForwardFast(x, filters, b, { stride, pad });
      for (const got of [[out, ...convBackwardNaive(dout, cache)], [fast, ...convBackwardFast(dout, fastCache)]]) {
        got.forEach((t, i) => {
          expect(t.shape).toEqual(want[i].shape);
          // Sums that cancel are compared to the size of their terms, which are about 1.
          const difference = t.sub(want[i]).abs().max().item();
          expect(difference).toBeLessThan(1e-11);
        });
      }
    }), { numRuns: 40 });
  });

  it('max pooling and its gradient, with ties', () => {
    fc.assert(fc.property(poolings, ({ n, c, h, w, kh, kw, stride, seed }) => {
      const randn = normals(seed);
      // Rounded to halves, so that many windows have several maxima.
      const x = randn(n, c, h, w).mul(2).round().div(2);
      const poolParam = { poolHeight: kh, poolWidth: kw, stride };
      const [out, cache] = maxPoolForwardNaive(x, poolParam);
      const [fast, fastCache] = maxPoolForwardFast(x, poolParam);
      const dout = randn(...out.shape);
      const expected = zeros(out.shape, 'float64').sub(Infinity);
      const winner = new Map<string, readonly [number, number]>();
      for (let ch = 0; ch < c; ch++) {
        for (const { n: p, i, j, y, x: column } of taps(x.shape, kh, kw, stride, 0)) {
          const value = x.get(p, ch, y, column);
          if (value <= expected.get(p, ch, i, j)) continue;
          expected.set(value, p, ch, i, j);
          winner.set([p, ch, i, j].join(), [y, column]);
        }
      }
      const dx = zeros(x.shape, 'float64');
      for (const [key, [y, column]] of winner) {
        const [p, ch, i, j] = key.split(',').map(Number);
        add(dx, dout.get(p, ch, i, j), p, ch, y, column);
      }
      expect(out.toArray()).toEqual(expected.toArray());
      expect(fast.toArray()).toEqual(expected.toArray());
      expect(relError(maxPoolBackwardNaive(dout, cache), dx)).toBeLessThan(1e-12);
      expect(relError(maxPoolBackwardFast(dout, fastCache), dx)).toBeLessThan(1e-12);
    }), { numRuns: 60 });
  });

  it('average pooling and its gradient', () => {
    fc.assert(fc.property(poolings, ({ n, c, h, w, kh, kw, stride, seed }) => {
      const randn = normals(seed);
      const x = randn(n, c, h, w);
      const [out, cache] = avgPoolForward(x, { poolHeight: kh, poolWidth: kw, stride });
      const dout = randn(...out.shape);
      const expected = zeros(out.shape, 'float64');
      const dx = zeros(x.shape, 'float64');
      for (let ch = 0; ch < c; ch++) {
        for (const { n: p, i, j, y, x: column } of taps(x.shape, kh, kw, stride, 0)) {
          add(expected, x.get(p, ch, y, column) / (kh * kw), p, ch, i, j);
          add(dx, dout.get(p, ch, i, j) / (kh * kw), p, ch, y, column);
        }
      }
      expect(out.sub(expected).abs().max().item()).toBeLessThan(1e-13);
      expect(avgPoolBackward(dout, cache).sub(dx).abs().max().item()).toBeLessThan(1e-13);
    }), { numRuns: 40 });
  });
});
