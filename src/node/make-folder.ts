/** Making folders. */

import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DataFileError, explainSystemError, systemErrorCode } from './errors.ts';

/**
 * Makes a folder and those above it that are missing; what is there already stays. Rejects with DataFileError where
 * that cannot be done.
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await make(path);
  } catch (error) {
    throw new DataFileError(`cannot make the folder ${path}: ${explainSystemError(error)}`, path, error);
  }
}

/**
 * One folder after another: with `recursive`, mkdir of Node tries for ever where a folder exists and refuses new ones
 * as if it did not, as /proc does.
 */
async function make(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT' || dirname(path) === path) return await unlessThere(path, error);
    await make(dirname(path));
    await mkdir(path).catch((again: unknown) => unlessThere(path, again));
  }
}

/** Where the folder is there, all is well, whoever made it (the codes for that differ by system); else throws on. */
async function unlessThere(path: string, error: unknown): Promise<void> {
  if (!(await stat(path).then((found) => found.isDirectory(), () => false))) throw error;
}
