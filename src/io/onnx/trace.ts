/**
 * From a model to a graph: the model computes a batch of random numbers at test time, and what it computes is written
 * down, layer by layer and operation by operation. So a module of the user's own is written as well, whatever its
 * forward does with layers and variables. What depends on the batch's size or on its numbers in a way that a graph
 * cannot say (a Tensor taken out of a variable, a branch) would be frozen as it was in this one pass: two passes over
 * other numbers in batches of other sizes must give the same graph.
 */

import { take } from '../../autograd/functions.ts';
import type { Target } from '../../autograd/tape.ts';
import { Variable } from '../../autograd/variable.ts';
import { watchOperations, type WatchedOperation } from '../../autograd/watching.ts';
import type { LayerRecord } from '../../layers/record.ts';
import { networkModule } from '../../models/as-module.ts';
import { Network } from '../../models/network.ts';
import { type TestTimeViews, viewsOf } from '../../models/views.ts';
import { GraphModel } from '../../nn/graph.ts';
import { Module } from '../../nn/module.ts';
import { currentPath } from '../../nn/path.ts';
import { watchLayers } from '../../nn/watch.ts';
import { Rng } from '../../tensor/random/rng.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { numbered, outputsOf, type Sample } from '../sample.ts';
import { type FloatType, GraphWriter, notExported, type Value } from './graph-writer.ts';
import type { Message } from './messages.ts';
import { writeLayer } from './write-layers.ts';
import { writeOperation } from './write-operations.ts';

/** A model as a graph, and one pass through it. */
export interface Traced {
  readonly graph: GraphWriter;
  readonly inputs: Array<Message<'ValueInfo'>>;
  readonly outputs: Array<Message<'ValueInfo'>>;
  /** numbers that go into the model and come out of it */
  readonly sample: Sample;
}

/** The model in one pass. */
interface Pass {
  readonly graph: GraphWriter;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

/** What is done to the first input before the model sees it: (x - mean) / std, where the graph is to do that too. */
export interface Preprocessing {
  readonly mean: Tensor;
  readonly std: Tensor;
}

/** Examples in the two passes, of which the first is the sample that the file carries. */
const batches = [2, 3] as const;

/** The model as a graph for examples of these shapes. Throws TypeError, under its path, for what has no form. */
export function trace(
  model: Module | Network, shapes: ReadonlyArray<readonly number[]>, float: FloatType, seed: number,
  preprocessing: Preprocessing | null,
): Traced {
  const module = asModule(model);
  const draw = (batch: number, pass: number): Tensor[] => {
    const rng = new Rng(seed + pass);
    const inputs = shapes.map((shape) => rng.normal(0, 1, [batch, ...shape], dtypeOf(model)));
    if (preprocessing !== null) {
      const { mean, std } = preprocessing;
      inputs[0] = inputs[0].mul(std).add(mean).astype(dtypeOf(model));
    }
    return inputs;
  };
  const [first, second] = batches.map((batch, pass) => traceModule(module, draw(batch, pass), float, preprocessing));
  const difference = first.graph.difference(second.graph);
  if (difference !== null) {
    throw notExported(
      `'${difference}'`, 'depends on the numbers or the number of examples in a way that a graph cannot say: compute with ' +
      'variables alone, and leave the first axis to the batch',
    );
  }
  // what the model itself gives: a pass that is written down has each layer by itself, and rounds where others do not
  const inputs = draw(batches[0], 0);
  const seen = inputs.map((x, i) => (i === 0 ? preparedTensor(x, preprocessing) : x));
  const described = (key: 'inputs' | 'outputs'): Array<Message<'ValueInfo'>> =>
    first[key].map((value, i) => first.graph.describe(value, second[key][i], batches));
  return {
    graph: first.graph, inputs: described('inputs'), outputs: described('outputs'),
    sample: { inputs, outputs: outputsOf(model, seen) },
  };
}

/** The type that the model computes in. */
export function dtypeOf(model: Module | Network): FloatType {
  const dtype = model instanceof Network ? model.params.W1.dtype : model.parameters()[0]?.dtype;
  return dtype === 'float64' ? 'float64' : 'float32';
}

function preparedTensor(x: Tensor, preprocessing: Preprocessing | null): Tensor {
  return preprocessing === null ? x : x.sub(preprocessing.mean).div(preprocessing.std).astype(x.dtype);
}

/** The input as the model sees it, and as the graph makes it. */
function prepared(
  graph: GraphWriter, x: Tensor, value: Value, preprocessing: Preprocessing | null,
): [x: Tensor, value: Value] {
  if (preprocessing === null) return [x, value];
  const { mean, std } = preprocessing;
  const shifted = graph.add('Sub', [value, graph.constant('mean', mean)], value.shape);
  return [preparedTensor(x, preprocessing), graph.add('Div', [shifted, graph.constant('std', std)], value.shape)];
}

function traceModule(
  model: Module, given: readonly Tensor[], float: FloatType, preprocessing: Preprocessing | null,
): Pass {
  const graph = new GraphWriter(float, currentPath);
  const symbols = given.map((x, i) => graph.input(numbered('input', i), x.shape));
  const seen = given.map((x, i) => prepared(graph, x, symbols[i], i === 0 ? preprocessing : null));
  const inputs = seen.map(([x]) => new Variable(x, false));
  const known = new Map<Target, Value>(inputs.map((x, i) => [x, seen[i][1]]));
  const names = new Map<Target, string>(model.namedParameters().map(([name, parameter]) => [parameter, name]));
  const buffers = new Map<Tensor, Value>();
  const dtype = dtypeOf(model);

  const valueOf = (variable: Target): Value => {
    const found = known.get(variable);
    if (found !== undefined) return found;
    const name = names.get(variable);
    const value = name === undefined
      ? graph.unnamed(variable.value.clone())
      : graph.constant(name, variable.value);
    known.set(variable, value);
    return value;
  };
  const bufferOf = (name: string, tensor: Tensor): Value => {
    const path = currentPath();
    const found = buffers.get(tensor) ?? graph.constant(path === '' ? name : `${path}.${name}`, tensor);
    buffers.set(tensor, found);
    return found;
  };
  const watch = ({ name, inputs: from, options, out }: WatchedOperation): void => {
    const [record, , mode] = options;
    if (!isRecord(record)) {
      const tensor = (i: number): Tensor => from[i].value;
      const { shape } = out.value;
      known.set(out, writeOperation({ graph, name, inputs: from.map(valueOf), options, shape, tensor }));
      return;
    }
    if (mode === 'train' && (record.kind === 'batchnorm' || record.kind === 'dropout')) {
      throw notExported(`${name} in training`, 'is no function of its input alone; give it { training: false }');
    }
    const [x, ...parameters] = from.map(valueOf);
    known.set(out, writeLayer({ graph, record, x, parameters, shape: out.value.shape, dtype, buffer: bufferOf }));
  };

  const stop = watchLayers(() => undefined);
  try {
    return model.testing(() => {
      const computed = watchOperations(watch, () =>
        (model instanceof GraphModel ? model.forwardAll(...inputs) : [model.forward(...inputs)]));
      const outputs = computed.map((out, i) => graph.output(numbered('output', i), valueOf(out)));
      return { graph, inputs: symbols, outputs };
    });
  } finally {
    stop();
  }
}

/** The mean of what a network says of several views of a picture. */
class MeanOverViews extends Module {
  readonly network: Module;
  readonly _views: TestTimeViews;

  constructor(network: Module, views: TestTimeViews) {
    super();
    this.network = network;
    this._views = views;
  }

  forward(x: Variable): Variable {
    const parts = viewsOf(this._views, x.shape[2], x.shape[3]).map(({ rows, columns, weight }) =>
      this.network.forward(take(take(x, rows, 2), columns, 3)).mul(weight));
    return parts.slice(1).reduce((sum, part) => sum.add(part), parts[0]);
  }
}

/** The course's networks are written as the modules that compute the same. */
function asModule(model: Module | Network): Module {
  if (model instanceof Module) return model;
  const chain = networkModule(model);
  return model.testTimeViews === 'none' ? chain : new MeanOverViews(chain, model.testTimeViews);
}

/** Layers are operations whose first option is their record. */
function isRecord(option: unknown): option is LayerRecord {
  return typeof option === 'object' && option !== null && 'kind' in option && 'infer' in option;
}
