/** The model that a case of reference.json describes, with its parameters put in. */

import { DeepConvNet, FullyConnectedNet, ThreeLayerConvNet } from '../../src/models/index.ts';
import type { Network, NetworkOptions } from '../../src/models/index.ts';
import { stored } from '../support/reference.ts';
import type { ModelCase } from '../support/reference.ts';

export function buildModel({ model, config, reg, l2Factor, params }: ModelCase, dtype: 'float64' | 'float32'): Network {
  const built = construct(model, { ...config, reg, l2Factor, dtype });
  for (const [name, value] of Object.entries(params)) built.params[name] = stored(value, dtype);
  return built;
}

function construct(model: string, { hiddenDims, ...options }: NetworkOptions & { hiddenDims?: number[] }): Network {
  if (model === 'FullyConnectedNet') return new FullyConnectedNet(hiddenDims!, options);
  if (model === 'ThreeLayerConvNet') return new ThreeLayerConvNet(options);
  if (model === 'DeepConvNet') return new DeepConvNet(options);
  throw new Error(`reference.json has a model without a builder: ${model}`);
}
