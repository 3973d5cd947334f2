/** The layer and model cases of reference.json (computed by PyTorch in float64), through modules and autograd. */

import { expect, it } from 'vitest';
import * as nn from '../../src/nn/index.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { relError } from '../../src/train/rel-error.ts';
import { describeOnEveryBackendAndTeam } from '../support/backends.ts';
import { largest, worstError } from '../support/errors.ts';
import { layerTitle, reference, stored } from '../support/reference.ts';
import { buildLayer, buildNetwork, type Float } from './reference-build.ts';

const types = ['float64', 'float32'] as const;

function expectClose(name: string, got: Tensor, expected: Tensor, dtype: Float): void {
  expect(got.shape, name).toEqual(expected.shape);
  expect(got.dtype, name).toBe(dtype);
  if (dtype === 'float64') expect(relError(got, expected), name).toBeLessThan(1e-9);
  else expect(worstError(got.data, expected.data, largest(expected.data)), name).toBeLessThan(2e-5);
}

describeOnEveryBackendAndTeam('modules against reference.json', () => {
  const cases = reference.layers.flatMap((layer, i) =>
    types.map((dtype) => [dtype, layerTitle(layer, i), layer] as const));
  it.each(cases)('%s %s', (dtype, _, layer) => {
    const x = nn.variable(stored(layer.inputs.x, dtype), { requiresGrad: true });
    if (layer.loss !== undefined) {
      const loss = layer.op === 'svmLoss' ? nn.hingeLoss(x, layer.inputs.y!) : nn.crossEntropy(x, layer.inputs.y!);
      loss.backward();
      expect(relError(loss.item(), layer.loss)).toBeLessThan(dtype === 'float64' ? 1e-9 : 1e-6);
      return expectClose('x', x.grad!, stored(layer.grads.x), dtype);
    }
    const { module, parameters } = buildLayer(layer, dtype);
    const out = module.forward(x);
    expectClose('out', out.value, stored(layer.out!), dtype);
    out.backward(stored(layer.dout!, dtype));
    const grads: Readonly<Record<string, Tensor>> = {
      x: x.grad!, ...Object.fromEntries(Object.entries(parameters).map(([name, { grad }]) => [name, grad!])),
    };
    expect(Object.keys(grads).sort()).toEqual(Object.keys(layer.grads).sort());
    for (const [name, grad] of Object.entries(layer.grads)) expectClose(name, grads[name], stored(grad), dtype);
    if (layer.runningVar === undefined || !('runningVar' in module)) return;
    // The file's averages start from 0 and are of the variance as it is; a module's start from 1 and are corrected.
    const count = x.size / layer.runningVar.shape[0];
    const { runningMean, runningVar } = module as nn.BatchNorm2d;
    expectClose('runningMean', runningMean, stored(layer.runningMean!), dtype);
    expectClose('runningVar', runningVar, stored(layer.runningVar).mul(count / (count - 1)).add(0.9), dtype);
  });
});

describeOnEveryBackendAndTeam('networks of modules against reference.json', () => {
  const cases = reference.models.flatMap((model, i) => (['fused', 'layer by layer'] as const).map((way) =>
    [`${i}: ${model.model} ${JSON.stringify(model.config)}, ${way}`, model, way === 'fused'] as const));

  it.each(cases)('%s', (_, model, fused) => {
    const { parameters, loss: computeLoss } = buildNetwork(model, fused);
    const names = Object.keys(parameters);
    const { learningRate, losses } = model.adam;
    const optimizer = new nn.Adam(Object.values(parameters), { lr: learningRate });
    losses.forEach((expected, i) => {
      const { X, y } = model.batches[i % model.batches.length];
      const [scores, loss] = computeLoss(stored(X), y);
      if (i === 0) expect(relError(scores.value, stored(model.scores))).toBeLessThan(1e-9);
      if (i === 0) expect(relError(loss.item(), model.loss)).toBeLessThan(1e-9);
      expect(relError(loss.item(), expected), `loss before step ${i + 1}`).toBeLessThan(1e-6);
      loss.backward();
      if (i === 0) {
        expect(names.sort()).toEqual(Object.keys(model.grads).sort());
        for (const [name, grad] of Object.entries(model.grads)) {
          const got = parameters[name].grad!;
          // a bias before a batchnorm changes nothing: its gradient is a sum that cancels
          const cancelled = /^b\d+$/.test(name) && model.config.normalization !== 'layernorm' &&
            `gamma${name.slice(1)}` in parameters;
          if (cancelled) for (const value of got.data) expect(Math.abs(value), name).toBeLessThan(1e-15);
          else expect(relError(got, stored(grad)), name).toBeLessThan(1e-9);
        }
      }
      optimizer.step();
      optimizer.zeroGrad();
    });
  });
});
