/**
 * `npm run test:gpu`: kernels and training on devices, held against the processor. In Deno on whatever Vulkan offers
 * (Debian's mesa-vulkan-drivers compute it without a GPU), in Chromium on its software adapters. A line a check; what is
 * not installed is said and skipped; exit code 1 where a check failed or nothing could be run.
 *
 *   npm run test:gpu -- [deno] [webgpu] [--runs 8] [--seed 1] [--filters 32]
 *
 * DENO and CHROMIUM name the programs.
 */

import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

import { bundleProgram } from '../platform/bundle.ts';
import type { Check, Report } from './programs/checks.ts';
import type { Settings } from './programs/webgpu.ts';

const programs = new URL('./programs/', import.meta.url);
/** Mesa's processor behind Vulkan, where Debian puts it: asked for by name, lest another driver is tried first. */
const softwareVulkan = '/usr/share/vulkan/icd.d/lvp_icd.x86_64.json';

/** Runs checks somewhere; returns why not, where that is missing. */
type Place = (report: Report, settings: Settings) => Promise<string | null>;

const inDeno: Place = async (report, settings) => {
  const deno = process.env['DENO'] ?? 'deno';
  try {
    execFileSync(deno, ['--version'], { stdio: 'ignore' });
  } catch {
    return 'deno is not installed (DENO names it)';
  }
  const folder = await mkdtemp(join(tmpdir(), 'tilegrad-gpu-'));
  try {
    await writeFile(join(folder, 'program.mjs'), await bundleProgram('deno.ts', 'neutral', programs));
    const env = { ...process.env, ...existsSync(softwareVulkan) ? { VK_ICD_FILENAMES: softwareVulkan } : {} };
    const child = spawn(deno, ['run', '--allow-all', 'program.mjs', JSON.stringify(settings)], {
      cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'],
    });
    let errors = '';
    child.stderr.on('data', (text: Buffer) => { errors = `${errors}${String(text)}`.slice(-2000); });
    for await (const line of createInterface({ input: child.stdout })) report(JSON.parse(line) as Check);
    const code = child.exitCode ?? await new Promise<number>((resolve) => { child.on('close', resolve); });
    if (code !== 0) report({ name: 'Deno', ok: false, detail: `ended with code ${code}: ${errors}` });
  } finally {
    await rm(folder, { recursive: true });
  }
  return null;
};

/** A page that may do what a strict one may: no code from strings. */
async function onPage(
  name: string, report: Report, settings: Settings, files: Readonly<Record<string, string>> = {},
): Promise<string | null> {
  const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
  if (!existsSync(executablePath)) return 'Chromium is not installed (CHROMIUM names it)';
  const served: Record<string, string> = { ...files, 'page.js': await bundleProgram(name, 'browser', programs) };
  const scripts = Object.keys(served).map((file) => `<script src="${file}"></script>`).join('');
  const server = createServer((request, response) => {
    const script = served[request.url?.slice(1) ?? ''];
    response.setHeader('Content-Security-Policy', "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src blob:");
    response.setHeader('Content-Type', script === undefined ? 'text/html' : 'text/javascript');
    response.end(script ?? `<!doctype html>${scripts}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const browser = await chromium.launch({
    executablePath,
    args: [
      '--no-sandbox', '--disable-background-networking', '--disable-component-update', '--enable-unsafe-webgpu',
      '--use-webgpu-adapter=swiftshader', '--enable-unsafe-swiftshader', '--use-gl=angle', '--use-angle=swiftshader',
    ],
  });
  try {
    const page = await browser.newPage();
    await page.exposeFunction('report', report);
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.evaluate(`start(${JSON.stringify(settings)})`);
  } finally {
    await browser.close();
    server.close();
  }
  return null;
}

const places: Readonly<Record<string, { title: string; run: Place }>> = {
  deno: { title: 'WebGPU in Deno', run: inDeno },
  webgpu: { title: 'WebGPU in Chromium', run: (report, settings) => onPage('page.ts', report, settings) },
};

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      runs: { type: 'string', default: '8' }, seed: { type: 'string', default: '1' }, filters: { type: 'string', default: '32' },
    },
  });
  const unknown = positionals.filter((name) => !Object.hasOwn(places, name));
  if (unknown.length > 0) throw new RangeError(`test:gpu: known are ${Object.keys(places).join(', ')}, got ${unknown.join(', ')}`);
  const settings = { runs: Number(values.runs), seed: Number(values.seed), numFilters: Number(values.filters) };
  const counts = { passed: 0, failed: 0 };
  for (const [name, { title, run }] of Object.entries(places)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    const missing = await run(({ name: what, ok, detail }) => {
      counts[ok ? 'passed' : 'failed']++;
      console.log(`${ok ? 'ok  ' : 'NO  '} ${title}: ${what}: ${detail}`);
    }, settings);
    if (missing !== null) console.log(`skip ${title}: ${missing}`);
  }
  console.log(`${counts.passed} checks passed, ${counts.failed} failed`);
  if (counts.failed > 0 || counts.passed === 0) process.exitCode = 1;
}

await main();
