/** The host's side of convolution in 9 products, for images of 2x2 pixels (see toeplitz-kernels.ts). */

import type { ConvKernels, FloatArray } from '../../contract.ts';
import type { ConvGeometry } from '../../geometry.ts';
import { launchColumnSums, launchProduct, type Many } from '../gemm/gemm.ts';
import { type Address, launch, launched, scratch } from '../launch.ts';
import { epilogueTable } from './epilogue.ts';
import {
  toeplitzFilterGradient, toeplitzFilters, toeplitzGather, toeplitzPoints, toeplitzSizes, toeplitzSpread,
} from './toeplitz-kernels.ts';

/** Groups of four planes or windows that a task takes: some 3 microseconds. */
const groupsPerTask = 256;

/** Elements from a point's matrix of so many to the next: no power of 2, lest they compete for few sets of a cache. */
function distanceOf(elements: number): number {
  return elements + 16;
}

/** Room for the points of so many planes or windows. */
function pointsOf(count: number): Address {
  return scratch(4 * toeplitzPoints * distanceOf(count));
}

/** The sizes for so many planes or windows; exchanged: points 1 and 2. */
function sizesOf(count: number, exchanged: boolean): Record<keyof typeof toeplitzSizes, number> {
  const distance = 4 * distanceOf(count);
  const [first, second] = exchanged ? [2, 1] : [1, 2];
  return { first: first * distance, second: second * distance, groups: count / 4, perTask: groupsPerTask };
}

function tasksOf(count: number): number {
  return Math.ceil(count / 4 / groupsPerTask);
}

/** The distances of the matrices of so many elements that are multiplied at each point, and of their product. */
function productsOf(a: number, b: number, out: number): Many {
  return { count: toeplitzPoints, a: distanceOf(a), b: distanceOf(b), out: distanceOf(out) };
}

/** The points of so many planes. */
function spread(planes: FloatArray, count: number, exchanged: boolean): Address {
  const points = pointsOf(count);
  launch(toeplitzSpread).from(toeplitzSizes, sizesOf(count, exchanged)).points(points).planes(planes)
    .run(tasksOf(count));
  return points;
}

/** The points of the filters, (filters, channels) each. */
function spreadFilters(w: FloatArray, { filters, channels }: ConvGeometry): Address {
  const points = pointsOf(filters * channels);
  launch(toeplitzFilters).from(toeplitzSizes, sizesOf(filters * channels, false)).points(points).w(w)
    .run(tasksOf(filters * channels));
  return points;
}

/** Writes the planes, so many a channel, whose points are known. */
function gather(
  points: Address, planes: FloatArray, batch: number, channels: number, table: FloatArray, exchanged: boolean,
  relu: boolean,
): void {
  launch(toeplitzGather).from(toeplitzSizes, sizesOf(batch * channels, exchanged)).points(points).planes(planes)
    .table(table).blocks(channels / 4).relu(relu).run(tasksOf(batch * channels));
}

/** convForward of the contract. */
export const toeplitzForward: ConvKernels['convForward'] = launched((x, w, b, out, g, epilogue) => {
  const { batch, channels, filters } = g;
  const [inputs, outputs] = [batch * channels, batch * filters];
  const sums = pointsOf(outputs);
  launchProduct('f32', {
    a: spread(x, inputs, false), b: spreadFilters(w, g), out: sums, m: batch, n: filters, k: channels,
    transposeB: true, many: productsOf(inputs, filters * channels, outputs),
  });
  const table = epilogueTable(x, filters, epilogue.scale, b);
  gather(sums, out, batch, filters, table, true, epilogue.relu === true);
});

/** convBackward of the contract. */
export const toeplitzBackward: ConvKernels['convBackward'] = launched((dout, x, w, dx, dw, db, g) => {
  const { batch, channels, filters } = g;
  const [inputs, outputs, windows] = [batch * channels, batch * filters, filters * channels];
  const gradients = spread(dout, outputs, true);
  launchColumnSums('f32', gradients, db, batch, filters); // at point 0 stand the sums of planes
  if (dx !== null) {
    const sums = pointsOf(inputs);
    launchProduct('f32', {
      a: gradients, b: spreadFilters(w, g), out: sums, m: batch, n: channels, k: filters,
      many: productsOf(outputs, windows, inputs),
    });
    gather(sums, dx, batch, channels, epilogueTable(x, channels, null, null), false, false);
  }
  const sums = pointsOf(windows);
  launchProduct('f32', {
    a: gradients, b: spread(x, inputs, false), out: sums, m: filters, n: channels, k: batch, transposeA: true,
    many: productsOf(outputs, inputs, windows),
  });
  launch(toeplitzFilterGradient).from(toeplitzSizes, sizesOf(windows, false)).points(sums).dw(dw)
    .run(tasksOf(windows));
});
