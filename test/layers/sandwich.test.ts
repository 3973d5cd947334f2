/** The sandwich layers give the answers of their parts, one after another. */

import { expect, it } from 'vitest';
import {
  affineBackward, affineBatchnormReluBackward, affineBatchnormReluForward, affineForward, affineLayernormReluBackward,
  affineLayernormReluForward, affineReluBackward, affineReluForward, batchnormBackwardAlt, batchnormForward,
  convBackward, convBatchnormReluBackward, convBatchnormReluForward, convBatchnormReluPoolBackward,
  convBatchnormReluPoolForward, convForward, convReluBackward, convReluForward, convReluPoolBackward,
  convReluPoolForward, layernormBackward, layernormForward, maxPoolBackward, maxPoolForward, reluBackward, reluForward,
  spatialBatchnormBackward, spatialBatchnormForward,
} from '../../src/layers/index.ts';
import type { BatchnormParam } from '../../src/layers/index.ts';
import type { Tensor } from '../../src/tensor/index.ts';
import { relError } from '../../src/train/rel-error.ts';
import { describeOnEveryBackend } from '../support/backends.ts';
import { normals } from '../support/random.ts';

const convParam = { stride: 1, pad: 1 };
const pools = {
  tiling: { poolHeight: 2, poolWidth: 2, stride: 2 },
  overlapping: { poolHeight: 3, poolWidth: 2, stride: 1 },
};

function expectSame(got: readonly Tensor[], expected: readonly Tensor[]): void {
  expect(got).toHaveLength(expected.length);
  got.forEach((t, i) => {
    expect(t.shape).toEqual(expected[i].shape);
    expect(relError(t, expected[i]), `result ${i}`).toBeLessThan(1e-11);
  });
}

function param(mode: 'train' | 'test'): BatchnormParam {
  return { mode, runningMean: normals(5)(4), runningVar: normals(6)(4).abs().add(0.3) };
}

describeOnEveryBackend('sandwich layers', () => {
  const affineInputs = (): Tensor[] => {
    const randn = normals(11);
    return [randn(6, 2, 3), randn(6, 4), randn(4), randn(4), randn(4)];
  };
  const convInputs = (): Tensor[] => {
    const randn = normals(12);
    return [randn(3, 2, 6, 7), randn(4, 2, 3, 3), randn(4), randn(4), randn(4)];
  };

  it('affineRelu', () => {
    const [x, w, b] = affineInputs();
    const [out, cache] = affineReluForward(x, w, b);
    const [a, affineCache] = affineForward(x, w, b);
    const [expected, reluCache] = reluForward(a);
    const dout = normals(13)(...out.shape);
    expectSame(
      [out, ...affineReluBackward(dout, cache)],
      [expected, ...affineBackward(reluBackward(dout, reluCache), affineCache)],
    );
  });

  it.each(['train', 'test'] as const)('affineBatchnormRelu, mode %s', (mode) => {
    const [x, w, b, gamma, beta] = affineInputs();
    const [fused, apart] = [param(mode), param(mode)];
    const [out, cache] = affineBatchnormReluForward(x, w, b, gamma, beta, fused);
    const [a, affineCache] = affineForward(x, w, b);
    const [n, batchnormCache] = batchnormForward(a, gamma, beta, apart);
    const [expected, reluCache] = reluForward(n);
    const dout = normals(13)(...out.shape);
    const [da, dgamma, dbeta] = batchnormBackwardAlt(reluBackward(dout, reluCache), batchnormCache);
    const got = affineBatchnormReluBackward(dout, cache);
    const [dx, dw, db] = affineBackward(da, affineCache);
    expectSame([out, got[0], got[1], got[3], got[4]], [expected, dx, dw, dgamma, dbeta]);
    if (mode === 'test') expectSame([got[2]], [db]);
    expectSame([fused.runningMean!, fused.runningVar!], [apart.runningMean!, apart.runningVar!]);
  });

  it('affineLayernormRelu', () => {
    const [x, w, b, gamma, beta] = affineInputs();
    const [out, cache] = affineLayernormReluForward(x, w, b, gamma, beta);
    const [a, affineCache] = affineForward(x, w, b);
    const [n, layernormCache] = layernormForward(a, gamma, beta);
    const [expected, reluCache] = reluForward(n);
    const dout = normals(13)(...out.shape);
    const [da, dgamma, dbeta] = layernormBackward(reluBackward(dout, reluCache), layernormCache);
    expectSame(
      [out, ...affineLayernormReluBackward(dout, cache)],
      [expected, ...affineBackward(da, affineCache), dgamma, dbeta],
    );
  });

  it('convRelu', () => {
    const [x, w, b] = convInputs();
    const [out, cache] = convReluForward(x, w, b, convParam);
    const [a, convCache] = convForward(x, w, b, convParam);
    const [expected, reluCache] = reluForward(a);
    const dout = normals(13)(...out.shape);
    expectSame(
      [out, ...convReluBackward(dout, cache)],
      [expected, ...convBackward(reluBackward(dout, reluCache), convCache)],
    );
  });

  it.each(Object.entries(pools))('convReluPool, %s windows', (_, poolParam) => {
    const [x, w, b] = convInputs();
    const [out, cache] = convReluPoolForward(x, w, b, convParam, poolParam);
    const [a, convCache] = convForward(x, w, b, convParam);
    const [r, reluCache] = reluForward(a);
    const [expected, poolCache] = maxPoolForward(r, poolParam);
    const dout = normals(13)(...out.shape);
    const da = reluBackward(maxPoolBackward(dout, poolCache), reluCache);
    expectSame([out, ...convReluPoolBackward(dout, cache)], [expected, ...convBackward(da, convCache)]);
  });

  it.each(['train', 'test'] as const)('convBatchnormRelu, mode %s', (mode) => {
    const [x, w, b, gamma, beta] = convInputs();
    const [fused, apart] = [param(mode), param(mode)];
    const [out, cache] = convBatchnormReluForward(x, w, b, gamma, beta, convParam, fused);
    const [a, convCache] = convForward(x, w, b, convParam);
    const [n, batchnormCache] = spatialBatchnormForward(a, gamma, beta, apart);
    const [expected, reluCache] = reluForward(n);
    const dout = normals(13)(...out.shape);
    const [da, dgamma, dbeta] = spatialBatchnormBackward(reluBackward(dout, reluCache), batchnormCache);
    const got = convBatchnormReluBackward(dout, cache);
    const [dx, dw, db] = convBackward(da, convCache);
    expectSame([out, got[0], got[1], got[3], got[4]], [expected, dx, dw, dgamma, dbeta]);
    if (mode === 'test') expectSame([got[2]], [db]);
    expectSame([fused.runningMean!, fused.runningVar!], [apart.runningMean!, apart.runningVar!]);
  });

  const poolCases = (['train', 'test'] as const).flatMap((mode) =>
    Object.entries(pools).map(([windows, poolParam]) => [mode, windows, poolParam] as const));
  it.each(poolCases)('convBatchnormReluPool, mode %s, %s windows', (mode, _, poolParam) => {
    const [x, w, b, gamma, beta] = convInputs();
    const [fused, apart] = [param(mode), param(mode)];
    const [out, cache] = convBatchnormReluPoolForward(x, w, b, gamma, beta, convParam, fused, poolParam);
    const [a, convCache] = convForward(x, w, b, convParam);
    const [n, batchnormCache] = spatialBatchnormForward(a, gamma, beta, apart);
    const [r, reluCache] = reluForward(n);
    const [expected, poolCache] = maxPoolForward(r, poolParam);
    const dout = normals(13)(...out.shape);
    const dn = reluBackward(maxPoolBackward(dout, poolCache), reluCache);
    const [da, dgamma, dbeta] = spatialBatchnormBackward(dn, batchnormCache);
    const got = convBatchnormReluPoolBackward(dout, cache);
    const [dx, dw, db] = convBackward(da, convCache);
    expectSame([out, got[0], got[1], got[3], got[4]], [expected, dx, dw, dgamma, dbeta]);
    if (mode === 'test') expectSame([got[2]], [db]);
    expectSame([fused.runningMean!, fused.runningVar!], [apart.runningMean!, apart.runningVar!]);
  });

  it('leave out the gradient of the input where it is not wanted, and change nothing else', () => {
    const [x, w, b, gamma, beta] = convInputs();
    const [out, cache] = convBatchnormReluPoolForward(
      x, w, b, gamma, beta, convParam, param('train'), pools.tiling,
    );
    const dout = normals(13)(...out.shape);
    const [none, ...without] = convBatchnormReluPoolBackward(dout, cache, false);
    const [, ...rest] = convBatchnormReluPoolBackward(dout, cache);
    expect(none).toBeNull();
    expect(without.map((t) => t.toArray())).toEqual(rest.map((t) => t.toArray()));
  });

  it('leave their arguments as they were', () => {
    const inputs = convInputs();
    const before = inputs.map((t) => t.toArray());
    const [x, w, b, gamma, beta] = inputs;
    const [out, cache] = convBatchnormReluPoolForward(
      x, w, b, gamma, beta, convParam, param('test'), pools.tiling,
    );
    const dout = normals(13)(...out.shape);
    const doutBefore = dout.toArray();
    convBatchnormReluPoolBackward(dout, cache);
    expect(inputs.map((t) => t.toArray())).toEqual(before);
    expect(dout.toArray()).toEqual(doutBefore);
  });
});
