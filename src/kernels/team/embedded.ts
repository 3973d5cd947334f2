/**
 * Where the code of worker threads comes from.
 *
 * This version serves the sources as they stand (tests, benchmarks, Node and Deno running TypeScript): Piscina is the
 * installed package, whose threads load worker.ts by its path. The build (scripts/embed-worker.ts) replaces the whole
 * file by one in which Piscina, its thread's code and worker.ts are part of the bundle, the latter two as the text of a
 * data: URL, so that a published program needs no path, no file beside it and no installed package.
 *
 * Nothing here is asynchronous: a program that computes in one long synchronous stretch would otherwise never get its
 * workers. And nothing imports Node's modules: browsers load this file too, and never call it.
 */

import type { Piscina } from 'piscina';

/**
 * Piscina's class. Node only: Deno does not run the threads of an installed Piscina, only those of the built library.
 */
export function loadPiscina(): typeof Piscina {
  if ('Deno' in globalThis) throw new Error('in Deno they come with the built library, not with its sources');
  const { createRequire } = process.getBuiltinModule('node:module');
  return createRequire(import.meta.url)('piscina') as typeof Piscina;
}

/** The module that exports `join`, as Piscina wants it named. */
export const workerFile: string = new URL('./worker.ts', import.meta.url).href;

/** Node's options for worker threads: undefined for those of the program (a TypeScript loader may be among them). */
export const workerOptions: string[] | undefined = undefined;

/** The script of a web worker; the sources have none, because browsers do not run TypeScript. */
export const webWorkerScript: string = '';
