/** Files that may be compressed, read piece by piece and never beyond what is expected of them. */

import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { DataFileError, explainSystemError, systemErrorCode } from './errors.ts';
import { PlainFileError, plainFilePieces, readPlainStart } from './plain-file.ts';
import { TarError } from '../data/tar.ts';

/** Bytes read, and inflated, at a time. */
export const chunkBytes: number = 256 * 1024;

/** Whether a file that begins so is a gzip's. */
export function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

/** Whether a file whose first 512 bytes these are is a tar archive. */
export function isTar(head: Uint8Array): boolean {
  return head.length >= 512 && new TextDecoder().decode(head.subarray(257, 262)) === 'ustar';
}

/** A file's first 512 bytes, or all that it has. */
export function readHead(path: string): Promise<Uint8Array> {
  return readPlainStart(path, 512);
}

/** The first 512 bytes of what readHead sees, inflated where it is a gzip's, or all that there are. */
export async function inflatedStart(path: string): Promise<Uint8Array> {
  const head = await readHead(path);
  if (!isGzip(head)) return head;
  const start = new Uint8Array(512);
  let filled = 0;
  for await (const piece of inflatedBytes(path, head)) {
    const part = piece.subarray(0, start.length - filled);
    start.set(part, filled);
    filled += part.length;
    if (filled === start.length) break;
  }
  return start.subarray(0, filled);
}

/** A file's bytes, inflated where it is a gzip's. Beyond `most` bytes what reads them gets the error of `tooLarge`. */
export async function inflatedFile(
  path: string, most: number, tooLarge: () => Error,
): Promise<AsyncIterable<Uint8Array>> {
  return bounded(inflatedBytes(path, await readHead(path)), most, tooLarge);
}

/** A file's bytes, inflated where its head is a gzip's, without a bound: for those who have their own. */
export function inflatedBytes(path: string, head: Uint8Array): AsyncIterable<Uint8Array> {
  const file = plainFilePieces(path, chunkBytes);
  if (!isGzip(head)) return file;
  const gunzip = createGunzip({ chunkSize: chunkBytes });
  // an error on either side destroys both and reaches whoever reads from gunzip
  pipeline(file, gunzip, () => undefined);
  return gunzip;
}

async function* bounded(
  source: AsyncIterable<Uint8Array>, most: number, tooLarge: () => Error,
): AsyncGenerator<Uint8Array, void> {
  let total = 0;
  for await (const chunk of source) {
    total += chunk.length;
    if (total > most) throw tooLarge();
    yield chunk;
  }
}

/** Any failure as an error that names the path. */
export function explainedFileError(fn: string, path: string, error: unknown): unknown {
  if (error instanceof DataFileError) return error;
  if (error instanceof RangeError) return new DataFileError(error.message, path, error);
  if (error instanceof TarError) {
    return new DataFileError(`${fn}: ${path} is not a whole tar archive: ${error.message}`, path, error);
  }
  if (error instanceof PlainFileError) {
    return new DataFileError(`${fn}: cannot read ${error.path}: ${error.message}`, error.path, error);
  }
  const code = systemErrorCode(error);
  if (code === undefined) return error;
  if (code === 'Z_BUF_ERROR') {
    return new DataFileError(`${fn}: ${path} is cut short: the gzip stream has no end`, path, error);
  }
  if (code.startsWith('Z_')) {
    return new DataFileError(`${fn}: ${path} is corrupted: ${(error as Error).message} (${code})`, path, error);
  }
  return new DataFileError(`${fn}: cannot read ${path}: ${explainSystemError(error)}`, path, error);
}
