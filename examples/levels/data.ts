/** What the levels train on: CIFAR-10 where the variable CIFAR10 names its archive or folder, else the drawn shapes. */

import { makeShapes, prepareImages, type PreparedImages } from '../../src/data/index.ts';
import { loadCifar10 } from '../../src/node/index.ts';

/** Normalised images: 1,000 of CIFAR-10's training images are kept for validation, 500 of the drawn ones. */
export async function loadImages(): Promise<PreparedImages> {
  const path = process.env.CIFAR10;
  console.log(path === undefined ? 'data: drawn shapes (set CIFAR10 for photographs)' : `data: CIFAR-10, ${path}`);
  const set = path === undefined ? makeShapes({ seed: 0 }) : await loadCifar10(path);
  return prepareImages(set, { numValidation: path === undefined ? 500 : 1000, normalize: true });
}
