import fc from 'fast-check';
import type { Kernels } from '../../../src/kernels/contract.ts';
import type { ImageGeometry } from '../../../src/kernels/geometry.ts';
import { naiveKernels as naive } from '../../../src/kernels/naive/index.ts';
import { kernelCase, type AnyCase } from './case.ts';
import { abs, type RandomOptions, type Workbench } from './workbench.ts';

const side = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 37 }));
const images: fc.Arbitrary<ImageGeometry> = fc.record({
  batch: fc.integer({ min: 1, max: 4 }), channels: fc.constantFrom(1, 2, 3, 3, 4), height: side, width: side,
});

/** Images of which a task takes one, or some but not all. */
const manyTasks: fc.Arbitrary<ImageGeometry> = fc.record({
  batch: fc.integer({ min: 2, max: 23 }), channels: fc.constantFrom(1, 3, 4), height: fc.integer({ min: 40, max: 90 }),
  width: fc.integer({ min: 40, max: 90 }),
});

const contents = fc.constantFrom<RandomOptions>({}, {}, { special: true });

interface Shape {
  readonly g: ImageGeometry;
  readonly content: RandomOptions;
}

const sizeOf = (g: ImageGeometry): number => g.channels * g.height * g.width;

function checkCrop(bench: Workbench, tested: Kernels, { g, content }: Shape): void {
  const size = g.batch * sizeOf(g);
  const x = bench.random('x', size, content);
  const boxes = bench.integers('boxes', Array.from({ length: g.batch }, () => {
    const [height, width] = [1 + bench.below(g.height), 1 + bench.below(g.width)];
    return [bench.below(g.height - height + 1), bench.below(g.width - width + 1), height, width];
  }).flat());
  const out = bench.output('out', size);
  const [expected, magnitude] = [bench.expected(size), bench.expected(size)];
  tested.cropImages(x, boxes, out, g);
  naive.cropImages(x, boxes, expected, g);
  naive.cropImages(abs(x), boxes, magnitude, g);
  bench.close('out', out, expected, magnitude);
}

function checkJitter(bench: Workbench, tested: Kernels, { g, content }: Shape): void {
  const [size, all] = [sizeOf(g), g.batch * sizeOf(g)];
  const x = bench.random('x', all, content);
  const factors = bench.random('factors', 3 * g.batch, { atLeast: 0 });
  const mean = bench.random('mean', size, { shift: 120 });
  const std = bench.random('std', size, { atLeast: 40 });
  const out = bench.output('out', all);
  const expected = bench.expected(all);
  tested.jitterColors(x, factors, mean, std, out, g);
  naive.jitterColors(x, factors, mean, std, expected, g);
  // each change adds its rounding of a number up to 255, and the next one multiplies it
  const magnitude = Float64Array.from(expected, (_, i) => {
    const n = Math.floor(i / size);
    const [, contrast, saturation] = factors.subarray(3 * n, 3 * n + 3);
    return (255 * (1 + contrast) * (1 + saturation) + Math.abs(mean[i % size])) / std[i % size];
  });
  bench.close('out', out, expected, magnitude);
}

const few = fc.record({ g: images, content: contents });
const many = fc.record({ g: manyTasks, content: contents });

export const augmentCases: readonly AnyCase[] = [
  kernelCase({ kernel: 'cropImages', share: 2, shapes: few, check: checkCrop }),
  kernelCase({ kernel: 'cropImages', title: 'in many tasks', share: 0.2, shapes: many, check: checkCrop }),
  kernelCase({ kernel: 'jitterColors', share: 2, shapes: few, check: checkJitter }),
  kernelCase({ kernel: 'jitterColors', title: 'in many tasks', share: 0.2, shapes: many, check: checkJitter }),
];
