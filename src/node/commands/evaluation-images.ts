/** The images that a model is evaluated on, as pixels: what `train` finds at the same place, not yet prepared. */

import { makeShapes } from '../../data/index.ts';
import type { Tensor } from '../../tensor/index.ts';
import { printable } from '../../runtime/text.ts';
import { findCifar10 } from '../cache.ts';
import { loadDataSet } from '../data-sets/load.ts';
import type { UnreadableFile } from '../pictures/list-folder.ts';

export interface EvaluationImages {
  /** uint8 (N, C, H, W) */
  readonly images: Tensor;
  readonly labels: ArrayLike<number>;
  readonly classNames: readonly string[];
  /** the data set's name and where it came from */
  readonly source: string;
  /** files of a folder of pictures that hold none which can be used */
  readonly unreadable: readonly UnreadableFile[];
}

export interface EvaluationChoice {
  /** a path, or 'shapes'; as `train` finds images where it is left out */
  readonly data?: string;
  /** so many of the test images, the first; all where it is left out */
  readonly numTest?: number;
  /** what draws the test images of data that have none; 0 where it is left out */
  readonly splitSeed?: number;
  /** where arrays have their channels, where their shape does not tell */
  readonly layout?: 'NCHW' | 'NHWC';
  /** what the model takes (C, H, W), which pictures of a folder are brought to; null where it takes any */
  readonly shape: readonly number[] | null;
}

/** How many procedural images there are unless told. */
const shapesTest = 2000;

/** The test images at a path. Rejects as loadDataSet does. */
export async function evaluationImages(
  { data, numTest, splitSeed = 0, layout, shape }: EvaluationChoice, env: Readonly<Record<string, string | undefined>>,
): Promise<EvaluationImages> {
  const path = data ?? await findCifar10({ env });
  if (path === null || path === 'shapes') {
    const { test, classNames } = makeShapes({ seed: 0, numTrain: 1, numTest: numTest ?? shapesTest });
    return { ...test, classNames, source: 'procedural shapes', unreadable: [] };
  }
  const [channels, ...size] = shape?.length === 3 ? shape : [3];
  const { name, test, classNames, unreadable } = await loadDataSet(path, {
    seed: splitSeed, layout, channels: channels === 1 ? 1 : 3,
    ...(size.length === 2 ? { size: [size[0], size[1]] } : {}),
  });
  const count = Math.min(numTest ?? test.labels.length, test.labels.length);
  return {
    images: test.images.slice([0, count]), labels: Array.from(test.labels).slice(0, count), classNames,
    source: `${name} from ${printable(path)}`, unreadable,
  };
}
