/** What notebooks are given: media types and contents by kind of value, tables as text and HTML, progress. */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Rng, tensor, Tensor, zeros } from '../../src/index.ts';
import {
  decodePng, display, type Displayable, displayInJupyter, lineChart, type MimeBundle, type Picture, progressDisplay,
} from '../../src/viz/index.ts';

const jupyter = Symbol.for('Jupyter.display');

function bundleOf(value: unknown): MimeBundle {
  return (value as Record<symbol, () => MimeBundle>)[jupyter]();
}
const shown = (value: Displayable, width?: number): MimeBundle => bundleOf(display(value, { width }));
const decoded = (bundle: MimeBundle): Picture => decodePng(Uint8Array.from(atob(bundle['image/png']), (c) => c.charCodeAt(0)));

const printed = vi.spyOn(console, 'log');
beforeEach(() => { printed.mockReset().mockImplementation(() => undefined); });

const history = { lossHistory: [2, 1, 0.5], trainAccHistory: [0.1, 0.4], valAccHistory: [0.1, 0.3] };

describe('display', () => {
  it('draws a batch of images with the pixels that it has', () => {
    const images = zeros([2, 3, 8, 8], 'uint8');
    images.slice(1, 0).assign(200);
    const picture = decoded(shown(images));
    // two images of 8x8 at 8 pixels a pixel with lines of a pixel around them
    expect([picture.width, picture.height]).toEqual([(2 * 9 + 1) * 8, 10 * 8]);
    const red = (x: number): number => picture.data[(20 * picture.width + x) * picture.channels];
    expect([red(40), red(110)]).toEqual([0, 200]);
  });

  it.each([[[4]], [[2, 3]], [[2, 2, 8, 8]], [[2, 3, 3, 3]], [[500, 3, 8, 8]], [[0, 3, 8, 8]]])(
    'shows a tensor %j, which are no images to look at, as text', (shape) => {
      expect(Object.keys(shown(zeros(shape)))).toEqual(['text/plain']);
    },
  );

  it('draws one chart, several side by side, and the curves of runs', () => {
    const chart = lineChart({ a: [1, 3], b: [2, 4] }, { title: 'A & B', x: [10, 20] });
    expect(shown(chart)['image/svg+xml']).toMatch(/^<svg [^>]*width="560"[^]*A &amp; B/);
    const pair = shown([chart, chart, chart], 300)['image/svg+xml'];
    expect(pair).toMatch(/^<svg [^>]*width="600" height="372"/);
    expect(pair.match(/<svg x="\d+" y="\d+" xmlns/g)).toEqual([
      '<svg x="0" y="0" xmlns', '<svg x="300" y="0" xmlns', '<svg x="0" y="186" xmlns',
    ]);
    for (const value of [history, { one: history, two: history }]) {
      expect(shown(value)['image/svg+xml']).toMatch(/Training loss[^]*ccuracy/);
    }
  });

  it('sets a table as HTML and as text, escaped, with figures to four digits', () => {
    const { 'text/html': html, 'text/plain': text } = shown([
      { name: '<b>\u001b[31m', value: 0.123456 }, { name: 'x', value: 1e-9, more: true },
    ]);
    expect(html).toContain('<td style="text-align:left">&lt;b&gt;\uFFFD[31m</td>');
    expect(html).not.toContain('<b>');
    expect(text.split('\n')[0]).toMatch(/^name +value +more$/);
    expect(text).toContain('0.1235');
    expect(text).toContain('1.00e-9');
    expect(text).not.toContain('\u001b');
  });

  it('refuses what nobody can draw', () => {
    for (const value of [null, 3, 'text', [], {}, [{}], [{ a: [] }], { curves: 3 }, [{ curves: [] }]]) {
      expect(() => display(value as Displayable), JSON.stringify(value)).toThrow(/^display: /);
    }
  });

  it('prints its text outside of a notebook, and in one leaves that to the cell', () => {
    expect(String(display([{ a: 1 }]))).toBe('a\n1');
    expect(printed.mock.calls).toEqual([['a\n1']]);
    vi.stubGlobal('Deno', { jupyter: {} });
    display([{ a: 1 }]);
    vi.unstubAllGlobals();
    expect(printed.mock.calls.length).toBe(1);
  });

  it('names the panels of a picture', () => {
    const picture = decoded(shown(zeros([1, 3, 8, 8])));
    expect(shown([[{ title: 'one', picture }, { title: 'two', picture }]])['text/plain']).toBe('[one] [two]');
  });
});

describe('displayInJupyter', () => {
  afterEach(() => {
    Reflect.deleteProperty(Tensor.prototype, jupyter);
  });

  it('makes tensors show themselves, only once it was called', () => {
    const images = new Rng(0).normal(0, 1, [2, 3, 8, 8]);
    expect(jupyter in images).toBe(false);
    displayInJupyter();
    expect(bundleOf(images)).toEqual(shown(images));
    expect(bundleOf(tensor([1, 2]))).toEqual({ 'text/plain': String(tensor([1, 2])) });
  });
});

describe('progressDisplay', () => {
  afterEach(() => vi.unstubAllGlobals());
  const progress = {
    iteration: 1, iterations: 10, epoch: 0, loss: 2.3, imagesPerSecond: 100, trainSeconds: 1,
    secondsLeft: 4, valAcc: 0.25,
  };

  it('writes one output anew in Jupyter, the last step included', () => {
    const calls: [MimeBundle, { display_id: string; update?: boolean }][] = [];
    vi.stubGlobal('Deno', { jupyter: { display: async (...call: typeof calls[0]) => { calls.push(call); } } });
    const report = progressDisplay();
    report(progress);
    report({ ...progress, iteration: 2 });
    report({ ...progress, iteration: 10 });
    expect(calls.map(([, { update }]) => update)).toEqual([undefined, true]);
    expect(calls[0][1].display_id).toBe(calls[1][1].display_id);
    expect(calls[1][0]['text/html']).toMatch(/^<progress value="0.200" max="1"><\/progress> step 10,/);
    expect(calls[1][0]['text/plain']).toBe('step 10, epochs done 0, loss 2.300, validation 25.0%, 100 images/s, 4 s left');
  });

  it('does nothing elsewhere', () => {
    expect(() => { progressDisplay()(progress); }).not.toThrow();
  });
});
