/** Where programs for devices can be run: in Deno, and on a page in Chromium. Both report by calling back. */

import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

import { bundleProgram } from '../platform/bundle.ts';

/** Mesa's processor behind Vulkan, where Debian puts it: asked for by name, lest another driver is tried first. */
const softwareVulkan = '/usr/share/vulkan/icd.d/lvp_icd.x86_64.json';

/** A program, as a file and where it lies. */
export type Program = readonly [name: string, at: URL];

/**
 * Runs a program in Deno, with `settings` as JSON in its first argument; every line that it prints is JSON and is
 * reported. Returns why not, where Deno is missing. Throws Error where the program fails.
 */
export async function inDeno(
  [name, at]: Program, settings: unknown, report: (line: unknown) => void,
): Promise<string | null> {
  const deno = process.env['DENO'] ?? 'deno';
  try {
    execFileSync(deno, ['--version'], { stdio: 'ignore' });
  } catch {
    return 'deno is not installed (DENO names it)';
  }
  const folder = await mkdtemp(join(tmpdir(), 'tilegrad-gpu-'));
  try {
    await writeFile(join(folder, 'program.mjs'), await bundleProgram(name, 'neutral', at));
    const env = { ...process.env, ...existsSync(softwareVulkan) ? { VK_ICD_FILENAMES: softwareVulkan } : {} };
    const child = spawn(deno, ['run', '--allow-all', 'program.mjs', JSON.stringify(settings)], {
      cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'],
    });
    const closed = new Promise<number | null>((resolve) => { child.on('close', resolve); });
    let errors = '';
    child.stderr.on('data', (text: Buffer) => { errors = `${errors}${String(text)}`.slice(-2000); });
    for await (const line of createInterface({ input: child.stdout })) report(JSON.parse(line));
    const code = await closed;
    if (code !== 0) throw new Error(`Deno ended with code ${code}: ${errors}`);
  } finally {
    await rm(folder, { recursive: true });
  }
  return null;
}

/**
 * Runs a program on a page in Chromium with software adapters, under a policy that forbids code from strings: calls its
 * global function `start` with the settings; what it gives to the global function `report` is reported. `files` are
 * scripts that are loaded before it. Returns why not, where Chromium is missing.
 */
export async function onPage(
  [name, at]: Program, settings: unknown, report: (line: unknown) => void, files: Readonly<Record<string, string>> = {},
): Promise<string | null> {
  const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
  if (!existsSync(executablePath)) return 'Chromium is not installed (CHROMIUM names it)';
  const served: Record<string, string> = { ...files, 'page.js': await bundleProgram(name, 'browser', at) };
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
