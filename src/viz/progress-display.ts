/** A training run's progress in a notebook: one output, rewritten as the run goes on. */

import { escapeText } from './escape.ts';

/** What of a Solver's progress is shown; its onProgress gives more. */
export interface ShownProgress {
  readonly iteration: number;
  readonly iterations: number;
  readonly epoch: number;
  readonly loss: number;
  readonly imagesPerSecond: number;
  readonly trainSeconds: number;
  readonly secondsLeft: number;
  readonly valAcc?: number;
}

/** What Deno's kernel offers to programs; only there. */
export interface Kernel {
  display(value: unknown, options: { raw: boolean; display_id: string; update?: boolean }): Promise<void>;
}

/** Deno's Jupyter kernel where this runs in it, else undefined. */
export function jupyterKernel(): Kernel | undefined {
  return (globalThis as { Deno?: { jupyter?: Kernel } }).Deno?.jupyter;
}

const milliseconds = 500;
let shown = 0;

/**
 * A function for a Solver's onProgress, which in a notebook keeps a bar with the latest figures up to date, twice a
 * second. Outside of Deno's Jupyter kernel it does nothing.
 */
export function progressDisplay(): (progress: ShownProgress) => void {
  const kernel = jupyterKernel();
  if (kernel === undefined) return () => undefined;
  const id = `tilegrad-progress-${++shown}`;
  let last = -Infinity;
  let begun = false;
  return (progress) => {
    const now = performance.now();
    if (now - last < milliseconds && progress.iteration < progress.iterations) return;
    last = now;
    const options = { raw: true, display_id: id, ...(begun ? { update: true } : {}) };
    begun = true;
    // Not waited for: training goes on, and what cannot be shown is no failure of it.
    kernel.display(bundle(progress), options).catch(() => undefined);
  };
}

function bundle(progress: ShownProgress): unknown {
  const { iteration, epoch, loss, imagesPerSecond, trainSeconds, secondsLeft, valAcc } = progress;
  // By time: a run that time ends does not know its number of steps.
  const share = trainSeconds / (trainSeconds + secondsLeft);
  const text = [
    `step ${iteration}`, `epochs done ${epoch}`,
    `loss ${loss.toPrecision(4)}`, ...(valAcc === undefined ? [] : [`validation ${(100 * valAcc).toFixed(1)}%`]),
    `${Math.round(imagesPerSecond)} images/s`, `${Math.ceil(secondsLeft)} s left`,
  ].join(', ');
  const html = `<progress value="${share.toFixed(3)}" max="1"></progress> ${escapeText(text)}`;
  return { 'text/html': html, 'text/plain': text };
}
