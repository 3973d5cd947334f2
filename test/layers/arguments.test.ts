/** What layers do with views, mixed element types, NaN and the memory of training steps. */

import { afterEach, describe, expect, it } from 'vitest';
import {
  affineBackward, affineForward, avgPoolForward, batchnormForward, convForwardFast, convForwardNaive, convReluForward,
  convReluPoolForward, dropoutForward, eluForward, globalAvgPoolForward, layernormForward, leakyReluForward,
  maxPoolForwardFast, maxPoolForwardNaive, reluBackward, reluForward, sigmoidForward, softmaxLoss,
  spatialGroupnormForward, svmLoss, tanhForward,
} from '../../src/layers/index.ts';
import type { BatchnormParam } from '../../src/layers/index.ts';
import { allocateCollected, inStep, installStepMemory } from '../../src/kernels/memory/allocate.ts';
import { activeKernels } from '../../src/kernels/registry.ts';
import { configure } from '../../src/runtime/settings.ts';
import { arange, full, ones, tensor, zeros } from '../../src/tensor/index.ts';
import { relError } from '../../src/train/rel-error.ts';
import { describeOnEveryBackend } from '../support/backends.ts';
import { normals } from '../support/random.ts';

describeOnEveryBackend('arguments', () => {
  it('may be views: transposed, sliced, reversed', () => {
    const randn = normals(1);
    const [x, w, b] = [randn(2, 8, 8, 3), randn(3, 3, 3, 10), randn(12)];
    const imageView = x.transpose(0, 3, 1, 2);
    const filterView = w.transpose(3, 0, 1, 2).slice([0, 10, 2]);
    const biasView = b.slice([10, 0, -2]);
    const param = { stride: 2, pad: 1 };
    const expected = convForwardNaive(imageView.clone(), filterView.clone(), biasView.clone(), param)[0];
    expect(relError(convForwardFast(imageView, filterView, biasView, param)[0], expected)).toBeLessThan(1e-12);
    const dout = randn(5, 4).transpose();
    const [, cache] = affineForward(randn(7, 4).transpose(), randn(7, 5), randn(5));
    expect(affineBackward(dout, cache).map((t) => t.toArray()))
      .toEqual(affineBackward(dout.clone(), cache).map((t) => t.toArray()));
  });

  it('are promoted to the widest float type; integers become float32 unless a float64 stands beside them', () => {
    const pixels = arange(12).astype('uint8').reshape(2, 6);
    const w = ones([6, 3]);
    expect(affineForward(pixels, w, zeros(3))[0].dtype).toBe('float32');
    expect(affineForward(pixels, w, zeros(3))[0].toArray()).toEqual([[15, 15, 15], [51, 51, 51]]);
    expect(affineForward(pixels, w.astype('float64'), zeros(3))[0].dtype).toBe('float64');
    expect(affineForward(pixels.astype('float64'), w, zeros(3))[0].dtype).toBe('float64');
    const bytes = arange(16).astype('uint8').reshape(1, 1, 4, 4);
    const pool = { poolHeight: 2, poolWidth: 2, stride: 2 };
    for (const [out] of [
      reluForward(tensor([-1, 2], null, 'int32')), sigmoidForward(bytes), tanhForward(bytes), leakyReluForward(bytes),
      eluForward(bytes), maxPoolForwardNaive(bytes, pool), maxPoolForwardFast(bytes, pool), avgPoolForward(bytes, pool),
      globalAvgPoolForward(bytes), dropoutForward(bytes, { keepProb: 1, mode: 'test' }),
      convForwardFast(bytes, arange(4).reshape(1, 1, 2, 2), arange(1)),
      affineForward(pixels, arange(18).reshape(6, 3), arange(3)), layernormForward(pixels, arange(6), arange(6)),
      batchnormForward(pixels, arange(6), arange(6), { mode: 'train' }),
    ]) expect(out.dtype).toBe('float32');
    expect(softmaxLoss(pixels, [0, 1])[1].dtype).toBe('float32');
    expect(convForwardFast(bytes, ones([1, 1, 2, 2]), zeros(1, 'float64'))[0].dtype).toBe('float64');
    expect(reluForward(tensor([-1, 2]))[0].dtype).toBe('float32');
  });

  it('the upstream gradient takes the type of the layer', () => {
    const [, cache] = reluForward(tensor([-1, 2]));
    const dx = reluBackward(tensor([3, 4], null, 'float64'), cache);
    expect([dx.dtype, dx.toArray()]).toEqual(['float32', [0, 4]]);
  });

  it('NaN and infinities are passed on', () => {
    const x = tensor([NaN, -Infinity, Infinity, -2]);
    expect(reluForward(x)[0].toArray()).toEqual([NaN, 0, Infinity, 0]);
    expect(sigmoidForward(x)[0].slice([0, 3]).toArray()).toEqual([NaN, 0, 1]);
    const image = full([1, 1, 4, 4], 1);
    image.set(NaN, 0, 0, 0, 1);
    const pool = { poolHeight: 2, poolWidth: 2, stride: 2 };
    for (const [out] of [
      maxPoolForwardNaive(image, pool), maxPoolForwardFast(image, pool), avgPoolForward(image, pool),
      convReluPoolForward(image, ones([1, 1, 1, 1]), zeros(1), {}, pool),
    ]) {
      expect(out.toArray()).toEqual([[[[NaN, 1], [1, 1]]]]);
    }
    const [out] = convReluForward(image, ones([1, 1, 1, 1]), zeros(1));
    expect(out.toArray()).toEqual(image.toArray());
    expect(layernormForward(tensor([[1, NaN], [1, 3]]), ones(2), zeros(2))[0].slice(0).toArray()).toEqual([NaN, NaN]);
  });

  it.each([['softmaxLoss', softmaxLoss], ['svmLoss', svmLoss]] as const)('%s of NaN scores is NaN', (_, loss) => {
    expect(loss(tensor([[1, 2, 3], [4, NaN, 5]]), [0, 1])[0]).toBeNaN();
  });

  it('labels may be 64-bit integers', () => {
    const scores = tensor([[1, 2, 3], [4, 6, 5]]);
    const [loss] = softmaxLoss(scores, [2, 0]);
    expect(softmaxLoss(scores, BigInt64Array.of(2n, 0n))[0]).toBe(loss);
    expect(softmaxLoss(scores, BigUint64Array.of(2n, 0n))[0]).toBe(loss);
    expect(() => softmaxLoss(scores, BigInt64Array.of(3n, 0n))).toThrow('y[0] must be an integer from 0 to 2, got 3');
  });

  it('a mode changes nothing in layernorm and groupnorm', () => {
    const x = tensor([[1, 2], [3, 5]]);
    const plain = layernormForward(x, ones(2), zeros(2))[0].toArray();
    expect(layernormForward(x, ones(2), zeros(2), { mode: 'train' })[0].toArray()).toEqual(plain);
    const image = x.reshape(1, 2, 1, 2);
    expect(spatialGroupnormForward(image, ones(2), zeros(2), 2, { mode: 'test' })[0].toArray())
      .toEqual(spatialGroupnormForward(image, ones(2), zeros(2), 2)[0].toArray());
  });

  it('softmaxLoss stays finite for huge scores', () => {
    const [loss, dx] = softmaxLoss(tensor([[1e30, 0, -1e30], [-1e30, 1e30, 0]], null, 'float64'), [0, 0]);
    expect(loss).toBe(1e30);
    expect(dx.toArray()).toEqual([[0, 0, 0], [-0.5, 0.5, 0]]);
  });

  it('svmLoss gives no gradient where every margin is kept', () => {
    const [loss, dx] = svmLoss(tensor([[3, 1, 0]]), [0]);
    expect(loss).toBe(0);
    expect(dx.abs().toArray()).toEqual([[0, 0, 0]]);
  });

  it('batchnorm keeps the running averages of several passes and reads them at test time', () => {
    const bnParam: BatchnormParam = { mode: 'train', momentum: 0.75 };
    const x = tensor([[1, 10], [3, 30]], null, 'float64');
    batchnormForward(x, ones(2, 'float64'), zeros(2, 'float64'), bnParam);
    const first = bnParam.runningMean;
    expect(first!.toArray()).toEqual([0.5, 5]);
    expect(bnParam.runningVar!.toArray()).toEqual([0.25, 25]);
    batchnormForward(x, ones(2, 'float64'), zeros(2, 'float64'), bnParam);
    expect(bnParam.runningMean!.toArray()).toEqual([0.875, 8.75]);
    // What was handed out before is not written to: a checkpoint may hold it.
    expect(first!.toArray()).toEqual([0.5, 5]);
    const test: BatchnormParam = { ...bnParam, mode: 'test', eps: 0 };
    const [out] = batchnormForward(x, ones(2, 'float64'), zeros(2, 'float64'), test);
    expect(out.get(0, 0)).toBeCloseTo((1 - 0.875) / Math.sqrt(0.25 * 0.75 + 0.25), 12);
    expect(test.runningMean).toBe(bnParam.runningMean);
  });
});

describe('memory of a training step', () => {
  afterEach(() => {
    installStepMemory(null);
    configure({ backend: 'auto' });
  });

  it('holds what layers return inside a step, but not the running averages', () => {
    configure({ backend: 'js' });
    activeKernels();
    const lease = { valid: true };
    installStepMemory({
      begin: () => { lease.valid = true; }, allocate: allocateCollected, end: () => { lease.valid = false; }, lease,
    });
    const bnParam: BatchnormParam = { mode: 'train' };
    const x = tensor([[1, 10], [3, 30]]);
    const out = inStep(() => batchnormForward(x, ones(2), zeros(2), bnParam)[0]);
    expect(() => out.toArray()).toThrow('its memory was recycled');
    expect(bnParam.runningMean!.toArray()).toEqual([...Float32Array.of(0.2, 2)]);
  });
});
