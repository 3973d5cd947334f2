/** From the layers that were chosen to a network of tilegrad/nn. */

import { Rng } from 'tilegrad';
import {
  AvgPool2d, AdaptiveAvgPool2d, BatchNorm1d, BatchNorm2d, Conv2d, Dropout, Flatten, kaimingNormal, LeakyReLU, Linear,
  MaxPool2d, type Module, ReLU, sequential, type Sequential,
} from 'tilegrad/nn';

import { featuresOf, kinds, trace, type Layer, type Shape } from './layers.ts';

export interface Network {
  readonly net: Sequential;
  /** its modules, one after another, with what they are called on the page and what they give */
  readonly stages: ReadonlyArray<{ readonly module: Module; readonly title: string; readonly shape: Shape }>;
}

/**
 * Builds the network: the layers, then a linear layer to the classes. Weights start as He et al. 2015 have it, those of
 * the last layer smaller, since no ReLU follows. Throws RangeError where a layer cannot stand where it does.
 */
export function buildNetwork(layers: readonly Layer[], input: Shape, classes: number, rng: Rng): Network {
  const stages: Array<Network['stages'][number]> = [];
  let shape = input;
  const add = (module: Module, title: string, out: Shape): void => {
    stages.push({ module, title, shape: out });
    shape = out;
  };
  const flatten = (): void => {
    if (shape.length > 1) add(new Flatten(), 'Flatten', [featuresOf(shape)]);
  };
  const traced = trace(layers, input);
  for (const [i, { kind, values }] of layers.entries()) {
    const step = traced[i];
    if ('problem' in step) throw new RangeError(`Layer ${i + 1}: ${step.problem}`);
    if (kind === 'linear') flatten();
    add(moduleOf({ kind, values }, shape, rng), `Layer ${i + 1}, ${kinds[kind].label}`, step.shape);
  }
  flatten();
  const last = new Linear(shape[0], classes, { rng });
  kaimingNormal(last.weight, { rng, gain: 1 });
  add(last, 'Output', [classes]);
  return { net: sequential(...stages.map(({ module }) => module)), stages };
}

function moduleOf({ kind, values }: Layer, shape: Shape, rng: Rng): Module {
  const [first, second, third] = values;
  switch (kind) {
    case 'conv': {
      const conv = new Conv2d(shape[0], first, second, { stride: third, padding: 'same', rng });
      kaimingNormal(conv.weight, { rng });
      return conv;
    }
    case 'linear': {
      const linear = new Linear(shape[0], first, { rng });
      kaimingNormal(linear.weight, { rng });
      return linear;
    }
    case 'bn': return shape.length === 1 ? new BatchNorm1d(shape[0]) : new BatchNorm2d(shape[0]);
    case 'relu': return new ReLU();
    case 'leaky': return new LeakyReLU();
    case 'max': return new MaxPool2d(first);
    case 'avg': return new AvgPool2d(first);
    case 'global': return new AdaptiveAvgPool2d(1);
    case 'drop': return new Dropout(first, { rng: new Rng(rng.next32()) });
  }
}
