/** `tilegrad info`: what computes on this machine, and what would have to change for it to go faster. */

import { selection } from '../../kernels/registry.ts';
import type { Output } from './terminal.ts';

function info(): { backend: string; threads: number; why: readonly string[] } {
  const { name, why } = selection();
  return { backend: name, threads: 1, why };
}

/** Prints info(), one line a key, and the reasons below it. */
export function runInfo(stdout: Output): void {
  const { why, ...facts } = info();
  const width = Math.max(...Object.keys(facts).map((name) => name.length));
  for (const [name, value] of Object.entries(facts)) stdout.write(`${name.padEnd(width)}  ${String(value)}\n`);
  for (const reason of why) stdout.write(`note: ${reason}\n`);
}

/** "backend simd on 2 threads" */
export function backendLine(): string {
  const { backend, threads } = info();
  return `backend ${backend} on ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
}
