import fc from 'fast-check';
import type { ActivationKernels, FloatArray, Kernels } from '../../../src/kernels/contract.ts';
import { naiveKernels as naive } from '../../../src/kernels/naive/index.ts';
import { kernelCase, type AnyCase } from './case.ts';
import { lengths } from './elementwise.ts';
import type { Workbench } from './workbench.ts';

interface Shape {
  length: number;
  special: boolean;
  /** numbers to where exp and tanh saturate */
  scale: number;
  alpha: number;
  /** the output is the array of the first input, where the contract allows it */
  alias: boolean;
}

const shapes: fc.Arbitrary<Shape> = fc.record({
  length: lengths, special: fc.boolean(), scale: fc.constantFrom(1e-3, 1, 20, 1000),
  alpha: fc.constantFrom(0.01, 0.25, 1, 1.5), alias: fc.boolean(),
});

function inputs(bench: Workbench, s: Shape): { x: FloatArray; dout: FloatArray } {
  const values = bench.random('values', s.length, s).map((value) => value * s.scale);
  return { x: bench.given('x', values), dout: bench.random('dout', s.length) };
}

/** A forward: out from x. The output is x itself when aliased. */
function forward(
  kernel: Extract<keyof ActivationKernels, `${string}Forward`>, aliasAllowed = false,
): AnyCase {
  return kernelCase({
    kernel, shapes,
    check: (bench, tested, s) => {
      const { x } = inputs(bench, s);
      const inPlace = aliasAllowed && s.alias;
      const out = inPlace ? bench.inPlace('out', x) : bench.output('out', s.length);
      const expected = bench.expected(s.length);
      tested[kernel](inPlace ? out : x, out, s.alpha);
      naive[kernel](x, expected, s.alpha);
      bench.close('out', out, expected);
    },
  });
}

/** A backward from dout and one saved array: relu's input or output, or the output of a smooth activation. */
function backward(
  kernel: Exclude<Extract<keyof ActivationKernels, `${string}Backward`>, 'eluBackward'>,
  from: 'x' | 'reluForward' | 'sigmoidForward' | 'tanhForward', aliasAllowed = false,
): AnyCase {
  return kernelCase({
    kernel,
    title: `from ${from}`,
    shapes,
    check: (bench, tested, s) => {
      const { x, dout } = inputs(bench, s);
      let saved = x;
      if (from !== 'x') {
        const out = bench.expected(s.length);
        naive[from](x, out);
        saved = bench.given('out', out);
      }
      const inPlace = aliasAllowed && s.alias;
      const dx = inPlace ? bench.inPlace('dx', dout) : bench.output('dx', s.length);
      const expected = bench.expected(s.length);
      tested[kernel](inPlace ? dx : dout, saved, dx, s.alpha);
      naive[kernel](dout, saved, expected, s.alpha);
      // 1 - out and 1 - out^2 cancel where the activation saturates, the two terms of gelu's and silu's derivative
      // where it changes its sign: the scale is that of dout.
      const scale = kernel === 'reluBackward' ? undefined : dout.map((d) => d * Math.max(1, s.alpha));
      bench.close('dx', dx, expected, scale);
    },
  });
}

function checkElu(bench: Workbench, tested: Kernels, s: Shape): void {
  const { x, dout } = inputs(bench, s);
  const values = bench.expected(s.length);
  naive.eluForward(x, values, s.alpha);
  const out = bench.given('out', values);
  const dx = bench.output('dx', s.length);
  const expected = bench.expected(s.length);
  tested.eluBackward(dout, x, out, dx, s.alpha);
  naive.eluBackward(dout, x, out, expected, s.alpha);
  bench.close('dx', dx, expected, dout.map((d, i) => d * (Math.abs(out[i]) + s.alpha)));
}

export const activationCases: readonly AnyCase[] = [
  forward('reluForward', true),
  forward('leakyReluForward'),
  forward('eluForward'),
  forward('sigmoidForward'),
  forward('tanhForward'),
  backward('reluBackward', 'x', true),
  backward('reluBackward', 'reluForward', true),
  backward('leakyReluBackward', 'x'),
  backward('sigmoidBackward', 'sigmoidForward'),
  backward('tanhBackward', 'tanhForward'),
  forward('geluForward'),
  backward('geluBackward', 'x', true),
  forward('siluForward'),
  backward('siluBackward', 'x', true),
  kernelCase({ kernel: 'eluBackward', shapes, check: checkElu }),
];
