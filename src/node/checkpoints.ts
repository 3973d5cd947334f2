/** Checkpoints as files, each replaced whole: a run killed at any moment leaves the previous one or the new one. */

import { dirname, resolve } from 'node:path';
import { describe } from '../runtime/check.ts';
import type { CheckpointStore } from '../train/checkpoint-store.ts';
import { atomicWriteFile } from './atomic-write.ts';
import { DataFileError, explainSystemError } from './errors.ts';
import { makeFolder } from './make-folder.ts';
import { readPlainFile } from './plain-file.ts';

/** A checkpoint store that can also be read from. */
export interface FileCheckpointStore extends CheckpointStore {
  /** the bytes last written under the name; null when there are none */
  read(name: string): Promise<Uint8Array | null>;
}

/**
 * Keeps checkpoints as files in a folder, which is made when the first one is written.
 *
 * @param folder where they go; default the working directory. Names may contain further folders.
 */
export function fileCheckpointStore(folder: string = '.'): FileCheckpointStore {
  if (typeof folder !== 'string') {
    throw new TypeError(`fileCheckpointStore: folder must be a string, got ${describe(folder)}`);
  }
  const pathOf = (name: string): string => {
    if (typeof name !== 'string' || name === '') {
      throw new TypeError(`fileCheckpointStore: name must be a non-empty string, got ${describe(name)}`);
    }
    return resolve(folder, name);
  };
  return {
    async write(name, bytes) {
      const path = pathOf(name);
      await makeFolder(dirname(path));
      await atomicWriteFile(path, bytes);
    },
    async read(name) {
      const path = pathOf(name);
      try {
        return new Uint8Array(await readPlainFile(path));
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
        throw new DataFileError(`fileCheckpointStore: cannot read ${path}: ${explainSystemError(error)}`, path, error);
      }
    },
  };
}
