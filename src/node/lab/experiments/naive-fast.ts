/** The readable loops against the fast layers: the same numbers, sooner. */

import { ready } from '../../../kernels/status.ts';
import { compareAll } from '../../commands/bench.ts';
import type { ComparisonResult } from '../../commands/bench.ts';
import { convolutionComparisons, poolingComparisons } from '../../commands/comparisons.ts';
import { formatMilliseconds } from '../../commands/table.ts';
import type { NumberTable } from '../../../viz/experiment-page.ts';
import { check } from '../experiment.ts';
import type { Experiment } from '../experiment.ts';
import { number, settingChart } from '../show.ts';

/** The shortest of the fast times that the course shows for its convolution, forward and backward, in milliseconds. */
const courseTime = 8;

export const naiveFast: Experiment = {
  title: 'Naive against fast',
  question: 'How much sooner does the same sum come, when it is cut to fit the processor?',
  lessons: [
    'Both ways add the same products in another order: in float64 they differ in the last digits only.',
    'The loops spend their time on finding elements. The fast convolution packs what it needs next to each other, keeps it ' +
    'in registers and multiplies four or two numbers at a time, on all cores: the more filters, the more each number that ' +
    'was fetched is used.',
    'Max pooling computes nearly nothing: there is less to be gained, and least in the way back, which only moves numbers.',
    'Times are those of this machine in this minute: where other programs keep its cores busy, the checks of speedup and ' +
    'milliseconds may say NO, and nothing else is wrong.',
  ],
  async run({ quick }) {
    await ready();
    const images = quick ? [2] : [10, 100];
    const widths = quick ? [2, 4] : [4, 8, 16, 25, 32, 64];
    const milliseconds = quick ? 1 : 100;
    const dtypes = ['float64', 'float32'] as const;
    const shapes = compareAll(dtypes.flatMap((dtype) => images.flatMap((count) => [
      ...convolutionComparisons(dtype, { images: count }), ...poolingComparisons(dtype, { images: count }),
    ])), milliseconds);
    const byWidth = compareAll(widths.flatMap((filters) =>
      convolutionComparisons('float64', { images: images[0], filters })), milliseconds);
    const speedups = (of: string): number[] => byWidth.filter(({ name }) => name === of).map(({ speedup }) => speedup);
    const convolutions = [...shapes, ...byWidth].filter(({ name }) => name.startsWith('convolution'));
    const double = [...shapes, ...byWidth].filter(({ dtype }) => dtype === 'float64');
    const difference = Math.max(...double.map((result) => result.difference.relative));
    const slowest = Math.min(...convolutions.map(({ speedup }) => speedup));
    const fastest = (direction: string): number =>
      shapes.findLast(({ name, dtype }) => name === `convolution ${direction}` && dtype === 'float64')!.fast;
    return {
      checks: [
        check('all results agree: relative differences in float64 under 1e-9', difference < 1e-9, { difference }),
        check('every convolution is at least ten times as fast', slowest >= 10, { 'smallest speedup': slowest }),
        ...['forward', 'backward'].map((direction) => check(
          `the course's convolution ${direction} takes less than the ${courseTime} ms of the fastest run shown there`,
          fastest(direction) < courseTime, { milliseconds: fastest(direction) },
        )),
      ],
      charts: [[settingChart('Speedup by the number of filters', 'filters', 'times as fast', widths, {
        forward: speedups('convolution forward'), backward: speedups('convolution backward'),
      }, { xScale: 'logarithmic', yScale: 'logarithmic', thresholds: [{ y: 1, label: 'as fast as the loops' }] })]],
      tables: [table("The course's shapes", shapes), table('By the number of filters', byWidth)],
    };
  },
};

function table(title: string, results: readonly ComparisonResult[]): NumberTable {
  return {
    title,
    heads: ['operation', 'size', 'type', 'naive', 'fast', 'speedup', 'difference'],
    rows: results.map(({ name, shape, dtype, naive, fast, speedup, difference }) => [
      name, shape, dtype, formatMilliseconds(naive), formatMilliseconds(fast), `${number(speedup)}x`,
      number(dtype === 'float64' ? difference.relative : difference.scaled),
    ]),
  };
}
