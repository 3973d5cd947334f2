/**
 * Replacing a file so that a reader, or a process started after a crash, finds either the previous contents or the new
 * ones, whole: write a temporary file in the same folder, flush it to the disk, rename it over the target (POSIX makes
 * the rename atomic), then flush the folder, so that the rename itself survives a power cut.
 */

import { randomBytes } from 'node:crypto';
import { lstat, open, readdir, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { describe } from '../runtime/check.ts';
import { DataFileError, explainSystemError, systemErrorCode } from './errors.ts';
import { noFileAt } from './no-file.ts';

/** A temporary file this old, in milliseconds, belongs to a process that died: no single write takes an hour. */
const abandonedAfter = 60 * 60 * 1000;

/**
 * Writes contents to path, replacing what is there, all or nothing. A file that is replaced hands on its permissions
 * and, where that is allowed, its owner; a link is replaced, not followed.
 *
 * Throws TypeError for contents of another kind, and DataFileError, with the target untouched, when it is a folder, a
 * pipe, a socket, a device or a link to one, the folder is missing or not writable, or the disk is full.
 */
export async function atomicWriteFile(path: string, contents: Uint8Array | string): Promise<void> {
  if (typeof path !== 'string' || path === '') {
    throw new TypeError(`atomicWriteFile: path must be a non-empty string, got ${describe(path)}`);
  }
  if (typeof contents !== 'string' && !(contents instanceof Uint8Array)) {
    throw new TypeError(`atomicWriteFile: contents must be a string or a Uint8Array, got ${describe(contents)}`);
  }
  const target = resolve(path);
  const folder = dirname(target);
  // rename would put a file in the place of /dev/null as well
  const kind = await noFileAt(target);
  if (kind !== null) throw new DataFileError(`atomicWriteFile: cannot write ${target}: it is ${kind}`, target);
  const temporary = join(folder, `${temporaryPrefix(target)}${process.pid}-${randomBytes(6).toString('hex')}.tmp`);
  try {
    const before = await lstat(target).then((found) => (found.isFile() ? found : null), () => null);
    // wx: never write through a file or link that someone else put there
    const file = await open(temporary, 'wx', before?.mode);
    try {
      if (before !== null) {
        await file.chown(before.uid, before.gid).catch(() => undefined);
        await file.chmod(before.mode & 0o7777).catch(() => undefined);
      }
      await file.writeFile(contents);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
    await syncFolder(folder);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw new DataFileError(`atomicWriteFile: cannot write ${target}: ${explainSystemError(error)}`, target, error);
  }
  await removeTemporaries(target, async (_, path) => Date.now() - (await lstat(path)).mtimeMs > abandonedAfter);
}

/** Flushes a folder's entries to the disk, where the platform can; Windows cannot open a folder, and needs no flush. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!['EPERM', 'EISDIR', 'EINVAL', 'EACCES', 'ENOTSUP'].includes(systemErrorCode(error) ?? '')) throw error;
  }
}

/**
 * A dot and how the target's name begins: so many characters of at most four bytes that the whole stays below the 255
 * bytes of a name, however long the target's is.
 */
function temporaryPrefix(target: string): string {
  return `.${[...basename(target)].slice(0, 40).join('')}.`;
}

/**
 * Removes the temporary files of target, and of files beside it whose long names begin alike, of which isAbandoned,
 * told the writing process and the path, says that nobody will finish them. Failing to is no reason to fail whatever
 * else is done.
 */
export async function removeTemporaries(
  target: string, isAbandoned: (pid: number, path: string) => Promise<boolean>,
): Promise<void> {
  const folder = dirname(target);
  const prefix = temporaryPrefix(target);
  try {
    for (const name of await readdir(folder)) {
      if (!name.startsWith(prefix)) continue;
      const [, pid] = /^(\d+)-[0-9a-f]{12}\.tmp$/.exec(name.slice(prefix.length)) ?? [];
      const path = join(folder, name);
      if (pid !== undefined && (await isAbandoned(Number(pid), path))) await unlink(path);
    }
  } catch {
    // another process may have removed it first, or the folder may not be listable
  }
}
