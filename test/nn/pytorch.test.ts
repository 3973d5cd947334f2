/**
 * Modules, losses and optimisers against PyTorch (test/fixtures/make-nn.py), in float64 and float32, on every backend.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as nn from '../../src/nn/index.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { describeOnEveryBackendAndTeam } from '../support/backends.ts';
import { near } from '../support/near.ts';
import { stored, type StoredTensor } from '../support/reference.ts';

interface LossCase {
  readonly name: string;
  readonly target: readonly number[] | StoredTensor;
  readonly options: { readonly label_smoothing?: number; readonly ignore_index?: number };
  readonly loss: number;
  readonly gradient: StoredTensor;
}

interface OptimizerCase {
  readonly name: 'SGD' | 'Adam' | 'AdamW' | 'RMSprop' | 'Adagrad';
  readonly options: { readonly weight_decay?: number } & Readonly<Record<string, unknown>>;
  readonly start: readonly StoredTensor[];
  readonly steps: ReadonlyArray<{
    readonly gradients: readonly StoredTensor[];
    readonly after: readonly StoredTensor[];
  }>;
}

interface Cases {
  readonly network: {
    readonly state: Readonly<Record<string, StoredTensor>>;
    readonly x: StoredTensor;
    readonly y: readonly number[];
    readonly logits: StoredTensor;
    readonly loss: number;
    readonly dx: StoredTensor;
    readonly grads: Readonly<Record<string, StoredTensor>>;
    readonly after: Readonly<Record<string, StoredTensor>>;
    readonly test: StoredTensor;
  };
  readonly crossEntropy: { readonly scores: StoredTensor; readonly cases: readonly LossCase[] };
  readonly optimisers: readonly OptimizerCase[];
}

const cases = JSON.parse(readFileSync(new URL('../fixtures/nn.json', import.meta.url), 'utf8')) as Cases;

type Float = 'float64' | 'float32';

function network(dtype: Float): nn.Sequential {
  const group = { dtype };
  return nn.sequential(
    new nn.Conv2d(3, 4, 3, { padding: 1, dtype }), new nn.BatchNorm2d(4, group), new nn.ReLU(), new nn.MaxPool2d(2),
    new nn.Conv2d(4, 6, [3, 2], { stride: [2, 1], padding: [1, 0], groups: 2, bias: false, dtype }),
    new nn.GroupNorm(3, 6, group), new nn.GELU(), new nn.AvgPool2d(2, { stride: 1, padding: 1 }),
    new nn.AdaptiveAvgPool2d([2, 3]), new nn.Flatten(), new nn.Linear(36, 8, group), new nn.LayerNorm(8, group),
    new nn.SiLU(), new nn.Linear(8, 5, group),
  );
}

function load(state: Readonly<Record<string, StoredTensor>>, dtype: Float): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(state).map(([name, t]) => [name, stored(t, dtype)]));
}

describeOnEveryBackendAndTeam('PyTorch', () => {
  describe.each<[Float, number]>([['float64', 1e-9], ['float32', 1e-4]])('in %s', (dtype, limit) => {
    it('loads a state_dict, and gives the logits, gradients and running averages of PyTorch', () => {
      const { state, x, y, logits, loss, dx, grads, after, test } = cases.network;
      const net = network(dtype);
      expect(net.loadStateDict(load(state, dtype))).toEqual({ missing: [], unexpected: [] });
      const input = nn.variable(stored(x, dtype), { requiresGrad: true });
      const out = net.forward(input);
      near(out.value, logits, limit);
      const value = nn.crossEntropy(out, y, { labelSmoothing: 0.1 });
      expect(Math.abs(value.item() - loss)).toBeLessThan(limit);
      value.backward();
      near(input.grad!, dx, limit);
      // gradients in the layout of the state: that of a linear layer is the other way round
      for (const [name, parameter] of net.namedParameters()) {
        const gradient = parameter.grad!;
        near(/^(10|13)\.weight$/.test(name) ? gradient.transpose() : gradient, grads[name], limit);
      }
      const now = net.stateDict();
      for (const [name, expected] of Object.entries(after)) near(now[name], expected, limit);
      near(net.eval().forward(nn.variable(stored(x, dtype))).value, test, limit);
    });
  });

  it.each(cases.crossEntropy.cases)('cross-entropy with $name', ({ target, options, loss, gradient }: LossCase) => {
    const scores = nn.variable(stored(cases.crossEntropy.scores), { requiresGrad: true });
    const targets = Array.isArray(target) ? target as number[] : stored(target as StoredTensor);
    const value = nn.crossEntropy(scores, targets, {
      labelSmoothing: options.label_smoothing, ignoreIndex: options.ignore_index,
    });
    expect(Math.abs(value.item() - loss)).toBeLessThan(1e-12);
    value.backward();
    near(scores.grad!, gradient, 1e-9);
  });

  it.each(cases.optimisers)('$name $options', ({ name, options, start, steps }: OptimizerCase) => {
    const parameters = start.map((t) => nn.parameter(stored(t)));
    const { weight_decay: weightDecay = 0, ...rest } = options;
    const settings = { lr: 0.05, weightDecay, ...rest };
    const groups = [{ params: [parameters[0]], lr: 0.2 }, { params: [parameters[1]] }];
    const make = nn[name] as unknown as new (params: unknown, options: unknown) => nn.Optimizer;
    let optimizer = new make(groups, settings);
    steps.forEach(({ gradients, after }, step) => {
      if (step === 3) optimizer.groups[0].lr = 0.02;
      if (step === 2) { // what is remembered survives being saved
        const saved = optimizer.stateDict();
        optimizer = new make(groups, settings);
        optimizer.loadStateDict(saved);
      }
      parameters.forEach((parameter, i) => { parameter.grad = stored(gradients[i]); });
      optimizer.step();
      parameters.forEach((parameter, i) => near(parameter.value, after[i], 1e-9));
    });
  });
});
