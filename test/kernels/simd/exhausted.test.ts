/**
 * Memory that runs out in the middle of a call: at every place where the SIMD kernels allocate, the call either throws
 * RangeError or computes what the definition says, and so do the calls after it.
 */

import { afterEach, describe, expect, it, vi } from 'vitest';
import type { FloatArray } from '../../../src/kernels/contract.ts';
import { HeapExhausted } from '../../../src/kernels/memory/heap.ts';
import { ScratchStack } from '../../../src/kernels/memory/scratch.ts';
import { HeapStepMemory } from '../../../src/kernels/memory/step.ts';
import { naiveKernels } from '../../../src/kernels/naive/index.ts';
import { activeKernels } from '../../../src/kernels/registry.ts';
import { configure } from '../../../src/runtime/settings.ts';
import { randomFloats } from './support.ts';
import { winnerFilterGradient } from '../../../src/kernels/simd/conv/winner-gradient.ts';
import { convOf } from '../../support/geometry.ts';

configure({ backend: 'simd', threads: 1 });
const simd = activeKernels();

/** What allocates, and how a failure of it shows. */
const places = {
  'a resident array': (fails: () => boolean) => {
    const { resident } = HeapStepMemory.prototype;
    vi.spyOn(HeapStepMemory.prototype, 'resident').mockImplementation(function (this: HeapStepMemory, dtype, length) {
      return fails() ? null : resident.call(this, dtype, length);
    });
  },
  scratch: (fails: () => boolean) => {
    const { push } = ScratchStack.prototype;
    vi.spyOn(ScratchStack.prototype, 'push').mockImplementation(function (this: ScratchStack, bytes) {
      if (fails()) throw new RangeError('out of memory');
      return push.call(this, bytes);
    });
  },
};

afterEach(() => vi.restoreAllMocks());

/** A call with fresh inputs, and its results. */
type Call = (kernels: typeof simd) => FloatArray[];

function convolution(
  batch: number, channels: number, size: number, filters: number, kernel: number, stride: number,
): () => Call {
  const g = convOf({
    batch, channels, height: size, width: size, filters, kernelHeight: kernel, kernelWidth: kernel, stride, pad: 1,
  });
  return () => {
    const x = randomFloats('float32', batch * channels * size ** 2, 1);
    const w = randomFloats('float32', filters * channels * kernel ** 2, 2);
    const b = randomFloats('float32', filters, 3);
    const dout = randomFloats('float32', batch * filters * g.outHeight ** 2, 4);
    return (kernels) => {
      const [out, dx, dw, db] = [dout, x, w, b].map((like) => new Float32Array(like.length));
      // transformed filters are kept from the second call on
      for (let call = 0; call < 2; call++) kernels.convForward(x, w, b, out, g, { relu: true });
      kernels.convBackward(dout, x, w, dx, dw, db, g);
      return [out, dx, dw, db];
    };
  };
}

const calls: Record<string, () => Call> = {
  'a Winograd convolution of one image': convolution(1, 9, 6, 19, 3, 1),
  'a Winograd convolution of a batch': convolution(6, 9, 6, 11, 3, 1),
  'a strided convolution': convolution(3, 4, 7, 5, 3, 2),
  'a convolution of tiny images': convolution(16, 4, 2, 5, 3, 1),
  'an affine layer': () => {
    const [x, w, b] = [30 * 70, 70 * 40, 40].map((length, i) => randomFloats('float32', length, i));
    const dout = randomFloats('float32', 30 * 40, 7);
    return (kernels) => {
      const [out, dx, dw, db] = [dout, x, w, b].map((like) => new Float32Array(like.length));
      kernels.affineForward(x, w, b, out, 30, 70, 40, {});
      kernels.affineBackward(dout, x, w, dx, dw, db, 30, 70, 40);
      return [out, dx, dw, db];
    };
  },
  'a group normalisation': () => {
    const g = { batch: 5, groups: 2, channelsPerGroup: 3, inner: 12 };
    const [x, dout] = [1, 2].map((seed) => randomFloats('float32', 360, seed));
    const [gamma, beta] = [3, 4].map((seed) => randomFloats('float32', 6, seed));
    return (kernels) => {
      const [out, dx] = [new Float32Array(360), new Float32Array(360)];
      const [mean, variance, dgamma, dbeta] = [10, 10, 6, 6].map((length) => new Float32Array(length));
      kernels.groupnormForward(x, gamma, beta, out, mean, variance, g, 1e-5);
      kernels.groupnormBackward(dout, x, gamma, mean, variance, dx, dgamma, dbeta, g, 1e-5);
      return [out, dx, dgamma, dbeta, Float32Array.of(kernels.sumOfSquares(x))];
    };
  },
};

function expectClose(found: FloatArray[], expected: FloatArray[]): void {
  found.forEach((array, i) => array.forEach((value, at) => {
    const error = Math.abs(value - expected[i][at]);
    if (!(error <= 1e-4 * (1 + Math.abs(expected[i][at])))) expect(value, `result ${i} at ${at}`).toBe(expected[i][at]);
  }));
}

describe.each(Object.entries(places))('when %s cannot be had', (_, break_) => {
  it.each(Object.entries(calls))('%s throws or is right, and so are later ones', (_name, prepare) => {
    const expected = prepare()(naiveKernels);
    let failure = 0;
    for (let reached = true; reached; failure++) {
      let allocations = 0;
      reached = false;
      const call = prepare(); // new arrays, so that nothing is kept of them from the last round
      break_(() => {
        if (allocations++ !== failure) return false;
        reached = true;
        return true;
      });
      try {
        expectClose(call(simd), expected);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
      }
      vi.restoreAllMocks();
      for (let later = 0; later < 2; later++) expectClose(call(simd), expected);
    }
  });
});

it('reaches allocations of both kinds', () => {
  const counts = Object.values(places).map((break_) => {
    let count = 0;
    break_(() => {
      count++;
      return false;
    });
    calls['a Winograd convolution of one image']()(simd);
    vi.restoreAllMocks();
    return count;
  });
  expect(Math.min(...counts)).toBeGreaterThan(1);
});

it('refuses lists of more bytes than a thread may have, before anything is written', () => {
  const g = convOf({
    batch: 1, channels: 1, height: 2, width: 2048, filters: 264_144, kernelHeight: 3, kernelWidth: 3, stride: 1, pad: 1,
  });
  const [small, argmax] = [new Float32Array(8), new Int32Array(8)];
  expect(() => winnerFilterGradient(small, { out: small, argmax }, small, small, small, g)).toThrow(HeapExhausted);
});
