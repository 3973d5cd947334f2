import fc from 'fast-check';
import type { Kernels } from '../../../src/kernels/contract.ts';
import type { AdaptivePoolGeometry, AvgPoolGeometry } from '../../../src/kernels/geometry.ts';
import { naiveKernels as naive } from '../../../src/kernels/naive/index.ts';
import { poolOf, type PoolSizes } from '../../support/geometry.ts';
import { kernelCase, type AnyCase } from './case.ts';
import { abs, type RandomOptions, type Workbench } from './workbench.ts';

/** The geometry, with windows cut down to what the image holds, and pads to half of that. */
export function poolGeometry(s: PoolSizes): AvgPoolGeometry {
  const poolHeight = Math.min(s.poolHeight, s.height);
  const poolWidth = Math.min(s.poolWidth, s.width);
  const pad = Array.isArray(s.pad)
    ? [Math.min(s.pad[0], poolHeight >> 1), Math.min(s.pad[1], poolWidth >> 1)] as const
    : s.pad;
  return poolOf({ ...s, poolHeight, poolWidth, pad });
}

const upTo = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });

/** Overlapping windows, windows with gaps between them, windows that leave a border over. */
const anySizes: fc.Arbitrary<PoolSizes> = fc.record({
  planes: upTo(5), height: upTo(13), width: upTo(13), poolHeight: upTo(5), poolWidth: upTo(5), stride: upTo(5),
});

/** 2 x 2 with stride 2 on images of every size, the case that backends write out by hand. */
const halving: fc.Arbitrary<PoolSizes> = fc.record({
  planes: upTo(5), height: fc.integer({ min: 2, max: 40 }), width: fc.integer({ min: 2, max: 40 }),
  poolHeight: fc.constant(2), poolWidth: fc.constant(2), stride: fc.constant(2),
});

/** The same on images that vectors of four windows cover without a rest, some of them whole planes. */
const halvingWhole: fc.Arbitrary<PoolSizes> = fc.record({
  planes: upTo(5), height: fc.constantFrom(2, 4, 6, 16), width: fc.constantFrom(4, 8, 16, 32),
  poolHeight: fc.constant(2), poolWidth: fc.constant(2), stride: fc.constant(2),
});

/** The same on the smallest images, which go whole, or several at a time. */
const halvingTiny: fc.Arbitrary<PoolSizes> = fc.record({
  planes: fc.constantFrom(3, 4, 8, 12), side: fc.constantFrom(2, 4),
}).map(({ planes, side }) => ({ planes, height: side, width: side, poolHeight: 2, poolWidth: 2, stride: 2 }));

/** A stride and a pad for each axis, pads that are not even, averages that count the padding or do not. */
const padded: fc.Arbitrary<PoolSizes> = fc.record({
  planes: upTo(5), height: upTo(13), width: upTo(21), poolHeight: upTo(5), poolWidth: upTo(5),
  stride: fc.tuple(upTo(4), upTo(4)), pad: fc.oneof(fc.tuple(fc.nat(2), fc.nat(2)), fc.constant('same' as const)),
  countIncludePad: fc.boolean(),
});

export const poolSizes: fc.Arbitrary<PoolSizes> = fc.oneof(
  anySizes, halving, halvingWhole, halvingTiny, padded, padded,
);

/** Plain numbers, many ties, and NaN and infinities. */
const contents = fc.constantFrom<RandomOptions>({}, { integers: true }, { special: true });

function checkMaxForward(
  bench: Workbench, tested: Kernels, s: { sizes: PoolSizes; content: RandomOptions; wantArgmax: boolean },
): void {
  const g = poolGeometry(s.sizes);
  const size = g.planes * g.outHeight * g.outWidth;
  const x = bench.random('x', g.planes * g.height * g.width, s.content);
  const [out, argmax] = [bench.output('out', size), bench.integerOutput('argmax', size)];
  const [expected, expectedArgmax] = [bench.expected(size), new Int32Array(size)];
  tested.maxPoolForward(x, out, s.wantArgmax ? argmax : null, g);
  naive.maxPoolForward(x, expected, expectedArgmax, g);
  bench.same('out', out, expected);
  if (s.wantArgmax) bench.same('argmax', argmax, expectedArgmax);
}

function checkMaxBackward(
  bench: Workbench, tested: Kernels, s: { sizes: PoolSizes; integers: boolean; relu: boolean | undefined },
): void {
  const g = poolGeometry(s.sizes);
  const size = g.planes * g.outHeight * g.outWidth;
  const x = bench.random('x', g.planes * g.height * g.width, { integers: s.integers });
  const [pooled, places] = [bench.expected(size), new Int32Array(size)];
  naive.maxPoolForward(x, pooled, places, g);
  const argmax = bench.integers('argmax', places);
  const reluOut = s.relu === true ? bench.given('reluOut', pooled) : s.relu === false ? null : undefined;
  const dout = bench.random('dout', size);
  const dx = bench.output('dx', x.length);
  const [expected, magnitude] = [bench.expected(x.length), bench.expected(x.length)];
  tested.maxPoolBackward(dout, argmax, dx, g, reluOut);
  naive.maxPoolBackward(dout, argmax, expected, g, reluOut);
  naive.maxPoolBackward(abs(dout), argmax, magnitude, g);
  bench.close('dx', dx, expected, magnitude);
}

function checkAverage(bench: Workbench, tested: Kernels, sizes: PoolSizes): void {
  const g = poolGeometry(sizes);
  const size = g.planes * g.outHeight * g.outWidth;
  const x = bench.random('x', g.planes * g.height * g.width);
  const out = bench.output('out', size);
  const [expected, magnitude] = [bench.expected(size), bench.expected(size)];
  tested.avgPoolForward(x, out, g);
  naive.avgPoolForward(x, expected, g);
  naive.avgPoolForward(abs(x), magnitude, g);
  bench.close('out', out, expected, magnitude);
}

function checkAverageBackward(bench: Workbench, tested: Kernels, sizes: PoolSizes): void {
  const g = poolGeometry(sizes);
  const dout = bench.random('dout', g.planes * g.outHeight * g.outWidth);
  const size = g.planes * g.height * g.width;
  const dx = bench.output('dx', size);
  const [expected, magnitude] = [bench.expected(size), bench.expected(size)];
  tested.avgPoolBackward(dout, dx, g);
  naive.avgPoolBackward(dout, expected, g);
  naive.avgPoolBackward(abs(dout), magnitude, g);
  bench.close('dx', dx, expected, magnitude);
}

const adaptiveSizes: fc.Arbitrary<AdaptivePoolGeometry> = fc.record({
  planes: upTo(5), height: upTo(13), width: upTo(13), outHeight: upTo(15), outWidth: upTo(15),
});

function checkAdaptive(bench: Workbench, tested: Kernels, g: AdaptivePoolGeometry): void {
  const size = g.planes * g.outHeight * g.outWidth;
  const x = bench.random('x', g.planes * g.height * g.width);
  const out = bench.output('out', size);
  const [expected, magnitude] = [bench.expected(size), bench.expected(size)];
  tested.adaptiveAvgPoolForward(x, out, g);
  naive.adaptiveAvgPoolForward(x, expected, g);
  naive.adaptiveAvgPoolForward(abs(x), magnitude, g);
  bench.close('out', out, expected, magnitude);
}

function checkAdaptiveBackward(bench: Workbench, tested: Kernels, g: AdaptivePoolGeometry): void {
  const dout = bench.random('dout', g.planes * g.outHeight * g.outWidth);
  const size = g.planes * g.height * g.width;
  const dx = bench.output('dx', size);
  const [expected, magnitude] = [bench.expected(size), bench.expected(size)];
  tested.adaptiveAvgPoolBackward(dout, dx, g);
  naive.adaptiveAvgPoolBackward(dout, expected, g);
  naive.adaptiveAvgPoolBackward(abs(dout), magnitude, g);
  bench.close('dx', dx, expected, magnitude);
}

/** One window over the whole plane: global average pooling. */
const globalSizes = fc.record({ planes: upTo(6), height: upTo(20), width: upTo(20) })
  .map((s) => ({ ...s, poolHeight: s.height, poolWidth: s.width, stride: 1 }));

export const poolingCases: readonly AnyCase[] = [
  kernelCase({
    kernel: 'maxPoolForward',
    share: 2,
    shapes: fc.record({ sizes: poolSizes, content: contents, wantArgmax: fc.boolean() }),
    check: checkMaxForward,
  }),
  kernelCase({
    kernel: 'maxPoolBackward',
    shapes: fc.record({
      sizes: poolSizes, integers: fc.boolean(), relu: fc.constantFrom<boolean | undefined>(true, false, undefined),
    }),
    check: checkMaxBackward,
  }),
  kernelCase({ kernel: 'avgPoolForward', shapes: fc.oneof(poolSizes, globalSizes), check: checkAverage }),
  kernelCase({ kernel: 'avgPoolBackward', shapes: fc.oneof(poolSizes, globalSizes), check: checkAverageBackward }),
  kernelCase({ kernel: 'adaptiveAvgPoolForward', shapes: adaptiveSizes, check: checkAdaptive }),
  kernelCase({ kernel: 'adaptiveAvgPoolBackward', shapes: adaptiveSizes, check: checkAdaptiveBackward }),
];
