/** Runs the same tests on every backend that this machine has. */

import { afterAll, beforeAll, describe } from 'vitest';
import { activeKernels } from '../../src/kernels/registry.ts';
import { configure } from '../../src/runtime/settings.ts';
import type { Settings } from '../../src/runtime/settings.ts';

export type Backend = Exclude<Settings['backend'], 'auto'>;

/** The backends that load here: always naive and js, and simd where the engine can run it. */
export const backends: readonly Backend[] = (['naive', 'js', 'simd'] as const).filter(canLoad);

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
export function describeOnEveryBackend(title: string, tests: (backend: Backend) => void): void {
  describe.each(backends)(`${title} on %s`, (backend) => {
    beforeAll(() => configure({ backend }));
    afterAll(() => configure({ backend: 'auto' }));
    tests(backend);
  });
}
