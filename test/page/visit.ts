/** The built page in a headless Chromium: what the tests of the page share. */

import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

import { buildPage } from '../../scripts/build-page.ts';
import { servePage } from '../../scripts/page-server.ts';
import { makeShapes } from '../../src/data/index.ts';
import { encodePng, tensorToPicture } from '../../src/viz/index.ts';

export const executablePath: string = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
export const hasChromium: boolean = existsSync(executablePath);

/** Milliseconds for whatever the page is waited for: much, since machines are busy. */
export const patience = 60_000;

/** Settings with which a run takes a second. */
export const quick = 'net=conv4-3-1.relu.max4&pictures=300&epochs=3&batch=20';

/** The page behind two servers, with the headers for threads and without, and what went wrong in its tabs. */
export class Visits {
  readonly problems: string[] = [];
  readonly #servers: Server[] = [];
  #browser: Browser | null = null;

  async start(): Promise<void> {
    await buildPage();
    for (const isolated of [true, false]) this.#servers.push(await servePage(0, isolated));
    this.#browser = await chromium.launch({
      executablePath,
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
    });
  }

  get browser(): Browser {
    return this.#browser!;
  }

  address(isolated: boolean = true): string {
    return `http://127.0.0.1:${(this.#servers[isolated ? 0 : 1].address() as AddressInfo).port}/`;
  }

  /** A tab with the page at these settings, when it is ready to train. */
  async open(settings: string, options: BrowserContextOptions = {}, isolated: boolean = true): Promise<Page> {
    const page = await this.browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
    page.setDefaultTimeout(patience);
    page.on('pageerror', ({ message }) => this.problems.push(message));
    page.on('console', (message) => {
      if (message.type() === 'error') this.problems.push(message.text());
    });
    await page.goto(`${this.address(isolated)}#${settings}`);
    await page.waitForSelector('#train:enabled');
    return page;
  }

  async stop(): Promise<void> {
    await this.#browser?.close();
    for (const server of this.#servers) server.close();
  }
}

/** What the text of the element of this id is. */
export async function textOf(page: Page, id: string): Promise<string> {
  return (await page.textContent(`#${id}`))!.trim();
}

/** Waits for the main button to say so. */
export async function waitForButton(page: Page, name: string): Promise<void> {
  await page.waitForSelector(`#train:text-is("${name}")`);
}

/** A folder of drawn pictures, so many of each of three classes, and one file that is no picture. */
export function folderOfPictures(each: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'tilegrad-pictures-'));
  const { train: { images, labels }, classNames } = makeShapes({ numTrain: 10 * each, numTest: 1 });
  for (const label of [0, 1, 5]) mkdirSync(join(folder, classNames[label]));
  labels.forEach((label, i) => {
    const path = join(folder, classNames[label], `${i}.png`);
    if ([0, 1, 5].includes(label)) writeFileSync(path, encodePng(tensorToPicture(images.slice(i))));
  });
  writeFileSync(join(folder, classNames[0], 'broken.png'), 'this is no picture');
  writeFileSync(join(folder, 'notes.txt'), 'and this is none either');
  return folder;
}
