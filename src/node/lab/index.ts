/** The experiments by name, in the order of the list. */

import type { Experiment } from './experiment.ts';
import { batchnorm } from './experiments/batchnorm.ts';
import { weightScale } from './experiments/weight-scale.ts';

export const experiments: Readonly<Record<string, Experiment>> = {
  batchnorm: batchnorm,
  'weight-scale': weightScale,
};
