/**
 * CIFAR-10 from the bytes of its archive, wherever they come from: a file that a visitor dropped on a page, a response,
 * a file of Deno's. In Node `loadCifar10` of tilegrad/node takes a path.
 */

import { describe } from '../runtime/check.ts';
import { longestMessage, printable } from '../runtime/text.ts';
import type { ImageDataset } from './cifar10.ts';
import { boundedBytes, Cifar10Collector } from './cifar10-collector.ts';
import { readTar, TarError } from './tar.ts';

const place = 'readCifar10Archive: the archive';

/** What is read of a ReadableStream of bytes; said here, since not every program knows the types of the web. */
export interface ByteStream {
  readonly locked: boolean;
  getReader(): ByteReader;
}

export interface ByteReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array }>;
  cancel(reason?: unknown): Promise<void>;
  releaseLock(): void;
}

/**
 * Reads the binary release from its tar.gz, or its tar, as the bytes come in: beside the images only the current chunk
 * is in memory.
 *
 * @param archive the bytes, such as `file.stream()`; it is read to its end, or cancelled where reading fails
 * @returns train: uint8 images (50000,3,32,32) and labels; test: (10000,3,32,32); the class names. Smaller batch files
 * of the same layout are read too.
 * @throws TypeError when archive is no ReadableStream or somebody reads it, or is compressed where the runtime lacks
 * DecompressionStream; RangeError for what is cut short, corrupted, too large or not CIFAR-10's binary release
 */
export async function readCifar10Archive(archive: ByteStream): Promise<ImageDataset> {
  if (typeof (archive as Partial<ByteStream> | null)?.getReader !== 'function') {
    throw new TypeError(`readCifar10Archive: archive must be a ReadableStream of bytes, got ${describe(archive)}`);
  }
  if (archive.locked) {
    throw new TypeError('readCifar10Archive: archive must be a stream that nobody reads, got one with a reader');
  }
  const collector = new Cifar10Collector(place);
  try {
    await collector.collect(readTar(boundedBytes(place, inflated(archive))));
  } catch (error) {
    if (error instanceof TarError) throw new RangeError(`${place} is no whole tar: ${error.message}`, { cause: error });
    throw error;
  }
  return collector.finish();
}

/** The bytes of the tar, inflated where they are a gzip's. */
async function* inflated(archive: ByteStream): AsyncGenerator<Uint8Array, void> {
  const source = chunksOf(archive);
  try {
    const [first, whole] = await peek(source);
    if (first.length === 0) throw new RangeError(`${place} is empty`);
    if (first[0] !== 0x1f || first[1] !== 0x8b) {
      yield* whole;
      return;
    }
    if (typeof DecompressionStream !== 'function') {
      throw new TypeError(`${place} is compressed, and this runtime has no DecompressionStream: give it the tar`);
    }
    yield* gunzipped(whole);
  } finally {
    await source.return();
  }
}

/**
 * The inflated bytes. The decompressor is fed one chunk at a time, and no further while there is something to read: not
 * every runtime's holds back what it is piped.
 */
async function* gunzipped(source: AsyncGenerator<Uint8Array, void>): AsyncGenerator<Uint8Array, void> {
  const { readable, writable } = new DecompressionStream('gzip');
  const reader: ReadableStreamDefaultReader<Uint8Array> = readable.getReader();
  const writer = writable.getWriter();
  const feed = async (): Promise<'fed' | 'ended'> => {
    const next = await source.next();
    await (next.done === true ? writer.close() : writer.write(next.value as BufferSource & Uint8Array));
    return next.done === true ? 'ended' : 'fed';
  };
  let [reading, feeding] = [reader.read(), feed()];
  try {
    for (;;) {
      const first = await Promise.race([reading, feeding]);
      if (first === 'fed') feeding = feed();
      else if (first === 'ended') feeding = new Promise(() => undefined);
      else if (first.done) return;
      else {
        yield first.value;
        reading = reader.read();
      }
    }
  } catch (error) {
    const reason = printable(error instanceof Error ? error.message : String(error), longestMessage);
    throw new RangeError(`${place} is corrupted or cut short: ${reason}`, { cause: error });
  } finally {
    for (const rest of [reading, feeding]) rest.catch(() => undefined);
    await Promise.allSettled([reader.cancel(), writer.abort()]);
  }
}

/** A stream's chunks; whoever stops early cancels the stream. Not every browser iterates over streams by itself. */
async function* chunksOf(stream: ByteStream): AsyncGenerator<Uint8Array, void> {
  const reader = stream.getReader();
  let ended = false;
  try {
    for (;;) {
      const next = await reader.read();
      ended = next.done;
      if (next.done) return;
      if (next.value !== undefined) yield next.value;
    }
  } finally {
    if (!ended) await reader.cancel().catch(() => undefined);
    reader.releaseLock();
  }
}

/** The first two bytes, or as many as there are, and all chunks, those read for it included. */
async function peek(
  source: AsyncGenerator<Uint8Array, void>,
): Promise<[first: number[], whole: AsyncGenerator<Uint8Array, void>]> {
  const heads: Uint8Array[] = [];
  const first: number[] = [];
  while (first.length < 2) {
    const next = await source.next();
    if (next.done === true) break;
    heads.push(next.value);
    first.push(...next.value.subarray(0, 2));
  }
  async function* whole(): AsyncGenerator<Uint8Array, void> {
    yield* heads;
    yield* source;
  }
  return [first, whole()];
}
