/** Files of a data set that fit into memory whole. */

import { idxLength, isIdx } from '../../io/idx.ts';
import { inflatedFile, inflatedStart } from '../inflated-file.ts';
import { DataFileError } from '../errors.ts';
import { readTar } from '../../data/tar.ts';

/** More bytes than this, inflated, are refused: the largest of these data sets has 600 MB as floats. */
export const maxFileBytes: number = 2 ** 31 - 1;

async function gather(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of chunks) {
    pieces.push(chunk.slice());
    total += chunk.length;
  }
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function tooLarge(fn: string, path: string, most: number): () => Error {
  return () => new DataFileError(`${fn}: ${path} holds more than ${most} bytes`, path);
}

/** A file's bytes, inflated where it is a gzip's. Rejects with DataFileError beyond `most` bytes. */
export async function wholeFile(fn: string, path: string, most: number = maxFileBytes): Promise<Uint8Array> {
  return gather(await inflatedFile(path, most, tooLarge(fn, path, most)));
}

/**
 * An IDX file's bytes, inflated where it is a gzip's. Rejects with DataFileError as soon as there are more than its
 * header says: a small file may inflate to a thousand times its size.
 */
export async function idxFile(fn: string, path: string): Promise<Uint8Array> {
  const start = await inflatedStart(path);
  const length = isIdx(start) ? idxLength(start) : null;
  if (length === null || length > maxFileBytes) return wholeFile(fn, path);
  return gather(await inflatedFile(path, length, () =>
    new DataFileError(`${fn}: ${path} goes on after the ${length} bytes that its header speaks of`, path)));
}

/** The named files of a tar archive, compressed or not, by their names without folders; others are passed over. */
export async function filesOfArchive(
  fn: string, path: string, names: readonly string[], most: number,
): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  for await (const entry of readTar(await inflatedFile(path, most, tooLarge(fn, path, most)))) {
    const name = entry.name.slice(entry.name.lastIndexOf('/') + 1);
    if (entry.type !== '0' || !names.includes(name)) continue;
    if (found.has(name)) throw new DataFileError(`${fn}: ${path}: ${name} is there twice`, path);
    found.set(name, await gather(entry.chunks));
  }
  return found;
}
