/** Layers without parameters that keep the shape, or only rename it, as records. */

import type { RandomSource } from '../../tensor/random/source.ts';
import { sizeOf } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import {
  eluBackward, eluForward, geluBackward, geluForward, leakyReluBackward, leakyReluForward, reluBackward, reluForward,
  sigmoidBackward, sigmoidForward, siluBackward, siluForward, tanhBackward, tanhForward,
} from '../activation.ts';
import { dropoutBackward, dropoutForward } from '../dropout.ts';
import type { LayerRecord } from '../record.ts';
import { activationRow, dropoutRow, plainRow, reluRow } from '../summary.ts';

/** A function of each element, from its forward and backward pair. */
function activation<Cache>(
  kind: string, perElement: number, forward: (x: Tensor) => [out: Tensor, cache: Cache],
  backward: (dout: Tensor, cache: Cache) => Tensor,
): LayerRecord {
  return {
    kind,
    parameters: [],
    outputShape: (_, input) => input,
    forward(_, x) {
      const [out, cache] = forward(x);
      return [out, (dout) => [backward(dout, cache)]];
    },
    infer: (_, x) => forward(x)[0],
    rows: (input) => [kind === 'relu' ? reluRow(input) : activationRow(kind, input, perElement)],
  };
}

export function reluRecord(): LayerRecord {
  return activation('relu', 1, reluForward, reluBackward);
}

export function leakyReluRecord(alpha?: number): LayerRecord {
  return activation('leaky relu', 2, (x) => leakyReluForward(x, alpha), leakyReluBackward);
}

export function eluRecord(alpha?: number): LayerRecord {
  return activation('elu', 12, (x) => eluForward(x, alpha), eluBackward);
}

export function sigmoidRecord(): LayerRecord {
  return activation('sigmoid', 12, sigmoidForward, sigmoidBackward);
}

export function geluRecord(): LayerRecord {
  return activation('gelu', 25, geluForward, geluBackward);
}

export function siluRecord(): LayerRecord {
  return activation('silu', 13, siluForward, siluBackward);
}

export function tanhRecord(): LayerRecord {
  return activation('tanh', 13, tanhForward, tanhBackward);
}

/**
 * Dropout that keeps an element with this probability, drawing from what `source` gives, or anew from `seed` at every
 * pass.
 */
export function dropoutRecord(keepProb: number, source: () => RandomSource, seed?: number): LayerRecord {
  return {
    kind: 'dropout',
    parameters: [],
    outputShape: (_, input) => input,
    forward(_, x, _parameters, mode) {
      const [out, cache] = dropoutForward(x, { keepProb, mode, rng: source(), seed });
      return [out, (dout) => [dropoutBackward(dout, cache)]];
    },
    infer: (_, x) => x,
    rows: (input) => [dropoutRow(input, keepProb)],
  };
}

/** All axes of an example as one. */
export function flattenRecord(): LayerRecord {
  const flat = (x: Tensor): Tensor => x.reshape(x.shape[0], sizeOf(x.shape.slice(1)));
  return {
    kind: 'flatten',
    parameters: [],
    outputShape: (_, input) => [sizeOf(input)],
    forward: (_, x) => [flat(x), (dout) => [dout.reshape([...x.shape])]],
    infer: (_, x) => flat(x),
    rows: (input) => [plainRow('flatten', [sizeOf(input)])],
  };
}
