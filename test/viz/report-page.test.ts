/** The report as a reader sees it: nothing cut off in silence, at a phone's width and a desktop's. */

import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeShapes } from '../../src/data/index.ts';
import { reportHtml } from '../../src/viz/index.ts';

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const cifar = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];
const { classNames: shapes } = makeShapes({ numTrain: 1, numTest: 1 });
const long = shapes.map((name, i) => `${i}: ${name}, as a folder of pictures might well be named_${'x'.repeat(80)}`);
const many = Array.from({ length: 40 }, (_, i) => `class ${i}`);

interface Look {
  /** widths in CSS pixels: of the whole page, of the matrix, and of the frame that it scrolls in */
  page: number;
  table: number;
  frame: number;
  /** what the page says of columns out of sight; null where it says nothing */
  hint: string | null;
  faded: boolean;
  /** faded still, after scrolling to the end */
  fadedAtEnd: boolean;
}

const script = `(async () => {
  const table = document.querySelector('table.confusion');
  const frame = table.parentElement;
  const hint = frame.nextElementSibling;
  const shown = hint !== null && hint.getBoundingClientRect().height > 0 ? hint.textContent : null;
  const faded = () => getComputedStyle(frame).maskImage !== 'none';
  const before = faded();
  frame.scrollLeft = 1e6;
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  return { page: document.documentElement.scrollWidth, table: table.scrollWidth, frame: frame.clientWidth,
    hint: shown, faded: before, fadedAtEnd: faded() };
})()`;

describe.skipIf(!existsSync(executablePath))('a report (in Chromium; CHROMIUM names it)', () => {
  let browser: Browser | undefined;

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  });
  afterAll(async () => browser?.close());

  async function look(classNames: readonly string[], right: number, width: number): Promise<Look> {
    const counts = classNames.map((_, actual) => classNames.map((_name, said) => (actual === said ? right : 12)));
    const picture = { width: 4, height: 4, channels: 3, data: new Uint8Array(48) } as const;
    const page = await browser!.newPage({ viewport: { width, height: 800 } });
    await page.setContent(reportHtml({ title: 't', confusion: { counts, classNames }, filters: picture }));
    const result = await page.evaluate(script) as Look;
    await page.close();
    return result;
  }

  it('shows the whole matrix of ten classes, long names cut at the end', async () => {
    for (const [names, right, width] of [[cifar, 812, 390], [shapes, 188, 390], [long, 188, 390], [shapes, 1888, 1200],
      [long, 1888, 1200]] as const) {
      const { page, table, frame, hint, faded } = await look(names, right, width);
      expect(page).toBe(width);
      expect(table, `${names[0]} at ${width}`).toBeLessThanOrEqual(frame);
      expect([hint, faded]).toEqual([null, false]);
    }
  });

  it('says so where columns are out of sight, and fades the edge until the last one is seen', async () => {
    for (const [names, right, width] of [[many, 5, 390], [many, 5, 1200], [cifar, 98765, 390]] as const) {
      const { page, table, frame, hint, faded, fadedAtEnd } = await look(names, right, width);
      expect(page).toBe(width);
      expect(table).toBeGreaterThan(frame);
      expect(hint).toMatch(/^Scroll sideways/);
      expect([faded, fadedAtEnd]).toEqual([true, false]);
    }
  });
});
