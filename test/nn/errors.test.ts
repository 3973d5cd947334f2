/** What a model refuses, it refuses with an error that names the layer by its path. */

import { describe, expect, it } from 'vitest';
import { Rng, type Tensor, zeros } from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';
import { Solver } from '../../src/train/index.ts';

function random(shape: number[], dtype: 'float32' | 'float64' = 'float32'): nn.Variable {
  return nn.variable(new Rng(1).normal(0, 1, shape).astype(dtype));
}

class Block extends nn.Module {
  conv1: nn.Module;
  norm: nn.Module = new nn.BatchNorm2d(16);

  constructor(conv1: nn.Module = new nn.Conv2d(3, 8, 3)) {
    super();
    this.conv1 = conv1;
  }

  forward(x: nn.Variable): nn.Variable { return this.norm.forward(this.conv1.forward(x)); }
}

class Net extends nn.Module {
  block2: Block = new Block();
  heads: { left: nn.Linear } = { left: new nn.Linear(4, 2, { dtype: 'float64' }) };
  forward(x: nn.Variable): nn.Variable { return x.ndim === 2 ? this.heads.left.forward(x) : this.block2.forward(x); }
}

describe('the path of a layer', () => {
  it.each<[string, RegExp, () => unknown]>([
    ['another number of axes', /^block2\.conv1: Conv2d: x must have 4 axes, got 3/, () => new Net().forward(random([3, 8, 8]))],
    ['other channels', /^block2\.conv1: Conv2d: w has 3 input channels, x has 4/, () => new Net().forward(random([1, 4, 8, 8]))],
    ['a norm for other channels', /^block2\.norm: BatchNorm2d: gamma must have shape 8, got 16/, () => new Net().forward(random([1, 3, 8, 8]))],
    ['another float type', /^heads\.left: Linear: x must be float64.*got float32/, () => new Net().forward(random([1, 4]))],
    ['no variable', /^Net: input 0 must be a Variable or a Tensor, got an array of 1/,
      () => new Net().forward([1] as unknown as nn.Variable)],
    ['a layer inside a stretch that is computed as one', /^1: BatchNorm2d: gamma/,
      () => nn.sequential(new nn.Conv2d(3, 8, 3), new nn.BatchNorm2d(16), new nn.ReLU()).forward(random([1, 3, 8, 8]))],
    ['a groupnorm for other channels', /^1: GroupNorm: gamma must have shape 6 or 1x6x1x1, got 4/,
      () => nn.sequential(new nn.ReLU(), new nn.GroupNorm(2, 4)).forward(random([1, 6, 2, 2]))],
    ['a pooling behind others that are computed with it', /^2: MaxPool2d: the window of 9x9/,
      () => nn.sequential(new nn.Conv2d(3, 8, 3), new nn.ReLU(), new nn.MaxPool2d(9)).forward(random([1, 3, 8, 8]))],
    ['a single number', /^Flatten: x must have at least 1 axes, got 0/, () => new nn.Flatten().forward(random([]))],
    ['a parameter that was taken away', /^0: Linear: its parameter W of shape 3x2 must be a Variable, got null/, () => {
      const linear = Object.assign(new nn.Linear(3, 2), { weight: null });
      return nn.sequential(linear).forward(random([4, 3]));
    }],
    ['an input given twice', /^model: inputs must be different symbols, got one of shape 4 twice/, () => {
      const x = nn.input([4]);
      return nn.model([x, x], new nn.Linear(4, 2).apply(x));
    }],
    ['a layer in thirty chains', /^(0\.){10}\.\.\.(\.0){10}: Linear: x must have 3 features/, () => {
      let net: nn.Module = new nn.Linear(3, 2);
      for (let depth = 0; depth < 30; depth++) net = nn.sequential(net);
      return net.forward(random([1, 4]));
    }],
    ['a sum of nothing', /^Add: at least one input must be given, got none/, () => new nn.Add().forward()],
    ['a sum of two shapes', /^Add: its inputs must have one shape, got 2x3 and 1x3/,
      () => new nn.Add().forward(random([2, 3]), random([1, 3]))],
    ['a row of nothing', /^Concatenate: at least one input must be given/, () => new nn.Concatenate().forward()],
    ['a row of two heights', /^Concatenate: its inputs must have one shape but for axis 1, got 2x3 and 1x3/,
      () => new nn.Concatenate(-1).forward(random([2, 3]), random([1, 3]))],
    ['a row along a missing axis', /^Concatenate: axis 2 is out of bounds for a tensor of 2 axes/,
      () => new nn.Concatenate(2).forward(random([2, 3]), random([2, 3]))],
    ['branches of two outputs', /^0: Concat: branches must be Variables, got an array of 2/,
      () => nn.sequential(new nn.Concat(new nn.ReLU(), twoOutputs())).forward(random([2, 4]))],
    ['a skip past two outputs', /^Residual: body and shortcut must be Variables, got an array of 2/,
      () => new nn.Residual(twoOutputs()).forward(random([2, 4]))],
    ['a skip past what changes the shape', /^0: Residual: body and shortcut must have one shape, got 2x1 and 2x4/,
      () => nn.sequential(new nn.Residual(new nn.Linear(4, 1))).forward(random([2, 4]))],
    ['a module that gives nothing', /^0: Forgetful: forward returned nothing/, () => {
      class Forgetful extends nn.Module {
        override forward(x: nn.Variable): nn.Variable { return x.ndim > 9 ? x : undefined as unknown as nn.Variable; }
      }
      return nn.sequential(new Forgetful(), new nn.ReLU()).forward(random([2, 4]));
    }],
    ['an evaluation of nothing', /^Sequential.evaluate: x must hold at least one example/,
      () => nn.sequential(new nn.Linear(4, 2)).compile().evaluate(zeros([0, 4], 'float32'), [])],
    ['a window larger than the image', /^2\.body\.0: Conv2d: .*5/,
      () => nn.sequential(
        new nn.Conv2d(3, 4, 3), new nn.ReLU(), new nn.Residual(nn.sequential(new nn.Conv2d(4, 4, 5), new nn.ReLU())),
      ).forward(random([1, 3, 5, 5]))],
    ['branches that do not meet', /^0: Concat: branches must have one shape but for axis 1, got 1x3x4x4 and 1x3x2x2/,
      () => nn.sequential(new nn.Concat(new nn.ReLU(), new nn.MaxPool2d(2))).forward(random([1, 3, 4, 4]))],
    ['a shape in a graph', /^Linear: x must have 5 features/, () => new nn.Linear(5, 2).apply(nn.input([4]))],
    ['a shape in a summary', /^0: Linear: x must have 5 features/, () => nn.sequential(new nn.Linear(5, 2)).summary([4])],
  ])('%s', (_, message, call) => {
    expect(call).toThrow(message);
    expect(call).toThrow(/^[^:]+: (?!Cannot)/);
  });
});

function twoOutputs(): nn.Module {
  const x = nn.input([4]);
  return nn.model(x, [new nn.ReLU().apply(x), new nn.Tanh().apply(x)]);
}

it('computes a chain for more axes as its layers one by one do', () => {
  const layers = [new nn.Linear(6, 5), new nn.ReLU()];
  const x = random([2, 3, 6]);
  expect(nn.sequential(...layers).forward(x).toArray()).toEqual(layers[1].forward(layers[0].forward(x)).toArray());
  expect(() => nn.sequential(...layers).forward(random([2, 2, 3]))).toThrow(/^0: Linear: x must have 6 features/);
});

describe('training', () => {
  const x = new Rng(2).normal(0, 1, [4, 3]);
  const y = [0, 1, 2, 0];

  it('refuses what comes before its time', async () => {
    const net = nn.sequential(new nn.Linear(3, 3));
    await expect(net.fit(x, y)).rejects.toThrow(/^Sequential\.fit: call compile/);
    expect(() => net.evaluate(x, y)).toThrow(TypeError);
    expect(() => net.forward(nn.variable(x)).detach().backward(x)).toThrow(/^backward: nothing was recorded/);
    expect(() => nn.noGrad(() => net.forward(nn.variable(x)).sum()).backward()).toThrow(TypeError);
  });

  it.each<[string, RegExp, Tensor, number[]]>([
    ['labels out of range', /^crossEntropy: y\[.\] must be an integer from 0 to 2, got 3/, x, [0, 1, 2, 3]],
    ['negative labels', /^Sequential\.fit: y\[1\] must be an integer/, x, [0, -1, 2, 0]],
    ['too few labels', /^Sequential\.fit: y must have a target for each of 4 examples, got 2/, x, [0, 1]],
    ['other features', /^0: Linear: x must have 3 features/, zeros([4, 2], 'float32'), y],
  ])('refuses %s', async (_, message, inputs, labels) => {
    await expect(nn.sequential(new nn.Linear(3, 3)).compile().fit(inputs, labels)).rejects.toThrow(message);
  });

  it('takes inputs of another type than the parameters, as the networks of the course do', async () => {
    const fitted = async (inputs: Tensor): Promise<readonly number[]> => {
      const net = nn.sequential(new nn.Linear(3, 3, { rng: new Rng(0) })).compile();
      const { lossHistory } = await net.fit(inputs, y, { shuffle: false });
      return [...lossHistory, net.evaluate(inputs, y).loss, ...net.predict(inputs).toArray() as number[]];
    };
    expect(await fitted(x.astype('float64'))).toEqual(await fitted(x));
  });

  it('names a parameter that it does not find', async () => {
    class Half extends nn.Trainable {
      seen: nn.Linear = new nn.Linear(3, 3);
      #hidden: nn.Linear = new nn.Linear(3, 3);
      get hidden(): nn.Linear { return this.#hidden; }
      forward(input: nn.Variable): nn.Variable { return this.#hidden.forward(this.seen.forward(input)); }
    }
    const half = new Half();
    await expect(half.compile().fit(x, y)).rejects.toThrow(/^Half\.fit: a parameter of shape 3x3 that Linear uses/);
    const all = new nn.SGD([...half.parameters(), ...half.hidden.parameters()]);
    await expect(half.compile({ optimizer: all }).fit(x, y)).resolves.toMatchObject({ epochs: 1 });
  });
});

describe('a network of which nothing learns', () => {
  const net = (): nn.Sequential => nn.sequential(new nn.Flatten(), new nn.Linear(4, 2));
  const x = zeros([4, 4], 'float32');
  const y = [0, 1, 0, 1];
  const data = { XTrain: x, yTrain: y, XVal: x, yVal: y };
  const later = 'the loss depends on no parameter that learns; freeze(false) lets frozen ones learn';

  it('is refused by compile, and by fit where it was frozen since', async () => {
    const learns = 'Sequential.compile: the network must have a parameter that learns, ';
    expect(() => net().freeze().compile())
      .toThrow(new RangeError(`${learns}all 2 are frozen; freeze(false) lets them learn`));
    expect(() => nn.sequential(new nn.ReLU()).compile()).toThrow(new RangeError(`${learns}it has none`));
    await expect(net().compile().freeze().fit(x, y)).rejects.toThrow(new TypeError(`Sequential.fit: ${later}`));
  });

  it('is measured by Solver, but not trained', async () => {
    const model = 'model must have a parameter that learns, all';
    const frozen = net().freeze();
    const solver = new Solver(frozen, data, { verbose: false });
    expect(solver.checkAccuracy(x, y)).toBe(0.5);
    const message = `${model} 2 are frozen; freeze(false) lets a module learn`;
    expect(() => solver.step()).toThrow(new TypeError(`Solver: ${message}`));
    await expect(solver.train()).rejects.toThrow(new TypeError(`Solver: ${message}`));
    frozen.freeze(false);
    expect(solver.step()).toBeGreaterThan(0);
    const loss = (X: Tensor): Tensor => zeros([X.shape[0], 2]);
    const own = { params: { W: zeros([4, 2]) }, frozen: new Set(['W']), loss };
    expect(() => new Solver(own as never, data).step()).toThrow(`${model} 1 are frozen`);
  });
});
