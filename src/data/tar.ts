/**
 * A streaming reader of tar archives: POSIX ustar (IEEE Std 1003.1), with the long names of GNU tar and pax, which is
 * all that archives of data files use. Nothing is ever written to the disk, so names cannot escape anywhere, and no
 * more than one chunk is held.
 */

import { longestMessage, printable } from '../runtime/text.ts';

/** What an entry's header says. */
export interface TarHeader {
  /** the path in the archive, as stored */
  name: string;
  /** bytes of contents */
  size: number;
  /** '0' is a regular file, '5' a folder; links and devices have other codes */
  type: string;
}

export interface TarEntry extends TarHeader {
  /** the contents, piece by piece; pieces are valid until the next one is asked for */
  chunks: AsyncGenerator<Uint8Array, void>;
}

/** An archive that breaks the format; the message says where. */
export class TarError extends Error {
  override readonly name: string = 'TarError';

  constructor(message: string) {
    super(printable(message, longestMessage));
  }
}

const blockSize = 512;
/** Extended headers hold a path and a few attributes; a larger one is not from a tar program. */
const maxExtendedHeader = 64 * 1024;
/** Headers in one archive: a data set has a few files, and an empty entry takes far longer to read than to write. */
const maxHeaders = 10_000;

/**
 * Yields the entries of an archive in order. What the caller leaves unread of an entry is skipped.
 * Reads on to the end of the source after the archive's end mark, so that a decompressor checks its checksum.
 * Throws TarError where the archive is cut short, a header is not one, or there are more than 10,000.
 */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry, void> {
  const reader = new ByteReader(source);
  try {
    yield* entries(reader);
    await reader.drain();
  } finally {
    await reader.close();
  }
}

async function* entries(reader: ByteReader): AsyncGenerator<TarEntry, void> {
  let longName: string | null = null;
  for (let headers = 0; ; headers++) {
    const at = reader.position;
    const block = await reader.exactly(blockSize, 'a header');
    if (block === null || isZero(block)) return;
    if (headers === maxHeaders) throw new TarError(`the archive has more than ${maxHeaders} headers`);
    const header = parseHeader(block, at);
    const padding = (blockSize - (header.size % blockSize)) % blockSize;
    if (header.type === 'L' || header.type === 'x' || header.type === 'g') {
      if (header.size > maxExtendedHeader) {
        const claim = `the extended header at byte ${at} claims ${header.size} bytes`;
        throw new TarError(`${claim}, at most ${maxExtendedHeader} are allowed`);
      }
      const bytes = (await reader.exactly(header.size, 'an extended header')) ?? new Uint8Array(0);
      if (header.type === 'L') longName = text(bytes);
      if (header.type === 'x') longName = paxPath(bytes) ?? longName;
      await reader.skip(padding, 'an extended header');
      continue;
    }
    const name = longName ?? header.name;
    longName = null;
    const end = reader.position + header.size;
    yield { ...header, name, chunks: contents(reader, end, name) };
    await reader.skip(end + padding - reader.position, name);
  }
}

async function* contents(reader: ByteReader, end: number, name: string): AsyncGenerator<Uint8Array, void> {
  while (reader.position < end) yield await reader.some(end - reader.position, name);
}

/** Cuts a stream of chunks of any length into what the format needs. */
class ByteReader {
  /** bytes handed out so far */
  position: number = 0;
  private readonly iterator: AsyncIterator<Uint8Array>;
  private chunk: Uint8Array = new Uint8Array(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.iterator = source[Symbol.asyncIterator]();
  }

  /** The next 1 to limit bytes. Throws TarError at the end of the source. */
  async some(limit: number, what: string): Promise<Uint8Array> {
    if (!(await this.more())) throw new TarError(`the archive ends at byte ${this.position}, inside ${what}`);
    const piece = this.chunk.subarray(0, limit);
    this.chunk = this.chunk.subarray(piece.length);
    this.position += piece.length;
    return piece;
  }

  /** Exactly length bytes, copied; null when the source ended before the first, TarError when it ends after it. */
  async exactly(length: number, what: string): Promise<Uint8Array | null> {
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      if (filled === 0 && !(await this.more())) return null;
      const piece = await this.some(length - filled, what);
      bytes.set(piece, filled);
      filled += piece.length;
    }
    return bytes;
  }

  async skip(length: number, what: string): Promise<void> {
    const end = this.position + length;
    while (this.position < end) await this.some(end - this.position, what);
  }

  async drain(): Promise<void> {
    while (await this.more()) this.chunk = new Uint8Array(0);
  }

  /** Lets the source free what it holds, also when its end was not reached. */
  async close(): Promise<void> {
    await this.iterator.return?.();
  }

  private async more(): Promise<boolean> {
    while (this.chunk.length === 0) {
      const next = await this.iterator.next();
      if (next.done === true) return false;
      this.chunk = next.value;
    }
    return true;
  }
}

/** Reads one 512-byte header; the field offsets are those of the ustar format. */
function parseHeader(block: Uint8Array, at: number): TarHeader {
  if (headerSum(block) !== parseNumber(block, 148, 8)) {
    throw new TarError(`the block at byte ${at} is not a tar header: its checksum is wrong`);
  }
  const size = parseNumber(block, 124, 12);
  if (!Number.isSafeInteger(size) || size < 0) throw new TarError(`the header at byte ${at} has no valid size`);
  const name = text(block.subarray(0, 100));
  const isUstar = text(block.subarray(257, 263)) === 'ustar';
  const prefix = isUstar ? text(block.subarray(345, 500)) : '';
  const flag = block[156] === 0 ? '0' : String.fromCharCode(block[156]);
  return { name: prefix === '' ? name : `${prefix}/${name}`, size, type: flag };
}

/** The sum of the header's bytes with the checksum field taken as spaces. */
function headerSum(block: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < blockSize; i++) sum += i >= 148 && i < 156 ? 32 : block[i];
  return sum;
}

/** An octal number in ASCII, or, with the first bit set, a big-endian one (GNU's form for sizes of 8 GiB and more). */
function parseNumber(block: Uint8Array, start: number, length: number): number {
  if ((block[start] & 0x80) !== 0) {
    let value = block[start] & 0x7f;
    for (let i = start + 1; i < start + length; i++) value = value * 256 + block[i];
    return value;
  }
  const digits = text(block.subarray(start, start + length)).trim();
  return /^[0-7]+$/.test(digits) ? parseInt(digits, 8) : NaN;
}

/** The path in a pax header, whose records are `length key=value\n`; undefined when it names none. */
function paxPath(bytes: Uint8Array): string | undefined {
  return /(?:^|\n)\d+ path=([^\n]*)\n/.exec(text(bytes))?.[1];
}

/** UTF-8 up to the first zero byte. */
function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function isZero(block: Uint8Array): boolean {
  return block.every((byte) => byte === 0);
}
