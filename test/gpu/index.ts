/**
 * `npm run test:gpu`: kernels and training on devices, held against the processor. In Deno on whatever Vulkan offers
 * (Debian's mesa-vulkan-drivers compute it without a GPU), in Chromium on its software adapters. A line a check; what
 * is not installed is said and skipped; exit code 1 where a check failed or nothing could be run.
 *
 *   npm run test:gpu -- [deno] [webgpu] [gpujs] [--runs 8] [--seed 1] [--filters 32]
 *
 * DENO and CHROMIUM name the programs, GPUJS the file of GPU.js for browsers (gpu-browser.js), where the package is not
 * installed beside ours: it is no dependency.
 */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { inDeno, onPage, type Program } from './places.ts';
import type { Check } from './programs/checks.ts';
import type { Settings } from './programs/webgpu.ts';

const program = (name: string): Program => [name, new URL('./programs/', import.meta.url)];

/** Runs checks somewhere; returns why not, where that is missing. */
type Place = (settings: Settings, report: (check: unknown) => void) => Promise<string | null>;

const onGpuJs: Place = async (settings, report) => {
  const file = process.env['GPUJS'] ?? fileURLToPath(new URL('../../node_modules/gpu.js/dist/gpu-browser.js', import.meta.url));
  if (!existsSync(file)) return 'gpu.js is not installed (npm install --no-save --ignore-scripts gpu.js, or GPUJS names gpu-browser.js)';
  return onPage(program('gpu-js-page.ts'), settings, report, { 'gpu-browser.js': await readFile(file, 'utf8') });
};

const places: Readonly<Record<string, { title: string; run: Place }>> = {
  deno: { title: 'WebGPU in Deno', run: (settings, report) => inDeno(program('deno.ts'), settings, report) },
  webgpu: { title: 'WebGPU in Chromium', run: (settings, report) => onPage(program('page.ts'), settings, report) },
  gpujs: { title: 'GPU.js in Chromium', run: onGpuJs },
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
    const report = ({ name: what, ok, detail }: Check): void => {
      counts[ok ? 'passed' : 'failed']++;
      console.log(`${ok ? 'ok  ' : 'NO  '} ${title}: ${what}: ${detail}`);
    };
    try {
      const missing = await run(settings, (check) => { report(check as Check); });
      if (missing !== null) console.log(`skip ${title}: ${missing}`);
    } catch (error) {
      report({ name: 'the program', ok: false, detail: error instanceof Error ? error.message : String(error) });
    }
  }
  console.log(`${counts.passed} checks passed, ${counts.failed} failed`);
  if (counts.failed > 0 || counts.passed === 0) process.exitCode = 1;
}

await main();
