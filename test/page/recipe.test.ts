/** The web page of docs/recipes.md: bundled by the command that is printed there, served by its server, and visited. */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, transform } from 'esbuild';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { embedWorker } from '../../scripts/embed-worker.ts';
import { lateArrival } from '../../scripts/late-arrival.ts';
import { alias, execute, programsOf, root } from '../support/programs.ts';
import { executablePath, hasChromium, patience } from './visit.ts';

const title = 'A trained network in a web page';
const section = (await readFile(join(root, 'docs/recipes.md'), 'utf8')).split(/^## /m)
  .find((text) => text.startsWith(title))!;
const [{ code, files }] = (await programsOf('docs/recipes.md')).filter((program) => program.title === title);

/** What the page's command says after `npx esbuild`, file first. */
const command = /^npx esbuild (.*)$/m.exec(section)![1].split(' ');

/** A port that is free. */
const port = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  const found = (server.address() as AddressInfo).port;
  await new Promise((resolve) => server.close(resolve));
  return found;
};

describe('the page of the recipe', () => {
  let folder = '';
  let server: ChildProcess | undefined;
  let browser: Browser | undefined;
  let bundled: string[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tilegrad-recipe-page-'));
    await execute(code, folder, files);
    await writeFile(join(folder, 'index.html'), /^```html\n([^]*?)^```$/m.exec(section)![1]);
    const given = (option: string): boolean => command.includes(`--${option}`);
    const outdir = command.find((word) => word.startsWith('--outdir='))!.slice('--outdir='.length);
    const { metafile } = await build({
      absWorkingDir: folder, entryPoints: [join(folder, command[0])], outdir: join(folder, outdir), alias,
      bundle: given('bundle'), splitting: given('splitting'), minify: given('minify'),
      ...(given('format=esm') ? { format: 'esm' } : {}),
      plugins: [embedWorker({ forBrowsers: true }), lateArrival()], metafile: true, logLevel: 'silent',
    });
    bundled = Object.keys(metafile.outputs);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    server?.kill();
    await rm(folder, { recursive: true, force: true });
  });

  it('is bundled into the file that it names, and others', () => {
    expect(bundled).toContain('out/page.js');
    expect(bundled.length).toBeGreaterThan(1);
  });

  it.skipIf(!hasChromium).each([['with the headers', true], ['without', false]])(
    `tells what is in a file, %s (in ${executablePath})`, { timeout: 120_000 }, async (_, isIsolated) => {
      const address = `http://localhost:${await port()}`;
      const serving = files['serve.mts'].replaceAll('8000', address.split(':')[2]);
      const headers = /^ *'Cross-Origin-.*\n/gm;
      expect(serving.match(headers)).toHaveLength(2);
      const { code: program } = await transform(isIsolated ? serving : serving.replace(headers, ''), { loader: 'ts' });
      await writeFile(join(folder, 'serve.mjs'), program);
      server?.kill();
      server = spawn(process.execPath, ['serve.mjs'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
      const [printed] = await new Promise<string[]>((resolve) =>
        server!.stdout!.once('data', (text: Buffer) => resolve([String(text).trim()])));
      expect(printed).toBe(address);

      browser ??= await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
      const page = await browser.newPage();
      page.setDefaultTimeout(patience);
      const reasons: string[] = [];
      page.on('console', (message) => reasons.push(message.text()));
      await page.goto(address);
      await page.waitForSelector('input:enabled');
      const said = (): Promise<string | null> => page.textContent('output');
      const isolated = /isolat|Cross-Origin/i;
      if (isIsolated) expect(reasons.filter((text) => isolated.test(text))).toEqual([]);
      else {
        expect(await said()).toBe('ready on 1 thread(s)');
        expect(reasons.some((text) => isolated.test(text))).toBe(true);
      }
      await page.setInputFiles('input', join(folder, 'unseen.png'));
      await page.waitForFunction("document.querySelector('output').value.startsWith('zigzag, 0.')");
      expect(await page.evaluate("[document.querySelector('canvas').width, crossOriginIsolated]")).toEqual([32, isIsolated]);
      await page.close();
    },
  );
});
