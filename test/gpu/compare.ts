/**
 * The comparison of a device with the naive kernels on random shapes, by the cases that every backend is held to. Those
 * are synchronous and a device is not, so a case is run again and again: each time what the device has answered so far
 * is handed out, and the first call that has no answer yet ends the run and is put to the device.
 */

import fc from 'fast-check';
import type { DeviceKernels } from '../../src/gpu/device-kernels.ts';
import type { KernelName, Kernels } from '../../src/kernels/contract.ts';
import { naiveKernels } from '../../src/kernels/naive/index.ts';
import { activationCases } from '../kernels/compare/activation.ts';
import { augmentCases } from '../kernels/compare/augment.ts';
import type { AnyCase } from '../kernels/compare/case.ts';
import { convolutionCases } from '../kernels/compare/convolution.ts';
import { elementwiseCases } from '../kernels/compare/elementwise.ts';
import { fusedCases } from '../kernels/compare/fused.ts';
import { lossCases } from '../kernels/compare/loss.ts';
import { matrixCases } from '../kernels/compare/matrix.ts';
import { normalisationCases } from '../kernels/compare/normalisation.ts';
import { poolingCases } from '../kernels/compare/pooling.ts';
import { updateCases } from '../kernels/compare/update.ts';
import { type Allocator, Workbench } from '../kernels/compare/workbench.ts';

const cases: readonly AnyCase[] = [
  ...matrixCases, ...convolutionCases, ...poolingCases, ...activationCases, ...normalisationCases, ...fusedCases,
  ...lossCases, ...updateCases, ...elementwiseCases, ...augmentCases,
];

/**
 * What all devices promise, relative to the terms that were added up. They may set subnormal numbers to 0, also those
 * that are multiplied by larger ones on the way, and may count on numbers that are finite.
 */
const promise = { tolerance: 1e-4, smallest: 1e-34, finite: true };

const allocate: Allocator = (type, length) => (type === 'int32' ? new Int32Array(length) : new Float32Array(length));

type Argument = unknown;
type Kernel = (...given: Argument[]) => unknown;

/** An answer of the device: its arguments, with the outputs filled, and what it returned. */
interface Answer {
  readonly given: readonly Argument[];
  readonly result: unknown;
}

class Unanswered extends Error {
  readonly given: readonly Argument[];

  constructor(given: readonly Argument[]) {
    super('a call that the device has not answered yet');
    this.given = given;
  }
}

/** Runs one case on one drawn shape. Throws where the device differs. */
async function runOnce(one: AnyCase, kernels: DeviceKernels, shape: unknown, seed: number): Promise<void> {
  const device = kernels[one.kernel] as unknown as (...given: Argument[]) => Promise<unknown>;
  const answers: Answer[] = [];
  for (;;) {
    let next = 0;
    const replay: Kernel = (...given) => {
      const answer = answers[next++];
      if (answer === undefined) throw new Unanswered(given);
      given.forEach((argument, i) => {
        if (ArrayBuffer.isView(argument)) (argument as Float32Array).set(answer.given[i] as Float32Array);
      });
      return answer.result;
    };
    const bench = new Workbench('float32', seed, allocate, promise);
    try {
      one.check(bench, { ...naiveKernels, [one.kernel]: replay } as unknown as Kernels, shape);
      bench.checkUntouched();
      return;
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
      if (error.given.some((argument) => typeof argument === 'number' && !Number.isFinite(argument))) return;
      answers.push({ given: error.given, result: await device(...error.given) });
      bench.checkUntouched(); // nor may the device have written elsewhere
    }
  }
}

/** The outcome of all cases of one kernel. */
export interface KernelReport {
  readonly kernel: KernelName;
  readonly runs: number;
  /** the first difference; null where there was none */
  readonly difference: string | null;
}

/** Compares every kernel that the device has, on `runs` drawn shapes a case; calls `report` after each kernel. */
export async function compareDevice(
  kernels: DeviceKernels, runs: number, seed: number, report: (report: KernelReport) => void,
): Promise<void> {
  for (const kernel of Object.keys(kernels) as KernelName[]) {
    const own = cases.filter((one) => one.kernel === kernel);
    let count = 0;
    let difference: string | null = own.length === 0 ? 'there is no case for it' : null;
    for (const one of own) {
      const drawn = fc.sample(fc.tuple(one.shapes, fc.integer()), { numRuns: Math.ceil(runs * one.share), seed });
      for (const [shape, numbers] of drawn) {
        if (difference !== null) break;
        count++;
        try {
          await runOnce(one, kernels, shape, numbers);
        } catch (error) {
          const text = error instanceof Error ? error.message : String(error);
          difference = `${one.title} ${JSON.stringify(shape)}, numbers ${numbers}: ${text}`.trim();
        }
      }
    }
    report({ kernel, runs: count, difference });
  }
}
