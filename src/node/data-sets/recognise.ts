/** Which data set a path leads to, told by what is there and not by its name. */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isIdx } from '../../io/idx.ts';
import { DataFileError } from '../errors.ts';
import { explainedFileError, inflatedFile, inflatedStart, isTar, readHead } from '../inflated-file.ts';
import { batchFileNames, cifar10ArchiveName, otherVersion } from '../../data/cifar10-collector.ts';
import { entriesOf } from '../pictures/list-folder.ts';
import { readTar } from '../../data/tar.ts';
import { cifar100Files, cifar100Folder } from './cifar100.ts';

/** A data set that was recognised, and where its files are. */
export type DataSetPlace =
  | { readonly kind: 'cifar10'; readonly path: string }
  | { readonly kind: 'cifar100'; readonly path: string; readonly isFolder: boolean }
  | { readonly kind: 'npz'; readonly path: string }
  | { readonly kind: 'idx'; readonly path: string; readonly files: IdxFiles }
  | { readonly kind: 'folder'; readonly path: string };

/** Paths of MNIST-style files; test files may be missing. */
export interface IdxFiles {
  readonly xTrain: string;
  readonly yTrain: string;
  readonly xTest?: string;
  readonly yTest?: string;
}

/** What is recognised, for messages. */
const recognisedText: string = "CIFAR-10's or CIFAR-100's binary release, IDX files as MNIST's, an npz file with x_train and " +
  'y_train, or a folder with one subfolder a class of PNG and JPEG files';

/**
 * Finds out what a path leads to by the first bytes of files, the entries of archives and folders.
 *
 * @throws DataFileError for a path that leads nowhere, or to none of the data sets, saying which there are
 */
export function recogniseDataSet(path: string): Promise<DataSetPlace> {
  return recognise('recogniseDataSet', path);
}

/** recogniseDataSet in another function's name. */
export async function recognise(fn: string, path: string): Promise<DataSetPlace> {
  try {
    const found = await stat(path);
    const place = found.isDirectory() ? await recogniseFolder(fn, path)
      : found.isFile() ? await recogniseFile(fn, path) : null;
    if (place !== null) return place;
  } catch (error) {
    throw explainedFileError(fn, path, error);
  }
  throw new DataFileError(`${fn}: ${path} is no data set that is known: expected ${recognisedText}`, path);
}

async function recogniseFile(fn: string, path: string): Promise<DataSetPlace | null> {
  const head = await readHead(path);
  if (head[0] === 0x50 && head[1] === 0x4b) return { kind: 'npz', path };
  const start = await inflatedStart(path);
  if (isIdx(start)) return recogniseIdx(fn, folderOf(path));
  if (!isTar(start)) return null;
  const names = await archiveNames(path);
  if (cifar100Files.every((name) => names.includes(name))) return { kind: 'cifar100', path, isFolder: false };
  // its loader says best what another archive lacks
  return { kind: 'cifar10', path };
}

async function recogniseFolder(fn: string, path: string): Promise<DataSetPlace | null> {
  const entries = await entriesOf(path);
  const names = entries.map(({ name }) => name);
  const files = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  const isCifar10 = [...batchFileNames, cifar10ArchiveName, 'cifar-10-batches-bin'].some((name) => names.includes(name));
  if (isCifar10 || files.some((name) => otherVersion(name) !== null)) return { kind: 'cifar10', path };
  if (cifar100Files.every((name) => files.includes(name))) return { kind: 'cifar100', path, isFolder: true };
  if (names.includes(cifar100Folder)) return { kind: 'cifar100', path: join(path, cifar100Folder), isFolder: true };
  const idx = await recogniseIdx(fn, path);
  if (idx !== null) return idx;
  const archives = files.filter((name) => /\.(npz|tar|tgz|tar\.gz)$/i.test(name));
  if (archives.length === 1) return recogniseFile(fn, join(path, archives[0]));
  return entries.some((entry) => entry.isDirectory()) ? { kind: 'folder', path } : null;
}

const folderOf = (path: string): string => join(path, '..');

/** The names, without folders, of the first entries of an archive. */
async function archiveNames(path: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, type } of readTar(await inflatedFile(path, 2 ** 30, () => new DataFileError(`${path} is too large`, path)))) {
    if (type === '0') names.push(name.slice(name.lastIndexOf('/') + 1));
    if (batchFileNames.includes(names.at(-1) ?? '') || names.length >= 16) break;
  }
  return names;
}

/** The IDX files of a folder: images have three axes or more, labels one; test files say so in their names. */
async function recogniseIdx(fn: string, folder: string): Promise<DataSetPlace | null> {
  const found: { -readonly [role in keyof IdxFiles]?: string } = {};
  for (const entry of await entriesOf(folder)) {
    if (entry.isDirectory() || !/idx\d?|ubyte/i.test(entry.name)) continue;
    const path = join(folder, entry.name);
    const start = await inflatedStart(path);
    if (!isIdx(start)) continue;
    const isTest = /t10k|test/i.test(entry.name);
    const isImages = start[3] >= 3;
    if (!isImages && start[3] !== 1) continue;
    const role = isImages ? (isTest ? 'xTest' : 'xTrain') : (isTest ? 'yTest' : 'yTrain');
    if (found[role] !== undefined) {
      const which = `${isTest ? 'test' : 'training'} ${isImages ? 'images' : 'labels'}`;
      throw new DataFileError(`${fn}: ${folder} holds two IDX files of ${which}: ${found[role]} and ${path}`, folder);
    }
    found[role] = path;
  }
  const { xTrain, yTrain, xTest, yTest } = found;
  if (xTrain === undefined && yTrain === undefined && xTest === undefined) return null;
  if (xTrain === undefined || yTrain === undefined || (xTest === undefined) !== (yTest === undefined)) {
    const have = Object.values(found).join(', ');
    throw new DataFileError(`${fn}: ${folder} lacks IDX files: expected images and labels of both parts, got ${have}`, folder);
  }
  return { kind: 'idx', path: folder, files: { xTrain, yTrain, xTest, yTest } };
}
