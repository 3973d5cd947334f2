/** `tilegrad info`: what computes on this machine, and what would have to change for it to go faster. */

import { info, ready } from '../../kernels/status.ts';
import { engineHasWideSimd } from '../wide-simd.ts';
import type { Output } from './terminal.ts';

/** Makes everything ready, then prints info(), one line a key, and the reasons below it. */
export async function runInfo(stdout: Output): Promise<void> {
  await ready();
  const { why, fallbacks, ...facts } = info();
  const lines: Record<string, unknown> = {
    ...facts,
    fallbacks: fallbacks.length === 0 ? 'none' : fallbacks.join(', '),
  };
  const width = Math.max(...Object.keys(lines).map((name) => name.length));
  for (const [name, value] of Object.entries(lines)) stdout.write(`${name.padEnd(width)}  ${String(value)}\n`);
  for (const reason of why) stdout.write(`note: ${reason}\n`);
  if (facts.simd && !facts.wideSimd && engineHasWideSimd()) {
    stdout.write('note: wide SIMD is off, because V8 calls it an experiment; it is faster, with the same bits, and ' +
      "train's --wide-simd or configure({ wideSimd: true }) turns it on where its test passes\n");
  }
}

/** "backend simd on 2 threads", with ", wide" and ", relaxed" where they are. */
export function backendLine(): string {
  const { backend, threads, wideSimd, relaxedSimd } = info();
  const forms = [wideSimd && ', wide', relaxedSimd && ', relaxed'].filter((form) => form !== false).join('');
  return `backend ${backend} on ${threads} ${threads === 1 ? 'thread' : 'threads'}${forms}`;
}

/** What was asked for and is not to be had, a line each. */
export function refusals(): readonly string[] {
  return info().why.filter((reason) => /^(wide|relaxed) SIMD is asked for, but/.test(reason));
}
