/** Layers that work element by element, or on a few neighbours, or only rename the shape, as records. */

import type { RandomSource } from '../../tensor/random/source.ts';
import { shapeText, sizeOf } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import {
  eluBackward, eluForward, geluBackward, geluForward, leakyReluBackward, leakyReluForward, reluBackward, reluForward,
  sigmoidBackward, sigmoidForward, siluBackward, siluForward, tanhBackward, tanhForward,
} from '../activation.ts';
import { dropoutBackward, dropoutForward, type DropoutProbability } from '../dropout.ts';
import { maxout, maxoutBackward } from '../maxout.ts';
import { prelu, preluBackward } from '../prelu.ts';
import type { LayerRecord, LayerSettings } from '../record.ts';
import { softmax, softmaxBackward } from '../softmax.ts';
import { activationRow, dropoutRow, plainRow, reluRow } from '../summary.ts';

/** A function of each element, from its forward and backward pair, of which the latter may read the output. */
function activation<Cache>(
  kind: string, perElement: number, forward: (x: Tensor) => [out: Tensor, cache: Cache],
  backward: (dout: Tensor, cache: Cache) => Tensor, settings: LayerSettings = {}, readsOutput: boolean = false,
): LayerRecord {
  return {
    kind,
    settings,
    parameters: [],
    outputShape: (_, input) => input,
    forward(_, x) {
      const [out, cache] = forward(x);
      return [out, (dout) => [backward(dout, cache)], readsOutput ? [out] : undefined];
    },
    infer: (_, x) => forward(x)[0],
    rows: (input) => [kind === 'relu' ? reluRow(input) : activationRow(kind, input, perElement)],
  };
}

export function reluRecord(): LayerRecord {
  return activation('relu', 1, reluForward, reluBackward);
}

export function leakyReluRecord(alpha: number = 0.01): LayerRecord {
  return activation('leaky relu', 2, (x) => leakyReluForward(x, alpha), leakyReluBackward, { alpha });
}

export function eluRecord(alpha: number = 1): LayerRecord {
  return activation('elu', 12, (x) => eluForward(x, alpha), eluBackward, { alpha }, true);
}

export function sigmoidRecord(): LayerRecord {
  return activation('sigmoid', 12, sigmoidForward, sigmoidBackward, {}, true);
}

export function geluRecord(): LayerRecord {
  return activation('gelu', 25, geluForward, geluBackward);
}

export function siluRecord(): LayerRecord {
  return activation('silu', 13, siluForward, siluBackward);
}

export function tanhRecord(): LayerRecord {
  return activation('tanh', 13, tanhForward, tanhBackward, {}, true);
}

/** Probabilities along an axis. */
export function softmaxRecord(axis: number): LayerRecord {
  return {
    ...activation('softmax', 13, (x) => softmax('softmax', x, axis), softmaxBackward, { axis }),
    forward(fn, x) {
      const [out, cache] = softmax(fn, x, axis);
      return [out, (dout) => [softmaxBackward(dout, cache)], [out]];
    },
    infer: (fn, x) => softmax(fn, x, axis)[0],
  };
}

/** A leaky ReLU that learns its slope: one for all channels, or one a channel. */
export function preluRecord(slopes: number): LayerRecord {
  return {
    kind: 'prelu',
    parameters: [{ role: 'W', shape: [slopes] }],
    outputShape(fn, input) {
      if (slopes !== 1 && slopes !== input[0]) {
        throw new RangeError(`${fn}: a PReLU of ${slopes} channels cannot take examples of ${shapeText(input)}`);
      }
      return input;
    },
    forward(fn, x, [slope]) {
      const [out, cache] = prelu(fn, x, slope);
      return [out, (dout) => preluBackward(dout, cache)];
    },
    infer: (fn, x, [slope]) => prelu(fn, x, slope)[0],
    rows: (input) => [{ ...activationRow('prelu', input, 2), parameters: slopes }],
  };
}

/** The largest of each k neighbouring channels. */
export function maxoutRecord(k: number): LayerRecord {
  const outputShape = (fn: string, [channels, ...rest]: readonly number[]): number[] => {
    if (channels % k !== 0) throw new RangeError(`${fn}: a maxout of ${k} channels each cannot take ${channels} channels`);
    return [channels / k, ...rest];
  };
  return {
    kind: 'maxout',
    settings: { k },
    parameters: [],
    outputShape,
    forward(fn, x) {
      const [out, cache] = maxout(fn, x, k);
      return [out, (dout) => [maxoutBackward(dout, cache)]];
    },
    infer: (fn, x) => maxout(fn, x, k)[0],
    rows: (input) => [activationRow(`maxout of ${k}`, outputShape('maxout', input), k)],
  };
}

/** Channels last to channels first: examples (H, W, C) become (C, H, W). */
export function channelsFirstRecord(): LayerRecord {
  const outputShape = (fn: string, input: readonly number[]): number[] => {
    if (input.length !== 3) throw new RangeError(`${fn}: examples must have shape (H, W, C), got ${shapeText(input)}`);
    return [input[2], input[0], input[1]];
  };
  const moved = (x: Tensor): Tensor => x.transpose(0, 3, 1, 2).contiguous();
  return {
    kind: 'channels first',
    parameters: [],
    outputShape,
    forward: (_, x) => [moved(x), (dout) => [dout.transpose(0, 2, 3, 1).contiguous()]],
    infer: (_, x) => moved(x),
    rows: (input) => [plainRow('channels first', outputShape('channels first', input))],
  };
}

export interface DropoutRecord extends LayerRecord {
  readonly kind: 'dropout';
  /** the probability of keeping an element */
  readonly keep: number;
}

/**
 * Dropout that keeps an element with this probability (a number is keepProb), drawing from what `source` gives, or anew
 * from `seed` at every pass.
 */
export function dropoutRecord(
  probability: number | DropoutProbability, source: () => RandomSource, seed?: number,
): DropoutRecord {
  const given = typeof probability === 'number' ? { keepProb: probability } : probability;
  const keep = given.keepProb ?? 1 - given.dropProb!;
  return {
    kind: 'dropout',
    keep,
    parameters: [],
    outputShape: (_, input) => input,
    forward(_, x, _parameters, mode) {
      if (keep === 0 && mode === 'train') return [x.mul(0), (dout) => [dout.mul(0)]];
      const [out, cache] = dropoutForward(x, { ...given, mode, rng: source(), seed });
      return [out, (dout) => [dropoutBackward(dout, cache)]];
    },
    infer: (_, x) => x,
    rows: (input) => [dropoutRow(input, keep)],
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

export interface ScaleRecord extends LayerRecord {
  readonly kind: 'scale';
  readonly factor: number;
}

/** factor x: how far apart scores lie at the start, and with it how fast the layers before them learn. */
export function scaleRecord(factor: number): ScaleRecord {
  return {
    kind: 'scale',
    factor,
    parameters: [],
    outputShape: (_, input) => input,
    forward: (_, x) => [x.mul(factor), (dout) => [dout.mul(factor)]],
    infer: (_, x) => x.mul(factor),
    rows: (input) => [activationRow(`times ${Number(factor.toPrecision(3))}`, input, 1)],
  };
}
