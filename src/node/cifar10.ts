/**
 * CIFAR-10 from the disk: the folder of the binary release, or its tar or tar.gz as it was downloaded.
 *
 * Everything is streamed: the decompressor's current chunk and the images themselves are all that is in memory. What an
 * archive claims is checked before memory is set aside for it, and what it inflates to is bounded, so a damaged,
 * foreign or hostile file ends in an error that says what was expected.
 */

import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { checkBoolean, checkOptions, describe } from '../runtime/check.ts';
import type { ImageDataset } from '../data/cifar10.ts';
import {
  batchFileNames, boundedBytes, cifar10ArchiveName, Cifar10Collector, otherVersion, otherVersionText,
} from '../data/cifar10-collector.ts';
import { prepareImages, prepareOptionNames } from '../data/preprocess.ts';
import type { PreparedImages, PrepareOptions } from '../data/preprocess.ts';
import { readTar } from '../data/tar.ts';
import { samplesSvg } from '../viz/index.ts';
import { DataFileError, explainSystemError, systemErrorCode } from './errors.ts';
import { chunkBytes, explainedFileError, inflatedBytes, isGzip, isTar, readHead } from './inflated-file.ts';
import { plainFilePieces } from './plain-file.ts';

/** The folder inside the archive. */
const releaseFolder = 'cifar-10-batches-bin';

/**
 * Reads the whole data set.
 *
 * @param path the release's tar.gz (or tar), the folder with its six .bin files, or a folder that holds either
 * @returns train: uint8 images (50000,3,32,32) and labels; test: (10000,3,32,32); the class names. Smaller batch files
 * of the same layout are read too.
 * @throws DataFileError (a RangeError) naming the path, and the batch file, when something is missing, unreadable, cut
 * short, corrupted, too large or not CIFAR-10; TypeError when path is not a string
 */
export async function loadCifar10(path: string): Promise<ImageDataset> {
  return load('loadCifar10', path);
}

async function load(fn: string, path: string): Promise<ImageDataset> {
  if (typeof path !== 'string' || path === '') {
    throw new TypeError(`${fn}: path must be a non-empty string, got ${describe(path)}`);
  }
  try {
    const collector = new Cifar10Collector(`${fn}: ${path}`);
    const { folder, file } = await locate(fn, path);
    if (folder !== undefined) await readFolder(fn, folder, collector);
    else await collector.collect(readTar(await inflated(fn, file)));
    return collector.finish();
  } catch (error) {
    throw explainedFileError(fn, path, error);
  }
}

/**
 * Reads the data set and prepares it for training as the course does: the first 49,000 training images to train on, the
 * next 1,000 for validation, the first 1,000 test images; the mean training image subtracted; float32. From a folder
 * with fewer images, all that there are, of which a tenth for validation.
 *
 * @param path as loadCifar10 takes it
 * @param options numTraining, numValidation, numTest (10,000 for all), subtractMean, normalize: see prepareImages;
 * visualize: true adds samples, an SVG with the first seven training images of each class
 * @throws what loadCifar10 and prepareImages throw, in its own name
 */
export async function getCifar10Data(
  path: string, options: PrepareOptions & { visualize?: boolean } = {},
): Promise<PreparedImages & { samples?: string }> {
  checkOptions('getCifar10Data', options, [...prepareOptionNames, 'visualize']);
  const { visualize = false, ...split } = options;
  checkBoolean('getCifar10Data', 'visualize', visualize);
  const set = await load('getCifar10Data', path);
  const left = set.train.labels.length - (split.numValidation ?? 0);
  const numTraining = split.numTraining ?? (left >= 49000 ? 49000 : undefined);
  const numTest = split.numTest ?? Math.min(1000, set.test.labels.length);
  const prepared = prepareImages(set, { ...split, numTraining, numTest }, 'getCifar10Data');
  if (!visualize) return prepared;
  return { ...prepared, samples: samplesSvg(set.train.images, set.train.labels, set.classNames) };
}

/** Where the batch files are: in a folder, or in an archive. */
type Place = { folder: string; file?: undefined } | { folder?: undefined; file: string };

async function locate(fn: string, path: string): Promise<Place> {
  const found = await stat(path).catch((error: unknown) => {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    const why = `${explainSystemError(error)}; npx tilegrad data cifar10 downloads the archive and says where it lies`;
    throw new DataFileError(`${fn}: cannot read ${path}: ${why}`, path, error);
  });
  if (found.isFile()) return { file: path };
  if (!found.isDirectory()) throw new DataFileError(`${fn}: ${path} is neither a file nor a folder`, path);
  for (const folder of [path, join(path, releaseFolder)]) {
    for (const name of batchFileNames) {
      if (await exists(join(folder, name))) return { folder };
    }
  }
  const archive = join(path, cifar10ArchiveName);
  if (await exists(archive)) return { file: archive };
  for (const name of await readdir(path)) {
    const version = otherVersion(name);
    if (version !== null) throw new DataFileError(otherVersionText(`${fn}: ${path}`, `holds ${name}`, version), path);
  }
  throw new DataFileError(
    `${fn}: the folder ${path} holds neither ${batchFileNames.join(', ')} nor ${cifar10ArchiveName}`, path,
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT' || systemErrorCode(error) === 'ENOTDIR') return false;
    throw error;
  }
}

async function readFolder(fn: string, folder: string, collector: Cifar10Collector): Promise<void> {
  for (const name of batchFileNames) {
    const path = join(folder, name);
    if (!(await exists(path))) continue;
    const found = await stat(path).catch((error: unknown) => {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
      const why = `${explainSystemError(error)}; npx tilegrad data cifar10 downloads the archive and says where it lies`;
      throw new DataFileError(`${fn}: cannot read ${path}: ${why}`, path, error);
    });
    if (!found.isFile()) throw new DataFileError(`${fn}: ${path} must be a file`, path);
    const decoder = collector.start(name, found.size);
    for await (const chunk of plainFilePieces(path, chunkBytes)) decoder.push(chunk);
    decoder.result();
  }
}

/** The bytes of a tar, inflated when they are a gzip's, and never more than CIFAR-10 has. */
async function inflated(fn: string, path: string): Promise<AsyncIterable<Uint8Array>> {
  const head = await readHead(path);
  if (!isGzip(head) && !isTar(head)) {
    const version = otherVersion(basename(path));
    if (version !== null && startsAs(head, pickle)) throw new DataFileError(otherVersionText(`${fn}: ${path}`, 'is a pickle', version), path);
    throw new DataFileError(
      `${fn}: ${path} must be a folder, a tar.gz or a tar with CIFAR-10's binary release; it is ${kindOf(head)}`, path,
    );
  }
  return boundedBytes(`${fn}: ${path}`, inflatedBytes(path, head));
}

/** How formats that one may mistake for a release begin. */
const zip: readonly number[] = [0x50, 0x4b, 0x03, 0x04];
const pickle: readonly number[] = [0x80];

function kindOf(head: Uint8Array): string {
  if (head.length === 0) return 'empty';
  return startsAs(head, zip) ? 'a zip archive' : 'none of these';
}

function startsAs(head: Uint8Array, signature: readonly number[]): boolean {
  return signature.every((byte, i) => head[i] === byte);
}
