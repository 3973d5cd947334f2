/** A folder of pictures: one subfolder a class. The browser decodes them; nothing leaves the machine. */

import { Rng, Tensor } from 'tilegrad';

import { channels, side, writePlanes, type OnProgress, type PictureSet } from './data.ts';
import type { FolderFile } from './messages.ts';

/** Pictures read at most; a larger folder is read in part, evenly over its classes. */
const mostPictures = 20_000;
/** Of so many pictures of a class one is kept to test with. */
const testEvery = 5;
/** Decoded between two reports. */
const chunk = 50;

const isPicture = /\.(png|jpe?g|gif|webp|avif|bmp)$/i;

/**
 * Decodes the pictures, cut square and brought to 32x32, and splits off every fifth of each class to test with. The
 * class is the name of the folder that a picture lies in. Throws RangeError unless at least two classes have two
 * pictures each.
 */
export async function readFolder(files: readonly FolderFile[], onProgress: OnProgress): Promise<PictureSet> {
  const classes = byClass(files);
  const names = [...classes.keys()].sort();
  if (names.length < 2) {
    throw new RangeError('A folder needs at least two subfolders with pictures in them, one for each class');
  }
  const share = Math.floor(mostPictures / names.length);
  const wanted = names.flatMap((name, label) => classes.get(name)!.slice(0, share).map((file) => ({ file, label })));
  const found: Found[] = [];
  const unread: string[] = [];
  for (const [i, { file, label }] of wanted.entries()) {
    if (i % chunk === 0) await onProgress('Reading pictures', i / wanted.length);
    try {
      found.push({ label, planes: await decode(file.file) });
    } catch {
      unread.push(file.path);
    }
  }
  const [train, test] = split(found, names);
  const notes = unread.length === 0 ? [] : [`${unread.length} could not be read, such as ${unread[0].slice(0, 80)}`];
  const all = names.reduce((sum, name) => sum + classes.get(name)!.length, 0);
  if (wanted.length < all) notes.push(`only ${wanted.length} of ${all} pictures are used`);
  return { name: 'Your pictures', train, test, classNames: names, notes };
}

interface Found {
  readonly label: number;
  readonly planes: Uint8Array;
}

function byClass(files: readonly FolderFile[]): Map<string, FolderFile[]> {
  const classes = new Map<string, FolderFile[]>();
  for (const file of [...files].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const parts = file.path.split('/');
    const name = parts.at(-2);
    if (name === undefined || !isPicture.test(file.path) || parts.some((part) => part.startsWith('.'))) continue;
    classes.set(name, [...classes.get(name) ?? [], file]);
  }
  return classes;
}

/** The middle square of a picture at 32x32, as planes. Rejects for what the browser cannot decode. */
async function decode(file: File): Promise<Uint8Array> {
  const bitmap = await createImageBitmap(file);
  const { width, height } = bitmap;
  const edge = Math.min(width, height);
  const context = new OffscreenCanvas(side, side).getContext('2d', { willReadFrequently: true })!;
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, (width - edge) / 2, (height - edge) / 2, edge, edge, 0, 0, side, side);
  bitmap.close();
  const planes = new Uint8Array(channels * side * side);
  writePlanes(context.getImageData(0, 0, side, side).data, planes);
  return planes;
}

function split(found: readonly Found[], names: readonly string[]): [PictureSet['train'], PictureSet['test']] {
  const train: Found[] = [];
  const test: Found[] = [];
  for (const [label, name] of names.entries()) {
    const mine = found.filter((each) => each.label === label);
    if (mine.length < 2) {
      throw new RangeError(`Each class needs at least 2 readable pictures, ${name.slice(0, 60)} has ${mine.length}`);
    }
    mine.forEach((each, i) => { (i % testEvery === 1 ? test : train).push(each); });
  }
  return [joined(train), joined(test)];
}

/** In a random order, always the same, so that the first so many are of all classes. */
function joined(found: readonly Found[]): PictureSet['train'] {
  const size = channels * side * side;
  const images = new Uint8Array(found.length * size);
  const labels = new Int32Array(found.length);
  const { data: order } = new Rng(0).permutation(found.length);
  found.forEach((_, i) => {
    const { planes, label } = found[order[i]];
    images.set(planes, i * size);
    labels[i] = label;
  });
  return { images: new Tensor(images, [found.length, channels, side, side]), labels };
}
