/** Bundles a program with the library's sources, the way a user's bundler does with the built package. */

import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

import { embedWorker } from '../../scripts/embed-worker.ts';

/**
 * The text of one file that holds the program, which lies in `programs` or where `at` says, and all of the library that
 * it uses.
 */
export async function bundleProgram(
  name: string, platform: 'neutral' | 'browser', at: URL = new URL('./programs/', import.meta.url),
): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(name, at))], bundle: true, write: false, platform,
    format: platform === 'browser' ? 'iife' : 'esm', target: 'es2022', plugins: [embedWorker()], logLevel: 'silent',
  });
  return outputFiles[0].text;
}
