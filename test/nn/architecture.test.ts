/** Networks as plain data: every layer is described, built again through JSON, and gives the same bits. */

import { afterEach, describe, expect, it } from 'vitest';
import { Rng, type Tensor, zeros } from '../../src/index.ts';
import { loadModel, saveModel } from '../../src/io/index.ts';
import * as nn from '../../src/nn/index.ts';

const images = new Rng(1).normal(0, 1, [3, 4, 6, 6]).astype('float32');
const rows = new Rng(2).normal(0, 1, [5, 6]).astype('float32');

/** A layer of each class with settings that differ from the defaults, and what it takes. */
const layers: Readonly<Record<string, ReadonlyArray<readonly [make: () => nn.Module, ...xs: Tensor[]]>>> = {
  Linear: [
    [() => new nn.Linear(6, 3), rows],
    [() => new nn.Linear(6, 3, { bias: false, dtype: 'float64' }), rows.astype('float64')],
  ],
  Conv2d: [
    [() => new nn.Conv2d(4, 6, [3, 2], { stride: [1, 2], padding: [2, 1], dilation: 2, groups: 2 }), images],
    [() => new nn.Conv2d(4, 8, 3, { padding: 'same', groups: 4, bias: false }), images],
    [() => new nn.Conv2d(4, 2, 3, { padding: 'valid', dtype: 'float64' }), images.astype('float64')],
  ],
  BatchNorm1d: [[() => trained(new nn.BatchNorm1d(6, { eps: 1e-2, momentum: null }), rows), rows]],
  BatchNorm2d: [
    [() => trained(new nn.BatchNorm2d(4, { momentum: 0.3 }), images), images],
    [() => trained(new nn.BatchNorm2d(4, { affine: false }), images), images],
  ],
  LayerNorm: [[() => new nn.LayerNorm([6, 6], { eps: 1e-3 }), images], [() => new nn.LayerNorm(6), rows]],
  GroupNorm: [
    [() => new nn.GroupNorm(2, 4, { eps: 1e-3 }), images], [() => new nn.GroupNorm(2, 4, { affine: false }), images],
  ],
  MaxPool2d: [
    [() => new nn.MaxPool2d([3, 2], { stride: [1, 2], padding: [1, 0] }), images],
    [() => new nn.MaxPool2d([3, 2], { padding: 'same' }), images],
  ],
  AvgPool2d: [
    [() => new nn.AvgPool2d(3, { padding: 1, countIncludePad: false }), images], [() => new nn.AvgPool2d(2), images],
    [() => new nn.AvgPool2d(4, { stride: 1, padding: 'same' }), images],
  ],
  AdaptiveAvgPool2d: [[() => new nn.AdaptiveAvgPool2d([4, 1]), images]],
  ReLU: [[() => new nn.ReLU(), rows]],
  LeakyReLU: [[() => new nn.LeakyReLU(0.3), rows]],
  ELU: [[() => new nn.ELU(0.7), rows]],
  GELU: [[() => new nn.GELU(), rows]],
  SiLU: [[() => new nn.SiLU(), rows]],
  Sigmoid: [[() => new nn.Sigmoid(), rows]],
  Tanh: [[() => new nn.Tanh(), rows]],
  Softmax: [[() => new nn.Softmax(1), images]],
  PReLU: [[() => new nn.PReLU(4, { init: 0.1 }), images]],
  Maxout: [[() => new nn.Maxout(2), images]],
  Dropout: [[() => new nn.Dropout(0.9), rows]],
  Scale: [[() => new nn.Scale(0.3), rows]],
  Flatten: [[() => new nn.Flatten(), images]],
  ChannelsFirst: [[() => new nn.ChannelsFirst(), images]],
  Add: [[() => new nn.Add(), rows, rows]],
  Concatenate: [[() => new nn.Concatenate(2), images, images]],
  Residual: [
    [() => new nn.Residual(new nn.Linear(6, 6)), rows],
    [() => new nn.Residual(new nn.Linear(6, 2), new nn.Linear(6, 2)), rows],
  ],
  Concat: [[() => new nn.Concat(new nn.Linear(6, 2), new nn.Linear(6, 3), new nn.ReLU()), rows]],
  Sequential: [[() => {
    const shared = new nn.Linear(6, 6);
    return nn.sequential(shared, new nn.ReLU(), nn.sequential(new nn.Tanh(), shared), new nn.Linear(6, 2));
  }, rows]],
  GraphModel: [[() => {
    const [a, b] = [nn.input([4, 6, 6]), nn.input(6)];
    const [shared, features] = [new nn.Linear(6, 5), new nn.Flatten().apply(new nn.AvgPool2d([4, 6]).apply(a))];
    const left = shared.apply(new nn.Linear(4, 6).apply(features));
    return nn.model([a, b], [new nn.Concatenate(1).apply(left, shared.apply(b)), left]);
  }, images, rows.slice([0, 3])]],
};

/** Classes that are exported and are no layers of their own. */
const bases = ['Module', 'Trainable'];

/** After a pass in training, so that running averages are no round numbers. */
function trained<M extends nn.Module>(module: M, x: Tensor): M {
  module.train().forward(nn.variable(x.mul(2).add(1)));
  return module;
}

function outputs(module: nn.Module, xs: readonly Tensor[]): number[][] {
  const given = xs.map((x) => nn.variable(x));
  return module.testing(() =>
    (module instanceof nn.GraphModel ? module.forwardAll(...given) : [module.forward(...given)]).map(({ value }) => [
      ...value.shape, ...value.flatten().toArray() as number[],
    ]));
}

/** The module that comes of a module's description, as a file would hold it, and of its state. */
function copied(module: nn.Module): nn.Module {
  const architecture = JSON.parse(JSON.stringify(nn.describeModule(module))) as nn.Architecture;
  const other = nn.buildModule(architecture);
  expect(nn.describeModule(other)).toEqual(architecture);
  other.loadStateDict(module.stateDict());
  return other;
}

const classes = Object.entries(nn)
  .filter(([name, value]) => typeof value === 'function' && value.prototype instanceof nn.Module && !bases.includes(name))
  .map(([name]) => name);

it('has a case for every class of modules that is exported', () => {
  expect(classes.filter((name) => !Object.hasOwn(layers, name))).toEqual([]);
});

describe.each(Object.entries(layers))('%s', (name, cases) => {
  it('is described by its name, and built again gives the same bits', () => {
    for (const [make, ...xs] of cases) {
      const module = make();
      expect(nn.describeModule(module).layer).toBe(name);
      expect(outputs(copied(module), xs)).toEqual(outputs(module, xs));
    }
  });

  it('has a graph that gives the same bits, node by node', () => {
    for (const [make, ...xs] of cases) {
      const module = make();
      expect(run(nn.layerGraph(module), xs)).toEqual(outputs(module, xs));
    }
  });
});

/** Computes a graph by its nodes. */
function run(graph: nn.LayerGraph, xs: readonly Tensor[]): number[][] {
  // a layer that takes any number of inputs is listed with one
  const values = xs.map((x) => nn.variable(x));
  if (graph.nodes.length === 1) return outputs(graph.nodes[0].module, xs);
  expect(graph.inputs).toBe(xs.length);
  for (const { module, inputs } of graph.nodes) {
    values.push(nn.variable(module.testing(() => module.forward(...inputs.map((at) => values[at])).value.clone())));
  }
  return graph.outputs.map((at) => [...values[at].shape, ...values[at].value.flatten().toArray() as number[]]);
}

const zoo: Readonly<Record<string, (rng: Rng) => nn.Module>> = {
  resNet20: (rng) => nn.resNet20({ width: 4, rng }),
  'resNet20 without projections': (rng) => nn.resNet20({ width: 4, shortcut: 'pad', numClasses: 3, rng }),
  resNet18: (rng) => nn.resNet18({ width: 2, inChannels: 3, dtype: 'float64', rng }),
  denseNet: (rng) => nn.denseNet({ depths: [2, 1], growth: 3, rng }),
  mobileNetLike: (rng) => nn.mobileNetLike({ widthFactor: 0.1, rng }),
  vggLike: (rng) => nn.vggLike({ inputDim: [3, 8, 8], widths: [[2], [3]], rng }),
  convStack: (rng) => nn.convStack({
    inputDim: [3, 8, 8], blocks: [[2]], hiddenDims: [4], dropout: 0.3, batchnorm: 'afterRelu', rng,
  }),
  threeLayerConvNet: (rng) => nn.threeLayerConvNet({ inputDim: [3, 8, 8], numFilters: 2, rng }),
};

describe.each(Object.entries(zoo))('%s', (_, make) => {
  const net = make(new Rng(3));
  const x = new Rng(4).normal(0, 1, [2, 3, 8, 8]).astype(net.parameters()[0].dtype);
  net.train().forward(nn.variable(x));

  it('built again gives the same bits, and its graph the same numbers', () => {
    const [expected] = outputs(net, [x]);
    expect(outputs(copied(net), [x])).toEqual([expected]);
    const scale = Math.max(...expected.map(Math.abs));
    // a network folds batchnorm into the convolution before it, the nodes do not
    const [computed] = run(nn.layerGraph(net), [x]);
    computed.forEach((value, i) => expect(Math.abs(value - expected[i]) / scale).toBeLessThan(1e-5));
  });

  it('has every entry of its state at a node', () => {
    const names = nn.layerGraph(net).nodes.flatMap(({ path, module }) =>
      (path === null ? [] : Object.keys(module.stateDict()).map((name) => `${path}.${name}`)));
    expect(new Set(names)).toEqual(new Set(Object.keys(net.stateDict())));
  });
});

describe('parameters that layers share', () => {
  const tied = (): nn.Sequential => {
    const [a, b] = [new nn.Linear(6, 6, { rng: new Rng(1) }), new nn.Linear(6, 6, { rng: new Rng(2) })];
    (b as { weight: nn.Variable }).weight = a.weight;
    const { stages: [stage] } = nn.resNet20({ width: 2, rng: new Rng(3) }) as unknown as { stages: nn.Sequential[] };
    const [block] = stage._modules as ReadonlyArray<nn.Module & Record<'conv1' | 'conv2', { weight: nn.Variable }>>;
    block.conv2.weight = block.conv1.weight;
    return nn.sequential(a, new nn.Tanh(), b, new nn.Residual(nn.sequential(block)));
  };

  it('are one in the copy, also within layers that build makes', () => {
    const net = tied();
    const { shared } = nn.describeModule(net);
    expect(shared).toEqual({ '2.weight': '0.weight', '3.body.0.conv2.weight': '3.body.0.conv1.weight' });
    const other = copied(net) as nn.Sequential;
    expect(other.parameters()).toHaveLength(net.parameters().length);
    const { model } = loadModel(saveModel(net));
    expect((model as nn.Sequential).parameters()).toHaveLength(net.parameters().length);
    const chains = [net, other].map((each) => nn.sequential(...each._modules.slice(0, 3)));
    const after = chains.map((chain) => {
      const optimizer = new nn.SGD(chain.parameters(), { lr: 0.1 });
      nn.mse(chain.forward(nn.variable(rows)), nn.variable(zeros(rows.shape))).backward();
      optimizer.step();
      return outputs(chain, [rows]);
    });
    expect(after[1]).toEqual(after[0]);
  });

  it('are refused where they are none or do not fit', () => {
    const architecture = nn.describeModule(nn.sequential(new nn.Linear(2, 3), new nn.Linear(3, 2)));
    const wrong: Array<Record<string, string>> = [{ '1.weight': '0.weight' }, { '1.weight': '7.weight' }, { '__proto__.x': '0.bias' }];
    for (const shared of wrong) {
      expect(() => nn.buildModule({ ...architecture, shared }))
        .toThrow(/^buildModule: shared: ".*" and ".*" must be parameters of one shape and element type$/);
    }
  });
});

class Doubled extends nn.Module {
  readonly inner: nn.Module;
  readonly #times: number;

  constructor(inner: nn.Module, times: number) {
    super();
    this.inner = inner;
    this.#times = times;
  }

  get times(): number { return this.#times; }

  forward(x: nn.Variable): nn.Variable { return this.inner.forward(x).mul(this.#times); }
}

class Wide extends nn.Linear {}

describe('modules of other classes', () => {
  const definition: nn.LayerDefinition<Doubled> = {
    type: Doubled,
    describe: ({ times }) => ({ times }),
    children: ({ inner }) => ({ inner }),
    build: ({ times }, { inner }) => new Doubled(inner, times as number),
  };
  afterEach(() => nn.registerLayer('Doubled', definition));

  it('are refused by path and class until they are made known', () => {
    const net = nn.sequential(new nn.ReLU(), nn.sequential(new Doubled(new nn.Linear(6, 2), 3)));
    expect(() => nn.describeModule(net)).toThrow(new TypeError(
      'describeModule: 1.0: "Doubled" is a class of its own; registerLayer makes it known'));
    expect(() => nn.layerGraph(net)).toThrow('layerGraph: 1.0: "Doubled" is a class of its own');
    nn.registerLayer('Doubled', definition);
    expect(outputs(copied(net), [rows])).toEqual(outputs(net, [rows]));
    expect(nn.layerGraph(net).nodes.map(({ layer }) => layer)).toEqual(['ReLU', 'Doubled']);
  });

  it('are traced through where the definition says how', () => {
    nn.registerLayer('Doubled', {
      ...definition, trace: ({ inner, times }, [x], through) => [through(new nn.Scale(times), through(inner, x))],
    });
    const graph = nn.layerGraph(nn.sequential(new Doubled(new nn.Linear(6, 2), 3)));
    expect(graph.nodes.map(({ layer, path }) => [layer, path])).toEqual([['Linear', '0.inner'], ['Scale', null]]);
  });

  it('may be subclasses of known ones: those are layers of their own', () => {
    expect(() => nn.describeModule(new Wide(2, 2))).toThrow('describeModule: "Wide" is a class of its own');
  });

  it('cannot take the names of this library, nor its classes', () => {
    expect(() => nn.registerLayer('Linear', definition)).toThrow(RangeError);
    const taken = { ...definition, type: nn.Linear } as unknown as nn.LayerDefinition<nn.Linear>;
    expect(() => nn.registerLayer('Mine', taken)).toThrow(RangeError);
    expect(() => nn.registerLayer('Mine', { ...definition, type: Map as never })).toThrow(TypeError);
  });

  it('must be described by plain data', () => {
    nn.registerLayer('Doubled', { ...definition, describe: () => ({ times: NaN }) });
    expect(() => nn.describeModule(new Doubled(new nn.ReLU(), 2))).toThrow('what Doubled is described by must be plain data');
  });
});

describe('buildModule', () => {
  const chain = (child: unknown): nn.Architecture => ({ layer: 'Sequential', settings: { length: 1 }, children: { 0: child as nn.Architecture } });

  it.each<[string, unknown, string]>([
    ['an unknown layer', { layer: 'Teleport' }, 'buildModule: 0: the layer "Teleport" is not known; registerLayer makes your own known; known are Linear'],
    ['a name of every object', { layer: 'constructor' }, 'buildModule: 0: the layer "constructor" is not known'],
    ['a layer without a name', {}, 'buildModule: 0: the layer undefined is not known'],
    ['settings of the wrong kind', { layer: 'Linear', settings: { inFeatures: '3', outFeatures: 2 } }, 'buildModule: 0: Linear: inFeatures must be an integer'],
    ['unknown settings', { layer: 'ReLU', settings: [] }, 'buildModule: 0: settings must be an object'],
    ['an option too many', { layer: 'Conv2d', settings: { inChannels: 1, outChannels: 1, kernelSize: 1, shape: 3 } }, 'buildModule: 0: Conv2d: unknown option "shape"'],
    ['a path that is none', { same: '7' }, 'buildModule: 0: same must be the path of a layer before'],
    ['a missing child', { layer: 'Concat', settings: { length: 2 }, children: { 'branches.0': { layer: 'ReLU' } } }, 'buildModule: 0: Concat: length must be an integer'],
    ['no child', { layer: 'Residual' }, 'buildModule: 0: Residual: body must be a Module'],
    ['a graph of nothing', { layer: 'GraphModel', settings: { inputs: [], steps: [], outputs: [] } }, 'buildModule: 0: model: inputs must be symbols'],
    ['a graph with a value to come', {
      layer: 'GraphModel', children: { 'layers.0': { layer: 'ReLU' } },
      settings: { inputs: [[2]], steps: [{ layer: 0, inputs: [1] }], outputs: [1] },
    }, 'buildModule: 0: GraphModel: a value must be an integer >= 0 and <= 0'],
    ['a list', [], 'buildModule: 0: a layer must be an object'],
  ])('refuses %s by its path', (_, child, message) => {
    expect(() => nn.buildModule(chain(child))).toThrow(message);
  });

  it('refuses endless nesting', () => {
    let deep: nn.Architecture = { layer: 'ReLU' };
    for (let i = 0; i < 1000; i++) deep = chain(deep);
    expect(() => nn.buildModule(deep)).toThrow('modules are nested deeper than 64 levels');
  });
});
