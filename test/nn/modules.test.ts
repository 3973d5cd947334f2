/** Modules: how parameters are found and named, their state, modes, and how graphs share layers. */

import { describe, expect, it } from 'vitest';
import { ones, Rng, tensor, zeros, type Tensor } from '../../src/index.ts';
import { loadModel, saveModel } from '../../src/io/index.ts';
import * as nn from '../../src/nn/index.ts';

const list = (v: nn.Variable | Tensor): number[] => Array.from(('value' in v ? v.value : v).contiguous().data);
const row = (...values: number[]): nn.Variable => nn.variable(tensor([values]).astype('float32'));

class Net extends nn.Module {
  blocks = [new nn.Linear(2, 2), { inner: new nn.BatchNorm1d(2) }] as const;
  scale = nn.parameter(ones([2]).astype('float32'));
  shared = this.blocks[0];
  count = nn.variable(tensor([1, 2], null, 'int32')); // no parameter: it can have no gradient
  _hidden = new nn.Linear(2, 2);
  forward(x: nn.Variable): nn.Variable {
    return this.blocks[1].inner.forward(this.shared.forward(x)).mul(this.scale);
  }
}

describe('Module', () => {
  it('finds parameters through arrays and records, each once, and not behind an underscore', () => {
    const net = new Net();
    const names = net.namedParameters().map(([name]) => name);
    expect(names).toEqual([
      'scale', 'blocks.0.weight', 'blocks.0.bias', 'blocks.1.inner.weight', 'blocks.1.inner.bias',
    ]);
    expect(net.namedModules().map(([name]) => name)).toEqual(['', 'blocks.0', 'blocks.1.inner']);
    expect(Object.keys(net.stateDict())).toEqual([
      ...names, 'blocks.1.inner.running_mean', 'blocks.1.inner.running_var', 'blocks.1.inner.num_batches_tracked',
      'shared.weight', 'shared.bias', // of a module in two places at both, as in PyTorch
    ]);
    expect(Object.keys(net.bufferDict())).toHaveLength(3);
  });

  it('loads a state whole or not at all, or what there is of it', () => {
    const [net, other] = [new Net(), new Net()];
    const before = other.stateDict();
    const { scale: _, ...partial } = net.stateDict();
    expect(() => other.loadStateDict({ ...partial, more: ones(1) }))
      .toThrow(/missing "scale"; unknown "more"; \{ strict: false \} loads the others$/);
    expect(() => other.loadStateDict({ ...net.stateDict(), scale: ones(3) })).toThrow(/scale must have shape 2, got 3/);
    expect(other.stateDict()).toEqual(before);
    expect(other.loadStateDict({ ...partial, more: ones(1) }, { strict: false }))
      .toEqual({ missing: ['scale'], unexpected: ['more'] });
    expect(list(other.blocks[0].weight)).toEqual(list(net.blocks[0].weight));
  });

  it('has its modes, and leaves what is frozen alone', () => {
    const net = new Net();
    expect(net.eval().modules().map(({ training }) => training)).toEqual([false, false, false]);
    net.train();
    net.shared.requiresGrad(false);
    const optimizer = new nn.Adagrad(net.parameters(), { lr: 0.1 });
    const before = net.stateDict();
    net.forward(nn.variable(tensor([[1, 2], [3, -1]]).astype('float32'))).square().sum().backward();
    optimizer.step();
    expect(list(net.shared.weight)).toEqual(list(before['blocks.0.weight'].transpose()));
    expect(list(net.scale)).not.toEqual(list(before.scale));
    net.zeroGrad();
    expect(net.parameters().every(({ grad }) => grad === null)).toBe(true);
    const visited: string[] = [];
    net.apply((module) => { visited.push(module.constructor.name); });
    expect(visited).toEqual(['BatchNorm1d', 'Linear', 'Net']);
  });

  it('drops in training only, and scales what is left', () => {
    const dropout = new nn.Dropout(0.25, { rng: new Rng(1) });
    const x = nn.variable(ones([100, 100]));
    const out = dropout.forward(x).value;
    expect(new Set(list(out.astype('float32')))).toEqual(new Set([0, Math.fround(4 / 3)]));
    expect(Math.abs(out.mean().item() - 1)).toBeLessThan(0.03); // six standard deviations
    expect(list(dropout.eval().forward(x))).toEqual(list(x));
  });

  it('records nothing inside noGrad', () => {
    const layer = new nn.Linear(2, 2);
    expect(nn.isRecording()).toBe(true);
    const out = nn.noGrad(() => {
      expect(nn.isRecording()).toBe(false);
      return layer.forward(row(1, 2));
    });
    expect([out.requiresGrad, nn.isRecording()]).toEqual([false, true]);
  });

  it('joins branches side by side', () => {
    const [a, b] = [new nn.Linear(2, 3), new nn.Tanh()];
    const out = new nn.Concat(a, b).forward(row(1, 2));
    expect(list(out)).toEqual([...list(a.forward(row(1, 2))), ...list(b.forward(row(1, 2)))]);
  });
});

describe('graphs', () => {
  it('use a layer twice with one set of parameters, which gets both gradients', () => {
    const [a, b] = [nn.input([2]), nn.input([2])];
    const layer = new nn.Linear(2, 2, { dtype: 'float64' });
    const net = nn.model([a, b], new nn.Add().apply(layer.apply(a), layer.apply(b)));
    expect(net.parameters()).toHaveLength(2);
    expect(net.summary().match(/6 +8/g)).toHaveLength(1); // its parameters are counted once
    const [x1, x2] = [tensor([[1, 2]], null, 'float64'), tensor([[10, 20]], null, 'float64')];
    net.forward(nn.variable(x1), nn.variable(x2)).sum().backward();
    expect(layer.weight.grad!.toArray()).toEqual([[11, 11], [22, 22]]);
    expect(layer.bias!.grad!.toArray()).toEqual([2, 2]);
  });

  it('have several outputs, skip and dense connections', () => {
    const image = nn.input([2, 4, 4]);
    const conv = new nn.Conv2d(2, 2, 3, { padding: 1 }).apply(image);
    const dense = new nn.Concatenate().apply(image, new nn.Add().apply(image, conv));
    expect(dense.shape).toEqual([4, 4, 4]);
    const head = new nn.Linear(64, 3).apply(new nn.Flatten().apply(dense));
    const net = nn.model(image, [head, dense]);
    const x = new Rng(1).normal(0, 1, [5, 2, 4, 4]);
    const outputs = net.forwardAll(x);
    expect(outputs.map(({ shape }) => shape)).toEqual([[5, 3], [5, 4, 4, 4]]);
    const [first, second]: nn.Variable[] = net.forward(x);
    expect(first.value.toArray()).toEqual(outputs[0].value.toArray());
    expect(second.value.toArray()).toEqual(outputs[1].value.toArray());
    const predicted: Tensor[] = net.predict(x, { batchSize: 2 });
    expect(predicted.map(({ shape }) => shape)).toEqual([[5, 3], [5, 4, 4, 4]]);
    predicted.forEach((t, i) => expect(t.sub(outputs[i].value).abs().max().item()).toBeLessThan(1e-6));
    expect(() => net.forwardAll([1] as never)).toThrow('model: input 0 must be a Variable or a Tensor, got an array of 1');
    const single = nn.model(image, [head]);
    expect(single.forward(nn.variable(x)).shape).toEqual([5, 3]);
    expect(single.predict(x).shape).toEqual([5, 3]);
    expect(single.forwardAll(x)).toHaveLength(1);
    const { model: loaded } = loadModel(saveModel(net));
    expect((loaded as nn.SeveralOutputs).predict(x).map(({ shape }) => shape)).toEqual([[5, 3], [5, 4, 4, 4]]);
  });

  it('refuse a loss of several outputs', async () => {
    const a = nn.input([2]);
    const net = nn.model(a, [new nn.ReLU().apply(a), new nn.Linear(2, 3).apply(a)]);
    net.compile();
    const [x, y] = [zeros([4, 2]), [0, 1, 0, 1]];
    await expect((async () => net.fit(x, y))()).rejects.toThrow(
      new TypeError('GraphModel.fit: the network must have one output, got 2'));
    expect(() => net.evaluate(x, y)).toThrow('GraphModel.evaluate: the network must have one output, got 2');
    expect(() => net.apply(a)).toThrow('GraphModel.outputShape: the network must have one output, got 2');
    expect(net.summary()).toContain('affine');
  });

  it('say where a shape does not fit while they are written', () => {
    const image = nn.input([2, 4, 4]);
    expect(() => new nn.Linear(3, 1).apply(image)).toThrow(/^Linear: x must have 3 features/);
    expect(() => nn.model(nn.input([2, 4, 4]), new nn.ReLU().apply(image))).toThrow(/not among inputs/);
    expect(() => nn.sequential(new nn.Residual(new nn.Conv2d(3, 3, 3))).apply(image)).toThrow(/^0\.body: /);
  });
});
