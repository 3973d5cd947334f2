/**
 * Charts as data: which curves, over which ranges, with which labels. svg.ts and plot.ts draw them; both take every
 * position from the same layout, as fractions of the plotting area (0,0 at its top left).
 */

import {
  checkBoolean, checkInteger, checkNumber, checkNumbers, checkOneOf, checkRecord, checkString, describe,
} from '../runtime/check.ts';
import { decimate, smooth, smoothingSpan, spread } from './smoothing.ts';
import { formatNumber, formatPercent, niceTicks } from './ticks.ts';

/** What a solver records while it trains; a Solver is one. Accuracies are fractions, 0 to 1. */
export interface TrainingHistory {
  /** the loss of every iteration */
  readonly lossHistory: ArrayLike<number>;
  /** accuracy at the start and after every epoch */
  readonly trainAccHistory?: ArrayLike<number>;
  readonly valAccHistory?: ArrayLike<number>;
  /** the epoch of each accuracy, ascending, where it is not 0, 1, 2, ...: training stopped inside an epoch */
  readonly accuracyEpochs?: ArrayLike<number>;
}

/** One line of a chart. */
export interface Curve {
  readonly label: string;
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  /** which of the palette's colours, counted round */
  readonly color: number;
  /** faint: what lies behind a smoothed curve; dashed: the lesser one of a pair */
  readonly style: 'solid' | 'dashed' | 'faint';
  /** draw a dot at every point */
  readonly dots?: boolean;
  /** so few points that the line between them says more than is known: larger dots on a thin dotted line */
  readonly sparse?: boolean;
}

export interface Chart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly percent: boolean;
  readonly curves: readonly Curve[];
  /** one sentence for readers who cannot see the picture */
  readonly description: string;
}

/** The curves that legends and read-outs name: beside several runs, their raw values only add noise. */
export function namedCurves(chart: Chart): readonly Curve[] {
  const named = chart.curves.filter((curve) => curve.style !== 'faint');
  return named.length > 1 ? named : chart.curves;
}

/** A tick's place along its axis (0 to 1 from left, or from top) and its text. */
export interface PlacedTick {
  readonly at: number;
  readonly text: string;
}

/** Where everything goes: fractions of the plotting area. */
export interface ChartLayout {
  readonly xRange: readonly [number, number];
  readonly yRange: readonly [number, number];
  readonly xTicks: readonly PlacedTick[];
  readonly yTicks: readonly PlacedTick[];
  /** for each curve its line pieces; a value that is not finite ends a piece */
  readonly lines: ReadonlyArray<ReadonlyArray<ReadonlyArray<readonly [number, number]>>>;
  /** values above the frame, and values that are not finite; a chart that hides something says so */
  readonly clipped: number;
  readonly broken: number;
}

/** Up to so many accuracies (two epochs) their line is a guess. */
const sparsePoints = 3;
/** Colours of the palette. */
export const paletteSize = 6;
/** Buckets that a drawn curve is thinned to, and points that a reader can hover over. */
const drawnBuckets = 400;
const hoverPoints = 600;

/** Throws TypeError unless every run has the histories that a chart reads. */
export function checkRuns(fn: string, runs: Readonly<Record<string, TrainingHistory>>): void {
  for (const [label, run] of Object.entries(checkRecord(fn, 'runs', runs))) {
    const name = `runs[${describe(label)}]`;
    if (typeof run !== 'object' || run === null) {
      throw new TypeError(`${fn}: ${name} must be a history, which has a lossHistory of numbers, got ${describe(run)}`);
    }
    const history = run as TrainingHistory;
    checkNumbers(fn, `${name}.lossHistory`, history.lossHistory);
    for (const key of ['trainAccHistory', 'valAccHistory', 'accuracyEpochs'] as const) {
      if (history[key] !== undefined) checkNumbers(fn, `${name}.${key}`, history[key]);
    }
  }
}

/** Throws TypeError or RangeError unless value is a chart that can be drawn. */
export function checkChart(fn: string, value: Chart): void {
  checkRecord(fn, 'chart', value);
  for (const key of ['title', 'xLabel', 'yLabel', 'description'] as const) checkString(fn, `chart.${key}`, value[key]);
  checkBoolean(fn, 'chart.percent', value.percent);
  if (!Array.isArray(value.curves)) throw new TypeError(`${fn}: chart.curves must be an array, got ${describe(value.curves)}`);
  for (const [i, curve] of (value.curves as readonly Curve[]).entries()) {
    const name = `chart.curves[${i}]`;
    checkRecord(fn, name, curve);
    checkString(fn, `${name}.label`, curve.label);
    const { length } = checkNumbers(fn, `${name}.x`, curve.x);
    if (checkNumbers(fn, `${name}.y`, curve.y).length > length) {
      throw new RangeError(`${fn}: ${name}.y must have an x for each value, got ${curve.y.length} for ${length}`);
    }
    checkInteger(fn, `${name}.color`, curve.color, 0);
    checkOneOf(fn, `${name}.style`, curve.style, ['solid', 'dashed', 'faint']);
  }
}

function countUp(length: number, first: number): Float64Array {
  return Float64Array.from({ length }, (_, i) => first + i);
}

/**
 * Loss against iteration for one run or several: the raw values faint, and smoothed over a fiftieth of the run
 * (`span` iterations where given).
 */
export function lossChart(runs: Readonly<Record<string, TrainingHistory>>, span?: number): Chart {
  checkRuns('lossChart', runs);
  if (span !== undefined) checkNumber('lossChart', 'span', span, 0);
  const several = Object.keys(runs).length > 1;
  const raw: Curve[] = [];
  const smoothed: Curve[] = [];
  const sentences: string[] = [];
  for (const [label, { lossHistory }] of Object.entries(runs)) {
    const color = raw.length;
    const x = countUp(lossHistory.length, 1);
    const averaged = smooth(lossHistory, span ?? smoothingSpan(lossHistory.length));
    const name = several ? `${label}, ` : '';
    raw.push({ label: `${name}each batch`, x, y: lossHistory, color, style: 'faint' });
    smoothed.push({ label: several ? label : 'smoothed', x, y: averaged, color, style: 'solid' });
    if (lossHistory.length > 0) {
      const last = averaged[averaged.length - 1];
      sentences.push(
        `${several ? `${label}: ` : ''}from ${lossHistory[0].toPrecision(3)} to about ` +
        `${last.toPrecision(3)} over ${lossHistory.length} iterations`,
      );
    }
  }
  return {
    title: 'Training loss',
    xLabel: 'iteration',
    yLabel: 'loss',
    percent: false,
    curves: [...raw, ...smoothed],
    description: `Line chart of the training loss. ${sentences.join('; ')}.`,
  };
}

/** Training and validation accuracy against epoch for one run or several; epoch 0 is the start of training. */
export function accuracyChart(runs: Readonly<Record<string, TrainingHistory>>): Chart {
  checkRuns('accuracyChart', runs);
  const labels = Object.keys(runs);
  const several = labels.length > 1;
  const curves: Curve[] = [];
  const sentences: string[] = [];
  labels.forEach((label, index) => {
    const histories = [['training', runs[label].trainAccHistory], ['validation', runs[label].valAccHistory]] as const;
    for (const [kind, history] of histories) {
      if (history === undefined || history.length === 0) continue;
      curves.push({
        label: several ? `${label}, ${kind}` : kind,
        x: runs[label].accuracyEpochs ?? countUp(history.length, 0),
        y: history,
        color: several || kind === 'training' ? index : 1,
        style: several && kind === 'training' ? 'dashed' : 'solid',
        dots: history.length <= 40,
        sparse: history.length <= sparsePoints,
      });
      sentences.push(
        `${several ? `${label}, ` : ''}${kind} accuracy ends at ` + formatPercent(history[history.length - 1]),
      );
    }
  });
  return {
    title: 'Accuracy',
    xLabel: 'epoch',
    yLabel: 'accuracy',
    percent: true,
    curves,
    description: `Line chart of accuracy by epoch. ${sentences.join('; ')}.`,
  };
}

/** The range that the y axis shows. Outliers far above the rest (a diverging start) are cut off. */
function verticalRange(chart: Chart): [number, number] {
  const values = chart.curves.flatMap((curve) => Array.from(curve.y).filter(Number.isFinite)).sort((a, b) => a - b);
  if (values.length === 0) return [0, 1];
  const top = values[values.length - 1];
  const usual = values[Math.floor(0.98 * (values.length - 1))];
  let high = values.length > 50 && top > 4 * Math.abs(usual) ? 1.5 * usual : top;
  let low = values[0];
  if (low > 0) low = chart.percent || low < 0.7 * high ? 0 : low;
  if (!(high > low)) {
    low -= Math.max(1e-3, Math.abs(low) / 10);
    high += Math.max(1e-3, Math.abs(high) / 10);
  }
  const margin = 0.05 * (high - low);
  high += margin;
  if (low !== 0) low -= margin;
  return [low, chart.percent ? Math.min(1, Math.max(high, 0.1)) : high];
}

function horizontalRange(chart: Chart): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const { x } of chart.curves) {
    if (x.length === 0) continue;
    low = Math.min(low, x[0]);
    high = Math.max(high, x[x.length - 1]);
  }
  if (low === Infinity) return [0, 1];
  return high > low ? [low, high] : [low - 0.5, high + 0.5];
}

/** Places a chart's ticks and lines. */
export function layoutChart(chart: Chart): ChartLayout {
  const xRange = horizontalRange(chart);
  const yRange = verticalRange(chart);
  // Iterations and epochs are whole, unless the chart shows little more than one and something was measured between.
  const whole = chart.curves.every(({ x }) => Array.from(x).every(Number.isInteger));
  const xTicks = niceTicks(xRange[0], xRange[1], 6, whole || xRange[1] - xRange[0] >= 3);
  const yTicks = niceTicks(yRange[0], yRange[1], 5);
  const atX = (x: number): number => (x - xRange[0]) / (xRange[1] - xRange[0]);
  const atY = (y: number): number => 1 - (y - yRange[0]) / (yRange[1] - yRange[0]);
  let clipped = 0;
  let broken = 0;
  const lines = chart.curves.map((curve) => {
    const pieces: Array<Array<[number, number]>> = [];
    let piece: Array<[number, number]> = [];
    for (const i of decimate(curve.y, drawnBuckets)) {
      if (Number.isFinite(curve.y[i])) {
        if (piece.length === 0) pieces.push(piece);
        // Far outside the frame coordinates stay small: the clip path cuts them, and renderers dislike huge numbers.
        piece.push([atX(curve.x[i]), Math.min(3, Math.max(-2, atY(curve.y[i])))]);
      } else {
        piece = [];
      }
    }
    for (let i = 0; i < curve.y.length; i++) {
      if (!Number.isFinite(curve.y[i])) broken += curve.style === 'faint' || chart.percent ? 1 : 0;
      else if (curve.y[i] > yRange[1] && curve.style === 'faint') clipped++;
    }
    return pieces;
  });
  const percentDecimals = yTicks.step < 0.0099 ? 1 : 0;
  return {
    xRange,
    yRange,
    lines,
    clipped,
    broken,
    xTicks: xTicks.values.map((x) => ({ at: atX(x), text: formatNumber(x, xTicks.step) })),
    yTicks: yTicks.values.map((y) => ({
      at: atY(y),
      text: chart.percent ? formatPercent(y, percentDecimals) : formatNumber(y, yTicks.step),
    })),
  };
}

/** What a reader can hover over: x positions, and each curve's value there (null: none). */
export interface Readings {
  readonly x: readonly number[];
  readonly curves: ReadonlyArray<{
    readonly label: string;
    readonly color: number;
    readonly style: Curve['style'];
    readonly values: ReadonlyArray<number | string | null>;
  }>;
}

/** Samples a chart at no more than `count` positions of its longest curve. Not-finite values are given as text. */
export function chartReadings(chart: Chart, count: number = hoverPoints): Readings {
  const longest = chart.curves.reduce<ArrayLike<number>>((x, curve) => (curve.x.length > x.length ? curve.x : x), []);
  const x = spread(longest.length, count).map((i) => longest[i]);
  return {
    x,
    curves: namedCurves(chart).map((curve) => ({
      label: curve.label,
      color: curve.color % paletteSize,
      style: curve.style,
      values: x.map((position) => {
        const value = curve.y[indexOf(curve.x, position)];
        if (value === undefined) return null;
        return Number.isFinite(value) ? Number(value.toPrecision(5)) : String(value);
      }),
    })),
  };
}

/** Where a value stands in ascending numbers; -1 where it does not. */
function indexOf(ascending: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle] < value) low = middle + 1;
    else high = middle;
  }
  return ascending[low] === value ? low : -1;
}

/** The sentence under a chart that says what it does not show; empty where it shows everything. */
export function chartNote(chart: Chart, layout: ChartLayout): string {
  const notes: string[] = [];
  if (chart.curves.some((curve) => curve.sparse)) notes.push('only the dots are measured');
  if (layout.clipped > 0) {
    notes.push(`${layout.clipped} ${layout.clipped === 1 ? 'value lies' : 'values lie'} above the frame`);
  }
  if (layout.broken > 0) notes.push(`${layout.broken} ${layout.broken === 1 ? 'value is' : 'values are'} not finite`);
  return notes.length === 0 ? '' : `${notes.join('; ')}.`;
}
