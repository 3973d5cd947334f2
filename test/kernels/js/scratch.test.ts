import { describe, expect, it } from 'vitest';
import { jsKernels } from '../../../src/kernels/js/index.ts';
import { float64Scratch } from '../../../src/kernels/js/scratch.ts';
import { keptScratchBytes } from '../../../src/kernels/js/tuning.ts';
import { convOf } from '../../support/geometry.ts';

describe('scratch', () => {
  it('hands out the same memory until more is needed', () => {
    const scratch = float64Scratch();
    const first = scratch.take(100);
    expect(first.length).toBeGreaterThanOrEqual(100);
    expect(scratch.take(1)).toBe(first);
    expect(scratch.take(100)).toBe(first);
    const second = scratch.take(10 * first.length);
    expect(second.length).toBeGreaterThanOrEqual(10 * first.length);
    expect(scratch.take(100)).toBe(second);
  });

  it('does not keep a buffer above the limit', () => {
    const scratch = float64Scratch();
    const usual = scratch.take(100);
    const huge = scratch.take(keptScratchBytes / 8 + 1);
    expect(huge.byteLength).toBeGreaterThan(keptScratchBytes);
    expect(scratch.take(100)).toBe(usual);
  });

  it('lets convolutions of changing sizes run without new buffers', () => {
    const step = (batch: number): void => {
      const g = convOf({
        batch, channels: 3, height: 9, width: 9, filters: 5, kernelHeight: 3, kernelWidth: 3, stride: 1, pad: 1,
      });
      jsKernels.convForward(
        x.subarray(0, batch * 243), w, b, out.subarray(0, batch * 405), g, { relu: true },
      );
      jsKernels.convBackward(
        out.subarray(0, batch * 405), x.subarray(0, batch * 243), w, dx.subarray(0, batch * 243), dw, b, g,
      );
    };
    const [x, w, b] = [new Float32Array(8 * 243).fill(1), new Float32Array(135).fill(1), new Float32Array(5)];
    const [out, dx, dw] = [new Float32Array(8 * 405), new Float32Array(8 * 243), new Float32Array(135)];
    for (const batch of [8, 3, 1]) step(batch);
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 60; i++) step(1 + (i % 8));
    expect(process.memoryUsage().arrayBuffers).toBeLessThanOrEqual(before);
  });
});
