/**
 * Decoded pictures kept between runs, so that the second one starts at once: a file a set of pictures and form, under
 * the cache folder. It is a convenience: what cannot be read, or is not what was written, is as if it were not there.
 */

import { createHash } from 'node:crypto';
import { lstat, mkdir, readdir, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeSafetensors, encodeSafetensors } from '../../io/index.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { atomicWriteFile } from '../atomic-write.ts';
import { cacheFolder } from '../cache.ts';
import { readPlainFile } from '../plain-file.ts';
import type { DecodeAnswer, PictureForm } from './decode-task.ts';
import type { PictureFile } from './list-folder.ts';

/** Pixels of pictures in one form, with what became of each file. */
export interface DecodedFiles {
  readonly pixels: Uint8Array;
  readonly answers: readonly DecodeAnswer[];
}

/** Counts up where other pixels would come of the same files. */
const version = 1;
/** A larger set is not kept. */
const maxSetBytes = 2 ** 30;
/** All sets together: those used longest ago make room. */
const maxFolderBytes = 2 ** 32;

/** Where the sets are kept. */
export function pictureCacheFolder(): string {
  return join(cacheFolder(), 'pictures');
}

/** What a set is kept under: it changes with any file's name, size or time, and with the form. */
export function cacheKey(root: string, files: readonly PictureFile[], form: PictureForm): string {
  const hash = createHash('sha256').update(JSON.stringify([version, root, form]));
  for (const { name, bytes, modified } of files) hash.update(JSON.stringify([name, bytes, modified]));
  return hash.digest('hex').slice(0, 32);
}

const pathOf = (folder: string, key: string): string => join(folder, `${key}.safetensors`);
/** What a set's file is called. The folder may be any that was named: other files in it are somebody else's. */
const setName = /^[0-9a-f]{32}\.safetensors$/;

/** The set under a key, of so many files; null where there is none, or a damaged one. */
export async function readCached(
  folder: string, key: string, count: number, rowBytes: number,
): Promise<DecodedFiles | null> {
  const path = pathOf(folder, key);
  try {
    const bytes = await readPlainFile(path, 2 * maxSetBytes);
    const { tensors, metadata } = decodeSafetensors(bytes);
    const pixels = tensors.pixels.data;
    const answers = JSON.parse(metadata.answers) as unknown;
    if (!(pixels instanceof Uint8Array) || pixels.length !== count * rowBytes) return null;
    if (!isAnswers(answers, count)) return null;
    if (checksum(pixels, metadata.answers) !== metadata.checksum) return null;
    const now = new Date();
    await utimes(path, now, now).catch(() => undefined);
    return { pixels, answers };
  } catch {
    return null;
  }
}

function isAnswers(value: unknown, count: number): value is DecodeAnswer[] {
  return Array.isArray(value) && value.length === count && value.every((answer: unknown) =>
    typeof answer === 'string' || (Array.isArray(answer) && answer.length === 2 && answer.every(Number.isInteger)));
}

function checksum(pixels: Uint8Array, answers: string): string {
  return createHash('sha256').update(pixels).update(answers).digest('hex');
}

/**
 * Keeps a set, and takes away those used longest ago where all together have more than `most` bytes. No other file of
 * the folder is touched. Never rejects.
 */
export async function writeCached(
  folder: string, key: string, { pixels, answers }: DecodedFiles, most: number = maxFolderBytes,
): Promise<void> {
  if (pixels.length > maxSetBytes) return;
  try {
    await mkdir(folder, { recursive: true });
    const text = JSON.stringify(answers);
    const contents = encodeSafetensors(
      { pixels: new Tensor(pixels, [pixels.length]) }, { answers: text, checksum: checksum(pixels, text) },
    );
    await makeRoom(folder, most - contents.length);
    await atomicWriteFile(pathOf(folder, key), contents);
  } catch { // a full or read-only disk: the next run decodes again
  }
}

async function makeRoom(folder: string, most: number): Promise<void> {
  const found = await Promise.all((await readdir(folder)).filter((name) => setName.test(name)).map(async (name) => {
    const path = join(folder, name);
    // none where another process has just taken it away
    return { path, stats: await lstat(path).catch(() => null) };
  }));
  const sets = found.flatMap(({ path, stats }) =>
    (stats?.isFile() ? [{ path, size: stats.size, mtimeMs: stats.mtimeMs }] : []));
  let total = sets.reduce((sum, { size }) => sum + size, 0);
  for (const { path, size } of sets.sort((a, b) => a.mtimeMs - b.mtimeMs)) {
    if (total <= most) return;
    await rm(path, { force: true });
    total -= size;
  }
}
