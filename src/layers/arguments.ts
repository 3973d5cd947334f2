/** What every layer does with its arguments before it computes: types brought together, shapes checked. */

import type { FloatArray } from '../kernels/contract.ts';
import { currentLease } from '../kernels/memory/allocate.ts';
import { describe } from '../runtime/check.ts';
import { checkTensor, checkTensorShape, shapeText } from '../tensor/check.ts';
import { contiguousData, copiedData } from '../tensor/internal.ts';
import { Tensor } from '../tensor/tensor.ts';

/** The element types that layers compute in. */
export type FloatType = 'float32' | 'float64';

/**
 * The type a layer computes in, one rule for all: float64 where one of its arguments is, else float32. Pictures as
 * bytes and other integers are therefore float32, unless weights in float64 stand beside them.
 */
export function floatTypeOf(...tensors: readonly Tensor[]): FloatType {
  for (const { dtype } of tensors) if (dtype === 'float64') return 'float64';
  return 'float32';
}

/** t itself where it is row-major and of the given type, else a copy that is: what a layer keeps in its cache. */
export function asFloat(t: Tensor, type: FloatType): Tensor {
  if (t.dtype === type && t.isContiguous) return t;
  return new Tensor(copiedData(t, type), t.shape, undefined, 0, currentLease());
}

/** The numbers of a float tensor as kernels take them. */
export function floats(t: Tensor): FloatArray {
  return contiguousData(t) as FloatArray;
}

/** Throws RangeError for a tensor without elements, such as an empty batch. */
export function checkNotEmpty(fn: string, name: string, t: Tensor): void {
  if (t.size === 0) throw new RangeError(`${fn}: ${name} must not be empty, got shape ${shapeText(t.shape)}`);
}

/**
 * What a forward pass hands to its backward pass, and nobody else reads: kernels trust the sizes and positions in it,
 * so it cannot be taken apart, put together or changed from outside.
 */
export class Cache<Layer extends string, Content extends object> {
  readonly #layer: Layer;
  readonly #content: Content;

  constructor(layer: Layer, content: Content) {
    this.#layer = layer;
    this.#content = content;
  }

  /** Names the layer where the cache is printed. */
  get [Symbol.toStringTag](): string {
    return `cache of ${this.#layer}`;
  }

  /** The content. Throws TypeError unless cache was made by the forward pass of this layer. */
  static open<Layer extends string, Content extends object>(
    fn: string, cache: Cache<Layer, Content>, layer: Layer,
  ): Content {
    if (typeof cache !== 'object' || cache === null || !(#content in cache)) {
      throw new TypeError(`${fn}: cache must be what the ${layer} forward pass returned, got ${describe(cache)}`);
    }
    if (cache.#layer !== layer) {
      throw new TypeError(`${fn}: cache must come from the ${layer} forward pass, got one of ${String(cache.#layer)}`);
    }
    return cache.#content;
  }
}

/**
 * The upstream gradient as a row-major tensor of the layer's type. Throws TypeError unless dout is a Tensor, RangeError
 * unless it has the shape of the layer's output.
 */
export function checkGradient(fn: string, dout: Tensor, shape: readonly number[], type: FloatType): Tensor {
  return asFloat(checkTensorShape(fn, 'dout', dout, shape), type);
}

/**
 * The gradient of a layer's input: null where the caller said that nobody needs it, as in a network's first layer. What
 * is left out is not computed.
 */
export type InputGradient<Wanted extends boolean> = Wanted extends true ? Tensor : null;

/** Throws unless t is a Tensor of one axis with one value a channel, of which x has `length`. */
export function checkPerChannel(fn: string, name: string, t: Tensor, length: number, x: Tensor): void {
  checkTensor(fn, name, t);
  if (t.ndim !== 1 || t.size !== length) {
    throw new RangeError(
      `${fn}: ${name} must have shape ${length}, got ${shapeText(t.shape)} (x ${shapeText(x.shape)})`,
    );
  }
}
