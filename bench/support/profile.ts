/** Where the time of a call goes: milliseconds by kernel and shape, and what is left for everything above them. */

import type { Kernels } from '../../src/kernels/contract.ts';
import { activeKernels } from '../../src/kernels/registry.ts';

export interface ProfileLine {
  /** the kernel, with the convolution's or the product's sizes */
  readonly name: string;
  /** a call of what is profiled */
  readonly milliseconds: number;
  /** kernel calls in a call of what is profiled */
  readonly calls: number;
}

export interface Profile {
  readonly lines: readonly ProfileLine[];
  /** milliseconds a call, and those of them outside kernels */
  readonly total: number;
  readonly outside: number;
}

type AnyKernel = (...args: unknown[]) => unknown;

/** Has `seen` run every kernel that `call` calls, with its name and what it is given. */
export function watchKernels(
  call: () => void, seen: (name: keyof Kernels, args: readonly unknown[], run: () => unknown) => unknown,
): void {
  const kernels = activeKernels() as unknown as Record<string, AnyKernel>;
  const original = { ...kernels };
  for (const [name, kernel] of Object.entries(original)) {
    kernels[name] = (...args) => seen(name as keyof Kernels, args, () => kernel(...args));
  }
  try {
    call();
  } finally {
    Object.assign(kernels, original);
  }
}

/** Runs `call` so many times, with a clock around every kernel. */
export function profile(call: () => void, times: number): Profile {
  const sums = new Map<string, { milliseconds: number; calls: number }>();
  const start = performance.now();
  watchKernels(() => {
    for (let i = 0; i < times; i++) call();
  }, (name, args, run) => {
    const begun = performance.now();
    const result = run();
    const elapsed = performance.now() - begun;
    const title = describe(name, args);
    const sum = sums.get(title) ?? { milliseconds: 0, calls: 0 };
    sums.set(title, { milliseconds: sum.milliseconds + elapsed, calls: sum.calls + 1 });
    return result;
  });
  const total = (performance.now() - start) / times;
  const lines = [...sums].map(([name, { milliseconds, calls }]) =>
    ({ name, milliseconds: milliseconds / times, calls: calls / times }));
  lines.sort((a, b) => b.milliseconds - a.milliseconds);
  return { lines, total, outside: total - lines.reduce((sum, line) => sum + line.milliseconds, 0) };
}

function describe(name: keyof Kernels, args: readonly unknown[]): string {
  if (name === 'affineForward') return `${name} ${args.slice(4, 7).join('x')}`;
  if (name === 'affineBackward') return `${name} ${args.slice(6, 9).join('x')}`;
  for (const arg of args) {
    const g = arg as Record<string, number> | null;
    if (typeof g !== 'object' || g === null || ArrayBuffer.isView(g)) continue;
    const plane = `${g.height}x${g.width}`;
    const channels = `${g.channels}->${g.filters}`;
    if ('kernelHeight' in g) return `${name} ${channels} ${g.kernelHeight}x${g.kernelWidth} at ${plane}`;
    if ('poolHeight' in g) return `${name} ${g.planes} planes of ${plane}`;
    if ('inner' in g && 'outer' in g) return `${name} (${g.outer},${g.channels},${g.inner})`;
  }
  return name;
}

/** Text for a terminal. */
export function profileText({ lines, total, outside }: Profile): string {
  const row = (milliseconds: number, text: string): string => `  ${milliseconds.toFixed(3).padStart(9)} ms  ${text}`;
  return [
    ...lines.map(({ name, milliseconds, calls }) => row(milliseconds, calls === 1 ? name : `${name}, ${calls} calls`)),
    row(outside, 'outside kernels'), row(total, 'in all'),
  ].join('\n');
}
