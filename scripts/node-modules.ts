/**
 * How the bundle reaches Node's own modules.
 *
 * Imports of them stay imports and keep their `node:` prefix, without which Deno does not find them. CommonJS packages
 * (commander) call `require('node:events')` instead, which esbuild would leave as a call that no ES module can answer:
 * that becomes process.getBuiltinModule, which returns the same object.
 */

import { builtinModules } from 'node:module';
import type { Plugin } from 'esbuild';

const names: ReadonlySet<string> = new Set(builtinModules);

export function nodeModules(): Plugin {
  return {
    name: 'node-modules',
    setup(build) {
      build.onResolve({ filter: /^(node:)?[a-z0-9_/]+$/ }, ({ path, kind }) => {
        const name = path.replace(/^node:/, '');
        if (!names.has(name)) return undefined;
        return kind === 'require-call'
          ? { path: `node:${name}`, namespace: 'node-require' }
          : { path: `node:${name}`, external: true };
      });
      build.onLoad({ filter: /.*/, namespace: 'node-require' }, ({ path }) => ({
        contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
        loader: 'js',
      }));
    },
  };
}
