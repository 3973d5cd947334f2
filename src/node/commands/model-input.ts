/** Reading what commands on trained models are given: a model file, or the folder of a run that holds one. */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { loadModel } from '../../io/index.ts';
import type { LoadedModel } from '../../io/index.ts';
import { DataFileError, explainSystemError } from '../errors.ts';
import { readPlainFile } from '../plain-file.ts';

/** The bytes of a file. Rejects with DataFileError, which says why there are none. */
async function bytesOf(path: string): Promise<Uint8Array> {
  try {
    return await readPlainFile(path);
  } catch (error) {
    throw new DataFileError(`cannot read ${path}: ${explainSystemError(error)}`, path, error);
  }
}

/** The model file at a path, or in the folder of a run. Rejects with DataFileError where there is none. */
export async function modelBytes(path: string): Promise<Uint8Array> {
  return bytesOf(await modelPath(path));
}

/** Where that file is, if there is one. */
export async function modelPath(path: string): Promise<string> {
  const isFolder = await stat(path).then((found) => found.isDirectory(), () => false);
  return isFolder ? join(path, 'model.safetensors') : path;
}

/** The model in a file. Rejects with DataFileError for one that is missing or is no model. */
export async function readModelFile(path: string): Promise<LoadedModel> {
  const bytes = await modelBytes(path);
  return using(path, () => loadModel(bytes));
}

/** What read makes of what a file holds. Throws DataFileError, which names the file, where read throws. */
export function using<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new DataFileError(`cannot use ${path}: ${error instanceof Error ? error.message : String(error)}`, path, error);
  }
}
