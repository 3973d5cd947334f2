/** Small CIFAR-10 archives, well-formed and not, and folders to put them in. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';
import { encodeCifar10, makeShapes } from '../../src/data/index.ts';
import type { ImageDataset } from '../../src/data/index.ts';

/** A file for tarOf; type is the tar type flag, '0' for a regular file. */
export interface TarFile {
  name: string;
  bytes: Uint8Array;
  type?: string;
  /** what the header claims, when not the length of bytes */
  claimedSize?: number;
}

/** A folder that is removed when the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tilegrad-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Data that the batch files of batchFiles(perBatch) hold. */
export function sampleSet(perBatch: number): ImageDataset {
  return makeShapes({ seed: 11, numTrain: 5 * perBatch, numTest: perBatch });
}

/** The six batch files by name, with perBatch records each. */
export function batchFiles(perBatch: number): Record<string, Uint8Array> {
  const { train, test } = sampleSet(perBatch);
  const files: Record<string, Uint8Array> = {};
  for (let k = 0; k < 5; k++) {
    const [start, end] = [k * perBatch, (k + 1) * perBatch];
    files[`data_batch_${k + 1}.bin`] = encodeCifar10(train.images.slice([start, end]), train.labels.slice(start, end));
  }
  files['test_batch.bin'] = encodeCifar10(test.images, test.labels);
  return files;
}

/** The release's layout: a folder entry, the batch files out of order, and the text files beside them. */
export function releaseFiles(files: Record<string, Uint8Array>): TarFile[] {
  const order = Object.entries(files).reverse();
  return [
    { name: 'cifar-10-batches-bin/', bytes: new Uint8Array(0), type: '5' },
    ...order.map(([name, bytes]) => ({ name: `cifar-10-batches-bin/${name}`, bytes })),
    { name: 'cifar-10-batches-bin/batches.meta.txt', bytes: Buffer.from('airplane\n') },
    { name: 'cifar-10-batches-bin/readme.html', bytes: Buffer.from('<html>') },
  ];
}

/** A ustar archive. */
export function tarOf(files: readonly TarFile[]): Buffer {
  const blocks = files.flatMap((file) => {
    const padding = Buffer.alloc((512 - (file.bytes.length % 512)) % 512);
    return [tarHeader(file), Buffer.from(file.bytes), padding];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** The release with so many records a batch, as tar.gz. */
export function releaseArchive(perBatch: number): Buffer {
  return gzipSync(tarOf(releaseFiles(batchFiles(perBatch))), { level: 1 });
}

export function tarHeader({ name, bytes, type = '0', claimedSize = bytes.length }: TarFile): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${claimedSize.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write(type, 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}
