import { defineConfig, type Options } from 'tsup';

import { embeddedPackages, embedWorker } from './scripts/embed-worker.ts';
import { lateArrival, writeEagerEntries } from './scripts/late-arrival.ts';
import { writeLicenses } from './scripts/licenses.ts';
import { nodeModules } from './scripts/node-modules.ts';

/** One entry a public subpath, and the program. */
const entry = {
  index: 'src/index.ts',
  'layers/index': 'src/layers/index.ts',
  'nn/index': 'src/nn/index.ts',
  'models/index': 'src/models/index.ts',
  'train/index': 'src/train/index.ts',
  'data/index': 'src/data/index.ts',
  'io/index': 'src/io/index.ts',
  'io/onnx/index': 'src/io/onnx/index.ts', // no entry for users: what is built apart can be left out
  'viz/index': 'src/viz/index.ts',
  'gpu/index': 'src/gpu/index.ts',
  'node/index': 'src/node/index.ts',
  'node/cli': 'src/node/cli.ts',
  'node/wide-simd-test': 'src/node/wide-simd-test.ts', // no entry for users: a process of its own
};

/**
 * How the package is built into a folder: ESM, code shared between the entries split into chunks, so that state such as
 * configure()'s exists once however the package is imported. Everything is bundled: the published package has no
 * dependencies.
 */
export function packageOptions(outDir: string): Options {
  return {
    // io/arrays is no subpath: as an entry it gets files that have nothing of what it does not need
    entry: { ...entry, eager: 'src/eager.ts', 'io/arrays': 'src/io/arrays.ts' },
    outDir,
    format: 'esm',
    target: 'es2022',
    platform: 'neutral',
    splitting: true,
    dts: true,
    clean: true,
    treeshake: true,
    external: [/^node:/],
    noExternal: [/.*/],
    // nodeModules keeps the prefix of node:fs and the like, which tsup would take off
    removeNodeProtocol: false,
    esbuildPlugins: [
      embedWorker(), lateArrival(), nodeModules(),
      writeLicenses(`${outDir}/THIRD-PARTY-LICENSES.txt`, embeddedPackages),
    ],
    onSuccess: () => writeEagerEntries(outDir, Object.keys(entry).filter((name) => !['node/cli', 'node/wide-simd-test'].includes(name))),
  };
}

export default defineConfig(packageOptions('dist')) as unknown;
