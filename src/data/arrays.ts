/** Data sets that come as arrays, as npz and IDX files hold them: which is which, in which layout and range. */

import { checkInteger, checkNumber, checkOneOf, checkOptions, checkRecord, describe } from '../runtime/check.ts';
import { printable } from '../runtime/text.ts';
import { checkTensor, shapeText } from '../tensor/check.ts';
import { take } from '../tensor/indexing.ts';
import { contiguousData } from '../tensor/internal.ts';
import { checkLabels } from '../tensor/labels.ts';
import { Rng } from '../tensor/random/rng.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { ImageDataset, LabelledImages } from './cifar10.ts';
import { stratifiedSplit } from './split.ts';

/** What datasetFromArrays takes. */
export interface DatasetOptions {
  /** where the channels are; told by the shape unless given */
  layout?: 'NCHW' | 'NHWC';
  /** the names of the classes by label; the labels as text unless given */
  classNames?: readonly string[];
  /** without test arrays, the share of each class that becomes the test set; 0.2 unless given */
  testShare?: number;
  /** of that split; 0 unless given */
  seed?: number;
}

/** What the arrays are called, in small letters: Keras and most others; MedMNIST and older Keras; plain names. */
const names = {
  xTrain: ['x_train', 'train_images', 'train_x', 'images', 'x'], yTrain: ['y_train', 'train_labels', 'train_y', 'labels', 'y'],
  xTest: ['x_test', 'test_images', 'test_x'], yTest: ['y_test', 'test_labels', 'test_y'],
} as const;

/** More classes than this are a mistake: labels that are something else. */
const maxClasses = 65_536;

/**
 * A data set from arrays under the usual names: x_train, y_train and, if there are, x_test and y_test (also
 * train_images, train_labels, ...; capitals do not matter).
 *
 * @param arrays images (N,H,W), (N,H,W,C) or (N,C,H,W) with 1 to 4 channels: uint8, or other numbers from 0 to 255, or
 * fractions from 0 to 1 in all of them, which become round(255 x); labels (N), (N,1), or one-hot (N, classes)
 * @returns uint8 images (N,C,H,W), labels, class names
 * @throws TypeError for what are no tensors, RangeError for missing names, shapes whose layout cannot be told, other
 * ranges, NaN, and labels that are no classes
 */
export function datasetFromArrays(arrays: Record<string, Tensor>, options: DatasetOptions = {}): ImageDataset {
  const fn = 'datasetFromArrays';
  checkRecord(fn, 'arrays', arrays);
  checkOptions(fn, options, ['layout', 'classNames', 'testShare', 'seed']);
  const layout = options.layout === undefined ? undefined : checkOneOf(fn, 'layout', options.layout, ['NCHW', 'NHWC']);
  const testShare = checkNumber(fn, 'testShare', options.testShare ?? 0.2, 0, 1);
  const seed = checkInteger(fn, 'seed', options.seed ?? 0, 0);
  const byName = new Map(Object.entries(arrays).map(([name, array]) => [name.toLowerCase(), [name, array] as const]));
  const find = (role: keyof typeof names): readonly [name: string, array: Tensor] | undefined => {
    const name = names[role].find((known) => byName.has(known));
    if (name === undefined) return undefined;
    const [given, array] = byName.get(name)!;
    return [`arrays.${printable(given, 60)}`, checkTensor(fn, `arrays.${printable(given, 60)}`, array)];
  };
  const need = (role: keyof typeof names): readonly [name: string, array: Tensor] => {
    const found = find(role);
    if (found !== undefined) return found;
    const given = Object.keys(arrays).slice(0, 8).map((name) => printable(name, 60)).join(', ') || 'nothing';
    throw new RangeError(`${fn}: arrays must have ${names[role].slice(0, 2).join(' or ')}, got ${given}`);
  };
  const parts = [[need('xTrain'), need('yTrain')]];
  if (find('xTest') !== undefined) parts.push([need('xTest'), need('yTest')]);
  const clear = parts.map(([[, { shape }]]) => (shape.length === 4 ? layoutOf(shape) : undefined))
    .find((each) => each !== undefined);
  const scale = scaleOf(fn, parts.map(([x]) => x));
  const read = parts.map(([[xName, x], [yName, y]]): LabelledImages => {
    const images = toBytes(channelsFirst(fn, xName, x, layout, clear), scale);
    return { images, labels: labelsOf(fn, yName, y, images.shape[0]) };
  });
  const highest = read.reduce((most, { labels }) => labels.reduce((a, b) => Math.max(a, b), most), 0);
  if (highest >= maxClasses) throw new RangeError(`${fn}: a label is ${highest}, expected at most ${maxClasses - 1}`);
  const classNames = options.classNames ?? Array.from({ length: highest + 1 }, (_, label) => String(label));
  if (!Array.isArray(classNames) || classNames.length <= highest) {
    throw new RangeError(`${fn}: classNames must name ${highest + 1} classes, got ${describe(classNames)}`);
  }
  const [train, test] = read.length === 2 ? read : splitOff(read[0], testShare, seed);
  return { train, test, classNames };
}

function splitOff({ images, labels }: LabelledImages, share: number, seed: number): LabelledImages[] {
  return stratifiedSplit(labels, share, new Rng(seed)).map((rows) =>
    ({ images: take(images, Array.from(rows)), labels: Int32Array.from(rows, (row) => labels[row]) }));
}

/** Where the channels are, as the shape tells; undefined where none or both of the axes can be theirs. */
function layoutOf(shape: readonly number[]): DatasetOptions['layout'] {
  const [first, last] = [shape[1], shape[3]].map((extent) => extent >= 1 && extent <= 4);
  return first === last ? undefined : first ? 'NCHW' : 'NHWC';
}

/**
 * The images as (N,C,H,W), a view where axes change places: by the layout that is given, by their own shape, or by what
 * is clear of the other images.
 */
function channelsFirst(
  fn: string, name: string, x: Tensor, given: DatasetOptions['layout'], clear: DatasetOptions['layout'],
): Tensor {
  if (![3, 4].includes(x.ndim) || x.size === 0) {
    throw new RangeError(`${fn}: ${name} must be (N,H,W), (N,H,W,C) or (N,C,H,W), not empty, got ${shapeText(x.shape)}`);
  }
  if (x.ndim === 3) return x.reshape(x.shape[0], 1, x.shape[1], x.shape[2]);
  const layout = given ?? layoutOf(x.shape) ?? clear;
  if (layout === undefined) {
    const why = x.shape[1] <= 4 ? 'may be channels first or last' : 'has no axis of 1 to 4 channels';
    throw new RangeError(`${fn}: ${name} of shape ${shapeText(x.shape)} ${why}; layout says which`);
  }
  return layout === 'NCHW' ? x : x.transpose(0, 3, 1, 2);
}

/** What makes the images bytes: 255 where all are fractions, else 1. */
function scaleOf(fn: string, images: ReadonlyArray<readonly [name: string, array: Tensor]>): number {
  let scale = 255;
  let fractions: string | null = null;
  for (const [name, array] of images) {
    if (array.dtype === 'uint8') {
      scale = 1;
      continue;
    }
    let [low, high, whole] = [Infinity, -Infinity, true];
    const values = contiguousData(array);
    for (let i = 0; i < values.length; i++) {
      if (Number.isNaN(values[i])) throw new RangeError(`${fn}: ${name} holds NaN, expected numbers from 0 to 255 or to 1`);
      if (values[i] < low) low = values[i];
      if (values[i] > high) high = values[i];
      whole &&= Number.isInteger(values[i]);
    }
    if (low < 0 || high > 255) {
      throw new RangeError(`${fn}: ${name} must hold numbers from 0 to 255, or fractions from 0 to 1, got ${low} to ${high}`);
    }
    if (high > 1) scale = 1;
    else if (!whole) fractions ??= name;
  }
  if (scale === 1 && fractions !== null) {
    throw new RangeError(`${fn}: ${fractions} must have the range of the other images, 0 to 255, got fractions from 0 to 1`);
  }
  return scale;
}

function toBytes(x: Tensor, scale: number): Tensor {
  const values = contiguousData(x);
  if (values instanceof Uint8Array) return new Tensor(values, x.shape);
  const bytes = new Uint8Array(values.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.round(scale * values[i]);
  return new Tensor(bytes, x.shape);
}

function labelsOf(fn: string, name: string, y: Tensor, count: number): Int32Array {
  const flat = y.ndim === 2 && y.shape[1] === 1 ? y.reshape(y.shape[0]) : y;
  if (flat.ndim === 2) return oneHotLabels(fn, name, flat, count);
  return checkLabels(fn, name, flat, count);
}

/** The place of the one in each row. */
function oneHotLabels(fn: string, name: string, y: Tensor, count: number): Int32Array {
  const [rows, classes] = y.shape;
  const values = contiguousData(y);
  if (rows !== count) throw new RangeError(`${fn}: ${name} must have ${count} labels, one an example, got ${rows}`);
  return Int32Array.from({ length: rows }, (_, row) => {
    let [place, sum] = [-1, 0];
    for (let c = 0; c < classes; c++) {
      sum += Math.abs(values[row * classes + c]);
      if (values[row * classes + c] === 1) place = c;
    }
    if (place < 0 || sum !== 1) throw new RangeError(`${fn}: ${name} must be labels, or have a single 1 in each row; row ${row} has not`);
    return place;
  });
}
