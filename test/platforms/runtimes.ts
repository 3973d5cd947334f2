/** The runtimes that the platform test runs in, as the npm registry has them, and Chromium. */

import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { bunBinary, denoBinary, nodeBinary } from '../../scripts/runtime-binaries.ts';

const run = promisify(execFile);
const minutes = 5;

export interface Runtime {
  readonly name: string;
  /** Evaluates `await (await import('./program.mjs'))[fn]()` in the folder, and ends by itself. Throws otherwise. */
  call(folder: string, fn: string): Promise<unknown>;
}

function inConsole(name: string, find: () => Promise<string>, options: readonly string[]): Runtime {
  return {
    name,
    async call(folder, fn) {
      const file = `run-${fn}.mjs`;
      writeFileSync(join(folder, file), `import { ${fn} } from './program.mjs';\nconsole.log(JSON.stringify(await ${fn}()));\n`);
      const { stdout } = await run(await find(), [...options, file], { cwd: folder, timeout: minutes * 60_000 });
      return JSON.parse(stdout) as unknown;
    },
  };
}

const node = (version: string): Runtime => inConsole(`node ${version}`, () => nodeBinary(version), []);

/** No permission is asked for and none is given: computing must not need any. */
const deno = inConsole('deno', denoBinary, ['run', '--no-prompt']);
const bun = inConsole('bun', bunBinary, []);

const types: Readonly<Record<string, string>> = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.html': 'text/html' };

/** A page that is cross-origin isolated, under the strictest policy that will do, with the package's own files. */
const browser: Runtime = {
  name: 'chromium',
  async call(folder, fn) {
    const { exports } = JSON.parse(await readFile(join(folder, 'node_modules/tilegrad/package.json'), 'utf8')) as {
      exports: Record<string, string | { browser?: string; default: string }>;
    };
    const imports = Object.fromEntries(Object.entries(exports).flatMap(([subpath, entry]) => typeof entry === 'string' ? [] : [
      [`tilegrad${subpath.slice(1)}`, `/node_modules/tilegrad/${(entry.browser ?? entry.default).slice(2)}`],
    ]));
    const html = `<!doctype html><script type="importmap" nonce="map">${JSON.stringify({ imports })}</script>` +
      `<script type="module" nonce="map">import { ${fn} } from '/program.mjs'; ` +
      `globalThis.outcome = ${fn}().then((value) => ({ value }), (error) => ({ error: String(error) }));</script>`;
    const server = createServer((request, response) => {
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
      response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
      response.setHeader('Content-Security-Policy',
        "default-src 'none'; script-src 'self' 'nonce-map' 'wasm-unsafe-eval'; worker-src blob:");
      const path = new URL(request.url ?? '/', 'http://page').pathname;
      response.setHeader('Content-Type', types[extname(path)] ?? 'text/html');
      if (path === '/') response.end(html);
      else readFile(join(folder, path)).then((text) => response.end(text), () => response.writeHead(404).end());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const chrome = await chromium.launch({
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
    });
    try {
      const page = await chrome.newPage();
      page.setDefaultTimeout(minutes * 60_000);
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      await page.waitForFunction('globalThis.outcome !== undefined');
      const { value, error } = await page.evaluate('outcome') as { value: unknown; error?: string };
      if (error !== undefined) throw new Error(error);
      return value;
    } finally {
      await chrome.close();
      server.close();
    }
  },
};

export const runtimes: readonly Runtime[] = [node('20'), node('22'), node('24'), node('latest'), deno, bun, browser];
