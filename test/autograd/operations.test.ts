/** The gradients of every operation against numeric ones, on every backend, and what the tape promises. */

import { describe, expect, it } from 'vitest';
import { info, RandomState, tensor, type Tensor } from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';
import type { Variable } from '../../src/nn/index.ts';
import { evalNumericalGradientArray } from '../../src/train/index.ts';
import { describeOnEveryBackend } from '../support/backends.ts';
import { largest } from '../support/errors.ts';

const rng = new RandomState(0);
const normal = (...shape: number[]): Tensor => rng.randn(...shape);
const positive = (...shape: number[]): Tensor => normal(...shape).abs().add(0.1);

type Case = readonly [inputs: Tensor[], compute: (...values: Variable[]) => Variable];

const condition = tensor([[1, 0, 1, 0]], null, 'uint8');
const unary = [
  'neg', 'exp', 'expm1', 'square', 'abs', 'sin', 'cos', 'relu', 'leakyRelu', 'elu', 'gelu', 'silu', 'sigmoid', 'tanh',
] as const;
const unaryOfPositive = ['log', 'log1p', 'sqrt'] as const;

const cases: Readonly<Record<string, Case>> = {
  ...Object.fromEntries(unary.map((name): [string, Case] => [name, [[normal(3, 4)], (a) => a[name]()]])),
  ...Object.fromEntries(unaryOfPositive.map((name): [string, Case] => [name, [[positive(3, 4)], (a) => a[name]()]])),
  add: [[normal(3, 4), normal(4)], (a, b) => a.add(b)],
  sub: [[normal(3, 1), normal(2, 1, 4)], (a, b) => a.sub(b)],
  mul: [[normal(3, 1), normal(2, 1, 4)], (a, b) => a.mul(b).mul(0.1)],
  div: [[normal(3, 1), positive(2, 1, 4)], (a, b) => a.div(b)],
  pow: [[positive(3, 4), normal(4)], (a, b) => a.pow(b)],
  maximum: [[normal(3, 4), normal(4)], (a, b) => a.maximum(b).mul(a)],
  minimum: [[normal(3, 4), normal(4)], (a, b) => a.minimum(b).mul(a)],
  clip: [[normal(3, 4)], (a) => a.clip(-0.5, 0.5)],
  where: [[normal(3, 4), normal(4)], (a, b) => nn.where(condition, a, b)],
  matmul: [[normal(3, 4), normal(4, 2)], (a, b) => a.matmul(b)],
  'matmul of a batch': [[normal(5, 3, 4), normal(4, 2)], (a, b) => a.matmul(b)],
  'matmul of a vector': [[normal(4), normal(2, 4, 3)], (a, b) => a.matmul(b)],
  sum: [[normal(3, 4, 2)], (a) => a.sum([0, 2])],
  mean: [[normal(3, 4, 2)], (a) => a.mean(1, true).mul(a)],
  var: [[normal(3, 4, 2)], (a) => a.var([1, 2], false, 1)],
  'prod with zeros': [[tensor([[1, 0, 3], [0, 0, 2], [1, 2, 3.5]], null, 'float64')], (a) => a.prod(1)],
  max: [[normal(3, 4, 2)], (a) => a.max(1)],
  min: [[normal(3, 4, 2)], (a) => a.min([0, 2])],
  shapes: [[normal(3, 4, 2)], (a) => a.reshape(4, 6).transpose().slice([1, 5], null).pad(1).flatten()],
  'transpose of three axes': [[normal(3, 4, 2)], (a) => a.transpose(2, 0, 1).mul(a.transpose(2, 0, 1))],
  flip: [[normal(3, 4)], (a) => a.flip(1).mul(a)],
  take: [[normal(3, 4, 2)], (a) => nn.take(a, [0, 1, 1, 3], -2)],
  concat: [[normal(3, 2), normal(3, 4)], (a, b) => nn.concat([a, b, a], -1)],
  stack: [[normal(3, 2), normal(3, 2)], (a, b) => nn.stack([a, b], 1)],
  std: [[normal(3, 4)], (a) => a.std(1)],
  softmax: [[normal(3, 4)], (a) => a.softmax(0).mul(a)],
  logSoftmax: [[normal(3, 4)], (a) => a.logSoftmax().mul(a)],
  prelu: [[normal(3, 4, 2), normal(4)], (a, b) => a.prelu(b)],
  'prelu of one slope': [[normal(3, 4), normal(1)], (a, b) => a.prelu(b)],
  'expandDims and squeeze': [[normal(3, 1, 2)], (a) => a.expandDims(-1).squeeze(1).mul(a)],
  'swapaxes and moveaxis': [[normal(3, 4, 2)], (a) => a.swapaxes(0, 2).moveaxis(0, -1).mul(2).rot90(1, [1, 2])],
  slidingWindowView: [[normal(5, 6)], (a) => nn.slidingWindowView(a, [2, 3]).square()],
  pick: [[normal(3, 4)], (a) => nn.pick(a, [1, 1, 3])],
  insert: [[normal(3, 4), normal(3, 2)], (a, b) => nn.insert(a, [1, 1], b, 1)],
  'insert of one value': [[normal(3, 4), normal(1).reshape([])], (a, b) => nn.insert(a, 2, b, 1)],
  'einsum, a product': [[normal(3, 4), normal(4, 2)], (a, b) => nn.einsum('ij,jk->ki', a, b)],
  'einsum of three, a label summed alone': [
    [normal(3, 4), normal(4, 2), normal(2, 5)], (a, b, c) => nn.einsum('ij,jk,kl->i', a, b, c),
  ],
  'einsum, a diagonal': [[normal(3, 3), normal(3)], (a, b) => nn.einsum('ii,i->i', a, b)],
  'einsum, a trace': [[normal(3, 3)], (a) => nn.einsum('ii', a).mul(a)],
  'einsum that stretches': [[normal(1, 4), normal(3, 4)], (a, b) => nn.einsum('ij,ij->ij', a, b)],
  tensordot: [[normal(3, 4, 2), normal(4, 2, 5)], (a, b) => nn.tensordot(a, b)],
  'tensordot over pairs': [[normal(3, 4, 2), normal(2, 5, 3)], (a, b) => nn.tensordot(a, b, [[0, 2], [2, 0]])],
  broadcastTo: [[normal(3, 1)], (a) => a.broadcastTo(2, 3, 4)],
  'a value used many times': [[normal(3)], (a) => {
    const b = a.mul(a);
    return b.add(b).add(b).mul(b).add(a);
  }],
};

describeOnEveryBackend('operations', () => {
  it.each(Object.entries(cases))('%s', (_, [inputs, compute]) => {
    const leaves = inputs.map((t) => nn.variable(t, { requiresGrad: true }));
    const out = compute(...leaves);
    const dout = new RandomState(1).randn(...out.shape);
    out.backward(dout);
    inputs.forEach((input, i) => {
      const along = (x: Tensor): Tensor => compute(...inputs.map((t, j) => nn.variable(i === j ? x : t))).value;
      const numeric = evalNumericalGradientArray(along, input, dout);
      const error = largest(numeric.sub(leaves[i].grad!).data) / Math.max(1, largest(numeric.data));
      expect(error).toBeLessThan(1e-7);
    });
  });
});

describe('the tape', () => {
  const vector = (...values: number[]): Tensor => tensor(values, null, 'float64');

  it('adds up gradients over several backward calls, and forgets them when told', () => {
    const w = nn.parameter(vector(1, 2, 3));
    w.mul(2).sum().backward();
    w.mul(3).sum().backward();
    expect(w.grad!.toArray()).toEqual([5, 5, 5]);
    w.zeroGrad();
    expect(w.grad).toBeNull();
  });

  it('refuses to go back twice unless it was kept', () => {
    const w = nn.parameter(vector(1, 2));
    const loss = w.mul(w).sum();
    loss.backward(undefined, { retainGraph: true });
    loss.backward();
    expect(w.grad!.toArray()).toEqual([4, 8]);
    expect(() => loss.backward()).toThrow(/gone back through already/);
    expect(w.grad!.toArray()).toEqual([4, 8]);
  });

  it('refuses a value that was changed in place after it was saved', () => {
    const w = nn.parameter(vector(1, 2));
    const loss = w.mul(w).sum();
    nn.noGrad(() => w.assign(5));
    expect(() => loss.backward()).toThrow(/changed in place/);
    expect(w.grad).toBeNull();
  });

  it('needs dout for more than one element, and something recorded', () => {
    const w = nn.parameter(vector(1, 2));
    expect(() => w.mul(2).backward()).toThrow(/^backward: dout must be given/);
    expect(() => nn.variable([1]).sum().backward()).toThrow(/nothing was recorded/);
    expect(() => nn.noGrad(() => w.sum()).backward()).toThrow(/nothing was recorded/);
    expect(() => nn.noGrad((() => Promise.resolve(1)) as never)).toThrow(/async/);
  });

  it('leaves frozen parameters and detached values alone', () => {
    const [w, v] = [nn.parameter(vector(1, 2)), nn.parameter(vector(3, 4))];
    v.requiresGrad = false;
    w.mul(v).add(w.detach()).sum().backward();
    expect([w.grad!.toArray(), v.grad]).toEqual([[3, 4], null]);
  });

  it('goes through functions of the user', () => {
    const cube = nn.customFunction<Tensor>({
      forward: (x) => [x.mul(x).mul(x), x], backward: (dout, x) => dout.mul(x.square()).mul(3),
    });
    const w = nn.parameter(vector(1, 2));
    cube(w).sum().backward();
    expect(w.grad!.toArray()).toEqual([3, 12]);
    const wrong = nn.customFunction({ forward: (x: Tensor) => [x, null] as const, backward: () => vector(1) });
    expect(() => wrong(w).sum().backward()).toThrow(/customFunction/);
  });
});

/** Whether graphs borrow memory here: ordinary arrays, on a machine without the SIMD backend, are never taken back. */
const lends = info().backend === 'simd';

describe.runIf(lends)('the memory of a graph', () => {
  const large = (seed: number): Tensor => new RandomState(seed).randn(64, 1024).astype('float32');

  it('is given back by the way back, and what lies in it refuses to be read', () => {
    const x = nn.parameter(large(2));
    const hidden = x.mul(2);
    const copy = hidden.value.clone();
    hidden.square().sum().backward();
    expect(() => hidden.value.data).toThrow(/clone\(\)/);
    expect(copy.get(3, 5)).toBe(2 * x.value.get(3, 5));
    expect(x.grad!.get(3, 5)).toBe(8 * x.value.get(3, 5));
  });

  it('stays where the graph is kept, and is not shared by two graphs', () => {
    const [x, z] = [nn.parameter(large(3)), nn.parameter(large(4))];
    const [a, b] = [x.mul(2), z.mul(4)];
    const [first, second] = [a.square().sum(), b.square().sum()];
    first.backward(undefined, { retainGraph: true });
    expect(a.value.get(1, 1)).toBe(2 * x.value.get(1, 1));
    x.zeroGrad();
    first.backward();
    second.backward();
    expect(x.grad!.get(7, 7)).toBe(8 * x.value.get(7, 7));
    expect(z.grad!.get(7, 7)).toBe(32 * z.value.get(7, 7));
  });

  it('leaves small results readable over many steps', () => {
    const w = nn.parameter(large(5));
    let total = nn.variable(0);
    const each: nn.Variable[] = [];
    for (let step = 0; step < 20; step++) {
      const loss = w.mul(step).sum();
      loss.backward();
      w.zeroGrad();
      each.push(loss);
      total = total.add(loss.detach());
    }
    const one = each[1].item();
    each.forEach((loss, step) => expect(loss.item()).toBeCloseTo(step * one, 1));
    expect(total.item()).toBeCloseTo(190 * one, 0);
  });
});
