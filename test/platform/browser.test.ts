import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { bundleProgram } from './bundle.ts';
import type { Outcome } from './programs/train.ts';

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** Serves the page: /isolated/ with the headers that shared memory needs, /plain/ without. */
async function serve(script: string): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/isolated/')) {
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
      response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    }
    // what a strict page allows: compiled WebAssembly and workers from blobs, but no code from strings
    response.setHeader('Content-Security-Policy',
      "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src blob:");
    const isScript = request.url?.endsWith('.js') ?? false;
    response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? script : '<!doctype html><script src="page.js"></script>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

describe.skipIf(!existsSync(executablePath))('a page (in Chromium; CHROMIUM names it)', () => {
  let server: Server | undefined;
  let browser: Browser | undefined;

  beforeAll(async () => {
    server = await serve(await bundleProgram('page.ts', 'browser'));
    browser = await chromium.launch({
      executablePath,
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
    });
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  async function visit(folder: string): Promise<Outcome> {
    const page = await browser!.newPage();
    const { port } = server!.address() as AddressInfo;
    await page.goto(`http://127.0.0.1:${port}/${folder}/`);
    const outcome = await page.evaluate('outcome') as Outcome & { error?: string };
    await page.close();
    expect(outcome.error).toBeUndefined();
    return outcome;
  }

  it('trains on one, two and three threads with the same bits when it is cross-origin isolated', async () => {
    const { info, threads, results } = await visit('isolated');
    expect(threads).toEqual([1, 2, 3]);
    expect(new Set(results).size).toBe(1);
    expect(info).toMatchObject({ backend: 'simd', runtime: 'browser', sharedMemory: true });
  });

  it('trains on one thread when it is not, with those bits, and says which headers are missing', async () => {
    const { info, threads, results } = await visit('plain');
    expect(threads).toEqual([1, 1, 1]);
    expect(results[0]).toBe((await visit('isolated')).results[0]);
    expect(info.why.join()).toMatch(/Cross-Origin-Embedder-Policy: require-corp/);
  });
});
