/** The ways in which the same work is done, to be compared: each backend, and SIMD on one and two threads. */

import { setFlagsFromString } from 'node:v8';
import { activeKernels, selection } from '../../src/kernels/registry.ts';
import { info, ready } from '../../src/kernels/status.ts';
import { currentTeam, existingTeam } from '../../src/kernels/team/team.ts';
import { features } from '../../src/runtime/features.ts';
import { configure } from '../../src/runtime/settings.ts';
import type { Settings } from '../../src/runtime/settings.ts';
import { provideWideSimd, wideFlag } from '../../src/node/wide-simd.ts';

provideWideSimd();

export type WayName = 'naive' | 'js' | 'simd1' | 'simd2' | 'relaxed1' | 'relaxed2' | 'wide1' | 'wide2';

interface Way {
  readonly backend: Exclude<Settings['backend'], 'auto'>;
  readonly threads: number;
  readonly relaxedSimd: boolean;
  readonly wideSimd?: boolean;
}

const table: Readonly<Record<WayName, Way>> = {
  naive: { backend: 'naive', threads: 1, relaxedSimd: false },
  js: { backend: 'js', threads: 1, relaxedSimd: false },
  simd1: { backend: 'simd', threads: 1, relaxedSimd: false },
  simd2: { backend: 'simd', threads: 2, relaxedSimd: false },
  relaxed1: { backend: 'simd', threads: 1, relaxedSimd: true },
  relaxed2: { backend: 'simd', threads: 2, relaxedSimd: true },
  wide1: { backend: 'simd', threads: 1, relaxedSimd: false, wideSimd: true },
  wide2: { backend: 'simd', threads: 2, relaxedSimd: false, wideSimd: true },
};

export const wayNames: readonly WayName[] = Object.keys(table) as WayName[];

export function isSimd(way: WayName): boolean {
  return table[way].backend === 'simd';
}

export function isRelaxed(way: WayName): boolean {
  return table[way].relaxedSimd;
}

export function threadsOf(way: WayName): number {
  return table[way].threads;
}

/** The ways that this machine has, of those asked for; says on the console which it leaves out. */
export function possibleWays(asked: readonly WayName[]): WayName[] {
  const { simd, threads, relaxedSimd, cores } = features();
  return asked.filter((way) => {
    const lacking = isSimd(way) && !(simd && threads) ? 'WebAssembly SIMD and shared memory'
      : isRelaxed(way) && !relaxedSimd ? 'relaxed SIMD (Node 22 and later have it)'
        : threadsOf(way) > cores ? 'a second core' : null;
    if (lacking !== null) console.log(`${way} is left out: this machine lacks ${lacking}`);
    return lacking === null;
  });
}

/**
 * Makes the library compute in this way and waits until its worker has joined. Throws Error when something else would
 * compute instead: a figure under the wrong name is worse than none.
 */
export async function enter(way: WayName): Promise<void> {
  const { wideSimd = false } = table[way];
  configure({ ...table[way], wideSimd });
  // each form is optimised as it is alone: functions are while they are warmed up
  if (features().runtime === 'node') setFlagsFromString(wideSimd ? wideFlag : wideFlag.replace('--', '--no-'));
  activeKernels();
  if (isSimd(way)) currentTeam(); // workers are started by the first job otherwise, in the middle of what is timed
  await ready();
  const { name } = selection();
  const joined = isSimd(way) ? 1 + (existingTeam()?.joined ?? 0) : 1;
  if (name !== table[way].backend || joined !== table[way].threads || info().relaxedSimd !== isRelaxed(way)
    || info().wideSimd !== wideSimd) {
    throw new Error(`bench: asked for ${way}, got ${name} on ${joined} threads: ${info().why.join('; ')}`);
  }
}
