/** Forward passes of test time give what the layers themselves give. */

import { expect, it } from 'vitest';
import { convBatchnormReluForward, maxPoolForward } from '../../src/layers/index.ts';
import type { BatchnormParam } from '../../src/layers/index.ts';
import { convBatchnormReluInference, maxPoolInference } from '../../src/layers/inference.ts';
import { zeros } from '../../src/tensor/index.ts';
import type { Tensor } from '../../src/tensor/index.ts';
import { relError } from '../../src/train/rel-error.ts';
import { describeOnEveryBackend } from '../support/backends.ts';
import { normals } from '../support/random.ts';

const convParam = { stride: 1, pad: 1 };

function inputs(): [x: Tensor, w: Tensor, b: Tensor, gamma: Tensor, beta: Tensor] {
  const randn = normals(21);
  return [randn(3, 2, 6, 7), randn(4, 2, 3, 3), randn(4), randn(4), randn(4)];
}

function running(): BatchnormParam & { runningMean: Tensor; runningVar: Tensor } {
  return { mode: 'test', runningMean: normals(5)(4), runningVar: normals(6)(4).abs().add(0.3) };
}

describeOnEveryBackend('inference', () => {
  it('batchnorm folds into the convolution, in both types', () => {
    const [x, w, b, gamma, beta] = inputs();
    const [expected] = convBatchnormReluForward(x, w, b, gamma, beta, convParam, running());
    const folded = convBatchnormReluInference(x, w, b, gamma, beta, convParam, running());
    expect(relError(folded, expected)).toBeLessThan(1e-11);
    const [x32, w32, b32, gamma32, beta32] = inputs().map((t) => t.astype('float32'));
    const averages = running();
    const narrow = convBatchnormReluInference(x32, w32, b32, gamma32, beta32, convParam, {
      mode: 'test', runningMean: averages.runningMean.astype('float32'), runningVar: averages.runningVar.astype('float32'),
    });
    expect(narrow.dtype).toBe('float32');
    expect(narrow.sub(expected).abs().max().item()).toBeLessThan(1e-5 * expected.max().item());
  });

  it('is left unfolded where the fold would not be finite', () => {
    const [x, w, b, gamma, beta] = inputs();
    const infinite = running();
    infinite.runningVar.set(Infinity, 1);
    infinite.runningMean.set(-Infinity, 2);
    const vanished: BatchnormParam = { ...running(), runningVar: zeros(4, 'float64'), eps: 0 };
    for (const param of [infinite, vanished]) {
      const [expected] = convBatchnormReluForward(x, w, b, gamma, beta, convParam, { ...param });
      expect(convBatchnormReluInference(x, w, b, gamma, beta, convParam, param).toArray()).toEqual(expected.toArray());
    }
  });

  it('in training mode it normalises with the statistics of the batch', () => {
    const [x, w, b, gamma, beta] = inputs();
    const [expected] = convBatchnormReluForward(x, w, b, gamma, beta, convParam, { mode: 'train' });
    const got = convBatchnormReluInference(x, w, b, gamma, beta, convParam, { mode: 'train' });
    expect(got.toArray()).toEqual(expected.toArray());
  });

  it('max pooling without positions', () => {
    const x = normals(3)(2, 3, 7, 8);
    for (const poolParam of [{ poolHeight: 2, poolWidth: 2, stride: 2 }, { poolHeight: 3, poolWidth: 2, stride: 1 }]) {
      expect(maxPoolInference(x, poolParam).toArray()).toEqual(maxPoolForward(x, poolParam)[0].toArray());
    }
  });
});
