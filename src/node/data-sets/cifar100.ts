/**
 * The binary release of CIFAR-100 (Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009): records
 * of a coarse label, a fine label and the 3,072 pixel bytes of CIFAR-10's records, in train.bin and test.bin, with the
 * names of the classes beside them.
 */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImageDataset, LabelledImages } from '../../data/cifar10.ts';
import { imageBytes, imageShape } from '../../data/cifar10.ts';
import { printable } from '../../runtime/text.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { DataFileError } from '../errors.ts';
import { filesOfArchive, wholeFile } from './whole-file.ts';

const parts = ['train.bin', 'test.bin'] as const;
const namesFile = 'fine_label_names.txt';
/** The folder inside the archive. */
export const cifar100Folder = 'cifar-100-binary';
/** The files that show a folder or an archive to be CIFAR-100. */
export const cifar100Files: readonly string[] = parts;

const recordBytes = 2 + imageBytes;
const classes = 100;
/** The release has 50,000 and 10,000 records, and small files beside them. */
const maxBytes = 61_000 * recordBytes;

/**
 * Reads the data set with its 100 fine classes.
 *
 * @param path the release's tar.gz (or tar), or the folder with train.bin and test.bin
 * @throws DataFileError naming the file that is missing, cut short or not CIFAR-100's
 */
export async function loadCifar100(fn: string, path: string, isFolder: boolean): Promise<ImageDataset> {
  const files = isFolder
    ? await filesOfFolder(fn, path)
    : await filesOfArchive(fn, path, [...parts, namesFile], maxBytes);
  const [train, test] = parts.map((name): LabelledImages => {
    const bytes = files.get(name);
    if (bytes === undefined) throw new DataFileError(`${fn}: ${path} lacks ${name} of CIFAR-100`, path);
    return parseRecords(`${fn}: ${path}: ${name}`, path, bytes);
  });
  return { train, test, classNames: classNames(files.get(namesFile)) };
}

async function filesOfFolder(fn: string, folder: string): Promise<Map<string, Uint8Array>> {
  const present = await readdir(folder);
  const files = new Map<string, Uint8Array>();
  for (const name of [...parts, namesFile]) {
    if (present.includes(name)) files.set(name, await wholeFile(fn, join(folder, name), maxBytes));
  }
  return files;
}

function parseRecords(where: string, path: string, bytes: Uint8Array): LabelledImages {
  if (bytes.length === 0 || bytes.length % recordBytes !== 0) {
    throw new DataFileError(`${where} has ${bytes.length} bytes, expected a positive multiple of ${recordBytes}`, path);
  }
  const count = bytes.length / recordBytes;
  const labels = new Int32Array(count);
  const images = new Uint8Array(count * imageBytes);
  for (let n = 0, at = 0; n < count; n++, at += recordBytes) {
    labels[n] = bytes[at + 1];
    if (labels[n] >= classes) {
      throw new DataFileError(`${where}: record ${n} has label ${labels[n]}, expected 0 to ${classes - 1}`, path);
    }
    images.set(bytes.subarray(at + 2, at + recordBytes), n * imageBytes);
  }
  return { images: new Tensor(images, [count, ...imageShape]), labels };
}

/** One a line; the labels as text where the file is missing or has another number of lines. */
function classNames(bytes: Uint8Array | undefined): string[] {
  const text = new TextDecoder().decode(bytes?.subarray(0, 65_536));
  const lines = text.split('\n').map((line) => printable(line.trim(), 60)).filter(Boolean);
  return lines.length === classes ? lines : Array.from({ length: classes }, (_, label) => String(label));
}
