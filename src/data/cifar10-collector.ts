/** Puts the six batch files of CIFAR-10 in their places, in whatever order an archive has them. */

import { longestMessage, printable } from '../runtime/text.ts';
import { Tensor } from '../tensor/tensor.ts';
import { classNames, countRecords, imageBytes, imageShape, recordBytes, RecordDecoder } from './cifar10.ts';
import type { ImageDataset, LabelledImages } from './cifar10.ts';
import type { TarEntry } from './tar.ts';

/** The name of the binary release as it is published. */
export const cifar10ArchiveName: string = 'cifar-10-binary.tar.gz';

const trainFileNames: readonly string[] = [1, 2, 3, 4, 5].map((k) => `data_batch_${k}.bin`);
const testFileName = 'test_batch.bin';

/** The files that have to be there. */
export const batchFileNames: readonly string[] = [...trainFileNames, testFileName];

/** Records in a batch file of the release. More are refused, which bounds the memory that a file can claim. */
const maxRecords = 10_000;
/** What may lie beside the batch files (batches.meta.txt, readme.html, notes), each. */
const maxForeignBytes: number = 1024 * 1024;
/** Everything together: six full batches and room for headers and small companions. */
const maxInflatedBytes: number = batchFileNames.length * maxRecords * recordBytes + 16 * 1024 * 1024;

/** The names of the release's other versions, which hold the same images in other formats. */
export type OtherVersion = 'Python' | 'Matlab';

/** Which other version of the release a file or folder of this name belongs to; null for none. */
export function otherVersion(name: string): OtherVersion | null {
  if (/^(data_batch_\d|test_batch|cifar-10-batches-py|cifar-10-python\.tar\.gz)$/.test(name)) return 'Python';
  if (/^((data_batch_\d|test_batch)\.mat|cifar-10-batches-mat|cifar-10-matlab\.tar\.gz)$/.test(name)) return 'Matlab';
  return null;
}

/** What to say of it; the place is what the message begins with. */
export function otherVersionText(place: string, what: string, version: OtherVersion): string {
  return `${place} ${what}: this is the ${version} version of CIFAR-10; take the binary version, ` +
    `${cifar10ArchiveName} (\`tilegrad data cifar10\` downloads it)`;
}

interface Batch {
  images: Uint8Array;
  labels: Int32Array;
}

export class Cifar10Collector {
  private readonly place: string;
  private readonly batches: Map<string, Batch> = new Map();
  /** one array for all training images, so that equal batches, as the release has them, are never copied */
  private pool: Uint8Array = new Uint8Array(0);

  /** @param place what errors begin with: the function and what it reads */
  constructor(place: string) {
    this.place = place;
  }

  /**
   * Announces a batch file of so many bytes; what comes back takes them in. Throws RangeError for a file that is there
   * twice or too large, and for a length that is no whole number of records.
   */
  start(name: string, size: number): RecordDecoder {
    const fn = printable(`${this.place}: ${name}`, longestMessage);
    if (this.batches.has(name)) throw new RangeError(`${fn} is there twice`);
    if (size > maxRecords * recordBytes) {
      const most = `${maxRecords * recordBytes} (${maxRecords} records)`;
      throw new RangeError(`${fn} has ${size} bytes, expected at most ${most}`);
    }
    const count = countRecords(fn, size);
    const batch = { images: this.imageMemory(name, count * imageBytes), labels: new Int32Array(count) };
    this.batches.set(name, batch);
    return new RecordDecoder(fn, batch.images, batch.labels);
  }

  /** Takes note of a file that is no batch. Throws RangeError where it shows that the archive is another one. */
  pass(name: string, size: number): void {
    const version = otherVersion(baseName(name));
    if (version !== null) this.fail(otherVersionText(this.place, `holds ${name}`, version));
    if (size > maxForeignBytes) {
      this.fail(`${this.place} holds ${name} of ${size} bytes, which is no part of CIFAR-10's binary release`);
    }
  }

  /** Takes in what an archive holds. Throws RangeError as start, pass and RecordDecoder do. */
  async collect(entries: AsyncIterable<TarEntry>): Promise<void> {
    for await (const { name: path, type, size, chunks } of entries) {
      const name = baseName(path);
      if (type === '5') continue;
      if (!batchFileNames.includes(name)) {
        this.pass(path, size);
        continue;
      }
      if (type !== '0') this.fail(`${this.place}: ${path} must be a regular file, its tar type is ${type}`);
      const decoder = this.start(name, size);
      for await (const chunk of chunks) decoder.push(chunk);
      decoder.result();
    }
  }

  /** The data set. Throws RangeError naming the batch files that did not come. */
  finish(): ImageDataset {
    const missing = batchFileNames.filter((name) => !this.batches.has(name));
    if (missing.length > 0) {
      const what = missing.length === batchFileNames.length ? 'holds no batch file of CIFAR-10, expected' : 'lacks';
      this.fail(`${this.place} ${what} ${missing.join(', ')}`);
    }
    return { train: this.joined(trainFileNames), test: this.joined([testFileName]), classNames };
  }

  private fail(message: string): never {
    throw new RangeError(printable(message, longestMessage));
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

/** The bytes of a tar as they come, and an error before they are more than CIFAR-10 has. */
export async function* boundedBytes(
  place: string, source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  let total = 0;
  for await (const chunk of source) {
    total += chunk.length;
    if (total > maxInflatedBytes) {
      throw new RangeError(printable(
        `${place} holds more than ${maxInflatedBytes} bytes, CIFAR-10's binary release has about 184,380,000`, longestMessage,
      ));
    }
    yield chunk;
  }
}

/** What follows the last slash of a path in an archive. */
function baseName(path: string): string {
  return path.replace(/\/+$/, '').split('/').at(-1)!;
}
