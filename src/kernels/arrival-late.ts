/**
 * The same as arrival.ts for built files: the SIMD backend's code is a chunk of its own, which comes when it is first
 * wanted, or from the start where eager.ts has been imported. Until then the js backend computes.
 */

import type * as simd from './simd/index.ts';

let code: typeof simd | null = null;
let underway: Promise<void> | null = null;
let failure: string = '';
const listeners: Array<() => void> = [];

export function simdCode(): typeof simd | null {
  return code;
}

export function whyNoSimdCode(): string {
  if (failure === '') void fetchSimdCode();
  return failure === '' ? 'simd: its code is still on its way; await ready() waits for it' : failure;
}

export function fetchSimdCode(): Promise<void> {
  if (code !== null) return Promise.resolve();
  return underway ??= import('./simd/index.ts').then(provideSimdCode, (error: unknown) => {
    failure = `simd: its code could not be loaded (${String(error)}); await ready() tries again`;
  }).finally(() => {
    underway = null;
  });
}

export function onSimdCode(listener: () => void): void {
  listeners.push(listener);
}

export function provideSimdCode(arrived: typeof simd): void {
  code = arrived;
  failure = '';
  for (const listener of listeners) listener();
}
