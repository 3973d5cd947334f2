/** Axes: logarithmic ones, limits, thresholds. */

import { describe, expect, it } from 'vitest';
import { chartSvg } from '../../src/viz/index.ts';
import type { Chart } from '../../src/viz/index.ts';
import { chartNote, layoutChart } from '../../src/viz/layout.ts';
import { chartFigure } from '../../src/viz/plot.ts';
import { formatPower, powerTicks } from '../../src/viz/ticks.ts';

const chart = (x: number[], y: number[], more: Partial<Chart> = {}): Chart => ({
  title: 'T', xLabel: 'scale', yLabel: 'y', percent: false, description: 'D',
  curves: [{ label: 'a', x, y, color: 0, style: 'solid', dots: true }], ...more,
});

describe('logarithmic axes', () => {
  it('give equal factors equal room', () => {
    const { lines, xRange, xTicks } = layoutChart(chart([1e-4, 1e-2, 1], [1, 2, 3], { xScale: 'logarithmic' }));
    expect(xRange).toEqual([1e-4, 1]);
    expect(lines[0][0].map(([x]) => x)).toEqual([0, 0.5, 1].map((at) => expect.closeTo(at, 12) as number));
    expect(xTicks.map(({ text }) => text)).toEqual(['1e-4', '0.001', '0.01', '0.1', '1']);
    expect(xTicks.map(({ at }) => at)).toEqual([0, 0.25, 0.5, 0.75, 1].map((at) => expect.closeTo(at, 12) as number));
    const vertical = layoutChart(chart([1, 2, 3], [1, 10, 100], { yScale: 'logarithmic', yLimits: [1, 100] }));
    expect(vertical.lines[0][0].map(([, y]) => y)).toEqual([1, 0.5, 0].map((at) => expect.closeTo(at, 12) as number));
  });

  it('break a line where a value has no logarithm, and say so', () => {
    const broken = chart([1, 2, 3, 4, 5], [1, 10, 0, 100, -1], { yScale: 'logarithmic' });
    const layout = layoutChart(broken);
    expect(layout.lines[0].map((piece) => piece.length)).toEqual([2, 1]);
    expect(chartNote(broken, layout)).toBe('2 values are without a logarithm.');
    const nothing = chart([0, -1], [0, 0], { xScale: 'logarithmic', yScale: 'logarithmic' });
    expect(layoutChart(nothing).lines).toEqual([[]]);
    expect(chartSvg(nothing)).not.toMatch(/NaN|Infinity/);
    expect(chartSvg(chart([3], [7], { xScale: 'logarithmic', yScale: 'logarithmic' }))).not.toMatch(/NaN|Infinity/);
  });

  it('have ticks at powers of ten, between them where there are few, and not too many', () => {
    expect(powerTicks(1e-4, 1)).toEqual([1e-4, 1e-3, 1e-2, 1e-1, 1]);
    expect(powerTicks(0.005, 0.02)).toEqual([0.005, 0.01, 0.02]);
    expect(powerTicks(3, 40)).toEqual([5, 10, 20]);
    expect(powerTicks(1e-20, 1e20).length).toBeLessThanOrEqual(9);
    expect([1e-4, 0.25, 1, 5000, 2e6, 0.001].map(formatPower)).toEqual(['1e-4', '0.25', '1', '5000', '2e+6', '0.001']);
  });
});

describe('limits', () => {
  it('set the frame, and what they cut off is counted', () => {
    const limited = chart([0, 1, 2, 3], [1, 5, -2, 2], { yLimits: [0, 4], xLimits: [0, 6] });
    const layout = layoutChart(limited);
    expect([layout.xRange, layout.yRange]).toEqual([[0, 6], [0, 4]]);
    expect(layout.lines[0][0].map(([x]) => x)).toEqual([0, 1 / 6, 2 / 6, 3 / 6]);
    expect(chartNote(limited, layout)).toBe('2 values lie outside the frame.');
  });

  it('are refused where they are none', () => {
    const refused: Array<[Partial<Chart>, string]> = [
      [{ yLimits: [2, 1] }, 'chartSvg: chart.yLimits must be a lower and a higher number, got an array of 2'],
      [{ xLimits: [0, 1], xScale: 'logarithmic' }, 'chart.xLimits must be a lower and a higher number above 0'],
      [{ yLimits: [1, NaN] }, 'chart.yLimits must be'], [{ xLimits: [1] as never }, 'chart.xLimits must be'],
      [{ yScale: 'log' as never }, 'chart.yScale must be'],
      [{ thresholds: [{ y: 'high', label: '' }] as never }, 'chart.thresholds[0].y must be a number'],
      [{ thresholds: 3 as never }, 'chart.thresholds must be an array'],
    ];
    for (const [more, message] of refused) expect(() => chartSvg(chart([1, 2], [1, 2], more))).toThrow(message);
  });
});

describe('thresholds', () => {
  const held = chart([0, 1], [0.2, 0.4], { percent: true, thresholds: [{ y: 0.5, label: 'the <goal>' }] });

  it('lie within the frame and are named, in the file as on the page', () => {
    const { thresholds, yRange } = layoutChart(held);
    expect(yRange[1]).toBeGreaterThan(0.5);
    expect(thresholds).toEqual([{ at: expect.closeTo(1 - 0.5 / yRange[1], 12) as number, text: 'the <goal>' }]);
    expect(chartSvg(held)).toMatch(/<line class="threshold" [^>]+\/><text [^>]+>the &lt;goal&gt;<\/text>/);
    expect(chartFigure(held)).toContain('the &lt;goal&gt;</span>');
  });

  it('outside of limits are not drawn', () => {
    expect(layoutChart({ ...held, yLimits: [0, 0.45] }).thresholds).toEqual([]);
  });
});
