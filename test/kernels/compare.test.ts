import { describe, expect, it } from 'vitest';
import type { FloatArray, KernelName, Kernels } from '../../src/kernels/contract.ts';
import { naiveKernels } from '../../src/kernels/naive/index.ts';
import { allCases, runCase } from './compare.ts';
import { type AnyCase, arraysAmong } from './compare/case.ts';

type AnyArray = FloatArray | Int32Array;
type Call = (...parameters: unknown[]) => unknown;

/** What goes wrong after a kernel did its work: its arguments, those that it changed, and those that it left alone. */
type Fault = (changed: AnyArray[], unchanged: AnyArray[]) => void;

/** The naive kernels with a fault in one of them; a returned number gets one per cent off if asked. */
function faulty(kernel: KernelName, fault: Fault, wrongResult = false): Kernels {
  const original = naiveKernels[kernel] as Call;
  const broken: Call = (...parameters) => {
    const arrays = arraysAmong(parameters);
    const before = arrays.map((array) => array.slice());
    const result = original(...parameters);
    const isChanged = arrays.map((array, i) => array.some((value, j) => !Object.is(value, before[i][j])));
    fault(arrays.filter((_, i) => isChanged[i]), arrays.filter((_, i) => !isChanged[i]));
    return wrongResult && typeof result === 'number' ? result * 1.01 + 0.01 : result;
  };
  return { ...naiveKernels, [kernel]: broken };
}

/** Whether the comparison of a case throws when this kernel computes; the message says why. */
function complaint(one: AnyCase, tested: Kernels): string {
  try {
    // Twenty shapes are enough for a fault to show; nothing is shrunk, since failing is what is wanted.
    runCase(one, 'float64', tested, {}, { numRuns: 20, endOnFailure: true });
  } catch (error) {
    return String(error);
  }
  return 'nothing noticed';
}

/** One per cent off, in the last element of the i-th output (the last output, if there are fewer). */
function slightlyWrong(i: number): Fault {
  return (changed) => {
    const output = changed[Math.min(i, changed.length - 1)];
    if (output === undefined || output.length === 0) return;
    const last = output[output.length - 1];
    output[output.length - 1] = output instanceof Int32Array ? last + 1 : last + 0.01 * (Math.abs(last) + 1);
  };
}

const writeBeyondTheEnd: Fault = ([output]) => {
  if (output === undefined) return;
  const typed = output.constructor as Float64ArrayConstructor;
  new typed(output.buffer as ArrayBuffer, output.byteOffset, output.length + 1)[output.length] = 7;
};

const spoilInputs: Fault = (_, unchanged) => {
  for (const array of unchanged) if (array.length > 0) array[0] = array[0] === 3 ? 4 : 3;
};

/** sum and sumOfSquares have no output array; the others that return a number have one as well. */
const returnsOnlyANumber = (one: AnyCase): boolean => one.kernel.startsWith('sum') && one.kernel !== 'sumRows';
const returnsANumber = (one: AnyCase): boolean => returnsOnlyANumber(one) || one.kernel.endsWith('Loss');
/** On broken scores only whether the loss is finite is compared. */
const comparesNumbers = (one: AnyCase): boolean => one.title !== 'of broken scores';
const named = (cases: readonly AnyCase[]): Array<[string, AnyCase]> =>
  cases.map((one) => [`${one.kernel} ${one.title}`.trim(), one]);

describe('the comparison with naive', () => {
  it.each(named(allCases.filter((one) => returnsANumber(one) && comparesNumbers(one))))(
    'notices a wrong result of %s', (_, one) => {
      expect(complaint(one, faulty(one.kernel, () => undefined, true))).toContain('off by');
    },
  );

  const withOutput = allCases.filter((one) => !returnsOnlyANumber(one));
  it.each(named(withOutput.filter(comparesNumbers)))('notices a slightly wrong output of %s', (_, one) => {
    for (const i of [0, 1, 2]) expect(complaint(one, faulty(one.kernel, slightlyWrong(i)))).toContain('expected');
  });

  it.each(named(withOutput))('notices a write beyond the end by %s', (_, one) => {
    expect(complaint(one, faulty(one.kernel, writeBeyondTheEnd))).toContain('outside the array');
  });

  const withInputs = allCases.filter((one) => one.title !== 'with no depth is zero');
  it.each(named(withInputs))('notices an input that %s changes', (_, one) => {
    expect(complaint(one, faulty(one.kernel, spoilInputs))).toContain('became');
  });
});
