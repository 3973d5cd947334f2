/** Whether operations are recorded. They are, unless a noGrad is under way. */

import { checkFunction } from '../runtime/check.ts';

let silenced = 0;

/** True where operations are recorded for a later backward. */
export function isRecording(): boolean {
  return silenced === 0;
}

/**
 * Runs fn without recording: what it computes has no way back, and needs no memory for one. For evaluation, and for
 * updates of parameters by hand. Returns what fn returns. Throws TypeError for what is no function, Error for a
 * function that returns a promise: what runs after its first await would be recorded again.
 */
export function noGrad<T>(fn: () => T): T {
  checkFunction('noGrad', 'fn', fn);
  silenced++;
  try {
    const result = fn();
    if (typeof (result as { then?: unknown } | null)?.then === 'function') {
      throw new Error('noGrad: fn must not be async: after its first await it would be recorded again');
    }
    return result;
  } finally {
    silenced--;
  }
}
