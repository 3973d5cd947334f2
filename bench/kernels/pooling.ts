/** Pooling by 2x2 windows, at the course's size and a larger one; max pooling notes the positions of the maxima. */

import type { AvgPoolGeometry } from '../../src/kernels/geometry.ts';
import { bytesOf } from '../support/kernel-case.ts';
import type { KernelCase } from '../support/kernel-case.ts';

function cases(batch: number, channels: number, peer: string): KernelCase[] {
  const g: AvgPoolGeometry = {
    planes: batch * channels, height: 32, width: 32, poolHeight: 2, poolWidth: 2, strideY: 2, strideX: 2, padTop: 0,
    padLeft: 0, outHeight: 16,
    outWidth: 16, countIncludePad: true,
  };
  const to7 = { planes: g.planes, height: 32, width: 32, outHeight: 7, outWidth: 7 };
  const x = g.planes * 1024;
  const out = g.planes * 256;
  const dtype = 'float32';
  const bytes = bytesOf(dtype, x) + 2 * bytesOf(dtype, out); // positions are as large as numbers
  const work = { limit: 'memory', bytes, workingSet: bytes } as const;
  const size = `(${batch},${channels},32,32)`;
  return [
    {
      name: `max pool ${size} forward`, dtype, steps: x, work, peer: { workload: 'W4', case: peer, operation: 'fwd' },
      prepare(arrays) {
        const [xs, result, argmax] = [arrays.normal(x), arrays.zeros(out), arrays.positions(out)];
        return { run: ({ maxPoolForward }) => maxPoolForward(xs, result, argmax, g), results: [result] };
      },
    },
    {
      name: `max pool ${size} backward`, dtype, steps: x, work, peer: { workload: 'W4', case: peer, operation: 'bwd' },
      prepare(arrays) {
        const [dout, argmax, dx] = [arrays.normal(out), arrays.positions(out), arrays.zeros(x)];
        // the first maximum of random numbers: any of a window's four pixels, by turns
        argmax.forEach((_, i) => {
          const window = i % 256;
          const turn = (i * 7 + (i >> 3)) & 3;
          argmax[i] = (2 * (window >> 4) + (turn >> 1)) * 32 + 2 * (window & 15) + (turn & 1);
        });
        return { run: ({ maxPoolBackward }) => maxPoolBackward(dout, argmax, dx, g), results: [dx] };
      },
    },
    {
      name: `average pool ${size} forward`, dtype, steps: x, work,
      prepare(arrays) {
        const [xs, result] = [arrays.normal(x), arrays.zeros(out)];
        return { run: ({ avgPoolForward }) => avgPoolForward(xs, result, g), results: [result] };
      },
    },
    {
      name: `average pool ${size} backward`, dtype, steps: x, work,
      prepare(arrays) {
        const [dout, dx] = [arrays.normal(out), arrays.zeros(x)];
        return { run: ({ avgPoolBackward }) => avgPoolBackward(dout, dx, g), results: [dx] };
      },
    },
    {
      name: `adaptive average pool ${size} to 7x7 forward`, dtype, steps: x, work,
      prepare(arrays) {
        const [xs, result] = [arrays.normal(x), arrays.zeros(g.planes * 49)];
        return { run: ({ adaptiveAvgPoolForward }) => adaptiveAvgPoolForward(xs, result, to7), results: [result] };
      },
    },
    {
      name: `adaptive average pool ${size} to 7x7 backward`, dtype, steps: x, work,
      prepare(arrays) {
        const [dout, dx] = [arrays.normal(g.planes * 49), arrays.zeros(x)];
        return { run: ({ adaptiveAvgPoolBackward }) => adaptiveAvgPoolBackward(dout, dx, to7), results: [dx] };
      },
    },
  ];
}

export const poolingCases: readonly KernelCase[] = [...cases(100, 3, 'W4_3x32x32'), ...cases(64, 32, 'W4_32x32x32')];
