/** Reading CIFAR-10 from a stream of its archive's bytes, whole and damaged, cut into chunks of any length. */

import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCifar10Archive } from '../../src/data/index.ts';
import { batchFiles, releaseArchive, releaseFiles, sampleSet, tarOf } from '../node/archive.ts';

/** A stream of bytes in chunks of a length, the first of one byte; says whether it was cancelled. */
function streamOf(bytes: Uint8Array, chunk: number): { stream: ReadableStream<Uint8Array>; cancelled: () => boolean } {
  let at = 0;
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) controller.close();
      else controller.enqueue(bytes.slice(at, at += at === 0 ? 1 : chunk));
    },
    cancel() { cancelled = true; },
  });
  return { stream, cancelled: () => cancelled };
}

const perBatch = 2;
const whole = releaseArchive(perBatch);

describe('readCifar10Archive', () => {
  it('reads the tar.gz and the tar from chunks of any length', async () => {
    const expected = sampleSet(perBatch);
    const tar = tarOf(releaseFiles(batchFiles(perBatch)));
    const chunks = fc.oneof(fc.integer({ min: 100, max: 5000 }), fc.constant(1 << 20));
    await fc.assert(fc.asyncProperty(fc.constantFrom(whole, tar), chunks, async (bytes, chunk) => {
      const { train, test, classNames } = await readCifar10Archive(streamOf(bytes, chunk).stream);
      expect(train.images.shape).toEqual([5 * perBatch, 3, 32, 32]);
      expect(Buffer.compare(train.images.data as Uint8Array, expected.train.images.data as Uint8Array)).toBe(0);
      expect(test.labels).toEqual(expected.test.labels);
      expect(classNames[9]).toBe('truck');
    }), { numRuns: 12 });
  });

  it('refuses archives that are cut anywhere, and cancels what it leaves unread', async () => {
    await fc.assert(fc.asyncProperty(fc.integer({ min: 0, max: whole.length - 1 }), async (length) => {
      await expect(readCifar10Archive(streamOf(whole.slice(0, length), 1000).stream)).rejects.toThrow(RangeError);
    }), { numRuns: 30 });
    const foreign = tarOf([{ name: 'big.bin', bytes: new Uint8Array(2 << 20) }]);
    for (const bytes of [foreign, gzipSync(foreign, { level: 0 })]) {
      const { stream, cancelled } = streamOf(bytes, 10_000);
      await expect(readCifar10Archive(stream)).rejects.toThrow(
        'readCifar10Archive: the archive holds big.bin of 2097152 bytes, which is no part of CIFAR-10\'s binary release',
      );
      expect(cancelled()).toBe(true);
      expect(stream.locked).toBe(false);
    }
  });

  it('says what else it was given', async () => {
    const read = (bytes: Uint8Array): Promise<unknown> => readCifar10Archive(streamOf(bytes, 700).stream);
    await expect(read(new Uint8Array(0))).rejects.toThrow('the archive is empty');
    await expect(read(new Uint8Array(2000).fill(1))).rejects.toThrow('the archive is no whole tar');
    const [file] = releaseFiles(batchFiles(perBatch)).filter(({ name }) => name.endsWith('data_batch_1.bin'));
    await expect(read(tarOf([file]))).rejects.toThrow('lacks data_batch_2.bin, data_batch_3.bin');
    await expect(read(tarOf([{ name: 'cifar-10-batches-py/data_batch_1', bytes: new Uint8Array(5) }]))).rejects.toThrow(
      'this is the Python version of CIFAR-10',
    );
    const { stream } = streamOf(whole, 1000);
    stream.getReader();
    await expect(readCifar10Archive(stream)).rejects.toThrow(TypeError);
    await expect(readCifar10Archive(whole as never)).rejects.toThrow('archive must be a ReadableStream of bytes');
  });
});
