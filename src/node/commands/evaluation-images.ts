/** The images that a model is evaluated on, as pixels: what `train` finds at the same place, not yet prepared. */

import { makeShapes } from '../../data/index.ts';
import type { Tensor } from '../../tensor/index.ts';
import { printable } from '../../runtime/text.ts';
import { findCifar10 } from '../cache.ts';
import { loadCifar10 } from '../cifar10.ts';

export interface EvaluationImages {
  /** uint8 (N, C, H, W) */
  readonly images: Tensor;
  readonly labels: ArrayLike<number>;
  readonly classNames: readonly string[];
  /** the data set's name and where it came from */
  readonly source: string;
}

/** How many procedural images there are unless told. */
const shapesTest = 2000;

/** The test images at a path. Rejects with DataFileError where there are none. */
export async function evaluationImages(
  { data, numTest }: { data: string | null; numTest: number | null }, env: Readonly<Record<string, string | undefined>>,
): Promise<EvaluationImages> {
  const path = data ?? await findCifar10({ env });
  const isDrawn = path === null || path === 'shapes';
  const set = isDrawn
    ? makeShapes({ seed: 0, numTrain: 1, numTest: numTest ?? shapesTest })
    : await loadCifar10(path);
  const { test, classNames } = set;
  const count = Math.min(numTest ?? test.labels.length, test.labels.length);
  return {
    images: test.images.slice([0, count]), labels: Array.from(test.labels).slice(0, count), classNames,
    source: isDrawn ? 'procedural shapes' : `CIFAR-10 from ${printable(path)}`,
  };
}
