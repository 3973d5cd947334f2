/** Checks and small readings that the formats share. */

import { describe } from '../runtime/check.ts';

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
