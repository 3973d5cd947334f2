/** NumPy's .npz format (numpy.savez): a zip archive with one .npy file for every named array. */

import { zipSync, type Zippable } from 'fflate';
import { checkBoolean, checkInteger, checkOptions, describe } from '../runtime/check.ts';
import { printable } from '../runtime/text.ts';
import { checkTensor } from '../tensor/check.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkBytes, checkRecord, type Bytes } from './bytes.ts';
import { decodeNpyAs, encodeNpy } from './npy.ts';
import { listZip, readZipEntry } from './zip.ts';

export interface EncodeNpzOptions {
  /** deflate the arrays, as numpy.savez_compressed does; false stores them, as numpy.savez does (default) */
  compress?: boolean;
}

export interface DecodeNpzOptions {
  /** the most bytes that all arrays together may take, a guard against zip bombs; 64 MiB + 100 times the archive's */
  maxBytes?: number;
}

/** Weights shrink to a half at best, masks and one-hot labels to a hundredth; small archives may hold a little more. */
const defaultMaxBytes = (length: number): number => 2 ** 26 + 100 * length;

/** Zip counts a name's bytes in 16 bits; `.npy` takes four of them. */
const maxNameBytes = 0xffff - 4;

/** Zip keeps a date for each entry; a fixed one makes equal records give equal bytes. */
const entryDate: Date = new Date(1980, 0, 1);

/**
 * Encodes named tensors as an .npz archive that numpy.load reads. Throws TypeError for anything but tensors, RangeError
 * for a name that a zip archive cannot hold (empty, too long, or with a NUL).
 */
export function encodeNpz(record: Record<string, Tensor>, options: EncodeNpzOptions = {}): Bytes {
  const fn = 'encodeNpz';
  checkRecord(fn, 'record', record);
  checkOptions(fn, options, ['compress']);
  const compress = options.compress === undefined ? false : checkBoolean(fn, 'compress', options.compress);
  const files: Array<[string, Zippable[string]]> = Object.entries(record).map(([name, value]) => {
    const tensor = checkTensor(fn, `record[${describe(name)}]`, value);
    if (name === '' || name.includes('\0') || new TextEncoder().encode(name).length > maxNameBytes) {
      throw new RangeError(`${fn}: a name must have 1 to ${maxNameBytes} bytes and no NUL, got ${describe(name)}`);
    }
    return [`${name}.npy`, [encodeNpy(tensor), { level: compress ? 6 : 0, mtime: entryDate }]];
  });
  return zipSync(Object.fromEntries(files));
}

/**
 * Decodes an .npz archive into tensors by name, in the archive's order. Element types are treated as decodeNpy does.
 * Throws TypeError unless bytes is a Uint8Array, RangeError for a file that is no zip archive, is cut off or damaged
 * (checksums are verified), would inflate to more than maxBytes, or holds anything but supported .npy files.
 */
export function decodeNpz(bytes: Uint8Array, options: DecodeNpzOptions = {}): Record<string, Tensor> {
  const fn = 'decodeNpz';
  checkBytes(fn, bytes);
  checkOptions(fn, options, ['maxBytes']);
  const maxBytes = checkInteger(fn, 'maxBytes', options.maxBytes ?? defaultMaxBytes(bytes.length), 0);
  const tensors = listZip(fn, bytes, maxBytes).map((entry): [string, Tensor] => {
    if (!entry.name.endsWith('.npy')) throw new RangeError(`${fn}: entry ${printable(entry.name)} is not a .npy file`);
    return [entry.name.slice(0, -4), decodeNpyAs(`${fn}: entry ${printable(entry.name)}`, readZipEntry(fn, entry))];
  });
  return Object.fromEntries(tensors);
}
