/**
 * Single layers and optimisers with parameter groups against PyTorch (test/fixtures/make-nn.py): random combinations of
 * a convolution's options, running averages over several steps, learnt slopes. The gradient that goes back from an
 * output y is y * y.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { tensor } from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { describeOnEveryBackend } from '../support/backends.ts';
import { near } from '../support/near.ts';
import { stored, type StoredTensor } from '../support/reference.ts';

type State = Readonly<Record<string, StoredTensor>>;
type Pair = [number, number];

interface Pass {
  readonly x: StoredTensor;
  readonly y: StoredTensor;
  readonly dx: StoredTensor;
}

interface ConvolutionCase extends Pass {
  readonly channels: number;
  readonly filters: number;
  readonly kernel: Pair;
  readonly options: { stride: Pair; padding: Pair; dilation: Pair; groups: number; bias: boolean };
  readonly state: State;
  readonly grads: State;
}

interface BatchNormCase {
  readonly name: 'BatchNorm1d' | 'BatchNorm2d';
  readonly channels: number;
  readonly options: { momentum?: number | null; eps?: number; affine?: boolean };
  readonly start: State;
  readonly steps: ReadonlyArray<Pass & { readonly state: State }>;
  readonly test: StoredTensor;
}

interface PReLUCase extends Pass {
  readonly count: number;
  readonly weight: StoredTensor;
  readonly dweight: StoredTensor;
}

type Settings = { readonly weight_decay?: number } & Readonly<Record<string, unknown>>;

interface GroupsCase {
  readonly name: 'SGD' | 'AdamW' | 'RMSprop';
  readonly common: Settings;
  readonly own: readonly Settings[];
  readonly start: readonly StoredTensor[];
  readonly steps: ReadonlyArray<Readonly<Record<'gradients' | 'after', readonly StoredTensor[]>>>;
}

interface Cases {
  readonly convolutions: readonly ConvolutionCase[];
  readonly batchnorms: readonly BatchNormCase[];
  readonly prelus: readonly PReLUCase[];
  readonly groups: readonly GroupsCase[];
}

const cases = JSON.parse(readFileSync(new URL('../fixtures/nn.json', import.meta.url), 'utf8')) as Cases;

type Float = 'float64' | 'float32';

function load(module: nn.Module, state: State, dtype: Float): void {
  const tensors: [string, Tensor][] = Object.entries(state).map(([name, t]) => [name, stored(t, dtype)]);
  expect(module.loadStateDict(Object.fromEntries(tensors))).toEqual({ missing: [], unexpected: [] });
}

/** Goes forward and back through the module, and compares. */
function pass(module: nn.Module, { x, y, dx }: Pass, dtype: Float, limit: number): void {
  const input = nn.variable(stored(x, dtype), { requiresGrad: true });
  module.zeroGrad();
  const out = module.forward(input);
  near(out.value, y, limit);
  out.backward(stored(y, dtype).mul(stored(y, dtype)));
  near(input.grad!, dx, limit);
}

/** Settings by their names here. */
function renamed({ weight_decay: weightDecay, ...rest }: Settings): Record<string, unknown> {
  return weightDecay === undefined ? rest : { weightDecay, ...rest };
}

describeOnEveryBackend('PyTorch', () => {
  describe.each<[Float, number]>([['float64', 1e-9], ['float32', 1e-4]])('in %s', (dtype, limit) => {
    it.each(cases.convolutions)('Conv2d($channels, $filters, $kernel, $options)', (each: ConvolutionCase) => {
      const conv = new nn.Conv2d(each.channels, each.filters, each.kernel, { ...each.options, dtype });
      load(conv, each.state, dtype);
      pass(conv, each, dtype, limit);
      for (const [name, parameter] of conv.namedParameters()) near(parameter.grad!, each.grads[name], limit);
      const { weight, bias } = conv;
      const { stride, padding, dilation, groups } = each.options;
      const x = nn.variable(stored(each.x, dtype));
      near(nn.conv2d(x, weight, bias, { stride, padding, dilation, groups }).value, each.y, limit);
    });

    it.each(cases.batchnorms)('$name $options over three steps', (each: BatchNormCase) => {
      const norm = new nn[each.name](each.channels, { ...each.options, dtype });
      load(norm, each.start, dtype);
      for (const step of each.steps) {
        pass(norm, step, dtype, limit);
        const state = norm.stateDict();
        expect(Object.keys(state)).toEqual(Object.keys(step.state));
        for (const [name, expected] of Object.entries(step.state)) near(state[name], expected, limit);
      }
      near(norm.eval().forward(nn.variable(stored(each.steps[2].x, dtype))).value, each.test, limit);
    });

    it.each(cases.prelus)('PReLU($count) of $x.shape', (each: PReLUCase) => {
      const prelu = new nn.PReLU(each.count, { dtype });
      load(prelu, { weight: each.weight }, dtype);
      pass(prelu, each, dtype, limit);
      near(prelu.weight.grad!, each.dweight, limit);
    });
  });

  it('batchNorm renews the running averages that it is given, as F.batch_norm does', () => {
    const { channels, start, steps, test } = cases.batchnorms[4];
    const { weight, bias, running_mean: runningMean, running_var: runningVar } = Object.fromEntries(
      Object.entries(start).map(([name, t]) => [name, stored(t)]),
    );
    const [gamma, beta] = [nn.parameter(weight), nn.parameter(bias)];
    expect(gamma.shape).toEqual([channels]);
    for (const { x, y, state } of steps) {
      const out = nn.batchNorm(nn.variable(stored(x)), gamma, beta, { runningMean, runningVar, training: true });
      near(out.value, y, 1e-9);
      near(runningMean, state.running_mean, 1e-9);
      near(runningVar, state.running_var, 1e-9);
    }
    const x = nn.variable(stored(steps[2].x));
    near(nn.batchNorm(x, gamma, beta, { runningMean, runningVar }).value, test, 1e-9);
    expect(() => nn.batchNorm(x, gamma, beta, { runningMean, training: true }))
      .toThrow(/^batchNorm: runningVar must be a Tensor/);
    expect(() => nn.batchNorm(x, gamma, beta, { training: false }))
      .toThrow(/^batchNorm: runningMean must be a Tensor/);
    const stretched = tensor([1], null, 'float64').broadcastTo(gamma.size);
    expect(() => nn.batchNorm(x, gamma, beta, { runningMean, runningVar: stretched, training: true }))
      .toThrow(/^batchNorm: runningVar must have a place in memory for each element/);
  });

  it.each(cases.groups)('$name with groups $own', ({ name, common, own, start, steps }: GroupsCase) => {
    const parameters = start.map((t) => nn.parameter(stored(t)));
    const groups = parameters.map((parameter, i) => ({ params: [parameter], ...renamed(own[i]) }));
    const make = nn[name] as unknown as new (params: unknown, options: unknown) => nn.Optimizer;
    const optimizer = new make(groups, { lr: 0.05, ...renamed(common) });
    for (const { gradients, after } of steps) {
      parameters.forEach((parameter, i) => { parameter.grad = stored(gradients[i]); });
      optimizer.step();
      parameters.forEach((parameter, i) => near(parameter.value, after[i], 1e-9));
    }
  });
});
