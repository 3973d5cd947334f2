import { describe, expect, it } from 'vitest';
import { adagrad, adam, adamW, nesterov, relError, rmsprop, sgd, sgdMomentum } from '../../src/train/index.ts';
import type { UpdateConfig, UpdateRule } from '../../src/train/index.ts';
import { arange, linspace, Rng, tensor, Tensor, zeros } from '../../src/tensor/index.ts';
import { type InPlaceUpdate, updateInPlace } from '../../src/update/rule.ts';
import { definitionOf, ruleNames } from '../../src/update/update-rules.ts';
import { describeOnEveryBackend } from '../support/backends.ts';
import { goldenArray } from '../support/golden.ts';

const rules: Record<string, UpdateRule> = { sgd, sgdMomentum, nesterov, rmsprop, adam, adagrad, adamW };

const grid = (first: number, last: number): Tensor => linspace(first, last, 20).reshape(4, 5);

describeOnEveryBackend('update rules', () => {
  const w = grid(-0.4, 0.6);
  const dw = grid(-0.6, 0.4);

  it.each<[string, UpdateConfig]>([
    ['sgdMomentum', { learningRate: 1e-3, velocity: grid(0.6, 0.9) }],
    ['rmsprop', { learningRate: 1e-2, cache: grid(0.6, 0.9) }],
    ['adam', { learningRate: 1e-2, m: grid(0.6, 0.9), v: grid(0.7, 0.5), t: 5 }],
  ])('%s gives the numbers that the notebooks print', (name, config) => {
    const golden = goldenArray<Record<string, number[][]> & { relError: number }>(name);
    const [nextW, after] = rules[name](w, dw, config);
    expect(after).toBe(config);
    const state = after as Record<string, Tensor>;
    expect(relError(nextW, golden.nextW)).toBeLessThan(golden.relError);
    for (const key of ['velocity', 'cache', 'm', 'v']) {
      expect(key in golden).toBe(key in config);
      if (key in golden) expect(relError(state[key], golden[key])).toBeLessThan(golden.relError);
    }
    if (name === 'adam') expect(after.t).toBe(6);
  });

  /** Three steps of PyTorch 1.13's optimisers in float64 with the same settings. */
  it.each<[string, UpdateConfig, number[]]>([
    ['sgd', {}, [-0.37159460482447093, -0.13417793839760803, 0.10323872802925484, 0.3406553944561177, 0.5780720608829806]],
    ['sgdMomentum', {}, [-0.3506047315876562, -0.12258499567613276, 0.10543474023539062, 0.33345447614691404, 0.5614742120584374]],
    ['nesterov', {}, [-0.32729359220361126, -0.10958976321818992, 0.10811406576723143, 0.3258178947526528, 0.5435217237380741]],
    ['rmsprop', {}, [-0.15198400410753965, 0.09741138428499466, 0.3406676847637339, 0.11169240181328519, 0.3554303504282532]],
    ['adagrad', {}, [-0.3750657570863873, -0.12498658957136016, 0.12569719086790904, 0.3255941585000728, 0.5753458687222033]],
    ['adam', {}, [-0.3970047563380809, -0.1470064044763406, 0.1029732947465119, 0.34699830005994486, 0.5970006763251758]],
    ['adamW', {}, [-0.3969927862941478, -0.14700193438751236, 0.1029702644459336, 0.3469878299464219, 0.5969827062888314]],
  ])('%s makes the steps that PyTorch makes', (name, config, expected) => {
    let weights = linspace(-0.4, 0.6, 5);
    for (let i = 0; i < 3; i++) {
      const gradient = tensor([-0.6, -0.35, -0.1, 0.15, 0.4].map((g, j) => g * Math.sqrt(i + 1) + 0.3 * weights.get(j)), null, 'float64');
      [weights, config] = rules[name](weights, gradient, config);
    }
    expect(relError(weights, expected)).toBeLessThan(1e-12);
  });

  it.each(Object.keys(rules))('%s leaves what it was given and computes the same in place', (name) => {
    for (const dtype of ['float32', 'float64'] as const) {
      const rule = definitionOf(name as keyof typeof rules as 'sgd')!;
      const start = grid(-1, 1).astype(dtype);
      const gradient = grid(0.5, -0.25).astype(dtype);
      let [next, config] = rules[name](start, gradient);
      const before = { ...config };
      const stateBefore = rule.state.map((key) => config[key]!.toArray());
      expect(next).not.toBe(start);
      expect(next.dtype).toBe(dtype);
      expect(start.toArray()).toEqual(grid(-1, 1).astype(dtype).toArray());
      [next, config] = rules[name](next, gradient, config);
      rule.state.forEach((key, i) => expect(before[key]!.toArray()).toEqual(stateBefore[i]));
      expect(gradient.toArray()).toEqual(grid(0.5, -0.25).astype(dtype).toArray());

      const own = start.clone();
      const ownConfig: UpdateConfig = {};
      updateInPlace(rule, [{ w: own, dw: gradient, config: ownConfig }]);
      const arrays = rule.state.map((key) => ownConfig[key]!.data);
      updateInPlace(rule, [{ w: own, dw: gradient, config: ownConfig }]);
      rule.state.forEach((key, i) => {
        expect(ownConfig[key]!.data).toBe(arrays[i]);
        expect(ownConfig[key]!.toArray()).toEqual(config[key]!.toArray());
      });
      expect(own.toArray()).toEqual(next.toArray());
    }
  });

  it.each(Object.keys(rules))('%s gives many parameters in place what it gives each alone', (name) => {
    const rule = definitionOf(name as keyof typeof rules as 'sgd')!;
    const sizes = [1, 5, 40_000, 3, 16_384, 0, 700];
    const rng = new Rng(3);
    const parameters = sizes.map((size, i) => {
      const dtype = i === 3 ? 'float64' : 'float32';
      const [w, dw] = [rng.normal(0, 1, [size]).astype(dtype), rng.normal(0, 1, [size]).astype(dtype)];
      // one goes at a pace of its own, one is a step behind
      return { w, dw, learningRate: i === 4 ? 0.5 : 0.125, steps: i === 1 ? 1 : 2 };
    });
    const together = parameters.map(({ w, dw, learningRate }): InPlaceUpdate =>
      ({ w: w.clone(), dw, config: { learningRate } }));
    updateInPlace(rule, together.filter((_, i) => parameters[i].steps === 2));
    updateInPlace(rule, together);
    parameters.forEach(({ w, dw, learningRate, steps }, i) => {
      const alone: InPlaceUpdate = { w: w.clone(), dw, config: { learningRate } };
      for (let step = 0; step < steps; step++) updateInPlace(rule, [alone]);
      expect(together[i].config.t).toBe(alone.config.t);
      expect(together[i].w.data).toEqual(alone.w.data);
      for (const key of rule.state) expect(together[i].config[key]!.data).toEqual(alone.config[key]!.data);
    });
  });

  it('refuse to update a view that is not row-major, whose elements would be those of a copy, and keep state that is', () => {
    const rule = definitionOf('adam')!;
    const good = { w: grid(-1, 1), dw: grid(0, 1), config: {} };
    const turned = { w: grid(-1, 1).transpose(), dw: grid(0, 1).transpose(), config: {} };
    const [before, at] = [good.w.toArray(), turned.w.version];
    expect(() => updateInPlace(rule, [good, turned]))
      .toThrow(/^adam: w must be row-major to be updated in place, got \d+x\d+ with strides 1x\d+$/);
    expect([good.w.toArray(), turned.w.version]).toEqual([before, at]);
    const own = { w: grid(-1, 1), dw: grid(0, 1), config: {} as UpdateConfig };
    updateInPlace(rule, [own]);
    const other = { w: own.w.clone(), dw: own.dw, config: { ...own.config, m: own.config.m!.clone() } };
    other.config.v = own.config.v!.transpose().clone().transpose();
    updateInPlace(rule, [own]);
    updateInPlace(rule, [other]);
    expect(other.config.v.toArray()).toEqual(own.config.v!.toArray());
  });

  it('change nothing where one of many parameters does not fit', () => {
    const good = { w: grid(-1, 1), dw: grid(0, 1), config: {} };
    const before = good.w.toArray();
    const bad = { w: grid(-1, 1), dw: zeros([2]), config: {} };
    expect(() => updateInPlace(definitionOf('adam')!, [good, bad])).toThrow(/adam: dw/);
    expect(() => updateInPlace(definitionOf('adam')!, [good, { ...good, config: { learningRate: -1 } }])).toThrow(RangeError);
    expect(good.w.toArray()).toEqual(before);
    expect(good.config).toEqual({});
  });

  it('take views and a gradient of the other float type', () => {
    const columns = grid(-0.4, 0.6).transpose();
    const [fromView] = adam(columns, dw.transpose());
    expect(fromView.toArray()).toEqual(adam(w, dw)[0].transpose().toArray());
    const [narrow] = sgd(zeros([2]), tensor([1, 2], null, 'float64'));
    expect(narrow.dtype).toBe('float32');
  });
});

describe('update rules', () => {
  it('store the documented defaults in config', () => {
    expect(sgd(zeros(1), zeros(1))[1]).toEqual({ learningRate: 1e-2 });
    const w = zeros(1);
    expect(sgdMomentum(w, w)[1]).toMatchObject({ learningRate: 1e-2, momentum: 0.9 });
    expect(nesterov(w, w)[1]).toMatchObject({ learningRate: 1e-2, momentum: 0.9 });
    expect(rmsprop(w, w)[1]).toMatchObject({ learningRate: 1e-2, decayRate: 0.99, epsilon: 1e-8 });
    expect(adagrad(w, w)[1]).toMatchObject({ learningRate: 1e-2, epsilon: 1e-8 });
    expect(adam(w, w)[1]).toMatchObject({ learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, t: 1 });
    expect(adamW(w, w)[1]).toMatchObject({ learningRate: 1e-3, weightDecay: 1e-2, t: 1 });
  });

  it('work on tensors without elements and on scalars', () => {
    for (const name of ruleNames) {
      expect(rules[name](zeros([0, 3]), zeros([0, 3]))[0].shape).toEqual([0, 3]);
      expect(rules[name](zeros([]), zeros([]))[0].shape).toEqual([]);
    }
  });

  it.each<[string, () => unknown, string]>([
    ['an unknown key', () => sgd(zeros(1), zeros(1), { momentum: 0.9 }), 'sgd: unknown option "momentum", known options are learningRate'],
    ['another shape', () => adam(zeros([2, 3]), zeros([3, 2])), 'adam: dw must have shape 2x3, got 3x2'],
    ['state of another shape', () => sgdMomentum(zeros(2), zeros(2), { velocity: zeros(3) }), 'sgdMomentum: config.velocity must have shape 2, got 3'],
    ['state of another type', () => adam(zeros(2), zeros(2), { m: zeros(2, 'float64') }), 'adam: config.m must be float32 like w, got float64'],
    ['integer weights', () => sgd(arange(3), zeros(3)), 'sgd: w must be float32 or float64, got int32'],
    ['no tensor', () => sgd([1] as never, zeros(1)), 'sgd: w must be a Tensor, got an array of 1'],
    ['no gradient', () => sgd(zeros(1), undefined as never), 'sgd: dw must be a Tensor, got undefined'],
    ['a negative rate', () => sgd(zeros(1), zeros(1), { learningRate: -1 }), 'sgd: config.learningRate must be a finite number >= 0, got -1'],
    ['a rate that is no number', () => sgd(zeros(1), zeros(1), { learningRate: NaN }), 'got NaN'],
    ['beta 1', () => adam(zeros(1), zeros(1), { beta1: 1 }), 'adam: config.beta1 must be'],
    ['a fractional t', () => adam(zeros(1), zeros(1), { t: 0.5 }), 'adam: config.t must be an integer'],
    ['a config that is a number', () => sgd(zeros(1), zeros(1), 0.1 as never), 'sgd: options must be an object, got 0.1'],
  ])('refuse %s', (_, call, message) => {
    expect(call).toThrow(message);
  });

  it('leave config alone when they refuse', () => {
    const config = { learningRate: 1 };
    expect(() => adam(zeros(2), zeros(3), config)).toThrow(RangeError);
    expect(config).toEqual({ learningRate: 1 });
  });
});
