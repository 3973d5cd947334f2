/**
 * Files whose place others may have taken by something that never ends, or that nobody writes to. Whatever opens a file
 * of which it does not know what it is does so here: opening a pipe else waits until somebody opens its other end.
 */

import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { systemErrorCode } from './errors.ts';

/** What lies at the path is a pipe, a socket or a device, or has more bytes than expected. */
export class PlainFileError extends Error {
  override readonly name: string = 'PlainFileError';
  readonly path: string;

  constructor(path: string, message: string = 'it is no plain file') {
    super(message);
    this.path = path;
  }
}

/**
 * A plain file's bytes; links are followed. Rejects with PlainFileError for pipes, sockets and devices, without waiting
 * for them, and for more than `most` bytes; otherwise as the system does.
 */
export async function readPlainFile(path: string, most: number = 2 ** 31 - 1): Promise<Uint8Array> {
  return withPlainFile(path, constants.O_RDONLY, async (file) => {
    const { size } = await file.stat();
    if (size > most) throw new PlainFileError(path, `it has ${size} bytes, at most ${most} are read`);
    return file.readFile();
  });
}

/** A plain file's first bytes, so many or all that it has; rejects as readPlainFile does. */
export async function readPlainStart(path: string, count: number): Promise<Uint8Array> {
  return withPlainFile(path, constants.O_RDONLY, async (file) => {
    const { buffer, bytesRead } = await file.read(new Uint8Array(count), 0, count, 0);
    return buffer.subarray(0, bytesRead);
  });
}

/** A plain file's bytes, at most so many at a time; throws as readPlainFile rejects. */
export async function* plainFilePieces(path: string, most: number): AsyncGenerator<Uint8Array, void> {
  const file = await openPlainFile(path, constants.O_RDONLY);
  try {
    for (let at = 0; ;) {
      const { buffer, bytesRead } = await file.read(new Uint8Array(most), 0, most, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** Appends to a plain file, which is made where there is none; links are followed. Rejects as readPlainFile does. */
export async function appendPlainFile(path: string, contents: Uint8Array | string): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT;
  await withPlainFile(path, flags, (file) => file.writeFile(contents));
}

async function withPlainFile<T>(path: string, flags: number, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await openPlainFile(path, flags);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** Opens a file without waiting for anybody. A folder is let through: reading it says best what is wrong. */
async function openPlainFile(path: string, flags: number): Promise<FileHandle> {
  let file: FileHandle;
  try {
    file = await open(path, flags | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    // a socket, or a pipe to be written to that nobody reads: the codes of Linux and of macOS
    const noFile = ['ENXIO', 'EOPNOTSUPP', 'ENOTSUP'].includes(systemErrorCode(error) ?? '');
    throw noFile ? new PlainFileError(path) : error;
  }
  try {
    const found = await file.stat();
    if (!found.isFile() && !found.isDirectory()) throw new PlainFileError(path);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}
