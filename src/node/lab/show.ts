/** How experiments show their runs: three charts side by side, and a table. */

import { lossChart } from '../../viz/index.ts';
import type { Chart, Curve, Threshold } from '../../viz/index.ts';
import type { NumberTable } from '../../viz/experiment-page.ts';
import { percent } from '../commands/outputs.ts';
import { best, finalLoss, last } from './experiment.ts';
import type { Runs } from './experiment.ts';

/** What charts of experiments add to their curves. */
type Setting = Partial<Pick<Chart, 'xScale' | 'yScale' | 'xLimits' | 'yLimits' | 'thresholds'>>;

/** A chart of numbers against a setting, a curve for each name. */
export function settingChart(
  title: string, xLabel: string, yLabel: string, x: readonly number[],
  curves: Readonly<Record<string, readonly number[]>>,
  setting: Setting & { percent?: boolean } = {},
): Chart {
  const named = Object.entries(curves).map(([label, y], color): Curve => ({ label, x, y, color, style: 'solid', dots: true }));
  const description = `${title}: ${Object.keys(curves).join(', ')} by ${xLabel}.`;
  return { title, xLabel, yLabel, percent: false, curves: named, description, ...setting };
}

/** Loss, training accuracy and validation accuracy of several runs, side by side. */
export function historyCharts(runs: Runs, { thresholds = [] }: { thresholds?: readonly Threshold[] } = {}): Chart[] {
  const accuracy = (title: string, key: 'trainAccHistory' | 'valAccHistory'): Chart => ({
    title, xLabel: 'epoch', yLabel: 'accuracy', percent: true, thresholds: key === 'trainAccHistory' ? thresholds : [],
    curves: Object.entries(runs).map(([label, run], color): Curve =>
      ({ label, x: run[key].map((_, i) => i), y: run[key], color, style: 'solid', dots: run[key].length <= 40 })),
    description: `${title} by epoch. ${Object.entries(runs).map(([label, run]) => `${label}: ${percent(last(run[key]))}`).join('; ')}.`,
  });
  return [lossChart(runs), accuracy('Training accuracy', 'trainAccHistory'), accuracy('Validation accuracy', 'valAccHistory')];
}

/** A row for every run. */
export function historyTable(runs: Runs): NumberTable {
  return {
    title: 'All runs',
    heads: ['run', 'final loss', 'training, last', 'validation, last', 'validation, best', 'steps', 'seconds', 'diverged'],
    rows: Object.entries(runs).map(([label, run]) => [
      label, number(finalLoss(run)), percent(last(run.trainAccHistory)), percent(last(run.valAccHistory)),
      percent(best(run.valAccHistory)), String(run.lossHistory.length), run.seconds.toFixed(1), run.diverged ? 'yes' : 'no',
    ]),
  };
}

/** Four digits, as a power where it is far from 1. */
export function number(value: number): string {
  return Number.isFinite(value) && value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5)
    ? Number(value.toPrecision(3)).toExponential() : String(Number(value.toPrecision(4)));
}
