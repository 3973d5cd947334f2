/** Runs the same tests on every backend that this machine has. */

import { afterAll, beforeAll, describe } from 'vitest';
import { activeKernels } from '../../src/kernels/registry.ts';
import { configure } from '../../src/runtime/settings.ts';
import type { Settings } from '../../src/runtime/settings.ts';

export type Backend = Exclude<Settings['backend'], 'auto'>;

/** The backends that load here: always naive and js, and simd where the engine can run it. */
const backends: readonly Backend[] = (['naive', 'js', 'simd'] as const).filter(canLoad);

function canLoad(backend: Backend): boolean {
  configure({ backend });
  try {
    activeKernels();
    return true;
  } catch (error) {
    if (backend === 'simd' && error instanceof Error && error.message.startsWith('configure: backend simd')) return false;
    throw error;
  } finally {
    configure({ backend: 'auto' });
  }
}

/** A describe block for each backend, which is configured while its tests run. */
export function describeOnEveryBackend(title: string, tests: () => void): void {
  describeConfigured(title, backends.map((backend) => ({ backend })), tests);
}

/** The same, with the SIMD backend on one, two and three threads. */
export function describeOnEveryBackendAndTeam(title: string, tests: () => void): void {
  const teams = [1, 2, 3].map((threads) => ({ backend: 'simd', threads }) as const);
  describeConfigured(title, [
    ...backends.filter((backend) => backend !== 'simd').map((backend) => ({ backend })),
    ...(backends.includes('simd') ? teams : []),
  ], tests);
}

interface Configuration {
  readonly backend: Backend;
  readonly threads?: number;
}

function describeConfigured(title: string, configurations: readonly Configuration[], tests: () => void): void {
  for (const { backend, threads = 'auto' } of configurations) {
    describe(`${title} on ${backend}${threads === 'auto' ? '' : ` with ${threads} threads`}`, () => {
      beforeAll(() => configure({ backend, threads }));
      afterAll(() => configure({ backend: 'auto', threads: 'auto' }));
      tests();
    });
  }
}
