/**
 * Builds the page of examples/browser: `npm run build:page` writes static files to examples/browser/dist, which any
 * server can hand out. Two programs, the page's and its worker's; what they share, and what the library loads only when
 * it needs it, are files of their own.
 */

import { copyFile, mkdir, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

import { embedWorker } from './embed-worker.ts';
import { lateArrival } from './late-arrival.ts';
import { onlyUsedInstructions } from './used-instructions.ts';
import { withoutUnusedFamilies } from './unused-families.ts';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const source = join(root, 'examples', 'browser');

/** Where the page is built to. */
export const pageFolder: string = join(source, 'dist');

/** Builds the page anew. */
export async function buildPage(): Promise<void> {
  await rm(pageFolder, { recursive: true, force: true });
  await mkdir(pageFolder, { recursive: true });
  await build({
    entryPoints: ['page.ts', 'worker.ts', 'style.css'].map((name) => join(source, name)), outdir: pageFolder,
    bundle: true, splitting: true, minify: true, format: 'esm', platform: 'browser', target: 'es2022',
    chunkNames: '[name]-[hash]', logLevel: 'warning',
    tsconfig: join(root, 'tsconfig.json'),
    plugins: [
      embedWorker({ forBrowsers: true }), lateArrival(), onlyUsedInstructions(), withoutUnusedFamilies(),
    ],
  });
  await copyFile(join(source, 'index.html'), join(pageFolder, 'index.html'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildPage();
  console.log(`the page is in ${pageFolder}`);
}
