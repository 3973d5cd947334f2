/**
 * Every operation on variables: its value and gradients against PyTorch (test/fixtures/make-operations.py) and against
 * numeric gradients, on every backend; and what the tape promises.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as tilegrad from '../../src/index.ts';
import { info, ones, RandomState, tensor, Tensor, zeros } from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';
import type { Variable } from '../../src/nn/index.ts';
import { evalNumericalGradientArray } from '../../src/train/index.ts';
import { describeOnEveryBackend } from '../support/backends.ts';
import { largest } from '../support/errors.ts';
import { stored, type StoredTensor } from '../support/reference.ts';

interface Case {
  readonly inputs: readonly StoredTensor[];
  readonly out: StoredTensor;
  readonly dout: StoredTensor;
  readonly gradients: readonly StoredTensor[];
}

const cases = JSON.parse(
  readFileSync(new URL('../fixtures/operations.json', import.meta.url), 'utf8'),
) as Readonly<Record<string, Case>>;

type Compute = (...inputs: Variable[]) => Variable;

const condition = tensor([[1, 0, 1, 0]], null, 'uint8');
const y = [2, 0, 1];
const soft = tensor([[0.5, 0.25, 0.25, 0], [0, 0, 1, 0], [0.1, 0.2, 0.3, 0.4]], null, 'float64');
const averages = (): nn.BatchNormFunctionOptions => ({
  runningMean: tensor([0.1, 0.2, 0.3], null, 'float64'), runningVar: tensor([1, 2, 0.5], null, 'float64'),
});

/** By the names of the fixtures, which begin with the operation's. */
const rows: Readonly<Record<string, Compute>> = {
  ...Object.fromEntries(([
    'neg', 'exp', 'expm1', 'square', 'abs', 'sin', 'cos', 'sigmoid', 'tanh', 'relu', 'sign', 'floor', 'ceil', 'round',
    'log', 'log1p', 'sqrt', 'gelu', 'silu', 'softmax', 'logSoftmax', 'flatten',
  ] as const).map((name): [string, Compute] => [name, (a) => a[name]()])),
  ...Object.fromEntries(([
    'add', 'sub', 'mul', 'div', 'mod', 'pow', 'maximum', 'minimum', 'matmul', 'prelu',
  ] as const).map((name): [string, Compute] => [name, (a, b) => a[name](b)])),
  leakyRelu: (a) => a.leakyRelu(0.1),
  elu: (a) => a.elu(0.7),
  'prelu of one slope': (a, b) => a.prelu(b),
  'softmax of another axis': (a) => a.softmax(1),
  clip: (a) => a.clip(-0.5, 0.5),
  where: (a, b) => nn.where(condition, a, b),
  'matmul of a batch': (a, b) => a.matmul(b),
  'matmul of a vector': (a, b) => a.matmul(b),
  'matmul of two vectors': (a, b) => a.matmul(b),
  dot: (a, b) => nn.dot(a, b),
  'dot of more axes': (a, b) => nn.dot(a, b),
  'dot with a scalar': (a, b) => nn.dot(a, b),
  outer: (a, b) => nn.outer(a, b),
  trace: (a) => nn.trace(a),
  tensordot: (a, b) => nn.tensordot(a, b),
  'tensordot over pairs': (a, b) => nn.tensordot(a, b, [[0, 2], [2, 0]]),
  einsum: (a, b) => nn.einsum('ij,jk->ki', a, b),
  'einsum of three, a label summed alone': (a, b, c) => nn.einsum('ij,jk,kl->i', a, b, c),
  'einsum of a diagonal': (a, b) => nn.einsum('ii,i->i', a, b),
  'einsum of a trace': (a) => nn.einsum('ii', a),
  'einsum that stretches': (a, b) => nn.einsum('ij,ij->ij', a, b),
  'einsum with further axes': (a, b) => nn.einsum('...ij,...jk->...ik', a, b),
  'einsum with further axes, no arrow': (a, b) => nn.einsum('...j,j', a, b),
  sum: (a) => a.sum([0, 2]),
  mean: (a) => a.mean(1, true),
  var: (a) => a.var([1, 2], false, 1),
  std: (a) => a.std(1),
  'prod with zeros': (a) => a.prod(1),
  max: (a) => a.max(1),
  min: (a) => a.min([0, 2]),
  reshape: (a) => a.reshape(4, 6),
  transpose: (a) => a.transpose(2, 0, 1),
  swapaxes: (a) => a.swapaxes(0, 2),
  moveaxis: (a) => a.moveaxis([0, 1], [2, 0]),
  expandDims: (a) => a.expandDims(-1),
  squeeze: (a) => a.squeeze(1),
  broadcastTo: (a) => a.broadcastTo(2, 3, 4),
  flip: (a) => a.flip(1),
  rot90: (a) => a.rot90(3, [1, 2]),
  slice: (a) => a.slice([1, 5, 2], 3),
  pad: (a) => a.pad([[1, 0], [0, 2]], 0.5),
  take: (a) => nn.take(a, [0, 1, 1, 3], -2),
  pick: (a) => nn.pick(a, [1, 1, 3]),
  insert: (a, b) => nn.insert(a, [1, 1], b, 1),
  sort: (a) => nn.sort(a, 1),
  slidingWindowView: (a) => nn.slidingWindowView(a, [2, 3]),
  concat: (a, b) => nn.concat([a, b, a], -1),
  stack: (a, b) => nn.stack([a, b], 1),
  linear: (x, w, b) => nn.linear(x, w, b),
  conv2d: (x, w, b) => nn.conv2d(x, w, b, { stride: [2, 1], padding: [1, 0], dilation: [1, 2], groups: 2 }),
  maxPool2d: (x) => nn.maxPool2d(x, [3, 2], { stride: [2, 1], padding: [1, 0] }),
  avgPool2d: (x) => nn.avgPool2d(x, 3, { stride: 2, padding: 1, countIncludePad: false }),
  adaptiveAvgPool2d: (x) => nn.adaptiveAvgPool2d(x, [2, 3]),
  batchNorm: (x, gamma, beta) => nn.batchNorm(x, gamma, beta),
  'batchNorm by given averages': (x, gamma, beta) => nn.batchNorm(x, gamma, beta, averages()),
  layerNorm: (x, gamma, beta) => nn.layerNorm(x, gamma, beta),
  groupNorm: (x, gamma, beta) => nn.groupNorm(x, 2, gamma, beta),
  maxout: (x) => nn.maxout(x, 3),
  crossEntropy: (a) => nn.crossEntropy(a, y),
  'crossEntropy with distributions': (a) => nn.crossEntropy(a, soft, { labelSmoothing: 0.1 }),
  categoricalCrossEntropy: (a) => nn.categoricalCrossEntropy(a, y),
  'categoricalCrossEntropy with distributions': (a) => nn.categoricalCrossEntropy(a, soft),
  hingeLoss: (a) => nn.hingeLoss(a, y),
  mse: (a, b) => nn.mse(a, b),
  'maximum of equals': (a, b) => a.maximum(b),
  'minimum of equals': (a, b) => a.minimum(b),
  'max of equals': (a) => a.max(1),
  'min of equals': (a) => a.min(1),
  'abs of zero': (a) => a.abs(),
  'clip at its ends': (a) => a.clip(1, 3),
};

/** Where a kink or a jump lies in the inputs, so that differences say nothing of the gradient. */
const atKinks = /of equals|of zero|at its ends/;

function distance(actual: Tensor, expected: Tensor): number {
  expect(actual.shape).toEqual(expected.shape);
  return largest(actual.sub(expected).data) / Math.max(1, largest(expected.data));
}

describeOnEveryBackend('operations', () => {
  it.each(Object.entries(rows))('%s', (name, compute) => {
    const { inputs, out: expected, dout: upstream, gradients } = cases[name];
    const leaves = inputs.map((input) => nn.variable(stored(input), { requiresGrad: true }));
    const out = compute(...leaves);
    expect(distance(out.value, stored(expected))).toBeLessThan(1e-12);
    const dout = stored(upstream);
    out.backward(dout);
    inputs.forEach((input, i) => {
      expect(distance(leaves[i].grad!, stored(gradients[i]))).toBeLessThan(1e-11);
      if (atKinks.test(name)) return;
      const along = (x: Tensor): Tensor =>
        compute(...inputs.map((each, j) => nn.variable(i === j ? x : stored(each)))).value;
      expect(distance(leaves[i].grad!, evalNumericalGradientArray(along, stored(input), dout))).toBeLessThan(1e-7);
    });
  });

  // whose gradient is added to that of another use, or the other way round
  it.each(Object.entries(rows))('%s of values that are used elsewhere, too', (name, compute) => {
    const { inputs, dout, gradients } = cases[name];
    for (const first of [false, true]) {
      const leaves = inputs.map((input) => nn.variable(stored(input), { requiresGrad: true }));
      const hidden = leaves.map((leaf) => leaf.mul(1));
      const operation = (): Variable[] => [compute(...hidden).mul(stored(dout)).sum()];
      const squares = (): Variable[] => hidden.map((each) => each.square().sum());
      const terms = first ? [...operation(), ...squares()] : [...squares(), ...operation()];
      terms.reduce((sum, term) => sum.add(term)).backward();
      leaves.forEach(({ grad, value }, i) => {
        expect(distance(grad!, stored(gradients[i]).add(value.mul(2)))).toBeLessThan(1e-11);
      });
    }
  });

  it('sizes and axes as numbers or as one array', () => {
    const a = nn.variable(new RandomState(0).randn(1, 3, 4), { requiresGrad: true });
    const computed: ReadonlyArray<readonly [one: Variable, other: Variable]> = [
      [a.reshape([4, -1]), a.reshape(4, -1)], [a.transpose([2, 0, 1]), a.transpose(2, 0, 1)],
      [a.broadcastTo([2, 3, 4]), a.broadcastTo(2, 3, 4)], [a.reshape(1, 12), a.flatten(1)],
    ];
    for (const [one, other] of computed) {
      expect(one.shape).toEqual(other.shape);
      expect(one.toArray()).toEqual(other.toArray());
      a.zeroGrad();
      one.sum().backward();
      const gradient = a.grad!.clone();
      a.zeroGrad();
      other.sum().backward();
      expect(gradient.toArray()).toEqual(a.grad!.toArray());
    }
  });

  it('the gradient of mod counts how often the divisor fits, as the remainder does', () => {
    const a = nn.variable(tensor([1, -1, 0.3, 7, -7, 7, 1, -1, 0, 5], null, 'float64'), { requiresGrad: true });
    const divisors = [0.1, 0.1, 0.1, 2, 2, -2, Infinity, Infinity, 3, 0];
    const b = nn.variable(tensor(divisors, null, 'float64'), { requiresGrad: true });
    a.mod(b).sum().backward();
    expect(Array.from(b.grad!.data, (x) => x + 0)).toEqual([-9, 10, -2, -3, 4, 4, 0, 1, 0, -Infinity]); // PyTorch's
  });

  it.each([[0, 3], [2, 0], [0, 0]])('no elements give a gradient of none: %i x %i', (...shape) => {
    const computed: Readonly<Record<string, Compute>> = {
      'sort by rows': (x) => nn.sort(x, 0),
      'sort by columns': (x) => nn.sort(x, 1),
      logSoftmax: (x) => x.logSoftmax(1),
      softmax: (x) => x.softmax(1),
      'einsum, a label alone': (x) => nn.einsum('ij->j', x),
      'einsum, all labels alone': (x) => nn.einsum('ij,kl->', x, x),
    };
    for (const [name, compute] of Object.entries(computed)) {
      const x = nn.variable(zeros(shape, 'float64'), { requiresGrad: true });
      const out = compute(x);
      out.backward(ones([...out.shape], 'float64'));
      expect(x.grad!.shape, name).toEqual(shape);
    }
  });

  it('flatten leaves the axes before the one it begins at as they are', () => {
    const x = nn.variable(new RandomState(0).randn(2, 3, 4));
    const shapes = [undefined, 0, 1, 2, -1, -2].map((axis) => x.flatten(axis).shape);
    expect(shapes).toEqual([[24], [24], [2, 12], [2, 3, 4], [2, 3, 4], [2, 12]]);
    expect(x.flatten(1).toArray()).toEqual(x.reshape(2, 12).toArray());
    expect(nn.variable(zeros([0, 3, 2])).flatten(1).shape).toEqual([0, 6]);
    expect(nn.variable(tensor(5)).flatten().shape).toEqual([1]);
    expect(() => x.flatten(3)).toThrow('flatten: axis 3 is out of bounds for a tensor of 3 axes');
    expect(() => x.flatten('C' as unknown as number)).toThrow('flatten: axis must be an integer, got "C"');
  });

  it('a value used many times, through views', () => {
    const a = nn.variable(new RandomState(0).randn(3, 4), { requiresGrad: true });
    const compute = (x: Variable): Variable => {
      const b = x.mul(x).transpose().slice([1, 3], null);
      return b.add(b).add(b.flip(1)).mul(b).sum().add(x.flatten().slice(2));
    };
    compute(a).backward();
    const along = (x: Tensor): Tensor => compute(nn.variable(x)).value;
    const numeric = evalNumericalGradientArray(along, a.value, tensor(1, [], 'float64'));
    expect(distance(a.grad!, numeric)).toBeLessThan(1e-7);
  });
});

describe('the rows', () => {
  const listed = new Set(Object.keys(rows).map((name) => name.split(' ')[0]));
  const methods = (type: { prototype: object }): string[] =>
    Object.entries(Object.getOwnPropertyDescriptors(type.prototype))
      .filter(([name, { value }]) => typeof value === 'function' && name !== 'constructor').map(([name]) => name);

  it('hold every fixture, and every operation on variables', () => {
    expect(Object.keys(rows).sort()).toEqual(Object.keys(cases).sort());
    const handling = [
      'backward', 'accumulate', 'retainGrad', 'zeroGrad', 'detach', 'assign', 'item', 'toArray', 'toString',
    ];
    expect(methods(nn.Variable).filter((name) => !listed.has(name))).toEqual(handling);
  });

  it('hold every function of tensors that has a derivative', () => {
    const without = [
      'allClose', 'equal', 'greater', 'greaterEqual', 'less', 'lessEqual', 'logicalAnd', 'logicalNot', 'logicalOr',
      'notEqual', 'isNaN', 'isFinite', 'any', 'all', 'argmax', 'argmin', 'argsort', 'argwhere',
      'eigh', // eigenvectors have no derivative where eigenvalues are equal
    ];
    const making = ['tensor', 'zeros', 'zerosLike', 'ones', 'onesLike', 'full', 'arange', 'linspace', 'logspace', 'eye', 'fromNdarray'];
    const handling = [
      'toNdarray', 'touch', 'view', 'get', 'set', 'item', 'toArray', 'step', 'clone', 'contiguous', 'astype', 'assign',
      'addInPlace', 'subInPlace', 'mulInPlace', 'divInPlace', 'toString', 'toJSON', 'position', 'configure', 'info', 'ready', 'shutdown', 'variance', // which is var
    ];
    const functions = Object.entries(tilegrad)
      .filter(([name, value]) => typeof value === 'function' && /^[a-z]/.test(name)).map(([name]) => name);
    const missing = [...functions, ...methods(Tensor)].filter((name) =>
      !listed.has(name) && ![...without, ...making, ...handling].includes(name));
    expect(missing).toEqual([]);
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

  it('adds to a gradient that was set from outside, stretched or not', () => {
    const w = nn.parameter(vector(1, 2, 3));
    for (const given of [vector(1, 1, 1), vector(1).broadcastTo(3)]) {
      w.grad = given;
      w.square().sum().backward();
      expect(w.grad.toArray()).toEqual([3, 5, 7]);
    }
    const given = vector(2).broadcastTo(3);
    w.grad = given;
    expect(nn.clipGradNorm([w], 1)).toBeCloseTo(Math.sqrt(12), 12);
    expect(w.grad.toArray()).toEqual(Array.from({ length: 3 }, () => expect.closeTo(1 / Math.sqrt(3), 12)));
    expect(given.toArray()).toEqual([2, 2, 2]);
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
