/** The images of a run: what --data names, else CIFAR-10 where it is at hand, else the procedural set. */

import { resolve } from 'node:path';
import { makeShapes, prepareImages } from '../../data/index.ts';
import type { ImageDataset, PreparedImages } from '../../data/index.ts';
import { printable } from '../../runtime/text.ts';
import { settings as computing } from '../../runtime/settings.ts';
import { findCifar10 } from '../cache.ts';
import { DataFileError } from '../errors.ts';
import { loadDataSet } from '../data-sets/load.ts';
import type { UnreadableFile } from '../pictures/list-folder.ts';
import type { RunSettings } from './run-settings.ts';

export interface RunData extends PreparedImages {
  /** the data set's name */
  readonly name: string;
  /** where it lies, from the root on; null for the procedural set, which lies nowhere */
  readonly path: string | null;
  /** the name and where it came from */
  readonly source: string;
  /** files of a folder of pictures that hold none which can be used */
  readonly unreadable: readonly UnreadableFile[];
}

/** How many procedural images there are unless the command line says otherwise. */
const shapesSizes = { training: 9000, validation: 1000, test: 2000 };
/** The procedural set is always the same one, whatever the run's seed. */
const shapesSeed = 0;

/** The procedural set as `train` draws it unless told how many. */
export function drawnShapes(): ImageDataset {
  const { training, validation, test } = shapesSizes;
  return makeShapes({ seed: shapesSeed, numTrain: training + validation, numTest: test });
}

/** What decides which images a run gets, and in which form. */
export type DataSettings = Pick<
  RunSettings, 'data' | 'numTrain' | 'numVal' | 'numTest' | 'normalize' | 'size' | 'splitSeed' | 'layout' | 'onUnreadable'
>;

/**
 * Loads, splits and normalises the images. Rejects with DataFileError for a path that leads nowhere, to something else
 * or to a single training image, RangeError where more images are asked for than there are.
 *
 * @param onProgress told how many pictures of a folder have been read
 */
export async function loadRunData(
  settings: DataSettings, env: Readonly<Record<string, string | undefined>>,
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: (done: number, total: number) => void } = {},
): Promise<RunData> {
  const { data, numTrain, numVal, numTest, normalize, size, splitSeed, layout, onUnreadable } = settings;
  const path = data === null ? await findCifar10({ env }) : data;
  if (path === null || path === 'shapes') {
    const training = numTrain ?? shapesSizes.training;
    const validation = numVal ?? shapesSizes.validation;
    const test = numTest ?? shapesSizes.test;
    const set = makeShapes({ seed: shapesSeed, numTrain: training + validation, numTest: test });
    const prepared = prepareImages(set, { numTraining: training, numValidation: validation, numTest: test, normalize });
    const why = path === null ? ' (no CIFAR-10 at hand: `tilegrad data cifar10` downloads it)' : '';
    return { ...prepared, name: 'procedural shapes', path: null, source: `procedural shapes${why}`, unreadable: [] };
  }
  const { threads } = computing();
  const set = await loadDataSet(path, {
    seed: splitSeed, onUnreadable, signal, onProgress,
    ...(layout === null ? {} : { layout }), ...(size === null ? {} : { size }), ...(threads === 'auto' ? {} : { threads }),
  });
  const prepared = prepareImages(set, {
    numTraining: numTrain ?? undefined, numValidation: numVal ?? undefined, numTest: numTest ?? undefined, normalize,
  });
  const { name, unreadable } = set;
  const [training, validation] = [prepared.yTrain.length, prepared.yVal.length];
  if (validation === 0) {
    throw new DataFileError(`train: ${path} has ${training} training ${training === 1 ? 'image' : 'images'}, and none left to validate on`, path);
  }
  return { ...prepared, name, path: resolve(path), source: `${name} from ${printable(path)}`, unreadable };
}

/** Files that are named one by one; of more only the number is said. */
const namedFiles = 5;

/** What to say of files that could not be used: how many, and the first of them with their reasons. */
export function unreadableLines(unreadable: readonly UnreadableFile[]): string[] {
  if (unreadable.length === 0) return [];
  const count = `${unreadable.length.toLocaleString('en-US')} ${unreadable.length === 1 ? 'file is' : 'files are'} left out:`;
  const lines = unreadable.slice(0, namedFiles).map(({ path, reason }) => `  ${printable(path)}: ${printable(reason)}`);
  const more = unreadable.length - namedFiles;
  return [count, ...lines, ...(more > 0 ? [`  and ${more.toLocaleString('en-US')} more`] : [])];
}
