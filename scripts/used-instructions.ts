/**
 * Leaves instructions that no kernel uses out of a page: two in five lines of the assembler's table, 2 KiB after gzip.
 * Which are used is found out by writing all kernels, in all forms, and the team's loops.
 */

import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';
import { kernelSource } from '../src/kernels/simd/module.ts';
import { emitTeam } from '../src/kernels/team/loop.ts';
import { opcodes } from '../src/wasm/index.ts';

/** The names of all instructions that the library emits. */
function usedInstructions(): ReadonlySet<string> {
  const asked = new Set<string>();
  const { get } = opcodes;
  opcodes.get = (name) => {
    asked.add(name);
    return get(name);
  };
  try {
    for (const length of [0, 64 * 1024]) emitTeam(1, length);
    for (const relaxed of [false, true]) {
      for (const wide of [false, true]) {
        const source = kernelSource({ relaxed, wide, five: !wide });
        source.emit(source.kernels, 0, 1);
      }
    }
  } finally {
    opcodes.get = get;
  }
  return asked;
}

export function onlyUsedInstructions(): Plugin {
  return {
    name: 'used-instructions',
    setup({ onLoad }) {
      const used = usedInstructions();
      onLoad({ filter: /[\\/]wasm[\\/]opcodes\.ts$/ }, async ({ path }) => {
        const lines = (await readFile(path, 'utf8')).split('\n');
        const kept = lines.filter((line) => {
          const name = /^ {2}'?([\w.]+)'?: \[/.exec(line)?.[1];
          return name === undefined || used.has(name);
        });
        return { contents: kept.join('\n'), loader: 'ts' };
      });
    },
  };
}
