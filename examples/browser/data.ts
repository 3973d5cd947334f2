/** The pictures that are learnt: bytes with labels, split, and what a network has to subtract and divide by. */

import { Tensor } from 'tilegrad';
import { makeShapes, normalizeImages, prepareImages, type ImageDataset, type LabelledImages } from 'tilegrad/data';

import { readArchive } from './archive.ts';
import { readFolder } from './folder.ts';
import type { Source } from './messages.ts';

/** Side of every picture, in pixels. */
export const side = 32;
export const channels = 3;
const imageBytes = channels * side * side;

/** Test pictures beyond these are not used: to measure takes time that training does not have then. */
const mostTests = 2000;
/** Pictures that the channels' mean and deviation are taken from. */
const mostMeasured = 2000;

export interface PictureSet {
  readonly name: string;
  readonly train: LabelledImages;
  readonly test: LabelledImages;
  readonly classNames: readonly string[];
  /** what was left out, and why */
  readonly notes: readonly string[];
}

/** Tells how far reading has come, and lets messages in meanwhile. */
export type OnProgress = (what: string, share?: number) => Promise<void>;

/** Reads the visitor's pictures; null for the shapes, which are drawn in the number that is wanted. */
export async function readSource(source: Source, onProgress: OnProgress): Promise<PictureSet | null> {
  if (source.kind === 'shapes') return null;
  return source.kind === 'archive' ? readArchive(source.file, onProgress) : readFolder(source.files, onProgress);
}

/** Draws so many training pictures of the shapes, and 1,000 to test with. */
export function drawShapes(count: number): PictureSet {
  const set = makeShapes({ numTrain: count, numTest: 1000 });
  return { ...set, name: 'Drawn shapes', notes: [] };
}

/** The first pictures of a set: so many to train on, and as many to test with as are worth the time. */
export function limited(set: PictureSet, count: number): PictureSet {
  return { ...set, train: first(set.train, count), test: first(set.test, mostTests) };
}

function first({ images, labels }: LabelledImages, count: number): LabelledImages {
  return { images: images.slice([0, Math.min(count, labels.length)]), labels: labels.slice(0, count) };
}

/** What a channel's bytes are shifted and divided by, so that networks find numbers around 0. */
export interface Scaling {
  /** (3, 1, 1) both */
  readonly mean: Tensor;
  readonly std: Tensor;
}

/** The scaling of a set, by its first training pictures. */
export function scalingOf(set: PictureSet): Scaling {
  const { classNames, train, test } = set;
  const sample: ImageDataset = { classNames, train: first(train, mostMeasured), test: first(test, 1) };
  const { mean, std } = prepareImages(sample, { normalize: true, numValidation: 0 });
  return { mean, std };
}

/** Pictures (N, 3, 32, 32) as a network takes them. */
export function scaled(images: Tensor, { mean, std }: Scaling): Tensor {
  return normalizeImages(images, mean, std);
}

/** The pixels of a canvas, RGBA, as a picture (1, 3, 32, 32). */
export function fromPixels(pixels: Uint8ClampedArray): Tensor {
  const planes = new Uint8Array(imageBytes);
  writePlanes(pixels, planes);
  return new Tensor(planes, [1, channels, side, side]);
}

/** RGBA to planes: red, green, blue. What is transparent is taken as it lies on white. */
export function writePlanes(pixels: Uint8ClampedArray, planes: Uint8Array): void {
  const plane = side * side;
  for (let p = 0; p < plane; p++) {
    const alpha = pixels[4 * p + 3] / 255;
    for (let c = 0; c < channels; c++) planes[c * plane + p] = Math.round(255 + alpha * (pixels[4 * p + c] - 255));
  }
}

/** One picture of a set as RGBA for a canvas. */
export function toPixels(images: Tensor, place: number): Uint8ClampedArray<ArrayBuffer> {
  const plane = side * side;
  const { data: values } = images.slice(place).clone();
  const pixels = new Uint8ClampedArray(4 * plane).fill(255);
  for (let p = 0; p < plane; p++) for (let c = 0; c < channels; c++) pixels[4 * p + c] = values[c * plane + p];
  return pixels;
}
