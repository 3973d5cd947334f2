/** The experiments by name, in the order of the list. */

import type { Experiment } from './experiment.ts';
import { batchSize, layernorm } from './experiments/batch-size.ts';
import { batchnorm } from './experiments/batchnorm.ts';
import { dropout } from './experiments/dropout.ts';
import { filters } from './experiments/filters.ts';
import { gradients } from './experiments/gradients.ts';
import { initialScales } from './experiments/initial-scales.ts';
import { learningRate } from './experiments/learning-rate.ts';
import { naiveFast } from './experiments/naive-fast.ts';
import { overfit } from './experiments/overfit.ts';
import { updateRules } from './experiments/update-rules.ts';
import { weightScale } from './experiments/weight-scale.ts';

export const experiments: Readonly<Record<string, Experiment>> = {
  gradients: gradients,
  'naive-fast': naiveFast,
  overfit: overfit,
  'update-rules': updateRules,
  'initial-scales': initialScales,
  batchnorm: batchnorm,
  'weight-scale': weightScale,
  'batch-size': batchSize,
  layernorm: layernorm,
  'learning-rate': learningRate,
  dropout: dropout,
  filters: filters,
};
