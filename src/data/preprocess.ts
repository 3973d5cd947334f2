/**
 * From pixels to what a network trains on: split off a validation set, centre, scale, convert to float32.
 *
 * Every statistic comes from the training images alone, so that nothing of the validation and test images leaks into
 * training. A single pass reads the bytes and a single pass writes the floats: beside the images and the result,
 * no copy of either is ever made.
 */

import { allocateCollected } from '../kernels/memory/allocate.ts';
import { checkBoolean, checkInteger, checkOptions, describe } from '../runtime/check.ts';
import { checkRank, checkTensor, checkTensorShape, checkTensorType, shapeText } from '../tensor/check.ts';
import { contiguousData } from '../tensor/internal.ts';
import { checkLabels } from '../tensor/labels.ts';
import { Tensor } from '../tensor/tensor.ts';
import { checkLabelledImages } from './cifar10.ts';
import type { ImageDataset, LabelledImages } from './cifar10.ts';

/** What prepareImages takes. */
export interface PrepareOptions {
  /** training images, from the first on; default: all that are not held back for validation */
  numTraining?: number;
  /** validation images: those that follow the training images; default a tenth, at most 1,000, as far as there are */
  numValidation?: number;
  /** test images, from the first on; default: all */
  numTest?: number;
  /** subtract the mean training image, pixel by pixel; default true, unless normalize is set */
  subtractMean?: boolean;
  /**
   * scale every channel of the training images to standard deviation 1; without subtractMean each channel's mean is
   * subtracted first; default false
   */
  normalize?: boolean;
}

/** A data set ready for training. Every X is float32 and equals (pixels - mean) / std. */
export interface PreparedImages {
  /** (numTraining, C, H, W) */
  XTrain: Tensor;
  yTrain: Int32Array;
  /** (numValidation, C, H, W) */
  XVal: Tensor;
  yVal: Int32Array;
  /** (numTest, C, H, W) */
  XTest: Tensor;
  yTest: Int32Array;
  /** what was subtracted: the mean image (C,H,W), the mean of each channel (C,1,1), or zeros (C,1,1) */
  mean: Tensor;
  /** what was divided by, (C,1,1): the standard deviation of each channel, or ones */
  std: Tensor;
  classNames: readonly string[];
}

/** The names of prepareImages' options. */
export const prepareOptionNames: readonly string[] = [
  'numTraining', 'numValidation', 'numTest', 'subtractMean', 'normalize',
];

/**
 * Splits and normalises a data set: CIFAR-10 as loaded, or the procedural one.
 *
 * @param dataset uint8 images (N,C,H,W), of one shape in both parts, with their labels (integers from 0, also of 64
 * bits); it is not changed
 * @param fn what the errors name: the function that was called
 * @throws RangeError when the split asks for more images than there are, when the test images are of another shape
 * (grey or RGBA, say), and for labels that are no classes; TypeError for unknown options and what is no data set
 */
export function prepareImages(
  dataset: ImageDataset, options: PrepareOptions = {}, fn: string = 'prepareImages',
): PreparedImages {
  const { classNames, ...parts } = Object(dataset) as Partial<ImageDataset>;
  const [train, test] = (['train', 'test'] as const).map((name) => checkPart(fn, `dataset.${name}`, parts[name]));
  if (!Array.isArray(classNames)) {
    throw new TypeError(`${fn}: dataset.classNames must be an array of strings, got ${describe(classNames)}`);
  }
  const [, ...shape] = train.images.shape;
  checkChannels(fn, 'dataset.test.images', test.images.shape[1], 'dataset.train.images', shape[0]);
  checkTensorShape(fn, 'dataset.test.images', test.images, [test.images.shape[0], ...shape]);
  const plan = planSplit(fn, options, train.labels.length, test.labels.length);
  const { numTraining, numValidation, numTest } = plan;
  const { mean, std } = imageStatistics(firstImages(train.images, 0, numTraining), plan);
  const part = (set: LabelledImages, start: number, count: number): [X: Tensor, y: Int32Array] => [
    normalizeImages(firstImages(set.images, start, count), mean, std),
    set.labels.slice(start, start + count),
  ];
  const [XTrain, yTrain] = part(train, 0, numTraining);
  const [XVal, yVal] = part(train, numTraining, numValidation);
  const [XTest, yTest] = part(test, 0, numTest);
  return { XTrain, yTrain, XVal, yVal, XTest, yTest, mean, std, classNames };
}

/** Options with their defaults filled in. */
type SplitPlan = Required<PrepareOptions>;

/** Checks the options against how many images there are. An error names only numbers that the caller gave. */
function planSplit(fn: string, options: PrepareOptions, trainCount: number, testCount: number): SplitPlan {
  checkOptions(fn, options, prepareOptionNames);
  const asked = options.numTraining === undefined ? 1 : checkInteger(fn, 'numTraining', options.numTraining, 1);
  const tenth = Math.max(0, Math.min(Math.ceil(trainCount / 10), 1000, trainCount - asked));
  const numValidation = checkInteger(fn, 'numValidation', options.numValidation ?? tenth, 0);
  const numTraining = options.numTraining ?? Math.max(1, trainCount - numValidation);
  if (numTraining + numValidation > trainCount) {
    const both = `numTraining ${numTraining} and numValidation ${numValidation} ask for ${numTraining + numValidation}`;
    const what = options.numValidation === undefined ? `numTraining asks for ${numTraining}`
      : options.numTraining === undefined ? `numValidation ${numValidation} leaves none to train on of the` : both;
    throw new RangeError(`${fn}: ${what} training images, there are ${trainCount}`);
  }
  const numTest = checkInteger(fn, 'numTest', options.numTest ?? testCount, 0);
  if (numTest > testCount) {
    throw new RangeError(`${fn}: numTest asks for ${numTest} test images, there are ${testCount}`);
  }
  const normalize = checkBoolean(fn, 'normalize', options.normalize ?? false);
  const subtractMean = checkBoolean(fn, 'subtractMean', options.subtractMean ?? !normalize);
  return { numTraining, numValidation, numTest, subtractMean, normalize };
}

/**
 * Applies a training set's statistics to any images: (images - mean) / std, as float32.
 *
 * @param images (N,C,H,W), of any element type
 * @param mean (C,H,W) or (C,1,1)
 * @param std (C,1,1)
 * @throws RangeError when the shapes do not fit
 */
export function normalizeImages(images: Tensor, mean: Tensor, std: Tensor): Tensor {
  const fn = 'normalizeImages';
  const [count, channels, height, width] = checkRank(fn, 'images', images, 4).shape;
  const plane = height * width;
  // Where mean and std agree, it is the images that are of another kind.
  const statistics = checkTensor(fn, 'mean', mean).shape[0];
  if (checkTensor(fn, 'std', std).shape[0] === statistics) checkChannels(fn, 'images', channels, 'mean', statistics);
  checkStatistic('mean', mean, [channels, 1, 1], [channels, height, width]);
  checkStatistic('std', std, [channels, 1, 1]);
  const perPixel = mean.size === channels * plane;
  const pixels = contiguousData(images);
  const means = contiguousData(mean);
  const deviations = contiguousData(std);
  const out = allocateCollected('float32', images.size);
  let at = 0;
  for (let n = 0; n < count; n++) {
    for (let c = 0; c < channels; c++) {
      const deviation = deviations[c];
      if (perPixel) {
        for (let p = 0; p < plane; p++, at++) out[at] = (pixels[at] - means[c * plane + p]) / deviation;
      } else {
        const channelMean = means[c];
        for (let p = 0; p < plane; p++, at++) out[at] = (pixels[at] - channelMean) / deviation;
      }
    }
  }
  return new Tensor(out, images.shape);
}

/**
 * The mean and standard deviation of uint8 images (N,C,H,W) that a plan calls for, float32. Sums of bytes are exact in
 * float64 up to 10^11 images, so one pass suffices. A channel without any variation gets the deviation 1, and so
 * becomes 0.
 */
function imageStatistics(
  images: Tensor, { subtractMean, normalize }: Pick<SplitPlan, 'subtractMean' | 'normalize'>,
): { mean: Tensor; std: Tensor } {
  const [count, channels, height, width] = images.shape;
  const plane = height * width;
  const mean = new Tensor(new Float32Array(subtractMean ? channels * plane : channels), subtractMean
    ? [channels, height, width] : [channels, 1, 1]);
  const std = new Tensor(new Float32Array(channels).fill(1), [channels, 1, 1]);
  if (count === 0 || (!subtractMean && !normalize)) return { mean, std };

  const pixels = contiguousData(images);
  const sums = new Float64Array(channels * plane);
  const squares = new Float64Array(channels);
  for (let n = 0, at = 0; n < count; n++) {
    for (let c = 0, p = 0; c < channels; c++) {
      let square = 0;
      for (let end = p + plane; p < end; p++, at++) {
        sums[p] += pixels[at];
        square += pixels[at] * pixels[at];
      }
      squares[c] += square;
    }
  }
  for (let c = 0; c < channels; c++) {
    const channelSums = sums.subarray(c * plane, (c + 1) * plane);
    const total = count * plane;
    // the squared length of what is subtracted, so that the variance is that of what is left
    let removed: number;
    if (subtractMean) {
      removed = channelSums.reduce((sum, s) => sum + s * s, 0) / count;
      channelSums.forEach((s, p) => { mean.data[c * plane + p] = s / count; });
    } else {
      const sum = channelSums.reduce((a, b) => a + b, 0);
      removed = (sum * sum) / total;
      mean.data[c] = sum / total;
    }
    const variance = (squares[c] - removed) / total;
    // rounding can leave a tiny variance, of either sign, where there is none: bytes that vary at all have more
    if (normalize && variance > 1e-9) std.data[c] = Math.sqrt(variance);
  }
  return { mean, std };
}

/** Throws TypeError or RangeError unless value has uint8 images (N,C,H,W) and a label for each. */
function checkPart(fn: string, name: string, value: unknown): LabelledImages {
  const { images, labels } = checkLabelledImages(fn, name, value);
  checkTensorType(fn, `${name}.images`, checkRank(fn, `${name}.images`, images, 4), 'uint8');
  return { images, labels: checkLabels(fn, `${name}.labels`, labels, images.shape[0]) };
}

/** Throws RangeError unless images have as many channels as another thing, saying what such images are called. */
function checkChannels(fn: string, name: string, channels: number, other: string, expected: number): void {
  if (channels === expected) return;
  const [what, wanted] = [channels, expected].map((count) => `${count}${kinds[count] ?? ''}`);
  throw new RangeError(`${fn}: ${name} must have the ${wanted} channels of ${other}, got ${what}: convert them first`);
}

const kinds: Readonly<Record<number, string>> = { 1: ' (grey)', 2: ' (grey and alpha)', 3: ' (RGB)', 4: ' (RGBA)' };

/** A view of images start to start + count - 1. */
function firstImages(images: Tensor, start: number, count: number): Tensor {
  const data = contiguousData(images);
  const size = images.size / Math.max(1, images.shape[0]);
  return new Tensor(data.subarray(start * size, (start + count) * size), [count, ...images.shape.slice(1)]);
}

/** Throws TypeError unless value is a tensor, RangeError unless it has one of the given shapes. */
function checkStatistic(name: string, value: Tensor, ...shapes: ReadonlyArray<readonly number[]>): void {
  const shape = shapeText(checkTensor('normalizeImages', name, value).shape);
  const allowed = shapes.map(shapeText);
  if (!allowed.includes(shape)) {
    throw new RangeError(`normalizeImages: ${name} must be ${allowed.join(' or ')}, got ${shape}`);
  }
}
