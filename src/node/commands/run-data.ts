/** The images of a run: what --data names, else CIFAR-10 where it is at hand, else the procedural set. */

import { makeShapes, prepareImages } from '../../data/index.ts';
import type { PreparedImages } from '../../data/index.ts';
import { loadCifar10 } from '../cifar10.ts';
import { findCifar10 } from '../cache.ts';
import type { RunSettings } from './run-settings.ts';

export interface RunData extends PreparedImages {
  /** the data set's name */
  readonly name: string;
  /** the name and where it came from */
  readonly source: string;
}

/** How many procedural images there are unless the command line says otherwise. */
const shapesSizes = { training: 9000, validation: 1000, test: 2000 };
/** The procedural set is always the same one, whatever the run's seed. */
const shapesSeed = 0;

/**
 * Loads, splits and normalises the images. Rejects with DataFileError for a path that leads nowhere or to something
 * else, RangeError where more images are asked for than there are.
 */
export async function loadRunData(
  settings: Pick<RunSettings, 'data' | 'numTrain' | 'numVal' | 'numTest' | 'normalize'>,
  env: Readonly<Record<string, string | undefined>>,
): Promise<RunData> {
  const { data, numTrain, numVal, numTest, normalize } = settings;
  const path = data === null ? await findCifar10({ env }) : data;
  if (path === null || path === 'shapes') {
    const training = numTrain ?? shapesSizes.training;
    const validation = numVal ?? shapesSizes.validation;
    const test = numTest ?? shapesSizes.test;
    const set = makeShapes({ seed: shapesSeed, numTrain: training + validation, numTest: test });
    const prepared = prepareImages(set, { numTraining: training, numValidation: validation, numTest: test, normalize });
    const why = path === null ? ' (no CIFAR-10 at hand: `tilegrad data cifar10` downloads it)' : '';
    return { ...prepared, name: 'procedural shapes', source: `procedural shapes${why}` };
  }
  const prepared = prepareImages(await loadCifar10(path), {
    numTraining: numTrain ?? undefined, numValidation: numVal ?? undefined, numTest: numTest ?? undefined, normalize,
  });
  return { ...prepared, name: 'CIFAR-10', source: `CIFAR-10 from ${path}` };
}
