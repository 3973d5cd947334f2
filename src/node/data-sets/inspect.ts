/** What a data set holds: counts, sizes, mean and deviation, and images that are in both of its parts. */

import { createHash } from 'node:crypto';
import type { ImageDataset, LabelledImages } from '../../data/cifar10.ts';
import { resample } from '../../data/resample.ts';
import { contiguousData } from '../../tensor/internal.ts';

/** One image of the test part that is also, or nearly, in the training part. */
export interface Duplicate {
  /** places of the two images */
  readonly train: number;
  readonly test: number;
  /** the same bytes, or much the same picture */
  readonly exact: boolean;
}

export interface DataSetFindings {
  /** images of each class, in the order of the class names */
  readonly trainCounts: readonly number[];
  readonly testCounts: readonly number[];
  /** channels, height, width */
  readonly shape: readonly number[];
  /** of each channel over the training images, 0 to 255 */
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
  /** for each test image that has one, the first training image that equals it, else the first that nearly does */
  readonly duplicates: readonly Duplicate[];
}

/** Looks through a data set. Images are compared by their bytes, and nearly by their outlines in 9 by 8 grey pixels. */
export function inspectDataSet({ train, test, classNames }: ImageDataset): DataSetFindings {
  const [, channels, height, width] = train.images.shape;
  const { mean, deviation } = statistics(train, channels, height * width);
  return {
    trainCounts: countLabels(train, classNames.length), testCounts: countLabels(test, classNames.length),
    shape: [channels, height, width], mean, deviation, duplicates: findDuplicates(train, test),
  };
}

function countLabels({ labels }: LabelledImages, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const label of labels) counts[label]++;
  return counts;
}

function statistics(
  { images }: LabelledImages, channels: number, plane: number,
): { mean: number[]; deviation: number[] } {
  const pixels = contiguousData(images);
  const sums = new Float64Array(channels);
  const squares = new Float64Array(channels);
  for (let at = 0, k = 0; at < pixels.length; k++) {
    for (let end = at + plane; at < end; at++) {
      sums[k % channels] += pixels[at];
      squares[k % channels] += pixels[at] * pixels[at];
    }
  }
  const count = pixels.length / channels;
  const mean = Array.from(sums, (sum) => sum / count);
  return { mean, deviation: mean.map((m, c) => Math.sqrt(Math.max(0, squares[c] / count - m * m))) };
}

/** Bits in which outlines of much the same picture may differ, out of 64. */
const mostBits = 3;
/** Grey levels by which their thumbnails may differ in the mean: outlines alone cannot tell plain pictures apart. */
const mostGrey = 4;

/** Outline and thumbnail of an image. */
interface Sketch {
  /** 64 bits, in quarters: whether each of 8 x 8 pixels is darker than its right neighbour */
  readonly quarters: readonly number[];
  readonly grey: Float64Array;
}

const sketchHeight = 8;
const sketchWidth = 9;

/** N. Krawetz, "Kind of Like That", 2013: the difference hash. */
function sketchOf(pixels: ArrayLike<number>, start: number, channels: number, height: number, width: number): Sketch {
  const starts = Array.from({ length: channels }, (_, c) => start + c * height * width);
  const picture = { values: pixels, starts, height, width, rowStride: width, columnStride: 1 };
  const planes = resample(picture, sketchHeight, sketchWidth);
  const size = sketchHeight * sketchWidth;
  const grey = new Float64Array(size);
  for (let i = 0; i < planes.length; i++) grey[i % size] += planes[i] / channels;
  const quarters = [0, 0, 0, 0];
  for (let y = 0; y < 8; y++) {
    for (let x = 0; x < 8; x++) {
      const at = y * sketchWidth + x;
      if (grey[at] < grey[at + 1]) quarters[y >> 1] |= 1 << (8 * (y & 1) + x);
    }
  }
  return { quarters, grey };
}

function isNear(a: Sketch, b: Sketch): boolean {
  let bits = 0;
  for (let q = 0; q < 4; q++) for (let x = a.quarters[q] ^ b.quarters[q]; x !== 0; x &= x - 1) bits++;
  if (bits > mostBits) return false;
  let sum = 0;
  for (let i = 0; i < a.grey.length; i++) sum += Math.abs(a.grey[i] - b.grey[i]);
  return sum <= mostGrey * a.grey.length;
}

/**
 * Images that differ in at most three of 64 bits have a quarter of the bits in common, so only those with an equal
 * quarter are compared.
 */
function findDuplicates(train: LabelledImages, test: LabelledImages): Duplicate[] {
  const [count, channels, height, width] = train.images.shape;
  const size = channels * height * width;
  const [trainPixels, testPixels] = [train, test].map(({ images }) => contiguousData(images) as Uint8Array);
  const hashOf = (pixels: Uint8Array, n: number): string =>
    createHash('sha1').update(pixels.subarray(n * size, (n + 1) * size)).digest('base64');
  const known = new Map<string, number>();
  const sketches: Sketch[] = [];
  const byQuarter = [0, 1, 2, 3].map(() => new Map<number, number[]>());
  for (let n = 0; n < count; n++) {
    const hash = hashOf(trainPixels, n);
    if (!known.has(hash)) known.set(hash, n);
    const sketch = sketchOf(trainPixels, n * size, channels, height, width);
    sketches.push(sketch);
    sketch.quarters.forEach((quarter, q) => {
      const list = byQuarter[q].get(quarter);
      if (list === undefined) byQuarter[q].set(quarter, [n]);
      else list.push(n);
    });
  }
  const duplicates: Duplicate[] = [];
  for (let n = 0; n < test.labels.length; n++) {
    const equal = known.get(hashOf(testPixels, n));
    if (equal !== undefined) {
      duplicates.push({ train: equal, test: n, exact: true });
      continue;
    }
    const sketch = sketchOf(testPixels, n * size, channels, height, width);
    const near = sketch.quarters.flatMap((quarter, q) =>
      byQuarter[q].get(quarter)?.find((m) => isNear(sketch, sketches[m])) ?? []);
    if (near.length > 0) duplicates.push({ train: Math.min(...near), test: n, exact: false });
  }
  return duplicates;
}
