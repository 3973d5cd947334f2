/**
 * The picture files of a folder with one subfolder a class. Nothing is opened here: links that lead out of the folder,
 * pipes and devices are named and left alone.
 */

import { readdir, realpath, stat } from 'node:fs/promises';
import type { Dirent } from 'node:fs';
import { join, sep } from 'node:path';
import { DataFileError, explainSystemError } from '../errors.ts';

/** A file that is to be read as a picture. */
export interface PictureFile {
  /** where it is, below the data set's folder, parts separated by / */
  readonly name: string;
  readonly label: number;
  /** the file itself: a link inside the folder is already followed */
  readonly path: string;
  readonly bytes: number;
  /** milliseconds since 1970 */
  readonly modified: number;
}

/** A file that holds no picture which can be used, and why. */
export interface UnreadableFile {
  readonly path: string;
  readonly reason: string;
}

/** Subfolders of a class that are looked into, one in another. */
const maxDepth = 16;

/** Compares texts by their code units: the same order on every system, which readdir's is not. */
const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** What begins with a dot, and what systems leave in folders that they show, is not part of a data set. */
const isHidden = (name: string): boolean => name.startsWith('.') || /^(thumbs\.db|desktop\.ini|__macosx)$/i.test(name);

/** The entries of a folder by name, without hidden ones. Rejects with DataFileError. */
export async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter(({ name }) => !isHidden(name)).sort((a, b) => byName(a.name, b.name));
  } catch (error) {
    throw new DataFileError(`cannot read the folder ${folder}: ${explainSystemError(error)}`, folder, error);
  }
}

/**
 * Lists the files below root/name for a class, those in further folders too.
 *
 * @param root the data set's folder, links resolved: what leads out of it is not followed
 */
export async function listClass(
  root: string, name: string, label: number, maxFiles: number,
): Promise<{ files: PictureFile[]; unreadable: UnreadableFile[] }> {
  const files: PictureFile[] = [];
  const unreadable: UnreadableFile[] = [];
  const refuse = (path: string, reason: string): void => void unreadable.push({ path, reason });

  async function visit(folder: string, depth: number): Promise<void> {
    for (const entry of await entriesOf(join(root, folder))) {
      const inside = `${folder}/${entry.name}`;
      const path = join(root, inside);
      if (entry.isDirectory()) {
        if (depth < maxDepth) await visit(inside, depth + 1);
        else refuse(inside, `folders are looked into ${maxDepth} deep`);
      } else if (entry.isFile() || entry.isSymbolicLink()) await add(inside, path, entry.isSymbolicLink());
      else refuse(inside, 'neither a file nor a folder');
    }
  }

  async function add(inside: string, path: string, isLink: boolean): Promise<void> {
    try {
      const real = isLink ? await realpath(path) : path;
      if (isLink && !real.startsWith(root + sep)) return refuse(inside, 'a link that leads out of the folder');
      const found = await stat(real);
      if (!found.isFile()) return refuse(inside, isLink ? 'a link to what is no file' : 'no longer a file');
      files.push({ name: inside, label, path: real, bytes: found.size, modified: found.mtimeMs });
    } catch (error) {
      return refuse(inside, explainSystemError(error));
    }
    if (files.length > maxFiles) {
      throw new DataFileError(`${root} holds more than ${maxFiles} files, which is as many as may be read`, root);
    }
  }

  await visit(name, 1);
  return { files, unreadable };
}
