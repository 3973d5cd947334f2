/** Augmentation for photographs: random crops, changed colours, squares cut out, pictures mixed. See augment.ts. */

import { checkInteger, checkNumber, checkOptions, checkRecord, describe } from '../runtime/check.ts';
import { checkRank, checkTensor, shapeText } from '../tensor/check.ts';
import { contiguousData, emptyTensor } from '../tensor/internal.ts';
import { checkRandomSource, type RandomSource } from '../tensor/random/source.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { FloatArray } from '../kernels/contract.ts';
import type { ImageGeometry } from '../kernels/geometry.ts';
import { allocate, type TypedArray } from '../kernels/memory/allocate.ts';
import { activeKernels } from '../kernels/registry.ts';
import type { BatchInfo, TransformOptions } from '../runtime/batch-info.ts';

/** A batch's array, and its sides. */
function startOf(fn: string, X: Tensor, rng: RandomSource) {
  const [count, channels, height, width] = checkRank(fn, 'X', X, 4).shape;
  checkRandomSource(fn, 'rng', rng);
  return { count, channels, height, width, plane: height * width, from: contiguousData(X) };
}

/** A number as an array holds it: where that holds whole numbers, rounded, and clamped to bytes. */
export function asElement(value: number, to: TypedArray): number {
  if (to instanceof Float32Array || to instanceof Float64Array) return value;
  const whole = Math.round(value);
  return to instanceof Uint8Array ? Math.min(255, Math.max(0, whole)) : whole;
}

/** Writes numbers to their place in a batch. */
function store(values: Float64Array, to: TypedArray, start: number): void {
  for (let i = 0; i < values.length; i++) to[start + i] = asElement(values[i], to);
}

export interface CropOptions extends TransformOptions {
  /** the smallest share of the image's area that a crop has; 0.5 unless given */
  minArea?: number;
  /** the most that a crop's width to height may differ from the image's, as a factor; 4/3 unless given */
  maxRatio?: number;
}

/**
 * Takes a part of each image, of an area and proportions drawn evenly (those in their logarithm) at a place drawn
 * evenly, and brings it back to the image's size by bilinear interpolation (Szegedy et al., "Going Deeper with
 * Convolutions", 2015, section 6).
 *
 * @param X (N,C,H,W), of any element type
 * @returns a new tensor of the same shape and type
 */
export function randomCrop(X: Tensor, rng: RandomSource, options: CropOptions = {}): Tensor {
  const fn = 'randomCrop';
  const { count, height, width } = startOf(fn, X, rng);
  checkOptions(fn, options, ['minArea', 'maxRatio', 'batch']);
  const minArea = checkNumber(fn, 'minArea', options.minArea ?? 0.5, 0, 1);
  const stretch = Math.log(checkNumber(fn, 'maxRatio', options.maxRatio ?? 4 / 3, 1, 100));
  const side = (extent: number, share: number): number => Math.min(extent, Math.max(1, Math.round(extent * share)));
  const boxes = allocate('int32', 4 * count) as Int32Array;
  for (let n = 0; n < count; n++) {
    const area = Math.sqrt(minArea + (1 - minArea) * rng.random());
    const ratio = Math.exp(stretch * (rng.random() - 0.5));
    const [cropHeight, cropWidth] = [side(height, area / ratio), side(width, area * ratio)];
    const top = Math.floor(rng.random() * (height - cropHeight + 1));
    const left = Math.floor(rng.random() * (width - cropWidth + 1));
    boxes.set([top, left, cropHeight, cropWidth], 4 * n);
  }
  return changed(X, (from, to, first, g) =>
    activeKernels().cropImages(from, boxes.subarray(4 * first, 4 * (first + g.batch)), to, g));
}

/**
 * A batch's images computed by a kernel from theirs, `first` being the place of the first of those that it is given:
 * all at once, or one after the other in float64 where they hold whole numbers, to which what comes is rounded.
 */
function changed(
  X: Tensor, compute: (from: FloatArray, to: FloatArray, first: number, g: ImageGeometry) => void,
): Tensor {
  const [batch, channels, height, width] = X.shape;
  const from = contiguousData(X);
  const out = emptyTensor(X.shape, X.dtype);
  if (from instanceof Float32Array || from instanceof Float64Array) {
    compute(from, out.data as FloatArray, 0, { batch, channels, height, width });
    return out;
  }
  const size = channels * height * width;
  const [before, after] = [new Float64Array(size), new Float64Array(size)];
  const to = out.data;
  for (let n = 0; n < batch; n++) {
    before.set(from.subarray(n * size, (n + 1) * size));
    compute(before, after, n, { batch: 1, channels, height, width });
    store(after, to, n * size);
  }
  return out;
}

export interface JitterOptions extends TransformOptions {
  /** each changes by a factor drawn evenly from 1 - x to 1 + x; 0.2 unless given, 0 for no change */
  brightness?: number;
  contrast?: number;
  saturation?: number;
  /** what was subtracted from the pixels 0 to 255, (C,1,1) or (C,H,W), and what they were divided by, (C,1,1) */
  mean?: Tensor;
  std?: Tensor;
}

/**
 * Changes each image's brightness (its pixels times a factor), contrast (their distance from the image's mean grey)
 * and, where there are three channels, saturation (the distance from each pixel's own grey), in this order, each kept
 * within 0 to 255. The changes are defined on pixels: for images that were normalised, mean and std say how.
 *
 * @param X (N,C,H,W), of any element type
 * @returns a new tensor of the same shape and type
 */
export function colorJitter(X: Tensor, rng: RandomSource, options: JitterOptions = {}): Tensor {
  const fn = 'colorJitter';
  const { count } = startOf(fn, X, rng);
  checkOptions(fn, options, ['brightness', 'contrast', 'saturation', 'mean', 'std', 'batch']);
  const reaches = (['brightness', 'contrast', 'saturation'] as const)
    .map((name) => checkNumber(fn, name, options[name] ?? 0.2, 0, 1));
  const mean = statistic(fn, 'mean', options.mean, X, 0);
  const std = statistic(fn, 'std', options.std, X, 1);
  const factors = floatsFor(X, 3 * count);
  for (let i = 0; i < factors.length; i++) factors[i] = 1 + reaches[i % 3] * (2 * rng.random() - 1);
  return changed(X, (from, to, first, g) =>
    activeKernels().jitterColors(from, factors.subarray(3 * first, 3 * (first + g.batch)), mean, std, to, g));
}

/** An array of the type that a batch is computed in, its contents unspecified. */
function floatsFor(X: Tensor, length: number): FloatArray {
  return allocate(X.dtype === 'float32' ? 'float32' : 'float64', length) as FloatArray;
}

/** A statistic of every element of an image. Throws RangeError unless it has a number a channel, or a pixel. */
function statistic(
  fn: string, name: string, value: Tensor | undefined, X: Tensor, otherwise: number,
): FloatArray {
  const [, channels, height, width] = X.shape;
  const plane = height * width;
  const all = floatsFor(X, channels * plane);
  if (value === undefined) return all.fill(otherwise);
  const values = contiguousData(checkTensor(fn, name, value));
  const allowed = [[channels, 1, 1], [channels, height, width]].map(shapeText);
  if (!allowed.includes(shapeText(value.shape))) {
    throw new RangeError(`${fn}: ${name} must be ${allowed.join(' or ')}, got ${shapeText(value.shape)}`);
  }
  if (values.length === all.length) all.set(values);
  else for (let c = 0; c < channels; c++) all.fill(values[c], c * plane, (c + 1) * plane);
  return all;
}

export interface CutoutOptions extends TransformOptions {
  /** the square's side in pixels; 8 unless given */
  size?: number;
  /** what it is filled with; 0 unless given, which is the mean colour once the mean has been subtracted */
  fill?: number;
}

/**
 * Fills a square of each image, its centre drawn evenly over the image, so that part of it may lie outside (DeVries and
 * Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", 2017).
 *
 * @param X (N,C,H,W), of any element type
 * @returns a new tensor of the same shape and type
 */
export function cutout(X: Tensor, rng: RandomSource, options: CutoutOptions = {}): Tensor {
  const fn = 'cutout';
  const { count, channels, height, width, plane, from } = startOf(fn, X, rng);
  checkOptions(fn, options, ['size', 'fill', 'batch']);
  const size = checkInteger(fn, 'size', options.size ?? 8, 0, 2 ** 16);
  const out = emptyTensor(X.shape, X.dtype);
  const to = out.data;
  const fill = asElement(checkNumber(fn, 'fill', options.fill ?? 0), to);
  to.set(from);
  for (let n = 0; n < count; n++) {
    const top = Math.floor(rng.random() * height) - (size >> 1);
    const left = Math.floor(rng.random() * width) - (size >> 1);
    const [first, last] = [Math.max(0, left), Math.min(width, left + size)];
    for (let start = n * channels * plane; start < (n + 1) * channels * plane; start += plane) {
      for (let y = Math.max(0, top); y < Math.min(height, top + size); y++) {
        to.fill(fill, start + y * width + first, start + y * width + last);
      }
    }
  }
  return out;
}

export interface MixupOptions extends TransformOptions {
  /** shares are drawn from Beta(alpha, alpha): near 0 and 1 for small ones, evenly for 1; 0.2 unless given */
  alpha?: number;
}

/**
 * Mixes each image with another of the batch, share a drawn from Beta(alpha, alpha): a x + (1 - a) x' (H. Zhang et al.,
 * "mixup: Beyond Empirical Risk Minimization", 2018). The paper's loss is a times that of the first label and 1 - a
 * times that of the second; here the label to be learnt is drawn, the first with probability a, which in the mean is
 * the same loss and the same gradient, and works with every loss. The drawn labels replace those in batch.labels.
 *
 * @param X (N,C,H,W) or any other (N,...), of any element type
 * @param options batch: with labels, as the Solver and DataLoader give it
 * @returns a new tensor of the same shape and type
 */
export function mixup(X: Tensor, rng: RandomSource, options: MixupOptions = {}): Tensor {
  const fn = 'mixup';
  if (checkTensor(fn, 'X', X).ndim === 0) throw new RangeError(`${fn}: X must have at least one axis, got a scalar`);
  const [count] = X.shape;
  checkRandomSource(fn, 'rng', rng);
  checkOptions(fn, options, ['alpha', 'batch']);
  const alpha = checkNumber(fn, 'alpha', options.alpha ?? 0.2, 0, 1000);
  const { labels } = checkRecord(fn, 'batch', options.batch) as unknown as BatchInfo;
  if (!(labels instanceof Int32Array) || labels.length !== count) {
    throw new TypeError(`${fn}: batch.labels must be an Int32Array of ${count}, one an image, got ${describe(labels)}`);
  }
  const from = contiguousData(X);
  const before = labels.slice();
  const partner = contiguousData(rng.permutation(count));
  const size = count === 0 ? 0 : X.size / count;
  const mixed = new Float64Array(size);
  const out = emptyTensor(X.shape, X.dtype);
  const to = out.data;
  for (let n = 0; n < count; n++) {
    const share = betaShare(alpha, rng);
    const other = partner[n];
    if (rng.random() >= share) labels[n] = before[other];
    for (let i = 0; i < size; i++) mixed[i] = share * from[n * size + i] + (1 - share) * from[other * size + i];
    store(mixed, to, n * size);
  }
  return out;
}

/**
 * A draw from Beta(alpha, alpha): the share that one of two draws from Gamma(alpha) has of both (Marsaglia and Tsang,
 * "A simple method for generating gamma variables", 2000). Alpha 0, where all weight lies at the ends, gives 1.
 */
function betaShare(alpha: number, rng: RandomSource): number {
  if (alpha === 0) return 1;
  const [a, b] = [logGamma(alpha, rng), logGamma(alpha, rng)];
  return 1 / (1 + Math.exp(b - a));
}

/** The logarithm of a draw from Gamma(shape), which for small shapes is too near 0 itself. */
function logGamma(shape: number, rng: RandomSource): number {
  const d = (shape < 1 ? shape + 1 : shape) - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  const normal = new Float64Array(1);
  const boost = shape < 1 ? Math.log(1 - rng.random()) / shape : 0;
  for (;;) {
    rng.fillNormal(normal);
    const v = (1 + c * normal[0]) ** 3;
    const u = 1 - rng.random();
    if (v > 0 && Math.log(u) < 0.5 * normal[0] ** 2 + d * (1 - v + Math.log(v))) return Math.log(d * v) + boost;
  }
}
