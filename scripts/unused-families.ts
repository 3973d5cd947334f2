/**
 * Leaves families of kernels out of a page whose networks cannot ask for them; the next simpler backend would stand in.
 * Each is two files: what emits the kernels, and what launches them.
 */

import type { Plugin } from 'esbuild';

/** Where each lies below src/kernels/simd, and what it is instead. */
const families: Readonly<Record<string, string>> = {
  'norm/groupnorm-kernels.ts': 'export function emitGroupnorm() {}',
  'norm/groupnorm.ts': 'export const groupnormKernels = {};',
};

export function withoutUnusedFamilies(): Plugin {
  return {
    name: 'unused-families',
    setup({ onLoad, onEnd }) {
      const left = new Set(Object.keys(families));
      onLoad({ filter: /[\\/]kernels[\\/]simd[\\/].*\.ts$/ }, ({ path }) => {
        const file = path.split(/[\\/]/).slice(-2).join('/');
        if (!Object.hasOwn(families, file)) return null;
        left.delete(file);
        return { contents: families[file], loader: 'ts' };
      });
      onEnd(() => (left.size === 0 ? null : { errors: [{ text: `no such file to leave out: ${[...left].join(', ')}` }] }));
    },
  };
}
