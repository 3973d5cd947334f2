/** Checks and small readings that the formats share. */

import { describe } from '../runtime/check.ts';

/** Bytes in a plain, unshared buffer: Uint8Array<ArrayBuffer>, written so that TypeScript 5.6 understands it too. */
export type Bytes = ReturnType<Uint8ArrayConstructor['of']>;

export { checkRecord } from '../runtime/check.ts';

/** Throws TypeError unless value is a Uint8Array (Node's Buffer is one). */
export function checkBytes(fn: string, value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new TypeError(`${fn}: bytes must be a Uint8Array, got ${describe(value)}`);
  return value;
}

/** Decodes UTF-8. Throws RangeError, with `where` in front, where the bytes are not valid UTF-8. */
export function decodeUtf8(where: string, bytes: Uint8Array): string {
  try {
    // slice copies: platform decoders refuse bytes that lie in shared memory.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.slice());
  } catch {
    throw new RangeError(`${where} is not valid UTF-8`);
  }
}

/** Product of a shape's sizes; Infinity or an inexact huge number for absurd ones, which comparisons then refuse. */
export function product(shape: readonly number[]): number {
  let size = 1;
  for (const extent of shape) size *= extent;
  return size;
}

/** First bytes of the formats that are mistaken for one another. */
const signatures: ReadonlyArray<readonly [bytes: readonly number[], name: string]> = [
  [[0x50, 0x4b], 'a zip archive, as .npz and .pt files are'],
  [[0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59], 'a .npy file'],
  [[0x1f, 0x8b], 'a gzip file'],
  [[0x89, 0x48, 0x44, 0x46], 'an HDF5 file'],
];

/** What bytes that were taken for another format seem to be, as "; it is ..."; '' when nothing is known. */
export function formatHint(bytes: Uint8Array): string {
  const found = signatures.find(([first]) => first.every((byte, i) => bytes[i] === byte))?.[1];
  if (found !== undefined) return `; it is ${found}`;
  return bytes[8] === 0x7b && bytes[6] === 0 && bytes[7] === 0 ? '; it may be a safetensors file' : '';
}
