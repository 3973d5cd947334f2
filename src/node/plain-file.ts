/** Whole files whose place others may have taken by something that never ends, or that nobody writes to. */

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/**
 * A plain file's bytes; links are followed. Rejects with Error for pipes and devices, without waiting for them, for
 * more than `most` bytes, and as the system does.
 */
export async function readPlainFile(path: string, most: number = 2 ** 31 - 1): Promise<Uint8Array> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const found = await file.stat();
    if (!found.isFile() && !found.isDirectory()) throw new Error('it is no plain file');
    if (found.size > most) throw new Error(`it has ${found.size} bytes, at most ${most} are read`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}
