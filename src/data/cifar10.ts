/**
 * The binary release of CIFAR-10 (Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009): a batch
 * file is a run of records without header or separator, each of one label byte and 3,072 pixel bytes, the red plane
 * first, then green and blue, every plane 32 rows of 32 pixels. That order is already NCHW.
 */

import { describe } from '../runtime/check.ts';
import { checkTensor, checkTensorType } from '../tensor/check.ts';
import { contiguousData } from '../tensor/internal.ts';
import { labelValues, type Labels } from '../tensor/labels.ts';
import { Tensor } from '../tensor/tensor.ts';

/** Images with their labels. */
export interface LabelledImages {
  /** uint8 (N,3,32,32), values 0 to 255 */
  images: Tensor;
  /** N class numbers, 0 to 9 */
  labels: Int32Array;
}

/** Throws TypeError unless value has images, a Tensor, and labels. */
export function checkLabelledImages(fn: string, name: string, value: unknown): LabelledImages {
  const { images, labels } = Object(value) as Partial<LabelledImages>;
  if (images === undefined || labels === undefined) {
    throw new TypeError(`${fn}: ${name} must have images and labels, got ${describe(value)}`);
  }
  return { images: checkTensor(fn, `${name}.images`, images), labels };
}

/** A data set as it comes: nothing subtracted, nothing held back for validation. */
export interface ImageDataset {
  train: LabelledImages;
  test: LabelledImages;
  /** the class that each label stands for */
  classNames: readonly string[];
}

/** The classes by label, as in the release's batches.meta.txt. */
export const classNames: readonly string[] = Object.freeze([
  'airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck',
]);

/** Channels, height and width of an image. */
export const imageShape: readonly [number, number, number] = Object.freeze([3, 32, 32] as const);
/** Bytes of one image. */
export const imageBytes: number = 3 * 32 * 32;
/** Bytes of one record: the label, then the image. */
export const recordBytes: number = 1 + imageBytes;

/**
 * Reads one batch file.
 *
 * @param bytes the file's contents: any number of 3,073-byte records, at least one
 * @returns images, a uint8 tensor (N,3,32,32) with its own memory, and labels, an Int32Array of N
 * @throws TypeError when bytes is not a Uint8Array or ArrayBuffer; RangeError when its length is not a multiple of
 * 3,073 or a label is above 9, naming the record
 */
export function parseCifar10(bytes: Uint8Array | ArrayBuffer): LabelledImages {
  const data = bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes;
  if (!(data instanceof Uint8Array)) {
    throw new TypeError(`parseCifar10: bytes must be a Uint8Array or an ArrayBuffer, got ${describe(bytes)}`);
  }
  const count = countRecords('parseCifar10', data.length);
  const decoder = new RecordDecoder('parseCifar10', new Uint8Array(count * imageBytes), new Int32Array(count));
  decoder.push(data);
  return decoder.result();
}

/**
 * Writes images and labels as one batch file, the inverse of parseCifar10.
 *
 * @param images uint8 (N,3,32,32)
 * @param labels N class numbers, 0 to 9
 * @returns N*3,073 bytes
 * @throws TypeError for another dtype, RangeError for another shape or a label that is not 0 to 9
 */
export function encodeCifar10(images: Tensor, labels: Labels): Uint8Array {
  checkImageShape('encodeCifar10', checkTensorType('encodeCifar10', 'images', images, 'uint8'));
  const count = images.shape[0];
  const classes = labelValues('encodeCifar10', 'labels', labels);
  if (classes.length !== count) {
    throw new RangeError(`encodeCifar10: labels must be ${count}, one an image, got ${classes.length}`);
  }
  const pixels = contiguousData(images) as Uint8Array;
  const bytes = new Uint8Array(count * recordBytes);
  for (let n = 0; n < count; n++) {
    const label = typeof classes[n] === 'bigint' ? Number(classes[n]) : classes[n];
    checkLabel('encodeCifar10', n, label);
    bytes[n * recordBytes] = label;
    bytes.set(pixels.subarray(n * imageBytes, (n + 1) * imageBytes), n * recordBytes + 1);
  }
  return bytes;
}

/** Throws RangeError unless images is (N,3,32,32). */
function checkImageShape(fn: string, images: Tensor): void {
  const [, channels, height, width] = images.shape;
  if (images.ndim !== 4 || channels !== 3 || height !== 32 || width !== 32) {
    throw new RangeError(`${fn}: images must be (N,3,32,32), got ${images.shape.join('x')}`);
  }
}

/** The number of records in a batch file of so many bytes. Throws RangeError when it is empty or ends inside one. */
export function countRecords(fn: string, length: number): number {
  if (length === 0 || length % recordBytes !== 0) {
    const parts = `${Math.floor(length / recordBytes)} records and ${length % recordBytes} bytes`;
    const rest = length === 0 ? 'nothing' : `${length} (${parts})`;
    throw new RangeError(`${fn}: the length must be a positive multiple of ${recordBytes} bytes, got ${rest}`);
  }
  return length / recordBytes;
}

function checkLabel(fn: string, record: number, label: unknown): asserts label is number {
  if (!(typeof label === 'number' && Number.isInteger(label) && label >= 0 && label < classNames.length)) {
    throw new RangeError(`${fn}: record ${record} has label ${describe(label)}, expected 0 to ${classNames.length - 1}`);
  }
}

/**
 * Splits records into images and labels as their bytes come in, cut anywhere, so that a file never has to be in
 * memory beside its images.
 */
export class RecordDecoder {
  private readonly fn: string;
  private readonly images: Uint8Array;
  private readonly labels: Int32Array;
  private position: number = 0;

  /**
   * @param fn the function to name in errors
   * @param images N*3,072 bytes to fill
   * @param labels N labels to fill
   */
  constructor(fn: string, images: Uint8Array, labels: Int32Array) {
    this.fn = fn;
    this.images = images;
    this.labels = labels;
  }

  /** Takes the next bytes of the file. Throws RangeError for a label above 9 and for more bytes than were announced. */
  push(bytes: Uint8Array): void {
    if (this.position + bytes.length > this.labels.length * recordBytes) {
      throw new RangeError(`${this.fn}: more than the expected ${this.labels.length * recordBytes} bytes came`);
    }
    let at = 0;
    while (at < bytes.length) {
      const record = Math.floor(this.position / recordBytes);
      const within = this.position % recordBytes;
      let taken = 1;
      if (within === 0) {
        checkLabel(this.fn, record, bytes[at]);
        this.labels[record] = bytes[at];
      } else {
        taken = Math.min(recordBytes - within, bytes.length - at);
        this.images.set(bytes.subarray(at, at + taken), record * imageBytes + within - 1);
      }
      at += taken;
      this.position += taken;
    }
  }

  /** What was decoded. Throws RangeError while bytes are missing. */
  result(): LabelledImages {
    const expected = this.labels.length * recordBytes;
    if (this.position !== expected) {
      throw new RangeError(`${this.fn}: expected ${expected} bytes, got ${this.position}`);
    }
    return { images: new Tensor(this.images, [this.labels.length, ...imageShape]), labels: this.labels };
  }
}
