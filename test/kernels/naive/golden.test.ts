/** The arrays that the course's notebooks print, at the level of kernels. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Kernels } from '../../../src/kernels/contract.ts';
import { jsKernels } from '../../../src/kernels/js/index.ts';
import { naiveKernels } from '../../../src/kernels/naive/index.ts';
import { relError } from '../../../src/train/rel-error.ts';
import { convOf, poolOf } from '../../support/geometry.ts';

interface GoldenArray {
  readonly op: string;
  readonly relError?: number;
  readonly [name: string]: unknown;
}

const golden = (JSON.parse(
  readFileSync(new URL('../../fixtures/golden.json', import.meta.url), 'utf8'),
) as { arrays: GoldenArray[] }).arrays;

function linspace(from: number, to: number, count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => from + (to - from) * i / (count - 1));
}

/** Checks one printed array of an entry, to the accuracy that the notebook reports for it. */
function expectPrinted(op: string, name: string, actual: Float64Array): void {
  const entry = golden.find((candidate) => candidate.op === op)!;
  const printed = (entry[name] as unknown[]).flat(Infinity) as number[];
  expect(relError(actual, printed), `${op} ${name}`).toBeLessThan(entry.relError! * 1.1);
}

const backends: Readonly<Record<string, Kernels>> = { naive: naiveKernels, js: jsKernels };

describe.each(Object.entries(backends))('%s kernels against golden.json', (_, k) => {
  it('affineForward', () => {
    const out = new Float64Array(6);
    const [x, w, b] = [linspace(-0.1, 0.5, 240), linspace(-0.2, 0.3, 360), linspace(-0.3, 0.1, 3)];
    k.affineForward(x, w, b, out, 2, 120, 3, {});
    expectPrinted('affineForward', 'out', out);
  });

  it('reluForward', () => {
    const out = new Float64Array(12);
    k.reluForward(linspace(-0.5, 0.5, 12), out);
    expectPrinted('reluForward', 'out', out);
  });

  it('convForward', () => {
    const g = convOf({
      batch: 2, channels: 3, height: 4, width: 4, filters: 3, kernelHeight: 4, kernelWidth: 4, stride: 2, pad: 1,
    });
    const out = new Float64Array(24);
    k.convForward(linspace(-0.1, 0.5, 96), linspace(-0.2, 0.3, 144), linspace(-0.1, 0.2, 3), out, g, {});
    expectPrinted('convForward', 'out', out);
  });

  it('maxPoolForward', () => {
    const g = poolOf({
      planes: 6, height: 4, width: 4, poolHeight: 2, poolWidth: 2, stride: 2,
    });
    const out = new Float64Array(24);
    k.maxPoolForward(linspace(-0.3, 0.4, 96), out, null, g);
    expectPrinted('maxPoolForward', 'out', out);
  });

  const w = linspace(-0.4, 0.6, 20);
  const dw = linspace(-0.6, 0.4, 20);
  const empty = (): Float64Array => new Float64Array(20);

  it('momentumUpdate', () => {
    const [nextW, velocity] = [empty(), empty()];
    k.momentumUpdate(w, dw, linspace(0.6, 0.9, 20), nextW, velocity, 1e-3, 0.9);
    expectPrinted('sgdMomentum', 'nextW', nextW);
    expectPrinted('sgdMomentum', 'velocity', velocity);
  });

  it('rmspropUpdate', () => {
    const [nextW, cache] = [empty(), empty()];
    k.rmspropUpdate(w, dw, linspace(0.6, 0.9, 20), nextW, cache, 1e-2, 0.99, 1e-8);
    expectPrinted('rmsprop', 'nextW', nextW);
    expectPrinted('rmsprop', 'cache', cache);
  });

  it('adamUpdate', () => {
    const [nextW, m, v] = [empty(), empty(), empty()];
    const t = 6; // t is 5 before the step
    k.adamUpdate(
      w, dw, linspace(0.6, 0.9, 20), linspace(0.7, 0.5, 20), nextW, m, v, 1e-2, 0.9, 0.999, 1e-8,
      1 - 0.9 ** t, 1 - 0.999 ** t, 0,
    );
    expectPrinted('adam', 'nextW', nextW);
    expectPrinted('adam', 'm', m);
    expectPrinted('adam', 'v', v);
  });
});
