import { afterEach, describe, expect, it } from 'vitest';
import { allocateCollected, inStep, installStepMemory } from '../../src/kernels/memory/allocate.ts';
import type { DType, StepMemory, TypedArray } from '../../src/kernels/memory/allocate.ts';
import { arange, ones, tensor, Tensor } from '../../src/index.ts';
import { contiguousData, emptyTensor } from '../../src/tensor/internal.ts';

/** A step memory that hands out arrays full of rubbish and invalidates them when the next step begins. */
class FakeMemory implements StepMemory {
  lease: { valid: boolean } = { valid: false };
  handedOut = 0;

  begin(): void {
    this.lease = { valid: true };
  }

  allocate(dtype: DType, length: number): TypedArray {
    this.handedOut++;
    return allocateCollected(dtype, length).fill(77);
  }

  end(): void {
    this.lease.valid = false;
  }
}

afterEach(() => installStepMemory(null));

describe('memory of a training step', () => {
  it('may be read inside the step; afterwards every read throws, also through views', () => {
    const memory = new FakeMemory();
    installStepMemory(memory);
    const made = inStep(() => {
      const sum = ones([2, 3]).add(1);
      expect(sum.toArray()).toEqual([[2, 2, 2], [2, 2, 2]]);
      // Copies that operations make on the way are lent as well.
      return [sum, sum.slice(1), sum.transpose(), sum.transpose().reshape(-1), sum.astype('int32'), sum.sum(0), emptyTensor([2], 'float32')];
    });
    expect(memory.handedOut).toBeGreaterThan(5);
    for (const t of made) {
      expect(t.isLent).toBe(true);
      const reads = [
        () => t.data,
        () => t.toArray(),
        () => t.get(...t.shape.map(() => 0)),
        () => t.sum(),
        () => t.clone(),
        () => t.add(1),
        () => t.toNdarray(),
        () => contiguousData(t),
        () => t.set(1, ...t.shape.map(() => 0)),
        () => tensor(t),
        () => String(t),
      ];
      for (const read of reads) expect(read).toThrow(/memory was recycled by a later step or by backward/);
    }
    expect(made[0].shape).toEqual([2, 3]);
  });

  it('clone, tensor and the creators give memory that outlives the step', () => {
    installStepMemory(new FakeMemory());
    const kept = inStep(() => {
      const lent = arange(3).add(1);
      return [lent.clone(), tensor(lent), ones([3]).slice([1]), new Tensor(Int32Array.of(1, 2, 3))];
    });
    expect(kept.map((t) => t.isLent)).toEqual([false, false, false, false]);
    expect(kept[0].toArray()).toEqual([1, 2, 3]);
    expect(kept[1].toArray()).toEqual([1, 2, 3]);
  });

  it('no operation shows the rubbish that memory comes with', () => {
    installStepMemory(new FakeMemory());
    inStep(() => {
      const t = arange(6).reshape(2, 3);
      expect(t.matmul(t.transpose()).toArray()).toEqual([[5, 14], [14, 50]]);
      expect(ones([2, 0]).matmul(ones([0, 2])).toArray()).toEqual([[0, 0], [0, 0]]);
      expect(t.take([1, 1]).toArray()).toEqual([[3, 4, 5], [3, 4, 5]]);
    });
  });

  it('an ndarray made inside the step is a copy, for it could not tell that its memory was recycled', () => {
    installStepMemory(new FakeMemory());
    const nd = inStep(() => {
      const lent = arange(3).add(1);
      const view = lent.toNdarray();
      expect(view.data).not.toBe(lent.data);
      return view;
    });
    expect([nd.get(0), nd.get(1), nd.get(2)]).toEqual([1, 2, 3]);
  });
});
