/** Data sets: reading CIFAR-10's format, a procedural stand-in, preprocessing, augmentation and batches. */

export { classNames, encodeCifar10, parseCifar10 } from './cifar10.ts';
export type { ImageDataset, LabelledImages } from './cifar10.ts';
export { readCifar10Archive } from './cifar10-archive.ts';
export type { ByteReader, ByteStream } from './cifar10-archive.ts';
export { datasetFromArrays } from './arrays.ts';
export type { DatasetOptions } from './arrays.ts';
export { makeShapes } from './shapes.ts';
export type { ShapesOptions } from './shapes.ts';
export { normalizeImages, prepareImages } from './preprocess.ts';
export type { PreparedImages, PrepareOptions } from './preprocess.ts';
export { alternatingFlip, augment, randomFlip, randomShift } from './augment.ts';
export type { FlipOptions, ShiftOptions, Transform } from './augment.ts';
export { colorJitter, cutout, mixup, randomCrop } from './augment-pictures.ts';
export type { CropOptions, CutoutOptions, JitterOptions, MixupOptions } from './augment-pictures.ts';
export type { BatchInfo, TransformOptions } from '../runtime/batch-info.ts';
export { cropCenter, resizeImages } from './resize.ts';
export { batches, shuffled } from './batches.ts';
export { stratifiedSplit } from './split.ts';
export type { BatchOptions } from './batches.ts';
