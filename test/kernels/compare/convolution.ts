import fc from 'fast-check';
import type { Kernels } from '../../../src/kernels/contract.ts';
import type { ConvGeometry } from '../../../src/kernels/geometry.ts';
import { naiveKernels as naive } from '../../../src/kernels/naive/index.ts';
import type { PerAxis } from '../../../src/layers/geometry.ts';
import { convOf, type ConvSizes, poolOf, type PoolSizes } from '../../support/geometry.ts';
import { kernelCase, type AnyCase } from './case.ts';
import { abs, type Workbench } from './workbench.ts';

/** The geometry, with filters cut down to what the padded image holds. */
function geometry(s: ConvSizes): ConvGeometry {
  if (typeof s.pad === 'string') return convOf(s);
  const [padY, padX] = both(s.pad ?? 0);
  const [dilationY, dilationX] = both(s.dilation ?? 1);
  const kernelHeight = Math.min(s.kernelHeight, Math.floor((s.height + 2 * padY - 1) / dilationY) + 1);
  const kernelWidth = Math.min(s.kernelWidth, Math.floor((s.width + 2 * padX - 1) / dilationX) + 1);
  return convOf({ ...s, kernelHeight, kernelWidth });
}

function both(value: PerAxis): readonly [number, number] {
  return typeof value === 'number' ? [value, value] : value;
}

function weightsOf(g: ConvGeometry): number {
  return g.filters * (g.channels / g.groups) * g.kernelHeight * g.kernelWidth;
}

const upTo = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });

/** Everything small and uneven: strides that do not divide, pads beyond the kernel, filters of any form. */
const anySizes: fc.Arbitrary<ConvSizes> = fc.record({
  batch: upTo(3), channels: upTo(5), height: upTo(11), width: upTo(11), filters: upTo(9),
  kernelHeight: upTo(5), kernelWidth: upTo(5), stride: upTo(4), pad: fc.integer({ min: 0, max: 6 }),
});

/** What networks use: odd square filters, stride 1 or 2, pad that keeps the size, filters in multiples of four. */
const usualSizes: fc.Arbitrary<ConvSizes> = fc.record({
  batch: upTo(3), channels: fc.constantFrom(1, 3, 4, 8, 16), height: fc.integer({ min: 4, max: 18 }),
  filters: fc.constantFrom(4, 8, 16, 20), kernel: fc.constantFrom(1, 3, 5, 7), stride: upTo(2), wider: fc.nat(3),
}).map(({ kernel, wider, ...s }) => ({
  ...s, width: s.height + wider, kernelHeight: kernel, kernelWidth: kernel, pad: (kernel - 1) / 2,
}));

/** More filters, taps and pixels than one cache block holds, so that blocks meet. */
const bigSizes: fc.Arbitrary<ConvSizes> = fc.record({
  batch: fc.constantFrom(1, 2), channels: fc.constantFrom(2, 30), height: fc.constantFrom(9, 24),
  width: fc.constant(23), filters: fc.constantFrom(5, 130), kernelHeight: fc.constant(3),
  kernelWidth: fc.constant(3), stride: fc.constantFrom(1, 2), pad: fc.constantFrom(0, 1),
});

/** Small images in numbers: groups of images that do not come out even. */
const manySmall: fc.Arbitrary<ConvSizes> = fc.record({
  batch: fc.integer({ min: 20, max: 70 }), channels: upTo(3), height: upTo(5), width: upTo(5), filters: upTo(5),
  kernelHeight: upTo(3), kernelWidth: upTo(3), stride: upTo(2), pad: fc.integer({ min: 0, max: 1 }),
});

/** A stride, pad and dilation for each axis, pads that are not even, and groups up to depthwise convolution. */
const generalSizes: fc.Arbitrary<ConvSizes> = fc.record({
  batch: upTo(3), perGroup: fc.tuple(upTo(3), upTo(5)), groups: fc.constantFrom(1, 2, 3, 7), height: upTo(13),
  width: upTo(19), kernelHeight: upTo(4), kernelWidth: upTo(4), stride: fc.tuple(upTo(3), upTo(3)),
  dilation: fc.tuple(upTo(3), upTo(3)),
  pad: fc.oneof(fc.tuple(fc.nat(4), fc.nat(4)), fc.constantFrom('same' as const, 0)),
}).map(({ perGroup: [channels, filters], ...s }) => ({
  ...s, channels: channels * s.groups, filters: filters * s.groups,
}));

/** What separable networks use: one filter a channel, or a few, 3x3 or 5x5, stride 1 or 2. */
const depthwiseSizes: fc.Arbitrary<ConvSizes> = fc.record({
  batch: upTo(3), groups: fc.constantFrom(1, 3, 8, 17), multiplier: fc.constantFrom(1, 1, 2),
  height: fc.integer({ min: 3, max: 20 }), width: fc.integer({ min: 3, max: 37 }), kernel: fc.constantFrom(3, 5),
  stride: upTo(2), pad: fc.nat(3),
}).map(({ kernel, multiplier, ...s }) => ({
  ...s, channels: s.groups, filters: s.groups * multiplier, kernelHeight: kernel, kernelWidth: kernel,
}));

/** 3x3 with a border of one whose output has rows of whole vectors, with stride 1 or, on even sizes, 2. */
const depthwiseRows: fc.Arbitrary<ConvSizes> = fc.record({
  batch: upTo(3), groups: fc.integer({ min: 2, max: 9 }), outHeight: upTo(9),
  outWidth: fc.constantFrom(2, 4, 8, 12, 20), stride: upTo(2),
}).map(({ batch, groups, outHeight, outWidth, stride }) => ({
  batch, groups, channels: groups, filters: groups, height: stride * outHeight, width: stride * outWidth,
  kernelHeight: 3, kernelWidth: 3, stride, pad: 1,
}));

/** The same to planes of 2x2. */
const depthwiseQuads: fc.Arbitrary<ConvSizes> = fc.record({
  batch: upTo(5), groups: fc.integer({ min: 2, max: 9 }), stride: upTo(2),
}).map(({ batch, groups, stride }) => ({
  batch, groups, channels: groups, filters: groups, height: 2 * stride, width: 2 * stride, kernelHeight: 3,
  kernelWidth: 3, stride, pad: 1,
}));

/** Windows of one pixel with enough filters to be products, planes from tiny ones to whole tiles. */
const pointwiseSizes: fc.Arbitrary<ConvSizes> = fc.record({
  batch: upTo(19), channels: fc.integer({ min: 13, max: 140 }), filters: fc.integer({ min: 20, max: 70 }),
  height: upTo(11), width: upTo(11), kernelHeight: fc.constant(1), kernelWidth: fc.constant(1), stride: fc.constant(1),
});

type ForwardShape = { sizes: ConvSizes; bias: boolean; scale: boolean; relu: boolean };
const forwardShapes = (sizes: fc.Arbitrary<ConvSizes>): fc.Arbitrary<ForwardShape> =>
  fc.record({ sizes, bias: fc.boolean(), scale: fc.boolean(), relu: fc.boolean() });

function checkForward(bench: Workbench, tested: Kernels, s: ForwardShape): void {
  const g = geometry(s.sizes);
  const outSize = g.batch * g.filters * g.outHeight * g.outWidth;
  const x = bench.random('x', g.batch * g.channels * g.height * g.width);
  const w = bench.random('w', weightsOf(g));
  const b = s.bias ? bench.random('b', g.filters) : null;
  const scale = s.scale ? bench.random('scale', g.filters) : null;
  const out = bench.output('out', outSize);
  const [expected, magnitude] = [bench.expected(outSize), bench.expected(outSize)];
  tested.convForward(x, w, b, out, g, { scale, relu: s.relu });
  naive.convForward(x, w, b, expected, g, { scale, relu: s.relu });
  naive.convForward(abs(x), abs(w), b && abs(b), magnitude, g, { scale: scale && abs(scale) });
  bench.close('out', out, expected, magnitude);
}

interface PooledShape {
  sizes: ConvSizes;
  pool: Omit<PoolSizes, 'planes' | 'height' | 'width'>;
  scale: boolean;
  places: boolean;
}

/** 3x3 to 7x7 whose output is halved by windows that cover it, and the same with other windows and odd outputs. */
const pooledShapes: fc.Arbitrary<PooledShape> = fc.record({
  batch: fc.integer({ min: 1, max: 18 }), channels: upTo(9), filters: fc.constantFrom(5, 6, 8, 13),
  outHeight: upTo(17), outWidth: upTo(17), kernel: fc.constantFrom(3, 3, 5, 7), pad: fc.nat(2), odd: fc.nat(3),
  stride: fc.constantFrom(2, 2, 1), pooling: fc.constantFrom(2, 2, 2, 3), scale: fc.boolean(), places: fc.boolean(),
}).map(({ batch, channels, filters, outHeight, outWidth, kernel, odd, scale, places, ...s }) => {
  const pad = Math.min(s.pad, (kernel - 1) / 2);
  const size = (out: number, extra: number): number => 2 * out + extra + kernel - 1 - 2 * pad;
  return {
    scale, places,
    sizes: {
      batch, channels, filters, height: size(outHeight, odd === 1 ? 1 : 0), width: size(outWidth, odd === 2 ? 1 : 0),
      kernelHeight: kernel, kernelWidth: kernel, stride: 1, pad,
    },
    pool: { poolHeight: 2, poolWidth: Math.min(s.pooling, 2 * outWidth), stride: s.stride },
  };
});

/** Two pixels may differ by a rounding error, so places are checked by what is found there. */
function checkPooled(bench: Workbench, tested: Kernels, s: PooledShape): void {
  const g = geometry(s.sizes);
  const pool = poolOf({ ...s.pool, planes: g.batch * g.filters, height: g.outHeight, width: g.outWidth });
  const [between, size] = [pool.planes * pool.height * pool.width, pool.planes * pool.outHeight * pool.outWidth];
  const x = bench.random('x', g.batch * g.channels * g.height * g.width);
  const w = bench.random('w', weightsOf(g));
  const b = bench.random('b', g.filters);
  const scale = s.scale ? bench.random('scale', g.filters) : null;
  const [out, argmax] = [bench.output('out', size), s.places ? bench.integerOutput('argmax', size) : null];
  tested.convReluPoolForward(x, w, b, out, argmax, g, pool, scale);

  const [expected, magnitude] = [bench.expected(size), bench.expected(size)];
  const [convolved, terms] = [bench.expected(between), bench.expected(between)];
  naive.convReluPoolForward(x, w, b, expected, null, g, pool, scale);
  naive.convForward(abs(x), abs(w), abs(b), terms, g, { scale: scale && abs(scale) });
  naive.maxPoolForward(terms, magnitude, null, pool);
  bench.close('out', out, expected, magnitude);
  if (argmax === null) return;
  naive.convForward(x, w, b, convolved, g, { scale, relu: true });
  const planeOf = (o: number): number => Math.floor(o / (pool.outHeight * pool.outWidth));
  const found = Array.from(argmax, (place, o) => convolved[planeOf(o) * pool.height * pool.width + place]);
  bench.close('value at argmax', found, expected, magnitude);
}

/**
 * The places of the maxima are given, and so are those of the ReLU's zeros. Winograd's transforms of a gradient that is
 * mostly zero round as those of a full one do, so an error may be as large as if every pixel had won its window.
 */
function checkPooledBackward(bench: Workbench, tested: Kernels, { places: wantDx, ...s }: PooledShape): void {
  const g = geometry(s.sizes);
  const pool = poolOf({ ...s.pool, planes: g.batch * g.filters, height: g.outHeight, width: g.outWidth });
  const size = pool.planes * pool.outHeight * pool.outWidth;
  const dout = bench.random('dout', size);
  const x = bench.random('x', g.batch * g.channels * g.height * g.width);
  const w = bench.random('w', weightsOf(g));
  const [pooled, argmax] = [bench.expected(size), new Int32Array(size)];
  naive.convReluPoolForward(x, w, null, pooled, argmax, g, pool, null);
  const [out, winners] = [bench.given('out', pooled), bench.integers('argmax', argmax)];
  const sizes = [x.length, w.length, g.filters];
  const names = ['dx', 'dw', 'db'];
  const [dx, dw, db] = sizes.map((each, i) => bench.output(names[i], each));
  const expected = sizes.map((each) => bench.expected(each));
  const magnitude = sizes.map((each) => bench.expected(each));
  tested.convReluPoolBackward(dout, out, winners, x, w, wantDx ? dx : null, dw, db, g, pool);
  naive.convReluPoolBackward(dout, out, winners, x, w, expected[0], expected[1], expected[2], g, pool);
  const full = bench.expected(pool.planes * pool.height * pool.width);
  const pixels = pool.poolHeight * pool.poolWidth;
  naive.avgPoolBackward(abs(dout).map((value) => value * pixels), full, { ...pool, countIncludePad: true });
  naive.convBackward(full, abs(x), abs(w), magnitude[0], magnitude[1], magnitude[2], g);
  if (wantDx) bench.close('dx', dx, expected[0], magnitude[0]);
  bench.close('dw', dw, expected[1], magnitude[1]);
  bench.close('db', db, expected[2], magnitude[2]);
}

type BackwardShape = { sizes: ConvSizes; wantDx: boolean };
const backwardShapes = (sizes: fc.Arbitrary<ConvSizes>): fc.Arbitrary<BackwardShape> =>
  fc.record({ sizes, wantDx: fc.boolean() });

function checkBackward(bench: Workbench, tested: Kernels, s: BackwardShape): void {
  const g = geometry(s.sizes);
  const dout = bench.random('dout', g.batch * g.filters * g.outHeight * g.outWidth);
  const x = bench.random('x', g.batch * g.channels * g.height * g.width);
  const w = bench.random('w', weightsOf(g));
  const sizes = [x.length, w.length, g.filters];
  const names = ['dx', 'dw', 'db'];
  const [dx, dw, db] = sizes.map((size, i) => bench.output(names[i], size));
  const expected = sizes.map((size) => bench.expected(size));
  const magnitude = sizes.map((size) => bench.expected(size));
  tested.convBackward(dout, x, w, s.wantDx ? dx : null, dw, db, g);
  naive.convBackward(dout, x, w, expected[0], expected[1], expected[2], g);
  naive.convBackward(abs(dout), abs(x), abs(w), magnitude[0], magnitude[1], magnitude[2], g);
  if (s.wantDx) bench.close('dx', dx, expected[0], magnitude[0]);
  bench.close('dw', dw, expected[1], magnitude[1]);
  bench.close('db', db, expected[2], magnitude[2]);
}

const kinds = [
  { title: 'any sizes', sizes: anySizes, share: 1.5 },
  { title: 'usual sizes', sizes: usualSizes, share: 0.5 },
  { title: 'across cache blocks', sizes: bigSizes, share: 0.1 },
  { title: 'of all geometries', sizes: generalSizes, share: 3 },
  { title: 'depthwise', sizes: depthwiseSizes, share: 1 },
  { title: 'depthwise on whole vectors', sizes: depthwiseRows, share: 0.5 },
  { title: 'depthwise to 2x2', sizes: depthwiseQuads, share: 0.2 },
  { title: 'pointwise', sizes: pointwiseSizes, share: 0.2 },
  { title: 'many small images', sizes: manySmall, share: 0.3 },
];

export const convolutionCases: readonly AnyCase[] = kinds.flatMap(({ title, sizes, share }) => [
  kernelCase({ kernel: 'convForward', title, share, shapes: forwardShapes(sizes), check: checkForward }),
  kernelCase({ kernel: 'convBackward', title, share, shapes: backwardShapes(sizes), check: checkBackward }),
]).concat(
  kernelCase({ kernel: 'convReluPoolForward', shapes: pooledShapes, check: checkPooled }),
  kernelCase({ kernel: 'convReluPoolBackward', share: 0.15, shapes: pooledShapes, check: checkPooledBackward }),
);
