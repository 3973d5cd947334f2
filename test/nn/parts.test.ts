/** The smaller parts of the levels: initialisers, losses, clipping, averages. */

import { format, inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Rng, tensor, zeros } from '../../src/index.ts';
import { avgPoolForward, maxPoolForward } from '../../src/layers/index.ts';
import * as nn from '../../src/nn/index.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

const rng = new Rng(5);
const normal = (...shape: number[]): Tensor => rng.normal(0, 1, shape, 'float64');
const values = (v: nn.Variable | Tensor): number[] => Array.from(('value' in v ? v.value : v).contiguous().data, Number);

describe('initialisers', () => {
  const filters = (): nn.Variable => nn.parameter(zeros([60, 40, 3, 3], 'float64'));
  const matrix = (): nn.Variable => nn.parameter(zeros([300, 200], 'float64'));
  const source = (): { rng: Rng } => ({ rng: new Rng(7) });
  const std = (v: nn.Variable): number => v.value.std().item();

  it.each<[string, () => nn.Variable, number, number | null]>([
    ['kaimingNormal', () => nn.kaimingNormal(filters(), source()), 2 / 360, null],
    ['kaimingNormal by fanOut', () => nn.kaimingNormal(filters(), { mode: 'fanOut', gain: 1, ...source() }), 1 / 540, null],
    ['kaimingUniform', () => nn.kaimingUniform(matrix(), source()), 2 / 300, Math.sqrt(6 / 300)],
    ['xavierUniform', () => nn.xavierUniform(matrix(), source()), 2 / 500, Math.sqrt(6 / 500)],
    ['xavierNormal', () => nn.xavierNormal(filters(), { gain: 2, ...source() }), 8 / 900, null],
    ['varianceScaling', () => nn.varianceScaling(matrix(), { scale: 3, ...source() }), 3 / 300, 2 * 0.1 / 0.8796],
    ['truncatedNormal', () => nn.truncatedNormal(matrix(), { std: 0.5, ...source() }), (0.5 * 0.87962566) ** 2, 1],
  ])('%s has its variance and bounds', (_, make, variance, bound) => {
    const weight = make();
    const deviations = Math.sqrt(weight.size); // of the estimate of a standard deviation, about 1 / sqrt(2 n)
    expect(Math.abs(std(weight) / Math.sqrt(variance) - 1)).toBeLessThan(4 / deviations);
    expect(Math.abs(weight.value.mean().item())).toBeLessThan(5 * Math.sqrt(variance) / deviations);
    const largest = weight.value.abs().max().item();
    if (bound === null) expect(largest).toBeGreaterThan(3 * Math.sqrt(variance));
    else expect(largest).toBeLessThanOrEqual(bound * (1 + 1e-3));
    if (bound !== null) expect(largest).toBeGreaterThan(0.98 * bound);
  });

  it('start a network as Keras does: bounded weights, biases 0, norms as they are', () => {
    const net = nn.sequential(new nn.Conv2d(3, 4, 3), new nn.BatchNorm2d(4), new nn.Flatten(), new nn.Linear(16, 5));
    expect(nn.initializeLikeKeras(net, { rng: new Rng(1) })).toBe(net);
    const state = net.stateDict();
    expect(values(state['0.bias']).concat(values(state['3.bias']))).toEqual(new Array(9).fill(0));
    expect(values(state['1.weight'])).toEqual([1, 1, 1, 1]);
    expect(state['0.weight'].abs().max().item()).toBeLessThanOrEqual(Math.sqrt(6 / (27 + 36)) + 1e-6);
    expect(state['0.weight'].std().item()).toBeGreaterThan(0.1);
  });

  it('refuse what is no weight', () => {
    expect(() => nn.kaimingNormal(nn.parameter(zeros(3)))).toThrow('at least 2 axes, got 3');
    expect(() => nn.xavierUniform(zeros([2, 2]) as never)).toThrow(/^xavierUniform: weight must be a parameter, got/);
    expect(() => nn.varianceScaling(matrix(), { scale: 0 })).toThrow('varianceScaling: scale must be positive, got 0');
  });
});

describe('losses on probabilities', () => {
  it('are the losses on logits behind a softmax', () => {
    const logits = normal(6, 4);
    const y = [0, 3, 1, 2, 2, 0];
    const [a, b] = [nn.parameter(logits), nn.parameter(logits)];
    const direct = nn.crossEntropy(a, y);
    const indirect = nn.categoricalCrossEntropy(new nn.Softmax().forward(b), y);
    expect(indirect.item()).toBeCloseTo(direct.item(), 12);
    direct.backward();
    indirect.backward();
    values(a.grad!).forEach((value, i) => expect(values(b.grad!)[i]).toBeCloseTo(value, 12));
  });

  it('stay finite where a probability is 0, and take unnormalised rows and distributions', () => {
    const sure = nn.variable(tensor([[1, 0], [0, 1]], null, 'float64'));
    expect(nn.categoricalCrossEntropy(sure, [1, 1]).item()).toBeCloseTo(-Math.log(1e-7) / 2, 6);
    const counts = nn.variable(tensor([[3, 1]], null, 'float64'));
    expect(nn.categoricalCrossEntropy(counts, tensor([[0.5, 0.5]], null, 'float64')).item())
      .toBeCloseTo(-(Math.log(0.75) + Math.log(0.25)) / 2, 12);
    expect(() => nn.categoricalCrossEntropy(counts, [2])).toThrow(/^categoricalCrossEntropy: targets\[0\]/);
  });
});

describe('losses of labels', () => {
  const scores = nn.variable(normal(4, 3));
  const y = [2, 0, 1, 2];

  it('take labels of 64 bits with every option', () => {
    const wide = BigInt64Array.from(y, BigInt);
    for (const options of [{}, { labelSmoothing: 0.2 }, { ignoreIndex: 2 }]) {
      expect(nn.crossEntropy(scores, wide, options).item()).toBe(nn.crossEntropy(scores, y, options).item());
    }
    const shares = nn.variable(scores.value.exp());
    expect(nn.categoricalCrossEntropy(shares, wide).item()).toBe(nn.categoricalCrossEntropy(shares, y).item());
  });

  it('are finite where a class that is not wanted is impossible', () => {
    const logits = nn.parameter(tensor([[1, -Infinity, 2], [0, 1, -Infinity], [3, 1, 2]], null, 'float64'));
    const loss = nn.crossEntropy(logits, [0, 1, -100], { ignoreIndex: -100 });
    expect(loss.item()).toBeCloseTo((Math.log(1 + Math.E) + Math.log(1 + 1 / Math.E)) / 2, 12);
    loss.backward();
    expect(values(logits.grad!).every(Number.isFinite)).toBe(true);
  });

  it('name themselves and their arguments', () => {
    const none = nn.variable(zeros([0, 3]));
    expect(() => nn.crossEntropy(none, [])).toThrow(/^crossEntropy: logits must /);
    expect(() => nn.categoricalCrossEntropy(none, []))
      .toThrow('categoricalCrossEntropy: probabilities must not be empty, got shape 0x3');
    expect(() => nn.hingeLoss(none, [])).toThrow(/^hingeLoss: scores must /);
    for (const options of [{}, { ignoreIndex: 7 }]) {
      expect(() => nn.crossEntropy(scores, [0, 1, 2, 3], options))
        .toThrow(/^crossEntropy: y\[3\] must be an integer/);
      expect(() => nn.crossEntropy(scores, [0], options)).toThrow(/^crossEntropy: y must (have|hold) 4 labels/);
    }
    expect(() => nn.crossEntropy(scores, [7, 7, 7, 7], { ignoreIndex: 7 }))
      .toThrow(/^crossEntropy: y must hold a label/);
  });
});

describe('clipping', () => {
  const twoGradients = (): nn.Variable[] => {
    const [a, b] = [nn.parameter(tensor([0, 0], null, 'float64')), nn.parameter(tensor([0], null, 'float64'))];
    a.mul(tensor([3, 0], null, 'float64')).sum().add(b.mul(-4).sum()).backward();
    return [a, b, nn.parameter(zeros(2))];
  };

  it('by norm scales all gradients together, and leaves small ones', () => {
    const parameters = twoGradients();
    expect(nn.clipGradNorm(parameters, 10)).toBe(5);
    expect(nn.clipGradNorm([...parameters, ...parameters], 10)).toBe(5);
    expect(values(parameters[0].grad!)).toEqual([3, 0]);
    expect(nn.clipGradNorm(parameters, 1)).toBe(5);
    expect(values(parameters[0].grad!)[0]).toBeCloseTo(0.6, 15);
    expect(values(parameters[1].grad!)[0]).toBeCloseTo(-0.8, 15);
  });

  it('by value limits every element', () => {
    const parameters = twoGradients();
    nn.clipGradValue(parameters, 3.5);
    expect([values(parameters[0].grad!), values(parameters[1].grad!)]).toEqual([[3, 0], [-3.5]]);
  });

  it('refuses gradients that are not finite, and changes none', () => {
    const parameters = twoGradients();
    parameters[1].grad!.set(NaN, 0);
    expect(() => nn.clipGradNorm(parameters, 1)).toThrow('clipGradNorm: the gradients must be finite, their norm is NaN');
    expect(values(parameters[0].grad!)).toEqual([3, 0]);
  });
});

describe('AveragedWeights', () => {
  it('follows the weights by its decay, serves for a while, and puts them back after errors too', () => {
    const net = new nn.Linear(1, 1, { bias: false, dtype: 'float64' });
    net.weight.value.assign(1);
    const averaged = new nn.AveragedWeights(net, { decay: 0.15 });
    net.weight.value.assign(2);
    averaged.update(); // decay (1 + 0) / (10 + 0)
    expect(values(averaged.stateDict().weight)[0]).toBeCloseTo(1.9, 14);
    net.weight.value.assign(3);
    averaged.update(); // decay 0.15, below 2 / 11
    const expected = 0.15 * 1.9 + 0.85 * 3;
    expect(averaged.during(() => net.weight.item())).toBeCloseTo(expected, 14);
    expect(net.weight.item()).toBe(3);
    expect(() => averaged.during(() => { throw new RangeError('own'); })).toThrow('own');
    expect(net.weight.item()).toBe(3);
    averaged.apply();
    expect(net.weight.item()).toBeCloseTo(expected, 14);
  });

  it('goes on from its saved state', () => {
    const [net, other] = [new nn.Linear(3, 2), new nn.Linear(3, 2)];
    const averaged = new nn.AveragedWeights(net);
    averaged.update();
    const resumed = new nn.AveragedWeights(other);
    resumed.loadStateDict(averaged.stateDict());
    other.loadStateDict(net.stateDict());
    for (const [module, average] of [[net, averaged], [other, resumed]] as const) {
      module.weight.value.addInPlace(1);
      average.update();
    }
    expect(values(resumed.stateDict().weight)).toEqual(values(averaged.stateDict().weight));
    expect(resumed.stateDict().updates.item()).toBe(2);
    const { weight, updates } = averaged.stateDict();
    expect(() => resumed.loadStateDict({ weight, updates })).toThrow(/loadStateDict: bias/);
  });
});

it('dropout with probability 1 leaves nothing in training, and no gradient', () => {
  const layer = new nn.Dropout(1);
  const forms: Array<(x: nn.Variable) => nn.Variable> = [
    (x) => nn.sequential(new nn.ReLU(), layer).forward(x), (x) => nn.dropout(x, 1),
  ];
  for (const form of forms) {
    const x = nn.parameter(normal(3, 4));
    const out = form(x);
    expect(values(out).every((value) => value === 0)).toBe(true);
    out.sum().backward();
    expect(values(x.grad!).every((value) => value === 0)).toBe(true);
  }
  const x = nn.variable(normal(3, 4));
  expect(values(layer.eval().forward(x))).toEqual(values(x));
});

it('tensor names its argument where an array has no element type here', () => {
  expect(() => tensor(new BigInt64Array(1))).toThrow(/^tensor: values must be a Float32Array, /);
});

describe('pooling by a rule', () => {
  const x = normal(2, 3, 7, 5);

  it('pads as the functions of tensors do, and keeps the rule in settings and summary', () => {
    const same = { poolHeight: 3, poolWidth: 2, stride: [2, 1], pad: 'same' } as const;
    const options = { stride: [2, 1], padding: 'same' } as const;
    const layers = [new nn.MaxPool2d([3, 2], options), new nn.AvgPool2d([3, 2], options)];
    const expected = [maxPoolForward(x, same)[0], avgPoolForward(x, same)[0]];
    layers.forEach((layer, i) => {
      const out = layer.forward(nn.variable(x));
      expect(out.shape).toEqual([2, 3, 4, 5]);
      expect(values(out)).toEqual(values(expected[i]));
      expect(layer._settings.padding).toBe('same');
      expect(String(layer)).toContain('padding=same');
      expect(layer.summary([3, 7, 5])).toContain('3x4x5');
    });
    const valid = new nn.MaxPool2d(3, { padding: 'valid', stride: 1 }).forward(nn.variable(x));
    expect(values(valid)).toEqual(values(new nn.MaxPool2d(3, { stride: 1 }).forward(nn.variable(x))));
  });

  it('refuses other rules under its own names', () => {
    const message = /: padding must be a number, \[vertical, horizontal\], 'same' or 'valid', got "full"$/;
    const options = { padding: 'full' } as never;
    const calls = [
      () => new nn.MaxPool2d(2, options), () => new nn.AvgPool2d(2, options), () => new nn.Conv2d(1, 1, 2, options),
      () => nn.maxPool2d(nn.variable(x), 2, options), () => nn.avgPool2d(nn.variable(x), 2, options),
    ];
    for (const call of calls) expect(call).toThrow(message);
    expect(() => nn.maxPool2d(nn.variable(x), 2, options)).toThrow(/^maxPool2d: /);
  });
});

describe('layers as functions', () => {
  const x = normal(2, 4, 6, 5);
  const v = nn.variable(x);
  const same = (a: nn.Variable, b: nn.Variable): void => {
    expect(a.shape).toEqual(b.shape);
    expect(values(a)).toEqual(values(b));
  };

  it('compute what the modules do', () => {
    const dtype = 'float64';
    const conv = new nn.Conv2d(4, 6, [3, 2], { stride: [2, 1], padding: 1, groups: 2, dtype });
    same(nn.conv2d(v, conv.weight, conv.bias, { stride: [2, 1], padding: 1, groups: 2 }), conv.forward(v));
    same(nn.maxPool2d(v, 2), new nn.MaxPool2d(2).forward(v));
    const average = { stride: 1, padding: 1, countIncludePad: false };
    same(nn.avgPool2d(v, 3, average), new nn.AvgPool2d(3, average).forward(v));
    const padding = 'same';
    same(nn.maxPool2d(v, 2, { padding }), new nn.MaxPool2d(2, { padding }).forward(v));
    same(nn.avgPool2d(v, 3, { stride: 2, padding }), new nn.AvgPool2d(3, { stride: 2, padding }).forward(v));
    const norm = new nn.BatchNorm2d(4, { dtype });
    same(nn.batchNorm(v, norm.weight, norm.bias), norm.forward(v));
    const { runningMean, runningVar } = norm;
    same(nn.batchNorm(v, norm.weight, norm.bias, { runningMean, runningVar }), norm.eval().forward(v));
    const [layerNorm, linear] = [new nn.LayerNorm(120, { dtype }), new nn.Linear(120, 3, { dtype })];
    const flat = v.reshape(2, 120);
    same(nn.layerNorm(flat, layerNorm.weight, layerNorm.bias), layerNorm.forward(flat));
    same(nn.linear(v, linear.weight, linear.bias), linear.forward(flat));
    same(nn.dropout(v, 0.4, { rng: new Rng(3) }), new nn.Dropout(0.4, { rng: new Rng(3) }).forward(v));
    expect(nn.dropout(v, 0.4, { training: false })).toBe(v);
  });

  it('give gradients, and name what does not fit', () => {
    const w = nn.parameter(normal(6, 4, 3, 3));
    nn.conv2d(v, w).relu().sum().backward();
    expect(w.grad!.shape).toEqual([6, 4, 3, 3]);
    expect(() => nn.conv2d(v, nn.parameter(normal(6, 3, 3, 3)))).toThrow(/^conv2d: w has 3 input channels, x has 4/);
    expect(() => nn.conv2d(v, w, nn.parameter(normal(5)))).toThrow('conv2d: b must have 6 elements, got 5 (w 6x4x3x3)');
    expect(() => nn.linear(v, nn.parameter(normal(7, 2)))).toThrow('linear: x must have 7 numbers an example');
  });
});

describe('layers of few lines', () => {
  it('ChannelsFirst takes pictures as Keras has them', () => {
    const x = normal(2, 5, 4, 3);
    const filters = normal(3, 3, 3, 8); // (KH, KW, C, F)
    const moved = new nn.ChannelsFirst().forward(nn.variable(x));
    expect(values(moved)).toEqual(values(x.transpose(0, 3, 1, 2)));
    const w = nn.variable(filters.transpose(3, 2, 0, 1));
    expect(nn.conv2d(moved, w, null, { padding: 1 }).shape).toEqual([2, 8, 5, 4]);
    const net = nn.sequential(new nn.ChannelsFirst(), new nn.Conv2d(3, 2, 3));
    expect(net.summary([5, 4, 3])).toMatch(/channels first\s+3x5x4/);
  });

  it('a summary without shapes takes those of the last forward pass', () => {
    const net = nn.sequential(new nn.Conv2d(3, 4, 3), new nn.ReLU());
    expect(() => net.summary()).toThrow(new TypeError(
      'Sequential.summary: shape must be given before the first forward pass: the shape of one example an input, ' +
      'as summary([3, 32, 32]), got none'));
    net.forward(nn.variable(zeros([2, 3, 8, 6])));
    expect(net.summary()).toBe(net.summary([3, 8, 6]));
  });

  it('a summary has a line for every module that holds parameters, each of which counts once', () => {
    class Shift extends nn.Module {
      readonly by: nn.Variable = nn.parameter(zeros([6]));
      forward(x: nn.Variable): nn.Variable { return x.add(this.by); }
    }
    class Head extends nn.Module {
      readonly inner: nn.Linear = new nn.Linear(6, 2, { bias: false });
      forward(x: nn.Variable): nn.Variable { return x.matmul(this.inner.weight); }
    }
    const [a, b] = [new nn.Linear(6, 6), new nn.Linear(6, 6)];
    (b as { weight: nn.Variable }).weight = a.weight;
    const lines = (net: nn.Module): string[][] => net.summary([6]).split('\n').map((line) => line.split(/ {2,}/));
    const net = nn.sequential(a, new Shift(), b, new Head());
    const table = lines(net);
    expect(table.slice(4, -2)).toEqual([
      ['0 affine', '6', '42', '72'], ['1 Shift', '6', '6', '?'], ['2 affine', '6', '6', '72'],
      ['3.inner Linear', expect.anything(), '?'],
    ].map((row) => expect.arrayContaining(row)));
    expect(table.at(-1)).toEqual(['total', '66', 'at least 144']);
    const x = nn.input([6]);
    expect(nn.model(x, net.apply(x)).summary()).toMatch(/total +66 +at least 144$/);
    const plain = lines(nn.sequential(new nn.Linear(6, 2), new nn.BatchNorm1d(2, { affine: false })));
    expect(plain.at(-1)).toEqual(['total', '14', '28']);
  });

  it('any module has a summary', () => {
    const block = new nn.Residual(nn.sequential(new nn.Conv2d(4, 4, 3, { padding: 1 }), new nn.PReLU(4)));
    const [, , , , conv, prelu] = block.summary([4, 6, 5]).split('\n');
    expect(conv).toMatch(/^body\.0 conv 3x3 +4x6x5 +148 +8,640$/);
    expect(prelu).toMatch(/^body\.1 prelu +4x6x5 +4 +240$/);
    expect(() => block.summary([3, 6, 5])).toThrow(/^body\.0: Conv2d: /);
  });

  it('any module is printed with all that it is made of', () => {
    class Twice extends nn.Module {
      readonly _gain = 2;
      readonly parts: nn.Module[] = [new nn.BatchNorm2d(4, { momentum: null, dtype: 'float64' })];
      again: nn.Module | null = null;
      override forward(x: nn.Variable): nn.Variable { return this.parts[0].forward(x); }
    }
    const own = new Twice();
    const net = nn.sequential(new nn.Conv2d(3, 4, 3, { padding: 'same' }), new nn.ReLU(), nn.sequential(new nn.MaxPool2d(2), own));
    const lines = [
      'Sequential(',
      '  (0): Conv2d(inChannels=3, outChannels=4, kernelSize=[3, 3], stride=[1, 1], padding=same, dilation=[1, 1], groups=1, bias=true)',
      '  (1): ReLU()',
      '  (2): Sequential(',
      '    (0): MaxPool2d(kernelSize=[2, 2], stride=[2, 2], padding=[0, 0])',
      '    (1): Twice(',
      '      (parts.0): BatchNorm2d(channels=4, eps=0.00001, momentum=null, affine=true, dtype=float64)',
      '    )',
      '  )',
      ')',
    ];
    expect(String(net).split('\n')).toEqual(lines);
    expect(inspect({ net }, { depth: 0 })).toContain(lines.join('\n  '));
    expect(format('%s', new nn.ReLU())).toBe('ReLU()');
    expect((net as unknown as Record<symbol, () => string>)[Symbol.for('Deno.customInspect')]()).toBe(lines.join('\n'));
    const variable = nn.parameter(tensor([1, 2]));
    expect(inspect([variable])).toBe('[ variable Tensor 2 float32 [1, 2] ]');
    own.again = own;
    expect(String(own)).toMatch(/\n {2}\(again\): Twice\(\.\.\.\)\n\)$/);
  });

  it('Maxout, PReLU and Softmax', () => {
    const x = nn.variable(tensor([[1, -2, 5, 3], [0, 0, -1, -7]], null, 'float64'));
    expect(new nn.Maxout(2).forward(x).toArray()).toEqual([[1, 5], [0, -1]]);
    expect(new nn.PReLU(4, { dtype: 'float64' }).forward(x).toArray()).toEqual([[1, -0.5, 5, 3], [0, 0, -0.25, -1.75]]);
    expect(Object.keys(new nn.PReLU(3).stateDict())).toEqual(['weight']);
    for (const sum of values(new nn.Softmax(0).forward(x).sum(0))) expect(sum).toBeCloseTo(1, 14);
    expect(() => nn.sequential(new nn.Maxout(3)).forward(x)).toThrow('0: Maxout: k must divide the channels of x');
  });
});
