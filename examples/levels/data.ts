/** What the levels train on: CIFAR-10 where the variable CIFAR10 names its archive or folder, else the drawn shapes. */

import { fileURLToPath } from 'node:url';
import { makeShapes, prepareImages, type PreparedImages } from '../../src/data/index.ts';
import { loadCifar10 } from '../../src/node/index.ts';

/** Normalised images: 1,000 of CIFAR-10's training images are kept for validation, 500 of the drawn ones. */
export async function loadImages(): Promise<PreparedImages> {
  const path = process.env.CIFAR10;
  console.log(path === undefined ? 'data: drawn shapes (set CIFAR10 for photographs)' : `data: CIFAR-10, ${path}`);
  const set = path === undefined ? makeShapes({ seed: 0 }) : await loadCifar10(path);
  return prepareImages(set, { numValidation: path === undefined ? 500 : 1000, normalize: true });
}

/** Runs an example on these images where its file, at this address, is what was started, and not imported. */
export async function start(url: string, example: (data: PreparedImages) => unknown): Promise<void> {
  if (process.argv[1] === fileURLToPath(url)) await example(await loadImages());
}
