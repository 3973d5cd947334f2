import { describe, expect, it } from 'vitest';
import { accuracyChart, chartSvg, curvesHtml, filterGrid, lossChart, reportHtml } from '../../src/viz/index.ts';
import { escapeJson, escapeText } from '../../src/viz/escape.ts';
import { encodeBase64 } from '../../src/viz/base64.ts';
import { darkPalette, lightPalette } from '../../src/viz/palette.ts';
import { tensor } from '../../src/tensor/index.ts';

const hostile = `</script><script>alert(1)</script>"'&<img src=x onerror=alert(2)>]]>-->\u2028\u0000\uD800`;

const history = (length: number): { lossHistory: number[]; trainAccHistory: number[]; valAccHistory: number[] } => ({
  lossHistory: Array.from({ length }, (_, i) => 2.3 / (1 + i / 10)),
  trainAccHistory: [0.1, 0.4, 0.55],
  valAccHistory: [0.1, 0.38, 0.469],
});

const voidElements = new Set(['meta', 'link', 'img', 'br', 'input']);

/** Reads markup strictly: every tag closed in order, every attribute quoted and unique, every entity known. */
function elementsOf(
  markup: string,
  html: boolean,
): Array<{ name: string; attributes: Record<string, string>; text: string }> {
  const elements: Array<{ name: string; attributes: Record<string, string>; text: string }> = [];
  const open: typeof elements = [];
  let at = html ? markup.indexOf('<html') : 0;
  while (at < markup.length) {
    const top = open[open.length - 1];
    const raw = html && top !== undefined && (top.name === 'script' || top.name === 'style');
    const next = raw ? markup.indexOf(`</${top.name}`, at) : markup.indexOf('<', at);
    const text = markup.slice(at, next < 0 ? undefined : next);
    if (!raw) expect(text.replace(/&(amp|lt|gt|quot|#39);/g, ''), 'stray ampersand').not.toMatch(/[&>]/);
    if (top !== undefined) top.text += text;
    else expect(text.trim()).toBe('');
    if (next < 0) break;
    const tag = /^<(\/?)([a-zA-Z][\w-]*)((?:\s+[\w:-]+(?:="[^"<>]*")?)*)\s*(\/?)>/.exec(markup.slice(next));
    expect(tag, `markup at ${markup.slice(next, next + 80)}`).not.toBeNull();
    const [whole, closing, name, attributeText, selfClosing] = tag!;
    at = next + whole.length;
    if (closing) {
      expect(open.pop()?.name).toBe(name);
      continue;
    }
    const attributes: Record<string, string> = {};
    for (const [, key, value] of attributeText.matchAll(/([\w:-]+)(?:="([^"]*)")?/g)) {
      expect(attributes, `attribute ${key} of ${name}`).not.toHaveProperty(key);
      attributes[key] = value ?? '';
    }
    const element = { name, attributes, text: '' };
    elements.push(element);
    if (!selfClosing && !(html && voidElements.has(name))) open.push(element);
  }
  expect(open).toEqual([]);
  return elements;
}

const fullReport = (text: string): string =>
  reportHtml({
    title: text,
    subtitle: text,
    footer: text,
    runs: { [text]: history(500), other: history(300) },
    summary: [{ label: text, value: text, note: text }],
    filters: filterGrid(
      tensor([
        [
          [
            [0, 1],
            [2, 3],
          ],
        ],
      ]),
    ),
    confusion: {
      counts: [
        [3, 1],
        [0, 4],
      ],
      classNames: [text, 'b'],
    },
    samples: [
      {
        picture: { width: 1, height: 1, channels: 3, data: new Uint8Array(3) },
        actual: text,
        predicted: text,
        confidence: 0.75,
      },
      { picture: { width: 1, height: 1, channels: 1, data: new Uint8Array(1) }, actual: text, predicted: 'b' },
    ],
    configuration: { [text]: text, epochs: 1, pools: [1, 3] },
  });

describe('escaping', () => {
  it('replaces what markup and XML reserve or forbid', () => {
    expect(escapeText(`<a href="x">'&`)).toBe('&lt;a href=&quot;x&quot;&gt;&#39;&amp;');
    expect(escapeText('a\u0000b\uD800c\u{1F600}\n')).toBe('a\uFFFDb\uFFFDc\u{1F600}\n');
    expect(escapeText('a\u202Eb\u2066c \u05D0\u200F')).toBe('a\uFFFDb\uFFFDc \u05D0\u200F');
    expect(JSON.parse(escapeJson(hostile))).toBe(hostile);
    expect(escapeJson(hostile)).not.toMatch(/[<\u2028]/);
  });

  it('base64 agrees with Node on every length', () => {
    for (const length of [0, 1, 2, 3, 100, 8192, 8193, 20000]) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 31) & 255);
      expect(encodeBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
    }
  });
});

describe('reportHtml', () => {
  it('is well-formed, whatever names are put into it', () => {
    const elements = elementsOf(fullReport(hostile), true);
    expect(elements.filter((element) => element.name === 'script').map((script) => script.attributes.type)).toEqual([
      'application/json',
      'application/json',
      undefined,
    ]);
    expect(elements.every((element) => !Object.keys(element.attributes).some((name) => name.startsWith('on')))).toBe(
      true,
    );
    expect(elements.filter((element) => element.name === 'img')).toHaveLength(3);
  });

  it('refers to nothing outside itself and evaluates no text', () => {
    const html = fullReport('plain');
    for (const { name, attributes } of elementsOf(html, true)) {
      for (const key of ['src', 'href'])
        if (attributes[key] !== undefined) expect(attributes[key], name).toMatch(/^data:image\//);
    }
    expect(html).not.toMatch(/https?:|@import|url\(|\beval\b|new Function|innerHTML|document\.write/);
  });

  it('says in words what its pictures show', () => {
    const elements = elementsOf(fullReport('plain'), true);
    for (const image of elements.filter((element) => element.name === 'img')) expect(image.attributes.alt).not.toBe('');
    const descriptions = elements
      .filter((element) => element.attributes.class === 'area')
      .map((area) => area.attributes['aria-label']);
    expect(descriptions[0]).toContain('other: from 2.30 to about');
    expect(descriptions[1]).toContain('plain, validation accuracy ends at 46.9%');
    const marks = elements
      .filter((element) => element.attributes.class === 'mark')
      .map((mark) => mark.attributes['aria-label']);
    expect(marks).toEqual(['right:', 'wrong:']);
  });

  it('gives the read-out the real numbers', () => {
    const [loss, accuracy] = elementsOf(reportHtml({ title: 't', runs: { run: history(980) } }), true)
      .filter((element) => element.attributes.class === 'readings')
      .map((element) => JSON.parse(element.text));
    expect(loss.x[0]).toBe(1);
    expect(loss.x[loss.x.length - 1]).toBe(980);
    expect(loss.x.length).toBeLessThanOrEqual(600);
    const at = loss.x.length >> 1;
    expect(loss.curves[0].values[at]).toBeCloseTo(2.3 / (1 + (loss.x[at] - 1) / 10), 4);
    expect(accuracy.x).toEqual([0, 1, 2]);
    expect(accuracy.curves.map((curve: { label: string; values: number[] }) => [curve.label, curve.values])).toEqual([
      ['training', [0.1, 0.4, 0.55]],
      ['validation', [0.1, 0.38, 0.469]],
    ]);
  });

  it('places accuracies at the epochs given, and reads them there', () => {
    const run = { lossHistory: [], valAccHistory: [0.1, 0.3, 0.35], accuracyEpochs: [0, 1, 1.25] };
    const [readings] = elementsOf(
      reportHtml({ title: 't', runs: { run, other: { lossHistory: [], valAccHistory: [0.2, 0.4] } } }),
      true,
    )
      .filter((element) => element.attributes.class === 'readings')
      .map((element) => JSON.parse(element.text));
    expect(readings.x).toEqual([0, 1, 1.25]);
    expect(readings.curves.map((curve: { values: unknown[] }) => curve.values)).toEqual([
      [0.1, 0.3, 0.35],
      [0.2, 0.4, null],
    ]);
    const dots = elementsOf(chartSvg(accuracyChart({ run })), false).filter((element) => element.name === 'circle');
    expect(dots.map((dot) => Number(dot.attributes.cx))).toEqual([64, 64 + 632 * 0.8, 696]);
  });

  it('leaves out what it is not given', () => {
    const elements = elementsOf(reportHtml({ title: 'Empty', runs: { run: { lossHistory: [] } } }), true);
    expect(elements.filter((element) => ['figure', 'section', 'dl', 'img'].includes(element.name))).toEqual([]);
    elementsOf(curvesHtml({ a: { lossHistory: [2.3] }, b: { lossHistory: [NaN, Infinity] } }), true);
  });

  it('shades the confusion matrix by the root of the share of the row', () => {
    const cells = elementsOf(fullReport('plain'), true).filter(
      (element) => element.name === 'td' && element.attributes.title !== undefined,
    );
    expect(cells.map((cell) => [cell.text, cell.attributes.style])).toEqual([
      ['3', '--shade:0.866'],
      ['1', '--shade:0.500'],
      ['0', '--shade:0.000'],
      ['4', '--shade:1.000'],
    ]);
    expect(cells[1].attributes.title).toBe('1 of 4 plain predicted as b (25.0%): wrong');
  });

  it('refuses what does not fit together', () => {
    expect(() => reportHtml({ title: 't', run: {} } as never)).toThrow('reportHtml: unknown option "run"');
    expect(() => reportHtml({ title: 't', runs: { a: {} } } as never)).toThrow(
      'reportHtml: runs["a"].lossHistory must be a list of numbers, got undefined',
    );
    expect(() => reportHtml({ title: 't', runs: [history(3)] } as never)).toThrow(TypeError);
    expect(() => reportHtml({ title: 't', confusion: { counts: [[1, 2]], classNames: ['a'] } })).toThrow(
      'reportHtml: confusion.counts must be 1x1, one row and column a class, got rows of 2',
    );
    expect(() =>
      reportHtml({ title: 't', filters: { width: 2, height: 2, channels: 3, data: new Uint8Array(3) } }),
    ).toThrow(RangeError);
    expect(() => reportHtml({ title: 3 } as never)).toThrow(TypeError);
  });
});

describe('chartSvg', () => {
  it('is well-formed XML with hostile labels, and describes itself', () => {
    const svg = chartSvg(lossChart({ [hostile]: history(3000), b: history(20) }));
    const elements = elementsOf(svg, false);
    expect(elements[0].attributes).toMatchObject({ xmlns: 'http://www.w3.org/2000/svg', role: 'img' });
    expect(elements.filter((element) => element.name === 'script' || element.name === 'img')).toEqual([]);
    expect(elements.find((element) => element.name === 'desc')?.text).toContain('b: from 2.30');
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    expect(svg.length).toBeLessThan(80_000);
  });

  it('can be put into a page twice, beside other charts, without touching them', () => {
    const svg = chartSvg(lossChart({ run: history(50) }), { theme: 'dark' });
    for (const element of elementsOf(svg, false)) expect(element.attributes).not.toHaveProperty('id');
    const rules = /<style>([^]*)<\/style>/.exec(svg)?.[1].match(/[^{}]+(?=\{[^{}]*\})/g) ?? [];
    expect(rules.length).toBeGreaterThan(10);
    for (const selector of rules) expect(selector).toMatch(/^\.tilegrad-chart-dark /);
  });

  it('draws each value where it belongs', () => {
    const elements = elementsOf(
      chartSvg(accuracyChart({ run: { lossHistory: [], valAccHistory: [0, 0.5, 1] } }), { width: 720, height: 400 }),
      false,
    );
    const dots = elements
      .filter((element) => element.name === 'circle')
      .map(({ attributes }) => [Number(attributes.cx), Number(attributes.cy)]);
    expect(dots).toEqual([
      [64, 352],
      [380, 214],
      [696, 76],
    ]);
    const ticks = elements
      .filter((element) => element.attributes['text-anchor'] === 'end')
      .map((element) => element.text);
    expect(ticks).toEqual(['0%', '20%', '40%', '60%', '80%', '100%']);
  });

  it('joins two or three accuracies by dots only, marks whole epochs, and says what was measured', () => {
    const parts = (valAccHistory: number[]): { ticks: string[]; curves: string[]; note: boolean } => {
      const elements = elementsOf(chartSvg(accuracyChart({ run: { lossHistory: [], valAccHistory } })), false);
      const texts = elements.filter(({ attributes }) => attributes['text-anchor'] === 'middle').map(({ text }) => text);
      const curves = elements.filter(({ name }) => name === 'path').map(({ attributes }) => attributes.class);
      return { ticks: texts.slice(0, -1), curves, note: texts.at(-1) === 'epoch (only the dots are measured)' };
    };
    const sparse = ['curve s1 solid sparse'];
    expect(parts([0.1, 0.6])).toEqual({ ticks: ['0', '1'], curves: sparse, note: true });
    expect(parts([0.1, 0.6, 0.7])).toEqual({ ticks: ['0', '1', '2'], curves: sparse, note: true });
    expect(parts([0.1, 0.6, 0.7, 0.8])).toEqual({ ticks: ['0', '1', '2', '3'], curves: ['curve s1 solid'], note: false });
  });

  it('breaks its line at what is not finite, and says what it cuts off', () => {
    const values = Array.from({ length: 100 }, (_, i) => (i < 1 ? 1e6 : i === 50 ? NaN : 1 + Math.sin(i)));
    const svg = chartSvg(lossChart({ run: { lossHistory: values } }));
    expect(svg).toContain('iteration (1 value lies above the frame; 1 value is not finite)');
    const raw = elementsOf(svg, false).find(
      (element) => element.name === 'path' && element.attributes.class.includes('faint'),
    );
    expect(raw?.attributes.d.match(/M/g)).toHaveLength(2);
    elementsOf(chartSvg(lossChart({ run: { lossHistory: [NaN, NaN] } })), false);
    elementsOf(chartSvg(lossChart({})), false);
  });

  it('refuses unknown options and sizes', () => {
    const chart = lossChart({ run: history(3) });
    expect(() => chartSvg(chart, { width: 10 })).toThrow('chartSvg: width must be an integer >= 200');
    expect(() => chartSvg(chart, { theme: 'sepia' } as never)).toThrow(RangeError);
    expect(() => chartSvg(chart, { size: 3 } as never)).toThrow(TypeError);
  });
});

describe('palettes', () => {
  const luminance = (color: string): number => {
    const [r, g, b] = [1, 3, 5]
      .map((i) => parseInt(color.slice(i, i + 2), 16) / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a: string, b: string): number => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  it.each([
    ['light', lightPalette],
    ['dark', darkPalette],
  ])('%s meets WCAG contrast for text and lines', (_, palette) => {
    for (const surface of [palette.card, palette.page]) {
      for (const text of [palette.ink, palette.muted]) expect(contrast(text, surface)).toBeGreaterThanOrEqual(4.5);
    }
    for (const text of [palette.good, palette.bad]) expect(contrast(text, palette.card)).toBeGreaterThanOrEqual(4.5);
    for (const line of palette.series) expect(contrast(line, palette.card)).toBeGreaterThanOrEqual(3);
    const mix = (share: number): string =>
      `#${[1, 3, 5]
        .map((i) =>
          Math.round(
            share * parseInt(palette.heat.slice(i, i + 2), 16) +
            (1 - share) * parseInt(palette.page.slice(i, i + 2), 16),
          )
            .toString(16)
            .padStart(2, '0'),
        )
        .join('')}`;
    for (const share of [0, 0.25, 0.5, 0.75, 1]) {
      expect(contrast(palette.ink, mix(share)), `ink at ${share}`).toBeGreaterThanOrEqual(4.5);
    }
  });
});
