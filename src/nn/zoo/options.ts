/** What the networks of the zoo share: their options, and initial weights other than the layers' own. */

import { noGrad } from '../../autograd/recording.ts';
import type { FloatType } from '../../layers/arguments.ts';
import { normalInit } from '../../layers/initialize.ts';
import { checkInteger } from '../../runtime/check.ts';
import { Rng } from '../../tensor/random/rng.ts';
import type { RandomSource } from '../../tensor/random/source.ts';
import { layerOptions, type LayerOptions } from '../defaults.ts';
import type { Module } from '../module.ts';

export interface ZooOptions extends LayerOptions {
  /** 10 unless given */
  numClasses?: number;
}

/** The shared options, checked, of a network whose own options are named, and what to give its layers. */
export function zooOptions(
  fn: string, options: ZooOptions, own: readonly string[],
): { numClasses: number; rng: RandomSource; dtype: FloatType; layer: Required<LayerOptions> } {
  const { rng, dtype } = layerOptions(fn, options, ['numClasses', ...own]);
  const numClasses = checkInteger(fn, 'numClasses', options.numClasses ?? 10, 1);
  return { numClasses, rng, dtype, layer: { rng: new Rng(0), dtype } };
}

/**
 * Draws the weights of all convolutions and linear layers anew, in their order, as scale(shape) * randn; biases become
 * 0.
 */
export function drawNormal<Net extends Module>(
  fn: string, net: Net, rng: RandomSource, scale: (shape: readonly number[]) => number,
): Net {
  noGrad(() => {
    for (const parameter of net.parameters()) {
      const { shape, value } = parameter;
      if (shape.length > 1) parameter.assign(normalInit(fn, shape, scale(shape), rng, value.dtype as FloatType));
    }
    for (const [name, parameter] of net.namedParameters()) if (/(^|\.)bias$/.test(name)) parameter.assign(0);
  });
  return net;
}

/** sqrt(2 / fanIn) for a convolution, sqrt(1 / fanIn) for the linear layer at the end, which no ReLU follows. */
export function kaimingScale(shape: readonly number[]): number {
  const [first, ...window] = shape;
  return shape.length === 4 ? Math.sqrt(2 / window.reduce((a, b) => a * b)) : Math.sqrt(1 / first);
}
