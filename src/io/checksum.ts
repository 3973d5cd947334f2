/**
 * Safetensors files that tell whether they were damaged: the metadata entry `tilegrad crc32` holds two CRC-32 in
 * hexadecimal, of all bytes before its own digits and of all behind them. Other programs read such a file as any other.
 * A file without the entry, older or from elsewhere, is taken as it is. (Checkpoints end in a CRC-32 instead: they have
 * no other readers, whom a further tensor would surprise.)
 */

import type { Tensor } from '../tensor/tensor.ts';
import type { Bytes } from './bytes.ts';
import { crc32 } from './crc32.ts';
import { checksumKey, decodeSafetensors, encodeSafetensors, type SafetensorsContent } from './safetensors.ts';

/** Hexadecimal digits of the two. */
const digits = 16;
/** What stands before them. Quotes within a name or a text have a backslash before them, so it stands nowhere else. */
const before = `${JSON.stringify(checksumKey)}:"`;

/** As encodeSafetensors, with the checksum. */
export function encodeWithChecksum(record: Record<string, Tensor>, metadata: Record<string, string>): Bytes {
  const file = encodeSafetensors(record, { [checksumKey]: '0'.repeat(digits), ...metadata });
  const at = placeIn(file);
  file.set(new TextEncoder().encode(checksumOf(file, at)), at);
  return file;
}

/**
 * As decodeSafetensors. Throws RangeError as well for a file with a checksum in which any byte was altered, other than
 * in the entry's own name.
 */
export function decodeWithChecksum(bytes: Uint8Array): SafetensorsContent {
  const content = decodeSafetensors(bytes);
  const at = placeIn(bytes);
  if (at >= 0 && latin(bytes.subarray(at, at + digits)) !== checksumOf(bytes, at)) {
    // who copies the metadata of a file into another one copies its checksum
    throw new RangeError(
      'the file is damaged, or its metadata is that of another file (its checksum does not match its contents; ' +
      `without the metadata entry ${before.slice(0, -2)} it is taken as it is)`,
    );
  }
  return content;
}

/** Where the digits are; -1 where there are none. */
function placeIn(file: Uint8Array): number {
  const headerLength = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const found = latin(file.subarray(8, 8 + headerLength)).indexOf(before);
  return found < 0 ? -1 : 8 + found + before.length;
}

function checksumOf(file: Uint8Array, at: number): string {
  return [file.subarray(0, at), file.subarray(at + digits)]
    .map((part) => crc32(part).toString(16).padStart(digits / 2, '0')).join('');
}

/** A character a byte. */
function latin(bytes: Uint8Array): string {
  return new TextDecoder('latin1').decode(bytes);
}
