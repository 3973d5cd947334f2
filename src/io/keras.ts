/**
 * Weights of a Keras model in arrays. The layers that have weights are matched in their order; what Keras calls them,
 * and how they lie, becomes
 *
 *   Dense             kernel (in, out), bias                     Linear weight (out, in), bias
 *   Conv2D            kernel (KH, KW, C / groups, F), bias       Conv2d weight (F, C / groups, KH, KW), bias
 *   DepthwiseConv2D   depthwise_kernel (KH, KW, C, M), bias      Conv2d of C groups, weight (C M, 1, KH, KW), bias
 *   BatchNormalization, LayerNormalization, GroupNormalization   gamma, beta: weight, bias
 *                     moving_mean, moving_variance               running_mean, running_var
 *
 * Keras flattens pictures with the channels last, this library with the channels first: the rows of the first Dense
 * kernel behind Flatten are put in that order, by the channels of the convolution before. Behind a Flatten that has
 * none before it they stay as they are. Keras's BatchNormalization has epsilon 1e-3 unless told otherwise, which the
 * module must have too.
 */

import { emptyNetworkModule } from '../models/as-module.ts';
import { loadNetworkModule, Network } from '../models/index.ts';
import {
  BatchNorm1d, BatchNorm2d, Conv2d, Linear, type LayerNode, type Module, type StateDict,
} from '../nn/index.ts';
import { graphOf } from '../nn/architecture/graph.ts';
import { checkRecord, describe } from '../runtime/check.ts';
import { checkTensor, shapeText } from '../tensor/check.ts';
import { sameShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkPreprocessing } from './classifier.ts';
import { under } from './model-file.ts';

/** Keras's names of a layer's weights in Keras's order, and those here. */
const names: Readonly<Record<string, ReadonlyArray<readonly [keras: string, own: string]>>> = {
  conv: [['kernel', 'weight'], ['bias', 'bias']],
  depthwise: [['depthwise_kernel', 'weight'], ['bias', 'bias']],
  norm: [['gamma', 'weight'], ['beta', 'bias']],
  batchnorm: [['gamma', 'weight'], ['beta', 'bias'], ['moving_mean', 'running_mean'], ['moving_variance', 'running_var']],
};

/** The weights of one Keras layer: by name, or in order where the arrays have none. */
interface KerasLayer {
  readonly name: string;
  readonly weights: ReadonlyArray<readonly [name: string | null, value: Tensor]>;
}

/**
 * Takes up the weights of a Keras Sequential, as decodeNpz gives them: arrays named `<layer>/<weight>` (in the order of
 * the layers; a part before the last slash names the layer, ":0" behind is passed over), or `arr_0`, `arr_1`, ... as
 * `numpy.savez(file, *model.get_weights())` names them. The module must be a chain of the same layers. Throws, and
 * changes nothing, TypeError for what is no network or record of tensors, RangeError for layers or weights that do not
 * fit, by their names.
 */
export function loadKerasWeights(model: Module | Network, weights: Record<string, Tensor>): void {
  const fn = 'loadKerasWeights';
  checkPreprocessing(fn, model, {});
  checkRecord(fn, 'weights', weights);
  for (const [name, value] of Object.entries(weights)) checkTensor(fn, `weights[${describe(name)}]`, value);
  under(fn, () => {
    const module = model instanceof Network ? emptyNetworkModule(model) : model;
    module.loadStateDict(stateOf(module, weights), { strict: false }); // of a layer in two places at one of them
    if (model instanceof Network) loadNetworkModule(model, module);
  });
}

function stateOf(module: Module, weights: Record<string, Tensor>): StateDict {
  const { nodes, inputs } = graphOf('loadKerasWeights', module);
  const state: StateDict = {};
  const given = Object.keys(weights).every((name) => /^arr_\d+$/.test(name)) ? null : layersOf(weights);
  const ordered = Object.entries(weights)
    .sort(([a], [b]) => Number(a.slice(4)) - Number(b.slice(4)))
    .map(([, value]) => [null, value] as const);
  let at = 0;
  let channels: number | null = null;
  let flattened: number | null = null;
  const odd = nodes.find((node, i) => node.inputs.length !== 1 || node.inputs[0] !== inputs + i - 1);
  if (odd !== undefined) {
    throw new RangeError(`the module must be a chain of layers, but ${describe(odd.path ?? odd.layer)} is not fed by the one before`);
  }
  nodes.forEach((node) => {
    if (node.module instanceof Conv2d) channels = node.settings.outChannels as number;
    if (node.layer === 'Flatten') flattened = channels;
    const kind = kindOf(node);
    if (kind === null) return;
    if (node.path === null) throw new RangeError(`${node.layer} must be in a field of the module, whose name does not begin with # or _`);
    const own = Object.keys(node.module.stateDict());
    const wanted = names[kind].filter(([, name]) => own.includes(name));
    const layer: KerasLayer | undefined = given === null
      ? { name: `arr_${at}`, weights: ordered.slice(at, at + wanted.length) }
      : given[at];
    at += given === null ? wanted.length : 1;
    const missing = `layer ${describe(node.path)} (${node.layer}) takes ${wanted.map(([name]) => name).join(', ')}`;
    if (layer === undefined || layer.weights.length === 0) throw new RangeError(`${missing}, and no weights are left`);
    wanted.forEach(([keras, name], w) => {
      const found = layer.weights.find(([each]) => each === keras) ?? layer.weights[w];
      if (found === undefined || (found[0] !== null && found[0] !== keras) || layer.weights.length !== wanted.length) {
        const got = layer.weights.map(([each]) => describe(each ?? 'one without a name')).join(', ');
        throw new RangeError(`${missing}, ${describe(layer.name)} has ${got}`);
      }
      state[node.path === '' ? name : `${node.path}.${name}`] =
        turned(`${describe(layer.name)}'s ${keras}`, node, name, found[1], node.module instanceof Linear ? flattened : null);
    });
    if (node.module instanceof Linear) flattened = null;
  });
  const count = given === null ? ordered.length : given.length;
  if (at < count) throw new RangeError(`the module has no layer for ${describe(given?.[at].name ?? `arr_${at}`)}`);
  return state;
}

/** Arrays by layer, in the order of the record. */
function layersOf(weights: Record<string, Tensor>): KerasLayer[] {
  const layers = new Map<string, Array<readonly [string, Tensor]>>();
  for (const [name, value] of Object.entries(weights)) {
    const parts = name.replace(/:\d+$/, '').split('/');
    const weight = parts.pop()!;
    const layer = parts.join('/');
    if (layer === '') throw new RangeError(`arrays must be named layer/weight or arr_0, arr_1, ..., got ${describe(name)}`);
    layers.set(layer, [...layers.get(layer) ?? [], [weight, value]]);
  }
  return [...layers].map(([name, found]) => ({ name, weights: found }));
}

function kindOf({ module, layer, settings }: LayerNode): keyof typeof names | null {
  if (module instanceof Linear) return 'conv';
  if (module instanceof Conv2d) return isDepthwise(settings) ? 'depthwise' : 'conv';
  if (module instanceof BatchNorm1d || module instanceof BatchNorm2d) return 'batchnorm';
  if (layer === 'LayerNorm' || layer === 'GroupNorm') return 'norm';
  if (module.parameters().length === 0) return null;
  throw new RangeError(`the layer ${describe(layer)} has no mapping from Keras`);
}

function isDepthwise({ groups, inChannels }: LayerNode['settings']): boolean {
  return groups === inChannels && (inChannels as number) > 1;
}

/** A weight in the layout of this library's state. Throws RangeError where it is of another shape in Keras. */
function turned(
  what: string, { module, settings }: LayerNode, name: string, value: Tensor, flattened: number | null,
): Tensor {
  if (name !== 'weight' || !(module instanceof Conv2d || module instanceof Linear)) return value;
  const check = (shape: readonly number[]): void => {
    if (sameShape(value.shape, shape)) return;
    throw new RangeError(`${what} must have shape ${shapeText(shape)}, got ${shapeText(value.shape)}`);
  };
  if (module instanceof Conv2d) {
    const [filters, channels, height, width] = module.weight.shape;
    if (!isDepthwise(settings)) {
      check([height, width, channels, filters]);
      return value.transpose(3, 2, 0, 1);
    }
    const groups = settings.groups as number;
    check([height, width, groups, filters / groups]);
    return value.transpose(2, 3, 0, 1).reshape(filters, 1, height, width);
  }
  const [inputs, outputs] = module.weight.shape;
  check([inputs, outputs]);
  if (flattened === null || inputs % flattened !== 0) return value.transpose();
  return value.reshape(inputs / flattened, flattened, outputs).transpose(1, 0, 2).reshape(inputs, outputs).transpose();
}
