/** Puts the six batch files of CIFAR-10 in their places, in whatever order an archive has them. */

import { posix } from 'node:path';
import { longestMessage, printable } from '../runtime/text.ts';
import { Tensor } from '../tensor/tensor.ts';
import { classNames, countRecords, imageBytes, imageShape, recordBytes, RecordDecoder } from '../data/cifar10.ts';
import type { ImageDataset, LabelledImages } from '../data/cifar10.ts';
import { cifar10ArchiveName } from './cache.ts';
import { DataFileError } from './errors.ts';

const trainFileNames: readonly string[] = [1, 2, 3, 4, 5].map((k) => `data_batch_${k}.bin`);
const testFileName = 'test_batch.bin';

/** The files that have to be there. */
export const batchFileNames: readonly string[] = [...trainFileNames, testFileName];

/** Records in a batch file of the release. More are refused, which bounds the memory that a file can claim. */
const maxRecords = 10_000;
/** What may lie beside the batch files (batches.meta.txt, readme.html, notes), each. */
const maxForeignBytes: number = 1024 * 1024;
/** Everything together: six full batches and room for headers and small companions. */
export const maxInflatedBytes: number = batchFileNames.length * maxRecords * recordBytes + 16 * 1024 * 1024;

/** The names of the release's other versions, which hold the same images in other formats. */
export type OtherVersion = 'Python' | 'Matlab';

/** Which other version of the release a file or folder of this name belongs to; null for none. */
export function otherVersion(name: string): OtherVersion | null {
  if (/^(data_batch_\d|test_batch|cifar-10-batches-py|cifar-10-python\.tar\.gz)$/.test(name)) return 'Python';
  if (/^((data_batch_\d|test_batch)\.mat|cifar-10-batches-mat|cifar-10-matlab\.tar\.gz)$/.test(name)) return 'Matlab';
  return null;
}

/** What to say of it. */
export function otherVersionText(path: string, what: string, version: OtherVersion): string {
  return `loadCifar10: ${path} ${what}: this is the ${version} version of CIFAR-10; take the binary version, ` +
    `${cifar10ArchiveName} (\`tilegrad data cifar10\` downloads it)`;
}

interface Batch {
  images: Uint8Array;
  labels: Int32Array;
}

export class Cifar10Collector {
  private readonly path: string;
  private readonly batches: Map<string, Batch> = new Map();
  /** one array for all training images, so that equal batches, as the release has them, are never copied */
  private pool: Uint8Array = new Uint8Array(0);

  /** @param path what errors name */
  constructor(path: string) {
    this.path = path;
  }

  /**
   * Announces a batch file of so many bytes; what comes back takes them in. Throws DataFileError for a file that is
   * there twice or too large, RangeError for a length that is no whole number of records.
   */
  start(name: string, size: number): RecordDecoder {
    const fn = printable(`loadCifar10: ${this.path}: ${name}`, longestMessage);
    if (this.batches.has(name)) throw new DataFileError(`${fn} is there twice`, this.path);
    if (size > maxRecords * recordBytes) {
      const most = `${maxRecords * recordBytes} (${maxRecords} records)`;
      throw new DataFileError(`${fn} has ${size} bytes, expected at most ${most}`, this.path);
    }
    const count = countRecords(fn, size);
    const batch = { images: this.imageMemory(name, count * imageBytes), labels: new Int32Array(count) };
    this.batches.set(name, batch);
    return new RecordDecoder(fn, batch.images, batch.labels);
  }

  /** Takes note of a file that is no batch. Throws DataFileError where it shows that the archive is another one. */
  pass(name: string, size: number): void {
    const version = otherVersion(posix.basename(name));
    if (version !== null) throw new DataFileError(otherVersionText(this.path, `holds ${name}`, version), this.path);
    if (size > maxForeignBytes) {
      throw new DataFileError(
        `loadCifar10: ${this.path} holds ${name} of ${size} bytes, which is no part of CIFAR-10's binary release`,
        this.path,
      );
    }
  }

  /** The data set. Throws DataFileError naming the batch files that did not come. */
  finish(): ImageDataset {
    const missing = batchFileNames.filter((name) => !this.batches.has(name));
    if (missing.length > 0) {
      const what = missing.length === batchFileNames.length ? 'holds no batch file of CIFAR-10, expected' : 'lacks';
      throw new DataFileError(`loadCifar10: ${this.path} ${what} ${missing.join(', ')}`, this.path);
    }
    return { train: this.joined(trainFileNames), test: this.joined([testFileName]), classNames };
  }

  /** Memory for a batch's images: its place in the pool when it is as long as the first that came, else its own. */
  private imageMemory(name: string, length: number): Uint8Array {
    const index = trainFileNames.indexOf(name);
    if (index < 0) return new Uint8Array(length);
    if (this.pool.length === 0) this.pool = new Uint8Array(trainFileNames.length * length);
    if (this.pool.length !== trainFileNames.length * length) return new Uint8Array(length);
    return this.pool.subarray(index * length, (index + 1) * length);
  }

  private joined(names: readonly string[]): LabelledImages {
    const parts = names.map((name) => this.batches.get(name)!);
    const count = parts.reduce((sum, part) => sum + part.labels.length, 0);
    const labels = new Int32Array(count);
    const inPlace = parts.every((part) => part.images.buffer === parts[0].images.buffer);
    const images = inPlace ? new Uint8Array(parts[0].images.buffer) : new Uint8Array(count * imageBytes);
    let at = 0;
    for (const part of parts) {
      labels.set(part.labels, at);
      if (!inPlace) images.set(part.images, at * imageBytes);
      at += part.labels.length;
    }
    return { images: new Tensor(images, [count, ...imageShape]), labels };
  }
}
