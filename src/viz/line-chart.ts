/** A chart of any curves: what an experiment measured against what it varied. */

import { checkBoolean, checkNumbers, checkOptions, checkRecord, checkString } from '../runtime/check.ts';
import type { Chart } from './chart.ts';

export interface LineChartOptions {
  readonly title: string;
  readonly xLabel?: string;
  readonly yLabel?: string;
  /** the position of each value, ascending, the same for every curve; 0, 1, 2, ... unless given */
  readonly x?: ArrayLike<number>;
  /** values are fractions of 1, to be written as percentages; false unless given */
  readonly percent?: boolean;
}

/**
 * One line with dots for each entry, under its name. Throws TypeError for curves that are no lists of numbers and for
 * unknown options, RangeError (from whatever draws the chart) for a curve with more values than x has positions.
 */
export function lineChart(
  curves: Readonly<Record<string, ArrayLike<number>>>, options: LineChartOptions,
): Chart {
  const fn = 'lineChart';
  const entries = Object.entries(checkRecord(fn, 'curves', curves));
  checkOptions(fn, options, ['title', 'xLabel', 'yLabel', 'x', 'percent']);
  const title = checkString(fn, 'title', options.title);
  const positions = options.x === undefined ? null : checkNumbers(fn, 'x', options.x);
  const text = (name: 'xLabel' | 'yLabel'): string => checkString(fn, name, options[name] ?? '');
  const [xLabel, yLabel] = [text('xLabel'), text('yLabel')];
  return {
    title, xLabel, yLabel, percent: checkBoolean(fn, 'percent', options.percent ?? false),
    curves: entries.map(([label, values], color) => {
      const y = checkNumbers(fn, label, values);
      return { label, x: positions ?? Array.from({ length: y.length }, (_, i) => i), y, color, style: 'solid', dots: true };
    }),
    description: `Line chart: ${title}. ${entries.length} curves over ${xLabel || 'their places'}: ` +
      `${entries.map(([label]) => label).join(', ')}.`,
  };
}
