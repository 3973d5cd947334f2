/** Numeric against analytic gradients of every layer, loss and network of the course. */

import { check } from '../experiment.ts';
import type { Experiment } from '../experiment.ts';
import { checkLayer, checkLoss, checkModel } from '../gradient-checks.ts';
import type { GradientRow } from '../gradient-checks.ts';
import { settingChart } from '../show.ts';

export const gradients: Experiment = {
  title: 'Gradient checks',
  question: 'Is what the backward passes compute the slope of what the forward passes compute?',
  lessons: [
    'A slope is measured by moving one number up and down by h: (f(x + h) - f(x - h)) / 2h. Its own error is h squared by ' +
    'curvature, and the rounding of f divided by h: in float64 the best of it is about 1e-10.',
    'A wrong gradient differs by 0.01 and more. Errors of 1e-8 are fine, 1e-4 is right only where f has kinks or bends much ' +
    'within h, as batchnorm over two examples does.',
    'A bias before a batchnorm changes nothing: its gradient is 0, both ways give rounding errors, and their size is checked.',
  ],
  async run({ quick }) {
    // Here, since whoever imports them builds all of them.
    const { layerChecks, lossChecks } = await import('../gradient-layers.ts');
    const { modelChecks } = await import('../gradient-models.ts');
    const parts = {
      Layers: layerChecks.filter((_, i) => !quick || i % 4 === 0).flatMap(checkLayer),
      Losses: lossChecks.flatMap(checkLoss),
      Networks: modelChecks.slice(0, quick ? 1 : undefined).flatMap(checkModel),
    };
    const errors = Object.values(parts).flatMap((rows) => rows.map(({ error }) => error)).sort((a, b) => a - b);
    return {
      checks: Object.entries(parts).map(([part, rows]) => check(
        `${part}: every gradient is within its tolerance`, rows.every(({ holds }) => holds),
        { gradients: rows.length, 'within it': rows.filter(({ holds }) => holds).length, 'largest error': Math.max(...rows.map(({ error }) => error)) },
      )),
      charts: [[settingChart('All errors, the smallest first', 'gradient', 'error', errors.map((_, i) => i + 1), { error: errors },
        { yScale: 'logarithmic', thresholds: [{ y: 1e-2, label: 'surely wrong' }] })]],
      tables: Object.entries(parts).map(([title, rows]) => ({
        title, heads: ['of', 'gradient', 'error', 'allowed', 'within it'],
        rows: rows.map(({ of, gradient, error, bound, holds }: GradientRow) =>
          [of, gradient, error.toExponential(2), bound.toExponential(0), holds ? 'yes' : 'NO']),
      })),
    };
  },
};
