/**
 * The comparison of a backend with the naive kernels, for any backend: random shapes (odd, tiny, prime, beyond the
 * cache blocks), both float types, NaN and infinities where the contract speaks of them, aliasing where it allows it,
 * arrays at unaligned places, and guards around every array.
 */

import fc from 'fast-check';
import { describe, it } from 'vitest';
import type { Kernels } from '../../src/kernels/contract.ts';
import { naiveKernels } from '../../src/kernels/naive/index.ts';
import { activationCases } from './compare/activation.ts';
import { augmentCases } from './compare/augment.ts';
import type { AnyCase } from './compare/case.ts';
import { convolutionCases } from './compare/convolution.ts';
import { elementwiseCases } from './compare/elementwise.ts';
import { fusedCases } from './compare/fused.ts';
import { lossCases } from './compare/loss.ts';
import { matrixCases } from './compare/matrix.ts';
import { normalisationCases } from './compare/normalisation.ts';
import { poolingCases } from './compare/pooling.ts';
import { updateCases } from './compare/update.ts';
import { Workbench, type Allocator, type FloatType } from './compare/workbench.ts';

export const allCases: readonly AnyCase[] = [
  ...matrixCases, ...convolutionCases, ...poolingCases, ...activationCases, ...normalisationCases, ...fusedCases,
  ...lossCases, ...updateCases, ...elementwiseCases, ...augmentCases,
];

export interface CompareOptions {
  /** shapes drawn for each case and type; default 40 */
  readonly runs?: number;
  /** another seed draws other shapes and numbers; default 1, so that a run repeats */
  readonly seed?: number;
  /** where arrays come from; default plain typed arrays. Called anew for every array of every run */
  readonly allocate?: Allocator;
  /** wraps each run, e.g. in a step, so that memory is given back */
  readonly around?: (run: () => void) => void;
  readonly types?: readonly FloatType[];
}

const plainArrays: Allocator = (type, length) => {
  if (type === 'int32') return new Int32Array(length);
  return type === 'float32' ? new Float32Array(length) : new Float64Array(length);
};

/**
 * Draws shapes and numbers for one case and compares; throws fast-check's report at the first difference, which names
 * the shape (made as small as possible) and the seed.
 */
export function runCase(
  { shapes, share, check }: AnyCase, type: FloatType, tested: Kernels, options: CompareOptions = {},
  parameters: fc.Parameters<[unknown, number]> = {},
): void {
  const { runs = 40, seed = 1, allocate = plainArrays, around = (run) => { run(); } } = options;
  const property = fc.property(shapes, fc.integer(), (shape, numbers) => {
    around(() => {
      const bench = new Workbench(type, numbers, allocate);
      try {
        check(bench, tested, shape);
      } finally {
        bench.checkUntouched(); // also after a difference, since a spoilt input is the better explanation
      }
    });
  });
  fc.assert(property, { numRuns: Math.ceil(runs * share), seed, includeErrorInReport: true, ...parameters });
}

/**
 * Registers tests that compare every kernel of a backend with the naive one; call it inside a test file. Kernels that
 * the backend leaves out are not tested.
 */
export function compareWithNaive(backend: string, kernels: Partial<Kernels>, options: CompareOptions = {}): void {
  const tested: Kernels = { ...naiveKernels, ...kernels };
  for (const type of options.types ?? (['float32', 'float64'] as const)) {
    describe(`${backend} kernels equal naive, ${type}`, () => {
      for (const one of allCases) {
        if (kernels[one.kernel] === undefined) continue;
        it(`${one.kernel} ${one.title}`.trim(), () => { runCase(one, type, tested, options); });
      }
    });
  }
}
