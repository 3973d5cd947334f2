/** Pictures of one's own: a folder with one subfolder a class, whose name the class has. */

import { realpath } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { stratifiedOrder, stratifiedSplit } from '../../data/split.ts';
import type { ImageDataset, LabelledImages } from '../../data/cifar10.ts';
import {
  checkBoolean, checkFunction, checkInteger, checkNumber, checkOneOf, checkOptions, describe,
} from '../../runtime/check.ts';
import { Rng } from '../../tensor/random/rng.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { DataFileError, explainSystemError } from '../errors.ts';
import type { DecodeAnswer, PictureForm } from '../pictures/decode-task.ts';
import { decodeFiles } from '../pictures/decoder-pool.ts';
import { entriesOf, listClass } from '../pictures/list-folder.ts';
import type { PictureFile, UnreadableFile } from '../pictures/list-folder.ts';
import { maxPicturePixels } from '../pictures/picture-file.ts';
import { cacheKey, pictureCacheFolder, readCached, writeCached } from '../pictures/picture-cache.ts';

/** What loadImageFolder takes. */
export interface ImageFolderOptions {
  /** height and width that every picture is brought to, or one number for both; 32 unless given */
  size?: number | readonly [height: number, width: number];
  /** 3 for RGB, 1 for grey; 3 unless given. Transparent pixels are laid over white. */
  channels?: 1 | 3;
  /** crop takes the middle of each picture in the wanted proportions, stretch changes its own; crop unless given */
  fit?: 'crop' | 'stretch';
  /** the share of each class that becomes the test set; 0.2 unless given. Not used where the folder has a test set. */
  testShare?: number;
  /** of the split and of the order; 0 unless given */
  seed?: number;
  /** skip names files that cannot be read in `unreadable`, error ends at the first; skip unless given */
  onUnreadable?: 'skip' | 'error';
  /** threads that decode; one a core unless given */
  threads?: number;
  /** keep the decoded pictures in the cache folder, or in the folder named; true unless given */
  cache?: boolean | string;
  /** pictures of more pixels are refused from their header; 2^26 (8192 x 8192) unless given */
  maxPixels?: number;
  /** more bytes of decoded pictures than this are refused before any is read; 2^31 unless given */
  maxBytes?: number;
  signal?: { readonly aborted: boolean };
  /** told now and then how many files have been read */
  onProgress?: (done: number, total: number) => void;
}

/** The pictures of a folder as a data set, with where each came from. */
export interface ImageFolder extends ImageDataset {
  /** the files of the images, below the folder, in their order */
  readonly trainFiles: readonly string[];
  readonly testFiles: readonly string[];
  /** height and width of the files' pictures, upright, in the order of trainFiles, then testFiles */
  readonly sizes: ReadonlyArray<readonly [width: number, height: number]>;
  /** files that hold no picture which can be used, with the reasons */
  readonly unreadable: readonly UnreadableFile[];
}

/** The names of the options. */
export const imageFolderOptionNames: readonly string[] = [
  'size', 'channels', 'fit', 'testShare', 'seed', 'onUnreadable', 'threads', 'cache', 'maxPixels', 'maxBytes', 'signal',
  'onProgress',
];

/** The folders that split a data set already, in the order in which the second is looked for. */
const trainFolder = 'train';
const testFolders: readonly string[] = ['test', 'val', 'valid', 'validation'];

/**
 * Reads a folder of PNG and JPEG files, one subfolder a class (further folders inside one belong to it), decoded in
 * worker threads, turned upright, cropped and resized with antialiasing to one size. A folder that holds `train` and
 * `test` (or `val`, `valid`, `validation`) with the classes below each keeps that split; else the test images are drawn
 * from seed, of each class its share. The images are in an order drawn from seed in which every stretch has the classes
 * in their proportions, so that the last training images may be held back for validation.
 *
 * JPEG files far larger than size are decoded at a half, a quarter or an eighth, but never below twice the size.
 * Memory: N x channels x height x width bytes, at most maxBytes, twice while they are put in order, and for each thread
 * up to some 20 bytes a pixel of the picture it decodes.
 *
 * @returns train and test: uint8 images (N, channels, height, width) and labels; class names, in the order of their
 * code units; file names and sizes; what could not be read
 * @throws DataFileError (a RangeError) for a folder that is missing, has fewer than one class with a readable picture
 * or too much for maxBytes, and, where onUnreadable is 'error', for the first file that cannot be read; TypeError and
 * RangeError for bad options; DecoderThreadError where the threads cannot run; the signal's reason
 */
export async function loadImageFolder(path: string, options: ImageFolderOptions = {}): Promise<ImageFolder> {
  const fn = 'loadImageFolder';
  if (typeof path !== 'string' || path === '') {
    throw new TypeError(`${fn}: path must be a non-empty string, got ${describe(path)}`);
  }
  const plan = checkPlan(fn, options);
  let root: string;
  try {
    root = await realpath(path);
  } catch (error) {
    throw new DataFileError(`${fn}: cannot read ${path}: ${explainSystemError(error)}`, path, error);
  }
  const listing = await listParts(fn, path, root, plan.maxFiles);
  const { files } = listing;
  const decoded = await decodedFiles(root, files, plan);
  const unreadable = [...listing.unreadable];
  files.forEach(({ name }, i) => {
    const answer = decoded.answers[i];
    if (typeof answer === 'string') unreadable.push({ path: name, reason: answer });
  });
  if (plan.onUnreadable === 'error' && unreadable.length > 0) {
    const [{ path: first, reason }] = unreadable;
    throw new DataFileError(
      `${fn}: ${join(path, first)} cannot be read: ${reason} (${unreadable.length} such ${unreadable.length === 1 ? 'file' : 'files'})`,
      join(path, first),
    );
  }
  return arrange(fn, path, listing, decoded, unreadable, plan);
}

type Plan = ReturnType<typeof checkPlan>;

function checkPlan(fn: string, options: ImageFolderOptions) {
  checkOptions(fn, options, imageFolderOptionNames);
  const { size = 32, channels = 3, onProgress, cache = true } = options;
  const signal = options.signal as AbortSignal | undefined;
  const sides = typeof size === 'number' ? [size, size] : size;
  if (!Array.isArray(sides) || sides.length !== 2) {
    throw new TypeError(`${fn}: size must be an integer or [height, width], got ${describe(size)}`);
  }
  const [height, width] = sides.map((side) => checkInteger(fn, 'size', side, 1, 4096));
  if (channels !== 1 && channels !== 3) throw new RangeError(`${fn}: channels must be 1 or 3, got ${describe(channels)}`);
  if (typeof cache !== 'string') checkBoolean(fn, 'cache (or a folder)', cache);
  if (onProgress !== undefined) checkFunction(fn, 'onProgress', onProgress);
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(`${fn}: signal must be an AbortSignal, got ${describe(signal)}`);
  }
  const form: PictureForm = {
    height, width, channels, fit: checkOneOf(fn, 'fit', options.fit ?? 'crop', ['crop', 'stretch']),
    maxPixels: checkInteger(fn, 'maxPixels', options.maxPixels ?? maxPicturePixels, 1, 2 ** 30),
  };
  const maxBytes = checkInteger(fn, 'maxBytes', options.maxBytes ?? 2 ** 31, 1, 2 ** 33);
  return {
    form, signal, onProgress, maxFiles: Math.floor(maxBytes / (height * width * channels)),
    cache: cache === false ? null : cache === true ? pictureCacheFolder() : cache,
    testShare: checkNumber(fn, 'testShare', options.testShare ?? 0.2, 0, 1),
    seed: checkInteger(fn, 'seed', options.seed ?? 0, 0),
    onUnreadable: checkOneOf(fn, 'onUnreadable', options.onUnreadable ?? 'skip', ['skip', 'error']),
    threads: checkInteger(fn, 'threads', options.threads ?? availableParallelism(), 1, 256),
  };
}

interface Listing {
  readonly files: readonly PictureFile[];
  readonly unreadable: readonly UnreadableFile[];
  readonly classNames: readonly string[];
  /** the first file of the folder's own test set; null where it has none */
  readonly firstTest: number | null;
}

/** The files of all classes. */
async function listParts(fn: string, path: string, root: string, maxFiles: number): Promise<Listing> {
  const entries = await entriesOf(root);
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const links = entries.filter((entry) => entry.isSymbolicLink()).map(({ name }) => ({ path: name, reason: 'a link where the classes are' }));
  const testFolder = testFolders.find((name) => folders.includes(name));
  const isSplit = folders.includes(trainFolder) && testFolder !== undefined;
  const parts = isSplit ? [trainFolder, testFolder] : [''];
  const below = async (part: string): Promise<string[]> =>
    (await entriesOf(join(root, part))).filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const classNames = isSplit ? await below(trainFolder) : folders;
  if (classNames.length === 0) {
    throw new DataFileError(`${fn}: ${path} holds no folders, expected one for each class`, path);
  }
  const files: PictureFile[] = [];
  const unreadable: UnreadableFile[] = [...links];
  let firstTest: number | null = null;
  for (const part of parts) {
    if (part === testFolder) firstTest = files.length;
    for (const name of part === '' ? classNames : await below(part)) {
      const inside = part === '' ? name : `${part}/${name}`;
      if (!classNames.includes(name)) {
        unreadable.push({ path: inside, reason: `a class that ${trainFolder} does not have` });
        continue;
      }
      const found = await listClass(root, inside, classNames.indexOf(name), maxFiles - files.length);
      for (const file of found.files) files.push(file);
      unreadable.push(...found.unreadable);
    }
  }
  return { files, unreadable, classNames, firstTest };
}

/** The files' pixels, from the cache where they are there. */
async function decodedFiles(
  root: string, files: readonly PictureFile[], { form, cache, threads, signal, onProgress }: Plan,
): Promise<{ pixels: Uint8Array; answers: readonly DecodeAnswer[] }> {
  signal?.throwIfAborted();
  const key = cacheKey(root, files, form);
  const rowBytes = form.channels * form.height * form.width;
  const kept = cache === null ? null : await readCached(cache, key, files.length, rowBytes);
  // files that could not be read are tried again: what was wrong may lie outside them
  const wanted = Array.from(files.keys()).filter((i) => kept === null || typeof kept.answers[i] === 'string');
  if (kept !== null && wanted.length === 0) return kept;
  const decoded = await decodeFiles(wanted.map((i) => files[i].path), form, { threads, signal, onProgress });
  if (kept !== null) {
    const answers = [...kept.answers];
    wanted.forEach((i, k) => {
      answers[i] = decoded.answers[k];
      kept.pixels.set(decoded.pixels.subarray(k * rowBytes, (k + 1) * rowBytes), i * rowBytes);
    });
    return { pixels: kept.pixels, answers };
  }
  if (cache !== null) await writeCached(cache, key, decoded);
  return decoded;
}

/** Puts the readable pictures in their order, without classes that have none. */
function arrange(
  fn: string, path: string, { files, classNames, firstTest }: Listing,
  { pixels, answers }: { pixels: Uint8Array; answers: readonly DecodeAnswer[] }, unreadable: UnreadableFile[],
  { form, seed, testShare }: Plan,
): ImageFolder {
  const readable = Array.from(files.keys()).filter((i) => typeof answers[i] !== 'string');
  const present = classNames.filter((_, label) => readable.some((i) => files[i].label === label));
  if (readable.length === 0) {
    const first = unreadable.length === 0 ? '' : `, the first of ${unreadable.length}: ${unreadable[0].path}: ${unreadable[0].reason}`;
    throw new DataFileError(`${fn}: ${path} holds no picture that can be read${first}`, path);
  }
  for (const name of classNames) {
    if (!present.includes(name)) unreadable.push({ path: name, reason: 'a class without a picture that can be read' });
  }
  const newLabel = classNames.map((name) => present.indexOf(name));
  const rng = new Rng(seed);
  const labelsOf = (rows: readonly number[]): Int32Array => Int32Array.from(rows, (i) => newLabel[files[i].label]);
  let train: number[];
  let test: number[];
  if (firstTest === null) {
    [train, test] = stratifiedSplit(labelsOf(readable), testShare, rng)
      .map((part) => Array.from(part, (i) => readable[i]));
  } else {
    [train, test] = [readable.filter((i) => i < firstTest), readable.filter((i) => i >= firstTest)].map((rows) =>
      Array.from(stratifiedOrder(labelsOf(rows), rng), (i) => rows[i]));
  }
  if (train.length === 0) throw new DataFileError(`${fn}: ${path} leaves no picture to train on`, path);
  const { channels, height, width } = form;
  const rowBytes = channels * height * width;
  const images = (rows: readonly number[]): LabelledImages => {
    const data = new Uint8Array(rows.length * rowBytes);
    rows.forEach((row, i) => data.set(pixels.subarray(row * rowBytes, (row + 1) * rowBytes), i * rowBytes));
    return { images: new Tensor(data, [rows.length, channels, height, width]), labels: labelsOf(rows) };
  };
  const names = (rows: readonly number[]): string[] => rows.map((i) => files[i].name);
  return {
    train: images(train), test: images(test), classNames: present, trainFiles: names(train), testFiles: names(test),
    sizes: [...train, ...test].map((i) => answers[i] as [number, number]), unreadable,
  };
}
