/**
 * What a page need not download at once: replaces src/kernels/arrival.ts by arrival-late.ts, which leaves the SIMD
 * backend in a chunk of its own, and writes the files that have it from the start. These are what package.json's
 * exports give to everything but bundlers for browsers: each imports eager.js and exports what the plain file exports.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import type { Plugin } from 'esbuild';

export function lateArrival(): Plugin {
  return {
    name: 'late-arrival',
    setup({ onResolve }) {
      onResolve({ filter: /^\.\.?\/(.*\/)?arrival\.ts$/ }, ({ path, resolveDir }) => ({
        path: join(resolveDir, path.replace(/arrival\.ts$/, 'arrival-late.ts')),
      }));
    },
  };
}

/** Writes, into the folder of built files, eager/NAME.js for each of these entries NAME.js. */
export async function writeEagerEntries(folder: string, entries: readonly string[]): Promise<void> {
  for (const entry of entries) {
    const file = join(folder, 'eager', `${entry}.js`);
    const up = posix.relative(posix.dirname(`eager/${entry}`), '.');
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, `import '${up}/eager.js';\nexport * from '${up}/${entry}.js';\n`);
  }
}
