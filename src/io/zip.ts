/**
 * Reading zip archives defensively (APPNOTE.TXT 6.3.10): sizes are bounded before anything is inflated, lengths and
 * checksums are verified after. Inflating itself is fflate's.
 */

import { Inflate } from 'fflate';
import { printable } from '../runtime/text.ts';
import { decodeUtf8, formatHint } from './bytes.ts';
import { crc32 } from './crc32.ts';

/** One file of an archive, still compressed. */
export interface ZipEntry {
  readonly name: string;
  /** 0 stored, 8 deflated */
  readonly method: number;
  readonly crc: number;
  readonly size: number;
  readonly compressed: Uint8Array;
  /** where its local header begins and its compressed bytes end */
  readonly begin: number;
  readonly end: number;
}

const endSignature = 0x06054b50;
const entrySignature = 0x02014b50;
const localSignature = 0x04034b50;
/** Of what a writer of zip64 may put between directory and end record, also where nothing is large. */
const zip64Signature = 0x06064b50;

/** The end record is 22 bytes and a comment of at most 65,535. */
const endLength = 22;
const maxComment = 0xffff;

/** Deflate cannot shrink anything further than this: an entry that claims more is lying about its size. */
const maxDeflateRatio = 1032;

/** Input is inflated in pieces of this size, so that an entry larger than it claims is noticed early. */
const pieceBytes = 1 << 16;

/**
 * Lists the entries of a zip archive by its central directory. Throws RangeError, with fn in front, when the bytes are
 * no zip archive, when counts and sizes of its directory contradict each other, when an entry lies outside the file, is
 * encrypted, needs zip64 or an unknown method, or has two names, when two have one name or overlap, or when the
 * uncompressed sizes add up to more than maxBytes.
 */
export function listZip(fn: string, bytes: Uint8Array, maxBytes: number): ZipEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = findEnd(fn, view, bytes);
  const count = view.getUint16(end + 10, true);
  const directory = view.getUint32(end + 16, true);
  const stop = directory + view.getUint32(end + 12, true);
  const fits = stop === end || (stop < end && view.getUint32(stop, true) === zip64Signature);
  const damaged = `${fn}: the archive's directory is damaged`;
  if (!fits || view.getUint16(end + 8, true) !== count) throw new RangeError(damaged);
  let position = directory;
  const entries: ZipEntry[] = [];
  const names = new Set<string>();
  let total = 0;
  for (let i = 0; i < count; i++) {
    if (position + 46 > stop || view.getUint32(position, true) !== entrySignature) {
      throw new RangeError(`${fn}: entry ${i + 1} of ${count} is missing from the archive's directory`);
    }
    const { entry, next } = readEntry(fn, bytes, view, position, stop);
    if (names.has(entry.name)) throw new RangeError(`${fn}: the archive has two entries named ${printable(entry.name)}`);
    names.add(entry.name);
    total += entry.size;
    if (total > maxBytes) {
      throw new RangeError(`${fn}: the archive inflates to more than the allowed ${maxBytes} bytes (option maxBytes)`);
    }
    entries.push(entry);
    position = next;
  }
  if (position !== stop) throw new RangeError(damaged);
  checkApart(fn, entries, directory);
  return entries;
}

/** Entries that lie over one another let a small file inflate without bounds; zip programs write them one by one. */
function checkApart(fn: string, entries: readonly ZipEntry[], directory: number): void {
  const ordered = [...entries].sort((a, b) => a.begin - b.begin);
  ordered.forEach(({ name, end }, i) => {
    const next = ordered[i + 1]?.begin ?? directory;
    if (end > next) throw new RangeError(`${fn}: entry ${printable(name)} overlaps what follows it`);
  });
}

function findEnd(fn: string, view: DataView, bytes: Uint8Array): number {
  const last = view.byteLength - endLength;
  for (let position = last; position >= Math.max(0, last - maxComment); position--) {
    if (view.getUint32(position, true) === endSignature) return position;
  }
  throw new RangeError(`${fn}: not a zip archive, or one that was cut off${formatHint(bytes)}`);
}

function readEntry(
  fn: string, bytes: Uint8Array, view: DataView, position: number, end: number,
): { entry: ZipEntry; next: number } {
  const flags = view.getUint16(position + 8, true);
  const method = view.getUint16(position + 10, true);
  const crc = view.getUint32(position + 16, true);
  const compressedSize = view.getUint32(position + 20, true);
  const size = view.getUint32(position + 24, true);
  const nameLength = view.getUint16(position + 28, true);
  const next = position + 46 + nameLength + view.getUint16(position + 30, true) + view.getUint16(position + 32, true);
  const local = view.getUint32(position + 42, true);
  if (next > end) throw new RangeError(`${fn}: the archive's directory is cut off`);
  const nameBytes = bytes.subarray(position + 46, position + 46 + nameLength);
  const name = decodeUtf8(`${fn}: an entry's name`, nameBytes);
  const where = `${fn}: entry ${printable(name)}`;
  if (flags & 1) throw new RangeError(`${where} is encrypted`);
  if (method !== 0 && method !== 8) {
    throw new RangeError(`${where} has compression method ${method}, supported are 0 and 8`);
  }
  if ([compressedSize, size, local].includes(0xffffffff)) throw new RangeError(`${where} needs zip64 (4 GiB or more)`);
  if (local + 30 > bytes.length || view.getUint32(local, true) !== localSignature) {
    throw new RangeError(`${where} lies outside the archive`);
  }
  const isName = (byte: number, i: number): boolean => byte === bytes[local + 30 + i];
  if (view.getUint16(local + 26, true) !== nameLength || !nameBytes.every(isName)) {
    throw new RangeError(`${where} has another name beside its contents`);
  }
  const start = local + 30 + nameLength + view.getUint16(local + 28, true);
  if (start + compressedSize > bytes.length) throw new RangeError(`${where} is cut off`);
  if (method === 0 ? size !== compressedSize : size > compressedSize * maxDeflateRatio) {
    throw new RangeError(`${where} claims ${size} bytes, its ${compressedSize} compressed bytes cannot hold them`);
  }
  const compressed = bytes.subarray(start, start + compressedSize);
  return { entry: { name, method, crc, size, compressed, begin: local, end: start + compressedSize }, next };
}

/** The contents of an entry. Throws RangeError when they differ from the size or the checksum in the directory. */
export function readZipEntry(fn: string, entry: ZipEntry): Uint8Array {
  const contents = entry.method === 0 ? entry.compressed : inflate(`${fn}: entry ${printable(entry.name)}`, entry);
  if (crc32(contents) !== entry.crc) {
    throw new RangeError(`${fn}: entry ${printable(entry.name)} is damaged (its checksum differs)`);
  }
  return contents;
}

/** Inflates into exactly entry.size bytes, whatever the compressed bytes say. */
function inflate(where: string, entry: ZipEntry): Uint8Array {
  const contents = new Uint8Array(entry.size);
  let filled = 0;
  const stream = new Inflate((piece) => {
    if (filled + piece.length > contents.length) throw new RangeError(`inflates to more than its ${entry.size} bytes`);
    contents.set(piece, filled);
    filled += piece.length;
  });
  try {
    for (let start = 0; start < entry.compressed.length; start += pieceBytes) {
      const piece = entry.compressed.subarray(start, start + pieceBytes);
      stream.push(piece, start + pieceBytes >= entry.compressed.length);
    }
  } catch (error) {
    throw new RangeError(`${where} cannot be inflated: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (filled !== contents.length) throw new RangeError(`${where} inflates to ${filled} bytes, not its ${entry.size}`);
  return contents;
}
