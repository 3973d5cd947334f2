/**
 * Values that are changed between the pass forward and the way back: where the way back reads them that is an error,
 * as in PyTorch; where it does not, and for lists that the caller goes on using, the gradient is that of what was
 * computed.
 */

import { describe, expect, it } from 'vitest';
import { type Range, RandomState, tensor, type Tensor } from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';
import type { Variable } from '../../src/nn/index.ts';

const drawn = (...shape: number[]): Tensor => new RandomState(0).randn(...shape);
const pictures = (): Variable => nn.parameter(drawn(2, 3, 4, 4));
const rows = (): Variable => nn.parameter(drawn(4, 3));
const dtype = 'float64';
const affine = (): nn.Module => new nn.Linear(3, 2, { dtype });
const conv = (bias: boolean = true): nn.Module => new nn.Conv2d(3, 3, 3, { padding: 1, bias, dtype });
const planes = (): nn.Module => new nn.BatchNorm2d(3, { dtype });

type Use = readonly [input: () => Variable, compute: (x: Variable) => Variable];

/** A module that keeps its averages at test time. */
function frozen<M extends nn.Module>(module: M): M {
  module.forward(module instanceof nn.BatchNorm2d ? pictures() : rows());
  return module.eval() as M;
}

/** What reads its output on the way back. */
const readers: Readonly<Record<string, Use>> = {
  Sigmoid: [rows, (x) => new nn.Sigmoid().forward(x)],
  Tanh: [rows, (x) => new nn.Tanh().forward(x)],
  Softmax: [rows, (x) => new nn.Softmax().forward(x)],
  ELU: [rows, (x) => new nn.ELU().forward(x)],
  'conv, relu': [pictures, (x) => nn.sequential(conv(), new nn.ReLU()).forward(x)],
  'conv without bias, relu': [pictures, (x) => nn.sequential(conv(false), new nn.ReLU()).forward(x)],
  'conv, relu, pool': [pictures, (x) => nn.sequential(conv(), new nn.ReLU(), new nn.MaxPool2d(2)).forward(x)],
  'conv, batchnorm, relu': [pictures, (x) => nn.sequential(conv(), planes(), new nn.ReLU()).forward(x)],
  'conv, batchnorm, relu, pool': [
    pictures, (x) => nn.sequential(conv(), planes(), new nn.ReLU(), new nn.MaxPool2d(2)).forward(x),
  ],
  'batchnorm, relu': [pictures, (x) => nn.sequential(planes(), new nn.ReLU()).forward(x)],
  'affine, relu': [rows, (x) => nn.sequential(affine(), new nn.ReLU()).forward(x)],
  'affine, batchnorm, relu': [
    rows, (x) => nn.sequential(affine(), new nn.BatchNorm1d(2, { dtype }), new nn.ReLU()).forward(x),
  ],
  'affine, layernorm, relu': [
    rows, (x) => nn.sequential(affine(), new nn.LayerNorm(2, { dtype }), new nn.ReLU()).forward(x),
  ],
  max: [rows, (x) => x.max(0)],
  min: [rows, (x) => x.min(0)],
  std: [rows, (x) => x.std()],
};

/** What does not. */
const others: Readonly<Record<string, Use>> = {
  'a power': [rows, (x) => x.square().add(1).pow(3)],
  'a power whose exponent wants a gradient': [rows, (x) => nn.variable(drawn(4, 3).abs()).pow(x)],
  convolution: [pictures, (x) => nn.conv2d(x, nn.variable(drawn(3, 3, 3, 3)))],
  'layer norm': [rows, (x) => nn.layerNorm(x, nn.parameter(drawn(3)), nn.parameter(drawn(3)))],
};

describe('a way back', () => {
  it.each(Object.entries(readers))('that reads its output throws where that was changed: %s', (_, [input, compute]) => {
    const x = input();
    const out = compute(x);
    out.value.mulInPlace(-2);
    expect(() => out.sum().backward()).toThrow(/^backward: a value of shape .* was changed in place/);
    expect(x.grad).toBeNull();
  });

  it.each(Object.entries(others))('that does not read its output does not mind: %s', (_, [input, compute]) => {
    const [x, same] = [input(), input()];
    compute(same).sum().backward();
    const out = compute(x);
    out.value.mulInPlace(-2);
    out.sum().backward();
    expect(x.grad!.toArray()).toEqual(same.grad!.toArray());
  });

  it.each<[string, nn.BatchNorm2d, ...nn.Module[]]>([
    ['batchnorm', frozen(new nn.BatchNorm2d(3, { dtype }))],
    ['batchnorm, relu', frozen(new nn.BatchNorm2d(3, { dtype })), new nn.ReLU()],
  ])('through running averages throws where they were changed: %s', (_, norm, ...rest) => {
    const x = pictures();
    const out = nn.sequential(norm, ...rest).eval().forward(x);
    norm.runningVar!.mulInPlace(2);
    expect(() => out.sum().backward()).toThrow(/changed in place/);
  });

  it('of batchNorm as a function, whose averages another pass renews', () => {
    const [gamma, beta] = [nn.parameter(drawn(3)), nn.parameter(drawn(3))];
    const averages = { runningMean: tensor([0, 0, 0], null, dtype), runningVar: tensor([1, 1, 1], null, dtype) };
    const out = nn.batchNorm(pictures(), gamma, beta, averages);
    nn.batchNorm(pictures(), gamma, beta, { ...averages, training: true }).sum().backward();
    expect(() => out.sum().backward()).toThrow(/changed in place/);
  });

  it('of a function of the user throws where a tensor that it keeps was changed', () => {
    for (const listed of [false, true]) {
      const sigmoid = nn.customFunction<unknown>({
        forward(x) {
          const out = x.sigmoid();
          return [out, listed ? [out] : out];
        },
        backward: (dout) => dout,
      });
      const out = sigmoid(rows());
      out.value.addInPlace(1);
      expect(() => out.sum().backward()).toThrow(/changed in place/);
    }
  });

  it('throws where a tensor of indices was changed', () => {
    const indices = tensor([0, 0, 1, 2], null, 'int32');
    for (const compute of [(x: Variable) => nn.take(x, indices), (x: Variable) => nn.pick(x, indices)]) {
      const x = rows();
      const out = compute(x);
      indices.set(1, 0);
      expect(() => out.sum().backward()).toThrow(/changed in place/);
      expect(x.grad).toBeNull();
    }
  });

  it.each<[string, list: unknown[], change: unknown[], compute: (x: Variable, list: never) => Variable]>([
    ['take', [0, 0, 1], [1, 2, 2], (x, list: number[]) => nn.take(x, list)],
    ['pick', [0, 0, 1, 2], [1, 2, 2, 0], (x, list: number[]) => nn.pick(x, list)],
    ['insert', [0, 1], [1, 2], (x, list: number[]) => nn.insert(x, list, 0)],
    ['slice', [0, 2], [2, 4], (x, list: number[]) => x.slice(list)],
    ['sum', [0], [1], (x, list: number[]) => x.sum(list).square()],
    ['mean', [0], [1], (x, list: number[]) => x.mean(list).square()],
    ['max', [0], [1], (x, list: number[]) => x.max(list)],
    ['transpose', [1, 0], [0, 1], (x, list: number[]) => x.transpose(list).square()],
    ['moveaxis', [0], [1], (x, list: number[]) => x.moveaxis(list, [1]).square()],
    ['flip', [0], [1], (x, list: number[]) => x.flip(list).mul(drawn(4, 3))],
    ['slidingWindowView', [2, 2], [1, 1], (x, list: number[]) => nn.slidingWindowView(x, list).square()],
    ['pad', [[1, 0], [0, 2]], [[0, 1], [2, 0]], (x, list: [number, number][]) => x.pad(list).mul(drawn(5, 5))],
    ['ranges', [[0, 2], 1], [[2, 4], 0], (x, list: Range[]) => x.slice(...list)],
  ])('keeps no list of the caller: %s', (_, list, change, compute) => {
    const [x, same] = [rows(), rows()];
    const given = structuredClone(list);
    compute(same, list as never).sum().backward();
    const out = compute(x, given as never).sum();
    given.forEach((part, i) => {
      if (Array.isArray(part)) part.splice(0, part.length, ...change[i] as number[]);
    });
    given.splice(0, given.length, ...change);
    out.backward();
    expect(x.grad!.toArray()).toEqual(same.grad!.toArray());
  });
});
