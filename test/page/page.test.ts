import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { pageFolder } from '../../scripts/build-page.ts';
import { decodeSafetensors } from '../../src/io/index.ts';
import { releaseArchive } from '../node/archive.ts';
import {
  executablePath, folderOfPictures, hasChromium, patience, quick, textOf, Visits, waitForButton,
} from './visit.ts';

const visits = new Visits();
let page: Page | null = null;

/** The share of its steps that training has made, as the page shows it. */
async function stepsOf(tab: Page): Promise<number> {
  return tab.$eval('#progress', (progress) => (progress as HTMLProgressElement).value);
}

async function waitForSteps(tab: Page, more: number): Promise<void> {
  await tab.waitForFunction((least) => document.querySelector<HTMLProgressElement>('#progress')!.value > least, more);
}

describe.skipIf(!hasChromium)(`the page (in ${executablePath}; CHROMIUM names another)`, () => {
  beforeAll(() => visits.start(), patience);
  afterAll(() => visits.stop());
  afterEach(async () => {
    await page?.close();
    expect(visits.problems.splice(0)).toEqual([]); // a violated policy is one
  });

  it('trains, and shows curves, predictions, filters and activations', async () => {
    page = await visits.open(quick);
    expect(await page.locator('#predictions > li').count()).toBe(12);
    await page.click('#train');
    await waitForButton(page, 'Train again');
    await page.waitForFunction(() =>
      document.querySelector('#loss-chart .line.first')!.getAttribute('d')!.split('L').length === 3 * 15);
    expect(await page.getAttribute('#accuracy-chart svg', 'aria-label')).toMatch(/training \d+%, test \d+%/);
    expect(await textOf(page, 'epoch')).toBe('3.0 of 3');
    expect(Number((await textOf(page, 'speed')).replace(',', ''))).toBeGreaterThan(0);
    expect(await page.locator('#inside figcaption').allTextContents()).toEqual([
      'Layer 1, Convolution: 4 filters of 3×3', 'Layer 2, ReLU: 4 channels of 32×32',
    ]);
    const shares = await page.locator('#own-bars .number').allTextContents();
    expect(shares.length).toBe(10);
    expect(shares.reduce((sum, share) => sum + parseFloat(share), 0)).toBeGreaterThan(90);
    expect(await textOf(page, 'computing')).toMatch(/simd kernels/);
  });

  it('pauses, goes on where it was, and resets', async () => {
    page = await visits.open(quick.replace('epochs=3', 'epochs=400'));
    await page.click('#train');
    await waitForSteps(page, 0);
    await page.click('#train');
    await waitForButton(page, 'Resume');
    await page.waitForTimeout(500); // a step that was under way is reported
    const paused = await stepsOf(page);
    await page.waitForTimeout(500);
    expect(await stepsOf(page)).toBe(paused);
    await page.click('#train');
    await waitForSteps(page, paused);
    await page.click('#reset');
    await waitForButton(page, 'Train');
    await page.waitForSelector('#train:enabled');
    expect(await stepsOf(page)).toBe(0);
    expect(await textOf(page, 'epoch')).toBe('0 of 400');
  });

  it('saves weights that other programs read, and loads them with network and settings', async () => {
    page = await visits.open(quick);
    await page.click('#train');
    await waitForButton(page, 'Train again');
    const accuracy = await textOf(page, 'accuracy');
    const before = await page.locator('#predictions').innerText();
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
    const path = await download.path();
    const { tensors } = decodeSafetensors(readFileSync(path));
    expect(tensors['0.weight'].shape).toEqual([4, 3, 3, 3]);

    await page.goto(`${visits.address()}#${quick.replace('conv4', 'conv6')}`);
    await page.reload();
    await page.waitForSelector('#train:enabled');
    expect(await textOf(page, 'accuracy')).not.toBe(accuracy);
    await page.setInputFiles('#file-weights', path);
    await page.waitForSelector(`#accuracy:text-is("${accuracy}")`);
    expect(await page.locator('#predictions').innerText()).toBe(before);
    expect(page.url()).toContain('conv4-3-1');
    const nonsense = { name: 'bad.safetensors', mimeType: '', buffer: Buffer.from('nonsense') };
    await page.setInputFiles('#file-weights', nonsense);
    await page.waitForSelector('#problem:visible');
    expect(await textOf(page, 'problem')).toMatch(/decodeSafetensors/);
    await page.waitForSelector('#train:enabled');
  });

  it('keeps its settings in the address, and says what it cannot read there', async () => {
    page = await visits.open(`${quick}&rule=sgd&rate=0.05`);
    expect(await page.inputValue('#set-rule')).toBe('sgd');
    expect(await page.inputValue('#set-rate')).toBe('0.05');
    expect(await page.locator('#layers > li').count()).toBe(4);
    await page.fill('#set-epochs', '7');
    await page.press('#set-epochs', 'Enter');
    await page.selectOption('#preset', 'hidden');
    const address = page.url();
    expect(address).toContain('epochs=7');
    expect(address).toContain('net=linear100.relu');
    await page.close();
    page = await visits.open(address.split('#')[1]);
    expect(await page.inputValue('#set-epochs')).toBe('7');
    expect(await page.inputValue('#preset')).toBe('hidden');
    await page.close();
    page = await visits.open('pictures=300&rate=-1&net=conv9000-3-1&what=ever');
    expect(await textOf(page, 'problem')).toMatch(/rate, net, what$/);
  });

  it('builds the network layer by layer, and says where a layer cannot stand', async () => {
    page = await visits.open(quick);
    await page.selectOption('#add-kind', 'linear');
    await page.click('#add');
    await page.selectOption('#add-kind', 'conv');
    await page.click('#add');
    expect(await textOf(page, 'network-problem')).toMatch(/^Layer 5: Convolution needs a picture/);
    await page.click('[aria-label="Move up layer 5"]');
    expect(await textOf(page, 'network-problem')).toBe('');
    await page.fill('[aria-label="filters of layer 4"]', '7');
    await page.press('[aria-label="filters of layer 4"]', 'Enter');
    await page.click('[aria-label="Remove layer 2"]');
    await page.waitForURL(({ href }) => href.includes('net=conv4-3-1.max4.conv7-3-1.linear64')); // told in its own time
    await page.waitForSelector('#train:enabled');
    await page.click('#train');
    await waitForButton(page, 'Train again');
  });

  it('learns a folder of pictures, and names what it could not read', async () => {
    const folder = folderOfPictures(20);
    try {
      page = await visits.open(quick);
      await page.setInputFiles('#file-folder', folder);
      await page.waitForSelector('#data-summary:text-is("Your pictures, 3 classes")');
      expect(await textOf(page, 'data-text')).toMatch(/^48 pictures .* 12 to test with; 1 could not be read.*broken/);
      await page.waitForSelector('#train:enabled');
      await page.click('#train');
      await waitForButton(page, 'Train again');
      expect(await page.locator('#own-bars > li').count()).toBe(3);
      await page.click('#use-shapes');
      await page.waitForSelector('#data-summary:text-is("Drawn shapes, 10 classes")');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('takes a folder that is dropped on it', async () => {
    const folder = folderOfPictures(20);
    try {
      page = await visits.open(quick);
      const devtools = await page.context().newCDPSession(page);
      const data = { items: [], files: [folder], dragOperationsMask: 1 };
      for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
        await devtools.send('Input.dispatchDragEvent', { type, x: 300, y: 300, data });
        if (type === 'dragOver') await page.waitForSelector('#drop:visible');
      }
      await page.waitForSelector('#drop', { state: 'hidden' });
      await page.waitForSelector('#data-summary:text-is("Your pictures, 3 classes")');
      expect(await textOf(page, 'data-text')).toMatch(/^48 pictures .* 12 to test with; 1 could not be read.*broken/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('reads an archive of CIFAR-10, and refuses what is none', async () => {
    page = await visits.open(quick);
    const upload = (buffer: Buffer): Promise<void> =>
      page!.setInputFiles('#file-archive', { name: 'a.tar.gz', mimeType: 'application/gzip', buffer });
    await upload(Buffer.from(releaseArchive(20)));
    await page.waitForSelector('#data-summary:text-is("CIFAR-10, 10 classes")');
    expect(await page.locator('#own-bars .name').allTextContents()).toContain('airplane');
    await upload(Buffer.from(releaseArchive(20)).subarray(0, 20_000));
    await page.waitForSelector('#problem:visible');
    expect(await textOf(page, 'problem')).toMatch(/corrupted or cut short/);
    await page.waitForSelector('#train:enabled');
    expect(await textOf(page, 'data-summary')).toBe('CIFAR-10, 10 classes');
  });

  it('classifies a picture that is dropped, and one that is drawn', async () => {
    page = await visits.open(quick);
    const before = await page.locator('#own-bars').innerText();
    await page.evaluate(async () => {
      const canvas = new OffscreenCanvas(40, 30);
      canvas.getContext('2d')!.fillRect(0, 0, 40, 30);
      const data = new DataTransfer();
      data.items.add(new File([await canvas.convertToBlob()], 'black.png', { type: 'image/png' }));
      document.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
    });
    await page.waitForSelector('#inside-of:has-text("your picture")');
    await page.waitForFunction((old) => document.querySelector<HTMLElement>('#own-bars')!.innerText !== old, before);
    const black = await page.locator('#own-bars').innerText();
    await page.locator('#pad').scrollIntoViewIfNeeded();
    const box = (await page.locator('#pad').boundingBox())!;
    await page.mouse.move(box.x + 20, box.y + 20);
    await page.mouse.down();
    await page.mouse.move(box.x + 200, box.y + 200, { steps: 5 });
    await page.mouse.up();
    await page.waitForFunction((old) => document.querySelector<HTMLElement>('#own-bars')!.innerText !== old, black);
  });

  it('is worked by keyboard alone', async () => {
    page = await visits.open(quick);
    const focused = (): Promise<string> => page!.evaluate('document.activeElement.id');
    for (let i = 0; i < 10 && await focused() !== 'train'; i++) await page.keyboard.press('Tab');
    expect(await focused()).toBe('train');
    expect(await page.$eval('#train', (button) => getComputedStyle(button).outlineStyle)).toBe('solid');
    await page.keyboard.press('Enter');
    await waitForButton(page, 'Train again');
    const seen = new Set<string>();
    for (let i = 0; i < 80; i++) {
      await page.keyboard.press('Tab');
      seen.add(await focused());
    }
    const controls = ['reset', 'pad', 'pad-clear', 'preset', 'add', 'set-rate', 'save', 'link'];
    expect(controls.filter((id) => !seen.has(id))).toEqual([]);
    await page.focus('#pad');
    const before = await page.locator('#own-bars').innerText();
    await page.keyboard.down(' ');
    for (let i = 0; i < 12; i++) await page.keyboard.press('ArrowDown');
    await page.keyboard.up(' ');
    await page.waitForFunction((old) => document.querySelector<HTMLElement>('#own-bars')!.innerText !== old, before);
  });

  it('fits a phone, names its controls, and can be read in light and dark', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      page = await visits.open(quick, { viewport: { width: 390, height: 844 }, colorScheme, reducedMotion: 'reduce' });
      await page.evaluate('document.querySelectorAll("details").forEach((each) => { each.open = true; })');
      for (const width of [390, 320]) {
        await page.setViewportSize({ width, height: 844 });
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
      }
      const unnamed = await page.$$eval('button, input:not([hidden]), select, canvas[tabindex]', (controls) => controls
        .filter((control) => !(control.textContent?.trim() && control.tagName === 'BUTTON') &&
          !control.getAttribute('aria-label') && !(control as HTMLInputElement).labels?.length)
        .map((control) => control.outerHTML));
      expect(unnamed).toEqual([]);
      expect(await page.evaluate(contrasts)).toEqual([]);
      expect(await page.$eval('.fill', (bar) => getComputedStyle(bar).transitionDuration)).toBe('0s');
      await page.close();
    }
    page = null;
  });

  it('runs on one thread where it is served without the headers, and says so', async () => {
    page = await visits.open(quick, {}, false);
    await page.click('#train');
    await waitForButton(page, 'Train again');
    expect(await textOf(page, 'computing')).toMatch(/on 1 thread\..*Cross-Origin-Opener-Policy: same-origin/);
  });

  it('shows itself before its worker has come, asks no other server for anything, and is small', async () => {
    page = await visits.browser.newPage();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.route('**/worker.js', () => undefined); // which never answers
    await page.goto(visits.address());
    await page.waitForSelector('#layers > li');
    expect(await page.locator('#loss-chart svg').isVisible()).toBe(true);
    expect(await textOf(page, 'train')).toBe('Train');
    expect(asked.filter((url) => !url.startsWith(visits.address()) && !url.startsWith('data:'))).toEqual([]);
    const sizes = readdirSync(pageFolder)
      .map((name) => gzipSync(readFileSync(join(pageFolder, name)), { level: 9 }).length);
    expect(sizes.reduce((sum, size) => sum + size) / 1024).toBeLessThan(150);
  });
});

/** Texts that have a contrast below 4.5 to 1 (WCAG 2.1, 1.4.3) on the page's ground; runs in the page. */
const contrasts = `(() => {
  const luminance = (colour) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = colour.match(/[\\d.]+/g).map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = getComputedStyle(document.body).backgroundColor;
  const low = [];
  const texts = ['body', '.hint', 'h2', 'figcaption', '#status', '#problem', 'a', '.primary', '.shape', '.fields label'];
  for (const selector of texts) {
    const element = document.querySelector(selector);
    const style = getComputedStyle(element);
    const on = selector === '.primary' ? style.backgroundColor : ground;
    const [a, b] = [luminance(style.color), luminance(on)].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) low.push(selector + ' ' + style.color + ' on ' + on);
  }
  return low;
})()`;
