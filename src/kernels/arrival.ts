/**
 * How the code of the SIMD backend, its emitters and its workers comes into a program.
 *
 * This version has it from the start. It serves the sources as they stand. In the built package's files it is replaced
 * by arrival-late.ts (scripts/late-arrival.ts), which loads the code when it is first wanted, so that a page need not
 * download it before it shows anything. Node, Deno and Bun get it from the start there too: what package.json's exports
 * give them imports eager.ts first.
 */

import * as simd from './simd/index.ts';

/** The backend's functions; null while they are not there. */
export function simdCode(): typeof simd | null {
  return simd;
}

/** Why they are not there. They have been asked for then. */
export function whyNoSimdCode(): string {
  return 'simd: its code is missing';
}

/** Gets the code, unless it is there. Never rejects: what could not be had is in info().why. */
export async function fetchSimdCode(): Promise<void> {
  // it is there
}

/** Calls listener when the code has come. */
export function onSimdCode(_listener: () => void): void {
  // it was there before
}

/** Hands the code over. */
export function provideSimdCode(_code: typeof simd): void {
  // it is there
}
