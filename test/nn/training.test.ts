/** The levels train the same network to the same losses, and the Solver trains modules as it trains the course's. */

import { describe, expect, it } from 'vitest';
import { Rng, tensor, type Tensor } from '../../src/index.ts';
import { makeShapes } from '../../src/data/index.ts';
import { DeepConvNet } from '../../src/models/index.ts';
import * as nn from '../../src/nn/index.ts';
import { sgd, Solver } from '../../src/train/index.ts';

const size = 16;
const shapes = makeShapes({ seed: 1, numTrain: 120, numTest: 40 });
const X = shapes.train.images.slice(null, null, [8, 8 + size], [8, 8 + size]).astype('float32').div(128).sub(1);
const y = shapes.train.labels;

interface Kind {
  readonly batchnorm: boolean;
  readonly pool: boolean;
}

function course({ batchnorm, pool }: Kind): DeepConvNet {
  return new DeepConvNet({
    inputDim: [3, size, size], numFilters: [8, 12], maxPools: pool ? [0] : [], batchnorm, weightScale: 'kaiming',
    rng: new Rng(3),
  });
}

/** The same network of modules, with the same parameters. */
function twin(kind: Kind): nn.Sequential {
  const norm = (channels: number): nn.Module[] => (kind.batchnorm ? [new nn.BatchNorm2d(channels)] : []);
  const net = nn.sequential(
    new nn.Conv2d(3, 8, 3, { padding: 1 }), ...norm(8), new nn.ReLU(), ...(kind.pool ? [new nn.MaxPool2d(2)] : []),
    new nn.Conv2d(8, 12, 3, { padding: 'same' }), ...norm(12), new nn.ReLU(), new nn.Flatten(),
    new nn.Linear(12 * (kind.pool ? 64 : 256), 10),
  );
  const values = Object.values(course(kind).params);
  net.parameters().forEach((parameter, i) => nn.noGrad(() => parameter.assign(values[i])));
  return net;
}

/** The course's network with its parts called one by one, and no fused forms. */
class ByHand extends nn.Module {
  net: nn.Sequential;

  constructor(net: nn.Sequential) {
    super();
    this.net = net;
  }

  forward(x: nn.Variable): nn.Variable {
    return Object.values(this.net)
      .filter((layer) => layer instanceof nn.Module)
      .reduce((out, layer) => layer.forward(out), x);
  }
}

const rate = 1e-2;

/** Losses of plain gradient descent over the same batches, by the levels' own means. */
function losses(net: nn.Module, steps: number): number[] {
  const optimizer = new nn.SGD(net.parameters(), { lr: rate });
  return Array.from({ length: steps }, (_, i) => {
    const at = (i % 3) * 40;
    const loss = nn.crossEntropy(net.forward(nn.variable(X.slice([at, at + 40]).contiguous())), y.slice(at, at + 40));
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return loss.item();
  });
}

/** Losses of the course's network over the same batches. */
function courseLosses(kind: Kind, steps: number): number[] {
  const model = course(kind);
  return Array.from({ length: steps }, (_, i) => {
    const at = (i % 3) * 40;
    const [loss, grads] = model.loss(X.slice([at, at + 40]).contiguous(), y.slice(at, at + 40));
    for (const [name, dw] of Object.entries(grads))
      model.params[name] = sgd(model.params[name], dw, { learningRate: rate })[0];
    return loss;
  });
}

function graphOf(net: nn.Sequential): nn.GraphModel {
  const layers = Object.values(net).filter((layer): layer is nn.Module => layer instanceof nn.Module);
  const image = nn.input([3, size, size]);
  return nn.model(image, layers.reduce((symbol, layer) => layer.apply(symbol), image));
}

describe.each([[false, true], [true, false], [false, false], [true, true]])(
  'one network on every level (batchnorm %s, pool %s)', (batchnorm, pool) => {
    const kind = { batchnorm, pool };
    const expected = courseLosses(kind, 9);
    // Where batchnorm, ReLU and pool are one kernel, it adds up its gradients in another order.
    const sameBits = !(batchnorm && pool);

    it('sequential, fused: the bits of the course network', () => {
      expect(losses(twin(kind), 9)).toEqual(expected);
    });

    it.each<[string, () => nn.Module]>([
      ['a subclass of Module, layer by layer', () => new ByHand(twin(kind))], ['a graph', () => graphOf(twin(kind))],
    ])('%s', (_, make) => {
      const found = losses(make(), 9);
      if (sameBits) expect(found).toEqual(expected);
      else found.forEach((loss, i) => expect(Math.abs(loss - expected[i]) / loss).toBeLessThan(1e-5));
    });
  },
);

describe('Solver', () => {
  const both = { batchnorm: true, pool: true };
  const data = { XTrain: X.slice([0, 80]), yTrain: y.slice(0, 80), XVal: X.slice([80, 120]), yVal: y.slice(80) };
  const options = { updateRule: 'adam', optimConfig: { learningRate: 1e-3 }, batchSize: 20, numEpochs: 3, verbose: false } as const;

  function weights(net: nn.Module): unknown {
    return Object.fromEntries(
      Object.entries(net.stateDict()).map(([name, t]: [string, Tensor]) => [name, t.toArray()]),
    );
  }

  it('trains a module to the losses of the course twin, and goes on after a stop to the same bits', async () => {
    const net = twin(both);
    const solver = new Solver(net, data, { ...options, rng: new Rng(5) });
    await solver.train();
    const own = new Solver(course(both), data, { ...options, rng: new Rng(5) });
    await own.train();
    expect(solver.lossHistory).toEqual(own.lossHistory);

    const stopped = new Solver(twin(both), data, { ...options, rng: new Rng(5) });
    for (let i = 0; i < 5; i++) stopped.step();
    const resumed = twin(both);
    const second = new Solver(resumed, data, { ...options, rng: new Rng(9) });
    second.restore(stopped.checkpoint());
    await second.train();
    expect(second.lossHistory).toEqual(solver.lossHistory);
    expect(weights(resumed)).toEqual(weights(net));
  });

  it('names a parameter that no gradient reaches', () => {
    class Loose extends nn.Module {
      used = new nn.Linear(4, 2);
      unused = new nn.Linear(4, 2);
      forward(x: nn.Variable): nn.Variable { return this.used.forward(x); }
    }
    const x = tensor([[1, 2, 3, 4], [4, 3, 2, 1]]).astype('float32');
    const solver = new Solver(new Loose(), { XTrain: x, yTrain: [0, 1], XVal: x, yVal: [0, 1] }, { batchSize: 2 });
    expect(() => solver.step()).toThrow(/unused\.weight/);
  });
});
