/**
 * The SIMD convolutions against the definition: random shapes for every path, and the same bits on any number of
 * threads.
 */

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { features } from '../../../src/runtime/features.ts';
import { configure } from '../../../src/runtime/settings.ts';
import {
  takesBlocks, takesDense, takesPooledWinograd, takesStride, takesToeplitz, takesWinograd,
} from '../../../src/kernels/simd/conv/choose.ts';
import { takesWinners } from '../../../src/kernels/simd/conv/choose-winners.ts';
import { takesHalving, takesHalvingGradient } from '../../../src/kernels/simd/conv/choose-halving.ts';
import { shutdown } from '../../../src/kernels/team/team.ts';
import type { FloatArray } from '../../../src/kernels/contract.ts';
import type { ConvGeometry, PoolGeometry } from '../../../src/kernels/geometry.ts';
import { worstError } from '../../support/errors.ts';
import { convOf, poolOf } from '../../support/geometry.ts';
import { convolutionCases } from '../compare/convolution.ts';
import { runCase } from '../compare.ts';
import { randomFloats, simdKernels, type FloatType } from './support.ts';
import { convReluPoolChain } from '../../../src/kernels/naive/fused.ts';
import { naiveKernels } from '../../../src/kernels/naive/index.ts';

const simd = { ...naiveKernels, ...simdKernels() };

function geometry(
  batch: number, channels: number, height: number, width: number, filters: number, kernelHeight: number,
  kernelWidth: number, stride: number, pad: number,
): ConvGeometry {
  return convOf({ batch, channels, height, width, filters, kernelHeight, kernelWidth, stride, pad });
}

const between = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });

/** Shapes of square convolutions of stride 1 with enough channels: these go through Winograd's transforms. */
const winogradShapes = (window: number): fc.Arbitrary<ConvGeometry> => fc.record({
  batch: between(1, 5), channels: between(3, 20), height: between(1, 14),
  width: between(1, 14), filters: between(6, 21), pad: between(0, window - 1),
}).filter(({ height, width, pad }) => Math.min(height, width) + 2 * pad >= window)
  .map((s) => geometry(s.batch, s.channels, s.height, s.width, s.filters, window, window, 1, s.pad));

/** Shapes of convolutions with large windows: these go through Winograd's transforms in blocks. */
const blockShapes = fc.record({
  batch: between(1, 4), channels: between(1, 7), height: between(1, 14), width: between(1, 14), filters: between(6, 19),
  kernelHeight: between(6, 8), kernelWidth: between(6, 8), pad: between(0, 9),
}).filter((s) => s.height + 2 * s.pad >= s.kernelHeight && s.width + 2 * s.pad >= s.kernelWidth)
  .map((s) => geometry(s.batch, s.channels, s.height, s.width, s.filters, s.kernelHeight, s.kernelWidth, 1, s.pad));

/** Shapes of windows of 3x3 that move by 2, with channels and filters in eights: these have transforms of their own. */
const halvingShapes = fc.record({
  batch: between(2, 9), channels: between(1, 4), height: between(5, 27), width: between(5, 27), filters: between(1, 4),
  pad: fc.oneof(fc.constant('same' as const), fc.tuple(between(0, 2), between(0, 2))),
}).map(({ channels, filters, ...s }) => convOf({
  ...s, channels: 8 * channels, filters: 8 * filters, kernelHeight: 3, kernelWidth: 3, stride: 2,
})).filter((g) => takesHalving(new Float32Array(), g));

/** Shapes of windows of 1x1 that leave pixels out. */
const strideShapes = fc.record({
  batch: between(1, 9), channels: between(13, 30), height: between(3, 20), width: between(3, 20),
  filters: between(20, 30),
  stride: fc.tuple(between(1, 3), between(1, 3)),
}).map((s) => convOf({ ...s, kernelHeight: 1, kernelWidth: 1 })).filter((g) => takesStride(g));

/** Holds what becomes of random numbers against the definition. */
function checkErrors(g: ConvGeometry): void {
  const found = gradients('float32', g, simd);
  const expected = gradients('float32', g, naiveKernels as typeof simd);
  // sums of products of numbers of size 1: the error grows with the root of how many there are
  const outputs = g.batch * g.outHeight * g.outWidth;
  const window = g.kernelHeight * g.kernelWidth;
  const terms = [g.channels * window, g.filters * window, outputs, outputs];
  found.forEach((array, i) => {
    expect(worstError(array, expected[i])).toBeLessThan(5e-6 * Math.sqrt(terms[i]));
  });
}

/** Windows of 2x2 that cover what comes out. */
function halvedPool(g: ConvGeometry): PoolGeometry {
  return poolOf({
    planes: g.batch * g.filters, height: g.outHeight, width: g.outWidth, poolHeight: 2, poolWidth: 2, stride: 2,
  });
}

/** The gradients at the filters and the bias behind which relu and pooling follow; every fourth output is cut. */
function pooledGradients(g: ConvGeometry, kernels: typeof simd): Float32Array[] {
  const pool = halvedPool(g);
  expect(takesWinners(new Float32Array(), g, pool)).toBe(true);
  const x = randomFloats('float32', g.batch * g.channels * g.height * g.width, 1);
  const weights = g.filters * g.channels * g.kernelHeight * g.kernelWidth;
  const dout = randomFloats('float32', pool.planes * pool.outHeight * pool.outWidth, 2);
  const out = dout.map((_, o) => [1, 0, 2, NaN, -1][o * 7 % 5]);
  const argmax = new Int32Array(dout.length);
  naiveKernels.maxPoolForward(randomFloats('float32', 4 * dout.length, 3), dout.slice(), argmax, pool);
  const [dw, db] = [new Float32Array(weights), new Float32Array(g.filters)];
  kernels.convReluPoolBackward(dout, out, argmax, x, new Float32Array(weights), null, dw, db, g, pool);
  return [dw, db];
}

function gradients(type: FloatType, g: ConvGeometry, kernels: typeof simd): Float32Array[] {
  const x = randomFloats(type, g.batch * g.channels * g.height * g.width, 1);
  const w = randomFloats(type, g.filters * (g.channels / g.groups) * g.kernelHeight * g.kernelWidth, 2);
  const b = randomFloats(type, g.filters, 3);
  const scale = randomFloats(type, g.filters, 4);
  const dout = randomFloats(type, g.batch * g.filters * g.outHeight * g.outWidth, 5);
  const empty = (length: number): Float32Array => randomFloats(type, length, 6) as Float32Array;
  const [out, dx, dw, db] = [empty(dout.length), empty(x.length), empty(w.length), empty(b.length)];
  kernels.convForward(x, w, b, out, g, { scale, relu: true });
  kernels.convBackward(dout, x, w, dx, dw, db, g);
  return [out, dx, dw, db];
}

/** Stands for the bits of the arrays: to compare the arrays themselves takes the runner many times as long. */
function digest(arrays: readonly Float32Array[]): string {
  const hash = createHash('sha256');
  for (const { buffer, byteOffset, byteLength } of arrays) hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  return hash.digest('hex');
}

/** Where out, and dx, are not numbers when one pixel of x, and one of dout, is infinite and another is NaN. */
function brokenPlaces(g: ConvGeometry, kernels: typeof simd): number[][] {
  const x = randomFloats('float32', g.batch * g.channels * g.height * g.width, 1);
  const w = randomFloats('float32', g.filters * g.channels * g.kernelHeight * g.kernelWidth, 2);
  const dout = randomFloats('float32', g.batch * g.filters * g.outHeight * g.outWidth, 3);
  [x[x.length - 20], x[1], dout[dout.length - 20], dout[1]] = [Infinity, NaN, Infinity, NaN];
  const [out, dx, dw, db] = [dout, x, w, new Float32Array(g.filters)].map((each) => new Float32Array(each.length));
  kernels.convForward(x, w, null, out, g, {});
  kernels.convBackward(dout, x, w, dx, dw, db, g);
  return [out, dx].map((array) => [...array.keys()].filter((place) => !Number.isFinite(array[place])));
}

/** Convolutions of every kind, of which some leave pixels out at the bottom and on the right. */
const anyShapes = fc.record({
  batch: between(1, 3), groups: fc.constantFrom(1, 1, 1, 2, 8), height: between(1, 12), width: between(1, 12),
  partChannels: between(1, 9), partFilters: between(1, 9), kernelHeight: between(1, 5), kernelWidth: between(1, 5),
  stride: fc.tuple(between(1, 3), between(1, 3)), pad: fc.tuple(between(0, 2), between(0, 2)),
  dilation: fc.constantFrom(1, 1, 1, 2), fewer: fc.tuple(fc.constantFrom(0, 0, 1), fc.constantFrom(0, 0, 1)),
}).filter((s) => s.height + 2 * s.pad[0] > s.dilation * (s.kernelHeight - 1)
  && s.width + 2 * s.pad[1] > s.dilation * (s.kernelWidth - 1)).map(({ partChannels, partFilters, fewer, ...s }) => {
  const depthwise = s.groups === 8;
  const g = convOf({
    ...s, channels: s.groups * (depthwise ? 1 : partChannels), filters: s.groups * (depthwise ? 1 : partFilters),
  });
  return { ...g, outHeight: Math.max(1, g.outHeight - fewer[0]), outWidth: Math.max(1, g.outWidth - fewer[1]) };
});

/** Tiny images in numbers: these become matrix products. */
const denseShapes = fc.record({
  batch: between(16, 40), channels: between(1, 9), height: between(1, 2),
  width: between(1, 2), filters: between(1, 9), kernelHeight: between(1, 4),
  kernelWidth: between(1, 4), stride: between(1, 3), pad: between(0, 2),
}).filter((s) => s.height + 2 * s.pad >= s.kernelHeight && s.width + 2 * s.pad >= s.kernelWidth);

/** The usual convolution of 2x2 pixels with channels in fours: this becomes nine products. */
const toeplitzShapes = fc.record({
  batch: between(1, 40), channels: between(1, 20), filters: between(1, 20),
}).filter(({ channels, filters }) => 16 * channels * filters >= 256)
  .map(({ batch, channels, filters }) => geometry(batch, 4 * channels, 2, 2, 4 * filters, 3, 3, 1, 1));

describe('convolution', () => {
  afterAll(() => shutdown());

  for (const type of ['float32', 'float64'] as const) {
    for (const each of convolutionCases) it(`${each.kernel} ${each.title}, ${type}`, () => runCase(each, type, simd));
  }

  it.each([3, 5])('of windows of %d through Winograd equals the definition', (window) => {
    fc.assert(fc.property(winogradShapes(window), (g) => {
      expect(takesWinograd(new Float32Array(), g)).toBe(true);
      checkErrors(g);
    }), { numRuns: 60 });
  });

  it.each([3, 5])('of windows of %d with relu and pooling at its end gives the bits of one after another', (window) => {
    const halved = winogradShapes(window).filter((g) =>
      g.outHeight % 2 + g.outWidth % 2 === 0 && !takesToeplitz(new Float32Array(), g));
    fc.assert(fc.property(halved, fc.boolean(), (g, broken) => {
      const pool = halvedPool(g);
      expect(takesPooledWinograd(new Float32Array(), g, pool)).toBe(true);
      const x = randomFloats('float32', g.batch * g.channels * g.height * g.width, 1);
      if (broken) x[x.length >> 1] = NaN;
      const w = randomFloats('float32', g.filters * g.channels * window * window, 2);
      const b = randomFloats('float32', g.filters, 3);
      const size = pool.planes * pool.outHeight * pool.outWidth;
      const [out, argmax] = [new Float32Array(size), new Int32Array(size)];
      const [pooled, places] = [new Float32Array(size), new Int32Array(size)];
      const convolved = new Float32Array(4 * size);
      simd.convReluPoolForward(x, w, b, out, argmax, g, pool, null);
      simd.convForward(x, w, b, convolved, g, { relu: true });
      simd.maxPoolForward(convolved, pooled, places, pool);
      expect(out).toEqual(pooled);
      expect(argmax).toEqual(places);
    }), { numRuns: 60 });
  });

  it.each([3, 5, 7])('of windows of %d has its filter gradient from the winners of pooling alone', (window) => {
    const shapes = fc.record({
      batch: between(1, 19), channels: between(1, window === 3 ? 16 : 4), filters: between(1, 21),
      rows: between(1, 17), columns: between(1, 17), pad: between(0, window + 1),
    }).filter(({ rows, columns, pad }) => rows * columns >= 16 && 2 * Math.min(rows, columns) + window - 1 > 2 * pad)
      .map(({ rows, columns, pad, ...s }) => geometry(
        s.batch, s.channels, 2 * rows + window - 1 - 2 * pad, 2 * columns + window - 1 - 2 * pad, s.filters, window,
        window, 1, pad,
      ));
    fc.assert(fc.property(shapes, (g) => {
      const found = pooledGradients(g, simd);
      const expected = pooledGradients(g, naiveKernels as typeof simd);
      const terms = g.batch * g.outHeight * g.outWidth / 4;
      found.forEach((array, i) => expect(worstError(array, expected[i])).toBeLessThan(5e-6 * Math.sqrt(terms)));
      // the same bits where pooling is undone by itself, and its winners must be found
      const chain = convReluPoolChain(simd, simd);
      expect(digest(pooledGradients(g, { ...simd, ...chain }))).toBe(digest(found));
    }), { numRuns: 30 });
  });

  it('looks for winners in vain where one window of many has two numbers', () => {
    const g = geometry(5, 3, 20, 26, 9, 3, 3, 1, 1);
    const pool = halvedPool(g);
    const size = pool.planes * pool.outHeight * pool.outWidth;
    const [dout, ones] = [new Float32Array(4 * size), new Float32Array(size).fill(1)];
    const argmax = Int32Array.from({ length: size }, (_, o) =>
      52 * (Math.floor(o / 13) % 10) + 2 * (o % 13) + o % 2 + 26 * (o % 3 & 1));
    naiveKernels.maxPoolBackward(randomFloats('float32', size, 1), argmax, dout, pool, ones);
    for (const place of [0, dout.length - 1]) {
      const given = dout.slice();
      given[place] = given[place - 1 + 2 * (place === 0 ? 1 : 0)] = 0.5;
      const x = randomFloats('float32', 5 * 3 * 520, 2);
      const [found, expected] = [simd, naiveKernels].map((kernels) => {
        const [dw, db] = [new Float32Array(9 * 27), new Float32Array(9)];
        kernels.convBackward(given, x, new Float32Array(9 * 27), null, dw, db, g);
        return [dw, db];
      });
      found.forEach((array, i) => expect(worstError(array, expected[i])).toBeLessThan(2e-4));
    }
  });

  it('takes winners only where they are all that has a gradient, and not under strict, where zeros count', () => {
    const g = geometry(2, 3, 16, 16, 8, 3, 3, 1, 1);
    const pool = halvedPool(g);
    expect(takesWinners(new Float32Array(), g, pool)).toBe(true);
    for (const other of [{ strideX: 1, outWidth: 15 }, { poolWidth: 3, padLeft: 1 }, { padTop: 1, outHeight: 9 }]) {
      expect(takesWinners(new Float32Array(), g, { ...pool, ...other })).toBe(false);
    }
    const run = (kernels: typeof simd): FloatArray => {
      const x = randomFloats('float32', 2 * 3 * 256, 1);
      x[300] = Infinity;
      const dw = new Float32Array(8 * 27);
      const [out, argmax] = [new Float32Array(1024).fill(1), Int32Array.from({ length: 1024 }, (_, o) =>
        32 * (Math.floor(o / 8) % 8) + 2 * (o % 8))];
      const dout = randomFloats('float32', 1024, 2);
      kernels.convReluPoolBackward(dout, out, argmax, x, new Float32Array(216), null, dw, new Float32Array(8), g, pool);
      return dw;
    };
    const broken = (dw: FloatArray): number[] => [...dw.keys()].filter((place) => Number.isNaN(dw[place]));
    expect(broken(run(simd))).toEqual([]);
    configure({ strict: true });
    expect(takesWinners(new Float32Array(), g, pool)).toBe(false);
    const strict = broken(run(simd));
    configure({ strict: false });
    expect(strict).toEqual(broken(run(naiveKernels as typeof simd)));
    expect(strict.length).toBeGreaterThan(0);
  });

  it('of 2x2 pixels in nine products equals the definition, and breaks no more outputs than that', () => {
    fc.assert(fc.property(toeplitzShapes, (g) => {
      expect(takesToeplitz(new Float32Array(), g)).toBe(true);
      checkErrors(g);
      expect(brokenPlaces(g, simd)).toEqual(brokenPlaces(g, naiveKernels as typeof simd));
    }), { numRuns: 60 });
  });

  it('of windows of 6 to 8 through Winograd in blocks equals the definition', () => {
    fc.assert(fc.property(blockShapes, (g) => {
      expect(takesBlocks(new Float32Array(), g)).toBe(true);
      checkErrors(g);
    }), { numRuns: 60 });
  });

  it('of windows of 3 that move by 2 through their transforms equals the definition', () => {
    fc.assert(fc.property(halvingShapes, (g) => {
      expect(takesHalvingGradient(new Float32Array(), g)).toBe(true);
      checkErrors(g);
    }), { numRuns: 40 });
  });

  it.each([[3, 1], [5, 1], [3, 2], [7, 1]])('of windows of %d that move by %d may have fewer outputs than fit', (
    window, stride,
  ) => {
    checkErrors({ ...geometry(9, 8, 12, 300, 8, window, window, stride, 1), outHeight: 3, outWidth: 4 });
  });

  it('of windows of 3 that move by 2 does not transform filters that would fill the memory', () => {
    expect(takesHalving(new Float32Array(), geometry(16, 256, 16, 16, 512, 3, 3, 2, 1))).toBe(true);
    expect(takesHalving(new Float32Array(), geometry(16, 512, 16, 16, 512, 3, 3, 2, 1))).toBe(false);
  });

  it('of windows of 3 that move by 2 keeps the precision over many channels', () => {
    const g = geometry(8, 256, 24, 16, 40, 3, 3, 2, 1);
    expect(takesHalving(new Float32Array(), g)).toBe(true);
    checkErrors(g);
  });

  it('of windows of 3 through Winograd keeps the precision over many channels', () => {
    const g = geometry(2, 512, 12, 12, 48, 3, 3, 1, 1);
    expect(takesWinograd(new Float32Array(), g)).toBe(true);
    checkErrors(g);
  });

  it.each([
    { name: '3 that move by 2', g: geometry(8, 16, 22, 23, 16, 3, 3, 2, 0), isMissed: (y: number) => y === 21 },
    { name: '1 on tiny images', g: geometry(20, 8, 2, 2, 8, 1, 1, 2, 0), isMissed: (y: number, x: number) => x + y > 0 },
  ])('of windows of $name keeps pixels that none of them meets out of everything', ({ g, isMissed }) => {
    const [x, w] = [
      randomFloats('float32', g.batch * g.channels * g.height * g.width, 1),
      randomFloats('float32', g.filters * g.channels * g.kernelHeight * g.kernelWidth, 2),
    ];
    const dout = randomFloats('float32', g.batch * g.filters * g.outHeight * g.outWidth, 3);
    const run = (): FloatArray[] => {
      const [out, dx, dw, db] = [dout, x, w, w.subarray(0, g.filters)].map((each) => each.slice());
      simd.convForward(x, w, null, out, g, {});
      simd.convBackward(dout, x, w, dx, dw, db, g);
      return [out, dx, dw, db];
    };
    const expected = run();
    x.forEach((_, i) => {
      if (isMissed(Math.floor(i / g.width) % g.height, i % g.width)) x[i] = Infinity;
    });
    expect(run()).toEqual(expected);
    dout[0] = Infinity;
    run()[1].forEach((value, i) => {
      if (isMissed(Math.floor(i / g.width) % g.height, i % g.width)) expect(value).toBe(0);
    });
  });

  it('with windows far beyond the image is none of tiles, whose rows have no room for them', () => {
    const float32 = new Float32Array();
    const wide = { ...geometry(40, 8, 13, 5, 8, 3, 3, 1, 1), outWidth: 155 };
    const high = { ...geometry(9, 16, 15, 15, 16, 3, 3, 2, 1), outHeight: 40 };
    expect([takesWinograd(float32, wide), takesHalving(float32, high)]).toEqual([false, false]);
    for (const g of [wide, high]) {
      const expected = gradients('float32', g, naiveKernels as typeof simd);
      gradients('float32', g, simd).forEach((array, i) => expect(worstError(array, expected[i])).toBeLessThan(1e-4));
    }
  });

  it.each(['float32', 'float64'] as const)('of windows of 1 that leave pixels out equals the definition, %s', (type) => {
    fc.assert(fc.property(strideShapes, (g) => {
      const expected = gradients(type, g, naiveKernels as typeof simd);
      gradients(type, g, simd).forEach((array, i) => expect(worstError(array, expected[i])).toBeLessThan(1e-4));
    }), { numRuns: 60 });
  });

  it('spreads NaN and infinity as the definition does under strict, and otherwise to all of a tile or image', () => {
    // of windows of 5 a pixel that both outputs of a tile do not see reaches the one alone, so that nothing spreads
    const shapes = [
      geometry(2, 6, 12, 12, 6, 3, 3, 1, 1), geometry(20, 7, 2, 2, 8, 1, 1, 1, 0),
      geometry(4, 16, 16, 16, 32, 3, 3, 2, 1),
    ];
    for (const [i, g] of shapes.entries()) {
      const naive = brokenPlaces(g, naiveKernels as typeof simd);
      const usual = brokenPlaces(g, simd);
      configure({ strict: true });
      const strict = brokenPlaces(g, simd);
      configure({ strict: false });
      expect(strict, `shape ${i}`).toEqual(naive);
      usual.forEach((places, result) => {
        expect(places.length, `shape ${i}, result ${result}`).toBeGreaterThan(naive[result].length);
        expect(places).toEqual(expect.arrayContaining(naive[result]));
      });
    }
  });

  it.each(['float32', 'float64'] as const)('under strict hands a broken pixel to what meets it only, %s', (type) => {
    configure({ strict: true });
    try {
      fc.assert(fc.property(anyShapes, fc.nat(), fc.constantFrom(Infinity, NaN), (g, pixel, broken) => {
        const x = randomFloats(type, g.batch * g.channels * g.height * g.width, 1);
        x[pixel % x.length] = broken;
        const w = randomFloats(type, g.filters * (g.channels / g.groups) * g.kernelHeight * g.kernelWidth, 2);
        const dout = randomFloats(type, g.batch * g.filters * g.outHeight * g.outWidth, 3);
        const places = (kernels: typeof simd): number[][] => {
          const [out, dx, dw, db] = [dout, x, w, w.slice(0, g.filters)].map((each) => each.slice());
          kernels.convForward(x, w, null, out, g, {});
          kernels.convBackward(dout, x, w, dx, dw, db, g);
          return [out, dx, dw, db].map((array) => [...array.keys()].filter((place) => !Number.isFinite(array[place])));
        };
        expect(places(simd)).toEqual(places(naiveKernels as typeof simd));
      }), { numRuns: 300 });
    } finally {
      configure({ strict: false });
    }
  });

  it('under strict scales what a 1x1 window gives, not the filters, which could overflow', () => {
    const g = geometry(1, 16, 2, 2, 16, 1, 1, 1, 0);
    const [x, w, scale] = [[64, 1e-30], [256, 1e30], [16, 1e15]].map(([length, value]) =>
      new Float32Array(length).fill(value));
    const [out, expected] = [new Float32Array(64), new Float32Array(64)];
    configure({ strict: true });
    simd.convForward(x, w, null, out, g, { scale });
    configure({ strict: false });
    naiveKernels.convForward(x, w, null, expected, g, { scale });
    out.forEach((value, i) => expect(value / expected[i]).toBeCloseTo(1, 5));
  });

  it.each([
    ['depthwise rows', 512, 2, 3, 1, 2], ['depthwise halving', 512, 2, 3, 2, 2], ['depthwise', 1022, 2, 5, 1, 2],
    ['direct', 1024, 2, 3, 1, 1], ['direct with stride', 1023, 3, 3, 2, 1],
    ['Winograd 3x3', 1024, 6, 3, 1, 1], ['Winograd 5x5', 1024, 6, 5, 1, 1], ['halving', 1024, 8, 3, 2, 1],
  ])('sums the gradients of a large plane in short chains: %s', (_, size, channels, window, stride, groups) => {
    const g = convOf({
      batch: 1, channels, height: size, width: size, filters: channels, kernelHeight: window, kernelWidth: window,
      groups, pad: (window - 1) / 2, stride,
    });
    const x = new Float32Array(channels * size * size).fill(0.7);
    const dout = new Float32Array(channels * g.outHeight * g.outWidth).fill(0.1);
    const weights = channels * (channels / groups) * window * window;
    const [dw, db] = [new Float32Array(weights), new Float32Array(channels)];
    simd.convBackward(dout, x, new Float32Array(weights), null, dw, db, g);
    const pixels = g.outHeight * g.outWidth;
    expect(dw[(window * window - 1) / 2] / (0.07 * pixels)).toBeCloseTo(1, 4);
    expect(db[0] / (0.1 * pixels)).toBeCloseTo(1, 4);
  });

  it.each([[3, 1024], [5, 512], [7, 512]])('sums winners of a large plane in short chains: %dx%d', (window, size) => {
    const g = geometry(1, 2, size, size, 3, window, window, 1, (window - 1) / 2);
    const pool = halvedPool(g);
    const windows = pool.outHeight * pool.outWidth;
    const [dw, db] = [new Float32Array(6 * window ** 2), new Float32Array(3)];
    const argmax = Int32Array.from({ length: 3 * windows }, (_, o) =>
      2 * (Math.floor(o % windows / pool.outWidth) * size + o % pool.outWidth));
    const ones = new Float32Array(3 * windows).fill(1);
    expect(takesWinners(ones, g, pool)).toBe(true);
    simd.convReluPoolBackward(ones.map(() => 0.1), ones, argmax, new Float32Array(2 * size * size).fill(0.7),
      new Float32Array(dw.length), null, dw, db, g, pool);
    expect(dw[(window * window - 1) / 2] / (0.07 * windows)).toBeCloseTo(1, 4);
    expect(db[2] / (0.1 * windows)).toBeCloseTo(1, 4);
  });

  it.each([3, 5])('of one image notices when its filters of %d have changed since the last call', (window) => {
    const g = geometry(1, 9, 7, 6, 19, window, window, 1, (window - 1) / 2);
    const weights = 9 * window ** 2;
    const x = randomFloats('float32', 9 * 42, 1);
    const w = randomFloats('float32', 19 * weights, 2);
    const [out, expected] = [new Float32Array(19 * 42), new Float32Array(19 * 42)];
    // the same filters again, then one number changed in each block of filters, then all of them changed back
    const changes: Array<() => void> = [() => undefined, () => undefined];
    for (const filter of [0, 7, 8, 16, 18]) changes.push(() => { w[(filter + 1) * weights - 1] += 1; });
    changes.push(() => { w.set(randomFloats('float32', 19 * weights, 2)); });
    for (const change of changes) {
      change();
      simd.convForward(x, w, null, out, g, {});
      naiveKernels.convForward(x, w, null, expected, g, {});
      out.forEach((value, at) => expect(Math.abs(value - expected[at])).toBeLessThan(2e-5));
    }
  });

  it('of tiny images equals the definition', () => {
    let dense = 0;
    fc.assert(fc.property(denseShapes, (s) => {
      const g = geometry(
        s.batch, s.channels, s.height, s.width, s.filters, s.kernelHeight, s.kernelWidth, s.stride, s.pad,
      );
      if (takesDense(g)) dense++;
      const found = gradients('float64', g, simd);
      const expected = gradients('float64', g, naiveKernels as typeof simd);
      found.forEach((array, i) => array.forEach((value, at) => expect(value).toBeCloseTo(expected[i][at], 11)));
    }), { numRuns: 200 });
    expect(dense).toBeGreaterThan(20);
  });

  it('adds the gradient of few tiles and many filters up by parts of the filters', () => {
    for (const batch of [3, 17, 45, 90]) checkErrors(geometry(batch, 9, 4, 3, 61, 3, 3, 1, 1));
  });

  it('cuts many small images into chunks of whole blocks of tiles, of which the last is not', () => {
    for (const batch of [31, 41, 53]) {
      checkErrors(geometry(batch, 9, 4, 3, 13, 3, 3, 1, 1));
      checkErrors(geometry(batch, 9, 3, 8, 13, 5, 5, 1, 2));
      checkErrors(geometry(batch, 32, 7, 6, 13, 3, 3, 1, 1));
    }
  });

  it('gives the same bits by five tiles as by four, however many there are', () => {
    const found = features() as { keepsLoads: boolean };
    const before = found.keepsLoads;
    const shapes = Array.from({ length: 26 }, (_, i) => geometry(i + 1, 3 + i % 5 * 17, 4, 4, 13, 3, 3, 1, 1));
    for (const batch of [2, 3, 5]) shapes.push(convOf({
      batch, channels: 24, height: 9, width: 11, filters: 16, kernelHeight: 3, kernelWidth: 3, stride: 2, pad: 1,
    }));
    try {
      const [fours, fives] = [false, true].map((keepsLoads) => {
        found.keepsLoads = keepsLoads;
        simdKernels();
        return shapes.map((g) => digest(gradients('float32', g, simd) as Float32Array[]));
      });
      expect(fives).toEqual(fours);
    } finally {
      found.keepsLoads = before;
      simdKernels();
    }
    shapes.forEach(checkErrors);
  });

  it('transforms the filters anew in every thread for every job', async () => {
    configure({ threads: 3 });
    const g = geometry(12, 5, 9, 9, 11, 3, 3, 1, 1);
    const x = randomFloats('float32', 12 * 5 * 81, 1);
    const filters = [2, 3].map((seed) => randomFloats('float32', 11 * 5 * 9, seed));
    const convolved = (w: FloatArray, kernels: typeof simd): FloatArray => {
      const out = new Float32Array(12 * 11 * 81);
      kernels.convForward(x, w, null, out, g, {});
      return out;
    };
    const expected = filters.map((w) => convolved(w, naiveKernels as typeof simd));
    for (let job = 0; job < 400; job++) {
      if (job % 100 === 50) await new Promise((resolve) => setTimeout(resolve, 50)); // for threads to start
      expect(worstError(convolved(filters[job % 2], simd), expected[job % 2])).toBeLessThan(5e-5);
    }
    configure({ threads: 'auto' });
  });

  it('gives the same bits on 1, 2 and 3 threads', async () => {
    const images = { batch: 9, channels: 24, height: 25, width: 22 };
    const shapes: Array<[FloatType, ConvGeometry]> = [
      ['float32', geometry(10, 32, 4, 4, 60, 3, 3, 1, 1)], // one group of the gradient, cut by filters
      ['float32', geometry(90, 9, 4, 4, 61, 3, 3, 1, 1)], // groups that are cut as well
      ['float32', geometry(11, 16, 13, 16, 24, 3, 3, 1, 1)], ['float32', geometry(9, 3, 20, 17, 10, 5, 5, 1, 2)],
      ['float32', geometry(9, 13, 20, 17, 10, 5, 5, 1, 2)],
      ['float32', geometry(1, 16, 4, 4, 60, 3, 3, 1, 1)], // one row of tiles, cut by filters
      ['float32', geometry(1, 7, 40, 33, 9, 3, 3, 2, 1)], ['float32', geometry(50, 64, 2, 2, 64, 3, 3, 1, 1)],
      ['float32', geometry(50, 50, 2, 2, 64, 3, 3, 1, 1)],
      ['float32', geometry(9, 16, 21, 24, 24, 3, 3, 2, 1)], ['float32', geometry(60, 16, 8, 8, 8, 3, 3, 2, 0)],
      ['float64', geometry(10, 8, 9, 9, 8, 3, 3, 1, 1)],
      ...(['float32', 'float64'] as const).flatMap((type): Array<[FloatType, ConvGeometry]> => [
        [type, convOf({ ...images, filters: 24, kernelHeight: 3, kernelWidth: 3, groups: 24, pad: 1 })],
        [type, convOf({ ...images, filters: 24, kernelHeight: 5, kernelWidth: 3, groups: 24, pad: 'same', stride: 2 })],
        [type, convOf({ ...images, filters: 36, kernelHeight: 3, kernelWidth: 3, groups: 4, dilation: 2 })],
        // 1x1: an image at a time, and gathered
        [type, geometry(11, 40, 8, 9, 30, 1, 1, 1, 0)], [type, geometry(30, 40, 3, 3, 30, 1, 1, 1, 0)],
        [type, geometry(11, 40, 17, 16, 30, 1, 1, 2, 0)],
        // depthwise on rows of whole vectors, and to planes of 2x2
        ...[[300, 1, 8], [300, 2, 8], [3000, 1, 2], [900, 2, 4]].map(
          ([channels, stride, size]): [FloatType, ConvGeometry] => [type, convOf({
            batch: 3, channels, height: size, width: size, filters: channels, kernelHeight: 3, kernelWidth: 3,
            groups: channels, pad: 1, stride,
          })]),
      ]),
    ];
    const pooled = [
      geometry(21, 3, 32, 32, 9, 3, 3, 1, 1), geometry(1, 16, 80, 68, 19, 3, 3, 1, 1),
      geometry(13, 30, 16, 16, 20, 5, 5, 1, 2), geometry(5, 1, 28, 28, 70, 7, 7, 1, 3),
    ];
    const runs: string[][] = [];
    for (const threads of [1, 2, 3]) {
      configure({ threads });
      // the first calls start the team; by the last its workers have joined
      for (let i = 0; i < 3; i++) {
        runs[threads] = shapes.map(([type, g]) => digest(gradients(type, g, simd)));
        runs[threads].push(...pooled.map((g) => digest(pooledGradients(g, simd))));
        await new Promise((resolve) => setTimeout(resolve, 150));
      }
    }
    configure({ threads: 'auto' });
    expect(runs[2]).toEqual(runs[1]);
    expect(runs[3]).toEqual(runs[1]);
  });
});
