/** The program in one file, as the package has it: a process of it starts at once. */

import { join } from 'node:path';
import { build } from 'esbuild';
import { embedWorker } from '../../scripts/embed-worker.ts';
import { nodeModules } from '../../scripts/node-modules.ts';

/** Writes the program into the folder and returns its path. */
export async function bundledProgram(folder: string): Promise<string> {
  const outfile = join(folder, 'tilegrad.mjs');
  await build({
    entryPoints: ['src/node/cli.ts'], bundle: true, outfile, format: 'esm', target: 'es2022', platform: 'neutral',
    mainFields: ['module', 'main'], external: ['node:*'], plugins: [embedWorker(), nodeModules()], logLevel: 'silent',
  });
  return outfile;
}
