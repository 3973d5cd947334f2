/** The course networks as plain data: class and config. */

import type { LayerArchitecture, Settings } from '../nn/index.ts';
import { checkRecord, describe } from '../runtime/check.ts';
import { checkNetwork } from './as-module.ts';
import { DeepConvNet } from './deep-conv-net.ts';
import { FastConvNet } from './fast-conv-net.ts';
import { FullyConnectedNet } from './fully-connected-net.ts';
import type { Network } from './network.ts';
import { ThreeLayerConvNet } from './three-layer-conv-net.ts';
import { TwoLayerNet } from './two-layer-net.ts';

interface Known {
  readonly type: new (...args: never[]) => Network;
  build(config: never): Network;
}

const known: Readonly<Record<string, Known>> = {
  TwoLayerNet: { type: TwoLayerNet, build: (config) => new TwoLayerNet(config) },
  FullyConnectedNet: {
    type: FullyConnectedNet,
    build: (config: { hiddenDims: number[] }) => new FullyConnectedNet(config.hiddenDims, config),
  },
  ThreeLayerConvNet: { type: ThreeLayerConvNet, build: (config) => new ThreeLayerConvNet(config) },
  DeepConvNet: { type: DeepConvNet, build: (config) => new DeepConvNet(config) },
  FastConvNet: { type: FastConvNet, build: (config) => new FastConvNet(config) },
};

/** Whether a layer's name is that of a course network. */
export function isNetworkName(layer: unknown): layer is string {
  return typeof layer === 'string' && Object.hasOwn(known, layer);
}

/**
 * A course network's class and config as plain data, of which buildNetwork makes another. Parameters are apart. Throws
 * TypeError for anything but a network of one of the library's own classes.
 */
export function describeNetwork(network: Network): LayerArchitecture {
  const fn = 'describeNetwork';
  const { name, config } = checkNetwork(fn, network);
  if (!isNetworkName(name) || network.constructor !== known[name].type) {
    throw new TypeError(`${fn}: ${describe(network.constructor.name)} is a class of its own, known are ${Object.keys(known).join(', ')}`);
  }
  return { layer: name, settings: JSON.parse(JSON.stringify(config)) as Settings };
}

/**
 * The network that describeNetwork has described, with initial parameters. Throws RangeError for a layer that is no
 * course network, and as the network's class does for its config.
 */
export function buildNetwork(architecture: LayerArchitecture): Network {
  const fn = 'buildNetwork';
  const { layer, settings = {} } = checkRecord(fn, 'architecture', architecture) as unknown as LayerArchitecture;
  if (!isNetworkName(layer)) {
    throw new RangeError(`${fn}: layer must be one of ${Object.keys(known).join(', ')}, got ${describe(layer)}`);
  }
  checkRecord(fn, 'settings', settings);
  try {
    return known[layer].build(settings as never);
  } catch (error) {
    if (error instanceof Error) error.message = `${fn}: ${error.message}`;
    throw error;
  }
}
