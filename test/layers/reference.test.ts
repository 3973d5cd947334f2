import { expect, it } from 'vitest';
import { relError } from '../../src/train/rel-error.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { describeOnEveryBackendAndTeam } from '../support/backends.ts';
import { largest, worstError } from '../support/errors.ts';
import { layerTitle, reference, stored } from '../support/reference.ts';
import type { LayerCase } from '../support/reference.ts';
import { answers } from './reference-runner.ts';

/** In float32 the inputs are rounded already; errors are measured against the size of the whole result. */
function errorToScale(got: Tensor, expected: Tensor): number {
  return worstError(got.data, expected.data, largest(expected.data));
}

function expectCase(layer: LayerCase, dtype: 'float64' | 'float32'): void {
  for (const { form, out, grads, runningMean, runningVar } of answers(layer, dtype)) {
    const check = (name: string, got: Tensor, want: Tensor): void => {
      expect(got.shape, `${form} ${name}`).toEqual(want.shape);
      expect(got.dtype, `${form} ${name}`).toBe(dtype);
      if (dtype === 'float64') expect(relError(got, want), `${form} ${name}`).toBeLessThan(1e-9);
      else expect(errorToScale(got, want), `${form} ${name}`).toBeLessThan(2e-5);
    };
    if (typeof out === 'number') expect(relError(out, layer.loss!), form).toBeLessThan(dtype === 'float64' ? 1e-9 : 1e-6);
    else check('out', out, stored(layer.out!));
    expect(Object.keys(grads).sort()).toEqual(Object.keys(layer.grads).sort());
    for (const [name, grad] of Object.entries(layer.grads)) check(`gradient of ${name}`, grads[name], stored(grad));
    if (layer.runningMean !== undefined) check('runningMean', runningMean!, stored(layer.runningMean));
    if (layer.runningVar !== undefined) check('runningVar', runningVar!, stored(layer.runningVar));
  }
}

describeOnEveryBackendAndTeam('layers against reference.json', () => {
  const cases = reference.layers.map((layer, i) => [layerTitle(layer, i), layer] as const);
  it.each(cases)('float64 %s', (_, layer) => expectCase(layer, 'float64'));
  it.each(cases)('float32 %s', (_, layer) => expectCase(layer, 'float32'));
});
