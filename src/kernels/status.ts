/** What computes now, and how to have everything ready before the first computation. */

import { describeComputing, type Info } from '../runtime/info.ts';
import { settings } from '../runtime/settings.ts';
import { fetchSimdCode, simdCode } from './arrival.ts';
import { rehearse } from './rehearsal.ts';
import { activeKernels, reselect, selection } from './registry.ts';

/** How long ready() waits for worker threads that do not come. They are welcome later, too. */
const joinMilliseconds = 5000;

/**
 * What computes on this machine and what is in the way of more: backend, threads, runtime, and in `why` what is off and
 * how to turn it on.
 */
export function info(): Info {
  const { name, computedBy, why } = selection();
  const fallbacks = Object.entries(computedBy).filter(([, by]) => by !== name).map(([kernel, by]) => `${kernel}: ${by}`);
  const code = name === 'simd' ? simdCode() : null;
  const { threads, why: whyThreads } = code?.expectedThreads() ?? { threads: 1, why: [] };
  const whyNotWide = code?.whyNotWide() ?? null;
  const whyNarrow = settings().wideSimd && whyNotWide !== null ? [whyNotWide] : [];
  return describeComputing({
    backend: name, threads, fallbacks, wide: code !== null && whyNotWide === null,
    why: [...why, ...whyThreads, ...whyNarrow],
  });
}

/**
 * Makes the fastest backend and its worker threads ready, with the kernels of networks compiled and pages under the
 * first 16 MiB of memory, so that the first call after it takes about as long as the second. Nowhere must one wait for
 * it: before, kernels compute too, on one thread, and on a page whose browser will not compile a large module on its
 * main thread, in JavaScript. Never throws; what could not be had is in info().why.
 */
export async function ready(): Promise<void> {
  await fetchSimdCode();
  const code = simdCode();
  if (code === null) return;
  await code.prepareSimd();
  reselect();
  if (selection().name !== 'simd') return;
  const team = code.currentTeam();
  const end = performance.now() + joinMilliseconds;
  while (code.existingTeam() === team && team.joined < team.expected && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  try {
    rehearse(activeKernels());
  } catch {
    // who computes will be told
  }
}

/**
 * Ends the worker threads; the promise is kept when they have ended. A program exits by itself without this. The next
 * large computation starts new ones.
 */
export async function shutdown(): Promise<void> {
  await simdCode()?.shutdown();
}
