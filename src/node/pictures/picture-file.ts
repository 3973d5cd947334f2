/** The bytes of a picture file, whatever it turns out to be. */

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { explainSystemError, systemErrorCode } from '../errors.ts';

/** Pictures of more pixels than this are refused from their header, unless told otherwise: 8192 x 8192. */
export const maxPicturePixels: number = 2 ** 26;

/**
 * A file's bytes, if it is a plain file and not larger than the largest allowed picture can need. The thread waits for
 * them: it has nothing else to do, and small files are read sooner than a promise is kept. Throws Error for a link, for
 * what is no plain file, and for what system calls do.
 */
export function readPictureFile(path: string, maxPixels: number): Uint8Array {
  // a link, or a pipe, that has taken the file's place since it was listed is not followed or waited for
  const file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  try {
    const found = fstatSync(file);
    if (found.isDirectory()) throw new Error('it is a folder, not a picture file');
    if (!found.isFile()) throw new Error('it is no plain file');
    const most = 8 * maxPixels + 2 ** 20; // four channels of 16 bits, and what stands around them
    if (found.size > most) throw new Error(`the file has ${found.size} bytes, more than a picture of ${maxPixels} pixels needs`);
    const bytes = new Uint8Array(found.size);
    let filled = 0;
    while (filled < bytes.length) {
      const bytesRead = readSync(file, bytes, filled, bytes.length - filled, filled);
      if (bytesRead === 0) throw new Error('the file became shorter while it was read');
      filled += bytesRead;
    }
    return bytes;
  } finally {
    closeSync(file);
  }
}

/** Why a file gave no picture, from what reading or decoding it threw. */
export function whyUnreadable(error: unknown): string {
  if (systemErrorCode(error) !== undefined) return explainSystemError(error);
  return error instanceof Error ? error.message : String(error);
}
