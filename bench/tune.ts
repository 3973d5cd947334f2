/**
 * npm run bench:tune -- [--window 3|5] [--threads 1|2] [--batch N,N] [--planes N,N] [--time MS] [--save]
 *
 * The measurement behind src/kernels/simd/conv/choose.ts: 3x3 or 5x5 convolutions by Winograd's method and by the
 * direct kernels, forward, gradient at the input and gradient at the filters, in effective GFLOP/s (operations of the
 * definition over time). Shows which of the two choose.ts takes, and marks where the other was faster.
 *
 * Shapes are those where networks are found: few channels on large planes, many on small ones.
 */

import type { ConvGeometry } from '../src/kernels/geometry.ts';
import { takesWinograd } from '../src/kernels/simd/conv/choose.ts';
import { directFilterGradient, directForward, directInputGradient } from '../src/kernels/simd/conv/direct.ts';
import { winogradFilterGradient, winogradForward, winogradInputGradient } from '../src/kernels/simd/conv/winograd.ts';
import { formatTable } from '../src/node/commands/table.ts';
import { convSizes } from '../src/layers/geometry.ts';
import { ArgumentError, parseArgs } from './support/arguments.ts';
import { Arrays, scaledDifference } from './support/arrays.ts';
import { announce, numberOption } from './support/command-line.ts';
import { saveResults } from './support/results.ts';
import { medianOfMany } from './support/timing.ts';
import { enter } from './support/ways.ts';

/** channels, filters */
const pairs = [
  [3, 8], [3, 16], [3, 64], [4, 4], [4, 16], [6, 6], [8, 8], [8, 16], [16, 16], [16, 32], [32, 32], [32, 64], [64, 64],
  [64, 128], [128, 128], [128, 256], [256, 256],
] as const;

/** Larger products than these take seconds and tell nothing new; smaller ones are over before they are timed. */
const mostOperations = 8e9;
const leastOperations = 2e5;

/** Winograd's sums and the direct ones may lie so far apart, as a share of the largest. */
const allowed = 1e-4;

/** How much faster the other way must be before the choice is called into question: a tenth is noise. */
const margin = 1.1;

const operations = ['forward', 'input gradient', 'filter gradient'] as const;
type Operation = (typeof operations)[number];

export interface TuningResult {
  readonly channels: number;
  readonly filters: number;
  readonly plane: number;
  readonly batch: number;
  readonly operation: Operation;
  /** effective GFLOP/s */
  readonly winograd: number;
  readonly direct: number;
  readonly taken: 'winograd' | 'direct';
}

const { values } = parseArgs({
  options: {
    window: { type: 'string', default: '3' }, threads: { type: 'string', default: '1' }, batch: { type: 'string', default: '100,1' },
    planes: { type: 'string', default: '32,16,8,4,2' }, time: { type: 'string', default: '40' },
    save: { type: 'boolean', default: false },
  },
});
const window = numberOption('window', values.window, 3, 5);
if (window === 4) throw new ArgumentError('tune: --window must be 3 or 5');
const threads = numberOption('threads', values.threads, 1, 2);
const milliseconds = numberOption('time', values.time, 1, 10_000);
const batches = values.batch.split(',').map((text) => numberOption('batch', text, 1, 1000));
const planes = values.planes.split(',').map((text) => numberOption('planes', text, 1, 256));

function geometry(batch: number, channels: number, filters: number, plane: number): ConvGeometry {
  return convSizes('tune', [batch, channels, plane, plane], [filters, channels, window, window], { pad: (window - 1) / 2 });
}

async function measure(g: ConvGeometry): Promise<TuningResult[]> {
  const arrays = new Arrays('float32');
  const plane = g.height * g.width;
  const [x, dx] = [arrays.normal(g.batch * g.channels * plane), arrays.zeros(g.batch * g.channels * plane)];
  const [dout, out] = [arrays.normal(g.batch * g.filters * plane), arrays.zeros(g.batch * g.filters * plane)];
  const weights = window ** 2 * g.channels * g.filters;
  const [w, dw] = [arrays.normal(weights), arrays.zeros(weights)];
  const [b, db] = [arrays.normal(g.filters), arrays.zeros(g.filters)];
  const ways = {
    forward: [
      () => winogradForward(x, w, b, out, g, {}), () => directForward(x, w, b, out, g, {}), [out],
    ],
    'input gradient': [
      () => winogradInputGradient(dout, w, dx, g), () => directInputGradient(dout, w, dx, g), [dx],
    ],
    'filter gradient': [
      () => winogradFilterGradient(dout, x, dw, db, g), () => directFilterGradient(dout, x, dw, db, g), [dw, db],
    ],
  } as const;
  const found: TuningResult[] = [];
  for (const operation of operations) {
    const [winograd, direct, results] = ways[operation];
    winograd();
    const expected = results.map((result) => result.slice());
    direct();
    const difference = scaledDifference(expected, results);
    if (!(difference <= allowed)) {
      throw new Error(`tune: ${operation} of ${shapeText(g)}: the two ways differ by ${difference.toExponential(2)}`);
    }
    const options = { warmCalls: 2, warmMilliseconds: milliseconds / 4, calls: 3, milliseconds };
    const rate = async (call: () => void): Promise<number> =>
      (2 * weights * plane * g.batch) / (await medianOfMany(call, options)).median / 1e6;
    found.push({
      channels: g.channels, filters: g.filters, plane: g.height, batch: g.batch, operation,
      winograd: await rate(winograd), direct: await rate(direct), taken: takesWinograd(x, g) ? 'winograd' : 'direct',
    });
  }
  arrays.release();
  return found;
}

function shapeText({ channels, filters, height, batch }: ConvGeometry): string {
  return `${channels}->${filters} at ${height}x${height}, batch ${batch}`;
}

function doubtful({ winograd, direct, taken }: TuningResult): boolean {
  return taken === 'winograd' ? direct > margin * winograd : winograd > margin * direct;
}

announce();
await enter(threads === 1 ? 'simd1' : 'simd2');
const results: TuningResult[] = [];
for (const batch of batches) {
  for (const plane of planes) {
    for (const [channels, filters] of pairs) {
      const total = 2 * window ** 2 * channels * filters * plane * plane * batch;
      if (total > mostOperations || total < leastOperations) continue;
      results.push(...(await measure(geometry(batch, channels, filters, plane))));
    }
  }
}
console.log(formatTable(
  ['batch', 'plane', 'channels', 'filters', ...operations.flatMap((operation) => [operation, '']), 'taken', ''],
  results.filter(({ operation }) => operation === 'forward').map((first) => {
    const same = results.filter((each) => each.batch === first.batch && each.plane === first.plane &&
      each.channels === first.channels && each.filters === first.filters);
    const wrong = same.filter(doubtful).map(({ operation }) => operation);
    return [
      String(first.batch), `${first.plane}x${first.plane}`, String(first.channels), String(first.filters),
      ...same.flatMap(({ winograd, direct }) => [winograd.toFixed(1), direct.toFixed(1)]),
      first.taken, wrong.length === 0 ? '' : `the other was faster: ${wrong.join(', ')}`,
    ];
  }), ['right', 'right', 'right', 'right', ...operations.flatMap(() => ['right', 'right'] as const), 'left', 'left'],
));
console.log('effective GFLOP/s: Winograd first, then direct');
if (values.save) console.log(`saved ${saveResults('tune', results)}`);
