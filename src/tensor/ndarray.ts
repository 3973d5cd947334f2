/**
 * Interchange with the scijs `ndarray` package (M. Lysenko): both directions share memory, nothing is copied.
 *
 * The view handed out has ndarray's complete interface, so ndarray-ops and everything else written for ndarrays takes
 * it. It is a class of our own because the package builds its classes from strings of code, which pages with a content
 * security policy forbid.
 */

import type { TypedArray } from '../kernels/memory/allocate.ts';
import { describe } from '../runtime/check.ts';
import { checkTensor } from './check.ts';
import { dtypeOf } from './dtype.ts';
import { checkShape, checkView } from './shape.ts';
import { Tensor } from './tensor.ts';

/** What identifies an ndarray: the same four things as a tensor, under scijs's names. */
export interface NdarrayLike {
  readonly data: unknown;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
  readonly offset: number;
}

/** A view with the interface of an ndarray: element (i, j) is data[offset + i * stride[0] + j * stride[1]]. */
export class NdarrayView<D extends TypedArray = TypedArray> {
  data: D;
  shape: number[];
  stride: number[];
  offset: number;
  readonly dtype: D extends Float32Array ? 'float32' : D extends Float64Array ? 'float64' : D extends Int32Array ? 'int32' : 'uint8';

  constructor(data: D, shape: readonly number[], stride: readonly number[], offset: number) {
    this.data = data;
    this.shape = [...shape];
    this.stride = [...stride];
    this.offset = offset;
    this.dtype = dtypeOf('NdarrayView', data) as typeof this.dtype;
  }

  /** number of axes */
  get dimension(): number {
    return this.shape.length;
  }

  /** number of elements */
  get size(): number {
    return this.shape.reduce((size, extent) => size * extent, 1);
  }

  /** The axes from the smallest stride to the largest. */
  get order(): number[] {
    return this.shape.map((_, axis) => axis).sort((a, b) => Math.abs(this.stride[a]) - Math.abs(this.stride[b]));
  }

  /** The position in data of an element; indices are not checked, as in ndarray. */
  index(...indices: number[]): number {
    let position = this.offset;
    for (let axis = 0; axis < this.stride.length; axis++) position += this.stride[axis] * (indices[axis] ?? NaN);
    return position;
  }

  get(...indices: number[]): number {
    return this.data[this.index(...indices)];
  }

  /** Puts the last argument at the indices before it, and returns it. */
  set(...indicesAndValue: number[]): number {
    const value = indicesAndValue[this.shape.length];
    this.data[this.index(...indicesAndValue)] = value;
    return value;
  }

  /** A 0-d view is as good as its number. */
  valueOf(): number | this {
    return this.shape.length === 0 ? this.get() : this;
  }

  /** The first so many elements of each axis; null keeps an axis whole. */
  hi(...extents: Array<number | null>): NdarrayView<D> {
    const shape = this.shape.map((extent, axis) => (isPlace(extents[axis]) ? extents[axis] : extent));
    return new NdarrayView(this.data, shape, this.stride, this.offset);
  }

  /** Without the first so many elements of each axis; null keeps an axis whole. */
  lo(...starts: Array<number | null>): NdarrayView<D> {
    const skipped = this.shape.map((_, axis) => (isPlace(starts[axis]) ? starts[axis] : 0));
    const shape = this.shape.map((extent, axis) => extent - skipped[axis]);
    const offset = skipped.reduce((at, skip, axis) => at + skip * this.stride[axis], this.offset);
    return new NdarrayView(this.data, shape, this.stride, offset);
  }

  /** Every so many-th element of each axis; negative steps walk backwards from the end. */
  step(...steps: Array<number | null>): NdarrayView<D> {
    let offset = this.offset;
    const shape = [...this.shape];
    const stride = [...this.stride];
    for (let axis = 0; axis < shape.length; axis++) {
      const step = steps[axis];
      if (typeof step !== 'number') continue;
      if (step < 0) offset += stride[axis] * (shape[axis] - 1);
      shape[axis] = Math.ceil(shape[axis] / Math.abs(step));
      stride[axis] *= step;
    }
    return new NdarrayView(this.data, shape, stride, offset);
  }

  /** Axis i of the result is axis axes[i]; axes that are left out stay in their place. */
  transpose(...axes: number[]): NdarrayView<D> {
    const order = this.shape.map((_, axis) => axes[axis] ?? axis);
    return this.#withAxes(order, this.offset);
  }

  /** The view reversed in its axes. */
  get T(): NdarrayView<D> {
    return this.transpose(...this.shape.map((_, axis) => this.shape.length - 1 - axis));
  }

  /** Fixes an index on some axes, which drop out; null or a negative number keeps an axis. */
  pick(...indices: Array<number | null>): NdarrayView<D> {
    const kept = this.shape.map((_, axis) => axis).filter((axis) => !isPlace(indices[axis]));
    const offset = this.stride.reduce((at, by, axis) => {
      const index = indices[axis];
      return isPlace(index) ? at + index * by : at;
    }, this.offset);
    return this.#withAxes(kept, offset);
  }

  /** The view of these axes, in this order. */
  #withAxes(axes: readonly number[], offset: number): NdarrayView<D> {
    const [shape, stride] = [this.shape, this.stride].map((list) => axes.map((axis) => list[axis]));
    return new NdarrayView(this.data, shape, stride, offset);
  }
}

function isPlace(value: number | null | undefined): value is number {
  return typeof value === 'number' && value >= 0;
}

/**
 * An ndarray over the tensor's memory: writing to one changes the other. Memory that a training step only lends is
 * copied, because an ndarray could not tell when it is recycled.
 */
export function toNdarray(t: Tensor): NdarrayView {
  checkTensor('toNdarray', 'x', t);
  if (t.isLent) t = t.clone();
  return new NdarrayView(t.data, t.shape, t.strides, t.offset);
}

/**
 * A tensor over an ndarray's memory: writing to one changes the other. Throws TypeError unless it is an ndarray over a
 * Float32Array, Float64Array, Int32Array or Uint8Array, RangeError when its view leaves that array.
 */
export function fromNdarray(nd: NdarrayLike): Tensor {
  if (typeof nd !== 'object' || nd === null || !Array.isArray(nd.shape) || !Array.isArray(nd.stride)) {
    throw new TypeError(`fromNdarray: nd must be an ndarray, got ${describe(nd)}`);
  }
  dtypeOf('fromNdarray', nd.data);
  const { length } = nd.data as TypedArray;
  checkView('fromNdarray', checkShape('fromNdarray', nd.shape), nd.stride, nd.offset, length);
  return new Tensor(nd.data as TypedArray, nd.shape, nd.stride, nd.offset);
}
