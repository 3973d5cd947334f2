/**
 * A course network as a chain of modules: the same layers, in the same order, for what works on modules and their
 * states (PyTorch's names, export to other systems). Layer l of the course, with its W<l>, b<l>, gamma<l> and beta<l>,
 * is one module for its weights, one for its normalisation, and so on; a Flatten stands where an affine layer takes
 * images.
 */

import type { ConvParam, PerAxis } from '../layers/geometry.ts';
import type { LayerRecord } from '../layers/record.ts';
import type { ConvRecord } from '../layers/records/convolution.ts';
import type { DropoutRecord, ScaleRecord } from '../layers/records/elementwise.ts';
import type { BatchnormRecord, LayernormRecord } from '../layers/records/normalization.ts';
import type { MaxPoolRecord } from '../layers/records/pooling.ts';
import {
  BatchNorm1d, BatchNorm2d, Conv2d, Dropout, Flatten, LayerNorm, Linear, MaxPool2d, type Module, ReLU, Scale,
  Sequential,
} from '../nn/index.ts';
import { describe } from '../runtime/check.ts';
import { sizeOf } from '../tensor/shape.ts';
import { Network } from './network.ts';

/** Throws TypeError unless value is a course network. */
export function checkNetwork(fn: string, value: unknown): Network {
  if (value instanceof Network) return value;
  throw new TypeError(`${fn}: network must be one of tilegrad/models, got ${describe(value)}`);
}

interface Part {
  readonly module: Module;
  readonly record: LayerRecord;
  /** the names of its parameters in the network, in the module's order */
  readonly names: readonly string[];
}

/**
 * The network as a Sequential in test mode: layers with copies of its parameters and running averages, which compute
 * the same scores, bit by bit, for examples of its input's shape. Test-time views are not in it. Throws TypeError for
 * what is no course network, RangeError for one with batchnorm that has no running averages yet.
 */
export function networkModule(network: Network): Sequential {
  const fn = 'networkModule';
  const { chain, parts } = chainOf(fn, checkNetwork(fn, network));
  for (const { module, record, names } of parts) {
    module.namedParameters().forEach(([, parameter], i) => parameter.value.assign(network.params[names[i]]));
    if (record.kind !== 'batchnorm') continue;
    const { runningMean, runningVar } = (record as BatchnormRecord).param;
    if (runningMean === undefined || runningVar === undefined) {
      throw new RangeError(
        `${fn}: network has no running averages for its batchnorm before the first training pass: ` +
        'train it, or compute a loss with labels once, as loss(X, y)',
      );
    }
    const averages = { running_mean: runningMean, running_var: runningVar };
    module.loadStateDict(averages, { strict: false });
  }
  return chain.eval();
}

/**
 * Puts into a network what a module of networkModule's layers holds: its parameters and running averages, copied.
 * Throws, and changes nothing, TypeError for what is no course network and no such module, RangeError where layers or
 * shapes are others.
 */
export function loadNetworkModule(network: Network, module: Module): void {
  const fn = 'loadNetworkModule';
  const { chain, parts } = chainOf(fn, checkNetwork(fn, network));
  if (!(module instanceof Sequential)) {
    throw new TypeError(`${fn}: module must be a Sequential, got ${describe(module)}`);
  }
  chain.loadStateDict(module.stateDict());
  for (const { module: part, record, names } of parts) {
    part.namedParameters().forEach(([, parameter], i) => {
      network.params[names[i]].assign(parameter.value);
    });
    if (!(part instanceof BatchNorm1d || part instanceof BatchNorm2d)) continue;
    const { runningMean, runningVar } = part;
    const averages = { runningMean: runningMean.clone(), runningVar: runningVar.clone() };
    Object.assign((record as BatchnormRecord).param, averages);
  }
}

/** The chain without the network's parameters, to load others into. */
export function emptyNetworkModule(network: Network): Sequential {
  return chainOf('emptyNetworkModule', network).chain;
}

function chainOf(fn: string, network: Network): { chain: Sequential; parts: Part[] } {
  const modules: Module[] = [];
  const parts: Part[] = [];
  let shape: readonly number[] = network.inputShape;
  for (const { record, names } of network.layers) {
    if (record.kind === 'affine' && (shape.length > 1 || modules.length === 0)) modules.push(new Flatten());
    const module = moduleOf(record, shape, network.params.W1.dtype as 'float32');
    modules.push(module);
    if (names.length > 0) parts.push({ module, record, names });
    shape = record.outputShape(fn, shape);
  }
  return { chain: new Sequential(...modules), parts };
}

function moduleOf(record: LayerRecord, shape: readonly number[], dtype: 'float32' | 'float64'): Module {
  const [weight] = record.parameters;
  switch (record.kind) {
    case 'conv': {
      const { param, bias } = record as ConvRecord;
      const { stride, pad, dilation, groups = 1 }: ConvParam = param;
      const [filters, channels, ...kernel] = weight.shape;
      const size = kernel as unknown as readonly [number, number];
      return new Conv2d(channels * groups, filters, size, { stride, padding: pad, dilation, groups, bias, dtype });
    }
    case 'affine': return new Linear(weight.shape[0], weight.shape[1], { bias: record.parameters.length > 1, dtype });
    case 'batchnorm': {
      const { param } = record as BatchnormRecord;
      const options = { eps: param.eps ?? 1e-5, momentum: 1 - (param.momentum ?? 0.9), dtype };
      return new (shape.length === 3 ? BatchNorm2d : BatchNorm1d)(weight.shape[0], options);
    }
    case 'layernorm': return new LayerNorm(sizeOf(weight.shape), { eps: (record as LayernormRecord).eps, dtype });
    case 'maxPool': {
      const { poolHeight, poolWidth, stride, pad } = (record as MaxPoolRecord).param;
      return new MaxPool2d([poolHeight, poolWidth], { stride, padding: pad as PerAxis | undefined });
    }
    case 'relu': return new ReLU();
    case 'flatten': return new Flatten();
    case 'dropout': return new Dropout(1 - (record as DropoutRecord).keep);
    case 'scale': return new Scale((record as ScaleRecord).factor);
    default: throw new TypeError(`networkModule: the layer ${record.kind} has no module`);
  }
}
