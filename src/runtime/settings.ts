/** What the user asked for with configure(); the registry and the team read it, info() reports it. */

import { checkBoolean, checkInteger, checkOneOf, checkOptions } from './check.ts';

export interface Settings {
  /** which kernels compute; auto takes the fastest that this machine can run */
  backend: 'auto' | 'naive' | 'js' | 'simd';
  /** threads that share a kernel's work, the calling one included; auto means one a core */
  threads: 'auto' | number;
  /** allow f32x4.relaxed_madd where the engine has it: faster, rounds differently from machine to machine */
  relaxedSimd: boolean;
  /**
   * have V8 join pairs of 128-bit vectors into 256-bit ones, an experiment of the engine's: up to 1.6 times as fast,
   * the same bits. In Node, after import 'tilegrad/node', which proves the kernels first; what is in the way is in
   * info().why. It switches a flag of the whole process on, for good
   */
  wideSimd: boolean;
  /**
   * throw where the backend lacks a kernel, instead of having another one stand in, and convolve by the definition's
   * own products, so that NaN and infinity reach the outputs that it says and no others
   */
  strict: boolean;
}

/** More threads than this are refused: a slip of the keyboard should not start ten thousand workers. */
export const maxThreads = 64;

const current: Settings = { backend: 'auto', threads: 'auto', relaxedSimd: false, wideSimd: false, strict: false };
const listeners: Array<(settings: Readonly<Settings>) => void> = [];

/**
 * Changes any of the settings; what is not named stays as it is. Takes effect at the next kernel call.
 * Throws TypeError for an unknown key or a wrong type, RangeError for a value out of range, and then changes nothing.
 */
export function configure(options: Partial<Settings>): void {
  checkOptions('configure', options, ['backend', 'threads', 'relaxedSimd', 'wideSimd', 'strict']);
  if (options.backend !== undefined) checkOneOf('configure', 'backend', options.backend, ['auto', 'naive', 'js', 'simd']);
  if (options.threads !== undefined && options.threads !== 'auto') {
    checkInteger('configure', "threads (or 'auto')", options.threads, 1, maxThreads);
  }
  if (options.relaxedSimd !== undefined) checkBoolean('configure', 'relaxedSimd', options.relaxedSimd);
  if (options.wideSimd !== undefined) checkBoolean('configure', 'wideSimd', options.wideSimd);
  if (options.strict !== undefined) checkBoolean('configure', 'strict', options.strict);
  for (const [key, value] of Object.entries(options)) {
    if (value !== undefined) Object.assign(current, { [key]: value });
  }
  for (const listener of listeners) listener(current);
}

/** The settings as they stand. */
export function settings(): Readonly<Settings> {
  return current;
}

/** Calls listener after every change of the settings. */
export function onConfigure(listener: (settings: Readonly<Settings>) => void): void {
  listeners.push(listener);
}
