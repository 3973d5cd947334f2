/**
 * Where a chart's ticks, lines and thresholds go, as fractions of the plotting area (0,0 at its top left): svg.ts and
 * plot.ts take every position from here.
 */

import type { Chart } from './chart.ts';
import { decimate } from './smoothing.ts';
import { formatNumber, formatPercent, formatPower, niceTicks, powerTicks } from './ticks.ts';

/** A tick's or threshold's place along its axis (0 to 1 from left, or from top) and its text. */
export interface PlacedTick {
  readonly at: number;
  readonly text: string;
}

export interface ChartLayout {
  readonly xRange: Range;
  readonly yRange: Range;
  readonly xTicks: readonly PlacedTick[];
  readonly yTicks: readonly PlacedTick[];
  /** the thresholds within the frame */
  readonly thresholds: readonly PlacedTick[];
  /** for each curve its line pieces; a value without a place ends a piece */
  readonly lines: ReadonlyArray<ReadonlyArray<ReadonlyArray<readonly [number, number]>>>;
  /** values outside the frame, and values without a place; a chart that hides something says so */
  readonly clipped: number;
  readonly broken: number;
}

type Range = readonly [low: number, high: number];

/** Buckets that a drawn curve is thinned to. */
const drawnBuckets = 400;

/** True for a value that an axis has a place for. */
const placeable = (logarithmic: boolean) => (value: number): boolean =>
  Number.isFinite(value) && (value > 0 || !logarithmic);

/** The range that the y axis shows. Outliers far above the rest (a diverging start) are cut off. */
function verticalRange(chart: Chart): Range {
  if (chart.yLimits !== undefined) return chart.yLimits;
  const logarithmic = chart.yScale === 'logarithmic';
  const shown = [...chart.curves.map(({ y }) => Array.from(y)), (chart.thresholds ?? []).map(({ y }) => y)].flat();
  const values = shown.filter(placeable(logarithmic)).sort((a, b) => a - b);
  if (values.length === 0) return logarithmic ? [0.1, 1] : [0, 1];
  const top = values[values.length - 1];
  if (logarithmic) return widened(values[0], top);
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

/** A logarithmic range with room at both ends. */
function widened(low: number, high: number): Range {
  const room = high > low ? (high / low) ** 0.05 : 2;
  return [low / room, high * room];
}

function horizontalRange(chart: Chart): Range {
  if (chart.xLimits !== undefined) return chart.xLimits;
  const logarithmic = chart.xScale === 'logarithmic';
  let low = Infinity;
  let high = -Infinity;
  for (const { x } of chart.curves) {
    const ends = logarithmic ? Array.from(x).filter(placeable(true)) : x;
    if (ends.length === 0) continue;
    low = Math.min(low, ends[0]);
    high = Math.max(high, ends[ends.length - 1]);
  }
  if (low === Infinity) return logarithmic ? [0.1, 1] : [0, 1];
  if (high > low) return [low, high];
  return logarithmic ? widened(low, high) : [low - 0.5, high + 0.5];
}

/** A value's place between the ends of a range, 0 to 1. */
function placeIn([low, high]: Range, logarithmic: boolean): (value: number) => number {
  if (logarithmic) return (value) => Math.log(value / low) / Math.log(high / low);
  return (value) => (value - low) / (high - low);
}

/** Places a chart's ticks, thresholds and lines. */
export function layoutChart(chart: Chart): ChartLayout {
  const xRange = horizontalRange(chart);
  const yRange = verticalRange(chart);
  const [logX, logY] = [chart.xScale === 'logarithmic', chart.yScale === 'logarithmic'];
  const atX = placeIn(xRange, logX);
  const upY = placeIn(yRange, logY);
  const atY = (y: number): number => 1 - upY(y);
  // Iterations and epochs are whole, unless the chart shows little more than one and something was measured between.
  const whole = chart.curves.every(({ x }) => Array.from(x).every(Number.isInteger));
  const xTicks = niceTicks(xRange[0], xRange[1], 6, whole || xRange[1] - xRange[0] >= 3);
  const yTicks = niceTicks(yRange[0], yRange[1], 5);
  const percentDecimals = yTicks.step < 0.0099 ? 1 : 0;
  const yText = (y: number): string => {
    if (chart.percent) return formatPercent(y, percentDecimals);
    return logY ? formatPower(y) : formatNumber(y, yTicks.step);
  };
  const [hasX, hasY] = [placeable(logX), placeable(logY)];
  let clipped = 0;
  let broken = 0;
  const lines = chart.curves.map((curve) => {
    const pieces: Array<Array<[number, number]>> = [];
    let piece: Array<[number, number]> = [];
    for (const i of decimate(curve.y, drawnBuckets)) {
      if (hasX(curve.x[i]) && hasY(curve.y[i])) {
        if (piece.length === 0) pieces.push(piece);
        // Far outside the frame coordinates stay small: the clip path cuts them, and renderers dislike huge numbers.
        piece.push([atX(curve.x[i]), Math.min(3, Math.max(-2, atY(curve.y[i])))]);
      } else {
        piece = [];
      }
    }
    // Of a smoothed curve the raw values, which are drawn as well, are counted.
    const counted = curve.style === 'faint' || chart.percent || curve.dots === true;
    for (let i = 0; i < curve.y.length && counted; i++) {
      if (!hasY(curve.y[i])) broken++;
      else if (curve.y[i] > yRange[1] || (chart.yLimits !== undefined && curve.y[i] < yRange[0])) clipped++;
    }
    return pieces;
  });
  return {
    xRange, yRange, lines, clipped, broken,
    xTicks: logX ? powerTicks(xRange[0], xRange[1]).map((x) => ({ at: atX(x), text: formatPower(x) }))
      : xTicks.values.map((x) => ({ at: atX(x), text: formatNumber(x, xTicks.step) })),
    yTicks: (logY ? powerTicks(yRange[0], yRange[1]) : yTicks.values).map((y) => ({ at: atY(y), text: yText(y) })),
    thresholds: (chart.thresholds ?? []).filter(({ y }) => hasY(y) && y >= yRange[0] && y <= yRange[1])
      .map(({ y, label }) => ({ at: atY(y), text: label })),
  };
}

/** The sentence under a chart that says what it does not show; empty where it shows everything. */
export function chartNote(chart: Chart, layout: ChartLayout): string {
  const notes: string[] = [];
  if (chart.curves.some((curve) => curve.sparse)) notes.push('only the dots are measured');
  const count = (of: number, one: string, more: string): string => `${of} ${of === 1 ? `value ${one}` : `values ${more}`}`;
  const where = chart.yLimits === undefined ? 'above the frame' : 'outside the frame';
  if (layout.clipped > 0) notes.push(`${count(layout.clipped, 'lies', 'lie')} ${where}`);
  const what = chart.yScale === 'logarithmic' ? 'without a logarithm' : 'not finite';
  if (layout.broken > 0) notes.push(`${count(layout.broken, 'is', 'are')} ${what}`);
  return notes.length === 0 ? '' : `${notes.join('; ')}.`;
}
