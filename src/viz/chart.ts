/** Charts as data: curves, ranges and labels. layout.ts places, svg.ts and plot.ts draw them. */

import {
  checkBoolean, checkInteger, checkNumber, checkNumbers, checkOneOf, checkRecord, checkString, describe,
} from '../runtime/check.ts';
import { smooth, smoothingSpan, spread } from './smoothing.ts';
import { formatPercent } from './ticks.ts';

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

/** A value that curves are held against: a dashed line across the chart, named at its right end. */
export interface Threshold {
  readonly y: number;
  readonly label: string;
}

/** Whether equal steps along an axis add to a value or multiply it. */
export type AxisScale = 'linear' | 'logarithmic';

export interface Chart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly percent: boolean;
  readonly curves: readonly Curve[];
  /** linear unless told; values that are not above 0 have no place on a logarithmic axis and break their line */
  readonly xScale?: AxisScale;
  readonly yScale?: AxisScale;
  /** from where to where an axis goes, instead of as far as the values go; what lies outside is cut off */
  readonly xLimits?: readonly [low: number, high: number];
  readonly yLimits?: readonly [low: number, high: number];
  readonly thresholds?: readonly Threshold[];
  /** one sentence for readers who cannot see the picture */
  readonly description: string;
}

/** The curves that legends and read-outs name: beside several runs, their raw values only add noise. */
export function namedCurves(chart: Chart): readonly Curve[] {
  const named = chart.curves.filter((curve) => curve.style !== 'faint');
  return named.length > 1 ? named : chart.curves;
}

/** Up to so many accuracies (two epochs) their line is a guess. */
const sparsePoints = 3;
/** Colours of the palette. */
export const paletteSize = 6;
/** Points that a reader can hover over. */
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
  for (const axis of ['x', 'y'] as const) {
    const scale = checkOneOf(fn, `chart.${axis}Scale`, value[`${axis}Scale`] ?? 'linear', ['linear', 'logarithmic']);
    const limits = value[`${axis}Limits`];
    if (limits !== undefined) checkLimits(fn, `chart.${axis}Limits`, limits, scale);
  }
  const { thresholds = [] } = value;
  if (!Array.isArray(thresholds)) throw new TypeError(`${fn}: chart.thresholds must be an array, got ${describe(thresholds)}`);
  for (const [i, threshold] of (thresholds as readonly Threshold[]).entries()) {
    checkRecord(fn, `chart.thresholds[${i}]`, threshold);
    checkNumber(fn, `chart.thresholds[${i}].y`, threshold.y);
    checkString(fn, `chart.thresholds[${i}].label`, threshold.label);
  }
}

function checkLimits(fn: string, name: string, limits: readonly number[], scale: AxisScale): void {
  const { length } = checkNumbers(fn, name, limits);
  const [low, high] = limits;
  const fits = length === 2 && Number.isFinite(low) && Number.isFinite(high) && low < high && (scale === 'linear' || low > 0);
  if (fits) return;
  throw new RangeError(`${fn}: ${name} must be a lower and a higher number${scale === 'linear' ? '' : ' above 0'}, got ${describe(limits)}`);
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
