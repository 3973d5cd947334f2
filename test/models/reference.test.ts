import { expect, it } from 'vitest';
import { Tensor } from '../../src/tensor/tensor.ts';
import { relError } from '../../src/train/rel-error.ts';
import { describeOnEveryBackendAndTeam } from '../support/backends.ts';
import { largest, worstError } from '../support/errors.ts';
import { reference, stored } from '../support/reference.ts';
import type { ModelCase } from '../support/reference.ts';
import { adam } from './adam.ts';
import { buildModel } from './build.ts';

const cases = reference.models.map((model, i) =>
  [`${i}: ${model.model} ${JSON.stringify(model.config)}`, model] as const);

/**
 * A bias before a batchnorm changes nothing; its gradient is a sum that cancels to about 1e-18, of which no two ways of
 * adding agree. Such a gradient is compared absolutely, to the size of the terms.
 */
function isCancelled(model: ModelCase, name: string): boolean {
  const normalised = model.config.normalization === 'batchnorm' || model.config.batchnorm === true;
  return normalised && /^b\d+$/.test(name) && `gamma${name.slice(1)}` in model.params;
}

function firstBatch({ batches: [{ X, y }] }: ModelCase): [X: Tensor, y: readonly number[]] {
  return [stored(X), y];
}

describeOnEveryBackendAndTeam('models against reference.json', () => {
  it.each(cases)('scores, loss and gradients of %s', (_, reference) => {
    const model = buildModel(reference, 'float64');
    const [X, y] = firstBatch(reference);
    // Where there is a batchnorm the file's scores were computed with the statistics of the batch: so does a network
    // that has not been trained.
    expect(relError(model.loss(X), stored(reference.scores))).toBeLessThan(1e-9);
    const [loss, grads] = model.loss(X, y);
    expect(relError(loss, reference.loss)).toBeLessThan(1e-9);
    expect(Object.keys(grads)).toEqual(Object.keys(model.params));
    expect(Object.keys(grads).sort()).toEqual(Object.keys(reference.grads).sort());
    for (const [name, grad] of Object.entries(reference.grads)) {
      if (isCancelled(reference, name)) {
        for (const value of grads[name].data) expect(Math.abs(value), name).toBeLessThan(1e-15);
      } else {
        expect(relError(grads[name], stored(grad)), name).toBeLessThan(1e-9);
      }
    }
  });

  it.each(cases)('ten Adam steps of %s', (_, reference) => {
    const model = buildModel(reference, 'float64');
    const { learningRate, losses } = reference.adam;
    const step = adam(model, learningRate);
    losses.forEach((expected, i) => {
      const { X, y } = reference.batches[i % reference.batches.length];
      const [loss, grads] = model.loss(stored(X), y);
      expect(relError(loss, expected), `loss before step ${i + 1}`).toBeLessThan(1e-6);
      step(grads);
    });
  });

  it.each(cases)('float32: %s', (_, reference) => {
    const model = buildModel(reference, 'float32');
    const [X, y] = firstBatch(reference);
    const [loss, grads] = model.loss(X, y);
    expect(relError(loss, reference.loss)).toBeLessThan(1e-5);
    for (const [name, grad] of Object.entries(grads)) {
      expect(grad.dtype, name).toBe('float32');
      const expected = stored(reference.grads[name]);
      const allowed = isCancelled(reference, name) ? 1e-6 : 2e-5 * largest(expected.data);
      expect(worstError(grad.data, expected.data), name).toBeLessThan(allowed);
    }
  });
});
